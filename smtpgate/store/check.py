"""The verb behind `check`: what must hold in every database of ours at every moment, asked of all rows."""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from smtpgate.due import What
from smtpgate.model import DeliveryState, EntryKind, MailState, Role, Status
from smtpgate.person import State
from smtpgate.person import What as Asked
from smtpgate.store.statement import Query, Verb
from smtpgate.store.tally import ROWS

_MOST = 20  # rows shown for one fault

# What is wrong, and the rows for which it is. docs/internals.md lists them (a test).
FAULTS = (
    ("mail without its raw bytes", "SELECT id FROM incoming WHERE seq NOT IN (SELECT seq FROM incoming_raw)"),
    ("filed mail without a decision", "SELECT id FROM incoming WHERE state = 'filed' AND decision = ''"),
    ("held or poison mail without a reason", "SELECT id FROM incoming WHERE state IN ('held', 'poison') AND reason = ''"),
    ("settled mail that is still leased", "SELECT id FROM incoming WHERE state <> 'accepted' AND leased_by IS NOT NULL"),
    (
        "entry of a mail that is not filed",
        "SELECT e.mail_id FROM entry e JOIN incoming i ON i.id = e.mail_id WHERE i.state <> 'filed'",
    ),
    (
        "ticket without a customer that is not marked unverified",
        """SELECT number FROM ticket t WHERE unverified = 0
            AND EXISTS (SELECT 1 FROM entry e WHERE e.ticket_id = t.id AND e.kind = 'customer')
            AND NOT EXISTS (SELECT 1 FROM participant p WHERE p.ticket_id = t.id
                AND (p.role = 'customer' OR p.address LIKE '%@erased.invalid'))""",
    ),
    (
        "ticket with two customers",
        """SELECT t.number FROM participant p JOIN ticket t ON t.id = p.ticket_id WHERE p.role = 'customer'
            GROUP BY t.number HAVING count(*) > 1""",
    ),
    ("ticket without an entry", "SELECT number FROM ticket t WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.ticket_id = t.id)"),
    ("ticket without a number or desk", "SELECT id FROM ticket WHERE number = '' OR desk = ''"),
    (
        "participant whose key is not that of the address",
        "SELECT address FROM participant WHERE lower(address_key) <> lower(address) OR address = ''",
    ),
    ("counter of ticket numbers below one", "SELECT day || ' ' || channel FROM serial WHERE last < 1"),
    (
        "entry that repeats none of its ticket's",
        """SELECT e.id FROM entry e WHERE e.repeat_of IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM entry f WHERE f.id = e.repeat_of AND f.ticket_id = e.ticket_id)""",
    ),
    (
        "merged ticket that leads to a merged one",
        "SELECT a.ticket_id FROM link a JOIN link b ON b.ticket_id = a.other_id WHERE a.kind = 'into' AND b.kind = 'into'",
    ),
    (
        "merged ticket that still has what was said in it",
        """SELECT e.ticket_id FROM link l JOIN entry e ON e.ticket_id = l.ticket_id
            WHERE l.kind = 'into' AND (e.kind <> 'event' OR e.mail_id IS NOT NULL)""",
    ),
    ("outgoing mail without its bytes", "SELECT id FROM outgoing WHERE id NOT IN (SELECT id FROM outgoing_raw)"),
    (
        "outgoing mail without a recipient",
        "SELECT id FROM outgoing o WHERE NOT EXISTS (SELECT 1 FROM recipient r WHERE r.outgoing_id = o.id)",
    ),
    (
        "outgoing mail and its entry on two tickets",
        "SELECT o.id FROM outgoing o JOIN entry e ON e.id = o.entry_id WHERE o.ticket_id IS NULL OR e.ticket_id <> o.ticket_id",
    ),
    (
        "two recipients in one place of a mail",
        "SELECT outgoing_id FROM recipient GROUP BY outgoing_id, position HAVING count(*) > 1",
    ),
    (
        "recipient whose state and due time do not fit",
        "SELECT id FROM recipient WHERE (state IN ('queued', 'uncertain')) <> (due_at IS NOT NULL)",
    ),
    ("settled recipient that is still claimed", "SELECT id FROM recipient WHERE due_at IS NULL AND claimed_by IS NOT NULL"),
    ("delivered recipient without an attempt", "SELECT id FROM recipient WHERE state = 'delivered' AND attempts = 0"),
    (
        "recipient that was tried less often than its attempts say",
        "SELECT id FROM recipient r WHERE attempts < (SELECT count(*) FROM attempt a WHERE a.recipient_id = r.id)",
    ),
    ("attempt with a reply code that SMTP does not have", "SELECT id FROM attempt WHERE code <> 0 AND (code < 200 OR code > 599)"),
    (
        "acknowledgement counted in a minute that is not its own",
        "SELECT id FROM acknowledgement WHERE minute > at / 60 OR minute < at / 60 - 1",
    ),
    (  # while upkeep removes old ones, there are fewer
        "minute with more acknowledgements than are counted in it",
        """SELECT a.minute FROM (SELECT minute, count(*) AS sent FROM acknowledgement
                WHERE purpose NOT IN ('to-agent', 'left-out', 'held', 'alert') GROUP BY minute) a
            LEFT JOIN acknowledged c ON c.minute = a.minute WHERE coalesce(c.sent, 0) < a.sent""",
    ),
    *(("count that is not that of the rows", sql) for sql in ROWS),
    ("thing that is due at no ticket", "SELECT ticket_id FROM due WHERE ticket_id NOT IN (SELECT id FROM ticket)"),
    ("customer reminded before there was a reason", "SELECT ticket_id FROM due WHERE reminded > 0 AND reminded < since"),
    ("leave that ends before it begins", "SELECT agent FROM member WHERE away_until < away_since"),
    (
        "person who was erased and is still named",
        "SELECT id FROM privacy WHERE state = 'done' AND what = 'erase' AND address <> ''",
    ),
    ("pause without a reason", "SELECT destination FROM pause WHERE reason = ''"),
)
STATES = (
    ("mail", "SELECT DISTINCT state FROM incoming", MailState),
    ("ticket", "SELECT DISTINCT status FROM ticket", Status),
    ("entry", "SELECT DISTINCT kind FROM entry", EntryKind),
    ("recipient", "SELECT DISTINCT state FROM recipient", DeliveryState),
    ("attempt", "SELECT DISTINCT state FROM attempt", DeliveryState),
    ("participant", "SELECT DISTINCT role FROM participant", Role),
    ("what is due", "SELECT DISTINCT what FROM due", What),
    ("what is asked about a person's data", "SELECT DISTINCT what FROM privacy", Asked),
    ("what became of that", "SELECT DISTINCT state FROM privacy", State),
    ("what is due of a ticket", "SELECT DISTINCT state FROM due", Status),
)
_FLAGS = {
    "incoming": ("smtputf8", "released"),
    "ticket": ("unverified",),
    "participant": ("subject",),
    "message_ref": ("ours",),
    "fingerprint": ("strong", "told"),
    "outgoing": ("smtputf8", "eightbit"),
    "recipient": ("delay_told",),
}


def check() -> Verb[list[str]]:
    faults: list[str] = []
    for fault, sql in FAULTS:
        found = yield Query(sql + " LIMIT $1", (_MOST,))
        faults += [f"{fault}: {row[0]}" for row in found]
    for noun, sql, states in STATES:
        found = yield Query(sql)
        faults += [f"{noun} in unknown state: {row[0]}" for row in found if row[0] not in set(states)]
    for table, columns in _FLAGS.items():
        for column in columns:
            found = yield Query(f"SELECT DISTINCT {column} FROM {table} WHERE {column} NOT IN (0, 1)")
            faults += [f"flag that is neither 0 nor 1: {table}.{column} {row[0]}" for row in found]
    return faults
