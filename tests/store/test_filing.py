"""Contract: COMMIT 2, the facts it decides on, and changes that no mail caused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from smtpgate.errors import StoreError
from smtpgate.model import (
    Attachment,
    DeliveryState,
    EntryKind,
    MailState,
    OtherTicket,
    Participant,
    Role,
    Status,
    Ticket,
)
from smtpgate.store.api import (
    AckNote,
    Changes,
    Facts,
    Fingerprint,
    MessageRef,
    NewFingerprint,
    NewTicket,
    SentRecipient,
    TicketUpdate,
)
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore
from tests.support.store_data import (
    NOW,
    a_new_ticket,
    a_query,
    a_recipient,
    a_ticket,
    an_attempt,
    an_entry,
    an_outgoing,
)
from tests.support.store_steps import accept_one, claim_all, file_as, open_ticket, opening


class TestFile:
    async def test_everything_is_there_afterwards(self, store: VerbStore) -> None:
        ticket = a_ticket(other_desks=("sales",), unverified=True)
        mail_id = await accept_one(store)
        await claim_all(store)
        attachment = Attachment("图.png", "image/png", 7, "ab" * 32, True, "<c@x>")
        entry = an_entry(
            ticket.id, mail_id=mail_id, message_id="<m@x>", evidence="dmarc-dkim", marks=("weak",), attachments=(attachment,)
        )
        event = an_entry(ticket.id, kind=EntryKind.EVENT, author="", text="acknowledged")
        mail = an_outgoing(a_recipient(), ticket_id=ticket.id, entry_id=event.id, smtputf8=True)
        changes = opening(mail_id, ticket, mail, entries=(entry, event), reason="new")
        await file_as(store, mail_id, changes)

        detail = await store.ticket(ticket.number)
        assert detail is not None
        assert detail.ticket == ticket
        assert detail.entries == (entry, event)
        assert [sent.recipient_id for sent in detail.sent] == [mail.recipients[0].id]
        kept = await store.outgoing(mail.id)
        assert kept is not None
        assert kept.mail == mail
        found = await store.mail(mail_id)
        assert found is not None
        assert (found.state, found.reason) == (MailState.FILED, "new")

    async def test_a_ticket_that_is_opened_and_changed_at_once_is_counted_in_its_last_state(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        await claim_all(store)
        ticket = a_ticket()
        steps = (TicketUpdate(ticket.id, status=Status.WAITING), TicketUpdate(ticket.id, status=Status.PROGRESS))
        await file_as(store, mail_id, replace(opening(mail_id, ticket, entries=(an_entry(ticket.id),)), updates=steps))
        assert (await store.counts())["ticket.open"] == 1
        assert await store.check() == []

    async def test_what_decide_raises_is_raised_and_nothing_changes(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        await claim_all(store)

        def decide(_facts: Facts) -> Changes:
            raise RuntimeError("a handler's bug")

        with pytest.raises(RuntimeError, match="a handler's bug"):
            await store.file(mail_id, worker="w1", query=a_query(mail_id), decide=decide)
        found = await store.mail(mail_id)
        assert found is not None
        assert found.state is MailState.ACCEPTED
        await file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}"))  # the lease is still there

    async def test_a_change_that_does_not_fit_undoes_all_of_them(self, store: VerbStore) -> None:
        mail_id = await accept_one(store)
        await claim_all(store)
        ticket = a_ticket()
        with pytest.raises(StoreError):
            await file_as(store, mail_id, opening(mail_id, ticket, updates=(TicketUpdate(1, Status.CLOSED),)))
        with pytest.raises(StoreError):
            await file_as(store, mail_id, opening(mail_id, ticket, entries=(an_entry(1),)))
        assert await store.ticket(ticket.number) is None
        await file_as(store, mail_id, opening(mail_id, ticket))

    async def test_a_number_is_given_only_once(self, store: VerbStore) -> None:
        number = "20261121-EML-9999"
        await open_ticket(store, a_ticket(number=number))
        mail_id = await accept_one(store)
        await claim_all(store)
        with pytest.raises(StoreError):
            await file_as(store, mail_id, opening(mail_id, a_ticket(number=number)))

    async def test_updates(self, store: VerbStore) -> None:
        ticket = a_ticket()
        await open_ticket(store, ticket)
        mail_id = await accept_one(store)
        await claim_all(store)
        update = TicketUpdate(
            ticket.id,
            status=Status.WAITING,
            updated_at=NOW + 9,
            add_participants=(
                Participant("li@example.org", "李", Role.CC),
                Participant("wang@EXAMPLE.org", "again", Role.CC),  # the same mailbox
                Participant("Wang@example.org", "", Role.CC),  # another one (RFC 5321 §2.4)
            ),
        )
        await file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}", updates=(update,)))
        detail = await store.ticket(ticket.number)
        assert detail is not None
        assert (detail.ticket.status, detail.ticket.updated_at, detail.ticket.language) == (Status.WAITING, NOW + 9, "zh")
        assert [person.address for person in detail.ticket.participants] == [
            "wang@example.org", "li@example.org", "Wang@example.org",
        ]  # fmt: skip

    async def test_hostile_text_is_kept_readable(self, store: VerbStore) -> None:
        ticket = a_ticket(subject="a\ud800b")
        await open_ticket(store, ticket, entries=(an_entry(ticket.id, text="x\0\udcffy' ; DROP TABLE ticket --"),))
        detail = await store.ticket(ticket.number)
        assert detail is not None
        assert detail.ticket.subject == "a\ufffdb"
        assert detail.entries[0].text == "x\ufffd\ufffdy' ; DROP TABLE ticket --"

    async def test_the_same_mail_at_once_by_two_processes_gives_one_ticket(self, open_store: OpenStore) -> None:
        """Two copies, two workers, each deciding on the facts that it is shown."""
        one, other = await open_store(), await open_store()
        first, second = await accept_one(one), await accept_one(other)
        assert await claim_all(one, worker="a") == [first, second]
        opened = 0

        def decide(mail_id: str, facts: Facts) -> Changes:
            nonlocal opened
            if "same" in facts.fingerprints:
                known = facts.fingerprints["same"]
                entry = an_entry(known.ticket_id, kind=EntryKind.REPEAT, mail_id=mail_id)
                return Changes(state=MailState.FILED, decision="{}", entries=(entry,), told=("same",))
            opened += 1
            ticket = a_ticket()
            prints = (NewFingerprint("same", ticket.id, NOW, True),)
            return opening(mail_id, ticket, fingerprints=prints)

        await asyncio.gather(
            *(
                store.file(
                    mail_id,
                    worker="a",
                    query=a_query(mail_id, fingerprints=("same",)),
                    decide=lambda facts, mail_id=mail_id: decide(mail_id, facts),
                )
                for store, mail_id in ((one, first), (other, second))
            )
        )
        assert opened == 1
        assert (await one.counts())["ticket.open"] == 1


class TestFacts:
    async def test_nothing_known(self, store: VerbStore) -> None:
        query = a_query(
            references=("<a@x>",), message_id="<b@x>", numbers=("N-1",), ticket_ids=(7,), recipient_ids=(8,), fingerprints=("f",)
        )
        assert await store.facts(query) == Facts()

    async def test_tickets_by_every_way(self, store: VerbStore) -> None:
        by_ref, by_number, by_token, by_print, by_bounce = tickets = [a_ticket() for _ in range(5)]
        bounced = an_outgoing(ticket_id=by_bounce.id)
        mails = [
            await open_ticket(store, ticket, *([bounced] if ticket is by_bounce else []), message_refs=()) for ticket in tickets
        ]
        await store.change(
            ticket_number=None,
            query=None,
            decide=lambda _t, _f: Changes(message_refs=(MessageRef("<r@x>", by_ref.id, True),)),
        )
        facts = await store.facts(
            a_query(
                references=("<r@x>",),
                numbers=(by_number.number, "20261121-EML-7777"),
                ticket_ids=(by_token.id,),
                recipient_ids=(bounced.recipients[0].id,),
                fingerprints=(f"print of {mails[3]}",),
            )
        )
        assert facts.tickets == {ticket.id: ticket for ticket in tickets}
        assert facts.by_message_id == {"<r@x>": MessageRef("<r@x>", by_ref.id, True)}
        assert facts.by_number == {by_number.number: by_number.id}
        assert facts.recipients == {
            bounced.recipients[0].id: SentRecipient(
                bounced.recipients[0].id, bounced.id, by_bounce.id, "wang@example.org", DeliveryState.QUEUED, mails[4], "received"
            )
        }
        key, entry = f"print of {mails[3]}", (await store.entries([by_print.id]))[by_print.id][0]
        assert entry.source == mails[3]
        assert facts.fingerprints == {
            key: Fingerprint(key, by_print.id, mails[3], NOW, strong=True, told=False, entry_id=entry.entry.id)
        }

    async def test_our_own_message_id_wins_over_a_strangers_claim(self, store: VerbStore) -> None:
        stranger, victim = a_ticket(), a_ticket()  # even when the stranger's is the older one
        await open_ticket(store, stranger, message_refs=(MessageRef("<m@us>", stranger.id, False),))
        await open_ticket(store, victim, message_refs=(MessageRef("<m@us>", victim.id, True),) * 2)
        facts = await store.facts(a_query(references=("<m@us>",)))
        assert facts.by_message_id["<m@us>"] == MessageRef("<m@us>", victim.id, True)
        assert set(facts.tickets) == {victim.id, stranger.id}

    async def test_many_references(self, store: VerbStore) -> None:
        ticket = a_ticket()
        await open_ticket(store, ticket, message_refs=tuple(MessageRef(f"<{i}@x>", ticket.id, False) for i in range(300)))
        facts = await store.facts(a_query(references=tuple(f"<{i}@x>" for i in range(1000))))
        assert len(facts.by_message_id) == 300

    async def test_fingerprint_told_and_replaced(self, store: VerbStore) -> None:
        first, second = a_ticket(), a_ticket()
        await open_ticket(store, first, fingerprints=(NewFingerprint("k", first.id, NOW, strong=False),), told=("k",))
        assert (await store.facts(a_query(fingerprints=("k",)))).fingerprints["k"].told
        mail_id = await open_ticket(store, second, fingerprints=(NewFingerprint("k", second.id, NOW + 3600, strong=True),))
        facts = await store.facts(a_query(fingerprints=("k",)))
        entry = (await store.entries([second.id]))[second.id][0].entry
        assert facts.fingerprints["k"] == Fingerprint("k", second.id, mail_id, NOW + 3600, True, told=False, entry_id=entry.id)

    async def test_unfiled_parents(self, store: VerbStore) -> None:
        parent = await accept_one(store, message_id="<p@x>")
        mine = await accept_one(store, message_id="<p@x>")  # refers to itself, as some mailers do
        query = a_query(mine, references=("<p@x>",))
        facts = await store.facts(query)
        assert facts.unfiled_parents == facts.expected_parents == (parent,)
        later = await store.facts(a_query(parent, references=("<p@x>",)))  # of two that refer to each other one waits in vain
        assert (later.unfiled_parents, later.expected_parents) == ((mine,), ())
        await claim_all(store)
        assert (await store.facts(query)).unfiled_parents == (parent,)
        await store.file_failed(parent, worker="w1", now=NOW, reason="a bug", again_at=NOW, poison_after=3)
        facts = await store.facts(query)
        assert (facts.unfiled_parents, facts.expected_parents) == ((parent,), ())
        await claim_all(store)
        await file_as(store, parent, Changes(state=MailState.HELD, reason="forged"))
        assert (await store.facts(query)).unfiled_parents == ()

    async def test_serials(self, store: VerbStore) -> None:
        eml, tel = ("20261121", "EML"), ("20261121", "TEL")
        assert (await store.facts(a_query(serials=(eml, tel)))).serials == {eml: 1, tel: 1}
        one, two = a_ticket(), a_ticket()
        entries = (an_entry(one.id), an_entry(two.id))
        await open_ticket(store, one, tickets=(NewTicket(one, eml), NewTicket(two, eml)), entries=entries)
        assert (await store.facts(a_query(serials=(eml, tel)))).serials == {eml: 3, tel: 1}

    async def test_acknowledgements(self, store: VerbStore) -> None:
        """Notices have a cap of their own: a forger who causes one must not silence the real customer's answer."""
        me, you = "wang@example.org", "li@example.org"
        notes = (
            AckNote(me, NOW - 86_400, "received"),  # a day ago: forgotten
            AckNote(me, NOW - 86_399, "received"),
            AckNote(me, NOW - 30, "repeat"),
            AckNote(me, NOW + 600, "received"),  # scheduled
            AckNote(me, NOW - 50, "notice"),
            AckNote(you, NOW - 59, "received"),
            AckNote(you, NOW - 60, "received"),
        )
        await store.change(ticket_number=None, query=None, decide=lambda _t, _f: Changes(acks=notes))
        acks = (await store.facts(a_query())).acks
        assert acks.to_address == (NOW - 86_399, NOW - 30, NOW + 600)
        assert acks.notices_last_day == 1
        minute = int(NOW // 60)
        assert acks.to_all == {m: c for m in (minute, minute + 10) if (c := sum(int(n.at // 60) == m for n in notes))}

    async def test_machine_mail_of_the_last_hour(self, store: VerbStore) -> None:
        ticket = a_ticket()
        machine = [
            an_entry(ticket.id, kind=EntryKind.MACHINE, created_at=NOW - age) for age in (3600, 3599, 10)
        ]  # the first is too old
        await open_ticket(store, ticket, entries=(*machine, an_entry(ticket.id)))
        assert (await store.facts(a_query(ticket_ids=(ticket.id,)))).machine_last_hour == {ticket.id: 2}

    async def test_open_tickets_of_the_sender_when_they_are_asked_for(self, store: VerbStore) -> None:
        mine = a_ticket(subject="Fax", status=Status.WAITING)
        claimed = a_ticket(subject="a stranger's words", unverified=True)
        copied = (Participant("li@example.org", "", Role.CUSTOMER), Participant("wang@example.org", "", Role.CC))
        for ticket in (
            mine,
            claimed,
            a_ticket(status=Status.CLOSED),
            a_ticket(status=Status.RESOLVED),
            a_ticket(participants=copied),
        ):
            await open_ticket(store, ticket)
        asked = a_query(conversation=True, open_tickets=True)
        assert (await store.facts(asked)).open_tickets == (
            OtherTicket(claimed.id, claimed.number, Status.RECEIVED, ""),
            OtherTicket(mine.id, mine.number, Status.WAITING, "Fax"),
        )
        assert (await store.facts(replace(asked, open_tickets=False))).open_tickets == ()
        assert (await store.facts(replace(asked, sender="nobody@example.org"))).open_tickets == ()

    async def test_language_of_the_newest_ticket(self, store: VerbStore) -> None:
        await open_ticket(store, a_ticket(language="zh"))
        await open_ticket(store, a_ticket(language="en"))
        assert (await store.facts(a_query())).language == "en"
        assert (await store.facts(a_query(sender="li@example.org"))).language == ""

    async def test_pictures_that_came_before(self, store: VerbStore) -> None:
        logo, other, text = (Attachment("a", "image/png", 1, c * 64) for c in "abc")
        ticket = a_ticket()
        await open_ticket(store, ticket, entries=(an_entry(ticket.id, attachments=(logo, other)),))
        asked = (logo.sha256, text.sha256)
        assert (await store.facts(a_query(pictures=asked))).seen_pictures == {logo.sha256}
        assert (await store.facts(a_query(pictures=asked, sender="li@example.org"))).seen_pictures == set()
        on_ticket = a_query(pictures=asked, sender="li@example.org", ticket_ids=(ticket.id,))
        assert (await store.facts(on_ticket)).seen_pictures == {logo.sha256}
        assert (await store.facts(a_query())).seen_pictures == set()

    async def test_file_is_shown_the_same_facts(self, store: VerbStore) -> None:
        ticket = a_ticket()
        await open_ticket(store, ticket)
        mail_id = await accept_one(store, message_id="<b@x>")
        await claim_all(store)
        query = a_query(mail_id, numbers=(ticket.number,), message_id="<b@x>", serials=(("d", "EML"),))
        looked = await store.facts(query)
        seen = await file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}"), query=query)
        assert seen == [looked]


class TestBounced:
    @pytest.mark.parametrize(
        ("state", "moves"),
        [
            (DeliveryState.QUEUED, True),
            (DeliveryState.UNCERTAIN, True),
            (DeliveryState.DELIVERED, True),
            (DeliveryState.FAILED, False),
            (DeliveryState.EXPIRED, False),
        ],
    )
    async def test_only_what_may_have_arrived(self, store: VerbStore, state: DeliveryState, moves: bool) -> None:
        ticket = a_ticket()
        mail = an_outgoing(ticket_id=ticket.id)
        await open_ticket(store, ticket, mail)
        recipient = mail.recipients[0].id
        await store.claim_deliveries(worker="w", now=NOW, limit=1, next_at=lambda _n: NOW + 60)
        await store.record_attempts([an_attempt(recipient, state)])
        await open_ticket(store, a_ticket(), bounced=((recipient, "550 5.1.1 no such user"),))
        facts = await store.facts(a_query(recipient_ids=(recipient,)))
        assert facts.recipients[recipient].state is (DeliveryState.BOUNCED if moves else state)
        detail = await store.outgoing(mail.id)
        assert detail is not None
        assert detail.recipients[0].last_reply == ("550 5.1.1 no such user" if moves else "2.0.0 ok")


class TestChange:
    async def test_decides_on_the_ticket_as_it_is(self, store: VerbStore) -> None:
        ticket = a_ticket()
        await open_ticket(store, ticket)
        seen: list[tuple[Ticket | None, Facts]] = []

        def decide(found: Ticket | None, facts: Facts) -> Changes:
            seen.append((found, facts))
            return Changes(
                updates=(TicketUpdate(ticket.id, status=Status.RESOLVED),),
                entries=(an_entry(ticket.id, kind=EntryKind.NOTE, text="inside"),),
            )

        query = a_query(ticket_ids=(ticket.id,))
        made = await store.change(ticket_number=ticket.number, query=query, decide=decide)
        assert made.updates[0].status is Status.RESOLVED
        assert seen[0][0] == ticket
        assert seen[0][1].tickets == {ticket.id: ticket}
        detail = await store.ticket(ticket.number)
        assert detail is not None
        assert detail.ticket.status is Status.RESOLVED
        assert detail.entries[-1].text == "inside"

    async def test_no_such_ticket(self, store: VerbStore) -> None:
        seen: list[tuple[Ticket | None, Facts]] = []
        await store.change(ticket_number="N-1", query=None, decide=lambda t, f: seen.append((t, f)) or Changes())  # type: ignore[func-returns-value]
        assert seen == [(None, Facts())]

    async def test_says_nothing_about_a_mail(self, store: VerbStore) -> None:
        for changes in (
            Changes(state=MailState.FILED),
            Changes(postpone_until=NOW),
            Changes(fingerprints=(NewFingerprint("k", 1, NOW, True),)),
        ):
            with pytest.raises(StoreError):
                await store.change(ticket_number=None, query=None, decide=lambda _t, _f, changes=changes: changes)

    async def test_a_new_ticket_without_a_mail(self, store: VerbStore) -> None:
        new = a_new_ticket(serial=("d", "TEL"))
        changes = Changes(tickets=(new,), entries=(an_entry(new.ticket.id),))
        await store.change(ticket_number=None, query=None, decide=lambda _t, _f: changes)
        detail = await store.ticket(new.ticket.number)
        assert detail is not None
        assert detail.ticket == new.ticket
