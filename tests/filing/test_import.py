"""History through the real handlers and store: threads, repeats, kinds, and that nothing is ever sent."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from smtpgate.archive.search import search
from smtpgate.handlers import thread
from smtpgate.importing import Importer, Options, Report
from smtpgate.model import EntryKind, Status
from smtpgate.store.seen import SourcedEntry
from tests.support.helpdesk import DESK, START, Helpdesk, InProcessParser, helpdesk, mail

MINUTE = 60.0
LIST = ("List-Id: Talk <talk.lists.example>", "List-Post: <mailto:talk@lists.example>", "Precedence: list")


@dataclass
class Past:
    """An archive that is written and imported as a test wants. Mails are named; a name tells the entry by its source."""

    desk: Helpdesk
    folder: Path
    options: dict[str, Any]

    def put(self, name: str, raw: bytes, minutes: float = 0.0) -> None:
        received = f"Received: from a by b; {formatdate(START - 1e6 + minutes * MINUTE)}\r\n".encode()
        (self.folder / f"{name}.eml").write_bytes(received + raw)

    async def run(self) -> Report:
        before = await self.desk.outgoing()
        found = search([self.folder], now=START, step=lambda _: None)
        parser: Any = InProcessParser(self.desk.config)
        options = Options(self.desk.config.desk[0], **self.options)
        importer = Importer(self.desk.config, self.desk.store, self.desk.pipeline, parser, self.desk.clock, options)
        try:
            return await importer.run(found)
        finally:
            found.close()
            assert await self.desk.outgoing() == before

    async def entries(self) -> dict[str, SourcedEntry]:
        tickets = await self.desk.tickets()
        listed = await self.desk.store.entries([t.id for t in tickets])
        return {Path(e.source or "").stem: e for entries in listed.values() for e in entries}

    async def tickets(self) -> list[list[str]]:
        """The names of the mails in each ticket, in the order of the entries."""
        of: dict[int, list[str]] = {}
        for name, one in (await self.entries()).items():
            of.setdefault(one.entry.ticket_id, []).append(name)
        return sorted(of.values())

    async def rung(self, name: str) -> str:
        return (await self.entries())[name].entry.rung


@pytest.fixture
async def past(tmp_path: Path) -> AsyncIterator[Past]:
    (tmp_path / "mail").mkdir()
    async with helpdesk(tmp_path) as desk:
        yield Past(desk, tmp_path / "mail", {})


def by(person: str, subject: str, message_id: str, *, body: str = "", refs: Sequence[str] = (), more: Sequence[str] = ()) -> bytes:
    headers = [*([f"References: {' '.join(refs)}"] if refs else []), *more]
    text = body or f"{subject} {message_id}"
    return mail(subject, text, sender=f"{person}@list.example", to="talk@lists.example", message_id=message_id, headers=headers)


async def test_a_thread_of_many_people_is_one_ticket_at_the_time_it_was_written(past: Past) -> None:
    past.put("c", by("carol", "Re: Pump", "<3@x>", refs=("<1@x>", "<2@x>"), more=LIST), 30)
    past.put("a", by("alice", "Pump", "<1@x>", more=LIST), 0)
    past.put("b", by("bob", "Re: Pump", "<2@x>", refs=("<1@x>",), more=LIST), 20)
    past.put("other", by("bob", "Pump", "<4@x>", more=LIST), 40)
    report = await past.run()
    assert await past.tickets() == [["a", "b", "c"], ["other"]]
    assert (report.mails, report.tickets, report.threads, report.repeats, report.automatic) == (4, 2, 1, 0, 0)
    first = (await past.entries())["a"].entry
    ticket = next(t for t in await past.desk.tickets() if t.id == first.ticket_id)
    assert (ticket.created_at, first.created_at) == (START - 1e6, START - 1e6)
    assert ticket.number.startswith("20251221-EML-")
    assert (ticket.status, ticket.customer and ticket.customer.address) == (Status.CLOSED, "alice@list.example")
    assert [await past.rung(n) for n in ("a", "b", "c")] == ["new", "reference", "reference"]
    assert (first.kind, (await past.entries())["b"].entry.kind) == (EntryKind.CUSTOMER, EntryKind.THIRD_PARTY)
    assert first.evidence == "imported"


async def test_siblings_of_a_root_that_is_missing_belong_together(past: Past) -> None:
    past.put("a", by("alice", "Re: Lost", "<2@x>", refs=("<root@x>",)), 0)
    past.put("b", by("bob", "Re: Lost", "<3@x>", refs=("<root@x>", "<gone@x>")), 10)
    past.put("c", by("carol", "Re: Lost", "<4@x>", more=("In-Reply-To: <gone@x>",)), 20)
    await past.run()
    assert await past.tickets() == [["a", "b", "c"]]


async def test_a_parent_that_comes_later_joins_its_answer(past: Past) -> None:
    past.put("answer", by("bob", "Re: Clock", "<2@x>", refs=("<1@x>",)), 0)
    past.put("parent", by("alice", "Clock", "<1@x>"), 10)
    await past.run()
    assert await past.tickets() == [["answer", "parent"]]
    assert await past.rung("parent") == "reference"


async def test_an_answer_that_overtook_its_question_opens_no_second_ticket(past: Past) -> None:
    past.put("a", by("alice", "Hall", "<1@x>"), 0)
    past.put("last", by("carol", "Re: Hall", "<4@x>", more=("In-Reply-To: <3@x>",)), 9.8)
    past.put("answer", by("bob", "Re: Hall", "<3@x>", more=("In-Reply-To: <2@x>",)), 9.9)
    past.put("question", by("alice", "Re: Hall", "<2@x>", refs=("<1@x>",)), 10)
    past.put("circle", by("dan", "Wheel", "<5@x>", more=("In-Reply-To: <6@x>",)), 20)
    past.put("wheel", by("dora", "Wheel", "<6@x>", more=("In-Reply-To: <5@x>",)), 21)
    await past.run()
    assert [set(names) for names in await past.tickets()] == [{"a", "question", "answer", "last"}, {"circle", "wheel"}]
    entry = (await past.entries())["last"].entry
    assert entry.created_at == START - 1e6 + 9.8 * MINUTE


@pytest.mark.parametrize("seed", range(2))
async def test_the_order_of_files_does_not_matter(past: Past, seed: int) -> None:
    names = [str(i) for i in range(12)]
    random.Random(seed).shuffle(names)
    for i, name in enumerate(names):
        refs = [f"<{j}@x>" for j in range(i % 3, i, 3)][-2:]
        past.put(name, by(f"p{i % 5}", f"Subject {i % 3}", f"<{i}@x>", refs=refs), i)
    await past.run()
    assert sorted(map(len, await past.tickets())) == [4, 4, 4]


async def test_an_address_in_a_phrase_of_in_reply_to_brings_nobody_together(past: Past) -> None:
    for i in range(3):
        said = ["In-Reply-To: Your message of Fri, 2 Jan <dave@list.example>"]
        past.put(str(i), by(f"p{i}", f"Re: {i}", f"<{i}@x>", more=said), i)
    past.put("to", by("x", "a", "<9@x>", more=("In-Reply-To: <talk@lists.example>",)), 5)
    past.put("to2", by("y", "b", "<8@x>", more=("In-Reply-To: <talk@lists.example>",)), 6)
    await past.run()
    assert len(await past.tickets()) == 5


SAID = "The third pump from the left makes a noise in the morning."


async def test_an_answer_that_names_no_mail_is_found_by_what_it_quotes(past: Past) -> None:
    cases = [
        ("Re: {}", f"Oil it.\n\n> {SAID}\n", 1, True),
        ("AW: {}", f"On Monday Alice wrote:\n>{SAID}\nOil it, I would say to this.", 1, True),
        ("[Pumps] Re: [Pumps] {}", f"Oil it.\n\n> {SAID}\n", 1, True),
        ("[Pumps] {}", f"Oil it.\n\n> {SAID}\n", 1, False),
        ("Re: {}", "Oil it.", 1, False),
        ("Re: {}", "Oil it.\n\n> The pump.\n", 1, False),
        ("Re: other {}", f"Oil it.\n\n> {SAID}\n", 1, False),
        ("{}", f"Oil it.\n\n> {SAID}\n", 1, False),
        ("Re: {}", f"Oil it.\n\n> {SAID}\n", 90, False),
        ("Re: {}", SAID, 1, False),
    ]
    for i, (subject, body, days, _) in enumerate(cases):
        pump, other = f"Pump {i}", "Something else entirely that is long enough"
        past.put(f"a{i}", by("alice", pump, f"<1.{i}@x>", body=f"Hello,\n{SAID}\nAlice"), -days * 1440)
        past.put(f"same{i}", by("eve", pump, f"<2.{i}@x>", body=other), -days * 1440 + 1)
        past.put(f"r{i}", by("bob", subject.format(pump), f"<3.{i}@x>", body=body), 0)
    await past.run()
    tickets = await past.tickets()
    for i, (subject, body, _, joins) in enumerate(cases):
        assert ([f"a{i}", f"r{i}"] in tickets) is joins, (subject, body)
        assert await past.rung(f"r{i}") == ("subject" if joins else "new")


async def test_words_that_were_said_in_two_tickets_tell_nothing(past: Past) -> None:
    for i in range(2):
        past.put(str(i), by(f"p{i}", "Pump", f"<{i}@x>", body=f"{SAID} {'x' * i}\n{SAID}"), i)
    past.put("r", by("bob", "Re: Pump", "<3@x>", body=f"Oil it.\n\n> {SAID}\n"), 5)
    await past.run()
    assert len(await past.tickets()) == 3


async def test_a_copy_through_another_list_belongs_to_the_first_one(past: Past) -> None:
    past.put("a", by("alice", "Pump", "<1@x>", body="It leaks.\n\n-- \nlist one"), 0)
    past.put("copy", by("alice", "[two] Pump", "<1@x>", body="It leaks.\n\n-- \nlist two"), 1)
    past.put("copy2", by("alice", "Pump", "<1@x>", body="It leaks.\n\nunsubscribe: list three"), 2)
    past.put("b", by("bob", "Re: Pump", "<2@x>", refs=("<1@x>",)), 3)
    past.put("stranger", by("mallory", "Pump", "<1@x>", body="Quite another pump."), 4)
    past.put("other", by("alice", "Valve", "<1@x>", body="Another one."), 5)
    await past.run()
    assert await past.tickets() == [["a", "copy", "copy2", "b"], ["other"], ["stranger"]]


async def test_a_message_id_that_many_mails_have_threads_nothing(past: Past) -> None:
    for i in range(3):
        past.put(str(i), by(f"p{i}", f"Form {i}", "<same@x>"), i)
    past.put("answer", by("q", "Re: Form 1", "<a@x>", refs=("<same@x>",)), 10)
    past.put("mine", by("p2", "Re: Form 2", "<b@x>", refs=("<same@x>",)), 11)
    await past.run()
    assert await past.tickets() == [["0"], ["1"], ["2", "mine"], ["answer"]]


@pytest.mark.parametrize(("minutes", "repeat"), [(1, True), (30, True), (31, False)])
async def test_the_same_mail_sent_again(past: Past, minutes: int, repeat: bool) -> None:
    past.put("first", by("alice", "Help", "<1@x>", body="same"), 0)
    past.put("again", by("alice", "Help", "<2@x>", body="same"), minutes)
    past.put("reply", by("bob", "Re: Help", "<3@x>", body="yes", refs=("<1@x>",)), 40)
    past.put("reply2", by("bob", "Re: Help", "<4@x>", body="yes", refs=("<1@x>",)), 41)
    report = await past.run()
    assert report.repeats == 1 + repeat
    together = [["first", "again", "reply", "reply2"]]
    assert await past.tickets() == (together if repeat else [["again"], ["first", "reply", "reply2"]])
    entries = await past.entries()
    assert entries["again"].entry.repeat_of == (entries["first"].entry.id if repeat else None)
    assert entries["reply2"].entry.repeat_of == entries["reply"].entry.id
    assert entries["reply2"].entry.kind is EntryKind.REPEAT
    assert entries["again"].entry.rung == ("repeat" if repeat else "new")


async def test_the_same_mail_in_two_files_is_a_repeat_at_any_time(past: Past) -> None:
    past.put("cur", by("alice", "Help", "<1@x>"), 0)
    past.put("sent", by("alice", "Help", "<1@x>"), 10_000)
    assert (await past.run()).repeats == 1


async def test_a_list_alone_makes_no_machine_of_a_person(past: Past) -> None:
    people = [LIST, ("Mailing-List: contact x; run by ezmlm", "X-Mailing-List: y"), ()]
    machines = [
        (*LIST, "Auto-Submitted: auto-generated"),
        (*LIST, "X-Autoreply: yes"),
        ("List-Id: <news.shop.example>", "List-Unsubscribe: <https://x.example>", "List-Unsubscribe-Post: x"),
        ("Precedence: bulk",),
    ]
    for i, headers in enumerate((*people, *machines)):
        past.put(str(i), by("alice", f"News {i}", f"<{i}@x>", more=headers))
    assert (await past.run()).automatic == len(machines)
    found = [name for name, one in (await past.entries()).items() if one.entry.kind is EntryKind.MACHINE]
    assert sorted(found) == ["3", "4", "5", "6"]


async def test_lists_are_machines_when_the_admin_says_so(past: Past) -> None:
    past.options = {"lists_are_machines": True}
    past.put("a", by("alice", "News", "<1@x>", more=LIST))
    assert (await past.run()).automatic == 1


async def test_a_machine_is_noted_where_it_answers_and_opens_a_silent_ticket_else(past: Past) -> None:
    away = ("Auto-Submitted: auto-replied",)
    past.put("q", by("alice", "Help", "<1@x>"), 0)
    past.put("away", by("bob", "Automatic reply: Help", "<2@x>", refs=("<1@x>",), more=away), 1)
    past.put("alone", by("carol", "Automatic reply: Else", "<3@x>", more=away), 2)
    past.put("thread", by("alice", "Re: Automatic reply", "<4@x>", refs=("<2@x>",)), 3)
    report = await past.run()
    assert await past.tickets() == [["alone"], ["q", "away", "thread"]]
    assert (report.automatic, report.tickets) == (2, 2)
    assert (await past.entries())["away"].entry.kind is EntryKind.MACHINE
    assert not any(t.customer for t in await past.desk.tickets() if t.subject.startswith("Automatic"))


async def test_our_own_peoples_mail_is_an_answer_to_customers_and_a_note_among_us(past: Past) -> None:
    past.put("q", mail("Help", "a", sender="c@customer.example", message_id="<1@x>"), 0)
    answer = {"message_id": "<2@x>", "headers": ["References: <1@x>"]}
    past.put("r", mail("Re: Help", "b", sender="agent@corp.example", to="c@customer.example", **answer), 1)  # type: ignore[arg-type]
    past.put("n", mail("Re: Help", "c", sender="agent@corp.example", message_id="<3@x>", headers=["References: <1@x>"]), 2)
    past.put("own", mail("Offer", "d", sender=DESK, to="d@customer.example", message_id="<4@x>"), 3)
    past.put("yes", mail("Re: Offer", "e", sender="d@customer.example", message_id="<5@x>", headers=["References: <4@x>"]), 4)
    await past.run()
    kinds = {name: e.entry.kind.value for name, e in (await past.entries()).items()}
    assert kinds == {"q": "customer", "r": "reply", "n": "note", "own": "reply", "yes": "customer"}
    assert await past.tickets() == [["own", "yes"], ["q", "r", "n"]]


async def test_the_desk_is_found_in_the_recipients(past: Past) -> None:
    past.options = {}
    past.put("sales", mail("a", "a", to="Sales <sales@help.example>", message_id="<1@x>"))
    past.put("delivered", by("a", "b", "<2@x>", more=("Delivered-To: sales@help.example",)))
    past.put("none", by("a", "c", "<3@x>"))
    past.put("role", mail("d", "d", to="postmaster@help.example", message_id="<4@x>"))
    await past.run()
    desks = {t.subject: t.desk for t in await past.desk.tickets()}
    assert desks == {"a": "sales", "b": "sales", "c": "support", "d": "support"}


async def test_again_changes_nothing_and_tells_the_same(past: Past) -> None:
    for i in range(5):
        past.put(str(i), by("alice", f"S{i // 2}", f"<{i}@x>", refs=["<0@x>"] if i == 1 else ()), i)
    first = await past.run()
    before = {n: e.entry for n, e in (await past.entries()).items()}
    past.put("more", by("bob", "Re: S0", "<m@x>", refs=["<1@x>"]), 99)
    second = await past.run()
    after = {n: e.entry for n, e in (await past.entries()).items()}
    assert {n: e for n, e in after.items() if n != "more"} == before
    assert (first.already, second.already, second.mails, second.tickets) == (0, 5, 6, first.tickets)
    assert after["more"].ticket_id == before["0"].ticket_id


BROKEN = [
    b"no header at all",
    b"From: a@b\r\nFrom: c@d\r\nSubject: two\r\n\r\nx",
    b"Subject: nobody\r\n\r\nx",
    b"From: user at host.example (A User)\r\nSubject: veiled\r\n\r\nx",
    b"From: \xff\xfe\0<>\r\nTo: <<<\r\nDate: \x80\r\nMessage-ID: <\0>\r\nReferences: " + b"<a@b> " * 3000 + b"\r\n\r\n\0",
    b"X: " + b"y" * 300_000 + b"\r\n\r\nz",
    b"Return-Path: <>\r\nFrom: MAILER-DAEMON@x\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\n<a@b>: no",
]


async def test_broken_mail_is_filed_all_the_same(past: Past) -> None:
    for i, raw in enumerate(BROKEN):
        past.put(str(i), raw, i)
    report = await past.run()
    assert (report.mails, report.tickets, report.unreadable) == (len(BROKEN), len(BROKEN), [])
    assert await past.desk.store.check() == []


async def test_a_veiled_address_is_read(past: Past) -> None:
    past.put("a", b"From: user at host.example (A User)\r\nSubject: veiled\r\n\r\nx")
    await past.run()
    assert [t.customer and t.customer.address for t in await past.desk.tickets()] == ["user@host.example"]


async def test_what_is_beyond_a_limit_is_filed_whole(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    async with helpdesk(tmp_path, limits={"message_size": "64KiB"}) as desk:
        past = Past(desk, tmp_path / "mail", {})
        past.put("big", by("alice", "Big", "<1@x>", body="x" * 70_000))
        report = await past.run()
        assert (report.mails, report.opaque) == (1, 1)
        entry = (await past.entries())["big"].entry
        stored = await desk.store.mail(entry.mail_id or "")
        assert stored is not None
        assert b"x" * 70_000 in stored.raw


async def test_after_history_a_customer_goes_on_where_he_was(past: Past) -> None:
    past.put("a", mail("Pump", "help", message_id="<1@x>"), 0)
    await past.run()
    live = await past.desk.post(mail("Re: Pump", "still broken", headers=["References: <1@x>"], message_id="<2@x>"))
    assert (live.outcome, live.decision["rung"], live.purposes) == ("joined", "reference", ["reopened"])
    forged = mail("Re: Pump", "me", sender="m@evil.example", headers=["References: <1@x>"])
    stranger = await past.desk.post(forged, sender="m@evil.example")
    assert stranger.outcome == "new"


async def test_history_never_stands_in_the_way_of_new_mail(past: Past) -> None:
    live = await past.desk.post(mail("Help", "same", message_id="<live@x>"))
    past.put("old", mail("Help", "same", message_id="<old@x>"), 0)
    await past.run()
    again = await past.desk.post(mail("Help", "same", message_id="<again@x>"))
    assert (again.outcome, again.number) == ("repeat", live.number)


async def test_a_return_path_of_ours_in_old_mail_bounces_nothing(past: Past) -> None:
    sent = await past.desk.post(mail("Help", "a"))
    recipient = sent.sent[0].recipients[0]
    head = f"Return-Path: <>\r\nFrom: MAILER-DAEMON@x.example\r\nTo: {recipient.return_path}\r\nSubject: failure\r\n\r\nx"
    past.put("b", head.encode())
    await past.run()
    assert [r.state for r in await past.desk.store.queue(states=(), ticket_number=None, limit=9)] == ["queued"]


async def test_a_mail_on_which_our_own_code_fails_keeps_no_other(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(5):
        past.put(str(i), by("alice", f"S{i}", f"<{i}@x>"), i)
    whole = thread.named

    def broken(incoming: Any, parsed: Any) -> Any:
        if parsed.subject == "S2":
            raise ZeroDivisionError
        return whole(incoming, parsed)

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(thread, "named", broken)
        report = await past.run()
    assert [(Path(one.source).stem, "ZeroDivisionError" in one.reason) for one in report.unreadable] == [("2", True)]
    assert [one["event"] for one in logs] == ["filing failed, mail by mail now", "filing failed"]
    assert await past.tickets() == [["0"], ["1"], ["3"], ["4"]]
    assert (await past.run()).already == 4
    assert len(await past.tickets()) == 5
