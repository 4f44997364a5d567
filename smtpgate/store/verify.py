"""The verbs behind `verify`: what the checks of all rows cannot see, mail by mail, a page in each transaction.

A page is one snapshot, so that looking through a large store holds up no checkpoint of a running gateway.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator

from smtpgate.numbers import NumberPattern
from smtpgate.store import rows
from smtpgate.store.meta import known_number_patterns
from smtpgate.store.seen import Finding
from smtpgate.store.statement import Query, Row, Verb

_PAGE = 200  # mails in one transaction
_ABANDONED = 3600.0  # seconds after the end of a lease

Page = tuple[list[Finding], int | None]  # what is wrong, and the key after which to go on; None: that was all

BACKUP = "the bytes on the disk changed: look at the disk, then smtpgate restore the last good backup"
BUG = "no command makes this; keep a copy of the store and report it"


def incoming_page(after: int) -> Verb[Page]:
    found = yield Query(
        "SELECT seq, id, state, size, sha256, decision FROM incoming WHERE seq > $1 ORDER BY seq LIMIT $2", (after, _PAGE)
    )
    faults: list[Finding] = []
    for seq, id_, state, size, sha256, decision in found:
        raw = yield Query("SELECT packing, body FROM incoming_raw WHERE seq = $1", (seq,))
        faults += (Finding(f"mail {id_}: {text}", BACKUP) for text in _raw_faults(raw, size, sha256))
        if state == "filed" and _ticket(decision):
            entries = yield Query("SELECT 1 FROM entry WHERE mail_id = $1 LIMIT 1", (id_,))
            if not entries:
                faults.append(Finding(f"mail {id_}: filed on {_ticket(decision)}, which has no entry of it", BUG))
    return faults, found[-1][0] if len(found) == _PAGE else None


def _raw_faults(raw: list[Row], size: int, sha256: str) -> Iterator[str]:
    if raw:  # a mail without any is a fault of its own
        try:
            body = rows.unpack(*raw[0])
        except zlib.error as error:
            yield f"its bytes cannot be unpacked: {error}"
            return
        if len(body) != size or hashlib.sha256(body).hexdigest() != sha256:
            yield "its bytes are not those that were accepted"


def _ticket(decision: str) -> str | None:
    try:
        found: str | None = json.loads(decision).get("ticket")
    except (ValueError, AttributeError):
        return None  # a decision that is missing is a fault of its own
    return found


def outgoing_page(after: int) -> Verb[Page]:
    found = yield Query(
        """SELECT o.id, o.message_id, w.packing, w.data FROM outgoing o JOIN outgoing_raw w ON w.id = o.id
            WHERE o.id > $1 ORDER BY o.id LIMIT 1""",
        (after,),
    )
    faults: list[Finding] = []
    for id_, message_id, packing, data in found:
        try:
            mail = rows.unpack(packing, data)
        except zlib.error as error:
            faults.append(Finding(f"outgoing mail {id_}: its bytes cannot be unpacked: {error}", BACKUP))
        else:
            if _message_id(mail) != message_id:
                faults.append(Finding(f"outgoing mail {id_}: it does not carry its Message-ID {message_id}", BACKUP))
    return faults, found[-1][0] if found else None


def _message_id(mail: bytes) -> str | None:
    """Our own letters: the field is unfolded or folded once, after its name."""
    section = mail.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in section.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"message-id":
            return value.strip().decode("utf-8", "replace")
    return None


def leases(now: float) -> Verb[list[Finding]]:
    mend = "nobody files this mail: restart the gateway, which ends all leases of its node"
    found = yield Query(
        "SELECT id, leased_by FROM incoming WHERE state = 'accepted' AND leased_by IS NOT NULL AND leased_until < $1 LIMIT 20",
        (now - _ABANDONED,),
    )
    return [Finding(f"mail {id_}: leased to {worker}, which is long over", mend) for id_, worker in found]


def serials() -> Verb[list[Finding]]:
    known = yield from known_number_patterns()
    counters = yield Query("SELECT day, channel, last FROM serial ORDER BY day, channel")
    faults: list[Finding] = []
    for pattern in [NumberPattern.compile(source) for source in known[:1]]:
        for day, channel, last in counters:
            number = pattern.make(date=day, channel=channel, serial=last + 1)
            taken = yield Query("SELECT 1 FROM ticket WHERE number = $1", (number,))
            if taken:
                text = f"the counter {day} {channel} stands at {last}, but ticket {number} is there"
                faults.append(Finding(text.replace("  ", " "), "nothing to do: a new ticket passes by numbers that are taken"))
    return faults
