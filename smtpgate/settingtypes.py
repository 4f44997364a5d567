"""What a setting may be: durations and sizes with units, addresses, networks, files. Each value is checked by itself.

Pure. A validator raises ValueError as "what is wrong; how to mend it", which configfile.py turns into a Problem.
"""

from __future__ import annotations

import ipaddress
import re
import string
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from smtpgate import hours
from smtpgate.colors import LIGHT, on_light, readable
from smtpgate.numbers import NumberPattern
from smtpgate.patterns import Pattern


class Section(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_WORK = 2000 * 3600.0  # seconds: about a year of work
_SIZES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def _split_unit(value: str, units: dict[str, Any]) -> tuple[float, Any] | None:
    digits = value.rstrip(string.ascii_letters).strip()
    unit = units.get(value[len(value.rstrip(string.ascii_letters)) :])
    if unit is None or not digits.replace(".", "", 1).isdigit():
        return None
    return float(digits), unit


def _duration(value: object) -> object:
    if isinstance(value, str):
        split = _split_unit(value, _UNITS)
        if split is None:
            raise ValueError('is not a duration; write a number and a unit, such as "30s", "5m", "4h" or "5d"')
        return split[0] * split[1]
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError('needs a unit; write for example "30s", "5m", "4h" or "5d"')
    return value


def _size(value: object) -> object:
    if isinstance(value, str):
        split = _split_unit(value, _SIZES)
        if split is None:
            raise ValueError('is not a size; write for example "16KiB" or "25MiB"')
        return int(split[0] * split[1])
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError('needs a unit; write for example "16KiB" or "25MiB"')
    return value


def _address(value: str) -> str:
    """An address of ours or of a person, checked without DNS; the domain in A-labels, lower case."""
    try:
        checked = validate_email(value, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(f"is not an e-mail address: {error}") from None
    return f"{checked.local_part}@{checked.ascii_domain.lower()}"


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError('is not a time zone; write a name such as "Asia/Shanghai" or "UTC"') from None
    return value


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError('is not an address to listen on; write "127.0.0.1:2525", "[::]:25" or "0.0.0.0:25"')
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ValueError('needs an IP address before the port, such as "0.0.0.0:25" or "[::1]:2525"') from None
    return value


def _lmtp(value: str) -> str:
    if not value.startswith("/"):
        if int(_listen(value).rpartition(":")[2]) == 25:
            raise ValueError("is SMTP's port; LMTP needs another one (RFC 2033)")
    elif "\0" in value or len(value.encode()) > 107:  # sun_path of unix(7)
        raise ValueError("is too long for a Unix socket; 107 octets is all there is")
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError('is not a network; write for example "127.0.0.0/8", "::1/128" or "192.0.2.7"') from None
    return value


def _server_address(value: str) -> str:
    host = value
    if value.count(":") == 1 or value.startswith("["):
        host, _, port = value.rpartition(":")
        if not port.isdigit():
            raise ValueError('is not a name server; write "192.0.2.53" or "192.0.2.53:5353"')
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ValueError('is not a name server; write "192.0.2.53" or "192.0.2.53:5353"') from None
    return value


def _hostname(value: str) -> str:
    labels = value.rstrip(".").split(".")
    legal = set(string.ascii_lowercase + string.digits + "-")
    if not all(0 < len(label) < 64 and set(label) <= legal and label[0] != "-" for label in map(str.lower, labels)):
        raise ValueError('is not a host name; write for example "mx.support.example.com"')
    return value.rstrip(".").lower()


def _database(value: str) -> str:
    try:
        found = urlsplit(value)
        password = found.password is not None or "password" in parse_qs(found.query)
    except ValueError:
        found, password = urlsplit(""), False
    if found.scheme not in ("postgresql", "postgres"):
        raise ValueError('is not a database; write for example "postgresql://smtpgate@db.example.com/smtpgate"')
    if password:
        raise ValueError("holds a password; put it into a file and name that in password_file")
    return value


def is_database(value: str) -> str:
    """What is wrong with it as the URL of a database; "" when nothing is."""
    try:
        _database(value)
    except ValueError as error:
        return str(error)
    return ""


def _node(value: str) -> str:
    if not 0 < len(value) < 64 or not set(value) <= set(string.ascii_letters + string.digits + ".-_"):
        raise ValueError('is not a name; write letters, digits, dots and hyphens, for example "mx1"')
    return value


def _path(value: object) -> object:
    if isinstance(value, str):
        if not value or "\0" in value:
            raise ValueError('is not a path; write for example "keys/dkim.pem" or "/etc/smtpgate/dkim.pem"')
        return Path(value)
    return value


def _re2(value: str) -> str:
    if value:
        Pattern(value)  # ValueError says what is wrong
    return value


def _color(value: str) -> str:
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", value):
        raise ValueError("write a colour as # and six digits from 0 to f, such as #1d4ed8")
    color = value.lower()
    if not readable(color, LIGHT):
        raise ValueError(f"too pale to be read on white or light grey; {on_light(color)} is the nearest that can be")
    return color


def _number_pattern(value: str) -> str:
    NumberPattern.compile(value)  # ValueError says what is wrong
    return value


def _hours(value: str) -> str:
    hours.span(value)  # ValueError says what is wrong
    return value


def _leave(value: str) -> str:
    hours.leave(value)  # ValueError says what is wrong
    return value


def _holiday(value: str) -> str:
    hours.holiday(value)  # ValueError says what is wrong
    return value


def _working_time(value: object) -> object:
    split = _split_unit(value, _UNITS) if isinstance(value, str) else None
    if split is None or split[1] not in (_UNITS["m"], _UNITS["h"]):
        raise ValueError('is no time of work in minutes or hours; write for example "30m" or "16h": a day has as many as you work')
    seconds = split[0] * split[1]
    if not 60.0 <= seconds <= _LONGEST_WORK:
        raise ValueError(f'is not between a minute and {_LONGEST_WORK / 3600:.0f} hours; write for example "30m" or "16h"')
    return seconds


def _time_of_day(value: str) -> str:
    if value:
        hours.time_of_day(value)  # ValueError says what is wrong
    return value


Seconds = Annotated[float, BeforeValidator(_duration), Field(ge=0)]
Bytes = Annotated[int, BeforeValidator(_size), Field(ge=0)]
File = Annotated[Path, BeforeValidator(_path)]
MailAddress = Annotated[str, AfterValidator(_address)]
Zone = Annotated[str, AfterValidator(_zone)]
Listen = Annotated[str, AfterValidator(_listen)]
Lmtp = Annotated[str, AfterValidator(_lmtp)]
Network = Annotated[str, AfterValidator(_network)]
NameServer = Annotated[str, AfterValidator(_server_address)]
Database = Annotated[str, AfterValidator(_database)]
Node = Annotated[str, AfterValidator(_node)]
Hours = Annotated[str, AfterValidator(_hours)]
Leave = Annotated[str, AfterValidator(_leave)]
Holiday = Annotated[str, AfterValidator(_holiday)]
WorkingTime = Annotated[float, BeforeValidator(_working_time)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
HostName = Annotated[str, AfterValidator(_hostname)]
Color = Annotated[str, AfterValidator(_color)]
Re2 = Annotated[str, AfterValidator(_re2)]
Numbers = Annotated[str, AfterValidator(_number_pattern)]
