"""Erasing a person: whom nobody may erase so, what becomes of the open tickets, and the whole run with its record.

Raises UsageError, fit to be shown, and StoreError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from smtpgate.blocks import mailbox_key
from smtpgate.clock import Clock, id_text, new_id
from smtpgate.config import Config
from smtpgate.due import Circumstances
from smtpgate.errors import StoreError
from smtpgate.handlers import later, targets, tell
from smtpgate.handlers.case import Work
from smtpgate.handlers.later import Occasion as LaterOccasion
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.mail import address as mail_address
from smtpgate.mail.outward import Carried
from smtpgate.mail.privacywords import Occasion
from smtpgate.model import Address, Entry, EntryKind, Status, Ticket
from smtpgate.person import Request, State, What, new_pseudonym
from smtpgate.store import requests
from smtpgate.store.api import Changes, Facts, FactsQuery, TicketUpdate
from smtpgate.store.eraser import Eraser
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.verbs import VerbStore

NOTE = "The customer asked for erasure of all personal data. It was erased, and this ticket is closed."
TOO_LARGE = "The copy of the data is larger than privacy.export_size: an admin hands it over (smtpgate person export)."


def why_not(config: Config, address: str) -> str:
    """Why this address is nobody who can be erased; "" when it is."""
    if "." not in address.rpartition("@")[2] or mail_address.envelope_ok(address, smtputf8=True):
        return f"{address!r} is not an e-mail address"
    mailbox = mailbox_key(address)
    for desk in config.desk:
        if mailbox in {mailbox_key(one) for one in (desk.address, *desk.aliases)}:
            return f"{address} is the desk {desk.name}"
        if mailbox in {mailbox_key(one) for one in desk.agents}:
            return f"{address} is an agent of the desk {desk.name}: take it out of the configuration first"
    return ""


def new_request(clock: Clock, address: str, *, by: str, what: What = What.ERASE) -> Request:
    return Request(new_id(clock), what, State.CONFIRMED, address, new_pseudonym(), by, clock.now())


@dataclass(frozen=True, slots=True)
class Closing:
    """Open tickets are closed, and their agents hear why."""

    pipeline: Pipeline

    def query(self, ticket_id: int) -> FactsQuery:
        now, config = self.pipeline.clock.now(), self.pipeline.config
        return replace(later.query(config, self.pipeline.post, _NOBODY, now), ticket_ids=(ticket_id,), conversation=False)

    def decide(self, ticket: Ticket | None, facts: Facts) -> Changes:
        assert ticket is not None
        if not ticket.status.open:  # by now
            return Changes()
        pipeline, work, now = self.pipeline, Work(), self.pipeline.clock.now()
        occasion = LaterOccasion(pipeline.config, pipeline.post, pipeline.clock, now, facts, pipeline.leaves, Circumstances())
        event = f"{ticket.status.value} -> closed: erased"
        note = Entry(occasion.new_id(), ticket.id, EntryKind.NOTE, "", now, NOTE)
        work.entries += [Entry(occasion.new_id(), ticket.id, EntryKind.EVENT, "", now, event), note]
        work.updates.append(TicketUpdate(ticket.id, status=Status.CLOSED, updated_at=now))
        tell.told(occasion, work, replace(ticket, status=Status.CLOSED), note, "erased", wanted=True)
        targets.kept(occasion, work)
        return work.changes(None, "")


_NOBODY = Ticket(0, "", "", Status.CLOSED, "", "en", 0.0, 0.0)


async def letter(
    pipeline: Pipeline,
    store: VerbStore,
    request: Request,
    occasion: Occasion,
    *,
    counts: Mapping[str, int],
    files: tuple[Carried, ...] = (),
    told: bool = False,
) -> Changes:
    """The mail to the person that says what became of what they asked for. told: the agents of the ticket hear as well. It is no
    mail of the ticket's, for it goes once it has left. Raises ComposeError."""
    post, config, now = pipeline.post, pipeline.config, pipeline.clock.now()
    tickets = await store._read(lambda: tickets_by_id(() if request.ticket_id is None else (request.ticket_id,)))
    ticket = next(iter(tickets.values()), None)
    desk = config.desk_named(request.desk) or config.desk[0]
    number = ticket.number if ticket is not None else id_text(request.id)
    to = Address("", request.address)
    mail = post.personal(occasion=occasion, request=request, desk=desk, number=number, to=to, now=now, counts=counts, files=files)
    if not told or ticket is None:
        return Changes(outgoing=(mail,))
    work, facts = Work(), await store.facts(replace(later.query(config, post, ticket, now), conversation=False))
    about = LaterOccasion(pipeline.config, post, pipeline.clock, now, facts, pipeline.leaves, Circumstances())
    note = Entry(about.new_id(), ticket.id, EntryKind.NOTE, "", now, TOO_LARGE)
    work.entries.append(note)
    tell.told(about, work, ticket, note, "wants-export", wanted=True)
    changes = work.changes(None, "")
    return replace(changes, outgoing=(mail, *changes.outgoing))


async def farewell(pipeline: Pipeline, store: VerbStore, request: Request) -> Changes:
    """The proof of erasure, where the person asked for it by mail."""
    if request.ticket_id is None:
        return Changes()
    counts = {"tickets": request.counts.get("tickets", 0), "received": request.counts.get("mails received", 0)}
    counts["sent"] = request.counts.get("mails sent", 0)
    return await letter(pipeline, store, request, Occasion.ERASED, counts=counts)


async def erase(pipeline: Pipeline, store: VerbStore, address: str, *, by: str, worker: str = "") -> tuple[Request, float]:
    """All of it; one that was begun or asked for before goes on. The record, and the longest bite in seconds."""
    asked = [one for one in await store._read(lambda: requests.of_person(address)) if one.what is What.ERASE]
    begun = [one for one in asked if one.state in (State.RUNNING, State.CONFIRMED)]
    request = begun[0] if begun else new_request(pipeline.clock, address, by=by)
    eraser = Eraser(store, replace(request, by=by), worker or requests.new_worker(), Closing(pipeline), pipeline.clock.now)
    if not await eraser.begin():
        raise StoreError("another erasure is under way")
    try:
        await eraser.run()
        return await eraser.finish(await farewell(pipeline, store, eraser.request)), eraser.longest
    except BaseException:
        await eraser.give_up()
        raise
