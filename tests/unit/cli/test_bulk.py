"""Filters of mail, hold and poison; dry runs, questions, and what JSON says of a change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smtpgate.clock import SystemClock
from smtpgate.model import Evidence, MailState
from smtpgate.store.api import Changes
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import a_mail_id, a_query, a_verdict, accepted
from tests.unit.cli.conftest import RAW, Shop

SPAM = "noise@bulk.spam.example"


@pytest.fixture
def spam(shop: Shop) -> str:
    """One more held mail, that came just now to one desk's signed address."""
    import dataclasses

    mail_id = a_mail_id(SystemClock().now())

    async def fill(store: SqliteStore) -> None:
        mail = accepted(mail_id, raw=RAW, at=SystemClock().now(), mail_from=SPAM, rcpts=("Support+rabc@desk.example",))
        verdict = dataclasses.replace(a_verdict(), author=SPAM, evidence=Evidence.FAIL, reasons=("SPF fails",))
        await store.accept(dataclasses.replace(mail, verdict=verdict))
        await store.claim(worker="w", now=SystemClock().now(), lease=60, limit=9)
        held = Changes(state=MailState.HELD, reason="authentication fails")
        await store.file(mail_id, worker="w", query=a_query(mail_id), decide=lambda _: held)

    shop.store(fill)
    return mail_id


def listed(shop: Shop, *args: str) -> list[str]:
    return [row["id"] for row in shop.rows(*args)]


def state(shop: Shop, mail_id: str) -> MailState:
    found: Any = shop.store(lambda store: store.mail(mail_id))
    return MailState(found.state)


def test_every_filter_chooses(shop: Shop, spam: str) -> None:
    both = shop.held[::-1]
    for args, expected in (
        (("--from", SPAM.upper()), [spam]),
        (("--from", f"<{SPAM}>"), [spam]),
        (("--domain", "spam.example"), [spam]),
        (("--domain", "am.example"), []),
        (("--desk", "sales"), both),
        (("--desk", "support"), [spam, *both]),
        (("--reason", "dmarc fails"), both),
        (("--reason", "spf FAILS"), [spam]),
        (("--older-than", "1h"), both),
        (("--newer-than", "1h"), [spam]),
        (("--desk", "sales", "--newer-than", "1h"), []),
    ):
        assert listed(shop, "hold", "list", *args) == expected, args
    assert listed(shop, "hold", "list", "--limit", "1", "--older-than", "1h") == both[:1]
    code, said = shop.bad("hold", "list", "--desk", "nobody")
    assert (code, "there are: support, sales" in said) == (1, True)


def test_all_mail_is_found_whatever_became_of_it(shop: Shop, spam: str) -> None:
    assert set(listed(shop, "mail", "list")) == {spam, *shop.held, *shop.poison}
    assert listed(shop, "mail", "list", "--state", "poison") == shop.poison[::-1]
    (row,) = shop.rows("mail", "list", "--from", SPAM)
    assert (row["state"], row["outcome"]) == ("held", "authentication fails")
    assert SPAM in shop.good("mail", "show", spam)
    assert "there is no incoming mail" in shop.bad("mail", "show", "a" * 13)[1]


def test_a_dry_run_shows_and_changes_nothing(shop: Shop, spam: str) -> None:
    result = shop.run("hold", "drop", "--domain", "spam.example", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "dry run: 1 mail would be dropped; nothing was changed\n")
    assert spam in result.stdout
    assert [json.loads(line)["id"] for line in shop.run("hold", "release", "--all", "--dry-run", "--json").stdout.splitlines()] == [
        spam,
        *shop.held[::-1],
    ]
    assert state(shop, spam) is MailState.HELD
    result = shop.run("queue", "drop", "--all", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "dry run: 3 recipients would be dropped; nothing was changed\n")
    assert len(shop.rows("queue", "list")) == 2
    result = shop.run("poison", "file", "--opaque", "--all", "--dry-run")
    assert "2 mails would be filed unread" in result.stderr
    assert state(shop, shop.poison[0]) is MailState.POISON


def test_by_filter_only_what_it_chooses_is_changed(shop: Shop, spam: str) -> None:
    assert json.loads(shop.good("hold", "drop", "--domain", "spam.example", "--json")) == {"changed": 1}
    assert (state(shop, spam), state(shop, shop.held[0])) == (MailState.DROPPED, MailState.HELD)
    assert shop.good("hold", "drop", "--domain", "spam.example") == "0 mails dropped\n"
    assert shop.good("hold", "release", "--all") == "2 mails released; the gateway files it now\n"
    assert json.loads(shop.good("queue", "hold", "--all", "--json")) == {"changed": 2}


@pytest.mark.parametrize(
    "command", [("hold", "release"), ("hold", "drop"), ("poison", "replay"), ("poison", "drop"), ("queue", "drop")]
)
def test_a_command_needs_one_clear_choice(shop: Shop, command: tuple[str, str]) -> None:
    for args in ((), ("--all", "--older-than", "1h"), ("a" * 13, "--all")):
        code, said = shop.bad(*command, *args)
        assert (code, "name ids, or say --all" in said) == (2, True)


def test_at_a_terminal_it_asks_before_what_cannot_be_undone(shop: Shop, spam: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[str] = []

    class Asked(Exception):
        pass

    def confirm(text: str, abort: bool) -> None:
        answers.append(text)
        raise Asked

    monkeypatch.setattr("smtpgate.cli.bulk.at_a_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", confirm)
    for args in (("hold", "drop", "--all"), ("queue", "drop", "--all"), ("hold", "release", "--all")):
        assert isinstance(shop.run(*args).exception, Asked)
    assert answers[0] == "3 mails will be dropped. Go on?"
    assert state(shop, spam) is MailState.HELD
    assert shop.good("hold", "drop", spam) == "1 mail dropped\n"
    assert shop.good("hold", "drop", "--all", "--yes") == "2 mails dropped\n"
    assert len(answers) == 3


def test_the_recipient_filter_of_the_queue(shop: Shop) -> None:
    assert [r["address"] for r in shop.rows("queue", "list", "--to", "<FAILED@example.org>", "--state", "all")] == [
        "failed@example.org"
    ]
    assert shop.rows("queue", "list", "--to", "failed@other.example", "--state", "all") == []
