"""`smtpgate status`: the figures, the alarms, and the exit code for monitoring."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smtpgate.clock import SystemClock
from smtpgate.model import MailState
from smtpgate.status import NAMES, duration
from smtpgate.store.api import Changes
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import a_query, a_recipient, accepted, an_attempt, an_outgoing
from tests.unit.cli.conftest import CONFIG, Shop


@contextmanager
def running(directory: Path) -> Iterator[None]:
    """The lock that a gateway has."""
    with (directory / "var" / "smtpgate.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Shop]:
    """An empty store on which a gateway runs."""
    (tmp_path / "smtpgate.toml").write_text(CONFIG + '[limits]\nfree_space = "64KiB"\n')
    made = Shop(tmp_path)

    async def nothing(store: SqliteStore) -> None:
        pass

    made.store(nothing)
    with running(tmp_path):
        yield made


def seen(shop: Shop, *args: str) -> dict[str, Any]:
    result = shop.run("status", "--json", *args)
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (1 if found["alarms"] else 0)
    return found


def names(shop: Shop, *args: str) -> list[str]:
    return [alarm["name"] for alarm in seen(shop, *args)["alarms"]]


def test_all_is_well(fresh: Shop) -> None:
    assert names(fresh) == []
    text = fresh.good("status")
    assert text.startswith("all is well\n")
    assert "runs" in text


def test_a_store_without_a_gateway_needs_somebody(shop: Shop) -> None:
    assert names(shop)[0] == "gateway-down"
    with running(shop.directory):
        assert "gateway-down" not in names(shop)


def test_poison_pauses_and_old_mail_are_alarms_with_what_to_do(shop: Shop) -> None:
    result = shop.run("status")
    assert result.exit_code == 1
    for words in ("2 mail could not be filed", "smtpgate poison list", "535 5.7.8 wrong password", "queue resume relay.example"):
        assert words in result.stdout
    row = seen(shop)
    assert row["counts"]["mail.held"] == 2
    assert set(row["oldest_seconds"]) >= {"mail.held", "mail.poison"}
    assert row["store"]["size"] > 0
    assert row["store"]["damage"] is None


def test_rates_count_their_window_only(fresh: Shop) -> None:
    now = SystemClock().now()

    async def fill(store: SqliteStore) -> None:
        for age in (200_000, 90_000, 80_000, 7000, 1800, 1700, 30, 5):
            await store.accept(accepted(at=now - age))
        mails = await store.claim(worker="node:1", now=now, lease=60, limit=9)
        filed = Changes(state=MailState.FILED, decision="{}")
        await store.file(mails[-1].id, worker="node:1", query=a_query(mails[-1].id), decide=lambda _: filed)
        recipients = [a_recipient(next_at=now) for _ in range(3)]
        mail = an_outgoing(*recipients, created_at=now)
        await store.change(ticket_number=None, query=None, decide=lambda _, __: Changes(outgoing=(mail,)))
        ages = (86_000, 3000, 10)
        await store.record_attempts([an_attempt(r.id, at=now - age) for r, age in zip(recipients, ages, strict=True)])

    fresh.store(fill)
    row = seen(fresh)
    rates = [(r["seconds"], r["accepted"], r["filed"], r["delivered"]) for r in row["rates"]]
    assert rates == [(60, 2, 1, 1), (3600, 4, 1, 2), (86400, 6, 1, 3)]
    assert [(w["name"], w["work"], w["count"]) for w in row["workers"]] == [("node:1", "filing", 7)]


def test_accepted_mail_that_is_not_filed_in_time(fresh: Shop) -> None:
    async def fill(store: SqliteStore) -> None:
        await store.accept(accepted(at=SystemClock().now() - 1200))

    fresh.store(fill)
    assert names(fresh) == ["accepted-old"]
    assert names(fresh, "--accepted-age", "1h") == []


def test_outgoing_mail_is_late_only_if_it_could_have_gone(fresh: Shop) -> None:
    now = SystemClock().now()

    async def queue(store: SqliteStore, *recipients: Any) -> None:
        mail = an_outgoing(*recipients, created_at=now - 20_000)
        await store.change(ticket_number=None, query=None, decide=lambda _, __: Changes(outgoing=(mail,)))

    fresh.store(lambda store: queue(store, a_recipient(next_at=now + 600)))
    assert names(fresh) == []
    fresh.store(lambda store: queue(store, a_recipient(next_at=now - 1)))
    assert names(fresh) == ["queue-old"]
    assert names(fresh, "--queue-age", "1d") == []


def test_a_full_disk_is_an_alarm(fresh: Shop) -> None:
    (fresh.directory / "smtpgate.toml").write_text(CONFIG + '[limits]\nfree_space = "4000000000GiB"\n')
    assert names(fresh) == ["disk-full"]


def test_a_damaged_store_is_told(fresh: Shop) -> None:
    path = fresh.directory / "var" / "smtpgate.db"
    content = bytearray(path.read_bytes())
    content[8192:8292] = b"\xff" * 100  # a page that no query of status reads
    path.write_bytes(content)
    result = fresh.run("status")
    assert result.exit_code in (1, 74)
    assert "damaged" in result.output or "malformed" in result.output or "cannot be trusted" in result.output


@pytest.mark.parametrize("text", ["", "x", "5", "-1h", "1e999d"])
def test_ages_need_units(fresh: Shop, text: str) -> None:
    result = fresh.run("status", "--queue-age", text)
    assert result.exit_code in (0, 2) if text == "1e999d" else result.exit_code == 2
    assert "Traceback" not in result.output


def test_durations_are_short() -> None:
    assert [duration(s) for s in (-1, 59, 60, 3600, 86399, 86400 * 12)] == ["0s", "59s", "1m", "1h", "23h", "12d"]


def test_every_alarm_has_its_section_in_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    assert tuple(re.findall(r"^## ([a-z]+(?:-[a-z]+)*)$", text, re.M))[: len(NAMES)] == NAMES
