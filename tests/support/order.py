"""In which order the tests are run, and which of them in one piece, when several processes share them (pytest-xdist).

The dear ones come first and one by one, so that no process begins a long one when the others are done. Of the thousands of
cheap ones a process takes the whole file: handing them out singly costs more than many of them take, and what a module has
made for all of its tests is made once.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

_DEAR = (
    "tests/fault/test_kill.py::test_after",
    "tests/fault/",
    "tests/e2e/",
    "tests/trial/",
    "tests/unit/mail/test_worker.py",
    "tests/unit/mail/test_parser_socket.py",
    "tests/property/",
    "tests/store/",
    "tests/packaging/",
    "tests/matrix/",
    "tests/architecture/",
)


def rank(nodeid: str) -> int:
    """The dearest first."""
    return next((at for at, place in enumerate(_DEAR) if nodeid.startswith(place)), len(_DEAR))


def piece(nodeid: str) -> str:
    """What is run in one process with it, by name."""
    _, at, group = nodeid.rpartition("@")
    if at and "]" not in group:  # of a parameter it would be no group's name
        return group
    return nodeid if rank(nodeid) < len(_DEAR) else nodeid.partition("::")[0]


def put(items: list[pytest.Item]) -> None:
    """In order. Of the cheap files those with many tests come first: the last ones shall be short."""
    many = Counter(item.nodeid.partition("::")[0] for item in items)
    items.sort(key=lambda item: (at := rank(item.nodeid), -many[item.nodeid.partition("::")[0]] if at == len(_DEAR) else 0))


class Scheduling(LoadGroupScheduling):
    """`--dist loadgroup` with these pieces, in this order."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False  # it would put the dear ones, which are alone, last
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return piece(nodeid)
