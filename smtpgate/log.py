"""Logging: one line for each event on standard error, readable or JSON. structlog everywhere; this is its set-up.

Values are escaped and cut to 1 KiB each, so no mail can forge a line or fill a disk with one. Addresses are shown as
log.addresses says, here and nowhere else. Third parties' warnings come through the same door; their lower levels stay
silent, because some of them print mail. A log that cannot be written is lost: it must never cost a mail.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog

from smtpgate import clock, metrics
from smtpgate.config import Log
from smtpgate.logaddresses import Shown, locals_of

_LONGEST_VALUE = 1024
_LONGEST_TRACEBACK = 16 * 1024
_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}

_AHEAD = 4  # times the length of a value in which addresses are looked for, so that none is cut before it is seen
_NAMES = frozenset({"timestamp", "level", "event", "logger", "mail", "connection", "cause", "ticket", "outgoing"})  # of ours

Fields = structlog.typing.EventDict

_PLAIN = frozenset({bool, int, float, type(None)})
_COUNTED = frozenset({"warning", "error", "critical"})

_written = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make one for each value

_key = secrets.token_bytes(32)  # until use_key


def configure(settings: Log, stream: TextIO | None = None) -> None:
    """Write to `stream` (default: standard error) from now on. May be called again."""
    out = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    render = _json if settings.format == "json" else _console(colours=out.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _counted,
            _stamped,
            structlog.processors.format_exc_info,
            _cleaned(settings),
            lambda _, __, fields: render(fields),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Out.factory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not isinstance(h, _Forward)] + [_Forward()]
    root.setLevel(max(level, logging.WARNING))


def _counted(_: Any, __: str, fields: Fields) -> Fields:
    if (level := fields["level"]) in _COUNTED:
        metrics.LOGGED.inc(level)
    return fields


def _stamped(_: Any, __: str, fields: Fields) -> Fields:
    """The time, in UTC."""
    fields["timestamp"] = clock.stamp()
    return fields


def address_key(secret: bytes) -> bytes:
    """The key of pseudonyms, from a secret that outlives the process."""
    return hmac.digest(secret, b"smtpgate log addresses", "sha256")


def use_key(key: bytes) -> None:
    """From now on pseudonyms are made with this key; before it with one that nobody knows."""
    global _key  # noqa: PLW0603 (the log is set up before the store that has the secret is open)
    _key = key


class _Out:
    """What structlog calls a logger: every level writes a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @classmethod
    def factory(cls, stream: TextIO) -> Callable[..., _Out]:
        out = cls(stream)
        return lambda *_: out

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # full disk, closed pipe: there is nobody left to tell
            return

    debug = info = warning = warn = error = critical = exception = failure = fatal = log = msg


class _Forward(logging.Handler):
    """The standard library's loggers, used by asyncio and third parties."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, message, logger=record.name, exc_info=record.exc_info)


def _cleaned(settings: Log) -> structlog.typing.Processor:
    full = settings.addresses == "full"
    sign = "+" if full else "@"  # what a text needs to have an address that is shown otherwise

    def process(_: Any, __: str, fields: Fields) -> Fields:
        odd = [  # what does not stand in the log as it is: short, printable, and without this sign
            key
            for key, value in fields.items()
            if not (
                len(value) <= _LONGEST_VALUE and sign not in value and value.isprintable()
                if type(value) is str
                else type(value) in _PLAIN
            )
        ]
        shown = Shown(settings.addresses, _key)
        if full or not odd:  # then each value is by itself
            for key in odd:
                fields[key] = _shown(key, _text(fields[key], _longest(key)), shown, frozenset())
            return fields
        texts = {key: _text(value, _longest(key)) for key, value in fields.items()}
        hidden = frozenset(local for text in texts.values() if isinstance(text, str) for local in locals_of(text))
        return {key: _shown(key, value, shown, hidden) for key, value in texts.items()}

    return process


def _longest(key: str) -> int:
    return _LONGEST_TRACEBACK if key == "exception" else _LONGEST_VALUE


def _text(value: Any, limit: int) -> Any:
    """A value as text, still longer than it may be shown."""
    if value is None or isinstance(value, (bool, int, float)):  # a union would be built anew for each value
        return value
    if isinstance(value, list | tuple | set | frozenset):
        value = ", ".join(map(str, list(value)[:_LONGEST_VALUE]))
    elif isinstance(value, bytes | bytearray):
        value = bytes(value[: _AHEAD * limit + 1]).decode("latin-1")
    text = str(value)
    if len(text) <= _AHEAD * limit:
        return text
    whole = text[: _AHEAD * limit].rpartition(" ")[0]  # the last word may be an address that is cut
    return whole or text[:limit]


def _shown(key: str, value: Any, shown: Shown, hidden: frozenset[str]) -> Any:
    if not isinstance(value, str):
        return value
    text = shown.text(value)
    if key not in _NAMES:
        text = shown.without(text, hidden)
    limit = _longest(key)
    breaks = "\n" if limit == _LONGEST_TRACEBACK else ""
    safe = text[: limit + 1]
    if not safe.isprintable():
        safe = "".join(c if c.isprintable() or c in breaks else c.encode("unicode_escape").decode() for c in safe)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def _json(fields: Fields) -> str:
    head = {key: fields.pop(key) for key in ("timestamp", "level", "event") if key in fields}
    return _written({**head, **fields})


def _console(*, colours: bool) -> Callable[[Fields], str]:
    def render(fields: Fields) -> str:
        moment, level, event = (str(fields.pop(key, "")) for key in ("timestamp", "level", "event"))
        traceback = fields.pop("exception", None)
        shown = f"{level:7}"
        if colours and level in _COLOURS:
            shown = f"{_COLOURS[level]}{shown}\x1b[0m"
        pairs = [f"{key}={value if type(value) in _PLAIN else _quoted(str(value))}" for key, value in fields.items()]
        line = " ".join([moment, shown, event, *pairs])
        return line if traceback is None else f"{line}\n" + "\n".join(f"    {row}" for row in traceback.split("\n"))

    return render


def _quoted(text: str) -> str:
    """A value with a blank or quote in it is quoted, so that it cannot look like two fields."""
    return _written(text) if not text or " " in text or "=" in text or '"' in text else text
