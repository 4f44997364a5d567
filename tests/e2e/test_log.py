"""One id follows a mail: its lines in the log tell the whole way, and no address, subject or body more than they may."""

from __future__ import annotations

import asyncio
import json
import smtplib
from pathlib import Path
from typing import Any

from tests.support.gateway import DESK, Gateway, letter, wait_for
from tests.support.sink import Sink

WHO = "alice.secret@customer.example"
NOBODY = "nobody.here@desk.example"
SUBJECT, BODY = "Burning subject quokka", "The printer is on fire, says the body wombat."


def lines(gateway: Gateway, id_: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gateway.log().splitlines() if id_ in line]


def converse(gateway: Gateway, sink: Sink) -> str:
    """A refused recipient, a mail, its acknowledgement refused for a while, then taken, then bounced; the mail's id."""
    with smtplib.SMTP("127.0.0.1", gateway.port, timeout=15, local_hostname="client.example") as client:
        refused = client.sendmail(WHO, [NOBODY, DESK], letter(SUBJECT, BODY, sender=f"Alice <{WHO}>").as_bytes())
    assert list(refused) == [NOBODY]
    wait_for(lambda: gateway.count("SELECT count(*) FROM recipient WHERE state = 'delivered'") == 1)
    back = sink.mails[-1].mail_from
    report = (
        "From: MAILER-DAEMON@customer.example\r\nTo: " + back + "\r\nSubject: failure\r\nMIME-Version: 1.0\r\n"
        "Message-ID: <b@customer.example>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\n\r\ngone\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.customer.example\r\n\r\n"
        f"Final-Recipient: rfc822; {WHO}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 alice.secret is gone\r\n\r\n--b--\r\n"
    )
    with smtplib.SMTP("127.0.0.1", gateway.port, timeout=15) as client:
        client.docmd("EHLO \x1b[31mforged")
        client.docmd('MAIL FROM:<"\x1b]0;owned\x07"@a.example>')
        client.docmd("EHLO", "h\\x1b" + "x" * 300)
        client.docmd("RCPT TO:<a@b>" + "\x1b" * 50)
        client.rset()
        client.ehlo()
        client.sendmail("", [back], report)
    wait_for(lambda: gateway.count("SELECT count(*) FROM recipient WHERE state = 'bounced'") == 1)
    gateway.settle()

    def idle() -> dict[str, Any]:
        found = gateway.cli_show("status")
        in_hand = found["gateway"]["filing"]["in_hand"] + found["gateway"]["delivery"]["in_hand"]
        return found if in_hand == 0 else {}

    seen = wait_for(idle, why="the status, which is written every two seconds, names work in hand")
    assert 1 <= len(seen["gateway"]["parsers"]) <= 2
    assert seen["gateway"]["written_seconds_ago"] < 20
    found = gateway.rows("SELECT id FROM incoming ORDER BY seq")
    return str(found[0]["id"])


async def test_one_id_tells_the_whole_way_and_addresses_are_hidden(tmp_path: Path) -> None:
    async with Sink() as sink:
        sink.script("RCPT", f"450 4.2.1 <{WHO}>: mailbox of alice.secret is\r\n450 4.2.1 \x1b[31mfull")
        gateway = Gateway.make(
            tmp_path,
            delivery={"mode": "smarthost", "smarthost": {"host": "127.0.0.1", "port": sink.port, "tls": "none"}},
            log={"format": "json", "level": "debug", "addresses": "hash"},
        )
        await asyncio.to_thread(gateway.start)
        try:
            mail = await asyncio.to_thread(converse, gateway, sink)
        finally:
            await asyncio.to_thread(gateway.stop)
        told = lines(gateway, mail)
        events = ["connection ended", "delivery attempt", "delivery attempt", "mail accepted", "mail filed", "mail filed"]
        assert sorted(line["event"] for line in told) == [*events, "recipient refused"]
        by = {line["event"]: line for line in reversed(told)}
        assert by["mail accepted"]["connection"] == by["connection ended"]["connection"] == by["recipient refused"]["connection"]
        assert by["mail accepted"]["spf"]
        first, second = [line for line in told if line["event"] == "delivery attempt"]
        assert first["code"] == 450
        assert "full" in first["reply"]
        assert second["code"] == 250
        assert by["mail filed"]["outgoing"] == first["mail"] == second["mail"]
        assert told[-1]["outcome"] == "bounce"
        assert told[-1]["about"] == first["mail"]
        assert not list(gateway.store.parent.glob("*.live*"))
        log = gateway.log()
        for secret in ("alice.secret", "nobody.here", "quokka", "wombat", "\x1b", sink.mails[-1].mail_from.partition("@")[0]):
            assert secret not in log, [line for line in log.splitlines() if secret in line]
        name = gateway.cli("log", "--pseudonym", WHO).strip()
        assert f"{name}@customer.example" == first["recipient"]

        def tool() -> list[dict[str, Any]]:
            return gateway.cli_list("log", mail)

        events = [row["what"] for row in await asyncio.to_thread(tool)]
        said = f"bounce {told[-1]['mail']} of {first['mail']}: 550 5.1.1 alice.secret is gone"
        assert said in await asyncio.to_thread(gateway.cli, "explain", mail)
        assert events == ["accepted", "filed", "entry", "queued", "attempt", "attempt", "bounce"]
