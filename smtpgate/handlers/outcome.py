"""What an agent's mail brings about, once it may: entries, changes of the ticket, the mail to the customer, and the receipt."""

from __future__ import annotations

from dataclasses import replace

from smtpgate.clock import id_number, id_text
from smtpgate.desk.commands import Fault, Given, Reading
from smtpgate.desk.commandtable import COMMANDS, Place, Verb
from smtpgate.desk.life import after_answer, letter_for, told_of
from smtpgate.desksettings import Agent, Desk
from smtpgate.errors import ParseFailed
from smtpgate.handlers import block, handing, merging, snooze, spending, splitting, tell, undo
from smtpgate.handlers import doing as on_ticket
from smtpgate.handlers import ticket as opened
from smtpgate.handlers.agentwords import FAULTS, LINES, TAKES, TITLES
from smtpgate.handlers.case import Case, Work, entry_of, said
from smtpgate.handlers.doing import Doing
from smtpgate.languages import Language, colon, is_chinese, written_in
from smtpgate.mail import outward
from smtpgate.mail.agentwords import LANGUAGES, PRIORITY, STATUS
from smtpgate.mail.letters import ComposeError
from smtpgate.mail.token import Token
from smtpgate.model import Address, Entry, EntryKind, Participant, Priority, Status, Ticket
from smtpgate.store.api import AckNote, TicketUpdate

NAME = "agent"


def mail_id_of(token: Token) -> str:
    """The held mail that a confirmation is about."""
    return id_text(token.id)


# --- what cannot be done ----------------------------------------------------------------------------------------------


def fault_line(fault: Fault, language: str) -> str:
    takes = TAKES[language].get(fault.takes, "")
    line = FAULTS[language][fault.why].format(line=fault.line, takes=takes)
    blank = "" if is_chinese(language) else " "
    return f"{line}{blank}{FAULTS[language]['nearest'].format(nearest=fault.nearest)}" if fault.nearest else line


def impossible(case: Case, ticket: Ticket, desk: Desk, reading: Reading, language: str) -> tuple[str, ...]:
    """Why commands that were understood cannot be done on this ticket, all of it."""
    words, found = LINES[language], []
    found += [line for given in reading.commands for line in handing.against(case, ticket, given, words)]
    ticket = handing.after(case, ticket, reading)
    for given in reading.commands:
        if given.verb is Verb.ASSIGN and _member(case, desk, given.value) is None:
            found.append(words["no-agent"].format(who=given.value, all=", ".join(desk.agents)))
        if given.verb is Verb.STATUS and given.value == ticket.status.value:
            found.append(words["already"].format(new=STATUS[language][ticket.status]))
        if given.verb is Verb.UNDO:
            found += undo.against(case, ticket, words)
        if given.verb is Verb.SNOOZE:
            found += snooze.against(case, ticket, given, words)
        if given.verb is Verb.DUE:
            found += snooze.against_due(case, ticket, given, reading.of(Verb.STATUS), words)
        found += spending.against(case, ticket, given, words, language)
        found += on_ticket.against(case, ticket, given, words)
        found += merging.against(case, ticket, given, words)
        found += splitting.against(case, ticket, given, words)
        found += block.against(case, ticket, given, words)
    if reading.outward and reading.text and ticket.customer is None:
        found.append(words["no-customer"])
    if reading.outward and outward.quotes_us(reading.text):
        found.append(words["quoted"])
    return tuple(found)


def _member(case: Case, desk: Desk, said: str) -> str | None:
    """The one agent of the desk with this address, or with this before the @."""
    wanted = case.post.key(said).lower()
    found = [a for a in desk.agents if (a if "@" in said else a.partition("@")[0]).lower() == wanted]
    return found[0] if len(found) == 1 else None


# --- what is done -----------------------------------------------------------------------------------------------------


def do(
    case: Case,
    work: Work,
    ticket: Ticket,
    desk: Desk,
    agent: Agent,
    reading: Reading,
    *,
    inside: bool,
    lines: tuple[str, ...] = (),
) -> None:
    """All commands, then the text. Raises nothing that a mail could cause: a letter that cannot be built undoes all of it.

    lines: what the receipt begins with.
    """
    doing = Doing(case, work, ticket, desk, agent, reading)
    doing.lines += lines
    try:
        for given in sorted(reading.commands, key=lambda given: given.verb is not Verb.CUSTOMER):  # the others are about his ticket
            _COMMANDS[given.verb](doing, given)
        # a ticket that is open again for what it got, or for whom it is now, says nothing of it
        status = None if doing.merged or reading.of(Verb.STATUS) is None else doing.update.status
        if reading.text and not inside:
            _answer(doing, status)
        else:
            if reading.text:
                _note(doing)
            if status is not None and not doing.silent:
                _status_letter(doing, status)
        if doing.merged is not None and work.outcome != "answer":
            merging.tell_customer(doing)
    except (ComposeError, ParseFailed) as error:
        work.outcome, work.done = "refused", True
        work.because(NAME, f"nothing done: {error}")
        about = None if work.begins(ticket) else ticket
        work.forget()
        lines = (LINES[agent.language]["unbuilt"].format(why=error),)
        send_receipt(case, work, about, desk, agent, TITLES[agent.language]["refused"], lines, text=case.parsed.reply)
        return
    _finish(doing)


def _finish(doing: Doing) -> None:
    case, work, agent = doing.case, doing.work, doing.agent
    work.entries += [doing.event(doing.ticket, event) for event in doing.events]
    if doing.update != TicketUpdate(doing.ticket.id):
        work.updates.append(doing.update)
    opened.references(case, work, doing.ticket)
    opened.fingerprints(case, work, doing.ticket)
    work.outcome, work.done = work.outcome or "done", True
    work.because(NAME, "; ".join(doing.events) or work.outcome)
    if doing.assigned and doing.assigned != case.sender:
        ticket = replace(doing.ticket, assignee=doing.assigned)
        notes = [entry for entry in work.entries if entry.kind is EntryKind.NOTE]  # what was said with it, if anything was
        latest = next(iter((*notes, *said(case, work, ticket))), None)
        if latest is not None:
            tell.told(case, work, ticket, latest, "assigned", only=doing.assigned)
    had, has = doing.ticket.assignee, doing.update.assignee
    if had and has and had not in (has, case.sender):
        for latest in case.facts.said.entries.get(doing.ticket.id, ())[:1]:
            tell.told(case, work, replace(doing.ticket, assignee=has), latest, "taken-away", only=had)
    if doing.before is not None and had and has is None and had != case.sender and work.outcome != "note":
        for latest in case.facts.said.entries.get(doing.ticket.id, ())[:1]:
            tell.told(case, work, doing.ticket, latest, "handed", only=had)
    if doing.update.desk is not None and work.outcome != "note":  # else the note has told them
        for latest in case.facts.said.entries.get(doing.ticket.id, ())[:1]:
            tell.told(case, work, doing.ticket, latest, "moved", but=case.sender)
    help_wanted = doing.reading.of(Verb.HELP) is not None
    if doing.lines or help_wanted:
        title = TITLES[agent.language]["help" if help_wanted and not doing.lines else "done"]
        lines = (*doing.lines, *(help_lines(agent.language, Place.TICKET, doing.desk) if help_wanted else ()))
        send_receipt(case, work, doing.ticket, doing.desk, agent, title, lines)


def _note(doing: Doing) -> None:
    case, work = doing.case, doing.work
    entry = entry_of(case, work, doing.ticket, EntryKind.NOTE, work.marks, doing.reading.text)
    work.entries.append(entry)
    work.outcome = "note"
    if doing.reading.commands and doing.reading.of(Verb.NOTE) is None:
        doing.say("noted")
    if not doing.assigned and not work.begins(
        doing.ticket
    ):  # who has it now gets the note with that, and all others with the ticket
        tell.told(case, work, doing.ticket, entry, "note", but=case.sender)


def _answer(doing: Doing, status: Status | None) -> None:
    """To the customer, unless he has it already because the agent wrote to him as well."""
    case, work, ticket = doing.case, doing.work, doing.ticket
    customer = ticket.customer
    assert customer is not None
    if have := copied(case, ticket):
        doing.say("copied", who=", ".join(have))
        _note(doing)
        return
    text = doing.reading.text
    html = outward.new_html(case.parsed.html, text) if case.parsed.html and not doing.reading.commands else None
    shown = outward.pictures(html) if html else outward.named(case.parsed.attachments, text)
    if html and outward.quotes_us(html):  # in a link that was copied out of our mail
        raise ComposeError(doing.words["quoted"])
    files = outward.carried(case.mail.raw, outward.chosen(case.parsed.attachments, shown), case.config.limits)
    outward.harmless(files, case.sender, doing.desk.address)
    on_ticket.fits(doing, sum(len(file.data) for file in files))
    entry = entry_of(case, work, ticket, EntryKind.REPLY, work.marks, text)
    mail, *copies = (
        case.post.answer(
            desk=doing.desk,
            ticket=ticket,
            agent=doing.agent,
            to=Address(person.name, person.address),
            now=case.now,
            send_at=case.now + case.config.tickets.answer_delay,
            text=text,
            html=html,
            files=files,
            # who joined later knows none of the mails before, and is told none of their names
            references=doing.thread(ticket) if person is customer else (case.post.copies_thread(ticket, doing.desk),),
            entry_id=entry.id,
            state=status.value if status is not None and status is not Status.PROGRESS else "",
            merged=_led_here(doing, person),
            quoted=_last_words(doing, customer) if person is customer else None,  # who joined later gets what comes after
        )
        for person in (customer, *ticket.joined)
    )
    doing.send(replace(entry, message_id=mail.message_id), mail, *copies)
    work.outcome = "answer"
    seconds = round(case.config.tickets.answer_delay)
    if doing.lines or doing.agent.receipts == "all":
        everybody = ", ".join(person.address for person in (customer, *ticket.joined))
        doing.say("sent-later" if seconds else "sent", to=everybody, seconds=str(seconds))
    if status is None and after_answer(ticket.status) is not ticket.status:
        doing.change(status=after_answer(ticket.status))
    if not ticket.assignee and doing.update.assignee is None:
        doing.change(assignee=case.sender)


def _last_words(doing: Doing, customer: Participant) -> Entry | None:
    """The newest mail of the customer himself; none that nobody vouches for, since its words would go to whom it was forged for."""
    if not doing.desk.quote:
        return None
    entries = on_ticket.conversation(doing.said(doing.ticket), doing.ticket)
    his = (
        e
        for e in entries
        if e.kind is EntryKind.CUSTOMER and doing.case.post.key(e.author) == doing.case.post.key(customer.address)
    )
    last = next(his, None)
    return None if last is None or "unverified" in last.marks else last


def _status_letter(doing: Doing, status: Status) -> None:
    case, ticket = doing.case, doing.ticket
    purpose, customer = letter_for(ticket.status, status), ticket.customer
    if purpose is None or customer is None or not told_of(purpose, fewer=customer.fewer):
        doing.say("untold" if customer is None or not customer.fewer else "untold-fewer")
        return
    entry = Entry(case.new_id(), ticket.id, EntryKind.STATUS, case.sender, case.now, f"({purpose} mail)")
    mail = case.post.to_customer(
        purpose=purpose,
        desk=doing.desk,
        ticket=ticket,
        to=Address(customer.name, customer.address),
        now=case.now,
        references=doing.thread(ticket),
        entry_id=entry.id,
    )
    doing.send(replace(entry, message_id=mail.message_id), mail)
    doing.say("told", to=customer.address)


def _led_here(doing: Doing, person: Participant) -> str:
    """The number of his that leads to this ticket from now on, and that he has not heard of yet."""
    old = doing.merged
    same = (
        old is not None
        and old.customer is not None
        and doing.case.post.key(old.customer.address) == doing.case.post.key(person.address)
    )
    return old.number if old is not None and same else ""


def copied(case: Case, ticket: Ticket) -> list[str]:
    """Participants whom the agent's own mail names: they have it, with his own address on it."""
    people = {case.post.key(p.address) for p in ticket.participants}
    return [a.address for a in (*case.parsed.to, *case.parsed.cc) if case.post.key(a.address) in people]


# --- commands ---------------------------------------------------------------------------------------------------------


def _take(doing: Doing, _: Given) -> None:
    before = doing.ticket.assignee
    doing.change(assignee=doing.case.sender)
    doing.events.append(f"taken by {doing.case.sender}" + (f" from {before}" if before and before != doing.case.sender else ""))
    if before and before != doing.case.sender:
        doing.say("taken-from", who=before)
    else:
        doing.say("taken")


def _drop(doing: Doing, _: Given) -> None:
    doing.change(assignee="")
    doing.events.append("assigned to nobody")
    doing.say("dropped")


def _assign(doing: Doing, given: Given) -> None:
    member = _member(doing.case, doing.desk, given.value)
    assert member is not None
    doing.assigned = doing.case.post.key(member)
    doing.change(assignee=doing.assigned)
    doing.events.append(f"assigned to {member}")
    doing.say("assigned", who=member)
    back = tell.away_until(doing.case, member, doing.desk)
    if back is not None:
        doing.say("assigned-away", who=member, when=snooze.said(back, doing.agent, doing.desk))


def _status(doing: Doing, given: Given) -> None:
    new, names = Status(given.value), STATUS[doing.agent.language]
    doing.change(status=new)
    doing.events.append(f"{doing.ticket.status.value} -> {new.value}")
    doing.say("status", new=names[new], old=names[doing.ticket.status])


def _priority(doing: Doing, given: Given) -> None:
    new = Priority(given.value)
    doing.change(priority=new)
    doing.events.append(f"priority {doing.ticket.priority.value} -> {new.value}")
    doing.say("priority", new=PRIORITY[doing.agent.language][new])


def _tag(doing: Doing, given: Given) -> None:
    tags = tuple(dict.fromkeys(t for t in (*doing.ticket.tags, *given.add) if t not in given.remove))[:50]
    doing.ticket = replace(doing.ticket, tags=tags)
    doing.change(tags=tags)
    doing.events.append(f"tags: {', '.join(tags)}")
    doing.say("tags", new=", ".join(tags) or "-")


def _language(doing: Doing, given: Given) -> None:
    doing.change(language=given.value)
    doing.ticket = replace(doing.ticket, language=given.value)
    doing.events.append(f"language: {given.value}")
    doing.say("language", new=LANGUAGES[doing.agent.language][written_in(given.value)])


def _show(doing: Doing, _: Given) -> None:
    entries = doing.case.facts.said.entries.get(doing.ticket.id, ())
    if entries:
        tell.told(doing.case, doing.work, doing.ticket, entries[0], "shown", only=doing.case.sender, wanted=True)


def _nothing(doing: Doing, given: Given) -> None:
    """What the text or `_finish` takes care of."""


_COMMANDS = {
    Verb.NOTE: _nothing,
    Verb.REPLY: _nothing,
    Verb.HELP: _nothing,
    Verb.TEMPLATE: _nothing,  # its text is there already (handlers/canned)
    Verb.TAKE: _take,
    Verb.DROP: _drop,
    Verb.ASSIGN: _assign,
    Verb.STATUS: _status,
    Verb.PRIORITY: _priority,
    Verb.TAG: _tag,
    Verb.CC: on_ticket.people,
    Verb.CUSTOMER: handing.hand,
    Verb.SPENT: spending.spend,
    Verb.MERGE: merging.merge,
    Verb.SPLIT: splitting.split,
    Verb.MOVE: on_ticket.move,
    Verb.SPAM: on_ticket.spam,
    Verb.BLOCK: block.block,
    Verb.UNBLOCK: block.unblock,
    Verb.LANGUAGE: _language,
    Verb.SNOOZE: snooze.snooze,
    Verb.DUE: snooze.due,
    Verb.UNDO: undo.undo,
    Verb.SHOW: _show,
}


# --- receipts ---------------------------------------------------------------------------------------------------------


def help_lines(language: Language, place: Place, desk: Desk) -> tuple[str, ...]:
    """The table of commands as an agent reads it: those that make sense here, then the names of the others."""
    lines, others = [], []
    for command in COMMANDS:
        if command.place is Place.HELD:  # the mail about a held one says what can be written there
            continue
        name = f"#{command.name(language)}"
        if command.place in (place, Place.BOTH):
            english = f" (#{command.verb.value})" if is_chinese(language) else ""
            shown = command.shown(language)
            example = LINES[language]["help-example"].format(shown=shown) if shown else ""
            lines.append(f"{name}{english}{colon(language)}{command.help(language)}{example}")
        if command.place is not place:
            others.append(name)
    elsewhere = LINES[language]["help-desk" if place is Place.TICKET else "help-ticket"]
    return (*lines, elsewhere.format(address=desk.address, names=" ".join(others)))


def send_receipt(
    case: Case,
    work: Work,
    ticket: Ticket | None,
    desk: Desk,
    agent: Agent,
    title: str,
    lines: tuple[str, ...],
    *,
    text: str = "",
    confirm: int | None = None,
    purpose: str = "receipt",
) -> None:
    """ticket None: the agent's mail was about none. A purpose other than receipt: it is no answer to the mail that is filed."""
    try:
        mail = case.post.receipt(
            title=title,
            desk=desk,
            ticket=ticket,
            agent=agent,
            now=case.now,
            lines=lines,
            text=text,
            in_reply_to=case.parsed if purpose == "receipt" else None,
            confirm=confirm,
            purpose=purpose,
        )
    except ComposeError as error:
        work.because(NAME, f"no receipt: {error}")
        return
    work.outgoing.append(mail)
    work.because(NAME, f"receipt to agent {agent.address}: {title}")


def ask(case: Case, work: Work, ticket: Ticket | None, desk: Desk, agent: Agent, title: str, lines: tuple[str, ...]) -> None:
    """The one mail by which the agent vouches for a held one, to the address of the configuration and no other."""
    today = [at for at in case.facts.acks.to_address if at > case.now - 86_400]
    if len(today) >= case.config.limits.acknowledgements_per_day:
        work.because(NAME, "not asked: so many mails in this agent's name are held today that asking would be a flood")
        return
    work.acks.append(AckNote(case.sender, case.now, "confirm"))
    confirm = id_number(case.mail.id)
    send_receipt(case, work, ticket, desk, agent, title, lines, text=case.parsed.reply, confirm=confirm)
