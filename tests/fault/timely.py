"""Tickets of which something comes by itself while everything breaks: late answers, snoozes that end, silence that closes, digests,
people who want to be erased or to have their data. Each was to happen once; `audit` reads the tables and says what did not.

Used by nodes.py and kill.py. These tickets are at a desk of their own, and their customers at a domain of their own, which the
audit of the other mail leaves out.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import random
import re
import sqlite3
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.support.audit import TIMED, Report, Sent, digest
from tests.support.gateway import unpacked

ADDRESS, AGENT, MANAGER = f"{TIMED}@desk.example", "agent@timed.example", "boss@timed.example"
PEOPLE = "@timed.example"
KINDS = {"late": 4, "snoozed": 3, "silent": 3, "erased": 1, "exported": 1}
_PAUSE = 6.0  # seconds between two of them, at most
PATIENCE = 400.0  # seconds until what was said would happen has happened: a minute, an outage, the lease of an eraser who died
_NUMBER = re.compile(r"[0-9]{8}-EML-[0-9]{4,}")
_DIGESTS = 240  # agents, of whom each gets his digest a minute after the one before
Send = Callable[[Sent, bytes], Awaitable[None]]


def sections(base: list[dict[str, Any]]) -> dict[str, Any]:
    """Configuration: the desks of the trial and this one, where all comes soon; and agents who get a digest, one each minute.

    base: the desk whose tickets stay open and unassigned."""
    targets = {"warn_at": 50, "first_answer": {"normal": "1m"}, "managers": [MANAGER]}
    first = datetime.now(UTC) + timedelta(minutes=2)
    agents = [
        {"address": f"reader{i:03}{PEOPLE}", "digest": f"{first + timedelta(minutes=i):%H:%M}", "hours": ["mon-sun 00:00-24:00"]}
        for i in range(_DIGESTS)
    ]
    timed = {"name": TIMED, "address": ADDRESS, "agents": [AGENT], "targets": targets, "language": "en"}
    base = [{**desk, "agents": [agent["address"] for agent in agents], "notify": False} for desk in base]
    return {
        "desk": [*base, timed],
        "agent": [{"address": AGENT, "digest": "", "language": "en"}, *agents],
        "tickets": {
            "answer_delay": "0s",
            "automatic_within": "0s",
            "close_after": "40s",
            "remind_before": "20s",
        },
        "limits": {"notifications_per_hour": 100_000, "machine_mails_per_hour": 1000},
        "privacy": {"erase": "self", "export": "self", "erase_after": "1s", "requests_per_day": 50},
    }


@dataclass
class Story:
    """One ticket, and what is to come of it."""

    kind: str
    token: str
    begun: float
    number: str = ""
    promised: bool = False  # all that its people have to say was said, and taken

    @property
    def person(self) -> str:
        return f"c{self.token}{PEOPLE}"

    @property
    def subject(self) -> str:
        return f"Timed {self.token}"


@dataclass
class Timely:
    """What people and the agent do. send: until it has its 250."""

    send: Send
    rng: random.Random
    kinds: Collection[str] = tuple(KINDS)
    targets: bool = True  # the desk has some
    stories: list[Story] = field(default_factory=list)
    began: float = field(default_factory=time.time)
    ended: float = 0.0
    tries: Counter[str] = field(default_factory=Counter)
    _inbox: dict[str, list[EmailMessage]] = field(default_factory=dict)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _numbers: int = 0

    def hear(self, rcpt: str, data: bytes) -> None:
        """What the sink has got for one of these people."""
        if rcpt.endswith(PEOPLE) and not rcpt.startswith("reader"):
            mail = email.message_from_bytes(data, policy=email.policy.SMTP)
            assert isinstance(mail, EmailMessage)
            self._inbox.setdefault(rcpt, []).append(mail)
            task = asyncio.get_running_loop().create_task(self._wake())
            task.add_done_callback(lambda _: None)

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def run(self, ending: asyncio.Event) -> None:
        """Stories, one after the other, each going on by itself; at the end all are told to their end."""
        running: set[asyncio.Task[None]] = set()
        while not ending.is_set():
            story = Story(self._next_kind(), f"{self.rng.getrandbits(60):015x}", time.time())
            self.stories.append(story)
            running.add(asyncio.create_task(self._tell(story)))
            await asyncio.sleep(_PAUSE * self.rng.random())
        await asyncio.gather(*running)
        self.ended = time.time()

    def _next_kind(self) -> str:
        for kind in self.kinds:  # one of each first
            if all(story.kind != kind for story in self.stories):
                return kind
        return self.rng.choices(list(self.kinds), weights=[KINDS[kind] for kind in self.kinds])[0]

    async def _tell(self, story: Story) -> None:
        await self._say(story.person, ADDRESS, story.subject, "Please help.")
        first = await self._heard(story.person, lambda mail: bool(_NUMBER.search(mail["Subject"])))
        story.number = _NUMBER.search(first["Subject"]).group()  # type: ignore[union-attr]
        if story.kind in ("snoozed", "silent"):
            briefing = await self._heard(AGENT, lambda mail: story.number in mail["Subject"])
            words = "#snooze 1m" if story.kind == "snoozed" else "#resolved\n\nIt is done."
            await self._say(AGENT, _answer_to(briefing), briefing["Subject"], words, parent=briefing)
        elif story.kind in ("erased", "exported"):
            what = "erase my data" if story.kind == "erased" else "export my data"
            await self._say(story.person, _answer_to(first), first["Subject"], what, parent=first)
            question = await self._heard(story.person, lambda mail: mail is not first and _answer_to(mail) != _answer_to(first))
            await self._say(story.person, _answer_to(question), question["Subject"], "confirm", parent=question)
        story.promised = True

    async def _heard(self, rcpt: str, which: Callable[[EmailMessage], bool]) -> EmailMessage:
        async with asyncio.timeout(PATIENCE), self._news:
            while True:
                found = next((mail for mail in self._inbox.get(rcpt, ()) if which(mail)), None)
                if found is not None:
                    return found
                await self._news.wait()

    async def _say(self, sender: str, to: str, subject: str, text: str, parent: EmailMessage | None = None) -> None:
        self._numbers += 1
        name, _, domain = sender.partition("@")
        message_id = f"<{self._numbers}.{name}.{self.rng.getrandbits(40):010x}@{domain}>"
        if parent is not None and not subject.startswith("Re:"):
            subject = f"Re: {subject}"
        head = f"From: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: {message_id}\nDate: Fri, 02 Jan 2026 10:00:00 +0000\n"
        if parent is not None:
            head += f"In-Reply-To: {parent['Message-ID']}\nReferences: {parent['Message-ID']}\n"
        data = f"{head}MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{text}\n".replace("\n", "\r\n").encode()
        mail = Sent(message_id, sender, digest(data), to=to)
        await self.send(mail, data)
        assert not mail.refused, mail.refused


def _answer_to(mail: EmailMessage) -> str:
    return str(mail["Reply-To"].addresses[0].addr_spec)


# --- what must have come of it ------------------------------------------------------------------------------------------


def waiting(stories: list[Story]) -> str:
    """SQL with a row while something is still to come of these, on either database."""
    numbers = ", ".join(f"'{story.number}'" for story in stories) or "''"
    return f"""SELECT 1 FROM privacy WHERE state IN ('confirmed', 'running', 'telling')
        UNION ALL SELECT 1 FROM due d JOIN ticket t ON t.id = d.ticket_id WHERE d.at IS NOT NULL AND t.number IN ({numbers})
        UNION ALL SELECT 1 FROM target g JOIN ticket t ON t.id = g.ticket_id WHERE g.alert_at IS NOT NULL
            AND t.number IN ({numbers}) LIMIT 1"""


def audit(store: Path, timely: Timely, caught: Mapping[str, int]) -> Report:
    """caught: how often each Message-ID came to the sink."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        book = _Book(connection, timely, caught)
        for story in timely.stories:
            book.story(story)
        book.requests()
        book.digests()
        book.nobody_is_left()
    book.figures |= {f"of {kind}": sum(story.kind == kind for story in timely.stories) for kind in KINDS}
    return Report(book.problems, dict(book.figures))


@dataclass
class _Book:
    db: sqlite3.Connection
    timely: Timely
    caught: Mapping[str, int]
    problems: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    _alerted: dict[str, list[Any]] | None = None

    def wrong(self, what: str, story: Story | None, detail: object = "") -> None:
        self.problems.append(f"{what}: {f'{story.kind} {story.number} {story.token}' if story else ''} {detail}")

    def story(self, story: Story) -> None:
        ticket = self.db.execute("SELECT id, status FROM ticket WHERE number = ?", (story.number,)).fetchone()
        if ticket is None or not story.promised:
            self.wrong("a story without an end", story)
            return
        entries = self.db.execute("SELECT kind, text FROM entry WHERE ticket_id = ? ORDER BY seq", (ticket["id"],)).fetchall()
        said = Counter(row["text"] for row in entries if row["kind"] in ("event", "status"))
        sent = self._sent(ticket["id"], story.number)
        mails, events, status = _EXPECTED[story.kind]
        if not self.timely.targets:
            mails = None if mails is None else {what: times for what, times in mails.items() if what not in _OF_TARGETS}
            events = {what: times for what, times in events.items() if what != _LATE}
        for what, count, (least, most) in (
            *((what, sent[what], (mails or {}).get(what, _NEVER)) for what in {*sent, *(mails or {})} if mails is not None),
            *((event, said[event], events.get(event, _NEVER)) for event in _EVENTS),
        ):
            if not least <= count <= most:
                self.wrong(f"{count} times {what!r} and not {least} to {most}", story, (dict(sent), dict(said)))
        if ticket["status"] != status:
            self.wrong(f"it is {ticket['status']} and not {status}", story, dict(said))

    def _alerts(self, number: str) -> list[Any]:
        """Mails to managers are no mails of the ticket's."""
        if self._alerted is None:
            self._alerted = {}
            for row in self.db.execute(f"{_OUTGOING} WHERE o.purpose = 'alert'"):
                mail = email.message_from_bytes(unpacked(row["packing"], row["data"]), policy=email.policy.SMTP)
                found = _NUMBER.search(str(mail["Subject"]))
                self._alerted.setdefault(found.group() if found else "", []).append(row)
        return self._alerted.get(number, [])

    def _sent(self, ticket_id: int, number: str) -> Counter[str]:
        """Mails of a ticket by what they say. Each has arrived."""
        sent: Counter[str] = Counter()
        rows = self.db.execute(f"{_OUTGOING} WHERE o.ticket_id = ?", (ticket_id,))
        for row in [*rows, *self._alerts(number)]:
            what = row["purpose"]
            if what == "to-agent":
                mail = email.message_from_bytes(unpacked(row["packing"], row["data"]), policy=email.policy.SMTP)
                assert isinstance(mail, EmailMessage)
                body = mail.get_body(("plain",))
                what = str(body.get_content() if body else "").partition("(")[0].strip().partition("\n")[0] or "erased"
            sent[what] += 1
            self._arrived(row)
        return sent

    def _arrived(self, row: Any) -> None:
        self.figures["mails by time and about it"] += 1
        times = self.caught.get(row["message_id"], 0)
        self.figures["copies of them"] += max(0, times - 1)
        if row["state"] == "delivered" and not 1 <= times <= row["attempts"]:
            self.wrong(f"arrived {times} times in {row['attempts']} attempts", None, (row["purpose"], row["message_id"]))
        if row["state"] != "delivered" and not (row["state"] == "dropped" and "was erased" in row["last_reply"]):
            self.wrong(f"not delivered but {row['state']}", None, (row["purpose"], row["message_id"], row["address"]))

    def requests(self) -> None:
        """One request of each, done once, and one mail that says so."""
        asked = sum(story.kind in ("erased", "exported") for story in self.timely.stories)
        rows = self.db.execute("SELECT what, state, address, worker, outgoing_id FROM privacy").fetchall()
        if len(rows) != asked:
            self.wrong(f"{len(rows)} requests of {asked} people", None)
        for row in rows:
            if row["state"] != "done" or row["worker"] or (row["what"] == "erase" and row["address"]) or not row["outgoing_id"]:
                self.wrong("a request that is not done", None, tuple(row))
        farewells = self.db.execute(
            """SELECT o.id, o.message_id, o.purpose, r.state, r.attempts, r.address, r.last_reply FROM outgoing o
               JOIN recipient r ON r.outgoing_id = o.id WHERE o.purpose = 'privacy' AND o.ticket_id IS NULL"""
        ).fetchall()
        if {row["id"] for row in farewells} != {row["outgoing_id"] for row in rows} or len(farewells) != len(rows):
            self.wrong(f"{len(farewells)} mails that {len(rows)} requests are done", None)
        for row in farewells:
            self._arrived(row)

    def digests(self) -> None:
        """Of each agent whose minute came and went while at least one node ran, one; of the others none."""
        sent = Counter(
            row["address"]
            for row in self.db.execute(
                "SELECT r.address FROM outgoing o JOIN recipient r ON r.outgoing_id = o.id WHERE o.purpose = 'digest'"
            )
        )
        first = int(self.timely.began // 60) + 3
        last = int(self.timely.ended // 60) - 1
        due = {f"reader{i:03}{PEOPLE}" for i in range(1, min(_DIGESTS, last - first + 1))}
        for reader, count in sent.items():
            if count != 1:
                self.wrong(f"{count} digests of one day", None, reader)
        for reader in due - sent.keys():
            self.wrong("a digest that nobody sent", None, reader)
        self.figures["digests"] = len(sent)

    def nobody_is_left(self) -> None:
        """Of whoever was erased there is no word."""
        gone = [story.person for story in self.timely.stories if story.kind == "erased"]
        tables = [row[0] for row in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in self.db.execute(f'SELECT * FROM "{table}"'):
                text = " ".join(v if isinstance(v, str) else _read(v) for v in tuple(row) if isinstance(v, str | bytes))
                for person in gone:
                    if person in text:
                        self.wrong("erased and still there", None, (table, row[0], person))


def _read(data: bytes) -> str:
    found = data.decode("utf-8", "replace")
    with suppress(zlib.error):
        found += zlib.decompress(data).decode("utf-8", "replace")
    return found


_OUTGOING = """SELECT o.message_id, o.purpose, w.packing, w.data, r.state, r.attempts, r.address, r.last_reply FROM outgoing o
    JOIN outgoing_raw w ON w.id = o.id JOIN recipient r ON r.outgoing_id = o.id"""
_LATE, _BACK = "late: first", "back from its snooze"
_REMINDED, _CLOSED, _ERASED = "The customer was reminded.", "resolved -> closed: no answer for 0 days", "received -> closed: erased"
_EVENTS = (_LATE, _BACK, _REMINDED, _CLOSED, _ERASED)
_ONCE, _PERHAPS, _NEVER = (1, 1), (0, 1), (0, 0)
_TOLD = {"received": _ONCE, "New ticket": _ONCE, "Due soon": _PERHAPS}
_CONFIRMED = "The customer has confirmed it: wants a copy of all personal data"
_ABOUT = {"privacy": (1, 2), "The customer answered": (0, 2), _CONFIRMED: _PERHAPS, "Overdue": _PERHAPS, "alert": _PERHAPS}
_OF_TARGETS = ("Due soon", "Overdue", "alert")
# Of each kind: mails of the ticket, how many at least and at most (None: erased); events likewise; the state at the end. That
# something is due soon is not told when it is late before anybody looked; who was answered late in the trouble is told of.
_EXPECTED: dict[str, tuple[dict[str, tuple[int, int]] | None, dict[str, tuple[int, int]], str]] = {
    "late": ({**_TOLD, "Overdue": _ONCE, "alert": _ONCE}, {_LATE: _ONCE}, "received"),
    "snoozed": (
        {**_TOLD, "You wanted to be reminded": _ONCE, "Overdue": _ONCE, "alert": _ONCE, "receipt": _PERHAPS},
        {_BACK: _ONCE, _LATE: _ONCE},
        "received",
    ),
    "silent": (
        {**_TOLD, "receipt": _PERHAPS, "answer": _ONCE, "remind": _ONCE, "closed": _ONCE, "Overdue": _PERHAPS, "alert": _PERHAPS},
        {_REMINDED: _ONCE, _CLOSED: _ONCE, _LATE: _PERHAPS},
        "closed",
    ),
    "erased": (None, {_ERASED: _ONCE, _LATE: _PERHAPS}, "closed"),
    "exported": ({**_TOLD, **_ABOUT}, {_LATE: _PERHAPS}, "received"),
}
