"""Files the history that archives hold: in the order in which it arrived, through the same handlers, sending nothing.

Reading, parsing and filing overlap: a few batches are parsed ahead in the pool's processes while one is committed. A
batch is one transaction, the batches go in order, and each mail is remembered by its place and content; so an import
that died is simply started again. Raises StoreError; what cannot be read is reported and the rest goes on.
"""

from __future__ import annotations

import asyncio
import json
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import structlog

from smtpgate.archive.box import Box, Unreadable
from smtpgate.archive.search import Found
from smtpgate.clock import Clock, id_text, new_id
from smtpgate.config import Config
from smtpgate.desksettings import Desk
from smtpgate.errors import ArchiveError, ParseFailed, StoreError, StoreMisuse
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.mail.worker import ParserPool
from smtpgate.model import MailState, ParsedMail, Status
from smtpgate.oldmail import Old, prepare
from smtpgate.store.api import Incoming, OldMail, Store

log = structlog.get_logger(__name__)

BATCH = 64  # mails in one transaction
BATCH_OCTETS = 8 * 1024**2
AHEAD = 3  # batches that are read and parsed before their turn
_OVERTAKEN = 300.0  # seconds by which an answer may arrive before what it answers, and is filed behind it all the same


@dataclass(frozen=True, slots=True)
class Options:
    desk: Desk  # whose the mail is that names none
    lists_are_machines: bool = False
    opens_as: Status = Status.CLOSED


@dataclass
class Report:
    """What an archive held, earlier runs of the same import included. already: how many mails those had filed."""

    mails: int = 0
    tickets: int = 0
    repeats: int = 0
    automatic: int = 0
    opaque: int = 0
    already: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)
    ignored: list[Unreadable] = field(default_factory=list)
    continued: set[str] = field(default_factory=set)  # numbers of tickets that got more than one mail

    @property
    def threads(self) -> int:
        return len(self.continued)

    def count(self, decision: str) -> None:
        decided = json.loads(decision)
        self.mails += 1
        self.tickets += len(decided["tickets"])
        if decided["outcome"] == "repeat":
            self.repeats += 1
        elif decided["ticket"] and decided["outcome"] in ("joined", "noted"):
            self.continued.add(decided["ticket"])
        self.automatic += decided["outcome"] != "repeat" and bool({"automatic", "noted"} & {*decided["marks"], decided["outcome"]})


@dataclass(slots=True)
class Importer:
    """patience: how long to leave the store alone after a batch that took so many seconds."""

    config: Config
    store: Store
    pipeline: Pipeline
    parser: ParserPool
    clock: Clock
    options: Options
    step: Callable[[int], None] = lambda _: None
    patience: Callable[[float], float] = lambda _: 0.0

    async def run(self, found: Found) -> Report:
        report = Report(unreadable=list(found.unreadable), ignored=list(found.ignored))
        waiting: deque[asyncio.Task[list[_Ready]]] = deque()
        places = _in_order(found.boxes)
        try:
            more = True
            while more or waiting:
                while more and len(waiting) < AHEAD:
                    batch = await asyncio.to_thread(self._read, places, report)
                    more = bool(batch)
                    if batch:
                        waiting.append(asyncio.create_task(self._parse(batch)))
                if waiting:
                    await self._file(await waiting.popleft(), report)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        return report

    def _read(self, places: Iterator[tuple[Box, int]], report: Report) -> list[_Ready]:
        """The next batch; empty when there is no more."""
        batch: list[_Ready] = []
        octets = 0
        while len(batch) < BATCH and octets < BATCH_OCTETS and (place := next(places, None)) is not None:
            box, index = place
            source = box.source(index)
            try:
                content = box.read(index)
            except (ArchiveError, OSError) as error:
                report.unreadable.append(Unreadable(source, getattr(error, "strerror", None) or str(error)))
                self.step(1)
                continue
            old = prepare(
                content,
                source=source,
                place=box.place(index),
                arrived=box.times[index],
                mail_id=id_text(new_id(self.clock)),
                config=self.config,
                tokens=self.pipeline.tokens,
                desk=self.options.desk,
                lists_are_machines=self.options.lists_are_machines,
            )
            octets += len(content)
            batch.append(_Ready(old, source))
        return batch

    async def _parse(self, batch: list[_Ready]) -> list[_Ready]:
        known = await self.store.imported([one.old.key for one in batch])
        for one in batch:
            one.decision = known.get(one.old.key)
        await asyncio.gather(*(self._parse_one(one) for one in batch if one.decision is None))
        return batch

    async def _parse_one(self, one: _Ready) -> None:
        old, limits = one.old, self.config.limits
        raw = old.accepted.raw
        try:
            if len(raw) > limits.message_size:
                raise ParseFailed(f"it is larger than limits.message_size ({limits.message_size} octets)")
            one.parsed = await self.parser.parse(old.readable, old.mail_from)
        except ParseFailed as error:
            log.warning("mail cannot be read, filed whole", source=one.source, reason=str(error))
            from smtpgate.mail.parse import opaque

            one.parsed = opaque(raw, mail_from=old.mail_from, limits=limits, reason=str(error))

    async def _file(self, batch: list[_Ready], report: Report) -> None:
        began = self.clock.monotonic()
        report.already += sum(one.decision is not None for one in batch)
        fresh = _questions_first([one for one in batch if one.decision is None])
        try:
            await self._commit(fresh)
        except Exception as error:
            if _refused(error):
                raise
            log.exception("filing failed, mail by mail now")
            await self._commit_each(fresh, report)
        for one in batch:
            if one.decision is not None:
                report.count(one.decision)
                report.opaque += one.parsed is not None and one.parsed.opaque
        self.step(len(batch))
        pause = self.patience(self.clock.monotonic() - began)
        if pause > 0:
            await self.clock.sleep(pause)

    async def _commit_each(self, batch: list[_Ready], report: Report) -> None:
        """One of them is what a bug of ours stumbles over: the others are filed all the same, in their order."""
        for one in batch:
            try:
                await self._commit([one])
            except Exception as error:
                if _refused(error):
                    raise
                log.exception("filing failed", source=one.source)
                report.unreadable.append(Unreadable(one.source, f"filing it fails ({type(error).__name__}); see the log"))

    async def _commit(self, batch: list[_Ready]) -> None:
        if batch:
            decisions = await self.store.file_imported([self._question(one) for one in batch])
            for one, decision in zip(batch, decisions, strict=True):
                one.decision = decision

    def _question(self, one: _Ready) -> OldMail:
        assert one.parsed is not None
        accepted, parsed = one.old.accepted, one.parsed
        mail = Incoming(
            id=accepted.envelope.mail_id,
            state=MailState.ACCEPTED,
            envelope=accepted.envelope,
            verdict=accepted.verdict,
            received_at=accepted.envelope.received_at,
            size=len(accepted.raw),
            sha256=one.old.sha256,
            message_id=accepted.message_id,
            raw=accepted.raw,
        )
        ready = self.pipeline.prepare(mail, parsed, mail.received_at)
        decide = partial(self.pipeline.decide, ready, opens_as=self.options.opens_as)
        return OldMail(accepted, one.source, one.old.key, ready.query, decide)


@dataclass(slots=True, eq=False)
class _Ready:
    """A mail on its way. decision: what was made of it, once it is filed."""

    old: Old
    source: str
    parsed: ParsedMail | None = None
    decision: str | None = None

    @property
    def arrived(self) -> float:
        return self.old.accepted.envelope.received_at


def _questions_first(batch: list[_Ready]) -> list[_Ready]:
    """An answer that came through a list a moment before its question is filed right behind it: alone it would open a
    ticket, and the question, which may belong to another one, could not join both."""
    places: dict[str, int] = {}
    for i, one in enumerate(batch):
        if one.parsed and one.parsed.message_id:
            places.setdefault(one.parsed.message_id, i)
    behind: dict[int, list[int]] = {}
    held: set[int] = set()
    for i, one in enumerate(batch):
        names = (*one.parsed.in_reply_to, *one.parsed.references) if one.parsed else ()
        question = max((places.get(name, -1) for name in names), default=-1)
        if question > i and batch[question].arrived - one.arrived <= _OVERTAKEN:
            behind.setdefault(question, []).append(i)
            held.add(i)
    if not held:
        return batch
    out: list[_Ready] = []
    for i in range(len(batch)):
        todo = [] if i in held else [i]
        while todo:
            place = todo.pop()
            out.append(batch[place])
            todo.extend(reversed(behind.get(place, ())))
    return out


def _refused(error: Exception) -> bool:
    """The store cannot do it now, whichever mail it is."""
    return isinstance(error, StoreError) and not isinstance(error, StoreMisuse)


def _in_order(boxes: list[Box]) -> Iterator[tuple[Box, int]]:
    """All mails by the time they arrived; of the same moment, as they lie. About 100 octets a mail while it sorts."""
    times: array[float] = array("d")
    starts = array("q")
    for box in boxes:
        starts.append(len(times))
        times.extend(box.times)
    order = array("q", sorted(range(len(times)), key=times.__getitem__))
    box_of = array("i")
    for number, box in enumerate(boxes):
        box_of.extend([number] * len(box.times))
    for place in order:
        number = box_of[place]
        yield boxes[number], place - starts[number]
