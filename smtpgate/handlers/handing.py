"""#customer: another person in the place of a ticket's customer. An agent does it, never a mail of the person's own.

The new one gets what is said from now on, in a thread of its own: nothing of what was said before, nor the subject, which is
another's words (store/customer marks what was said with whom). The one before takes part no longer, nor whoever took part
beside him, but for those whom #cc names in the same mail. He is told by a mail that waits like an answer, so that #undo takes
both back. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from smtpgate.blocks import Block, keys
from smtpgate.config import Config
from smtpgate.desk.commands import Given, Reading
from smtpgate.desk.commandtable import Verb
from smtpgate.desksettings import Desk
from smtpgate.handlers.case import Case, own
from smtpgate.handlers.doing import KNOWN, SPAM, Doing, participant, thread
from smtpgate.handlers.post import Post
from smtpgate.mail import wire
from smtpgate.mail.address import key
from smtpgate.mail.agentwords import LANGUAGES
from smtpgate.mail.letters import ComposeError
from smtpgate.model import COPIES, NOBODY, SAID_WITH, Address, Entry, EntryKind, OutgoingMail, Participant, Role, Status, Ticket
from smtpgate.person import is_pseudonym
from smtpgate.store.api import Facts, TicketUpdate

_EVENT, _AGAIN, _ARROW = "customer: ", "customer again: ", " -> "
_LEFT, _LANGUAGE = "take part no longer: ", "language: "
_WAS = {Role.CC: ", who was in copy", Role.JOINED: ", who got copies"}
_WAITED = (Status.WAITING, Status.RESOLVED)  # for a word of the one before


@dataclass(frozen=True, slots=True)
class Handed:
    """ticket: as it is then. left: who took part beside the customer of before, and does so no longer."""

    ticket: Ticket
    update: TicketUpdate
    before: Participant | None
    left: tuple[Participant, ...]
    events: tuple[str, ...]


def why_not(config: Config, ticket: Ticket, address: str, blocks: Sequence[Block]) -> tuple[str, dict[str, str]] | None:
    """Why this person may not be its customer: a key of LINES and its values."""
    customer = ticket.customer
    if SPAM in ticket.tags:
        return "customer-spam", {}
    if own(config, address) or config.agent_address(address):
        return "open-ours", {"who": address}
    if customer is not None and customer.address.lower() == address.lower():
        return "customer-same", {"who": customer.address}
    if any(block.who in keys(address) and block.desk in ("", ticket.desk) for block in blocks):
        return "customer-blocked", {"who": address}
    try:
        wire.checked_address(address)
    except ComposeError:
        return "cc-unfit", {"who": address}
    return None


def handed(ticket: Ticket, to: Address, now: float, facts: Facts) -> Handed:
    """Who waits for a word of the one before waits no longer."""
    known, began = facts.customer, facts.said.began.get(ticket.id, "")
    before, there = ticket.customer, participant(ticket.participants, to.address)
    address = there.address if there is not None else to.address
    new = Participant(
        address,
        to.name or (there.name if there is not None else ""),
        Role.CUSTOMER,
        fewer=known is not None and known.wish.fewer,
        since=now,
        subject=key(began) == key(address) or (there is not None and there.role is Role.JOINED and ticket.subject_shown),
    )
    left = tuple(p for p in ticket.participants if p not in (before, there))
    language = (known.wish.language or known.language if known is not None else "") or ticket.language
    status = Status.PROGRESS if ticket.status in _WAITED else ticket.status
    who = before.address if before is not None else NOBODY
    events = [f"{_EVENT}{who}{_ARROW}{address}{_WAS.get(there.role, '') if there is not None else ''}"]
    copies, others = ([p.address for p in left if (p.role is Role.JOINED) is joined] for joined in (True, False))
    events += [COPIES + " ".join(f"-{a}" for a in copies)] if copies else []
    events += [_LEFT + " ".join(others)] if others else []
    events += [f"{ticket.status.value}{_ARROW}{status.value}"] if status is not ticket.status else []
    events += [f"{_LANGUAGE}{ticket.language}{_ARROW}{language}"] if language != ticket.language else []
    update = TicketUpdate(
        ticket.id,
        updated_at=now,
        customer=new,
        status=status if status is not ticket.status else None,
        language=language if language != ticket.language else None,
    )
    then = replace(ticket, participants=(new,), language=language, status=status)
    return Handed(then, update, before, left, tuple(events))


def told(
    post: Post,
    desk: Desk,
    ticket: Ticket,
    entries: Sequence[Entry],
    now: float,
    send_at: float,
    by: str,
    new_id: int,
    *,
    stays: bool,
) -> tuple[Entry, OutgoingMail] | None:
    """The mail to the customer of before. entries: of the ticket, the newest first; stays: in copy. None when there is nobody to
    tell: one that nobody vouches for, or to whom nothing was ever said."""
    customer = ticket.customer
    if customer is None or ticket.unverified:
        return None
    references = thread(entries, ticket)
    if customer.since and not references and len(entries) < KNOWN:
        return None
    entry = Entry(new_id, ticket.id, EntryKind.STATUS, by, now, "(handed mail)", marks=(f"{SAID_WITH}{customer.address}",))
    mail = post.to_customer(
        purpose="handed",
        desk=desk,
        ticket=ticket,
        to=Address(customer.name, customer.address),
        now=now,
        send_at=send_at,
        references=references,
        entry_id=entry.id,
        copies=stays,
    )
    return replace(entry, message_id=mail.message_id), mail


# --- the command ------------------------------------------------------------------------------------------------------


def against(case: Case, ticket: Ticket, given: Given, words: dict[str, str]) -> list[str]:
    """Why it cannot be done on this ticket."""
    why = why_not(case.config, ticket, given.value, case.facts.blocks) if given.verb is Verb.CUSTOMER else None
    return [words[why[0]].format(**why[1])] if why is not None else []


def after(case: Case, ticket: Ticket, reading: Reading) -> Ticket:
    """As it is for the other commands of the mail, and for its text."""
    given = reading.of(Verb.CUSTOMER)
    if given is None or why_not(case.config, ticket, given.value, case.facts.blocks) is not None:
        return ticket
    return _handed(case, ticket, given).ticket


def _handed(case: Case, ticket: Ticket, given: Given) -> Handed:
    return handed(ticket, Address(given.name, given.value), case.now, case.facts)


def hand(doing: Doing, given: Given) -> None:
    case, old = doing.case, doing.ticket
    done, new = _handed(case, old, given), given.value
    doing.update = done.update  # it is the first command
    doing.ticket = done.ticket
    doing.before = old
    doing.events += done.events
    doing.say("customer", who=new)
    copies = doing.reading.of(Verb.CC)
    stay = {address.lower() for address in copies.add} if copies is not None else set()
    before = done.before
    if before is not None:
        _tell(doing, old, before, stays=before.address.lower() in stay)
    if left := [p.address for p in done.left if p.address.lower() not in stay]:
        doing.say("customer-left", who=", ".join(left))
    if before is not None and any(_is_answer(case, old, waiting.entry_id) for waiting in case.facts.said.waiting.get(old.id, ())):
        doing.say("customer-waiting", who=before.address)
    if old.status is not done.ticket.status:
        doing.say("customer-open")
    if old.language != done.ticket.language:
        doing.say("language", new=LANGUAGES[doing.agent.language][done.ticket.language])


def _tell(doing: Doing, old: Ticket, before: Participant, *, stays: bool) -> None:
    case, delay = doing.case, doing.case.config.tickets.answer_delay
    entries = case.facts.said.entries.get(old.id, ())
    send_at, desk = case.now + delay, doing.desk
    letter = told(case.post, desk, old, entries, case.now, send_at, case.sender, case.new_id(), stays=stays)
    if letter is None:
        doing.say("customer-untold", who=before.address)
        return
    doing.send(*letter)
    doing.say("customer-told" if round(delay) else "told", to=before.address, seconds=str(round(delay)))


def _is_answer(case: Case, ticket: Ticket, entry_id: int) -> bool:
    return any(e.id == entry_id and e.kind is EntryKind.REPLY for e in case.facts.said.entries.get(ticket.id, ()))


# --- what was done before ---------------------------------------------------------------------------------------------


def by_whom(ticket: Ticket, entries: Sequence[Entry]) -> str:
    """The agent who made its customer the customer; "" when that is not known, or nobody did."""
    customer = ticket.customer
    if customer is None or not customer.since:
        return ""
    events = (e for e in entries if e.kind is EntryKind.EVENT and e.text.startswith((_EVENT, _AGAIN)))
    return next((e.author for e in events if e.created_at >= customer.since), "")


@dataclass(frozen=True, slots=True)
class Before:
    """How it was before an agent named another customer. told: the entry of the mail that said so to the one before, if any."""

    customer: Participant
    others: tuple[Participant, ...]
    language: str | None
    told: int | None


def before(ticket: Ticket, entries: Sequence[Entry], mail: Entry, began: str, now: float) -> Before | None:
    """What was changed with this mail of an agent, by the events that it left; None when it named no customer, or there was none
    before, or it can no longer be told."""
    same = [e for e in entries if (e.created_at, e.author) == (mail.created_at, mail.author)]
    events = [e.text for e in same if e.kind is EntryKind.EVENT]
    said = next((text.removeprefix(_EVENT) for text in events if text.startswith(_EVENT)), "")
    address, _, new = said.rpartition(_ARROW)
    there = next((role for role, words in _WAS.items() if new.endswith(words)), None)
    new = new.removesuffix(_WAS[there]) if there is not None else new
    if not said or address == NOBODY or is_pseudonym(address):
        return None
    if ticket.customer is None or key(new) != key(ticket.customer.address):
        return None
    try:
        wire.checked_address(address)
    except ComposeError:
        return None
    customer = Participant(address, "", Role.CUSTOMER, since=now, subject=key(began) == key(address))
    others = [replace(ticket.customer, role=there, since=0.0, subject=True)] if there is not None else []
    copies = [word for text in events if text.startswith(COPIES) for word in text.removeprefix(COPIES).split()]
    listed = [word for text in events if text.startswith(_LEFT) for word in text.removeprefix(_LEFT).split()]
    others += [Participant(word[1:], "", Role.JOINED) for word in copies if word.startswith("-")]
    others += [Participant(word, "", Role.CC) for word in listed]
    known = {key(p.address) for p in (customer, ticket.customer, *others)} | {key(word[1:]) for word in copies}
    others += [p for p in ticket.participants if key(p.address) not in known]  # whom somebody let in since
    languages = (text.removeprefix(_LANGUAGE) for text in events if text.startswith(_LANGUAGE) and _ARROW in text)
    told = next((e.id for e in same if e.kind is EntryKind.STATUS and e.said_with), None)
    return Before(customer, tuple(others), next(languages, "").partition(_ARROW)[0] or None, told)


def again(customer: Participant) -> str:
    """The event that says that it is as it was before."""
    return f"{_AGAIN}{customer.address}"
