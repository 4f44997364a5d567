"""`smtpgate ticket customer`: an admin puts another person in a customer's place, by the rules that hold for agents."""

from __future__ import annotations

from tests.unit.cli.conftest import Shop

CLOSED, NOBODYS = "20261121-EML-0001", "20261121-SAL-0001"


def test_an_admin_names_another_customer(shop: Shop) -> None:
    said = shop.good("ticket", "customer", f"[#{CLOSED.lower()}]", "li@example.org", "--name", "李", "--as", "root@desk.example")
    assert (
        said == f"li@example.org is the customer of {CLOSED} now (was wang@example.org); handed mail queued for wang@example.org\n"
    )
    (row,) = shop.rows("ticket", "show", CLOSED)
    assert row["participants"] == [{"name": "李", "address": "li@example.org", "role": "customer"}]
    assert row["customer_since"] is not None
    assert [e["author"] for e in row["entries"] if e["text"].startswith("customer: wang@example.org")] == ["root@desk.example"]
    assert [s["purpose"] for s in row["sent"] if s["address"] == "wang@example.org"][-1:] == ["handed"]
    assert "customer since" in shop.good("ticket", "show", CLOSED)
    assert "is the customer already" in shop.bad("ticket", "customer", CLOSED, "LI@example.org")[1]
    back = shop.rows("ticket", "customer", CLOSED, "wang@example.org", "--copy", "--quiet")[0]["said"]
    assert back.endswith("li@example.org gets copies; no mail was sent")
    (row,) = shop.rows("ticket", "show", CLOSED)
    assert [(p["address"], p["role"]) for p in row["participants"]] == [
        ("wang@example.org", "customer"),
        ("li@example.org", "joined"),
    ]


def test_who_cannot_be_one_and_a_ticket_that_had_none(shop: Shop) -> None:
    assert "there is no ticket 20200101-EML-0001" in shop.bad("ticket", "customer", "20200101-EML-0001", "li@example.org")[1]
    for address, why in (("support@desk.example", "ours"), ("x", "no address that mail can be sent to")):
        code, said = shop.bad("ticket", "customer", CLOSED, address)
        assert (code, why in said) == (1, True), said
    said = shop.good("ticket", "customer", NOBODYS, "li@example.org")
    assert said == f"li@example.org is the customer of {NOBODYS} now; no mail was sent\n"
