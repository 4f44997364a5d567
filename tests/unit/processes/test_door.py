"""Mail on its way to the store is bounded, whatever comes at once; a store that is gone is no reason to say 250."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from smtpgate.errors import StoreAway, StoreFull
from smtpgate.processes import door
from smtpgate.processes.link import LinkFault, LinkLost
from tests.support.store_data import accepted

MiB = 1024**2


class Line:
    """A link whose answers wait until they are given."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, asyncio.Future[None]]] = []

    async def ask(self, name: str, mail: Any) -> None:
        answer = asyncio.get_running_loop().create_future()
        self.asked.append((len(mail.raw), answer))
        await answer


async def begun(process: door.Process, sizes: list[int]) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(process.accept(accepted(raw=bytes(size)))) for size in sizes]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


@pytest.fixture
def process() -> door.Process:
    made = door.Process({})
    made.link = Line()  # type: ignore[assignment]
    return made


def sizes(process: door.Process) -> list[int]:
    return [size for size, _ in process.link.asked]  # type: ignore[attr-defined]


async def test_at_most_32_mib_are_on_their_way_and_one_larger_mail_alone(process: door.Process) -> None:
    tasks = await begun(process, [20 * MiB, 12 * MiB, 1, 40 * MiB])
    assert sizes(process) == [20 * MiB, 12 * MiB]
    for count in (3, 4):
        for _, answer in process.link.asked:  # type: ignore[attr-defined]
            if not answer.done():
                answer.set_result(None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(sizes(process)) == count
    process.link.asked[-1][1].set_result(None)  # type: ignore[attr-defined]
    await asyncio.gather(*tasks)
    assert process._passing == 0


@pytest.mark.parametrize(
    ("error", "raised"), [(LinkLost("gone"), StoreAway), (LinkFault("bug"), StoreAway), (StoreFull("full"), StoreFull)]
)
async def test_what_goes_wrong_is_an_error_of_the_store_and_frees_its_place(
    process: door.Process, error: Exception, raised: type[Exception]
) -> None:
    (task,) = await begun(process, [MiB])
    process.link.asked[0][1].set_exception(error)  # type: ignore[attr-defined]
    with pytest.raises(raised):
        await task
    assert process._passing == 0
