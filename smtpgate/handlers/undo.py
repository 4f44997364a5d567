"""#undo: an answer that has not left is taken back, with the state that was set with it."""

from __future__ import annotations

from smtpgate.desk.commands import Given
from smtpgate.handlers.case import Case
from smtpgate.handlers.doing import CONVERSATION, Doing
from smtpgate.mail.agentwords import STATUS
from smtpgate.model import Entry, EntryKind, Status, Ticket

_KNOWN = 12  # entries of a ticket that are known; with fewer, these are all


def against(case: Case, ticket: Ticket, words: dict[str, str]) -> list[str]:
    """Why it cannot be done."""
    entry = _answer(case, ticket)
    if entry is None:
        return [words["too-late"]]
    return [] if case.post.key(entry.author) == case.sender else [words["not-yours"].format(who=entry.author)]


def undo(doing: Doing, _: Given) -> None:
    """The customer hears of no state that he was not told. A ticket that began with the answer ends: nobody outside knows of it."""
    case, ticket = doing.case, doing.ticket
    entry, entries = _answer(case, ticket), case.facts.said.entries.get(ticket.id, ())
    assert entry is not None
    doing.work.withdrawn.append(case.facts.said.waiting[ticket.id])
    doing.events.append("answer taken back before it left")
    doing.say("undone")
    doing.silent = True
    alone = len(entries) < _KNOWN and not any(e.kind in CONVERSATION and e.id != entry.id for e in entries)
    state = Status.CLOSED if alone else _before(entries, entry, ticket.status)
    if state is not None and state is not ticket.status:
        doing.change(status=state)
        doing.events.append(f"{ticket.status.value} -> {state.value}")
        doing.say("undone-new" if alone else "undone-state", new=STATUS[doing.agent.language][state])


def _answer(case: Case, ticket: Ticket) -> Entry | None:
    waiting = case.facts.said.waiting.get(ticket.id)
    entries = case.facts.said.entries.get(ticket.id, ())
    return next((e for e in entries if waiting is not None and e.id == waiting.entry_id), None)


def _before(entries: tuple[Entry, ...], answer: Entry, now: Status) -> Status | None:
    """The state that a command in the answer's own mail changed; None when it named none, or another has been set since."""
    for event in entries:
        if event.kind is EntryKind.EVENT and (event.created_at, event.author) == (answer.created_at, answer.author):
            old, arrow, new = event.text.partition(" -> ")
            if arrow and new == now.value and old in set(Status):
                return Status(old)
    return None
