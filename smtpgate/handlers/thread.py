"""Which ticket it belongs to: the ladder. The first rung that holds wins; nothing here grants a right.

token > our-reference > subject-number (of a ticket that the sender takes part in, or that is of his desk) > reference
(likewise) > a new ticket. A number that a stranger claims opens a new ticket, and only agents see what it claims.

History that was imported climbs the same ladder; but a reference counts whoever made it, since the archive is evidence
that the mails belong together, and so does one to a mail that is not there or comes later.
"""

from __future__ import annotations

from smtpgate.handlers import block, follow, subject
from smtpgate.handlers.case import Case, Work
from smtpgate.mail import freemail, header
from smtpgate.model import Evidence, ParsedMail, Ticket
from smtpgate.rules.rights import Joining
from smtpgate.store.api import Incoming

NAME = "thread"
_OLDEST, _NEWEST = 5, 20  # Message-IDs of References that are remembered while no mail has them
_LOOK_AGAIN = 0.5  # seconds between looks while a parent is being filed


def handle(case: Case, work: Work) -> None:
    if case.opens:
        work.because(NAME, "an agent opens a ticket: it belongs to none")
        return
    ticket, rung, why = climb(case)
    if ticket is not None and ticket.erased and (case.imported or not case.agent):
        why = f"{ticket.number} by {rung}, but its customer was erased: a new ticket"
        ticket = None
    if ticket is None:
        young = abs(case.now - case.mail.received_at) < case.config.tickets.parent_wait
        waited_for = case.facts.unfiled_parents if young else case.facts.expected_parents  # after an outage all mail is old
        if waited_for and not case.imported:
            reason = f"answers mail {waited_for[0]}, which is not filed yet: waits for it"
            work.because(NAME, reason)
            work.outcome, work.postpone_until, work.done = "postponed", case.now + _LOOK_AGAIN, True
            return
        claimed = [case.facts.by_number[n] for n in case.numbers if n in case.facts.by_number]
        for ticket_id in claimed:
            work.mark(f"claims #{case.facts.tickets[ticket_id].number}")
        work.because(NAME, why)
        return
    work.ticket, work.rung = ticket, rung
    work.because(NAME, f"ticket {ticket.number} by {rung}")
    block.handle(case, work)  # before anybody is told that he would join
    if not work.done:
        _may_join(case, work, ticket)
    if work.ticket is ticket and not work.done:
        work.ticket = follow.onward(case, work, ticket)


def climb(case: Case) -> tuple[Ticket | None, str, str]:
    """The ticket, the rung that leads to it, and without one why none does."""
    facts = case.facts
    for token in (*case.replies, *case.actions):
        if token.id in facts.tickets:
            return facts.tickets[token.id], "token", ""
    refs = [facts.by_message_id[r] for r in references(case.parsed, imported=case.imported) if r in facts.by_message_id]
    for ref in refs:
        if ref.ours:
            return facts.tickets[ref.ticket_id], "our-reference", ""
    stranger = ""
    for number in case.numbers:
        if number in facts.by_number:
            ticket = facts.tickets[facts.by_number[number]]
            if case.takes_part(ticket) or case.agent:
                return ticket, "subject-number", ""
            stranger = f"the subject claims {number}, but the sender takes no part in it: a new ticket"
    if case.imported:
        found = _in_history(case)
        if found is not None:
            return found, "reference", ""
        spoken = subject.quoted_in(case.parsed, facts.talks)
        if spoken is not None:
            return facts.tickets[spoken], "subject", ""
    for ref in refs:
        ticket = facts.tickets[ref.ticket_id]
        if case.takes_part(ticket) or (case.agent and case.desk_of_agent(ticket) is not None):
            return ticket, "reference", ""
    return None, "", stranger or "no rung of the ladder holds: a new ticket"


def references(parsed: ParsedMail, *, imported: bool) -> tuple[str, ...]:
    """In-Reply-To first, then References from the newest; of history also the mail that a bounce is about."""
    about = parsed.bounce.original_message_id if imported and parsed.bounce is not None else None
    return tuple(dict.fromkeys((*parsed.in_reply_to, *reversed(parsed.references), *((about,) if about else ()))))


def _in_history(case: Case) -> Ticket | None:
    """The ticket that has another copy of it, or a mail that it refers to, else the one in which the same mails are missing,
    or this very one was."""
    facts = case.facts
    for held in facts.holders.get(case.parsed.message_id or "", ()):  # through another list, with another foot
        ticket = facts.tickets[held]
        if subject.same(ticket.subject, case.parsed.subject) and case.takes_part(ticket):
            return ticket
    for ref in references(case.parsed, imported=True):
        ids = facts.holders.get(ref, ())
        mine = [i for i in ids if case.takes_part(facts.tickets[i])]
        if len(ids) == 1 or len(mine) == 1:
            return facts.tickets[(mine or ids)[0]]
    own = case.parsed.message_id
    for ref in case.named:
        if ref in facts.unseen and ref not in facts.holders and (ref != own or own not in facts.holders):
            return facts.tickets[facts.unseen[ref]]
    return None


def named(mail: Incoming, parsed: ParsedMail) -> tuple[str, ...]:
    """Its own Message-ID and those it refers to, fit to be believed unseen.

    In-Reply-To of old clients is a phrase, and what it holds in brackets an address (RFC 822 §4.6.2): such a one would
    bring everybody together who ever answered that person.
    """
    answered = tuple(i for i in parsed.in_reply_to if i not in parsed.references)
    if answered:
        said = header.first(header.split(mail.raw)[0], "in-reply-to") or ""
        answered = answered if said.startswith("<") and said.endswith(">") and said.count("<") == 1 else ()
    people = {f"<{a.address}>".lower() for a in (*parsed.from_, *parsed.sender, *parsed.reply_to, *parsed.to, *parsed.cc)}
    # the root first, since siblings share it; of a very long line of ancestors the oldest and the newest
    line = (*parsed.references[:_OLDEST], *parsed.references[-_NEWEST:], *answered)
    own = (parsed.message_id,) if parsed.message_id else ()
    return tuple(i for i in dict.fromkeys((*own, *line)) if i.lower() not in people)


def _may_join(case: Case, work: Work, ticket: Ticket) -> None:
    his_own = ticket.customer is not None and case.post.key(ticket.customer.address) == case.sender
    for_agents = case.actions or (case.desk_of_agent(ticket) is not None and not his_own)
    if for_agents and work.rights.joins in (Joining.YES, Joining.WEAK, Joining.WITH_TOKEN):
        return  # in an agent's name: handlers/agent.py decides
    joins = work.rights.joins
    if case.imported:
        return
    if joins is Joining.HELD:
        work.hold(NAME, f"would join {ticket.number}, but its sender is not proved", "join")
    elif joins is Joining.NOTE:
        if work.rung not in ("token", "our-reference") and not _plausible(case, ticket):
            work.ticket, work.rung = None, ""
            work.because(NAME, "automatic mail that only claims a ticket: not noted on it")
    elif joins is Joining.WITH_TOKEN:
        _with_token(case, work, ticket)
    else:
        if not case.takes_part(ticket) and not case.agent:
            _somebody_else(case, work, ticket)
        if joins is Joining.WEAK and work.ticket is not None:
            work.mark("weak")


def _somebody_else(case: Case, work: Work, ticket: Ticket) -> None:
    """A colleague of the customer's or of ours, who was given our mail, has something to say about it: shown in the ticket. Anybody
    else has a matter of his own, whoever let him read along: a ticket of his own, which agents see beside this one."""
    desks = (case.config.desk_at(ticket.desk), *map(case.config.desk_named, ticket.other_desks))
    ours = (agent for desk in desks if desk is not None for agent in desk.agents)
    customer = (ticket.customer.address,) if ticket.customer is not None else ()
    if any(freemail.colleague(known, case.sender) for known in (*customer, *ours)):
        work.mark("third-party")
        work.because(NAME, "the sender is a colleague who takes no part: shown, added to nothing")
        return
    work.ticket, work.rung, work.linked = None, "", ticket
    work.mark(f"answers #{ticket.number}")
    work.because(NAME, f"the sender has nothing to do with {ticket.number}: a ticket of his own, linked with it")


def _with_token(case: Case, work: Work, ticket: Ticket) -> None:
    """Little or no evidence: the signed address must have been given to this very person."""
    given = any(t.id == ticket.id and t.person_matches(case.sender) for t in case.replies)
    if work.rung == "token" and given and case.takes_part(ticket):
        mark = "unverified" if case.mail.verdict.evidence in (Evidence.NONE, Evidence.TEMPERROR) else "weak"
        work.mark(mark)
        work.because(NAME, "with the signed address that this person was given")
    else:
        work.hold(NAME, f"would join {ticket.number}, but its sender is not proved and the signed address is not theirs", "join")


def _plausible(case: Case, ticket: Ticket) -> bool:
    """A machine may be noted on the ticket of somebody for whom it speaks."""
    proved = case.mail.verdict.evidence not in (Evidence.FAIL, Evidence.AMBIGUOUS, Evidence.NONE)
    return proved and case.takes_part(ticket) is not None
