"""Contract: a person is found and erased on either database, in bites, and nothing that counts changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from smtpgate.blocks import Block, hashed
from smtpgate.clock import id_text
from smtpgate.errors import StoreError
from smtpgate.model import SAID_WITH, DeliveryState, EntryKind, MailState, Participant, Role, Status, Ticket
from smtpgate.person import ERASED, Request, State, What, is_pseudonym, new_pseudonym, redaction
from smtpgate.store import erasing, filework, packs, personal, requests, schema
from smtpgate.store.api import AckNote, Changes, Facts, FactsQuery, MessageRef, TicketUpdate
from smtpgate.store.eraser import LEASE, Eraser, forget_told
from smtpgate.store.postgres import PERSONAL
from smtpgate.store.statement import Verb
from smtpgate.store.verbs import VerbStore
from smtpgate.wish import NewWish
from tests.store.test_agents import changed, seen
from tests.store.test_files import DENSE, cool, files_in, with_files
from tests.support.everywhere import in_rows
from tests.support.store_data import NOW, a_query, a_recipient, a_ticket, accepted, an_attempt, an_entry, an_id, an_outgoing
from tests.support.store_steps import accept_one, claim_all, file_as, open_ticket, opening, queue_to

WANG, LI = "wang@example.org", "li@other.example"
WORDS = (WANG, "vogelzang", "王")


@dataclass
class Closed:
    """Open tickets are closed, and that is all."""

    closed: list[str]

    def query(self, ticket_id: int) -> FactsQuery:
        return a_query(ticket_ids=(ticket_id,))

    def decide(self, ticket: Ticket | None, facts: Facts) -> Changes:
        assert ticket is not None
        assert ticket.erased
        self.closed.append(ticket.number)
        return Changes(updates=(TicketUpdate(ticket.id, status=Status.CLOSED, updated_at=NOW),))


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_file_that_somebody_else_has_too_stays(
    store: VerbStore, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same octets, by whatever way: also when the other copy comes between the plan and its commit."""
    with_files(store, tmp_path)
    raw, loop, plan, times = DENSE, asyncio.get_running_loop(), packs.plan, 0
    mails = {who: accepted(mail_from=who, raw=raw) for who in (WANG, LI)}

    async def comes(who: str) -> None:
        await store.accept(replace(mails[who], verdict=replace(mails[who].verdict, author=who)))

    def planned(*args: Any) -> packs.Plan:
        nonlocal times
        times += 1
        made = plan(*args)
        if when == "meanwhile" and times == 1:
            asyncio.run_coroutine_threadsafe(comes(LI), loop).result()
        return made

    await comes(WANG)
    await claim_all(store)
    await file_as(store, mails[WANG].envelope.mail_id, Changes(state=MailState.FILED))
    if when == "before":
        await comes(LI)
    monkeypatch.setattr(packs, "plan", planned)
    eraser = an_eraser(store)
    assert await eraser.begin()
    await eraser.run()
    await eraser.finish(Changes())
    gone, kept = [await store.mail(mails[who].envelope.mail_id) for who in (WANG, LI)]
    assert gone is not None
    assert kept is not None
    assert (gone.raw, kept.raw, times) == (b"", raw, 1 + (when == "meanwhile"))
    assert len(files_in(tmp_path / "files")) == 1
    assert await store.verify(NOW + 9 * 86400) == []


async def test_a_mark_of_somebody_elses_entry_names_them_no_longer(store: VerbStore) -> None:
    _, _, alone = await filled(store)
    await changed(store, Changes(entries=(an_entry(alone.id, author=LI, text="Li's words", marks=(f"{SAID_WITH}{WANG}", "weak")),)))
    eraser = an_eraser(store)
    assert await eraser.begin()
    await eraser.run()
    record = await eraser.finish(Changes())
    entries = await store.entries([alone.id])
    assert [e.entry.marks for e in entries[alone.id]][-1] == (f"{SAID_WITH}{record.pseudonym}", "weak")
    assert {e.entry.text for e in entries[alone.id]} == {"Li's words"}


class CommitFails(Exception):
    pass


async def nobody_waits(_: float) -> None:
    pass


def an_eraser(store: VerbStore, worker: str = "w", person: str = WANG, at: float = NOW) -> Eraser:
    request = Request(an_id(), What.ERASE, State.CONFIRMED, person, new_pseudonym(), "root", at)
    return Eraser(store, request, worker, Closed([]), lambda: at, nobody_waits)


async def filled(store: VerbStore) -> tuple[Ticket, Ticket, Ticket]:
    """Wang's own ticket, one of Li's in which Wang takes part, one of Li's alone."""
    own = a_ticket(subject="vogelzang")
    both = (Participant(LI, "Li", Role.CUSTOMER), Participant("wang@EXAMPLE.org", "王", Role.JOINED))
    shared, alone = a_ticket(participants=both), a_ticket(participants=both[:1])
    letter = an_outgoing(a_recipient(), a_recipient(LI), ticket_id=own.id, data=b"Subject: vogelzang\r\n\r\nyes\r\n")
    refs = (MessageRef(letter.message_id, own.id, True), MessageRef("<vogelzang@example.org>", own.id, False))
    await open_ticket(store, own, letter, entries=(an_entry(own.id, text="vogelzang", details=()),), message_refs=refs)
    await store.claim_deliveries(worker="d", now=NOW, limit=9, next_at=lambda _: NOW)
    await store.record_attempts([an_attempt(r.id, reply=f"250 {WANG}") for r in letter.recipients])
    for ticket in (shared, alone):
        mail = accepted(mail_from=LI, raw=b"Subject: printer\r\n\r\nLi's words\r\n")
        await store.accept(replace(mail, verdict=replace(mail.verdict, author=LI)))
        mail_id = mail.envelope.mail_id
        await claim_all(store)
        entry = an_entry(ticket.id, mail_id=mail_id, author=LI, text="Li's words")
        await file_as(store, mail_id, opening(mail_id, ticket, entries=(entry,)))
    words = (
        an_entry(shared.id, text="vogelzang", author="Wang@example.org"),
        an_entry(shared.id, kind=EntryKind.NOTE, author="agent@desk.example", text=f"asked {WANG}, not a{WANG}"),
        an_entry(own.id, kind=EntryKind.REPLY, author="agent@desk.example", text="dear vogelzang"),
    )
    wishes, block = (NewWish(WANG, NOW, fewer=True),), Block(WANG, "sales", NOW, "agent@desk.example", "vogelzang")
    acks = (AckNote(WANG, NOW, "received"),)
    await changed(store, Changes(entries=words, wishes=wishes, blocked=(block,), acks=acks))
    return own, shared, alone


async def test_what_is_theirs_goes_and_what_counts_stays(store: VerbStore) -> None:
    own, shared, alone = await filled(store)
    before = await store.counts()
    found = await personal.trail(store, WANG)
    assert (set(found.own), set(found.shared), len(found.mails)) == ({own.id}, {shared.id}, 1)
    eraser = an_eraser(store)
    assert await eraser.begin()
    counts = await eraser.run()
    record = await eraser.finish(Changes())
    words = [one for one in await in_rows(store, WORDS) if f"a{WANG}" not in one]
    assert [one.partition(" of ")[0] for one in words if not one.startswith("entry.text")] == []
    assert (record.state, record.address, counts["tickets"], counts["entries"]) == (State.DONE, "", 1, 3)
    after = await store.counts()
    moved = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert moved == {"ticket.received": -1, "ticket.open": -1, "ticket.closed": 1}
    mine, theirs, untouched = [await seen(store, one) for one in (own, shared, alone)]
    assert (mine.subject, mine.status, mine.erased, mine.number) == (ERASED, Status.CLOSED, True, own.number)
    assert (theirs.customer, theirs.erased) == (shared.customer, False)
    assert [(p.role, is_pseudonym(p.address), p.name) for p in theirs.participants[1:]] == [(Role.CC, True, "")]
    assert untouched == alone
    entries = await store.entries([shared.id])
    said = [one.entry.text for one in entries[shared.id]]
    assert said == ["Li's words", ERASED, f"asked {record.pseudonym}, not a{WANG}"]
    assert [(b.who, b.desk, b.reason) for b in await store.blocks(None)] == [(hashed(WANG), "sales", ERASED)]
    assert (await store.facts(a_query(sender=WANG))).blocks
    assert await store.verify(NOW) == []
    assert (await personal.trail(store, WANG)).nothing


async def test_one_at_a_time_and_whoever_died_is_taken_over_from(store: VerbStore) -> None:
    await filled(store)
    first, second = an_eraser(store), an_eraser(store, "w2", LI)
    assert await first.begin()
    assert not await second.begin()
    assert await an_eraser(store, "w2", LI, NOW + LEASE + 1).begin()
    await first.give_up()
    (left,) = await store._read(lambda: requests.of_person("Wang@Example.org"))
    assert (left.state, left.id, left.pseudonym) == (State.RUNNING, first.request.id, first.request.pseudonym)


async def test_who_stood_still_and_was_followed_undoes_nothing_of_what_the_other_one_did(store: VerbStore) -> None:
    await filled(store)
    slow = an_eraser(store)
    assert await slow.begin()
    other = replace(an_eraser(store, "w2", at=NOW + LEASE + 1), request=slow.request)
    assert await other.begin()
    with pytest.raises(StoreError, match="another one has taken this up"):
        await slow.run()  # its counts would be the record's
    await slow.give_up()
    assert not await an_eraser(store, "w3", LI, NOW + LEASE + 1).begin()  # the other one still has it
    await other.run()
    await other.finish(Changes())
    with pytest.raises(StoreError, match="another one has taken this up"):
        await slow.finish(Changes(outgoing=(an_outgoing(a_recipient()),)))
    assert [row.purpose for row in await store.queue(states=(), ticket_number=None, limit=9) if row.ticket_number is None] == []
    await slow.give_up()
    await store._write(lambda: requests.put_off(slow.request.id, "w", NOW))
    late = an_eraser(store, "w4", at=NOW + 9 * LEASE)
    late.request = replace(slow.request, state=State.CONFIRMED)  # as somebody read it before
    assert not await late.begin()
    kept = await store._read(lambda: requests.by_id(slow.request.id))
    assert kept is not None
    assert (kept.state, kept.address, kept.at) == (State.DONE, "", None)


async def test_the_record_of_a_copy_that_has_not_left_names_nobody_either(store: VerbStore) -> None:
    await filled(store)
    mail = await queue_to(store, a_recipient(WANG), purpose="privacy")
    told = Request(an_id(), What.EXPORT, State.TELLING, WANG, new_pseudonym(), "root", NOW, NOW, NOW, outgoing_id=mail.id)
    died = replace(told, id=an_id(), state=State.RUNNING, outgoing_id=None)
    for one in (told, died):
        await store._write(lambda one=one: requests.kept(one))  # type: ignore[misc]
    eraser = an_eraser(store)
    assert await eraser.begin()
    await eraser.run()
    await eraser.finish(Changes())
    assert not await forget_told(store, told)  # by who read it just before
    left = await store._read(lambda: requests.listed((), 9))
    assert {(one.what, one.state, one.address, one.at) for one in left} == {
        (What.ERASE, State.DONE, "", None),
        (What.EXPORT, State.DONE, "", None),
        (What.EXPORT, State.LAPSED, "", None),
    }


async def test_a_list_that_names_a_longer_number_is_somebody_elses(store: VerbStore) -> None:
    own, *_ = await filled(store)
    texts = (
        f"- {own.number}7 late",
        f"- 7{own.number}",
        f"\u5de5\u5355{own.number}\u5df2",
        f"[#{own.number}]",
        f"{own.number}5 {own.number}",
    )
    lists = [
        await queue_to(store, a_recipient("agent@desk.example"), purpose="digest", data=f"Subject: x\r\n\r\n{text}\r\n".encode())
        for text in texts
    ]
    found = await personal.trail(store, WANG)
    assert [one.id in found.outgoing for one in lists] == [False, False, True, True, True]


async def test_a_list_that_came_back_goes_before_what_leads_to_it(store: VerbStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(store)
    mails = []
    for who in (WANG, LI):
        sent = await queue_to(store, a_recipient("agent@desk.example"), purpose="digest", data=f"\r\n{who}\r\n".encode())
        back = accepted(mail_from=None, raw=b"Subject: back\r\n\r\nvogelzang\r\n")
        await store.accept(replace(back, verdict=replace(back.verdict, author="")))
        mails.append(back.envelope.mail_id)
        await claim_all(store)
        about = {"outgoing": id_text(sent.id), "cause": None, "to": "agent@desk.example"}
        await file_as(store, mails[-1], Changes(state=MailState.FILED, decision=json.dumps({"outcome": "bounce", "about": about})))

    def dying(*_: Any) -> Verb[int]:
        raise CommitFails
        yield

    eraser = an_eraser(store)
    assert await eraser.begin()
    with monkeypatch.context() as patched:
        patched.setattr(erasing, "_about_the_person", dying)  # the letters have gone by then
        with pytest.raises(CommitFails):
            await eraser.run()
    await eraser.run()
    await eraser.finish(Changes())
    found = [await store.mail(one) for one in mails]
    assert [mail.raw == b"" for mail in found if mail is not None] == [True, False]


@pytest.mark.parametrize("which", ["own", "own and closed", "shared", "a list"])
async def test_what_another_node_says_of_a_ticket_meanwhile_goes_too(store: VerbStore, which: str) -> None:
    """An alarm, an agent's note, a digest: made when all had been looked at and before the ticket was theirs no more."""
    own, shared, _ = await filled(store)
    if which == "own and closed":
        await changed(store, Changes(updates=(TicketUpdate(own.id, status=Status.CLOSED, updated_at=NOW),)))
    words: list[Changes] = []
    if which == "a list":
        text = f"Subject: x\r\n\r\n{own.number} vogelzang\r\n".encode()
        words.append(Changes(outgoing=(an_outgoing(a_recipient("agent@desk.example"), data=text, purpose="digest"),)))
    else:
        ticket, text = shared if which == "shared" else own, b"Subject: due soon\r\n\r\nwang@example.org: vogelzang\r\n"
        mail = an_outgoing(a_recipient("agent@desk.example"), ticket_id=ticket.id, data=text, purpose="to-agent")
        note = an_entry(ticket.id, kind=EntryKind.NOTE, author="agent@desk.example", text="asked vogelzang")
        words.append(Changes(outgoing=(mail,), entries=(note,) if ticket is own else ()))

    async def meanwhile(_: float) -> None:
        if words:
            await changed(store, words.pop())

    eraser = an_eraser(store)
    eraser.sleep = meanwhile
    assert await eraser.begin()
    await eraser.run()
    await eraser.finish(Changes())
    assert words == []
    found = [one for one in await in_rows(store, ("vogelzang", f"{WANG}:")) if f"a{WANG}" not in one]
    assert found == []


@pytest.mark.parametrize(
    ("place", "pid", "at_once"),
    [("", 4_194_304, True), ("", os.getpid(), False), ("another", 4_194_304, False)],
    ids=["died here", "works here", "may work elsewhere"],
)
async def test_what_was_begun_by_who_has_died_here_is_due_at_once(store: VerbStore, place: str, pid: int, at_once: bool) -> None:
    """No process has an id of 2^22 (proc(5), pid_max)."""
    mine = requests.new_worker().rsplit(" ", 2)[0]
    eraser = an_eraser(store, f"{place or mine} {pid} 0a0a0a0a")
    assert await eraser.begin(LEASE)
    found = await store._read(lambda: requests.next_due(NOW + 1))
    assert (found is not None) is at_once
    assert (await store._read(lambda: requests.next_due(NOW + LEASE))) is not None
    await eraser.give_up()
    assert (await store._read(lambda: requests.next_due(NOW))) is not None, "stopped in order: whoever is next goes on"


async def test_the_mail_that_says_so_is_the_last_that_goes(store: VerbStore) -> None:
    await filled(store)
    eraser = an_eraser(store)
    assert await eraser.begin()
    await eraser.run()
    letter = an_outgoing(a_recipient(), data=f"To: {WANG}\r\n\r\nvogelzang\r\n".encode(), purpose="privacy")
    record = await eraser.finish(Changes(outgoing=(letter,)))
    assert (record.state, record.outgoing_id) == (State.TELLING, letter.id)
    assert (await personal.trail(store, WANG)).nothing
    assert not await forget_told(store, record)
    (delivery,) = await store.claim_deliveries(worker="d", now=NOW, limit=9, next_at=lambda _: NOW + 9)
    assert delivery.data == letter.data
    assert not await forget_told(store, record)
    await store.record_attempts([an_attempt(delivery.recipient_id, reply=f"250 {WANG}")])
    assert await forget_told(store, record)
    assert [one for one in await in_rows(store, WORDS) if f"a{WANG}" not in one and not one.startswith("entry.text")] == []
    (kept,) = await store._read(lambda: requests.listed((State.DONE,), 9))
    assert (kept.address, kept.counts["tickets"], (await store.queue(states=(), ticket_number=None, limit=1))[0].state) == (
        "",
        1,
        DeliveryState.DELIVERED,
    )


async def test_mail_that_nobody_files_any_more_goes_unfiled(store: VerbStore) -> None:
    mail_id = await accept_one(store, raw=b"Subject: vogelzang\r\n\r\nx\r\n")
    held = await accept_one(store)
    await claim_all(store)
    await file_as(
        store, held, Changes(state=MailState.HELD, reason=f"from {WANG}", decision=json.dumps({"hold": {"author": WANG}}))
    )
    await store.release_leases("w1")
    eraser = an_eraser(store)
    assert await eraser.begin()
    await eraser.run()
    await eraser.finish(Changes())
    for one in (mail_id, held):
        mail = await store.mail(one)
        assert mail is not None
        assert (mail.state, mail.raw, mail.reason) == (MailState.DROPPED, b"", ERASED)
    assert await in_rows(store, WORDS) == []


async def test_what_waits_to_be_sent_to_somebody_else_about_it_is_dropped(store: VerbStore) -> None:
    own = a_ticket()
    await open_ticket(store, own)
    mail = await queue_to(store, a_recipient("agent@desk.example"), ticket_id=own.id, purpose="to-agent")
    eraser = an_eraser(store)
    assert await eraser.begin()
    await eraser.run()
    await eraser.finish(Changes())
    (status,) = await store.queue(states=(), ticket_number=own.number, limit=9)
    assert (status.outgoing_id, status.address, status.state) == (mail.id, "agent@desk.example", DeliveryState.DROPPED)
    assert "erased" in status.last_reply
    assert await store.settle_recipients([status.recipient_id], to=DeliveryState.QUEUED, now=NOW) == 0


async def test_mail_that_was_just_being_moved_to_the_cold_store_is_in_no_file(store: VerbStore, tmp_path: Path) -> None:
    with_files(store, tmp_path)
    for who in (LI, WANG, LI):
        mail = accepted(mail_from=who, raw=f"Subject: x\r\n\r\n{who} and vogelzang{'s' * (who == LI)}\r\n".encode())
        await store.accept(replace(mail, verdict=replace(mail.verdict, author=who)))
    report, answer, eraser = filework.Report(), None, an_eraser(store)
    work = filework.cool(store.files, NOW + 1, report, lambda: 1)
    named = False
    with contextlib.suppress(StopIteration):
        while True:
            bite = work.send(answer)
            answer = await (store._write(bite.make) if bite.rows else store._read(bite.make))
            if not named and bite.rows and answer == 1:  # the first of three is named in the new file
                named = True
                assert await eraser.begin()
                await eraser.run()
                await eraser.finish(Changes())
    assert report.wrong == ["a person was erased meanwhile: what was left is for the next time"]
    (pack,) = files_in(tmp_path / "cold")
    assert pack.read_bytes().count(b"vogelzang") == pack.read_bytes().count(LI.encode()) == 1
    assert await store.verify(NOW + 9 * 86400) == []
    assert (await cool(store, NOW + 1)).wrong == []
    assert await in_rows(store, (WANG,)) == []
    assert not any(WANG.encode() in path.read_bytes() for path in files_in(tmp_path / "cold"))


@pytest.mark.parametrize("dies", ["before its commit", "after its commit"])
async def test_whatever_dies_while_a_file_is_written_anew_others_keep_their_mail(
    store: VerbStore, tmp_path: Path, dies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_files(store, tmp_path)
    for who in (LI, WANG, LI):
        mail = accepted(mail_from=who, raw=f"Subject: x\r\n\r\n{who} {an_id()}\r\n".encode())
        await store.accept(replace(mail, verdict=replace(mail.verdict, author=who)))
    await cool(store, NOW + 1)
    (pack,) = files_in(tmp_path / "cold")
    assert pack.read_bytes().count(WANG.encode()) == 1
    whole, times = packs.replaced if dies == "before its commit" else packs.removed, 0

    def dying(*args: Any) -> Verb[Any]:
        nonlocal times
        times += 1
        if dies == "before its commit":
            yield from whole(*args)
        raise CommitFails

    eraser = an_eraser(store)
    assert await eraser.begin()
    with monkeypatch.context() as patched:
        patched.setattr(packs, whole.__name__, dying)
        with pytest.raises(CommitFails):
            await eraser.run()
    await eraser.give_up()
    assert times == 1
    mails = [await store.mail(row.id) for row in await store.mails(None, limit=9)]
    assert [mail.fault for mail in mails if mail is not None and mail.envelope.mail_from == LI] == [None, None]
    again = an_eraser(store, "again")
    assert await again.begin()
    await again.run()
    await again.finish(Changes())
    (pack,) = files_in(tmp_path / "cold")
    assert pack.read_bytes().count(WANG.encode()) == 0
    assert pack.read_bytes().count(LI.encode()) == 2
    assert await store.verify(NOW + 9 * 86400) == []


def test_an_address_is_replaced_where_it_stands_alone() -> None:
    put = redaction("a.b@x.example", "P")
    for text, made in (
        ("a.b@x.example", "P"),
        ("+A.B@X.Example.", "+P."),
        ("<a.b@x.example>, -a.b@x.example", "<P>, -P"),
        ("ca.b@x.example", "ca.b@x.example"),
        ("c.a.b@x.example", "c.a.b@x.example"),
        ("a.b@x.example.org", "a.b@x.example.org"),
        ("a.b@x.example-1", "a.b@x.example-1"),
        ("\u5df2\u95ee\u8fc7a.b@x.example\u5427", "\u5df2\u95ee\u8fc7P\u5427"),  # Chinese has no spaces
        ("a.b@x.example\uc73c\ub85c", "P\uc73c\ub85c"),
        ("\u00e9a.b@x.example", "\u00e9a.b@x.example"),
        ("a.b@x.example\u00e9", "a.b@x.example\u00e9"),
    ):
        assert put(text) == made, text
    for person, others in (("\u674e@x.example", "\u5c0f\u674e@x.example"), ("a@x.\u4e2d\u56fd", "a@x.\u4e2d\u56fd\u4eba")):
        assert redaction(person, "P")(f"{person} {others}") == f"P {others}"
    for person in ("\u674e@x.example", "jos\u00e9@x.example", "\U0001f600@x.example", "o'b@x.example"):
        assert redaction(person, "P")(json.dumps({"to": person})) == '{"to": "P"}', person
        assert redaction(person, "P")(json.dumps({"to": person}, ensure_ascii=False)) == '{"to": "P"}', person


# Every column that may hold words. Those of a person are erased, replaced or removed with their row; the others say nothing of one.
THEIRS = {
    "incoming": "mail_from peer helo verdict sha256 message_id reason decision",
    "incoming_raw": "trace body file",
    "raw_file": "sha256",
    "imported": "source",
    "ticket": "subject",
    "participant": "address_key address name",
    "wish": "address_key language",
    "entry": "author text message_id marks attachments details",
    "message_ref": "message_id",
    "unseen_ref": "message_id",
    "subject_ref": "key",
    "fingerprint": "key mail_id",
    "outgoing_raw": "data",
    "recipient": "address domain last_reply",
    "attempt": "reply remote",
    "acknowledgement": "address purpose",
    "block": "who reason",
    "bulletin_person": "address_key",
    "privacy": "address pseudonym",
    "merge_state": "before after by_whom",
    "merge_moved": "kind name",
}
NOBODYS = {
    "meta": "key value",
    "incoming": "id state rcpts protocol tls leased_by",
    "raw_file": "place",
    "imported": "key mail_id",
    "ticket": "number desk status language other_desks assignee priority tags",
    "participant": "role",
    "serial": "day channel",
    "entry": "kind mail_id evidence rung",
    "outgoing": "message_id purpose cause",
    "recipient": "return_path state claimed_by",
    "attempt": "state tls",
    "pause": "destination reason",
    "greylist": "key",
    "node": "name version doing",
    "link": "kind by_whom",
    "due": "what state",
    "member": "agent digested",
    "block": "desk by_whom",
    "held_for": "mail_id",
    "hold_notice": "address desk mails",
    "bulletin": "tag matter texts author desk run",
    "target": "desk kept",
    "target_met": "target desk",
    "privacy": "what state by_whom desk language counts worker",
    "worked": "desk agent",
    "alarm_held": "address",
    "guess": "key worker",  # the key is a hash, gone with its hour
}


def test_of_every_column_it_is_known_whether_it_may_hold_a_persons_words() -> None:
    """Who adds one decides: it is erased (store.erasing, and a story in tests/filing/test_erasure.py), or says nothing of them."""
    words = {(t.name, c) for t in schema.tables() for c, kind in zip(t.columns, t.types, strict=True) if kind in ("TEXT", "BLOB")}
    assert set(PERSONAL) == THEIRS.keys()  # which a database has to vacuum
    assert words == {(table, c) for some in (THEIRS, NOBODYS) for table, columns in some.items() for c in columns.split()}
