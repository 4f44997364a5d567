"""What only the SQLite driver has: the file, its schema, its plans."""

from __future__ import annotations

import asyncio
import functools
import os
import pwd
import re
import shutil
import sqlite3
import stat
import tempfile
import warnings
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smtpgate.bulletin import Bulletin, Matter, Place
from smtpgate.errors import StoreError, StoreFatal
from smtpgate.listing import Listed, Listing
from smtpgate.model import DeliveryState, MailState, Status
from smtpgate.store import (
    bulletins,
    changes,
    daily,
    due,
    history,
    holding,
    imported,
    incoming,
    listing,
    look,
    meta,
    overview,
    queue,
    schema,
    sqlite_file,
    sqlite_writer,
    targets,
    worked,
)
from smtpgate.store.api import AckNote, Changes, TicketUpdate
from smtpgate.store.sqlite import SqliteStore
from smtpgate.store.statement import Query, Verb, asking_at_once, statements
from smtpgate.target import Target, TargetClock
from tests.support.store_data import NOW, a_query, a_recipient, a_ticket, accepted, an_attempt, an_outgoing
from tests.support.store_steps import HELD_BEFORE, HELD_FOR, accept_one, opening


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a" / "private" / "store.db"


class TestPatience:
    """Work that nobody outside waits for shares commits."""

    @pytest.fixture
    async def store(self, path: Path) -> AsyncIterator[SqliteStore]:
        store = await SqliteStore.open(path)
        yield store
        await store.close()

    @staticmethod
    def submit(store: SqliteStore, patience: float) -> asyncio.Future[Any]:
        assert store._writer is not None
        return store._writer.submit(lambda: meta.probe(NOW), 0, patience)

    async def test_it_waits_for_the_first_that_has_none(self, store: SqliteStore) -> None:
        patient = [self.submit(store, 3600) for _ in range(5)]
        before = store.commits
        await asyncio.wait(patient, timeout=0.02)
        assert not any(future.done() for future in patient)
        await accept_one(store)
        assert store.commits == before + 1
        await asyncio.gather(*patient)

    async def test_it_waits_no_longer_than_it_said_nor_when_there_is_much(self, store: SqliteStore) -> None:
        await self.submit(store, 0.01)
        before = store.commits
        await asyncio.gather(*(self.submit(store, 3600) for _ in range(64)))
        assert store.commits == before + 1

    async def test_it_is_done_when_the_store_closes(self, store: SqliteStore) -> None:
        patient = self.submit(store, 3600)
        await store.close()
        await patient


class TestTogether:
    """Changes that share a transaction: one that fails takes no other one along, wherever it stands."""

    @pytest.mark.parametrize("bad", [{0}, {0, 1}, {1}, {0, 2}, {3}, {0, 1, 2, 3}, set()])
    @pytest.mark.parametrize("how", ["a statement", "our own code"])
    async def test_those_that_fail_leave_nothing_and_the_others_are_written(self, path: Path, bad: set[int], how: str) -> None:
        def verb(place: int) -> Verb[int]:
            yield Query("INSERT INTO pause (destination, since, reason) VALUES ($1, 0, 'x')", (f"d{place}",))
            if place in bad:
                if how == "our own code":
                    raise KeyError(place)
                yield Query("INSERT INTO pause (destination, since, reason) VALUES ($1, 0, 'x')", (f"d{place}",))  # there already
            return place

        store = await SqliteStore.open(path)
        try:
            assert store._writer is not None
            before, patience = store.commits, 3600.0
            waiting = [store._writer.submit(functools.partial(verb, place), 0, patience) for place in range(4)]
            await accept_one(store)  # which has none
            found = await asyncio.gather(*waiting, return_exceptions=True)
            assert [isinstance(one, Exception) for one in found] == [place in bad for place in range(4)]
            assert {pause.destination for pause in await store.pauses()} == {f"d{place}" for place in range(4) if place not in bad}
            assert store.commits == before + 1
            assert await store.check() == []
        finally:
            await store.close()


class TestOpen:
    async def test_directory_and_files_are_ours_alone(self, path: Path) -> None:
        store = await SqliteStore.open(path)
        try:
            await accept_one(store)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        finally:
            await store.close()
        assert [file.name for file in path.parent.iterdir()] == ["store.db"]

    async def test_commits_are_synced(self, path: Path) -> None:
        sqlite_file.prepare(path, create=True)
        connection = sqlite_file.connect(path)
        try:
            names = ("synchronous", "journal_mode", "foreign_keys")
            found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
            assert found == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}
        finally:
            connection.close()

    async def test_not_there_and_not_to_be_made(self, path: Path) -> None:
        for how in ({"create": False}, {"read_only": True}):
            with pytest.raises(StoreError, match="there is no store at"):
                await SqliteStore.open(path, **how)  # type: ignore[arg-type]
        assert not path.parent.exists()

    async def test_a_directory_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StoreError, match="cannot make the store"):
            await SqliteStore.open(tmp_path / "file" / "store.db")

    async def test_something_else_is_not_touched(self, tmp_path: Path) -> None:
        other = tmp_path / "other.db"
        connection = sqlite3.connect(other)
        connection.execute("CREATE TABLE theirs (a)")
        connection.commit()
        connection.close()
        with pytest.raises(StoreError, match="some other program"):
            await SqliteStore.open(other)
        text = tmp_path / "text.db"
        text.write_text("not a database at all, but long enough to be looked at" * 10)
        with pytest.raises(StoreFatal, match="not a database"):
            await SqliteStore.open(text)

    async def test_read_only(self, path: Path) -> None:
        store = await SqliteStore.open(path)
        mail_id = await accept_one(store)
        await store.close()
        before = path.read_bytes()
        looker = await SqliteStore.open(path, read_only=True)
        try:
            assert await looker.mail(mail_id) is not None
            with pytest.raises(StoreError, match="reading only"):
                await accept_one(looker)
            with pytest.raises(StoreError, match="reading only"):
                await looker.token_key(b"x")
        finally:
            await looker.close()
        assert path.read_bytes() == before

    async def test_read_only_next_to_a_writer(self, path: Path) -> None:
        store = await SqliteStore.open(path)
        looker = await SqliteStore.open(path, read_only=True)
        try:
            mail_id = await accept_one(store)
            assert await looker.mail(mail_id) is not None
        finally:
            await looker.close()
            await store.close()

    async def test_an_id_that_no_database_can_hold(self, path: Path) -> None:
        store = await SqliteStore.open(path)
        try:
            with pytest.raises(StoreError, match="too large"):
                await store.outgoing(2**70)
            with pytest.raises(StoreError, match="too large"):
                await store.settle_recipients([2**70], to=DeliveryState.DROPPED, now=0.0)
            await accept_one(store)
        finally:
            await store.close()


class TestSchema:
    def objects(self, connection: sqlite3.Connection) -> set[tuple[str, ...]]:
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
        return {(kind, name, table, re.sub(r" ([,)])", r"\1", re.sub(r"\s+", " ", sql or ""))) for kind, name, table, sql in rows}

    def test_each_migration_has_a_number_of_its_own(self) -> None:
        """Two of one number have no order: a store made between them would not open any more."""
        names = sorted(file.name for file in (schema.SQL / "migrations").iterdir() if file.name.endswith(".sql"))
        assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))

    def test_migrations_lead_to_the_schema(self) -> None:
        at_once, by_steps = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
        sqlite_file._run(at_once, sqlite_file.schema())
        for step in sqlite_file.migrations():
            sqlite_file._run(by_steps, step)
        assert self.objects(at_once) == self.objects(by_steps)
        assert len(self.objects(at_once)) > 20
        at_once.close()
        by_steps.close()

    def test_what_an_older_store_holds_for_a_ticket_is_known_afterwards(self) -> None:
        first, *others = sqlite_file.migrations()
        connection = sqlite3.connect(":memory:")
        for script in (first, ";\n".join((*HELD_BEFORE, "")), *others):
            sqlite_file._run(connection, script)
        assert connection.execute("SELECT mail_id, ticket_id FROM held_for").fetchall() == HELD_FOR
        connection.close()

    async def test_a_newer_store_is_refused(self, path: Path) -> None:
        self.at_version(path, len(sqlite_file.migrations()) + 1, needs=len(sqlite_file.migrations()) + 1)
        for how in ({}, {"read_only": True}):
            with pytest.raises(StoreError, match=r"written by a newer smtpgate .*install that version again"):
                await SqliteStore.open(path, **how)  # type: ignore[arg-type]

    async def test_an_older_store_is_brought_up(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store = await SqliteStore.open(path)
        mail_id = await accept_one(store)
        await store.close()
        known = sqlite_file.migrations()
        step = "CREATE TABLE later (a TEXT) STRICT;\nALTER TABLE pause ADD COLUMN b TEXT;\n"
        monkeypatch.setattr(sqlite_file, "migrations", lambda: [*known, step])
        with pytest.raises(StoreError, match="restart the gateway"):
            await SqliteStore.open(path, read_only=True)
        for _ in range(2):
            store = await SqliteStore.open(path)
            assert await store.mail(mail_id) is not None
            await store.close()
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
        assert connection.execute("SELECT value FROM meta WHERE key = 'schema version'").fetchone() == (str(len(known) + 1),)
        connection.close()

    async def test_a_migration_that_fails_leaves_the_store_as_it_was(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        await (await SqliteStore.open(path)).close()
        known = sqlite_file.migrations()
        with monkeypatch.context() as patch:
            patch.setattr(sqlite_file, "migrations", lambda: [*known, "CREATE TABLE later (a TEXT) STRICT;\nBAD SQL;\n"])
            with pytest.raises(StoreError):
                await SqliteStore.open(path)
        store = await SqliteStore.open(path)
        await accept_one(store)
        await store.close()

    def at_version(self, path: Path, version: int, *, needs: int) -> None:
        sqlite_file.prepare(path, create=True)
        connection = sqlite3.connect(path)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema version'", (str(version),))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema needs'", (str(needs),))
        connection.commit()
        connection.close()


@pytest.mark.parametrize("change", [False, True])
def test_who_may_not_read_the_file_is_told_whose_it_is(*, change: bool) -> None:
    """An admin who forgets to become the gateway's user: one line, no traceback."""
    directory = Path(tempfile.mkdtemp(dir="/tmp"))  # one that everybody may enter
    store, (told, tell) = directory / "store.db", os.pipe()
    try:
        directory.chmod(0o755)
        sqlite_file.prepare(store, create=True)
        store.chmod(0o600 if os.geteuid() == 0 else 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: the child does no more than this
            child = os.fork()
        if child == 0:
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setuid(65534)
                (sqlite_file.connect if change else sqlite_file.require_current)(store)
            except StoreError as error:
                os.write(tell, str(error).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(tell)
        said = os.read(told, 4096).decode()
    finally:
        os.close(told)
        shutil.rmtree(directory)
    owner = pwd.getpwuid(os.geteuid()).pw_name
    assert said.startswith(f"opening {store}, which belongs to {owner} (run this as that user: sudo -u {owner} smtpgate …): "), said


async def test_check_finds_what_is_wrong(path: Path) -> None:
    store = await SqliteStore.open(path)
    try:
        mail_id = await accept_one(store)
        assert await store.check() == []
        connection = sqlite3.connect(path)
        connection.execute("DELETE FROM incoming_raw")
        connection.execute("UPDATE incoming SET state = 'filed', leased_by = 'x'")
        connection.execute("INSERT INTO message_ref VALUES ('<a@x>', 99, 0)")
        connection.commit()
        assert sorted(await store.check()) == [
            "count that is not that of the rows: filed",
            f"filed mail without a decision: {mail_id}",
            f"mail without its raw bytes: {mail_id}",
            "row 1 of message_ref refers to a row of ticket that is not there",
            f"settled mail that is still leased: {mail_id}",
        ]
        connection.execute("UPDATE incoming SET state = 'lost'")
        connection.commit()
        connection.close()
        assert "mail in unknown state: lost" in await store.check()
    finally:
        await store.close()


def daily_verbs() -> list[tuple[str, Verb[Any]]]:
    """Every verb of daily work, with arguments that make it run all its statements."""
    mail = accepted("m1")
    ticket = a_ticket(number="N-1")
    sent = an_outgoing(a_recipient(id=7), ticket_id=ticket.id)
    query = a_query(
        "m2",
        message_id="<a@example.org>",
        references=("<a>", "<b>"),
        numbers=("N-1",),
        ticket_ids=(ticket.id,),
        recipient_ids=(7,),
        fingerprints=("f",),
        serials=(("d", "EML"),),
    )
    notice = Bulletin(1, "printer", Matter.OUTAGE, {"en": "It burns."}, "lee@corp.example", NOW, since=0.0)
    filed = opening("m1", ticket, sent, told=("f",), acks=(AckNote("a@x", NOW, "received"),), bounced=((8, "gone"),))
    update = Changes(updates=(TicketUpdate(ticket.id, Status.WAITING),))
    return [
        ("accept", incoming.accept(mail)),
        ("claim", incoming.claim("w", NOW, 60, 10, 2**62)),
        ("file", changes.file(changes.Filing("m1", "w", query, lambda _facts: filed))),
        ("change", changes.change("N-1", None, lambda _t, _f: update)),
        ("accept", incoming.accept(accepted("m2"))),
        ("accept", incoming.accept(accepted("m3"))),
        ("claim", incoming.claim("w", NOW, 60, 10, 2**62)),
        ("file", changes.file(changes.Filing("m2", "w", query, lambda _facts: Changes(postpone_until=NOW + 1)))),
        ("file_failed", incoming.file_failed("m3", "w", "", NOW, 1)),
        ("settle_mail", incoming.settle_mail("m3", [MailState.HELD, MailState.POISON], MailState.ACCEPTED, "")),
        ("mail", incoming.mail("m1")),
        ("mails", incoming.mails(MailState.FILED, 10, "m2")),
        ("mails", incoming.mails(None, 10, None)),
        ("mails_of_message_id", incoming.mails_of_message_id("<a@example.org>")),
        ("ticket", look.ticket("N-1")),
        ("tickets", look.tickets("support", list(Status), None, 10, 2**60)),
        ("tickets", look.tickets(None, (), "wang@example.org", 10, None)),
        ("queue", look.queue(list(DeliveryState), None, 10, 2**60)),
        ("queue", look.queue((), "N-1", 10, None)),
        ("claim_deliveries", queue.claim_deliveries("w", NOW, 10, lambda _n: NOW + 1, ("x", "y"), 60)),
        ("record_attempts", queue.record_attempts([an_attempt(7, DeliveryState.QUEUED)], [7], [])),
        ("unclaim", queue.unclaim([7], NOW)),
        ("settle_recipients", queue.settle_recipients([7], DeliveryState.QUEUED, NOW)),
        ("settle_recipients", queue.settle_recipients([7], DeliveryState.DROPPED, NOW)),
        ("outgoing", look.outgoing(sent.id)),
        ("next_due", queue.next_due()),
        ("tickets", look.tickets("support", (), None, 10, None)),
        ("tickets", look.tickets("support", [Status.RECEIVED], None, 10, 2**60)),
        ("entries", look.entries([ticket.id])),
        ("queue", look.queue((), None, 10, None)),
        ("queue", look.queue((), None, 10, 2**60, domain="example.org")),
        ("queue", look.queue((), None, 10, None, address="wang@example.org")),
        ("queue", look.queue([DeliveryState.QUEUED], None, 10, None, "example.org", NOW)),
        ("counts", look.counts()),
        ("overview", overview.overview(NOW)),
        ("history", history.history("N-1", None, 10)),
        ("history", history.history("<a@example.org>", None, 10)),
        ("history", history.history("m1", 7, 10)),
        ("imported", imported.decisions(["key"])),
        ("pauses", queue.pauses()),
        ("next_due", due.next_due()),
        ("first_due", due.first(NOW)),
        ("coming", due.coming(NOW)),
        ("daily", daily.daily("lee@corp.example", ["support"], NOW, NOW)),
        ("listing", listing.found(Listing(Listed.OPEN, ("support",)))),
        ("listing", targets.due_of("support", tuple(Status), where="AND t.assignee = $3", agent="lee@corp.example")),
        *(
            (
                "listing",
                listing.found(Listing(what, ("support", "sales"), agent="lee@corp.example", words=("printer",), number="N-1")),
            )
            for what in Listed
        ),
        *(
            ("affected", bulletins.affected(replace(notice, desk=desk), Place(ended), 10))
            for desk in ("", "support")
            for ended in (False, True)
        ),
        ("affected", bulletins.affected(replace(notice, follows=3), Place(), 10)),
        ("bulletins", bulletins.seen(10)),
        ("is_held", holding.is_held(ticket)),
        ("person", look.tickets(None, [Status.RECEIVED], "wang@example.org", 10, 2**60)),
        ("clients", incoming.clients(10)),
        ("worked", worked.summed("agent", "support", "lee@corp.example", 0.0, NOW)),
        ("due_tickets", look.due_tickets(["support"], (), NOW, 10)),
        ("overdue", look.overdue(["support"], NOW)),
        ("targets_met", targets.met("support", 0.0, NOW)),
        ("targets_kept", targets.kept([TargetClock(ticket.id, "support")], [], [(ticket.id, Target.FIRST, NOW)])),
        ("release_leases", incoming.release_leases("w")),
        ("release_leases", queue.release_leases("w")),
    ]


# What is read whole: the rows just chosen, and tables that stay small.
_SMALL = ("SCAN CONSTANT ROW", "SCAN chosen", "SCAN pause", "SCAN meta", "SCAN node USING INDEX sqlite_autoindex_node_1")
_ALL = "SEARCH t USING INDEX ticket_desk (desk=?)"  # tickets of a desk in whatever state: nearly all that there are
# What is sorted after it was found: the mail of one ticket, the copies of one mail.
_FEW = ("t.number =", "i.message_id =", "WHERE ticket_id =", "i.id IN (SELECT mail_id")


@pytest.mark.parametrize("known", [False, True], ids=["planner knows nothing", "after maintain"])
def test_no_daily_verb_reads_a_whole_table(known: bool) -> None:
    """What is quick with ten rows stays quick with a million. A page, newest first, ends at its LIMIT.

    known: with the statistics of a large store, in which each key has about one row: a plan may differ then.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None)
    sqlite_file._run(connection, sqlite_file.schema())
    connection.execute("INSERT INTO meta (key, value) VALUES ('schema version', '1')")
    if known:
        connection.execute("ANALYZE")  # makes the table for it
        indexes = connection.execute("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index'").fetchall()
        for table, name, definition in indexes:
            columns = len(connection.execute(f"PRAGMA index_info({name})").fetchall())
            size = "100" if definition and " WHERE " in definition else "1000000"  # of what waits there is little
            few = name.split("_")[-1] in ("state", "status", "desk", "domain")  # of such a value there are many
            seldom = ["300000" if few and i < columns - 1 else "1" for i in range(columns)]
            connection.execute("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, name, " ".join([size, *seldom])))
        connection.execute("ANALYZE sqlite_master")  # reads it
    faults, explained = [], set()
    for name, verb in ((name, asking_at_once(verb)) for name, verb in daily_verbs()):
        rows: list[Any] | None = None
        try:
            while True:
                question = verb.send(rows) if rows is not None else next(verb)
                for text, values in statements(question):
                    sql, params = sqlite_writer.bound(text, values)
                    plan = [step[3] for step in connection.execute("EXPLAIN QUERY PLAN " + sql, params)]
                    page = "LIMIT" in sql and " WHERE " not in sql  # of all there is, from one end
                    sorts = "LIMIT" in sql and any("TEMP" in step for step in plan) and not any(few in sql for few in _FEW)
                    scans = any((step.startswith("SCAN") and step not in _SMALL) or step.endswith(_ALL) for step in plan)
                    if sorts or (scans and not page):
                        faults.append((name, sql, plan))
                    explained.add(sql)
                rows = sqlite_writer.answer(connection, question)
        except StopIteration:
            continue
    connection.close()
    assert not faults, "\n".join(map(str, faults))
    assert len(explained) > 80
