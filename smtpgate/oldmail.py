"""What an archived mail would have brought along had it come through a door: envelope, verdict, and the bytes as SMTP has them.

Pure, never raises. Nobody checked such a mail and nobody can any more: its verdict is `imported`, a row of its own in
rules/rights.py.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from smtpgate.config import Config
from smtpgate.desksettings import Desk
from smtpgate.intake.data import police
from smtpgate.mail import header
from smtpgate.mail.address import author, parse_list, split_sub
from smtpgate.mail.header import Field
from smtpgate.mail.token import Tokens
from smtpgate.model import ArcResult, DmarcResult, Envelope, Evidence, SpfResult, Verdict
from smtpgate.store.api import Accepted

_RECIPIENTS = ("to", "cc", "delivered-to", "x-original-to")
_LIST = (
    "list-", "x-list", "mailing-list", "x-mailing-list", "x-mailman", "x-beenthere", "x-google-group", "x-loop", "x-precedence",
)  # fmt: skip
_OF_A_LIST = ("list", "bulk", "junk")
_VEILED = re.compile(r"([^\s@<>\"]{1,64}) at ([A-Za-z0-9.-]{1,253}\.[A-Za-z0-9-]{2,63})(?: \(|$)")  # as pipermail writes From


@dataclass(frozen=True, slots=True)
class Old:
    """A mail ready to be read and filed. readable: what the parser gets, mail_from: what it is told of the envelope."""

    accepted: Accepted
    readable: bytes = field(repr=False)
    mail_from: str | None
    key: str  # of its place and content
    sha256: str  # of the mail as it is stored


def named_desks(fields: tuple[Field, ...], config: Config) -> tuple[str, ...]:
    """The desks' addresses in To, Cc, Delivered-To and X-Original-To: most mail was sent to them by the envelope too."""
    found: dict[str, None] = {}
    for one in fields:
        if one.name in _RECIPIENTS:
            for person in parse_list(header.unfolded(one), limit=config.limits.addresses)[0]:
                local, _, domain = split_sub(person.address)
                if config.desk_of(f"{local}@{domain}"):
                    found[person.address] = None
    return tuple(found)


def prepare(
    content: bytes,
    *,
    source: str,
    place: str,
    arrived: float,
    mail_id: str,
    config: Config,
    tokens: Tokens,
    desk: Desk,
    lists_are_machines: bool,
) -> Old:
    """desk: whose the mail is when it names none. arrived: seconds since 1970."""
    raw = police(content, "normalize") or b""
    fields, _ = header.split(raw, limit=config.limits.header_section, fields=config.limits.header_fields)
    returned = header.first(fields, "return-path")
    return_path = None if returned is None else returned.strip("<> ")
    through = "" if lists_are_machines else _through_list(fields)
    reasons = [f"imported from {source}: nobody checked who sent it"]
    if through:
        reasons.append(f"it came through the mailing list {through}: read like a person's mail")
    sender = _author(fields)
    envelope = Envelope(
        mail_id=mail_id,
        mail_from=None if return_path == "" else (return_path or sender)[:254],
        rcpts=_recipients(fields, config, tokens, arrived) or (desk.address,),
        peer="",
        helo="",
        received_at=arrived,
        protocol="import",
    )
    verdict = Verdict(Evidence.IMPORTED, sender, SpfResult("none"), (), DmarcResult("none"), ArcResult(), reasons=tuple(reasons))
    message_id = next(iter(header.message_ids(header.first(fields, "message-id") or "")), None)
    return Old(
        accepted=Accepted(envelope, b"", raw, verdict, message_id),
        readable=_without_list(raw, fields) if through else raw,
        mail_from=None if return_path == "" else "" if through else return_path or "",
        sha256=hashlib.sha256(raw).hexdigest(),
        key=hashlib.sha256(place.encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(content).digest()).hexdigest(),
    )


def _recipients(fields: tuple[Field, ...], config: Config, tokens: Tokens, now: float) -> tuple[str, ...]:
    """Desks; a return path of ours among them says nothing about our mail of today."""
    found: dict[str, None] = {}
    for address in named_desks(fields, config):
        token = tokens.read(address, now)
        local, _, domain = split_sub(address)
        found[address if token is None or token.kind == "r" else f"{local}@{domain}"] = None
    return tuple(found)


def _author(fields: tuple[Field, ...]) -> str:
    """As at the door; and since no right hangs on it, also the first of several, or one that an archive has veiled."""
    certain = author(fields)[0]
    if certain:
        return certain
    value = header.first(fields, "from") or header.first(fields, "sender") or ""
    veiled = _VEILED.match(value)
    if veiled is not None:
        return f"{veiled[1]}@{veiled[2].lower()}"
    people = parse_list(value, limit=1)[0]
    return people[0].address if people and "@" in people[0].address else ""


def _through_list(fields: tuple[Field, ...]) -> str:
    """The discussion list that it came through, "" for none. A newsletter, which nobody can answer, is none."""
    values = {f.name: header.unfolded(f) for f in reversed(fields)}
    if values.get("list-post", "NO").strip().upper() != "NO":
        return values.get("list-id") or values["list-post"]
    for name in ("x-mailing-list", "mailing-list", "x-mailman-version", "x-beenthere"):
        if name in values:
            return values.get("list-id") or values[name]
    return "" if "list-unsubscribe-post" in values else values.get("list-id", "")


def _without_list(raw: bytes, fields: tuple[Field, ...]) -> bytes:
    """Without what the list added: what is left tells whether a person wrote it."""
    end = sum(len(f.raw) for f in fields)
    kept = [f.raw for f in fields if not f.name.startswith(_LIST) and not _precedence(f)]
    return b"".join(kept) + raw[end:]


def _precedence(one: Field) -> bool:
    return one.name == "precedence" and header.unfolded(one).strip().lower() in _OF_A_LIST
