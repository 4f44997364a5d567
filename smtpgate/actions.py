"""What a person does to a ticket or to poison mail: one transaction, its event, and the mail that tells the customer.

Raises UsageError, fit to be shown, when it cannot be done; then nothing was changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from smtpgate.clock import Clock, new_id
from smtpgate.config import Config
from smtpgate.desk.life import letter_for, told_of
from smtpgate.errors import UsageError
from smtpgate.handlers import merging
from smtpgate.handlers.agentwords import LINES
from smtpgate.handlers.doing import CONVERSATION
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.model import Address, Entry, EntryKind, Status, Ticket
from smtpgate.store.api import Changes, Facts, FactsQuery, Store, TicketUpdate

_LEASE = 60.0  # seconds to file one mail


async def set_status(pipeline: Pipeline, store: Store, *, number: str, status: Status, note: str, message: str, author: str) -> str:
    """Move a ticket to a state. note stays inside; message goes to the customer in the mail. Returns what was done."""
    detail = await store.ticket(number)
    if detail is None:
        raise UsageError(f"there is no ticket {number}")
    references = tuple(e.message_id for e in detail.entries if e.message_id)[-20:]
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
    references = tuple(e.message_id for e in detail.entries if e.message_id and e.kind in CONVERSATION)[-20:]
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
    changes = Changes(links=(done.link,), updates=done.updates, entries=events)
    if done.left_out:
        said.append(f"no more copies to {', '.join(p.address for p in done.left_out)}")
    desk = pipeline.config.desk_named(new.desk) or pipeline.config.desk[0]
    letter = None if quiet else merging.told_customer(pipeline.post, desk, old, done.ticket, now, references, author)
    if letter is None:
        said.append("no mail was sent")
        return changes
    entry, mail = letter
    said.append(f"merged mail queued for {mail.recipients[0].address}")
    return replace(changes, entries=(*events, entry), outgoing=(mail,), message_refs=(pipeline.post.reference(mail),))


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
    changes = Changes(updates=(TicketUpdate(ticket.id, status=status, updated_at=now),), entries=(event,))
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
        desk=config.desk_named(ticket.desk) or config.desk[0],
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
