"""`smtpgate ticket targets`, and what `ticket list` and `ticket show` say of what is due."""

from __future__ import annotations

from smtpgate.model import Ticket
from smtpgate.store.api import Changes, Facts
from smtpgate.store.sqlite import SqliteStore
from smtpgate.target import Met, Target, TargetClock
from tests.unit.cli.conftest import Shop

OPEN, SALES = "20261121-EML-0002", "20261121-SAL-0001"
DAY = 86_400.0


def counted(shop: Shop, now: float) -> None:
    def decide(ticket: Ticket | None, _: Facts) -> Changes:
        assert ticket is not None
        late = ticket.number == OPEN
        clock = TargetClock(ticket.id, ticket.desk, due_at=now + (-DAY if late else DAY), due=Target.FIRST)
        met = [Met(ticket.id, Target.FIRST, "support", now - i, 60.0 if i else 0.0) for i in range(3)] if late else []
        return Changes(clocks=(clock,), met=tuple(met))

    async def write(store: SqliteStore) -> None:
        for number in (OPEN, SALES):
            await store.change(ticket_number=number, query=None, decide=decide)

    shop.store(write)


def test_what_is_due(shop: Shop) -> None:
    import time

    counted(shop, time.time())
    assert [row["number"] for row in shop.rows("ticket", "list", "--overdue")] == [OPEN]
    (row,) = shop.rows("ticket", "list", "--overdue")
    assert row["due"] == "first answer"
    assert [row["number"] for row in shop.rows("ticket", "list", "--sort", "due")] == [OPEN, SALES]
    assert [row["number"] for row in shop.rows("ticket", "list", "--sort", "due", "--desk", "sales")] == [SALES]
    assert shop.rows("ticket", "list", "--sort", "due", "--status", "closed") == []
    assert "first answer" in shop.good("ticket", "list", "--overdue")
    assert "(first answer)" in shop.good("ticket", "show", OPEN)
    assert "go with --desk, --status and --limit alone" in shop.bad("ticket", "list", "--overdue", "--from", "a@b.example")[1]


def test_what_was_met_and_missed(shop: Shop) -> None:
    import time

    assert shop.run("ticket", "targets").stderr == "no target was met or missed\n"
    counted(shop, time.time() - 40 * DAY)
    (row,) = shop.rows("ticket", "targets")
    month = time.strftime("%Y-%m", time.gmtime(time.time() - 40 * DAY))
    assert row == {"desk": "support", "month": month, "target": "first answer", "in_time": 1, "late": 2, "percent": 33}
    assert shop.rows("ticket", "targets", "--months", "1") == []
    assert shop.rows("ticket", "targets", "--desk", "sales") == []
    assert "there is no desk 'nowhere'" in shop.bad("ticket", "targets", "--desk", "nowhere")[1]
