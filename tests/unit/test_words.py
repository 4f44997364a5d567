"""Every text of ours is there in each language, takes the same values in all of them, and is written in the script that it says."""

from __future__ import annotations

import importlib
import pkgutil
import string
from collections.abc import Iterator
from typing import Any

import pytest

from smtpgate.desk.commandtable import COMMANDS
from smtpgate.languages import LANGUAGES, NAMES
from smtpgate.mail.compose import built_in_directory
from smtpgate.mail.customerwords import WORDS, Asked
from smtpgate.mail.markwords import MARKS, event, mark

PLACES = ("bulletin", "languages", "desk", "handlers", "mail", "cli")
OTHERS = ("请用简体中文", "請用繁體中文", *NAMES.values())  # what is said in another language than the page is
TEMPLATES = built_in_directory()


def of_codec(name: str) -> frozenset[str]:
    """The Chinese characters of an old character set."""
    return frozenset(chr(code) for code in range(0x4E00, 0xA000) if chr(code).encode(name, "ignore"))


# GB 2312 holds the simplified characters alone, Big5 the traditional ones; those below are in it for the sake of other words
SIMPLIFIED = (of_codec("gb2312") - of_codec("big5")) | frozenset("后里么复")
TRADITIONAL = of_codec("big5") - of_codec("gb2312")


def tables() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table of a module of ours that has an entry for each language."""
    for place in PLACES:
        module = importlib.import_module(f"smtpgate.{place}")
        modules = [module]
        if hasattr(module, "__path__"):
            modules += [
                importlib.import_module(found.name) for found in pkgutil.iter_modules(module.__path__, f"{module.__name__}.")
            ]
        for one in modules:
            for name, value in vars(one).items():
                if isinstance(value, dict) and {"en", "zh"} <= {key for key in value if isinstance(key, str)}:
                    yield f"{one.__name__}.{name}", value


TABLES = dict(tables())


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


def takes(text: str) -> set[str]:
    """The values that it is filled with, and how many without a name."""
    fields = [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
    return {*fields, str(fields.count(""))}


def test_the_tables_are_found() -> None:
    assert len(TABLES) > 15
    assert {"smtpgate.handlers.agentwords.LINES", "smtpgate.mail.agentwords.WORDS", "smtpgate.mail.daily._WORDS"} <= TABLES.keys()


@pytest.mark.parametrize("name", TABLES)
def test_no_text_is_missing_in_any_language(name: str) -> None:
    table = TABLES[name]
    assert set(table) == set(LANGUAGES)
    if not isinstance(table["en"], dict):
        return
    for language in LANGUAGES:
        # "x-one" is the singular of "x", in languages that have one; Chinese has none.
        singular = {f"{key}-one" for key in table["en"]} if language.startswith("zh") else set()
        assert set(table[language]) == set(table["en"]) - singular, language
        for key, text in table["en"].items():
            if key in singular:
                continue
            if isinstance(text, str) and name != "smtpgate.mail.letters._BODIES":
                assert takes(table[language][key]) == takes(text), (language, key)


def written(language: str) -> Iterator[tuple[str, str]]:
    """Where it stands and what is said in this language."""
    for name, table in TABLES.items():
        if not name.endswith(("LANGUAGES", "NAMES", "_BODIES")):
            yield from ((name, text) for text in texts(table[language]))
    for path in (*(TEMPLATES / language).iterdir(), *(TEMPLATES / "canned").glob(f"*.{language}.txt")):
        yield path.name, path.read_text(encoding="utf-8")
    for command in COMMANDS:
        yield command.verb.value, command.help(language)  # type: ignore[arg-type]
        yield command.verb.value, command.name(language)  # type: ignore[arg-type]
    for asked in (Asked.STATUS, Asked.SOLVED, Asked.UNSOLVED, Asked.FEWER, Asked.ALL):
        yield asked.value, " ".join(WORDS[asked][language])  # type: ignore[index]


@pytest.mark.parametrize(("language", "foreign"), [("zh-Hant", SIMPLIFIED), ("zh", TRADITIONAL)])
def test_chinese_is_written_in_its_own_script(language: str, foreign: frozenset[str]) -> None:
    for place, text in written(language):
        bare = text
        for other in OTHERS:
            bare = bare.replace(other, "")
        assert not foreign & set(bare), (place, text)


def test_what_a_customer_asks_has_words_for_agents() -> None:
    assert all(mark(asked.value, "en") == MARKS["en"][asked] for asked in Asked)
    assert mark("wrong label: a.pdf is application/x-dosexec", "zh") == "a.pdf 与标注不符，实为 application/x-dosexec"
    assert mark("claims #20260102-EML-0042", "zh-Hant").startswith("提到 #20260102-EML-0042，")
    assert mark("of a later version", "zh") == "of a later version"
    assert event("received -> closed: no answer for 7 days", "en") == "received → closed: no answer for 7 days"
    assert event("taken by a@x.example from b@x.example", "zh") == "a@x.example 接手（原由 b@x.example 负责）"
    assert event("1 merged into this one", "zh-Hant") == "1 已併入本工單"
    assert event("1 merged into this one: closed -> progress", "zh") == "1 merged into this one: closed -> progress"


def test_the_scripts_are_told_apart() -> None:
    assert set("发邮这为们复后") <= SIMPLIFIED
    assert set("發郵這為們覆後") & SIMPLIFIED == set()
    assert set("發郵這為們") <= TRADITIONAL


def test_every_command_has_a_name_and_a_help_in_each_language() -> None:
    for command in COMMANDS:
        assert command.traditional, command.verb
        assert command.traditional_help, command.verb
