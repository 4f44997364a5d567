"""Threats A1 and A2: whatever two readers of mail could take for two authors is nobody's (the shapes of "Composition
Kills" and of espoofer). The attacker's own domain passes everything, so that only the reading stands in the way."""

from __future__ import annotations

import pytest

from smtpgate.auth import verdict
from smtpgate.auth.dns import ZoneResolver
from smtpgate.clock import SystemClock
from smtpgate.config import Config
from smtpgate.mail import address, header
from smtpgate.model import Envelope, Evidence

CONFIG = Config.model_validate(
    {"server": {"name": "mx.desk.example"}, "desk": [{"name": "help", "address": "help@desk.example"}]},
)
ZONE = ZoneResolver(
    {
        "evil.example": {"TXT": ["v=spf1 ip4:203.0.113.9 -all"]},
        "_dmarc.evil.example": {"TXT": ["v=DMARC1; p=none"]},
        "good.example": {"TXT": ["v=spf1 -all"]},
        "_dmarc.good.example": {"TXT": ["v=DMARC1; p=reject"]},
    }
)
BOSS, EVIL = "boss@good.example", "x@evil.example"
SHAPES = {
    "two From": f"From: {EVIL}\r\nFrom: {BOSS}\r\n",
    "two From, good first": f"From: {BOSS}\r\nFrom: {EVIL}\r\n",
    "From with a leading blank": f" From: {BOSS}\r\nFrom: {EVIL}\r\n",
    "From with a blank before the colon": f"From : {BOSS}\r\nFrom: {EVIL}\r\n",
    "From behind junk": f"X-A: b\r\njunk\r\nFrom: {EVIL}\r\n",
    "From behind a byte order mark": f"\ufeffFrom: {EVIL}\r\n",
    "From behind an empty line": f"\r\nFrom: {EVIL}\r\nTo: y@z.example\r\n",
    "From behind the greeting of a pipe": f"+OK\r\nFrom: {EVIL}\r\nTo: y@z.example\r\n",
    "no From, a Sender": f"Sender: {BOSS}\r\n",
    "no From, a Resent-From": f"Resent-From: {BOSS}\r\n",
    "two addresses": f"From: {BOSS}, {EVIL}\r\n",
    "two addresses in brackets": f"From: <{EVIL}>, <{BOSS}>\r\n",
    "two addresses by a semicolon": f"From: {EVIL}; {BOSS}\r\n",
    "two brackets": f"From: <{BOSS}><{EVIL}>\r\n",
    "two brackets with a blank": f"From: <{EVIL}> <{BOSS}>\r\n",
    "brackets within brackets": f"From: <<{BOSS}>{EVIL}>\r\n",
    "an address as the name": f"From: {BOSS} <{EVIL}>\r\n",
    "an address as the name, glued": f"From: {BOSS}<{EVIL}>\r\n",
    "text behind the brackets": f"From: <{EVIL}> {BOSS}\r\n",
    "a route": f"From: <@evil.example,@b.example:{BOSS}>\r\n",
    "a group": f"From: team: {EVIL}, {BOSS};\r\n",
    "an empty group before": f"From: team:;, {EVIL}\r\n",
    "a comment in the address": f"From: boss({EVIL})@good.example\r\n",
    "a comment with brackets": f"From: {EVIL} (<{BOSS}>)\r\n",
    "a comment that nests": f"From: {EVIL} (a (<{BOSS}>))\r\n",
    "an open comment": f"From: ({BOSS} <{EVIL}>\r\n",
    "an open quote": f'From: "{BOSS} <{EVIL}>\r\n',
    "a quoted local part with an address": f'From: "{BOSS}"@evil.example\r\n',
    "a quote within the address": f'From: "boss@good.example>"{EVIL}\r\n',
    "an escaped quote": f'From: "a\\" <{BOSS}> \\"b" x <{EVIL}>, <{BOSS}>\r\n',
    "an encoded word as the address": "From: =?utf-8?B?Ym9zc0Bnb29kLmV4YW1wbGU=?=\r\n",
    "an encoded word in the local part": "From: =?utf-8?q?boss=40good.example=3e?=@evil.example\r\n",
    "an encoded word before the domain": "From: boss@=?utf-8?q?good.example?=\r\n",
    "a NUL": f"From: {BOSS}\0@evil.example\r\n",
    "a NUL behind": f"From: {EVIL}\0, {BOSS}\r\n",
    "a control": f"From: {BOSS}\x0c<{EVIL}>\r\n",
    "two @": "From: boss@good.example@evil.example\r\n",
    "a literal and a domain": "From: boss@[good.example]@evil.example\r\n",
    "a bang path": "From: evil.example!boss@good.example, x@evil.example\r\n",
    "percent and two domains": "From: boss%good.example@evil.example@good.example\r\n",
    "an invisible character": "From: x@evil\u200b.example\r\n",
    "a direction mark": "From: x@\u202eevil.example\r\n",
    "full-width letters": "From: x@\uff45vil.example\r\n",
    "a full-width @": "From: boss\uff20good.example\r\n",
    "an ideographic full stop": "From: x@evil\u3002example\r\n",
    "a folded name field": f"From\r\n : {BOSS}\r\n",
    "From folded at once": f"From:\r\n {BOSS},\r\n {EVIL}\r\n",
    "a bare name": "From: boss\r\n",
    "an address that archives spell out": "From: boss at good.example\r\n",
    "entities for brackets": f"From: Boss &lt;{BOSS}&gt;\r\n",
    "a bare comma in the name": f"From: Boss, The <{EVIL}>\r\n",
    "nothing": "From:\r\n",
    "brackets with nothing": "From: <>\r\n",
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
async def test_never_better_than_ambiguous(shape: str) -> None:
    raw = (shape + "To: help@desk.example\r\nSubject: pay\r\n\r\nNow.\r\n").encode()
    found = await verdict.judge(
        envelope=Envelope("m1", EVIL, ("help@desk.example",), "203.0.113.9", "evil.example", 0.0),
        raw=raw,
        config=CONFIG,
        resolver=ZONE,
        clock=SystemClock(),
    )
    assert found.evidence is Evidence.AMBIGUOUS, found.reasons


async def test_a_plain_author_of_the_same_domain_is_believed() -> None:
    """The measure itself: without the tricks, the attacker's own domain passes."""
    raw = b"From: A. Customer <a..b@evil.example>\r\nTo: help@desk.example\r\n\r\nNow.\r\n"
    found = await verdict.judge(
        envelope=Envelope("m1", EVIL, ("help@desk.example",), "203.0.113.9", "evil.example", 0.0),
        raw=raw,
        config=CONFIG,
        resolver=ZONE,
        clock=SystemClock(),
    )
    assert found.evidence is Evidence.DMARC_SPF
    assert found.author == "a..b@evil.example"
    assert address.author(header.split(raw)[0])[0] == found.author
