"""The verb behind Facts: everything that the handlers could want to know about one mail, from one snapshot."""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from smtpgate.blocks import Block, mailbox_key, names
from smtpgate.links import LinkKind
from smtpgate.model import DeliveryState, Participant, Ticket
from smtpgate.store import blocking, linking, listing, requests, rows, unmerging
from smtpgate.store.api import AckCounts, Facts, FactsQuery, Fingerprint, MessageRef, NumbersOf, SentRecipient
from smtpgate.store.holding import with_holding
from smtpgate.store.shown import Known, Reversal
from smtpgate.store.statement import Query, Verb, one, select_in, together
from smtpgate.store.talk import others_of, with_talk
from smtpgate.wish import Wish

NOTICE = "notice"  # AckNote.purpose of the short notice to unverified senders, which has a cap of its own
_DAY, _HOUR, _MINUTE = 86_400.0, 3_600.0, 60.0
_TALKS, _TALK_ENTRIES, _TALK_TEXT = 5, 20, 8000  # tickets with one subject, entries of each, characters of each
_TALK_AGE = 60 * 86_400.0  # seconds after which a subject is a new matter
_HOLDERS = 8  # tickets looked at that have one Message-ID
_SOON = 600.0  # seconds that a lease of filing lasts at most, where all is well
_CLAIMS = 10  # times that somebody took a mail and did not come back, after which it is no longer expected
_STEPS, _FOLLOWERS = 8, 8  # tickets in which one after the other goes on; those that are looked at in each step
_TICKETS = "SELECT " + rows.TICKET + ", " + linking.LINKED + " FROM ticket t WHERE t.id IN (...)"
_PEOPLE = "SELECT " + rows.PARTICIPANT + ", p.ticket_id FROM participant p WHERE p.ticket_id IN (...) ORDER BY p.id"
_MOST = 100  # rows of one kind that no decision needs more of


def facts(query: FactsQuery) -> Verb[Facts]:
    reached, (parents, expected), serials, acks, (language, wish, blocks), letters = yield from together(
        _reached(query),
        _unfiled_parents(query),
        _serials(query),
        _acks(query),
        _person(query.sender),
        _letters(query) if query.parents else None,
    )
    listed: tuple[Ticket, ...] = ()
    if query.listing is not None:
        ids = yield from listing.found(query.listing)
        tickets = yield from tickets_by_id(ids)
        listed = tuple(tickets[i] for i in ids)
    whole = Facts(
        **reached,
        listed=listed,
        unfiled_parents=parents,
        expected_parents=expected,
        serials=serials,
        acks=acks,
        language=language,
        wish=wish,
        blocks=(*blocks, *(yield from _blocks(query, reached))),
        letters=letters or (),
        customer=(yield from _known(query)),
        personal=(yield from requests.of_late(query.sender, query.now)) if query.personal else (),
    )
    whole = yield from with_talk(whole, query)
    if query.undoes:
        whole = replace(whole, said=replace(whole.said, merges=(yield from _merges(whole.tickets))))
    return (yield from with_holding(whole, query))


def _merges(tickets: dict[int, Ticket]) -> Verb[dict[int, Reversal]]:
    """The newest merge into each of them."""
    found = {}
    for new in tickets.values():
        kept = yield from unmerging.newest(new.id)
        if kept is not None:
            old = (yield from tickets_by_id((kept.ticket_id,)))[kept.ticket_id]
            found[new.id] = kept.reversal(old, new)
    return found


def _reached(query: FactsQuery) -> Verb[dict[str, Any]]:
    """The tickets that any rung could reach, and what is asked of them."""
    refs, unseen, talks, by_number, fingerprints, recipients, own = yield from together(
        _all_refs(query) if query.imported or query.of_agent else _message_refs(query),
        _unseen(query) if query.named else None,
        _talks(query) if query.subjects else None,
        _numbers(query) if query.numbers or query.also else None,
        _fingerprints(query),
        _recipients(query) if query.recipient_ids else None,
        _own_tickets(query) if query.pictures else None,
    )
    unseen, talks, by_number, recipients, own = unseen or {}, talks or {}, by_number or {}, recipients or {}, own or ()
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
    merged = linking.leads(tickets)
    strays = (yield from linking.strays(merged)) if merged else ()
    if merged:
        refs, unseen, talks, by_number, fingerprints, recipients, tickets = yield from _led_on(
            merged, tickets, refs, unseen, talks, by_number, fingerprints, recipients
        )
    if tickets:
        tickets |= yield from _followed(tickets)
    machine, pictures, texts = yield from together(
        _machine_last_hour(tickets, query.now) if tickets else None,
        _seen_pictures(query, (*tickets, *own)) if query.pictures else None,
        _parents(query, tickets) if tickets and query.parents else None,
    )
    by_message_id: dict[str, MessageRef] = {}
    holders: dict[str, tuple[int, ...]] = {}
    for ref in refs:
        by_message_id.setdefault(ref.message_id, ref)
        holders[ref.message_id] = tuple(dict.fromkeys((*holders.get(ref.message_id, ()), ref.ticket_id)))
    return dict(  # noqa: C408
        tickets=tickets,
        by_message_id=by_message_id,
        by_number=by_number,
        merged=merged,
        strays=strays,
        fingerprints=fingerprints,
        recipients=recipients,
        machine_last_hour=machine or {},
        holders=holders if query.imported else {},
        talks=talks,
        unseen=unseen,
        seen_pictures=pictures or frozenset(),
        parents=texts or (),
    )


def _led_on(
    merged: dict[int, int],
    tickets: dict[int, Ticket],
    refs: list[MessageRef],
    unseen: dict[str, int],
    talks: dict[int, tuple[str, ...]],
    by_number: dict[str, int],
    fingerprints: dict[str, Fingerprint],
    recipients: dict[int, SentRecipient],
) -> Verb[tuple[Any, ...]]:
    """Whatever names a merged ticket names the one that it leads to."""
    tickets = {i: one for i, one in tickets.items() if i not in merged} | (yield from tickets_by_id(merged.values()))
    for key, first in fingerprints.items():
        if first.ticket_id in merged:
            new = merged[first.ticket_id]
            found = yield Query("SELECT min(id) FROM entry WHERE mail_id = $1 AND ticket_id = $2", (first.mail_id, new))
            fingerprints[key] = replace(first, ticket_id=new, entry_id=found[0][0])
    return (
        [replace(ref, ticket_id=merged.get(ref.ticket_id, ref.ticket_id)) for ref in refs],
        {name: merged.get(ticket_id, ticket_id) for name, ticket_id in unseen.items()},
        {merged.get(ticket_id, ticket_id): texts for ticket_id, texts in talks.items()},
        {number: merged.get(ticket_id, ticket_id) for number, ticket_id in by_number.items()},
        fingerprints,
        {i: replace(one, ticket_id=one.ticket_id and merged.get(one.ticket_id, one.ticket_id)) for i, one in recipients.items()},
        tickets,
    )


def _followed(tickets: dict[int, Ticket]) -> Verb[dict[int, Ticket]]:
    """The tickets in which those that have ended go on, step by step. None is asked for where none is linked."""
    found: dict[int, Ticket] = {}
    ended = [ticket for ticket in tickets.values() if not ticket.status.open and ticket.links]
    for _ in range(_STEPS):
        ids = [link.ticket_id for ticket in ended for link in ticket.links if link.kind is LinkKind.FOLLOWED_BY]
        wanted = [i for i in dict.fromkeys(ids) if i not in tickets and i not in found][-_FOLLOWERS:]
        if not wanted:
            break
        new = yield from tickets_by_id(wanted)
        found |= new
        ended = [ticket for ticket in new.values() if not ticket.status.open and ticket.links]
    return found


def tickets_by_id(ids: Iterable[int]) -> Verb[dict[int, Ticket]]:
    wanted = tuple(dict.fromkeys(ids))
    if not wanted:
        return {}
    found, people = yield from together(
        select_in(_TICKETS, wanted),
        select_in(_PEOPLE, wanted),
    )
    of_ticket: dict[int, list[Participant]] = {}
    for row in people:
        of_ticket.setdefault(row[6], []).append(rows.participant(row))
    tickets = {row[0]: rows.ticket(row, tuple(of_ticket.get(row[0], ()))) for row in found}
    if linked := [row[0] for row in found if row[-1]]:
        links = yield from linking.of(linked)
        tickets |= {ticket_id: replace(tickets[ticket_id], links=links[ticket_id]) for ticket_id in linked}
    return tickets


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
    """Whoever takes part: history is not forged by those who would gain from it today, and an agent's mail is not led anywhere that
    he may not read. A few for each id tell enough."""
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
    found = yield from select_in("SELECT number, id FROM ticket WHERE number IN (...)", (*query.numbers, *query.also))
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
        """SELECT r.id, r.outgoing_id, o.ticket_id, r.address, r.state, o.cause,
                o.purpose FROM recipient r JOIN outgoing o ON o.id = r.outgoing_id WHERE r.id IN (...)""",
        query.recipient_ids,
    )
    return {
        row[0]: SentRecipient(
            recipient_id=row[0],
            outgoing_id=row[1],
            ticket_id=row[2],
            address=row[3],
            state=DeliveryState(row[4]),
            cause=row[5],
            purpose=row[6],
        )
        for row in found
    }


def _unfiled_parents(query: FactsQuery) -> Verb[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Those, and the ones among them that are filed any moment: nothing has failed on them, and nobody holds them for long. A
    mail that came after this one is none of the latter: two that refer to each other must not wait for ever."""
    found = yield from select_in(
        """SELECT id, tries = 0 AND claims < $3 AND leased_until < $2 AND seq < (SELECT seq FROM incoming WHERE id = $1)
            FROM incoming WHERE state = 'accepted' AND id <> $1 AND message_id IN (...)""",
        query.references,
        query.mail_id,
        query.now + _SOON,
        _CLAIMS,
    )
    return tuple(row[0] for row in found[:_MOST]), tuple(row[0] for row in found[:_MOST] if row[1])


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
    mine, minutes = yield from together(
        _acks_to(query.sender, query.now),
        one("SELECT minute, sent FROM acknowledged WHERE minute >= $1", int(query.now // _MINUTE)),
    )
    return AckCounts(
        to_address=tuple(at for at, purpose in mine if purpose != NOTICE),
        to_all={row[0]: row[1] for row in minutes},
        notices_last_day=sum(purpose == NOTICE for _, purpose in mine),
    )


def _acks_to(address: str, now: float) -> Verb[list[Any]]:
    """Nothing is queued for longer than two days: what lies beyond, a clock wrote that was wrong."""
    return one(
        "SELECT at, purpose FROM acknowledgement WHERE address = $1 AND at > $2 AND at <= $3 ORDER BY at LIMIT $4",
        mailbox_key(address),
        now - _DAY,
        now + 2 * _DAY,
        _MOST,
    )


def _known(query: FactsQuery) -> Verb[Known | None]:
    if not query.customer:
        return None
    acks = yield from _acks_to(query.customer, query.now)
    language, wish, _ = yield from _person(query.customer)
    others = yield from others_of(query.customer)
    return Known(tuple(at for at, purpose in acks if purpose != NOTICE), language, others, wish)


def _machine_last_hour(tickets: dict[int, Ticket], now: float) -> Verb[dict[int, int]]:
    found = yield from select_in(
        """SELECT ticket_id, count(*) FROM entry
            WHERE kind = 'machine' AND created_at > $1 AND ticket_id IN (...) GROUP BY ticket_id""",
        tuple(tickets),
        now - _HOUR,
    )
    return dict.fromkeys(tickets, 0) | {row[0]: row[1] for row in found}


def _person(address: str) -> Verb[tuple[str, Wish, tuple[Block, ...]]]:
    """Of a person's newest ticket the language, since what we write to a customer in is the ticket's; what he asked for; and what
    blocks his mail, in the same breath, since there hardly ever is anything."""
    found = yield Query(
        # the newest first, from the index: as a join SQLite reads all of them and sorts, when it believes that they are few
        """SELECT 0, language, 0 FROM ticket WHERE id = (SELECT ticket_id FROM participant
                WHERE address_key = $1 AND role = 'customer' ORDER BY ticket_id DESC LIMIT 1)
            UNION ALL SELECT 1, language, fewer FROM wish WHERE address_key = $1
            UNION ALL SELECT 2, '', 0 FROM block WHERE who IN ($2, $3, $4)""",
        (rows.address_key(address), *names(address)),
    )
    earlier = next((row[1] for row in found if row[0] == 0), "")
    wish = next((Wish(row[1], fewer=bool(row[2])) for row in found if row[0] == 1), Wish())
    blocked = any(row[0] == 2 for row in found)
    return earlier, wish, ((yield from blocking.of((address,))) if blocked else ())


def _blocks(query: FactsQuery, reached: dict[str, Any]) -> Verb[tuple[Block, ...]]:
    if not query.blocks:
        return ()
    customers = [ticket.customer.address for ticket in reached["tickets"].values() if ticket.customer is not None]
    customers += [query.customer] if query.customer else []
    return (yield from blocking.of(customers))


def _own_tickets(query: FactsQuery) -> Verb[tuple[int, ...]]:
    """The sender's newest."""
    own = yield Query(
        "SELECT ticket_id FROM participant WHERE address_key = $1 ORDER BY ticket_id DESC LIMIT 20",
        (rows.address_key(query.sender),),
    )
    return tuple(row[0] for row in own)


def _seen_pictures(query: FactsQuery, tickets: tuple[int, ...]) -> Verb[frozenset[str]]:
    """Pictures that are on the sender's newest tickets, or on those that this mail may belong to."""
    found = yield from select_in(
        "SELECT attachments FROM entry WHERE ticket_id IN (...) AND attachments <> '[]' ORDER BY seq DESC LIMIT 100", tickets
    )
    return frozenset(picture for picture in query.pictures if any(picture in row[0] for row in found))
