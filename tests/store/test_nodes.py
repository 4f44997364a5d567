"""Contract: what gateways that share a store say of themselves; and which versions may share one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smtpgate.errors import StoreError
from smtpgate.store import schema, sqlite_file
from smtpgate.store.nodes import FORGOTTEN
from smtpgate.store.seen import Node
from smtpgate.store.sqlite import SqliteStore
from smtpgate.store.verbs import VerbStore
from tests.store.conftest import OpenStore
from tests.support.store_data import NOW
from tests.support.store_steps import accept_one

ADDS = "CREATE TABLE later (a TEXT) STRICT;\nALTER TABLE pause ADD COLUMN later TEXT;\n"
BREAKS = schema.BREAKS + ": they know nothing of it.\nALTER TABLE pause ADD COLUMN later2 TEXT;\n"


def a_node(name: str, seen_at: float = NOW, version: str = "1.0") -> Node:
    return Node(name, version, NOW - 60, seen_at, {"sessions": 3, "filing": 0})


async def test_signs(store: VerbStore) -> None:
    await store.sign(a_node("mx2"))
    await store.sign(a_node("mx1", version="0.9"))
    await store.sign(a_node("mx2", NOW + 5))
    assert (await store.overview(NOW)).nodes == (a_node("mx1", version="0.9"), a_node("mx2", NOW + 5))
    await store.goodbye("mx1")
    assert [node.name for node in (await store.overview(NOW)).nodes] == ["mx2"]
    await store.sign(a_node("mx3", NOW + FORGOTTEN + 6))  # mx2 has never said goodbye
    assert [node.name for node in (await store.overview(NOW)).nodes] == ["mx3"]


class TestVersions:
    """A newer version that only adds to the schema, and an older one beside it."""

    @pytest.fixture
    def steps(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The migrations that the next opening knows."""
        known = schema.migrations()
        monkeypatch.setattr(schema, "migrations", lambda: known)
        monkeypatch.setattr(sqlite_file, "migrations", lambda: known)
        return known

    async def test_an_older_one_goes_on_beside_a_newer_one(self, tmp_path: Path, steps: list[str]) -> None:
        path = tmp_path / "store.db"
        older = await SqliteStore.open(path)
        steps.append(ADDS)
        newer = await SqliteStore.open(path)
        mails = {await accept_one(older), await accept_one(newer)}
        steps.pop()
        again = await SqliteStore.open(path)  # a restart of the older one
        reader = await SqliteStore.open(path, read_only=True)
        assert {mail.id for mail in await reader.mails(None, limit=9)} == mails
        assert (await again.overview(NOW)).schema == len(steps) + 1
        steps += [ADDS, BREAKS]
        await (await SqliteStore.open(path)).close()
        steps.pop()
        for how in ({}, {"read_only": True}):
            with pytest.raises(StoreError, match=r"written by a newer smtpgate \(schema \d+, this one knows \d+\)"):
                await SqliteStore.open(path, **how)  # type: ignore[arg-type]
        for store in (older, newer, again, reader):
            await store.close()

    def test_what_a_store_needs(self) -> None:
        assert schema.needed(["A", "B"]) == 1
        assert schema.needed(["A", BREAKS, "C"]) == 2
        assert schema.needed(["A", BREAKS, "C", BREAKS]) == 4

    def test_every_step_says_it_when_it_does_more_than_add(self) -> None:
        """Older versions name the columns that they write, and read those that they know: what is added does not disturb them."""
        adds = re.compile(
            r"CREATE TABLE|CREATE INDEX|ALTER TABLE \w+ ADD COLUMN \w+ \w+(?! NOT NULL(?! DEFAULT))"
            r"|INSERT INTO (\w+)|UPDATE (\w+)|DROP INDEX"
        )
        for number, step in enumerate(schema.migrations(), 1):
            if number < 7 or step.startswith(schema.BREAKS):
                continue
            new = set(re.findall(r"CREATE TABLE (\w+)", step))
            for statement in schema.statements(step):
                text = "\n".join(line for line in statement.splitlines() if not line.startswith("--")).strip()
                found = adds.match(text)
                assert found is not None, f"step {number} may break older versions, and does not say so: {text}"
                written = found[1] or found[2]
                assert written is None or written in new, f"step {number} changes rows of {written}: {text}"


async def test_a_copy_is_made_between_equals(open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from smtpgate.store import transfer

    await open_store()
    path, known = tmp_path / "newer.db", schema.migrations()
    monkeypatch.setattr(sqlite_file, "migrations", lambda: [*known, ADDS])
    await (await SqliteStore.open(path)).close()
    monkeypatch.undo()
    with pytest.raises(StoreError, match="use the newest version for this"):
        await transfer.copy(str(path), str(tmp_path / "copy.db"), password_file=None, step=lambda _: None)
