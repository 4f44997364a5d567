"""Mails that are a file each: folders of .eml, Maildir, MH; plain or .gz."""

from __future__ import annotations

import os
from array import array
from pathlib import Path

from smtpgate.archive.arrival import arrival, head_of
from smtpgate.archive.box import LARGEST, Box, Step
from smtpgate.archive.mbox import is_mbox
from smtpgate.archive.packed import whole
from smtpgate.errors import ArchiveError

_COUNT = 20  # characters of the number that begins an .emlx


class Files(Box):
    """Filled by add(), which the search for mails calls, because it has opened each file anyway."""

    def __init__(self) -> None:
        super().__init__()
        self._paths: list[Path] = []
        self._packed = array("b")

    def add(self, path: Path, begin: bytes, *, packed: bool, changed: float, now: float) -> None:
        """begin: the first octets of the mail, unpacked. changed: the file's own time."""
        self._paths.append(path)
        self._packed.append(packed)
        self.times.append(arrival(head_of(_counted(path, begin)), changed, now))

    def scan(self, now: float, step: Step) -> None:
        pass

    def source(self, index: int) -> str:
        return str(self._paths[index])

    def place(self, index: int) -> str:
        return os.path.abspath(self._paths[index])

    def read(self, index: int) -> bytes:
        path = self._paths[index]
        data = _counted(path, whole(path, LARGEST, packed=bool(self._packed[index])))
        if len(data) > LARGEST:
            raise ArchiveError(f"it is larger than {LARGEST // 1024**2} MiB")
        if not data.strip():
            raise ArchiveError("it is empty")
        return data.partition(b"\n")[2] if is_mbox(data) else data


def _counted(path: Path, data: bytes) -> bytes:
    """The mail in an .emlx of Apple Mail: a line says how long it is, and a property list comes after it."""
    length, _, rest = data.partition(b"\n")
    if path.suffix.lower() != ".emlx" or not length.strip().isdigit() or len(length) > _COUNT:
        return data
    return rest[: int(length)]
