"""kill -9 under load, in its short form; and proof that the audit behind it would see a loss."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fault.kill import run
from tests.support.audit import Caught, Sent, audit, digest
from tests.support.gateway import Gateway, letter, unpacked, wait_for

KILLS = 50


@pytest.mark.timeout(300)
async def test_after_fifty_kills_every_mail_with_a_250_is_there_exactly_once_and_answered(tmp_path: Path) -> None:
    outcome = await run(tmp_path, kills=KILLS, clients=9, seed=20260102, life=0.25)
    print(outcome)
    assert outcome.report.problems == []
    assert sum(outcome.kills.values()) == KILLS
    assert all(outcome.helpers.values())
    assert outcome.report.figures["mails with a 250"] > 100
    assert all(count > 10 for name, count in outcome.report.figures.items() if name.startswith("by "))
    assert outcome.report.figures["acknowledgements"] == outcome.report.figures["mails with a 250"]


# --- would the audit notice? --------------------------------------------------------------------------------------------

_JOINED = """UPDATE entry SET seq = {seq}, ticket_id = (SELECT e.ticket_id FROM entry e JOIN incoming i ON i.id = e.mail_id
    WHERE i.message_id = '<0@customer.example>')
    WHERE mail_id = (SELECT id FROM incoming WHERE message_id = '<1@customer.example>')"""
Books = tuple[Path, dict[str, Sent], list[Caught]]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    """A store with three mails and their acknowledgements, all in order."""
    gateway = Gateway.make(tmp_path_factory.mktemp("books"))
    sent: dict[str, Sent] = {}
    with gateway.running():
        for i in range(3):
            data = letter(f"Question {i}", f"Number {i}", message_id=f"<{i}@customer.example>").as_bytes().replace(b"\n", b"\r\n")
            gateway.send(data)
            sent[f"<{i}@customer.example>"] = Sent(f"<{i}@customer.example>", "alice@customer.example", digest(data), 1, 1)
        wait_for(lambda: gateway.count("SELECT count(*) FROM recipient") == 3)
        gateway.settle()
    # The Maildir changes line ends and puts two fields on top: what a sink would have caught is what the store sent.
    caught = [
        Caught(row["message_id"], row["return_path"], row["address"], digest(unpacked(row["packing"], row["data"])), 1)
        for row in gateway.rows(
            "SELECT o.message_id, w.packing, w.data, r.address, r.return_path FROM outgoing o"
            " JOIN outgoing_raw w USING (id) JOIN recipient r ON r.outgoing_id = o.id"
        )
    ]
    return gateway.store, sent, caught


def test_the_audit_is_content_with_books_in_order(books: Books) -> None:
    report = audit(*books)
    assert report.problems == []
    assert report.figures["mails with a 250"] == report.figures["acknowledgements"] == 3


@pytest.mark.parametrize(
    ("sql", "seen"),
    [
        ("DELETE FROM incoming WHERE seq = 2", "LOST: 250 was said"),
        ("DELETE FROM incoming_raw WHERE seq = 2", "bytes changed"),
        ("UPDATE incoming_raw SET packing = 0, body = x'78' WHERE seq = 2", "bytes changed"),
        ("UPDATE incoming SET state = 'accepted' WHERE seq = 2", "not filed"),
        ("UPDATE incoming SET message_id = '<other@customer.example>' WHERE seq = 2", "a mail that nobody sent"),
        ("DELETE FROM entry WHERE mail_id = (SELECT id FROM incoming WHERE seq = 2)", "not exactly one customer entry"),
        (
            "UPDATE entry SET kind = 'repeat' WHERE kind = 'customer'",
            "not exactly one customer entry",
        ),
        ("UPDATE entry SET ticket_id = (SELECT min(id) FROM ticket) WHERE kind = 'customer'", "a ticket with several first mails"),
        ("DELETE FROM outgoing WHERE id = (SELECT max(id) FROM outgoing)", "not exactly one acknowledgement for a ticket"),
        ("UPDATE recipient SET state = 'queued'", "not delivered"),
        ("UPDATE outgoing_raw SET packing = 0, data = x'78'", "acknowledgement with other bytes"),
        ("UPDATE recipient SET return_path = 'x@desk.example'", "acknowledgement with another envelope"),
    ],
)
def test_the_audit_sees_what_is_wrong_in_the_store(books: Books, tmp_path: Path, sql: str, seen: str) -> None:
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(copy)) as connection, closing(sqlite3.connect(books[0])) as original:
        original.backup(connection)
        connection.execute("PRAGMA foreign_keys = OFF")
        assert connection.execute(sql).rowcount > 0
        connection.commit()
    problems = audit(copy, books[1], books[2]).problems
    assert any(problem.startswith(seen) for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda caught: caught[1:], "LOST: acknowledgement never arrived"),
        (lambda caught: [*caught, caught[0]], "arrived twice in one life"),
        (lambda caught: [*caught, replace(caught[0], life=2)], "arrived more often than tried"),
        (lambda caught: [replace(caught[0], sha256=digest(b"")), *caught[1:]], "acknowledgement with other bytes"),
        (lambda caught: [*caught, replace(caught[0], message_id="<made@up>")], "the sink has a mail that the store does not know"),
    ],
)
def test_the_audit_sees_what_is_wrong_at_the_sink(books: Books, change: Callable[[list[Caught]], list[Caught]], seen: str) -> None:
    problems = audit(books[0], books[1], change(books[2])).problems
    assert any(problem.startswith(seen) for problem in problems), problems


def test_the_audit_sees_a_mail_that_is_stored_more_often_than_it_was_sent(books: Books) -> None:
    sent = {key: replace(mail, tries=0, accepted=0) for key, mail in books[1].items()}
    assert any(p.startswith("stored more often than sent") for p in audit(books[0], sent, books[2]).problems)


@pytest.mark.parametrize(
    ("parent", "sql", "seen"),
    [
        ("<0@customer.example>", "UPDATE ticket SET id = id", "an answer on another ticket"),
        ("<0@customer.example>", _JOINED.format(seq="seq"), "ticket without a mail"),
        ("<0@customer.example>", _JOINED.format(seq="-seq"), "an answer before its question"),
        ("<9@customer.example>", "UPDATE ticket SET id = id", "an answer without its question"),
        ("", "UPDATE entry SET kind = 'event' WHERE seq = 2", "not exactly one event for a failure"),
        ("", "UPDATE recipient SET state = 'failed'", "not exactly one event for a failure"),
    ],
)
def test_the_audit_sees_what_is_wrong_with_answers_and_events(
    books: Books, tmp_path: Path, parent: str, sql: str, seen: str
) -> None:
    """The second mail answers the first; its acknowledgement is still there."""
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(copy)) as connection, closing(sqlite3.connect(books[0])) as original:
        original.backup(connection)
        connection.execute("PRAGMA foreign_keys = OFF")
        assert connection.execute(sql).rowcount > 0
        connection.commit()
    sent = {key: replace(mail, parent=parent if key == "<1@customer.example>" else "") for key, mail in books[1].items()}
    problems = audit(copy, sent, books[2]).problems
    assert any(problem.startswith(seen) for problem in problems), problems
