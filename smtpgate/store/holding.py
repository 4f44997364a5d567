"""The verb behind what is told of held mail, and what agents decide about it: which mails, who was told, what has not left yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

from smtpgate.holding import Collected, Held, Holding
from smtpgate.links import LinkKind
from smtpgate.model import MailState, Ticket
from smtpgate.store import rows
from smtpgate.store.decision import ALERT, HELD, Changes, Facts, FactsQuery
from smtpgate.store.statement import Query, Verb, select_in

_HOUR = 3600.0
_KEPT = tuple(field.name for field in fields(Held) if field.name not in ("id", "state", "at"))
_MOST = 100  # mails to one agent within an hour that need to be told apart


def with_holding(facts: Facts, query: FactsQuery) -> Verb[Facts]:
    """The facts with what is known of held mail, where the question asks for it."""
    asked = query.holding
    if asked is None:
        return facts
    mails = yield from _mails(asked.ids)
    if not asked.may_be_held or not (asked.fresh or facts.tickets):
        return replace(facts, holding=Holding(mails=mails)) if mails else facts
    desks = {*query.desks, *(desk for ticket in facts.tickets.values() for desk in (ticket.desk, *ticket.other_desks))}
    agents = tuple(dict.fromkeys(agent for desk in desks for agent in query.members_of(desk)))
    if not agents and not asked.claimed and not mails:
        return facts
    told = {}
    for agent in agents:
        told[agent] = yield from _sent(agent, HELD, query.now - _HOUR)
    alerted = set()
    for agent in asked.claimed:
        if (yield from _sent(agent, ALERT, query.now - _HOUR)):
            alerted.add(agent)
    collected = yield from _collected(agents)
    listed = yield from _mails(dict.fromkeys(mail for one in collected.values() for mail in one.mails))
    return replace(facts, holding=Holding({**listed, **mails}, told, collected, frozenset(alerted)))


def _mails(ids: Iterable[str]) -> Verb[dict[str, Held]]:
    found = yield from select_in("SELECT id, state, received_at, decision FROM incoming WHERE id IN (...)", tuple(ids))
    return {row[0]: _held(row) for row in found}


def _held(row: Any) -> Held:
    """A newer version beside us may keep more of it than we know: that is passed by."""
    hold = (json.loads(row[3]) if row[3] else {}).get("hold", {})
    known = {name: hold[name] for name in _KEPT if name in hold}
    return Held(row[0], MailState(row[1]), row[2], **{**known, "sharing": tuple(known.get("sharing", ()))})


def _sent(agent: str, purpose: str, since: float) -> Verb[int]:
    found = yield Query(
        "SELECT 1 FROM acknowledgement WHERE address = $1 AND at > $2 LIMIT $3", (rows.agents_key(agent, purpose), since, _MOST)
    )
    return len(found)


def _collected(agents: tuple[str, ...]) -> Verb[dict[tuple[str, str], Collected]]:
    found = yield from select_in(
        """SELECT n.address, n.desk, n.outgoing_id, n.since, r.next_at, n.mails FROM hold_notice n
            JOIN recipient r ON r.outgoing_id = n.outgoing_id
            WHERE r.state = 'queued' AND r.attempts = 0 AND r.claimed_by IS NULL AND n.address IN (...)""",
        agents,
    )
    return {(row[0], row[1]): Collected(row[2], row[3], row[4], rows.tuple_of_strings(row[5])) for row in found}


def is_held(ticket: Ticket) -> Verb[bool]:
    """A mail is held that would join this ticket, or one that was merged into it."""
    found = yield from select_in(
        """SELECT i.id FROM held_for h JOIN incoming i ON i.id = h.mail_id
            WHERE i.state = 'held' AND h.ticket_id IN (...) LIMIT 1""",
        [ticket.id, *(link.ticket_id for link in ticket.links if link.kind is LinkKind.HOLDS)],
    )
    return bool(found)


def noted(changes: Changes, mail_id: str | None) -> Iterator[Query]:
    """The ticket that a mail which is held would join."""
    if changes.held_for is not None:
        yield Query(
            """INSERT INTO held_for (mail_id, ticket_id) VALUES ($1, $2)
                ON CONFLICT (mail_id) DO UPDATE SET ticket_id = excluded.ticket_id""",
            (mail_id, changes.held_for),
        )


def settled(changes: Changes) -> Verb[None]:
    """Mails that an agent drops, and mails about held ones that newer ones take the place of."""
    yield from select_in(
        """UPDATE incoming SET state = 'dropped', reason = $1, not_before = 0, leased_by = NULL, leased_until = 0
            WHERE state = 'held' AND id IN (...)""",
        changes.discarded,
        "dropped by an agent",
    )
    for notice in changes.hold_notices:
        yield Query(
            """UPDATE recipient SET state = 'dropped', due_at = NULL, claimed_by = NULL, last_reply = 'a newer one takes its place'
                WHERE state = 'queued' AND attempts = 0 AND outgoing_id = (SELECT outgoing_id FROM hold_notice
                    WHERE address = $1 AND desk = $2)""",
            (notice.agent, notice.desk),
        )
        yield Query(
            """INSERT INTO hold_notice (address, desk, outgoing_id, since, mails) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (address, desk) DO UPDATE
                SET outgoing_id = excluded.outgoing_id, since = excluded.since, mails = excluded.mails""",
            (notice.agent, notice.desk, notice.outgoing_id, notice.since, rows.strings(notice.mails)),
        )
