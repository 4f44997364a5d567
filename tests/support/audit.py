"""The auditor: reads the store's file, the list of what clients sent and the list of what a sink received, and compares.

It shares no code with the gateway: it reads the tables themselves. `audit` returns what is wrong, in words; an empty
list means that nothing was lost, nothing was made up, nothing was changed, and every copy is explained by a death.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.gateway import unpacked

TIMED = "timed"  # a desk whose tickets are audited elsewhere (tests/fault/timely.py)
# In front of the tables: what is left without that desk.
_WITHOUT = f"""
CREATE TEMP VIEW ticket AS SELECT * FROM main.ticket WHERE desk <> '{TIMED}';
CREATE TEMP VIEW entry AS SELECT * FROM main.entry WHERE ticket_id IN (SELECT id FROM temp.ticket);
CREATE TEMP VIEW outgoing AS SELECT * FROM main.outgoing WHERE ticket_id IN (SELECT id FROM temp.ticket);
CREATE TEMP VIEW incoming AS SELECT * FROM main.incoming WHERE rcpts NOT LIKE '%"{TIMED}%';
"""


@dataclass
class Sent:
    """One mail as its client sees it. tries: how often its final dot went out; accepted: how often 250 came back."""

    message_id: str
    sender: str
    sha256: str
    tries: int = 0
    accepted: int = 0
    refused: list[str] = field(default_factory=list)  # replies with 5xx
    door: str = ""  # where it got its 250
    parent: str = ""  # Message-ID of the mail that it answers, which had its 250 before
    rejected: bool = False  # its sender's mail system takes no acknowledgement
    to: str = ""  # to this address alone, and not to whom the door's clients send

    @property
    def answered(self) -> bool:
        """An acknowledgement of it arrives somewhere."""
        return not self.parent and not self.rejected


@dataclass(frozen=True)
class Caught:
    """One mail as the sink received it, whole. life: which life of the gateway brought it."""

    message_id: str
    mail_from: str
    rcpt: str
    sha256: str
    life: int


@dataclass
class Report:
    problems: list[str]
    figures: dict[str, int]

    @property
    def ok(self) -> bool:
        return not self.problems

    def __add__(self, other: Report) -> Report:
        return Report(self.problems + other.problems, self.figures | other.figures)

    def __str__(self) -> str:
        return ", ".join(f"{value} {name}" for name, value in self.figures.items())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def audit(store: Path, sent: Mapping[str, Sent], caught: Iterable[Caught]) -> Report:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        connection.executescript(_WITHOUT)
        book = _Book(connection, dict(sent), list(caught))
        book.store_is_sound()
        book.mails()
        book.tickets()
        book.answers()
        book.events()
    return Report(book.problems, book.figures)


@dataclass
class _Book:
    db: sqlite3.Connection
    sent: dict[str, Sent]
    caught: list[Caught]
    problems: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    said: Counter[str] = field(default_factory=Counter)

    def wrong(self, kind: str, detail: object) -> None:
        """Five of each kind are enough to see what it is."""
        self.said[kind] += 1
        if self.said[kind] <= 5:
            self.problems.append(f"{kind}: {detail}")

    def rows(self, sql: str) -> list[sqlite3.Row]:
        return self.db.execute(sql).fetchall()

    def store_is_sound(self) -> None:
        for (line,) in self.rows("PRAGMA integrity_check"):
            if line != "ok":
                self.wrong("integrity", line)
        for row in self.rows("PRAGMA foreign_key_check"):
            self.wrong("foreign key", tuple(row))

    def mails(self) -> None:
        """What got a 250 is there, as it was sent, and nothing else is there."""
        copies: Counter[str] = Counter()
        rows = self.rows(
            "SELECT i.id, i.state, i.message_id, i.sha256, i.mail_from, r.packing, r.body"
            " FROM incoming i LEFT JOIN incoming_raw r USING (seq)"
        )
        for row in rows:
            mail = self.sent.get(row["message_id"])
            if mail is None:
                self.wrong("a mail that nobody sent", (row["id"], row["message_id"]))
                continue
            copies[mail.message_id] += 1
            if row["body"] is None or digest(unpacked(row["packing"], row["body"])) != mail.sha256:
                self.wrong("bytes changed", mail.message_id)
            if row["sha256"] != mail.sha256 or row["mail_from"] != mail.sender:
                self.wrong("row does not say what was sent", mail.message_id)
            if row["state"] != "filed":
                self.wrong("not filed", (row["id"], row["state"]))
        for mail in self.sent.values():
            if mail.refused:
                self.wrong("refused for good", (mail.message_id, mail.refused))
            if copies[mail.message_id] < mail.accepted:
                self.wrong("LOST: 250 was said", (mail.message_id, f"{copies[mail.message_id]} of {mail.accepted}"))
            if copies[mail.message_id] > mail.tries:
                self.wrong("stored more often than sent", (mail.message_id, copies[mail.message_id], mail.tries))
        self.figures["mails with a 250"] = sum(1 for m in self.sent.values() if m.accepted)
        self.figures["stored copies that were sent again without a 250"] = sum(n - 1 for n in copies.values() if n > 1)

    def tickets(self) -> None:
        """One ticket, one customer entry for each mail; further copies are repeats on that very ticket. An answer stands on the
        ticket of what it answers, after it."""
        entries: defaultdict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in self.rows(
            "SELECT i.id AS mail, i.message_id AS mid, e.kind, e.ticket_id, e.seq"
            " FROM incoming i LEFT JOIN entry e ON e.mail_id = i.id"
        ):
            entries[row["mid"]].append(row)
        opened: Counter[int] = Counter()
        first = {message_id: next((r for r in found if r["kind"] == "customer"), None) for message_id, found in entries.items()}
        for message_id, found in entries.items():
            kinds = Counter(row["kind"] for row in found)
            if kinds["customer"] != 1 or set(kinds) - {"customer", "repeat"}:
                self.wrong("not exactly one customer entry", (message_id, dict(kinds)))
            if len({row["mail"] for row in found}) != len(found):
                self.wrong("one mail filed twice", (message_id, dict(kinds)))
            if len({row["ticket_id"] for row in found}) != 1:
                self.wrong("copies on several tickets", message_id)
            parent = self.sent[message_id].parent if message_id in self.sent else ""
            if not parent:
                opened.update(row["ticket_id"] for row in found if row["kind"] == "customer")
            else:
                self._follows(message_id, first[message_id], first.get(parent))
        for ticket, count in opened.items():
            if count != 1:
                self.wrong("a ticket with several first mails", (ticket, count))
        tickets = self.rows("SELECT id, number FROM ticket")
        for number, count in Counter(row["number"] for row in tickets).items():
            if count != 1:
                self.wrong("ticket number given twice", (number, count))
        for ticket in {row["id"] for row in tickets} ^ set(opened):
            self.wrong("ticket without a mail, or mail without a ticket", ticket)
        self.figures["tickets"] = len(tickets)

    def _follows(self, message_id: str, answer: Any, question: Any) -> None:
        if answer is None or question is None:
            self.wrong("an answer without its question", message_id)
        elif answer["ticket_id"] != question["ticket_id"]:
            self.wrong("an answer on another ticket", message_id)
        elif answer["seq"] < question["seq"]:
            self.wrong("an answer before its question", message_id)
        self.figures["answers"] = self.figures.get("answers", 0) + 1

    def events(self) -> None:
        """A ticket is told once that its acknowledgement was refused for good, and nothing else is told."""
        told = Counter(row["ticket_id"] for row in self.rows("SELECT ticket_id FROM entry WHERE kind = 'event'"))
        for row in self.rows(_OUTGOING):
            expected = int(row["state"] == "failed")
            if told.pop(row["ticket_id"], 0) != expected:
                self.wrong("not exactly one event for a failure", (row["ticket_id"], row["state"]))
        if told:
            self.wrong("events of no mail", dict(told))

    def answers(self) -> None:
        """Every acknowledgement arrived, with the bytes and the Message-ID of the store, once for each life at most."""
        mails = {row["message_id"]: row for row in self.rows(_OUTGOING)}
        tickets = Counter(row["ticket_id"] for row in mails.values())
        for (ticket,) in self.rows("SELECT id FROM ticket"):
            if tickets[ticket] != 1:
                self.wrong("not exactly one acknowledgement for a ticket", (ticket, tickets[ticket]))
        arrived: defaultdict[str, list[Caught]] = defaultdict(list)
        for one in self.caught:
            arrived[one.message_id].append(one)
            self._same(one, mails.get(one.message_id))
        rejecting = {mail.sender for mail in self.sent.values() if mail.rejected}
        for message_id, row in mails.items():
            found = arrived[message_id]
            if row["purpose"] != "received":
                self.wrong("a mail that should not be sent", (row["purpose"], message_id))
            if row["address"] in rejecting:
                self._rejected(row, found)
                continue
            if row["state"] != "delivered":
                self.wrong("not delivered", (message_id, row["state"], row["last_reply"]))
            if not found:
                self.wrong("LOST: acknowledgement never arrived", message_id)
            if len({one.life for one in found}) != len(found):
                self.wrong("arrived twice in one life", message_id)
            if len(found) > row["attempts"]:
                self.wrong("arrived more often than tried", (message_id, len(found), row["attempts"]))
        self.figures["acknowledgements"] = len(mails)
        self.figures["copies of acknowledgements"] = sum(len(found) - 1 for found in arrived.values() if found)

    def _rejected(self, row: Any, found: list[Caught]) -> None:
        self.figures["acknowledgements refused for good"] = self.figures.get("acknowledgements refused for good", 0) + 1
        if row["state"] != "failed" or found:
            self.wrong("refused for good, but not failed", (row["message_id"], row["state"], len(found)))

    def _same(self, one: Caught, row: Any) -> None:
        if row is None:
            self.wrong("the sink has a mail that the store does not know", one.message_id)
            return
        if digest(unpacked(row["packing"], row["data"])) != one.sha256:
            self.wrong("acknowledgement with other bytes", one.message_id)
        if one.rcpt != row["address"] or one.mail_from != (row["return_path"] or ""):
            self.wrong("acknowledgement with another envelope", (one.message_id, one.mail_from, one.rcpt))


_OUTGOING = """
SELECT o.message_id, o.purpose, o.ticket_id, w.packing, w.data, r.address, r.return_path, r.state, r.attempts, r.last_reply
  FROM outgoing o JOIN outgoing_raw w ON w.id = o.id LEFT JOIN recipient r ON r.outgoing_id = o.id
"""
