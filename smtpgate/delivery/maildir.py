"""Final delivery into a Maildir: tmp, fsync, rename into new, fsync of the directory; many letters together.

The name of a file follows from the recipient's id alone, so a mail that is delivered again after a crash takes the place
of its first copy, wherever a reader has moved it. Lines end with LF, as in every Maildir. Blocking: call it in a thread.
Raises OSError; what was renamed before that stays.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from io import FileIO
from pathlib import Path

from smtpgate.clock import id_text
from smtpgate.model import Delivery


def file_name(delivery: Delivery) -> str:
    return f"{int(delivery.created_at)}.{id_text(delivery.recipient_id)}.smtpgate"


def content(delivery: Delivery) -> bytes:
    """The mail as a final delivery leaves it (RFC 5321 §4.4: Return-Path on top), with LF line ends."""
    top = f"Return-Path: <{delivery.return_path or ''}>\nDelivered-To: {delivery.address}\n"
    return top.encode("utf-8") + delivery.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def store(maildir: Path, deliveries: Sequence[Delivery]) -> None:
    """Put all of them into the Maildir, durably, with one directory sync. Raises OSError.

    All are written before the first is synced: the file system has them in one go then, not one after the other.
    """
    for name in ("tmp", "new", "cur"):
        _make(maildir / name)
    names: list[str] = []
    with ExitStack() as files:
        written: list[FileIO] = []
        for delivery in deliveries:
            name = file_name(delivery)
            if delivery.attempts > 1 and _already_read(maildir / "cur", name):
                continue
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            file = files.enter_context(FileIO(os.open(maildir / "tmp" / name, flags, 0o600), "wb"))
            _fill(file, content(delivery))
            names.append(name)
            written.append(file)
        for file in written:
            os.fsync(file.fileno())
    for name in names:
        os.replace(maildir / "tmp" / name, maildir / "new" / name)
    if names:
        _sync_directory(maildir / "new")


def _make(directory: Path) -> None:
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_directory(directory.parent)


def _already_read(cur: Path, name: str) -> bool:
    """A reader moves new/NAME to cur/NAME:2,FLAGS. Looked up only for repeats, as it lists the directory."""
    with os.scandir(cur) as entries:
        return any(entry.name == name or entry.name.startswith(f"{name}:") for entry in entries)


def _fill(file: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
