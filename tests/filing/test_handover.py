"""From the door to filing: leased from the start while there is room, else claimed in its turn; nothing is left without anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from smtpgate.errors import StoreError
from smtpgate.model import MailState, ParsedMail
from smtpgate.store.api import Accepted, Incoming
from tests.support.helpdesk import Helpdesk, helpdesk, mail
from tests.support.store_data import accepted

pytestmark = pytest.mark.timeout(60)


class Watched:
    """A desk whose loop runs: what was claimed, and a parser that waits until it may go on."""

    def __init__(self, desk: Helpdesk) -> None:
        self.desk, self.store, self.filing = desk, desk.store, desk.filing
        self.claimed: list[str] = []
        self.read: list[bytes] = []
        self.go = asyncio.Event()
        self.go.set()
        self._parse, self._claim = desk.filing.parser.parse, desk.store.claim
        desk.filing.parser.parse = self.parse  # type: ignore[method-assign]
        desk.store.claim = self.claim  # type: ignore[method-assign]

    async def parse(self, raw: bytes, mail_from: str | None, *, html: bool = False) -> ParsedMail:
        self.read.append(raw)
        await self.go.wait()
        return await self._parse(raw, mail_from, html=html)

    async def claim(self, **how: Any) -> list[Incoming]:
        found = list(await self._claim(**how))
        self.claimed += [one.id for one in found]
        return found

    async def accept(self, number: int, size: int = 0) -> str:
        new = accepted(raw=mail(f"Question {number}", "x" * size or f"Words of {number}."))
        await self.filing.accept(new)
        return new.envelope.mail_id

    async def until(self, *ids: str, state: MailState = MailState.FILED) -> None:
        async with asyncio.timeout(20):
            for mail_id in ids:
                while (found := await self.store.mail(mail_id)) is None or found.state is not state:
                    await asyncio.sleep(0.01)

    async def settled(self) -> None:
        """The loop has come round and found nothing more to begin with."""
        async with asyncio.timeout(20):
            while self.filing._look or self.filing._coming:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(tmp_path: Path, **sections: Any) -> AsyncIterator[Watched]:
    async with helpdesk(tmp_path, **sections) as desk:
        watched = Watched(desk)
        loop = asyncio.create_task(desk.filing.run())
        await asyncio.sleep(0)
        await watched.settled()
        try:
            yield watched
        finally:
            watched.go.set()
            desk.filing.stop()
            await asyncio.wait_for(loop, 20)
            assert desk.filing._octets == 0
            assert await desk.store.check() == []


async def test_with_room_nothing_is_claimed(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        ids = [await it.accept(n) for n in range(5)]
        await it.until(*ids)
        assert it.claimed == []
        for mail_id in ids:
            found = await it.store.mail(mail_id)
            assert found is not None
            assert found.claims == 1
        assert len(await it.desk.tickets()) == 5


async def test_beyond_the_room_mail_waits_in_the_store_and_none_is_overtaken(tmp_path: Path) -> None:
    async with running(tmp_path, filing={"concurrency": 1}) as it:
        it.go.clear()
        ids = [await it.accept(n) for n in range(8)]  # one under way, two wait, the rest finds no room
        assert [one.claims for one in reversed(await it.store.mails(None, limit=9))] == [1, 1, 1, 0, 0, 0, 0, 0]
        it.go.set()
        await it.until(*ids)
        assert it.claimed == ids[3:]
        subjects = [raw.split(b"Subject: ")[1].split(b"\r\n")[0] for raw in it.read]
        assert subjects == [f"Question {n}".encode() for n in range(8)]
        await it.settled()
        last = await it.accept(9)  # and when nothing waits any more, the short way is open again
        await it.until(last)
        assert last not in it.claimed


async def test_memory_is_bounded_but_for_one_mail(tmp_path: Path) -> None:
    async with running(tmp_path, filing={"memory": "100KiB"}) as it:
        it.go.clear()
        first = await it.accept(0, 60_000)
        second = await it.accept(1, 60_000)
        assert it.filing._octets <= 100 * 1024
        it.go.set()
        await it.until(first, second)
        assert it.claimed == [second]
        await it.settled()
        large = await it.accept(2, 300_000)
        await it.until(large)
        assert it.claimed == [second, large]


async def test_a_door_that_breaks_off_leaves_no_mail_without_anybody(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        new = accepted(raw=mail("Broken off"))
        task = asyncio.create_task(it.filing.accept(new))
        await asyncio.sleep(0)  # it is on its way to the disk
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await it.until(new.envelope.mail_id)
        assert it.claimed == [new.envelope.mail_id]


async def test_a_store_that_refuses_gives_the_room_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(mail: Accepted, **_: Any) -> Incoming:
        raise StoreError("not now")

    async with running(tmp_path, filing={"concurrency": 1}) as it:
        with monkeypatch.context() as patch:
            patch.setattr(it.store, "accept_claimed", refuse)
            for n in range(9):
                with pytest.raises(StoreError, match="not now"):
                    await it.accept(n)
        assert await it.store.mails(None, limit=1) == ()
        after = await it.accept(10)
        await it.until(after)
        assert it.claimed == []


async def test_what_waited_too_long_for_its_turn_goes_back_uncounted(tmp_path: Path) -> None:
    async with running(tmp_path, filing={"concurrency": 1, "lease": "60s"}) as it:
        it.go.clear()
        first, second = await it.accept(0), await it.accept(1)
        it.desk.clock.advance(50)
        it.go.set()
        await it.until(first, second)
        assert it.claimed == [second]
        found = await it.store.mail(second)
        assert found is not None
        assert (found.claims, found.tries) == (1, 0)


async def test_a_stop_finishes_what_is_in_hand_and_takes_no_more(tmp_path: Path) -> None:
    async with running(tmp_path, filing={"concurrency": 1}) as it:
        it.go.clear()
        ids = [await it.accept(n) for n in range(3)]
        it.filing.stop()
        late = await it.accept(3)
        it.go.set()
        await it.until(*ids)
        found = await it.store.mail(late)
        assert found is not None
        assert (found.state, found.claims) == (MailState.ACCEPTED, 0)


async def test_mail_of_another_process_is_found_by_looking(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        mail_id = await it.desk.accept(mail("From elsewhere"))
        await asyncio.sleep(0.05)
        assert it.claimed == []
        it.desk.clock.advance(it.desk.config.filing.poll)
        await it.until(mail_id)
        assert it.claimed == [mail_id]
