"""Rows for store tests: small builders whose defaults nobody needs to think about."""

from __future__ import annotations

import itertools
from typing import Any

from smtpgate.clock import FixedClock, id_text, new_id
from smtpgate.model import (
    ArcResult,
    Attempt,
    DeliveryState,
    DkimResult,
    DmarcResult,
    Entry,
    EntryKind,
    Envelope,
    Evidence,
    OutgoingMail,
    OutgoingRecipient,
    Participant,
    Role,
    SpfResult,
    Status,
    Ticket,
    Verdict,
)
from smtpgate.store.api import Accepted, FactsQuery, NewTicket

NOW = 1_790_000_000.0
_serial = itertools.count(1)


def an_id(now: float = NOW) -> int:
    """Each one a millisecond later: never twice the same, and in the order in which they were made."""
    return new_id(FixedClock(now + next(_serial) / 1000))


def a_mail_id(now: float = NOW) -> str:
    return id_text(an_id(now))


def a_verdict() -> Verdict:
    return Verdict(
        evidence=Evidence.DMARC_DKIM,
        author="wang@example.org",
        spf=SpfResult("pass", "example.org", "matched ip4"),
        dkim=(DkimResult("pass", "example.org", "s1"), DkimResult("fail", "list.example", "x", "body hash")),
        dmarc=DmarcResult("pass", "reject", "example.org", "", "dkim"),
        arc=ArcResult("fail", "no seal", ""),
        reasons=("DMARC passes by DKIM", "理由"),
        header="gate.example; spf=pass",
    )


def accepted(mail_id: str | None = None, *, raw: bytes = b"Subject: hi\r\n\r\nhi\r\n", at: float = NOW, **change: Any) -> Accepted:
    envelope: dict[str, Any] = {
        "mail_id": mail_id or a_mail_id(at),
        "mail_from": "wang@example.org",
        "rcpts": ("support@desk.example", "sales@desk.example"),
        "peer": "192.0.2.1",
        "helo": "mx.example.org",
        "received_at": at,
        "protocol": "ESMTPS",
        "tls": "TLSv1.3",
        "smtputf8": True,
    }
    message_id = change.pop("message_id", "<a@example.org>")
    envelope.update(change)
    return Accepted(
        envelope=Envelope(**envelope),
        trace=b"Received: from x\r\n",
        raw=raw,
        verdict=a_verdict(),
        message_id=message_id,
    )


def a_query(mail_id: str = "", **change: Any) -> FactsQuery:
    asked: dict[str, Any] = {
        "mail_id": mail_id,
        "now": NOW,
        "sender": "wang@example.org",
        "message_id": None,
        "references": (),
        "numbers": (),
        "ticket_ids": (),
        "recipient_ids": (),
        "fingerprints": (),
        "serials": (),
    }
    return FactsQuery(**(asked | change))


def a_ticket(**change: Any) -> Ticket:
    made: dict[str, Any] = {
        "id": an_id(),
        "number": f"20261121-EML-{next(_serial):04}",
        "desk": "support",
        "status": Status.RECEIVED,
        "subject": "打印机坏了",
        "language": "zh",
        "created_at": NOW,
        "updated_at": NOW,
        "participants": (Participant("wang@example.org", "王", Role.CUSTOMER),),
        "unverified": False,
        "other_desks": (),
    }
    return Ticket(**(made | change))


def a_new_ticket(**change: Any) -> NewTicket:
    serial = change.pop("serial", None)
    return NewTicket(a_ticket(**change), serial)


def an_entry(ticket_id: int, **change: Any) -> Entry:
    made: dict[str, Any] = {
        "id": an_id(),
        "ticket_id": ticket_id,
        "kind": EntryKind.CUSTOMER,
        "author": "wang@example.org",
        "created_at": NOW,
        "text": "它不打印",
    }
    return Entry(**(made | change))


def a_recipient(address: str = "wang@example.org", **change: Any) -> OutgoingRecipient:
    made: dict[str, Any] = {"id": an_id(), "address": address, "return_path": "support+b1@desk.example", "next_at": NOW}
    return OutgoingRecipient(**(made | change))


def an_outgoing(*recipients: OutgoingRecipient, **change: Any) -> OutgoingMail:
    made: dict[str, Any] = {
        "id": an_id(),
        "message_id": f"<{next(_serial)}@desk.example>",
        "purpose": "received",
        "data": b"Subject: received\r\n\r\n" + b"thank you for your mail\r\n" * 50,
        "recipients": recipients or (a_recipient(),),
        "created_at": NOW,
    }
    return OutgoingMail(**(made | change))


def an_attempt(recipient_id: int, state: DeliveryState = DeliveryState.DELIVERED, **change: Any) -> Attempt:
    made: dict[str, Any] = {
        "recipient_id": recipient_id,
        "at": NOW,
        "state": state,
        "next_at": NOW + 300,
        "code": 250,
        "reply": "2.0.0 ok",
        "remote": "mx.example.org[192.0.2.9]:25",
        "tls": "TLSv1.3",
    }
    return Attempt(**(made | change))
