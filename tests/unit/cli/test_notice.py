"""`smtpgate notice`: nothing goes out before somebody has seen to how many, and said so."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from smtpgate.cli import notice
from smtpgate.model import Participant, Role
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import a_ticket
from tests.support.store_steps import open_ticket
from tests.unit.cli.conftest import CONFIG, Shop

SEND = ("notice", "send", "--tag", "printer", "--text-en", "Back at 3 p.m.", "--kind", "outage")


@pytest.fixture
def tagged(shop: Shop) -> Shop:
    """Two people with open tickets about the printer."""

    async def fill() -> None:
        store = await SqliteStore.open(next(shop.directory.rglob("*.db")))
        try:
            for who in ("ann@x.example", "bob@x.example"):
                people = (Participant(who, "", Role.CUSTOMER),)
                await open_ticket(store, a_ticket(participants=people, tags=("printer",), language="en"))
        finally:
            await store.close()

    asyncio.run(fill())
    return shop


@pytest.fixture
def bare(tmp_path: Path) -> Shop:
    """A configuration without a store."""
    (tmp_path / "smtpgate.toml").write_text(CONFIG)
    return Shop(tmp_path)


def queued(shop: Shop) -> list[str]:
    return sorted(row["address"] for row in shop.rows("queue", "list") if row["purpose"] == "bulletin")


def test_a_dry_run_shows_all_and_sends_nothing(tagged: Shop) -> None:
    shown = tagged.run(*SEND, "--dry-run")
    assert shown.exit_code == 0
    for part in ("en: 2 people", "A disruption that affects you", "Back at 3 p.m.", "ann@x.example", "bob@x.example"):
        assert part in shown.stdout
    plan = json.loads(tagged.run(*SEND, "--dry-run", "--json").stdout)
    assert sorted(row["address"] for row in plan["people"]) == ["ann@x.example", "bob@x.example"]
    assert (queued(tagged), tagged.rows("notice", "list")) == ([], [])


def test_it_is_sent_listed_and_ended(tagged: Shop) -> None:
    assert "2 mails queued" in tagged.run(*SEND, "--yes").stdout
    assert queued(tagged) == ["ann@x.example", "bob@x.example"]
    (row,) = tagged.rows("notice", "list")
    assert (row["matter"], row["tag"], row["state"], row["people"], row["deliveries"]) == (
        "outage",
        "printer",
        "sent",
        2,
        ["2 queued"],
    )
    slip = tagged.run(*SEND, "--yes")
    assert (slip.exit_code, "--again" in slip.stderr) == (1, True)
    assert "nothing is left to send" in tagged.good("notice", "resume")
    assert "2 mails queued" in tagged.run("notice", "end", "--tag", "#Printer", "--yes").stdout
    assert [one["state"] for one in tagged.rows("notice", "list")] == ["sent", "ended"]
    assert "is over already" in tagged.bad("notice", "end", row["id"], "--yes")[1]


def test_who_is_at_a_terminal_types_the_number_and_a_script_says_yes(tagged: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tagged.run(*SEND)
    assert (result.exit_code, "say --yes" in result.stderr) == (1, True)
    monkeypatch.setattr(notice, "at_a_terminal", lambda: True)
    for typed, goes in (("3", False), ("yes", False), ("", False), ("2", True)):
        monkeypatch.setattr(notice.click, "prompt", lambda *_, said=typed, **__: said)
        assert (tagged.run(*SEND).exit_code == 0) is goes
        assert bool(queued(tagged)) is goes


def test_who_has_no_name_sends_it_under_his_number(tagged: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, say."""

    def nobody(_: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    tagged.run("notice", "send", "--tag", "printer", "--text-en", "Late.", "--yes")
    assert f"uid {os.getuid()}" in tagged.run("notice", "list", "--json").stdout


def test_all_of_it_from_a_file(tagged: Shop, tmp_path: Path) -> None:
    file = tmp_path / "notice.toml"
    file.write_text('tag = "printer"\nkind = "delay"\n[text]\nen = "Two days."\nzh_hant = "兩天。"\n', encoding="utf-8")
    assert "2 mails queued" in tagged.run("notice", "send", "--file", str(file), "--yes").stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('tag = "x"\nkind = "fire"\n[text]\nen = "x"\n', "2: kind: should be 'notice', 'delay', 'maintenance' or 'outage'"),
        (
            'tag = "x"\n[text]\nfr = "x"\n',
            "3: text.fr: is not a setting (there are: tag, kind, desk, text.zh, text.zh_hant, text.en)",
        ),
        ('tag = "x"\n', "text: is missing"),
        ('tag = "x', "1: file: is not TOML"),
        ('tag = "x"\n[text]\nen = " "\n', "it says nothing"),
    ],
)
def test_a_slip_in_a_file_is_named(bare: Shop, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "notice.toml"
    file.write_text(text)
    code, line = bare.bad("notice", "send", "--file", str(file), "--yes")
    assert code != 0
    assert said in line


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("send", "--text-en", "x"), "--tag"),
        (("send", "--tag", "printer"), "it says nothing"),
        (("send", "--tag", "x", "--text-en", "x", "--desk", "nobody"), "there are: support, sales"),
        (("end", "--yes"), "by its ID, or by its --tag"),
        (("end", "aaaaaaaaaaaaa", "--tag", "x"), "by its ID, or by its --tag"),
        (("send", "--file", "/nowhere", "--tag", "x"), "leave out --tag"),
        (("send", "--file", "/nowhere"), "/nowhere: file: is not there"),
    ],
)
def test_a_slip_is_named(bare: Shop, args: tuple[str, ...], said: str) -> None:
    code, line = bare.bad("notice", *args)
    assert code != 0
    assert said in line


def test_what_is_not_there_is_named(tagged: Shop) -> None:
    assert "there is no notice" in tagged.bad("notice", "end", "aaaaaaaaaaaaa", "--yes")[1]
    nobody = tagged.run("notice", "send", "--tag", "nothing", "--text-en", "x", "--yes")
    assert (nobody.exit_code, "nobody has an open ticket with the tag nothing" in nobody.stderr) == (1, True)
