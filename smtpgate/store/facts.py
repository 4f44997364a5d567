"""The verb behind Facts: everything that the handlers could want to know about one mail, from one snapshot."""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Iterable

from smtpgate.model import DeliveryState, Participant, Ticket
from smtpgate.store import rows
from smtpgate.store.api import AckCounts, Facts, FactsQuery, Fingerprint, MessageRef, NumbersOf, SentRecipient
from smtpgate.store.statement import Query, Verb, select_in

NOTICE = "notice"  # AckNote.purpose of the short notice to unverified senders, which has a cap of its own
_DAY, _HOUR, _MINUTE = 86_400.0, 3_600.0, 60.0
_TALKS, _TALK_ENTRIES, _TALK_TEXT = 5, 20, 8000  # tickets with one subject, entries of each, characters of each
_TALK_AGE = 60 * 86_400.0  # seconds after which a subject is a new matter
_HOLDERS = 8  # tickets looked at that have one Message-ID
_MOST = 100  # rows of one kind that no decision needs more of


def facts(query: FactsQuery) -> Verb[Facts]:
    refs = yield from (_all_refs(query) if query.imported else _message_refs(query))
    unseen = yield from _unseen(query)
    talks = yield from _talks(query)
    by_number = yield from _numbers(query)
    fingerprints = yield from _fingerprints(query)
    recipients = yield from _recipients(query)
    tickets = yield from tickets_by_id(
        (
            *(ref.ticket_id for ref in refs),
            *by_number.values(),
            *query.ticket_ids,
            *unseen.values(),
            *talks,
            *(found.ticket_id for found in fingerprints.values()),
            *(found.ticket_id for found in recipients.values() if found.ticket_id is not None),
        )
    )
    by_message_id: dict[str, MessageRef] = {}
    holders: dict[str, tuple[int, ...]] = {}
    for ref in refs:
        by_message_id.setdefault(ref.message_id, ref)
        holders[ref.message_id] = (*holders.get(ref.message_id, ()), ref.ticket_id)
    return Facts(
        tickets=tickets,
        by_message_id=by_message_id,
        by_number=by_number,
        fingerprints=fingerprints,
        recipients=recipients,
        unfiled_parents=(yield from _unfiled_parents(query)),
        serials=(yield from _serials(query)),
        acks=(yield from _acks(query)),
        machine_last_hour=(yield from _machine_last_hour(tickets, query.now)),
        language=(yield from _language(query)),
        holders=holders if query.imported else {},
        talks=talks,
        unseen=unseen,
        seen_pictures=(yield from _seen_pictures(query, tickets)),
        letters=(yield from _letters(query)),
        parents=(yield from _parents(query, tickets)),
    )


def tickets_by_id(ids: Iterable[int]) -> Verb[dict[int, Ticket]]:
    wanted = tuple(dict.fromkeys(ids))
    found = yield from select_in("SELECT " + rows.TICKET + " FROM ticket t WHERE t.id IN (...)", wanted)
    people = yield from select_in(
        "SELECT " + rows.PARTICIPANT + ", ticket_id FROM participant WHERE ticket_id IN (...) ORDER BY id",
        [row[0] for row in found],
    )
    of_ticket: dict[int, list[Participant]] = {}
    for row in people:
        of_ticket.setdefault(row[3], []).append(rows.participant(row))
    return {row[0]: rows.ticket(row, tuple(of_ticket.get(row[0], ()))) for row in found}


def _message_refs(query: FactsQuery) -> Verb[list[MessageRef]]:
    """Ours, and those of tickets that the sender takes part in: nobody stands in the way of another's answer by sending
    the same Message-ID first, and nobody makes a mail dear by sending one very often."""
    asked = query.references if query.message_id is None else (*query.references, query.message_id)
    found = yield from select_in(
        """SELECT message_id, ticket_id, ours FROM message_ref m WHERE message_id IN (...) AND (ours = 1 OR EXISTS (
            SELECT 1 FROM participant p WHERE p.ticket_id = m.ticket_id AND p.address_key = $1))""",
        asked,
        rows.address_key(query.sender),
    )
    refs = [MessageRef(message_id=row[0], ticket_id=row[1], ours=bool(row[2])) for row in found]
    return sorted(refs, key=lambda ref: (not ref.ours, ref.ticket_id))


def _all_refs(query: FactsQuery) -> Verb[list[MessageRef]]:
    """Whoever takes part: history is not forged by those who would gain from it today. A few for each id tell enough."""
    refs: list[MessageRef] = []
    for message_id in dict.fromkeys((*query.references, *(() if query.message_id is None else (query.message_id,)))):
        found = yield Query(
            "SELECT message_id, ticket_id, ours FROM message_ref WHERE message_id = $1 ORDER BY ours DESC, ticket_id LIMIT $2",
            (message_id, _HOLDERS),
        )
        refs += (MessageRef(message_id=row[0], ticket_id=row[1], ours=bool(row[2])) for row in found)
    return sorted(refs, key=lambda ref: (not ref.ours, ref.ticket_id))


def _unseen(query: FactsQuery) -> Verb[dict[str, int]]:
    found = yield from select_in(
        "SELECT message_id, min(ticket_id) FROM unseen_ref WHERE message_id IN (...) GROUP BY message_id", query.named
    )
    return {row[0]: row[1] for row in found}


def _letters(query: FactsQuery) -> Verb[tuple[bytes, ...]]:
    found = yield from select_in(
        "SELECT w.packing, w.data FROM outgoing o JOIN outgoing_raw w ON w.id = o.id WHERE o.message_id IN (...)", query.parents
    )
    return tuple(rows.unpack(row[0], row[1]) for row in found)


def _parents(query: FactsQuery, tickets: dict[int, Ticket]) -> Verb[tuple[str, ...]]:
    """Of the tickets that the ladder can reach alone: there the index finds them."""
    if not query.parents:
        return ()
    found = yield from select_in(
        f"SELECT text FROM entry WHERE message_id IN ($1, $2) AND ticket_id IN (...) LIMIT {_MOST}",
        tuple(tickets),
        query.parents[0],
        query.parents[-1],
    )
    return tuple(row[0] for row in found)


def _talks(query: FactsQuery) -> Verb[dict[int, tuple[str, ...]]]:
    """The newest words in the newest tickets of history with this subject."""
    found: dict[int, tuple[str, ...]] = {}
    for key in query.subjects:
        tickets = yield Query(
            "SELECT ticket_id FROM subject_ref WHERE key = $1 AND at <= $2 AND at > $3 ORDER BY at DESC LIMIT $4",
            (key, query.now, query.now - _TALK_AGE, _TALKS),
        )
        for (ticket_id,) in tickets:
            texts = yield Query(
                "SELECT substr(text, 1, $2) FROM entry WHERE ticket_id = $1 ORDER BY seq DESC LIMIT $3",
                (ticket_id, _TALK_TEXT, _TALK_ENTRIES),
            )
            found[ticket_id] = tuple(row[0] for row in texts)
    return found


def _numbers(query: FactsQuery) -> Verb[dict[str, int]]:
    found = yield from select_in("SELECT number, id FROM ticket WHERE number IN (...)", query.numbers)
    return {row[0]: row[1] for row in found}


def _fingerprints(query: FactsQuery) -> Verb[dict[str, Fingerprint]]:
    found = yield from select_in(
        """SELECT key, ticket_id, mail_id, first_at, strong, told, (SELECT min(e.id) FROM entry e
            WHERE e.mail_id = f.mail_id AND e.ticket_id = f.ticket_id) FROM fingerprint f WHERE key IN (...)""",
        query.fingerprints,
    )
    return {
        row[0]: Fingerprint(row[0], row[1], row[2], row[3], strong=bool(row[4]), told=bool(row[5]), entry_id=row[6])
        for row in found
    }


def _recipients(query: FactsQuery) -> Verb[dict[int, SentRecipient]]:
    found = yield from select_in(
        """SELECT r.id, r.outgoing_id, o.ticket_id, r.address, r.state, o.cause
            FROM recipient r JOIN outgoing o ON o.id = r.outgoing_id WHERE r.id IN (...)""",
        query.recipient_ids,
    )
    return {
        row[0]: SentRecipient(
            recipient_id=row[0], outgoing_id=row[1], ticket_id=row[2], address=row[3], state=DeliveryState(row[4]), cause=row[5]
        )
        for row in found
    }


def _unfiled_parents(query: FactsQuery) -> Verb[tuple[str, ...]]:
    found = yield from select_in(
        "SELECT id FROM incoming WHERE state = 'accepted' AND id <> $1 AND message_id IN (...)", query.references, query.mail_id
    )
    return tuple(row[0] for row in found[:_MOST])


def _serials(query: FactsQuery) -> Verb[dict[tuple[str, str], int]]:
    following = {}
    for day, channel in query.serials:
        found = yield Query("SELECT last FROM serial WHERE day = $1 AND channel = $2", (day, channel))
        serial = found[0][0] + 1 if found else 1
        if query.numbers_of is not None:
            serial = yield from _free(query.numbers_of, (day, channel), serial)
        following[day, channel] = serial
    return following


def _free(numbers_of: NumbersOf, counter: tuple[str, str], serial: int) -> Verb[int]:
    """The next serial whose numbers nobody has: another pattern with another counter may have made the same ones."""
    while (yield from select_in("SELECT 1 FROM ticket WHERE number IN (...)", numbers_of(counter, serial))):
        serial += 1
    return serial


def _acks(query: FactsQuery) -> Verb[AckCounts]:
    """Notices count apart: one that a forger's mail caused must not keep the real customer from an acknowledgement."""
    mine = yield Query(  # nothing is queued for longer than two days: what lies beyond, a clock wrote that was wrong
        "SELECT at, purpose FROM acknowledgement WHERE address = $1 AND at > $2 AND at <= $3 ORDER BY at LIMIT $4",
        (rows.mailbox_key(query.sender), query.now - _DAY, query.now + 2 * _DAY, _MOST),
    )
    minutes = yield Query(
        "SELECT minute, count(*) FROM acknowledgement WHERE minute >= $1 GROUP BY minute", (int(query.now // _MINUTE),)
    )
    return AckCounts(
        to_address=tuple(at for at, purpose in mine if purpose != NOTICE),
        to_all={row[0]: row[1] for row in minutes},
        notices_last_day=sum(purpose == NOTICE for _, purpose in mine),
    )


def _machine_last_hour(tickets: dict[int, Ticket], now: float) -> Verb[dict[int, int]]:
    found = yield from select_in(
        """SELECT ticket_id, count(*) FROM entry
            WHERE kind = 'machine' AND created_at > $1 AND ticket_id IN (...) GROUP BY ticket_id""",
        tuple(tickets),
        now - _HOUR,
    )
    return dict.fromkeys(tickets, 0) | {row[0]: row[1] for row in found}


def _language(query: FactsQuery) -> Verb[str]:
    """Of the sender's newest ticket: what we write to a customer in is the ticket's language."""
    found = yield Query(
        """SELECT t.language FROM participant p JOIN ticket t ON t.id = p.ticket_id
            WHERE p.address_key = $1 AND p.role = 'customer' ORDER BY p.ticket_id DESC LIMIT 1""",
        (rows.address_key(query.sender),),
    )
    return found[0][0] if found else ""


def _seen_pictures(query: FactsQuery, tickets: Iterable[int]) -> Verb[frozenset[str]]:
    """Pictures that are on the sender's newest tickets, or on those that this mail may belong to."""
    if not query.pictures:
        return frozenset()
    own = yield Query(
        "SELECT ticket_id FROM participant WHERE address_key = $1 ORDER BY ticket_id DESC LIMIT 20",
        (rows.address_key(query.sender),),
    )
    found = yield from select_in(
        "SELECT attachments FROM entry WHERE ticket_id IN (...) AND attachments <> '[]' ORDER BY seq DESC LIMIT 100",
        tuple(dict.fromkeys((*tickets, *(row[0] for row in own)))),
    )
    return frozenset(picture for picture in query.pictures if any(picture in row[0] for row in found))
