"""What a store that has grown costs: filing, lists and polls with 10,000 and with 1,000,000 tickets.

    make bench ARGS=growth                  some ten minutes and 5 GB on the disk, in the directory that $TMPDIR names
    python -m benchmarks growth 2000 20000 --keep DIRECTORY    stores of other sizes, kept there for another run

The stores are filled with made rows, three mails a ticket (the customer's, our acknowledgement, a reply), one ticket every
thirty seconds until now, the newest two thousand open: half of them somebody's, all with a target, some snoozed. One answer in
two hundred was held and dropped, those of the newest tickets are held, one acknowledgement in a hundred was refused. Then one
process opens them all, with the settings of a gateway: it accepts, claims and files mails through the handlers, half of them new
tickets and half of them replies to tickets of any age, and asks for the lists and polls of daily work, a little of one store and
a little of the next in turn, so that what others take of the machine falls on all alike. What counts is CPU time of that
process, the kernel's for reading pages included. Peak memory is that of a process that has opened one of them alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smtpgate.app import build_pipeline
from smtpgate.bulletin import Bulletin, Matter, Place
from smtpgate.clock import SystemClock, id_text, new_id
from smtpgate.config import Config
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.holding import HoldingQuery
from smtpgate.limitsettings import Limits
from smtpgate.listing import Listed, Listing
from smtpgate.mail.parse import parse
from smtpgate.model import DeliveryState, MailState, ParsedMail, Status
from smtpgate.store import rows, schema, sqlite_file
from smtpgate.store.api import Accepted, Incoming
from smtpgate.store.sqlite import SqliteStore
from smtpgate.store.targets import kept_json
from smtpgate.target import Target, TargetClock, Watch
from tests.support.gateway import settings
from tests.support.store_data import a_query, a_verdict, accepted

_SIZES = (10_000, 1_000_000)
_GOALS = {"filing": 1.3, "lists and polls": 1.2}  # ratios
_MEMORY = 10.0  # MB
_EVERY = 30.0  # seconds from one ticket to the next
_OPEN = 2000
_MAILS = 400  # filed in one run
_BATCH = 10  # claimed at once
_ASKED = 10  # times that each list is asked for, in each of so many turns
_TURNS = 6
_CHUNK = 5000  # tickets in one transaction of the filling
_RUNS = 3
_DESKS = ("support", "sales")
_AGENTS = tuple(f"agent{i}@desk.example" for i in range(8))
_HELD = 40  # of the newest tickets whose answer is held
_DROPPED, _REFUSED = 200, 100  # one in so many: an answer that was dropped, an acknowledgement that was refused


# --- filling ----------------------------------------------------------------------------------------------------------


def build(path: Path, tickets: int, now: float) -> None:
    """A store with so many tickets, as `maintain` leaves it. Indexes are made at the end: it is quicker so."""
    sqlite_file.prepare(path, create=True)
    columns = {table.name: table.columns for table in schema.tables()}
    indexes = re.findall(r"CREATE (?:UNIQUE )?INDEX (\w+) ON [^;]+;", schema.schema())
    with closing(sqlite_file.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA cache_size = -262144")
        for name in indexes:
            connection.execute(f"DROP INDEX {name}")
        for start in range(0, tickets, _CHUNK):
            connection.execute("BEGIN")
            made: dict[str, list[tuple[Any, ...]]] = {}
            for i in range(start, min(tickets, start + _CHUNK)):
                for table, row in _ticket(i, tickets, now):
                    made.setdefault(table, []).append(row)
            for table, values in made.items():
                names = columns[table][: len(values[0])]  # those after them have defaults
                sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
                connection.executemany(sql, values)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        for statement in re.findall(r"CREATE (?:UNIQUE )?INDEX \w+ ON [^;]+;", schema.schema()):
            connection.execute(statement)
        for table in ("incoming", "ticket", "recipient"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] >= tickets
        opened = min(tickets, _OPEN)
        filed = connection.execute("SELECT count(*) FROM incoming WHERE state = 'filed'").fetchone()[0]
        counts = (filed, tickets, opened, 0, 0, 0, tickets - opened)
        connection.execute("INSERT INTO tally VALUES (1, ?, ?, ?, ?, ?, ?, ?)", counts)
        connection.execute("INSERT INTO acknowledged SELECT minute, count(*) FROM acknowledgement GROUP BY minute")
        connection.execute("PRAGMA analysis_limit = 400")
        connection.execute("ANALYZE")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _id(at: float, part: int) -> int:
    """As clock.new_id, with a number for its random bits."""
    return new_id(_At(at)) >> 22 << 22 | part


class _At(SystemClock):
    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> float:
        return self._at


def sender_of(ticket: int) -> str:
    """Three tickets each."""
    return f"customer{ticket // 3}@c{ticket % 997}.example"


def _opened(ticket: int, tickets: int, now: float) -> float:
    return now - (tickets - ticket) * _EVERY


def answer_id(ticket: int, tickets: int, now: float) -> str:
    """The Message-ID of the acknowledgement."""
    return f"<{id_text(_id(_opened(ticket, tickets, now), 4))}@desk.example>"


_VERDICT = rows.verdict_json(a_verdict())


def _ticket(i: int, tickets: int, now: float) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """All rows of one, in the order of the columns."""
    at, who, desk = _opened(i, tickets, now), sender_of(i), _DESKS[i % 2]
    number, status = f"{time.strftime('%Y%m%d', time.gmtime(at))}-EML-{i:07}", "received" if i >= tickets - _OPEN else "closed"
    domain, id_ = who.partition("@")[2], _id(at, 1)
    whose = _AGENTS[i // 4 % len(_AGENTS)] if i % 4 < 2 else ""
    tags = '["printer"]' if i % 50 == 0 else "[]"
    yield (
        "ticket",
        (id_, number, desk, status, f"Question {i} about the printer", "en", at, at + 900, 0, "[]", whose, "normal", tags),
    )
    yield from _due(id_, desk, at, open_=i >= tickets - _OPEN, snoozed=i % 20 == 0)
    yield "participant", (i + 1, id_, who, who, f"Customer {i // 3}", "customer")
    text = f"Hello, the printer in room {i} does not print any more.\n" * 3
    mails = [
        (2 * i + 1, id_text(_id(at, 2)), at, f"<q{i}@{domain}>"),
        (2 * i + 2, id_text(_id(at, 3)), at + 900, f"<r{i}@{domain}>"),
    ]
    answer = "held" if i >= tickets - _HELD else "dropped" if i % _DROPPED == 0 else "filed"
    for seq, mail_id, when, message_id in mails:
        state = answer if when > at else "filed"
        decision = json.dumps({"outcome": "new", "ticket": number, "rung": "new"})
        yield (
            "incoming",
            (
                *(seq, mail_id, state, when, who, '["support@desk.example"]', "192.0.2.1", "mx.example", "ESMTPS", "TLSv1.3", 0),
                *(
                    _VERDICT,
                    300,
                    f"{seq:064x}",
                    message_id,
                    0,
                    1,
                    0,
                    "" if state == "filed" else "no proof",
                    decision,
                    0.0,
                    None,
                    0.0,
                ),
            ),
        )
        yield "incoming_raw", (seq, 0, b"Received: from x\r\n", b"Subject: x\r\n\r\n" + b"the printer " * 20, None, 0, 0)
        if state != "filed":
            yield "held_for", (mail_id, id_)
            continue
        yield (
            "entry",
            (
                *(seq, _id(when, 5 + seq % 2 * 3), id_, "customer", who, when, text),
                *(mail_id, message_id, "dmarc-dkim", "[]", "[]", "new", None, "[]"),
            ),
        )
        yield "message_ref", (message_id, id_, 0)
        yield "fingerprint", (f"{seq * 2654435761 % 2**64:016x}{seq:048x}", id_, mail_id, when, 1, 0)
    sent, ours = _id(at, 6), answer_id(i, tickets, now)
    yield "outgoing", (sent, ours, "received", id_, None, at, 0, 0, mails[0][1])
    yield "outgoing_raw", (sent, 0, b"Message-ID: " + ours.encode() + b"\r\n\r\n" + b"we have it " * 20)
    yield "message_ref", (ours, id_, 1)
    went, code, reply = ("delivered", 250, "250 ok") if i % _REFUSED else ("failed", 550, "550 no such user")
    yield "recipient", (_id(at, 7), sent, 0, who, domain, None, went, 1, at, None, None, 0, code, reply)
    yield "attempt", (i + 1, _id(at, 7), at + 1, went, at, code, reply, "192.0.2.2", "TLSv1.3")
    if at > now - 7 * 86400:
        yield "acknowledgement", (i + 1, who, at, int(at // 60), "received")


def _due(ticket: int, desk: str, at: float, *, open_: bool, snoozed: bool) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What time brings, and the targets."""
    if not open_:
        yield "due", (ticket, "state", None, at + 900, "closed", 0, 0)
    elif snoozed:
        yield "due", (ticket, "snooze", at + 3 * 86400, at, "received", 0, 0)
    due_at = at + 8 * 3600 if open_ else None
    clock = TargetClock(ticket, desk, answer=Watch(0.0, at) if open_ else None, answered=not open_, due_at=due_at, due=Target.FIRST)
    yield "target", (ticket, desk, due_at, None, 0, kept_json(clock))
    if not open_:
        yield "target_met", (ticket, "first", at + 900, desk, 0.0)


# --- measuring --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filled:
    """A store that build() has filled, and when that was."""

    path: Path
    tickets: int
    now: float


def _mails(config: Config, tickets: int, now: float, seed: int) -> list[tuple[Accepted, ParsedMail]]:
    """Mails and what the parser makes of each: half open tickets, half answer one of any age."""
    chance, made, run = random.Random(seed), [], f"{seed}.{time.time():.3f}"
    for number in range(_MAILS):
        old = chance.randrange(tickets)
        reply = number % 2
        who = sender_of(old) if reply else f"new{run}.{number}@fresh.example"
        message_id = f"<{run}.{number}@growth.example>"
        header = f"From: <{who}>\r\nTo: support@desk.example\r\nSubject: {'Re: ' * reply}Question {seed}/{number}\r\n"
        header += f"Date: Fri, 20 Nov 2026 10:00:00 +0100\r\nMessage-ID: {message_id}\r\n"
        header += f"In-Reply-To: {answer_id(old, tickets, now)}\r\n" * reply
        raw = (header + f"\r\nHello, this is mail {number} of run {seed}: it still does not print.\r\n" * 4).encode()
        mail = accepted(
            id_text(new_id(SystemClock())), raw=raw, at=time.time(), message_id=message_id, mail_from=who,
            rcpts=("support@desk.example",),
        )  # fmt: skip
        mail = replace(mail, verdict=replace(mail.verdict, author=who))
        made.append((mail, parse(raw, mail_from=who, limits=config.limits)))
    return made


async def measure(stores: Sequence[Filled], seed: int) -> dict[int, dict[str, float]]:
    """CPU microseconds of each piece, by the number of tickets; and the peak of memory in MB."""
    opened = {}
    try:
        for one in stores:
            config = Config(**settings(one.path.parent / "config", 25)).model_copy(update={"limits": Limits()})
            store = await SqliteStore.open(one.path)
            pipeline = await build_pipeline(config, store, SystemClock())
            opened[one] = _Batches(store, pipeline, _mails(config, one.tickets, one.now, seed))
        found = {one.tickets: {name: float("inf") for name in _lists(opened[one].store, one)} for one in stores}
        for start in range(0, _MAILS, _BATCH):
            for batches in opened.values():
                await batches.file(start)
        for turn in range(_TURNS + 1):  # the first one fills the caches
            for one, batches in opened.items():
                for name, ask in _lists(batches.store, one).items():
                    cost = await _cost(ask, _ASKED)
                    if turn:
                        found[one.tickets][name] = min(cost, found[one.tickets][name])
    finally:
        for batches in opened.values():
            await batches.store.close()
    for one, batches in opened.items():
        asked = found[one.tickets]
        found[one.tickets] = {"filing": batches.cost(), **asked, "lists and polls": sum(asked.values()), "memory": _peak()}
    return found


def _peak() -> float:
    """MB. What getrusage says begins with the peak of the process that started this one."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


async def _cost(ask: Callable[[], Awaitable[object]], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        await ask()
    return (time.process_time() - began) / times * 1e6


@dataclass
class _Batches:
    """Mails to be filed in small batches, as under load, and what each batch cost."""

    store: SqliteStore
    pipeline: Pipeline
    mails: list[tuple[Accepted, ParsedMail]]
    costs: list[float] = field(default_factory=list)

    async def file(self, start: int) -> None:
        batch = self.mails[start : start + _BATCH]
        parsed = {mail.envelope.mail_id: read for mail, read in batch}

        async def one(mail: Incoming) -> None:
            ready = self.pipeline.prepare(mail, parsed[mail.id], time.time())
            await self.store.file(mail.id, worker="w", query=ready.query, decide=lambda facts: self.pipeline.decide(ready, facts))

        began = time.process_time()
        await asyncio.gather(*(self.store.accept(mail) for mail, _ in batch))
        claimed = await self.store.claim(worker="w", now=time.time(), lease=60, limit=_BATCH)
        await asyncio.gather(*(one(mail) for mail in claimed))
        self.costs.append((time.process_time() - began) / _BATCH * 1e6)
        assert len(claimed) == len(batch)

    def cost(self) -> float:
        """Of one mail, in the cheaper half of the batches: the others met a checkpoint or somebody else's work."""
        half = sorted(self.costs)[: max(1, len(self.costs) // 2)]
        return sum(half) / len(half)


def _lists(store: SqliteStore, of: Filled) -> dict[str, Callable[[], Awaitable[object]]]:
    tickets, now = of.tickets, of.now
    chance = random.Random(1)
    numbers = iter(lambda: chance.randrange(tickets), -1)
    opened = [status for status in Status if status.open]
    agent, day, month = _AGENTS[3], 86400.0, 30 * 86400.0
    notice = Bulletin(1, "printer", Matter.OUTAGE, {"en": "It burns."}, agent, now, since=now - 7 * day)
    members = dict.fromkeys(_DESKS, _AGENTS)

    def asked(what: Listed) -> Callable[[], Awaitable[object]]:
        listing = Listing(what, _DESKS, agent=agent, words=("question", "1999"))
        return lambda: store.facts(a_query(now=now, sender=agent, of_agent=True, listing=listing))

    def of_person() -> Awaitable[object]:
        who = sender_of(next(numbers))
        return store.facts(a_query(now=now, sender=who, conversation=True, open_tickets=True, personal=True, customer=who))

    def of_held() -> Awaitable[object]:
        holding = HoldingQuery(may_be_held=True, fresh=True)
        return store.facts(a_query(now=now, desks=_DESKS, members=members, holding=holding))

    async def claim() -> None:
        assert not await store.claim(worker="w", now=0.0, lease=60, limit=10)

    async def deliveries() -> None:
        assert not await store.claim_deliveries(worker="w", now=0.0, limit=10, next_at=lambda _n: 0.0)

    return {
        "open tickets, newest 50": lambda: store.tickets(desk=None, statuses=opened, sender=None, limit=50),
        "a desk's, newest 50": lambda: store.tickets(desk="sales", statuses=(), sender=None, limit=50),
        "a page in the middle": lambda: store.tickets(
            desk=None, statuses=[Status.CLOSED], sender=None, limit=50, before=_id(_opened(tickets // 2, tickets, now), 1)
        ),
        "a sender's": lambda: store.tickets(desk=None, statuses=(), sender=sender_of(next(numbers)), limit=50),
        "mail, newest 50": lambda: store.mails(None, limit=50),
        "held mail": lambda: store.mails(MailState.HELD, limit=50),
        "mails of a Message-ID": lambda: store.mails_of_message_id(f"<q{(i := next(numbers))}@c{i % 997}.example>"),
        "queue, newest 50": lambda: store.queue(states=(), ticket_number=None, limit=50),
        "queue that waits": lambda: store.queue(states=[DeliveryState.QUEUED], ticket_number=None, limit=50),
        "queue of a domain": lambda: store.queue(states=(), ticket_number=None, limit=10, domain="c5.example"),
        "counts": store.counts,
        "status": lambda: store.overview(now),
        "poll for mail to file": claim,
        "poll for mail to send": deliveries,
        "when the next is due": store.next_due,
        "#list": asked(Listed.OPEN),
        "#mine": asked(Listed.MINE),
        "#next": asked(Listed.NEXT),
        "#find": asked(Listed.WORDS),
        "what is due first, 50": lambda: store.due_tickets(_DESKS, statuses=(), until=None, limit=50),
        "how many are late": lambda: store.overdue(_DESKS, now),
        "targets of three days": lambda: store.targets_met("support", now - 3 * day, now),
        "poll for what is due": lambda: store.first_due(now - 2 * month),
        "an agent's digest": lambda: store.daily(agent, _DESKS, now, now + day / 2),
        "what is known of a person": of_person,
        "who hears of held mail": of_held,
        "a bite of a notice": lambda: store.affected(notice, Place(ended=True), 100),
    }


# --- comparing --------------------------------------------------------------------------------------------------------


def _child(stores: Sequence[Filled], seed: int) -> dict[int, dict[str, float]]:
    command = [sys.executable, "-m", "benchmarks", "growth", "--child", str(seed), *(str(one.path) for one in stores)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {int(tickets): found for tickets, found in json.loads(done.stdout).items()}


def _filled(path: Path) -> Filled:
    return Filled(path, int(path.parent.name), float(path.with_name("now").read_text()))


def compare(directory: Path, sizes: Sequence[int], runs: int) -> dict[int, dict[str, float]]:
    """The best of each figure, by size."""
    stores = []
    for size in sizes:
        path = directory / f"{size}" / "store.db"
        if not path.with_name("now").exists():
            began, now = time.monotonic(), time.time()
            build(path, size, now)
            path.with_name("now").write_text(repr(now))
            print(f"{size} tickets filled in {time.monotonic() - began:.0f} s, {path.stat().st_size >> 20} MB", flush=True)
        stores.append(_filled(path))
    found = [_child(stores, number) for number in range(runs)]
    best = {size: {name: min(one[size][name] for one in found) for name in found[0][size]} for size in sizes}
    for one in stores:
        best[one.tickets]["memory"] = _child([one], runs)[one.tickets]["memory"]
    return best


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--child"]:
        print(json.dumps(asyncio.run(measure([_filled(Path(path)) for path in arguments[2:]], int(arguments[1])))))
        return 0
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth")
    parser.add_argument("sizes", type=int, nargs="*", default=list(_SIZES))
    parser.add_argument("--keep", type=Path, help="a directory where the stores stay, and are found again")
    parser.add_argument("--runs", type=int, default=_RUNS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="smtpgate-growth-") as directory:
        place = options.keep or Path(directory)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = compare(place, options.sizes, options.runs)
    return _print(found)


def _print(found: dict[int, dict[str, float]]) -> int:
    sizes = list(found)
    few, many = found[sizes[0]], found[sizes[-1]]
    print(f"\n| CPU us | {' | '.join(f'{size:,} tickets' for size in sizes)} | ratio | goal |\n|---|{'---|' * (len(sizes) + 2)}")
    missed = 0
    for name in few:
        if name != "memory":
            ratio, goal = many[name] / few[name], _GOALS.get(name)
            missed += goal is not None and ratio > goal
            cells = " | ".join(f"{found[size][name]:.0f}" for size in sizes)
            print(f"| {name} | {cells} | {ratio:.2f} | {goal or ''} |")
    more = many["memory"] - few["memory"]
    cells = " | ".join(f"{found[size]['memory']:.0f}" for size in sizes)
    print(f"| peak memory, MB | {cells} | +{more:.1f} | +{_MEMORY:.0f} |")
    missed += more > _MEMORY
    print(f"\n{missed} of {len(_GOALS) + 1} goals missed")
    return 1 if missed else 0
