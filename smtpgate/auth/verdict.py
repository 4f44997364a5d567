"""The one verdict about a mail: who wrote it, and how well that is known.

    judge       login > trusted network > trusted relay's word > SPF, DKIM, DMARC and ARC under one deadline
    Evidence    the row of the rights table (rules/rights.py); the reasons say, in order, what was looked at and found

Never raises for any mail. Trouble with DNS is TEMPERROR, never FAIL; so is a bug of ours, with its traceback in the log.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache, partial
from typing import Any

import structlog

from smtpgate.auth import arc, dkim, dmarc, message, results, spf
from smtpgate.auth.arc import Chain
from smtpgate.auth.dmarc import Discovery
from smtpgate.auth.dns import Lookups, NotKnown, Resolver
from smtpgate.auth.message import Message, doubled
from smtpgate.auth.results import Relayed
from smtpgate.clock import Clock
from smtpgate.config import Config
from smtpgate.mail import address, header, safe
from smtpgate.mail.header import Header
from smtpgate.model import LOCAL, ArcResult, DkimResult, DmarcResult, Envelope, Evidence, SpfResult, Verdict
from smtpgate.records import record

log = structlog.get_logger(__name__)

# Questions for one mail, by check: no domain's hostile records can use up what another check needs.
_DMARC_QUESTIONS = 30
_ARC_QUESTIONS = 2 * arc.SETS

_NO_AUTHOR = DmarcResult("permerror", reason="without exactly one author there is no DMARC")  # RFC 9989 §5.3.1


@record(frozen=True, slots=True)
class _Findings:
    spf: SpfResult
    dkim: tuple[DkimResult, ...]
    dmarc: DmarcResult
    chain: Chain


async def judge(
    *, envelope: Envelope, raw: bytes, config: Config, resolver: Resolver, clock: Clock, head: Header | None = None
) -> Verdict:
    """The verdict about one mail. Takes at most dns.deadline seconds of waiting for DNS. head: as for Message.read."""
    try:
        return await _judge(envelope, raw, head, config, resolver, clock)
    except Exception:
        log.exception("authentication failed on our side", mail=envelope.mail_id)
        reason = "something went wrong on our side; nothing is known about this mail"
        trouble = SpfResult("temperror", reason=reason), (), DmarcResult("temperror", reason=reason), ArcResult()
        return Verdict(Evidence.TEMPERROR, "", *trouble, (reason,), results.write_none(config.server.name))


async def _judge(envelope: Envelope, raw: bytes, head: Header | None, config: Config, resolver: Resolver, clock: Clock) -> Verdict:
    if envelope.login:  # the door has seen that From is this agent's (intake.submitted)
        reason = f"{envelope.login} has logged in to send it: not checked"
        unchecked = SpfResult("none", reason=reason), (), DmarcResult("none", reason=reason), ArcResult()
        return Verdict(
            Evidence.TRUSTED, envelope.login, *unchecked, (reason,), results.write_login(config.server.name, envelope.login)
        )
    trusted = within(envelope.peer, config.server.trusted_networks)
    if trusted and (author := address.author((head or header.split(raw))[0])[0]):
        reason = f"the client {envelope.peer} is in server.trusted_networks: not checked"
        unchecked = SpfResult("none", reason=reason), (), DmarcResult("none", reason=reason), ArcResult()
        return Verdict(Evidence.TRUSTED, author, *unchecked, (reason,), results.write_none(config.server.name))
    large = len(raw) > message.LARGE
    mail = await asyncio.to_thread(Message.read, raw, head) if large else Message.read(raw, head)  # once for all checks
    author, no_author = address.author(mail.fields)
    ambiguous = [no_author] if not author else []
    if twice := doubled(mail.by_name):
        ambiguous.append(f"the mail has more than one {', '.join(twice)}")

    lookups = Lookups(resolver, clock, deadline=config.dns.deadline, limit=_DMARC_QUESTIONS)
    relayed: Relayed | None = None
    relay = envelope.relay or envelope.peer
    known_client = bool(envelope.relay and envelope.peer)  # the relay has told (XFORWARD)
    behind_relay = relay == LOCAL or within(relay, config.auth.trusted_relays)
    if behind_relay and config.auth.trusted_authserv_id:
        relayed = results.topmost(mail.fields, config.auth.trusted_authserv_id)
    if relayed is not None:
        findings = await _from_relay(relayed, None if ambiguous else mail, author, lookups)
    else:
        findings = await _own_checks(envelope, mail, author, config, lookups, behind_relay=behind_relay and not known_client)

    evidence, conclusion = _weigh(author, findings, config, ambiguous)
    reasons = (*_told(envelope, author, findings, relayed is not None), *conclusion)
    return Verdict(
        evidence,
        author,
        findings.spf,
        findings.dkim,
        findings.dmarc,
        findings.chain.result,
        tuple(safe.line(reason, 500) for reason in reasons),
        results.write(
            config.server.name,
            spf=findings.spf,
            dkim=findings.dkim,
            dmarc=findings.dmarc,
            arc=findings.chain.result,
            mail_from=envelope.mail_from,
            helo=envelope.helo,
            author=author,
        ),
    )


def within(peer: str, networks: Sequence[str]) -> bool:
    """Is this address in one of the networks? Never for what is no address."""
    client = _address(peer)
    return client is not None and any(client in _network(network) for network in networks)


_network = lru_cache(1024)(ipaddress.ip_network)  # from the configuration


@lru_cache(1024)
def _address(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """IPv4 also when it comes mapped into IPv6."""
    try:
        client = ipaddress.ip_address(peer)
    except ValueError:
        return None
    return getattr(client, "ipv4_mapped", None) or client


# --- finding ----------------------------------------------------------------------------------------------------------


async def _own_checks(
    envelope: Envelope, mail: Message, author: str, config: Config, lookups: Lookups, *, behind_relay: bool
) -> _Findings:
    """All checks at once: what one domain's slow DNS costs is not missing for another's."""

    async def check_spf(part: Lookups) -> SpfResult:
        if behind_relay:
            return SpfResult("none", reason="the client is our own relay; its address says nothing about the sender")
        return await spf.check(
            part,
            ip=envelope.peer,
            helo=envelope.helo,
            mail_from=envelope.mail_from,
            receiver=config.server.name,
        )

    async def discover(part: Lookups) -> Discovery | None:
        return await dmarc.discover(address.domain(author), part) if author else None

    signatures, now = config.limits.dkim_signatures, lookups.clock.now()
    found_spf, found_dkim, discovery, chain = await _together(
        lookups,
        (check_spf, spf.QUESTIONS),
        (partial(dkim.verify, mail, limit=signatures, now=now), signatures),
        (discover, _DMARC_QUESTIONS),
        (partial(arc.verify, mail, now=now), _ARC_QUESTIONS),
        at_once=len(mail.body) <= message.LARGE,
    )
    found_dmarc = _NO_AUTHOR
    if discovery is not None:
        found_dmarc = await dmarc.evaluate(address.domain(author), found_spf, found_dkim, lookups, discovery=discovery)
    return _Findings(found_spf, found_dkim, found_dmarc, chain)


_Check = Callable[[Lookups], Coroutine[Any, Any, Any]]


async def _together(lookups: Lookups, *checks: tuple[_Check, int], at_once: bool) -> list[Any]:
    """The results of checks, each with so many questions of its own; those that must wait for DNS all wait together.

    at_once: a check whose questions are answered from memory, as nearly always, is done here and now: a task for it would
    cost more than it does.
    """
    found = [_done(check(lookups.part(limit, waits=False))) if at_once else _WAITS for check, limit in checks]
    waiting = [i for i, result in enumerate(found) if result is _WAITS]
    if waiting:
        results_ = await asyncio.gather(*(checks[i][0](lookups.part(checks[i][1])) for i in waiting))
        for i, result in zip(waiting, results_, strict=True):
            found[i] = result
    return found


_WAITS: Any = object()


def _done(check: Coroutine[Any, Any, Any]) -> Any:
    """The result of a check that runs to its end without waiting; else _WAITS."""
    try:
        check.send(None)
    except StopIteration as end:
        return end.value
    except NotKnown:
        return _WAITS
    check.close()
    return _WAITS


async def _from_relay(relayed: Relayed, mail: Message | None, author: str, lookups: Lookups) -> _Findings:
    """What our own MTA in front found. Its DMARC result counts only for the author that we read too, and not when it may rest
    on a signature that we do not count. mail None: it is ambiguous, and nothing speaks for it."""
    found_spf = relayed.spf or SpfResult("none", reason="our relay says nothing about SPF")
    found_dkim = relayed.dkim if mail is None else tuple([await dkim.counted(mail, one) for one in relayed.dkim])
    domain = address.domain(author)
    said = relayed.dmarc
    if not author:
        found_dmarc = _NO_AUTHOR
    elif said is None or not relayed.dmarc_from or found_dkim != relayed.dkim:
        found_dmarc = await dmarc.evaluate(domain, found_spf, found_dkim, lookups)
    elif address.to_ascii(relayed.dmarc_from) != domain:
        found_dmarc = DmarcResult("permerror", reason=f"our relay's DMARC result is about {relayed.dmarc_from}, not {domain}")
    else:
        aligned = ""
        if said.result == "pass":
            aligned = "dkim" if any(s.result == "pass" and _related(s.domain, domain) for s in found_dkim) else "spf"
        found_dmarc = DmarcResult(said.result, said.policy, domain, said.reason, aligned)
    return _Findings(found_spf, found_dkim, found_dmarc, Chain(ArcResult()))


def _related(one: str, other: str) -> bool:
    """The same domain, or one above the other. Only asked where a relay has found DMARC to pass already."""
    return one == other or (bool(one) and (one.endswith("." + other) or (other.endswith("." + one) and "." in one)))


# --- weighing ---------------------------------------------------------------------------------------------------------


def _weigh(author: str, found: _Findings, config: Config, ambiguous: list[str]) -> tuple[Evidence, tuple[str, ...]]:
    """The row of the rights table, and the sentences that lead to it."""
    if ambiguous:
        return Evidence.AMBIGUOUS, tuple(ambiguous)
    match found.dmarc.result:
        case "pass":
            return (Evidence.DMARC_DKIM if found.dmarc.aligned == "dkim" else Evidence.DMARC_SPF), ()
        case "temperror":
            return Evidence.TEMPERROR, ("DNS did not answer: nothing is held against this mail",)
        case "fail" | "permerror":
            return _after_failure(address.domain(author), found, config)
    return _without_policy(address.domain(author), found)


def _after_failure(domain: str, found: _Findings, config: Config) -> tuple[Evidence, tuple[str, ...]]:
    """DMARC fails: only a sealer that the admin named can still speak for the mail, and not loudly."""
    sealer = found.chain.result.sealer
    if found.chain.result.result != "pass" or sealer not in config.auth.arc_sealers:
        return Evidence.FAIL, ()
    if found.chain.dmarc_passed_for != domain:
        return Evidence.FAIL, (f"{sealer} is in auth.arc_sealers, but did not see DMARC pass for {domain}",)
    return Evidence.DOMAIN, (f"{sealer}, of auth.arc_sealers, saw DMARC pass for {domain}: believed, but never for agents",)


def _without_policy(domain: str, found: _Findings) -> tuple[Evidence, tuple[str, ...]]:
    """Nothing is published: the same domain, or nothing."""
    identities = [("DKIM", s.domain, s.result) for s in found.dkim] + [("SPF", found.spf.domain, found.spf.result)]
    own = [(name, result) for name, identity, result in identities if identity == domain]
    if passed := [name for name, result in own if result == "pass"]:
        return Evidence.DOMAIN, (f"{passed[0]} passes for {domain} itself",)
    if [name for name, result in own if result == "temperror"]:
        return Evidence.TEMPERROR, ("DNS did not answer: nothing is held against this mail",)
    return Evidence.NONE, (f"nothing speaks for {domain}",)


def _told(envelope: Envelope, author: str, found: _Findings, relayed: bool) -> list[str]:
    """One sentence for each check."""
    told = [f"the author is {author}"] if author else []
    if relayed:
        told.append(f"{_name(envelope.relay or envelope.peer)}: what its Authentication-Results say is used")
    told.append(_sentence("SPF", found.spf.domain, found.spf.result, found.spf.reason))
    told += [_sentence("DKIM", s.domain, s.result, s.reason) for s in found.dkim]
    if not found.dkim:
        told.append("DKIM: the mail is not signed")
    policy = f" (policy {found.dmarc.policy})" if found.dmarc.domain else ""
    told.append(_sentence("DMARC", found.dmarc.domain, found.dmarc.result + policy, found.dmarc.reason))
    if found.chain.result.result != "none":
        told.append(_sentence("ARC", found.chain.result.sealer, found.chain.result.result, found.chain.result.reason))
    return told


def _name(relay: str) -> str:
    return "the client is our own relay on a local socket" if relay == LOCAL else f"{relay} is in auth.trusted_relays"


def _sentence(check: str, domain: str, result: str, reason: str) -> str:
    of = f" for {domain}" if domain else ""
    return f"{check}{of}: {result}" + (f", {reason}" if reason else "")
