"""A machine of its own: a fresh Debian in a directory, booted by its own systemd in namespaces (systemd-nspawn).

Needs root, debootstrap and systemd-nspawn; `missing()` says what is not there. Its network is its own loopback.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.gateway import ROOT, children, wait_for

SUITE = "bookworm"
PACKAGES = "systemd,systemd-sysv,python3,python3-venv,openssl"
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}


def missing() -> str:
    """Why there can be no machine; "" when there can."""
    absent = [name for name in ("debootstrap", "systemd-nspawn", "nsenter") if shutil.which(name) is None]
    if os.geteuid() != 0:
        return "only root can boot a machine"
    return f"not here: {', '.join(absent)}" if absent else ""


def debian(place: Path) -> None:
    """A minimal root file system. May be used again: $SMTPGATE_DEBIAN names one to copy."""
    ready = os.environ.get("SMTPGATE_DEBIAN", "")
    if ready:
        subprocess.run(["cp", "-a", "--reflink=auto", ready, str(place)], check=True)
        return
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={PACKAGES}",
        SUITE,
        str(place),
    ]  # from the mirror that debootstrap knows
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=1200)


def documented(page: Path, heading: str) -> list[str]:
    """The shell blocks of one section."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page.read_text(encoding="utf-8"), re.M | re.S)
    assert section is not None, heading
    return re.findall(r"```sh\n(.*?)```", section[1], re.S)


@dataclass
class Machine:
    root: Path
    process: subprocess.Popen[bytes] | None = None
    leader: int = 0  # its process 1, as we see it

    def boot(self) -> Machine:
        command = ["systemd-nspawn", "-q", "-D", str(self.root), "--register=no", "--keep-unit", "--private-network", "-b"]
        with (self.root.parent / "boot.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.leader = wait_for(self._first, why="systemd-nspawn")
        wait_for(lambda: self.try_("systemctl is-system-running").stdout.strip() in ("running", "degraded"), seconds=90)
        return self

    def _first(self) -> int:
        """The child of systemd-nspawn that is process 1 in there: it has helpers before. 0: not yet."""
        assert self.process is not None
        for pid in children(self.process.pid):
            with suppress(OSError):
                if re.search(r"^NSpid:.*\t1$", Path(f"/proc/{pid}/status").read_text(), re.M):
                    return pid
        return 0

    def halt(self) -> None:
        if self.process is not None:
            if self.leader:
                self.try_("systemctl poweroff")
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.process.terminate()
                self.process.wait()
            self.process, self.leader = None, 0

    def try_(self, script: str, *, seconds: float = 300, **variables: str) -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", "--target", str(self.leader), "--all", "--", "sh", "-euc", script]
        env = {**_ENVIRONMENT, **variables}
        return subprocess.run(
            enter, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=seconds
        )

    def run(self, script: str, *, seconds: float = 300, **variables: str) -> str:
        """What it printed. Any exit code but 0 is a failure."""
        done = self.try_(script, seconds=seconds, **variables)
        assert done.returncode == 0, f"{script}\nended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def start(self, script: str) -> subprocess.Popen[str]:
        enter = ["nsenter", "--target", str(self.leader), "--all", "--", "sh", "-euc", script]
        return subprocess.Popen(enter, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def show(self, unit: str, key: str) -> str:
        return self.run(f"systemctl show --value -p {key} {unit}").strip()

    def main_pid(self) -> int:
        """Of the gateway, as the machine sees it."""
        return int(self.show("smtpgate", "MainPID"))


def wheels(place: Path) -> None:
    """The project's wheel and every dependency, for a machine without a package index."""
    pip = [str(ROOT / ".venv/bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [pip[0], "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place)]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    shutil.copy(ROOT / "requirements.txt", place)
    for what in (("--require-hashes", "-r", "requirements.txt"), ("setuptools", "wheel")):
        subprocess.run([*pip, "download", "--dest", str(place / "wheels"), *what], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)


def seconds_since(began: float) -> str:
    return f"{time.monotonic() - began:.0f} s"
