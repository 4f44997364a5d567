"""A customer and two agents at a real mail client, with a real Postfix before the gateway and another behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import pytest

from tests.support import neomutt
from tests.support.gateway import DESK, Gateway, free_port, read_mail, text_of, wait_for
from tests.support.postfix import Postfix, missing, postfix

pytestmark = [
    pytest.mark.skipif(bool(missing() or neomutt.missing()), reason=missing() or neomutt.missing() or "there is one"),
    pytest.mark.xdist_group("postfix"),
]

ALICE, LEE, KIM = "alice@customer.example", "lee@corp.example", "kim@corp.example"


@dataclass
class Office:
    """customer and agents -> front -> gateway -> behind -> their Maildirs."""

    gateway: Gateway
    behind: Postfix
    people: dict[str, neomutt.Person]

    def mails(self, address: str, count: int) -> list[EmailMessage]:
        """All that this person has got, when it is as many."""

        def found() -> list[EmailMessage] | None:
            files = sorted(
                (*self.people[address].box.glob("new/*"), *self.people[address].box.glob("cur/*")),
                key=lambda p: p.stat().st_mtime_ns,
            )
            return [read_mail(path.read_bytes()) for path in files] if len(files) >= count else None

        mails = wait_for(found, seconds=30, why=f"mail {count} of {address}\n{self.gateway.log()[-3000:]}")
        assert len(mails) == count, [m["Subject"] for m in mails]
        return mails


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    port = free_port()
    boxes = {address: address.partition("@")[0] for address in (ALICE, LEE, KIM)}
    with ExitStack() as stack:
        maps = ", ".join(f"{{ {address} = {box}/ }}" for address, box in boxes.items())
        behind = stack.enter_context(
            postfix(
                virtual_mailbox_domains="customer.example corp.example", virtual_mailbox_maps=f"inline:{{ {maps} }}",
                myhostname="out.desk.example",
            )
        )  # fmt: skip
        front = stack.enter_context(
            postfix(
                relay_domains="desk.example", relay_recipient_maps="", myhostname="mx.desk.example",
                transport_maps=f"inline:{{ desk.example=smtp:[127.0.0.1]:{port} }}", relayhost=f"[127.0.0.1]:{behind.port}",
            )
        )  # fmt: skip
        desk = {"name": "support", "address": DESK, "agents": [LEE, KIM], "display_name": {"en": "Support"}}
        gateway = Gateway.make(
            tmp_path / "gateway",
            port=port,
            desk=[desk],
            agent=[{"address": LEE, "name": {"en": "Lee"}}],
            tickets={"answer_delay": "0s"},
            delivery={"mode": "smarthost", "smarthost": {"host": "127.0.0.1", "port": behind.port, "tls": "none"}},
        )
        people = {
            address: neomutt.Person(
                tmp_path / box,
                box.title(),
                address,
                behind.maildir / box,
                front.port,
                signature="Lee Doe, tel. 555-0199\n" if address == LEE else "",
            )
            for address, box in boxes.items()
        }
        stack.enter_context(gateway.running())
        yield Office(gateway, behind, people)


def link(mail: EmailMessage, command: str) -> str:
    """The mailto link of a notification that says this."""
    body = mail.get_body(("html",))
    assert body is not None
    links = [unescape(found) for found in re.findall(r'href="(mailto:[^"]+)"', body.get_content())]
    return next(found for found in links if f"body=%23{command}" in found)


def test_a_whole_ticket_from_three_mail_clients(office: Office, tmp_path: Path) -> None:
    alice, lee, kim = (office.people[a] for a in (ALICE, LEE, KIM))
    photo = tmp_path / "照片 1.png"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    alice.write(DESK, "Printer on fire", "It burns in room 4. Please come.\n", files=(photo,))
    (received,) = office.mails(ALICE, 1)
    (told,) = office.mails(LEE, 1)
    office.mails(KIM, 1)
    assert "It burns in room 4." in text_of(told)

    kim.reply("#note\nShe shouts a lot, be careful.")  # Lee alone is told
    noted = office.mails(LEE, 2)[1]
    assert "She shouts a lot" in text_of(noted)
    lee.tap(link(told, "take"))
    assert "The ticket is yours" in text_of(office.mails(LEE, 3)[2])

    lee.reply("We are on our way.\n\n请先断电。", message_id=str(told["Message-ID"]))
    answer = office.mails(ALICE, 2)[1]
    assert "We are on our way." in text_of(answer)
    assert "请先断电。" in text_of(answer)
    assert str(answer["From"]) == f'"Lee (Support)" <{DESK}>'
    assert answer["In-Reply-To"] is not None
    for inside in (
        LEE,
        KIM,
        "shouts",
        "pc.corp",
        "NeoMutt",
        "sender proved",
        "Commands",
        str(told["Reply-To"].addresses[0].addr_spec),
    ):
        assert inside not in answer.as_string(), inside
        assert inside not in text_of(answer), inside

    alice.reply("It is out, thank you. But the lamp is dark now.")
    again = office.mails(LEE, 4)[3]
    assert "the lamp is dark now" in text_of(again)
    lee.reply("#resloved\nNew lamp is in.")
    wrong = office.mails(LEE, 5)[4]
    assert "Did you mean #resolved?" in text_of(wrong)
    lee.reply("#resolved\nNew lamp is in.", message_id=str(again["Message-ID"]))
    resolved = office.mails(ALICE, 3)[2]
    assert "New lamp is in." in text_of(resolved)
    office.mails(LEE, 6)  # the receipt
    alice.reply("solved")
    closed = office.mails(ALICE, 4)[3]
    assert "closed" in text_of(closed).lower()

    number = office.gateway.cli_list("ticket", "list")[0]["number"]
    shown = office.gateway.cli_show("ticket", "show", number)
    assert (shown["status"], shown["assignee"]) == ("closed", LEE)
    kinds = [entry["kind"] for entry in shown["entries"]]
    assert (kinds.count("customer"), kinds.count("reply"), kinds.count("note")) == (3, 2, 1)
    assert len(office.mails(KIM, 1)) == 1
    assert received["Subject"] == answer["Subject"].removeprefix("Re: ")
