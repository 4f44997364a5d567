"""What the targets start from: the golden mails, their pieces, the corpus, and what a directory of one's own holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from smtpgate.limitsettings import Limits
from smtpgate.mail import header, structure, transfer

_MESSAGES = Path(__file__).resolve().parents[1] / "messages"
CORPUS = Path(__file__).resolve().parent / "corpus"
MORE = "SMTPGATE_FUZZ_MAILS"  # a directory of further mails, walked whole; each file of up to 64 KiB is one
_CUT = b"\n8<\n"
_LARGEST = 64 * 1024
LIMITS = Limits()


@cache
def mails() -> tuple[bytes, ...]:
    """The golden mails, and those of $SMTPGATE_FUZZ_MAILS."""
    golden = [path.read_bytes() for path in sorted(_MESSAGES.glob("*/in.eml"))]
    assert golden
    return (*golden, *_more())


def _more() -> Iterable[bytes]:
    for directory, _, names in os.walk(os.environ.get(MORE, "")) if MORE in os.environ else ():
        for name in sorted(names):
            path = Path(directory) / name
            if path.is_file() and path.stat().st_size <= _LARGEST and header.named(header.split(path.read_bytes())[0], "from"):
                yield path.read_bytes()


def values(*names: str, most: int = 400) -> list[bytes]:
    """What the fields with these names say in all mails and their parts; without a name, every field."""
    found: dict[bytes, None] = {}
    for part in _parts():
        for f in part.fields:
            if f.name in names or not names:
                found[f.value.strip()] = None
    return list(found)[:most]


def bodies(wanted: Callable[[structure.Part], bool], *, decoded: bool = True, most: int = 300) -> list[bytes]:
    """The content of the parts that are wanted."""
    found: dict[bytes, None] = {}
    for part in _parts():
        if not part.children and wanted(part):
            found[transfer.decode(part.body, part.encoding, text=True)[0] if decoded else part.body] = None
    return list(found)[:most]


@cache
def _parts() -> tuple[structure.Part, ...]:
    found: list[structure.Part] = []
    for raw in mails():
        fields, at = header.split(raw)
        try:
            found += structure.tree(raw, fields, at, LIMITS)[0].walk()
        except Exception:
            continue
    return tuple(found)


def repeats(path: Path) -> bool:
    """repeat-*: what goes before, a piece to be repeated up to 1 MiB, and what comes after, with _CUT between them."""
    return path.name.startswith("repeat-")


def read(path: Path) -> bytes:
    """One input of the corpus."""
    data = path.read_bytes()
    if not repeats(path):
        return data
    before, piece, after = data.split(_CUT)
    return before + piece * ((1024**2 - len(before) - len(after)) // len(piece)) + after


def committed(target: str) -> list[Path]:
    """The inputs of tests/fuzz/corpus that belong to one target."""
    return sorted(path for path in (CORPUS / target).glob("*") if path.is_file())
