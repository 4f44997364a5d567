"""What senders and their DNS say of themselves: signatures, chains, records, results."""

from __future__ import annotations

from functools import cache
from typing import Any

import authres
from dkim.canonicalization import Relaxed, Simple

from smtpgate.auth import arc, dkim, dmarc, keys, message, results, sign, spf
from smtpgate.auth.dns import Lookups, ZoneResolver
from smtpgate.errors import ConfigError
from smtpgate.mail import header
from smtpgate.model import ArcResult, DkimResult, DmarcResult, SpfResult
from tests.fuzz import seeds
from tests.fuzz.target import Target, wait
from tests.fuzz.targets_mail import clean_line
from tests.support.clock import ManualClock
from tests.support.zones import key_record

_NOW = 1_790_000_000.0
_IP = "192.0.2.1"


def _lookups(zone: dict[str, Any]) -> Lookups:
    return Lookups(ZoneResolver(zone), ManualClock(_NOW), deadline=10, limit=100)


def _canonical(data: bytes) -> Any:
    """Our linear forms say what dkimpy's say, for verifying and for signing."""
    body = data[:2000]
    assert message.LinearRelaxed.canonicalize_body(body) == Relaxed.canonicalize_body(body)
    crlf = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    crlf += b"" if crlf.endswith(b"\r\n") else b"\r\n"  # as every mail ends
    assert sign.canonical_body(crlf) == Relaxed.canonicalize_body(crlf)
    value = crlf.replace(b"\r\n", b"\r\n ")
    theirs = Relaxed.canonicalize_headers([(b"Subject", value + b"\r\n")])
    if not set(value) & {0x0B, 0x0C}:  # blanks of Python's, not of RFC 5234
        assert sign.canonical_field("subject", value) == b":".join(theirs[0])
    Simple.canonicalize_body(body)
    large = message.LinearRelaxed.canonicalize_body(data)
    assert large == b"" or large.endswith(b"\r\n")
    return large


@cache
def _key() -> str:
    return key_record()


def _signature(data: bytes) -> Any:
    """Signatures and chains of any content give results, with reasons that can be logged and written into a field."""
    zone = {f"{s}._domainkey.{d}": {"TXT": [_key()]} for s in ("s", "arc") for d in ("x.example", "one.example")}
    mail = message.Message.read(data)
    found = wait(dkim.verify(mail, _lookups(zone), limit=5, now=_NOW))
    chain = wait(arc.verify(mail, _lookups(zone), now=_NOW))
    for one in found:
        assert one.result in ("pass", "fail", "neutral", "temperror", "permerror", "policy", "none")
    return found, chain.result, chain.dmarc_passed_for


def _records(data: bytes) -> Any:
    """Any TXT record: of SPF, DMARC, a DKIM key; with what it includes being itself."""
    text = data[:4000].decode("latin-1")
    zone = {
        name: {"TXT": [text], "A": [_IP], "MX": ["10 x.example"]}
        for name in ("x.example", "y.example", "_dmarc.x.example", "_spf.x.example", "s._domainkey.x.example")
    }
    lines = data.split(b"\n")[:3]
    try:
        resolver = ZoneResolver(zone)
    except ConfigError:
        return None
    found: list[Any] = [dmarc.parse(line, "x.example") for line in lines] + [str(keys.parse(line))[:60] for line in lines]
    for sender in ("a@x.example", None, 'a"b%{i}@x.example'):
        for prefix in (resolver,):
            lookups = Lookups(prefix, ManualClock(_NOW), deadline=10, limit=100)
            result = wait(spf.check(lookups, ip=_IP, helo="y.example", mail_from=sender, receiver="mx.desk.example"))
            assert result.result in ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")
            assert len(lookups.asked) <= 100
            found.append(result)
    lookups = Lookups(resolver, ManualClock(_NOW), deadline=10, limit=100)
    found.append(wait(dmarc.discover("sub.x.example", lookups)))
    return found


def _results(data: bytes) -> Any:
    """A field that claims our name is found whatever it is written like; what we write reads back and is one field."""
    value = header.unfolded(header.Field("", data, b""))
    field = header.Field("authentication-results", data, b"Authentication-Results:" + data)
    claimed = results.claims([field], "mx.desk.example")
    read = results.read(value)
    topmost = results.topmost([field], "mx.desk.example")
    if topmost is not None:
        assert claimed == (0,)
    try:
        theirs = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
    except Exception:  # it raises many things; what it cannot read it cannot believe
        theirs = None
    if theirs is not None and str(theirs.authserv_id).lower() == "mx.desk.example":
        assert claimed == (0,), "another reader believes it to be ours"
    text = value[:200]
    written = results.write(
        "mx.desk.example",
        spf=SpfResult("pass", text),
        dkim=[DkimResult("pass", text, text)],
        dmarc=DmarcResult("pass", "reject", text),
        arc=ArcResult("pass", "", text),
        mail_from=text,
        helo=text,
        author=f"a@{text}",
    )
    assert clean_line(written)
    assert written.isascii()
    again = results.read(written)
    assert again is not None
    assert again.spf is not None
    assert again.spf.result == "pass"
    assert [d.result for d in again.dkim] == ["pass"]
    assert again.dmarc is not None
    assert (again.dmarc.result, again.dmarc.policy) == ("pass", "reject" if text else "none")
    return claimed, read, topmost, written


_SPF = (
    b"v=spf1 ", b"include:x.example ", b"redirect=y.example", b"exp=x.example", b"ip4:192.0.2.0/24 ", b"ip6:2001:db8::/32 ", b"a ", b"mx ",
    b"ptr ", b"exists:%{i}.x.example ", b"%{d}", b"%{ir}", b"%{p}", b"%{l1r+-}", b"%%", b"%_", b"-all", b"~all", b"?", b"/99", b"//128", b"a:",
    b"v=DMARC1; ", b"p=reject; ", b"sp=none; ", b"np=", b"adkim=s; ", b"psd=y; ", b"t=y; ", b"rua=mailto:a@b; ", b"v=DKIM1; ", b"k=rsa; ", b"k=ed25519; ",
    b"p=", b"h=sha256; ", b"s=email; ", b"t=s; ", b"MIIB", b"\n", b" ", b";", b"=",
)  # fmt: skip
_SIGNATURE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=AA; b=AA\r\n", b"c=relaxed/simple; ", b"l=1; ", b"t=99999999999; ", b"x=1; ",
    b"i=@x.example; ", b"q=dns/txt; ", b"h=from:from:subject; ", b"a=ed25519-sha256; ", b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=one.example; s=arc; b=AA\r\n",
    b"ARC-Message-Signature: i=1; a=rsa-sha256; d=one.example; s=arc; h=from; bh=AA; b=AA\r\n",
    b"ARC-Authentication-Results: i=1; one.example; dmarc=pass header.from=x.example\r\n", b"i=2; ", b"i=51; ", b"cv=pass; ", b"z=", b";", b"=", b"\r\n ", b"b=",
    b"From: a@x.example\r\n", b"\r\n\r\n", b"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; ",
)  # fmt: skip


def _signed() -> list[bytes]:
    top = b"From: a@x.example\r\nSubject: x\r\n\r\nbody\r\n"
    chain = b"".join(_SIGNATURE[9:12])
    return [*seeds.mails()[:60], _SIGNATURE[0] + top, chain + top, _SIGNATURE[0] * 7 + chain + top]


TARGETS = (
    Target("canonical", _canonical, lambda: [m[:1500] for m in seeds.mails()[:80]], (b" ", b"  ", b"\t", b"\r\n", b"\n", b"\r", b" \r\n", b"\r\n\r\n")),
    Target("signature", _signature, _signed, _SIGNATURE),
    Target(
        "records",
        _records,
        lambda: [
            b"v=spf1 a mx ptr include:y.example exists:%{ir}.%{v}.x.example ip4:192.0.2.0/24 -all", b"v=spf1 redirect=y.example",
            b"v=DMARC1; p=reject; sp=quarantine; rua=mailto:a@b", key_record().encode(), key_record("ed25519").encode(),
            b"v=spf1 exp=y.example -all", b"v=spf1 mx:y.example/24//64 ?all",
        ],
        _SPF,
        large=False,
    ),
    Target(
        "results",
        _results,
        lambda: [
            b"mx.desk.example; spf=pass smtp.mailfrom=a@b.example; dkim=pass header.d=b.example; dmarc=pass (p=reject) header.from=b.example",
            *seeds.values("authentication-results", "arc-authentication-results"),
        ],
        (b"mx.desk.example", b"; ", b"spf=pass", b"dkim=pass header.d=", b"dmarc=pass", b"smtp.mailfrom=", b"(", b")", b'"', b"\\", b" 1", b"/1", b"=", b"\t",
         b"none", b"policy.dmarc=reject", b".", b"\r\n ", b"MX.Desk.Example", b"\xe2\x80\x8b"),
    ),
)  # fmt: skip
