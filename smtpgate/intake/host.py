"""What a connection needs of the door, as it was when the connection began. No code."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from smtpgate.intake.accept import Acceptor
from smtpgate.intake.budget import Account
from smtpgate.intake.crowd import Pace
from smtpgate.intake.logins import Logins
from smtpgate.intake.screen import Screen
from smtpgate.intake.standing import Standing

if TYPE_CHECKING:
    from smtpgate.intake.connection import Connection


class Host(Protocol):
    acceptor: Acceptor
    screen: Screen
    logins: Logins  # as they are now: who is no agent any more is out at once
    tls: ssl.SSLContext | None

    def room(self) -> bool:
        """Is there space on the disk for another mail?"""

    def standing(self, peer: str) -> Standing:
        """How well a client is known."""

    def pace(self, standing: Standing) -> Pace:
        """How patient we are with one, as things are now."""

    def may_mail(self, peer: str, standing: Standing) -> bool:
        """May it send one mail more in this minute?"""

    def account(self, peer: str, standing: Standing) -> Account:
        """Memory for one mail of it."""

    def begin(self, work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        """Run in a task that outlives the connection."""

    def gone(self, connection: Connection) -> None:
        """It has ended."""
