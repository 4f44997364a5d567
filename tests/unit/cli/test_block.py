"""`smtpgate block`: who is blocked, where and why; and what is no sender."""

from __future__ import annotations

import pytest

from smtpgate.blocks import Block
from smtpgate.model import MailState
from smtpgate.store.api import Changes
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_steps import accept_one, claim_all, file_as
from tests.unit.cli.conftest import Shop


def test_blocking_and_taking_it_back(shop: Shop) -> None:
    assert shop.good("block", "add", "Pest+sub@Spam.example", "--reason", "每天都写", "--as", "root") == (
        "pest@spam.example is blocked at all desks\n"
    )
    assert shop.rows("block", "add", "@spam.example", "--desk", "support") == [
        {"who": "@spam.example", "desk": "support", "blocked": True}
    ]
    rows = shop.rows("block", "list")
    assert [(r["who"], r["desk"], r["by"], r["reason"]) for r in rows] == [
        ("@spam.example", "support", "", ""),
        ("pest@spam.example", "*", "root", "每天都写"),
    ]
    assert [r["who"] for r in shop.rows("block", "list", "--desk", "sales")] == ["pest@spam.example"]
    assert "每天都写" in shop.good("block", "list")
    code, said = shop.bad("block", "remove", "@spam.example")
    assert code == 1
    assert "--desk support" in said
    assert "pest@spam.example is no longer blocked at all desks" in shop.good("block", "remove", "pest@SPAM.example")
    assert shop.rows("block", "remove", "@spam.example", "--desk", "support") == [
        {"who": "@spam.example", "desk": "support", "blocked": False}
    ]
    assert shop.rows("block", "list") == []


def test_what_is_held_of_a_blocked_sender_is_released_by_name_only(shop: Shop) -> None:
    async def hold(store: SqliteStore) -> str:
        mail_id = await accept_one(store)
        await claim_all(store)
        await file_as(store, mail_id, Changes(state=MailState.HELD, reason="blocked: pest@spam.example at all desks"))
        return mail_id

    blocked = shop.store(hold)
    result = shop.run("hold", "release", "--all", "--yes")
    assert (result.exit_code, "1 mail of blocked senders left as it is" in result.stderr) == (0, True)
    assert [row["id"] for row in shop.rows("hold", "list")] == [blocked]
    assert "1 mail released" in shop.good("hold", "release", "--reason", "Blocked")


@pytest.mark.parametrize("who", ["pest", "@", "a b@c.example", "@example", "support@desk.example", "@desk.example"])
def test_what_cannot_be_blocked(shop: Shop, who: str) -> None:
    assert shop.bad("block", "add", who)[0] == 1
    assert shop.rows("block", "list") == []


def test_a_desk_that_is_not_there(shop: Shop) -> None:
    assert "there are: support, sales" in shop.bad("block", "add", "pest@spam.example", "--desk", "x")[1]


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("a@b@c.example", "no address: it has more than one @"),
        ("@b@c.example", "no address: it has more than one @"),
        ("pest", "neither an address nor @DOMAIN"),
        ("pest@localhost", "neither an address nor @DOMAIN"),
        ("@", "neither an address nor @DOMAIN"),
        ("pest@-.example", "not possible: '-.example' is no domain"),
        ("@spam..example", "not possible: 'spam..example' is no domain"),
        ("@[192.0.2.1]", "not possible: '[192.0.2.1]' is no domain"),
        ("two words@spam.example", "no address: it has a local part that is neither a dot-atom nor a simple quoted string"),
        ("pe\u200bst@spam.example", "no address: it holds an invisible character"),
        ("x" * 65 + "@spam.example", "no address: it has a local part of more than 64 octets"),
    ],
)
def test_what_no_sender_can_be_is_refused_with_what_to_write(shop: Shop, who: str, why: str) -> None:
    code, said = shop.bad("block", "add", who)
    assert (code, said) == (
        1,
        f"smtpgate: {who!r} is {why}; write pest@spam.example for one sender, @spam.example for a domain; nothing was changed",
    )
    assert shop.rows("block", "list") == []


def test_a_domain_beyond_ascii_is_kept_as_senders_are_compared(shop: Shop) -> None:
    for who in ("<Pest@Bücher.example>", "@例子.example", "pest@[192.0.2.1]"):
        shop.good("block", "add", who)
    assert [row["who"] for row in shop.rows("block", "list")] == [
        "@xn--fsqu00a.example",
        "pest@[192.0.2.1]",
        "pest@xn--bcher-kva.example",
    ]
    shop.good("block", "remove", "pest@bücher.example")


def test_what_an_earlier_version_took_can_be_removed(shop: Shop) -> None:
    blocked = Changes(blocked=(Block("a@b@c.example", "", 1.0),))

    async def old(store: SqliteStore) -> None:
        await store.change(ticket_number=None, query=None, decide=lambda _, __: blocked)

    shop.store(old)
    assert "a@b@c.example is no longer blocked" in shop.good("block", "remove", "a@b@c.example")
