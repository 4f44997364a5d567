"""The DNS records that go with a configuration, and what is published of them. Asks only the resolver it is given.

A record is judged by what it does, not by how it is written: an SPF record is run, a DKIM key is compared as a key. Never
raises for anything that DNS says; a key that cannot be read is a ConfigError long before.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from smtpgate.auth import dmarc, spf
from smtpgate.auth.dns import Answer, Lookups, canonical
from smtpgate.auth.sign import public_record
from smtpgate.config import Config

QUESTIONS = 300  # to DNS for one check
_STRING = 255  # octets of one character string (RFC 1035 §3.3)


@dataclass(frozen=True, slots=True)
class Record:
    """value "" where only the admin knows it. needed: without it mail is lost or refused."""

    name: str
    type: str
    value: str
    why: str
    needed: bool = True


class State(StrEnum):
    OK = "ok"
    MISSING = "missing"
    DIFFERS = "differs"
    UNKNOWN = "unknown"  # DNS did not answer


@dataclass(frozen=True, slots=True)
class Seen:
    record: Record
    state: State
    text: str  # what is published, or what is wrong with it

    @property
    def wrong(self) -> bool:
        return self.record.needed and self.state is not State.OK


def records(config: Config, mx: str) -> Iterator[Record]:
    """For every domain of the desks, and for the host itself. mx: the host that takes the mail."""
    for domain in sorted(canonical(name) or name for name in config.domains):
        yield Record(domain, "MX", f"10 {mx}.", "who takes its mail")
        yield Record(domain, "TXT", _spf(config, mx), "who may send in its name (SPF, RFC 7208)")
        keys = [key for key in config.dkim if key.domain == domain]
        for key in keys:
            yield Record(f"{key.selector}._domainkey.{domain}", "TXT", public_record(key), "the key of our signatures (DKIM)")
        if not keys:
            yield Record(f"SELECTOR._domainkey.{domain}", "TXT", "", "our mail is not signed: add a [[dkim]] key for it (DKIM)")
        policy = f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"
        yield Record(f"_dmarc.{domain}", "TXT", policy, "what others do with forgeries; later p=quarantine (DMARC, RFC 9989)")
        report = f"v=TLSRPTv1; rua=mailto:postmaster@{domain}"
        yield Record(f"_smtp._tls.{domain}", "TXT", report, "reports on TLS to us (RFC 8460)", needed=False)
        sts = "v=STSv1; id=1"
        yield Record(f"_mta-sts.{domain}", "TXT", sts, f"needs a policy at https://mta-sts.{domain} (RFC 8461)", needed=False)
    yield Record(mx, "A", "", "the address of this host; AAAA too, if it has one")
    direct = config.delivery.mode == "mx"
    yield Record(mx, "PTR", f"{mx}.", "the name of that address: ask whoever gave it to you", needed=direct)
    if direct:
        yield Record(mx, "TXT", "v=spf1 a -all", "for bounces, which name only the host (RFC 7208 §2.3)", needed=False)


def _spf(config: Config, mx: str) -> str:
    host = config.delivery.smarthost.host
    if config.delivery.mode == "smarthost" and host is not None and not _is_local(host):
        return f"v=spf1 a:{host} -all"
    return f"v=spf1 a:{mx} -all"


def _is_local(host: str) -> bool:
    """Loopback, or an address, which "a:" cannot take."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return True


def strings(value: str) -> list[str]:
    """A text as the character strings of a TXT record."""
    return [value[i : i + _STRING] for i in range(0, len(value), _STRING)] or [""]


def line(record: Record) -> str:
    """One line of a zone file; a comment where only the admin knows the value, or where a PTR stands in another zone."""
    if record.type == "TXT" and record.value:
        parts = " ".join(f'"{part}"' for part in strings(record.value))
        shown = "( " + parts.replace('" "', '"\n    "') + " )" if len(record.value) > _STRING else parts
    else:
        shown = record.value
    owner = "ADDRESS.in-addr.arpa" if record.type == "PTR" else record.name
    text = f"{owner}. IN {record.type} {shown or '…'}"
    return f"; {text}" if not record.value or record.type == "PTR" or not record.needed else text


# --- what is published ------------------------------------------------------------------------------------------------


async def check(config: Config, mx: str, lookups: Lookups) -> list[Seen]:
    """Every record, in the order of `records`."""
    addresses = [*(await lookups.query(mx, "A")).records, *(await lookups.query(mx, "AAAA")).records]
    return [await _look(record, config, mx, addresses, lookups) for record in records(config, mx)]


async def _look(record: Record, config: Config, mx: str, addresses: list[str], lookups: Lookups) -> Seen:
    if record.type == "PTR":
        return await _pointers(record, mx, addresses, lookups)
    if record.name.startswith("SELECTOR."):
        return Seen(record, State.MISSING, "no key in the configuration")
    if record.name.startswith("_dmarc."):
        return await _policy(record, lookups)
    answer = await lookups.query(record.name, record.type)
    if answer.temporary:
        return Seen(record, State.UNKNOWN, answer.reason)
    match record.type:
        case "MX":
            return _exchangers(record, mx, answer)
        case "A":
            return await _address(record, mx, addresses, lookups)
    texts = [b"".join(strings).decode("utf-8", "replace") for strings in answer.records]
    version = record.value.partition(" ")[0].partition(";")[0]
    texts = [text for text in texts if text.replace(" ", "").lower().startswith(version.lower())]
    if len(texts) != 1:
        return Seen(record, State.DIFFERS if texts else State.MISSING, f"{len(texts)} records, there must be one" if texts else "")
    if version == "v=spf1":
        return await _sender(record, texts[0], config, addresses, lookups)
    same = _tags(texts[0]).get("p") == _tags(record.value).get("p") if version == "v=DKIM1" else True
    return Seen(record, State.OK if same else State.DIFFERS, texts[0])


def _tags(text: str) -> dict[str, str]:
    pairs = (spec.partition("=") for spec in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


def _exchangers(record: Record, mx: str, answer: Answer) -> Seen:
    hosts = sorted(answer.records)
    text = ", ".join(f"{preference} {host}" for preference, host in hosts)
    if not hosts:
        return Seen(record, State.MISSING, "")
    if mx not in [host for _, host in hosts]:
        return Seen(record, State.DIFFERS, text)
    return Seen(record, State.OK, text)


async def _address(record: Record, mx: str, addresses: list[str], lookups: Lookups) -> Seen:
    alias = await lookups.query(mx, "CNAME")
    if alias.records:
        return Seen(record, State.DIFFERS, f"{mx} is an alias of {alias.records[0]}; an MX must not be one (RFC 2181 §10.3)")
    private = [text for text in addresses if not ipaddress.ip_address(text).is_global]
    if private:
        return Seen(record, State.DIFFERS, f"{', '.join(private)}: nobody outside can reach that")
    return Seen(record, State.OK if addresses else State.MISSING, ", ".join(addresses))


async def _pointers(record: Record, mx: str, addresses: list[str], lookups: Lookups) -> Seen:
    wrong = []
    for address in addresses:
        answer = await lookups.query(ipaddress.ip_address(address).reverse_pointer, "PTR")
        if answer.temporary:
            return Seen(record, State.UNKNOWN, answer.reason)
        if mx not in answer.records:
            wrong.append(f"{address} is {', '.join(answer.records) or 'nameless'}")
    if wrong or not addresses:
        return Seen(record, State.DIFFERS if wrong else State.MISSING, "; ".join(wrong))
    return Seen(record, State.OK, ", ".join(addresses))


async def _sender(record: Record, text: str, config: Config, addresses: list[str], lookups: Lookups) -> Seen:
    """Run it as a receiver would, where we know the address that the mail comes from."""
    last = text.lower().split()[-1]
    if "+all" in text.lower().split() or last == "all":
        return Seen(record, State.DIFFERS, f"{text}: everybody may send")
    if config.delivery.mode == "smarthost":
        return Seen(record, State.OK, text)
    for address in addresses:
        sender = f"postmaster@{record.name}"
        found = await spf.check(
            lookups.part(30), ip=address, helo=config.server.name, mail_from=sender, receiver=config.server.name
        )
        if found.result == "temperror":
            return Seen(record, State.UNKNOWN, found.reason)
        if found.result != "pass":
            return Seen(record, State.DIFFERS, f"{text}: for {address} it says {found.result}")
    return Seen(record, State.OK, text)


async def _policy(record: Record, lookups: Lookups) -> Seen:
    found = await dmarc.discover(record.name.removeprefix("_dmarc."), lookups)
    if found.trouble:
        return Seen(record, State.UNKNOWN, found.trouble)
    applies = found.walk.applicable
    notes = "; ".join(found.walk.notes)
    if applies is None:
        return Seen(record, State.DIFFERS if notes else State.MISSING, notes)
    return Seen(record, State.OK, f"p={found.policy}, published at _dmarc.{applies.domain}")
