"""The whole of docs/install.md on a fresh Debian that systemd has booted: installed, started, used, hurt, upgraded, restored.

    python -m pytest -m long tests/machine -s

About five minutes, most of them debootstrap's; $SMTPGATE_DEBIAN names a root file system to use instead. The tests build
on each other, in their order.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT, wait_for
from tests.support.machine import Machine, debian, documented, missing, seconds_since, wheels

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800), pytest.mark.xdist_group("machine")]
PAGE = ROOT / "docs" / "install.md"
RESTARTS = int(os.environ.get("SMTPGATE_RESTARTS", "20"))
OWN = """
[server]
name = "mx.help.example"
trusted_networks = ["127.0.0.0/8"]
tls_certificate = "/etc/smtpgate/tls.pem"
tls_key = "$CREDENTIALS_DIRECTORY/tls-key"
[limits]
free_space = "1MiB"
acknowledgement_interval = "0s"
acknowledgements_per_day = 100000
acknowledgements_per_minute = 100000
[dns]
zone_file = "/etc/smtpgate/zone.json"
[[desk]]
name = "support"
address = "support@help.example"
[delivery]
mode = "maildir"
maildir = "/var/lib/smtpgate/outbox"
"""
ZONE = {"customer.example": {"MX": ["10 mx.customer.example"]}, "help.example": {"MX": ["10 mx.help.example"]}}
TLS = """
openssl req -x509 -newkey rsa:2048 -nodes -keyout /etc/smtpgate/credentials/tls-key -out /etc/smtpgate/tls.pem -days 30 \
    -subj /CN=mx.help.example -addext subjectAltName=DNS:mx.help.example 2>/dev/null
chmod 0644 /etc/smtpgate/tls.pem
echo LoadCredential=tls-key:/etc/smtpgate/credentials/tls-key >> /etc/systemd/system/smtpgate.service.d/credentials.conf
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    why = missing()
    if why:
        pytest.skip(why)
    place = tmp_path_factory.mktemp("machine")
    made = Machine(place / "root")
    try:
        debian(made.root)
        yield made.boot()
    finally:
        made.halt()
        shutil.rmtree(place, ignore_errors=True)


def configuration() -> str:
    """What the page says, and what is our own; each table once."""
    page = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[0]
    shown = page.replace('[server]\nname = "mx.help.example"\n', "")
    return OWN + shown


def tool(machine: Machine, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in machine.run("smtpgate " + " ".join(args) + " --json").splitlines()]


def tickets(machine: Machine) -> int:
    return sum(1 for _ in tool(machine, "ticket list --limit 1000000"))


@contextmanager
def load(machine: Machine, report: dict[str, Any]) -> Iterator[None]:
    """Clients that send all the while. At the end every mail that got its 250 is stored, and none was refused."""
    machine.run("rm -f /run/enough")
    client = machine.start("python3 /root/client.py /run/enough")
    try:
        time.sleep(1)
        yield
    finally:
        machine.run("touch /run/enough")
        out, _ = client.communicate(timeout=120)
    report.update(json.loads(out))
    wait_for(lambda: not _waiting(machine), seconds=120, why="mail is still waiting")
    stored = machine.run("python3 /root/stored.py").split()
    assert not report["refused"]
    assert set(report["accepted"]) <= set(stored)


def _waiting(machine: Machine) -> int:
    return int(machine.run("python3 /root/stored.py waiting"))


STORED = """
import sqlite3, sys
store = sqlite3.connect("file:/var/lib/private/smtpgate/smtpgate.db?mode=ro", uri=True)
if sys.argv[1:]:
    print(store.execute("SELECT count(*) FROM incoming WHERE state = 'accepted'").fetchone()[0])
else:
    print(*(row[0].strip("<>") for row in store.execute("SELECT message_id FROM incoming WHERE message_id IS NOT NULL")))
"""
SEND = """
import smtplib, ssl
mail = b"From: alice@customer.example\\r\\nTo: support@help.example\\r\\nSubject: first\\r\\n\\r\\nhello\\r\\n"
with smtplib.SMTP("127.0.0.1", 25) as smtp:
    smtp._host = "mx.help.example"  # whose certificate it has to be
    smtp.starttls(context=ssl.create_default_context(cafile="/etc/smtpgate/tls.pem"))
    smtp.sendmail("alice@customer.example", ["support@help.example"], mail)
"""


def test_installed_by_the_documented_commands(machine: Machine) -> None:
    began = time.monotonic()
    wheels(machine.root / "root" / "smtpgate")
    for name, text in (("stored.py", STORED), ("send.py", SEND)):
        (machine.root / "root" / name).write_text(text)
    shutil.copy(ROOT / "tests" / "machine" / "client.py", machine.root / "root")
    print(f"\nwheel and dependencies fetched in {seconds_since(began)}")
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/root/smtpgate/wheels"}
    whole = time.monotonic()
    for heading in ("2. Install", "3. Keys and certificate"):
        began = time.monotonic()
        for block in documented(PAGE, heading):
            machine.run(block, **offline)
        print(f"{heading}: {seconds_since(began)}")
    machine.run(TLS)
    (machine.root / "etc/smtpgate/zone.json").write_text(json.dumps(ZONE))
    (machine.root / "etc/smtpgate/smtpgate.toml").write_text(configuration())
    for heading in ("4. Configure", "6. Start"):
        for block in documented(PAGE, heading):
            machine.run(block)
    print(f"sections 2 to 6: {seconds_since(whole)}")
    assert machine.show("smtpgate", "ActiveState") == "active"
    assert machine.show("smtpgate", "StatusText") == "running"
    assert (machine.root / "etc/smtpgate/credentials").stat().st_mode & 0o777 == 0o700
    for one in (machine.root / "etc/smtpgate/credentials").iterdir():
        assert one.stat().st_mode & 0o777 == 0o600, one


def test_mail_comes_in_over_tls_and_its_answer_is_signed(machine: Machine) -> None:
    machine.run("python3 /root/send.py")
    outbox = machine.root / "var/lib/private/smtpgate/outbox/new"
    (answer,) = wait_for(lambda: outbox.is_dir() and list(outbox.iterdir()))
    text = answer.read_text()
    assert text.count("DKIM-Signature:") == 2
    assert "\nTo: alice@customer.example" in text.replace("\r", "")
    assert tickets(machine) == 1


def test_what_a_parser_is_left_with(machine: Machine) -> None:
    with load(machine, {}):  # there are as many parsers as mails wait for
        units = wait_for(lambda: _parsers(machine), why="two parsers")
    gateway = _status(machine, machine.main_pid())
    users = {gateway["Uid"]}
    for unit in units:
        pid = machine.show(unit, "MainPID")
        status = _status(machine, int(pid))
        assert (status["CapEff"], status["NoNewPrivs"], status["Seccomp"]) == ("0000000000000000", "1", "2")
        users.add(status["Uid"])
        assert machine.run(f"readlink /proc/{pid}/ns/net") != machine.run("readlink /proc/1/ns/net")
        for path in ("/var/lib/smtpgate", "/var/lib/private/smtpgate/smtpgate.db", "/etc/smtpgate/smtpgate.toml", "/root/smtpgate"):
            assert machine.try_(f"test -e /proc/{pid}/root{path}").returncode == 1, path
        assert "smtpgate.db" not in machine.run(f"cat /proc/{pid}/environ /proc/{pid}/cmdline | tr '\\0' ' '; ls -l /proc/{pid}/fd")
    assert len(users) == 3, "a user of its own for each"
    assert (gateway["CapEff"], gateway["NoNewPrivs"], gateway["Seccomp"]) == ("0000000000000000", "1", "2")


def _parsers(machine: Machine) -> list[str]:
    """Both, once there are both."""
    units = machine.run("systemctl list-units --plain --no-legend 'smtpgate-parser@*' | cut -d' ' -f1").split()
    return units if len(units) == 2 else []


def _status(machine: Machine, pid: int) -> dict[str, str]:
    lines = machine.run(f"cat /proc/{pid}/status").splitlines()
    return {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.split()}


def test_reload_takes_the_good_and_refuses_the_bad(machine: Machine) -> None:
    file = machine.root / "etc/smtpgate/smtpgate.toml"
    good = file.read_text()
    machine.run("systemctl reload smtpgate")
    try:
        file.write_text(good + "\n[server2]\nx = 1\n")
        refused = machine.try_("systemctl reload smtpgate")
    finally:
        file.write_text(good)
    assert refused.returncode != 0
    machine.run("systemctl reload smtpgate")
    assert machine.show("smtpgate", "StatusText") == "running"
    assert machine.show("smtpgate", "NRestarts") == "0"


def test_killed_parsers_cost_no_mail(machine: Machine) -> None:
    report: dict[str, Any] = {}
    with load(machine, report):
        for _ in range(5):
            machine.run("systemctl kill --signal=SEGV 'smtpgate-parser@*'")
            time.sleep(1)
    assert len(report["accepted"]) > 20
    assert machine.run("systemctl list-units --failed --plain --no-legend 'smtpgate*'") == ""
    opaque = machine.run("journalctl -u smtpgate | grep -c 'cannot be read' || true")
    print(f"\n{len(report['accepted'])} mails, 5 times all parsers killed, {opaque.strip()} filed unread")


def test_restarts_under_load_refuse_nothing_and_lose_nothing(machine: Machine) -> None:
    report: dict[str, Any] = {}
    with load(machine, report):
        for _ in range(RESTARTS):
            machine.run("systemctl restart smtpgate")
    print(f"\n{RESTARTS} restarts, {len(report['accepted'])} mails, 0 refused, slowest greeting {report['slowest']:.1f} s")
    assert len(report["accepted"]) > RESTARTS


def test_kills_under_load_lose_nothing(machine: Machine) -> None:
    report: dict[str, Any] = {}
    with load(machine, report):
        for _ in range(5):
            before = machine.main_pid()
            machine.run(f"kill -KILL {before}")
            wait_for(lambda before=before: machine.main_pid() not in (0, before), seconds=30)
            wait_for(lambda: machine.show("smtpgate", "ActiveState") == "active", seconds=30)
    print(f"\n5 kills, {len(report['accepted'])} mails, 0 refused, 0 lost")


def test_a_gateway_that_hangs_is_started_again(machine: Machine) -> None:
    """With the watchdog at 5 s instead of 30."""
    machine.run("mkdir -p /run/systemd/system/smtpgate.service.d")
    machine.run("printf '[Service]\\nWatchdogSec=5\\n' > /run/systemd/system/smtpgate.service.d/watchdog.conf")
    machine.run("systemctl daemon-reload; systemctl restart smtpgate")
    before = machine.main_pid()
    began = time.monotonic()
    machine.run(f"kill -{int(signal.SIGSTOP)} {before}")
    wait_for(lambda: machine.main_pid() not in (0, before), seconds=60, why="the watchdog")
    wait_for(lambda: machine.show("smtpgate", "ActiveState") == "active", seconds=60)
    print(f"\nhung, killed and ready again after {seconds_since(began)}")
    assert "watchdog" in machine.run("journalctl -u smtpgate | grep -i watchdog | tail -1").lower()
    machine.run("rm /run/systemd/system/smtpgate.service.d/watchdog.conf; systemctl daemon-reload; systemctl restart smtpgate")


def test_the_timers_do_their_work_while_mail_flows(machine: Machine) -> None:
    assert machine.run("systemctl list-timers --no-legend 'smtpgate*' | grep -c smtpgate").strip() == "2"
    report: dict[str, Any] = {}
    with load(machine, report):
        machine.run("systemctl start smtpgate-backup.service")
        machine.run("systemctl start smtpgate-maintain.service")
    copy = machine.root / "var/lib/private/smtpgate-backup/smtpgate.db"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.stat().st_uid == (machine.root / "var/lib/private/smtpgate").stat().st_uid
    assert "all sound" in machine.run("journalctl -u smtpgate-maintain")
    machine.run("smtpgate verify")


def test_restored_by_root_and_upgraded(machine: Machine) -> None:
    machine.run("systemctl start smtpgate-backup.service")
    before = tickets(machine)
    machine.run("systemctl stop smtpgate.service smtpgate.socket")
    machine.run("rm /var/lib/private/smtpgate/smtpgate.db*")
    machine.run("smtpgate restore /var/lib/smtpgate-backup/smtpgate.db")
    machine.run("systemctl start smtpgate.socket smtpgate.service")
    assert tickets(machine) == before
    for block in documented(PAGE, "7. Change, renew, upgrade"):
        machine.run(block, PIP_NO_INDEX="1", PIP_FIND_LINKS="/root/smtpgate/wheels")
    machine.run("smtpgate verify")
    report: dict[str, Any] = {}
    with load(machine, report):
        time.sleep(2)
    assert report["accepted"]


def test_after_a_reboot_all_is_there(machine: Machine) -> None:
    before = tickets(machine)
    machine.halt()
    machine.boot()
    wait_for(lambda: machine.show("smtpgate", "ActiveState") == "active", seconds=60)
    assert tickets(machine) == before
    assert machine.run("systemctl list-units --failed --plain --no-legend 'smtpgate*'") == ""


def test_stop_leaves_nothing_behind(machine: Machine) -> None:
    machine.run("systemctl stop smtpgate.service smtpgate.socket smtpgate-parser.socket")
    assert machine.show("smtpgate", "Result") == "success"
    wait_for(lambda: not machine.run("systemctl list-units --plain --no-legend 'smtpgate-parser@*'"), seconds=15)
    assert not Path(machine.root / "run/smtpgate-parser.sock").exists()
