"""Contract: many mails that are filed at once come out as if they had been filed one after the other."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtpgate.blocks import Block
from smtpgate.errors import LeaseLost, StoreError
from smtpgate.links import LinkKind, MovedEntry, NewLink
from smtpgate.model import MailState, Participant, Role
from smtpgate.store.abreast import Round, numbers
from smtpgate.store.api import (
    AckNote,
    Changes,
    Facts,
    FactsQuery,
    MessageRef,
    NewFingerprint,
    NewTicket,
    TicketUpdate,
)
from smtpgate.store.changes import Filing
from smtpgate.store.sqlite import SqliteStore
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore
from tests.support.store_data import NOW, a_query, a_ticket, an_entry, an_outgoing
from tests.support.store_steps import accept_one, claim_all

COUNTER = ("20261121", "EML")
CAP = 7  # acknowledgements in one minute
MINUTE = int(NOW // 60)


def number(serial: int) -> str:
    return f"20261121-EML-{serial:04}"


def made_by(_counter: tuple[str, str], serial: int) -> tuple[str, ...]:
    return (number(serial),)


def asking(mail_id: str, sender: str, content: str, references: tuple[str, ...] = ()) -> FactsQuery:
    return a_query(
        mail_id,
        sender=sender,
        message_id=f"<{mail_id}@x>",
        references=references,
        fingerprints=(content,),
        serials=(COUNTER,),
        numbers_of=made_by,
    )


def deciding(query: FactsQuery) -> Callable[[Facts], Changes]:
    """A small help desk: a repeat is noted, an answer joins, all else opens a ticket and is acknowledged below a cap."""

    def decide(facts: Facts) -> Changes:
        first = facts.fingerprints.get(query.fingerprints[0])
        known = next((facts.by_message_id[r].ticket_id for r in query.references if r in facts.by_message_id), None)
        if first is not None or known is not None:
            ticket_id = first.ticket_id if first is not None else known
            assert ticket_id is not None
            entry = an_entry(ticket_id, mail_id=query.mail_id, marks=("repeat",) if first else ())
            moved = TicketUpdate(ticket_id, updated_at=NOW)
            return Changes(state=MailState.FILED, decision="{}", entries=(entry,), updates=(moved,))
        serial = facts.serials[COUNTER]
        ticket = a_ticket(number=number(serial), participants=(Participant(query.sender, "", Role.CUSTOMER),))
        minute = MINUTE
        while facts.acks.to_all.get(minute, 0) >= CAP:
            minute += 1
        mail = an_outgoing(ticket_id=ticket.id)
        assert query.message_id is not None
        return Changes(
            state=MailState.FILED,
            decision="{}",
            tickets=(NewTicket(ticket, COUNTER, serial),),
            entries=(an_entry(ticket.id, mail_id=query.mail_id),),
            message_refs=(MessageRef(query.message_id, ticket.id, ours=False), MessageRef(mail.message_id, ticket.id, ours=True)),
            fingerprints=(NewFingerprint(query.fingerprints[0], ticket.id, NOW, strong=True),),
            outgoing=(mail,),
            acks=(AckNote(query.sender, minute * 60.0, "received"),),
        )

    return decide


@pytest.mark.parametrize("seed", [1, 2])
async def test_as_if_one_after_the_other(open_store: OpenStore, seed: int) -> None:
    """Repeats, answers and new mail of few people, filed by two nodes at once."""
    rng = random.Random(seed)
    nodes = [await open_store(), await open_store()]
    third = a_ticket(number=number(3))
    made = Changes(tickets=(NewTicket(third),), entries=(an_entry(third.id),))  # by an earlier pattern, with another counter
    await nodes[0].change(ticket_number=None, query=None, decide=lambda _ticket, _facts: made)
    ids = [await accept_one(nodes[0]) for _ in range(60)]
    await claim_all(nodes[0], worker="w")
    contents = [f"content {rng.randrange(40)}" for _ in ids]
    queries = [
        asking(id_, f"c{rng.randrange(9)}@x", content, (f"<{rng.choice(ids[:20])}@x>",) if rng.random() < 0.3 else ())
        for id_, content in zip(ids, contents, strict=True)
    ]
    await asyncio.gather(
        *(nodes[i % 2].file(q.mail_id, worker="w", query=q, decide=deciding(q)) for i, q in enumerate(queries)),
    )
    found = await nodes[0].tickets(desk=None, statuses=(), sender=None, limit=1000)
    opened = sorted(ticket.number for ticket in found)
    assert opened == [number(serial) for serial in range(1, len(opened) + 1)]  # none twice, none left out, the third passed by
    entries = await nodes[0].entries([ticket.id for ticket in found])
    assert sorted(e.source for held in entries.values() for e in held if e.source) == sorted(ids)  # each mail is one entry
    assert len(opened) - 1 <= len(set(contents))
    acks = (await nodes[0].facts(a_query(sender="", now=NOW))).acks.to_all
    assert sum(acks.values()) == len(opened) - 1
    assert max(acks.values()) <= CAP
    assert await nodes[0].check() == []


@pytest.mark.parametrize("seed", [1, 2])
async def test_one_writer_files_in_the_order_of_its_queue(tmp_path: Path, seed: int) -> None:
    """Together or alone: the same tickets with the same entries in the same order, and the same mails acknowledged."""
    outcomes = []
    for name, at_once in (("together", True), ("alone", False)):
        rng = random.Random(seed)
        store = await SqliteStore.open(tmp_path / name / "store.db")
        ids = [await accept_one(store) for _ in range(60)]
        await claim_all(store, worker="w")
        queries = [
            asking(id_, f"c{rng.randrange(20)}@x", f"content {rng.randrange(40)}", (f"<{ids[rng.randrange(60)]}@x>",) * (i % 2))
            for i, id_ in enumerate(ids)
        ]
        before = store.commits
        filing = [store.file(query.mail_id, worker="w", query=query, decide=deciding(query)) for query in queries]
        if at_once:
            await asyncio.gather(*filing)
            assert store.commits - before < 5
        else:
            for one in filing:
                await one
        tickets = await store.tickets(desk=None, statuses=(), sender=None, limit=1000)
        entries = await store.entries([ticket.id for ticket in tickets])
        came = {id_: i for i, id_ in enumerate(ids)}
        outcomes.append({ticket.number: [(came[e.source or ""], e.entry.marks) for e in entries[ticket.id]] for ticket in tickets})
        outcomes[-1]["acks"] = sorted((await store.facts(a_query(sender="", now=NOW))).acks.to_all.items())  # type: ignore[assignment]
        assert await store.check() == []
        await store.close()
    assert len(outcomes[0]) > 20
    assert outcomes[0] == outcomes[1]


async def test_a_lost_lease_or_a_bug_is_one_mails_alone(store: VerbStore) -> None:
    ids = [await accept_one(store) for _ in range(5)]
    await claim_all(store, worker="w")
    queries = [asking(id_, f"c{i}@x", id_) for i, id_ in enumerate(ids)]

    def failing(_facts: Facts) -> Changes:
        raise ZeroDivisionError

    decides: list[Any] = [deciding(query) for query in queries]
    decides[1] = failing
    decides[3] = lambda _facts: Changes()  # filed without a state
    outcomes = await asyncio.gather(
        *(
            store.file(query.mail_id, worker="other" if i == 2 else "w", query=query, decide=decides[i])
            for i, query in enumerate(queries)
        ),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes[1:4]] == [ZeroDivisionError, LeaseLost, type(outcomes[3])]
    assert isinstance(outcomes[3], StoreError)
    assert isinstance(outcomes[0], Changes)
    assert isinstance(outcomes[4], Changes)
    assert (await store.counts())["mail.filed"] == 2


class TestRound:
    """What must wait for the next round."""

    QUERY = a_query("m2", sender="b@x", message_id="<2@x>", references=("<0@x>",), numbers=("N-9",), fingerprints=("f2",))

    def after(self, changes: Changes, *, query: FactsQuery | None = None, facts: Facts | None = None) -> Round:
        this = Round()
        this.add(query or a_query("m1", sender="a@x", message_id="<1@x>", fingerprints=("f1",)), facts or Facts(), changes)
        return this

    def test_strangers_go_together(self) -> None:
        ticket = a_ticket(participants=(Participant("a@x", "", Role.CUSTOMER),))
        note = AckNote("a@x", NOW, "received")
        this = self.after(Changes(tickets=(NewTicket(ticket),), entries=(an_entry(ticket.id),), acks=(note,)))
        assert this.admits(self.QUERY, Facts())

    @pytest.mark.parametrize(
        "changes",
        [
            Changes(tickets=(NewTicket(a_ticket(participants=(Participant("b@X", "", Role.CC),))),)),
            Changes(tickets=(NewTicket(a_ticket(number="N-9")),)),
            Changes(updates=(TicketUpdate(7, add_participants=(Participant("b@x", "", Role.CC),)),)),
            Changes(updates=(TicketUpdate(5, updated_at=NOW),)),
            Changes(entries=(an_entry(5),)),
            Changes(message_refs=(MessageRef("<0@x>", 7, ours=False),)),
            Changes(message_refs=(MessageRef("<2@x>", 7, ours=False),)),
            Changes(outgoing=(an_outgoing(message_id="<0@x>"),)),
            Changes(fingerprints=(NewFingerprint("f2", 7, NOW, strong=False),)),
            Changes(told=("f2",)),
            Changes(acks=(AckNote("B+sub@x", NOW, "received"),)),
            Changes(links=(NewLink(5, LinkKind.INTO, 7, NOW),)),
            Changes(moved=(MovedEntry(1, 5, 7),)),
        ],
    )
    def test_what_one_asks_about_and_another_changes(self, changes: Changes) -> None:
        assert not self.after(changes).admits(self.QUERY, Facts(tickets={5: a_ticket(id=5)}))

    def test_the_people_of_a_ticket_that_changes(self) -> None:
        """Their newest ticket is asked for by their address, not by its number."""
        facts = Facts(tickets={7: a_ticket(id=7, participants=(Participant("b@x", "", Role.CC),))})
        assert not self.after(Changes(updates=(TicketUpdate(7, language="en"),)), facts=facts).admits(self.QUERY, Facts())

    def test_the_person_whom_a_ticket_is_opened_for(self) -> None:
        asked = a_query("m2", sender="agent@x", customer="b@x")
        for changes in (
            Changes(tickets=(NewTicket(a_ticket(participants=(Participant("b@x", "", Role.CUSTOMER),))),)),
            Changes(acks=(AckNote("b@x", NOW, "received"),)),
        ):
            assert not self.after(changes).admits(asked, Facts())
        assert self.after(Changes(acks=(AckNote("c@x", NOW, "received"),))).admits(asked, Facts())

    def test_a_parent_and_the_same_mail(self) -> None:
        assert not self.after(Changes(), query=a_query("m1", message_id="<0@x>")).admits(self.QUERY, Facts())
        assert not self.after(Changes(), query=a_query("m2")).admits(self.QUERY, Facts())

    def test_recipients_that_bounced(self) -> None:
        asked = dataclasses.replace(self.QUERY, recipient_ids=(4,))
        assert not self.after(Changes(bounced=((4, "no such user"),))).admits(asked, Facts())

    def test_history_goes_alone(self) -> None:
        old = dataclasses.replace(self.QUERY, imported=True)
        assert Round().admits(old, Facts())
        assert not self.after(Changes()).admits(old, Facts())
        assert not self.after(Changes(), query=dataclasses.replace(old, mail_id="m0", message_id=None)).admits(self.QUERY, Facts())

    def test_whoever_is_blocked_goes_alone(self) -> None:
        assert not self.after(Changes(blocked=(Block("@spam.example", "", NOW),))).admits(self.QUERY, Facts())
        assert not self.after(Changes(unblocked=(("@spam.example", ""),))).admits(self.QUERY, Facts())

    def test_serials_and_minutes_are_reckoned(self) -> None:
        facts = Facts(serials={COUNTER: 5})
        filings = [Filing(f"m{i}", "w", asking(f"m{i}", f"c{i}@x", f"f{i}"), lambda _: Changes()) for i in range(3)]
        last, named = numbers([(filing, facts) for filing in filings])
        assert (last, named) == ({COUNTER: 7}, [number(5), number(6), number(7)])
        this = Round({number(6)}, _last=last)
        this.add(
            filings[0].query,
            facts,
            Changes(tickets=(NewTicket(a_ticket(number=number(5)), COUNTER, 5),), acks=(AckNote("c0@x", NOW, "received"),)),
        )
        seen = this.facts(filings[1].query, facts)
        assert seen is not None
        assert seen.serials == {COUNTER: 7}  # the sixth number is taken
        assert seen.acks.to_all == {MINUTE: 1}
        this.add(filings[1].query, seen, Changes(tickets=(NewTicket(a_ticket(number=number(7)), COUNTER, 7),)))
        assert this.facts(filings[2].query, facts) is None  # nobody asked whether the eighth is free

    def test_every_question_and_every_change_is_thought_of(self) -> None:
        """A new field of either may be one more thing that two mails have in common: see Round, then add it here."""
        assert {field.name for field in dataclasses.fields(FactsQuery)} == {
            *("mail_id", "now", "sender", "message_id", "references", "numbers", "ticket_ids", "recipient_ids"),
            *("fingerprints", "serials", "imported", "named", "pictures", "parents", "subjects", "numbers_of", "conversation"),
            *("desks", "members", "told_most"),  # a cap of mail to agents that is about so many: see AckNote.of_agent
            "listing",
            "open_tickets",
            *("also", "blocks", "copies", "taken", "undoes", "began", "spent"),
            "customer",
            "of_agent",
            "holding",
            "personal",
        }
        assert {field.name for field in dataclasses.fields(Changes)} == {
            *("state", "reason", "decision", "tickets", "updates", "entries", "message_refs", "fingerprints", "told"),
            *("outgoing", "acks", "bounced", "subjects", "unseen_refs", "postpone_until", "withdrawn", "released"),
            *("wishes", "blocked", "unblocked"),
            *("due", "leaves", "digested"),  # the latter two no mail asks for
            *("links", "moved", "unmerged", "strays", "silenced"),  # the last one with an update of its ticket
            *("discarded", "hold_notices", "personal", "held_for"),  # the last one with the state of a held mail
            "held_alarms",  # which no mail asks about
            *("spent", "unspent"),  # the latter with an entry of its ticket
            *("clocks", "met", "unmet"),  # of tickets that it names elsewhere, or by their clocks
        }
        assert {field.name for field in dataclasses.fields(Facts)} == {
            *(
                "tickets",
                "by_message_id",
                "by_number",
                "fingerprints",
                "recipients",
                "unfiled_parents",
                "serials",
                "acks",
                "expected_parents",
            ),
            *("machine_last_hour", "language", "holders", "talks", "unseen", "seen_pictures", "letters", "parents"),
            *("said", "listed", "open_tickets", "merged", "strays", "customer", "wish", "blocks"),
            *("holding", "personal"),
        }
