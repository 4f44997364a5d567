"""All targets by name."""

from __future__ import annotations

from tests.fuzz import targets_auth, targets_desk, targets_login, targets_mail, targets_text, targets_wire
from tests.fuzz.target import Target

_EACH = (
    *targets_mail.TARGETS,
    *targets_text.TARGETS,
    *targets_wire.TARGETS,
    *targets_login.TARGETS,
    *targets_auth.TARGETS,
    *targets_desk.TARGETS,
)
ALL: dict[str, Target] = {target.name: target for target in _EACH}
assert len(ALL) == len(_EACH)
