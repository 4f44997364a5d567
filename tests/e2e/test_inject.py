"""`smtpgate inject`: mail from standard input is stored as the door stores it, while the gateway runs and while it does not."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.support import zygote
from tests.support.gateway import DESK, ROOT, Gateway, letter, wait_for

ZONE = {
    "customer.example": {"TXT": ["v=spf1 ip4:203.0.113.9 -all"], "MX": ["10 mx.customer.example"]},
    "_dmarc.customer.example": {"TXT": ["v=DMARC1; p=reject"]},
}
FROM = ("--from", "alice@customer.example")
GOOD = (*FROM, "--ip", "203.0.113.9", "--helo", "out.customer.example")


@dataclass
class Done:
    code: int
    out: str
    err: str


def inject(gateway: Gateway, content: bytes, *args: str, piped: bool = False) -> Done:
    """piped: from a pipe, by the real command; else from a file."""
    argv = [*gateway.argv, "--config", str(gateway.config), "inject", *args]
    if not piped:
        done = zygote.run(argv, content=content)
    else:
        done = subprocess.run(argv, input=content.decode(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def mail(subject: str = "From a pipe") -> bytes:
    return letter(subject).as_bytes()  # with LF, as a pipe gives it


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = Gateway.make(
        tmp_path_factory.mktemp("inject"),
        zone=ZONE,
        server={"trusted_networks": []},
        limits={"message_size": "64KiB", "line": "1000B"},
        policy={"dmarc_fail": "refuse"},
    )
    with made.running():
        yield made


def test_mail_becomes_a_ticket_while_the_gateway_runs(gateway: Gateway) -> None:
    done = inject(gateway, mail(), *GOOD, "--rcpt", DESK, piped=True)
    assert (done.code, done.err) == (0, "")
    gateway.settle()
    (row,) = gateway.rows("SELECT * FROM incoming WHERE id = (SELECT max(id) FROM incoming)")
    assert (row["mail_from"], row["peer"], row["helo"]) == ("alice@customer.example", "203.0.113.9", "out.customer.example")
    assert (row["protocol"], row["state"]) == ("local", "filed")
    assert json.loads(row["verdict"])["evidence"] == "dmarc-spf"
    (ticket,) = [t for t in gateway.cli_list("ticket", "list") if t["subject"] == "From a pipe"]
    assert done.out.strip() in json.dumps(gateway.cli_show("ticket", "show", ticket["number"]))


def test_policy_refuses_as_the_door_does(gateway: Gateway) -> None:
    done = inject(gateway, mail(), *FROM, "--ip", "198.51.100.66", "--rcpt", DESK)
    assert (done.code, done.out) == (65, "")
    assert done.err.startswith("550 5.7.1 Refused")


@pytest.mark.parametrize("rcpt", ["nobody@desk.example", "someone@elsewhere.example", "no address", ""])
def test_recipient_that_is_not_ours(gateway: Gateway, rcpt: str) -> None:
    assert inject(gateway, mail(), *GOOD, "--rcpt", DESK, "--rcpt", rcpt).code == 67


@pytest.mark.parametrize(
    "content", [b"Subject: x\n\n" + b"0123456789\n" * 7000, b"Subject: x\n\n" + b"x" * 1001], ids=["too large", "long line"]
)
def test_mail_beyond_the_limits(gateway: Gateway, content: bytes) -> None:
    assert inject(gateway, content, *GOOD, "--rcpt", DESK).code == 65


@pytest.mark.parametrize(
    "args", [(), ("--rcpt",), ("--rcpt", DESK, "--ip", "here"), ("--rcpt", DESK, "--nonsense"), ("--rcpt", DESK, "surplus")]
)
def test_wrong_command_line(gateway: Gateway, args: tuple[str, ...]) -> None:
    done = inject(gateway, mail(), *args)
    assert done.code == 64
    assert done.err.count("\n") == 1


def test_sender_that_is_no_address(gateway: Gateway) -> None:
    assert inject(gateway, mail(), "--from", "a b@customer.example", "--rcpt", DESK).code == 65


def test_no_room_is_try_again(gateway: Gateway) -> None:
    full = Gateway.make(gateway.directory / "full", limits={"free_space": f"{2**20}GiB"})
    full.store.parent.mkdir()
    shutil.copy(gateway.store, full.store)
    done = inject(full, mail(), "--rcpt", DESK)
    assert (done.code, done.err[:9]) == (75, "452 4.3.1")


def test_store_that_is_not_there_yet_is_try_again(gateway: Gateway) -> None:
    assert inject(Gateway.make(gateway.directory / "new"), mail(), "--rcpt", DESK).code == 75


def test_store_that_somebody_locks_is_try_again(gateway: Gateway) -> None:
    before = gateway.count("SELECT count(*) FROM incoming")
    with closing(sqlite3.connect(gateway.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = inject(gateway, mail("Locked out"), *GOOD, "--rcpt", DESK)
        other.execute("ROLLBACK")
    assert done.code == 75, done
    assert inject(gateway, mail("Let in"), *GOOD, "--rcpt", DESK).code == 0
    wait_for(lambda: gateway.count("SELECT count(*) FROM incoming") == before + 1)


def test_stopped_gateway_finds_it_at_its_next_start(gateway: Gateway) -> None:
    later = Gateway.make(gateway.directory / "later", zone=ZONE, server={"trusted_networks": []})
    with later.running():
        pass
    assert inject(later, mail("Left at the door"), *GOOD, "--rcpt", DESK).code == 0
    with later.running():
        wait_for(lambda: later.count("SELECT count(*) FROM ticket WHERE subject = 'Left at the door'") == 1)


def test_no_configuration_is_the_usual_error(gateway: Gateway) -> None:
    done = subprocess.run(
        [*gateway.argv, "--config", "/nowhere.toml", "inject", "--rcpt", DESK],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
