"""ARC chains (RFC 8617): does the chain hold, who sealed it last, and what did that sealer see?

dkimpy checks the chain with keys fetched beforehand. The result is shown for every mail; it is believed only for sealers
that the admin names (auth.arc_sealers), see verdict.py. Bounded in sets and in field size; never raises.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from collections import Counter

import dkim
import structlog

from smtpgate.auth import keys, message, results
from smtpgate.auth import tags as tag_list
from smtpgate.auth.dns import Lookups, canonical
from smtpgate.auth.keys import Key, KeyProblem
from smtpgate.auth.message import Message
from smtpgate.mail.header import Field, unfolded
from smtpgate.model import ArcResult
from smtpgate.records import record

log = structlog.get_logger(__name__)

SETS = 5  # RFC 8617 §4.2.1 allows 50; real chains have one to three
_NAMES = ("arc-seal", "arc-message-signature", "arc-authentication-results")
_SIGNED_NAMES = 200
_INSTANCE = re.compile(rb"\s*i\s*=\s*([0-9]{1,2})\s*;")  # the first tag, as everybody writes it


@record(frozen=True, slots=True)
class Chain:
    """The result, and the domain for which the last sealer saw DMARC pass ("" if it did not say so)."""

    result: ArcResult
    dmarc_passed_for: str = ""


@record(frozen=True, slots=True)
class _Set:
    """The three fields of the sets, by instance."""

    fields: dict[tuple[str, int], Field]
    last: int


async def verify(mail: Message, lookups: Lookups, *, now: float) -> Chain:
    """The chain of one mail. now is when it came, in seconds since 1970."""
    chain = _read(mail)
    if chain is None:
        return Chain(ArcResult())
    if isinstance(chain, str):
        return Chain(ArcResult("fail", chain))
    signers: dict[tuple[int, str], tuple[dict[bytes, bytes], str, str]] = {}
    for (name, instance), field in chain.fields.items():
        if name != "arc-authentication-results":
            signer = _signer(field)
            if isinstance(signer, str):
                return Chain(ArcResult("fail", f"set {instance}: {signer}"))
            signers[instance, name] = signer
    sealer = signers[chain.last, "arc-seal"][1]
    if wrong := _unsound(signers[chain.last, "arc-message-signature"][0], mail, now):
        return Chain(ArcResult("fail", wrong, sealer))
    names = sorted({(domain, selector) for _, domain, selector in signers.values()})
    found = dict(zip(names, await keys.fetch_all(lookups, names), strict=True))
    for problem in found.values():
        if isinstance(problem, KeyProblem):
            return Chain(ArcResult("fail", problem.reason, sealer))
    records = {f"{s}._domainkey.{d}": key.record for (d, s), key in found.items() if isinstance(key, Key)}
    work = (mail, records)
    held, reason = await asyncio.to_thread(_holds, *work) if len(mail.body) > message.LARGE else _holds(*work)
    if not held:
        return Chain(ArcResult("fail", reason, sealer))
    seen = unfolded(chain.fields["arc-authentication-results", chain.last])
    return Chain(ArcResult("pass", f"{chain.last} sets, the last one sealed by {sealer}", sealer), _dmarc_passed_for(seen))


def _read(mail: Message) -> _Set | str | None:
    """The sets of the mail; None when there are none, a text when they are no chain (RFC 8617 §5.2)."""
    if mail.by_name.keys().isdisjoint(_NAMES):
        return None
    fields = [f for f in mail.fields if f.name in _NAMES]
    if len(fields) > SETS * len(_NAMES):
        return f"more than {SETS} ARC sets are not looked at"
    if mail.problem:
        return mail.problem
    found: dict[tuple[str, int], Field] = {}
    for field in fields:
        if reason := message.suspicious(field):
            return reason
        instance = _instance(field)
        if not 1 <= instance <= SETS or (field.name, instance) in found:
            return "the ARC sets are not numbered in order"
        found[field.name, instance] = field
    counts = Counter(name for name, _ in found)
    if len(found) % len(_NAMES) or any(counts[name] != len(found) // len(_NAMES) for name in _NAMES):
        return "an ARC set is not complete"
    last = len(found) // len(_NAMES)
    if any(instance > last for _, instance in found):
        return "the ARC sets are not numbered in order"
    return _Set(found, last)


def _instance(field: Field) -> int:
    match = _INSTANCE.match(field.value)
    return int(match[1]) if match else 0


def _signer(field: Field) -> tuple[dict[bytes, bytes], str, str] | str:
    """Tags, domain and selector of a seal or a signature; a text when it cannot be read."""
    try:
        tags = tag_list.read(field.value)
    except tag_list.MalformedTags:
        return "a field cannot be read"
    domain = canonical(tags.get(b"d", b"").decode("utf-8", "replace"))
    selector = canonical(tags.get(b"s", b"").decode("utf-8", "replace"))
    if not domain or not selector:
        return "d= or s= cannot be a name in DNS"
    if tags.get(b"a", b"").strip() not in (b"rsa-sha256", b"ed25519-sha256"):
        return "the algorithm in a= is unknown"
    if tags.get(b"h", b"").count(b":") > _SIGNED_NAMES:
        return f"more than {_SIGNED_NAMES} names in h="
    return tags, domain, selector


def _unsound(tags: dict[bytes, bytes], mail: Message, now: float) -> str:
    """Why the last ARC-Message-Signature is not believed even if it holds; "" if it may be."""
    if b"l" in tags:
        return "l= leaves a part of the body open"
    expires = tags.get(b"x", b"")
    if expires and not (expires.isdigit() and len(expires) <= 20 and int(expires) >= now):
        return "the ARC signature has expired (x=)"
    return "" if b"from" in {n.strip().lower() for n in tags.get(b"h", b"").split(b":")} else "From is not signed"


class _Verifier(dkim.ARC):  # type: ignore[misc]  # dkimpy has no types
    """dkimpy's chain walk over our view of the mail, with our body hash: linear, and worked out once."""

    def __init__(self, mail: Message) -> None:
        super().__init__()
        self.headers = list(mail.pairs)
        self._mail = mail

    def verify_sig_process(
        self, sig: dict[bytes, bytes], include_headers: list[bytes], sig_header: object, dnsfunc: object
    ) -> bool:
        tags = dict(sig)
        if b"bh" in tags:
            canon = message.policy(tags.get(b"c"))
            if canon is None or b64decode(tags.pop(b"bh")) != self._mail.body_hash(canon)[0]:
                raise dkim.ValidationError("the body was changed")
        return bool(super().verify_sig_process(tags, include_headers, sig_header, dnsfunc))


def _holds(mail: Message, records: dict[str, bytes]) -> tuple[bool, str]:
    """dkimpy's word on the chain."""

    def record(name: bytes, **_: object) -> bytes:
        return records.get(canonical(name.decode("utf-8", "replace")) or "", b"")

    try:
        status, _, reason = _Verifier(mail).verify(dnsfunc=record)
    except Exception as error:
        # dkimpy raises more than it says on hostile chains.
        log.info("ARC chain could not be checked", error=repr(error)[:200])
        return False, "the chain cannot be checked"
    return status == dkim.CV_Pass, str(reason)[:200]


def _dmarc_passed_for(value: str) -> str:
    """The From domain for which these ARC-Authentication-Results say dmarc=pass. They begin with their instance."""
    read = results.read(value.partition(";")[2])
    return read.dmarc_from if read and read.dmarc and read.dmarc.result == "pass" else ""
