"""Reads that a caller cannot break off half-way: each in a task of its own, a few at once. Both drivers read through it.

A caller that is cancelled leaves no transaction open. Raises what the read raises, StoreError once it is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from smtpgate.errors import StoreError
from smtpgate.store.alarm import Alarm
from smtpgate.store.statement import T


class Reading:
    """At most `most` reads at once. A store whose alarm has rung is not asked."""

    def __init__(self, alarm: Alarm, most: int) -> None:
        self._alarm = alarm
        self._slots = asyncio.Semaphore(most)
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def do(self, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self._alarm.check()
        if self._closed:
            raise StoreError("the store is closed")
        task = asyncio.create_task(self._in_turn(read))
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for the reads that are under way; none begins after it. Safe to call twice."""
        self._closed = True
        if self._running:
            await asyncio.wait(set(self._running))

    async def _in_turn(self, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with self._slots:
            return await read()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen here, for a caller that was cancelled
