"""What the silence of a customer leads to: one reminder, then the end of the ticket. Pure; never fails.

Everything counts from `since`: when the ticket came into its state, or was last answered in it. A ticket never ends sooner after
its reminder than it was to, so that after an outage nobody is told "it will end" and "it has ended" in one.
"""

from __future__ import annotations

from enum import StrEnum

from smtpgate.model import Status
from smtpgate.records import record
from smtpgate.ticketsettings import Tickets


class Step(StrEnum):
    NONE = "none"  # nothing comes of it, now or later
    WAIT = "wait"
    REMIND = "remind"
    CLOSE = "close"


@record(frozen=True, slots=True)
class Next:
    """step at a moment; closes_at: when it ends then if nothing happens, None for never."""

    step: Step
    at: float | None = None
    closes_at: float | None = None


def following(status: Status, since: float, reminded: float, now: float, settings: Tickets, *, may_remind: bool) -> Next:
    """reminded: when, 0.0 for not since `since`."""
    remind, close = _times(status, settings)
    if not may_remind:
        remind = 0.0
    if remind and not reminded:
        at = since + remind
        ends = max(since + close, now + close - remind) if close else None
        return Next(Step.REMIND if at <= now else Step.WAIT, at, ends)
    if not close:
        return Next(Step.NONE)
    at = max(since + close, reminded + close - remind) if reminded and remind else since + close
    return Next(Step.CLOSE if at <= now else Step.WAIT, at, at)


def _times(status: Status, settings: Tickets) -> tuple[float, float]:
    """Seconds until the reminder and until the end, 0.0 for never."""
    if status is Status.RESOLVED:
        close, before = settings.close_after, settings.remind_before
        return (close - before if close and before else 0.0), close
    if status is Status.WAITING:
        return settings.waiting_remind, settings.waiting_close
    return 0.0, 0.0
