"""`smtpgate ticket time`: what agents worked, summed up."""

from __future__ import annotations

from datetime import UTC, datetime

from smtpgate.store.api import Changes, SpentTime
from smtpgate.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Shop

ONE, TWO = "20261121-EML-0001", "20261121-EML-0002"


def at(day: int, hour: int = 12) -> float:
    return datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()


async def _work(store: SqliteStore) -> None:
    ids = {number: detail.ticket.id for number in (ONE, TWO) if (detail := await store.ticket(number)) is not None}
    spent = (
        SpentTime(1, ids[ONE], "support", "li@desk.example", at(1), 90),
        SpentTime(2, ids[ONE], "support", "kim@desk.example", at(2), 20),
        SpentTime(3, ids[TWO], "support", "li@desk.example", at(3), 15),
        SpentTime(4, ids[TWO], "sales", "li@desk.example", at(3, 23), 60),
        SpentTime(5, ids[ONE], "support", "li@desk.example", at(4), -30),
    )
    await store.change(ticket_number=None, query=None, decide=lambda *_: Changes(spent=spent))


def test_by_agent_by_ticket_and_within_a_time(shop: Shop) -> None:
    assert shop.rows("ticket", "time") == []
    shop.store(_work)
    assert shop.rows("ticket", "time") == [
        {"desk": "sales", "agent": "li@desk.example", "minutes": 60, "entries": 1, "tickets": 1},
        {"desk": "support", "agent": "kim@desk.example", "minutes": 20, "entries": 1, "tickets": 1},
        {"desk": "support", "agent": "li@desk.example", "minutes": 75, "entries": 3, "tickets": 2},
    ]
    said = shop.good("ticket", "time", "--desk", "support")
    assert "1 h 15 min" in said
    assert said.endswith("all: 1 h 35 min\n")
    tickets = shop.rows("ticket", "time", "--by", "ticket", "--agent", "LI@desk.example")
    assert [(row["number"], row["minutes"], row["entries"]) for row in tickets] == [(ONE, 60, 2), (TWO, 75, 2)]
    between = shop.rows("ticket", "time", "--since", "2026-11-02", "--until", "2026-11-03")
    assert [row["minutes"] for row in between] == [60, 20, 15]
    assert shop.good("ticket", "time", "--csv", "--until", "2026-11-01") == (
        "desk,agent,minutes,entries,tickets\nsupport,li@desk.example,90,1,1\n"
    )
    assert "1 h 20 min (kim@desk.example 20 min, li@desk.example 1 h)" in shop.good("ticket", "show", ONE)
    (row,) = shop.rows("ticket", "show", ONE)
    assert (row["worked_minutes"], [one["minutes"] for one in row["worked"]]) == (80, [90, 20, -30])


def test_what_cannot_be_asked(shop: Shop) -> None:
    for wanted, said in (
        (("--desk", "nowhere"), "there is no desk 'nowhere'"),
        (("--since", "yesterday"), "--since yesterday: write a date as 2026-11-01"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), "nothing is between them"),
        (("--csv", "--json"), "do not go together"),
    ):
        assert said in shop.bad("ticket", "time", *wanted)[1]
