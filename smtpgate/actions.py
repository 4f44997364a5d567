"""What a person does to a ticket or to poison mail: one transaction, its event, and the mail that tells the customer.

Raises UsageError, fit to be shown, when it cannot be done; then nothing was changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from smtpgate.clock import Clock, new_id
from smtpgate.config import Config
from smtpgate.desk.duty import Leaves
from smtpgate.desk.life import letter_for, told_of
from smtpgate.desk.targets import Happened
from smtpgate.errors import UsageError
from smtpgate.handlers import handing, merging, splitting, targets, tell, unmerging
from smtpgate.handlers.agentwords import LINES
from smtpgate.handlers.case import Work
from smtpgate.handlers.doing import thread
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.handlers.post import Post
from smtpgate.handlers.ticket import serial_key
from smtpgate.model import COPIES, Address, Entry, EntryKind, Role, Status, Ticket
from smtpgate.store.api import Changes, Choice, Facts, FactsQuery, Store, Taken, TicketUpdate

_LEASE = 60.0  # seconds to file one mail


async def set_status(pipeline: Pipeline, store: Store, *, number: str, status: Status, note: str, message: str, author: str) -> str:
    """Move a ticket to a state. note stays inside; message goes to the customer in the mail. Returns what was done."""
    detail = await store.ticket(number)
    if detail is None:
        raise UsageError(f"there is no ticket {number}")
    references = thread(detail.entries[::-1], detail.ticket)[-20:]
    done: list[str] = []

    def decide(ticket: Ticket | None, _: Facts) -> Changes:
        if ticket is None:
            raise UsageError(f"there is no ticket {number}")
        done.clear()
        return _change(pipeline, ticket, status, note, message, author, references, done)

    await store.change(ticket_number=number, query=None, decide=decide)
    return "; ".join(done)


async def merge(pipeline: Pipeline, store: Store, *, number: str, into: str, author: str, quiet: bool) -> str:
    """Make a ticket part of another one, by the rules of #merge. quiet: its customer is not told. Returns what was done."""
    detail = await store.ticket(number)
    if detail is None:
        raise UsageError(f"there is no ticket {number}")
    references = thread(detail.entries[::-1], detail.ticket)[-20:]
    said: list[str] = []
    now = pipeline.clock.now()
    query = FactsQuery("", now, "", None, (), (into,), (), (), (), (), copies=True)

    def decide(old: Ticket | None, facts: Facts) -> Changes:
        new = facts.tickets.get(facts.by_number.get(into, 0))
        if old is None or new is None:
            raise UsageError(f"there is no ticket {number if old is None else into}")
        why = merging.why_not(pipeline.config, old, new, facts.said.copies.get(new.id, ()))
        if why is not None:
            raise UsageError(LINES["en"][why[0]].format(**why[1]))
        said.clear()
        said.append(f"{old.number} is part of {new.number} now")
        return _merged(pipeline, old, new, now, references, author, quiet, said)

    await store.change(ticket_number=number, query=query, decide=decide)
    return "; ".join(said)


def _merged(
    pipeline: Pipeline, old: Ticket, new: Ticket, now: float, references: tuple[str, ...], author: str, quiet: bool, said: list[str]
) -> Changes:
    done = merging.merged(pipeline.config, old, new, now, author)
    events = (
        Entry(new_id(pipeline.clock), old.id, EntryKind.EVENT, author, now, done.event),
        Entry(new_id(pipeline.clock), new.id, EntryKind.EVENT, author, now, f"{old.number} merged into this one"),
    )
    clocks = _clocks(pipeline.config, old, new, done, now)
    changes = replace(clocks, links=(done.link,), updates=done.updates, entries=events)
    if done.left_out:
        said.append(f"no more copies to {', '.join(p.address for p in done.left_out)}")
    desk = pipeline.config.desk_at(new.desk)
    letter = None if quiet else merging.told_customer(pipeline.post, desk, old, done.ticket, now, references, author)
    if letter is None:
        said.append("no mail was sent")
        return changes
    entry, mail = letter
    said.append(f"merged mail queued for {mail.recipients[0].address}")
    return replace(changes, entries=(*events, entry), outgoing=(mail,), message_refs=(pipeline.post.reference(mail),))


async def unmerge(pipeline: Pipeline, store: Store, *, number: str, author: str, quiet: bool) -> str:
    """Take a merge of this ticket back, by the rules of #undo. quiet: its customer is not told. Returns what was done."""
    now, config = pipeline.clock.now(), pipeline.config
    query = FactsQuery("", now, "", None, (), (number,), (), (), (), (), conversation=True, undoes=True)
    said: list[str] = []

    def instead(new: Ticket) -> str:
        return f"smtpgate ticket split {new.number} takes single mails of the customer out"

    def decide(new: Ticket | None, facts: Facts) -> Changes:
        if new is None:
            raise UsageError(f"there is no ticket {number}")
        merge = facts.said.merges.get(new.id)
        if new.number == number:
            raise UsageError(f"{number} is part of no other ticket")
        if merge is None:
            raise UsageError(f"{number} became part of {new.number} too long ago to be taken back, or for good; {instead(new)}")
        if merge.old.number != number:
            raise UsageError(f"{number} became part of {new.number} before {merge.old.number} did, which must be taken back first")
        why = unmerging.why_not(merge, facts, now)
        if why is not None:
            raise UsageError(f"{LINES['en'][why[0]].format(**why[1]).rstrip('.')}; {instead(new)}")
        done = unmerging.unmerged(merge, new, facts, now)
        work = Work(updates=list(done.updates), unmerged=[done.unmerge])
        work.withdrawn += [done.withdrawn] if done.withdrawn else []
        for ticket, event in zip((done.old, done.new), done.events, strict=True):
            work.entries.append(Entry(new_id(pipeline.clock), ticket.id, EntryKind.EVENT, author, now, event))
        desk = config.desk_named(done.old.desk) or config.desk[0]
        letter = None if quiet else unmerging.told_customer(pipeline.post, desk, done, merge, facts, now, author)
        said[:] = [f"{number} is a ticket of its own again"]
        if letter is not None:
            work.entries.append(letter[0])
            work.outgoing.append(letter[1])
            work.message_refs.append(pipeline.post.reference(letter[1]))
        said.append(f"unmerged mail queued for {letter[1].recipients[0].address}" if letter is not None else "no mail was sent")
        return work.changes(None, "")

    await store.change(ticket_number=number, query=query, decide=decide)
    return "; ".join(said)


@dataclass(frozen=True, slots=True)
class _Act:
    """What telling the agents needs to know of something that is done at the command line."""

    config: Config
    post: Post
    now: float
    facts: Facts
    leaves: Leaves
    agent: bool = True  # the facts are asked for in nobody's name
    imported: bool = False


async def split(
    pipeline: Pipeline, store: Store, *, number: str, which: int | None, mail_id: str, subject: str, author: str, quiet: bool
) -> tuple[str, str]:
    """Make a mail of the customer a ticket of its own, by the rules of #split. which: counted from the newest; else mail_id.
    quiet: neither the customer nor the agents are told. Returns the new number, and what was done."""
    now, config = pipeline.clock.now(), pipeline.config
    query = FactsQuery(
        *("", now, "", None, (), (number,), (), (), ()),
        serials=tuple({serial_key(pipeline.patterns[0], desk, now): None for desk in config.desk}),
        numbers_of=lambda counter, serial: pipeline.numbers_of(config.desk, now, counter, serial),
        desks=tuple(desk.name for desk in config.desk),
        members=config.members(),
        told_most=config.limits.notifications_per_hour,
        conversation=True,
        taken=Taken(config.tickets.split_reach, which, mail_id),
    )
    made: list[str] = []

    def decide(_: Ticket | None, facts: Facts) -> Changes:
        old = facts.tickets.get(facts.by_number.get(number, 0))
        if old is None:
            raise UsageError(f"there is no ticket {number}")
        entry = splitting.chosen(facts.said.choices.get(old.id, Choice()), old, named=True)
        why = entry if isinstance(entry, str) else splitting.why_not(config, facts, pipeline.patterns[0], old, now)
        if why or isinstance(entry, str):
            raise UsageError(f"{old.number}: {_said(why, config, which)}")
        done = splitting.off(config, pipeline.clock, facts, pipeline.patterns[0], old, entry, subject=subject, now=now, by=author)
        event = Entry(new_id(pipeline.clock), old.id, EntryKind.EVENT, author, now, splitting.happened(done))
        made[:] = [done.ticket.number, f"mail of {entry.author} ({entry.mail_id}) is {done.ticket.number} now"]
        work = Work(tickets=[done.new], links=[done.link], moved=[done.moved], entries=[done.event, event])
        work.opened.append(done.new.ticket)
        work.updates.append(TicketUpdate(old.id, updated_at=now))
        letter = None if quiet else splitting.told_customer(pipeline.post, config, done, old, now, author)
        if letter is not None:
            work.entries.append(letter[0])
            work.outgoing.append(letter[1])
            work.message_refs.append(pipeline.post.reference(letter[1]))
        act = _Act(config, pipeline.post, now, facts, pipeline.leaves)
        if not quiet:
            tell.told(act, work, done.ticket, done.entry, "split")
        made.extend(f"{m.purpose} mail queued for {m.recipients[0].address}" for m in work.outgoing)
        made.extend(() if work.outgoing else ("no mail was sent",))
        targets.kept(act, work)
        return work.changes(None, "")

    await store.change(ticket_number=None, query=query, decide=decide)
    return made[0], "; ".join(made[1:])


def _said(why: str, config: Config, which: int | None) -> str:
    """For whoever sits at the command line and answers no mail."""
    if why == "split-which":
        reach = f"it has not so many mails of its customer among its newest {config.tickets.split_reach} entries"
        return reach if which is not None else "no mail of its customer with this id is in it"
    return LINES["en"][why]


def _clocks(config: Config, old: Ticket, new: Ticket, done: merging.Merged, now: float) -> Changes:
    """The one's ends, and counts for the other."""
    ended, stays = done.updates
    void = Happened(now, old.desk, Status.CLOSED, old.priority, void=True)
    whole = Happened(now, new.desk, done.ticket.status, new.priority, snoozed_until=new.snoozed_until, absorbed=old.clock)
    first, second = targets.following(config, old, ended, void), targets.following(config, new, stays, whole)
    return Changes(clocks=(*first.clocks, *second.clocks), met=second.met, unmet=second.unmet)


async def customer(pipeline: Pipeline, store: Store, *, number: str, to: Address, copy: bool, quiet: bool, author: str) -> str:
    """Put another person in the place of a ticket's customer, by the rules of #customer. copy: the one before gets copies of our
    answers; quiet: he is not told. Returns what was done."""
    now, said = pipeline.clock.now(), list[str]()
    query = FactsQuery(
        "", now, "", None, (), (number,), (), (), (), (), conversation=True, blocks=True, customer=to.address, began=True
    )

    def decide(old: Ticket | None, facts: Facts) -> Changes:
        if old is None:
            raise UsageError(f"there is no ticket {number}")
        why = handing.why_not(pipeline.config, old, to.address, facts.blocks)
        if why is not None:
            raise UsageError(LINES["en"][why[0]].format(**why[1]))
        said.clear()
        return _handed(pipeline, old, to, facts, author, said, copy=copy, quiet=quiet)

    await store.change(ticket_number=number, query=query, decide=decide)
    return "; ".join(said)


def _handed(
    pipeline: Pipeline, old: Ticket, to: Address, facts: Facts, author: str, said: list[str], *, copy: bool, quiet: bool
) -> Changes:
    now, before = pipeline.clock.now(), old.customer
    done = handing.handed(old, to, now, facts)
    said.append(f"{to.address} is the customer of {old.number} now" + (f" (was {before.address})" if before is not None else ""))
    update, events, stays = done.update, done.events, before is not None and copy
    if before is not None and copy:
        update = replace(update, add_participants=(replace(before, role=Role.JOINED, since=0.0, subject=True),))
        events = (*events, f"{COPIES}+{before.address}")
        said.append(f"{before.address} gets copies")
    if done.left:
        said.append(f"{', '.join(p.address for p in done.left)} took part before and does no longer")
    entries = tuple(Entry(new_id(pipeline.clock), old.id, EntryKind.EVENT, author, now, event) for event in events)
    happened = Happened(now, old.desk, done.ticket.status, old.priority, snoozed_until=old.snoozed_until)
    changes = replace(targets.following(pipeline.config, done.ticket, update, happened), entries=entries)
    desk = pipeline.config.desk_named(old.desk) or pipeline.config.desk[0]
    spoken = facts.said.entries.get(old.id, ())
    told = new_id(pipeline.clock)
    letter = None if quiet else handing.told(pipeline.post, desk, old, spoken, now, now, author, told, stays=stays)
    if letter is None:
        said.append("no mail was sent")
        return changes
    entry, mail = letter
    said.append(f"handed mail queued for {mail.recipients[0].address}")
    return replace(changes, entries=(*entries, entry), outgoing=(mail,), message_refs=(pipeline.post.reference(mail),))


async def file_opaque(pipeline: Pipeline, store: Store, mail_id: str, *, worker: str) -> str:
    """File a poison mail whole, without reading it: the ticket holds the raw mail. Returns what was decided.

    Raises UsageError when it is not poison, or when it cannot be filed this way either: then it is poison again, with the
    new reason. A process that dies meanwhile leaves an accepted mail, which the gateway files when the lease ends.
    """
    now = pipeline.clock.now()
    mail = await store.claim_poison(mail_id, worker=worker, now=now, lease=_LEASE)
    if mail is None:
        raise UsageError(f"{mail_id} is not among the poison mail; nothing was changed")
    if mail.fault is not None:
        await store.file_failed(mail_id, worker=worker, now=now, reason=str(mail.fault), again_at=now, poison_after=1)
        raise UsageError(f"{mail_id} stays poison: {mail.fault}")
    try:
        reason = "filed whole by an admin"
        from smtpgate.mail.parse import opaque

        parsed = opaque(mail.raw, mail_from=mail.envelope.mail_from, limits=pipeline.config.limits, reason=reason)
        ready = pipeline.prepare(mail, parsed, now)

        def decide(facts: Facts) -> Changes:
            return pipeline.decide(ready, replace(facts, unfiled_parents=(), expected_parents=()))  # now, or not at all

        changes = await store.file(mail_id, worker=worker, query=ready.query, decide=decide)
    except Exception as error:  # whatever it is, the mail must be where the admin finds it
        said = f"{type(error).__name__}: {error}"
        await store.file_failed(mail_id, worker=worker, now=now, reason=said, again_at=now, poison_after=1)
        raise UsageError(f"{mail_id} cannot be filed whole either, it is poison as before: {said}") from error
    decided = json.loads(changes.decision)
    return f"{mail_id}: {decided['outcome']} {decided['ticket'] or ''}".rstrip()


def _change(
    pipeline: Pipeline,
    ticket: Ticket,
    status: Status,
    note: str,
    message: str,
    author: str,
    references: Sequence[str],
    done: list[str],
) -> Changes:
    config: Config = pipeline.config
    clock: Clock = pipeline.clock
    now = clock.now()
    if ticket.status is status:
        raise UsageError(f"{ticket.number} is {status.value} already")
    purpose = letter_for(ticket.status, status)
    customer = ticket.customer
    if message and (purpose is None or customer is None):
        raise UsageError(f"{ticket.number}: there is no mail that could carry the message to a customer")
    event = Entry(new_id(clock), ticket.id, EntryKind.EVENT, author, now, f"{ticket.status.value} -> {status.value}")
    happened = Happened(now, ticket.desk, status, ticket.priority, answered=bool(message), snoozed_until=ticket.snoozed_until)
    update = TicketUpdate(ticket.id, status=status, updated_at=now)
    changes = replace(targets.following(config, ticket, update, happened), entries=(event,))
    done.append(f"{ticket.number} is {status.value} now (was {ticket.status.value})")
    if note:
        inside = Entry(new_id(clock), ticket.id, EntryKind.NOTE, author, now, note)
        changes = replace(changes, entries=(*changes.entries, inside))
    if purpose is None or customer is None or not (message or told_of(purpose, fewer=customer.fewer)):
        done.append("no mail was sent" + (": the customer wants fewer notices" if customer is not None and purpose else ""))
        return changes
    told = Entry(new_id(clock), ticket.id, EntryKind.STATUS, author, now, message or f"({purpose} mail)")
    mail = pipeline.post.to_customer(
        purpose=purpose,
        desk=config.desk_at(ticket.desk),
        ticket=ticket,
        to=Address(customer.name, customer.address),
        now=now,
        references=tuple(references),
        message=message,
        entry_id=told.id,
    )
    told = replace(told, message_id=mail.message_id)
    done.append(f"{purpose} mail queued for {customer.address}")
    return replace(
        changes,
        entries=(*changes.entries, told),
        outgoing=(mail,),
        message_refs=(pipeline.post.reference(mail),),
    )
