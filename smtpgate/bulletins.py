"""Notices of delay, maintenance and outage to everybody whom they concern: who gets one, and the batches in which they are sent.

A person gets one mail, about the newest of the open tickets with the tag, in the language of that ticket, with its signed address.
Each batch is one transaction: after a crash the next run goes on where it was, and sends nothing twice. Raises UsageError, fit to
be shown; and StoreError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from smtpgate.blocks import Block, names
from smtpgate.bulletin import Bulletin, Place, Run, Served
from smtpgate.clock import new_id
from smtpgate.errors import UsageError
from smtpgate.handlers.doing import SPAM, thread
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.mail.letters import ComposeError
from smtpgate.model import Address, Entry, EntryKind, OutgoingMail, Ticket
from smtpgate.store.api import Changes, Store

BATCH = 100  # tickets of one transaction
AGAIN = 86_400.0  # seconds within which the same notice is taken for a slip


@dataclass(slots=True)
class Reach:
    """Whom a notice would reach: the ticket of each person, by address; and how many tickets it leaves out, by why."""

    people: dict[str, Ticket] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


async def reach(pipeline: Pipeline, store: Store, bulletin: Bulletin) -> Reach:
    """Changes nothing."""
    found, blocks = Reach(), await store.blocks(None)
    place: Place | None = Place()
    while place is not None:
        tickets, place = await store.affected(bulletin, place, BATCH)
        for ticket in tickets:
            why = _left_out(pipeline, bulletin, ticket, blocks)
            key = "" if ticket.customer is None else pipeline.post.key(ticket.customer.address)
            if why or key in found.people:
                why = why or "another ticket of somebody who is told already"
                found.left_out[why] = found.left_out.get(why, 0) + 1
            else:
                found.people[key] = ticket
    return found


async def begin(store: Store, bulletin: Bulletin, *, again: bool) -> None:
    """Raises UsageError for one that was sent a short while ago, unless it is meant again."""
    same = await store.begin_bulletin(bulletin, same_since=bulletin.created_at if again else bulletin.created_at - AGAIN)
    if same is not None and same.id == bulletin.follows and same.run is Run.ENDED:
        raise UsageError("it is over already: everybody has been told")
    if same is not None and same.run is Run.SENDING:
        raise UsageError("the same notice was begun and has not reached everybody: smtpgate notice resume goes on with it")
    if same is not None:
        raise UsageError("the same notice was sent within a day; --again sends it once more")


async def send(
    pipeline: Pipeline, store: Store, bulletin_id: int, *, per_minute: int, told: Callable[[int], None] = lambda _: None
) -> int:
    """All that are left, so many a minute as the queue lets them out. Returns to how many people; told hears of each batch."""
    began, blocks = pipeline.clock.now(), await store.blocks(None)
    done = 0
    while True:

        def decide(
            bulletin: Bulletin,
            tickets: Sequence[Ticket],
            before: frozenset[str],
            talk: Mapping[int, tuple[Entry, ...]],
            *,
            first: int = done,
        ) -> tuple[Changes, Sequence[Served]]:
            batch = _Batch(pipeline, bulletin, blocks, set(before), began, first, per_minute, talk)
            for ticket in tickets:
                batch.take(ticket)
            return batch.changes(), batch.served

        result = await store.bulletin_batch(bulletin_id, limit=BATCH, decide=decide)
        if result is None:
            raise UsageError("there is no such notice; smtpgate notice list shows all")
        done += result[0]
        told(done)
        if result[1] is not Run.SENDING:
            return done


def _left_out(pipeline: Pipeline, bulletin: Bulletin, ticket: Ticket, blocks: Sequence[Block]) -> str:
    """Why nobody is told because of this ticket; "" when its customer is."""
    customer = ticket.customer
    if customer is None:
        return "nobody's: automatic mail"
    if ticket.unverified:
        return "its sender is not proved"
    if SPAM in ticket.tags:
        return "spam"
    if any(block.who in names(customer.address) and block.desk in ("", ticket.desk) for block in blocks):
        return "its customer is blocked"
    if customer.fewer and not bulletin.matter.spares_questions:
        return "its customer wants fewer notices"
    if any(
        pipeline.post.key(agent) == pipeline.post.key(customer.address) for desk in pipeline.config.desk for agent in desk.agents
    ):
        return "an agent's own"
    return ""


@dataclass(slots=True)
class _Batch:
    """What one transaction does. told: keys of who has it."""

    pipeline: Pipeline
    bulletin: Bulletin
    blocks: Sequence[Block]
    told: set[str]
    began: float
    first: int
    per_minute: int
    talk: Mapping[int, tuple[Entry, ...]] = field(default_factory=dict)  # what was said in the tickets, the newest first
    served: list[Served] = field(default_factory=list)
    outgoing: list[OutgoingMail] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def take(self, ticket: Ticket) -> None:
        """Tell the customer, or note on the ticket that he was told elsewhere, or why not."""
        why = _left_out(self.pipeline, self.bulletin, ticket, self.blocks)
        customer, what = ticket.customer, f"{self.bulletin.matter.value} notice to all with the tag {self.bulletin.tag}"
        if why or customer is None:
            if customer is not None and customer.fewer and not ticket.unverified:
                self._event(ticket, f"{what}: not sent, {why}")
            return
        key = self.pipeline.post.key(customer.address)
        if key in self.told:
            self._event(ticket, f"{what}: the customer got it under another number")
            return
        try:
            self._tell(ticket, Address(customer.name, customer.address))
        except ComposeError as error:
            self._event(ticket, f"{what}: not sent, {error}")
        else:
            self.told.add(key)

    def _tell(self, ticket: Ticket, to: Address) -> None:
        bulletin, post, config = self.bulletin, self.pipeline.post, self.pipeline.config
        now = self.pipeline.clock.now()
        language = bulletin.language(ticket.language)
        text = bulletin.texts[language]
        entry = Entry(new_id(self.pipeline.clock), ticket.id, EntryKind.STATUS, bulletin.author, now, text)
        mail = post.to_customer(
            purpose="bulletin",
            desk=config.desk_at(ticket.desk),
            ticket=replace(ticket, language=language),
            to=to,
            now=now,
            send_at=max(now, self.began + (self.first + len(self.served)) * 60 / self.per_minute),
            references=thread(self.talk.get(ticket.id, ()), ticket),  # below the last mail that he has or wrote
            message=text,
            entry_id=entry.id,
            matter=bulletin.matter,
        )
        self.entries.append(replace(entry, message_id=mail.message_id))
        self.outgoing.append(mail)
        self.served.append(Served(to.address, ticket.id, mail.id))

    def _event(self, ticket: Ticket, text: str) -> None:
        clock = self.pipeline.clock
        self.entries.append(Entry(new_id(clock), ticket.id, EntryKind.EVENT, self.bulletin.author, clock.now(), text))

    def changes(self) -> Changes:
        return Changes(
            entries=tuple(self.entries),
            outgoing=tuple(self.outgoing),
            message_refs=tuple(map(self.pipeline.post.reference, self.outgoing)),
        )


def rendered(pipeline: Pipeline, bulletin: Bulletin, found: Reach) -> Iterator[tuple[str, int, OutgoingMail]]:
    """For each language the people who get it, and the mail to one of them, as it would be sent. Raises ComposeError."""
    of: dict[str, list[Ticket]] = {}
    for ticket in found.people.values():
        of.setdefault(bulletin.language(ticket.language), []).append(ticket)
    for language, tickets in of.items():
        batch = _Batch(pipeline, bulletin, (), set(), pipeline.clock.now(), 0, 60)
        assert tickets[0].customer is not None
        batch._tell(tickets[0], Address(tickets[0].customer.name, tickets[0].customer.address))
        yield language, len(tickets), batch.outgoing[0]
