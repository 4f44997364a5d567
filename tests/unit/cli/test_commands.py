"""ticket, queue, hold, poison and check-config on a real store file."""

from __future__ import annotations

import email
import email.policy
import io
import json
import re
import sys
import time
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from smtpgate.cli import show
from smtpgate.cli.main import cli
from smtpgate.cli.show import Column
from smtpgate.clock import id_number, utc
from smtpgate.due import Due, What
from smtpgate.model import DeliveryState, MailState, Status
from smtpgate.store.api import Changes
from smtpgate.store.sqlite import SqliteStore
from tests.support.store_data import NOW
from tests.unit.cli.conftest import RAW, Shop

WHEN = utc(NOW).isoformat(timespec="seconds")


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# --- ticket -----------------------------------------------------------------------------------------------------------


def test_tickets_newest_first(shop: Shop) -> None:
    rows = shop.rows("ticket", "list")
    assert [row["number"] for row in rows] == ["20261121-SAL-0001", "20261121-EML-0002", "20261121-EML-0001"]
    assert rows[2]["customer"] == "wang@example.org"
    assert rows[2]["created_at"] == WHEN
    assert rows[2]["status"] == "closed"
    assert rows[0]["customer"] is None


@pytest.mark.parametrize(
    ("args", "numbers"),
    [
        (["--desk", "sales"], ["SAL-0001"]),
        (["--status", "closed"], ["EML-0001"]),
        (["--status", "closed", "--status", "received"], ["SAL-0001", "EML-0002", "EML-0001"]),
        (["--from", "wang@EXAMPLE.org"], ["EML-0002", "EML-0001"]),
        (["--from", "nobody@example.org"], []),
        (["--limit", "1"], ["SAL-0001"]),
    ],
)
def test_filters(shop: Shop, args: list[str], numbers: list[str]) -> None:
    assert [row["number"].removeprefix("20261121-") for row in shop.rows("ticket", "list", *args)] == numbers


def test_entries_of_every_ticket_for_programs(shop: Shop) -> None:
    rows = shop.rows("ticket", "list", "--entries")
    assert [row["number"] for row in rows] == [row["number"] for row in shop.rows("ticket", "list")]
    assert {"number", "status", "subject", "contact", "entries"} <= set(rows[0])
    assert rows[2]["contact"] == "wang@example.org"
    entry = rows[2]["entries"][0]
    assert {"id", "message_id", "source", "kind", "repeat_of", "rung"} <= set(entry)
    assert len(shop.rows("ticket", "list", "--entries", "--limit", "2")) == 2
    assert shop.bad("ticket", "list", "--entries")[0] == 1


def test_nothing_found_says_so_on_stderr_and_nothing_on_stdout(shop: Shop) -> None:
    result = shop.run("ticket", "list", "--from", "nobody@example.org")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no such tickets\n")


def test_a_plain_listing_is_aligned_complete_and_clean(shop: Shop) -> None:
    from rich.cells import cell_len

    lines = shop.good("ticket", "list").splitlines()
    assert len(lines) == 4
    assert "很长的标题" * 10 in lines[2]
    assert "[bold]red" in lines[2]
    assert not set("\x1b\x07\u202e") & set("".join(lines))
    when = WHEN[:19].replace("T", " ")
    assert {cell_len(line.partition(when)[0]) for line in lines[1:]} == {cell_len(lines[0].partition("last change")[0])}


def test_ticket_show(shop: Shop) -> None:
    for spelling in ("20261121-EML-0001", "20261121-eml-0001", "[#20261121-EML-0001]"):
        text = shop.good("ticket", "show", spelling)
        assert "打印机坏了" in text
        assert "  它不打印\n  [31m第二行\n" in text
        assert "only inside" in text
        assert "王 <wang@example.org> (customer)" in text
        assert "\x1b" not in text
    (row,) = shop.rows("ticket", "show", "20261121-EML-0001")
    assert [(e["kind"], e["marks"], e["evidence"]) for e in row["entries"]] == [
        ("customer", ["weak"], "dmarc-spf"),
        ("note", [], ""),
    ]
    assert {s["state"] for s in row["sent"]} == {s.value for s in DeliveryState}


def test_what_comes_by_itself_is_shown(shop: Shop) -> None:
    shop.good("ticket", "status", "20261121-EML-0002", "resolved")
    (row,) = shop.rows("ticket", "show", "20261121-EML-0002")
    assert [(due["what"], due["reminded"]) for due in row["due"]] == [("state", False)]

    async def snoozed(store: SqliteStore) -> None:
        detail = await store.ticket("20261121-EML-0002")
        assert detail is not None
        later = Due(detail.ticket.id, What.SNOOZE, NOW + 3600, NOW, Status.RESOLVED)
        said = detail.due[0]
        changes = Changes(due=(later, replace(said, at=NOW + 7200, reminded=said.since)))
        await store.change(ticket_number=None, query=None, decide=lambda *_: changes)

    shop.store(snoozed)
    text = shop.good("ticket", "show", "20261121-EML-0002")
    assert re.search(r"snoozed until\s+2026-", text)
    assert re.search(r"closes by itself\s+2026-", text)
    assert "due by itself" in shop.run("status").stdout
    assert json.loads(shop.run("status", "--json").stdout)["due"]["within_a_day"] == 2
    shop.good("ticket", "status", "20261121-EML-0002", "progress")
    (row,) = shop.rows("ticket", "show", "20261121-EML-0002")
    assert [due["what"] for due in row["due"]] == ["snooze"]


def test_times_are_local(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    result = CliRunner().invoke(cli, ["--config", str(shop.directory / "smtpgate.toml"), "ticket", "list", "--json"])
    made = json.loads(result.stdout.splitlines()[0])["created_at"]
    assert made.endswith("+08:00")
    assert made != WHEN


# --- queue ------------------------------------------------------------------------------------------------------------


def test_queue_shows_what_is_pending_unless_asked(shop: Shop) -> None:
    assert {row["state"] for row in shop.rows("queue", "list")} == {"queued", "uncertain"}
    assert {row["state"] for row in shop.rows("queue", "list", "--state", "all")} == {s.value for s in DeliveryState}
    (failed,) = shop.rows("queue", "list", "--state", "failed")
    assert failed["id"] == shop.recipients[DeliveryState.FAILED]
    assert failed["last_reply"] == "250 2.0.0 ok"
    assert failed["next_at"] is None
    assert shop.rows("queue", "list", "--ticket", "20261121-EML-0002") == []
    assert len(shop.rows("queue", "list", "--ticket", "20261121-eml-0001")) == 2


def test_queue_list_points_at_pauses(shop: Shop) -> None:
    assert shop.run("queue", "list").stderr == "1 destination paused: see smtpgate queue paused\n"
    assert "535 5.7.8 wrong password" in shop.good("queue", "paused")
    assert shop.good("queue", "resume", "relay.example") == "1 pause ended\n"
    assert shop.rows("queue", "paused") == []


def test_queue_show_by_recipient_or_mail(shop: Shop) -> None:
    for id_ in (shop.outgoing, *shop.recipients.values(), shop.outgoing.upper()):
        (row,) = shop.rows("queue", "show", id_)
        assert row["mail"] == shop.outgoing
        assert len(row["recipients"]) == len(DeliveryState)
        assert len(row["attempts"]) == len(DeliveryState) - 1
    text = shop.good("queue", "show", shop.outgoing)
    assert "mx.example.org[192.0.2.9]:25" in text
    raw = shop.run("queue", "show", shop.outgoing, "--raw").stdout_bytes
    assert raw.startswith(b"Subject: received\r\n\r\n")


def _state(shop: Shop, state: DeliveryState) -> Any:
    async def look(store: Any) -> Any:
        return next(r for r in await store.queue(states=[], ticket_number=None, limit=99) if r.address == f"{state}@example.org")

    return shop.store(look)


def test_retry(shop: Shop) -> None:
    chosen = (DeliveryState.QUEUED, DeliveryState.UNCERTAIN, DeliveryState.FAILED, DeliveryState.EXPIRED)
    assert shop.good("queue", "retry", *(shop.recipients[s] for s in chosen)) == "4 recipients will be tried now\n"
    for state in chosen:
        assert _state(shop, state).state is DeliveryState.QUEUED
    assert _state(shop, DeliveryState.QUEUED).next_at < time.time() + 1


def test_retry_all_leaves_what_was_given_up(shop: Shop) -> None:
    assert shop.good("queue", "retry", "--all") == "2 recipients will be tried now\n"
    assert _state(shop, DeliveryState.FAILED).state is DeliveryState.FAILED


def test_drop(shop: Shop) -> None:
    assert shop.good("queue", "drop", shop.recipients[DeliveryState.QUEUED]) == "1 recipient dropped\n"
    assert _state(shop, DeliveryState.QUEUED).state is DeliveryState.DROPPED


@pytest.mark.parametrize("command", ["retry", "drop"])
def test_one_wrong_id_and_nothing_is_changed(shop: Shop, command: str) -> None:
    code, said = shop.bad("queue", command, shop.recipients[DeliveryState.UNCERTAIN], shop.recipients[DeliveryState.DELIVERED])
    assert code == 1
    assert "is delivered already; nothing was changed" in said
    assert _state(shop, DeliveryState.UNCERTAIN).state is DeliveryState.UNCERTAIN


# --- hold and poison --------------------------------------------------------------------------------------------------


def _mail(shop: Shop, mail_id: str) -> Any:
    return shop.store(lambda store: store.mail(mail_id))


def test_hold_list_and_show(shop: Shop) -> None:
    rows = shop.rows("hold", "list")
    assert [row["id"] for row in rows] == shop.held[::-1]
    assert rows[0]["reason"] == "DMARC fails"
    assert rows[0]["evidence"] == "dmarc-dkim"
    text = shop.good("hold", "show", shop.held[0].upper())
    for part in ("wang@example.org", "192.0.2.1", "- DMARC passes by DKIM", "- 理由", "打印机坏了", "  它不打印"):
        assert part in text
    (row,) = shop.rows("hold", "show", shop.held[0])
    assert (row["subject"], row["text"].strip()) == ("打印机坏了", "它不打印")
    assert shop.run("hold", "show", shop.held[0], "--raw").stdout_bytes == b"Received: from x\r\n" + RAW


def test_release(shop: Shop) -> None:
    assert shop.good("hold", "release", *shop.held) == "2 mails released; the gateway files it now\n"
    for mail_id in shop.held:
        mail = _mail(shop, mail_id)
        assert mail.state is MailState.ACCEPTED
        assert mail.released
    assert shop.bad("hold", "release", shop.held[0])[0] == 1


def test_hold_drop_keeps_the_mail(shop: Shop) -> None:
    assert shop.good("hold", "drop", shop.held[0]) == "1 mail dropped\n"
    mail = _mail(shop, shop.held[0])
    assert mail.state is MailState.DROPPED
    assert mail.raw == RAW


def test_poison(shop: Shop) -> None:
    rows = shop.rows("poison", "list")
    assert [(row["id"], row["reason"]) for row in rows] == [(i, "ValueError: no") for i in shop.poison[::-1]]
    assert "打印机坏了" in shop.good("poison", "show", shop.poison[0])
    assert shop.good("poison", "replay", shop.poison[0]) == "1 mail will be filed again\n"
    mail = _mail(shop, shop.poison[0])
    assert (mail.state, mail.tries, mail.released) == (MailState.ACCEPTED, 0, False)
    assert shop.good("poison", "drop", shop.poison[1]) == "1 mail dropped\n"


def test_the_two_kinds_are_not_mixed_up(shop: Shop) -> None:
    assert "is not among the held mail" in shop.bad("hold", "release", shop.poison[0])[1]
    assert "is not among the poison mail" in shop.bad("poison", "replay", shop.held[0])[1]
    assert "it is poison" in shop.bad("hold", "show", shop.poison[0])[1]
    shop.bad("hold", "drop", shop.held[0], shop.poison[0])
    assert _mail(shop, shop.held[0]).state is MailState.HELD


def test_mail_that_cannot_be_read_is_shown_all_the_same(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("smtpgate.mail.parse.parse", fail)
    assert "cannot be read: RecursionError: too deep" in shop.good("poison", "show", shop.poison[0])


# --- check-config -----------------------------------------------------------------------------------------------------


def test_check_config(shop: Shop) -> None:
    path = shop.directory / "smtpgate.toml"
    assert shop.good("check-config") == f"{path}: good; 2 desks, 0 DKIM keys, delivery by maildir\n"
    assert shop.good("check-config", "--json") == ""
    path.write_text(path.read_text() + "[limits]\nhops = 1\n[lgo]\n")
    result = shop.run("check-config")
    assert (result.exit_code, result.stdout) == (2, "")
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == ["limits.hops", "lgo"]
    result = shop.run("check-config", "--json")
    assert result.exit_code == 2
    problems = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(p["line"], p["key"], p["mend"]) for p in problems][1] == (11, "lgo", "did you mean log?")


def test_check_config_of_a_named_file_and_its_templates(shop: Shop) -> None:
    other = shop.directory / "other.toml"
    (shop.directory / "mine" / "zh").mkdir(parents=True)
    (shop.directory / "mine" / "zh" / "received.txt").write_text("Subject: {{ nonsense.x }}\n\n{% if %}\n")
    other.write_text((shop.directory / "smtpgate.toml").read_text() + '[templates]\ndirectory = "mine"\n')
    result = shop.run("check-config", str(other))
    assert result.exit_code == 2
    assert "received.txt:3" in result.stderr


def test_check_config_tells_of_secrets_that_everybody_may_read(shop: Shop) -> None:
    key = shop.directory / "token.key"
    key.write_text("k" * 44)
    path = shop.directory / "smtpgate.toml"
    path.write_text(path.read_text() + '[secrets]\ntoken_key_file = "token.key"\n')
    key.chmod(0o644)
    result = shop.run("check-config")
    assert (result.exit_code, result.stderr.count(f"chmod o= {key}")) == (0, 1)
    (row,) = shop.rows("check-config")
    assert (row["key"], row["warning"]) == ("secrets.token_key_file", True)
    key.chmod(0o640)
    assert "good" in shop.good("check-config")


# --- how it looks -----------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


COLUMNS = (Column("id", "id", whole=True), Column("subject", "subject"), Column("to", "to"))
ROWS = [
    {"id": "aaaaaaaaaaaaa", "subject": "打印机又坏了，请尽快派人来看看" * 3, "to": "[red]x@example.org[/red]"},
    {"id": "bbbbbbbbbbbbb", "subject": "short", "to": "y@example.org"},
]


def _on_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    from rich.cells import cell_len

    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    show.listing(COLUMNS, ROWS, as_json=False, empty="")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()  # the header is bold
    assert width < 50 or max(map(cell_len, lines)) <= width
    return lines


def test_a_table_fits_the_terminal_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (50, 72, 100, 200):
        lines = _on_terminal(monkeypatch, width)
        text = "".join("".join(line.split()) for line in lines)
        assert width == 50 or "[red]x@example.org[/red]" in text
        assert sum(line.count("打") for line in lines) == 3
        assert any(line.startswith("bbbbbbbbbbbbb  short") for line in lines)


def test_minor_columns_go_first_and_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    columns = (COLUMNS[0], Column("subject", "subject", minor=True), Column("to", "to"), Column("x", "x", minor=True))
    show.listing(columns, [{**row, "x": "1"} for row in ROWS], as_json=False, empty="")
    assert "subject" not in out.getvalue()
    assert "bbbbbbbbbbbbb  y@example.o" in out.getvalue()
    assert "(no room for: subject, x; a wider terminal or --json has them)" in capsys.readouterr().err


def test_a_narrow_terminal_gets_paragraphs(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _on_terminal(monkeypatch, 35)
    assert "id       bbbbbbbbbbbbb" in lines
    assert "subject  short" in lines


def test_json_lines_survive_lone_surrogates(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_line({"subject": "x\ud800好"})
    assert json.loads(capsys.readouterr().out) == {"subject": "x\ud800好"}


def test_raw_mail_goes_to_a_terminal_without_its_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    show.raw(b"Subject: \x1b]0;owned\x07\r\n\r\n\xff\x9b2J\r\n")
    assert not set("\x1b\x07\x9b") & set(out.getvalue())


def test_ids_round_trip(shop: Shop) -> None:
    assert id_number(shop.outgoing) > 0


def test_ticket_status_tells_the_customer_and_keeps_the_note_inside(shop: Shop) -> None:
    said = shop.good("ticket", "status", "20261121-eml-0002", "resolved", "--note", "内部说明", "--message", "已经修好了")
    assert "20261121-EML-0002 is resolved now" in said
    (row,) = shop.rows("ticket", "show", "20261121-EML-0002")
    assert row["status"] == "resolved"
    assert "内部说明" in [e["text"] for e in row["entries"] if e["kind"] == "note"]
    (sent,) = row["sent"]
    assert (sent["purpose"], sent["address"], sent["state"]) == ("resolved", "wang@example.org", "queued")
    (queued,) = shop.rows("queue", "list", "--ticket", "20261121-EML-0002")
    raw = shop.run("queue", "show", queued["id"], "--raw").stdout_bytes
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    text = mail.get_body(("plain",)).get_content()
    assert "已经修好了" in text
    assert "内部说明" not in text
    assert "内部说明".encode() not in raw


def test_ticket_status_mistakes(shop: Shop) -> None:
    assert "there is no ticket" in shop.bad("ticket", "status", "20260101-EML-9999", "resolved")[1]
    assert "is closed already" in shop.bad("ticket", "status", "20261121-EML-0001", "closed")[1]
    assert shop.bad("ticket", "status", "20261121-EML-0001", "received")[0] == 2
