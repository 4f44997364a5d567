"""A merge taken back, by #undo or at the command line: all that the one ticket brought into the other goes back with it.

It is possible for `tickets.unmerge_within`, and only while nothing else has happened in the ticket that is left: else it could
not be told what of that belongs to which. What was written with the merge (a note) stays where it was written; an answer that was
sent with it is taken back with it, and stands in the way once it has left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from smtpgate.clock import new_id
from smtpgate.desksettings import Desk
from smtpgate.handlers import tell
from smtpgate.handlers.case import Case
from smtpgate.handlers.doing import SPAM, Doing, thread
from smtpgate.handlers.post import Post
from smtpgate.links import LinkKind, Unmerge
from smtpgate.mail.address import key
from smtpgate.model import Address, Entry, EntryKind, OutgoingMail, Ticket, Withdrawn
from smtpgate.store.api import Facts, Reversal, TicketUpdate


@dataclass(frozen=True, slots=True)
class Unmerged:
    """updates: of the ticket that is one again, of the other. withdrawn: an answer that was sent with the merge."""

    old: Ticket  # as it is then
    new: Ticket
    updates: tuple[TicketUpdate, TicketUpdate]
    unmerge: Unmerge
    events: tuple[str, str]  # in the one and in the other
    withdrawn: Withdrawn | None


def why_not(merge: Reversal, facts: Facts, now: float) -> tuple[str, dict[str, str]] | None:
    """Why it cannot be taken back: a key of LINES and its values."""
    about = {"old": merge.old.number, "new": merge.new.number}
    if now > merge.until:
        return "unmerge-late", about
    if merge.since:
        return "unmerge-since", about
    if _answer(merge, facts) and not _waiting(merge, facts):
        return "unmerge-answered", about
    return None


def _answer(merge: Reversal, facts: Facts) -> Entry | None:
    """The answer that was sent with the merge."""
    said = facts.said.entries.get(merge.new.id, ())
    return next((e for e in said if e.kind is EntryKind.REPLY and (e.created_at, key(e.author)) == (merge.at, key(merge.by))), None)


def _waiting(merge: Reversal, facts: Facts) -> Withdrawn | None:
    answer = _answer(merge, facts)
    return next((w for w in facts.said.waiting.get(merge.new.id, ()) if answer is not None and w.entry_id == answer.id), None)


def unmerged(merge: Reversal, new: Ticket, facts: Facts, now: float) -> Unmerged:
    """Nothing must be in the way (`why_not`). new: as it is now."""
    before = merge.new
    people = {p.address for p in before.participants}
    return Unmerged(
        old=replace(merge.old, links=tuple(link for link in merge.old.links if link.kind is not LinkKind.INTO)),
        new=replace(before, links=tuple(link for link in new.links if link.ticket_id != merge.old.id)),
        updates=(
            TicketUpdate(merge.old.id, status=merge.old.status, assignee=merge.old.assignee, updated_at=now),
            TicketUpdate(
                new.id,
                status=before.status if before.status is not new.status else None,
                tags=before.tags if before.tags != new.tags else None,
                assignee=before.assignee if before.assignee != new.assignee else None,
                remove_participants=tuple(p.address for p in new.participants if p.address not in people),
                updated_at=now,
            ),
        ),
        unmerge=Unmerge(merge.old.id, new.id),
        events=(f"merge into {new.number} taken back", f"merge of {merge.old.number} taken back"),
        withdrawn=_waiting(merge, facts),
    )


def _brought(merge: Reversal, facts: Facts) -> tuple[Entry, ...]:
    """Of the newest entries in the ticket that is left those that go back, the newest first."""
    return tuple(e for e in facts.said.entries.get(merge.new.id, ()) if f"was #{merge.old.number}" in e.marks)


def told_customer(
    post: Post, desk: Desk, done: Unmerged, merge: Reversal, facts: Facts, now: float, by: str
) -> tuple[Entry, OutgoingMail] | None:
    """None when the customer has not heard of the merge, or nobody is written to about the ticket."""
    customer = done.old.customer
    if customer is None or SPAM in done.old.tags or not merge.told:
        return None
    entry = Entry(new_id(post.clock), done.old.id, EntryKind.STATUS, by, now, "(unmerged mail)")
    mail = post.to_customer(
        purpose="unmerged",
        desk=desk,
        ticket=done.old,
        to=Address(customer.name, customer.address),
        now=now,
        references=thread(_brought(merge, facts), done.old),
        entry_id=entry.id,
        other=done.new.number,
    )
    return replace(entry, message_id=mail.message_id), mail


# --- by #undo ---------------------------------------------------------------------------------------------------------


def meant(case: Case, ticket: Ticket, answer: Entry | None) -> Reversal | None:
    """The merge that #undo would take back. answer: of the ticket, that waits to leave; another one than the merge's is meant
    by itself."""
    merge = case.facts.said.merges.get(ticket.id)
    if merge is None or (answer is not None and (answer.created_at, key(answer.author)) != (merge.at, key(merge.by))):
        return None
    return merge


def against(case: Case, merge: Reversal, words: dict[str, str]) -> list[str]:
    """Why #undo cannot be done."""
    why = why_not(merge, case.facts, case.now)
    if why is not None:
        return [words[why[0]].format(**why[1]), words["unmerge-else"]]
    if case.desk_of_agent(merge.old) is None:
        return [words["unmerge-desk"].format(old=merge.old.number)]
    return []


def too_late(ticket: Ticket, words: dict[str, str]) -> list[str]:
    """Of a ticket that others are part of for good: what can be done instead. They may be what was meant."""
    brought = [link.number for link in ticket.links if link.kind is LinkKind.HOLDS]
    late = words["unmerge-gone"].format(old=brought[-1], new=ticket.number) if brought else ""
    return [late, words["unmerge-else"]] if brought else []


def undo(doing: Doing, merge: Reversal) -> None:
    case, work, new = doing.case, doing.work, doing.ticket
    done = unmerged(merge, new, case.facts, case.now)
    work.unmerged.append(done.unmerge)
    opened, doing.update = done.updates
    work.updates.append(opened)
    work.entries.append(doing.event(done.old, done.events[0]))
    doing.ticket, doing.silent = done.new, True
    doing.events.append(done.events[1])
    doing.say("unmerged", old=done.old.number, new=new.number)
    if done.withdrawn is not None:
        work.withdrawn.append(done.withdrawn)
        doing.events.append("answer taken back before it left")
        doing.say("undone")
    letter = told_customer(case.post, case.desk_of_agent(done.old) or doing.desk, done, merge, case.facts, case.now, case.sender)
    if letter is not None:
        doing.send(*letter)
        doing.say("told", to=letter[1].recipients[0].address)
    for agent in dict.fromkeys((done.old.assignee, done.new.assignee)):
        for latest in _brought(merge, case.facts)[:1]:
            if agent and key(agent) != case.sender:
                tell.told(case, work, done.old, replace(latest, ticket_id=done.old.id), "unmerged", only=agent)
