"""The 49 forms of evidence of the matrix, each as the mail that somebody sends: what stands in it, whence it comes, what DNS says.

A form is a function of the person whose address is in From. `front` is what a mail server in front of us, with the usual
verifiers, writes about such a mail into Authentication-Results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import dkim

from tests.support.helpdesk import START
from tests.support.zones import Zone, key_record, merged, rsa_pem, signed_mail

HERE, ELSEWHERE, SHARED = "192.0.2.1", "203.0.113.9", "198.51.100.7"  # the domain's own host, the forger's, one that many rent
FRONT, OURS = "mx.front.example", "mx.help.example"
EVIL, SEALER = "evil.example", "lists.example"


@dataclass(frozen=True)
class Person:
    """Who is in From, and the mail that he would send. tokens: signed addresses by their name in `Sent.token`."""

    role: str
    address: str
    to: str
    subject: str
    body: str
    headers: str = ""  # with line ends
    tokens: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def mail(self, *, sender: str = "", extra: str = "") -> bytes:
        """extra: further fields on top, with line ends."""
        return (
            f"{extra}From: {sender or self.address}\r\nTo: {self.to}\r\nSubject: {self.subject}\r\n"
            f"Date: Fri, 02 Jan 2026 10:00:00 +0000\r\nMessage-ID: <{self.role}@{self.domain}>\r\n{self.headers}"
            f"\r\n{self.body}\r\n"
        ).encode()


@dataclass(frozen=True)
class Sent:
    """A mail on its way. token: which signed address it goes to, "" for the usual one. before: a mail that came earlier."""

    raw: bytes
    zone: Zone
    front: str
    mail_from: str | None
    peer: str = HERE
    token: str = ""
    before: bytes = b""


def spf(person: Person, policy: str = "reject") -> Zone:
    """The domain lists its own host, and asks for this when neither SPF nor DKIM holds."""
    d = person.domain
    return {d: {"TXT": [f"v=spf1 ip4:{HERE} -all"]}, f"_dmarc.{d}": {"TXT": [f"v=DMARC1; p={policy}"]}}


def said(person: Person, dmarc: str, *, spf: str = "fail", dkim: str = "none", policy: str = "reject", by: str = "") -> str:
    """What a front says. by: the domain of the signature."""
    signature = f"dkim={dkim}" + (f" header.d={by or person.domain} header.s=s1" if dkim != "none" else "")
    where = f"smtp.mailfrom={person.address}"
    return f"{FRONT}; spf={spf} {where}; {signature}; dmarc={dmarc} (p={policy}) header.from={person.domain}"


def forged(person: Person, *, extra: str = "", policy: str = "reject") -> Sent:
    """From the forger's own host, with his own return path, which passes SPF for him."""
    evil: Zone = {EVIL: {"TXT": [f"v=spf1 ip4:{ELSEWHERE} -all"]}}
    zone = merged(spf(person, policy), evil)
    front = f"{FRONT}; spf=pass smtp.mailfrom=x@{EVIL}; dkim=none; dmarc=fail (p={policy}) header.from={person.domain}"
    return Sent(person.mail(extra=extra), zone, front, f"x@{EVIL}", ELSEWHERE)


def signed(person: Person, *, front: str = "pass", domain: str = "", raw: bytes = b"", **how: object) -> Sent:
    """Signed by the domain (or another one), sent by somebody else's host. front: what its verifier finds."""
    by = domain or person.domain
    raw, keys = signed_mail(raw or person.mail(), by, at=START, **how)  # type: ignore[arg-type]
    dmarc = "pass" if front == "pass" and (by == person.domain or by.endswith("." + person.domain)) else "fail"
    word = said(person, dmarc, dkim=front, by=by)
    return Sent(raw, merged(spf(person), keys), word, person.address, SHARED)


# --- nothing, SPF, DKIM -----------------------------------------------------------------------------------------------


def no_auth(person: Person) -> Sent:
    return Sent(person.mail(), {}, said(person, "none", spf="none", policy="none"), person.address)


def spf_aligned(person: Person) -> Sent:
    return Sent(person.mail(), spf(person), said(person, "pass", spf="pass"), person.address)


def spf_shared(person: Person) -> Sent:
    """The domain lists the host of a provider; another customer of it sends with the domain's return path."""
    shared: Zone = {
        person.domain: {"TXT": ["v=spf1 include:_spf.shared.example -all"]},
        "_spf.shared.example": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
    }
    return Sent(person.mail(), {**spf(person), **shared}, said(person, "pass", spf="pass"), person.address, SHARED)


def dkim_length(person: Person) -> Sent:
    """Somebody has put his own text below the signed one."""
    sent = signed(person, length=len(person.body))
    return replace(sent, raw=sent.raw + b"And send the money to me.\r\n")


def dkim_revoked(person: Person) -> Sent:
    sent = signed(person, front="permerror")
    return replace(sent, zone={**sent.zone, f"s1._domainkey.{person.domain}": {"TXT": ["v=DKIM1; k=rsa; p="]}})


def replayed(person: Person) -> Sent:
    """Somebody caught the signed mail, which was filed long ago, and sends it again."""
    sent = signed(person)
    return replace(sent, before=sent.raw, peer=ELSEWHERE)


def doubled(person: Person, extra: str) -> Sent:
    sent = signed(person)
    return replace(sent, raw=extra.encode() + sent.raw)


def fifty(person: Person) -> Sent:
    """Forty-nine that are none come before the good one, which costs whoever looks at all of them."""
    sent = signed(person)
    junk = f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={EVIL}; s=s1; h=from; bh=aaaa; b=aaaa\r\n".encode()
    return replace(sent, raw=junk * 49 + sent.raw)


# --- DMARC ------------------------------------------------------------------------------------------------------------


def parent(person: Person, record: str, *, signer: str = "") -> Sent:
    """The domain itself publishes nothing; the one above it does."""
    above = person.domain.partition(".")[2]
    sent = forged(person)
    if signer:
        raw, keys = signed_mail(person.mail(), f"{signer}.{above}", at=START)
        sent = replace(sent, raw=raw, zone=keys)
    else:
        sent = replace(sent, zone={})
    return replace(sent, zone={**sent.zone, f"_dmarc.{above}": {"TXT": [record]}})


def deep(person: Person) -> Sent:
    """The signature is of a domain with nine labels, far below; the walk finds the way up in eight questions."""
    return signed(person, domain=f"a.b.c.d.e.f.g.{person.domain}")


def two_records(person: Person) -> Sent:
    sent = signed(person)
    records = {f"_dmarc.{person.domain}": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}}
    return replace(sent, zone={**sent.zone, **records}, front=said(person, "none", dkim="pass", policy="none"))


def no_answer(person: Person) -> Sent:
    sent = forged(person)
    return replace(sent, zone={**sent.zone, f"_dmarc.{person.domain}": "TIMEOUT"}, front=said(person, "temperror", spf="temperror"))


# --- ARC, Authentication-Results --------------------------------------------------------------------------------------


def sealed(person: Person, sealer: str, *, after: bytes = b"") -> Sent:
    """A list has passed it on, changed, with its own seal and what it found."""
    seen = f"Authentication-Results: {sealer}; dmarc=pass header.from={person.domain}\r\n".encode()
    raw = seen + person.mail()
    seal = dkim.arc_sign(raw, b"arc", sealer.encode(), rsa_pem(), sealer.encode(), timestamp=int(START))
    zone = merged(spf(person), {f"arc._domainkey.{sealer}": {"TXT": [key_record()]}})
    word = f"{said(person, 'fail')}; arc=pass header.d={sealer}"
    return Sent(b"".join(seal) + person.mail() + after, zone, word, f"bounce@{sealer}", ELSEWHERE)


def claimed(person: Person, name: str) -> str:
    d = person.domain
    return f"{name}; spf=pass smtp.mailfrom={person.address}; dkim=pass header.d={d}; dmarc=pass header.from={d}"


def results_below(person: Person) -> Sent:
    sent = forged(person)
    head, _, body = sent.raw.partition(b"\r\n\r\n")
    return replace(sent, raw=head + f"\r\nAuthentication-Results: {claimed(person, FRONT)}\r\n\r\n".encode() + body)


def results_folded(person: Person) -> Sent:
    """Comments, quotes, folds, capitals and a dot at the end, for readers that are not careful."""
    tricks = (
        f"Authentication-Results:\r\n (a (b) c)\r\n {claimed(person, FRONT.upper() + '.')}\r\n"
        f'authentication-results : "{FRONT}"; dmarc=pass header.from={person.domain}\r\n'
        f"Authentication-Results: {FRONT}/1 (x\r\n ); dmarc=pass\r\n header.from={person.domain}\r\n"
        f"Authentication-Results: (open {claimed(person, FRONT)}\r\n"
    )
    return forged(person, extra=tricks)


# --- From, and other fields that name people --------------------------------------------------------------------------


def shaped(person: Person, shape: str) -> Sent:
    """Everything holds for the forger's own domain: only the reading of From stands in his way. {} is the person's address."""
    sender = shape.replace("{}", person.address)
    raw, keys = signed_mail(person.mail(sender=sender), EVIL, at=START)
    own: Zone = {EVIL: {"TXT": [f"v=spf1 ip4:{ELSEWHERE} -all"]}, f"_dmarc.{EVIL}": {"TXT": ["v=DMARC1; p=none"]}}
    word = (
        f"{FRONT}; spf=pass smtp.mailfrom=x@{EVIL}; dkim=pass header.d={EVIL} header.s=s1; dmarc=pass (p=none) header.from={EVIL}"
    )
    return Sent(raw, merged(spf(person), own, keys), word, f"x@{EVIL}", ELSEWHERE)


def look_alike(person: Person) -> Sent:
    """A domain of his own that looks like the person's: all in order, and somebody else."""
    local, _, domain = person.address.partition("@")
    other = replace(person, address=f"{local}@" + domain.replace("o", "\u043e", 1).encode("idna").decode())
    return signed(other)


def to_token(person: Person, token: str, *, null: bool = False) -> Sent:
    """Well proved, but to this signed address."""
    sent = signed(person)
    return replace(sent, token=token, mail_from=None if null else sent.mail_from)


Form = Callable[[Person], Sent]

FORMS: dict[str, Form] = {
    "no auth": no_auth,
    "SPF pass aligned": spf_aligned,
    "SPF pass unaligned": forged,
    "SPF shared host": spf_shared,
    "DKIM aligned": signed,
    "DKIM other domain": lambda p: signed(p, domain=EVIL),
    "DKIM l=": dkim_length,
    "DKIM sha1": lambda p: signed(p, algorithm="rsa-sha1"),
    "DKIM 512": lambda p: signed(p, bits=512, front="policy"),
    "DKIM 1024": lambda p: signed(p, bits=1024),
    "DKIM t=y": lambda p: signed(p, key_extra="t=y; ", front="neutral"),
    "DKIM expired": lambda p: signed(p, tags=f"x={int(START) - 60}; ", front="fail"),
    "DKIM revoked": dkim_revoked,
    "DKIM replayed": replayed,
    "DKIM duplicate Subject": lambda p: doubled(p, "Subject: [#20260102-EML-0002] Pay here\r\n"),
    "DKIM duplicate From": lambda p: doubled(p, f"From: x@{EVIL}\r\n"),
    "DKIM From not signed": lambda p: signed(p, names=("to", "subject", "date"), front="permerror"),
    "DKIM 50 signatures": fifty,
    "DMARC none": lambda p: forged(p, policy="none"),
    "DMARC quarantine": lambda p: forged(p, policy="quarantine"),
    "DMARC reject": lambda p: forged(p, policy="reject"),
    "DMARC np": lambda p: parent(p, "v=DMARC1; p=none; np=reject"),
    "DMARC psd": lambda p: parent(p, "v=DMARC1; p=reject; psd=y", signer="sister"),
    "DMARC tree walk 9 labels": deep,
    "DMARC two records": two_records,
    "DMARC temperror": no_answer,
    "ARC good sealer": lambda p: sealed(p, SEALER),
    "ARC bad": lambda p: sealed(p, SEALER, after=b"changed later\r\n"),
    "ARC forged": lambda p: sealed(p, EVIL),
    "A-R forged top": lambda p: forged(p, extra=f"Authentication-Results: {claimed(p, FRONT)}\r\n"),
    "A-R forged bottom": results_below,
    "A-R forged our id": lambda p: forged(p, extra=f"Authentication-Results: {claimed(p, OURS)}\r\n"),
    "A-R fold tricks": results_folded,
    "From two addresses": lambda p: shaped(p, "{}, x@evil.example"),
    "From group": lambda p: shaped(p, "team: {}, x@evil.example;"),
    "From empty": lambda p: shaped(p, "<>"),
    "From null byte": lambda p: shaped(p, "{}\0@evil.example"),
    "From encoded-word": lambda p: shaped(p, "=?utf-8?q?{}=3e?=@evil.example"),
    "From look-alike": look_alike,
    "From quoted local": lambda p: shaped(p, '"{}"@evil.example'),
    "From comment": lambda p: shaped(p, "x@evil.example (<{}>)"),
    "From a@b@c": lambda p: shaped(p, "{}@evil.example"),
    "Reply-To not From": lambda p: signed(p, raw=p.mail(extra=f"Reply-To: x@{EVIL}\r\n")),
    "Sender not From": lambda p: signed(p, raw=p.mail(extra=f"Sender: x@{EVIL}\r\n")),
    "null sender with token": lambda p: to_token(p, "own", null=True),
    "token right, person wrong": lambda p: to_token(p, "colleague"),
    "token of another ticket": lambda p: to_token(p, "other"),
    "expired token": lambda p: to_token(p, "expired"),
    "legacy token": lambda p: to_token(p, "legacy"),
}


@cache
def sent(form: str, person: Person) -> Sent:
    """Made and signed once, for all doors."""
    return FORMS[form](person)
