"""The systemd units: complete, without a capability, accepted by systemd's own checks where it is there."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
ALL = tuple(sorted(path.name for path in UNITS.iterdir()))
EXPOSURE = {
    "smtpgate.service": 12,
    "smtpgate-parser@.service": 3,
    "smtpgate-backup.service": 3,
    "smtpgate-maintain.service": 3,
}  # tenths, at most
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    read.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's names have case
    read.read(UNITS / name, encoding="utf-8")
    return read


def test_the_service_is_watched_and_has_no_capability() -> None:
    service = unit("smtpgate.service")["Service"]
    assert service["Type"] == "notify"
    assert service["WatchdogSec"] == "30"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["PrivateUsers"] == service["NoNewPrivileges"] == service["DynamicUser"] == "yes"
    assert float(service["WatchdogSec"]) + float(service["TimeoutAbortSec"]) <= 45, "the longest time that it may hang"
    assert float(service["TimeoutStopSec"]) > 30 + 10, "less than server.shutdown_grace and what comes after it"


def test_the_socket_is_named_as_the_gateway_knows_it() -> None:
    from smtpgate.app import SOCKETS

    socket = unit("smtpgate.socket")["Socket"]
    assert socket["FileDescriptorName"] in SOCKETS
    assert socket["ListenStream"] == "25"
    assert socket["BindIPv6Only"] == "both"
    assert socket["Backlog"] == "1024"
    assert "Accept" not in socket


def test_the_lmtp_socket_is_for_the_mail_server_alone() -> None:
    from smtpgate.app import SOCKETS

    socket = unit("smtpgate-lmtp.socket")["Socket"]
    assert socket["FileDescriptorName"] in SOCKETS
    assert socket["SocketMode"] == "0660"
    assert socket["SocketGroup"] == "postfix"
    assert socket["Service"] == "smtpgate.service"
    assert "Accept" not in socket


@pytest.mark.parametrize(("name", "port"), [("submission", "587"), ("submissions", "465")])
def test_the_sockets_for_agents_clients_are_named_as_the_gateway_knows_them(name: str, port: str) -> None:
    from smtpgate.app import SOCKETS

    socket = unit(f"smtpgate-{name}.socket")["Socket"]
    assert socket["FileDescriptorName"] == name
    assert name in SOCKETS
    assert (socket["ListenStream"], socket["Service"]) == (port, "smtpgate.service")
    assert "Accept" not in socket


def test_parsers_have_their_own_limits_and_leave_nothing() -> None:
    from smtpgate.limitsettings import Limits

    socket, service = unit("smtpgate-parser.socket")["Socket"], unit("smtpgate-parser@.service")
    limits = Limits()
    assert socket["Accept"] == "yes"
    assert socket["SocketMode"] == "0660"
    assert int(socket["MaxConnections"]) >= 2 * 64, "parser.processes may be 64, and those given up live on for a moment"
    assert service["Unit"]["CollectMode"] == "inactive-or-failed"
    assert service["Service"]["PrivateNetwork"] == "yes"
    assert service["Service"]["RestrictAddressFamilies"] == "none"
    assert int(service["Service"]["LimitCPU"]) > 4 * limits.parse_cpu
    assert service["Service"]["LimitAS"] == "1G"
    assert limits.parse_memory <= 512 * 1024**2
    assert "StateDirectory" not in service["Service"]
    assert "smtpgate-parser.socket" in unit("smtpgate.service")["Unit"]["Wants"]


@needs_systemd
@pytest.mark.parametrize("name", EXPOSURE)
def test_exposure(name: str) -> None:
    command = ("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE[name]}", "--no-pager", UNITS / name)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


@needs_systemd
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    for name in ALL:
        text = (UNITS / name).read_text(encoding="utf-8").replace("/opt/smtpgate/bin/smtpgate", sys.executable)
        text = text.replace("/opt/smtpgate/bin/python", sys.executable)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", *(tmp_path / n for n in ALL)),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    complaints = [line for line in done.stderr.splitlines() if "smtpgate" in line]
    assert not complaints, done.stderr
    assert done.returncode == 0, done.stderr
