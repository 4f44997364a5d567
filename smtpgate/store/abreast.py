"""Which mails may be decided side by side: those of which none would change what another one asks about. Pure.

A Round is a number of decisions that are written at once. What was decided earlier in it is not in the facts of a later one,
so a mail is admitted only when no earlier decision touches anything that its facts depend on: a Message-ID, a fingerprint,
a ticket, the people of a ticket, a number, a recipient. The rest waits for the next round, which asks again. Two things
depend on every earlier decision and are simple enough to be reckoned: the next serial of a counter, and how many
acknowledgements go out in a minute. The outcome is that of filing one after the other in some order, which in one file
(`file_in_order`) is that of the queue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from smtpgate.blocks import mailbox_key
from smtpgate.model import MailState, Participant
from smtpgate.store import rows
from smtpgate.store.api import Changes, Facts, FactsQuery, NumbersOf
from smtpgate.store.changes import Decided, Filing, asked, decided, file, settled
from smtpgate.store.statement import Verb, select_in

Counter = tuple[str, str]


@dataclass(slots=True)
class Round:
    """taken: ticket numbers that exist already, of those that `numbers` names."""

    taken: Collection[str] = ()
    _touched: set[tuple[str, object]] = field(default_factory=set)
    _people: set[str] = field(default_factory=set)
    _used: dict[Counter, int] = field(default_factory=dict)
    _minutes: dict[int, int] = field(default_factory=dict)
    _alone: bool = False
    _last: dict[Counter, int] = field(default_factory=dict)  # the highest serial that `taken` tells about

    def admits(self, query: FactsQuery, facts: Facts) -> bool:
        if self._alone:
            return False
        if query.imported or query.listing is not None:  # any ticket may be among those that are listed
            return not self._touched
        for person in filter(None, (query.sender, query.customer)):
            if rows.address_key(person) in self._people or mailbox_key(person) in self._people:
                return False
        return self._touched.isdisjoint(_asks(query, facts))

    def facts(self, query: FactsQuery, facts: Facts) -> Facts | None:
        """These, which now hold what was decided before in this round too. None: it cannot be told here, they are as they were."""
        if not self._used and not self._minutes:
            return facts
        serials = {}
        for counter, first in facts.serials.items():
            serial = self._free(query, counter, first)
            if serial is None:
                return None
            serials[counter] = serial
        facts.serials.update(serials)
        minutes = facts.acks.to_all
        for minute, count in self._minutes.items():
            if minute >= int(query.now // 60):
                minutes[minute] = minutes.get(minute, 0) + count
        return facts

    def _free(self, query: FactsQuery, counter: Counter, serial: int) -> int | None:
        """The next serial whose numbers nobody has; None when nobody asked about that many."""
        if counter not in self._used:
            return serial
        serial = max(serial, self._used[counter] + 1)
        while query.numbers_of is not None and not self._new(query.numbers_of(counter, serial)):
            serial += 1
        return serial if query.numbers_of is None or serial <= self._last.get(counter, 0) else None

    def _new(self, numbers: Sequence[str]) -> bool:
        return not any(number in self.taken or ("number", number) in self._touched for number in numbers)

    def add(self, query: FactsQuery, facts: Facts, changes: Changes) -> None:
        """What was decided about a mail that was admitted."""
        # history asks about much more; whom a block concerns is not known by one address
        self._alone = query.imported or bool(changes.blocked or changes.unblocked or changes.personal)
        self._touched.add(("mail", query.mail_id))
        if query.message_id is not None:
            self._touched.add(("message", query.message_id))  # it is no unfiled parent any more
        self._touched.update(_changes(changes))
        self._people.update(_people(facts, changes))
        for new in changes.tickets:
            if new.serial is not None:
                used = self._used.get(new.serial, 0)
                self._used[new.serial] = max(new.used, used + 1, facts.serials.get(new.serial, 1))
        for ack in changes.acks:
            if not ack.of_agent:
                minute = int(ack.at // 60)
                self._minutes[minute] = self._minutes.get(minute, 0) + 1


def numbers(several: Sequence[tuple[Filing, Facts]]) -> tuple[dict[Counter, int], list[str]]:
    """How far the counters of these mails may be used, and the numbers that would then be given."""
    first: dict[Counter, int] = {}
    wanted: dict[Counter, int] = {}
    makers: dict[tuple[Counter, tuple[str, ...]], NumbersOf] = {}  # those that make the same of one serial are one
    for filing, facts in several:
        made = filing.query.numbers_of
        for counter, serial in facts.serials.items():
            first[counter] = min(serial, first.get(counter, serial))
            given = made(counter, serial) if made is not None else ("",)
            wanted[counter] = wanted.get(counter, 0) + len(given)
            if made is not None:
                makers[counter, given] = made
    named: dict[str, None] = {}
    for (counter, _), made in makers.items():
        for serial in range(first[counter], first[counter] + wanted[counter]):
            named |= dict.fromkeys(made(counter, serial))
    return {counter: first[counter] + wanted[counter] - 1 for counter in first}, list(named)


def beginning(several: Sequence[tuple[Filing, Facts]]) -> Verb[Round]:
    """A round for mails whose facts are known."""
    if len(several) < 2:
        return Round()
    last, named = numbers(several)
    found = yield from select_in("SELECT number FROM ticket WHERE number IN (...)", named)
    return Round({row[0] for row in found}, _last=last)


def file_in_order(filings: Sequence[Filing]) -> Verb[list[Changes]]:
    """Those that have nothing to do with each other are asked about, decided and written together; what has to do with one before
    it follows by itself: nothing overtakes. Raises what filing one of them raises; which one it was, only filing each tells."""
    results: list[Changes] = []
    while len(results) < len(filings):
        some = _of_different_people(filings[len(results) :])
        done = (yield from _together(some)) if len(some) > 1 else []
        results += done
        for filing in some[len(done) :]:
            results.append((yield from file(filing)))  # a comprehension cannot yield
    return results


def _of_different_people(filings: Sequence[Filing]) -> Sequence[Filing]:
    """Those at the head: the second mail of one sender need not be asked about only to find that it must wait."""
    seen: set[str] = set()
    for i, filing in enumerate(filings):
        if filing.query.sender in seen:
            return filings[:i]
        if filing.query.sender:
            seen.add(filing.query.sender)
    return filings


def _together(filings: Sequence[Filing]) -> Verb[list[Changes]]:
    """What came of those at the head that have nothing to do with each other."""
    known: list[tuple[Filing, Facts]] = []
    for filing in filings:
        known.append((filing, (yield from asked(filing))))
    this = yield from beginning(known)
    done: list[Decided] = []
    for filing, facts in known:
        seen = this.facts(filing.query, facts) if this.admits(filing.query, facts) else None
        if seen is None:
            break
        changes = filing.decide(seen)
        done.append(decided(filing, changes))
        this.add(filing.query, seen, changes)
    yield from settled(done)
    return [one.changes for one in done]


def _asks(query: FactsQuery, facts: Facts) -> Iterator[tuple[str, object]]:
    yield "mail", query.mail_id
    yield from (("message", id_) for id_ in (*query.references, *query.parents, query.message_id) if id_ is not None)
    yield from (("number", number) for number in (*query.numbers, *query.also))
    yield from (("fingerprint", key) for key in query.fingerprints)
    yield from (("recipient", id_) for id_ in query.recipient_ids)
    yield from (("ticket", id_) for id_ in (*query.ticket_ids, *facts.tickets))
    if query.holding is not None:
        yield "held mail", None


def _changes(changes: Changes) -> Iterator[tuple[str, object]]:
    yield from (("message", ref.message_id) for ref in changes.message_refs)
    yield from (("message", mail.message_id) for mail in changes.outgoing)
    yield from (("message", id_) for id_, _ in changes.unseen_refs)
    yield from (("number", new.ticket.number) for new in changes.tickets)
    yield from (("fingerprint", one.key) for one in changes.fingerprints)
    yield from (("fingerprint", key) for key in changes.told)
    yield from (("recipient", id_) for id_, _ in changes.bounced)
    if changes.state is MailState.HELD or changes.released or changes.discarded or changes.hold_notices:
        yield "held mail", None  # what is held, and who was told of it, is asked for as a whole
    yield from (("ticket", id_) for id_ in _tickets(changes))
    yield from (("ticket", clock.ticket_id) for clock in changes.clocks)
    yield from (("ticket", id_) for one in changes.unmerged for id_ in (one.ticket_id, one.other_id))
    yield from (("ticket", id_) for stray in changes.strays for id_ in (stray.ticket_id, stray.other_id))


def _tickets(changes: Changes) -> Iterator[int]:
    yield from (new.ticket.id for new in changes.tickets)
    yield from (update.ticket_id for update in changes.updates)
    yield from (entry.ticket_id for entry in changes.entries)
    yield from (due.ticket_id for due in changes.due)
    yield from (spent.ticket_id for spent in changes.spent)
    yield from (ref.ticket_id for ref in changes.message_refs)
    yield from (one.ticket_id for one in changes.fingerprints)
    yield from (id_ for link in changes.links for id_ in (link.ticket_id, link.other_id))
    yield from (id_ for one in changes.moved for id_ in (one.ticket_id, one.to_ticket))


def _people(facts: Facts, changes: Changes) -> Iterator[str]:
    """Everybody of the tickets that change, and everybody who is written to: their newest ticket, its language and pictures,
    and their acknowledgements are asked for by address."""
    everybody: list[Participant] = [one for new in changes.tickets for one in new.ticket.participants]
    everybody += [one for update in changes.updates for one in update.add_participants]
    everybody += [update.customer for update in changes.updates if update.customer is not None]
    everybody += [one for id_ in _tickets(changes) if id_ in facts.tickets for one in facts.tickets[id_].participants]
    yield from (rows.address_key(one.address) for one in everybody)
    yield from (rows.address_key(address) for update in changes.updates for address in update.remove_participants)
    yield from (rows.address_key(wish.address) for wish in changes.wishes)
    yield from (mailbox_key(ack.address) for ack in changes.acks if not ack.of_agent)
