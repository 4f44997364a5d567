"""Files of raw mail that lose what they hold of somebody: removed, or written anew with what they hold of others.

The new file is on the disk before the transaction that names it; the old one goes in that transaction, while its row is ours. A
process that dies in between leaves a file that no row names, or a row of a mail that goes whose file is gone: both are mended by
doing it again.
"""

# ruff: noqa: S608 -- statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smtpgate.errors import StoreError
from smtpgate.store.rawfiles import HOME, Part, RawFiles, RawUnreadable
from smtpgate.store.statement import FOR_UPDATE, Many, Query, Rows, Verb, select_in


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
    """Who would name a file just now that goes waits for its row, and then finds it gone (store.incoming). Raises Again."""
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
    for where in dict.fromkeys((place, HOME)):
        path = files.path(name, where)
        if path is not None:
            path.unlink(missing_ok=True)
