"""A person's data as a zip file: what they wrote, what was sent to them, and what is kept beside it. Nothing of anybody else.

Mail is read one by one, so that memory does not grow with the years. Raises TooLarge, StoreError, and OSError as writing does.
"""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from smtpgate.clock import id_text, utc
from smtpgate.model import DeliveryState, Entry, EntryKind, Ticket
from smtpgate.person import ERASED, Trail, same
from smtpgate.store import personal, showing
from smtpgate.store.facts import tickets_by_id
from smtpgate.store.verbs import VerbStore

INDEX = "person.json"
_OURS = (EntryKind.REPLY, EntryKind.STATUS)
_THEIRS = (EntryKind.CUSTOMER, EntryKind.THIRD_PARTY, EntryKind.REPEAT)
_ARRIVED = (DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.UNCERTAIN)


class TooLarge(Exception):
    """There is more of it than there may be; nobody has use for what was made."""


async def export(
    store: VerbStore, person: str, target: IO[bytes], *, now: float, notes: bool = False, most: int | None = None
) -> dict[str, int]:
    """Write all of it. notes: what agents noted in the person's own tickets comes along. How many tickets and mails are in it.
    Raises TooLarge as soon as it is larger than `most` octets."""
    found = await personal.trail(store, person)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        made = _Made(file, target, most)
        received = await _received(store, found, made)
        sent = await _sent(store, found, made)
        tickets = await _tickets(store, found, {one["id"] for one in received}, notes=notes)
        about = await store._read(lambda: personal.kept_beside(found))
        index = {
            "format": "smtpgate person 1",
            "address": person,
            "made_at": _moment(now),
            "since": None if found.since is None else _moment(found.since),
            "tickets": tickets,
            "received": received,
            "sent": sent,
            **about,
        }
        await made.add(INDEX, json.dumps(index, ensure_ascii=False, indent=1))
    if most is not None and target.tell() > most:  # with its list of what is in it
        raise TooLarge
    return {"tickets": len(tickets), "received": len(received), "sent": len(sent)}


@dataclass(frozen=True, slots=True)
class _Made:
    """The zip file as far as it is made."""

    file: zipfile.ZipFile
    target: IO[bytes]
    most: int | None

    async def add(self, name: str, data: bytes | str) -> None:
        await asyncio.to_thread(self.file.writestr, name, data)  # packing a large one takes a second
        if self.most is not None and self.target.tell() > self.most:
            raise TooLarge


def _moment(seconds: float) -> str:
    return utc(seconds).isoformat(timespec="seconds")


async def _received(store: VerbStore, found: Trail, made: _Made) -> list[dict[str, Any]]:
    """What they wrote, octet for octet; nothing that may be forged in their name."""
    rows = []
    for mail_id in (found.theirs[seq] for seq in sorted(found.theirs)):
        mail = await store.mail(mail_id) if mail_id else None
        if mail is None:
            continue
        row = {"id": mail.id, "at": _moment(mail.received_at), "evidence": mail.verdict.evidence.value, "state": mail.state.value}
        if mail.fault is None:
            row["file"] = f"received/{mail.id}.eml"
            await made.add(row["file"], mail.raw)
        else:
            row["missing"] = "its file cannot be read"
        rows.append(row)
    return rows


async def _sent(store: VerbStore, found: Trail, made: _Made) -> list[dict[str, Any]]:
    """What reached them, or came back."""
    rows = []
    for outgoing_id in sorted(found.sent):
        detail = await store.outgoing(outgoing_id)
        if detail is None or detail.mail.purpose in showing.INSIDE:
            continue
        theirs = [r for r in detail.recipients if same(r.address, found.person) and r.state in _ARRIVED]
        if not theirs:
            continue
        name = f"sent/{id_text(outgoing_id)}.eml"
        await made.add(name, detail.mail.data)
        rows.append(
            {
                "id": id_text(outgoing_id),
                "at": _moment(detail.mail.created_at),
                "purpose": detail.mail.purpose,
                "ticket": detail.ticket_number,
                "state": theirs[0].state.value,
                "file": name,
            }
        )
    return rows


async def _tickets(store: VerbStore, found: Trail, received: set[str], *, notes: bool) -> list[dict[str, Any]]:
    ids = sorted((*found.own, *found.shared))
    rows = []
    for start in range(0, len(ids), 50):
        some = ids[start : start + 50]
        tickets = await store._read(lambda some=some: tickets_by_id(some))  # type: ignore[misc]
        entries = await store.entries(some)
        for ticket_id in some:
            mine = ticket_id in found.own
            said = [one.entry for one in entries[ticket_id] if _shown(one.entry, found, mine=mine, notes=notes)]
            if mine or said:
                rows.append(_ticket(tickets[ticket_id], said, received, found, mine=mine))
    return rows


def _shown(entry: Entry, found: Trail, *, mine: bool, notes: bool) -> bool:
    if entry.text == ERASED:
        return False
    if entry.kind in _THEIRS:
        return same(entry.author, found.person)
    if entry.kind in _OURS:
        theirs = mine and not entry.said_with
        return theirs or same(entry.said_with, found.person) or (not mine and found.entries.get(entry.id, False))
    return mine and notes and entry.kind is EntryKind.NOTE and not entry.said_with


def _ticket(ticket: Ticket, said: Sequence[Entry], received: set[str], found: Trail, *, mine: bool) -> dict[str, Any]:
    """Of another's ticket the number alone: its subject is another's word."""
    return {
        "number": ticket.number,
        "desk": ticket.desk,
        "role": "customer" if mine else "takes part",
        **({"subject": ticket.subject, "status": ticket.status.value, "opened_at": _moment(ticket.created_at)} if mine else {}),
        "entries": [
            {
                "at": _moment(entry.created_at),
                "kind": entry.kind.value,
                "by": "you" if same(entry.author, found.person) else "us",
                "text": entry.text,
                "files": [{"name": a.filename, "type": a.content_type, "size": a.size} for a in entry.attachments],
                "mail": f"received/{entry.mail_id}.eml" if entry.mail_id in received else None,
            }
            for entry in said
        ],
    }
