"""What runs the tests: in which order, in which pieces, where their files are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import order, room


@pytest.mark.parametrize(
    ("nodeid", "piece"),
    [
        ("tests/unit/mail/test_date.py::test_read[a@b]", "tests/unit/mail/test_date.py"),
        ("tests/unit/mail/test_date.py::Class::test_read", "tests/unit/mail/test_date.py"),
        ("tests/e2e/test_door.py::test_a", "tests/e2e/test_door.py::test_a"),
        ("tests/e2e/test_door.py::test_a[x@y]", "tests/e2e/test_door.py::test_a[x@y]"),
        ("tests/e2e/test_door.py::test_a[x@y]@postfix", "postfix"),
        ("tests/unit/mail/test_date.py::test_read@postfix", "postfix"),
    ],
)
def test_cheap_files_are_one_piece_and_dear_tests_one_each(nodeid: str, piece: str) -> None:
    assert order.piece(nodeid) == piece


class Item:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def test_the_dear_come_first_and_the_small_last() -> None:
    ids = [
        "tests/unit/a.py::test_1",
        "tests/unit/b.py::test_1",
        "tests/unit/b.py::test_2",
        "tests/store/c.py::test_1",
        "tests/fault/test_kill.py::test_audit",
        "tests/fault/test_kill.py::test_after_fifty",
    ]
    items = [Item(one) for one in ids]
    order.put(items)  # type: ignore[arg-type]
    assert [item.nodeid for item in items] == [ids[5], ids[4], ids[3], ids[1], ids[2], ids[0]]


def test_files_are_in_memory_only_where_there_is_plenty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = room.found(tmp_path / "missing")
    assert Path(disk).is_dir()
    monkeypatch.setattr(room, "_PLENTY", 0)
    assert room.found(tmp_path) == str(tmp_path)
    monkeypatch.setattr(room, "_PLENTY", 2**60)
    assert room.found(tmp_path) == disk


def test_where_somebody_wants_them_they_are() -> None:
    environ = {"PYTEST_DEBUG_TEMPROOT": os.fspath("/elsewhere")}
    room.use(environ)
    assert environ == {"PYTEST_DEBUG_TEMPROOT": "/elsewhere"}
    room.use(empty := {})
    assert Path(empty["PYTEST_DEBUG_TEMPROOT"]).is_dir()
