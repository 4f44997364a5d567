"""DMARC (RFC 9989): does an authenticated identity belong to the author's domain, and what does that domain ask for?

Own code: records, the tree walk (§4.10), organizational domains and alignment. Never raises. Trouble with DNS is a
temperror only where it could have changed the outcome: identities that cannot be aligned are left out before any question
is asked about them, so that a forger's own broken DNS is no way around somebody else's policy.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache

from smtpgate.auth.dns import DnsStatus, Lookups
from smtpgate.model import DkimResult, DmarcResult, SpfResult
from smtpgate.records import record

_WALK = 8  # RFC 9989 §4.10: no more than eight questions for one walk
_RECORD = 4096  # octets
_REMEMBERED = 512  # records
_POLICIES = ("none", "quarantine", "reject")


@record(frozen=True, slots=True)
class Record:
    """One DMARC policy record. sp and np are "" when they are not given; p is "" when the record cannot say what it wants."""

    domain: str
    p: str
    sp: str
    np: str
    adkim: str
    aspf: str
    psd: str
    testing: bool


@record(frozen=True, slots=True)
class Walk:
    """What a tree walk found: records by domain from the longest to the shortest; the temporary failure that ended it."""

    start: str
    records: tuple[Record, ...] = ()
    trouble: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def organizational(self) -> str:
        """The organizational domain (RFC 9989 §4.10.2)."""
        for found in self.records:
            if found.psd == "n":
                return found.domain
            if found.psd == "y" and found.domain != self.start:
                labels = self.start.split(".")
                return ".".join(labels[-(found.domain.count(".") + 2) :])
        return self.records[-1].domain if self.records else self.start

    def at(self, domain: str) -> Record | None:
        return next((record for record in self.records if record.domain == domain), None)

    @property
    def applicable(self) -> Record | None:
        """The record that counts: the domain's own, its organizational domain's, its public suffix's (§4.10.1)."""
        suffix = next((r for r in self.records if r.psd == "y" and r.domain != self.start), None)
        return self.at(self.start) or self.at(self.organizational) or suffix


# --- records ----------------------------------------------------------------------------------------------------------


def parse(text: bytes, domain: str) -> Record | None:
    """A policy record, None if it is none. Unknown tags and bad values of optional ones are ignored (RFC 9989 §4.7)."""
    return _parsed(text, domain) if len(text) <= _RECORD and _claims(text) else None


@lru_cache(_REMEMBERED)
def _parsed(text: bytes, domain: str) -> Record | None:
    tags: dict[str, str] = {}
    for spec in text.decode("utf-8", "replace").split(";"):
        name, equals, value = spec.partition("=")
        if equals:
            tags.setdefault(name.strip(" \t").lower(), value.strip(" \t"))
    p, sp, np = tags.get("p", "none").lower(), tags.get("sp", "").lower(), tags.get("np", "").lower()
    if p not in _POLICIES or any(value and value not in _POLICIES for value in (sp, np)):
        # §4.10.1: a record that cannot say what it asks for asks for nothing, and counts only if it wants reports.
        reports = any(uri.strip().lower().startswith("mailto:") for uri in tags.get("rua", "").split(","))
        p, sp, np = ("none" if reports else ""), "", ""
    return Record(
        domain,
        p,
        sp,
        np,
        adkim="s" if tags.get("adkim", "").lower() == "s" else "r",
        aspf="s" if tags.get("aspf", "").lower() == "s" else "r",
        psd=tags.get("psd", "u").lower(),
        testing=tags.get("t", "").lower() == "y",
    )


@lru_cache(_REMEMBERED)
def _targets(domain: str) -> tuple[str, ...]:
    """The domains that a walk asks, at most eight: from nine labels on it goes from the whole name to seven labels."""
    labels = domain.split(".")
    rest = range(1, len(labels)) if len(labels) < _WALK else range(len(labels) - _WALK + 1, len(labels))
    return domain, *(".".join(labels[i:]) for i in rest)


async def walk(domain: str, lookups: Lookups) -> Walk:
    """The tree walk (RFC 9989 §4.10) from a domain in lower-case A-labels. It ends at psd=n, at psd=y above the start, or
    at trouble with DNS."""
    records: list[Record] = []
    notes: list[str] = []
    for target in _targets(domain):
        answer = await lookups.query(f"_dmarc.{target}", "TXT")
        if answer.status is DnsStatus.TEMPERROR:
            return Walk(domain, tuple(records), answer.reason, tuple(notes))
        texts = [text for text in map(b"".join, answer.records) if _claims(text)]
        if len(texts) > 1:
            notes.append(f"{target} publishes several DMARC records, so none")  # §4.10 step 2
            continue
        record = parse(texts[0], target) if texts else None
        if texts and (record is None or not record.p):
            notes.append(f"the DMARC record of {target} is not valid")
        if record is not None:
            records.append(record)
            if record.psd == "n" or (record.psd == "y" and target != domain):
                break
    return Walk(domain, tuple(records), notes=tuple(notes))


def _claims(text: bytes) -> bool:
    version, _, _ = text[:_RECORD].partition(b";")
    name, _, value = version.partition(b"=")
    return name.strip(b" \t").lower() == b"v" and value.strip(b" \t") == b"DMARC1"


# --- evaluation -------------------------------------------------------------------------------------------------------


@record(frozen=True, slots=True)
class Discovery:
    """What the author's domain publishes, known before any mechanism has a result. trouble: DNS left it open."""

    walk: Walk
    policy: str = "none"
    trouble: str = ""


async def discover(author_domain: str, lookups: Lookups) -> Discovery:
    """Record and policy for the author's domain (lower-case A-labels)."""
    found = await walk(author_domain, lookups)
    record = found.applicable
    if found.trouble and found.at(author_domain) is None:
        return Discovery(found, trouble=found.trouble)
    if record is None or not record.p:
        return Discovery(found)
    policy = record.p
    if record.domain != author_domain:
        policy = record.sp or record.p
        if record.np:
            # §3.2: a domain does not exist when the answer for it is NXDOMAIN (RFC 8020).
            answer = await lookups.query(author_domain, "A")
            if answer.status is DnsStatus.NXDOMAIN:
                policy = record.np
            elif answer.temporary:
                policy = min(policy, record.np, key=_POLICIES.index)
    if record.testing:  # §4.7, t=y: one step lower
        policy = _POLICIES[max(_POLICIES.index(policy) - 1, 0)]
    return Discovery(found, policy)


async def evaluate(
    author_domain: str,
    spf: SpfResult,
    dkim: tuple[DkimResult, ...],
    lookups: Lookups,
    *,
    discovery: Discovery | None = None,
) -> DmarcResult:
    """The result for the one author. discovery: what `discover` found, when it ran already."""
    known = discovery or await discover(author_domain, lookups)
    record = known.walk.applicable
    if known.trouble and record is None:
        return DmarcResult("temperror", reason=f"the DMARC record could not be fetched: {known.trouble}")
    if record is None or not record.p:
        reason = "; ".join(known.walk.notes) or f"{author_domain} publishes no DMARC record"
        return DmarcResult("none", reason=reason)
    undecided = ""
    candidates = [("dkim", r.domain, r.result, record.adkim) for r in dkim] + [("spf", spf.domain, spf.result, record.aspf)]
    for mechanism, domain, result, mode in candidates:
        if result not in ("pass", "temperror") or not _possible(domain, author_domain, known.walk, mode):
            continue
        aligned, trouble = await _aligned(domain, author_domain, known.walk, mode, lookups)
        if result == "pass" and aligned:
            how = f"{mechanism.upper()} passes for {domain}, which is aligned with {author_domain}"
            return DmarcResult("pass", known.policy, record.domain, how, mechanism)
        if trouble or (result == "temperror" and aligned):
            undecided = undecided or f"{mechanism.upper()} for {domain} could not be decided{': ' + trouble if trouble else ''}"
    if undecided:
        return DmarcResult("temperror", known.policy, record.domain, undecided)
    if known.trouble:
        return DmarcResult("temperror", reason=f"the DMARC record could not be fetched: {known.trouble}")
    return DmarcResult("fail", known.policy, record.domain, f"neither SPF nor DKIM passes for a domain of {author_domain}")


def _possible(domain: str, author: str, author_walk: Walk, mode: str) -> bool:
    """Could this domain be aligned at all? An organizational domain is always the domain itself or above it."""
    if not domain:
        return False
    if domain == author:
        return True
    organizational = author_walk.organizational
    # After a walk that broke off, the organizational domain may be any ancestor of the author's domain.
    above = organizational if not author_walk.trouble else author.rsplit(".", maxsplit=1)[-1]
    return mode == "r" and (domain == above or domain.endswith("." + above))


async def _aligned(domain: str, author: str, author_walk: Walk, mode: str, lookups: Lookups) -> tuple[bool, str]:
    """Are the two aligned (RFC 9989 §4.10.2)? The second value is the trouble that left it open."""
    if domain == author:
        return True, ""
    if mode == "s":
        return False, ""
    own = await walk(domain, lookups)
    trouble = own.trouble or author_walk.trouble
    if trouble:
        return False, trouble
    return own.organizational == author_walk.organizational, ""
