"""An agent at his mail client, through real SMTP and a real gateway: told, answers, notes, and is refused."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

from tests.support.gateway import DESK, Gateway, letter, text_of, wait_for

LEE = "lee@corp.example"


def make(directory: Path) -> Gateway:
    desk = {"name": "support", "address": DESK, "agents": [LEE], "display_name": {"en": "Support", "zh": "技术支持"}}
    return Gateway.make(directory, desk=[desk], agent=[{"address": LEE, "name": {"en": "Lee"}}], tickets={"answer_delay": "0s"})


def reply(told: EmailMessage, body: str) -> EmailMessage:
    quoted = "".join(f"> {line}\n" for line in text_of(told).splitlines())
    mail = letter(f"Re: {told['Subject']}", f"{body}\n\nOn Friday, Support wrote:\n{quoted}", sender=f"Lee <{LEE}>")
    mail["In-Reply-To"] = str(told["Message-ID"])
    mail["References"] = f"{told['References']} {told['Message-ID']}"
    return mail


def address_of(mail: EmailMessage) -> str:
    return str(mail["Reply-To"].addresses[0].addr_spec)


def test_an_agent_is_told_answers_notes_and_commands(tmp_path: Path) -> None:
    gateway = make(tmp_path)
    with gateway.running():
        gateway.send(letter())
        (told,) = gateway.mails_to(LEE)
        assert "The printer in room 4 is burning." in text_of(told)
        gateway.send(reply(told, "We are on our way.\n\nLee"), sender=LEE, to=address_of(told))
        answer = gateway.mails_to("alice@customer.example", 2)[-1]
        assert str(answer["From"]) == f'"Lee (Support)" <{DESK}>'
        assert "We are on our way." in text_of(answer)
        assert LEE not in answer.as_string()
        assert address_of(told) not in answer.as_string()

        back = letter(f"Re: {answer['Subject']}", "It is out, thank you for coming. One more thing: the lamp.")
        back["In-Reply-To"] = str(answer["Message-ID"])
        gateway.send(back, to=address_of(answer))
        again = gateway.mails_to(LEE, 2)[-1]
        assert "the lamp" in text_of(again)
        gateway.send(reply(again, "#note\nshe is nice\n"), sender=LEE, to=address_of(again))
        gateway.send(reply(again, "#resolved\n#priority low"), sender=LEE, to=address_of(again))
        gateway.send(reply(again, "#resloved"), sender=LEE, to=address_of(again))
        receipts = gateway.mails_to(LEE, 4)[2:]
        assert any("Did you mean #resolved?" in text_of(mail) for mail in receipts)
        resolved = gateway.mails_to("alice@customer.example", 3)[-1]
        assert "is taken care of" in text_of(resolved)
        number = gateway.cli_list("ticket", "list")[0]["number"]
        shown = gateway.cli_show("ticket", "show", number)
        assert (shown["status"], shown["assignee"], shown["priority"]) == ("resolved", LEE, "low")
        assert not any("she is nice" in mail.as_string() for mail in gateway.mails() if LEE not in str(mail["To"]))

        gateway.send(letter("Your scanner", "#new Bob <bob@other.example>\nIt is ready.", sender=f"Lee <{LEE}>"), sender=LEE)
        assert "It is ready." in text_of(gateway.mails_to("bob@other.example")[0])
        brought = letter("Fwd: Lamp", "#fwd\nHe is in a hurry.", sender=f"Lee <{LEE}>")
        brought.add_attachment(letter("Lamp", "The lamp is broken.", sender="Carl <carl@other.example>"))
        gateway.send(brought, sender=LEE)
        assert "Lamp" in str(gateway.mails_to("carl@other.example")[0]["Subject"])
        opened = gateway.cli_show("ticket", "show", gateway.cli_list("ticket", "list")[0]["number"])
        assert {"The lamp is broken.": "customer", "He is in a hurry.": "note"}.items() <= {
            entry["text"]: entry["kind"] for entry in opened["entries"]
        }.items()


def test_a_forged_agent_is_held_and_the_true_one_vouches(tmp_path: Path) -> None:
    """The client is not trusted here, and corp.example publishes nothing: the mail has no proof."""
    gateway = make(tmp_path)
    config = gateway.config.read_text().replace('trusted_networks = ["127.0.0.0/8"]', "trusted_networks = []")
    gateway.config.write_text(config)
    with gateway.running():
        gateway.send(letter())
        (told,) = gateway.mails_to(LEE)
        gateway.send(reply(told, "Send me your password."), sender=LEE, to=address_of(told))
        (ask,) = gateway.mails_to(LEE, 2)[1:]
        assert "Please confirm" in text_of(ask)
        assert len(gateway.cli_list("hold", "list")) == 1
        assert not any("password" in text_of(mail) for mail in gateway.mails() if LEE not in str(mail["To"]))
        gateway.send(reply(ask, ""), sender=LEE, to=address_of(ask))
        wait_for(
            lambda: any("password" in text_of(mail) for mail in gateway.mails() if LEE not in str(mail["To"])),
            why="what the agent vouched for is sent",
        )
        assert gateway.cli_list("hold", "list") == []
