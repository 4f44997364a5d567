"""Asking DNS: one resolver for the whole process, one budget for each mail.

Owns the cache, the sharing of equal questions, and the zone file that stands in for DNS in labs and tests.
A question never raises: whatever goes wrong is an Answer with status TEMPERROR and a reason. "No such name" and
"no such record" are answers, not errors. Only a bad zone file or missing name servers raise, as ConfigError, at the start.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections import OrderedDict
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import idna
import structlog

from smtpgate import metrics
from smtpgate.auth import rdata
from smtpgate.clock import Clock
from smtpgate.config import Dns
from smtpgate.errors import ConfigError, Problem
from smtpgate.records import record

log = structlog.get_logger(__name__)

_CACHED_ANSWER = 4096  # bytes; a larger answer is used but not kept, so that hostile zones cannot fill the memory
_LONGEST_TTL = 86400.0
_LONGEST_NEGATIVE_TTL = 3600.0  # RFC 2308 §5 allows up to three hours
_LONGEST_NAME = 255  # characters of a name that is remembered
_CNAME_CHAIN = 10


class DnsStatus(StrEnum):
    OK = "ok"
    NODATA = "nodata"  # the name exists, this type does not
    NXDOMAIN = "nxdomain"
    TEMPERROR = "temperror"  # nothing is known


@record(frozen=True, slots=True)
class Answer:
    """What DNS said. records by type: TXT a tuple of character strings (bytes) for each record; MX (preference, host);
    A, AAAA, PTR, NS, CNAME str. Host names have no trailing dot, except the root itself (".", RFC 7505)."""

    records: tuple[Any, ...] = ()
    status: DnsStatus = DnsStatus.OK
    reason: str = ""

    @property
    def temporary(self) -> bool:
        return self.status is DnsStatus.TEMPERROR


class Resolver(Protocol):
    """Anything that answers DNS questions. Never raises. One that has a memory also has `known`, as DnsResolver."""

    async def query(self, name: str, rdtype: str) -> Answer: ...


def canonical(name: str) -> str | None:
    """A name as DNS compares it: lower-case A-labels, no trailing dot. None: it cannot be a name in DNS (RFC 1035 §2.3.4)."""
    return _remembered_name(name) if len(name) <= _LONGEST_NAME else _canonical(name)


def _canonical(name: str) -> str | None:
    plain = name.removesuffix(".").lower()
    if plain.isascii():
        sizes = [len(label) for label in plain.split(".")]
        return plain if min(sizes) > 0 and max(sizes) < 64 and len(plain) <= 253 else None
    labels = []
    for label in name.removesuffix(".").split("."):
        text = label.lower()
        if not text.isascii():
            try:
                text = idna.encode(text, uts46=True).decode("ascii")
            except (idna.IDNAError, UnicodeError):
                return None
        if not 0 < len(text) < 64:
            return None
        labels.append(text)
    joined = ".".join(labels)
    return joined if len(joined) <= 253 else None


_remembered_name = lru_cache(4096)(_canonical)  # the checks of one mail ask for the same few names again and again

_IMPOSSIBLE = Answer(status=DnsStatus.NXDOMAIN, reason="not a possible name in DNS")


# --- the real one -----------------------------------------------------------------------------------------------------


class DnsResolver:
    """Asks name servers, with a shared cache and one question under way for all who ask the same."""

    def __init__(self, settings: Dns, clock: Clock) -> None:
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not settings.servers)
        except dns.resolver.NoResolverConfiguration:
            raise ConfigError(
                [Problem("/etc/resolv.conf", None, "dns.servers", "no name server is known", "set dns.servers")]
            ) from None
        if settings.servers:
            self._resolver.nameservers = [_name_server(server) for server in settings.servers]
        self._resolver.timeout = settings.timeout
        # Every server is asked once, a single one twice.
        self._resolver.lifetime = min(settings.timeout * max(2, len(self._resolver.nameservers)), settings.deadline)
        self._clock = clock
        self._room = settings.cache
        self._cache: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Task[Answer]] = {}

    async def query(self, name: str, rdtype: str) -> Answer:
        """The answer from the cache, from a question under way, or from the name servers."""
        canon = canonical(name)
        if canon is None:
            return _IMPOSSIBLE
        key = (canon, rdtype)
        kept = self._kept(key)
        if kept is not None:
            return kept
        task = self._asking.get(key)
        metrics.DNS.inc("asked" if task is None else "shared")
        if task is None:
            task = asyncio.create_task(self._ask(key))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        # One who gives up must not take the answer away from the others.
        return await asyncio.shield(task)

    def known(self, name: str, rdtype: str) -> Answer | None:
        """The answer, if nobody has to be asked for it."""
        canon = canonical(name)
        return _IMPOSSIBLE if canon is None else self._kept((canon, rdtype))

    def _kept(self, key: tuple[str, str]) -> Answer | None:
        kept = self._cache.get(key)
        if kept is None:
            return None
        if self._clock.monotonic() >= kept[0]:
            del self._cache[key]
            return None
        self._cache.move_to_end(key)
        metrics.DNS.inc("cached")
        return kept[1]

    async def close(self) -> None:
        """Gives up all questions under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, key: tuple[str, str]) -> Answer:
        name, rdtype = key
        try:
            answer, ttl, size = await self._resolve(name, rdtype)
        except dns.exception.Timeout:
            return _trouble(f"no answer for {rdtype} {name} in time")
        except (dns.exception.DNSException, OSError) as error:
            return _trouble(f"no usable answer for {rdtype} {name}: {type(error).__name__}")
        except Exception:
            log.exception("DNS question failed", name=name, type=rdtype)
            return _trouble(f"no usable answer for {rdtype} {name}")
        self._keep(key, answer, ttl, size)
        return answer

    async def _resolve(self, name: str, rdtype: str) -> tuple[Answer, float, int]:
        """Answer, seconds to keep it, and its size."""
        # Labels, not text: "\" and spaces in SPF macros are plain octets.
        qname = dns.name.Name([label.encode("ascii") for label in name.split(".")] + [b""])
        try:
            found = await self._resolver.resolve(qname, rdtype, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN as error:
            response: dns.message.Message = error.response(qname)  # type: ignore[no-untyped-call]
            ttl = _negative_ttl(response)
            return Answer(status=DnsStatus.NXDOMAIN, reason=f"{name} does not exist"), ttl, 0
        except dns.message.ChainTooLong:
            return Answer(status=DnsStatus.NODATA, reason=f"the CNAMEs of {name} lead nowhere"), 60.0, 0
        ttl = found.chaining_result.minimum_ttl
        if found.rrset is None:
            return _no_data(name, rdtype), min(float(ttl), _LONGEST_NEGATIVE_TTL), 0
        records = tuple(rdata.record(one, rdtype) for one in found.rrset)
        return Answer(records), min(float(ttl), _LONGEST_TTL), sum(map(rdata.size, records))

    def _keep(self, key: tuple[str, str], answer: Answer, ttl: float, size: int) -> None:
        if self._room == 0 or ttl <= 0 or size > _CACHED_ANSWER:
            return
        self._cache[key] = (self._clock.monotonic() + ttl, answer)
        while len(self._cache) > self._room:
            self._cache.popitem(last=False)


def _trouble(reason: str) -> Answer:
    metrics.DNS.inc("failed")
    return Answer(status=DnsStatus.TEMPERROR, reason=reason)


def _name_server(text: str) -> dns.nameserver.Nameserver:
    host, port = text, 53
    if text.startswith("[") or text.count(":") == 1:
        host, _, digits = text.rpartition(":")
        port = int(digits)
    return dns.nameserver.Do53Nameserver(host.strip("[]"), port)


def _negative_ttl(response: dns.message.Message) -> float:
    if not isinstance(response, dns.message.QueryMessage):
        return 0.0
    return min(float(response.resolve_chaining().minimum_ttl), _LONGEST_NEGATIVE_TTL)


def _no_data(name: str, rdtype: str) -> Answer:
    return Answer(status=DnsStatus.NODATA, reason=f"{name} has no {rdtype} record")


# --- the zone file ----------------------------------------------------------------------------------------------------


class ZoneResolver:
    """Answers from a table instead of DNS. A name that is not in it does not exist; "TIMEOUT" is a temporary failure."""

    def __init__(self, zone: dict[str, Any], *, source: str = "zone") -> None:
        """Raises ConfigError with every problem in the table."""
        reader = _ZoneReader(source)
        self._zone = reader.read(zone)
        if reader.problems:
            raise ConfigError(reader.problems)

    @classmethod
    def from_file(cls, path: Path) -> ZoneResolver:
        """Raises ConfigError when the file cannot be read or used."""
        try:
            zone = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeError, json.JSONDecodeError) as error:
            line = error.lineno if isinstance(error, json.JSONDecodeError) else None
            raise ConfigError([Problem(str(path), line, "dns.zone_file", f"cannot be read: {error}", "mend the file")]) from None
        return cls(zone, source=str(path))

    async def query(self, name: str, rdtype: str) -> Answer:
        """The answer from the table, CNAMEs followed."""
        return self.known(name, rdtype)

    def known(self, name: str, rdtype: str) -> Answer:
        """The same: all of it is known."""
        canon = canonical(name)
        for _ in range(_CNAME_CHAIN):
            if canon is None:
                return _IMPOSSIBLE
            types = self._zone.get(canon)
            if types is None:
                return Answer(status=DnsStatus.NXDOMAIN, reason=f"{canon} does not exist")
            records = types.get(rdtype, types.get("*", ()))
            if isinstance(records, str):
                return Answer(status=DnsStatus.TEMPERROR, reason=f"no answer for {rdtype} {canon} in time")
            if records:
                return Answer(records)
            if rdtype == "CNAME" or "CNAME" not in types:
                return _no_data(canon, rdtype)
            if types["CNAME"] == "TIMEOUT":
                return Answer(status=DnsStatus.TEMPERROR, reason=f"no answer for CNAME {canon} in time")
            canon = canonical(types["CNAME"][0])
        return Answer(status=DnsStatus.NODATA, reason=f"the CNAMEs of {name} lead nowhere")


_MEND = 'write for example {"example.org": {"TXT": ["v=spf1 -all"], "MX": ["10 mx.example.org"]}, "slow.example.org": "TIMEOUT"}'

_Types = dict[str, tuple[Any, ...] | str]


class _ZoneReader:
    """Turns the JSON form into records, and gathers what is wrong with it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.problems: list[Problem] = []

    def read(self, zone: object) -> dict[str, _Types]:
        if not isinstance(zone, dict):
            self._wrong("the whole file", "is not an object of names")
            return {}
        table: dict[str, _Types] = {}
        for name, value in zone.items():
            canon = canonical(name)
            if canon is None:
                self._wrong(name, "is not a possible name in DNS")
            elif value == "TIMEOUT":
                table[canon] = {"*": "TIMEOUT"}
            elif isinstance(value, dict):
                table.setdefault(canon, {}).update({kind.upper(): self._records(name, kind, v) for kind, v in value.items()})
            else:
                self._wrong(name, 'is neither an object of record types nor "TIMEOUT"')
        return table

    def _records(self, name: str, kind: str, value: object) -> tuple[Any, ...] | str:
        if value == "TIMEOUT":
            return "TIMEOUT"
        try:
            dns.rdatatype.from_text(kind)
        except dns.exception.DNSException:
            self._wrong(f"{name}.{kind}", "is not a record type")
            return ()
        records = []
        for item in value if isinstance(value, list) else [value]:
            try:
                records.append(_zone_record(kind.upper(), item))
            except (ValueError, TypeError) as error:
                self._wrong(f"{name}.{kind}", f"{item!r}: {error}")
        return tuple(records)

    def _wrong(self, key: str, message: str) -> None:
        self.problems.append(Problem(self._source, None, key, message, _MEND))


def _zone_record(kind: str, item: object) -> Any:
    """One record. Raises ValueError or TypeError, saying what is wrong."""
    if kind in ("TXT", "SPF") and isinstance(item, list) and all(isinstance(part, str) for part in item):
        return tuple(part.encode() for part in item)
    if not isinstance(item, str):
        raise TypeError("is not a string")
    match kind:
        case "TXT":
            return (item.encode(),)
        case "A":
            return str(ipaddress.IPv4Address(item))
        case "AAAA":
            return str(ipaddress.IPv6Address(item))
        case "MX":
            preference, _, host = item.strip().partition(" ")
            if not preference.isdigit() or not host.strip():
                raise ValueError('is not a preference and a host such as "10 mx.example.org"')
            return (int(preference), _zone_host(host.strip()))
        case "PTR" | "NS" | "CNAME":
            return _zone_host(item.strip())
        case _:
            return item


def _zone_host(text: str) -> str:
    if text == ".":
        return text
    host = canonical(text)
    if host is None:
        raise ValueError("is not a host name")
    return host


def make_resolver(settings: Dns, clock: Clock) -> Resolver:
    """The resolver that the settings ask for. Raises ConfigError."""
    if settings.zone_file is not None:
        return ZoneResolver.from_file(settings.zone_file)
    return DnsResolver(settings, clock)


# --- one mail ---------------------------------------------------------------------------------------------------------


class NotKnown(BaseException):
    """Somebody would have to be asked. No Exception, so that nobody takes it for trouble with DNS."""


class Lookups:
    """The DNS of one mail: one deadline for everything, a cap of questions, and a memory of what was asked.

    Past either, every question is answered TEMPERROR with the reason. `part` gives a check its own cap, so that one
    domain's hostile records cannot use up what the others need; deadline and memory stay shared.
    """

    def __init__(self, resolver: Resolver, clock: Clock, *, deadline: float, limit: int) -> None:
        """deadline: seconds from now."""
        self.clock = clock
        self._resolver = resolver
        self._ends = clock.monotonic() + deadline
        self._deadline = deadline
        self._limit = limit
        self._count = 0
        self._asked: dict[tuple[str, str], Answer] = {}
        self._known = getattr(resolver, "known", None)
        self._waits = True

    def part(self, limit: int, *, waits: bool = True) -> Lookups:
        """The same deadline and memory with a cap of its own. waits=False: what is not known already raises NotKnown."""
        part = Lookups(self._resolver, self.clock, deadline=self._deadline, limit=limit)
        part._ends, part._asked, part._waits = self._ends, self._asked, waits
        return part

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """Every question put to the resolver so far, in order."""
        return tuple(self._asked)

    async def query(self, name: str, rdtype: str) -> Answer:
        key = (canonical(name) or name, rdtype)
        known = self._asked.get(key)
        if known is not None:
            return known
        if self._count >= self._limit:
            return Answer(status=DnsStatus.TEMPERROR, reason=f"more than {self._limit} DNS questions")
        self._count += 1
        left = self._ends - self.clock.monotonic()
        if left <= 0:
            return self._late()
        answer: Answer | None = None if self._known is None else self._known(*key)
        if answer is None:
            if not self._waits:
                raise NotKnown
            try:
                async with asyncio.timeout(left):
                    answer = await self._resolver.query(*key)
            except TimeoutError:
                answer = self._late()
        return self._asked.setdefault(key, answer)

    async def ahead(self, questions: Iterable[tuple[str, str]]) -> None:
        """Ask all of these at one moment; who asks for one of them then need not wait."""
        if not self._waits or len(wanted := dict.fromkeys(questions)) < 2:
            return
        unknown = [q for q in wanted if self._known is None or self._known(*q) is None]
        if len(unknown) > 1:
            await asyncio.gather(*(self.query(*question) for question in unknown))

    def _late(self) -> Answer:
        return Answer(status=DnsStatus.TEMPERROR, reason=f"the DNS deadline of {self._deadline:g} s for one mail has passed")
