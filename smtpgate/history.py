"""What the store knows about a ticket, a Message-ID or a mail: as facts for `explain`, as one timeline for `log`.

Pure but for `find`, which asks the store once. Raises UsageError when nothing has the name, and StoreError.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from smtpgate.clock import id_number, id_text
from smtpgate.errors import UsageError
from smtpgate.explain import auth_json
from smtpgate.model import Attempt, DeliveryState, MailState
from smtpgate.store.api import Incoming, Store
from smtpgate.store.seen import History, SentMail

LIMIT = 1000  # mails, entries and sent mails that are told of, the newest ones


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a timeline. at None: the store does not keep when; it was after `after`."""

    at: float | None
    after: float
    what: str
    mail: str  # id of the mail, in either direction, "" for what has none
    ticket: str
    text: str


async def find(store: Store, name: str) -> History:
    """name as people copy it: a ticket number with brackets, a Message-ID with or without its angle brackets, an id."""
    text = name.strip().strip("[]#＃【】").strip()
    if "@" in text:
        text = f"<{text.strip('<>')}>"
    number = _id(text)
    found = await store.history(text.lower() if number is not None else text, number=number, limit=LIMIT)
    if found is None:
        raise UsageError(f"nothing is stored under {name}: it is no ticket, no Message-ID and no id of a mail")
    return found


def _id(text: str) -> int | None:
    try:
        number = id_number(text.lower())
    except ValueError:
        return None
    return number if 0 <= number < 2**63 else None


# --- facts ------------------------------------------------------------------------------------------------------------


def facts(found: History) -> dict[str, Any]:
    """JSON-ready; times in seconds since 1970."""
    return {
        "mails": [_mail(mail, found) for mail in found.mails],
        "tickets": [
            {"number": t.number, "desk": t.desk, "status": t.status.value, "subject": t.subject} for t in found.tickets.values()
        ],
        "sent": [_sent(mail) for mail in found.sent],
        "bounces": [
            {"id": mail.id, "received_at": mail.received_at, "of": _about(mail)[0], "said": _about(mail)[2]}
            for mail in found.bounces
        ],
        "cut": found.cut,
    }


def _mail(mail: Incoming, found: History) -> dict[str, Any]:
    envelope = mail.envelope
    entries = [entry for entry in found.entries if entry.mail_id == mail.id]
    return {
        "id": mail.id,
        "message_id": mail.message_id,
        "received_at": mail.received_at,
        "peer": envelope.peer,
        "helo": envelope.helo,
        "protocol": envelope.protocol,
        "tls": envelope.tls,
        "mail_from": envelope.mail_from,
        "rcpts": list(envelope.rcpts),
        "size": mail.size,
        "auth": auth_json(mail.verdict),
        "state": mail.state.value,
        "reason": mail.reason,
        "tries": mail.tries,
        "released": mail.released,
        "decision": json.loads(mail.decision) if mail.decision else None,
        "entries": [
            {"ticket": found.tickets[e.ticket_id].number, "kind": e.kind.value, "at": e.created_at, "marks": list(e.marks)}
            for e in entries
        ],
    }


def _sent(mail: SentMail) -> dict[str, Any]:
    return {
        "id": id_text(mail.id),
        "message_id": mail.message_id,
        "purpose": mail.purpose,
        "created_at": mail.created_at,
        "recipients": [
            {
                "id": id_text(r.recipient_id),
                "address": r.address,
                "state": r.state.value,
                "next_at": r.next_at if r.state.pending else None,
                "attempts": [
                    {"at": a.at, "state": a.state.value, "code": a.code, "reply": a.reply, "remote": a.remote, "tls": a.tls}
                    for a in mail.attempts
                    if a.recipient_id == r.recipient_id
                ],
            }
            for r in mail.recipients
        ],
    }


# --- timeline ---------------------------------------------------------------------------------------------------------


def timeline(found: History) -> list[Event]:
    """Oldest first."""
    events = [event for mail in found.mails for event in _came(mail, found)]
    for entry in found.entries:
        text = " ".join(part for part in (entry.kind.value, f"by {entry.author}" if entry.author else "", *entry.marks) if part)
        number = found.tickets[entry.ticket_id].number
        events.append(Event(entry.created_at, entry.created_at, "entry", entry.mail_id or "", number, text))
    told = {id_ for mail in (*found.mails, *found.bounces) if (id_ := _about(mail)[0])}
    events += [event for mail in found.sent for event in _went(mail, bounce_told=id_text(mail.id) in told)]
    for mail in found.bounces:
        id_, to, said = _about(mail)
        events.append(Event(mail.received_at, mail.received_at, "bounce", mail.id, "", f"of {id_} to {to}: {said}"))
    return sorted(events, key=lambda event: event.after)  # stable: what happened at one moment stays in its order


def _came(mail: Incoming, found: History) -> Iterator[Event]:
    envelope, at = mail.envelope, mail.received_at
    sender = f"<{envelope.mail_from or ''}>"
    text = f"from {sender} to {', '.join(envelope.rcpts)} by {envelope.helo} [{envelope.peer}], {mail.verdict.evidence.value}"
    yield Event(at, at, "accepted", mail.id, "", text)
    entries = [entry for entry in found.entries if entry.mail_id == mail.id]
    when = min((entry.created_at for entry in entries), default=None)
    if mail.released:
        yield Event(None, at, "released", mail.id, "", "an agent let it through")
    if mail.state is MailState.ACCEPTED:
        if mail.reason:
            yield Event(None, at, "waiting", mail.id, "", _first_line(mail.reason))
        return
    decided = json.loads(mail.decision) if mail.decision else {}
    outcome, rung = decided.get("outcome"), decided.get("rung")
    why = mail.reason or ", ".join(part for part in (outcome, f"by {rung}" if rung and rung != outcome else "") if part)
    number = decided.get("ticket") or ""
    yield Event(when, at if when is None else when, mail.state.value, mail.id, number, _first_line(why))


def _about(mail: Incoming) -> tuple[str, str, str]:
    """Of a bounce: the id of our mail that came back, to whom it was, and what was said."""
    decided = json.loads(mail.decision) if mail.decision else {}
    about = decided.get("about") or {}
    said = next((r.partition(" bounced: ")[2] for r in decided.get("reasons", ()) if " bounced: " in r), "")
    return about.get("outgoing", ""), about.get("to", ""), said


def _went(mail: SentMail, *, bounce_told: bool) -> Iterator[Event]:
    id_ = id_text(mail.id)
    number = next((r.ticket_number for r in mail.recipients if r.ticket_number), None) or ""
    people = ", ".join(r.address for r in mail.recipients)
    yield Event(mail.created_at, mail.created_at, "queued", id_, number, f"{mail.purpose}, to {people}, {mail.message_id}")
    address = {r.recipient_id: r.address for r in mail.recipients}
    for attempt in mail.attempts:
        yield Event(attempt.at, attempt.at, "attempt", id_, number, f"{address[attempt.recipient_id]}: {_said(attempt)}")
    for r in mail.recipients:
        last = max((a.at for a in mail.attempts if a.recipient_id == r.recipient_id), default=mail.created_at)
        if r.state is DeliveryState.DROPPED or (r.state is DeliveryState.BOUNCED and not bounce_told):
            yield Event(None, last, r.state.value, id_, number, f"{r.address}: {r.last_reply}".rstrip(": "))


def _said(attempt: Attempt) -> str:
    words = f"{attempt.code or ''} {attempt.reply}".strip()
    return " ".join(part for part in (attempt.state.value, words, f"({attempt.remote})" if attempt.remote else "") if part)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
