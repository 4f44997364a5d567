"""Finds what the store has of one person: page by page, so that no reading keeps anybody waiting. Changes nothing.

What belongs to a ticket of theirs is found by the ticket, all else by the address in it, which no index leads to: every row of
incoming mail and of what was said is looked at once. Fails only as its statements do.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from smtpgate.clock import id_text
from smtpgate.model import SAID_WITH, EntryKind, MailState
from smtpgate.person import ERASED, State, Trail, What, redaction, same
from smtpgate.store import rows, showing
from smtpgate.store.statement import Query, Row, Rows, Verb, select_in
from smtpgate.store.verbs import VerbStore

_PAGE = 1000  # rows looked at in one reading
_OURS = (EntryKind.REPLY, EntryKind.NOTE, EntryKind.STATUS, EntryKind.EVENT)  # never what somebody outside wrote
_SAY = (*_OURS, EntryKind.MACHINE)  # which may be our own word of a mail that came back
_WORDS = (EntryKind.CUSTOMER, EntryKind.THIRD_PARTY, EntryKind.REPEAT)
_PENDING = "('queued', 'uncertain', 'held')"
_MAIL = "SELECT seq, id, state, mail_from, verdict, decision, reason, received_at, size FROM incoming"
_OUTGOING = """SELECT o.id, o.cause, length(w.data), o.message_id, o.entry_id, o.purpose, o.ticket_id FROM outgoing o
    JOIN outgoing_raw w ON w.id = o.id"""
_ABOUT = '%"about": {%'  # a decision about a mail of ours that came back
_UNPROVED = ("fail", "ambiguous")  # evidence of a mail that may be anybody's


async def trail(store: VerbStore, person: str, ended: Iterable[str] = ()) -> Trail:
    """Everything of this person that is there now. ended: numbers of tickets that were theirs until now."""
    found, returns = Trail(person, ended=set(ended)), _Returns()
    for part in (_tickets, _wishes):
        await store._read(functools.partial(part, found))
    await _pages(store, "incoming", functools.partial(_mails, found, returns))
    await _pages(store, "entry", functools.partial(_named, found))
    await store._read(functools.partial(_said, found))
    await store._read(functools.partial(_begun, found))
    await store._read(functools.partial(_caused, found))
    await store._read(functools.partial(_sent, found))
    await _listed(store, found)
    await _agents(store, found)
    _returned(found, returns)
    await store._read(functools.partial(_state, found))
    return found


async def _pages(store: VerbStore, table: str, look: Callable[[int, int], Verb[None]]) -> None:
    def last() -> Verb[int]:
        highest = yield Query(f"SELECT coalesce(max(seq), 0) FROM {table}")
        return int(highest[0][0])

    for first in range(0, await store._read(last), _PAGE):
        await store._read(functools.partial(look, first, first + _PAGE))


def blank(message_id: str) -> bytes:
    """What is left of a mail of ours: the Message-ID, which says nothing and leads an answer to its ticket."""
    return f"Message-ID: {message_id}\r\n\r\n{ERASED}\r\n".encode()


def said_with(marks: str, person: str) -> bool:
    """An entry with these marks was said while somebody else was the ticket's customer."""
    return f'"{SAID_WITH}' in marks and any(
        mark.startswith(SAID_WITH) and not same(mark.removeprefix(SAID_WITH), person) for mark in rows.tuple_of_strings(marks)
    )


def like(text: str) -> str:
    """For LIKE … ESCAPE '!': it stands anywhere."""
    return "%" + text.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"


def keys(found: Trail) -> tuple[str, str]:
    """For comparing with lower(…), which knows letters of ASCII alone in one database; and as it was written."""
    return found.person.lower(), found.person


# --- tickets ----------------------------------------------------------------------------------------------------------


def _tickets(found: Trail) -> Verb[None]:
    parts = yield Query(
        "SELECT ticket_id, role FROM participant WHERE lower(address_key) = $1 OR address_key = $2", (*keys(found),)
    )
    roles: dict[int, str] = dict(sorted(parts, key=lambda row: bool(row[1] == "customer")))
    tickets = yield from select_in("SELECT id, number, status, created_at FROM ticket WHERE id IN (...)", list(roles))
    for id_, number, status, created_at in tickets:
        (found.own if roles[id_] == "customer" else found.shared)[id_] = number
        if roles[id_] == "customer":
            _since(found, created_at)
            if status not in ("resolved", "closed"):
                found.open.add(id_)


def _since(found: Trail, at: float) -> None:
    found.since = at if found.since is None else min(found.since, at)


def _wishes(found: Trail) -> Verb[None]:
    wishes = yield Query("SELECT count(*) FROM wish WHERE lower(address_key) = $1 OR address_key = $2", keys(found))
    blocks = yield Query("SELECT count(*) FROM block WHERE who = $1", (found.mailbox,))
    found.wishes, found.blocks = wishes[0][0], blocks[0][0]


def kept_beside(found: Trail) -> Verb[dict[str, Any]]:
    """What is kept of the person beside tickets and mail, for an export."""
    wishes = yield Query("SELECT language, fewer FROM wish WHERE lower(address_key) = $1 OR address_key = $2", keys(found))
    blocks = yield Query("SELECT desk, at FROM block WHERE who = $1 ORDER BY desk", (found.mailbox,))
    counted = yield Query("SELECT purpose, count(*) FROM acknowledgement WHERE address = $1 GROUP BY purpose", (found.mailbox,))
    asked = yield Query(
        "SELECT what, asked_at, state FROM privacy WHERE lower(address) = $1 OR address = $2 ORDER BY id", (*keys(found),)
    )
    return {
        "wishes": [{"language": language, "fewer_notices": bool(fewer)} for language, fewer in wishes],
        "blocked": [{"desk": desk or "all", "since": at} for desk, at in blocks],
        "automatic_mails_of_late": {row[0]: row[1] for row in counted},
        "requests": [{"what": what, "asked_at": at, "state": state} for what, at, state in asked],
    }


# --- what came in -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Returns:
    """Incoming mails about one of ours that came back, by its id."""

    of: dict[str, list[Row]] = field(default_factory=dict)


def _mails(found: Trail, returns: _Returns, after: int, to: int) -> Verb[None]:
    """Theirs, bounces of mail to them, and others' whose row names them."""
    page = yield Query(
        _MAIL
        + f""" WHERE seq > $1 AND seq <= $2 AND (lower(mail_from) = $3 OR mail_from = $4 OR lower(verdict) LIKE $5 ESCAPE '!'
            OR lower(decision) LIKE $6 ESCAPE '!' OR lower(reason) LIKE $6 ESCAPE '!' OR decision LIKE '{_ABOUT}')""",
        (after, to, *keys(found), like(json.dumps(found.person)[1:-1]), like(found.person)),
    )
    named = redaction(found.person, "")
    for row in page:
        seq, mail_id, mail_from, verdict, decision, reason = row[0], row[1], row[3], row[4], row[5], row[6]
        judged = json.loads(verdict)
        if same(judged["author"] or mail_from, found.person):
            _goes(found, row)
            found.theirs[seq] = mail_id if judged["evidence"] not in _UNPROVED else ""
        elif same(_about(decision).get("to"), found.person):
            _goes(found, row)
        elif same(mail_from, found.person) or any(named(text) != text for text in (verdict, decision, reason)):
            found.mentions[seq] = mail_id
        if seq not in found.mails and (sent := _about(decision).get("outgoing")):
            returns.of.setdefault(sent, []).append((*row[:4], "", "", "", *row[7:]))


def _about(decision: str) -> dict[str, Any]:
    """Of a mail of ours that came back: which, and whose."""
    try:
        about = json.loads(decision or "{}").get("about")
    except (ValueError, AttributeError):
        return {}
    return about if isinstance(about, dict) else {}


def _returned(found: Trail, returns: _Returns) -> None:
    """A mail of ours that goes may have come back, with all that it said."""
    for row in (row for sent in found.outgoing for row in returns.of.get(id_text(sent), ())):
        if row[0] not in found.mails:
            found.returned.add(row[0])
            _goes(found, row)


def _goes(found: Trail, row: Row) -> None:
    seq, mail_id, state, received_at, size = row[0], row[1], row[2], row[7], row[8]
    if seq in found.mails:
        return
    found.mails[seq] = mail_id
    found.mentions.pop(seq, None)
    found.octets += size
    _since(found, received_at)
    if state == MailState.ACCEPTED:
        found.busy += 1
    elif state == MailState.HELD:
        found.held.add(seq)


# --- what was said ----------------------------------------------------------------------------------------------------


def _named(found: Trail, after: int, to: int) -> Verb[None]:
    """By them, or with their address in what we say of a ticket."""
    page = yield Query(
        f"""SELECT id, ticket_id, kind, author, marks, text FROM entry
            WHERE seq > $1 AND seq <= $2 AND (lower(author) = $3 OR author = $4
            OR lower(marks) LIKE $5 ESCAPE '!' OR (kind IN {_in(_SAY)} AND lower(text) LIKE $5 ESCAPE '!'))""",
        (after, to, *keys(found), like(found.person)),
    )
    named = redaction(found.person, "")
    for entry_id, ticket_id, kind, author, marks, text in page:
        wrote = same(author, found.person)
        if wrote or named(marks) != marks or (kind in _SAY and named(text) != text):
            _entry(found, entry_id, ticket_id, wrote and kind not in _OURS)


def _in(kinds: Sequence[EntryKind]) -> str:
    return "(" + ", ".join(f"'{kind.value}'" for kind in kinds) + ")"


def _entry(found: Trail, entry_id: int, ticket_id: int, goes: bool) -> None:
    found.entries[entry_id] = goes or found.entries.get(entry_id, False)
    if ticket_id not in found.own:
        found.shared.setdefault(ticket_id, "")


def _said(found: Trail) -> Verb[None]:
    """All of their own tickets, but other people's words; and what their mails became elsewhere."""
    mine = yield from select_in(
        "SELECT id, kind, author, mail_id, text = $1, marks FROM entry WHERE ticket_id IN (...)", list(found.own), ERASED
    )
    mails = set()
    found.known |= {row[0] for row in mine}
    agents = {row[2] for row in mine if row[1] in _OURS} - {
        row[2] for row in mine if row[1] in _WORDS and row[1] != EntryKind.REPEAT
    }
    for entry_id, kind, author, mail_id, gone, marks in mine:
        elses = said_with(marks, found.person)
        again = kind == EntryKind.REPEAT and author in agents  # a mail of an agent's that came twice
        if kind in _WORDS and not gone and not again and not same(author, found.person):
            found.others += 1
            continue
        if elses and kind in _OURS and not gone:  # somebody else was the customer then
            found.elses.add(entry_id)
            continue
        if not gone and kind != EntryKind.EVENT:
            found.entries[entry_id] = True
        mails |= {mail_id} if mail_id is not None else set()
    yield from _add(found, mails)
    elsewhere = yield from select_in(
        "SELECT id, ticket_id, kind, mail_id, text = $1 FROM entry WHERE mail_id IN (...)",
        [mail_id for mail_id in found.theirs.values() if mail_id],
        ERASED,
    )
    as_agent = {row[3] for row in elsewhere if row[2] in _OURS and row[1] not in found.own}
    for entry_id, ticket_id, kind, _, gone in elsewhere:
        if ticket_id not in found.own and not gone:
            _entry(found, entry_id, ticket_id, kind not in _OURS)
    for seq in [seq for seq, mail_id in found.mails.items() if mail_id in as_agent]:  # written for us, when they were an agent
        found.theirs.pop(seq, None)
        found.mentions[seq] = found.mails.pop(seq)
    numbers = yield from select_in("SELECT id, number FROM ticket WHERE id IN (...)", list(found.shared))
    found.shared.update({row[0]: row[1] for row in numbers})


def _add(found: Trail, mail_ids: Iterable[str]) -> Verb[None]:
    added = yield from select_in(_MAIL + " WHERE size > 0 AND id IN (...)", list(mail_ids))
    for row in added:
        _goes(found, row)


def _begun(found: Trail) -> Verb[None]:
    """Tickets that a mail of theirs began and that are nobody's, as one of a machine, or somebody else's by now: their subjects are
    theirs. What was merged into a ticket did not begin it; of a split one the mail that was moved did."""
    first = yield from select_in(
        """SELECT (SELECT e.id FROM entry e WHERE e.ticket_id = t.id AND e.kind IN ('customer', 'machine')
                AND (e.marks NOT LIKE '%"was #%' OR EXISTS (SELECT 1 FROM link l WHERE l.ticket_id = t.id
                    AND l.kind = 'split-from')) ORDER BY e.seq LIMIT 1), t.id, t.number, t.subject
            FROM ticket t WHERE t.id IN (...)""",
        list(found.shared),
    )
    for entry_id, ticket_id, number, subject in first:
        if found.entries.get(entry_id) and subject != ERASED:
            found.begun[entry_id], found.topics[number] = ticket_id, subject


# --- what we sent -----------------------------------------------------------------------------------------------------


def _caused(found: Trail) -> Verb[None]:
    """Mail of ours about their tickets, or that a mail of theirs made us send; and agents' mails that were commands alone."""
    about = yield from select_in(_OUTGOING + " WHERE o.ticket_id IN (...)", list(found.own))
    found.known |= {row[0] for row in about}
    kept = yield from select_in(
        f"SELECT mail_id FROM entry WHERE kind IN {_in(_WORDS)} AND mail_id IN (...)",
        [row[1] for row in about if row[1] is not None],
    )
    words = {row[0] for row in kept} - set(found.theirs.values())
    yield from _add(found, {row[1] for row in about if row[1] is not None} - words)
    caused = yield from select_in(_OUTGOING + " WHERE o.cause IN (...)", [i for i in found.theirs.values() if i])
    # what an agent of that time made us write to a customer is the customer's
    caused = [row for row in caused if row[5] in showing.INSIDE or row[6] is None or row[6] in found.own]
    found.outgoing |= {row[0] for row in (*about, *caused) if row[2] != len(blank(row[3])) and row[4] not in found.elses}


def _sent(found: Trail) -> Verb[None]:
    """To them, whatever it is about; and what was said in a shared ticket to nobody but them."""
    sent = yield Query(
        "SELECT outgoing_id FROM recipient WHERE domain = $1 AND (lower(address) = $2 OR address = $3)",
        (found.person.rpartition("@")[2].lower(), *keys(found)),
    )
    telling = yield Query("SELECT outgoing_id FROM privacy WHERE state = $1 AND what = $2", (State.TELLING, What.ERASE))
    found.sent = {row[0] for row in sent} - {row[0] for row in telling}
    found.outgoing = (found.outgoing | found.sent) - {row[0] for row in telling}
    entries = yield from select_in(
        """SELECT o.entry_id, e.ticket_id, o.id FROM outgoing o JOIN entry e ON e.id = o.entry_id
            WHERE e.kind IN ('reply', 'status') AND o.id IN (...)""",
        list(found.sent),
    )
    others: Rows = yield from select_in(
        "SELECT o.entry_id, o.id FROM outgoing o WHERE o.purpose = 'answer' AND o.ticket_id IN (...)",
        list({row[1] for row in entries if row[1] not in found.own}),
    )
    shared = {row[0] for row in others if row[1] not in found.sent}
    for entry_id, ticket_id, _ in entries:
        _entry(found, entry_id, ticket_id, ticket_id in found.own or entry_id not in shared)


async def _listed(store: VerbStore, found: Trail) -> None:
    found.outgoing |= await showing.letters(store, found)


async def _agents(store: VerbStore, found: Trail) -> None:
    """Before what leads to them: they are known by nothing else."""
    before = set(found.mails)
    mails = await showing.agents_mails(store, found)
    await store._read(lambda: _add(found, mails))
    found.returned |= set(found.mails) - before


def _state(found: Trail) -> Verb[None]:
    """What has not left, and what is just being tried."""
    pending = yield from select_in(
        f"SELECT outgoing_id, claimed_by FROM recipient WHERE state IN {_PENDING} AND outgoing_id IN (...)", list(found.outgoing)
    )
    found.waiting = {row[0] for row in pending}
    found.busy += len({row[0] for row in pending if row[1] is not None})
