"""The alarm of a store that cannot be trusted any more. Pure but for the one call that it makes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from smtpgate.errors import StoreFatal


class Alarm:
    """Set once, by whichever thread finds that nothing can be trusted any more; from then on check() raises.

    on_fatal runs once, on the loop that opened the store.
    """

    def __init__(self, on_fatal: Callable[[StoreFatal], None]) -> None:
        self.error: StoreFatal | None = None
        self._on_fatal = on_fatal
        self._told = False
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()

    def set(self, error: StoreFatal) -> None:
        """Stop every verb. The first error is the one that counts."""
        self.error = self.error or error

    def ring(self) -> None:
        """Tell the owner, if it is set and he has not been told."""
        with self._lock:
            if self.error is None or self._told:
                return
            self._told = True
        try:
            self._loop.call_soon_threadsafe(self._on_fatal, self.error)
        except RuntimeError:  # the loop is closed: the process is ending already
            return

    def check(self) -> None:
        """Raises StoreFatal once it is set."""
        if self.error is not None:
            raise StoreFatal(str(self.error))
