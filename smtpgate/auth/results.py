"""Authentication-Results (RFC 8601): writing ours, finding foreign ones that claim our name, reading a trusted relay's.

Pure and linear; never raises. What is written holds nothing of a sender's that could end a value, a comment or the field.
What cannot be read is no information.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from smtpgate.mail.header import Field, unfolded
from smtpgate.model import ArcResult, DkimResult, DmarcResult, SpfResult
from smtpgate.records import record

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")  # RFC 2045 §5.1
_VALUE_LIMIT = 320
_RESULTS_READ = 50
_FIELDS_READ = 10
_POLICY = re.compile(r"\b(?:p|policy)=(none|quarantine|reject)\b", re.IGNORECASE)


# --- writing ----------------------------------------------------------------------------------------------------------


def write(
    authserv_id: str,
    *,
    spf: SpfResult,
    dkim: Sequence[DkimResult],
    dmarc: DmarcResult,
    arc: ArcResult,
    mail_from: str | None,
    helo: str,
    author: str,
) -> str:
    """The value of our field, on one line."""
    identity = ("smtp.mailfrom", mail_from) if mail_from else ("smtp.helo", helo)
    parts = [_result("spf", spf.result, identity)]
    for signature in dkim:
        parts.append(_result("dkim", signature.result, ("header.d", signature.domain), ("header.s", signature.selector)))
    if not dkim:
        parts.append(_result("dkim", "none"))
    comment = f" (p={dmarc.policy})" if dmarc.domain else ""
    parts.append(_result("dmarc", dmarc.result + comment, ("header.from", author.rpartition("@")[2])))
    if arc.result != "none":
        parts.append(_result("arc", arc.result, ("header.d", arc.sealer)))
    return "; ".join([authserv_id, *parts])


def write_none(authserv_id: str) -> str:
    """The value when nothing was checked (RFC 8601 §2.2)."""
    return f"{authserv_id}; none"


def write_login(authserv_id: str, agent: str) -> str:
    """The value for a mail that an agent has logged in to send (RFC 8601 §2.7.4)."""
    return f"{authserv_id}; {_result('auth', 'pass', ('smtp.auth', agent))}"


def _result(method: str, result: str, *properties: tuple[str, str]) -> str:
    return " ".join([f"{method}={result}", *(f"{name}={_value(value)}" for name, value in properties if value)])


def _value(text: str) -> str:
    """A token or a quoted string. Whatever is no printable ASCII becomes "?"."""
    clean = text[:_VALUE_LIMIT]
    if not clean.isascii() or not clean.isprintable():
        clean = "".join(c if " " <= c <= "~" else "?" for c in clean)
    local, at, domain = clean.rpartition("@")
    if _TOKEN.fullmatch(domain) and (not at or _TOKEN.fullmatch(local)):
        return clean
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


# --- whose it is ------------------------------------------------------------------------------------------------------


def claims(fields: Iterable[Field], authserv_id: str) -> tuple[int, ...]:
    """The indexes of the fields that claim to be ours; intake removes them (RFC 8601 §5)."""
    return tuple(
        index for index, f in enumerate(fields) if f.name == "authentication-results" and _claims(unfolded(f), authserv_id)
    )


def _claims(value: str, authserv_id: str) -> bool:
    ours = authserv_id.lower().rstrip(".")
    parts, whole = _scan(value)
    if not whole:
        # A comment or quote that never ends: other readers may see anything in it.
        return ours in value.lower()
    words = [word.lower() for word in parts[0]]
    return any(text.rstrip(".") == ours for text in (*words[:1], "".join(words)))


def _scan(value: str) -> tuple[list[list[str]], bool]:
    """The parts between semicolons, each as its words; comments are blanks, quotes are taken off (RFC 8601 §2.2).

    False: a comment or a quoted string never ends.
    """
    parts: list[list[str]] = [[]]
    word: list[str] = []
    depth = 0
    quoted = escaped = False
    for c in value:
        if escaped:
            escaped = False
            if not depth:
                word.append(c)
        elif c == "\\" and (depth or quoted):
            escaped = True
        elif c == '"' and not depth:
            quoted = not quoted
        elif quoted:
            word.append(c)
        elif c == "(":
            depth += 1
        elif c == ")" and depth:
            depth -= 1
        elif not depth and c not in "; \t":
            word.append(c)
        if not quoted and not depth and word and c in "; \t)":
            parts[-1].append("".join(word))
            word.clear()
        if not quoted and not depth and c == ";":
            parts.append([])
    if word:
        parts[-1].append("".join(word))
    return parts, not depth and not quoted


# --- reading a trusted relay's ----------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class Relayed:
    """What a trusted relay found. None: it said nothing about it. dmarc_from is the domain its DMARC result is about."""

    spf: SpfResult | None
    dkim: tuple[DkimResult, ...]
    dmarc: DmarcResult | None
    dmarc_from: str


def topmost(fields: Iterable[Field], authserv_id: str) -> Relayed | None:
    """The results that the relay with this authserv-id wrote. None: there are none, or the first cannot be read.

    Each of its filters may write a field of its own (OpenDKIM, OpenDMARC): those above the first Received, which it wrote when it
    took the mail, are all its own, and of each method the first counts. Below a Received nobody can tell whose they are: there
    only the very first one counts, and only where there is none above.
    """
    found: list[Relayed] = []
    received = False
    for f in fields:
        if f.name == "received":
            if found:
                break
            received = True
        elif f.name == "authentication-results":
            value = unfolded(f)
            parts, whole = _scan(value)
            if not (whole and parts[0] and parts[0][0].lower().rstrip(".") == authserv_id.lower()):
                continue
            one = read(value)
            if one is not None:
                found.append(one)
            if received or one is None or len(found) == _FIELDS_READ:
                break
    return _together(found) if found else None


def _together(found: Sequence[Relayed]) -> Relayed:
    stated = next((one for one in found if one.dmarc is not None), None)
    return Relayed(
        next((one.spf for one in found if one.spf is not None), None),
        next((one.dkim for one in found if one.dkim), ()),
        stated.dmarc if stated is not None else None,
        stated.dmarc_from if stated is not None else "",
    )


def read(value: str) -> Relayed | None:
    """The results in an Authentication-Results value, in our types. None: it cannot be read."""
    parts, whole = _scan(value)
    if not whole:
        return None
    spf: SpfResult | None = None
    dmarc: DmarcResult | None = None
    dmarc_from = ""
    dkim: list[DkimResult] = []
    # Comments hold no result, but the usual writers put the policy into one.
    stated = _POLICY.search(value)
    policy = stated[1].lower() if stated else "none"
    for part in parts[1 : _RESULTS_READ + 1]:
        method, result, properties = _resinfo(part)
        if method == "spf" and spf is None:
            identity = properties.get("smtp.mailfrom") or properties.get("smtp.helo", "")
            spf = SpfResult(_known(result, _SPF), identity.rpartition("@")[2].lower(), "as our relay says")
        elif method == "dkim" and result != "none":
            domain = properties.get("header.d") or properties.get("header.i", "").rpartition("@")[2]
            selector = properties.get("header.s", "")
            dkim.append(DkimResult(_known(result, _DKIM), domain.lower(), selector, "as our relay says"))
        elif method == "dmarc" and dmarc is None:
            dmarc_from = properties.get("header.from", "").rpartition("@")[2].lower()
            policy = properties.get("policy.dmarc", policy).lower()
            policy = policy if policy in ("none", "quarantine", "reject") else "none"
            dmarc = DmarcResult(_known(result, _DMARC), policy, dmarc_from, "as our relay says")
    return Relayed(spf, tuple(dkim), dmarc, dmarc_from)


_SPF = frozenset({"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"})
_DKIM = frozenset({"pass", "fail", "neutral", "temperror", "permerror", "policy"})
_DMARC = frozenset({"none", "pass", "fail", "temperror", "permerror"})


def _known(result: str, results: frozenset[str]) -> str:
    return result if result in results else "permerror"


def _resinfo(words: list[str]) -> tuple[str, str, dict[str, str]]:
    """method, result and properties of one part (RFC 8601 §2.2), names in lower case."""
    pairs = [word.partition("=") for word in words if "=" in word]
    if not pairs:
        return "", "", {}
    method, _, result = pairs[0]
    properties: dict[str, str] = {}
    for name, _, value in pairs[1:]:
        properties.setdefault(name.lower(), value)
    return method.partition("/")[0].lower(), result.lower(), properties
