"""The verbs behind `verify`: what the checks of all rows cannot see, mail by mail, a page in each transaction.

A page is one snapshot, so that looking through a large store holds up no checkpoint of a running gateway.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Sequence

from smtpgate.clock import id_text
from smtpgate.numbers import NumberPattern, find
from smtpgate.store import filework, rows
from smtpgate.store.meta import known_number_patterns
from smtpgate.store.rawfiles import HOME, Found, Kept, Part, RawFiles, RawUnreadable
from smtpgate.store.seen import Finding
from smtpgate.store.statement import Query, Row, Verb

_PAGE = 200  # mails in one transaction
_ABANDONED = 3600.0  # seconds after the end of a lease

_FAILED = 5  # failures after which it is no bad moment

_NO_ENTRY = ("done", "refused", "confirmed")  # outcomes
_LISTS = ("marks", "attachments", "details")  # JSON columns of an entry

Page = tuple[list[Finding], int | None]  # what is wrong, and the key after which to go on; None: that was all

BACKUP = "the bytes on the disk changed: look at the disk, then smtpgate restore the last good backup"
RAW_FILE = (
    "mount its disk or copy the file back from a backup (its name is the SHA-256 of what is in it), or restore the last good backup"
)
BUG = "no command makes this; keep a copy of the store and report it"


def incoming_page(files: RawFiles, after: int) -> Verb[Page]:
    found = yield Query(
        "SELECT seq, id, state, size, sha256, decision, rcpts, verdict FROM incoming WHERE seq > $1 ORDER BY seq LIMIT $2",
        (after, _PAGE),
    )
    faults: list[Finding] = []
    for seq, id_, state, size, sha256, decision, rcpts, verdict in found:
        if not (
            _reads(rows.tuple_of_strings, rcpts)
            and _reads(rows.verdict, verdict)
            and (not decision or _reads(json.loads, decision))
        ):
            faults.append(Finding(f"mail {id_}: what is known about it cannot be read", BACKUP))
        raw = yield Query(
            """SELECT r.packing, r.body, r.file, r.start, r.length, f.place
                FROM incoming_raw r LEFT JOIN raw_file f ON f.sha256 = r.file WHERE r.seq = $1""",
            (seq,),
        )
        faults += (Finding(f"mail {id_}: {text}", mend) for text, mend in _raw_faults(files, raw, size, sha256))
        if state == "filed" and _ticket(decision):
            entries = yield Query("SELECT 1 FROM entry WHERE mail_id = $1 LIMIT 1", (id_,))
            if not entries:
                faults.append(Finding(f"mail {id_}: filed on {_ticket(decision)}, which has no entry of it", BUG))
    return faults, found[-1][0] if len(found) == _PAGE else None


def entry_page(after: int) -> Verb[Page]:
    found = yield Query(
        "SELECT seq, id, ticket_id, " + ", ".join(_LISTS) + " FROM entry WHERE seq > $1 ORDER BY seq LIMIT $2", (after, _PAGE)
    )
    faults = [
        Finding(f"entry {id_text(row[1])}: its {name} cannot be read", BACKUP)
        for row in found
        for name, text in zip(_LISTS, row[3:], strict=True)
        if not _reads(json.loads, text)
    ]
    return faults, found[-1][0] if len(found) == _PAGE else None


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _raw_faults(files: RawFiles, raw: list[Row], size: int, sha256: str) -> Iterator[tuple[str, str]]:
    """What is wrong, and the mend."""
    for packing, body, file, start, length, place in raw:  # a mail without any is a fault of its own
        kept = None if file is None else Kept(packing, Part(file, start, length, place or HOME))
        mend = BACKUP if kept is None else RAW_FILE
        try:
            data = rows.unpack(packing, body) if kept is None else rows.from_file(kept, files)
        except zlib.error as error:
            yield f"its bytes cannot be unpacked: {error}", mend
        except RawUnreadable as fault:
            yield str(fault), mend
        else:
            if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
                where = "" if kept is None else f" in its file {files.find(kept.part.file, kept.part.place)}"
                yield f"its bytes{where} are not those that were accepted", mend


def files_page(page: Sequence[Found]) -> Verb[list[Finding]]:
    """Those of these files that no row names there."""
    known = yield from filework.places([found.name for found in page])
    named = set(known)
    return [
        Finding(f"no mail is in the file {found.path}, {found.size} bytes", "nothing to do: smtpgate maintain removes it")
        for found in page
        if (found.name, found.place) not in named
    ]


def _ticket(decision: str) -> str | None:
    """The ticket on which a mail must have its entry. Of an agent's commands there are events only, which are of no mail."""
    try:
        decided = json.loads(decision)
        found: str | None = decided.get("ticket")
    except (ValueError, AttributeError):
        return None  # a decision that is missing is a fault of its own
    return None if decided.get("outcome") in _NO_ENTRY else found


def outgoing_page(after: int) -> Verb[Page]:
    found = yield Query(
        """SELECT o.id, o.message_id, w.packing, w.data, o.ticket_id, o.purpose FROM outgoing o JOIN outgoing_raw w ON w.id = o.id
            WHERE o.id > $1 ORDER BY o.id LIMIT 1""",
        (after,),
    )
    faults: list[Finding] = []
    for id_, message_id, packing, data, ticket_id, purpose in found:
        known = yield Query("SELECT 1 FROM message_ref WHERE message_id = $1 AND ticket_id = $2", (message_id, ticket_id))
        if ticket_id is not None and purpose != "receipt" and not known:  # which is answered by its signed address
            faults.append(Finding(f"outgoing mail {id_text(id_)}: an answer to it does not find its ticket by Message-ID", BUG))
        try:
            mail = rows.unpack(packing, data)
        except zlib.error as error:
            faults.append(Finding(f"outgoing mail {id_text(id_)}: its bytes cannot be unpacked: {error}", BACKUP))
        else:
            if _message_id(mail) != message_id:
                faults.append(Finding(f"outgoing mail {id_text(id_)}: it does not carry its Message-ID {message_id}", BACKUP))
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


def overdue(now: float) -> Verb[list[Finding]]:
    """What nobody does although its time came long ago: it fails again and again, or no gateway runs."""
    mend = "the log says why it fails; when no gateway runs, start it"
    found = yield Query(
        """SELECT t.number, d.what, d.tries FROM due d JOIN ticket t ON t.id = d.ticket_id
            WHERE d.at IS NOT NULL AND (d.at < $1 OR d.tries > $2) ORDER BY d.at LIMIT 20""",
        (now - _ABANDONED, _FAILED),
    )
    return [Finding(f"ticket {number}: its {what} is overdue, {tries} failures", mend) for number, what, tries in found]


def numbers() -> Verb[list[Finding]]:
    """Tickets by number that no remembered pattern finds in a subject."""
    known = yield from known_number_patterns()
    found = yield Query("SELECT number FROM ticket ORDER BY id DESC LIMIT 10000")
    patterns = tuple(NumberPattern.compile(source) for source in known if _reads(NumberPattern.compile, source))
    lost = [number for (number,) in found if patterns and number not in find(f"[#{number}]", patterns)]
    mend = "answers with the number in the subject do not find it; tickets.number_pattern must have been such a pattern once"
    return [Finding(f"ticket {number}: its number fits no pattern that was ever in force", mend) for number in lost[:20]]


def serials() -> Verb[list[Finding]]:
    known = yield from known_number_patterns()
    counters = yield Query("SELECT day, channel, last FROM serial ORDER BY day, channel")
    faults: list[Finding] = []
    patterns: list[NumberPattern] = []
    for source in known:
        try:
            patterns.append(NumberPattern.compile(source))
        except ValueError as error:
            faults.append(Finding(f"the number pattern {source!r} of earlier tickets is none: {error}", BUG))
    for pattern in patterns[:1]:
        for day, channel, last in counters:
            number = pattern.make(date=day, channel=channel, serial=last + 1)
            taken = yield Query("SELECT 1 FROM ticket WHERE number = $1", (number,))
            if taken:
                text = f"the counter {day} {channel} stands at {last}, but ticket {number} is there"
                faults.append(Finding(text.replace("  ", " "), "nothing to do: a new ticket passes by numbers that are taken"))
    return faults
