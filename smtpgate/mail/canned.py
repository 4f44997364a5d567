"""Answers that are written once and sent often: `canned/NAME.LANGUAGE.txt` in the directories of templates.

A name is only ever looked up among the files that were there when the gateway started, so it leads out of no directory. A
text sees a few harmless facts of the ticket, in the sandbox. Raises ComposeError for a text that cannot be made.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from smtpgate.mail.letters import LONGEST_MESSAGE, ComposeError

DIRECTORY = "canned"
_FILE = re.compile(r"([\w][\w.-]{0,59})\.([a-z]{2}(?:-[A-Za-z]{2,4})?)\.txt")
_LARGEST = 65_536  # octets of a file
_MOST = 1000  # files of a directory
_SAMPLE = {"number": "20260102-EML-0042", "subject": "Printer <offline>", "name": "Zoë", "desk": "Support"}
_BARE = {**_SAMPLE, "subject": "", "name": ""}


Text = Callable[[Mapping[str, str]], str]  # renders; raises ComposeError


class Canned:
    """All of them, compiled. A file wins over one of the same name in a later place; an empty one takes that away."""

    def __init__(self, compiled: Callable[[str, str], Text], places: Sequence[Path]) -> None:
        """compiled: makes a text of a file's name and content, or raises ComposeError."""
        self._texts: dict[str, dict[str, Text]] = {}  # by name and language
        self._problems: list[str] = []
        for name, language, path, source in self._files(places):
            if not source.strip():
                continue
            try:
                self._texts.setdefault(name, {})[language] = compiled(str(path), source)
            except ComposeError as error:
                self._problems.append(str(error))

    def _files(self, places: Sequence[Path]) -> Iterator[tuple[str, str, Path, str]]:
        seen: set[tuple[str, str]] = set()
        for place in places:
            for path in sorted((place / DIRECTORY).glob("*"))[:_MOST]:
                found = _FILE.fullmatch(unicodedata.normalize("NFC", path.name))
                if found is None:
                    self._problems.append(
                        f"{path}: no canned answer has such a name; call it NAME.LANGUAGE.txt, as in refund.en.txt"
                    )
                    continue
                key = (found[1].casefold(), found[2])
                if key in seen:
                    continue
                seen.add(key)
                try:
                    if path.stat().st_size > _LARGEST:
                        raise ValueError(f"larger than {_LARGEST} octets")
                    yield *key, path, path.read_text("utf-8")
                except (OSError, ValueError) as error:
                    self._problems.append(f"{path}: {error}")

    def check(self) -> list[str]:
        """What is wrong with the files, each rendered with sample values."""
        problems = list(self._problems)
        for name, texts in sorted(self._texts.items()):
            for language in texts:
                for values in (_SAMPLE, _BARE):
                    try:
                        self.text(name, language, values)
                    except ComposeError as error:
                        problems.append(str(error))
        return list(dict.fromkeys(problems))

    def found(self, said: str) -> str | None:
        """The name that is meant, however it is spelled."""
        name = unicodedata.normalize("NFC", said).casefold()
        return name if name in self._texts else None

    def nearest(self, said: str) -> str:
        """The name that was most likely meant, "" for none."""
        close = difflib.get_close_matches(unicodedata.normalize("NFC", said[:60]).casefold(), self._texts, 1, 0.5)
        return close[0] if close else ""

    def languages(self, name: str) -> tuple[str, ...]:
        return tuple(sorted(self._texts[name]))

    def listed(self) -> list[tuple[str, tuple[str, ...], str]]:
        """Name, languages and how each begins, without a greeting by name."""
        return [(name, self.languages(name), self._first(name)) for name in sorted(self._texts)]

    def _first(self, name: str) -> str:
        try:
            text = self.text(name, next(iter(self._texts[name])), _BARE)
        except ComposeError as error:
            return str(error)
        return text.partition("\n")[0]

    def text(self, name: str, language: str, values: Mapping[str, str]) -> str:
        """Raises ComposeError when it cannot be made or is longer than an answer may be."""
        text = self._texts[name][language](values).strip()
        if len(text) > LONGEST_MESSAGE:
            raise ComposeError(f"{DIRECTORY}/{name}.{language}.txt: makes more than {LONGEST_MESSAGE} characters")
        return text
