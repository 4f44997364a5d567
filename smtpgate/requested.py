"""Does what people asked for about their own data when its time has come, one thing at a time: questions lapse, copies go out,
people are erased, and the mails that say so go once they have left.

Each step is in the store before the next: a process that dies is followed by another one, on whatever node, after the lease. What
fails is logged and tried again later; a store that cannot be asked is asked again.
"""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from smtpgate import erasure, metrics, personexport
from smtpgate.clock import Clock, id_text
from smtpgate.errors import StoreError, StoreFatal
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.mail.letters import ComposeError
from smtpgate.mail.outward import Carried
from smtpgate.mail.privacywords import Occasion
from smtpgate.person import Request, State, What
from smtpgate.store import requests
from smtpgate.store.eraser import LEASE, TOLD, Eraser, finished, forget_told
from smtpgate.store.verbs import OUTGOING, VerbStore

log = structlog.get_logger(__name__)

_REST = 9  # times as long as it took before the next one: each looks at every mail, and many people may ask
_IN_A_ROW = 100  # that cost little
_AGAIN = 600.0  # seconds after which what failed is tried again


@dataclass(slots=True)
class Requested:
    """on_outgoing is called when something put mail into the queue."""

    store: VerbStore
    pipeline: Pipeline
    clock: Clock
    on_outgoing: Callable[[], None]
    worker: str = field(default_factory=requests.new_worker)
    _task: asyncio.Task[None] | None = None
    _rests_until: float = 0.0  # by the monotonic clock

    async def look(self) -> None:
        """Begin what is due, unless something is under way. Raises StoreError."""
        if (self._task is not None and not self._task.done()) or self.clock.monotonic() < self._rests_until:
            return
        request = await self.store._read(lambda: requests.next_due(self.clock.now()))
        if request is not None:
            self._task = asyncio.create_task(self._go_through(request), name="what a person asked for")

    async def settled(self) -> None:
        """What is under way is done."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def stop(self) -> None:
        """Leave what is under way where it is: the next life goes on."""
        if self._task is not None:
            self._task.cancel()
            await self.settled()

    async def _go_through(self, request: Request) -> None:
        """What costs little is done one after the other; after what looks at every mail there is a rest."""
        for _ in range(_IN_A_ROW):
            await self._settle(request)
            if request.state in (State.CONFIRMED, State.RUNNING):
                return
            try:
                following = await self.store._read(lambda: requests.next_due(self.clock.now()))
            except StoreError as error:
                log.warning("store cannot be asked for what is due", error=str(error))
                return
            if following is None:
                return
            request = following

    async def _settle(self, request: Request) -> None:
        began = self.clock.monotonic()
        try:
            await self._do(request)
        except StoreFatal as error:
            log.error("store failed for good", error=str(error))
        except Exception as error:  # of whatever kind: the gateway goes on
            metrics.DUE.inc("failed")
            log.error("what a person asked for failed", what=request.what.value, request=id_text(request.id), error=str(error))
            at = self.clock.now() + _AGAIN
            try:
                await self.store._write(lambda: requests.put_off(request.id, self.worker, at))
            except StoreError as failure:
                log.warning("store cannot be asked for what is due", error=str(failure))
        if request.state in (State.CONFIRMED, State.RUNNING):
            now = self.clock.monotonic()
            self._rests_until = now + _REST * (now - began)

    async def _do(self, request: Request) -> None:
        settings = self.pipeline.config.privacy
        if request.state in (State.ASKED, State.LAPSED):
            gone = replace(request, state=State.LAPSED, address="", at=None)
            await self._keep(request, gone)
        elif request.state is State.TELLING:
            if not await forget_told(self.store, request):
                await self._keep(request, replace(request, at=self.clock.now() + TOLD))
        elif request.state is State.CONFIRMED and getattr(settings, request.what.value) != "self":
            await self._keep(request, replace(request, at=None))  # the setting has changed: an admin's turn
        elif request.what is What.EXPORT:
            await self._export(request)
        else:
            await self._erase(request)

    async def _keep(self, before: Request, after: Request) -> None:
        """Unless it has become something else meanwhile."""
        await self.store._write(lambda: requests.changed(before, after), ordered=True)

    async def _erase(self, request: Request) -> None:
        why = erasure.why_not(self.pipeline.config, request.address)
        if why:
            log.warning("nobody is erased", request=id_text(request.id), why=why)
            await self._keep(request, replace(request, state=State.CONFIRMED, at=None))
            return
        eraser = Eraser(self.store, request, self.worker, erasure.Closing(self.pipeline), self.clock.now)
        if not await eraser.begin(again=LEASE):
            return
        try:
            counts = await eraser.run()
            done = await eraser.finish(await erasure.farewell(self.pipeline, self.store, eraser.request))
        except BaseException:
            await eraser.give_up()
            raise
        metrics.DUE.inc(request.what.value)
        log.info(
            "person erased",
            record=id_text(done.id),
            pseudonym=done.pseudonym,
            **{k.replace(" ", "_"): v for k, v in counts.items()},
        )
        self.on_outgoing()

    async def _export(self, request: Request) -> None:
        running = await _begun(self.store, request, self.worker, self.clock.now())
        if running is None:
            return
        done = await export_mail(self.pipeline, self.store, running, self.worker)
        metrics.DUE.inc(request.what.value)
        log.info("data exported by mail", record=id_text(done.id))
        self.on_outgoing()


async def _begun(store: VerbStore, request: Request, worker: str, now: float) -> Request | None:
    """None: another one does it, or it is not any more as it was."""
    running = replace(request, state=State.RUNNING, at=now + LEASE)
    taken = functools.partial(requests.taken, running, request.state, worker, now, now + LEASE)
    return running if await store._write(taken, ordered=True) else None


async def export_now(pipeline: Pipeline, store: VerbStore, request: Request, clock: Clock) -> Request:
    """What was confirmed, by an admin. Raises StoreError; it is as it was then."""
    worker = requests.new_worker()
    running = await _begun(store, request, worker, clock.now())
    if running is None:
        raise StoreError("something that was asked for is being done just now, or this was called off: look again")
    try:
        return await export_mail(pipeline, store, running, worker)
    except BaseException:
        await store._write(lambda: requests.left(request, worker))
        raise


async def export_mail(pipeline: Pipeline, store: VerbStore, request: Request, worker: str) -> Request:
    """Queue the mail with all of it; or, where it is too large, one that says so, and the agents of the ticket hear. The request is
    the worker's. Raises StoreError, also when another one has it by then: nothing was queued."""
    counts: dict[str, int] = {}
    large, most = False, pipeline.config.privacy.export_size
    with tempfile.SpooledTemporaryFile(max_size=1024**2) as file:
        try:
            counts = await personexport.export(store, request.address, file, now=pipeline.clock.now(), most=most)
        except personexport.TooLarge:
            large = True
        file.seek(0)
        data = b"" if large else file.read()
    files = () if large else (Carried("data.zip", "application/zip", data),)
    occasion = Occasion.TOO_LARGE if large else Occasion.EXPORTED
    try:
        changes = await erasure.letter(pipeline, store, request, occasion, counts=counts, files=files, told=large)
    except ComposeError as error:
        raise StoreError(f"the mail cannot be built: {error}") from error
    now, outgoing = pipeline.clock.now(), changes.outgoing[0].id
    done = replace(request, state=State.TELLING, done_at=now, at=now + TOLD, counts=counts, outgoing_id=outgoing)
    if not await store._write(lambda: finished(done, worker, changes), ordered=True, news=OUTGOING):
        raise StoreError("another one has taken this up meanwhile")
    return done
