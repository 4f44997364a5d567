"""One mail of an agent being carried out; and the commands about whom a ticket concerns: people, desk, spam.

Each command says first why it cannot be done, in words; then, when nothing stands against any of the mail, it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from smtpgate.desk.commands import Given, Reading
from smtpgate.desk.commandtable import Verb
from smtpgate.desksettings import Agent, Desk
from smtpgate.handlers.agentwords import LINES
from smtpgate.handlers.case import Case, Work, said
from smtpgate.mail import wire
from smtpgate.mail.address import key
from smtpgate.mail.letters import ComposeError
from smtpgate.model import COPIES, NOBODY, SAID_WITH, Entry, EntryKind, OutgoingMail, Participant, Role, Status, Ticket
from smtpgate.store.api import TicketUpdate

SPAM = "spam"  # the tag
CONVERSATION = (EntryKind.CUSTOMER, EntryKind.REPLY, EntryKind.STATUS)  # what a customer has seen
MOST_JOINED = 10  # people who get a copy of each answer: each is a mail of its own, files included
KNOWN = 12  # entries of a ticket that are known; with fewer, these are all
MOST_OCTETS = 4  # times limits.message_size, of the files of an answer and all of its copies


def conversation(entries: Sequence[Entry], ticket: Ticket) -> Iterator[Entry]:
    """What its customer and we have said to each other, of all that was said: nothing of another one in whose place he is."""
    return (e for e in entries if e.kind in CONVERSATION and is_his(e, ticket))


def is_his(entry: Entry, ticket: Ticket) -> bool:
    """Of its customer's time, and not said while somebody else was the customer."""
    return not entry.said_with or (ticket.customer is not None and key(entry.said_with) == key(ticket.customer.address))


def thread(entries: Sequence[Entry], ticket: Ticket) -> tuple[str, ...]:
    """The Message-IDs that the customer's client knows, oldest first, of the entries of a ticket, newest first."""
    return tuple(e.message_id for e in reversed(list(conversation(entries, ticket))) if e.message_id)


class Doing:
    """One mail of an agent being carried out. ticket is as the commands so far leave it."""

    def __init__(self, case: Case, work: Work, ticket: Ticket, desk: Desk, agent: Agent, reading: Reading) -> None:
        self.case, self.work, self.ticket, self.desk, self.agent, self.reading = case, work, ticket, desk, agent, reading
        self.words = LINES[agent.language]
        self.lines: list[str] = []
        self.events: list[str] = []
        self.update = TicketUpdate(ticket.id, updated_at=case.now)
        self.assigned = ""
        self.silent = False  # the customer hears nothing of the new state
        self.merged: Ticket | None = None  # what has become part of `ticket`
        self.before: Ticket | None = None  # as it was, where this mail names another customer

    def say(self, name: str, **values: str) -> None:
        self.lines.append(self.words[name].format(**values))

    def event(self, ticket: Ticket, text: str) -> Entry:
        return Entry(self.case.new_id(), ticket.id, EntryKind.EVENT, self.case.sender, self.case.now, text)

    def said(self, ticket: Ticket) -> tuple[Entry, ...]:
        """What was said in it, the newest first, marked as the store will mark it."""
        entries = said(self.case, self.work, ticket)
        if self.before is None:
            return entries
        mark = f"{SAID_WITH}{self.before.customer.address if self.before.customer is not None else NOBODY}"
        return tuple(e if e.said_with else replace(e, marks=(*e.marks, mark)) for e in entries)

    def thread(self, ticket: Ticket) -> tuple[str, ...]:
        return thread(self.said(ticket), ticket)

    def send(self, entry: Entry, *mails: OutgoingMail) -> None:
        self.work.entries.append(entry)
        self.work.outgoing += mails
        self.work.message_refs += map(self.case.post.reference, mails)

    def change(self, **fields: object) -> None:
        self.update = replace(self.update, **fields)  # type: ignore[arg-type]


def against(case: Case, ticket: Ticket, given: Given, words: dict[str, str]) -> list[str]:
    """Why one of these commands cannot be done on this ticket."""
    if given.verb is Verb.CC:
        return _against_people(case, ticket, given, words)
    if given.verb is Verb.MOVE:
        if case.config.desk_named(given.value) is None:
            return [words["no-desk"].format(who=given.value, all=", ".join(desk.name for desk in case.config.desk))]
        return [words["same-desk"].format(who=given.value)] if given.value == ticket.desk else []
    if given.verb is Verb.SPAM and ticket.status is Status.CLOSED and SPAM in ticket.tags:
        return [words["spam-already"]]
    return []


# --- people -----------------------------------------------------------------------------------------------------------


def participant(people: Sequence[Participant], address: str) -> Participant | None:
    """An agent does not know the case of a local part by heart; the exact one goes before."""
    same = [p for p in people if p.address.lower() == address.lower()]
    return next((p for p in same if p.address == address), same[0] if same else None)


def _against_people(case: Case, ticket: Ticket, given: Given, words: dict[str, str]) -> list[str]:
    found = []
    agents = {agent.lower() for desk in case.config.desk for agent in desk.agents}
    for address in given.add:
        known = participant(ticket.participants, address)
        if known is not None and known.role is Role.CUSTOMER:
            found.append(words["cc-customer"].format(who=address))
        elif case.own(address) or address.lower() in agents:
            found.append(words["cc-ours"].format(who=address))
        else:
            try:
                wire.checked_address(address)
            except ComposeError:
                found.append(words["cc-unfit"].format(who=address))
    for address in given.remove:
        known = participant(ticket.participants, address)
        if known is None:
            found.append(words["cc-nobody"].format(who=address))
        elif known.role is Role.CUSTOMER:
            found.append(words["cc-customer-stays"].format(who=address))
    if len(_after(ticket, given)[1]) > MOST_JOINED:
        found.append(words["cc-many"].format(most=str(MOST_JOINED)))
    return found


def _after(
    ticket: Ticket, given: Given, before: Ticket | None = None
) -> tuple[tuple[Participant, ...], tuple[Participant, ...], tuple[str, ...]]:
    """All participants afterwards, those of them who get copies, and the addresses that are taken off."""
    people = {p.address: p for p in ticket.participants}
    gone = []
    for address in given.remove:
        known = participant(ticket.participants, address)
        if known is not None and known.role is not Role.CUSTOMER:
            people.pop(known.address, None)
            gone.append(known.address)
    for address in given.add:
        known = participant(ticket.participants, address)
        if known is None or known.role is not Role.CUSTOMER:
            earlier = participant(before.participants, address) if before is not None else None
            person = known or earlier or Participant(address, "", Role.JOINED)
            people[person.address] = replace(person, role=Role.JOINED, since=0.0, subject=True)
    everybody = tuple(people.values())
    return everybody, tuple(p for p in everybody if p.role is Role.JOINED), tuple(gone)


def people(doing: Doing, given: Given) -> None:
    everybody, joined, gone = _after(doing.ticket, given, doing.before)
    new = tuple(p for p in joined if p not in doing.ticket.joined)
    doing.ticket = replace(doing.ticket, participants=everybody)
    doing.change(add_participants=new, remove_participants=gone)
    said = {address.lower() for address in given.add}  # an agent's word for one who joined by himself is worth keeping
    changes = [f"+{p.address}" for p in joined if p in new or p.address.lower() in said] + [f"-{address}" for address in gone]
    if changes:
        doing.events.append(COPIES + " ".join(changes))
    if joined:
        doing.say("cc", who=", ".join(p.address for p in joined))
    else:
        doing.say("cc-none")


def fits(doing: Doing, octets: int) -> None:
    """All copies are made at once, in memory. Raises ComposeError for files that are too large for so many people."""
    people = 1 + len(doing.ticket.joined)
    if people > 1 and octets * people > MOST_OCTETS * doing.case.config.limits.message_size:
        raise ComposeError(doing.words["cc-large"].format(people=str(people)))


# --- desk and spam ----------------------------------------------------------------------------------------------------


def move(doing: Doing, given: Given) -> None:
    """Who had the ticket keeps it when he is an agent there too."""
    new, before = doing.case.config.desk_named(given.value), doing.ticket
    assert new is not None
    keeps = any(doing.case.post.key(a) == doing.case.post.key(before.assignee) for a in new.agents)
    assignee = before.assignee if before.assignee and keeps else ""
    doing.change(desk=new.name, assignee=assignee)
    doing.ticket = replace(before, desk=new.name, assignee=assignee)
    doing.events.append(f"moved from desk {before.desk} to {new.name}")
    doing.say("moved", who=new.name)


def spam(doing: Doing, _: Given) -> None:
    tags = (*(tag for tag in doing.ticket.tags if tag != SPAM), SPAM)
    doing.change(status=Status.CLOSED, tags=tags)
    doing.ticket = replace(doing.ticket, tags=tags)
    doing.silent = True
    doing.work.silenced.append(doing.ticket.id)
    doing.events.append(f"spam: {doing.ticket.status.value} -> closed")
    doing.say("spam")
