"""A person is erased: nothing of theirs is left anywhere, everything of others is, and the desk goes on."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from smtpgate import actions, erasure, personexport
from smtpgate.blocks import Block
from smtpgate.errors import StoreError
from smtpgate.model import Attempt, DeliveryState, EntryKind, Evidence, MailState, OutgoingMail, Status
from smtpgate.person import ERASED, State, is_pseudonym
from smtpgate.store import erasing, filework, personal, requests
from smtpgate.store.api import Changes
from smtpgate.store.eraser import LEASE, Eraser
from tests.filing.test_agent import AGENTS, DESKS, KIM, LEE, Colleague, read, sent_to, text_of, to
from tests.filing.test_words import say
from tests.support.everywhere import in_files, in_rows
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

WENDY = "wendy.canary@person.example"
BOSS = "boss@person.example"  # a colleague of hers
NAME = "Wendy Canaryson"
WORDS = (WENDY, "Canaryson", "kanarie", "geheimwoord", "vogeltje", "person-host.example", "canaryfile", "nestwoord", "eierwoord")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    (tmp_path / "cold").mkdir()
    async with helpdesk(tmp_path, desk=DESKS, agent=AGENTS) as desk:
        desk.store.files.larger = 64 * 1024
        desk.store.files.cold = tmp_path / "cold"
        yield desk


@dataclass
class Told:
    """Tickets of a story."""

    own: Filed
    closed: Filed
    shared: Filed
    others: Filed


def hers(subject: str, body: str, **how: Any) -> bytes:
    return mail(subject, body, sender=f"{NAME} <{WENDY}>", **how)


def with_file(size: int) -> bytes:
    head = f"From: {NAME} <{WENDY}>\r\nTo: {DESK}\r\nSubject: kanarie big\r\nMessage-ID: <big{size}@person-host.example>\r\n"
    data = base64.encodebytes(b"geheimwoord" + bytes(range(256)) * (size // 256)).replace(b"\n", b"\r\n")
    parts = (
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nvogeltje\r\n"
        '--b\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename="canaryfile.zip"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return (head + parts).encode() + data + b"--b--\r\n"


async def story(desk: Helpdesk) -> Told:
    """Everything that the gateway can know of a person."""
    own = await desk.post(hers("kanarie sings", "geheimwoord, please help.", headers=(f"Cc: {BOSS}",)), sender=WENDY)
    told = to(own, LEE, "to-agent")
    desk.clock.advance(60)
    await Colleague(desk).answer(told, f"#cc {BOSS}\nDear vogeltje, look at the cage.")
    await Colleague(desk).answer(told, "#note nestwoord is what I think")
    await Colleague(desk).answer(told, "#show")
    desk.clock.advance(60)
    reply = mail(f"Re: [#{own.number}] kanarie sings", "I am eierwoord the boss.", sender=BOSS)
    await desk.post(reply.replace(b"eierwoord", b"really"), sender=BOSS)
    closed = await desk.post(with_file(200_000), sender=WENDY)
    await say(desk, closed, "close", person=WENDY, given_to=WENDY)
    await say(desk, own, "fewer notices", person=WENDY, given_to=WENDY)
    shared = await desk.post(mail("Our printer", headers=(f"Cc: {NAME} <{WENDY}>",)))
    await Colleague(desk).answer(to(shared, LEE, "to-agent"), f"#cc {WENDY}\nHello both.")
    desk.clock.advance(60)
    await desk.post(hers(f"Re: [#{shared.number}] Our printer", "geheimwoord about that printer"), sender=WENDY)
    await desk.post(mail(f"Re: [#{shared.number}] Our printer", "It still burns."))
    await desk.post(hers("kanarie unproved", "eierwoord"), sender=WENDY, evidence=Evidence.FAIL)
    await desk.post(hers(f"Re: [#{own.number}] x", "eierwoord held"), sender=WENDY, evidence=Evidence.NONE)
    await desk.post(mail("#list", "#list", sender=LEE), sender=LEE)
    await desk.post(hers("kanarie sings", "geheimwoord, please help.", message_id="<again@person-host.example>"), sender=WENDY)
    second = await desk.post(hers("kanarie second", "vogeltje too"), sender=WENDY)
    await actions.merge(desk.pipeline, desk.store, number=str(second.number), into=str(own.number), author=LEE, quiet=False)
    block = Block(WENDY, "sales", desk.clock.now(), LEE, f"{WENDY} writes daily")
    await desk.store.change(ticket_number=None, query=None, decide=lambda _t, _f: Changes(blocked=(block,)))
    others = await desk.post(mail("Mine alone", "A matter of my own.", sender=BOSS), sender=BOSS)
    return Told(own, closed, shared, others)


async def erase(desk: Helpdesk, person: str = WENDY, **how: Any) -> Any:
    return await erasure.erase(desk.pipeline, desk.store, person, by="root", worker=how.pop("worker", "w"), **how)


def came_back(letter: OutgoingMail) -> bytes:
    """A mail server's report of it, with all that it said."""
    text = (
        f"From: MAILER-DAEMON@mx.corp.example\r\nTo: {DESK}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        f"Message-ID: <{letter.id}@mx.corp.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\n"
        "failed\r\n--q\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.corp.example\r\n\r\n"
        f"Final-Recipient: rfc822; {letter.recipients[0].address}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        "--q\r\nContent-Type: message/rfc822\r\n\r\n"
    )
    return text.encode() + letter.data + b"\r\n--q--\r\n"


async def returned(desk: Helpdesk, letter: OutgoingMail) -> Filed:
    path = str(letter.recipients[0].return_path)
    return await desk.post(came_back(letter), sender="MAILER-DAEMON@mx.corp.example", mail_from=None, rcpts=(path,))


OTHERS_STAY = {"incoming_raw.body: kanarie", "incoming_raw.body: wendy.canary@person.example", "incoming_raw.body: canaryson"}


async def left(desk: Helpdesk) -> set[str]:
    """What is still found in rows."""
    return {f"{place.partition(' of ')[0]}: {place.rpartition(': ')[2]}" for place in await in_rows(desk.store, WORDS)}


async def whoever_writes_afterwards_opens_a_new_ticket(desk: Helpdesk, told: Told) -> None:
    ours = to(told.own, WENDY, "received").message_id
    ticket = (await desk.ticket(told.own.number)).ticket
    for who in (WENDY, BOSS):
        where = desk.reply_address(ticket, who)
        for raw, rcpt in (
            (mail(f"Re: [#{told.own.number}] kanarie", "again", sender=who), DESK),
            (mail("Re: kanarie", "again and again", sender=who), where),
            (mail("Re: kanarie", "and again", sender=who, headers=(f"In-Reply-To: {ours}",)), DESK),
            (mail("Re: kanarie", "more", sender=who, headers=(f"References: {told.own.mail.message_id}",)), DESK),
        ):
            filed = await desk.post(raw, sender=who, rcpts=(rcpt,))
            assert (filed.outcome, filed.number != told.own.number) == ("new", True)
    await desk.post(mail("blocked", "x", sender=WENDY, to="sales@help.example"), sender=WENDY, rcpts=("sales@help.example",))
    (block,) = await desk.store.blocks(None)
    held = await desk.store.mails(MailState.HELD, limit=9)
    assert (block.who[:7], [one.reason[:8] for one in held]) == ("sha256:", ["blocked:"])  # as it was before
    assert await desk.store.verify(desk.clock.now()) == []


async def test_nothing_of_the_person_is_left_and_everything_of_others_is(desk: Helpdesk, tmp_path: Path) -> None:
    told = await story(desk)
    before, numbers = await desk.store.counts(), [t.number for t in await desk.tickets()]
    found = await personal.trail(desk.store, WENDY)
    assert len(await left(desk)) > 30
    assert in_files(tmp_path, ("geheimwoord", "vogeltje", "nestwoord"))
    record, longest = await erase(desk)
    assert await left(desk) == OTHERS_STAY  # her name in Cc of Alice's mail, her subject in the answer of her colleague
    assert in_files(tmp_path, (w for w in WORDS if w not in ("kanarie", "Canaryson", WENDY))) == []
    assert (record.state, record.address, record.by, is_pseudonym(record.pseudonym)) == (State.DONE, "", "root", True)
    assert record.counts["tickets"] == len(found.own) == 3
    assert record.counts["mails received"] == len(found.mails) == 13
    assert longest < 1
    assert await desk.store.verify(desk.clock.now()) == []
    after = await desk.store.counts()
    assert [t.number for t in await desk.tickets()] == numbers
    for what in ("mail.", "delivery."):
        assert sum(v for k, v in after.items() if k.startswith(what)) == sum(v for k, v in before.items() if k.startswith(what)) + (
            what == "delivery."  # its agent hears that the ticket is closed
        )
    own, shared, others = [await desk.ticket(one.number) for one in (told.own, told.shared, told.others)]
    assert (own.ticket.status, own.ticket.subject, own.ticket.erased) == (Status.CLOSED, ERASED, True)
    assert "I am really the boss." in [e.text.strip() for e in own.entries]
    assert {e.text.strip() for e in shared.entries if e.kind is EntryKind.CUSTOMER} == {"It burns.", "It still burns.", ERASED}
    assert "Hello both." in [e.text.strip() for e in shared.entries]
    assert shared.ticket.customer is not None
    assert shared.ticket.customer.address == CUSTOMER
    assert [p.address for p in shared.ticket.participants][1:] == [record.pseudonym]
    assert others.entries[0].text == "A matter of my own."
    await whoever_writes_afterwards_opens_a_new_ticket(desk, told)


async def test_the_agents_of_an_open_ticket_hear_why_it_is_closed(desk: Helpdesk) -> None:
    first = await desk.post(hers("kanarie sings", "geheimwoord"), sender=WENDY)
    await erase(desk)
    letter = next(m for m in await desk.outgoing() if m.data.startswith(b"From") and m.recipients[0].address == LEE)
    assert read(letter)["Subject"] == f"[#{first.number}] {ERASED}"
    assert "data were erased on request" in text_of(letter)
    answer = await Colleague(desk).answer(letter, "Dear customer, good bye.")
    assert answer.outcome == "refused"
    assert "customer" in text_of(to(answer, LEE, "receipt"))
    assert sent_to(answer) == [("receipt", LEE)]


async def test_a_late_bounce_opens_nothing_again(desk: Helpdesk) -> None:
    first = await desk.post(hers("kanarie sings", "geheimwoord"), sender=WENDY)
    path = to(first, WENDY, "received").recipients[0].return_path
    await erase(desk)
    report = mail("Undelivered Mail", "550 no such user", sender="MAILER-DAEMON@mx.person.example")
    filed = await desk.post(report, sender="MAILER-DAEMON@mx.person.example", mail_from=None, rcpts=(str(path),))
    assert (filed.outcome, filed.number, filed.sent) == ("bounce", None, ())
    assert (await desk.ticket(first.number)).ticket.status is Status.CLOSED
    assert await desk.store.verify(desk.clock.now()) == []


async def test_what_came_back_and_what_a_machine_of_theirs_began_goes_too(desk: Helpdesk) -> None:
    shared = await desk.post(mail("Our printer"))
    answered = await Colleague(desk).answer(to(shared, LEE, "to-agent"), f"#cc {WENDY}\nHello both.")
    hers_too = await desk.post(hers(f"Re: [#{shared.number}] Our printer", "geheimwoord about that printer"), sender=WENDY)
    unproved = await desk.post(hers("kanarie unproved", "eierwoord"), sender=WENDY, evidence=Evidence.FAIL)
    listed = await desk.post(mail("#find", "#show " + str(shared.number), sender=LEE), sender=LEE)
    kept = await returned(desk, to(answered, CUSTOMER, "answer"))
    gone = [to(answered, WENDY, "answer"), to(answered, LEE, "receipt"), *hers_too.sent, *unproved.sent, *listed.sent]
    back = [await returned(desk, letter) for letter in gone]
    assert {one.outcome for one in (kept, *back)} == {"bounce"}
    away = hers("Auto: kanarie is away", "vogeltje", headers=("Auto-Submitted: auto-replied",))
    begun = await desk.post(away, sender=WENDY)
    assert (await desk.ticket(begun.number)).ticket.customer is None
    await erase(desk)
    assert await left(desk) == set()
    still = await desk.store.mail(kept.mail.id)
    assert still is not None
    assert b"Hello both." in still.raw
    assert (await desk.ticket(begun.number)).ticket.subject == ERASED
    assert await desk.store.verify(desk.clock.now()) == []


async def test_what_shows_something_beside_other_tickets_goes(desk: Helpdesk) -> None:
    """Receipts about anybody's ticket, lists of the one who came in their place, agents' commands with our mail quoted below."""
    first = await desk.post(hers("kanarie sings", "geheimwoord"), sender=WENDY)
    second = await desk.post(hers("kanarie again", "vogeltje"), sender=WENDY)
    others = await desk.post(mail("Our printer"))
    told, about = to(first, LEE, "to-agent"), to(others, LEE, "to-agent")
    desk.clock.advance(60)
    await Colleague(desk).answer(about, f"#merge {first.number}")  # refused: of two customers
    await Colleague(desk).answer(about, f"#customer {WENDY}\n#nonsense")
    await Colleague(desk).answer(told, f"#customer {BOSS}\n#reply\nDear boss, hello.")
    desk.clock.advance(60)
    held = await Colleague(desk, KIM).answer(to(first, KIM, "to-agent"), "Dear customer, hello.")
    show = mail("Re: kanarie", f"#show\n\n> {text_of(told)}".replace("\n", "\n> "), sender=LEE, message_id="<show@corp.example>")
    where = (str(read(told)["Reply-To"].addresses[0].addr_spec),)
    shown = [await desk.post(show, sender=LEE, rcpts=where) for _ in range(2)]
    assert ([one.outcome for one in shown], held.outcome) == (["done", "repeat"], "held")
    more = await desk.post(mail("Another matter", "My words.", sender=BOSS), sender=BOSS)
    assert "kanarie" in text_of(to(more, LEE, "to-agent"))  # among other tickets of this person
    desk.clock.advance(60)
    quoted = "\n".join(f"> {line}" for line in text_of(to(second, LEE, "to-agent")).splitlines())
    twice = mail("Re: kanarie", f"#spent 10m\n\n{quoted}", sender=LEE, message_id="<twice@corp.example>")
    of_second = (str(read(to(second, LEE, "to-agent"))["Reply-To"].addresses[0].addr_spec),)
    assert [(await desk.post(twice, sender=LEE, rcpts=of_second)).outcome for _ in range(2)] == ["done", "repeat"]
    await erase(desk)
    assert await left(desk) == set()
    ticket = (await desk.ticket(first.number)).ticket
    assert ticket.customer is not None
    assert (ticket.customer.address, ticket.subject, ticket.status) == (BOSS, ERASED, Status.PROGRESS)
    assert "Dear boss, hello." in [e.text.strip() for e in (await desk.ticket(first.number)).entries]
    assert (await desk.ticket(others.number)).ticket.subject == "Our printer"
    kept = await desk.store.mail(more.mail.id)
    assert kept is not None
    assert b"My words." in kept.raw
    assert await desk.store.verify(desk.clock.now()) == []


async def test_what_somebody_made_us_write_as_an_agent_is_the_customers(desk: Helpdesk) -> None:
    first = await desk.post(mail("Our printer"))
    told = to(first, LEE, "to-agent")
    done = [await Colleague(desk).answer(told, text) for text in ("Hello Alice.", "#resolved", "#note inside")]
    written = [to(done[0], CUSTOMER, "answer"), to(done[1], CUSTOMER, "resolved")]
    await erase(desk, LEE)  # who is no agent any more
    for letter in written:
        kept = await desk.store.outgoing(letter.id)
        assert kept is not None
        assert (kept.mail.data, kept.recipients[0].state) == (letter.data, DeliveryState.QUEUED)
    said = [(e.kind, e.text) for e in (await desk.ticket(first.number)).entries if not e.author.endswith("customer.example")]
    assert (EntryKind.REPLY, "Hello Alice.") in said
    assert (EntryKind.NOTE, "inside") in said
    places = {place.partition(" of ")[0] for place in await in_rows(desk.store, (LEE,))}
    assert places == {"ticket.assignee", "member.agent"} & places  # what the docs say that stays of an agent


async def test_one_that_is_killed_anywhere_goes_on_and_comes_to_the_same(desk: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in ("_MAILS", "_ENTRIES", "_LETTERS"):
        monkeypatch.setattr(erasing, size, 1)
    own = await desk.post(hers("kanarie sings", "geheimwoord, please help."), sender=WENDY)
    await Colleague(desk).answer(to(own, LEE, "to-agent"), "Dear vogeltje, look at the cage.")
    shared = await desk.post(mail("Our printer", headers=(f"Cc: {NAME} <{WENDY}>",)))
    more = await desk.post(hers(f"Re: [#{shared.number}] Our printer", "geheimwoord about that printer"), sender=WENDY)
    await returned(desk, to(more, LEE, "to-agent"))
    handed = await desk.post(hers("kanarie third", "vogeltje too"), sender=WENDY)
    await Colleague(desk).answer(to(handed, LEE, "to-agent"), f"#customer {BOSS}")
    await desk.post(hers("Auto: kanarie", "vogeltje", headers=("Auto-Submitted: auto-replied",)), sender=WENDY)
    found = await personal.trail(desk.store, WENDY)
    write, steps, lives = desk.store._write, 0, 0

    class Killed(BaseException):
        pass

    async def dying(make: Any, *args: Any, **how: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps > 5:
            raise Killed
        return await write(make, *args, **how)

    record = None
    while record is None:
        steps = 0
        desk.store._write = dying  # type: ignore[method-assign]
        try:
            record, _ = await erase(desk, worker=f"w{lives}")
        except Killed:
            desk.clock.advance(LEASE + 1)
            lives += 1
        finally:
            desk.store._write = write  # type: ignore[method-assign]
        assert await desk.store.check() == []
    assert await left(desk) < OTHERS_STAY
    assert lives > 4
    assert record.counts["mails received"] == len(found.mails)
    assert len(await desk.store._read(lambda: requests.listed((), 9))) == 1


async def test_what_is_just_being_filed_or_sent_is_waited_for(desk: Helpdesk) -> None:
    await desk.post(hers("kanarie sings", "geheimwoord"), sender=WENDY)
    waiting = await desk.accept(hers("kanarie two", "eierwoord"), sender=WENDY)
    now = desk.clock.now()
    await desk.store.claim(worker="test", now=now, lease=60, limit=10)
    (delivery, *_) = await desk.store.claim_deliveries(worker="d", now=now, limit=1, next_at=lambda _: now + 300)
    rounds = 0

    async def later(seconds: float) -> None:
        nonlocal rounds
        if seconds < 1:
            return
        rounds += 1
        if rounds == 1:
            said = Attempt(delivery.recipient_id, now, DeliveryState.DELIVERED, now, 250, f"ok {WENDY}", "mx.person-host.example")
            await desk.store.record_attempts([said])
        if rounds == 2:
            mail = await desk.store.mail(waiting)
            assert mail is not None
            await desk.take(mail)
        others = await desk.store.claim_deliveries(worker="d", now=now, limit=9, next_at=lambda _: now)
        await desk.store.unclaim([one.recipient_id for one in others], now=now)

    request = erasure.new_request(desk.clock, WENDY, by="root")
    eraser = Eraser(desk.store, request, "w", erasure.Closing(desk.pipeline), desk.clock.now, later)
    assert await eraser.begin()
    await eraser.run()
    await eraser.finish(Changes())
    assert rounds >= 2
    assert await left(desk) == set()


@pytest.mark.parametrize(
    ("address", "why"),
    [(LEE, "is an agent of"), ("Lee+x@corp.example", "is an agent of"), (DESK, "is the desk"), ("nobody", "no"), ("", "no")],
)
async def test_agents_and_desks_are_nobody_to_erase(desk: Helpdesk, address: str, why: str) -> None:
    assert why in erasure.why_not(desk.config, address)


async def test_mail_in_the_cold_store_goes_and_what_lies_in_the_same_file_stays(desk: Helpdesk, tmp_path: Path) -> None:
    kept = await desk.post(mail("Our printer", "Warm words. " * 50))
    await desk.post(hers("kanarie sings", "geheimwoord " * 50), sender=WENDY)
    await desk.post(with_file(200_000), sender=WENDY)
    last = await desk.post(mail("Our second printer", "Cold words. " * 50))
    report = filework.Report()
    work = filework.cool(desk.store.files, desk.clock.now() + 1, report, lambda: 10)
    answer: Any = None
    with contextlib.suppress(StopIteration):
        while True:
            bite = work.send(answer)
            answer = await (desk.store._write(bite.make) if bite.rows else desk.store._read(bite.make))
    assert (report.count, report.wrong) == (4, [])
    await erase(desk)
    assert [p for p in (tmp_path / "desk.db.files").rglob("*") if p.is_file()] == []
    (pack,) = [p for p in (tmp_path / "cold").rglob("*") if p.is_file()]
    assert pack.name == hashlib.sha256(pack.read_bytes()).hexdigest()
    for one, words in ((kept, b"Warm words."), (last, b"Cold words.")):
        mail_now = await desk.store.mail(one.mail.id)
        assert mail_now is not None
        assert words in mail_now.raw
    assert await desk.store.verify(desk.clock.now() + 9 * 86400) == []


async def test_a_disk_that_is_away_is_said_and_nothing_is_lost_of_the_trail(desk: Helpdesk, tmp_path: Path) -> None:
    await desk.post(with_file(200_000), sender=WENDY)
    (tmp_path / "desk.db.files").rename(tmp_path / "away")
    with pytest.raises(StoreError, match="cannot be had"):
        await erase(desk)
    (tmp_path / "away").rename(tmp_path / "desk.db.files")
    await erase(desk, worker="again")
    assert await left(desk) == set()
    assert [p for p in (tmp_path / "desk.db.files").rglob("*") if p.is_file()] == []


async def test_what_was_said_with_the_one_before_or_before_they_came_back_is_told_apart(desk: Helpdesk) -> None:
    first = await desk.post(hers("kanarie sings", "geheimwoord"), sender=WENDY)
    to_alice = f"#customer {CUSTOMER}\n#reply\nDear Alice, yours."
    for text in ("Dear vogeltje, look.", to_alice, f"#customer {WENDY}", "nestwoord again"):
        await Colleague(desk).answer(to(first, LEE, "to-agent"), text)
        desk.clock.advance(61)
    letters = [m for m in await desk.outgoing() if m.recipients[0].address == CUSTOMER and m.purpose == "answer"]
    await erase(desk)
    assert await in_rows(desk.store, ("vogeltje", "nestwoord")) == []
    said = [e.text.strip() for e in (await desk.ticket(first.number)).entries if e.kind is EntryKind.REPLY]
    assert said == [ERASED, "Dear Alice, yours.", ERASED]
    for letter in letters:
        kept = await desk.store.outgoing(letter.id)
        assert kept is not None
        assert kept.mail.data == letter.data


async def test_who_is_the_customer_now_leaves_what_was_said_before(desk: Helpdesk) -> None:
    first = await desk.post(hers("kanarie sings", "geheimwoord"), sender=WENDY)
    told = to(first, LEE, "to-agent")
    for text in ("Dear vogeltje, look.", f"#customer {CUSTOMER}\n#reply\nDear Alice, yours."):
        await Colleague(desk).answer(told, text)
        desk.clock.advance(61)
    await erase(desk, CUSTOMER)
    said = [e.text.strip() for e in (await desk.ticket(first.number)).entries if e.kind in (EntryKind.CUSTOMER, EntryKind.REPLY)]
    assert said == ["geheimwoord", "Dear vogeltje, look.", ERASED]
    assert await in_rows(desk.store, ("Dear Alice, yours",)) == []


async def test_a_file_that_is_lost_stands_in_nobodys_way(desk: Helpdesk, tmp_path: Path) -> None:
    await desk.post(with_file(200_000), sender=WENDY)
    await desk.post(with_file(300_000).replace(NAME.encode(), b"Boss").replace(WENDY.encode(), BOSS.encode()), sender=BOSS)
    min((p for p in (tmp_path / "desk.db.files").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size).unlink()
    await erase(desk)
    assert WENDY not in str(await left(desk))


async def test_what_was_said_to_nobody_else_in_a_merged_ticket_is_in_the_copy(desk: Helpdesk) -> None:
    own = await desk.post(hers("kanarie sings", "geheimwoord"), sender=WENDY)
    desk.clock.advance(60)
    await Colleague(desk).answer(to(own, LEE, "to-agent"), "Dear vogeltje, look.")
    others = await desk.post(mail("Our printer"))
    desk.clock.advance(60)
    await Colleague(desk).answer(to(others, LEE, "to-agent"), f"#cc {WENDY}\nDear Alice, and you.")
    desk.clock.advance(60)
    await actions.merge(desk.pipeline, desk.store, number=str(own.number), into=str(others.number), author=LEE, quiet=True)
    for person, theirs, not_theirs in (
        (WENDY, ["Dear vogeltje"], ["Dear Alice", "It burns"]),
        (CUSTOMER, ["Dear Alice"], ["geheim"]),
    ):
        file = io.BytesIO()
        await personexport.export(desk.store, person, file, now=desk.clock.now())
        with zipfile.ZipFile(file) as made:
            index = made.read("person.json").decode()
        assert [word for word in theirs if word not in index] == [], person
        assert [word for word in not_theirs if word in index] == [], person


async def test_who_was_another_tickets_customer_before_takes_his_part_along_and_leaves_the_others(desk: Helpdesk) -> None:
    first = await desk.post(hers("kanarie sings", "geheimwoord"), sender=WENDY)
    told = to(first, LEE, "to-agent")
    await Colleague(desk).answer(told, "Dear vogeltje, look.")
    desk.clock.advance(61)
    await Colleague(desk).answer(told, f"#customer {CUSTOMER}")
    again = await desk.post(mail(f"Re: [#{first.number}] x", "Mine now."))
    await Colleague(desk).answer(to(again, LEE, "to-agent"), "Dear Alice, hello.")
    for person, theirs, others in ((CUSTOMER, "Dear Alice", "vogeltje"), (WENDY, "vogeltje", "Dear Alice")):
        file = io.BytesIO()
        await personexport.export(desk.store, person, file, now=desk.clock.now())
        with zipfile.ZipFile(file) as made:
            index = made.read("person.json").decode()
        assert theirs in index, person
        assert others not in index, person
    await erase(desk)
    said = [e.text.strip() for e in (await desk.ticket(first.number)).entries if e.kind is EntryKind.REPLY]
    assert said == [ERASED, "Dear Alice, hello."]
    assert await in_rows(desk.store, ("vogeltje", "geheimwoord", WENDY)) == []
    await erase(desk, CUSTOMER)
    assert await in_rows(desk.store, ("Dear Alice", "Mine now", CUSTOMER)) == []


async def test_a_ticket_that_was_closed_meanwhile_is_not_closed_once_more(desk: Helpdesk) -> None:
    """By an agent, or by another node that was at the same erasure."""
    filed = await desk.post(mail())
    ticket = (await desk.ticket(filed.number)).ticket
    closing = erasure.Closing(desk.pipeline)
    facts = await desk.store.facts(closing.query(ticket.id))
    assert len(closing.decide(ticket, facts).entries) == 2
    assert closing.decide(replace(ticket, status=Status.CLOSED), facts) == Changes()
