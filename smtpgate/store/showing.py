"""What shows something of a person, though nothing but its words says so: mail of ours to agents, and mail that agents wrote.

Looked at are lists, digests and receipts of all tickets, and what is about tickets in which the person takes part, that theirs
are linked with, or whose customer came in their place. Changes nothing. Fails only as its statements do.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import asyncio
import email
import email.errors
import email.header
import email.policy
import functools
from collections.abc import Sequence

from smtpgate.model import SAID_WITH
from smtpgate.person import Trail, redaction
from smtpgate.store import rows
from smtpgate.store.statement import Query, Rows, Verb, select_in
from smtpgate.store.verbs import VerbStore

_PAGE = 1000  # rows looked at in one reading
_LETTERS = 20  # mails of ours that are read at once
INSIDE = ("to-agent", "receipt", "held", "alert", "digest", "postmaster")  # purposes of mail that nobody outside gets
TO_AGENTS = "(" + ", ".join(f"'{purpose}'" for purpose in INSIDE) + ")"
_OF_AGENTS = ("answer", "note", "done", "refused", "confirmed")  # outcomes that only a mail of an agent has
_BY_AGENT = "(" + " OR ".join(f"""i.decision LIKE '{{"outcome": "{outcome}"%'""" for outcome in _OF_AGENTS) + ")"


async def letters(store: VerbStore, found: Trail) -> set[int]:
    """Mail to agents."""
    wanted = await store._read(functools.partial(_beside, found))
    after = 0
    while page := await store._read(functools.partial(_lists, after)):
        wanted |= set(page)
        after = page[-1]
    shown: set[int] = set()
    rest = sorted(wanted - found.outgoing)
    for start in range(0, len(rest), _LETTERS):
        some = await store._read(functools.partial(_letters, rest[start : start + _LETTERS]))
        shown |= await asyncio.to_thread(_saying, some, found)
    return shown


def _near(found: Trail) -> Verb[set[int]]:
    """Tickets beside their own."""
    linked = yield from select_in("SELECT other_id FROM link WHERE ticket_id IN (...)", [*found.own, *found.shared])
    followed = yield from select_in(
        """SELECT o.ticket_id FROM participant c JOIN participant o ON o.address_key = c.address_key AND o.role = 'customer'
            WHERE c.role = 'customer' AND c.ticket_id IN (...)""",
        list(found.begun.values()),
    )
    marks = yield from select_in(
        f"""SELECT DISTINCT marks FROM entry WHERE marks LIKE '%"{SAID_WITH}%' AND ticket_id IN (...)""", list(found.begun.values())
    )
    once = {mark.removeprefix(SAID_WITH) for row in marks for mark in rows.tuple_of_strings(row[0]) if mark.startswith(SAID_WITH)}
    left = yield from select_in(
        "SELECT ticket_id FROM participant WHERE role = 'customer' AND address_key IN (...)", sorted(map(rows.address_key, once))
    )
    return {*found.shared, *(row[0] for row in (*linked, *followed, *left))} - found.own.keys()


def _beside(found: Trail) -> Verb[set[int]]:
    near = yield from _near(found)
    about = yield from select_in(f"SELECT id FROM outgoing WHERE purpose IN {TO_AGENTS} AND ticket_id IN (...)", list(near))
    found.known |= {row[0] for row in about}
    return {row[0] for row in about}


def _lists(after: int) -> Verb[list[int]]:
    page = yield Query(
        f"""SELECT id FROM outgoing WHERE id > $1 AND (purpose = 'receipt' OR (ticket_id IS NULL AND purpose IN {TO_AGENTS}))
            ORDER BY id LIMIT $2""",
        (after, _PAGE),
    )
    return [row[0] for row in page]


def _letters(ids: Sequence[int]) -> Verb[Rows]:
    return (yield from select_in("SELECT id, packing, data FROM outgoing_raw WHERE id IN (...)", list(ids)))


async def agents_mails(store: VerbStore, found: Trail) -> list[str]:
    """Agents' mails about other tickets, or about none: by a quote of ours, or in a command. found.outgoing holds `letters`."""
    shown = []
    for mail_id in await store._read(functools.partial(_of_agents, found)):
        mail = await store.mail(mail_id)
        if mail is not None and await asyncio.to_thread(shows, mail.raw, found):
            shown.append(mail_id)
    return shown


def _of_agents(found: Trail) -> Verb[list[str]]:
    """What made us write to its own sender as to an agent is an agent's, too: a mail that was held, a list."""
    near = list((yield from _near(found)))
    wrote = yield from select_in(
        "SELECT mail_id, author FROM entry WHERE kind IN ('note', 'reply') AND mail_id IS NOT NULL AND ticket_id IN (...)", near
    )
    causes = f"""SELECT o.cause, i.mail_from FROM outgoing o JOIN incoming i ON i.id = o.cause WHERE ({_BY_AGENT}
        OR (o.purpose IN {TO_AGENTS} AND EXISTS (SELECT 1 FROM recipient r WHERE r.outgoing_id = o.id
            AND lower(r.address) = lower(i.mail_from)))) AND """
    told = yield from select_in(causes + "o.ticket_id IN (...)", near)
    listed = yield from select_in(causes + "o.id IN (...)", list(found.outgoing))
    agents = {row[1] for row in (*wrote, *told, *listed)}
    again = yield from select_in(
        "SELECT mail_id, author FROM entry WHERE kind = 'repeat' AND mail_id IS NOT NULL AND ticket_id IN (...)", near
    )
    mails = {row[0] for row in (*wrote, *told, *listed)} | {row[0] for row in again if row[1] in agents}
    return sorted(mails - set(found.mails.values()))


def _saying(letters: Rows, found: Trail) -> set[int]:
    mails = ((id_, rows.unpack(packing, data)) for id_, packing, data in letters)
    return {id_ for id_, mail in mails if _may_show(mail, found) and shows(mail, found)}


def _may_show(mail: bytes, found: Trail) -> bool:
    """Quickly, of a mail of ours: where all of it can be read as it is, but for soft line ends, what is looked for stands in it.
    An address may have been made harmless at its dots."""
    plain = mail.replace(b"=\r\n", b"").lower()
    if not found.person.isascii() or b"base64" in plain or b"=?" in plain:
        return True
    word = max(found.person.lower().partition("@")[0].split("."), key=len)
    return any(one.lower().encode() in plain for one in (word, *found.own.values(), *found.ended, *found.topics))


def shows(mail: bytes, found: Trail) -> bool:
    """Their address, the number of a ticket of theirs, or the subject of one that they began beside its number."""
    text = said(mail)
    if redaction(found.person, "")(text) != text or any(_numbered(text, number) for number in (*found.own.values(), *found.ended)):
        return True
    line = " ".join(text.split()) if found.topics else ""
    return any(_numbered(text, number) and " ".join(subject.split()) in line for number, subject in found.topics.items())


def _numbered(text: str, number: str) -> bool:
    """It stands there, and not as a part of a longer one: after 9999 comes 10000."""
    at = text.find(number)
    while at >= 0:
        around = text[max(0, at - 1) : at] + text[at + len(number) : at + len(number) + 1]
        if not any(c.isascii() and c.isalnum() for c in around):
            return True
        at = text.find(number, at + 1)
    return False


def said(mail: bytes) -> str:
    """All that can be read in a mail, addresses that were made harmless as they were (mail.safe)."""
    parsed = email.message_from_bytes(mail, policy=email.policy.compat32)
    texts = [_header(str(value)) for value in parsed.values()]
    for part in parsed.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and part.get_content_maintype() in ("text", "message"):
            texts.append(payload.decode(part.get_content_charset() or "utf-8", "replace"))
    return "\n".join(texts).replace("[.]", ".")


def _header(value: str) -> str:
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, ValueError, email.errors.MessageError):
        return value
