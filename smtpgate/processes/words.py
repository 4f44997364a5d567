"""What the processes say to each other: the questions by name, and what a start and a change of the configuration need. Pure."""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from operator import attrgetter
from typing import Any

from smtpgate.config import Config
from smtpgate.model import (
    ArcResult,
    Attempt,
    Delivery,
    DeliveryState,
    DkimResult,
    DmarcResult,
    Entry,
    EntryKind,
    Envelope,
    Evidence,
    SpfResult,
    Verdict,
)
from smtpgate.store.api import Accepted
from smtpgate.store.shown import Pause

# asked by the main process
BEGIN, RENEW, STOP = "begin", "renew", "stop"
WAKE = "wake"  # there is mail to send
# asked by each of the others: what it does just now; told every second
PULSE = "pulse"
PULSE_EVERY = 1.0  # seconds
# asked by the door: the verbs of store.api.IntakeStore
ACCEPT, GREYLIST, CLIENTS, GUESSES = "accept", "greylist", "clients", "guesses"
# asked by delivery: those of store.api.DeliveryStore
CLAIM, RECORD, UNCLAIM, NEXT_DUE, PAUSES, PAUSE, RESUME = "claim", "record", "unclaim", "next due", "pauses", "pause", "resume"

# All that a frame of the door, and of delivery, may hold besides what Python has built in.
OF_THE_DOOR = (Accepted, Envelope, Verdict, SpfResult, DkimResult, DmarcResult, ArcResult, Evidence)
OF_DELIVERY = (Attempt, DeliveryState, Entry, EntryKind, Pause, *OF_THE_DOOR)


def _by_value(member: Enum) -> tuple[type[Enum], tuple[object]]:
    """How members of those travel. Left to themselves, Python 3.11.0 to 3.11.3 (Debian 12) would write a call of getattr."""
    return type(member), (member.value,)


def _by_fields(kind: type) -> Callable[[Any], tuple[type, tuple[Any, ...]]]:
    """How the others travel: Python's own way for a frozen class with slots takes twice as long at either end."""
    values = attrgetter(*kind.__slots__)  # type: ignore[attr-defined]
    return lambda one: (kind, values(one))


for _kind in (*OF_THE_DOOR, *OF_DELIVERY, Delivery):
    copyreg.pickle(_kind, _by_value if issubclass(_kind, Enum) else _by_fields(_kind))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a process goes by. log_key: for pseudonyms in its log."""

    config: Config
    token_keys: tuple[bytes, ...] = field(repr=False)
    log_key: bytes = field(repr=False)


def largest_frame(config: Config) -> int:
    """Octets of the largest that a process has to say: a mail with its envelope and what was found out about it."""
    limits = config.limits
    return limits.message_size + 4 * limits.header_section + 8 * 1024 * limits.recipients + 16 * 1024**2
