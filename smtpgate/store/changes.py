"""The verbs that apply Changes: file (COMMIT 2) and change. Whole or not at all.

Raises LeaseLost when the mail is no longer the worker's, StoreMisuse when the changes do not fit what is there, and
whatever decide raises.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from smtpgate.blocks import mailbox_key
from smtpgate.errors import StoreMisuse
from smtpgate.links import LinkKind
from smtpgate.model import Entry, OutgoingMail, Participant, Ticket
from smtpgate.records import record
from smtpgate.store import (
    blocking,
    customer,
    due,
    holding,
    incoming,
    linking,
    requests,
    rows,
    tally,
    targets,
    unmerging,
    wishes,
    worked,
)
from smtpgate.store.api import AckNote, Changes, Decide, Facts, FactsQuery, NewTicket, TicketUpdate
from smtpgate.store.facts import facts, tickets_by_id
from smtpgate.store.statement import Many, Query, Verb, select_in, together, written
from smtpgate.store.talk import TAKEN_BACK

_NOT_AUTOMATIC = "'answer', 'to-agent', 'receipt', 'held', 'alert', 'postmaster'"  # a person's words, and what agents read
# put together once: a text that is made anew is hashed anew wherever it is looked up
_A_PARTICIPANT = (
    rows.A_PARTICIPANT
    + """ ON CONFLICT (ticket_id, address_key) DO UPDATE SET role = excluded.role
        WHERE participant.role = 'cc' AND excluded.role = 'joined'"""
)
_AN_ENTRY = "INSERT INTO entry (" + rows.ENTRY + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
_AN_ENTRY_AGAIN = _AN_ENTRY + " ON CONFLICT (id) DO NOTHING"

_Several = tuple[Changes, str | None]  # and the mail that caused them


@record(frozen=True, slots=True)
class Filing:
    """One mail that is to be filed."""

    mail_id: str
    worker: str
    query: FactsQuery
    decide: Decide


@record(frozen=True, slots=True)
class Decided:
    """What was decided about a mail of this worker's."""

    mail_id: str
    worker: str
    changes: Changes


def file(filing: Filing) -> Verb[Changes]:
    changes = filing.decide((yield from asked(filing)))
    yield from settled([decided(filing, changes)])
    return changes


def asked(filing: Filing) -> Verb[Facts]:
    """The first half of `file`: it is still the worker's, and all that its decision needs to know."""
    _, known = yield from together(incoming.holds_lease(filing.mail_id, filing.worker), facts(filing.query))
    found: Facts = known
    return found


def decided(filing: Filing, changes: Changes) -> Decided:
    """Raises StoreMisuse for what no mail can come to."""
    if changes.postpone_until is not None and replace(changes, postpone_until=None) != Changes():
        raise StoreMisuse(f"mail {filing.mail_id} is postponed and changed at once")
    if changes.postpone_until is None and changes.state is None:
        raise StoreMisuse(f"mail {filing.mail_id} is filed without a new state")
    return Decided(filing.mail_id, filing.worker, changes)


def settled(several: Sequence[Decided]) -> Verb[None]:
    """The second half of `file`, for mails that have nothing to do with each other (store.abreast), or for one."""
    done = []
    for one in several:
        if one.changes.postpone_until is not None:
            yield from incoming.postponed(one.mail_id, one.worker, one.changes.postpone_until)
        else:
            done.append(one)
    yield from _apply([(one.changes, one.mail_id) for one in done], [_filed(one) for one in done])


def _filed(one: Decided) -> Query:
    assert one.changes.state is not None
    return incoming.filed(one.mail_id, one.changes.state, one.changes.reason, one.changes.decision)


def change(ticket_number: str | None, query: FactsQuery | None, decide: Callable[[Ticket | None, Facts], Changes]) -> Verb[Changes]:
    ticket: Ticket | None = None
    if ticket_number is not None:
        found = yield Query(linking.OF_NUMBER, (ticket_number,))
        tickets = yield from tickets_by_id(row[0] for row in found)
        ticket = next(iter(tickets.values()), None)
    known = Facts() if query is None else (yield from facts(query))
    changes = decide(ticket, known)
    if changes.state is not None or changes.postpone_until is not None or changes.fingerprints:
        raise StoreMisuse("a change that no mail caused cannot say anything about a mail")
    yield from apply(changes, None)
    return changes


def apply(changes: Changes, mail_id: str | None) -> Verb[None]:
    yield from _apply([(changes, mail_id)], ())


def _apply(several: Sequence[_Several], also: Sequence[Query]) -> Verb[None]:
    """In the order in which the parts need each other: new rows first, in one go with `also`, then changes of rows."""
    updates = [update for changes, _ in several for update in changes.updates]
    merged = [link for changes, _ in several for link in changes.links if link.kind is LinkKind.INTO]
    unmerged = [one for changes, _ in several for one in changes.unmerged]
    yield from linking.merged(merged)
    yield from unmerging.taken_back(unmerged)
    yield from linking.healed(stray for changes, _ in several for stray in changes.strays)
    yield from customer.changed(updates)
    counted = yield from _moved(updates, [new.ticket for changes, _ in several for new in changes.tickets])
    for changes, _ in several:
        counted.update(_counted(changes))  # which also keeps what falls, as + does not
    yield from written([*_new_rows(several), *also, *tally.added(counted)])
    yield from _update_tickets(updates)
    yield from _removed(updates)
    for wish in (wish for changes, _ in several for wish in changes.wishes):
        yield from wishes.wished(wish)
    for changes, _ in several:
        for key in changes.told:
            yield Query("UPDATE fingerprint SET told = 1 WHERE key = $1", (key,))
        for recipient_id, said in changes.bounced:
            yield Query(
                """UPDATE recipient SET state = 'bounced', due_at = NULL, claimed_by = NULL, last_code = 0, last_reply = $2
                    WHERE id = $1 AND state IN ('queued', 'uncertain', 'delivered', 'held')""",
                (recipient_id, said[:1000]),
            )
        yield from _taken_back(changes)
        if changes.unspent:
            yield from worked.unspent(changes.unspent)
        yield from holding.settled(changes)
        yield from linking.moved(changes.moved)
        yield from blocking.changed(changes.blocked, changes.unblocked)
        yield from due.kept(changes)
        for request in changes.personal:
            yield from requests.kept(request)
        yield from targets.kept(changes.clocks, changes.met, changes.unmet)
        yield from targets.held(changes.held_alarms)
    yield from unmerging.ended(unmerged)
    yield from unmerging.kept(merged)


def _taken_back(changes: Changes) -> Verb[None]:
    """Answers that have not left, and held mails that an agent vouches for."""
    for withdrawn in changes.withdrawn:
        yield Query(
            f"""UPDATE recipient SET state = 'dropped', due_at = NULL, claimed_by = NULL, last_reply = 'taken back by its author'
                WHERE state = 'queued' AND attempts = 0 AND outgoing_id IN (SELECT o.id FROM outgoing o WHERE o.{TAKEN_BACK}
                    AND o.entry_id = $2 AND o.ticket_id = (SELECT ticket_id FROM outgoing WHERE id = $1))""",
            (withdrawn.outgoing_id, withdrawn.entry_id),
        )
        yield Query("UPDATE entry SET kind = 'note', marks = $2 WHERE id = $1", (withdrawn.entry_id, rows.strings(("taken back",))))
    yield from select_in(
        f"""UPDATE recipient SET state = 'dropped', due_at = NULL, claimed_by = NULL, last_reply = 'taken back: the ticket is spam'
            WHERE state = 'queued' AND attempts = 0 AND outgoing_id IN (SELECT o.id FROM outgoing o
                WHERE o.purpose NOT IN ({_NOT_AUTOMATIC}) AND o.ticket_id IN (...))""",
        changes.silenced,
    )
    for mail_id in changes.released:
        yield Query(
            """UPDATE incoming SET state = 'accepted', released = 1, reason = '', not_before = 0, leased_by = NULL,
                leased_until = 0, tries = 0, claims = 0 WHERE id = $1 AND state = 'held'""",
            (mail_id,),
        )


def _counted(changes: Changes) -> Counter[str]:
    return tally.of_rows(
        [new.ticket.status for new in changes.tickets], sum(len(mail.recipients) for mail in changes.outgoing), changes.state
    )


def _moved(updates: Sequence[TicketUpdate], new: Sequence[Ticket]) -> Verb[Counter[str]]:
    """What the tickets' new states change in the counts. new: those that are there only with these changes."""
    found = yield from select_in(
        "SELECT id, status FROM ticket WHERE id IN (...)", [update.ticket_id for update in updates if update.status is not None]
    )
    before: dict[int, str] = {**{ticket.id: ticket.status for ticket in new}, **{row[0]: row[1] for row in found}}
    change: Counter[str] = Counter()
    for update in updates:
        if update.status is not None and update.ticket_id in before:
            change.update(tally.moved((before[update.ticket_id],), update.status))
            before[update.ticket_id] = update.status
    return change


def _new_rows(several: Sequence[_Several]) -> Iterator[Query]:
    """Of all of them one kind after the other, so that what is referred to stands first."""
    yield from _tickets([new for changes, _ in several for new in changes.tickets])
    for update in (update for changes, _ in several for update in changes.updates):
        yield from _participants(update.ticket_id, update.add_participants)
    for entry in (entry for changes, _ in several for entry in changes.entries):
        yield an_entry(entry)
    for changes, mail_id in several:
        yield from _references(changes)
        yield from _fingerprints(changes, mail_id)
        yield from holding.noted(changes, mail_id)
    for changes, mail_id in several:
        for mail in changes.outgoing:
            yield from _an_outgoing(mail, mail_id)
    yield from worked.rows_of(one for changes, _ in several for one in changes.spent)
    yield from linking.rows_of(link for changes, _ in several for link in changes.links)
    yield from _acknowledgements([ack for changes, _ in several for ack in changes.acks])


def _acknowledgements(acks: Sequence[AckNote]) -> Iterator[Query]:
    for ack in acks:
        yield Query(
            "INSERT INTO acknowledgement (address, at, minute, purpose) VALUES ($1, $2, $3, $4)",
            (
                rows.agents_key(ack.address, ack.purpose) if ack.of_agent else mailbox_key(ack.address),
                ack.at,
                int(ack.at // 60),
                ack.purpose,
            ),
        )
    for minute, sent in Counter(int(ack.at // 60) for ack in acks if not ack.of_agent).items():
        yield Query(
            """INSERT INTO acknowledged (minute, sent) VALUES ($1, $2)
                ON CONFLICT (minute) DO UPDATE SET sent = acknowledged.sent + excluded.sent""",
            (minute, sent),
        )


def _references(changes: Changes) -> Iterator[Query]:
    for ref in changes.message_refs:
        yield Query(
            """INSERT INTO message_ref (message_id, ticket_id, ours) VALUES ($1, $2, $3)
                ON CONFLICT (message_id, ticket_id) DO NOTHING""",
            (ref.message_id, ref.ticket_id, int(ref.ours)),
        )
    for message_id, ticket_id in changes.unseen_refs:
        yield Query(
            "INSERT INTO unseen_ref (message_id, ticket_id) VALUES ($1, $2) ON CONFLICT (message_id, ticket_id) DO NOTHING",
            (message_id, ticket_id),
        )
    for key, ticket_id, at in changes.subjects:
        yield Query(
            "INSERT INTO subject_ref (key, ticket_id, at) VALUES ($1, $2, $3) ON CONFLICT (key, ticket_id) DO NOTHING",
            (key, ticket_id, at),
        )


def _fingerprints(changes: Changes, mail_id: str | None) -> Iterator[Query]:
    for fingerprint in changes.fingerprints:
        # decide saw the one that is there, in this same transaction: it is too old to count, or weaker than this one
        yield Query(
            """INSERT INTO fingerprint (key, ticket_id, mail_id, first_at, strong, told) VALUES ($1, $2, $3, $4, $5, 0)
                ON CONFLICT (key) DO UPDATE SET ticket_id = excluded.ticket_id, mail_id = excluded.mail_id,
                    first_at = excluded.first_at, strong = excluded.strong, told = 0""",
            (fingerprint.key, fingerprint.ticket_id, mail_id, fingerprint.first_at, int(fingerprint.strong)),
        )


def _tickets(several: Sequence[NewTicket]) -> Iterator[Query]:
    for ticket in (new.ticket for new in several):
        yield Query(
            """INSERT INTO ticket (id, number, desk, status, subject, language, created_at, updated_at, unverified, other_desks,
                    assignee, priority, tags)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
            (
                ticket.id,
                ticket.number,
                ticket.desk,
                ticket.status.value,
                ticket.subject,
                ticket.language,
                ticket.created_at,
                ticket.updated_at,
                int(ticket.unverified),
                rows.strings(ticket.other_desks),
                ticket.assignee,
                ticket.priority.value,
                rows.strings(ticket.tags),
            ),
        )
    for ticket in (new.ticket for new in several):
        yield from _participants(ticket.id, ticket.participants)
    yield from _counters(several)


def _counters(several: Sequence[NewTicket]) -> Iterator[Query]:
    """Each counter once, for all of its tickets."""
    counted: dict[tuple[str, str], list[int]] = {}
    for new in several:
        if new.serial is not None:
            counted.setdefault(new.serial, []).append(new.used)
    for counter, used in counted.items():
        if any(used):
            yield Query(
                """INSERT INTO serial (day, channel, last) VALUES ($1, $2, $3)
                    ON CONFLICT (day, channel) DO UPDATE
                    SET last = CASE WHEN serial.last >= excluded.last THEN serial.last + 1 ELSE excluded.last END""",
                (*counter, max(used) + used.count(0)),
            )
        else:
            yield Query(
                """INSERT INTO serial (day, channel, last) VALUES ($1, $2, $3)
                    ON CONFLICT (day, channel) DO UPDATE SET last = serial.last + excluded.last""",
                (*counter, len(used)),
            )


def _update_tickets(updates: Sequence[TicketUpdate]) -> Verb[None]:
    if not updates:
        return
    moved = yield Many(
        """UPDATE ticket SET status = coalesce($2, status), updated_at = coalesce($3, updated_at),
            language = coalesce($4, language), assignee = coalesce($5, assignee), priority = coalesce($6, priority),
            tags = coalesce($7, tags), desk = coalesce($8, desk), other_desks = coalesce($9, other_desks)
            WHERE id = $1 RETURNING id""",
        tuple(
            (
                update.ticket_id,
                update.status,
                update.updated_at,
                update.language,
                update.assignee,
                update.priority,
                None if update.tags is None else rows.strings(update.tags),
                update.desk,
                None if update.other_desks is None else rows.strings(update.other_desks),
            )
            for update in updates
        ),
    )
    there = {row[0] for row in moved}
    yield from due.began(updates)
    for update in updates:
        if update.ticket_id not in there:
            raise StoreMisuse(f"there is no ticket {update.ticket_id} to change")


def _removed(updates: Sequence[TicketUpdate]) -> Verb[None]:
    for update in updates:
        for address in update.remove_participants:
            yield Query(
                "DELETE FROM participant WHERE ticket_id = $1 AND address_key = $2 AND role <> 'customer'",
                (update.ticket_id, rows.address_key(address)),
            )


def _participants(ticket_id: int, participants: tuple[Participant, ...]) -> Iterator[Query]:
    for person in participants:
        yield Query(_A_PARTICIPANT, rows.of_participant(ticket_id, person))


def an_entry(entry: Entry, *, again: bool = False) -> Query:
    """again: it may be there already, by an earlier try that was not answered."""
    return Query(
        _AN_ENTRY_AGAIN if again else _AN_ENTRY,
        (
            entry.id,
            entry.ticket_id,
            entry.kind.value,
            entry.author,
            entry.created_at,
            entry.text,
            entry.mail_id,
            entry.message_id,
            entry.evidence,
            rows.strings(entry.marks),
            rows.attachments_json(entry.attachments),
            entry.rung,
            entry.repeat_of,
            rows.details_json(entry.details),
        ),
    )


def _an_outgoing(mail: OutgoingMail, cause: str | None) -> Iterator[Query]:
    yield Query(
        """INSERT INTO outgoing (id, message_id, purpose, ticket_id, entry_id, created_at, smtputf8, eightbit, cause)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        (
            mail.id,
            mail.message_id,
            mail.purpose,
            mail.ticket_id,
            mail.entry_id,
            mail.created_at,
            int(mail.smtputf8),
            int(mail.eightbit),
            cause,
        ),
    )
    yield Query("INSERT INTO outgoing_raw (id, packing, data) VALUES ($1, $2, $3)", (mail.id, *rows.packed(mail.data)))
    for position, recipient in enumerate(mail.recipients):
        yield Query(
            """INSERT INTO recipient (id, outgoing_id, position, address, domain, return_path, state, next_at, due_at)
                VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $7)""",
            (
                recipient.id,
                mail.id,
                position,
                recipient.address,
                recipient.address.rpartition("@")[2].lower(),
                recipient.return_path,
                recipient.next_at,
            ),
        )
