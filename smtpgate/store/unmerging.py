"""The statements behind taking a merge back: what is kept of it, whether anything has happened since, and the way back.

A merge that may be taken back leaves a note of what it moved, and of both tickets as they were before it and right after it. It is
taken back only where both still are as they were right after it, so nothing that came meanwhile can be lost or land in the wrong
place. Raises StoreMisuse for a merge of which there is no such note, or since which something has happened.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from smtpgate.errors import StoreMisuse
from smtpgate.links import NewLink, Unmerge
from smtpgate.model import Status, Ticket
from smtpgate.store import rows
from smtpgate.store.shown import Reversal
from smtpgate.store.statement import Many, Query, Verb

_AGENTS = "'to-agent', 'receipt', 'held', 'alert', 'postmaster'"  # what agents read changes no ticket
_DUE = "ticket_id, what, at, since, state, reminded, tries"
_TARGET = "ticket_id, desk, due_at, alert_at, tries, kept"
_MET = "ticket_id, target, at, desk, late"
_LETTER = "SELECT id FROM outgoing WHERE ticket_id = $1 AND purpose = 'merged' AND created_at = $2"
_UNTOUCHED = "state = 'queued' AND attempts = 0 AND claimed_by IS NULL"
_MOVED = "SELECT item FROM merge_moved WHERE ticket_id = $1 AND kind = "

_State = dict[str, Any]


# --- at the merge -----------------------------------------------------------------------------------------------------


def noted(link: NewLink) -> Verb[None]:
    """Before anything moves. What may not be taken back any more is forgotten."""
    yield Query("DELETE FROM merge_moved WHERE ticket_id IN (SELECT ticket_id FROM merge_state WHERE until < $1)", (link.at,))
    yield Query("DELETE FROM merge_state WHERE until < $1", (link.at,))
    if link.undo_within <= 0:
        return
    before = yield from _both(link.ticket_id, link.other_id)
    yield Query(
        "INSERT INTO merge_state (ticket_id, other_id, at, by_whom, until, before, after) VALUES ($1, $2, $3, $4, $5, $6, '')",
        (link.ticket_id, link.other_id, link.at, link.by, link.at + link.undo_within, json.dumps(before)),
    )
    for select in (
        "SELECT ticket_id, 'entry', id, marks FROM entry WHERE ticket_id = $1",
        "SELECT ticket_id, 'outgoing', id, '' FROM outgoing WHERE ticket_id = $1",
        "SELECT ticket_id, 'worked', id, '' FROM worked WHERE ticket_id = $1",
        "SELECT ticket_id, 'held', other_id, '' FROM link WHERE ticket_id = $1 AND kind = 'holds'",
    ):
        yield Query("INSERT INTO merge_moved (ticket_id, kind, item, name) " + select, (link.ticket_id,))
    yield Query(
        """INSERT INTO merge_moved (ticket_id, kind, item, name) SELECT o.ticket_id, 'ref', 0, o.message_id FROM outgoing o
            WHERE o.ticket_id = $1 AND NOT EXISTS (SELECT 1 FROM message_ref m WHERE m.message_id = o.message_id
                AND m.ticket_id = $2)""",
        (link.ticket_id, link.other_id),
    )


def kept(links: Sequence[NewLink]) -> Verb[None]:
    """When all else of the transaction is done: what must still be so when it is taken back."""
    for link in links:
        if link.undo_within > 0:
            after = yield from _both(link.ticket_id, link.other_id)
            yield Query("UPDATE merge_state SET after = $2 WHERE ticket_id = $1", (link.ticket_id, json.dumps(after)))


def _both(old: int, new: int) -> Verb[list[_State]]:
    return [(yield from _state(old)), (yield from _state(new))]


def _state(ticket_id: int) -> Verb[_State]:
    """All of a ticket but its texts: these are only added to, so it is enough to know how many there are."""
    row = yield Query(
        "SELECT status, updated_at, language, assignee, priority, tags, desk, subject FROM ticket WHERE id = $1", (ticket_id,)
    )
    people = yield Query("SELECT address_key, role FROM participant WHERE ticket_id = $1", (ticket_id,))
    due = yield Query(f"SELECT {_DUE} FROM due WHERE ticket_id = $1 ORDER BY what", (ticket_id,))
    links = yield Query("SELECT other_id, kind FROM link WHERE ticket_id = $1 ORDER BY other_id, kind", (ticket_id,))
    entries = yield Query("SELECT count(*), coalesce(max(seq), 0) FROM entry WHERE ticket_id = $1", (ticket_id,))
    sent = yield Query(f"SELECT count(*) FROM outgoing WHERE ticket_id = $1 AND purpose NOT IN ({_AGENTS})", (ticket_id,))
    counted = yield Query(f"SELECT {_TARGET} FROM target WHERE ticket_id = $1", (ticket_id,))
    met = yield Query(f"SELECT {_MET} FROM target_met WHERE ticket_id = $1 ORDER BY target, at", (ticket_id,))
    named = ("status", "updated_at", "language", "assignee", "priority", "tags", "desk")
    return {
        **dict(zip(named, row[0], strict=False)),
        "subject": _hash(row[0][7]),
        "people": sorted([_hash(key), role] for key, role in people),
        "due": [list(one) for one in due],
        "links": [list(one) for one in links],
        "entries": list(entries[0]),
        "sent": sent[0][0],
        "target": [list(one) for one in counted],
        "target_met": [list(one) for one in met],
    }


def _same(after: list[_State], now: list[_State]) -> bool:
    """But for what is counted of targets: that somebody was told that time runs out is nothing that happened."""
    one, other = ([{**state, "target": [], "target_met": []} for state in both] for both in (after, now))
    return one == other


def _hash(text: str) -> str:
    """Enough to know whether it is the same."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


# --- is it possible ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """The note of a merge."""

    ticket_id: int
    at: float
    by: str
    until: float
    before: list[_State]  # of the one that was merged, of the one that is left
    since: bool
    told: bool

    def reversal(self, old: Ticket, new: Ticket) -> Reversal:
        return Reversal(
            _as_in(old, self.before[0]), _as_in(new, self.before[1]), self.at, self.by, self.until, self.since, self.told
        )


def _as_in(ticket: Ticket, state: _State) -> Ticket:
    people = {key for key, _ in state["people"]}
    return replace(
        ticket,
        status=Status(state["status"]),
        language=state["language"],
        assignee=state["assignee"],
        tags=rows.tuple_of_strings(state["tags"]),
        participants=tuple(p for p in ticket.participants if _hash(rows.address_key(p.address)) in people),
    )


def newest(other_id: int) -> Verb[Kept | None]:
    """The newest merge into this ticket."""
    found = yield Query(
        """SELECT ticket_id, at, by_whom, until, before, after FROM merge_state WHERE other_id = $1
            ORDER BY at DESC, ticket_id DESC LIMIT 1""",
        (other_id,),
    )
    if not found:
        return None
    ticket_id, at, by, until, before, after = found[0]
    now = yield from _both(ticket_id, other_id)
    told = yield Query(f"SELECT 1 FROM recipient WHERE outgoing_id IN ({_LETTER}) AND NOT ({_UNTOUCHED}) LIMIT 1", (other_id, at))
    return Kept(ticket_id, at, by, until, json.loads(before), not after or not _same(json.loads(after), now), bool(told))


# --- the way back -----------------------------------------------------------------------------------------------------


def taken_back(several: Sequence[Unmerge]) -> Verb[None]:
    """Before the new rows and the new states."""
    for one in several:
        note = yield from newest(one.other_id)
        if note is None or note.ticket_id != one.ticket_id or note.since:
            raise StoreMisuse(f"the merge of ticket {one.ticket_id} into {one.other_id} cannot be taken back")
        yield from _letter(one.other_id, note.at)
        yield from _moved_back(one.ticket_id, one.other_id)


def _letter(other_id: int, at: float) -> Verb[None]:
    """What the customer was to be told and has not left need not leave."""
    waiting = yield Query(
        f"SELECT entry_id FROM outgoing WHERE id IN ({_LETTER}) AND NOT EXISTS (SELECT 1 FROM recipient r"
        f" WHERE r.outgoing_id = outgoing.id AND NOT ({_UNTOUCHED}))",
        (other_id, at),
    )
    for (entry_id,) in waiting:
        yield Query(
            f"""UPDATE recipient SET state = 'dropped', due_at = NULL, last_reply = 'taken back: the merge was undone'
                WHERE outgoing_id IN ({_LETTER}) AND {_UNTOUCHED}""",
            (other_id, at),
        )
        yield Query("UPDATE entry SET kind = 'note', marks = $2 WHERE id = $1", (entry_id, rows.strings(("taken back",))))


def _moved_back(old: int, new: int) -> Verb[None]:
    yield Query(
        f"""UPDATE entry SET ticket_id = $1, marks = (SELECT name FROM merge_moved m WHERE m.ticket_id = $1 AND m.kind = 'entry'
            AND m.item = entry.id) WHERE id IN ({_MOVED} 'entry')""",
        (old,),
    )
    yield Query(f"UPDATE outgoing SET ticket_id = $1 WHERE id IN ({_MOVED} 'outgoing')", (old,))
    yield Query(f"UPDATE worked SET ticket_id = $1 WHERE id IN ({_MOVED} 'worked')", (old,))
    yield Query(
        """DELETE FROM message_ref WHERE ticket_id = $2 AND ours = 1
            AND message_id IN (SELECT name FROM merge_moved WHERE ticket_id = $1 AND kind = 'ref')""",
        (old, new),
    )
    yield Query(
        f"UPDATE link SET other_id = $1 WHERE kind = 'into' AND other_id = $2 AND ticket_id IN ({_MOVED} 'held')", (old, new)
    )
    yield Query(
        f"UPDATE link SET ticket_id = $1 WHERE kind = 'holds' AND ticket_id = $2 AND other_id IN ({_MOVED} 'held')", (old, new)
    )
    yield Query("DELETE FROM link WHERE ticket_id = $1 AND other_id = $2 AND kind = 'into'", (old, new))
    yield Query("DELETE FROM link WHERE ticket_id = $2 AND other_id = $1 AND kind = 'holds'", (old, new))


def ended(several: Sequence[Unmerge]) -> Verb[None]:
    """After the new states, which would have begun something: what was due of both is due again."""
    for one in several:
        found = yield Query("SELECT before, after FROM merge_state WHERE ticket_id = $1", (one.ticket_id,))
        before, after = (json.loads(text) for text in found[0])
        for ticket_id, was, then in zip((one.ticket_id, one.other_id), before, after, strict=True):
            for table, columns in (("due", _DUE), ("target", _TARGET), ("target_met", _MET)):
                if table == "due" or was[table] != then[table]:
                    yield from _again(table, columns, ticket_id, was[table])
        yield Query("DELETE FROM merge_moved WHERE ticket_id = $1", (one.ticket_id,))
        yield Query("DELETE FROM merge_state WHERE ticket_id = $1", (one.ticket_id,))


def _again(table: str, columns: str, ticket_id: int, rows_: list[list[Any]]) -> Verb[None]:
    yield Query(f"DELETE FROM {table} WHERE ticket_id = $1", (ticket_id,))
    if rows_:
        places = ", ".join(f"${i + 1}" for i in range(columns.count(",") + 1))
        yield Many(f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(map(tuple, rows_)))
