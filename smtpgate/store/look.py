"""Verbs for people who look: tickets, outgoing mail, the queue, counts. They change nothing."""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Sequence

from smtpgate.model import Attempt, DeliveryState, MailState, OutgoingMail, OutgoingRecipient, Status, Ticket
from smtpgate.store import due, rows, tally, targets, worked
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.linking import OF_NUMBER
from smtpgate.store.seen import SourcedEntry
from smtpgate.store.shown import OutgoingDetail, RecipientStatus, TicketDetail
from smtpgate.store.statement import Query, Rows, Together, Verb, Where, select_in


def ticket(number: str) -> Verb[TicketDetail | None]:
    """Of a merged one: the ticket that its number leads to."""
    found = yield Query(OF_NUMBER, (number,))
    if not found:
        return None
    ticket_id: int = found[0][0]
    tickets = yield from tickets_by_id((ticket_id,))
    entries = yield Query("SELECT " + rows.ENTRY + " FROM entry WHERE ticket_id = $1 ORDER BY seq", (ticket_id,))
    sent = yield Query(rows.RECIPIENT_STATUS + " WHERE o.ticket_id = $1 ORDER BY o.id, r.position", (ticket_id,))
    return TicketDetail(
        ticket=tickets[ticket_id],
        entries=tuple(rows.entry(row) for row in entries),
        sent=tuple(rows.recipient_status(row) for row in sent),
        due=(yield from due.of_ticket(ticket_id)),
        worked=(yield from worked.of_ticket(ticket_id)),
    )


def tickets(
    desk: str | None, statuses: Sequence[Status], sender: str | None, limit: int, before: int | None
) -> Verb[tuple[Ticket, ...]]:
    """No status means every status. sender is any participant."""
    ids: list[int] = []
    every = (None,) if desk is None else tuple(Status)  # a desk's are in order within a status
    for status in dict.fromkeys(statuses) or every:  # one by one: each is read in order from its index
        where = Where()
        if status is not None:
            where.add("t.status = {}", status)
        if desk is not None:
            where.add("t.desk = {}", desk)
        if sender is not None:
            where.add("t.id IN (SELECT ticket_id FROM participant WHERE address_key = {})", rows.address_key(sender))
        if before is not None:
            where.add("t.id < {}", before)
        ids += [row[0] for row in (yield where.query("SELECT t.id FROM ticket t", "t.id DESC", limit))]
    ids = sorted(ids, reverse=True)[:limit]
    by_id = yield from tickets_by_id(ids)
    return tuple(by_id[ticket_id] for ticket_id in ids)


def due_tickets(desks: Sequence[str], statuses: Sequence[Status], until: float | None, limit: int) -> Verb[tuple[Ticket, ...]]:
    """No status means every status; until: None for all that is due at all."""
    found: Rows = []
    for desk in dict.fromkeys(desks):
        found += yield from targets.due_of(desk, statuses or tuple(Status), until=until)
    first = [ticket_id for _, ticket_id in sorted(found)[:limit]]
    by_id = yield from tickets_by_id(first)
    return tuple(by_id[ticket_id] for ticket_id in first)


def overdue(desks: Sequence[str], now: float) -> Verb[dict[str, int]]:
    """How many of each desk are late."""
    found = {}
    for desk in dict.fromkeys(desks):
        found[desk] = yield from targets.overdue(desk, now)
    return found


def entries(ticket_ids: Sequence[int]) -> Verb[dict[int, tuple[SourcedEntry, ...]]]:
    columns = ", ".join("e." + name for name in rows.ENTRY.split(", "))
    found = yield from select_in(
        "SELECT " + columns + ", i.source, e.seq FROM entry e LEFT JOIN imported i ON i.mail_id = e.mail_id "
        "WHERE e.ticket_id IN (...)",
        ticket_ids,
    )
    of_ticket: dict[int, list[SourcedEntry]] = {ticket_id: [] for ticket_id in ticket_ids}
    for row in sorted(found, key=lambda row: int(row[-1])):
        entry = rows.entry(row[:-2])
        of_ticket[entry.ticket_id].append(SourcedEntry(entry, row[-2] or entry.mail_id))
    return {ticket_id: tuple(listed) for ticket_id, listed in of_ticket.items()}


def outgoing(outgoing_id: int) -> Verb[OutgoingDetail | None]:
    found = yield Query(
        """SELECT o.id, o.message_id, o.purpose, w.packing, w.data, o.created_at, o.ticket_id, o.entry_id, o.smtputf8, o.eightbit,
                t.number
            FROM outgoing o JOIN outgoing_raw w ON w.id = o.id LEFT JOIN ticket t ON t.id = o.ticket_id WHERE o.id = $1""",
        (outgoing_id,),
    )
    if not found:
        return None
    row = found[0]
    recipients = yield Query(
        "SELECT id, address, return_path, next_at FROM recipient WHERE outgoing_id = $1 ORDER BY position", (outgoing_id,)
    )
    statuses = yield Query(rows.RECIPIENT_STATUS + " WHERE r.outgoing_id = $1 ORDER BY r.position", (outgoing_id,))
    attempts = yield Query(
        """SELECT a.recipient_id, a.at, a.state, a.next_at, a.code, a.reply, a.remote, a.tls
            FROM attempt a JOIN recipient r ON r.id = a.recipient_id WHERE r.outgoing_id = $1 ORDER BY a.id""",
        (outgoing_id,),
    )
    return OutgoingDetail(
        mail=OutgoingMail(
            id=row[0],
            message_id=row[1],
            purpose=row[2],
            data=rows.unpack(row[3], row[4]),
            recipients=tuple(OutgoingRecipient(*recipient) for recipient in recipients),
            created_at=row[5],
            ticket_id=row[6],
            entry_id=row[7],
            smtputf8=bool(row[8]),
            eightbit=bool(row[9]),
        ),
        ticket_number=row[10],
        recipients=tuple(rows.recipient_status(status) for status in statuses),
        attempts=tuple(Attempt(one[0], one[1], DeliveryState(one[2]), *one[3:]) for one in attempts),
    )


def queue(
    states: Sequence[DeliveryState],
    ticket_number: str | None,
    limit: int,
    before: int | None,
    domain: str | None = None,
    created_before: float | None = None,
    address: str | None = None,
) -> Verb[tuple[RecipientStatus, ...]]:
    """No state means every state."""
    found: Rows = []
    for state in dict.fromkeys(states) or (None,):  # one by one: each is read in order from its index
        where = Where()
        if state is not None:
            where.add("r.state = {}", state)
        if ticket_number is not None:
            where.add("o.ticket_id = (" + OF_NUMBER.replace("$1", "{}") + ")", ticket_number)
        if before is not None:
            where.add("r.id < {}", before)
        if domain is not None:
            where.add("r.domain = {}", domain.lower())
        if address is not None:
            where.add("r.domain = {}", address.rpartition("@")[2].lower())
            where.add("lower(r.address) = {}", address.lower())
        if created_before is not None:
            where.add("o.created_at < {}", created_before)
        found += yield where.query(rows.RECIPIENT_STATUS, "r.id DESC", limit)
    found = sorted(found, reverse=True)[:limit]
    return tuple(rows.recipient_status(row) for row in found)


def counts() -> Verb[dict[str, int]]:
    """Every state is there, with 0 if need be; ticket.open is the sum of the open ones. Of each state in which mail piles up
    without end the rows are not counted: their number is kept, or is what the others leave."""
    asked = {f"mail.{state}": f"incoming WHERE state = '{state}'" for state in MailState if state is not MailState.FILED}
    asked |= {f"delivery.{s}": f"recipient WHERE state = '{s}'" for s in DeliveryState if s is not DeliveryState.DELIVERED}
    counted = yield Together(tuple(Query(f"SELECT count(*) FROM {what}") for what in asked.values()))
    found: dict[str, int] = {name: rows[0][0] for name, rows in zip(asked, counted, strict=True)}
    kept = yield from tally.known()
    found["mail.filed"] = kept[tally.FILED]
    others = sum(found[f"delivery.{outcome}"] for outcome in DeliveryState if outcome is not DeliveryState.DELIVERED)
    found["delivery.delivered"] = kept[tally.RECIPIENTS] - others
    for status in Status:
        found[f"ticket.{status}"] = kept[status.value]
    found["ticket.open"] = sum(found[f"ticket.{status}"] for status in Status if status.open)
    return found
