"""Block lists and greylist, with a zone and a clock of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from smtpgate.auth.dns import ZoneResolver
from smtpgate.errors import StoreError
from smtpgate.intake.screen import Screen, greylist_key, question
from smtpgate.intake.standing import Standing
from smtpgate.store.api import Store
from smtpgate.store.sqlite import SqliteStore
from tests.support.clock import ManualClock
from tests.support.server import make_config

ZONE = {
    "1.2.0.192.bl.example": {"A": ["127.0.0.2", "127.0.0.4"]},
    "2.2.0.192.bl.example": {"A": ["127.0.0.9"]},
    "3.2.0.192.bl.example": "TIMEOUT",
    "4.2.0.192.bl.example": {"A": ["127.255.255.252"]},
    "1.2.0.192.other.example": {"A": ["127.0.0.2"]},
    "2.2.0.192.other.example": {"A": ["127.0.0.2"]},
    "1.2.0.192.good.example": {"A": ["127.0.0.3"]},
}


def screen(*lists: dict[str, Any], score: int = 1, store: object = None, clock: ManualClock | None = None, **grey: Any) -> Screen:
    config = make_config({"blocklist": list(lists), "policy": {"blocklist_score": score}, "greylist": grey})
    return Screen(config, ZoneResolver(ZONE), cast(Store, store), clock or ManualClock())


BL, OTHER = {"zone": "bl.example"}, {"zone": "other.example"}


@pytest.mark.parametrize(
    ("client", "lists", "score", "named"),
    [
        ("192.0.2.1", [BL], 1, "bl.example"),
        ("192.0.2.1", [], 1, ""),
        ("192.0.2.9", [BL, OTHER], 1, ""),
        ("192.0.2.3", [BL], 1, ""),  # DNS does not answer
        ("192.0.2.4", [BL], 1, ""),  # it answers that we may not ask
        ("192.0.2.1", [BL, OTHER], 2, "bl.example, other.example"),
        ("192.0.2.1", [BL], 2, ""),
        ("192.0.2.1", [{**BL, "weight": 3}, {"zone": "good.example", "weight": -2}], 1, "bl.example"),
        ("192.0.2.1", [{**BL, "weight": 2}, {"zone": "good.example", "weight": -2}], 1, ""),
        ("192.0.2.2", [{**BL, "answers": ["127.0.0.2/31"]}], 1, ""),
        ("192.0.2.1", [{**BL, "answers": ["127.0.0.2/31"]}], 1, "bl.example"),
        ("2001:db8::1", [BL], 1, ""),
        ("", [BL], 1, ""),
    ],
)
async def test_who_is_listed(client: str, lists: list[dict[str, Any]], score: int, named: str) -> None:
    reply = await screen(*lists, score=score).listed(client)
    assert reply == (f"550 5.7.1 Refused: {client} is on the list {named}" if named else "")


async def test_a_list_that_refuses_us_is_in_the_log_once() -> None:
    asked = screen(BL)
    with structlog.testing.capture_logs() as logs:
        await asked.listed("192.0.2.4")
        await asked.listed("192.0.2.4")
    assert [entry["list"] for entry in logs if entry["log_level"] == "warning"] == ["bl.example"]


def test_questions() -> None:
    assert question("192.0.2.99", "bl.example") == "99.2.0.192.bl.example"
    assert question("2001:db8::1", "bl.example") == "1." + "0." * 23 + "8.b.d.0.1.0.0.2.bl.example"


async def test_a_first_try_waits_and_a_second_one_in_time_does_not(tmp_path: Path) -> None:
    clock = ManualClock()
    store = await SqliteStore.open(tmp_path / "s" / "store.db")
    try:
        asked = screen(enabled=True, delay="5m", window="1h", remember="2h", store=store, clock=clock)

        async def one(
            client: str = "192.0.2.1", sender: str | None = "a@client.example", rcpt: str = "help@support.example"
        ) -> str:
            return (await asked.wait(client, Standing.UNKNOWN, sender, rcpt))[:9]

        assert await one() == "451 4.7.1"
        clock.advance(299)
        assert await one() == "451 4.7.1"
        clock.advance(1)
        assert await one("192.0.2.77", "A@client.example") == "", "from a neighbour, in other case"
        assert await one(sender="b@client.example") == "451 4.7.1"
        assert await one(rcpt="sales@shop.example") == "451 4.7.1"
        assert await one("192.0.3.1") == "451 4.7.1"
        assert await one(sender=None) == "451 4.7.1"
        clock.advance(7199)
        assert await one() == "", "remembered"
        clock.advance(7201)
        assert await one() == "451 4.7.1", "forgotten"
        clock.advance(3601)
        assert await one() == "451 4.7.1", "came again too late"
    finally:
        await store.close()


@pytest.mark.parametrize("standing", [Standing.KNOWN, Standing.AGENT, Standing.OWN])
async def test_who_is_known_never_waits(standing: Standing) -> None:
    assert await screen(enabled=True, store=None).wait("192.0.2.1", standing, "a@client.example", "help@support.example") == ""


async def test_off_by_default_and_without_an_address_nobody_waits() -> None:
    assert await screen().wait("192.0.2.1", Standing.UNKNOWN, "a@client.example", "help@support.example") == ""
    assert await screen(enabled=True).wait("", Standing.UNKNOWN, "a@client.example", "help@support.example") == ""


async def test_a_store_that_fails_makes_nobody_wait() -> None:
    class Broken:
        async def greylist(self, *_: object, **__: object) -> float:
            raise StoreError("locked")

    asked = screen(enabled=True, store=Broken())
    assert await asked.wait("192.0.2.1", Standing.UNKNOWN, "a@client.example", "help@support.example") == ""


def test_keys_have_one_length_whatever_the_sender_writes() -> None:
    assert {len(greylist_key(c, "x" * n, "y" * n)) for c in ("192.0.2.1", "2001:db8::1") for n in (0, 1, 300)} == {32}
