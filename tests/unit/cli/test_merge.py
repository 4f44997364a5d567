"""`smtpgate ticket merge` and `split`: an admin makes one ticket of two and two of one, by the rules that hold for agents."""

from __future__ import annotations

from smtpgate.store.api import Changes
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import an_entry
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


def test_what_cannot_be_split(shop: Shop) -> None:
    assert "there is no ticket 20200101-EML-0001" in shop.bad("ticket", "split", "20200101-EML-0001", "1")[1]
    assert "no mail of the customer" in shop.bad("ticket", "split", OPEN, "1")[1]
    for which in ("0", "1001", "9" * 30):
        assert "WHICH counts from 1 to 1000 (tickets.split_reach)" in shop.bad("ticket", "split", OPEN, which)[1]


def test_an_admin_splits(shop: Shop) -> None:
    async def written(store: SqliteStore) -> None:
        detail = await store.ticket(OPEN)
        assert detail is not None
        entries = tuple(an_entry(detail.ticket.id, mail_id=mail_id, message_id=f"<{mail_id}@x>") for mail_id in mails)
        await store.change(ticket_number=None, query=None, decide=lambda _, __: Changes(entries=entries))

    mails = (*shop.held, shop.poison[0])
    shop.store(written)
    said = shop.good("ticket", "split", f"[#{OPEN.lower()}]", "2", "--subject", "The other", "--as", "root@desk.example")
    (row,) = shop.rows("ticket", "list", "--limit", "1")
    assert said == f"mail of wang@example.org ({mails[1]}) is {row['number']} now; split mail queued for wang@example.org\n"
    assert (row["subject"], row["links"]) == ("The other", [{"kind": "split-from", "number": OPEN}])
    (made,) = shop.rows("ticket", "split", OPEN, mails[0], "--quiet")
    assert made["said"].endswith("no mail was sent")
    (new,) = shop.rows("ticket", "show", made["new"])
    assert [e["mail_id"] for e in new["entries"] if e["kind"] == "customer"] == [mails[0]]
    assert "only mail of the customer" in shop.bad("ticket", "split", OPEN, "1")[1]
