"""What mail may do, by the evidence for its sender: the one table (docs/flow.md shows the same).

Pure data and pure functions; no I/O, never fails. tests/unit/rules has one test for each cell.
"""

from __future__ import annotations

from enum import StrEnum

from smtpgate.model import Evidence
from smtpgate.records import record


class Opening(StrEnum):
    """May it open a ticket?"""

    YES = "yes"
    UNVERIFIED = "unverified"  # yes, marked so that agents see it
    HELD = "held"  # an agent decides
    NEVER = "never"  # noted where it belongs; opens none that answers


class Acknowledging(StrEnum):
    """Is its sender answered automatically?"""

    YES = "yes"
    NOTICE = "notice"  # one short notice a day, with no text of theirs in it
    NO = "no"


class Joining(StrEnum):
    """May it join the ticket that it belongs to?"""

    YES = "yes"
    WEAK = "weak"  # yes, marked weak
    WITH_TOKEN = "with-token"  # with the signed reply address, marked; else held for the agent
    HELD = "held"
    NOTE = "note"  # noted on the ticket, changes nothing


class Acting(StrEnum):
    """May it act as an agent?"""

    YES = "yes"  # with the signed address or from the agent's own fresh thread
    CONFIRM = "confirm"  # held, the agent is asked to confirm
    ALERT = "alert"  # held, with an alert
    NEVER = "never"


@record(frozen=True, slots=True)
class Rights:
    opens: Opening
    acknowledged: Acknowledging
    joins: Joining
    acts: Acting


_FULL = Rights(Opening.YES, Acknowledging.YES, Joining.YES, Acting.YES)
_UNVERIFIED = Rights(Opening.UNVERIFIED, Acknowledging.NOTICE, Joining.WITH_TOKEN, Acting.CONFIRM)
_HELD = Rights(Opening.HELD, Acknowledging.NO, Joining.HELD, Acting.ALERT)

#                         opens a ticket     acknowledged         joins its own ticket   agent acts
RIGHTS: dict[Evidence, Rights] = {
    Evidence.TRUSTED:     _FULL,
    Evidence.DMARC_DKIM:  _FULL,
    Evidence.DMARC_SPF:   Rights(Opening.YES, Acknowledging.YES, Joining.WEAK, Acting.CONFIRM),
    Evidence.DOMAIN:      Rights(Opening.YES, Acknowledging.YES, Joining.WITH_TOKEN, Acting.CONFIRM),
    Evidence.NONE:        _UNVERIFIED,
    Evidence.TEMPERROR:   _UNVERIFIED,
    Evidence.IMPORTED:    Rights(Opening.YES, Acknowledging.NO, Joining.YES, Acting.NEVER),
    Evidence.FAIL:        _HELD,
    Evidence.AMBIGUOUS:   _HELD,
}  # fmt: skip

MACHINE = Rights(Opening.NEVER, Acknowledging.NO, Joining.NOTE, Acting.NEVER)


def rights(evidence: Evidence, *, machine: bool, released: bool = False) -> Rights:
    """The row that counts. A mail that an agent released has full rights, except that a machine never gets an answer."""
    if machine:
        return MACHINE
    return _FULL if released else RIGHTS[evidence]
