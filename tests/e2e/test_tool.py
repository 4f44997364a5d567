"""The command line on a running gateway: tickets, held mail, the queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gateway import Gateway, free_port, letter, text_of, wait_for
from tests.support.sink import Sink

FAILING = {
    "forged.example": {"TXT": ["v=spf1 -all"], "MX": ["10 mx.forged.example"]},
    "_dmarc.forged.example": {"TXT": ["v=DMARC1; p=none"]},
}


@pytest.mark.parametrize(
    ("who", "body", "language", "phrase"),
    [
        ("jane@customer.example", "The window on the second floor does not close any more.", "en", "Hello"),
        ("li@customer.example", "二楼的窗户关不上了，请派人来修理，非常感谢。", "zh", "您好"),
    ],
)
def test_a_new_state_is_told_in_the_customers_language_and_the_note_stays_inside(
    tmp_path: Path, who: str, body: str, language: str, phrase: str
) -> None:
    with Gateway.make(tmp_path).running() as gateway:
        gateway.send(letter("Window", body, sender=who), sender=who)
        first = gateway.mails_to(who)[0]
        (row,) = gateway.cli_list("ticket", "list")
        number = row["number"]
        assert (row["status"], row["customer"]) == ("received", who)
        assert number in gateway.cli("ticket", "list")
        gateway.cli("ticket", "status", number, "resolved", "--note", "glass ordered at Meier", "--message", "OK-42")
        mails = gateway.mails_to(who, count=2)
        told = mails[1]
        assert number in str(told["Subject"])
        assert told["Content-Language"].startswith(language)
        assert phrase in text_of(told)
        assert "OK-42" in text_of(told)
        assert told["In-Reply-To"] or first["Message-ID"] in told["References"]
        assert "Meier" not in str(told)
        shown = gateway.cli_show("ticket", "show", number)
        assert shown["status"] == "resolved"
        assert [e["text"] for e in shown["entries"] if e["kind"] == "note"] == ["glass ordered at Meier"]
        assert {s["purpose"] for s in shown["sent"]} == {"received", "resolved"}
        gateway.send(letter(f"Re: {told['Subject']}", "It is open again.", sender=who), sender=who)
        wait_for(lambda: gateway.cli_show("ticket", "show", number)["status"] != "resolved", why="it is reopened")
        gateway.settle()
        gateway.mails_to(who, count=3)


def test_a_wrong_command_says_so_in_one_line(tmp_path: Path) -> None:
    with Gateway.make(tmp_path).running() as gateway:
        for code, *words in ((1, "ticket", "show", "20990101-EML-0001"), (2, "hold", "release", "nothing")):
            assert len(gateway.cli(*words, code=code).splitlines()) == 1
        assert len(gateway.cli("hold", "release", "aaaaaaaaaaaaa", code=1).splitlines()) == 1


def test_held_mail_is_listed_released_and_then_a_ticket(tmp_path: Path) -> None:
    with Gateway.make(tmp_path, zone=FAILING, server={"trusted_networks": []}).running() as gateway:
        who = "boss@forged.example"
        gateway.send(letter("Urgent", "Wire the money at once, please.", sender=who), sender=who)
        wait_for(lambda: gateway.count("SELECT count(*) FROM incoming WHERE state = 'held'") == 1)
        assert gateway.cli_list("ticket", "list") == []
        (held,) = gateway.cli_list("hold", "list")
        assert (held["author"], held["evidence"]) == (who, "fail")
        assert "Wire the money" in gateway.cli("hold", "show", held["id"])
        gateway.cli("hold", "release", held["id"])
        (row,) = wait_for(lambda: gateway.cli_list("ticket", "list"))
        assert row["customer"] == who
        assert gateway.cli_list("hold", "list") == []


async def test_a_failed_mail_is_listed_and_retried(tmp_path: Path) -> None:
    """The far side refuses for good, then has changed its mind."""
    import asyncio

    async with Sink() as sink:
        sink.always("RCPT", "550 5.1.1 unknown")
        gateway = Gateway.make(
            tmp_path, delivery={"mode": "smarthost", "smarthost": {"host": "127.0.0.1", "port": sink.port, "tls": "none"}}
        )

        def first() -> str:
            gateway.send(letter())
            wait_for(lambda: gateway.count("SELECT count(*) FROM recipient WHERE state = 'failed'") == 1)
            (row,) = gateway.cli_list("queue", "list", "--state", "failed")
            assert row["last_code"] == 550
            assert gateway.cli_list("queue", "list") == []
            return str(row["id"])

        def second(recipient: str) -> None:
            gateway.cli("queue", "retry", recipient)
            wait_for(lambda: gateway.count("SELECT count(*) FROM recipient WHERE state = 'delivered'") == 1)

        await asyncio.to_thread(gateway.start)
        try:
            recipient = await asyncio.to_thread(first)
            sink.always("RCPT", None)
            await asyncio.to_thread(second, recipient)
            assert await asyncio.to_thread(gateway.stop) == 0
        finally:
            if gateway.process is not None:
                gateway.kill()
        assert len(sink.mails) == 1


def test_mail_to_a_relay_that_is_away_waits_and_goes_out_when_it_is_back(tmp_path: Path) -> None:
    relay = Gateway.make(tmp_path / "relay", desk=[{"name": "in", "address": "alice@customer.example"}], port=free_port())
    gateway = Gateway.make(
        tmp_path / "gateway",
        delivery={"mode": "smarthost", "smarthost": {"host": "127.0.0.1", "port": relay.port, "tls": "none"}},
    )
    with gateway.running():
        gateway.send(letter())
        wait_for(lambda: gateway.count("SELECT count(*) FROM attempt") >= 1)
        (row,) = gateway.cli_list("queue", "list")
        assert row["state"] == "queued"
        with relay.running():
            gateway.settle()
            assert relay.count("SELECT count(*) FROM incoming") == 1
