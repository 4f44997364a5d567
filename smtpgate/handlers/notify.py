"""What the customer is told at once, and when nothing may be said (RFC 3834, the rights table, the caps).

A cap never loses a number: an acknowledgement that may not go out yet is queued for the time when it may. Only beyond
the daily cap is it withheld, and the ticket says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smtpgate.handlers import targets
from smtpgate.handlers.case import Case, Work
from smtpgate.handlers.doing import SPAM, conversation
from smtpgate.mail.customerwords import Asked
from smtpgate.mail.letters import ComposeError, Ending, Standing
from smtpgate.model import Address, Entry, EntryKind, Ticket
from smtpgate.rules.rights import Acknowledging
from smtpgate.store.api import AckNote

NAME = "notify"
_DAY = 86400.0
_LONGEST_QUEUE = 24 * 60  # minutes
_WISHED = {Asked.FEWER: "fewer", Asked.ALL: "all"}


def handle(case: Case, work: Work) -> None:
    why = _silent(case, work)
    if why:
        work.because(NAME, f"nothing sent: {why}")
    elif work.repeat_of is not None:
        _repeat(case, work)
    elif work.reopened and work.ticket is not None:
        _send(case, work, work.ticket, "reopened")
    elif work.closed and work.ticket is not None:
        _send(case, work, work.ticket, "closed", ending=Ending("customer"))
    elif work.asked is Asked.STATUS and work.ticket is not None:
        _send(case, work, work.ticket, "status", _standing(case, work.ticket))
    elif work.asked is not None and work.asked.wish and work.ticket is not None:
        _send(case, work, work.ticket, _WISHED.get(work.asked, "language"))
    else:
        purpose = "received" if work.rights.acknowledged is Acknowledging.YES else "notice"
        for ticket in work.opened:
            _send(case, work, ticket, purpose)


def _silent(case: Case, work: Work) -> str:
    """Why this mail gets no answer at all; "" when it may get one."""
    if case.imported:
        return "history sends nothing"
    if work.rights.acknowledged is Acknowledging.NO:
        return "automatic mail is never answered" if work.outcome in ("noted", "new") else "the sender is not proved"
    if case.mail.envelope.mail_from is None:
        return "the null sender is never answered (RFC 3834 §2)"
    if case.parsed.silence:
        return "its sender asks for no automatic answer (X-Auto-Response-Suppress)"
    if case.person is None:
        return "there is nobody to answer"
    if work.ticket is None:
        return "there is no ticket"
    if work.shares:
        return "its sender has heard of the first copy"
    if SPAM in work.ticket.tags:
        return "an agent closed its ticket as spam"
    quench = case.config.limits.machine_mails_per_hour
    if case.facts.machine_last_hour.get(work.ticket.id, 0) >= quench:
        return f"more than {quench} automatic mails on this ticket in an hour"
    customer = work.ticket.customer
    if customer is not None and customer.fewer and (work.reopened or work.repeat_of is not None):
        return "the customer wants fewer notices"
    answered = work.asked is not None and (work.asked is Asked.STATUS or work.asked.wish)
    if work.opened or work.reopened or work.closed or answered or work.repeat_of is not None:
        return ""
    return "an ordinary answer needs no acknowledgement"


def _repeat(case: Case, work: Work) -> None:
    assert work.repeat_of is not None
    assert work.ticket is not None
    first = work.repeat_of
    if work.rights.acknowledged is not Acknowledging.YES:
        work.because(NAME, "nothing sent: the sender is not proved")
    elif first.told:
        work.because(NAME, "nothing sent: the customer knows already")
    elif case.parsed.message_id and case.parsed.message_id in case.facts.by_message_id:
        work.because(NAME, "nothing sent: the same mail delivered twice, not written twice")
    elif not case.takes_part(work.ticket):
        work.because(NAME, "nothing sent: the sender takes no part in the ticket")
    else:
        _send(case, work, work.ticket, "repeat")
        work.told.append(first.key)


def _standing(case: Case, ticket: Ticket) -> Standing:
    """How the ticket stands, for its customer: only what he has seen himself counts as the last that happened."""
    entries, others = case.facts.said.entries.get(ticket.id, ()), case.facts.open_tickets
    seen = (e for e in conversation(entries, ticket) if Asked.STATUS.value not in e.marks)
    return Standing(ticket.status, next(seen, None), tuple(other for other in others if other.id != ticket.id))


def _send(
    case: Case, work: Work, ticket: Ticket, purpose: str, standing: Standing | None = None, ending: Ending | None = None
) -> None:
    assert case.person is not None
    desk = case.config.desk_at(ticket.desk)
    if purpose in ("received", "notice") and not desk.acknowledge:
        work.because(NAME, f"nothing sent: desk {desk.name} does not acknowledge")
        return
    at, why = _when(case, work, purpose)
    if at is None:
        _unsent(case, work, ticket, f"No {purpose} mail was sent: {why}.")
        return
    try:
        mail = case.post.to_customer(
            purpose=purpose,
            desk=desk,
            ticket=ticket,
            to=_named(case.person, ticket),
            now=case.now,
            send_at=at,
            in_reply_to=case.parsed,
            standing=standing,
            ending=ending,
            promised=targets.promised(case, work, ticket) if purpose in ("received", "status") else None,
            other=work.follows.number if work.follows is not None and purpose == "received" else "",
        )
    except ComposeError as error:  # the ticket matters more than its acknowledgement
        _unsent(case, work, ticket, f"The {purpose} mail could not be built: {error}.")
        return
    when = "" if at <= case.now else f" in {round((at - case.now) / 60)} min ({why})"
    work.outgoing.append(mail)
    work.acks.append(AckNote(case.sender, at, purpose))
    work.message_refs.append(case.post.reference(mail))
    work.because(NAME, f"{purpose} mail to {case.person.address}{when}")


def _named(person: Address, ticket: Ticket) -> Address:
    """A tap on a link makes a mail that may name an address alone: then as the ticket knows its customer, if it was proved."""
    known = None if ticket.unverified else ticket.customer
    same = known is not None and known.address.lower() == person.address.lower()
    return replace(person, name=known.name) if known is not None and same and not person.name else person


def _unsent(case: Case, work: Work, ticket: Ticket, text: str) -> None:
    work.entries.append(Entry(case.new_id(), ticket.id, EntryKind.EVENT, "", case.now, text))
    work.because(NAME, text)


def _when(case: Case, work: Work, purpose: str) -> tuple[float | None, str]:
    """When a mail of this purpose may go out, or None and why it may not at all."""
    limits, acks, now = case.config.limits, case.facts.acks, case.now
    mine = [a.at for a in work.acks if not a.of_agent]  # of this very mail, when it opens several tickets
    if purpose == "notice":  # never queued: a flood of forged senders must not take the minutes of real customers
        if acks.notices_last_day or mine:
            return None, "one notice a day is enough"
        if acks.to_all.get(int(now // 60), 0) >= limits.acknowledgements_per_minute:
            return None, f"{limits.acknowledgements_per_minute} acknowledgements went out in this minute"
        return now, ""
    return when(case, (*acks.to_address, *mine), purpose, mine)


def when(case: Case, times: tuple[float, ...], purpose: str, mine: Sequence[float] = ()) -> tuple[float | None, str]:
    """When an acknowledgement may go to an address; None and why not at all. times: of those that went there within a day;
    mine: of those among them that this very mail sends."""
    limits, acks, now = case.config.limits, case.facts.acks, case.now
    times = tuple(sorted(times))
    if len([t for t in times if t > now - _DAY]) >= limits.acknowledgements_per_day:
        return None, f"{limits.acknowledgements_per_day} acknowledgements went to this address within a day"
    at, why = now, ""
    if mine:
        at, why = max(mine), "together with the other ticket's"
    elif purpose == "received" and times and times[-1] + limits.acknowledgement_interval > now:
        at, why = times[-1] + limits.acknowledgement_interval, "one acknowledgement in the set interval"
    minute = first = int(at // 60)
    while acks.to_all.get(minute, 0) + sum(int(t // 60) == minute for t in mine) >= limits.acknowledgements_per_minute:
        minute += 1
        if minute - first > _LONGEST_QUEUE:
            return None, "more acknowledgements are waiting than a day's minutes have room for"
    return (at, why) if minute == first else (minute * 60.0, "so many acknowledgements a minute")
