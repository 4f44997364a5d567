"""What lies under the paths that were named: which of it is mail, and in which form. Decided by content, not by name.

    a file         an mbox, a single mail, or either of them in a .gz
    a directory    Maildir (with its folders), MH, .eml files, mbox files, any of them nested; or a public-inbox

What has the name of a mail but cannot be read is `unreadable`; what is something else (an index, a README) is `ignored`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smtpgate.archive import inbox
from smtpgate.archive.arrival import HEAD, mail_like
from smtpgate.archive.box import Box, Step, Unreadable
from smtpgate.archive.files import Files
from smtpgate.archive.mbox import Mbox, PackedMbox, is_mbox
from smtpgate.archive.packed import GZIP, beginning
from smtpgate.errors import ArchiveError

_NAMED_MAIL = (".eml", ".mbox", ".mbx", ".mbs", ".msg", ".emlx", ".mail")
_OUTLOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHERS = "it does not look like mail"


@dataclass
class Found:
    boxes: list[Box] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    ignored: list[Unreadable] = field(default_factory=list)

    def close(self) -> None:
        for box in self.boxes:
            box.close()


def search(paths: Sequence[Path], *, now: float, step: Step) -> Found:
    """Index everything. Whatever cannot be read is noted; this raises nothing but what a bug raises."""
    found = Found()
    finder = _Finder(found, now, step)
    for path in paths:
        finder.named(path)
    for box in found.boxes:
        found.unreadable += box.unreadable
    return found


class _Finder:
    def __init__(self, found: Found, now: float, step: Step) -> None:
        self._found = found
        self._now = now
        self._step = step
        self._files = Files()
        self._seen: set[str] = set()  # real paths: nobody's mail is read twice because its folder was named twice
        found.boxes.append(self._files)

    def named(self, path: Path) -> None:
        try:
            mode = path.stat().st_mode
        except OSError as error:
            self._bad(path, error.strerror or str(error))
            return
        if stat.S_ISDIR(mode):
            self._directory(path)
        elif stat.S_ISREG(mode):
            self._file(path, wanted=True)
        else:
            self._bad(path, "it is neither a file nor a directory")

    def _directory(self, path: Path) -> None:
        try:
            epochs = inbox.repositories(path)
            if epochs:
                self._scan(inbox.Inbox(path, epochs))
                return
            with os.scandir(path) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except ArchiveError as error:
            self._bad(path, str(error))
            return
        except OSError as error:
            self._bad(path, error.strerror or str(error))
            return
        names = {entry.name for entry in entries}
        maildir = {"cur", "new"} <= names
        for entry in entries:
            if entry.name == ".git" or (maildir and entry.name == "tmp"):
                continue
            if entry.is_dir(follow_symlinks=False):
                self._directory(Path(entry.path))
            elif entry.is_file():
                self._file(Path(entry.path), wanted=path.name in ("cur", "new") and not maildir)

    def _file(self, path: Path, *, wanted: bool) -> None:
        real = os.path.realpath(path)
        if real in self._seen:
            return
        self._seen.add(real)
        name = path.name.lower()
        wanted = wanted or name.removesuffix(".gz").endswith(_NAMED_MAIL)
        try:
            changed = path.stat().st_mtime
            begin = beginning(path, HEAD, packed=False)
            packed = begin.startswith(GZIP)
            if packed:
                begin = beginning(path, HEAD, packed=True)
        except ArchiveError as error:
            self._bad(path, str(error))
            return
        except OSError as error:
            self._bad(path, error.strerror or str(error))
            return
        if is_mbox(begin) and not _single(path, name):
            self._scan(PackedMbox(path) if packed else Mbox(path))
        elif begin.startswith(_OUTLOOK):
            self._bad(path, "it is a file of Microsoft Outlook's own format: save the mail as .eml")
        elif not begin.strip():
            if wanted and not _mbox_name(name):
                self._bad(path, "it is empty")
        elif _mbox_name(name) and not (mail_like(begin) and self._without_separators(path, packed=packed)):
            self._scan(PackedMbox(path) if packed else Mbox(path))
        elif wanted or mail_like(begin):
            self._files.add(path, begin, packed=packed, changed=changed, now=self._now)
            self._step(1)
        else:
            self._found.ignored.append(Unreadable(str(path), _OTHERS))

    def _without_separators(self, path: Path, *, packed: bool) -> bool:
        """Is this one saved mail that is only called .mbox?"""
        box = PackedMbox(path) if packed else Mbox(path)
        try:
            box.scan(self._now, lambda _: None)
            return not box.times
        except ArchiveError:
            return False  # the scan that follows says why
        finally:
            box.close()

    def _scan(self, box: Mbox | inbox.Inbox) -> None:
        try:
            box.scan(self._now, self._step)
        except ArchiveError as error:
            self._bad(box.path, str(error))
            box.close()
            return
        self._found.boxes.append(box)

    def _bad(self, path: Path, reason: str) -> None:
        self._found.unreadable.append(Unreadable(str(path), reason))


def _mbox_name(name: str) -> bool:
    return name.removesuffix(".gz").endswith((".mbox", ".mbx"))


def _single(path: Path, name: str) -> bool:
    """One mail, even if it begins with a From_ line, as deliveries into Maildir and saved mails sometimes do."""
    return name.removesuffix(".gz").endswith(".eml") or path.parent.name in ("cur", "new")
