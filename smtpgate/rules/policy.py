"""What the door says to a mail once its verdict is known, before anything is stored: accept, refuse or defer.

Holding is not decided here: a held mail is accepted, read and filed as held, so that agents see what it says.
Pure; never fails.
"""

from __future__ import annotations

from enum import StrEnum

from smtpgate.config import Policy
from smtpgate.model import Evidence, Verdict


class Door(StrEnum):
    ACCEPT = "accept"
    REFUSE = "refuse"  # 550 5.7.1
    DEFER = "defer"  # 451 4.4.3


def at_the_door(verdict: Verdict, policy: Policy, *, exempt: bool) -> tuple[Door, str]:
    """The decision and its reason. exempt: a role address or a signed return path, which always get through."""
    if exempt:
        return Door.ACCEPT, "addressed to postmaster, abuse or a signed return path"
    if verdict.evidence is Evidence.FAIL and verdict.dmarc.policy == "reject" and policy.dmarc_fail == "refuse":
        return Door.REFUSE, "DMARC fails, the domain asks for rejection and policy.dmarc_fail is refuse"
    if verdict.evidence is Evidence.TEMPERROR and policy.temperror == "defer":
        return Door.DEFER, "DNS did not answer and policy.temperror is defer"
    return Door.ACCEPT, ""
