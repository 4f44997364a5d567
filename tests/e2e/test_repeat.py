"""The thirty minutes of a repeat, and one mail that comes twice at the same moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.desk import desk
from tests.support.gateway import Gateway, letter


@pytest.mark.parametrize(("minutes", "tickets"), [(29, 1), (30, 1), (31, 2)])
async def test_the_same_text_is_a_repeat_for_thirty_minutes(tmp_path: Path, minutes: int, tickets: int) -> None:
    async with desk(tmp_path) as it:
        await it.send(letter("No heating", "It is cold in here, and has been all day."))
        await it.filed()
        it.clock.advance(minutes * 60)
        await it.send(letter("No heating", "It is cold in here, and has been all day."))
        await it.filed()
        assert it.files.count("SELECT count(*) FROM incoming WHERE state = 'filed'") == 2
        assert it.files.count("SELECT count(*) FROM ticket") == tickets


async def test_the_window_counts_from_the_first_copy(tmp_path: Path) -> None:
    """Copies at 0, 20 and 40 minutes: the third is not one of the first, which is too old, and opens a ticket."""
    async with desk(tmp_path) as it:
        for _ in range(3):
            await it.send(letter("No light", "It is dark in here, and has been all day."))
            await it.filed()
            it.clock.advance(20 * 60)
        assert it.files.count("SELECT count(*) FROM ticket") == 2


async def test_the_same_message_id_with_other_content_is_no_repeat(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        for body in ("First things first.", "And now for something else."):
            await it.send(letter("News", body, message_id="<same@customer.example>"))
            await it.filed()
        assert it.files.count("SELECT count(*) FROM ticket") == 2


def test_one_mail_over_two_connections_at_once_gives_one_ticket(tmp_path: Path) -> None:
    """Both have their 354 before either sends a byte, ten times over."""
    with Gateway.make(tmp_path).running() as gateway:
        for i in range(10):
            data = letter(f"Twice {i}", f"This text stands in two connections: {i}").as_bytes().replace(b"\n", b"\r\n")
            clients = [gateway.smtp() for _ in range(2)]
            for client in clients:
                client.ehlo()
                client.mail("alice@customer.example")
                client.rcpt("support@desk.example")
                assert client.docmd("DATA")[0] == 354
            for client in clients:
                client.send(data + b".\r\n")
            assert [client.getreply()[0] for client in clients] == [250, 250]
            for client in clients:
                client.quit()
        gateway.settle()
        assert gateway.count("SELECT count(*) FROM ticket") == 10
        assert gateway.count("SELECT count(*) FROM entry WHERE kind = 'customer'") == 10
        assert gateway.count("SELECT count(*) FROM entry WHERE kind = 'repeat'") == 10
        assert gateway.count("SELECT count(*) FROM outgoing") == 10


async def test_fifty_copies_written_at_once_are_one_ticket_and_forty_nine_repeats(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        await asyncio.gather(*(it.send(letter("Storm", "Everybody presses the button.")) for _ in range(50)))
        await it.filed()
        assert it.files.count("SELECT count(*) FROM ticket") == 1
        assert it.files.count("SELECT count(*) FROM entry WHERE kind = 'repeat'") == 49
        assert it.files.count("SELECT count(*) FROM outgoing WHERE purpose = 'repeat'") == 1
