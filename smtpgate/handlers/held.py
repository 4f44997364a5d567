"""Held mail reaches the agents whom it concerns, and what they decide about it: #release or #discard to the address of that mail.

A mail for a ticket is told at once, to who has the ticket, else to the desk; others are told together, so that a wave of spam is
a few mails. A mail in an agent's name whose sender's check failed is no matter for colleagues: the agent and the postmaster are
alerted. Machines' mail is told of to nobody: our own mail, sent back by a mailbox, would be told of again, for ever.
"""

from __future__ import annotations

from smtpgate.clock import id_number, id_text
from smtpgate.desk import commands
from smtpgate.desk.commandtable import Place, Verb
from smtpgate.desksettings import Agent, Desk
from smtpgate.handlers import doubts, outcome
from smtpgate.handlers.agentwords import LINES, TITLES
from smtpgate.handlers.case import Case, Work
from smtpgate.handlers.heldwords import ALERTED, DECIDED
from smtpgate.handlers.tell import concerned
from smtpgate.holding import Collected, Held, HoldingQuery, HoldNotice
from smtpgate.mail import safe
from smtpgate.mail.heldmail import HeldItem
from smtpgate.mail.letters import ComposeError
from smtpgate.model import Evidence, MailState, Ticket
from smtpgate.rules.rights import Acting
from smtpgate.store.api import ALERT, HELD, AckNote

NAME = "held"
_WEAK = (Evidence.DOMAIN, Evidence.NONE, Evidence.TEMPERROR)
_FORGED = (Evidence.FAIL, Evidence.AMBIGUOUS)
_LISTED = 20  # held mails that one mail lists; of more it says that there are
_AFTER_MANY = 3600.0  # seconds after which the rest is told together, when so many came that each alone would be too much
_REASONS = 6  # of a verdict, in an alert
_ALERTED = 3  # agents of whose names one forged mail makes use


def query(case_evidence: Evidence, claimed: tuple[str, ...], tokens: str, ids: tuple[int, ...]) -> HoldingQuery | None:
    """What is to be asked for such a mail; None for most. tokens: the kinds of signed addresses that it came to."""
    may = case_evidence in (*_WEAK, *_FORGED) or any(kind in tokens for kind in "nach")
    if not may:
        return None
    forged = case_evidence in _FORGED
    return HoldingQuery(tuple(map(id_text, ids)), claimed if forged else (), may_be_held=True, fresh=forged)


# --- telling ----------------------------------------------------------------------------------------------------------


def told(case: Case, work: Work) -> None:
    """Of a mail that was just held."""
    evidence = case.mail.verdict.evidence
    if case.imported or work.held_as == "blocked" or case.parsed.kind.machine or case.mail.envelope.mail_from is None:
        return
    if case.person is not None and case.own(case.person.address):
        return
    if any(mail.purpose == "receipt" for mail in work.outgoing):  # he was asked himself
        return
    if case.claimed and evidence in _FORGED:
        for agent in case.claimed[:_ALERTED]:
            _alert(case, work, agent)
        return
    if case.agent:  # his own matter: he has been asked often enough
        return
    desk = case.config.desk_at(work.ticket.desk) if work.ticket is not None else case.desks[0]
    if not desk.notify:
        return
    for address in concerned(case, desk, work.ticket):
        _tell(case, work, desk, case.config.agent_of(address))


def _tell(case: Case, work: Work, desk: Desk, agent: Agent) -> None:
    ticket, limits = work.ticket, case.config.limits
    sent = case.facts.holding.told.get(agent.address, 0)
    at_once = (ticket is not None or not desk.hold_digest) and sent < limits.hold_notices_per_hour
    now = _held(case, work, desk)
    if at_once:
        _send(case, work, desk, agent, (now,), case.now, ticket=ticket, text=case.parsed.reply or case.parsed.text)
        work.acks.append(AckNote(agent.address, case.now, HELD))
        return
    holding = case.facts.holding
    first = Collected(0, case.now, case.now + (desk.hold_digest or _AFTER_MANY))
    before = holding.collected.get((agent.address, desk.name), first)
    listed = [held for i in before.mails if (held := holding.mails.get(i)) is not None and held.state is MailState.HELD]
    if len(listed) > _LISTED:
        work.because(NAME, f"{agent.address} is told that there are more")
        return
    mails = (*listed, now)
    outgoing = _send(case, work, desk, agent, mails[::-1], before.at)
    if outgoing is not None:
        ids = tuple(held.id for held in mails)
        work.hold_notices.append(HoldNotice(agent.address, desk.name, outgoing, before.since, ids))


def _held(case: Case, work: Work, desk: Desk) -> Held:
    return Held(
        case.mail.id,
        MailState.HELD,
        case.mail.received_at,
        desk=desk.name,
        author=case.mail.verdict.author or case.mail.envelope.mail_from or "",
        subject=case.parsed.subject[:200],
        why=work.held_as,
        number=work.ticket.number if work.ticket is not None else "",
        evidence=case.mail.verdict.evidence.value,
        sharing=work.ticket.other_desks if work.ticket is not None else (),
    )


def noted(case: Case, work: Work) -> dict[str, object]:
    """For the decision that is kept with a held mail: what a later mail about it lists."""
    desk = case.config.desk_at(work.ticket.desk) if work.ticket is not None else next(iter(case.desks), None)
    if desk is None:
        return {}
    held = _held(case, work, desk)
    asked = any(mail.purpose == "receipt" for mail in work.outgoing)
    return {
        "desk": held.desk,
        "author": held.author,
        "subject": held.subject,
        "why": held.why,
        "number": held.number,
        "evidence": held.evidence,
        "asked": case.now if asked else 0.0,
        **({"sharing": held.sharing} if held.sharing else {}),
    }


def _send(
    case: Case,
    work: Work,
    desk: Desk,
    agent: Agent,
    mails: tuple[Held, ...],
    at: float,
    *,
    ticket: Ticket | None = None,
    text: str = "",
) -> int | None:
    """The id of the mail to one agent; None when it could not be made."""
    items = tuple(
        HeldItem(
            author=held.author,
            subject=held.subject,
            why=held.why,
            evidence=held.evidence,
            number=held.number,
            at=held.at,
            text=text if i == 0 else "",
            decide_at=case.post.held_address(desk, id_number(held.id), agent, case.now),
        )
        for i, held in enumerate(mails[:_LISTED])
    )
    try:
        mail = case.post.held(
            desk=desk, agent=agent, items=items, more=len(mails) > len(items), ticket=ticket, now=case.now, send_at=at
        )
    except ComposeError as error:
        work.because(NAME, f"{agent.address} could not be told: {error}")
        return None
    work.outgoing.append(mail)
    work.because(NAME, f"told to agent {agent.address}" + ("" if at <= case.now else f" in {round((at - case.now) / 60)} min"))
    return mail.id


def _alert(case: Case, work: Work, name: str) -> None:
    """To the agent whose name it bears, and to the postmaster, else the colleagues: once an hour. Never to who wrote it."""
    if name in case.facts.holding.alerted:
        work.because(NAME, f"no alert: {name} had one within the hour")
        return
    desks = [desk for desk in case.config.desk if name in desk.agents]
    person = case.config.server.postmaster
    others = (person,) if person else tuple(a for desk in desks[:1] for a in desk.agents)
    for address in dict.fromkeys((name, *others)):
        agent = case.config.agent_of(address)
        outcome.send_receipt(
            case, work, None, desks[0], agent, ALERTED[agent.language]["title"], _facts(case, name, agent), purpose="alert"
        )
    work.acks.append(AckNote(name, case.now, ALERT))


def _facts(case: Case, name: str, agent: Agent) -> tuple[str, ...]:
    words, envelope = ALERTED[agent.language], case.mail.envelope
    reasons = tuple(f"– {safe.inert(reason)}" for reason in case.mail.verdict.reasons[-_REASONS:])
    client = {"peer": envelope.peer, "helo": envelope.helo, "sender": envelope.mail_from or "<>"}
    return (
        words["what"].format(name=name),
        words["client"].format(**{name: safe.inert(value) or "?" for name, value in client.items()}),
        words["found"],
        *reasons,
        words["if-yours" if agent.address == name else "if-theirs"].format(name=name, id=case.mail.id),
    )


# --- deciding ---------------------------------------------------------------------------------------------------------


def decide(case: Case, work: Work) -> None:
    """A mail to the address that an agent was given for one held mail."""
    token = case.holds[0]
    if case.parsed.kind.machine or work.rights.acts is Acting.NEVER:
        work.outcome, work.done = "noted", True
        work.because(NAME, "an automatic mail decides nothing")
        return
    found = case.facts.holding.mails.get(id_text(token.id))
    mine = [desk for desk in case.config.desk if any(case.post.key(agent) == case.sender for agent in desk.agents)]
    if found is not None and found.state is MailState.HELD:  # of one that is decided it is not kept whose it was
        mine = [desk for desk in mine if desk.name in (found.desk, *found.sharing)]
    desk = next(iter(mine), None)
    if found is None or desk is None or not token.person_matches(case.sender):
        work.hold(NAME, "written to the address for a held mail, by somebody who may not decide about it", "agents-address")
        return
    agent = case.config.agent_of(case.sender)
    words, titles = LINES[agent.language], TITLES[agent.language]
    reading = commands.read("" if case.parsed.nothing_new else case.parsed.reply, Place.HELD)
    if work.rights.acts is not Acting.YES and not case.mail.released:
        why = f"its sender is not proved well enough (evidence {case.mail.verdict.evidence.value})"
        work.hold(NAME, f"in an agent's name, {why}")
        if work.rights.acts is Acting.CONFIRM:
            outcome.ask(case, work, None, desk, agent, titles["confirm"], (words["confirm"].format(why=why), words["otherwise"]))
        return
    if not reading.commands and not reading.faults and case.facts.said.answered_at and doubts.automatic(case):
        work.hold(NAME, "may be an automatic answer: it decides nothing")  # a receipt would be answered as well
        return
    if reading.faults or len(reading.commands) != 1:
        lines = tuple(outcome.fault_line(fault, agent.language) for fault in reading.faults) or (DECIDED[agent.language]["how"],)
        _said(case, work, desk, agent, "refused", lines)
        return
    _done(case, work, desk, agent, found, reading.commands[0].verb)


def _done(case: Case, work: Work, desk: Desk, agent: Agent, held: Held, verb: Verb) -> None:
    words = DECIDED[agent.language]
    if held.state is not MailState.HELD:
        _said(case, work, desk, agent, "refused", (words["gone"],))
        return
    if verb is Verb.RELEASE:
        work.released.append(held.id)
    else:
        work.discarded.append(held.id)
    work.because(NAME, f"{case.sender} decides: held mail {held.id} is {'released' if verb is Verb.RELEASE else 'dropped'}")
    _said(case, work, desk, agent, "done", (words[verb.value].format(who=held.author or "?", subject=held.subject),))


def _said(case: Case, work: Work, desk: Desk, agent: Agent, title: str, lines: tuple[str, ...]) -> None:
    work.outcome, work.done = title, True
    outcome.send_receipt(case, work, None, desk, agent, TITLES[agent.language][title], lines)
