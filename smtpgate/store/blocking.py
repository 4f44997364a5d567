"""The statements behind blocked senders. A block is of a mailbox, whatever sub-address it writes from, or of a whole domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smtpgate.blocks import Block, names
from smtpgate.store.statement import Query, Row, Verb, select_in

_COLUMNS = "SELECT who, desk, at, by_whom, reason FROM block"


def of(addresses: Iterable[str]) -> Verb[tuple[Block, ...]]:
    wanted = [key for address in addresses if address for key in names(address)]
    found = yield from select_in(_COLUMNS + " WHERE who IN (...)", wanted)
    return tuple(_block(row) for row in sorted(found))


def all_of(desk: str | None) -> Verb[tuple[Block, ...]]:
    """Of one desk and of all desks; None: every one."""
    if desk is None:
        found = yield Query(_COLUMNS + " ORDER BY who, desk")
    else:
        found = yield Query(_COLUMNS + " WHERE desk IN ('', $1) ORDER BY who, desk", (desk,))
    return tuple(map(_block, found))


def _block(row: Row) -> Block:
    return Block(who=row[0], desk=row[1], at=row[2], by=row[3], reason=row[4])


def changed(blocked: Sequence[Block], unblocked: Sequence[tuple[str, str]]) -> Verb[None]:
    """A new block of the same sender takes the place of the old one."""
    for one in blocked:
        yield Query(
            """INSERT INTO block (who, desk, at, by_whom, reason) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (who, desk) DO UPDATE SET at = excluded.at, by_whom = excluded.by_whom, reason = excluded.reason""",
            (one.who, one.desk, one.at, one.by, one.reason),
        )
    for who, desk in unblocked:
        yield Query("DELETE FROM block WHERE who = $1 AND desk = $2", (who, desk))
