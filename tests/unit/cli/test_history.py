"""`smtpgate log` and `smtpgate explain` of what is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smtpgate.clock import id_text
from smtpgate.model import DeliveryState, EntryKind, MailState
from smtpgate.store.api import Changes
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import NOW, a_query, a_recipient, a_ticket, accepted, an_attempt, an_entry, an_outgoing
from tests.support.store_steps import opening
from tests.unit.cli.conftest import Shop

NUMBER = "20261121-EML-0777"
HOSTILE = "451 4.7.1 \x1b[2Jtry \u202elater"


class Case:
    first = again = forwarded = sent = recipient = ""


@pytest.fixture
def case(shop: Shop) -> Case:
    """A mail that opened a ticket, its second copy, an answer tried twice, and a mail that was only forwarded."""
    made = Case()

    async def fill(store: SqliteStore) -> None:
        ticket = a_ticket(number=NUMBER)
        recipient = a_recipient("wang@example.org")
        answer = an_outgoing(recipient, ticket_id=ticket.id, created_at=NOW + 1, message_id="<answer@desk.example>")
        copy = an_outgoing(
            a_recipient("boss@desk.example"), purpose="postmaster", created_at=NOW + 70, message_id="<c@desk.example>"
        )
        ids = []
        for at in (NOW, NOW + 60, NOW + 70):
            message_id = "<x1@customer.example>" if at < NOW + 70 else "<x2@customer.example>"
            mail = accepted(raw=b"Subject: hi\r\n\r\n%d" % at, at=at, message_id=message_id)
            await store.accept(mail)
            ids.append(mail.envelope.mail_id)
        made.first, made.again, made.forwarded = ids
        await store.claim(worker="w", now=NOW + 80, lease=60, limit=9)
        reasons = ["nothing leads to a ticket"]
        decision: dict[str, Any] = {"outcome": "new", "ticket": NUMBER, "rung": "no rung", "reasons": reasons, "send": []}
        changes = opening(ids[0], ticket, answer, decision=json.dumps(decision))
        await store.file(ids[0], worker="w", query=a_query(ids[0]), decide=lambda _: changes)
        repeat = an_entry(ticket.id, kind=EntryKind.REPEAT, mail_id=ids[1], created_at=NOW + 61)
        changes_again = Changes(state=MailState.FILED, decision=json.dumps({**decision, "outcome": "repeat"}), entries=(repeat,))
        await store.file(ids[1], worker="w", query=a_query(ids[1]), decide=lambda _: changes_again)
        send = [{"purpose": "postmaster", "to": ["boss@desk.example"], "message_id": copy.message_id}]
        decision = {**decision, "outcome": "forwarded", "ticket": None, "send": send}
        forward = Changes(state=MailState.FILED, decision=json.dumps(decision), outgoing=(copy,))
        await store.file(ids[2], worker="w", query=a_query(ids[2]), decide=lambda _: forward)
        refused = an_attempt(recipient.id, DeliveryState.QUEUED, at=NOW + 2, code=451, reply=HOSTILE)
        await store.record_attempts([refused])
        await store.record_attempts([an_attempt(recipient.id, at=NOW + 302)])
        made.sent, made.recipient = id_text(answer.id), id_text(recipient.id)

    shop.store(fill)
    return made


def test_a_tickets_log_is_one_timeline(shop: Shop, case: Case) -> None:
    rows = shop.rows("log", f"[#{NUMBER.lower()}]")
    assert [row["what"] for row in rows] == [
        *("accepted", "filed", "entry", "queued", "attempt"),
        *("accepted", "filed", "entry", "attempt"),
    ]
    times = [row["at"] for row in rows]
    assert times == sorted(times)
    assert "192.0.2.1" in rows[0]["text"]
    assert rows[5]["mail"] == case.again
    assert "try" in rows[4]["text"]
    assert rows[8]["text"].startswith("wang@example.org: delivered 250 2.0.0 ok (mx.example.org")


def test_every_name_leads_there(shop: Shop, case: Case) -> None:
    def mails(name: str) -> set[str]:
        return {row["mail"] for row in shop.rows("log", name)}

    assert mails("<x1@customer.example>") == mails("x1@customer.example") == {case.first, case.again, case.sent}
    assert mails(case.first.upper()) == {case.first, case.sent}
    assert mails(case.sent) == mails(case.recipient) == mails("<answer@desk.example>") == {case.sent}


def test_what_was_sent_for_a_mail_without_a_ticket_is_found(shop: Shop, case: Case) -> None:
    rows = shop.rows("log", case.forwarded)
    assert [row["what"] for row in rows] == ["accepted", "filed", "queued"]
    assert "boss@desk.example" in rows[2]["text"]


def test_held_and_poison_mail_have_a_log(shop: Shop) -> None:
    assert [(row["what"], row["text"]) for row in shop.rows("log", shop.held[0])][1] == ("held", "DMARC fails")
    last = shop.rows("log", shop.poison[0])[1]
    assert (last["what"], last["text"], last["at"]) == ("poison", "ValueError: no", None)


def test_bounced_and_dropped_are_told(shop: Shop) -> None:
    told = {row["what"] for row in shop.rows("log", shop.outgoing)}
    assert {"queued", "attempt", "bounced", "dropped"} <= told


@pytest.mark.parametrize("name", ["20261121-EML-9999", "nobody@example.org", "0000000000000", "''", "%", "x"])
@pytest.mark.parametrize("command", ["log", "explain"])
def test_an_unknown_name_is_said_in_one_line(shop: Shop, name: str, command: str) -> None:
    result = shop.run(command, name)
    assert result.exit_code == 1
    assert "nothing is stored under" in result.output
    assert "Traceback" not in result.output


def explained(shop: Shop, name: str) -> Any:
    (row,) = shop.rows("explain", name)
    return row["stored"]


def test_explain_tells_what_came_what_was_decided_and_what_the_far_side_said(shop: Shop, case: Case) -> None:
    found = explained(shop, NUMBER)
    assert [mail["id"] for mail in found["mails"]] == [case.first, case.again]
    first = found["mails"][0]
    assert (first["peer"], first["helo"], first["mail_from"]) == ("192.0.2.1", "mx.example.org", "wang@example.org")
    assert first["auth"]["reasons"] == ["DMARC passes by DKIM", "理由"]
    assert first["decision"]["reasons"] == ["nothing leads to a ticket"]
    assert [e["kind"] for e in found["mails"][1]["entries"]] == ["repeat"]
    (sent,) = found["sent"]
    assert [a["code"] for a in sent["recipients"][0]["attempts"]] == [451, 250]
    assert explained(shop, "<x1@customer.example>")["mails"] == found["mails"]
    assert found["cut"] is False


def test_people_read_it_and_no_terminal_obeys_it(shop: Shop, case: Case) -> None:
    for command in ("explain", "log"):
        text = shop.good(command, NUMBER)
        assert not set("\x1b\x07\u202e") & set(text)
        assert "451 4.7.1" in text
        assert "192.0.2.1" in text
        assert "[2Jtry later" in " ".join(text.split())
    assert "nothing leads to a ticket" in shop.good("explain", NUMBER)


def test_a_file_of_that_name_goes_first(shop: Shop, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.directory)
    (shop.directory / NUMBER).write_bytes(b"From: a@example.org\r\nSubject: a file\r\n\r\nhi\r\n")
    (shop.directory / "zone.json").write_text("{}")
    (row,) = shop.rows("explain", NUMBER, "--dns", "zone.json")
    assert row["message"]["subject"] == "a file"


def test_the_newest_are_told_when_there_are_too_many(shop: Shop, case: Case) -> None:
    async def look(store: SqliteStore) -> Any:
        return await store.history("<x1@customer.example>", number=None, limit=1)

    found = shop.store(look)
    assert [mail.id for mail in found.mails] == [case.again]
    assert found.cut
