"""What a driver has to run verbs with, and the verbs that only read: each method names its generator.

Fails as store.api says; the driver turns its own errors into those.
"""

from __future__ import annotations

import asyncio
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from smtpgate.blocks import Block
from smtpgate.bulletin import Bulletin, BulletinSeen, Place
from smtpgate.due import Due, Member
from smtpgate.listing import Daily
from smtpgate.model import DeliveryState, Evidence, MailState, Status, Ticket
from smtpgate.store import (
    blocking,
    bulletins,
    daily,
    due,
    filework,
    history,
    imported,
    incoming,
    look,
    meta,
    overview,
    queue,
    rows,
    targets,
    verify,
    worked,
)
from smtpgate.store import facts as facts_verb
from smtpgate.store.api import Facts, FactsQuery, Incoming
from smtpgate.store.check import check
from smtpgate.store.rawfiles import RawFiles
from smtpgate.store.seen import Finding, History, Overview, SourcedEntry, WorkedTime
from smtpgate.store.shown import OutgoingDetail, Pause, RecipientStatus, TicketDetail
from smtpgate.store.statement import T, Verb
from smtpgate.target import Count


class Driver(ABC):
    """Runs generators. What one means by durable, ordered and a snapshot is its own affair."""

    files: RawFiles  # of large raw mail

    @abstractmethod
    async def close(self) -> None:
        """Finish what is queued and close. Safe to call twice."""

    @property
    @abstractmethod
    def commits(self) -> int:
        """Transactions that this store has committed, for tests and benchmarks."""

    @abstractmethod
    async def size(self) -> int:
        """Bytes of the file or the database."""

    @abstractmethod
    async def join(self, node: str, handlers: Mapping[str, Callable[[], None]]) -> None:
        """Be known to the other nodes, if the database has any, and have handlers called for their news (MAIL, OUTGOING).

        Raises StoreError when another one has that name.
        """

    @abstractmethod
    async def _write(
        self, make: Callable[[], Verb[T]], size: int = 0, *, ordered: bool = False, news: str = "", patience: float = 0.0
    ) -> T:
        """Run a new verb in a transaction that is durable when this returns. size: its octets, for the batch limit.

        ordered: its answer depends on what others write, so that such verbs happen one after the other, among all nodes.
        news: what other nodes may want to know of when it has happened. The verb may be run more than once: only the last
        run counts. patience: seconds that it may wait for others to share its commit.
        """

    @abstractmethod
    async def _read(self, make: Callable[[], Verb[T]]) -> T:
        """Run a new verb on one snapshot."""

    @abstractmethod
    async def forgotten(self) -> None:
        """What was erased is out of what the database keeps beside its rows too, as far as that can be had while it runs."""


class Reads(Driver):
    """What everybody may ask at any time: it waits for no writer."""

    # mail

    async def _whole(self, mails: Sequence[Incoming]) -> list[Incoming]:
        """With the bytes that are in files. One that has just moved is looked for where it is now."""
        if all(mail.kept is None for mail in mails):
            return list(mails)
        found = await asyncio.to_thread(lambda: [rows.whole(mail, self.files) for mail in mails])
        for number, mail in enumerate(found):
            if mail.fault is not None and mail.kept is not None:
                place = await self._read(functools.partial(incoming.place_of, mail.kept.part.file))
                if place != mail.kept.part.place:
                    kept = replace(mail.kept, part=replace(mail.kept.part, place=place))
                    found[number] = await asyncio.to_thread(rows.whole, replace(mail, kept=kept, fault=None), self.files)
        return found

    async def facts(self, query: FactsQuery) -> Facts:
        return await self._read(lambda: facts_verb.facts(query))

    async def mail(self, mail_id: str) -> Incoming | None:
        mail = await self._read(lambda: incoming.mail(mail_id))
        return None if mail is None else (await self._whole([mail]))[0]

    async def mails(self, state: MailState | None, *, limit: int, before: str | None = None) -> Sequence[Incoming]:
        return await self._read(lambda: incoming.mails(state, limit, before))

    async def mails_of_message_id(self, message_id: str) -> Sequence[Incoming]:
        return await self._read(lambda: incoming.mails_of_message_id(message_id))

    async def clients(self, limit: int) -> Sequence[tuple[str, Evidence, str]]:
        return await self._read(lambda: incoming.clients(limit))

    async def imported(self, keys: Sequence[str]) -> dict[str, str]:
        return await self._read(lambda: imported.decisions(keys))

    # tickets and the queue

    async def ticket(self, number: str) -> TicketDetail | None:
        return await self._read(lambda: look.ticket(number))

    async def tickets(
        self, *, desk: str | None, statuses: Sequence[Status], sender: str | None, limit: int, before: int | None = None
    ) -> Sequence[Ticket]:
        return await self._read(lambda: look.tickets(desk, statuses, sender, limit, before))

    async def entries(self, ticket_ids: Sequence[int]) -> dict[int, tuple[SourcedEntry, ...]]:
        return await self._read(lambda: look.entries(ticket_ids))

    async def outgoing(self, outgoing_id: int) -> OutgoingDetail | None:
        return await self._read(lambda: look.outgoing(outgoing_id))

    async def history(self, name: str, *, number: int | None, limit: int) -> History | None:
        return await self._read(lambda: history.history(name, number, limit))

    async def queue(
        self,
        *,
        states: Sequence[DeliveryState],
        ticket_number: str | None,
        limit: int,
        before: int | None = None,
        domain: str | None = None,
        created_before: float | None = None,
        address: str | None = None,
    ) -> Sequence[RecipientStatus]:
        return await self._read(lambda: look.queue(states, ticket_number, limit, before, domain, created_before, address))

    async def overview(self, now: float) -> Overview:
        return await self._read(lambda: overview.overview(now))

    async def worked(
        self, by: str, *, desk: str | None, agent: str | None, since: float | None, until: float | None
    ) -> Sequence[WorkedTime]:
        return await self._read(lambda: worked.summed(by, desk, agent, since, until))

    async def blocks(self, desk: str | None) -> Sequence[Block]:
        return await self._read(lambda: blocking.all_of(desk))

    async def counts(self) -> dict[str, int]:
        return await self._read(look.counts)

    async def check(self) -> list[str]:
        """What is wrong with the data, one line each; nothing when all is well. Reads everything."""
        return await self._read(check)

    async def verify(self, now: float) -> list[Finding]:
        """Everything that check looks at, and every mail's bytes, page by page."""
        found = [Finding(fault, verify.BUG) for fault in await self.check()]
        for page_of in (functools.partial(verify.incoming_page, self.files), verify.entry_page, verify.outgoing_page):
            after: int | None = 0
            while after is not None:
                page, after = await self._read(functools.partial(page_of, after))
                found += page
        for page_of_files in filework.settled(self.files, now):
            found += await self._read(functools.partial(verify.files_page, page_of_files))
        found += await self._read(lambda: verify.leases(now))
        found += await self._read(lambda: verify.overdue(now))
        found += await self._read(verify.serials)
        found += await self._read(verify.numbers)
        return found

    async def next_due(self) -> float | None:
        return await self._read(queue.next_due)

    async def pauses(self) -> Sequence[Pause]:
        return await self._read(queue.pauses)

    # time

    async def first_due(self, now: float) -> Due | None:
        """What has been due for longest."""
        return await self._read(lambda: due.first(now))

    async def members(self) -> dict[str, Member]:
        """What is kept of agents, by mail.address.key."""
        return await self._read(due.members)

    async def daily(self, agent: str, desks: Sequence[str], now: float, until: float) -> Daily:
        """What waits for an agent; until: the end of his day."""
        return await self._read(lambda: daily.daily(agent, desks, now, until))

    async def targets_of(self) -> str:
        return await self._read(meta.targets_of)

    async def targets_met(self, desk: str, begin: float, end: float) -> Sequence[Count]:
        return await self._read(lambda: targets.met(desk, begin, end))

    async def overdue(self, desks: Sequence[str], now: float) -> dict[str, int]:
        return await self._read(lambda: look.overdue(desks, now))

    async def due_tickets(
        self, desks: Sequence[str], *, statuses: Sequence[Status], until: float | None, limit: int
    ) -> Sequence[Ticket]:
        return await self._read(lambda: look.due_tickets(desks, statuses, until, limit))

    # notices to many

    async def affected(self, bulletin: Bulletin, place: Place, limit: int) -> tuple[tuple[Ticket, ...], Place | None]:
        return await self._read(lambda: bulletins.affected(bulletin, place, limit))

    async def bulletins(self, limit: int) -> Sequence[BulletinSeen]:
        return await self._read(lambda: bulletins.seen(limit))

    # small facts

    async def known_number_patterns(self) -> tuple[str, ...]:
        return await self._read(meta.known_number_patterns)

    async def known_token_key(self) -> bytes | None:
        return await self._read(meta.known_token_key)
