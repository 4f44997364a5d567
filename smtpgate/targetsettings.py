"""Settings of a desk's targets: until when customers are to be answered, and who hears when they are not.

Pure data; building one from bad values raises pydantic's ValidationError.
"""

from __future__ import annotations

from pydantic import Field

from smtpgate.model import Priority
from smtpgate.settingtypes import MailAddress, Section, WorkingTime


class Times(Section):
    """How long something may take, in time of work, by the ticket's priority."""

    urgent: WorkingTime | None = Field(default=None, description="Unset: as for high.")
    high: WorkingTime | None = Field(default=None, description="Unset: as for normal.")
    normal: WorkingTime | None = Field(default=None, description="Unset: as for low.")
    low: WorkingTime | None = Field(default=None, description="Unset: no target.")

    def of(self, priority: Priority) -> float | None:
        """Seconds; None for no target. What is not set is no slower than what matters less."""
        found: float | None = None
        for one in (Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.URGENT):
            own: float | None = getattr(self, one.value)
            found = found if own is None else own
            if one is priority:
                break
        return found


class Targets(Section):
    """What a desk aims at."""

    warn_at: int = Field(
        default=75,
        ge=0,
        le=99,
        description="Who has the ticket, else the members on duty, get a mail when so many percent of the time have passed, and"
        " another one when all of it has. 0: only that one.",
    )
    managers: list[MailAddress] = Field(default=[], description="These people get a mail too when a target is missed.")
    promise: bool = Field(
        default=False,
        description="Tell the customer, with the number and in answer to `status`, until when the answer is to come.",
    )
    first_answer: Times = Field(default=Times(), description="From the customer's first mail until an agent answers.")
    next_answer: Times = Field(
        default=Times(), description="Once answered: from the customer's next mail that nobody has answered until an agent does."
    )
    solution: Times = Field(
        default=Times(), description="Until the ticket is resolved. The time in which we wait for the customer does not count."
    )
