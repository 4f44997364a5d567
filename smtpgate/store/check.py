"""The verb behind `check`: what must hold in every database of ours at every moment, asked of all rows."""

from __future__ import annotations

from smtpgate.model import DeliveryState, EntryKind, MailState, Status
from smtpgate.store.statement import Query, Verb

_MOST = 20  # rows shown for one fault

# What is wrong, and the rows for which it is.
_FAULTS = (
    ("mail without its raw bytes", "SELECT id FROM incoming WHERE seq NOT IN (SELECT seq FROM incoming_raw)"),
    ("filed mail without a decision", "SELECT id FROM incoming WHERE state = 'filed' AND decision = ''"),
    ("settled mail that is still leased", "SELECT id FROM incoming WHERE state <> 'accepted' AND leased_by IS NOT NULL"),
    (
        "ticket without a customer that is not marked unverified",
        """SELECT number FROM ticket t WHERE unverified = 0
            AND NOT EXISTS (SELECT 1 FROM participant p WHERE p.ticket_id = t.id AND p.role = 'customer')""",
    ),
    ("ticket without an entry", "SELECT number FROM ticket t WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.ticket_id = t.id)"),
    ("outgoing mail without its bytes", "SELECT id FROM outgoing WHERE id NOT IN (SELECT id FROM outgoing_raw)"),
    (
        "outgoing mail without a recipient",
        "SELECT id FROM outgoing o WHERE NOT EXISTS (SELECT 1 FROM recipient r WHERE r.outgoing_id = o.id)",
    ),
    (
        "recipient whose state and due time do not fit",
        "SELECT id FROM recipient WHERE (state IN ('queued', 'uncertain')) <> (due_at IS NOT NULL)",
    ),
    ("settled recipient that is still claimed", "SELECT id FROM recipient WHERE due_at IS NULL AND claimed_by IS NOT NULL"),
    ("delivered recipient without an attempt", "SELECT id FROM recipient WHERE state = 'delivered' AND attempts = 0"),
)
_STATES = (
    ("mail", "SELECT DISTINCT state FROM incoming", MailState),
    ("ticket", "SELECT DISTINCT status FROM ticket", Status),
    ("entry", "SELECT DISTINCT kind FROM entry", EntryKind),
    ("recipient", "SELECT DISTINCT state FROM recipient", DeliveryState),
)


def check() -> Verb[list[str]]:
    faults: list[str] = []
    for fault, sql in _FAULTS:
        found = yield Query(sql + " LIMIT $1", (_MOST,))
        faults += [f"{fault}: {row[0]}" for row in found]
    for noun, sql, states in _STATES:
        found = yield Query(sql)
        faults += [f"{noun} in unknown state: {row[0]}" for row in found if row[0] not in set(states)]
    return faults
