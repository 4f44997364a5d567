"""The verb behind `log` and `explain` of stored mail: everything that belongs to a ticket, a Message-ID or an id.

Changes nothing and reads no raw mail. Bounded: the newest `limit` mails, entries and sent mails of each kind.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import json
from collections.abc import Iterable

from smtpgate.clock import id_number
from smtpgate.model import Attempt, DeliveryState
from smtpgate.store import rows
from smtpgate.store.api import Incoming
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.incoming import with_tickets
from smtpgate.store.linking import OF_NUMBER
from smtpgate.store.seen import History, SentMail
from smtpgate.store.statement import Query, Row, Verb, select_in

_MAIL = "SELECT " + rows.INCOMING + ", i.seq FROM incoming i "
_SENT = "SELECT o.id FROM outgoing o "


def history(name: str, number: int | None, limit: int) -> Verb[History | None]:
    """name: a ticket number, a <Message-ID> or the text of an id, whose number is `number`. None: nothing has that name."""
    found = yield Query(OF_NUMBER, (name.upper(),))
    if found:
        return (yield from _of_ticket(found[0][0], limit))
    if number is not None:
        return (yield from _of_id(name, number, limit))
    mails = yield Query(_MAIL + "WHERE i.message_id = $1 ORDER BY i.seq DESC LIMIT $2", (name, limit))
    sent = yield Query(_SENT + "WHERE o.message_id = $1", (name,))
    return (yield from _complete(mails, [row[0] for row in sent], limit))


def _of_ticket(ticket_id: int, limit: int) -> Verb[History | None]:
    mails = yield Query(
        _MAIL + "WHERE i.id IN (SELECT mail_id FROM entry WHERE ticket_id = $1) ORDER BY i.seq DESC LIMIT $2", (ticket_id, limit)
    )
    sent = yield Query(_SENT + "WHERE o.ticket_id = $1 ORDER BY o.id DESC LIMIT $2", (ticket_id, limit))
    return (yield from _complete(mails, [row[0] for row in sent], limit, ticket_id))


def _of_id(text: str, number: int, limit: int) -> Verb[History | None]:
    mails = yield Query(_MAIL + "WHERE i.id = $1", (text,))
    sent = yield Query(
        _SENT + "WHERE o.id = $1 OR o.id = (SELECT outgoing_id FROM recipient WHERE id = $1)",
        (number,),
    )
    return (yield from _complete(mails, [row[0] for row in sent], limit))


def _complete(found: list[Row], sent_ids: list[int], limit: int, ticket_id: int | None = None) -> Verb[History | None]:
    """What the mails brought: their entries and what was sent for them. With ticket_id all entries of that ticket."""
    mails = yield from with_tickets(sorted((row[:-1] for row in found), key=lambda row: row[2]))
    caused = yield from select_in("SELECT id FROM outgoing WHERE cause IN (...)", [mail.id for mail in mails])
    before_cause = yield from select_in("SELECT id FROM outgoing WHERE message_id IN (...)", list(_caused(mails)))
    sent_ids = [*sent_ids, *(row[0] for row in (*caused, *before_cause)), *filter(None, map(_about, mails))]
    sent = yield from _sent(sorted(set(sent_ids))[-limit:])
    if not mails and not sent and ticket_id is None:
        return None
    select = "SELECT " + rows.ENTRY + ", seq FROM entry "
    if ticket_id is not None:
        entries = yield Query(select + "WHERE ticket_id = $1 ORDER BY seq DESC LIMIT $2", (ticket_id, limit))
    else:
        entries = yield from select_in(select + "WHERE mail_id IN (...)", [mail.id for mail in mails])
    entries = sorted(entries, key=lambda row: int(row[-1]))
    ids = {ticket_id, *(row[1] for row in entries)} - {None}
    tickets = yield from tickets_by_id([one for one in ids if one is not None])
    return History(
        mails=mails,
        entries=tuple(rows.entry(row[:-1]) for row in entries),
        tickets=tickets,
        sent=sent,
        bounces=(yield from _bounces({mail.id for mail in mails}, sent)),
        cut=max(len(mails), len(entries), len(sent)) >= limit,
    )


def _about(mail: Incoming) -> int | None:
    """Of a bounce, the id of the mail of ours that came back."""
    about = json.loads(mail.decision).get("about") if mail.decision else None
    return id_number(about["outgoing"]) if about else None


def _bounces(known: set[str], sent: tuple[SentMail, ...]) -> Verb[tuple[Incoming, ...]]:
    """The bounces of these mails that are not among the known ones. They are entries of the ticket, if there is one."""
    gone = [mail.id for mail in sent if any(r.state is DeliveryState.BOUNCED for r in mail.recipients)]
    entries = yield from select_in(
        """SELECT DISTINCT e.mail_id FROM entry e JOIN outgoing o ON o.ticket_id = e.ticket_id
            WHERE e.kind = 'machine' AND e.mail_id IS NOT NULL AND o.id IN (...)""",
        gone,
    )
    ids = sorted({row[0] for row in entries} - known)
    mails = yield from with_tickets((yield from select_in("SELECT " + rows.INCOMING + " FROM incoming i WHERE i.id IN (...)", ids)))
    return tuple(sorted((mail for mail in mails if _about(mail) in gone), key=lambda mail: mail.received_at))


def _caused(mails: Iterable[Incoming]) -> Iterable[str]:
    """Message-IDs of what filing sent for these mails, as its decision says."""
    for mail in mails:
        if mail.decision:
            yield from (one["message_id"] for one in json.loads(mail.decision).get("send", ()))


def _sent(ids: list[int]) -> Verb[tuple[SentMail, ...]]:
    mails = yield from select_in("SELECT id, message_id, purpose, created_at FROM outgoing WHERE id IN (...)", ids)
    recipients = yield from select_in(
        rows.RECIPIENT_STATUS + " WHERE r.outgoing_id IN (...) ORDER BY r.outgoing_id, r.position", ids
    )
    attempts = yield from select_in(
        """SELECT a.recipient_id, a.at, a.state, a.next_at, a.code, a.reply, a.remote, a.tls, a.id
            FROM attempt a WHERE a.recipient_id IN (...)""",
        [row[0] for row in recipients],
    )
    attempts.sort(key=lambda row: int(row[-1]))
    owner = {row[0]: row[1] for row in recipients}
    return tuple(
        SentMail(
            id=id_,
            message_id=message_id,
            purpose=purpose,
            created_at=created_at,
            recipients=tuple(rows.recipient_status(row) for row in recipients if row[1] == id_),
            attempts=tuple(Attempt(row[0], row[1], DeliveryState(row[2]), *row[3:-1]) for row in attempts if owner[row[0]] == id_),
        )
        for id_, message_id, purpose, created_at in sorted(mails)
    )
