"""Files of raw mail that lose what they hold of somebody: removed, or written anew with what they hold of others.

The new file is on the disk before the transaction that names it. The old one goes after it has committed, for until then other
people's mail lies in it; that it is to go is a row of that same transaction. A process that dies before the commit leaves a new
file that no row names, after it an old one that the next `removed` knows of.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smtpgate.errors import StoreError
from smtpgate.store.rawfiles import HOME, Part, RawFiles, RawUnreadable
from smtpgate.store.statement import FOR_UPDATE, Many, Query, Rows, Verb, select_in

GONE = "file to remove: "  # in meta, before the name of a file that no row names any more; the value is its place


class Again(StoreError):
    """A mail moved to another file meanwhile: look once more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the files in which mails lie that go. kept: others have the same mail; made: the new file of what others have
    in one, with its size and where the pieces of the old one begin in it, None when nobody has anything in it."""

    kept: frozenset[str]
    made: dict[str, tuple[str, int, dict[tuple[int, int], int]] | None]
    places: dict[str, str]


def in_files(seqs: Sequence[int]) -> Verb[Rows]:
    """(file, seq, start, length, place) of all mails in files that hold one of these."""
    named = yield from select_in("SELECT DISTINCT file FROM incoming_raw WHERE file IS NOT NULL AND seq IN (...)", seqs)
    return (
        yield from select_in(
            """SELECT r.file, r.seq, r.start, r.length, f.place FROM incoming_raw r JOIN raw_file f ON f.sha256 = r.file
                WHERE r.file IN (...)""",
            [row[0] for row in named],
        )
    )


def in_file(name: str) -> Verb[Rows]:
    """The same of one file."""
    return (
        yield Query(
            """SELECT r.file, r.seq, r.start, r.length, f.place FROM incoming_raw r JOIN raw_file f ON f.sha256 = r.file
                WHERE r.file = $1""",
            (name,),
        )
    )


def plan(files: RawFiles, found: Rows, seqs: Sequence[int], *, loose: bool = False) -> Plan:
    """Writes the new files. loose: there are also pieces that no row names, which are to go. Slow: apart. Raises StoreError when a
    disk is away."""
    going, kept = set(seqs), set()
    made: dict[str, tuple[str, int, dict[tuple[int, int], int]] | None] = {}
    places = {row[0]: row[4] for row in found}
    for name, place in places.items():
        of_file = [row for row in found if row[0] == name]
        theirs = {(row[2], row[3]) for row in of_file if row[1] in going}
        others = sorted({(row[2], row[3]) for row in of_file if row[1] not in going})
        if theirs <= set(others) and not loose:
            kept.add(name)  # the same mail of somebody else, octet for octet
        else:
            made[name] = _without(files, name, place, others)
    return Plan(frozenset(kept), made, places)


def _without(
    files: RawFiles, name: str, place: str, others: Sequence[tuple[int, int]]
) -> tuple[str, int, dict[tuple[int, int], int]] | None:
    try:
        pieces = [files.read(Part(name, start, length, place)) for start, length in others or [(0, 0)]]
    except RawUnreadable as error:
        if error.lasting and not others:
            return None  # it is lost, and nobody else misses it
        raise StoreError(f"the file {name} of a mail cannot be had, and nothing of it was erased: {error}") from error
    if not others:
        return None
    starts, at = {}, 0
    for piece, data in zip(others, pieces, strict=True):
        starts[piece] = at
        at += len(data)
    return files.put(b"".join(pieces), place), at, starts


def replaced(files: RawFiles, name: str, plan: Plan) -> Verb[None]:
    """No row names the file then, and it is to be `removed`. Raises Again."""
    yield Query(f"SELECT place FROM raw_file WHERE sha256 = $1 {FOR_UPDATE}", (name,))
    others = yield Query("SELECT seq, start, length FROM incoming_raw WHERE file = $1", (name,))
    new = plan.made[name]
    if {(row[1], row[2]) for row in others} - (set() if new is None else new[2].keys()):
        raise Again("a mail came meanwhile that lies in the same file")
    place = plan.places[name]
    if new is not None:
        made, size, starts = new
        yield Query(
            """INSERT INTO raw_file (sha256, size, place) VALUES ($1, $2, $3)
                ON CONFLICT (sha256) DO UPDATE SET size = excluded.size, place = excluded.place""",
            (made, size, place),
        )
        there = files.path(made, place)
        if there is None or not there.is_file():
            raise Again("a new file went meanwhile")
        yield Many(
            "UPDATE incoming_raw SET file = $2, start = $3 WHERE seq = $1",
            tuple((row[0], made, starts[row[1], row[2]]) for row in others),
        )
    yield Query("DELETE FROM raw_file WHERE sha256 = $1", (name,))
    yield Query(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (GONE + name, place)
    )


def to_remove() -> Verb[list[tuple[str, str]]]:
    """Files that are to go, and their places."""
    found = yield Query("SELECT key, value FROM meta WHERE substr(key, 1, length($1)) = $1 ORDER BY key", (GONE,))
    return [(key.removeprefix(GONE), place) for key, place in found]


def removed(files: RawFiles, name: str, place: str) -> Verb[int]:
    """Unless a row names it again: then somebody else has sent the same. Who would name it just now waits for this row, and then
    finds the file gone (store.incoming). 1 when its disk is away: it is for another time."""
    paths = [files.path(name, where) for where in dict.fromkeys((place, HOME))]
    if paths[0] is None or not paths[0].parent.is_dir():
        return 1
    made = yield Query(
        "INSERT INTO raw_file (sha256, size, place) VALUES ($1, 0, $2) ON CONFLICT (sha256) DO NOTHING RETURNING sha256",
        (name, place),
    )
    if made:
        for path in paths:
            if path is not None:
                path.unlink(missing_ok=True)
        yield Query("DELETE FROM raw_file WHERE sha256 = $1", (name,))
    yield Query("DELETE FROM meta WHERE key = $1", (GONE + name,))
    return 0
