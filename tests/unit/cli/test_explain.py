"""`smtpgate explain`: its promise to programs (the JSON line), to people, and to the store (nothing changes)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smtpgate.cli.main import cli

MAIL = """\
From: =?utf-8?b?5p2O6Zu3?= <li@customer.example>
To: support@desk.example
Subject: Printer [#20260102-EML-0042]
Date: Mon, 5 Jan 2026 10:00:00 +0800
Message-ID: <x1@customer.example>
In-Reply-To: <a@desk.example>
References: <0@desk.example> <a@desk.example>
Content-Type: text/plain; charset=utf-8

The printer is broken, please help us with it. Thank you!

On Fri, 2 Jan 2026, Support wrote:
> Hello
"""
ZONE = {
    "customer.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all exp=why.customer.example"]},
    "why.customer.example": {"TXT": ["ask %{o}"]},
    "_dmarc.customer.example": {"TXT": ["v=DMARC1; p=reject"]},
    "slow.example.org": "TIMEOUT",
}
SHAPE: dict[str, Any] = {
    "message": {
        *("message_id", "in_reply_to", "references", "date", "from", "reply_to", "to", "cc", "subject", "language"),
        *("text", "reply", "html", "attachments", "defects"),
    },
    "auth": {"spf", "dkim", "dmarc", "arc", "verdict"},
    "decision": {"outcome"},
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMTPGATE_CONFIG", raising=False)
    (tmp_path / "m.eml").write_text(MAIL)
    (tmp_path / "zone.json").write_text(json.dumps(ZONE))
    return tmp_path


def explain(*args: str) -> Result:
    return CliRunner().invoke(cli, ["explain", *args])


def one(*args: str) -> dict[str, Any]:
    result = explain(*args, "--json", "--dns", "zone.json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_the_json_line_has_the_promised_shape(here: Path) -> None:
    found = one(
        "m.eml", "--ip", "192.0.2.1", "--helo", "mx", "--mail-from", "li@customer.example", "--rcpt", "support@desk.example"
    )
    for part, names in SHAPE.items():
        assert names <= set(found[part]), part
    assert found["file"] == "m.eml"
    assert found["message"]["from"] == [{"name": "李雷", "address": "li@customer.example"}]
    assert found["message"]["references"] == ["<0@desk.example>", "<a@desk.example>"]
    assert found["message"]["reply"] == "The printer is broken, please help us with it. Thank you!"
    assert "> Hello" in found["message"]["text"]
    assert found["message"]["language"] == "en"
    assert (found["kind"], found["bounce"]) == ("human", None)
    assert found["auth"]["spf"]["result"] == "pass"
    assert found["auth"]["dmarc"]["result"] == "pass"
    assert found["auth"]["dmarc"]["policy"] == "reject"
    assert found["auth"]["verdict"] == "dmarc-spf"
    assert found["decision"]["outcome"] == "new"
    assert found["decision"]["numbers"] == ["20260102-EML-0042"]
    assert [m["purpose"] for m in found["decision"]["send"]] == ["received"]


def test_a_fail_carries_the_domains_explanation(here: Path) -> None:
    found = one("m.eml", "--ip", "192.0.2.9", "--mail-from", "li@customer.example")
    assert (found["auth"]["spf"]["result"], found["auth"]["verdict"]) == ("fail", "fail")
    assert "ask customer.example" in found["auth"]["spf"]["reason"]
    assert found["decision"]["outcome"] == "held"


@pytest.mark.parametrize("moment", ["1767600000", "2026-01-05T08:00:00Z", "2026-01-05T16:00:00+08:00", "2026-01-05T08:00:00"])
def test_the_moment_may_be_given(here: Path, moment: str) -> None:
    found = one("m.eml", "--at", moment, "--ip", "192.0.2.1", "--mail-from", "li@customer.example")
    assert found["decision"]["ticket"] == "20260105-EML-0001"


def test_the_null_sender_may_be_given(here: Path) -> None:
    found = one("m.eml", "--ip", "192.0.2.1", "--helo", "mx.customer.example", "--mail-from", "")
    assert found["decision"]["send"] == []


def test_one_bad_file_gives_an_error_line_and_the_rest_go_on(here: Path) -> None:
    result = explain("m.eml", "missing.eml", "m.eml", "--json", "--dns", "zone.json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [("error" in line, line["file"]) for line in lines] == [(False, "m.eml"), (True, "missing.eml"), (False, "m.eml")]
    assert result.exit_code == 1


def test_an_unreadable_mail_is_explained_all_the_same(here: Path) -> None:
    (here / "odd.eml").write_bytes(b"\xff\x00\n\n" + b"\x80" * 100)
    (here / "empty.eml").write_bytes(b"")
    for name in ("odd.eml", "empty.eml"):
        assert one(name)["auth"]["verdict"] == "ambiguous"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--ip", "nowhere"], "not an IP address"),
        (["--at", "yesterday"], "ISO 8601"),
        *((["--at", at], "not between 1970 and 9999") for at in ("nan", "inf", "1e400", "-1", "9999-12-31", "99999999999999")),
        (["--dns", "missing.json"], "missing.json"),
        (["--dns", "m.eml"], "m.eml"),
    ],
)
def test_mistakes_are_told_in_words(here: Path, args: list[str], said: str) -> None:
    result = explain("m.eml", *args)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_people_read_the_reasons(here: Path) -> None:
    result = explain("m.eml", "--ip", "192.0.2.9", "--mail-from", "li@customer.example", "--dns", "zone.json")
    assert "DMARC for customer.example: fail" in " ".join(result.stdout.split())


def test_a_hostile_mail_cannot_style_the_terminal(here: Path) -> None:
    (here / "m.eml").write_text(MAIL.replace("Printer", "[red]\x1b[31mred[/red]"))
    assert "\x1b" not in explain("m.eml", "--dns", "zone.json").stdout


def test_nothing_is_made_or_changed(here: Path) -> None:
    before = sorted(p.name for p in here.iterdir())
    one("m.eml")
    assert sorted(p.name for p in here.iterdir()) == before


def test_a_text_file_has_the_bytes_that_lie_in_the_file(here: Path) -> None:
    """Stored with LF it ends its lines with LF; as it came over SMTP, with CRLF."""
    mail = (
        "From: a@b.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nhello\n"
        "--B\nContent-Type: text/csv\nContent-Disposition: attachment; filename=a.csv\n\n1,2\n3,4\n\n--B--\n"
    )
    for name, text, content in (("lf", mail, b"1,2\n3,4\n"), ("crlf", mail.replace("\n", "\r\n"), b"1,2\r\n3,4\r\n")):
        (here / f"{name}.eml").write_bytes(text.encode())
        (file,) = one(f"{name}.eml")["message"]["attachments"]
        assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest()), name
