"""All tickets of a desk go to another one: of one that was renamed or is gone, or that an admin gives up.

In bites, each of them one transaction with its events, with rests between, so that mail comes in and goes out meanwhile. It may be
killed at any point and begun again. The agents of the new desk are told once, at the end. Raises StoreError.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from smtpgate.clock import new_id
from smtpgate.config import Config
from smtpgate.desk.targets import Happened
from smtpgate.desksettings import Desk
from smtpgate.errors import StoreError
from smtpgate.handlers import deskwords, targets
from smtpgate.handlers.doing import SPAM
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.links import LinkKind
from smtpgate.mail.letters import ComposeError
from smtpgate.model import Entry, EntryKind, Ticket
from smtpgate.store import desks
from smtpgate.store.api import Changes, TicketUpdate
from smtpgate.store.verbs import VerbStore

log = structlog.get_logger(__name__)

BITE = 100  # tickets of one transaction
_PAGE = 20_000  # tickets that are looked through at once for those that several desks share
_REST = 0.005  # seconds between bites, at least; and twice as long as the bite took


async def logged_strays(store: VerbStore, config: Config) -> list[str]:
    """The warnings, which the log has too. Never fails."""
    try:
        found = await desks.strays_of(store, {desk.name for desk in config.desk})
    except StoreError as error:
        log.warning("tickets of desks that are gone could not be counted", error=str(error))
        return []
    for name, count in found.items():
        mend = f"smtpgate desk move {name} DESK"
        log.warning("tickets belong to a desk that the configuration does not have", desk=name, tickets=count, mend=mend)
    return warnings(config, found)


def warnings(config: Config, strays: Mapping[str, int]) -> list[str]:
    """For whoever changed the configuration: which desks it has no more, and how many tickets that leaves to the first one."""
    first = config.desk[0].name
    return [
        f"{tickets(count)} to desk {name}, which the configuration does not have: desk {first} looks after them, and they stand in "
        f"no list; smtpgate desk move {name} DESK gives them to another one"
        for name, count in sorted(strays.items())
    ]


def tickets(count: int) -> str:
    more = f"{count} or more" if count >= desks.COUNTED else f"{count}"
    return f"{more} ticket{' belongs' if count == 1 else 's belong'}"


@dataclass(slots=True)
class Move:
    """One such move. author: for the tickets' history; told: hears of how many went so far."""

    pipeline: Pipeline
    store: VerbStore
    old: str
    new: Desk
    author: str = ""
    quiet: bool = False
    told: Callable[[int], None] = lambda _: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self) -> int:
        """All of it. How many tickets went in this run."""
        store, old, new = self.store, self.old, self.new.name
        if self.pipeline.config.desk_named(old) is None:
            await desks.begin(store, old, new)
        done = 0
        while count := await self._bite(lambda: desks.bite(store, old, new, most=BITE, decide=self._moved)):
            done += count
            self.told(done)
        await self._others()
        await desks.tell(store, old, self._letters)
        return done

    async def _bite(self, make: Callable[[], Awaitable[int]]) -> int:
        began = time.monotonic()
        count = await make()
        await self.sleep(max(_REST, 2 * (time.monotonic() - began)))
        return count

    async def _others(self) -> None:
        """Tickets of other desks that are at this one too."""
        store, after = self.store, 0
        while True:
            found, last = await desks.sharing(store, self.old, after, most=_PAGE)
            for start in range(0, len(found), BITE):
                await desks.share(store, found[start : start + BITE], self.old, self._shared)
                await self.sleep(_REST)
            if last is None:
                return
            after = last

    def _moved(self, tickets: Sequence[Ticket]) -> tuple[Changes, list[int]]:
        """As #move: who has a ticket keeps it when he is an agent there too. It is no sign of life of the ticket."""
        pipeline, now = self.pipeline, self.pipeline.clock.now()
        members = {pipeline.post.key(agent) for agent in self.new.agents}
        changes, freed = Changes(), 0
        for ticket in tickets:
            leaves = ticket.assignee and pipeline.post.key(ticket.assignee) not in members
            freed += bool(leaves and ticket.status.open)
            others = self._beside(ticket, self.new.name) if ticket.other_desks else None
            update = TicketUpdate(ticket.id, desk=self.new.name, assignee="" if leaves else None, other_desks=others)
            one = self._counted(ticket, update, now)
            changes = replace(
                changes,
                updates=(*changes.updates, *one.updates),
                clocks=(*changes.clocks, *one.clocks),
                met=(*changes.met, *one.met),
                unmet=(*changes.unmet, *one.unmet),
                entries=(*changes.entries, self._event(ticket.id, f"moved from desk {self.old} to {self.new.name}", now)),
            )
        return changes, [len(tickets), sum(ticket.status.open for ticket in tickets), freed]

    def _counted(self, ticket: Ticket, update: TicketUpdate, now: float) -> Changes:
        """Until when it is due there. Of a desk that is gone nobody knows the hours any more: those of the new one count for
        all of it, as if it had only another name."""
        if ticket.clock is None and not ticket.status.open:
            return Changes(updates=(update,))
        if ticket.clock is not None and self.pipeline.config.desk_named(ticket.clock.desk) is None:
            ticket = replace(ticket, clock=replace(ticket.clock, desk=self.new.name))
        void = SPAM in ticket.tags or any(link.kind is LinkKind.INTO for link in ticket.links)
        happened = Happened(now, self.new.name, ticket.status, ticket.priority, void=void, snoozed_until=ticket.snoozed_until)
        return targets.following(self.pipeline.config, ticket, update, happened)

    def _shared(self, found: Sequence[Ticket]) -> Changes:
        now = self.pipeline.clock.now()
        text = f"also at desk {self.new.name}, no longer at {self.old}"
        return Changes(
            updates=tuple(TicketUpdate(ticket.id, other_desks=self._beside(ticket, ticket.desk)) for ticket in found),
            entries=tuple(self._event(ticket.id, text, now) for ticket in found),
        )

    def _beside(self, ticket: Ticket, desk: str) -> tuple[str, ...]:
        """The other desks of a ticket that is at this one."""
        named = dict.fromkeys(self.new.name if name == self.old else name for name in ticket.other_desks)
        return tuple(name for name in named if name != desk)

    def _event(self, ticket_id: int, text: str, now: float) -> Entry:
        return Entry(new_id(self.pipeline.clock), ticket_id, EntryKind.EVENT, self.author, now, text)

    def _letters(self, gone: Mapping[str, Sequence[int]]) -> Changes:
        """One to each agent of the desks that have got tickets."""
        if self.quiet:
            return Changes()
        pipeline, mails = self.pipeline, []
        for name, (count, opened, freed) in gone.items():
            desk = pipeline.config.desk_at(name)
            for address in desk.agents if desk.name == name else ():
                agent = pipeline.config.agent_of(address)
                title, lines = deskwords.came(agent.language, self.old, desk, count, opened, freed)
                try:
                    mails.append(
                        pipeline.post.receipt(
                            title=title,
                            desk=desk,
                            ticket=None,
                            agent=agent,
                            now=pipeline.clock.now(),
                            lines=lines,
                            in_reply_to=None,
                            purpose="alert",
                        )
                    )
                except ComposeError:  # an agent who cannot be written to stops nobody
                    continue
        return Changes(outgoing=tuple(mails))
