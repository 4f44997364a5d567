"""Processes of ours without the half second of loading their modules: a process that has loaded them forks them on demand.

`Forked([sys.executable, "-m", "smtpgate", ...])` is what `subprocess.Popen` of the same words is: a process of its own with
its own command line, environment, files, session, signals and exit code, and its parser processes are its children and
separate processes too. Only its memory began as a copy, so tests of memory, of modules and of the start itself use the real
command (`Gateway.real`), and so does everything whose words do not begin with `python -m` and a module of ours.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
_PYTHON = sys.executable  # a test may set another
_OURS = ("smtpgate", "tests.support.")
_MOST = 128 * 1024  # octets of a request

spent = 0.0  # processor seconds of all Forked that were waited for, for tests.support.cpu


class Forked:
    """A process, with the part of Popen's interface that tests use. Files: None is the test's own."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        stdin: IO[bytes] | None = None,
        stdout: IO[Any] | int | None = None,
        stderr: IO[Any] | int | None = None,
        passed: Sequence[int] = (),
        start_new_session: bool = False,
    ) -> None:
        """stdin: None is nothing to read. passed: files that it finds as 3, 4, ...; it is told so as systemd does."""
        assert forkable(argv), argv
        self.returncode: int | None = None
        self.stdin = None
        self.stdout: IO[bytes] | None = None
        report, told = os.pipe()
        self._report = os.fdopen(report, "rb", buffering=0)
        with contextlib.ExitStack() as ours:
            ours.callback(os.close, told)
            if stdout == subprocess.PIPE:
                source, sink = os.pipe()
                self.stdout = os.fdopen(source, "rb")
                ours.callback(os.close, sink)
                stdout = sink
            source_of_it = stdin or ours.enter_context(open(os.devnull, "rb"))
            files = [source_of_it.fileno(), *(_number(f, d) for f, d in ((stdout, 1), (stderr, 2))), *passed, told]
            words = {
                "argv": list(argv),
                "cwd": str(cwd),
                "env": dict(os.environ if env is None else env),
                "session": start_new_session,
            }
            link, lock = _zygote()
            with lock:
                socket.send_fds(link, [json.dumps(words).encode()], files)
        self.pid = int(self._line(None) or b"0")
        assert self.pid, "the zygote is gone"

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[bytes, None]:
        """What it wrote to its pipe, once it has ended; it must not be more than a pipe takes."""
        self.wait(timeout)
        assert self.stdout is not None
        with self.stdout:
            return self.stdout.read(), None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        global spent  # noqa: PLW0603
        if self.returncode is None and (line := self._line(timeout)) is not None:
            status, seconds = line.split()
            self.returncode = os.waitstatus_to_exitcode(int(status))
            spent += float(seconds)
            self._report.close()
        return self.returncode

    def _line(self, timeout: float | None) -> bytes | None:
        """The next line of the report, which is written in one piece."""
        if not select.select([self._report], [], [], timeout)[0]:
            return None
        line = b""
        while not line.endswith(b"\n"):
            piece = self._report.read(1)
            assert piece, "the process that waits for it was killed"
            line += piece
        return line


def run(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, content: bytes = b"", timeout: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run with this content for its input and its output captured as text."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source.write(content)
        source.seek(0)
        process = Forked(argv, env=env, stdin=source, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        written = []
        for file in (out, err):
            file.seek(0)
            written.append(file.read().decode())
    return subprocess.CompletedProcess(list(argv), code, *written)


def forkable(argv: Sequence[str]) -> bool:
    return len(argv) >= 3 and argv[0] == _PYTHON and argv[1] == "-m" and argv[2].startswith(_OURS)


def _number(file: IO[Any] | int | None, usual: int) -> int:
    if file is None:
        return usual
    return file if isinstance(file, int) else file.fileno()


@cache
def _zygote() -> tuple[socket.socket, threading.Lock]:
    """One for each process that runs tests."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.zygote", str(its.fileno())], cwd=ROOT, pass_fds=[its.fileno()]
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours, threading.Lock()


# --- in the zygote ------------------------------------------------------------------------------------------------------


def main(number: int) -> None:
    """Fork what is asked for until the test process closes its end."""
    _load()
    link = socket.socket(fileno=number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while True:
        data, files, _, _ = socket.recv_fds(link, _MOST, 16)
        if not data:
            return
        if os.fork() == 0:
            _keep(json.loads(data), files)
        for file in files:
            os.close(file)


def _load() -> None:
    """Every module of the package, and what parsing loads late. Then nothing of it is looked through by the collector again."""
    import smtpgate

    for module in pkgutil.walk_packages(smtpgate.__path__, "smtpgate."):
        importlib.import_module(module.name)
    from smtpgate.mail import parserprocess

    parserprocess.loaded()
    from smtpgate.app import built_in_templates

    built_in_templates().check()  # compiles them
    import tests.support.server  # noqa: F401

    gc.collect()
    gc.freeze()


def _keep(words: dict[str, Any], files: list[int]) -> None:
    """The parent of one process: tells its number, waits for it, tells how it ended and what it used. Never returns."""
    report = files.pop()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if words["session"]:
            os.setsid()
        _become(words["argv"][2], words["argv"][3:], files, words["env"], words["cwd"])
    os.closerange(0, report)
    os.closerange(report + 1, 1024)
    os.write(report, f"{pid}\n".encode())
    _, status, usage = os.wait4(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(report, f"{status} {usage.ru_utime + usage.ru_stime}\n".encode())
    os._exit(0)


def _become(module: str, arguments: Sequence[str], files: Sequence[int], env: Mapping[str, str], cwd: str | None) -> None:
    """`python -m module arguments` with these files for 0, 1, ... Never returns, and nothing of before is cleaned up."""
    code = 1
    try:
        high = [fcntl.fcntl(f, fcntl.F_DUPFD, 20) for f in files]  # so that none is overwritten
        for to, file in enumerate(high):
            os.dup2(file, to)
        os.closerange(len(files), 4096)  # sockets, pipes and stores of whoever forked
        os.environ.clear()
        os.environ.update(env)
        if len(files) > 3:
            os.environ.update(LISTEN_FDS=str(len(files) - 3), LISTEN_PID=os.environ.get("LISTEN_PID") or str(os.getpid()))
        time.tzset()
        if cwd:
            os.chdir(cwd)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout, sys.stderr = (open(f, "w", buffering=1, closefd=False) for f in (1, 2))  # noqa: SIM115
        main = _main(module)
        sys.argv = [main.__code__.co_filename, *arguments]
        subprocess.Popen = _Popen  # type: ignore[misc]
        code = _exit_code(main)
        threading._shutdown()  # type: ignore[attr-defined]
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _main(module: str) -> Callable[[], None]:
    """What `python -m module` runs: `main` of the module, or of the package's __main__."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    found = importlib.import_module(f"{module}.__main__" if spec.submodule_search_locations else module)
    main: Callable[[], None] = found.main
    return main


def _exit_code(main: Callable[[], None]) -> int:
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


@contextlib.contextmanager
def forking() -> Iterator[None]:
    """Meanwhile also the test's own processes of ours, which it starts by asyncio or Popen, are forks: of itself."""
    before, subprocess.Popen = subprocess.Popen, _Popen  # type: ignore[misc]
    try:
        yield
    finally:
        subprocess.Popen = before  # type: ignore[misc]


class _Popen(subprocess.Popen):  # type: ignore[type-arg]
    """Where it is Popen, `python -m` of a module of ours is a fork of the process itself; everything else is what it was."""

    def _execute_child(
        self, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, cwd: Any, env: Any, *rest: Any
    ) -> None:
        words = [word for word in args if word != "-P"] if isinstance(args, list | tuple) else []
        if not forkable(words) or preexec_fn or pass_fds or executable not in (None, _PYTHON):
            super()._execute_child(args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *rest)  # type: ignore[misc]
            return
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite = rest[3:9]
        files = [0 if p2cread == -1 else p2cread, 1 if c2pwrite == -1 else c2pwrite, 2 if errwrite == -1 else errwrite]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child touches nothing that they hold
            self.pid = os.fork()
        if self.pid == 0:
            gc.freeze()  # what is the parent's stays as it is
            signal.set_wakeup_fd(-1)
            for number in signal.valid_signals():
                if callable(signal.getsignal(number)):
                    signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            warnings.resetwarnings()  # of a test they are errors
            _become(words[2], words[3:], files, os.environ if env is None else env, cwd)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(int(sys.argv[1]))
