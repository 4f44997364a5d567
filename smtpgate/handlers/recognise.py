"""First: mail that is not a person's. Bounces that come to a signed return path, and mail to postmaster and abuse."""

from __future__ import annotations

from smtpgate.handlers import tell
from smtpgate.handlers.case import Case, Work, entry_of
from smtpgate.model import OF_OUR_DELIVERY, BounceReport, DeliveryState, Entry, EntryKind, Kind, Status, Ticket
from smtpgate.store.api import SentRecipient, TicketUpdate

NAME = "recognise"
_NOT_LOST_YET = (DeliveryState.QUEUED, DeliveryState.UNCERTAIN, DeliveryState.DELIVERED, DeliveryState.HELD)


def handle(case: Case, work: Work) -> None:
    kind = case.parsed.kind
    if kind is not Kind.HUMAN:
        work.because(NAME, f"{kind.value}: {case.parsed.kind_reason}")
    known = [case.facts.recipients[t.id] for t in case.returns if t.id in case.facts.recipients]
    if known and kind is Kind.HUMAN and case.mail.envelope.mail_from is not None:
        work.because(NAME, "a person wrote to the return path of a mail of ours: read like any other mail")
    elif known:
        _returned(case, work, known[0])
        return
    elif case.returns:
        work.because(NAME, "a signed return path of ours, but its mail is no longer in the queue")
    if case.roles:
        _to_a_role(case, work)


def _returned(case: Case, work: Work, sent: SentRecipient) -> None:
    """Something came back to the return path of one of our mails: the signature proves which one."""
    report = case.parsed.bounce
    failed = case.mail.envelope.mail_from is None and _says_failed(case.parsed.kind, report)
    said = _diagnosis(report) or case.parsed.kind_reason or case.parsed.kind.value
    work.outcome, work.rung, work.about, work.done = "bounce" if failed else "noted", "signed-return-path", sent, True
    if failed:
        work.because(NAME, f"our mail to {sent.address} bounced: {said}")
        work.bounced.append((sent.recipient_id, said))
    else:
        work.because(NAME, f"an automatic answer to our mail to {sent.address}: {said}")
    ticket = case.facts.tickets.get(sent.ticket_id or 0)
    if ticket is not None and not ticket.erased:
        text = f"Our mail to {sent.address} came back: {said}" if failed else None
        entry = entry_of(case, work, ticket, EntryKind.MACHINE, ("bounce",) if failed else (), text)
        work.entries.append(entry)
        work.ticket = ticket
        if failed and sent.purpose == "answer" and not _known(case, sent):
            _answer_lost(case, work, ticket, entry, to_customer=_is_customer(case, ticket, sent.address))
        elif case.parsed.kind is Kind.DELAYED and sent.purpose == "answer":
            tell.told(case, work, ticket, entry, "late")


def _known(case: Case, sent: SentRecipient) -> bool:
    """Has it been told that this one did not arrive? Who was sent an answer has its return path, and may bounce it without end.
    What our own delivery could not get rid of is told by its report, once, and by nothing from outside."""
    if sent.state in (DeliveryState.FAILED, DeliveryState.EXPIRED):
        return case.mail.verdict.reasons != (OF_OUR_DELIVERY,)
    return sent.state not in _NOT_LOST_YET


def _is_customer(case: Case, ticket: Ticket, address: str) -> bool:
    return ticket.customer is None or case.post.key(ticket.customer.address) == case.post.key(address)


def _answer_lost(case: Case, work: Work, ticket: Ticket, entry: Entry, *, to_customer: bool) -> None:
    """The customer never had an agent's answer: the ticket is open again, and waits for nobody outside, or it would close for want
    of his answer. Its agent hears; of a copy he only hears. Of our mail to agents and of notices nobody is told: that might come
    back as well, and so on for ever."""
    if to_customer and (ticket.status is Status.WAITING or not ticket.status.open):
        work.updates.append(TicketUpdate(ticket.id, status=Status.PROGRESS, updated_at=case.now))
        work.because(NAME, f"was {ticket.status.value}: open again, since the answer did not arrive")
    tell.told(case, work, ticket, entry, "lost")


def _says_failed(kind: Kind, report: BounceReport | None) -> bool:
    """A delay, a receipt or an out-of-office note is no failure; an unreadable thing from the null sender is one."""
    if kind in (Kind.DELAYED, Kind.RECEIPT, Kind.AUTO_REPLY, Kind.FEEDBACK, Kind.CALENDAR):
        return False
    if report is not None and report.recipients:
        return any(r.action == "failed" for r in report.recipients)
    return kind is Kind.BOUNCE


def _diagnosis(report: BounceReport | None) -> str:
    if report is None or not report.recipients:
        return ""
    first = report.recipients[0]
    status = "" if first.status in first.diagnostic else first.status
    return " ".join(part for part in (status, first.diagnostic) if part)[:500]


def _to_a_role(case: Case, work: Work) -> None:
    """RFC 2142: postmaster and abuse reach a person. Without one in the configuration the first desk gets the mail."""
    person = case.config.server.postmaster
    if person is None:
        work.because(NAME, f"to {case.roles[0]}, which desk {case.desks[0].name} looks after")
        return
    if case.mail.released and case.desks:
        work.because(NAME, f"to {', '.join(case.roles)}: forwarded when it was held")
        return
    if not case.mail.released and case.mail.envelope.mail_from is None and case.own(case.mail.verdict.author):
        # What we forward has the null sender and a desk's From: the person's mail leads back here (server.postmaster).
        work.hold(NAME, "our own mail to the postmaster came back; see server.postmaster")
        return
    forward = case.post.to_postmaster(case.mail, case.roles[0], person, case.config.desk[0], case.now)
    work.because(NAME, f"to {', '.join(case.roles)}: forwarded to the postmaster")
    work.outgoing.append(forward)
    if not case.desks:
        work.outcome, work.done = "forwarded", True
