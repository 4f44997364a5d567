"""Is the gateway alive, and may mail be sent to it? Pure; each answer is a list of reasons why not, empty for yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STALE = 30.0  # seconds beyond its own pace, after which a loop hangs


@dataclass(frozen=True, slots=True)
class State:
    """turns: of each loop the seconds since it came round, and how often it does by itself. store: why it cannot be written,
    "" when it can. free, least: bytes on its disk, and below how many mail is answered 452."""

    started: bool
    stopping: bool
    failed: str
    turns: Mapping[str, tuple[float, float]]
    store: str
    free: int
    least: int


def not_live(state: State) -> list[str]:
    """Why the process should be restarted."""
    reasons = [f"the store failed for good: {state.failed}"] if state.failed else []
    return reasons + [
        f"{name} has not come round for {age:.0f} s" for name, (age, pace) in state.turns.items() if age > pace + STALE
    ]


def not_ready(state: State) -> list[str]:
    """Why no mail should be sent here now."""
    if state.stopping:
        return ["it is stopping"]
    if not state.started:
        return ["it is starting"]
    reasons = not_live(state)
    if state.store:
        reasons.append(f"the store cannot be written: {state.store}")
    if state.free < state.least:
        reasons.append(f"{state.free} bytes are free on the disk of the store; below {state.least} mail is answered 452")
    return reasons


def shown(reasons: Sequence[str], good: str) -> dict[str, object]:
    return {"status": "no" if reasons else good, "reasons": list(reasons)}
