"""What the two processes say to each other: the questions by name, and what a start and a change of the configuration need.

The child's side is doorprocess, the main one's apart. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smtpgate.config import Config
from smtpgate.model import ArcResult, DkimResult, DmarcResult, Envelope, Evidence, SpfResult, Verdict
from smtpgate.store.api import Accepted

# asked by the door
ACCEPT, GREYLIST, CLIENTS = "accept", "greylist", "clients"
PULSE = "pulse"  # what the door does just now; told every second
# asked by the main process
BEGIN, RENEW, STOP = "begin", "renew", "stop"

PULSE_EVERY = 1.0  # seconds
# All that a frame of the door may hold besides what Python has built in.
OF_THE_DOOR = (Accepted, Envelope, Verdict, SpfResult, DkimResult, DmarcResult, ArcResult, Evidence)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a door goes by. log_key: for pseudonyms in its log."""

    config: Config
    token_keys: tuple[bytes, ...] = field(repr=False)
    log_key: bytes = field(repr=False)


def largest_frame(config: Config) -> int:
    """Octets of the largest that a door has to say: a mail with its envelope and what was found out about it."""
    limits = config.limits
    return limits.message_size + 4 * limits.header_section + 8 * 1024 * limits.recipients + 16 * 1024**2
