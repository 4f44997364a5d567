"""Contract: mails of the last minute, hour and day, as a count of all rows would have it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from smtpgate.model import DeliveryState, MailState
from smtpgate.store import rates, schema, sqlite_file, sqlite_writer
from smtpgate.store.seen import Rate
from smtpgate.store.statement import Rows
from smtpgate.store.verbs import VerbStore
from tests.support.store_data import NOW, a_recipient, accepted, an_attempt
from tests.support.store_steps import queue_to


async def test_of_an_empty_store(store: VerbStore) -> None:
    assert (await store.overview(NOW)).rates == tuple(Rate(seconds, 0, 0, 0) for seconds in rates.WINDOWS)


async def test_each_window_counts_its_own(store: VerbStore) -> None:
    ages = (200_000, 90_000, 80_000, 7000, 1800, 1700, 30, 5)
    for age in ages:
        await store.accept(accepted(at=NOW - age))
    # two are held for good, of which one came within the hour
    mails = {NOW - mail.received_at: mail.id for mail in await store.claim(worker="n:1", now=NOW, lease=60, limit=9)}
    for age in (7000, 1700):
        await store.settle_mail(mails[age], expect=[MailState.ACCEPTED], to=MailState.DROPPED, reason="")
    recipients = [a_recipient(f"{n}@example.org", next_at=NOW) for n in range(4)]
    await queue_to(store, *recipients)
    await store.claim_deliveries(worker="n:1", now=NOW, limit=9, next_at=lambda _: NOW + 300)
    results = (
        (86_500, DeliveryState.DELIVERED),
        (86_000, DeliveryState.DELIVERED),
        (3000, DeliveryState.FAILED),
        (10, DeliveryState.DELIVERED),
    )
    for recipient, (age, state) in zip(recipients, results, strict=True):
        await store.record_attempts([an_attempt(recipient.id, at=NOW - age, state=state)])
    assert (await store.overview(NOW)).rates == (Rate(60.0, 2, 0, 1), Rate(3600.0, 4, 0, 1), Rate(86400.0, 6, 0, 2))


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        sqlite_file._run(made, schema.schema())
        made.execute("PRAGMA foreign_keys = OFF")
        yield made


def asked(connection: sqlite3.Connection, now: float) -> tuple[tuple[Rate, ...], int]:
    """And how many statements it took."""
    verb, rows, count = rates.rates(now), None, 0
    try:
        while True:
            question = verb.send(rows) if rows is not None else next(verb)
            rows, count = sqlite_writer.answer(connection, question), count + 1
    except StopIteration as done:
        return done.value, count


def fill(connection: sqlite3.Connection, moments: Rows) -> None:
    connection.execute("DELETE FROM incoming")
    connection.execute("DELETE FROM attempt")
    connection.executemany(
        """INSERT INTO incoming (id, state, received_at, rcpts, peer, helo, protocol, smtputf8, verdict, size, sha256)
            VALUES (?, ?, ?, '[]', '', '', '', 0, '', 0, '')""",
        [(str(n), state, at) for n, (at, state) in enumerate(moments)],
    )
    connection.executemany(
        "INSERT INTO attempt (recipient_id, at, state, next_at, code, reply, remote, tls) VALUES (1, ?, ?, 0, 0, '', '', '')",
        [(at, "delivered" if state == "filed" else "failed") for at, state in moments],
    )


def counted(moments: Rows, now: float) -> tuple[Rate, ...]:
    found = []
    for seconds in rates.WINDOWS:
        inside = [state for at, state in moments if at > now - seconds]
        found.append(Rate(seconds, len(inside), inside.count("filed"), inside.count("filed")))
    return tuple(found)


def test_as_a_count_of_all_rows_however_many_come_when(connection: sqlite3.Connection) -> None:
    chance = random.Random(5)
    for _ in range(60):
        number, spread = chance.choice((0, 1, 7, 8, 9, 17, 100, 700)), chance.choice((1.0, 100.0, 5000.0, 200_000.0))
        moments = sorted(
            (NOW - chance.random() * spread, chance.choice(("filed", "filed", "held", "dropped"))) for _ in range(number)
        )
        fill(connection, moments)
        for now in (NOW, NOW + 59.0, NOW + 3000.0, NOW + 90_000.0):
            assert asked(connection, now)[0] == counted(moments, now), (number, spread, now)


def test_what_took_long_moves_no_window_by_more_than_itself(connection: sqlite3.Connection) -> None:
    """One in five attempts began up to ten minutes before those beside it, and the very last one too."""
    chance = random.Random(6)
    moments: Rows = [(NOW - 20_000 + i * 10 - (chance.random() * 600 if i % 5 == 4 else 0), "filed") for i in range(2000)]
    fill(connection, moments)
    for found, exact in zip(asked(connection, NOW)[0], counted(moments, NOW), strict=True):
        assert abs(found.accepted - exact.accepted) <= 15, (found, exact)
        assert found.accepted >= exact.accepted - rates._NEAR


def test_a_day_of_many_mails_costs_hardly_more_questions_than_one_of_few(connection: sqlite3.Connection) -> None:
    def day_of(number: int) -> int:
        moments: Rows = [(NOW - 100_000 + i * 100_000 / number, "filed") for i in range(number)]
        fill(connection, moments)
        found, questions = asked(connection, NOW)
        assert found == counted(moments, NOW)
        return questions

    assert day_of(20_000) <= day_of(200) + 8
