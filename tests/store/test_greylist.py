"""The greylist's table: swept as it grows, shared by all who have the store open."""

from __future__ import annotations

from smtpgate.store.statement import Query, Verb
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore

TERMS = {"delay": 300.0, "window": 3600.0, "remember": 86400.0}


async def test_two_processes_see_the_same_tries(open_store: OpenStore) -> None:
    one, two = await open_store(), await open_store()
    assert await one.greylist("key", now=1000.0, **TERMS) == 300.0
    assert await two.greylist("key", now=1100.0, **TERMS) == 200.0
    assert await two.greylist("key", now=1300.0, **TERMS) == 0.0
    assert await one.greylist("key", now=1301.0, **TERMS) == 0.0


async def test_a_try_after_the_window_is_a_first_one(store: VerbStore) -> None:
    assert await store.greylist("key", now=1000.0, **TERMS) == 300.0
    assert await store.greylist("key", now=4600.0, **TERMS) == 300.0
    assert await store.greylist("key", now=4900.0, **TERMS) == 0.0


async def test_a_flood_of_keys_is_swept_away_by_later_ones(store: VerbStore) -> None:
    for i in range(200):
        await store.greylist(f"flood {i}", now=1000.0, **TERMS)
    for i in range(11):
        await store.greylist(f"later {i}", now=5000.0, **TERMS)
    assert await store.greylist("later 0", now=5300.0, **TERMS) == 0.0

    def count() -> Verb[int]:
        found = yield Query("SELECT count(*) FROM greylist")
        return int(found[0][0])

    assert await store._read(count) == 11
