"""#undo: an answer that has not left is taken back, with the state, the customer and the time that were set with it; else the
newest merge (unmerging), or time alone."""

from __future__ import annotations

from smtpgate.desk.commands import Given
from smtpgate.handlers import handing, spending, unmerging
from smtpgate.handlers.case import Case
from smtpgate.handlers.doing import CONVERSATION, KNOWN, Doing
from smtpgate.mail.agentwords import STATUS
from smtpgate.model import Entry, EntryKind, Status, Ticket, Withdrawn


def against(case: Case, ticket: Ticket, words: dict[str, str]) -> list[str]:
    """Why it cannot be done."""
    if _time_alone(case, ticket):
        return []
    found = _waiting(case, ticket)
    merge = unmerging.meant(case, ticket, _newest(case, ticket))
    if merge is not None:
        why = unmerging.against(case, merge, words)
        return [words["too-late"], *why] if why and (merge.since or case.now > merge.until) else why  # which may be meant
    if not found:
        return [words["too-late"], *unmerging.too_late(ticket, words)]
    if not _own(case, ticket):
        return [words["not-yours"].format(who=found[0][0].author)]
    return []


def undo(doing: Doing, _: Given) -> None:
    """The customer hears of no state that he was not told. A ticket that began with the answer ends: nobody outside knows of it."""
    case, ticket = doing.case, doing.ticket
    if at := _time_alone(case, ticket):
        doing.silent = True
        spending.undo(doing, at)
        return
    if (merge := unmerging.meant(case, ticket, _newest(case, ticket))) is not None:
        unmerging.undo(doing, merge)
        return
    own, entries = _own(case, ticket), case.facts.said.entries.get(ticket.id, ())
    entry = own[0][0]
    doing.work.withdrawn += [withdrawn for _, withdrawn in own]
    if entry.kind is EntryKind.REPLY:
        doing.events.append("answer taken back before it left")
        doing.say("undone")
    doing.silent = True
    _customer(doing, entry)
    spending.undo(doing, entry.created_at)
    others = (e for e in entries if e.kind in CONVERSATION and (e.created_at, e.author) != (entry.created_at, entry.author))
    alone = len(entries) < KNOWN and entry.kind is EntryKind.REPLY and not any(others)
    state = Status.CLOSED if alone else _before(entries, entry, ticket.status)
    if state is not None and state is not ticket.status:
        doing.change(status=state)
        doing.events.append(f"{ticket.status.value} -> {state.value}")
        doing.say("undone-new" if alone else "undone-state", new=STATUS[doing.agent.language][state])


def _customer(doing: Doing, mail: Entry) -> None:
    """As long as the one before has not been told."""
    case, ticket = doing.case, doing.ticket
    entries, began = case.facts.said.entries.get(ticket.id, ()), case.facts.said.began.get(ticket.id, "")
    then = handing.before(ticket, entries, mail, began, case.now)
    if then is None or ticket.customer is None:
        return
    if then.told is not None and then.told not in [withdrawn.entry_id for withdrawn in doing.work.withdrawn]:
        doing.say("undone-customer-told", who=then.customer.address, new=ticket.customer.address)
        return
    doing.change(customer=then.customer, add_participants=then.others, language=then.language)
    doing.events.append(handing.again(then.customer))
    doing.say("undone-customer", who=then.customer.address)


def _waiting(case: Case, ticket: Ticket) -> list[tuple[Entry, Withdrawn]]:
    """What has not left, the newest first, as far back as entries are known."""
    entries = {entry.id: entry for entry in case.facts.said.entries.get(ticket.id, ())}
    return [(entries[w.entry_id], w) for w in case.facts.said.waiting.get(ticket.id, ()) if w.entry_id in entries]


def _own(case: Case, ticket: Ticket) -> list[tuple[Entry, Withdrawn]]:
    """All of the agent's newest mail that has any, whoever else has one that waits: the answer first."""
    mine = [one for one in _waiting(case, ticket) if case.post.key(one[0].author) == case.sender]
    of_it = [one for one in mine if one[0].created_at == max(entry.created_at for entry, _ in mine)]
    return sorted(of_it, key=lambda one: one[0].kind is not EntryKind.REPLY)


def _time_alone(case: Case, ticket: Ticket) -> float:
    """When the agent added time after all else that he could take back; 0.0 if he did not."""
    at, own = spending.last(case, ticket), _own(case, ticket)
    merge = unmerging.meant(case, ticket, _newest(case, ticket))
    return at if at > max((entry.created_at for entry, _ in own), default=0.0) and (merge is None or at > merge.at) else 0.0


def about_merge(case: Case, ticket: Ticket) -> bool:
    """It would take a merge back, of which the customer may hear."""
    return unmerging.meant(case, ticket, _newest(case, ticket)) is not None


def _newest(case: Case, ticket: Ticket) -> Entry | None:
    """Of what could be taken back."""
    return next((entry for entry, _ in _waiting(case, ticket)), None)


def _before(entries: tuple[Entry, ...], answer: Entry, now: Status) -> Status | None:
    """The state that a command in the answer's own mail changed; None when it named none, or another has been set since."""
    for event in entries:
        if event.kind is EntryKind.EVENT and (event.created_at, event.author) == (answer.created_at, answer.author):
            old, arrow, new = event.text.partition(" -> ")
            if arrow and new == now.value and old in set(Status):
                return Status(old)
    return None
