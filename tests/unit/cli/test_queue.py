"""`smtpgate queue` by filters, and holding outgoing mail back."""

from __future__ import annotations

from typing import Any

import pytest

from smtpgate.clock import SystemClock, id_text
from smtpgate.model import DeliveryState
from smtpgate.store.api import Changes
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import a_recipient, an_outgoing
from tests.unit.cli.conftest import Shop

OLD, NEW = "a@Old.example", "b@new.example"


@pytest.fixture
def two(shop: Shop) -> dict[str, str]:
    """Two more pending recipients: an old one at old.example, a new one at new.example."""
    made: dict[str, str] = {}

    async def fill(store: SqliteStore) -> None:
        now = SystemClock().now()
        for address, at in ((OLD, now - 7200), (NEW, now - 60)):
            recipient = a_recipient(address, next_at=now + 600)
            made[address] = id_text(recipient.id)
            mail = an_outgoing(recipient, created_at=at)
            await store.change(ticket_number=None, query=None, decide=lambda _, __, mail=mail: Changes(outgoing=(mail,)))

    shop.store(fill)
    return made


def state(shop: Shop, id_: str) -> str:
    (row,) = shop.rows("queue", "show", id_)
    return next(str(r["state"]) for r in row["recipients"] if r["id"] == id_)


def listed(shop: Shop, *args: str) -> set[str]:
    return {row["address"] for row in shop.rows("queue", "list", *args)}


def test_list_filters(shop: Shop, two: dict[str, str]) -> None:
    assert listed(shop, "--domain", "OLD.example") == listed(shop, "--domain", "@old.example") == {OLD}
    assert listed(shop, "--older-than", "1h", "--domain", "new.example") == set()
    assert OLD in listed(shop, "--older-than", "1h")
    assert listed(shop, "--domain", "example.org", "--state", "failed") == {"failed@example.org"}
    assert listed(shop, "--domain", "example.org", "--ticket", "20261121-EML-0002") == set()


def test_drop_by_domain_leaves_the_rest(shop: Shop, two: dict[str, str]) -> None:
    assert shop.good("queue", "drop", "--domain", "old.example") == "1 recipient dropped\n"
    assert (state(shop, two[OLD]), state(shop, two[NEW])) == ("dropped", "queued")


def test_retry_by_ticket_and_by_age(shop: Shop, two: dict[str, str]) -> None:
    assert shop.good("queue", "retry", "--ticket", "20261121-EML-0001") == "2 recipients will be tried now\n"
    assert state(shop, shop.recipients[DeliveryState.FAILED]) == "failed"
    assert shop.good("queue", "retry", "--older-than", "1h", "--domain", "old.example") == "1 recipient will be tried now\n"


def test_held_mail_is_not_due_until_it_is_released(shop: Shop, two: dict[str, str]) -> None:
    async def claim(store: SqliteStore) -> Any:
        later = SystemClock().now() + 3600
        return [d.address for d in await store.claim_deliveries(worker="w", now=later, limit=99, next_at=lambda _: later)]

    async def check(store: SqliteStore) -> list[str]:
        return await store.check()

    before = shop.store(check)
    assert shop.good("queue", "hold", "--all") == "4 recipients held\n"
    assert shop.store(claim) == []
    assert shop.store(check) == before
    assert listed(shop) == set()
    assert listed(shop, "--state", "held", "--domain", "old.example") == {OLD}
    assert shop.good("queue", "release", two[OLD]) == "1 recipient released\n"
    assert shop.store(claim) == [OLD]
    assert shop.good("queue", "drop", two[NEW]) == "1 recipient dropped\n"
    assert shop.good("queue", "release", "--all") == "3 recipients released\n"


def test_what_is_being_tried_is_not_held(shop: Shop, two: dict[str, str]) -> None:
    async def claim(store: SqliteStore) -> Any:
        later = SystemClock().now() + 3600
        return await store.claim_deliveries(worker="w", now=later, limit=99, next_at=lambda _: later)

    assert len(shop.store(claim)) == 4
    assert shop.good("queue", "hold", two[OLD]) == "0 recipients held\n"
    assert state(shop, two[OLD]) == "queued"


@pytest.mark.parametrize("command", ["retry", "hold", "release", "drop"])
def test_a_command_needs_to_know_which(shop: Shop, two: dict[str, str], command: str) -> None:
    for args in ([], [two[OLD], "--domain", "old.example"]):
        code, said = shop.bad("queue", command, *args)
        assert code == 2
        assert "name ids" in said
    assert state(shop, two[OLD]) == "queued"


def test_release_takes_held_mail_only(shop: Shop, two: dict[str, str]) -> None:
    code, said = shop.bad("queue", "release", two[OLD])
    assert (code, "is queued already; nothing was changed" in said) == (1, True)
