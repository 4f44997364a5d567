"""Steps that store tests take: accept a mail, claim it, file it with given changes."""

from __future__ import annotations

from typing import Any

from smtpgate.model import MailState, OutgoingMail, Ticket
from smtpgate.store.api import Changes, Facts, FactsQuery, MessageRef, NewFingerprint, Store
from tests.support.store_data import NOW, a_new_ticket, a_query, accepted, an_entry, an_outgoing

LEASE = 60.0


async def accept_one(store: Store, mail_id: str | None = None, **change: Any) -> str:
    mail = accepted(mail_id, **change)
    await store.accept(mail)
    return mail.envelope.mail_id


async def claim_all(store: Store, *, worker: str = "w1", now: float = NOW) -> list[str]:
    return [mail.id for mail in await store.claim(worker=worker, now=now, lease=LEASE, limit=1000)]


async def file_as(
    store: Store, mail_id: str, changes: Changes, *, worker: str = "w1", query: FactsQuery | None = None
) -> list[Facts]:
    """File a claimed mail with these changes whatever the facts are; the facts come back."""
    seen: list[Facts] = []

    def decide(facts: Facts) -> Changes:
        seen.append(facts)
        return changes

    await store.file(mail_id, worker=worker, query=query or a_query(mail_id), decide=decide)
    return seen


def opening(mail_id: str, ticket: Ticket, *outgoing: OutgoingMail, **change: Any) -> Changes:
    """The changes of a mail that opens a ticket."""
    entry = an_entry(ticket.id, mail_id=mail_id, message_id=f"<{mail_id}@example.org>")
    made: dict[str, Any] = {
        "state": MailState.FILED,
        "decision": '{"ladder": "new"}',
        "tickets": (a_new_ticket(**{name: getattr(ticket, name) for name in ticket.__slots__}),),
        "entries": (entry,),
        "message_refs": (MessageRef(f"<{mail_id}@example.org>", ticket.id, False),),
        "fingerprints": (NewFingerprint(f"print of {mail_id}", ticket.id, NOW, True),),
        "outgoing": outgoing,
    }
    return Changes(**(made | change))


async def open_ticket(store: Store, ticket: Ticket, *outgoing: OutgoingMail, **change: Any) -> str:
    """A mail accepted, claimed and filed as a new ticket; the mail's id."""
    mail_id = await accept_one(store)
    await claim_all(store)
    await file_as(store, mail_id, opening(mail_id, ticket, *outgoing, **change))
    return mail_id


async def queue_mail(store: Store, mail: OutgoingMail) -> None:
    """Outgoing mail that belongs to no ticket."""
    await store.change(ticket_number=None, query=None, decide=lambda _ticket, _facts: Changes(outgoing=(mail,)))


async def queue_to(store: Store, *recipients: Any, **change: Any) -> OutgoingMail:
    mail = an_outgoing(*recipients, **change)
    await queue_mail(store, mail)
    return mail


# Rows as the first version would have left them: one mail that is held for a ticket, one for nobody, and one that was filed.
HELD_BEFORE = (
    """INSERT INTO ticket (id, number, desk, status, subject, language, created_at, updated_at, unverified, other_desks)
        VALUES (7, 'N-1', 'support', 'waiting', 'hi', 'en', 1, 1, 0, '[]')""",
    *(
        f"""INSERT INTO incoming (id, state, received_at, rcpts, peer, helo, protocol, smtputf8, verdict, size, sha256, decision)
            VALUES ('{mail_id}', '{state}', 1, '[]', '', '', '', 0, '', 0, '',
                '{{"outcome": "x", "ticket": {ticket}, "tickets": []}}')"""
        for mail_id, state, ticket in (
            ("m1", "held", '"N-1"'),
            ("m2", "held", "null"),
            ("m3", "filed", '"N-1"'),
            ("m4", "held", '"N-2"'),
        )
    ),
)
HELD_FOR = [("m1", 7)]  # what a store that was brought up knows of them
