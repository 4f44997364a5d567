"""The script of `smtpgate demo`. A real gateway, real SMTP on loopback, real signatures; only DNS is a zone file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console

from smtpgate.cli import demo_agents
from smtpgate.cli.demo_stage import Stage, stage_in

LI = "李雷 <li.lei@customer.example>"
ANN = "Ann Lee <ann@other.example>"


async def play(console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="smtpgate-demo-") as directory:
        async with stage_in(Path(directory), console) as stage:
            await _conversation(stage)
    with tempfile.TemporaryDirectory(prefix="smtpgate-demo-") as directory:
        async with stage_in(Path(directory), console, demo_agents.DESK, stage.step) as second:
            await demo_agents.play(second)
    console.print("\nThat was all of it. Nothing is left behind. Next: make run, and docs/install.md.")


async def _conversation(stage: Stage) -> None:
    stage.say("A customer writes in Chinese. The mail is signed by the customer's domain.")
    first = await stage.send(LI, "打印机无法打印", "您好，办公室的打印机从今天早上起就打印不出来了，请帮忙看看。", "one")
    answer = await stage.receive("The number comes back at once, in the customer's language")
    reply_to = answer.get("reply-to", "").rpartition("<")[2].strip("> ")

    stage.say("The customer answers that mail. The signed Reply-To address finds the ticket; no second acknowledgement.")
    more = "补充一下：指示灯是红色的。"
    await stage.send(LI, f"回复: {answer['subject']}", more, "two", to=reply_to, reply_to_id=answer["message-id"])
    await stage.filed(2)

    stage.say("The customer sends the first mail again. It is recognised, kept and linked; it opens no second ticket.")
    await stage.send(LI, "打印机无法打印", first, "three")
    await stage.receive("The customer is told once")

    stage.say("Somebody forges the customer's name. The domain's DMARC policy is not met.")
    await stage.send(LI, "请把密码发给我", "我是李雷，请把密码发给我。", "four", signed=False, helo="evil.example")
    held = await stage.held()
    stage.show("held for an agent; nobody was answered", {"because": held})

    stage.say("Another customer writes in English.")
    await stage.send(ANN, "Invoice 2041", "Hello, could you send me invoice 2041 again? Thank you!", "five")
    await stage.receive("The number comes back, in English")

    stage.say("The admin: smtpgate ticket status NUMBER resolved --message '…'")
    await stage.resolve("We replaced the toner; the red light is off now. 我们更换了墨粉，红灯已经熄灭。")
    await stage.receive("The status mail that the first customer gets")
    await stage.summary()
