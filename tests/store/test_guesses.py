"""Contract: wrong passwords that several doors count together."""

from __future__ import annotations

import asyncio

from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore


async def test_each_hears_of_the_others_and_not_of_himself(open_store: OpenStore) -> None:
    one, two = await open_store(), await open_store()
    assert await one.guesses("a", [("k", 100, 2), ("other", 100, 1)], 40, ("k",)) == ()
    assert await two.guesses("b", [("k", 100, 3)], 40, ("k",)) == (("k", 100, 2),)
    assert await one.guesses("a", [("k", 100, 5)], 40, ("k",)) == (("k", 100, 3),)
    assert await two.guesses("b", [], 40, ("k", "none")) == (("k", 100, 7),)
    assert set(await two.guesses("next life", [], 40, None)) == {("k", 100, 10), ("other", 100, 1)}
    assert await one.check() == []


async def test_what_counts_no_more_is_taken_away(store: VerbStore) -> None:
    await store.guesses("a", [(f"k{i}", 100 + i, 1) for i in range(50)], 100, ())
    assert len(await store.guesses("b", [], 130, None)) == 20
    assert len(await store.guesses("b", [], 0, None)) == 20


async def test_many_at_once_lose_nothing(open_store: OpenStore) -> None:
    doors = [await open_store() for _ in range(3)]
    await asyncio.gather(*(door.guesses(f"w{i}", [("k", 7, 1)], 0, ("k",)) for i, door in enumerate(doors) for _ in range(10)))
    assert await doors[0].guesses("x", [], 0, ("k",)) == (("k", 7, 30),)
