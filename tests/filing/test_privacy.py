"""A customer asks for his data, or to be erased, by mail: with full proof twice, and never by a forged or repeated mail."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smtpgate import metrics, personexport
from smtpgate.later import Later
from smtpgate.mail.token import TokenKind
from smtpgate.model import Evidence, OutgoingMail, Status
from smtpgate.person import Request, State, What, new_pseudonym
from smtpgate.requested import Requested
from smtpgate.store import requests
from smtpgate.store.eraser import LEASE
from tests.filing.test_agent import LEE, Colleague, html_of, read, sent_to, text_of, to
from tests.filing.test_words import DESKS, PROVED, say
from tests.support.everywhere import in_rows
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail
from tests.support.store_data import an_attempt

EXPORT, ERASE = "export my data", "erase my data"
DAY = 86_400.0
_IDS = itertools.count()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, server={"name": "mx.help.example", "postmaster": "root@corp.example"}) as desk:
        yield desk


@pytest.fixture
async def by_itself(tmp_path: Path) -> AsyncIterator[Helpdesk]:
    async with helpdesk(tmp_path, desk=DESKS, privacy={"export": "self", "erase": "self"}) as desk:
        yield desk


async def asked(desk: Helpdesk) -> list[Request]:
    return list(await desk.store._read(lambda: requests.listed((), 99)))


def answer_to(letter: OutgoingMail) -> str:
    return str(read(letter)["Reply-To"].addresses[0].addr_spec)


async def confirm(desk: Helpdesk, letter: OutgoingMail, word: str = "confirm", *, sender: str = CUSTOMER, **how: Any) -> Filed:
    seen = read(letter)
    where = how.pop("where", answer_to(letter))
    ids = {"headers": (f"In-Reply-To: {seen['Message-ID']}",), "message_id": how.pop("message_id", f"<{next(_IDS)}@x.example>")}
    raw = mail(f"Re: {seen['Subject']}", word, sender=sender, to=where, **ids)
    return await desk.post(raw, sender=sender, rcpts=(where,), **how)


async def time_passes(desk: Helpdesk, seconds: float, rounds: int = 4) -> list[str]:
    """What the gateway's loop does, on a clock that has moved on; purposes of mail that it queued, which is delivered at once."""
    desk.clock.advance(seconds)
    before = {m.id for m in await desk.outgoing()}
    requested = Requested(desk.store, desk.pipeline, desk.clock, lambda: None)
    later = Later(desk.config, desk.store, desk.pipeline, desk.clock, lambda: None, requested)
    for _ in range(rounds):
        await later.round()
        await requested.settled()
    return [m.purpose for m in await desk.outgoing() if m.id not in before]


async def deliver(desk: Helpdesk) -> list[OutgoingMail]:
    """All that is due leaves."""
    now = desk.clock.now()
    went = {m.id: m for m in await desk.outgoing()}
    done = await desk.store.claim_deliveries(worker="d", now=now, limit=99, next_at=lambda _: now + 9)
    await desk.store.record_attempts([an_attempt(one.recipient_id, reply=f"250 {one.address}", at=now) for one in done])
    return [went[i] for i in dict.fromkeys(one.outgoing_id for one in done)]


@pytest.mark.parametrize(("word", "what"), [(EXPORT, What.EXPORT), ("删除我的数据", What.ERASE), ("刪除我的資料", What.ERASE)])
async def test_a_word_is_asked_back_and_does_nothing_else(desk: Helpdesk, word: str, what: What) -> None:
    first = await desk.post(mail())
    filed = await say(desk, first, word)
    assert ("privacy", CUSTOMER) in sent_to(filed)
    letter = to(filed, CUSTOMER, "privacy")
    token = desk.pipeline.tokens.read(answer_to(letter), desk.clock.now())
    (request,) = await asked(desk)
    assert token is not None
    assert (token.kind, token.id, token.person_matches(CUSTOMER)) == (TokenKind.PERSON, request.id, True)
    assert (request.what, request.state, request.address, request.by) == (what, State.ASKED, CUSTOMER, "")
    assert "confirm" in text_of(letter)
    assert "body=confirm" in html_of(letter)
    assert read(letter)["Auto-Submitted"] == "auto-generated"
    assert (await desk.ticket(first.number)).ticket.status is Status.RECEIVED
    assert await time_passes(desk, 3 * DAY) == []
    (request,) = await asked(desk)
    assert (request.state, request.address, request.at) == (State.LAPSED, "", None)
    late = await confirm(desk, letter)
    assert sent_to(late) == [("to-agent", LEE)]  # an answer like any other


async def test_it_takes_the_proof_of_the_domains_signature(desk: Helpdesk) -> None:
    """Neither the question nor the answer counts with anything less, released by an agent or not."""
    first = await desk.post(mail())
    less = [e for e in Evidence if e not in (*PROVED, Evidence.IMPORTED)]
    for evidence in less:
        filed = await say(desk, first, ERASE, evidence=evidence)
        if filed.outcome == "held":
            filed = await desk.release(filed.mail.id)
        assert "privacy" not in filed.purposes, evidence
    assert await asked(desk) == []
    letter = to(await say(desk, first, ERASE), CUSTOMER, "privacy")
    for evidence in less:
        forged = await confirm(desk, letter, evidence=evidence)
        if forged.outcome == "held":
            await desk.release(forged.mail.id)
        (request,) = await asked(desk)
        assert request.state is State.ASKED, evidence


async def test_only_the_customers_own_answer_to_the_question_confirms(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    letter = to(await say(desk, first, ERASE), CUSTOMER, "privacy")
    other = to(
        await say(
            desk,
            await desk.post(mail("Other", sender="bob@customer.example"), sender="bob@customer.example"),
            EXPORT,
            person="bob@customer.example",
        ),
        "bob@customer.example",
        "privacy",
    )
    for word, how in (
        ("What is this?", {}),
        ("confirm", {"where": DESK}),
        ("confirm", {"where": answer_to(to(first, CUSTOMER, "received"))}),
        ("confirm", {"where": answer_to(other)}),
        ("confirm", {"sender": "bob@customer.example"}),
        ("confirm\n\nbut only after Friday, please", {}),
    ):
        await confirm(desk, letter, word, **how)
        assert {one.state for one in await asked(desk)} == {State.ASKED}, (word, how)
    robot = mail("Auto: away", "confirm", headers=("Auto-Submitted: auto-replied",))
    await desk.post(robot, rcpts=(answer_to(letter),))
    assert {one.state for one in await asked(desk)} == {State.ASKED}
    done = await confirm(desk, letter, message_id="<once@x.example>")
    assert {one.what: one.state for one in await asked(desk)} == {What.ERASE: State.CONFIRMED, What.EXPORT: State.ASKED}
    assert sent_to(done) == [("alert", "root@corp.example"), ("privacy", CUSTOMER), ("to-agent", LEE)]
    assert "wants all personal data erased" in text_of(to(done, LEE, "to-agent"))
    assert f"smtpgate person erase {CUSTOMER}" in text_of(to(done, "root@corp.example", "alert"))
    for how in ({}, {"message_id": "<once@x.example>"}):
        assert "privacy" not in (await confirm(desk, letter, **how)).purposes  # once more, or the very same mail
    assert await time_passes(desk, 40 * DAY) != ["privacy"]  # an admin's turn, for ever
    assert [one.state for one in await asked(desk) if one.what is What.ERASE] == [State.CONFIRMED]


@pytest.mark.parametrize(
    ("person", "section"),
    [
        ("info@customer.example", {}),
        ("Info+shop@customer.example", {}),
        (CUSTOMER, {"export": "off", "erase": "off"}),
        ("sal@corp.example", {}),
    ],
)
async def test_who_may_not(tmp_path: Path, person: str, section: dict[str, Any]) -> None:
    async with helpdesk(tmp_path, desk=DESKS, privacy=section) as desk:
        first = await desk.post(mail(sender=person), sender=person)
        for word in (EXPORT, ERASE):
            assert "privacy" not in (await say(desk, first, word, person=person, given_to=person)).purposes
        assert await asked(desk) == []


async def test_a_few_a_day_and_a_new_question_ends_the_one_before(desk: Helpdesk) -> None:
    first = await desk.post(mail())
    letters = []
    for _ in range(4):
        filed = await say(desk, first, ERASE)
        letters += [m for m in filed.sent if m.purpose == "privacy"]
        desk.clock.advance(3600)
    assert len(letters) == 3
    assert [one.state for one in await asked(desk)] == [State.ASKED, State.LAPSED, State.LAPSED]
    assert "privacy" not in (await confirm(desk, letters[0])).purposes
    assert "privacy" in (await confirm(desk, letters[-1])).purposes


async def test_a_copy_goes_out_by_itself_and_then_its_bytes_go_here(by_itself: Helpdesk) -> None:
    desk = by_itself
    first = await desk.post(mail(body="It burns brightly."))
    await Colleague(desk).answer(to(first, LEE, "to-agent"), "#note she is cross\n")
    desk.clock.advance(60)
    await deliver(desk)
    letter = to(await say(desk, first, EXPORT), CUSTOMER, "privacy")
    assert "privacy" not in (await confirm(desk, letter)).purposes
    before = metrics.DUE.values["export"][0]
    assert await time_passes(desk, 10) == ["privacy"]
    assert metrics.DUE.values["export"][0] == before + 1
    went = next(m for m in await deliver(desk) if m.data.count(b"data.zip"))
    (part,) = list(read(went).iter_attachments())
    with zipfile.ZipFile(io.BytesIO(part.get_payload(decode=True))) as made:  # type: ignore[arg-type]
        index = json.loads(made.read("person.json"))
        assert any(b"It burns brightly." in made.read(name) for name in made.namelist() if name.startswith("received/"))
        assert any(name.startswith("sent/") for name in made.namelist())
        assert not any(b"cross" in made.read(name) for name in made.namelist())
    ((number, role, entries),) = [(t["number"], t["role"], t["entries"]) for t in index["tickets"]]
    assert (number, role) == (first.number, "customer")
    assert [e["mail"] for e in entries if e["text"].strip() == "It burns brightly."] == [f"received/{first.mail.id}.eml"]
    assert {one["state"] for one in index["sent"]} == {"delivered"}  # and nothing that may never arrive
    assert len(index["sent"]) < len([m for m in await desk.outgoing() if m.recipients[0].address == CUSTOMER])
    assert "1 of your requests" in text_of(went)
    await time_passes(desk, 120)
    kept = await desk.store.outgoing(went.id)
    assert kept is not None
    assert len(kept.mail.data) < 200
    (request,) = await asked(desk)
    assert (request.state, request.address, request.counts["tickets"]) == (State.DONE, CUSTOMER, 1)
    assert await time_passes(desk, DAY) == []
    assert await desk.store.verify(desk.clock.now()) == []


async def test_one_that_is_too_large_is_an_admins(tmp_path: Path) -> None:
    async with helpdesk(tmp_path, desk=DESKS, privacy={"export": "self", "export_size": "64KiB"}) as desk:
        import random

        noise = random.Random(1).randbytes(90_000).hex()
        first = await desk.post(mail(body="\n".join(noise[i : i + 70] for i in range(0, len(noise), 70))))
        letter = to(await say(desk, first, EXPORT), CUSTOMER, "privacy")
        await confirm(desk, letter)
        assert sorted(await time_passes(desk, 10)) == ["privacy", "to-agent"]
        mails = [m for m in await desk.outgoing() if m.purpose == "privacy"]
        assert "too large for a mail" in text_of(mails[-1])
        for name in ("small", "smaller"):
            await desk.post(mail(name))
        file = io.BytesIO()
        with pytest.raises(personexport.TooLarge):  # and what is too large is not made to its end
            await personexport.export(desk.store, CUSTOMER, file, now=desk.clock.now(), most=1000)
        assert file.getvalue().count(b"received/") == 2  # in the file and in its list: the first one was too much


async def test_erasure_by_itself_with_its_proof_and_then_nothing(by_itself: Helpdesk, tmp_path: Path) -> None:
    desk = by_itself
    first = await desk.post(mail(body="It burns brightly."))
    letter = to(await say(desk, first, ERASE), CUSTOMER, "privacy")
    promised = to(await confirm(desk, letter), CUSTOMER, "privacy")
    assert "3 January 2026" in text_of(promised)
    assert await time_passes(desk, DAY - 60) == []
    assert await in_rows(desk.store, ("burns",))
    before = metrics.DUE.values["erase"][0]
    purposes = await time_passes(desk, 61)
    assert metrics.DUE.values["erase"][0] == before + 1
    assert sorted(purposes) == ["privacy", "to-agent"]
    assert await in_rows(desk.store, ("burns", "alice ")) == []
    (proof,) = [m for m in await deliver(desk) if m.purpose == "privacy" and len(m.data) > 500]
    (request,) = await asked(desk)
    assert (request.state, request.outgoing_id, proof.recipients[0].address) == (State.TELLING, proof.id, CUSTOMER)
    assert "Your data have been erased" in str(read(proof)["Subject"])
    assert "1 of your requests" in text_of(proof)
    await time_passes(desk, 120)
    assert await in_rows(desk.store, ("alice@", "burns")) == []
    (request,) = await asked(desk)
    assert (request.state, request.address) == (State.DONE, "")
    assert await desk.store.verify(desk.clock.now()) == []


async def test_the_proof_is_kept_until_it_has_left(by_itself: Helpdesk) -> None:
    desk = by_itself
    first = await desk.post(mail(body="It burns brightly."))
    await confirm(desk, to(await say(desk, first, ERASE), CUSTOMER, "privacy"))
    await time_passes(desk, DAY)
    for _ in range(3):
        await time_passes(desk, 120)
        (request,) = await asked(desk)
        assert (request.state, request.address) == (State.TELLING, CUSTOMER)
    assert request.at is not None
    assert request.at > desk.clock.now()
    (proof,) = [m for m in await deliver(desk) if m.purpose == "privacy" and len(m.data) > 500]
    assert "Your data have been erased" in str(read(proof)["Subject"])


async def test_it_can_be_called_off_until_then(by_itself: Helpdesk) -> None:
    desk = by_itself
    first = await desk.post(mail(body="It burns brightly."))
    letter = to(await say(desk, first, ERASE), CUSTOMER, "privacy")
    promised = to(await confirm(desk, letter), CUSTOMER, "privacy")
    assert "body=cancel" in html_of(promised)
    off = await confirm(desk, promised, "cancel")
    assert "stays as it is" in text_of(to(off, CUSTOMER, "privacy"))
    assert await time_passes(desk, 3 * DAY) == []
    assert await in_rows(desk.store, ("burns",))


async def test_a_gateway_that_died_while_it_erased_is_followed_by_another(
    by_itself: Helpdesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = by_itself
    first = await desk.post(mail(body="It burns brightly."))
    await confirm(desk, to(await say(desk, first, ERASE), CUSTOMER, "privacy"))
    write, count = desk.store._write, 0

    class Died(BaseException):
        pass

    async def dying(make: Any, *args: Any, **how: Any) -> Any:
        nonlocal count
        count += 1
        if count > 4:
            raise Died
        return await write(make, *args, **how)

    desk.clock.advance(DAY + 1)
    desk.store._write = dying  # type: ignore[method-assign]
    requested = Requested(desk.store, desk.pipeline, desk.clock, lambda: None)
    await requested.look()
    await requested.settled()
    desk.store._write = write  # type: ignore[method-assign]
    (request,) = await asked(desk)
    assert request.state is State.RUNNING
    assert await time_passes(desk, 1) == []  # the lease of the dead one
    assert sorted(await time_passes(desk, LEASE)) == ["privacy", "to-agent"]
    assert await in_rows(desk.store, ("burns",)) == []


async def test_what_is_begun_goes_on_whatever_the_setting_says_then(by_itself: Helpdesk) -> None:
    desk = by_itself
    first = await desk.post(mail(body="It burns brightly."))
    await confirm(desk, to(await say(desk, first, ERASE), CUSTOMER, "privacy"))
    (request,) = await asked(desk)
    now = desk.clock.now()
    running = replace(request, state=State.RUNNING, at=now + LEASE)
    await desk.store._write(lambda: requests.taken(running, State.CONFIRMED, "who died", now, now + LEASE))
    object.__setattr__(desk.config.privacy, "erase", "ask")
    assert "privacy" in await time_passes(desk, LEASE + 1)
    assert await in_rows(desk.store, ("burns",)) == []


async def test_one_thing_at_a_time_however_often_it_is_looked(by_itself: Helpdesk) -> None:
    desk = by_itself
    first = await desk.post(mail())
    await confirm(desk, to(await say(desk, first, EXPORT), CUSTOMER, "privacy"))
    desk.clock.advance(1)
    requested = Requested(desk.store, desk.pipeline, desk.clock, lambda: None)
    await requested.look()
    begun = requested._task
    await requested.look()
    assert requested._task is begun
    await requested.settled()


async def test_what_was_confirmed_is_an_admins_once_the_setting_says_so(by_itself: Helpdesk, tmp_path: Path) -> None:
    desk = by_itself
    first = await desk.post(mail())
    await confirm(desk, to(await say(desk, first, ERASE), CUSTOMER, "privacy"))
    object.__setattr__(desk.config.privacy, "erase", "ask")
    assert await time_passes(desk, 2 * DAY) == []
    (request,) = await asked(desk)
    assert (request.state, request.at) == (State.CONFIRMED, None)


async def test_what_costs_little_does_not_wait_for_its_turn(by_itself: Helpdesk) -> None:
    """Questions that lapse, and mails that have left: many in one round. Of what looks at every mail it is one."""
    desk = by_itself
    now = desk.clock.now()
    base = Request(0, What.EXPORT, State.ASKED, CUSTOMER, new_pseudonym(), "", now, at=now)
    for number in range(1, 31):
        state = (State.ASKED, State.LAPSED, State.CONFIRMED)[number % 3]
        one = replace(base, id=number, state=state, address=f"c{number}@customer.example", at=now + number)
        await desk.store._write(lambda one=one: requests.kept(one))  # type: ignore[misc]
    desk.clock.advance(60)
    requested = Requested(desk.store, desk.pipeline, desk.clock, lambda: None)
    for done in (2, 5):
        await requested.look()
        await requested.settled()
        states = [one.state for one in await asked(desk) if one.at is None]
        assert states == [State.LAPSED] * (done - (done + 1) // 3), "until a copy was made, and no more"
