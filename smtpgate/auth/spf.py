"""SPF (RFC 7208) for one mail: may this client send for this domain?

pyspf is used as a pure function of DNS facts: its one DNS hook answers from a table of facts, a missing fact is noted and
fetched through the shared resolver, and the check runs again from the start. No threads, no blocking DNS, a bounded number
of runs. Never raises: a client address or name that cannot be used gives none, trouble with DNS gives temperror.
"""

from __future__ import annotations

import ipaddress
import warnings
from collections import OrderedDict
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import structlog

from smtpgate.auth.dns import Lookups, canonical
from smtpgate.model import SpfResult
from smtpgate.records import record

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pyspf's first compilation warns of its invalid escapes
    import spf as pyspf

log = structlog.get_logger(__name__)

QUESTIONS = 40  # for one check; RFC 7208 §4.6.4 allows 10 terms, some of which need several
_RECORD = 4096  # octets; RFC 7208 §3.4 asks for 512, long ones in the wild have 2,000
_EXPLANATION = 500  # characters kept
_DOMAIN_SPEC = 512  # characters before expansion; a name has 253 after it

_KEPT = 1000  # checks whose result is kept
_KEPT_SIZE = 4096  # characters of what DNS said for one; 10 MB for all of them at most

_address = lru_cache(1024)(ipaddress.ip_address)

Question = tuple[str, str]


class _Missing(BaseException):
    """A fact is not there yet. No Exception, so that pyspf cannot take it for trouble with DNS."""


@dataclass(slots=True)
class _Facts:
    """What DNS said so far, in pyspf's form, and what it must still be asked. A temporary failure is a text."""

    known: dict[Question, list[Any] | str] = field(default_factory=dict)
    missing: list[Question] = field(default_factory=list)
    expanded: dict[tuple[str, bool, str], str] = field(default_factory=dict)  # pyspf's expansion is dear


_facts: ContextVar[_Facts] = ContextVar("spf_facts")


def _from_facts(name: str, qtype: str, *_: object) -> list[tuple[Question, Any]]:
    """pyspf's DNS hook."""
    facts = _facts.get()
    value = facts.known.get((name, qtype))
    if value is None:
        facts.missing.append((name, qtype))
        raise _Missing
    if isinstance(value, str):
        raise pyspf.TempError(value)
    if qtype == "TXT" and any(sum(map(len, strings)) > _RECORD and _is_spf(strings) for strings in value):
        raise pyspf.PermError("the SPF record is longer than 4 KiB")
    return [((name, qtype), item) for item in value]


def _is_spf(strings: tuple[bytes, ...]) -> bool:
    return b"".join(strings)[:6].lower() == b"v=spf1"


pyspf.DNSLookup = _from_facts


class _Query(pyspf.query):  # type: ignore[misc]  # pyspf has no types
    """pyspf, mended where it strays from RFC 7208."""

    def expand(self, s: str, stripdot: bool = True) -> str:
        """Bounded, and worked out once for all runs: a hostile record could cost seconds otherwise."""
        if len(s) > _DOMAIN_SPEC:
            raise pyspf.PermError("a domain-spec is longer than 512 characters")
        expanded = _facts.get().expanded
        key = (s, stripdot, self.d)
        if key not in expanded:
            text = str(super().expand(s, stripdot=stripdot))
            if "%{p" in s.lower():  # depends on DNS
                return text
            expanded[key] = text
        return expanded[key]

    def validated_ptrs(self) -> list[str]:
        """Trouble with DNS under "ptr" is no match, not a temperror (RFC 7208 §5.5)."""
        try:
            names = self.dns_ptr(self.i)[: pyspf.MAX_PTR]
        except pyspf.TempError:
            return []
        return [name for name in names if self._leads_back(name)]

    def _leads_back(self, name: str) -> bool:
        try:
            return bool(self.cidrmatch(self.dns_a(name, self.A), self.cidrmax))
        except pyspf.TempError:
            return False

    def get_explanation(self, spec: str) -> str | None:
        """An explanation that is no printable ASCII is ignored (RFC 7208 §6.2), and so is a long one."""
        strings = self.dns_txt(spec, ignore_void=True)
        if len(strings) != 1 or len(strings[0]) > _EXPLANATION or not strings[0].isascii():
            return None
        try:
            text = str(self.expand(strings[0].decode("ascii"), stripdot=False))
        except pyspf.PermError:
            return None
        return text if text.isascii() and text.isprintable() else None


async def check(lookups: Lookups, *, ip: str, helo: str, mail_from: str | None, receiver: str) -> SpfResult:
    """The result for MAIL FROM, or for postmaster@HELO when the sender is null (RFC 7208 §2.4)."""
    sender = mail_from or f"postmaster@{helo}"
    domain = sender.rpartition("@")[2].lower()
    try:
        address = _address(ip)
    except ValueError:
        return SpfResult("none", domain, "the client's address is not known")
    known = canonical(domain)
    if known is None or "." not in known:
        return SpfResult("none", domain[:255], "the sender's domain is no domain name")
    sender = f"{sender.rpartition('@')[0]}@{known}"
    plain = str(address).partition("%")[0]
    kept = _kept.get(plain, known)
    facts = _Facts()
    record = (known, "TXT")  # what every check begins with: asked for ahead, so that most need one run
    facts.known[record] = await _ask(lookups, record)
    if kept is not None and await kept.holds(facts.known, lookups):
        return kept.result
    result = await _evaluated(facts, lookups, plain, sender, known, helo, receiver)
    _kept.put(plain, known, facts.known, result)
    return result


async def _evaluated(facts: _Facts, lookups: Lookups, plain: str, sender: str, known: str, helo: str, receiver: str) -> SpfResult:
    """Run after run, until no fact is missing."""
    for _ in range(QUESTIONS + 1):
        result, text = _run(facts, plain, sender, helo, receiver, lookups.clock.now())
        # pyspf swallows everything that happens while it fetches an explanation, which only matters on a fail.
        if not facts.missing or result not in ("", "fail"):
            return SpfResult(result, known, text)
        for question in facts.missing:
            facts.known[question] = await _ask(lookups, question)
        facts.missing.clear()
    return SpfResult("temperror", known, f"more than {QUESTIONS} DNS questions")


def _run(facts: _Facts, ip: str, sender: str, helo: str, receiver: str, now: float) -> tuple[str, str]:
    """One run over the facts. An empty result: facts were missing."""
    token = _facts.set(facts)
    try:
        query = _Query(i=ip, s=sender, h=helo, receiver=receiver)
        query.t = str(int(now))
        result, _, text = query.check()
    except _Missing:
        return "", ""
    except pyspf.PermError as error:
        return "permerror", str(error)
    except Exception as error:
        # pyspf raises more than it says on hostile records; what it cannot evaluate is a permanent error of that record.
        log.info("SPF record could not be evaluated", sender=sender[:255], error=repr(error)[:200])
        return "permerror", "the record cannot be evaluated"
    finally:
        _facts.reset(token)
    return str(result), str(text)


@record(frozen=True, slots=True)
class _Earlier:
    """A check that was made, and all that it was told by DNS."""

    facts: dict[Question, list[Any] | str]
    result: SpfResult

    async def holds(self, known: dict[Question, list[Any] | str], lookups: Lookups) -> bool:
        """Does DNS still say all of that? What it says is known then, up to the first thing that it says otherwise."""
        for question, answer in self.facts.items():
            if question not in known:
                known[question] = await _ask(lookups, question)
            if known[question] != answer:
                return False
        return True


class _Kept:
    """The last checks, by client and domain, of records without macros: there the result follows from what DNS says alone.

    DNS is asked again each time, so a result lives no longer than its answers. Bounded in number and in size.
    """

    def __init__(self) -> None:
        self._checks: OrderedDict[tuple[str, str], _Earlier] = OrderedDict()

    def get(self, client: str, domain: str) -> _Earlier | None:
        return self._checks.get((client, domain))

    def put(self, client: str, domain: str, facts: dict[Question, list[Any] | str], result: SpfResult) -> None:
        self._checks.pop((client, domain), None)
        texts = repr(facts)
        if len(texts) <= _KEPT_SIZE and "%" not in texts and result.result != "temperror":
            self._checks[client, domain] = _Earlier(facts, result)
            if len(self._checks) > _KEPT:
                self._checks.popitem(last=False)


_kept = _Kept()


async def _ask(lookups: Lookups, question: Question) -> list[Any] | str:
    name, qtype = question
    answer = await lookups.query(name, qtype)
    return answer.reason if answer.temporary else list(answer.records)
