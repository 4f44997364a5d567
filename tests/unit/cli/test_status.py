"""`smtpgate status`: the figures, the alarms, and the exit code for monitoring."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smtpgate import __version__
from smtpgate.clock import SystemClock
from smtpgate.model import MailState
from smtpgate.status import NAMES, duration
from smtpgate.store.api import Changes
from smtpgate.store.seen import Node
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


def test_several_gateways(fresh: Shop) -> None:
    now = SystemClock().now()

    async def signs(store: SqliteStore) -> None:
        for name, seen_at in (("mx1", now), ("mx2", now - 300), ("mx3", now + 60)):
            await store.sign(Node(name, "1.0", now - 4000, seen_at, {"sessions": 7, "filing": 1, "delivery": 0}))

    fresh.store(signs)
    assert names(fresh) == ["node-silent", "node-clock"]
    found = {node["name"]: node for node in seen(fresh)["nodes"]}
    assert found["mx1"]["sessions"] == 7
    assert found["mx2"]["seen_seconds_ago"] >= 300
    printed = fresh.run("status").stdout
    assert re.search(r"mx1 +1\.0 ", printed)
    assert "gateway mx2 gives no sign since 5m" in printed
    assert re.search(r"the clock of gateway mx3 is (5\d|60) s ahead", printed)


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


def write_live(shop: Shop, age: float = 1.0, **facts: Any) -> None:
    path = shop.directory / "var" / "smtpgate.db.live"
    path.write_text(json.dumps({"version": __version__, **facts}))
    at = SystemClock().now() - age
    os.utime(path, (at, at))


def test_what_the_gateway_does_is_shown(fresh: Shop) -> None:
    write_live(
        fresh,
        pid=4711,
        started_at=SystemClock().now() - 7200,
        processes=[{"name": "gateway", "pid": 4711, "memory": 60 * 1024**2}, {"name": "door", "pid": 4712, "memory": 30 * 1024**2}],
        sessions={"open": 3, "limit": 1000, "receiving": 1, "octets": 9, "most_from": [{"peer": "192.0.2.1", "open": 3}]},
        parsers=[{"pid": 12, "served": 5, "octets": 2048}, {"pid": 13, "served": 0, "octets": None}],
        filing={"in_hand": 1, "mails": [{"mail": "amuutpxrr3oye", "seconds": 2.5}]},
        delivery={"in_hand": 2, "connections": 1, "destinations": [{"destination": "a.example", "running": 1, "waiting": 1}]},
    )
    text = fresh.good("status")
    for words in (
        f"version {__version__}, up 2h",
        "gateway 4711, 60 MiB in memory",
        "door 4712, 30 MiB in memory",
        "90 MiB together",
        "3 of 1000, 1 receiving",
        "192.0.2.1 (3)",
        "12 reads 2.0 KiB, 5 read",
        "13 idle, 0 read",
        "amuutpxrr3oye for 2.5 s",
        "a.example 1 running 1 waiting",
    ):
        assert words in text, text
    assert seen(fresh)["gateway"]["pid"] == 4711


def test_a_gateway_without_a_sign_of_life(fresh: Shop) -> None:
    write_live(fresh, age=29.0)
    assert names(fresh) == []
    write_live(fresh, age=40.0)
    assert names(fresh) == ["gateway-stuck"]


def test_what_another_version_or_a_stranger_wrote_harms_nothing(fresh: Shop) -> None:
    write_live(fresh)
    assert fresh.good("status")
    write_live(fresh, version="0.0.1", sessions=5, filing="x", certificate_until="soon", reload_refused=3)
    assert "it runs version 0.0.1" in fresh.good("status")
    for text in ("", "[]", "{", "null", "{}"):
        (fresh.directory / "var" / "smtpgate.db.live").write_text(text)
        assert names(fresh) == []


def test_a_certificate_that_ends_and_a_reload_that_was_refused(fresh: Shop) -> None:
    now = SystemClock().now()
    write_live(fresh, certificate_until=now + 15 * 86400)
    assert names(fresh) == []
    for until, said in ((now + 86400 * 3, "ends in"), (now - 86400, "ended")):
        write_live(fresh, certificate_until=until)
        (alarm,) = seen(fresh)["alarms"]
        assert alarm["name"] == "certificate-ends"
        assert said in alarm["text"]
    write_live(fresh, reload_refused=["smtpgate.toml:3: limits.hops: too few"])
    assert names(fresh) == ["reload-refused"]


def test_held_mail_that_nobody_looks_at(shop: Shop) -> None:
    with running(shop.directory):
        assert "held-old" in names(shop)
        assert "held-old" not in names(shop, "--held-age", "9999d")


def test_durations_are_short() -> None:
    assert [duration(s) for s in (-1, 59, 60, 3600, 86399, 86400 * 12)] == ["0s", "59s", "1m", "1h", "23h", "12d"]


def test_every_alarm_has_its_section_in_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    assert tuple(re.findall(r"^## ([a-z]+(?:-[a-z]+)*)$", text, re.M))[: len(NAMES)] == NAMES
