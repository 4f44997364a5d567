"""Who wrote it, and what that lets the mail do: the row of the rights table that counts."""

from __future__ import annotations

from smtpgate.handlers.case import Case, Work
from smtpgate.model import Evidence
from smtpgate.rules.rights import rights

NAME = "identify"


def handle(case: Case, work: Work) -> None:
    evidence = _counting(case)
    machine, why = _machine(case)
    work.rights = rights(evidence, machine=machine, released=case.mail.released)
    who = case.sender or "nobody that can be named"
    reason = f"{who}, evidence {evidence.value}" + (f", {why}" if machine else "")
    if case.mail.released:
        reason += ", released by an agent"
    work.because(NAME, reason)
    if machine and evidence in (Evidence.FAIL, Evidence.AMBIGUOUS) and not case.mail.released and not case.replies:
        # A machine may not carry a forged name past the hold by calling itself automatic.
        work.hold(NAME, f"automatic mail whose sender is not proved (evidence {evidence.value})")


def _counting(case: Case) -> Evidence:
    """The evidence that counts: the admin may take a domain that only watches (p=none) at its word."""
    verdict = case.mail.verdict
    watched = verdict.evidence is Evidence.FAIL and verdict.dmarc.policy == "none"
    return Evidence.NONE if watched and case.config.policy.dmarc_none == "unverified" else verdict.evidence


def _machine(case: Case) -> tuple[bool, str]:
    """Mail that must never be answered automatically (RFC 3834 §2)."""
    if case.parsed.kind.machine:
        return True, f"automatic mail ({case.parsed.kind.value})"
    if case.mail.envelope.mail_from is None:
        return True, "the null sender"
    if case.person is not None and not case.imported and case.own(case.person.address):
        return True, "our own address as its sender"
    return False, ""
