"""The project's own files: pins without addresses, a service file that systemd takes, no machine's paths in the source."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)( ; .+)? \\")


def pins(name: str) -> dict[str, str]:
    return {m["name"]: m["version"] for m in map(PIN.fullmatch, (ROOT / name).read_text().splitlines()) if m}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_pins_have_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    for line in text.splitlines():
        if not line.startswith("#"):
            assert PIN.fullmatch(line) or re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
    for block in re.split(r"(?m)^(?=[a-z])", text)[1:]:
        assert "--hash=" in block, block


def normal(requirement: str) -> str:
    return re.split(r"[\[><=~!;, ]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def test_every_dependency_is_pinned_and_the_two_files_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {normal(d) for d in project["dependencies"]} <= set(run)
    assert {normal(d) for d in project["optional-dependencies"]["dev"]} <= set(dev)
    assert run.items() <= dev.items()


def test_nothing_names_the_machine_it_was_written_on() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    homes = re.compile(r"/work/|/root/\.|/home/[a-z]+/")
    wrong = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file() or path.suffix in (".eml", ".msg"):
            continue
        if homes.search(path.read_bytes().decode("utf-8", "replace")):
            wrong.append(name)
    assert not wrong


# --- systemd ----------------------------------------------------------------------------------------------------------

UNIT = ROOT / "systemd" / "smtpgate.service"


def test_the_unit_gives_a_stop_more_time_than_the_gateway_takes() -> None:
    from smtpgate.config import Server

    text = UNIT.read_text()
    stop = re.search(r"(?m)^TimeoutStopSec=(\d+)", text)
    assert stop
    assert int(stop[1]) >= Server.model_fields["shutdown_grace"].default + 15
