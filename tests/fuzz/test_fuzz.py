"""The short form: what was found once, and a moment of mutations for each target. The long form: `python -m tests.fuzz --all`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.fuzz import engine, seeds, targets
from tests.fuzz.mutation import Mutator
from tests.fuzz.shrink import shrink
from tests.fuzz.target import MOST_CPU, MOST_MEMORY, Cost, Finding, Target, attempt

_MOMENT = 0.1  # seconds for each target
_FILES: list[Path] = [path for name in targets.ALL for path in seeds.committed(name)]


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[lambda *_: ""], logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_once(path: Path) -> None:
    target = targets.ALL[path.parent.name]
    data = seeds.read(path)
    if seeds.repeats(path):
        found = engine.better(target, data)
        assert found.cpu <= MOST_CPU
        assert found.memory <= MOST_MEMORY
    else:
        finding = attempt(target, data, twice=True)
        assert finding is None, finding.trace


@pytest.mark.parametrize("target", targets.ALL.values(), ids=lambda target: target.name)
def test_a_moment(target: Target) -> None:
    findings: dict[str, Finding] = {}
    assert engine.small(target, _MOMENT, 1, findings)
    assert not findings, "\n".join(f"{f.data!r}\n{f.trace}" for f in findings.values())


def test_the_corpus_belongs_to_targets() -> None:
    assert {path.name for path in seeds.CORPUS.iterdir()} <= set(targets.ALL)


# --- the tool itself --------------------------------------------------------------------------------------------------


def _faulty(data: bytes) -> int:
    if b"bad" in data:
        raise ValueError("a fault")
    if b"file" in data:
        Path("/etc/hostname").read_bytes()
    if b"odd" in data:
        _calls.append(1)
        return len(_calls)
    return len(data)


_calls: list[int] = []
_TARGET = Target("faulty", _faulty, lambda: [b"a harmless seed"], (b"bad",))


@pytest.mark.parametrize(
    ("data", "said"), [(b"it is bad", "ValueError"), (b"a file", "Opened"), (b"odd", "another result"), (b"good", "")]
)
def test_a_fault_is_seen(data: bytes, said: str) -> None:
    finding = attempt(_TARGET, data, twice=True)
    assert (finding is not None) == bool(said)
    assert finding is None or said in finding.trace


def test_a_fault_is_found_and_made_small() -> None:
    findings: dict[str, Finding] = {}
    engine.small(_TARGET, 0.2, 1, findings)
    (finding,) = findings.values()
    assert shrink(_TARGET, finding, 5.0).data == b"bad"


def test_the_same_seed_gives_the_same_octets() -> None:
    one, two = (Mutator(7, [b"one", b"two"], [b"word"]) for _ in range(2))
    assert [one.next() for _ in range(200)] == [two.next() for _ in range(200)]


@pytest.mark.parametrize(
    ("first", "found", "said"),
    [
        (Cost(0.1, 0), Cost(1.1, 0), "too slow"),
        (Cost(0.1, 0), Cost(0.2, 65 * 1024), "too much memory"),
        (Cost(0.05, 0), Cost(0.9, 0), "not linear"),
        (Cost(0.05, 0), Cost(0.45, 64 * 1024), ""),
        (Cost(0.0, 0), Cost(0.09, 0), ""),
    ],
)
def test_what_costs_too_much_is_seen(first: Cost, found: Cost, said: str) -> None:
    assert engine._too_much(found, first, 8).partition(":")[0] == said


def test_large_inputs_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_MIB", 16 * 1024)
    monkeypatch.setattr(engine, "MOST_CPU", -1.0)
    findings: dict[str, Finding] = {}
    assert engine.large(_TARGET, 0.1, 1, [], findings).count
    assert "too slow" in findings
