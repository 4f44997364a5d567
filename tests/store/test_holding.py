"""Contract: held mail and who was told of it, automatic mail that is taken back, and reports that come back with an attempt."""

from __future__ import annotations

import json
from typing import Any

from smtpgate.clock import id_text
from smtpgate.holding import Collected, Holding, HoldingQuery, HoldNotice
from smtpgate.model import DeliveryState, MailState
from smtpgate.store.api import ALERT, HELD, AckNote, Changes
from smtpgate.store.verbs import VerbStore
from tests.support.store_data import NOW, a_query, a_recipient, a_ticket, accepted, an_attempt, an_id, an_outgoing
from tests.support.store_steps import open_ticket

LEE, KIM = "lee@corp.example", "kim@corp.example"
MEMBERS = {"support": (LEE, KIM), "sales": ("sal@corp.example",)}
HOUR = 3600.0


async def changed(store: VerbStore, changes: Changes) -> None:
    await store.change(ticket_number=None, query=None, decide=lambda _ticket, _facts: changes)


async def hold(store: VerbStore, subject: str, desk: str = "support", **more: Any) -> str:
    mail_id = id_text(an_id())
    await store.accept(accepted(mail_id))
    await store.claim(worker="w", now=NOW, lease=60, limit=9)
    about = {"desk": desk, "author": "x@y.example", "subject": subject, "why": "unproved", **more}
    await store.file(
        mail_id,
        worker="w",
        query=a_query(mail_id),
        decide=lambda _: Changes(state=MailState.HELD, reason="why", decision=json.dumps({"hold": about})),
    )
    return mail_id


async def known(store: VerbStore, now: float = NOW, **asked: Any) -> Holding:
    query = HoldingQuery(**{"may_be_held": True, "fresh": True, **asked})
    return (await store.facts(a_query(now=now, desks=("support",), members=MEMBERS, holding=query))).holding


async def test_what_is_known_of_held_mails_by_their_ids(store: VerbStore) -> None:
    first = await hold(store, "one", number="20260102-EML-0001", asked=NOW)
    found = await known(store, ids=(first, "nosuchmail123"))
    one = found.mails[first]
    assert (list(found.mails), one.state, one.subject, one.number, one.asked, one.desk) == (
        [first], MailState.HELD, "one", "20260102-EML-0001", NOW, "support",
    )  # fmt: skip
    assert (await store.facts(a_query(desks=("support",), members=MEMBERS))).holding == Holding()


async def test_what_another_version_keeps_of_a_held_mail_is_passed_by(store: VerbStore) -> None:
    """Two gateways of different age on one database."""
    newer = await hold(store, "one", sharing=["sales"], colour="red")
    one = (await known(store, ids=(newer,))).mails[newer]
    assert (one.subject, one.sharing) == ("one", ("sales",))


async def test_who_was_told_is_asked_for_only_where_it_can_matter(store: VerbStore) -> None:
    assert (await known(store, fresh=False)).told == {}
    ticket = a_ticket()
    await open_ticket(store, ticket)
    query = HoldingQuery(may_be_held=True)
    reached = await store.facts(a_query(ticket_ids=(ticket.id,), desks=("support",), members=MEMBERS, holding=query))
    assert reached.holding.told == {LEE: 0, KIM: 0}


async def test_what_an_agent_drops_is_dropped_once_and_nothing_else_is(store: VerbStore) -> None:
    one, two = await hold(store, "one"), await hold(store, "two")
    await changed(store, Changes(discarded=(one,)))
    await changed(store, Changes(discarded=(one,), released=(one,)))
    states = {mail.id: mail.state for mail in await store.mails(None, limit=9)}
    assert states == {one: MailState.DROPPED, two: MailState.HELD}


async def test_who_was_told_and_alerted_within_the_hour(store: VerbStore) -> None:
    await changed(store, Changes(acks=tuple(AckNote(LEE, NOW - i * 1000, HELD) for i in range(5))))
    await changed(store, Changes(acks=(AckNote(LEE, NOW - 3599, ALERT), AckNote(KIM, NOW - 3601, ALERT))))
    found = await known(store, claimed=(LEE, KIM))
    assert (found.told, found.alerted) == ({LEE: 4, KIM: 0}, {LEE})
    assert (await store.facts(a_query(sender=LEE))).acks.to_address == ()


async def test_a_longer_list_takes_the_place_of_one_that_has_not_left(store: VerbStore) -> None:
    held = await hold(store, "one")
    mails = [an_outgoing(a_recipient(LEE, next_at=NOW + HOUR), purpose="held") for _ in range(3)]
    for mail in mails[:2]:
        await changed(store, Changes(outgoing=(mail,), hold_notices=(HoldNotice(LEE, "support", mail.id, NOW, (held, "x")),)))
    found = await known(store)
    assert found.collected == {(LEE, "support"): Collected(mails[1].id, NOW, NOW + HOUR, (held, "x"))}
    assert list(found.mails) == [held]
    queued = await store.queue(states=[DeliveryState.QUEUED], ticket_number=None, limit=9)
    assert [row.outgoing_id for row in queued] == [mails[1].id]
    taken = await store.claim_deliveries(worker="w", now=NOW + HOUR, limit=9, next_at=lambda _: NOW + 2 * HOUR)
    assert [delivery.outgoing_id for delivery in taken] == [mails[1].id]
    assert (await known(store)).collected == {}, "on its way"
    await changed(store, Changes(outgoing=(mails[2],), hold_notices=(HoldNotice(LEE, "support", mails[2].id, NOW + HOUR, ()),)))
    await store.record_attempts([an_attempt(taken[0].recipient_id)])
    assert {row.outgoing_id: row.state for row in await store.queue(states=[], ticket_number=None, limit=9)}.get(
        mails[1].id, DeliveryState.DELIVERED
    ) is DeliveryState.DELIVERED


async def test_only_automatic_mail_of_the_ticket_that_has_not_left_is_taken_back(store: VerbStore) -> None:
    ticket, other = a_ticket(), a_ticket()
    purposes = ("received", "reopened", "answer", "to-agent", "receipt", "held", "alert")
    mails = [
        an_outgoing(a_recipient(f"{purpose}@x.example", next_at=NOW + 60), ticket_id=ticket.id, purpose=purpose)
        for purpose in purposes
    ]
    left = an_outgoing(a_recipient("left@x.example"), ticket_id=ticket.id, purpose="received")
    await open_ticket(store, ticket, *mails, left)
    await open_ticket(store, other, an_outgoing(a_recipient("other@x.example"), ticket_id=other.id, purpose="received"))
    await store.claim_deliveries(worker="w", now=NOW, limit=1, next_at=lambda _: NOW + 300)
    await changed(store, Changes(silenced=(ticket.id,)))
    rows = await store.queue(states=[DeliveryState.DROPPED], ticket_number=None, limit=99)
    assert {row.address.partition("@")[0] for row in rows} - {"other", "left"} == {"received", "reopened"}


async def test_a_report_comes_back_with_the_attempt_once(store: VerbStore) -> None:
    recipient = a_recipient()
    await changed(store, Changes(outgoing=(an_outgoing(recipient, purpose="answer"),)))
    (taken,) = await store.claim_deliveries(worker="w", now=NOW, limit=9, next_at=lambda _: NOW + 60)
    assert taken.purpose == "answer"
    attempt = an_attempt(recipient.id, DeliveryState.FAILED, code=550)
    returned = accepted(mail_from=None, raw=b"Subject: undelivered\r\n\r\nx\r\n")
    for _ in range(2):
        await store.record_attempts([attempt], returned=[returned])
    (mail,) = await store.claim(worker="w", now=NOW, lease=60, limit=9)
    assert (mail.id, mail.raw, mail.envelope.mail_from) == (returned.envelope.mail_id, returned.raw, None)
