"""`smtpgate import` as a process: against a known truth, killed in the middle, beside a running gateway."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support import archive
from tests.support.gateway import Gateway, letter, wait_for
from tests.support.zygote import Forked

ONE_PARSER = {"processes": 1}


def arrived(gateway: Gateway) -> list[dict[str, Any]]:
    return gateway.rows("SELECT i.received_at, m.source FROM incoming i JOIN imported m ON m.mail_id = i.id ORDER BY i.seq")


def check(gateway: Gateway, mails: Sequence[archive.Old], name_of: dict[str, str] | None = None) -> archive.Score:
    found = archive.score(mails, gateway.cli_list("ticket", "list", "--entries"), name_of)
    assert found.perfect, found
    assert len(arrived(gateway)) == len(mails)
    assert gateway.count("SELECT count(*) FROM outgoing") == 0
    return found


def killed(gateway: Gateway, path: Path, after: int) -> None:
    """Start an import and kill it as soon as so many mails are filed."""
    process = Forked([*gateway.argv, "--config", str(gateway.config), "import", str(path)])

    def far_enough() -> bool:
        assert process.poll() is None, "it ended before it was killed"
        return gateway.store.exists() and filed(gateway) >= after

    try:
        wait_for(far_enough, seconds=60)
    finally:
        process.kill()
        process.wait()


def filed(gateway: Gateway) -> int:
    try:
        return gateway.count("SELECT count(*) FROM imported")
    except Exception:  # the store is just being made
        return 0


def test_killed_twice_then_finished_beside_a_gateway_nothing_is_lost_there_twice_or_sent(tmp_path: Path) -> None:
    gateway = Gateway.make(tmp_path, parser=ONE_PARSER)
    mails = archive.make(seed=1, threads=60)
    archive.as_files(mails, tmp_path / "old", seed=2)
    for after in (1, 65):
        killed(gateway, tmp_path / "old", after)
    before = filed(gateway)
    assert 0 < before < len(mails)
    with gateway.running():
        report = json.loads(gateway.cli("import", "--json", str(tmp_path / "old")))
        assert (report["mails"], report["already"], report["failed"]) == (len(mails), before, [])
        assert check(gateway, mails).replies > 70
        assert report["repeats"] == sum(m.repeat_of is not None for m in mails) > 5
        assert report["automatic"] == sum(m.automatic for m in mails) > 2
        times = [row["received_at"] for row in arrived(gateway)]
        assert times == sorted(times)
        gateway.send(letter("Live", "A mail of today."))
        gateway.mails_to("alice@customer.example")
        gateway.settle()
        assert gateway.count("SELECT count(*) FROM outgoing") == 1


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_a_large_archive_killed_at_many_moments(tmp_path: Path, seed: int) -> None:
    gateway = Gateway.make(tmp_path)
    mails = archive.make(seed=seed, threads=1500)
    name_of = archive.as_mbox(mails, tmp_path / "old.mbox")
    draw = random.Random(seed)
    for after in sorted(draw.sample(range(1, len(mails) - 300), 5)):
        killed(gateway, tmp_path / "old.mbox", after)
    start = time.monotonic()
    gateway.cli("import", str(tmp_path / "old.mbox"))
    print(f"{len(mails)} mails, the rest of them in {time.monotonic() - start:.1f} s")
    print(check(gateway, mails, name_of))
