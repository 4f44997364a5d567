"""Smuggling on the way out (CVE-2023-51764 and its kin): what hides in a mail must not become a second one behind us."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.desk import desk
from tests.support.dialogue import Client
from tests.support.gateway import read_mail
from tests.support.sink import Mail, Sink
from tests.support.smuggling import ends, forms
from tests.unit.delivery.office import open_office, to_smarthost

FORMS = forms()


def harmless(mails: list[Mail], sink: Sink) -> None:
    """One mail for each form, none of them with an end inside, and no command that came out of one."""
    assert len(mails) == len(FORMS) >= 24
    for mail in mails:
        assert ends(mail.wire) == 0, mail.wire  # the sink has taken the final dot off
        assert mail.wire.replace(b"\r\n", b"").count(b"\r") + mail.wire.replace(b"\r\n", b"").count(b"\n") == 0
    assert not [line for _, line in sink.commands if b"evil" in line]


async def test_the_queue_smuggles_nothing_whatever_lies_in_it(tmp_path: Path) -> None:
    """As if a mail of ours had been made wrong: delivery alone must stop it."""
    async with Sink() as sink, open_office(tmp_path) as office:
        for data in FORMS.values():
            await office.queue("wang@example.org", data=data)
        office.start(to_smarthost(sink))
        await office.deliver()
        harmless(sink.mails, sink)


async def test_a_strangers_mail_that_goes_on_to_the_postmaster_smuggles_nothing(tmp_path: Path) -> None:
    """The one way on which a stranger's bytes go out again whole."""

    def send(port: int) -> None:
        for data in FORMS.values():
            with Client(port) as client:
                client.reply()
                for command in ("EHLO c.example", "MAIL FROM:<a@customer.example>", "RCPT TO:<postmaster@desk.example>", "DATA"):
                    client.ask(command)
                client.send(b"From: a@customer.example\r\n" + data + b".\r\n")
                assert client.reply().startswith("250 2.0.0 ")

    async with Sink() as sink:
        relay = {"host": "127.0.0.1", "port": sink.port, "tls": "none"}
        server = {"postmaster": "boss@corp.example"}
        async with desk(tmp_path, server=server, delivery={"mode": "smarthost", "smarthost": relay}) as it:
            await asyncio.to_thread(send, it.files.port)
            await it.until(lambda: sink.count >= len(FORMS), why="all of them went on", tick=0.5)
        harmless(sink.mails, sink)
        for mail in sink.mails:
            assert mail.rcpts == ("boss@corp.example",)
            whole = b"".join(
                bytes(part.get_payload(decode=True) or part.as_bytes()) for part in read_mail(mail.data).iter_attachments()
            )
            assert b"second" in whole, "the postmaster sees all of it"
