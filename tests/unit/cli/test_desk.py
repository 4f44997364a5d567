"""`smtpgate desk`: what desks there are, and moving all tickets of one; the warnings about desks that are gone."""

from __future__ import annotations

import json

from smtpgate.status import NAMES
from tests.unit.cli.conftest import CONFIG, Shop


def rename(shop: Shop) -> None:
    """sales has another name now."""
    (shop.directory / "smtpgate.toml").write_text(CONFIG.replace('"sales"', '"vertrieb"'))


def test_the_list_has_what_the_configuration_has_and_what_only_tickets_know(shop: Shop) -> None:
    rename(shop)
    rows = shop.rows("desk", "list")
    assert [(r["name"], r["open"], r["tickets"], r["gone"]) for r in rows] == [
        ("support", 1, 2, False),
        ("vertrieb", 0, 0, False),
        ("sales", 1, 1, True),
    ]
    assert "not in the configuration" in shop.good("desk", "list")


def test_a_desk_that_is_gone_is_told_of_until_its_tickets_are_moved(shop: Shop) -> None:
    assert shop.run("check-config").stderr == ""
    rename(shop)
    result = shop.run("check-config")
    assert result.exit_code == 0
    assert result.stderr == (
        "warning: 1 ticket belongs to desk sales, which the configuration does not have: desk support looks after them, and they"
        " stand in no list; smtpgate desk move sales DESK gives them to another one\n"
    )
    assert [json.loads(line)["warning"] for line in shop.run("check-config", "--json").stdout.splitlines()] == [True]
    seen = json.loads(shop.run("status", "--json").stdout)
    assert [a["mend"] for a in seen["alarms"] if a["name"] == "desk-gone"] == [
        "smtpgate desk move sales DESK gives them to another one"
    ]
    assert (seen["tickets_of_unknown_desks"], "desk-gone" in NAMES) == ({"sales": 1}, True)
    assert shop.good("desk", "move", "sales", "vertrieb", "--dry-run") == (
        "dry run: 1 ticket of desk sales (1 open) would go to desk vertrieb; nothing was changed\n"
    )
    assert shop.rows("desk", "move", "sales", "vertrieb", "--dry-run") == [
        {"from": "sales", "to": "vertrieb", "tickets": 1, "open": 1}
    ]
    assert shop.good("desk", "move", "sales", "vertrieb", "--as", "root") == "1 ticket moved from desk sales to desk vertrieb\n"
    assert shop.run("check-config").stderr == ""
    assert "desk-gone" not in shop.run("status").stdout
    assert shop.rows("ticket", "list", "--desk", "vertrieb")[0]["number"] == "20261121-SAL-0001"
    assert (
        shop.good("desk", "move", "sales", "vertrieb")
        == "no ticket belongs to desk sales; desks that have any: support, vertrieb\n"
    )
    assert shop.rows("desk", "move", "sales", "vertrieb") == [{"from": "sales", "to": "vertrieb", "moved": 0}]


def test_a_desk_that_is_still_there_may_be_given_up_and_says_so(shop: Shop) -> None:
    result = shop.run("desk", "move", "sales", "support")
    assert (result.exit_code, result.stdout) == (0, "1 ticket moved from desk sales to desk support\n")
    assert "still in the configuration" in result.stderr


def test_what_is_no_move(shop: Shop) -> None:
    assert shop.bad("desk", "move", "sales", "nobody") == (1, "smtpgate: there is no desk 'nobody'; there are: support, sales")
    assert shop.bad("desk", "move", "sales", "sales") == (1, "smtpgate: sales is both desks; nothing was changed")


def test_without_a_store_the_configuration_is_checked_all_the_same(shop: Shop) -> None:
    (shop.directory / "var" / "smtpgate.db").write_bytes(b"no database")
    result = shop.run("check-config")
    assert (result.exit_code, result.stderr) == (0, "")
