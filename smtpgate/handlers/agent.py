"""An agent's mail about a ticket: an answer to the customer, a note, commands. Nobody else's mail gets past here as one.

An answer needs two proofs and a right (threats T1 to T3): the agent's own mail (rules/rights, column `acts`), the signed
address that this agent was given for this ticket, and membership of the ticket's desk now. What lacks a proof is held, and the
agent is asked at the address that the configuration has. What cannot be understood is not done at all. A text whose
meaning is not plain stays inside.
"""

from __future__ import annotations

from dataclasses import dataclass

from smtpgate.desk import commands
from smtpgate.desk.commands import Reading
from smtpgate.desk.commandtable import Verb
from smtpgate.desksettings import Agent, Desk
from smtpgate.handlers import canned, deskmail, doubts, handing, held, merging, outcome, splitting, undo
from smtpgate.handlers.agentwords import LINES, TITLES
from smtpgate.handlers.case import Case, Work
from smtpgate.handlers.heldwords import DECIDED
from smtpgate.mail.letters import date_text
from smtpgate.mail.token import TokenKind, shape
from smtpgate.model import Entry, EntryKind, Evidence, MailState, ParsedMail, Ticket
from smtpgate.numbers import NumberPattern
from smtpgate.rules.rights import Acting
from smtpgate.store.api import Taken

NAME = "agent"


@dataclass(frozen=True, slots=True)
class Wants:
    """What the commands of a mail need to know beside what every mail does."""

    numbers: tuple[str, ...] = ()  # of tickets that they name
    taken: Taken | None = None  # a mail of the customer, out of the ticket that they are about: a new one at its desk
    blocks: bool = False  # whether the customer is blocked
    customer: str = ""  # what is known of a person who is to be the customer
    began: bool = False  # whose mail the ticket began with
    spent: bool = False  # what time the agent has spent on it
    undoes: bool = False  # what was last merged into it


def wants(parsed: ParsedMail, patterns: tuple[NumberPattern, ...], reach: int) -> Wants | None:
    """Before anything is asked. None for most mail."""
    text = parsed.text if parsed.nothing_new else parsed.reply
    if not commands.begins(text):
        return None
    reading = commands.read(text)
    blocks = any(reading.of(verb) is not None for verb in (Verb.BLOCK, Verb.UNBLOCK, Verb.CUSTOMER))
    customer = given.value if (given := reading.of(Verb.CUSTOMER)) is not None else ""
    undoes = reading.of(Verb.UNDO) is not None
    numbers, taken = merging.numbers_in(reading, patterns), splitting.taken(reading, reach)
    time = reading.of(Verb.SPENT) is not None or undoes
    return Wants(numbers, taken, blocks, customer, began=bool(customer) or undoes, spent=time, undoes=undoes)


def handle(case: Case, work: Work) -> None:
    if case.imported:
        return
    if work.repeat_of is not None:
        _again(case, work)
        return
    if case.confirms:
        _confirmed(case, work)
        return
    if case.holds:
        held.decide(case, work)
        return
    ticket = work.ticket
    if ticket is None:
        if case.actions and not case.parsed.kind.machine and not case.mail.released:
            work.hold(NAME, "written to an address that an agent was given, for a ticket that is not here", "agents-address")
        elif not case.actions:
            deskmail.handle(case, work)
        return
    desk = case.desk_of_agent(ticket)
    if desk is None:
        if case.actions and not _automatic(case, work):
            _of_somebody_else(case, work, ticket)
        return
    if _automatic(case, work) or (_is_customer(case, ticket) and not case.actions):
        return
    _of_agent(case, work, ticket, desk)


def _is_customer(case: Case, ticket: Ticket) -> bool:
    """An agent's own ticket. Whom a customer puts in Cc is an agent all the same."""
    return ticket.customer is not None and case.post.key(ticket.customer.address) == case.sender


def _of_somebody_else(case: Case, work: Work, ticket: Ticket) -> None:
    """To whom it was forwarded, or who was an agent once. Released, it is read like any other mail to the ticket."""
    if not case.mail.released:
        work.hold(NAME, "written to an address that an agent was given, by somebody who is no agent of the desk", "agents-address")
    elif not case.takes_part(ticket):
        work.mark("third-party")
        work.because(NAME, "the sender is not a participant: shown, added to nothing")


def _again(case: Case, work: Work) -> None:
    """Not done twice. An agent who wrote it again, after #undo it may be, must not believe that it was."""
    ticket, fresh = work.ticket, case.opens
    desk = case.desk_of_agent(ticket) if ticket is not None and (case.actions or fresh) else None
    if ticket is None or desk is None or _automatic(case, work):
        return
    if work.rights.acts is not Acting.YES if fresh else _unproved(case, work, ticket):
        return
    assert work.repeat_of is not None
    if any(work.repeat_of.key == very_mail for _, very_mail in case.fingerprints.values()):
        return  # delivered twice, not written twice
    agent = case.config.agent_of(case.sender)
    lines = (LINES[agent.language]["again"],)
    outcome.send_receipt(case, work, ticket, desk, agent, TITLES[agent.language]["refused"], lines, text=case.parsed.reply)


def _automatic(case: Case, work: Work) -> bool:
    return work.rights.acts is Acting.NEVER or case.parsed.kind.machine


def _of_agent(case: Case, work: Work, ticket: Ticket, desk: Desk) -> None:
    agent = case.config.agent_of(next(a for a in desk.agents if case.post.key(a) == case.sender))
    words, titles = LINES[agent.language], TITLES[agent.language]
    reading = commands.read("" if case.parsed.nothing_new else case.parsed.reply)
    if reading.faults:
        lines = tuple(outcome.fault_line(fault, agent.language) for fault in reading.faults)
        _refused(case, work, ticket, desk, agent, lines)
        return
    if not reading.commands and not reading.text:
        _refused(case, work, ticket, desk, agent, (words["empty"],))
        return
    # by its shape: an address for notes whose time is over, or whose key is gone, says as clearly that the text is for colleagues
    note = any(shape(rcpt) is TokenKind.NOTE for rcpt in case.mail.envelope.rcpts)
    why = _unproved(case, work, ticket)
    if why and not (why == "why-address" and _stays_inside(case, ticket, reading)):
        work.hold(NAME, f"in an agent's name, {_why(why, case, 'en')}")
        lines = (words["confirm"].format(why=_why(why, case, agent.language)), *_would_go(case, ticket, reading, note, words))
        outcome.ask(case, work, ticket, desk, agent, titles["confirm"], (*lines, words["otherwise"]))
        return
    if (meant := _answers_another(case, ticket)) is not None:
        work.hold(NAME, f"answers our mail about {meant.number}, but is sent to the address for {ticket.number}")
        lines = (words["crossed"].format(meant=meant.number, number=ticket.number), words["send-all-the-same"])
        outcome.ask(case, work, ticket, desk, agent, titles["crossed"], lines)
        return
    if others := doubts.other_tickets(case, ticket):
        number = " ".join(dict.fromkeys((ticket.number, *filter(None, others))))
        _refused(case, work, ticket, desk, agent, (words["two-tickets"].format(numbers=number),))
        return
    if canned.asks_for_list(reading):
        work.outcome, work.done = "done", True
        work.because(NAME, "the canned answers")
        outcome.send_receipt(case, work, ticket, desk, agent, titles["templates"], canned.listed(case, agent.language))
        return
    inside, lines = note or not reading.outward, ()
    filled = canned.filled(case, handing.after(case, ticket, reading), desk, agent, reading, inside=inside)
    if isinstance(filled, tuple):
        _refused(case, work, ticket, desk, agent, filled)
        return
    reading = filled
    if not (inside or reading.commands or case.mail.released):
        if doubts.passed_on(case):
            inside, lines = True, (words["passed-on"],)
        elif doubts.automatic(case):
            work.hold(NAME, "may be an automatic answer: it quotes nothing, came at once, speaks of an absence or answers nothing")
            lines = (words["looks-automatic"], *_would_go(case, ticket, reading, note, words), words["otherwise"])
            outcome.ask(case, work, ticket, desk, agent, titles["confirm"], lines)
            return
    if not inside and reading.text and _outdated(case, work, ticket, desk, agent, reading):
        return
    faults = outcome.impossible(case, ticket, desk, reading, agent.language)
    if faults:
        _refused(case, work, ticket, desk, agent, faults)
        return
    outcome.do(case, work, ticket, desk, agent, reading, inside=inside, lines=lines)


def _unproved(case: Case, work: Work, ticket: Ticket) -> str:
    """What is missing for an agent's right to act, by its name in agentwords; "" for nothing. An agent's own confirmation, or an
    admin's release, is both."""
    if case.mail.released:
        return ""
    if work.rights.acts is not Acting.YES:
        return "why-evidence"
    if not any(t.id == ticket.id and t.person_matches(case.sender) for t in case.actions):
        return "why-address"
    return ""


def _why(name: str, case: Case, language: str) -> str:
    return LINES[language][name].format(evidence=case.mail.verdict.evidence.value)


# What an agent may say of a ticket in a mail that is proved to be his and only names it: by its number, or by a mail that it
# answers. A number is no secret, and it is no proof of what was meant, so nothing that leaves the house is among it.
_INSIDE = frozenset(
    {Verb.NOTE, Verb.TAKE, Verb.DROP, Verb.ASSIGN, Verb.PRIORITY, Verb.TAG, Verb.SPENT, Verb.SHOW, Verb.UNDO, Verb.HELP}
)


def _stays_inside(case: Case, ticket: Ticket, reading: Reading) -> bool:
    """Nothing of it would go out: a note, commands about colleagues, or words that the customer has from the agent himself."""
    if any(given.verb not in _INSIDE for given in reading.commands):
        return False
    if reading.of(Verb.UNDO) is not None and undo.about_merge(case, ticket):
        return False
    return not reading.text or not reading.outward or bool(outcome.copied(case, ticket))


def _would_go(case: Case, ticket: Ticket, reading: Reading, note: bool, words: dict[str, str]) -> tuple[str, ...]:
    """What a confirmation brings about, before the agent gives it."""
    ticket = handing.after(case, ticket, reading)
    customer = ticket.customer
    if note or customer is None or not reading.outward or not reading.text:
        return ()
    return (words["would-go"].format(to=", ".join(p.address for p in (customer, *ticket.joined))),)


def _answers_another(case: Case, ticket: Ticket) -> Ticket | None:
    """The ticket of the mail of ours that it answers, where its address is for this one: clients complete addresses as they
    like, and all of ours begin alike."""
    if case.mail.released:
        return None
    answered = [case.facts.by_message_id[ref] for ref in case.parsed.in_reply_to if ref in case.facts.by_message_id]
    others = [case.facts.tickets[ref.ticket_id] for ref in answered if ref.ours and ref.ticket_id != ticket.id]
    return others[0] if others else None


def _outdated(case: Case, work: Work, ticket: Ticket, desk: Desk, agent: Agent, reading: Reading) -> bool:
    """Is it held, since its author may not know what has happened meanwhile?"""
    words, other, since = LINES[agent.language], _overtaken(case, ticket), _meant_another(case, ticket, reading)
    lines, title = [], ""
    if other is not None:
        lines += [words["overtaken"].format(who=other.author, when=date_text(other.created_at, desk, agent.language))]
        lines += [other.text[:2000]]
        title, why = "overtaken", f"{other.author} has answered meanwhile"
    if since and ticket.customer is not None:
        when = date_text(since, desk, agent.language)
        lines += [words["meant-another"].format(who=ticket.customer.address, when=when)]
        title, why = "meant-another", f"{ticket.customer.address} has become the customer since the mail that it answers"
    if not title:
        return False
    work.hold(NAME, why)
    work.shown = max(since, other.created_at if other is not None else 0.0)
    outcome.ask(case, work, ticket, desk, agent, TITLES[agent.language][title], (*lines, words["send-all-the-same"]))
    return True


def _overtaken(case: Case, ticket: Ticket) -> Entry | None:
    """An answer of a colleague that is newer than the mail which this one answers, and than the one that its author was shown
    when this mail was held for it. Whoever vouches that it is his has not seen what came meanwhile."""
    seen = _seen(case)
    for entry in case.facts.said.entries.get(ticket.id, ()):
        if entry.kind is EntryKind.REPLY and case.post.key(entry.author) != case.sender:
            return entry if seen and entry.created_at > seen else None
    return None


def _seen(case: Case) -> float:
    """Up to when its author knew what had happened; 0.0 for nobody knows."""
    return max(case.facts.said.answered_at, case.shown) or (case.mail.received_at if case.mail.released else 0.0)


def _meant_another(case: Case, ticket: Ticket, reading: Reading) -> float:
    """When the customer was named, if its author may not have known that: his words are for the one of before. 0.0 else."""
    customer = ticket.customer
    if customer is None or _seen(case) >= customer.since or reading.of(Verb.CUSTOMER) is not None:
        return 0.0
    by = handing.by_whom(ticket, case.facts.said.entries.get(ticket.id, ()))
    his_own = bool(by) and case.post.key(by) == case.sender and case.mail.received_at >= customer.since  # not held since before
    return 0.0 if his_own else customer.since


def _refused(case: Case, work: Work, ticket: Ticket, desk: Desk, agent: Agent, lines: tuple[str, ...]) -> None:
    """Nothing is done; the agent gets the reason and the text back. Only a proved agent is told anything at all."""
    if _unproved(case, work, ticket) and case.mail.verdict.evidence not in (Evidence.TRUSTED, Evidence.DMARC_DKIM):
        work.hold(NAME, "in an agent's name, not proved, and not understood")
        return
    work.outcome, work.done = "refused", True
    work.because(NAME, f"nothing done: {'; '.join(lines)}"[:500])
    outcome.send_receipt(case, work, ticket, desk, agent, TITLES[agent.language]["refused"], lines, text=case.parsed.reply)


def _confirmed(case: Case, work: Work) -> None:
    """An answer to `_ask`: the address was sent to the agent alone, so who writes to it reads the agent's mail."""
    token = case.confirms[0]
    known = case.agent and token.person_matches(case.sender)
    proved = case.mail.verdict.evidence not in (Evidence.FAIL, Evidence.AMBIGUOUS) or case.mail.released
    if _automatic(case, work):
        work.outcome, work.done = "noted", True
        work.because(NAME, "an automatic mail confirms nothing")
        return
    if not known or not proved:
        work.hold(NAME, "a confirmation that is not the agent's")
        return
    if not case.mail.released and doubts.automatic(case):
        work.hold(
            NAME, "a confirmation that may be an automatic answer: it quotes nothing, and came at once or speaks of an absence"
        )
        return
    mail_id = outcome.mail_id_of(token)
    found = case.facts.holding.mails.get(mail_id)
    if found is not None and case.facts.said.answered_at < found.asked and case.facts.said.answered_at:
        work.outcome, work.done = "noted", True
        work.because(NAME, f"answers an earlier question about held mail {mail_id}: there is a newer one")
        return
    if found is None or found.state is not MailState.HELD:
        _too_late(case, work, mail_id, gone=found is None or found.state is MailState.DROPPED)
        return
    work.released.append(mail_id)
    work.outcome, work.done, work.rung = "confirmed", True, "token"
    work.because(NAME, f"{case.sender} vouches for held mail {mail_id}")


def _too_late(case: Case, work: Work, mail_id: str, *, gone: bool) -> None:
    """He vouches for a mail that is held no more. gone: nothing came of it, which he must not believe."""
    work.outcome, work.done = "noted", True
    work.because(NAME, f"vouches for mail {mail_id}, which is held no more")
    desk = next((desk for desk in case.config.desk if any(case.post.key(agent) == case.sender for agent in desk.agents)), None)
    if gone and desk is not None:
        agent = case.config.agent_of(case.sender)
        outcome.send_receipt(case, work, None, desk, agent, TITLES[agent.language]["refused"], (DECIDED[agent.language]["gone"],))
