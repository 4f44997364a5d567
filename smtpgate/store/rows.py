"""Between rows and the words of the house: JSON columns, packed bytes, dataclasses. Pure, but for what reads a file of mail.

A row that cannot be read raises ValueError or KeyError: only a damaged or foreign database has one.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import replace
from typing import Any

from smtpgate.blocks import mailbox_key
from smtpgate.model import (
    ArcResult,
    Attachment,
    DeliveryState,
    Detail,
    DkimResult,
    DmarcResult,
    Entry,
    EntryKind,
    Envelope,
    Evidence,
    MailState,
    Participant,
    Priority,
    Role,
    SpfResult,
    Status,
    Ticket,
    Verdict,
)
from smtpgate.records import record
from smtpgate.store import targets
from smtpgate.store.api import Accepted, Incoming
from smtpgate.store.rawfiles import HOME, Kept, Part, RawFiles, RawUnreadable
from smtpgate.store.shown import RecipientStatus
from smtpgate.store.statement import Row, storable

PLAIN, ZLIB = 0, 1
# Measured: below, packing costs more time than writing the row; a third of the throughput at 4 KB, half at 30 KB.
WORTH_PACKING = 65_536
_SAMPLE = 16_384
_DENSE = 0.7  # base64 packs to three quarters of its size, prose to half: an attachment is left as it is


@record(frozen=True, slots=True)
class Packed:
    """Bytes ready for a row, and what is known of them. file: the name of the one that holds them instead of the row."""

    packing: int
    data: bytes
    size: int
    sha256: str
    file: str | None = None


def pack(data: bytes) -> Packed:
    """Ready for a row of its own."""
    return Packed(*packed(data), len(data), hashlib.sha256(data).hexdigest())


def packed(data: bytes) -> tuple[int, bytes]:
    """How it is kept, and what: compressed when that pays, which a sample from the middle tells."""
    middle = len(data) // 2
    if len(data) > WORTH_PACKING and len(zlib.compress(data[middle : middle + _SAMPLE], 1)) < _SAMPLE * _DENSE:
        return ZLIB, zlib.compress(data, 1)
    return PLAIN, data


def unpack(packing: int, data: bytes) -> bytes:
    return zlib.decompress(data) if packing == ZLIB else data


def address_key(address: str) -> str:
    """How participants are found again: the domain without case, the local part exactly (RFC 5321 §2.4)."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def agents_key(address: str, purpose: str) -> str:
    """Of an agent's cap, apart from those of the same person as a customer; what was left out apart from what was sent."""
    return f"{purpose} {mailbox_key(address)}"


def strings(values: tuple[str, ...]) -> str:
    return json.dumps(values) if values else "[]"


def tuple_of_strings(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text != "[]" else ()


def _fields(value: Any) -> dict[str, Any]:
    """The fields of one of our slotted dataclasses; a tenth of the cost of dataclasses.asdict."""
    return {name: getattr(value, name) for name in value.__slots__}


def verdict_json(verdict: Verdict) -> str:
    nested = {
        "spf": _fields(verdict.spf),
        "dkim": [_fields(signature) for signature in verdict.dkim],
        "dmarc": _fields(verdict.dmarc),
        "arc": _fields(verdict.arc),
    }
    return json.dumps(_fields(verdict) | nested)


def verdict(text: str) -> Verdict:
    found = json.loads(text)
    return Verdict(
        evidence=Evidence(found["evidence"]),
        author=found["author"],
        spf=SpfResult(**found["spf"]),
        dkim=tuple(DkimResult(**signature) for signature in found["dkim"]),
        dmarc=DmarcResult(**found["dmarc"]),
        arc=ArcResult(**found["arc"]),
        reasons=tuple(found["reasons"]),
        header=found["header"],
    )


def whole(mail: Incoming, files: RawFiles) -> Incoming:
    """With its bytes, where they are in a file; else with the fault that keeps them from being had. Reads the disk."""
    if mail.kept is None:
        return mail
    try:
        raw = from_file(mail.kept, files)
        if len(raw) != mail.size or hashlib.sha256(raw).hexdigest() != mail.sha256:
            path = files.path(mail.kept.part.file, mail.kept.part.place)
            raise RawUnreadable(f"its file {path} holds other bytes than those that were accepted", lasting=True)
    except RawUnreadable as fault:
        return replace(mail, fault=fault)
    return replace(mail, raw=raw)


def from_file(kept: Kept, files: RawFiles) -> bytes:
    """Unpacked, not yet compared with anything. Raises RawUnreadable."""
    data = files.read(kept.part)
    try:
        return unpack(kept.packing, data)
    except zlib.error as error:
        path = files.path(kept.part.file, kept.part.place)
        raise RawUnreadable(f"its file {path} cannot be unpacked: {error}", lasting=True) from error


INCOMING = """i.id, i.state, i.received_at, i.mail_from, i.rcpts, i.peer, i.helo, i.protocol, i.tls, i.smtputf8, i.verdict,
    i.size, i.sha256, i.message_id, i.tries, i.claims, i.released, i.reason, i.decision"""
INCOMING_RAW = INCOMING + ", r.packing, r.trace, r.body, r.file, r.start, r.length, f.place"


def incoming(row: Row, ticket_ids: tuple[int, ...]) -> Incoming:
    """A row of INCOMING or INCOMING_RAW."""
    trace, raw, kept = b"", b"", None
    if len(row) > 19:
        trace = row[20]
        if row[22] is None:
            raw = unpack(row[19], row[21])
        else:
            kept = Kept(row[19], Part(row[22], row[23], row[24], row[25] or HOME))
    return Incoming(
        id=row[0],
        state=MailState(row[1]),
        envelope=Envelope(
            mail_id=row[0],
            mail_from=row[3],
            rcpts=tuple_of_strings(row[4]),
            peer=row[5],
            helo=row[6],
            received_at=row[2],
            protocol=row[7],
            tls=row[8],
            smtputf8=bool(row[9]),
        ),
        verdict=verdict(row[10]),
        received_at=row[2],
        size=row[11],
        sha256=row[12],
        message_id=row[13],
        tries=row[14],
        claims=row[15],
        released=bool(row[16]),
        reason=row[17],
        ticket_ids=ticket_ids,
        decision=row[18],
        trace=trace,
        raw=raw,
        kept=kept,
    )


def as_stored(mail: Accepted, packed: Packed) -> Incoming:
    """A mail that was accepted and claimed just now, as its row would be read back, without reading it."""
    sent = mail.envelope
    return Incoming(
        id=sent.mail_id,
        state=MailState.ACCEPTED,
        envelope=Envelope(
            mail_id=sent.mail_id,
            mail_from=None if sent.mail_from is None else storable(sent.mail_from),
            rcpts=sent.rcpts,
            peer=storable(sent.peer),
            helo=storable(sent.helo),
            received_at=sent.received_at,
            protocol=storable(sent.protocol),
            tls=None if sent.tls is None else storable(sent.tls),
            smtputf8=sent.smtputf8,
        ),
        verdict=mail.verdict,
        received_at=sent.received_at,
        size=packed.size,
        sha256=packed.sha256,
        message_id=None if mail.message_id is None else storable(mail.message_id),
        claims=1,
        trace=mail.trace,
        raw=mail.raw,
    )


TICKET = """t.id, t.number, t.desk, t.status, t.subject, t.language, t.created_at, t.updated_at, t.unverified, t.other_desks,
    t.assignee, t.priority, t.tags,
    (SELECT d.at FROM due d WHERE d.ticket_id = t.id AND d.what = 'snooze'),
    CASE WHEN t.status IN ('resolved', 'closed') THEN
        (SELECT d.since FROM due d WHERE d.ticket_id = t.id AND d.what = 'state' AND d.state = t.status) END,
    (SELECT g.kept FROM target g WHERE g.ticket_id = t.id),
    (SELECT CAST(sum(w.minutes) AS BIGINT) FROM worked w WHERE w.ticket_id = t.id)"""


def ticket(row: Row, participants: tuple[Participant, ...]) -> Ticket:
    return Ticket(
        id=row[0],
        number=row[1],
        desk=row[2],
        status=Status(row[3]),
        subject=row[4],
        language=row[5],
        created_at=row[6],
        updated_at=row[7],
        participants=participants,
        unverified=bool(row[8]),
        other_desks=tuple_of_strings(row[9]),
        assignee=row[10],
        priority=Priority(row[11]),
        tags=tuple_of_strings(row[12]),
        snoozed_until=row[13],
        ended_at=row[14],
        clock=None if row[15] is None else targets.a_clock(row[15]),
        worked=row[16] or 0,
    )


PARTICIPANT = """p.address, p.name, p.role, (SELECT w.fewer FROM wish w WHERE w.address_key = p.address_key), p.since,
    p.subject"""


def participant(row: Row) -> Participant:
    return Participant(address=row[0], name=row[1], role=Role(row[2]), fewer=bool(row[3]), since=row[4], subject=bool(row[5]))


A_PARTICIPANT = """INSERT INTO participant (ticket_id, address_key, address, name, role, since, subject)
    VALUES ($1, $2, $3, $4, $5, $6, $7)"""


def of_participant(ticket_id: int, person: Participant) -> tuple[int, str, str, str, str, float, int]:
    """The values of A_PARTICIPANT."""
    who = (address_key(person.address), person.address, person.name)
    return (ticket_id, *who, person.role.value, person.since, int(person.subject))


ENTRY = "id, ticket_id, kind, author, created_at, text, mail_id, message_id, evidence, marks, attachments, rung, repeat_of, details"


def entry(row: Row) -> Entry:
    return Entry(
        id=row[0],
        ticket_id=row[1],
        kind=EntryKind(row[2]),
        author=row[3],
        created_at=row[4],
        text=row[5],
        mail_id=row[6],
        message_id=row[7],
        evidence=row[8],
        marks=tuple_of_strings(row[9]),
        attachments=tuple(Attachment(**found) for found in json.loads(row[10])),
        rung=row[11],
        repeat_of=row[12],
        details=tuple(Detail(*one) for one in json.loads(row[13])),
    )


def details_json(details: tuple[Detail, ...]) -> str:
    return json.dumps([[one.name, one.value, one.where] for one in details]) if details else "[]"


def attachments_json(attachments: tuple[Attachment, ...]) -> str:
    return json.dumps([_fields(attachment) for attachment in attachments]) if attachments else "[]"


RECIPIENT_STATUS = """SELECT r.id, r.outgoing_id, t.number, o.purpose, r.address, r.state, r.attempts, o.created_at, r.next_at,
        r.last_code, r.last_reply
    FROM recipient r JOIN outgoing o ON o.id = r.outgoing_id LEFT JOIN ticket t ON t.id = o.ticket_id"""


def recipient_status(row: Row) -> RecipientStatus:
    return RecipientStatus(
        recipient_id=row[0],
        outgoing_id=row[1],
        ticket_number=row[2],
        purpose=row[3],
        address=row[4],
        state=DeliveryState(row[5]),
        attempts=row[6],
        created_at=row[7],
        next_at=row[8],
        last_code=row[9],
        last_reply=row[10],
    )
