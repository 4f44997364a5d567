"""`smtpgate ticket merge`: an admin makes one ticket of two, by the rules that hold for agents."""

from __future__ import annotations

from tests.unit.cli.conftest import Shop

CLOSED, OPEN, NOBODYS = "20261121-EML-0001", "20261121-EML-0002", "20261121-SAL-0001"


def test_an_admin_merges(shop: Shop) -> None:
    said = shop.good("ticket", "merge", f"[#{OPEN.lower()}]", CLOSED, "--as", "root@desk.example")
    assert said == f"{OPEN} is part of {CLOSED} now; merged mail queued for wang@example.org\n"
    (row,) = shop.rows("ticket", "show", OPEN)
    assert (row["number"], row["status"]) == (CLOSED, "progress")
    assert row["links"] == [{"kind": "holds", "number": OPEN}]
    assert [e["author"] for e in row["entries"] if e["kind"] == "event" and "merged" in e["text"]] == ["root@desk.example"]
    assert [s["purpose"] for s in row["sent"] if s["address"] == "wang@example.org"] == ["merged"]
    assert f"{OPEN}, which was merged into it" in shop.good("ticket", "show", OPEN)
    code, said = shop.bad("ticket", "merge", OPEN, CLOSED)
    assert (code, "is this ticket, or leads to it already" in said) == (1, True)


def test_without_a_word_to_the_customer(shop: Shop) -> None:
    assert shop.rows("ticket", "merge", OPEN, CLOSED, "--quiet")[0]["said"].endswith("no mail was sent")


def test_what_cannot_be_merged(shop: Shop) -> None:
    assert "there is no ticket 20200101-EML-0001" in shop.bad("ticket", "merge", "20200101-EML-0001", OPEN)[1]
    assert "there is no ticket 20200101-EML-0001" in shop.bad("ticket", "merge", OPEN, "20200101-EML-0001")[1]
    assert "has no customer" in shop.bad("ticket", "merge", OPEN, NOBODYS)[1]
    assert {row["status"] for row in shop.rows("ticket", "list")} == {"closed", "received"}
