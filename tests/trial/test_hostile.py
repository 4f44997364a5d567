"""Hostile clients in their short form: `python -m tests.trial.hostile` is the long one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trial import crowd, floods, slow
from tests.trial.door import Target
from tests.trial.hostile import certificate

DOORS = range(3)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """Limits that a test can reach. Not below pytest's directory, whose name is too long for a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="smtpgate-") as name:
        server = certificate(Path(name))
        limits = {**slow.LIMITS, "message_size": "1MiB", "line": "64KiB"}
        with Target.running(Path(name) / "g", server=server, limits=limits) as running:
            yield running


@pytest.mark.parametrize("kind", floods.KINDS, ids=lambda kind: kind.name)
def test_a_flood_ends_and_costs_no_memory(kind: floods.Kind, target: Target) -> None:
    for place in target.places:
        done = floods.flood(target, place, kind, kind.amount(8, 2000))
        floods.check(target, place, kind, done)


def test_a_slow_client_is_ended_in_every_state(target: Target) -> None:
    waits = slow.wait_all(target)
    assert len(waits) == len(slow.STATES) * 3
    assert not [str(wait) for wait in waits if not wait.good]


@pytest.mark.parametrize("how", ["reset", "half-close"])
@pytest.mark.parametrize("door", DOORS, ids=["SMTP", "LMTP", "Unix"])
def test_whoever_leaves_at_any_octet_leaves_nothing_behind(how: str, door: int, target: Target) -> None:
    left = slow.leave_at_every_octet(target, target.places[door], how)
    assert left.dialogues > 200
    assert left.answered > 0


def test_idle_connections_are_cheap_and_a_new_client_is_greeted_beside_them(target: Target) -> None:
    found = crowd.idle(target, target.places[0], 500)
    assert found.each <= crowd.PER_CONNECTION
    assert found.greeted <= 1.0, "far from the 0.1 s of the long form, for a busy machine"
