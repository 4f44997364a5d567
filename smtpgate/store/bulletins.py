"""Verbs behind notices to everybody whom something concerns: begun once, sent in batches, each of them one transaction.

Where sending goes on is kept with each batch, and so is who was told: a process that dies goes on where it was, two at once send
nothing twice. Raises what decide raises, and StoreMisuse when what it wants to send belongs to nobody.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import json
from dataclasses import replace

from smtpgate.bulletin import Bulletin, BulletinSeen, Matter, Place, Run
from smtpgate.errors import StoreMisuse
from smtpgate.links import LinkKind
from smtpgate.model import Status, Ticket
from smtpgate.store import rows
from smtpgate.store.api import DecideBatch
from smtpgate.store.changes import apply
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.linking import MERGED, leads_to
from smtpgate.store.statement import FOR_UPDATE, Many, Query, Row, Verb, Where, select_in
from smtpgate.store.talk import outlines

_COLUMNS = "id, tag, matter, texts, author, created_at, desk, since, follows, run"
_BITE = 2000  # tickets of one state that are looked at in one transaction


def _bulletin(row: Row) -> Bulletin:
    return Bulletin(row[0], row[1], Matter(row[2]), json.loads(row[3]), row[4], row[5], row[6], row[7], row[8], Run(row[9]))


def begin(new: Bulletin, same_since: float) -> Verb[Bulletin | None]:
    """None: it has begun. Else the one that was begun after same_since with the same tag, matter and texts; or the one that it
    would end, which is not fully sent or has been ended."""
    texts = json.dumps(dict(sorted(new.texts.items())))
    same = yield Query(
        f"""SELECT {_COLUMNS} FROM bulletin WHERE tag = $1 AND matter = $2 AND texts = $3 AND created_at > $4
            ORDER BY id DESC LIMIT 1""",
        (new.tag, new.matter, texts, same_since),
    )
    if same:
        return _bulletin(same[0])
    if new.follows is not None:
        followed = yield Query(f"SELECT {_COLUMNS} FROM bulletin WHERE id = $1 {FOR_UPDATE}", (new.follows,))
        if not followed or followed[0][-1] != Run.SENT:
            return _bulletin(followed[0]) if followed else new
        yield Query("UPDATE bulletin SET run = 'ended' WHERE id = $1", (new.follows,))
    place = Place()
    yield Query(
        f"INSERT INTO bulletin ({_COLUMNS}, ended, below) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        (
            *(new.id, new.tag, new.matter, texts, new.author, new.created_at, new.desk, new.since, new.follows, Run.SENDING),
            *(int(place.ended), place.below),
        ),
    )
    return None


def affected(bulletin: Bulletin, place: Place, limit: int) -> Verb[tuple[tuple[Ticket, ...], Place | None]]:
    """The next tickets that it is about, and where to go on; None: there are no more."""
    if bulletin.follows is not None:
        found = yield Query(
            """SELECT ticket_id FROM bulletin_person WHERE bulletin_id = $1 AND ticket_id < $2
                ORDER BY ticket_id DESC LIMIT $3""",
            (bulletin.follows, place.below, limit),
        )
        ids, floor = [row[0] for row in found], 0
    else:
        ids, floor = yield from _tagged(bulletin, place, limit)
    merged = (yield from leads_to(ids)) if bulletin.follows is not None else {}
    tickets = yield from tickets_by_id((*ids, *merged.values()))
    for old, new in merged.items():  # to the same person, in his own words, about the number that leads on
        tickets[old] = replace(tickets[old], id=new, number=tickets[new].number)
    if len(ids) == limit or floor:
        following: Place | None = Place(place.ended, ids[-1] if len(ids) == limit else floor)
    else:
        following = Place(ended=True) if bulletin.since is not None and not place.ended else None
    return tuple(tickets[ticket_id] for ticket_id in ids), following


def _tagged(bulletin: Bulletin, place: Place, limit: int) -> Verb[tuple[list[int], int]]:
    """The newest of them, and down to where was looked, 0 when that is all: a batch holds everybody's filing up, and one in a
    million tickets may have the tag."""
    states = [status for status in Status if status.open is not place.ended]  # one by one: each is in order in its index
    floor = 0
    for status in states:
        sql, params, _ = _looked_at(bulletin.desk, status, place.below, 0)
        looked = yield Query(f"SELECT count(*), min(id) FROM ({sql}) AS chosen", params)
        floor = max(floor, looked[0][1] if looked[0][0] == _BITE else 0)
    ids: list[int] = []
    for status in states:
        sql, params, _ = _looked_at(bulletin.desk, status, place.below, floor)
        at = len(params)
        changed, since = (f"AND t.updated_at >= ${at + 2}", (bulletin.since,)) if place.ended else ("", ())
        found = yield Query(  # each by its id: a planner that takes these for many would go through all tickets
            f"""SELECT chosen.id FROM ({sql}) AS chosen WHERE (SELECT 1 FROM ticket t
                WHERE t.id = chosen.id AND replace(t.tags, ${at + 1}, '') <> t.tags AND NOT {MERGED} {changed}) = 1""",
            (*params, json.dumps(bulletin.tag), *since),
        )
        ids += [row[0] for row in found]
    return sorted(ids, reverse=True)[:limit], floor


def _looked_at(desk: str, status: Status, below: int, floor: int) -> Query:
    where = Where()
    if desk:
        where.add("desk = {}", desk)
    where.add("status = {}", status)
    where.add("id < {} AND id >= {}", below, floor)
    return where.query("SELECT id FROM ticket", "id DESC", _BITE)


def batch(bulletin_id: int, limit: int, decide: DecideBatch) -> Verb[tuple[int, Run] | None]:
    """Tell the next ones. How many people got it now and how far it is; None: there is none of this id."""
    found = yield Query(f"SELECT {_COLUMNS}, ended, below FROM bulletin WHERE id = $1 {FOR_UPDATE}", (bulletin_id,))
    if not found:
        return None
    bulletin = _bulletin(found[0])
    if bulletin.run is not Run.SENDING:
        return 0, bulletin.run
    tickets, following = yield from affected(bulletin, Place(bool(found[0][-2]), found[0][-1]), limit)
    keys = [rows.address_key(ticket.customer.address) for ticket in tickets if ticket.customer is not None]
    told = yield from select_in(
        "SELECT address_key FROM bulletin_person WHERE bulletin_id = $1 AND address_key IN (...)", keys, bulletin_id
    )
    # of one that is part of another customer's by now, what was said there may be that one's
    talk = yield from outlines(t.id for t in tickets if not any(link.kind is LinkKind.INTO for link in t.links))
    changes, served = decide(bulletin, tickets, frozenset(row[0] for row in told), talk)
    if len(changes.outgoing) != len(served):
        raise StoreMisuse(f"bulletin {bulletin_id} sends {len(changes.outgoing)} mails to {len(served)} people")
    yield from apply(changes, None)
    if served:
        yield Many(
            "INSERT INTO bulletin_person (bulletin_id, address_key, ticket_id, outgoing_id) VALUES ($1, $2, $3, $4)",
            tuple((bulletin_id, rows.address_key(one.address), one.ticket_id, one.outgoing_id) for one in served),
        )
    run = Run.SENT if following is None else Run.SENDING
    place = following or Place()
    yield Query(
        "UPDATE bulletin SET run = $2, ended = $3, below = $4 WHERE id = $1", (bulletin_id, run, int(place.ended), place.below)
    )
    return len(served), run


def seen(limit: int) -> Verb[tuple[BulletinSeen, ...]]:
    """The newest first."""
    found = yield Query(f"SELECT {_COLUMNS} FROM bulletin ORDER BY id DESC LIMIT $1", (limit,))
    shown = []
    for bulletin in map(_bulletin, found):
        states = yield Query(
            """SELECT r.state, count(*) FROM bulletin_person p JOIN recipient r ON r.outgoing_id = p.outgoing_id
                WHERE p.bulletin_id = $1 GROUP BY r.state ORDER BY r.state""",
            (bulletin.id,),
        )
        shown.append(BulletinSeen(bulletin, sum(row[1] for row in states), dict(states)))
    return tuple(shown)
