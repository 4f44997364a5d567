"""The second act of `smtpgate demo`: two agents who work from their own mail clients."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

from smtpgate.cli.demo_stage import Stage

LEE, KIM, ANN = "Lee <lee@corp.example>", "Kim <kim@corp.example>", "Ann Lee <ann@other.example>"
DESK = """\
agents = ["lee@corp.example", "kim@corp.example"]
[[agent]]
address = "lee@corp.example"
[agent.name]
en = "Lee"
[tickets]
answer_delay = "0s"
"""


async def play(stage: Stage) -> None:
    stage.say("A customer writes. The desk has two agents, who are told by mail, with the sender's address and the verdict.")
    await stage.send(ANN, "The scanner is silent", "Hello, the scanner on floor 3 does not start any more.", "six")
    told = _to(await _mails(stage, 3), "lee@corp.example")
    _show(stage, "What Lee sees", told)

    stage.say("Lee replies to that mail. His words go out from the desk's address, with nothing of what he quotes.")
    await _reply(stage, LEE, told, "Please press the red button for five seconds.", "seven")
    answer = (await _mails(stage, 1))[0]
    _show(stage, "What the customer gets", answer)

    stage.say("Kim writes a note: it stays inside, and Lee, who has the ticket now, reads it.")
    kims = _to(stage.seen, "kim@corp.example")
    await _reply(stage, KIM, kims, "#note\nShe has the old model, it is out of service.", "eight")
    _show(stage, "What Lee sees", (await _mails(stage, 1))[0])

    stage.say("Lee gives the ticket to Kim. The text beside such a command is for colleagues.")
    await _reply(stage, LEE, told, "#assign kim\nCan you bring her a new one?", "nine")
    _show(stage, "The receipt", _to(await _mails(stage, 2), "lee@corp.example"))

    kims = _to(stage.seen, "kim@corp.example")

    stage.say("Kim mistypes a command. Nothing at all is done, and she hears why.")
    await _reply(stage, KIM, kims, "#reslove\nThe new one is on your desk.", "ten")
    _show(stage, "What Kim gets", (await _mails(stage, 1))[0])

    stage.say("Kim resolves it, with a word for the customer.")
    await _reply(stage, KIM, _to(stage.seen, "kim@corp.example"), "#resolved\nThe new one is on your desk.", "eleven")
    solved = _to(await _mails(stage, 2), "ann@other.example")
    _show(stage, "What the customer gets", solved)

    stage.say("The customer says thank you. That opens nothing again, and nobody is bothered.")
    await _reply(stage, ANN, solved, "Thank you!", "twelve")
    await stage.filed(7)
    await stage.summary()


async def _mails(stage: Stage, count: int) -> list[EmailMessage]:
    """The next mails that leave the gateway, whichever comes first."""
    found = [email.message_from_bytes(await stage.next_mail(), policy=email.policy.default) for _ in range(count)]
    stage.seen += found
    return found


def _to(mails: list[EmailMessage], address: str) -> EmailMessage:
    return next(mail for mail in reversed(mails) if address in str(mail["To"]))


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return "" if body is None else str(body.get_content())


def _show(stage: Stage, title: str, mail: EmailMessage) -> None:
    stage.show(title, {name: str(mail[name]) for name in ("From", "To", "Subject")})
    lines = [line for line in _text(mail).splitlines() if line.strip()]
    for line in lines[:9]:
        stage.show_text(line)


async def _reply(stage: Stage, who: str, to: EmailMessage, text: str, ident: str) -> None:
    """As a mail client does it: the new words above, what is answered quoted below."""
    quoted = "\r\n".join(f"> {line}" for line in _text(to).splitlines())
    body = "\r\n".join(text.split("\n")) + f"\r\n\r\nOn Thursday, Example Support wrote:\r\n{quoted}"
    where = str(to["Reply-To"].addresses[0].addr_spec)
    answers = str(to["Message-ID"])
    await stage.send(who, f"Re: {to['Subject']}", body, ident, to=where, reply_to_id=answers, helo="mail.corp.example")
