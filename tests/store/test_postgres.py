"""What only the PostgreSQL driver has: the server's demands, the schema in its words, several nodes, a server that dies."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smtpgate.due import Due, Leave, What
from smtpgate.errors import StoreAway, StoreError, StoreMisuse
from smtpgate.model import DeliveryState, MailState, Status
from smtpgate.store import schema, transfer
from smtpgate.store.api import AckNote, Changes, Facts, NewTicket
from smtpgate.store.sqlite import SqliteStore
from smtpgate.store.verbs import MAIL, OUTGOING, VerbStore
from tests.support import postgres
from tests.support.store_data import NOW, a_query, a_recipient, a_ticket, an_entry, an_outgoing
from tests.support.store_steps import HELD_BEFORE, HELD_FOR, accept_one, claim_all, file_as, open_ticket, opening, queue_to

if postgres.missing():
    pytest.skip(postgres.missing(), allow_module_level=True)

from smtpgate.store.postgres import PostgresStore
from smtpgate.store.postgres_dialect import ddl
from smtpgate.store.postgres_link import Server
from smtpgate.store.postgres_writer import ORDER_LOCK
from smtpgate.store.statement import Query, Verb, one

Opening = Callable[..., Awaitable[PostgresStore]]


@pytest.fixture
async def opening_store() -> AsyncIterator[Opening]:
    opened: list[PostgresStore] = []

    async def opening(url: str, **how: Any) -> PostgresStore:
        opened.append(await PostgresStore.open(Server(url), **how))
        return opened[-1]

    yield opening
    for store in opened:
        await store.close()


def with_setting(url: str, setting: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{setting}"


class TestServer:
    """What is refused, and what the admin is told."""

    async def test_accepted_mail_that_could_be_lost(self, database: str) -> None:
        with pytest.raises(StoreError, match="synchronous_commit is off"):
            await PostgresStore.open(Server(with_setting(database, "synchronous_commit=off")))

    async def test_an_unknown_user(self, database: str) -> None:
        with pytest.raises(StoreError, match="nobody_there"):
            await PostgresStore.open(Server(database.replace("//postgres@", "//nobody_there@")))

    async def test_a_server_that_is_not_there(self) -> None:
        with pytest.raises(StoreAway, match="connecting to the database"):
            await PostgresStore.open(Server("postgresql://smtpgate@127.0.0.1:1/smtpgate"))

    async def test_a_password_file_that_is_not_there(self, database: str, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=r"store\.password_file cannot be read"):
            await PostgresStore.open(Server(database, tmp_path / "none"))

    async def test_tables_of_another_program(self, database: str) -> None:
        url = await a_schema(database, "other", "CREATE TABLE theirs (a bigint)")
        with pytest.raises(StoreError, match="a database of its own"):
            await PostgresStore.open(Server(url))

    async def test_who_looks_gets_a_plan_for_what_he_asks_and_filing_none_anew(self, database: str, opening_store: Opening) -> None:
        """Of some states there are millions of mails, of others none: one plan for both reads all for the rare one."""

        def planned() -> Verb[str]:
            return (yield from one("SHOW plan_cache_mode"))[0][0]

        store = await opening_store(await a_schema(database, "planned"))
        assert await store._read(planned) == "force_custom_plan"
        assert [await store._write(planned, ordered=ordered) for ordered in (False, True)] == ["force_generic_plan"] * 2

    async def test_a_newer_schema(self, database: str) -> None:
        url = await a_schema(database, "newer", *ddl(schema.schema()), "INSERT INTO meta VALUES ('schema version', '999')")
        with pytest.raises(StoreError, match="written by a newer smtpgate"):
            await PostgresStore.open(Server(url))

    async def test_an_older_schema_is_brought_up_and_a_reader_says_so(self, database: str, opening_store: Opening) -> None:
        url = await a_schema(
            database, "older", *ddl(schema.migrations()[0]), "INSERT INTO meta VALUES ('schema version', '1')", *HELD_BEFORE
        )
        with pytest.raises(StoreError, match="start the gateway"):
            await opening_store(url, read_only=True)
        await asyncio.gather(*(opening_store(url) for _ in range(3)))  # nodes that start at once
        reader = await opening_store(url, read_only=True)
        assert (await reader.overview(NOW)).schema == len(schema.migrations())
        assert list(map(tuple, await reader._read(lambda: one("SELECT mail_id, ticket_id FROM held_for")))) == HELD_FOR

    async def test_a_rolling_upgrade(self, database: str, opening_store: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
        """A step that only adds is made beside older gateways; one that breaks them waits until they have stopped."""
        url = await a_schema(database, "rolling")
        older = await opening_store(url)
        await older.join("mx1", {})
        known = schema.migrations()
        steps = [*known, "ALTER TABLE pause ADD COLUMN later TEXT;\n"]
        monkeypatch.setattr(schema, "migrations", lambda: steps)
        newer = await opening_store(url)
        mails = {await accept_one(older), await accept_one(newer)}
        await older.pauses()
        steps.append(schema.BREAKS + ": they know nothing of it.\nALTER TABLE pause ADD COLUMN later2 TEXT;\n")
        with pytest.raises(StoreError, match=r"smtpgate is at work with an older version.* stop all gateways"):
            await opening_store(url)
        monkeypatch.setattr(schema, "migrations", lambda: known)
        again = await opening_store(url)
        assert {mail.id for mail in await again.mails(None, limit=9)} == mails
        assert (await again.overview(NOW)).schema == len(known) + 1
        await older.close()  # its name is free
        monkeypatch.setattr(schema, "migrations", lambda: steps)
        await opening_store(url)
        monkeypatch.setattr(schema, "migrations", lambda: known)
        with pytest.raises(StoreError, match="written by a newer smtpgate"):
            await opening_store(url)

    async def test_nothing_there(self, database: str, opening_store: Opening) -> None:
        url = await a_schema(database, "empty")
        with pytest.raises(StoreError, match="start the gateway"):
            await opening_store(url, read_only=True)
        with pytest.raises(StoreError, match="there is no store in this database"):
            await opening_store(url, create=False)

    async def test_read_only_changes_nothing(self, database: str, opening_store: Opening) -> None:
        store, reader = await opening_store(database), await opening_store(database, read_only=True)
        mail_id = await accept_one(store)
        assert await reader.mail(mail_id) is not None
        with pytest.raises(StoreError, match="reading only"):
            await accept_one(reader)

    async def test_an_id_that_no_database_can_hold(self, database: str, opening_store: Opening) -> None:
        store = await opening_store(database)
        with pytest.raises(StoreMisuse, match="too large"):
            await store.outgoing(2**70)
        with pytest.raises(StoreMisuse, match="too large"):
            await store.settle_recipients([2**70], to=DeliveryState.DROPPED, now=0.0)
        await accept_one(store)


async def a_schema(url: str, name: str, *statements: str) -> str:
    """The URL of a new, apart schema in the database, with these statements run in it."""
    await postgres.execute(
        url, f"DROP SCHEMA IF EXISTS {name} CASCADE", f"CREATE SCHEMA {name}", f"SET search_path = {name}", *statements
    )
    return with_setting(url, f"search_path={name}")


class TestSchema:
    async def test_migrations_lead_to_the_schema(self, database: str) -> None:
        found = []
        for name, scripts in (("at_once", [schema.schema()]), ("by_steps", schema.migrations())):
            url = await a_schema(database, name, *(statement for script in scripts for statement in ddl(script)))
            columns = await postgres.execute(
                url,
                f"""SELECT table_name, column_name, data_type, is_nullable, collation_name, is_identity,
                    replace(column_default, '{name}.', '') FROM information_schema.columns WHERE table_schema = '{name}'""",
            )
            indexes = await postgres.execute(
                url, f"SELECT replace(indexdef, '{name}.', '') FROM pg_indexes WHERE schemaname = '{name}'"
            )
            constraints = await postgres.execute(
                url,
                f"""SELECT conrelid::regclass::text, contype, pg_get_constraintdef(oid) FROM pg_constraint
                    WHERE connamespace = '{name}'::regnamespace AND contype <> 'n'""",
            )
            found.append([{tuple(row) for row in rows} for rows in (columns, indexes, constraints)])  # type: ignore[attr-defined]
        assert found[0] == found[1]
        assert [len(part) > 20 for part in found[0]] == [True, True, True]

    def test_tables_are_read_from_the_schema_as_sqlite_reads_them(self) -> None:
        connection = sqlite3.connect(":memory:")
        connection.executescript(schema.schema())
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert sorted(table.name for table in schema.tables()) == sorted(names)
        for table in schema.tables():
            rows = connection.execute(f"PRAGMA table_info({table.name})").fetchall()
            assert table.columns == tuple(row[1] for row in rows)
            assert table.key == tuple(row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5])
        connection.close()


class TestNodes:
    """Several gateways on one database."""

    async def test_two_nodes_never_have_one_name(self, database: str, opening_store: Opening) -> None:
        one, two = await opening_store(database), await opening_store(database)
        await one.join("mx1", {})
        with pytest.raises(StoreError, match=r"under the name 'mx1'.*store\.node"):
            await two.join("mx1", {})
        await two.join("mx2", {})
        await one.close()
        three = await opening_store(database)
        await three.join("mx1", {})

    async def test_a_session_that_a_cut_has_left_does_not_keep_the_name(self, database: str, opening_store: Opening) -> None:
        """The server holds our old session for alive: its end never came through."""
        one, two = await opening_store(database), await opening_store(database)
        heard: asyncio.Queue[str] = asyncio.Queue()
        await one.join("mx1", {MAIL: lambda: heard.put_nowait(MAIL)})
        news = one._news
        assert news is not None
        left = news._connection
        assert left is not None
        news._lost.set()  # as if it were gone for us alone
        assert await asyncio.wait_for(heard.get(), 10) == MAIL  # it is back, and looks
        assert news._connection is not left
        assert left.is_closed()
        with pytest.raises(StoreError, match="under the name 'mx1'"):
            await two.join("mx1", {})

    async def test_news_arrive_without_looking(self, database: str, opening_store: Opening) -> None:
        one, two = await opening_store(database), await opening_store(database)
        heard: asyncio.Queue[str] = asyncio.Queue()
        own: list[str] = []
        await one.join("mx1", {news: lambda news=news: own.append(news) for news in (MAIL, OUTGOING)})  # type: ignore[misc]
        await two.join("mx2", {news: lambda news=news: heard.put_nowait(news) for news in (MAIL, OUTGOING)})  # type: ignore[misc]
        await accept_one(one)
        assert await asyncio.wait_for(heard.get(), 10) == MAIL
        await queue_to(one, a_recipient())
        assert await asyncio.wait_for(heard.get(), 10) == OUTGOING
        assert own == []

    async def test_numbers_and_claims_are_right_with_three_nodes_at_once(self, database: str, opening_store: Opening) -> None:
        """Each mail has one ticket, each ticket the next number, as if one node had filed them all."""
        nodes = [await opening_store(database) for _ in range(3)]
        mails = await asyncio.gather(*(accept_one(nodes[i % 3]) for i in range(60)))
        filed: list[str] = []

        def deciding(mail_id: str) -> Callable[[Facts], Changes]:
            def decide(facts: Facts) -> Changes:
                serial = facts.serials["20261121", "EML"]
                ticket = a_ticket(number=f"20261121-EML-{serial:04}")
                made = opening(mail_id, ticket)
                (new,) = made.tickets
                return opening(
                    mail_id,
                    ticket,
                    tickets=(NewTicket(new.ticket, ("20261121", "EML"), serial),),
                    fingerprints=(),
                    entries=(an_entry(ticket.id, mail_id=mail_id),),
                )

            return decide

        async def file_all(node: VerbStore, worker: str) -> None:
            while mails := await node.claim(worker=worker, now=NOW, lease=60, limit=4):
                for mail in mails:
                    query = a_query(mail.id, serials=(("20261121", "EML"),))
                    await node.file(mail.id, worker=worker, query=query, decide=deciding(mail.id))
                    filed.append(mail.id)

        await asyncio.gather(*(file_all(node, f"w{i}") for i, node in enumerate(nodes)))
        assert sorted(filed) == sorted(mails)
        tickets = await nodes[0].tickets(desk=None, statuses=(), sender=None, limit=100)
        assert sorted(ticket.number for ticket in tickets) == [f"20261121-EML-{i:04}" for i in range(1, 61)]
        assert await nodes[0].check() == []

    async def test_a_node_that_stops_in_a_transaction_does_not_stop_the_others(self, database: str, opening_store: Opening) -> None:
        import asyncpg

        store = await opening_store(database)
        mail_id = await accept_one(store)
        await claim_all(store)
        stopped = await asyncpg.connect(database, server_settings={"idle_in_transaction_session_timeout": "700"})
        await stopped.execute("BEGIN")
        await stopped.fetchval("SELECT pg_advisory_xact_lock($1)", ORDER_LOCK)
        await file_as(store, mail_id, Changes(state=MailState.FILED, decision="{}"))  # it waits no longer than that
        stopped.terminate()
        link = await Server(database).connect()
        assert await link.fetchval("SHOW idle_in_transaction_session_timeout") == "10s"
        await link.close()

    @pytest.mark.parametrize("code", ["40001", "40P01"])
    async def test_what_met_another_transaction_is_run_again(self, database: str, opening_store: Opening, code: str) -> None:
        """A serialisation failure and a deadlock, each alone and among others that are not to suffer from it."""
        store = await opening_store(database)
        tries = dict.fromkeys((False, True), 0)

        def meeting(ordered: bool) -> Verb[int]:
            tries[ordered] += 1
            if tries[ordered] < 3:
                yield Query(f"DO $$ BEGIN RAISE EXCEPTION 'met another' USING ERRCODE = '{code}'; END $$")
            found = yield Query("SELECT 7")
            return int(found[0][0])

        seven = [store._write(lambda ordered=ordered: meeting(ordered), ordered=ordered) for ordered in tries]  # type: ignore[misc]
        others = [store.probe(NOW), store.number_patterns("{serial}")]
        assert (await asyncio.gather(*seven, *others))[:2] == [7, 7]
        assert tries == {False: 3, True: 3}


async def test_maintenance_removes_what_nothing_asks_for_any_more(database: str, opening_store: Opening) -> None:
    from smtpgate.store import postgres_upkeep

    store = await opening_store(database)
    mail_id = await open_ticket(store, a_ticket(), acks=(AckNote("a@example.org", NOW, "received"),))
    await postgres.execute(
        database,
        "INSERT INTO acknowledgement (address, at, minute, purpose) SELECT 'x', 60 * i, i, 'p' FROM generate_series(1, 450) i",
        f"""INSERT INTO fingerprint SELECT 'old ' || i, ticket_id, mail_id, 0, 1, 0
            FROM fingerprint, generate_series(1, 450) i WHERE key = 'print of {mail_id}'""",
    )
    done = await postgres_upkeep.maintain(store, NOW, seconds=60)
    assert [one.text.split()[0] for one in done[:2]] == ["450", "450"]
    assert [tuple(row) for row in await postgres.execute(database, "SELECT key FROM fingerprint")] == [(f"print of {mail_id}",)]  # type: ignore[call-overload]
    assert len(await postgres.execute(database, "SELECT 1 FROM acknowledgement")) == 1


async def test_notes_of_killed_processes_go_and_an_idle_lane_makes_its_own_again(
    database: str, opening_store: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smtpgate.store import postgres_upkeep

    store = await opening_store(database)
    await accept_one(store)
    await postgres.execute(database, "INSERT INTO meta (key, value) VALUES ('last commit of a dead one', '7')")
    marks = "SELECT 1 FROM meta WHERE key LIKE 'last commit %'"
    await postgres_upkeep.maintain(store, NOW, seconds=60)
    assert len(await postgres.execute(database, marks)) == 2  # nothing is as old as that here
    monkeypatch.setattr(postgres_upkeep, "_OLD", -1)
    await postgres_upkeep.maintain(store, NOW, seconds=60)
    assert await postgres.execute(database, marks) == []
    assert len({await accept_one(store), await accept_one(store)}) == 2
    assert (await store.counts())["mail.accepted"] == 3


class TestCopy:
    async def test_there_and_back(self, database: str, tmp_path: Path, opening_store: Opening) -> None:
        first, last = tmp_path / "first.db", tmp_path / "last.db"
        file = await SqliteStore.open(first)
        tickets = [a_ticket(number=f"N-{i}") for i in range(5)]
        for ticket in tickets:
            await open_ticket(file, ticket, an_outgoing(a_recipient()))
        later = Due(tickets[0].id, What.SNOOZE, NOW + 60, NOW, Status.RECEIVED)
        kept = Changes(due=(later, replace(later, what=What.STATE, at=None)), leaves=(("lee@corp.example", Leave(NOW, NOW + 5)),))
        await file.change(ticket_number=None, query=None, decide=lambda *_: kept)
        await accept_one(file, raw=bytes(range(256)) * 500)
        large = random.Random(1).randbytes(300_000)
        mail_id = await accept_one(file, raw=large)
        await file.greylist("key", now=NOW, delay=1, window=2, remember=3)
        key = await file.token_key(b"k" * 32)
        await file.close()
        there = await transfer.copy(str(first), database, password_file=None, step=lambda _: None)
        store = await opening_store(database)
        assert await store.check() == []
        assert (found := await store.mail(mail_id)) is not None
        assert (found.raw, found.kept) == (large, None)  # whole in the database, which has no directory
        assert await store.known_token_key() == key
        assert await store.first_due(NOW + 60) == later
        assert (await store.members())["lee@corp.example"].leave == Leave(NOW, NOW + 5)
        with pytest.raises(StoreError, match="is at work"):
            await transfer.copy(database, str(last), password_file=None, step=lambda _: None)
        await store.close()
        back = await transfer.copy(database, str(last), password_file=None, step=lambda _: None)
        assert there == back
        again = await SqliteStore.open(last)
        assert (found := await again.mail(mail_id)) is not None
        assert found.raw == large
        assert found.kept is not None
        assert await again.check() == []
        await again.close()
        assert sum(table.rows for table in there) > 50
        store = await opening_store(database)
        await accept_one(store)  # the numbers go on
        await store.close()
        for source, target in ((str(first), database), (database, str(last))):
            with pytest.raises(StoreError, match="is not empty"):
                await transfer.copy(source, target, password_file=None, step=lambda _: None)

    async def test_what_differs_is_not_kept(self, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from smtpgate.store import postgres_transfer

        file = await SqliteStore.open(tmp_path / "store.db")
        await open_ticket(file, a_ticket())
        await file.close()
        put = postgres_transfer._Database.put

        async def spoiling(self: Any, table: schema.Table, rows: list[Any]) -> None:
            await put(self, table, [(*row[:3], b"spoiled", *row[4:]) for row in rows] if table.name == "incoming_raw" else rows)

        monkeypatch.setattr(postgres_transfer._Database, "put", spoiling)
        with pytest.raises(StoreError, match="incoming_raw is not the same"):
            await transfer.copy(str(tmp_path / "store.db"), database, password_file=None, step=lambda _: None)
        assert await postgres.execute(database, "SELECT 1 FROM incoming") == []


class TestServerDies:
    async def test_killed_in_the_middle_of_load(self) -> None:
        """No accepted mail is lost, no verb is half done, and what was not answered is answered when the server is back."""
        with postgres.a_server() as server:
            stores = [await PostgresStore.open(Server(server.url())) for _ in range(2)]
            accepted: list[str] = []
            filed: list[str] = []
            ending = asyncio.Event()

            async def accepting(store: VerbStore) -> None:
                while not ending.is_set():
                    with contextlib.suppress(StoreError):
                        accepted.append(await accept_one(store, raw=b"x" * 20_000))

            async def filing(store: VerbStore, worker: str) -> None:
                while not ending.is_set():
                    with contextlib.suppress(StoreError):
                        for mail in await store.claim(worker=worker, now=NOW, lease=60, limit=5):
                            await file_as(store, mail.id, opening(mail.id, a_ticket()), worker=worker)
                            filed.append(mail.id)
                    await asyncio.sleep(0)

            work = [asyncio.create_task(accepting(store)) for store in stores for _ in range(8)]
            work += [asyncio.create_task(filing(store, f"w{i}")) for i, store in enumerate(stores)]
            for how in (signal.SIGKILL, signal.SIGQUIT):
                before = len(accepted), len(filed)
                async with asyncio.timeout(30):
                    while len(accepted) < before[0] + 30 or len(filed) < before[1] + 5:
                        await asyncio.sleep(0.01)
                await asyncio.to_thread(server.stop, how)
                await asyncio.to_thread(server.start)
            before = len(accepted), len(filed)
            async with asyncio.timeout(30):
                while len(accepted) < before[0] + 20 or len(filed) < before[1] + 5:
                    await asyncio.sleep(0.01)
            ending.set()
            await asyncio.gather(*work)
            assert await stores[0].check() == []
            known = {mail.id: mail.state for mail in await stores[1].mails(None, limit=1_000_000)}
            assert set(accepted) <= set(known)
            assert all(known[mail_id] is MailState.FILED for mail_id in filed)
            for store in stores:
                await store.close()

    async def test_a_standby_is_not_written_to_and_its_promotion_is_survived(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from smtpgate.store import postgres_link

        with postgres.a_server() as server:
            store = await PostgresStore.open(Server(server.url()))
            mail_id = await accept_one(store)
            server.stop(signal.SIGINT)
            server.standby()
            server.start()
            monkeypatch.setattr(postgres_link, "PATIENCE", 0.2)
            with pytest.raises(StoreAway, match="standby"):
                await accept_one(store)
            with pytest.raises(StoreAway, match="standby"):
                await PostgresStore.open(Server(server.url()))
            reader = await PostgresStore.open(Server(server.url()), read_only=True)
            assert await reader.mail(mail_id) is not None
            await reader.close()
            await asyncio.to_thread(server.promote)
            monkeypatch.setattr(postgres_link, "PATIENCE", 20.0)
            again = await accept_one(store)
            assert {mail.id for mail in await store.mails(None, limit=10)} == {mail_id, again}
            await store.close()

    async def test_a_commit_without_an_answer_is_asked_for(self, database: str, opening_store: Opening) -> None:
        """The connection dies after COMMIT was sent: it happened once, and the caller is told so."""
        store = await opening_store(database)
        lane = store._lanes[False]
        await accept_one(store)
        connection = lane._connection
        assert connection is not None
        execute = connection.execute

        async def dying(sql: str, *rest: Any) -> Any:
            done = await execute(sql, *rest)
            if sql == "COMMIT":
                connection.terminate()
                raise ConnectionResetError("the answer was lost")
            return done

        object.__setattr__(lane, "_connection", _Stand(connection, dying))
        mail_id = await accept_one(store)
        assert next(mail.id for mail in await store.mails(None, limit=10)) == mail_id
        assert (await store.counts())["mail.accepted"] == 2


class _Stand:
    """A connection whose execute is another one."""

    def __init__(self, connection: Any, execute: Any) -> None:
        self._connection = connection
        self.execute = execute

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
