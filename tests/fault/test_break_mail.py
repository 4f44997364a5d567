"""Broken mail by the hundred: `explain` gives one whole line for each, and filing makes a ticket of each or holds it."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from smtpgate.cli.main import cli
from smtpgate.clock import id_text, new_id
from smtpgate.intake.data import police
from smtpgate.mail import address, header
from smtpgate.model import ArcResult, DmarcResult, Envelope, Evidence, SpfResult, Verdict
from smtpgate.store.api import Accepted
from tests.support.helpdesk import DESK, helpdesk
from tests.support.mutate import mutated

COUNT = 300
MESSAGE = {
    *("message_id", "in_reply_to", "references", "date", "from", "reply_to", "to", "cc", "subject", "language", "text"),
    *("reply", "html", "attachments", "defects"),
}
KINDS = {"human", "auto-reply", "bounce", "delayed", "receipt", "list", "feedback", "calendar", "system"}


def explain(*args: str) -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(cli, ["explain", "--json", "--dns", "zone.json", "--at", "1767312000", *args])
    assert result.stderr == ""
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMTPGATE_CONFIG", raising=False)
    (tmp_path / "zone.json").write_text("{}")
    return tmp_path


def without_new_ids(line: dict[str, Any]) -> dict[str, Any]:
    for letter in line["decision"].get("send", ()):
        del letter["message_id"]
    return line


def test_explain_says_the_same_of_every_broken_mail_twice(here: Path) -> None:
    names = []
    for i, mail in enumerate(mutated(7, COUNT)):
        (here / f"{i:03}.eml").write_bytes(mail)
        names.append(f"{i:03}.eml")
    began = time.process_time()
    code, lines = explain("--ip", "192.0.2.1", *names)
    assert time.process_time() - began < 60  # a tenth of that on a slow machine
    assert (code, [line["file"] for line in lines]) == (0, names)
    for line in lines:
        assert line["message"].keys() >= MESSAGE
        assert line["auth"].keys() >= {"spf", "dkim", "dmarc", "arc", "verdict"}
        assert line["kind"] in KINDS
        assert line["bounce"] is None or line["bounce"].keys() == {"recipients", "original_message_id"}
        assert line["decision"]["outcome"] in ("new", "held")
    again = explain("--ip", "192.0.2.1", *names)[1]
    assert list(map(without_new_ids, lines)) == list(map(without_new_ids, again))


@pytest.mark.parametrize("several", ["shared", "each"])
async def test_filing_makes_poison_of_no_broken_mail(tmp_path: Path, several: str) -> None:
    """All senders count as proved, so that each mail is also answered; what we write is checked by wire.assemble."""
    limits = {"acknowledgement_interval": "0s", "acknowledgements_per_day": 10**6, "acknowledgements_per_minute": 10**6}
    server = {"name": "mx.help.example", "postmaster": "boss@corp.example"}
    logging.getLogger("smtpgate").setLevel(logging.CRITICAL)
    async with helpdesk(tmp_path, limits=limits, server=server, tickets={"several_desks": several}) as desk:
        for i, mail in enumerate(mutated(8, COUNT)):
            raw = police(mail, "normalize")
            assert raw is not None
            fields, _ = header.split(raw)
            author, _ = address.author(fields)
            rcpts = ((DESK,), (DESK, "sales@help.example"), ("postmaster", DESK), ("postmaster",))[i % 4]
            envelope = Envelope(
                id_text(new_id(desk.clock)), (None, author or "x@y.example")[i % 3 > 0], rcpts, "192.0.2.1", "h", desk.clock.now()
            )
            evidence = Evidence.DMARC_DKIM if author else Evidence.AMBIGUOUS
            verdict = Verdict(evidence, author, SpfResult("none"), (), DmarcResult("none"), ArcResult())
            ids = header.message_ids(header.first(fields, "message-id") or "")
            await desk.store.accept(Accepted(envelope, b"Return-Path: <x@y.example>\r\n", raw, verdict, ids[0] if ids else None))
        for _ in range(200):  # some wait for mails that they claim to answer
            await desk.work()
            if (await desk.store.counts())["mail.accepted"] == 0:
                break
            desk.clock.advance(1)
        counts = await desk.store.counts()
        assert (counts["mail.accepted"], counts["mail.poison"]) == (0, 0)
        assert counts["mail.filed"] + counts["mail.held"] == COUNT
        assert await desk.store.queue(states=(), ticket_number=None, limit=1) is not None


def test_explain_reads_a_pipe_and_bounds_what_has_no_end(here: Path) -> None:
    os.mkfifo("pipe")
    content = b"From: a@b.example\r\nSubject: through a pipe\r\n\r\nHello there\r\n"
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(content))
    writer.start()
    code, lines = explain("/dev/zero", "pipe", ".", "none.eml", "/dev/null")
    writer.join()
    assert code == 1
    assert "limits.message_size" in lines[0]["error"]
    assert lines[1]["message"]["subject"] == "through a pipe"
    assert [("error" in line) for line in lines] == [True, False, True, True, False]


@pytest.mark.parametrize("head", ["", "From: a@b.example, c@d.example\r\n"])
def test_a_mail_whose_sender_is_unknown_is_not_said_to_come_from_the_null_sender(here: Path, head: str) -> None:
    Path("m.eml").write_bytes(head.encode() + b"Subject: hello\r\n\r\nCould you please help me with my printer?\r\n")
    assert explain("m.eml")[1][0]["kind"] == "human"
    assert explain("--mail-from", "", "m.eml")[1][0]["kind"] == "system"


def test_explain_lets_through_what_the_door_lets_through(here: Path) -> None:
    Path("smtpgate.toml").write_text(
        '[server]\nname = "mx.help.example"\n[policy]\ndmarc_fail = "refuse"\n'
        '[[desk]]\nname = "support"\naddress = "s@help.example"\n'
    )
    Path("zone.json").write_text(
        json.dumps({"b.example": {"A": ["192.0.2.1"]}, "_dmarc.b.example": {"TXT": ["v=DMARC1; p=reject"]}})
    )
    Path("m.eml").write_bytes(b"From: a@b.example\r\nSubject: hello\r\n\r\nHello\r\n")
    for rcpt, door in (("s@help.example", "refuse"), ("postmaster@help.example", "accept"), ("postmaster", "accept")):
        assert explain("--ip", "192.0.2.2", "--rcpt", rcpt, "m.eml")[1][0]["decision"]["door"] == door
