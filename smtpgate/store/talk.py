"""The verbs behind what an agent reads and what guards his answer: what was said in a ticket, and what else its sender has."""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from smtpgate.listing import Listed
from smtpgate.model import COPIES, SAID_WITH, Entry, OtherTicket, Status, Withdrawn
from smtpgate.store import rows, worked
from smtpgate.store.api import LEFT_OUT, TO_AGENT, Facts, FactsQuery, Taken
from smtpgate.store.linking import MERGED
from smtpgate.store.shown import Choice, Said, Spent, Told
from smtpgate.store.statement import Query, Verb, select_in

_ENTRIES, _TEXT = 12, 8000  # newest entries of a ticket, characters of each
_TICKETS = 4  # of those that a mail reaches
_OTHERS = 6
_COPIES = 200  # events of a ticket that say who gets copies
_HOUR = 3600.0
_NEWEST, _OPEN = 500, 50  # tickets of a person among which the open ones are looked for, and how many are named
_COLUMNS = rows.ENTRY.replace(" text,", f" substr(text, 1, {_TEXT}),")
# his own, and none that was said while somebody else was the customer
_CUSTOMERS = f"""kind = 'customer' AND mail_id IS NOT NULL AND (marks NOT LIKE '%"{SAID_WITH}%' OR EXISTS (SELECT 1
    FROM participant p WHERE p.ticket_id = $1 AND p.role = 'customer'
        AND replace(marks, '"{SAID_WITH}' || p.address || '"', '') <> marks))"""
_BEYOND = "SELECT 1 FROM entry WHERE ticket_id = $1 ORDER BY seq DESC LIMIT 1 OFFSET $2"
TAKEN_BACK = "purpose IN ('answer', 'handed')"  # what waits a while, so that its author may take it back
_MOST_WAITING = 8  # of those in a ticket, copies included
_WAITING = f"""SELECT o.id, o.entry_id FROM outgoing o WHERE o.ticket_id = $1 AND o.{TAKEN_BACK} AND o.entry_id IS NOT NULL
    AND EXISTS (SELECT 1 FROM recipient r WHERE r.outgoing_id = o.id AND r.state = 'queued' AND r.attempts = 0
        AND r.claimed_by IS NULL) AND NOT EXISTS (SELECT 1 FROM outgoing c JOIN recipient r ON r.outgoing_id = c.id
            WHERE c.ticket_id = o.ticket_id AND c.entry_id = o.entry_id AND c.{TAKEN_BACK} AND r.state <> 'dropped'
            AND NOT (r.state = 'queued' AND r.attempts = 0 AND r.claimed_by IS NULL))
    AND o.id = (SELECT max(n.id) FROM outgoing n WHERE n.ticket_id = o.ticket_id AND n.entry_id = o.entry_id AND n.{TAKEN_BACK})
    ORDER BY o.id DESC LIMIT {_MOST_WAITING}"""
# those of a ticket that was merged into it began another one
_BEGAN = (
    """SELECT author FROM entry WHERE ticket_id = $1 AND kind = 'customer' AND marks NOT LIKE '%"was #%' ORDER BY seq LIMIT 1"""
)


def with_talk(facts: Facts, query: FactsQuery) -> Verb[Facts]:
    """The facts with what was said, where the question asks for it."""
    if not query.conversation and not query.copies:
        return facts
    named = (facts.merged.get(i, i) for i in query.ticket_ids)
    signed = [i for i in named if i in facts.tickets]  # that a signed address names: nothing stands in their way
    reached = tuple(dict.fromkeys((*signed, *facts.tickets)))[:_TICKETS]
    copies = {}
    for ticket_id in reached if query.copies else ():
        copies[ticket_id] = yield from _copies(ticket_id)
    if not query.conversation:
        return replace(facts, said=Said(copies=copies))
    talk: dict[int, tuple[Entry, ...]] = {}
    waiting: dict[int, tuple[Withdrawn, ...]] = {}
    began: dict[int, str] = {}
    spent: dict[int, Spent] = {}
    single = facts.listed if query.listing is not None and query.listing.what in (Listed.NEXT, Listed.NUMBER) else ()
    names = dict.fromkeys(query.desks)
    for ticket in (*(facts.tickets[ticket_id] for ticket_id in reached), *single):
        ticket_id = ticket.id
        names |= dict.fromkeys((ticket.desk, *ticket.other_desks))
        talk[ticket_id] = yield from _entries(ticket_id)
        found = yield Query(_WAITING, (ticket_id,))
        if found:
            waiting[ticket_id] = tuple(Withdrawn(*row) for row in found)
        if query.spent:
            spent[ticket_id] = yield from worked.of_agent(ticket_id, query.sender)
        if query.began:
            first = yield Query(_BEGAN, (ticket_id,))
            began[ticket_id] = first[0][0] if first else ""
    told = {}
    for agent in dict.fromkeys(agent for name in names for agent in query.members_of(name)):
        told[agent] = yield from _told(agent, query)
    others = yield from others_of(query.sender)
    answered, about = yield from _made_at(query.references)
    opened = (yield from _open(query.sender)) if query.open_tickets else ()
    choices = {}
    if query.taken is not None:
        for ticket_id in reached:
            choices[ticket_id] = yield from _choice(ticket_id, query.taken, about)
    return replace(
        facts, said=Said(talk, others, waiting, began, spent, told, answered, about, copies, choices=choices), open_tickets=opened
    )


def _told(agent: str, query: FactsQuery) -> Verb[Told]:
    """No more rows are read than a decision needs."""
    sent = yield Query(
        "SELECT at FROM acknowledgement WHERE address = $1 ORDER BY at DESC LIMIT $2",
        (rows.agents_key(agent, TO_AGENT), query.told_most),
    )
    if not sent:
        return Told()
    left_out = yield Query(
        "SELECT 1 FROM acknowledgement WHERE address = $1 AND at > $2 LIMIT $3",
        (rows.agents_key(agent, LEFT_OUT), sent[0][0], 2 * query.told_most),
    )
    return Told(sum(at > query.now - _HOUR for (at,) in sent), len(left_out))


def _entries(ticket_id: int) -> Verb[tuple[Entry, ...]]:
    found = yield Query(f"SELECT {_COLUMNS} FROM entry WHERE ticket_id = $1 ORDER BY seq DESC LIMIT {_ENTRIES}", (ticket_id,))
    return tuple(map(rows.entry, found))


def _copies(ticket_id: int) -> Verb[tuple[Entry, ...]]:
    """However much was said since: whom an agent took off must not come back with the thirteenth mail."""
    found = yield Query(
        f"""SELECT {rows.ENTRY} FROM entry WHERE ticket_id = $1 AND kind = 'event' AND substr(text, 1, {len(COPIES)}) = $2
            ORDER BY seq DESC LIMIT {_COPIES}""",
        (ticket_id, COPIES),
    )
    return tuple(map(rows.entry, found))


def outlines(ticket_ids: Iterable[int]) -> Verb[dict[int, tuple[Entry, ...]]]:
    """The newest entries of tickets, without their texts."""
    columns = rows.ENTRY.replace(" text,", " '',")
    found = {}
    for ticket_id in ticket_ids:
        newest = yield Query(f"SELECT {columns} FROM entry WHERE ticket_id = $1 ORDER BY seq DESC LIMIT {_ENTRIES}", (ticket_id,))
        found[ticket_id] = tuple(map(rows.entry, newest))
    return found


def _choice(ticket_id: int, taken: Taken, answered: int | None) -> Verb[Choice]:
    """Mails are counted over the newest entries; what is named is found however old it is."""
    mails = yield Query(
        f"""SELECT id FROM (SELECT id, kind, mail_id, marks, seq FROM entry WHERE ticket_id = $1 ORDER BY seq DESC LIMIT $2) e
            WHERE {_CUSTOMERS} ORDER BY seq DESC LIMIT $3""",
        (ticket_id, taken.reach, max(taken.which or 0, 2)),
    )
    ids: list[int] = [row[0] for row in mails]
    wanted = ids[taken.which - 1] if taken.which and taken.which <= len(ids) else None
    if taken.mail_id:
        named = yield Query(
            f"SELECT id FROM entry WHERE ticket_id = $1 AND mail_id = $2 AND {_CUSTOMERS} ORDER BY seq LIMIT 1",
            (ticket_id, taken.mail_id),
        )
        wanted = named[0][0] if named else None
    asked = [i for i in (next(iter(ids), None), wanted, answered) if i is not None]
    found = yield from select_in(f"SELECT {_COLUMNS} FROM entry WHERE ticket_id = $1 AND id IN (...)", asked, ticket_id)
    entries = {entry.id: entry for entry in map(rows.entry, found)}
    more: list[Any] = [] if len(ids) > 1 else (yield Query(_BEYOND, (ticket_id, taken.reach)))
    newest, one, about = (entries.get(i) if i is not None else None for i in (next(iter(ids), None), wanted, answered))
    return Choice(newest, one, about, only=len(ids) == 1 and not more)


def others_of(sender: str) -> Verb[tuple[OtherTicket, ...]]:
    found = yield Query(
        f"""SELECT t.id, t.number, t.status, t.subject FROM participant p JOIN ticket t ON t.id = p.ticket_id
            WHERE p.address_key = $1 AND p.role = 'customer' AND NOT {MERGED} ORDER BY p.ticket_id DESC LIMIT {_OTHERS}""",
        (rows.address_key(sender),),
    )
    return tuple(OtherTicket(row[0], row[1], Status(row[2]), row[3]) for row in found)


def _open(sender: str) -> Verb[tuple[OtherTicket, ...]]:
    """Among the newest ones: who has had thousands must not make each of his mails dear. A ticket that unproved mail has opened
    may be a stranger's, in this person's name: its subject is not repeated to anybody; nor is that of one which was another's."""
    found = yield Query(
        f"""SELECT t.id, t.number, t.status, t.subject, t.unverified = 1 OR p.subject = 0
            FROM (SELECT ticket_id, subject FROM participant
                WHERE address_key = $1 AND role = 'customer' ORDER BY ticket_id DESC LIMIT {_NEWEST}) p
            JOIN ticket t ON t.id = p.ticket_id WHERE t.status NOT IN ('resolved', 'closed') ORDER BY t.id DESC LIMIT {_OPEN}""",
        (rows.address_key(sender),),
    )
    return tuple(OtherTicket(row[0], row[1], Status(row[2]), "" if row[4] else row[3]) for row in found)


def _made_at(references: Iterable[str]) -> Verb[tuple[float, int | None]]:
    """When the newest of these mails of ours was made, and which entry it was about."""
    found = yield from select_in("SELECT created_at, id, entry_id FROM outgoing WHERE message_id IN (...)", tuple(references))
    made_at, _, entry_id = max(found, default=(0.0, 0, None))
    return made_at, entry_id
