"""Dataclasses that never change, cheap to make.

Those of a mail's way are made by the dozen for each mail, and `frozen` makes Python go through a call for each field, which
costs four times what setting it does. That nobody sets a field later is held by the type checker, which sees the standard
library's frozen dataclass here; that nobody adds one, by `slots`. Never fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    def record(*, frozen, slots):
        """As `dataclass` with the same arguments, which are always those: compared and hashed by what it holds."""
        assert frozen
        assert slots
        return dataclass(slots=True, unsafe_hash=True)


__all__ = ["record"]
