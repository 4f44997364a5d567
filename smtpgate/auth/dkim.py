"""DKIM signatures of a mail (RFC 6376, 8301, 8463): which hold, and which of those we count.

Signatures are read and what they cover is put together here, in linear time and a fifth of dkimpy's, with dkimpy as the
judge of both in tests. Besides, this module closes what dkimpy leaves open: keys come from the
shared resolver, DNS trouble is told from a missing key, and a signature that holds is no pass when part of the mail is
not covered by it. Never raises for any mail: what the libraries trip over is a permerror.
"""

from __future__ import annotations

import asyncio
import base64
import re
from hashlib import sha256

import structlog
from nacl.exceptions import BadSignatureError

from smtpgate.auth import keys, message
from smtpgate.auth import tags as tag_list
from smtpgate.auth.dns import Lookups, canonical
from smtpgate.auth.keys import Key, KeyProblem
from smtpgate.auth.message import Message
from smtpgate.auth.sign import canonical_field
from smtpgate.mail.header import Field
from smtpgate.model import DkimResult
from smtpgate.records import record

log = structlog.get_logger(__name__)

_SIGNED_NAMES = 200
# tags in whose values blanks mean nothing
_FOLDED = frozenset({b"v", b"a", b"c", b"d", b"s", b"q", b"t", b"x", b"l", b"b", b"bh", b"i"})
_BASE64 = re.compile(rb"[0-9A-Za-z+/]+=*")
_NO_DOMAIN = re.compile(rb"[()<>\[\]:;@\\,]")
_CLOCK_SKEW = 3600  # seconds that a signer's clock may be ahead


@record(frozen=True, slots=True)
class Signature:
    """A DKIM-Signature field that is well-formed. names: what it signs, lower case, in order."""

    field: Field
    tags: dict[bytes, bytes]
    domain: str
    selector: str
    names: tuple[bytes, ...]

    def result(self, result: str, reason: str = "") -> DkimResult:
        return DkimResult(result, self.domain, self.selector, reason)


async def verify(mail: Message, lookups: Lookups, *, limit: int, now: float) -> tuple[DkimResult, ...]:
    """One result for each of the first `limit` signatures, and one more that counts the rest."""
    fields = [f for f in mail.fields if f.name == "dkim-signature"]
    read = [_read(field, now) for field in fields[:limit]]
    signers = [(one.domain, one.selector) for one in read if isinstance(one, Signature)]
    work = (mail, read, await keys.fetch_all(lookups, signers))
    results = await asyncio.to_thread(_check_all, *work) if signers and len(mail.body) > message.LARGE else _check_all(*work)
    if len(fields) > limit:
        rest = DkimResult("neutral", reason=f"{len(fields) - limit} further signatures were not looked at")
        results = (*results, rest)
    return results


async def counted(mail: Message, found: DkimResult) -> DkimResult:
    """What somebody else found, whom we trust to check signatures: a pass counts only if the mail has a signature of that domain
    which we would count too. Its key and its times are his matter; what it leaves uncovered is ours, for others let it be."""
    if found.result != "pass":
        return found
    read = [_read(field, None) for field in mail.fields if field.name == "dkim-signature"]
    mine = [one for one in read if one.domain == found.domain and found.selector in ("", one.selector)]
    work = mail, [one for one in mine if isinstance(one, Signature)]
    large = len(mail.body) > message.LARGE and any(b"l" in one.tags for one in work[1])
    refused = await asyncio.to_thread(_gaps, *work) if large else _gaps(*work)
    reasons = [one.reason for one in mine if isinstance(one, DkimResult)] + refused
    if not mail.problem and (not mine or len(reasons) < len(mine)):
        return found
    return DkimResult("policy", found.domain, found.selector, f"our relay lets it pass, but {mail.problem or reasons[0]}")


def _gaps(mail: Message, signatures: list[Signature]) -> list[str]:
    """For each that leaves a part of the body uncovered, why it does not count."""
    return [gap[1] for one in signatures if b"l" in one.tags and (gap := _gap(one, _canonical_length(mail, one)))]


def _canonical_length(mail: Message, signature: Signature) -> int:
    return mail.body_hash(message.policy(signature.tags.get(b"c")))[1]


def _check_all(mail: Message, read: list[Signature | DkimResult], found: list[Key | KeyProblem]) -> tuple[DkimResult, ...]:
    results = []
    keys_left = iter(found)
    for signature in read:
        if isinstance(signature, DkimResult):
            results.append(signature)
            continue
        try:
            results.append(_check(mail, signature, next(keys_left)))
        except Exception as error:
            # The libraries raise more than they say; the mail is hostile, so this is no bug report.
            log.info("DKIM signature could not be checked", domain=signature.domain, error=repr(error)[:200])
            results.append(signature.result("permerror", "the signature cannot be checked"))
    return tuple(results)


# --- reading a signature ----------------------------------------------------------------------------------------------


def _read(field: Field, now: float | None) -> Signature | DkimResult:
    """The signature, or what is wrong with it before any key is fetched. now None: whatever its times."""
    if reason := message.suspicious(field):
        return DkimResult("permerror", reason=reason)
    try:
        tags = tag_list.read(field.value)
    except tag_list.MalformedTags:
        return DkimResult("permerror", reason="the signature field cannot be read")
    for tag, value in tags.items():
        if tag in _FOLDED and len(pieces := value.split()) > 1:
            tags[tag] = b"".join(pieces)
    domain = canonical(tags.get(b"d", b"").decode("utf-8", "replace")) or ""
    selector = canonical(tags.get(b"s", b"").decode("utf-8", "replace")) or ""
    names = tuple(name.strip().lower() for name in tags.get(b"h", b"").split(b":"))
    signature = Signature(field, tags, domain, selector, names)
    wrong = _malformed(signature) or (_untimely(tags, now) if now is not None else None)
    return signature.result(*wrong) if wrong else signature


def _malformed(signature: Signature) -> tuple[str, str] | None:
    """What RFC 6376 §6.1.1 and RFC 8301 want refused."""
    tags = signature.tags
    if missing := [tag.decode() for tag in (b"v", b"a", b"b", b"bh", b"d", b"h", b"s") if not tags.get(tag)]:
        return "permerror", f"the signature has no {'=, '.join(missing)}="
    if not signature.domain or not signature.selector:
        return "permerror", "d= or s= cannot be a name in DNS"
    if tags[b"a"] == b"rsa-sha1":
        return "permerror", "rsa-sha1 counts for nothing (RFC 8301 §3.1)"
    if tags[b"a"] not in (b"rsa-sha256", b"ed25519-sha256"):
        return "permerror", "the algorithm in a= is unknown"
    if message.policy(tags.get(b"c")) is None:
        return "permerror", "the canonicalisation in c= is unknown"
    if b"from" not in signature.names:
        return "permerror", "From is not signed"
    if len(signature.names) > _SIGNED_NAMES:
        return "permerror", f"more than {_SIGNED_NAMES} names in h="
    if any(not tags[tag].isdigit() or len(tags[tag]) > 20 for tag in (b"t", b"x", b"l") if tag in tags):
        return "permerror", "t=, x= or l= is no number"
    if not _well_formed(tags):
        return "permerror", "a tag of the signature is malformed"
    return None


def _well_formed(tags: dict[bytes, bytes]) -> bool:
    """What RFC 6376 §3.5 says of the values of single tags, the times apart."""
    if tags[b"v"] != b"1" or tags.get(b"q", b"dns/txt") != b"dns/txt" or _NO_DOMAIN.search(tags[b"d"]):
        return False
    if any(len(tags[tag]) % 4 or not _BASE64.fullmatch(tags[tag]) for tag in (b"b", b"bh")):
        return False
    domain = tags[b"d"].lower()
    return b"i" not in tags or tags[b"i"].lower().endswith((b"@" + domain, b"." + domain))


def _untimely(tags: dict[bytes, bytes], now: float) -> tuple[str, str] | None:
    if b"x" in tags and int(tags[b"x"]) < now:
        return "fail", "the signature has expired (x=)"
    if b"t" in tags and int(tags[b"t"]) > now + _CLOCK_SKEW:
        return "fail", "the signature was made in the future (t=)"
    return None


# --- checking it ------------------------------------------------------------------------------------------------------


def _check(mail: Message, signature: Signature, key: Key | KeyProblem) -> DkimResult:
    if isinstance(key, KeyProblem):
        return signature.result(key.result, key.reason)
    if not signature.tags[b"a"].startswith(key.kind.encode() + b"-"):
        return signature.result("permerror", f"the key is of the kind {key.kind}, the signature is not")
    if key.strict and not _same_domain(signature):
        return signature.result("permerror", "the key allows no subdomain in i= (t=s)")
    broken = _broken(mail, signature, key)
    if key.testing:  # RFC 6376 §3.6.1: as if it were not signed
        return signature.result("neutral", "the key is only for testing (t=y)" + (f"; {broken[1]}" if broken else ""))
    return signature.result(*(broken or _uncounted(mail, signature, key) or ("pass", _note(key))))


def _broken(mail: Message, signature: Signature, key: Key) -> tuple[str, str] | None:
    """Why the signature does not hold."""
    tags = signature.tags
    canon = message.policy(tags.get(b"c"))
    digest, length = mail.body_hash(canon)
    if gap := _gap(signature, length):
        return gap
    if base64.b64decode(tags[b"bh"]) != digest:
        return "fail", "the body was changed"
    if not holds(mail, tags, signature.field, signature.names, key):
        return "fail", "the signed fields were changed, or the signature was made with another key"
    return None


def _gap(signature: Signature, length: int) -> tuple[str, str] | None:
    """Why l= and the length of the canonical body do not fit (RFC 6376 §8.2)."""
    covered = int(signature.tags.get(b"l", length))
    if covered > length:
        return "permerror", "l= is longer than the body"
    # Whoever adds text to the end leaves such a signature whole.
    return ("policy", "l= leaves a part of the body unsigned") if covered < length else None


def holds(mail: Message, tags: dict[bytes, bytes], field: Field, names: tuple[bytes, ...], key: Key) -> bool:
    """Is the signature in this field over these header fields made with this key? The body is not looked at."""
    try:
        key.material.verify(sha256(covered(mail, tags, field, names)).digest(), base64.b64decode(tags[b"b"]))
    except BadSignatureError:
        return False
    return True


def covered(mail: Message, tags: dict[bytes, bytes], field: Field, names: tuple[bytes, ...]) -> bytes:
    """The octets of the header that a signature is over (RFC 6376 §3.7): of several fields with one name the lowest first
    (§5.4.2), and one From more than it names, so that none can be added. The signature itself comes last, with the value of
    b= and all blanks around it taken out, and without its line end."""
    relaxed = tags.get(b"c", b"").startswith(b"relaxed")
    taken: dict[bytes, int] = {}
    pieces = []
    for name in (*names, b"from"):
        present = mail.by_name.get(name.decode("latin-1"), ())
        taken[name] = count = taken.get(name, 0) + 1
        if count <= len(present):
            pieces.append(_canonical(present[-count], relaxed=relaxed))
    own = b";".join([_without_b(spec) for spec in field.value.split(b";")])
    own = canonical_field(field.name, own)[:-2] if relaxed else field.raw.partition(b":")[0] + b":" + own
    return b"".join((*pieces, own))


def _without_b(spec: bytes) -> bytes:
    name, equals, _ = spec.partition(b"=")
    return name + equals if name.strip() == b"b" else spec


def _canonical(field: Field, *, relaxed: bool) -> bytes:
    if relaxed:
        return canonical_field(field.name, field.value)
    if field.raw.endswith(b"\r\n"):
        return field.raw
    return b"%b:%b\r\n" % (field.raw.partition(b":")[0], field.value)


def _uncounted(mail: Message, signature: Signature, key: Key) -> tuple[str, str] | None:
    """Why a signature that holds is no pass all the same."""
    if key.kind == "rsa" and key.bits < 1024:
        return "policy", f"the RSA key has only {key.bits} bits (RFC 8301 §3.2)"
    if mail.problem:
        return "policy", mail.problem
    return None


def _note(key: Key) -> str:
    return f"the RSA key has only {key.bits} bits" if key.kind == "rsa" and key.bits < 2048 else ""


def _same_domain(signature: Signature) -> bool:
    identity = signature.tags.get(b"i", b"@" + signature.tags[b"d"])
    return identity.rpartition(b"@")[2].lower() == signature.tags[b"d"].lower()
