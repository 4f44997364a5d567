"""An agent's own fresh mail to a desk, about no ticket, that begins with a command: a list, the next ticket, one by its number.

It needs the column `acts` (rules/rights) and a place in the desk; without the first it is held and the agent is asked. What it
asks the store is settled before the handlers run (`asked`). What cannot be understood is not done, and opens no ticket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smtpgate.config import Config
from smtpgate.desk import commands
from smtpgate.desk.commands import Given
from smtpgate.desk.commandtable import Place, Verb
from smtpgate.desksettings import Agent, Desk
from smtpgate.handlers import doubts, opening, outcome, snooze, tell
from smtpgate.handlers.agentwords import LINES, TITLES
from smtpgate.handlers.case import Case, Work
from smtpgate.listing import Listed, Listing
from smtpgate.mail import address as mail_address
from smtpgate.mail import duewords, letters
from smtpgate.mail.agentwords import STATUS, WORDS
from smtpgate.mail.token import Token
from smtpgate.model import Entry, EntryKind, ParsedMail, Ticket
from smtpgate.numbers import NumberPattern, find
from smtpgate.rules.rights import Acting
from smtpgate.store.api import NewFingerprint, TicketUpdate

NAME = "desk"
_MOST = 50  # lines of an answer
_SUBJECT = 80  # characters of a ticket's


def _text(parsed: ParsedMail) -> str:
    return "" if parsed.nothing_new else parsed.reply


def opens(parsed: ParsedMail, sender: str, desks: Sequence[Desk], tokens: Sequence[Token]) -> bool:
    """Is it an agent's fresh mail that opens a ticket in somebody's name, whatever its subject and references say? tokens: the
    signed addresses that it was sent to."""
    if tokens or parsed.kind.machine or not any(_works_for(desk, sender) for desk in desks):
        return False
    return commands.begins(_text(parsed)) and opening.reading(parsed) is not None


def _works_for(desk: Desk, sender: str) -> bool:
    return bool(sender) and any(mail_address.key(agent) == sender for agent in desk.agents)


def asked(
    parsed: ParsedMail, sender: str, desks: Sequence[Desk], config: Config, patterns: tuple[NumberPattern, ...]
) -> Listing | None:
    """What the store is to be asked for such a mail; None for every other one. desks: those that it was sent to."""
    mine = tuple(desk.name for desk in desks if _works_for(desk, sender))
    if not mine or not commands.begins(_text(parsed)):
        return None
    reading = commands.read(_text(parsed), Place.DESK)
    if reading.faults:
        return None
    given = reading.commands[0]
    if given.verb is Verb.SHOW:
        found = find(given.value, patterns)
        return Listing(Listed.NUMBER, number=found[0] if found else given.value)
    if given.verb is Verb.FIND:
        return Listing(Listed.WORDS, mine, words=tuple(dict.fromkeys(given.value.casefold().split())))
    if given.verb is Verb.MINE:
        everywhere = tuple(desk.name for desk in config.desk if _works_for(desk, sender))
        return Listing(Listed.MINE, everywhere, agent=sender)
    if given.verb in (Verb.LIST, Verb.NEXT):
        return Listing(Listed.OPEN if given.verb is Verb.LIST else Listed.NEXT, mine)
    return None


def handle(case: Case, work: Work) -> None:
    """A mail about no ticket. Not an agent's, or without a command: it is left to the other handlers."""
    desk = next((desk for desk in case.desks if _works_for(desk, case.sender)), None)
    if desk is None or case.parsed.kind.machine:
        return
    if not commands.begins(_text(case.parsed)):
        if case.facts.said.answered_at and doubts.automatic(case) and not case.mail.released:
            work.hold(NAME, "may be an automatic answer to a mail of ours about no ticket")  # to a receipt, a digest: no new matter
        return
    agent = case.config.agent_of(next(a for a in desk.agents if case.post.key(a) == case.sender))
    if work.rights.acts is Acting.CONFIRM:
        evidence = case.mail.verdict.evidence.value
        work.hold(NAME, f"in an agent's name, {LINES['en']['why-evidence'].format(evidence=evidence)}")
        words = LINES[agent.language]
        why = words["why-evidence"].format(evidence=evidence)
        lines = (words["confirm"].format(why=why), words["otherwise"])
        outcome.ask(case, work, None, desk, agent, TITLES[agent.language]["confirm"], lines)
    elif work.rights.acts is Acting.YES:
        _do(case, work, desk, agent)


def _do(case: Case, work: Work, desk: Desk, agent: Agent) -> None:
    opened = opening.reading(case.parsed)
    if opened is not None and not opened.faults:
        why = opening.do(case, work, desk, agent, opened)
        if why:
            _refused(case, work, desk, agent, why)
        return
    reading = opened or commands.read(_text(case.parsed), Place.DESK)
    if reading.faults:
        _refused(case, work, desk, agent, tuple(outcome.fault_line(fault, agent.language) for fault in reading.faults))
        return
    given = reading.commands[0]
    work.outcome, work.done = "done", True
    work.because(NAME, f"#{given.verb.value} of {case.sender}")
    if given.verb is Verb.HELP:
        lines = outcome.help_lines(agent.language, Place.DESK, desk)
        outcome.send_receipt(case, work, None, desk, agent, TITLES[agent.language]["help"], lines)
    elif given.verb is Verb.SHOW:
        _show(case, work, desk, agent, given)
    elif given.verb is Verb.NEXT:
        _next(case, work, desk, agent)
    elif given.verb in (Verb.AWAY, Verb.BACK):
        told, against = snooze.leave(case, work, desk, agent, given, LINES[agent.language])
        if against:
            _refused(case, work, desk, agent, (against,))
        else:
            outcome.send_receipt(case, work, None, desk, agent, TITLES[agent.language][given.verb.value], (told,))
    else:
        lines = _lines(case, agent) or (LINES[agent.language]["none"],)
        outcome.send_receipt(case, work, None, desk, agent, TITLES[agent.language][given.verb.value], lines)


def _refused(case: Case, work: Work, desk: Desk, agent: Agent, lines: tuple[str, ...]) -> None:
    work.outcome, work.done = "refused", True
    work.because(NAME, f"nothing done: {'; '.join(lines)}"[:500])
    outcome.send_receipt(case, work, None, desk, agent, TITLES[agent.language]["refused"], lines, text=case.parsed.reply)


def _show(case: Case, work: Work, desk: Desk, agent: Agent, given: Given) -> None:
    """Of a ticket that is none of his desks' he hears the same as of one that is not there."""
    ticket = next(iter(case.facts.listed), None)
    if ticket is None or case.desk_of_agent(ticket) is None:
        _refused(case, work, desk, agent, (LINES[agent.language]["no-ticket"].format(number=given.value),))
        return
    work.ticket = ticket
    _send(case, work, ticket, "shown")


def _next(case: Case, work: Work, desk: Desk, agent: Agent) -> None:
    """His from now on. The same mail delivered again takes no second one."""
    ticket = next(iter(case.facts.listed), None)
    if ticket is None:
        words, titles = LINES[agent.language], TITLES[agent.language]
        outcome.send_receipt(case, work, None, desk, agent, titles["next"], (words["nothing-waits"],))
        return
    work.ticket = ticket = replace(ticket, assignee=case.sender)
    work.updates.append(TicketUpdate(ticket.id, updated_at=case.now, assignee=case.sender))
    work.entries.append(Entry(case.new_id(), ticket.id, EntryKind.EVENT, case.sender, case.now, f"taken by {case.sender}"))
    _, same_mail = case.fingerprints[desk.name]
    work.fingerprints.append(NewFingerprint(same_mail, ticket.id, case.mail.received_at, strong=True))
    _send(case, work, ticket, "assigned")


def _send(case: Case, work: Work, ticket: Ticket, what: str) -> None:
    for latest in case.facts.said.entries.get(ticket.id, ())[:1]:
        tell.told(case, work, ticket, latest, what, only=case.sender, wanted=True)


def _lines(case: Case, agent: Agent) -> tuple[str, ...]:
    listed = [_line(case, agent, ticket) for ticket in case.facts.listed]
    return tuple(listed) if len(listed) <= _MOST else (*listed[: _MOST - 1], LINES[agent.language]["more"])


def _line(case: Case, agent: Agent, ticket: Ticket) -> str:
    language = agent.language
    subject = letters.shown_subject(letters.one_line(ticket.subject, _SUBJECT), ticket.number)
    who = ticket.customer.address if ticket.customer else "-"
    state, age = STATUS[language][ticket.status], letters.age_text(case.now - ticket.created_at, language)
    desk = case.config.desk_at(ticket.desk)
    due = duewords.short_text(ticket.clock, desk, language, case.now, agent.timezone or "")
    line = " · ".join(filter(None, (ticket.number, state, due, age, subject or "-", who)))
    if ticket.snoozed_until is None:
        return line
    when = letters.date_text(ticket.snoozed_until, desk, language, agent.timezone or "")
    return f"{line} · {WORDS[language]['snoozed']} {when}"
