"""The statements behind links between tickets, and behind what a merge and a split move.

A merged ticket keeps its row and its people, so that its number, its signed addresses and the Message-IDs that name it are
still found; what was said in it and what it sent is the other one's from then on. No chain is ever longer than one step, so
there is no cycle. Raises StoreMisuse for a merge into a ticket that was merged itself, or of one a second time.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from smtpgate.errors import StoreMisuse
from smtpgate.links import Link, LinkKind, MovedEntry, NewLink, Stray
from smtpgate.model import Status, Ticket
from smtpgate.store import unmerging, worked
from smtpgate.store.statement import Query, Verb, select_in

_STRAY = "(kind <> 'event' OR mail_id IS NOT NULL)"  # an event that no mail caused may stay in a merged ticket
LINKED = "EXISTS (SELECT 1 FROM link l WHERE l.ticket_id = t.id)"  # so that a ticket without links costs no further question
MERGED = "EXISTS (SELECT 1 FROM link l WHERE l.ticket_id = t.id AND l.kind = 'into')"
SURVIVOR = "coalesce((SELECT l.other_id FROM link l WHERE l.ticket_id = t.id AND l.kind = 'into'), t.id)"
OF_NUMBER = f"SELECT {SURVIVOR} FROM ticket t WHERE t.number = $1"  # the ticket that a number leads to


def of(ticket_ids: Iterable[int]) -> Verb[dict[int, tuple[Link, ...]]]:
    """Where the other one was merged since, its number stands with the ticket that this leads to."""
    found = yield from select_in(
        """SELECT l.ticket_id, l.kind, coalesce(m.other_id, l.other_id), t.number, l.at FROM link l
            JOIN ticket t ON t.id = l.other_id
            LEFT JOIN link m ON m.ticket_id = l.other_id AND m.kind = 'into' AND l.kind NOT IN ('into', 'holds')
            WHERE l.ticket_id IN (...)""",
        tuple(ticket_ids),
    )
    links: dict[int, tuple[Link, ...]] = {}
    for ticket_id, kind, other_id, number, _ in sorted(found, key=lambda row: (row[4], row[2])):
        links[ticket_id] = (*links.get(ticket_id, ()), Link(LinkKind(kind), other_id, number))
    return links


def leads(tickets: Mapping[int, Ticket]) -> dict[int, int]:
    """Of these tickets the merged ones, with the one that each leads to."""
    return {t.id: link.ticket_id for t in tickets.values() for link in t.links if link.kind is LinkKind.INTO}


def leads_to(ticket_ids: Sequence[int]) -> Verb[dict[int, int]]:
    """The same of ids."""
    found = yield from select_in("SELECT ticket_id, other_id FROM link WHERE kind = 'into' AND ticket_id IN (...)", ticket_ids)
    return {row[0]: row[1] for row in found}


def rows_of(links: Iterable[NewLink]) -> Iterator[Query]:
    """A row for each end."""
    for link in links:
        for one, kind, other in (
            (link.ticket_id, link.kind, link.other_id),
            (link.other_id, link.kind.seen_from_there, link.ticket_id),
        ):
            yield Query(
                """INSERT INTO link (ticket_id, other_id, kind, at, by_whom) VALUES ($1, $2, $3, $4, $5)
                    ON CONFLICT (ticket_id, other_id, kind) DO NOTHING""",
                (one, other, kind, link.at, link.by),
            )


def merged(links: Iterable[NewLink]) -> Verb[None]:
    """Before the new rows: what is said in the old ticket from now on stays there."""
    for link in links:
        if link.kind is LinkKind.INTO:
            yield from unmerging.noted(link)
            yield from _merged(link.ticket_id, link.other_id)


def _merged(old: int, new: int) -> Verb[None]:
    there = yield Query("SELECT id, number FROM ticket t WHERE t.id IN ($1, $2) AND NOT " + MERGED, (old, new))
    numbers: dict[int, str] = dict(there)
    if old == new or len(numbers) != 2:
        raise StoreMisuse(f"ticket {old} cannot be merged into {new}")
    yield Query(
        "UPDATE entry SET ticket_id = $2, marks = " + one_more(_ORIGIN) + " WHERE ticket_id = $1",
        (old, new, json.dumps(origin(numbers[old]))),
    )
    yield from _letters(old, new)
    yield worked.merged(old, new)
    before = yield Query("SELECT other_id FROM link WHERE ticket_id = $1 AND kind = 'holds'", (old,))
    yield from select_in(
        "UPDATE link SET other_id = $1 WHERE kind = 'into' AND ticket_id IN (...)", [row[0] for row in before], new
    )
    yield Query("UPDATE link SET ticket_id = $2 WHERE ticket_id = $1 AND kind = 'holds'", (old, new))


_ORIGIN = "was #"


def one_more(beginning: str) -> str:
    """An entry's marks, a JSON list of strings, with $3; where one begins so already, it stays the one."""
    return f"""CASE WHEN marks LIKE '%"{beginning}%' THEN marks WHEN marks = '[]' THEN '[' || $3 || ']'
    ELSE substr(marks, 1, length(marks) - 1) || ', ' || $3 || ']' END"""


def _letters(old: int, new: int) -> Verb[None]:
    """All mail of ours is the other ticket's, and names it."""
    yield Query(
        """INSERT INTO message_ref (message_id, ticket_id, ours) SELECT message_id, CAST($2 AS BIGINT), 1 FROM outgoing
            WHERE ticket_id = $1 ON CONFLICT (message_id, ticket_id) DO NOTHING""",
        (old, new),
    )
    yield Query("UPDATE outgoing SET ticket_id = $2 WHERE ticket_id = $1", (old, new))


def strays(merged: Mapping[int, int]) -> Verb[tuple[Stray, ...]]:
    """Of these merged tickets, with the one that each leads to, those that were written to since."""
    found = yield from select_in(
        f"""SELECT t.id, t.status FROM ticket t WHERE t.id IN (...) AND (t.status NOT IN ('resolved', 'closed')
            OR EXISTS (SELECT 1 FROM entry WHERE ticket_id = t.id AND {_STRAY}))""",
        tuple(merged),
    )
    return tuple(Stray(row[0], merged[row[0]], Status(row[1]).open) for row in found)


def healed(several: Iterable[Stray]) -> Verb[None]:
    """Before the new rows: what was written to them goes where it would have gone."""
    for one in several:
        number = yield Query("SELECT number FROM ticket WHERE id = $1", (one.ticket_id,))
        yield Query(
            f"UPDATE entry SET ticket_id = $2, marks = {one_more(_ORIGIN)} WHERE ticket_id = $1 AND {_STRAY}",
            (one.ticket_id, one.other_id, json.dumps(origin(number[0][0]))),
        )
        yield from _letters(one.ticket_id, one.other_id)


def origin(number: str) -> str:
    """The mark of an entry that was another ticket's: of one that came from elsewhere before, where it is still from."""
    return f"{_ORIGIN}{number}"


def moved(entries: Iterable[MovedEntry]) -> Verb[None]:
    """After the new rows: single entries, each with its repeats and with what was written to agents about it."""
    for one in entries:
        number = yield Query("SELECT number FROM ticket WHERE id = $1", (one.ticket_id,))
        done = yield Query(
            "UPDATE entry SET ticket_id = $2, marks = "
            + one_more(_ORIGIN)
            + " WHERE ticket_id = $1 AND (id = $4 OR repeat_of = $4) RETURNING id, message_id",
            (one.ticket_id, one.to_ticket, json.dumps(origin(number[0][0])), one.entry_id),
        )
        if one.entry_id not in {row[0] for row in done}:
            raise StoreMisuse(f"ticket {one.ticket_id} has no entry {one.entry_id} to give away")
        yield from select_in(
            """INSERT INTO message_ref (message_id, ticket_id, ours) SELECT message_id, CAST($2 AS BIGINT), 1 FROM outgoing
                WHERE ticket_id = $1 AND entry_id IN (...) ON CONFLICT (message_id, ticket_id) DO NOTHING""",
            [row[0] for row in done],
            one.ticket_id,
            one.to_ticket,
        )
        yield from select_in(
            "UPDATE outgoing SET ticket_id = $2 WHERE ticket_id = $1 AND entry_id IN (...)",
            [row[0] for row in done],
            one.ticket_id,
            one.to_ticket,
        )
        yield from _own_ids(one, [row[1] for row in done if row[1] is not None])


def _own_ids(one: MovedEntry, message_ids: list[str]) -> Verb[None]:
    """Whoever refers to the mail itself means the ticket that has it now."""
    yield from select_in(
        "DELETE FROM message_ref WHERE ticket_id = $1 AND ours = 0 AND message_id IN (...)", message_ids, one.ticket_id
    )
    for message_id in message_ids:
        yield Query(
            """INSERT INTO message_ref (message_id, ticket_id, ours) VALUES ($1, $2, 0)
                ON CONFLICT (message_id, ticket_id) DO NOTHING""",
            (message_id, one.to_ticket),
        )
