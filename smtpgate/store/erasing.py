"""The verbs that erase a person, in bites of a few rows, each a transaction of its own: the writer waits some milliseconds.

Every bite may be done again and does nothing the second time. In this order: `incoming` of what came back, `bites`, `incoming`,
`end`; for what leads to something goes after it. So a process that dies at any point leaves a trail that finds the rest. Rows
stay, with their ids, moments and states, and so do ticket numbers: whatever counts them counts them still. Raises StoreError as
statements do.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from smtpgate.blocks import hashed
from smtpgate.model import SAID_WITH, Ticket
from smtpgate.person import ERASED, Trail, redaction, same
from smtpgate.store import packs, rows
from smtpgate.store.api import Changes, Facts, FactsQuery
from smtpgate.store.changes import change
from smtpgate.store.decision import AGENTS_CAPS
from smtpgate.store.packs import Again, Plan
from smtpgate.store.personal import blank, keys
from smtpgate.store.rawfiles import RawFiles
from smtpgate.store.showing import TO_AGENTS
from smtpgate.store.statement import FOR_UPDATE, Many, Query, Row, Value, Verb, select_in

_MAILS, _ENTRIES, _LETTERS, _OTHERS = 8, 100, 20, 200  # rows of one bite
_NOTHING = hashlib.sha256(b"").hexdigest()
_KEPT = ("was #", SAID_WITH)  # begin marks that say where an entry belongs
Make = Callable[[], Verb[int]]  # how many rows of it must wait: they are just being filed or tried
_PAGE = 2000  # fingerprints looked at in one reading


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is put in whose place, and where large mail lies. impatient: mail that nobody files any more goes unfiled."""

    trail: Trail
    pseudonym: str
    files: RawFiles
    impatient: bool = False

    @property
    def person(self) -> str:
        return self.trail.person

    def named(self, text: str) -> str:
        return redaction(self.person, self.pseudonym)(text)


def bites(one: Erasure, found: Loose) -> Iterator[Make]:
    """What goes before the mails: what we sent, what was said, and what leads to either."""
    for ids in pieces(one.trail.outgoing, _LETTERS):
        yield functools.partial(letters, one, ids)
    yield from _loosened(found)
    for ids in pieces(one.trail.entries, _ENTRIES):
        yield functools.partial(_entries, one, ids)
    yield functools.partial(_about_the_person, one, found)


def returned_pieces(one: Erasure) -> Iterator[list[int]]:
    """Mails that only a mail of ours leads to: before that one goes."""
    return pieces(one.trail.returned, _MAILS)


def mail_pieces(one: Erasure) -> Iterator[list[int]]:
    return pieces({*one.trail.mails, *one.trail.mentions} - one.trail.returned, _MAILS)


def pieces(ids: Sequence[int] | set[int] | dict[int, bool], size: int) -> Iterator[list[int]]:
    wanted = sorted(dict.fromkeys(ids))
    for start in range(0, len(wanted), size):
        yield wanted[start : start + size]


# --- mail of ours -----------------------------------------------------------------------------------------------------


def letters(one: Erasure, ids: Sequence[int]) -> Verb[int]:
    """Their bytes go. What has not left is not sent; one that is just being tried stays for the next round."""
    recipients = yield from select_in(
        f"SELECT id, outgoing_id, address, state, claimed_by, domain FROM recipient WHERE outgoing_id IN (...) {FOR_UPDATE}", ids
    )
    tried = {row[1] for row in recipients if row[4] is not None}
    free = [id_ for id_ in ids if id_ not in tried]
    known = yield from select_in("SELECT id, message_id FROM outgoing WHERE id IN (...)", free)
    left = tuple((id_, rows.PLAIN, blank(name)) for id_, name in known)
    yield Many("UPDATE outgoing_raw SET packing = $2, data = $3 WHERE id = $1", left)
    moved = []
    for id_, outgoing_id, address, state, _, domain in recipients:
        if outgoing_id in tried:
            continue
        theirs = same(address, one.person)
        settled = state in ("delivered", "bounced", "dropped")
        moved.append(
            (
                id_,
                one.pseudonym if theirs else address,
                one.pseudonym.rpartition("@")[2] if theirs else domain,
                state if settled else "dropped",
                "" if settled else "not sent: a person whom it is about was erased",
            )
        )
    yield Many(
        """UPDATE recipient SET address = $2, domain = $3, state = $4, due_at = NULL, claimed_by = NULL, last_reply = $5
            WHERE id = $1""",
        tuple(moved),
    )
    yield from select_in("UPDATE attempt SET reply = '', remote = '' WHERE recipient_id IN (...)", [row[0] for row in moved])
    return len(tried)


# --- what was said ----------------------------------------------------------------------------------------------------


def _entries(one: Erasure, ids: Sequence[int]) -> Verb[int]:
    found = yield from select_in(
        "SELECT id, author, text, message_id, marks, attachments, details, ticket_id FROM entry WHERE id IN (...)", ids
    )
    changed, forgotten = [], []
    for id_, author, text, message_id, marks, attachments, details, ticket_id in found:
        who = one.pseudonym if same(author, one.person) else author
        if not one.trail.entries[id_]:
            changed.append((id_, who, one.named(text), message_id, one.named(marks), attachments, details))
            continue
        kept = tuple(one.named(mark) for mark in rows.tuple_of_strings(marks) if mark.startswith(_KEPT))
        changed.append((id_, who, ERASED, None, rows.strings(kept), "[]", "[]"))
        if message_id is not None:
            forgotten.append((message_id, ticket_id))
    yield Many(
        "UPDATE entry SET author = $2, text = $3, message_id = $4, marks = $5, attachments = $6, details = $7 WHERE id = $1",
        tuple(changed),
    )
    yield Many("DELETE FROM message_ref WHERE message_id = $1 AND ticket_id = $2 AND ours = 0", tuple(forgotten))
    begun = tuple((one.trail.begun[row[0]], ERASED) for row in found if row[0] in one.trail.begun)
    yield Many("UPDATE ticket SET subject = $2 WHERE id = $1", begun)
    return 0


# --- what came in -----------------------------------------------------------------------------------------------------


def incoming(one: Erasure, seqs: Sequence[int], plan: Plan) -> Verb[int]:
    """plan: of the files of these. Raises Again."""
    found = yield from select_in(
        f"""SELECT seq, id, state, mail_from, verdict, decision, reason, leased_by, message_id FROM incoming
            WHERE seq IN (...) {FOR_UPDATE}""",
        seqs,
    )
    gone, waiting = [], 0
    for row in found:
        if row[0] not in one.trail.mails:
            yield from _named(one, row)
        elif row[2] != "accepted" or (one.impatient and row[7] is None):
            yield from _blank(one, row)
            gone.append(row[0])
        else:
            waiting += 1
    yield from _raw(one, gone, plan)
    ids = [row[1] for row in found if row[0] in gone]
    yield from select_in("UPDATE imported SET source = '' WHERE mail_id IN (...)", ids)
    yield from select_in("UPDATE entry SET attachments = '[]', details = '[]' WHERE kind = 'machine' AND mail_id IN (...)", ids)
    return waiting


def _named(one: Erasure, row: Row) -> Verb[None]:
    """Somebody else's: only what we know of it names them."""
    seq, _, _, mail_from, verdict, decision, reason = row[:7]
    sender = one.pseudonym if same(mail_from, one.person) else mail_from
    yield Query(
        "UPDATE incoming SET mail_from = $2, verdict = $3, decision = $4, reason = $5 WHERE seq = $1",
        (seq, sender, one.named(verdict), one.named(decision), one.named(reason)),
    )


def _blank(one: Erasure, row: Row) -> Verb[None]:
    """What is left: when it came, by which evidence it was judged, what became of it."""
    seq, _, state, mail_from, verdict, decision = row[:6]
    judged = json.loads(verdict)
    ours = judged["author"] and not same(judged["author"], one.person)  # an agent's, or a machine's
    blank = {
        **judged,
        "author": judged["author"] if ours else one.pseudonym,
        "spf": {**judged["spf"], "domain": "", "reason": ""},
        "dkim": [],
        "dmarc": {**judged["dmarc"], "domain": "", "reason": ""},
        "arc": {**judged["arc"], "reason": "", "sealer": ""},
        "reasons": [],
        "header": "",
    }
    known = json.loads(decision) if decision else {}
    left = {name: known[name] for name in ("outcome", "ticket", "tickets", "rung") if name in known}
    left |= {"numbers": [], "marks": [], "reasons": [ERASED], "about": None, "send": []}
    sender = mail_from if mail_from is None or (ours and not same(mail_from, one.person)) else one.pseudonym
    after = state if state in ("filed", "dropped") else "dropped"
    yield Query(
        """UPDATE incoming SET state = $2, mail_from = $3, peer = '', helo = '', verdict = $4, size = 0, sha256 = $5,
            message_id = NULL, reason = $6, decision = $7, not_before = 0, leased_by = NULL, leased_until = 0 WHERE seq = $1""",
        (seq, after, sender, json.dumps(blank), _NOTHING, "" if after == "filed" else ERASED, json.dumps(left)),
    )


def _raw(one: Erasure, seqs: Sequence[int], plan: Plan) -> Verb[None]:
    named = yield from select_in("SELECT DISTINCT file FROM incoming_raw WHERE file IS NOT NULL AND seq IN (...)", seqs)
    if not {row[0] for row in named} <= plan.kept | plan.made.keys():
        raise Again("a mail moved meanwhile")
    yield Many(
        "UPDATE incoming_raw SET packing = 0, trace = $2, body = $2, file = NULL, start = 0, length = 0 WHERE seq = $1",
        tuple((seq, b"") for seq in seqs),
    )
    for (name,) in named:
        if name not in plan.kept:
            yield from packs.replaced(one.files, name, plan)


# --- what leads to them -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Loose:
    """Rows that no index leads to, by their keys: looked for apart, so that the writer need not."""

    fingerprints: list[tuple[Value, ...]] = field(default_factory=list)
    references: list[tuple[Value, ...]] = field(default_factory=list)
    unseen: list[tuple[Value, ...]] = field(default_factory=list)
    subjects: list[tuple[Value, ...]] = field(default_factory=list)
    bulletins: list[tuple[Value, ...]] = field(default_factory=list)


def loose(trail: Trail, found: Loose) -> Verb[None]:
    """All but the fingerprints."""
    own = [*trail.own, *trail.begun.values()]
    for into, sql in (
        (found.references, "SELECT message_id, ticket_id FROM message_ref WHERE ours = 0 AND ticket_id IN (...)"),
        (found.unseen, "SELECT message_id, ticket_id FROM unseen_ref WHERE ticket_id IN (...)"),
        (found.subjects, "SELECT key, ticket_id FROM subject_ref WHERE ticket_id IN (...)"),
    ):
        into.extend((yield from select_in(sql, own)))
    found.bulletins += yield Query(
        "SELECT bulletin_id, address_key FROM bulletin_person WHERE lower(address_key) = $1 OR address_key = $2", keys(trail)
    )


def fingerprints(trail: Trail, found: Loose, after: str) -> Verb[str]:
    """A page of them; the key after which to go on, "" when that was all."""
    page = yield Query("SELECT key, ticket_id, mail_id FROM fingerprint WHERE key > $1 ORDER BY key LIMIT $2", (after, _PAGE))
    mails = set(trail.mails.values())
    found.fingerprints += [(row[0],) for row in page if row[1] in trail.own or row[2] in mails]
    return page[-1][0] if len(page) == _PAGE else ""


def _loosened(found: Loose) -> Iterator[Make]:
    for keys_, sql in (
        (found.fingerprints, "DELETE FROM fingerprint WHERE key = $1"),
        (found.references, "DELETE FROM message_ref WHERE message_id = $1 AND ticket_id = $2 AND ours = 0"),
        (found.unseen, "DELETE FROM unseen_ref WHERE message_id = $1 AND ticket_id = $2"),
        (found.subjects, "DELETE FROM subject_ref WHERE key = $1 AND ticket_id = $2"),
    ):
        for start in range(0, len(keys_), _ENTRIES):
            yield functools.partial(_many, sql, tuple(keys_[start : start + _ENTRIES]))


def _many(sql: str, each: tuple[tuple[Value, ...], ...]) -> Verb[int]:
    yield Many(sql, each)
    return 0


def _about_the_person(one: Erasure, found: Loose) -> Verb[int]:
    """Wishes and counts go; who was told of a notice and who is blocked stays so, under a name that says nothing."""
    trail = one.trail
    yield Query("DELETE FROM wish WHERE lower(address_key) = $1 OR address_key = $2", keys(trail))
    counted = (trail.mailbox, *(rows.agents_key(trail.person, purpose) for purpose in AGENTS_CAPS))
    yield from select_in("DELETE FROM acknowledgement WHERE address IN (...)", counted)
    yield Many(
        "UPDATE bulletin_person SET address_key = $3 WHERE bulletin_id = $1 AND address_key = $2",
        tuple((*row, one.pseudonym) for row in found.bulletins),
    )
    blocked = yield Query("SELECT desk, at, by_whom FROM block WHERE who = $1", (trail.mailbox,))
    yield Many(
        """INSERT INTO block (who, desk, at, by_whom, reason) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (who, desk) DO UPDATE SET at = excluded.at, by_whom = excluded.by_whom, reason = excluded.reason""",
        tuple((hashed(trail.mailbox), desk, at, by, ERASED) for desk, at, by in blocked),
    )
    yield Query("DELETE FROM block WHERE who = $1", (trail.mailbox,))
    yield Query(  # what else was asked for or done
        """UPDATE privacy SET address = '', pseudonym = $3, at = NULL, worker = '', leased_until = 0,
                state = CASE WHEN state IN ('asked', 'confirmed', 'running') THEN 'lapsed' WHEN state = 'telling' THEN 'done'
                    ELSE state END
            WHERE (lower(address) = $1 OR address = $2)
                AND NOT (what = 'erase' AND state IN ('confirmed', 'running', 'telling'))""",
        (*keys(trail), one.pseudonym),
    )
    return 0


# --- tickets ----------------------------------------------------------------------------------------------------------


def end(one: Erasure, ticket_ids: Sequence[int]) -> Verb[int]:
    """Their tickets' subjects, and their place in all tickets, which is the end of the trail. Among verbs in order. How many have
    to wait for another round: something was said in them, or told of them, since they were looked at."""
    behind = yield from _moved_on(one, ticket_ids)
    yield from _ended(one, [id_ for id_ in ticket_ids if id_ not in behind])
    return len(behind)


def _moved_on(one: Erasure, ticket_ids: Sequence[int]) -> Verb[set[int]]:
    own = [id_ for id_ in ticket_ids if id_ in one.trail.own]
    shared = [id_ for id_ in ticket_ids if id_ not in one.trail.own]
    there = [
        *(yield from select_in("SELECT id, ticket_id FROM outgoing WHERE ticket_id IN (...)", own)),
        *(yield from select_in("SELECT id, ticket_id FROM entry WHERE ticket_id IN (...)", own)),
        *(yield from select_in(f"SELECT id, ticket_id FROM outgoing WHERE purpose IN {TO_AGENTS} AND ticket_id IN (...)", shared)),
    ]
    return {ticket_id for id_, ticket_id in there if id_ not in one.trail.known}


def _ended(one: Erasure, ticket_ids: Sequence[int]) -> Verb[None]:
    own = [id_ for id_ in ticket_ids if id_ in one.trail.own]
    yield Many("UPDATE ticket SET subject = $2 WHERE id = $1", tuple((id_, ERASED) for id_ in own))
    yield Many("UPDATE due SET at = NULL WHERE ticket_id = $1 AND what = 'snooze'", tuple((id_,) for id_ in own))
    for merged in ("ticket_id", "other_id"):  # what a merge was that may be taken back: not any more
        notes = yield from select_in(f"SELECT ticket_id FROM merge_state WHERE {merged} IN (...)", ticket_ids)
        yield Many("DELETE FROM merge_moved WHERE ticket_id = $1", tuple((row[0],) for row in notes))
        yield Many("DELETE FROM merge_state WHERE ticket_id = $1", tuple((row[0],) for row in notes))
    there = yield from select_in(
        "SELECT ticket_id, address_key FROM participant WHERE (lower(address_key) = $1 OR address_key = $2) AND ticket_id IN (...)",
        ticket_ids,
        *keys(one.trail),
    )
    yield Many("DELETE FROM participant WHERE ticket_id = $1 AND address_key = $2", tuple(tuple(row) for row in there))
    yield Many(
        """INSERT INTO participant (ticket_id, address_key, address, name, role) VALUES ($1, $2, $2, '', 'cc')
            ON CONFLICT (ticket_id, address_key) DO NOTHING""",
        tuple((ticket_id, one.pseudonym) for ticket_id in sorted({row[0] for row in there})),
    )


def end_open(one: Erasure, ticket_id: int, query: FactsQuery, decide: Callable[[Ticket | None, Facts], Changes]) -> Verb[int]:
    """The same of one that is open, with what becomes of it: one transaction."""
    waits = yield from end(one, [ticket_id])
    if not waits:
        yield from change(one.trail.own[ticket_id], query, decide)
    return waits
