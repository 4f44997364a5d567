"""public-inbox: mail in git. v1 keeps a file for each mail in the tree; v2 a commit for each, in epochs, as file m or d.

Read by git's own commands, never by hand: packs and alternates are git's affair. Mail that its archive deleted (gone from
the tree in v1, named by a d in v2) is not read. Raises ArchiveError when git is missing or refuses the repository.
"""

from __future__ import annotations

import os
import re
import subprocess
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from smtpgate.archive.arrival import arrival, head_of
from smtpgate.archive.box import LARGEST, Box, Step
from smtpgate.errors import ArchiveError

_EPOCH = re.compile(r"([0-9]{1,6})\.git")
_V1 = re.compile(rb"[0-9a-f]{2}/[0-9a-f]{38}")
_OPTIONS = ("-c", "log.showRoot=true", "-c", "core.quotePath=true", "--no-pager")


def repositories(path: Path) -> list[Path]:
    """The git repositories of an inbox at this path, oldest epoch first; none when it is something else."""
    git = path / "git"
    epochs = {int(m[1]): p for p in (git.iterdir() if git.is_dir() else ()) if (m := _EPOCH.fullmatch(p.name))}
    if epochs:
        return [epochs[number] for number in sorted(epochs)]
    if _bare(path):
        if path.name == "all.git" and (path.parent / "git").is_dir():
            return repositories(path.parent)
        return [path] if _holds_mail(path) else []
    inside = path / ".git"
    return [inside] if _bare(inside) and _holds_mail(inside) else []


def _bare(path: Path) -> bool:
    return (path / "HEAD").is_file() and (path / "objects").is_dir()


def _holds_mail(repository: Path) -> bool:
    try:
        return _version(repository) > 0
    except ArchiveError:
        if repository.name == ".git":
            return False  # somebody's own repository around a folder of mails
        raise


def _version(repository: Path) -> int:
    """1 or 2; 0: its newest commit is not laid out as an inbox."""
    names = {line.partition(b"\t")[2] for line in _lines(repository, "ls-tree", "HEAD")}
    if names and names <= {b"m", b"d"}:
        return 2
    return 1 if names and all(re.fullmatch(rb"[0-9a-f]{2}", name) for name in names) else 0


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {**kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}


def _start(repository: Path, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 -- no shell, and paths cannot be taken for options
            ["git", *_OPTIONS, f"--git-dir={os.path.abspath(repository)}", *arguments],  # noqa: S607
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if stdin == subprocess.DEVNULL else subprocess.DEVNULL,
            env=_environment(),
        )
    except FileNotFoundError:
        raise ArchiveError("it is a git repository, and there is no git on this machine: install git") from None


def _lines(repository: Path, *arguments: str) -> Iterator[bytes]:
    """What git prints, line by line. Raises ArchiveError with git's own words."""
    with _start(repository, *arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            yield line.rstrip(b"\n")
        said = process.stderr.read().decode("utf-8", "replace").strip()
    if process.returncode:
        raise ArchiveError(f"git: {said.splitlines()[0] if said else f'status {process.returncode}'}")


class Inbox(Box):
    """All epochs of one inbox. A mail's source is the path and its blob."""

    def __init__(self, path: Path, epochs: list[Path]) -> None:
        super().__init__()
        self.path = path
        self._epochs = epochs
        self._blobs: list[bytes] = []
        self._epoch_of = array("i")
        self._readers: dict[int, _Blobs] = {}

    def scan(self, now: float, step: Step) -> None:
        listed: list[tuple[bytes, int, float]] = []
        places: dict[bytes, list[int]] = {}  # of each blob in `listed`
        gone: set[int] = set()
        for number, repository in enumerate(self._epochs):
            blobs = _of_v2(repository) if _version(repository) == 2 else _of_v1(repository)
            for blob, at, deleted in blobs:
                if deleted:
                    gone.update(places.pop(blob, ()))
                else:
                    places.setdefault(blob, []).append(len(listed))
                    listed.append((blob, number, at))
        for place, (blob, number, at) in enumerate(listed):
            if place in gone:
                continue
            data = self._reader(number).read(blob)
            self._blobs.append(blob)
            self._epoch_of.append(number)
            self.times.append(arrival(head_of(data), at, now))
            step(1)

    def source(self, index: int) -> str:
        return f"{self.path}#{self._blobs[index].decode('ascii')}"

    def place(self, index: int) -> str:
        return f"{os.path.abspath(self.path)}#{self._blobs[index].decode('ascii')}"

    def read(self, index: int) -> bytes:
        data = self._reader(self._epoch_of[index]).read(self._blobs[index])
        if not data.strip():
            raise ArchiveError("it is empty")
        return data

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _reader(self, number: int) -> _Blobs:
        if number not in self._readers:
            self._readers[number] = _Blobs(self._epochs[number])
        return self._readers[number]


def _of_v1(repository: Path) -> Iterator[tuple[bytes, float, bool]]:
    at = next((float(line) for line in _lines(repository, "log", "-1", "--format=%ct", "HEAD")), 0.0)
    for line in _lines(repository, "ls-tree", "-r", "HEAD"):
        about, _, name = line.partition(b"\t")
        if _V1.fullmatch(name):
            yield about.split()[2], at, False


def _of_v2(repository: Path) -> Iterator[tuple[bytes, float, bool]]:
    at = 0.0
    options = ("--reverse", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--format=%ct")
    for line in _lines(repository, "log", *options, "HEAD"):
        if not line.startswith(b":"):
            at = float(line) if line.isdigit() else at
            continue
        about, _, name = line.partition(b"\t")
        blob = about.split()[3]
        if name in (b"m", b"d") and blob.strip(b"0"):
            yield blob, at, name == b"d"


class _Blobs:
    """`git cat-file --batch`: one question, one answer."""

    def __init__(self, repository: Path) -> None:
        self._process = _start(repository, "cat-file", "--batch", stdin=subprocess.PIPE)

    def read(self, blob: bytes) -> bytes:
        """Raises ArchiveError."""
        ask, answer = self._process.stdin, self._process.stdout
        assert ask is not None
        assert answer is not None
        try:
            ask.write(blob + b"\n")
            ask.flush()
        except OSError as error:
            raise ArchiveError("git has ended") from error
        about = answer.readline().split()
        if len(about) != 3:
            raise ArchiveError(f"git does not have blob {blob.decode('ascii')}")
        size = int(about[2])
        data = _exactly(answer, size + 1)
        if about[1] != b"blob" or size > LARGEST:
            raise ArchiveError("it is no mail" if about[1] != b"blob" else f"it is larger than {LARGEST // 1024**2} MiB")
        return data[:-1]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ArchiveError("git has ended in the middle of a mail")
    return data
