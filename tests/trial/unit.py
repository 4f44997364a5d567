"""smtpgate as an admin installs it: a wheel in an environment of its own, below a root of its own, run as the unit says.

Whatever smtpgate.service and its socket units say that a parent process can do is read from them and done: command, reload
command, working and state directory, umask, limits of files and core, credentials, sockets by name that outlive the process,
the notify socket and its watchdog, and a user without any right. What only systemd can do (namespaces, seccomp) is not.
"""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.gateway import ROOT, children, free_port, rows, wait_for
from tests.support.notify import NotifySocket

DYNAMIC_USER = 61_234  # of the range that DynamicUser= takes from
# a service has no business below /root, where a developer's Python may lie
PYTHON = "/usr/bin/python3" if os.geteuid() == 0 and Path("/usr/bin/python3").exists() else sys.executable
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
_LAUNCH = """
import fcntl, os, resource, sys
numbers, names, files, core, command = sys.argv[1].split(","), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:]
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (files, files) if most == resource.RLIM_INFINITY or files <= most else (most, most))
resource.setrlimit(resource.RLIMIT_CORE, (core, core))
for place, number in enumerate([fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in numbers], start=3):
    os.dup2(number, place)
os.environ.update(LISTEN_FDS=str(len(numbers)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


def unit(name: str) -> configparser.ConfigParser:
    """One of systemd/, by section and name; of a name that comes twice the last."""
    read = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    read.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's names have case
    read.read(ROOT / "systemd" / name, encoding="utf-8")
    return read


def run(*command: object, code: int = 0, **more: object) -> str:
    """What a command printed, errors too. Raises AssertionError for any other exit code, or a traceback."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=300, check=False, **more  # type: ignore[call-overload]
    )  # fmt: skip
    said = str(done.stdout + done.stderr)
    assert done.returncode == code, f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{said[-3000:]}"
    assert "Traceback" not in said, said[-3000:]
    return said


@dataclass
class Service:
    """root: where everything lies, as if it were /. lmtp: where the LMTP socket is made."""

    root: Path
    lmtp: Path
    notify: NotifySocket
    process: subprocess.Popen[bytes] | None = None
    clock: float = 0.0  # seconds that its clock is ahead
    _smtp: socket.socket = field(init=False)
    _unix: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.service = unit("smtpgate.service")["Service"]
        for directory in (self.state.parent, self.config.parent, self.credentials):
            directory.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(mode=int(self.service["StateDirectoryMode"], 8))
        if self.user is not None:
            os.chown(self.state, self.user, self.user)
        self._set_clock()

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        for listening in (self._smtp, self._unix):
            listening.close()

    # --- where things lie ---------------------------------------------------------------------------------------------

    @property
    def user(self) -> int | None:
        return DYNAMIC_USER if os.geteuid() == 0 else None

    @property
    def bin(self) -> Path:
        return self.root / "opt/smtpgate/bin"

    @property
    def config(self) -> Path:
        return self.root / "etc/smtpgate/smtpgate.toml"

    @property
    def state(self) -> Path:
        return self.root / "var/lib" / self.service["StateDirectory"]

    @property
    def store(self) -> Path:
        return self.state / "smtpgate.db"

    @property
    def credentials(self) -> Path:
        return self.root / "run/credentials/smtpgate.service"

    @property
    def journal(self) -> Path:
        return self.root / "run/journal"

    @property
    def port(self) -> int:
        return int(self._smtp.getsockname()[1])

    def log(self) -> str:
        return self.journal.read_text(encoding="utf-8", errors="replace")

    def _here(self, line: str) -> list[str]:
        """A command of the unit, with its absolute paths below our root."""
        return [str(self.root) + word if word.startswith("/") else word for word in shlex.split(line)]

    # --- what systemd does --------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """The socket units: another port than 25, and the LMTP socket where Postfix looks for it in its chroot."""
        smtp, lmtp = unit("smtpgate.socket")["Socket"], unit("smtpgate-lmtp.socket")["Socket"]
        self._smtp = socket.create_server(("127.0.0.1", free_port()), backlog=int(smtp["Backlog"]))
        self._unix = socket.socket(socket.AF_UNIX)
        self.lmtp.parent.mkdir(mode=int(lmtp["DirectoryMode"], 8), exist_ok=True)
        self._unix.bind(str(self.lmtp))
        shutil.chown(self.lmtp, group=lmtp["SocketGroup"])
        self.lmtp.chmod(int(lmtp["SocketMode"], 8))
        self._unix.listen(int(lmtp["Backlog"]))

    def credential(self, name: str, source: Path) -> None:
        """LoadCredential=: a copy for the service's user alone, made when it starts."""
        copy = self.credentials / name
        copy.unlink(missing_ok=True)
        copy.write_bytes(source.read_bytes())
        copy.chmod(0o400)
        if self.user is not None:
            os.chown(copy, self.user, self.user)

    def environment(self, *, service: bool = False, moved: bool = False) -> dict[str, str]:
        """moved: with the service's own clock. Not for whatever calls sleep(), which libfaketime 0.9.10 breaks."""
        made = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "COLUMNS": "160"}
        if service:
            made |= {"NOTIFY_SOCKET": self.notify.address, "WATCHDOG_USEC": str(int(self.service["WatchdogSec"]) * 1_000_000)}
            made |= {"CREDENTIALS_DIRECTORY": str(self.credentials), "STATE_DIRECTORY": str(self.state)}
        if moved and FAKETIME is not None:
            made |= {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.root / "run/clock")}
            made |= {"FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        return made

    def start(self) -> None:
        """Until it says READY=1. The sockets must listen; mail that comes meanwhile waits in them."""
        assert self.process is None
        before = self.notify.count("READY=1")
        numbers = [listening.fileno() for listening in (self._smtp, self._unix)]
        names = ":".join(unit(f"{name}.socket")["Socket"]["FileDescriptorName"] for name in ("smtpgate", "smtpgate-lmtp"))
        passed = [",".join(map(str, numbers)), names, self.service["LimitNOFILE"], self.service["LimitCORE"]]
        with self.journal.open("ab") as journal:
            self.process = subprocess.Popen(
                [PYTHON, "-c", _LAUNCH, *passed, *self._here(self.service["ExecStart"])],
                env=self.environment(service=True, moved=True), cwd=self.state, pass_fds=numbers,
                stdin=subprocess.DEVNULL, stdout=journal, stderr=journal, start_new_session=True,
                user=self.user, group=self.user, extra_groups=[] if self.user is not None else None,
                umask=int(self.service["UMask"], 8),
            )  # fmt: skip
        wait_for(lambda: self.notify.count("READY=1") > before or self._ended(), seconds=30, why=f"READY=1\n{self.log()[-3000:]}")

    def _ended(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log()[-3000:]}"
        return False

    def kill(self) -> int:
        """SIGKILL to the gateway alone; the number of its helpers that had lived."""
        assert self.process is not None
        helpers = children(self.process.pid)
        self.process.kill()
        self.process.wait()
        self.process = None
        return len(helpers)

    def stop(self) -> int:
        """systemctl stop; the exit code."""
        assert self.process is not None
        process, self.process = self.process, None
        self.notify.read()  # makes room: the kernel keeps ten
        process.terminate()
        return process.wait(float(self.service["TimeoutStopSec"]))

    def reload(self, code: int = 0) -> str:
        """systemctl reload: ExecReload=, as the service's user, with its credentials."""
        return run(
            *self._here(self.service["ExecReload"]), code=code, env=self.environment(service=True), cwd=self.state,
            user=self.user, group=self.user,
        )  # fmt: skip

    def pass_time(self, seconds: float) -> None:
        """Its clock jumps ahead, as that of a machine which slept."""
        self.clock += seconds
        self._set_clock()

    def _set_clock(self) -> None:
        file = self.root / "run/clock"
        new = file.with_suffix(".new")
        new.write_text(f"+{self.clock:.0f}\n", encoding="ascii")
        new.replace(file)

    # --- what the admin does ------------------------------------------------------------------------------------------

    def cli(self, *words: str, code: int = 0, moved: bool = False) -> str:
        environment = self.environment(moved=moved)
        return run(self.bin / "smtpgate", "--config", self.config, *words, code=code, env=environment, cwd=self.root)

    def count(self, sql: str, *values: object) -> int:
        (row,) = rows(self.store, sql, *values)
        return int(next(iter(row.values())))


def edit(text: str, section: str, **keys: str) -> str:
    """The example configuration with settings filled in, as an admin does it: a line is taken out of its comment.

    section as in the file: "server", "[desk]" for the first of several. Values are TOML. Raises AssertionError for a line that
    is not there, so that the example cannot lose one unseen.
    """
    lines = text.split("\n")
    heads = [f"[{section}]", f"# [{section}]"]
    start = next((n for n, line in enumerate(lines) if line in heads), -1)
    assert start >= 0, f"config.example.toml has no section {section}"
    lines[start] = heads[0]
    end = next((n for n in range(start + 1, len(lines)) if lines[n].removeprefix("# ").startswith("[")), len(lines))
    for key, value in keys.items():
        at = [n for n in range(start, end) if lines[n].removeprefix("# ").startswith(f"{key} = ")]
        assert len(at) == 1, f"config.example.toml has {len(at)} lines for {key} in {section}"
        lines[at[0]] = f"{key} = {value}"
    return "\n".join(lines)
