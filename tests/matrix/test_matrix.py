"""Threats 4.4, every cell: 49 forms of evidence, five who write, three doors, 735 mails; see `table` for how to read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.matrix.cases import FORMS, sent
from tests.matrix.desk import Desk, letter
from tests.matrix.table import DOORS, ROLES, TABLE

pytestmark = pytest.mark.xdist_group("matrix")  # one desk, in the order of the table: a cell leaves its mails to the next
CELLS = [
    pytest.param(form, role, door, words[DOORS.index(door)][ROLES.index(role)], id=f"{form}-{role}-{door}")
    for form, words in TABLE.items()
    for role in ROLES
    for door in DOORS
]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def test_every_cell_is_there() -> None:
    assert list(TABLE) == list(FORMS)
    assert len(CELLS) == 49 * 5 * 3


@pytest.mark.parametrize(("form", "role", "door", "expected"), CELLS)
def test_cell(desk: Desk, form: str, role: str, door: str, expected: str) -> None:
    person = desk.people[role]
    outcome = desk.send(door, sent(form, person), person)
    assert letter(outcome, person) == expected, outcome.verdict.reasons if outcome.verdict else outcome.reply
