"""Log lines: nothing in a value can forge a line or a field, fill the disk, or stop the gateway."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from typing import Any

import pytest
import structlog

from smtpgate import log
from smtpgate.config import Log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(format_: Any = "console", level: Any = "info", out: io.StringIO | None = None) -> Any:
    stream = out or io.StringIO()
    log.configure(Log(format=format_, level=level), stream)

    def read() -> list[str]:
        return stream.getvalue().splitlines()

    return structlog.get_logger("smtpgate.test"), read


def test_console_line() -> None:
    logger, read = lines()
    logger.info("mail accepted", mail="abc", size=12, null=None, text="two words", chinese="已接收")
    (line,) = read()
    time, rest = line.split(" ", 1)
    assert time.endswith("Z")
    assert rest == 'info    mail accepted mail=abc size=12 null=None text="two words" chinese=已接收'


def test_json_line() -> None:
    logger, read = lines("json")
    logger.warning("mail refused", mail="abc", size=12, why='a "b"', rcpts=("a@x", "b@x"), raw=b"\xff\x00")
    (line,) = read()
    record = json.loads(line)
    assert list(record)[:3] == ["timestamp", "level", "event"]
    assert record["level"] == "warning"
    assert record["size"] == 12
    assert record["rcpts"] == "a@x, b@x"
    assert record["raw"] == "ÿ\\x00"


HOSTILE = 'x\n2026-01-01T00:00:00Z info    mail accepted mail=forged\r\x1b[2J\x85\u2028\u202e\ud800"'


@pytest.mark.parametrize("format_", ["console", "json"])
def test_a_value_cannot_forge_a_line_or_reach_the_terminal(format_: str) -> None:
    logger, read = lines(format_)
    logger.info("refused", helo=HOSTILE)
    logger.info(HOSTILE)
    assert len(read()) == 2
    for line in read():
        assert line.isprintable()
        line.encode()


def test_a_value_cannot_look_like_another_field() -> None:
    logger, read = lines()
    logger.info("refused", helo="x mail=forged", empty="", equals="a=b")
    assert read()[0].endswith('refused helo="x mail=forged" empty="" equals="a=b"')


@pytest.mark.parametrize("value", ["好" * 100_000, b"x" * 100_000, ["x" * 100] * 10_000, {"a": "x" * 100_000}])
def test_every_value_is_bounded(value: object) -> None:
    logger, read = lines("json")
    logger.info("x", value=value)
    assert len(json.loads(read()[0])["value"]) <= 1024


def test_level() -> None:
    logger, read = lines(level="warning")
    logger.info("no")
    logger.warning("yes")
    assert len(read()) == 1


def test_traceback_in_both_forms() -> None:
    for format_ in ("console", "json"):
        logger, read = lines(format_)
        try:
            raise ValueError("secret \x1b[2J")
        except ValueError:
            logger.exception("it broke", mail="abc")
        text = "\n".join(read())
        assert "Traceback (most recent call last)" in text
        assert "\x1b" not in text
        assert len(read()) == 1 or format_ == "console"


def test_colours_only_on_a_terminal() -> None:
    logger, read = lines()
    logger.error("x")
    assert "\x1b" not in read()[0]
    logger, read = lines(out=Terminal())
    logger.error("x")
    assert "\x1b[31merror" in read()[0]


def test_bound_context_is_shown() -> None:
    logger, read = lines()
    with structlog.contextvars.bound_contextvars(mail="abc"):
        logger.info("step")
    assert "mail=abc" in read()[0]


def test_third_parties_come_through_the_same_door_but_never_their_debug_lines() -> None:
    """aiosmtpd prints every line of a body at debug level."""
    _, read = lines("json", "debug")
    logging.getLogger("mail.log").debug("DATA readline: %s", b"the whole mail")
    logging.getLogger("mail.log").info("peer did things")
    logging.getLogger("asyncio").error("Task exception was never retrieved: %s", "x")
    bad = logging.makeLogRecord({"name": "bad", "levelno": logging.WARNING, "msg": "%d", "args": ("not a number",)})
    log._Forward().emit(bad)
    told = [json.loads(line) for line in read()]
    assert [(t["logger"], t["level"]) for t in told] == [("asyncio", "error"), ("bad", "warning")]


def test_configured_twice_writes_once() -> None:
    lines()
    _, read = lines()
    logging.getLogger("x").warning("once")
    assert len(read()) == 1


def test_a_log_that_cannot_be_written_costs_no_mail() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    logger, _ = lines(out=Full())
    logger.error("x")
    closed = io.StringIO()
    logger, _ = lines(out=closed)
    closed.close()
    logger.error("x")


async def test_many_tasks_do_not_mix_their_lines() -> None:
    logger, read = lines("json")

    async def work(n: int) -> None:
        with structlog.contextvars.bound_contextvars(n=n):
            await asyncio.sleep(0)
            logger.info("x", again=n)

    await asyncio.gather(*(work(n) for n in range(50)))
    assert all(json.loads(line)["n"] == json.loads(line)["again"] for line in read())
