"""What maintenance does with files of raw mail: those that no row names go, old mail moves to the cold store.

Work is a generator of bites, each one transaction, which sqlite and PostgreSQL run in their own way (store.upkeep,
store.postgres_upkeep); what is slow, reading and writing files, happens between them. A crash at any point loses nothing:
a file is synced before a row names it, and removed only while its row cannot be made.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, NamedTuple

from smtpgate.errors import StoreError
from smtpgate.store import packs, rows
from smtpgate.store.rawfiles import HOME, Found, Part, RawFiles, RawUnreadable
from smtpgate.store.statement import FOR_UPDATE, Many, Query, Value, Verb, select_in

SAFE_AGE = 86400.0  # seconds after which a file that no row names is nobody's who is still at work
_NAMES = 100  # files looked up at once
_LOOKED_AT = 500  # mails looked at for old ones at once
_PACK = 4 * 1024**2  # octets of mail in one file of the cold store, about
COLD_UP_TO = "cold up to"  # in meta: the seq up to which mail has been moved
_WORTH = 0.9  # of its size, that packing must save to be kept
_LEVEL = 6  # of zlib: nobody waits


class Bite(NamedTuple):
    """One transaction. rows: how many it changes, about; 0 for one that only reads."""

    make: Callable[[], Verb[Any]]
    rows: int = 0


@dataclass(slots=True)
class Report:
    """How far it came. wrong: texts for a person."""

    count: int = 0
    octets: int = 0
    wrong: list[str] = field(default_factory=list)
    finished: bool = False


Work = Generator[Bite, Any, None]


# --- files that no row names ------------------------------------------------------------------------------------------


def collect(files: RawFiles, now: float, report: Report) -> Work:
    """Remove what has been there for SAFE_AGE and is named by no row: left by a crash, or by a move."""
    yield from _left_over(files)
    for page in settled(files, now):
        known: dict[str, str] = dict((yield Bite(functools.partial(places, [found.name for found in page]))))
        for found in page:
            if found.name == "":  # never finished, so never named
                found.path.unlink(missing_ok=True)
            elif known.get(found.name) == found.place or not (yield Bite(functools.partial(_remove, files, found), 1)):
                continue
            report.count += 1
            report.octets += found.size
    report.finished = True


def settled(files: RawFiles, now: float) -> Iterator[list[Found]]:
    """Pages of the files that are old enough to be asked whether any row names them."""
    old = (found for found in files.walk() if now - found.changed_at >= SAFE_AGE and found.name not in files.spared)
    while page := list(islice(old, _NAMES)):
        yield page


def places(names: Sequence[str]) -> Verb[list[tuple[str, str]]]:
    found = yield from select_in("SELECT sha256, place FROM raw_file WHERE sha256 IN (...)", names)
    return [(name, place) for name, place in found]


def _remove(files: RawFiles, found: Found) -> Verb[bool]:
    """Unless a row names it there. Who would name it just now waits for this row, and then finds the file gone."""
    made = yield Query(
        "INSERT INTO raw_file (sha256, size, place) VALUES ($1, 0, $2) ON CONFLICT (sha256) DO NOTHING RETURNING sha256",
        (found.name, found.place),
    )
    if made:
        found.path.unlink(missing_ok=True)
        yield Query("DELETE FROM raw_file WHERE sha256 = $1", (found.name,))
        return True
    named = yield Query(f"SELECT place FROM raw_file WHERE sha256 = $1 {FOR_UPDATE}", (found.name,))  # noqa: S608
    if not named or named[0][0] == found.place:
        return False
    there = files.path(found.name, named[0][0])
    if there is None or not there.is_file():  # the other one is lost: this is all there is of it
        return False
    found.path.unlink(missing_ok=True)
    return True


# --- old mail ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Old:
    """A mail that may move. last: no later one is in the same file."""

    seq: int
    month: str
    size: int
    sha256: str
    packing: int
    body: bytes
    part: Part | None
    last: bool


def cool(files: RawFiles, before: float, report: Report, most: Callable[[], int]) -> Work:
    """Move the raw mail that is older, the oldest first: what was in the table into files of some megabytes, files whole.
    most: rows that the next transaction may change."""
    if files.cold is None or not files.cold.is_dir():
        report.wrong.append(f"the cold store {files.cold} is not there; nothing was moved: mount it, or make the directory")
        return
    after: int = yield Bite(_moved_up_to)
    erased: tuple[int, int] = yield Bite(_erasures)
    while True:
        page: list[_Old]
        page, last = yield Bite(functools.partial(_old, after, before))
        if last is None:
            break
        for month, mails in groupby(page, lambda one: one.month):
            if not (yield from _cool_month(files, month, list(mails), report, most, erased)):
                report.wrong.append("a person was erased meanwhile: what was left is for the next time")
                return
        after = last
        yield Bite(functools.partial(_note, after), 1)
    report.finished = True


def _moved_up_to() -> Verb[int]:
    found = yield Query("SELECT value FROM meta WHERE key = $1", (COLD_UP_TO,))
    return int(found[0][0]) if found else 0


def _note(seq: int) -> Verb[None]:
    yield Query(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (COLD_UP_TO, str(seq)),
    )


def _old(after: int, before: float) -> Verb[tuple[list[_Old], int | None]]:
    """The next ones in the order of arrival, some megabytes of them, up to the first that is too young; and the seq of the
    last one that was looked at, None when there was none."""
    found = yield Query(
        "SELECT seq, received_at, size, sha256 FROM incoming WHERE seq > $1 ORDER BY seq LIMIT $2", (after, _LOOKED_AT)
    )
    chosen, octets = [], 0
    for row in found:
        if row[1] >= before or octets >= _PACK:
            break
        chosen.append(row)
        octets += row[2]
    bytes_of = yield from select_in(
        """SELECT r.seq, r.packing, r.body, r.file, r.start, r.length, f.place,
                (SELECT max(n.seq) FROM incoming_raw n WHERE n.file = r.file)
            FROM incoming_raw r LEFT JOIN raw_file f ON f.sha256 = r.file WHERE r.seq IN (...)""",
        [row[0] for row in chosen],
    )
    of_seq = {row[0]: row[1:] for row in bytes_of}
    mails = [
        _Old(
            seq=seq,
            month=time.strftime("%Y-%m", time.gmtime(received_at)),
            size=size,
            sha256=sha256,
            packing=kept[0],
            body=kept[1],
            part=None if kept[2] is None else Part(kept[2], kept[3], kept[4], kept[5] or HOME),
            last=kept[6] == seq,
        )
        for seq, received_at, size, sha256 in chosen
        if (kept := of_seq.get(seq)) is not None
    ]
    return mails, chosen[-1][0] if chosen else None


def _cool_month(
    files: RawFiles, month: str, mails: list[_Old], report: Report, most: Callable[[], int], erased: tuple[int, int]
) -> Generator[Bite, Any, bool]:
    """False: a person was erased since `erased`, whose mail may be in what was to be moved; nothing of it stays."""
    pack: list[tuple[_Old, int, bytes]] = []
    for mail in mails:
        if mail.part is not None:
            if mail.part.place == HOME and mail.last:
                yield from _move(files, mail.part, month, report)
                if (yield Bite(_erasures)) != erased:
                    return False
            continue
        try:
            raw = rows.unpack(mail.packing, mail.body)
        except zlib.error:
            raw = b""
        if len(raw) != mail.size or hashlib.sha256(raw).hexdigest() != mail.sha256:
            report.wrong.append(f"mail number {mail.seq} is damaged and stays where it is: smtpgate verify says more")
            continue
        pack.append((mail, *_packed(raw)))
    if not pack:
        return True
    file = _File(files.put(b"".join(data for _, _, data in pack), month), month, sum(len(data) for _, _, data in pack), files)
    moves, start = [], 0
    for mail, packing, data in pack:
        moves.append((mail.seq, packing, b"", file.name, start, len(data)))
        start += len(data)
    while moves:
        some = tuple(moves[: most()])
        del moves[: len(some)]
        count = yield Bite(functools.partial(_into_file, file, some, erased), len(some))
        if count is None:
            yield from _unnamed(files, file)
            return False
        report.count += count
    report.octets += file.size
    return True


def _erasures() -> Verb[tuple[int, int]]:
    """The newest erasure of a person, and how many are not finished: while these stay the same no mail was erased."""
    found = yield Query(
        """SELECT coalesce(max(id), 0), coalesce(sum(CASE WHEN state = 'running' THEN 1 ELSE 0 END), 0) FROM privacy
            WHERE what = 'erase'"""
    )
    return int(found[0][0]), int(found[0][1])


def _unnamed(files: RawFiles, file: _File) -> Work:
    """What was written and may not be named any more goes at once; where some of it is named already, all but that."""
    path = files.path(file.name, file.month)
    assert path is not None
    if not (yield Bite(functools.partial(_remove, files, Found(path, file.name, file.month, file.size, 0.0)), 1)):
        found = yield Bite(functools.partial(packs.in_file, file.name))
        plan = packs.plan(files, found, (), loose=True)
        if file.name in plan.made:
            yield Bite(functools.partial(packs.replaced, files, file.name, plan), len(found))
            yield from _left_over(files)


def _left_over(files: RawFiles) -> Work:
    """What was written anew for an erasure, and is to go: at once, however young it is."""
    for name, place in (yield Bite(packs.to_remove)):
        yield Bite(functools.partial(packs.removed, files, name, place), 1)


@dataclass(frozen=True, slots=True)
class _File:
    """One in the cold store, written."""

    name: str
    month: str
    size: int
    files: RawFiles

    def must_be_there(self) -> None:
        """Asked in the transaction that names it, in which nobody can remove it."""
        path = self.files.path(self.name, self.month)
        if path is None or not path.is_file():
            raise StoreError(f"the file {self.name} of the cold store went while it was being named: run smtpgate maintain again")


def _packed(raw: bytes) -> tuple[int, bytes]:
    data = zlib.compress(raw, _LEVEL)
    return (rows.ZLIB, data) if len(data) < len(raw) * _WORTH else (rows.PLAIN, raw)


def _into_file(file: _File, moves: tuple[tuple[Value, ...], ...], erased: tuple[int, int]) -> Verb[int | None]:
    """How many moved: one that somebody else has moved stays as it is. None, and nothing moved: a person was erased since."""
    if (yield from _erasures()) != erased:
        return None
    yield Query(
        """INSERT INTO raw_file (sha256, size, place) VALUES ($1, $2, $3)
            ON CONFLICT (sha256) DO UPDATE SET size = excluded.size, place = excluded.place""",
        (file.name, file.size, file.month),
    )
    file.must_be_there()
    moved = yield Many(
        """UPDATE incoming_raw SET packing = $2, body = $3, file = $4, start = $5, length = $6
            WHERE seq = $1 AND file IS NULL RETURNING seq""",
        moves,
    )
    return len(moved)


def _move(files: RawFiles, part: Part, month: str, report: Report) -> Work:
    """Copied, named there, and only then removed here."""
    here = files.path(part.file, HOME)
    assert here is not None
    try:
        data = here.read_bytes()
        if hashlib.sha256(data).hexdigest() != part.file:
            raise RawUnreadable("it holds other bytes than its name says", lasting=True)
    except (OSError, RawUnreadable) as error:
        report.wrong.append(f"{here} cannot be moved: {error}")
        return
    file = _File(files.put(data, month), month, len(data), files)
    moved = yield Bite(functools.partial(_now_at, file), 1)
    if moved:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(here)
        report.count += 1
        report.octets += len(data)
    else:
        yield from _unnamed(files, file)


def _now_at(file: _File) -> Verb[bool]:
    moved = yield Query("UPDATE raw_file SET place = $2 WHERE sha256 = $1 AND place = '' RETURNING sha256", (file.name, file.month))
    file.must_be_there()
    return bool(moved)
