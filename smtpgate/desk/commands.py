"""What an agent's mail asks for: the commands at its top, and what its text is meant to be. One grammar for all of it.

A command is a line at the top that begins with # (or ＃): its name in English or Chinese, in either script, then its argument.
The first other line ends them; empty lines between do not. Pure and linear in the length of the text; never fails: what cannot
be understood is a Fault, and then nothing at all may be done.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from smtpgate import spent
from smtpgate.desk import moments
from smtpgate.desk.commandtable import COMMANDS, ENDED, LANGUAGES, PRIORITIES, STATES, Argument, Command, Place, Text, Verb

_MOST = 20  # commands in one mail
_LONGEST = 500  # characters of a command's line
_INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202e\u2060\ufeff\u00ad]")
_TAG = re.compile(r"[\w][\w.-]{0,39}")
_TWICE = re.compile(r"(?<=[^\s<])<mailto:[^<>\s]*>")  # Outlook's a@b<mailto:a@b>
_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]]{1,64}@[^\s@<>(),;:\"\[\]]{1,255}")


class Why(StrEnum):
    """What is wrong with a line."""

    UNKNOWN = "unknown"  # no such command
    MISSING = "missing"  # it needs something behind its name
    TOO_MUCH = "too-much"  # it takes nothing behind its name
    INVALID = "invalid"  # what stands behind its name is nothing that it takes
    NEEDS_TICKET = "needs-ticket"  # it is about a ticket, and here is none
    NEEDS_NONE = "needs-none"  # it is for a new mail to the desk
    TWICE = "twice"  # said twice, or against another one
    ALONE = "alone"  # may stand only by itself
    MISPLACED = "misplaced"  # a command below text: meant, or part of the text?
    TOO_MANY = "too-many"
    UNCLEAR = "unclear"  # for the customer or for colleagues?
    EMPTY = "empty"  # there should be a text and there is none


@dataclass(frozen=True, slots=True)
class Fault:
    """One line that cannot be done. nearest: the name that was most likely meant, with its #, or ""."""

    line: str
    why: Why
    nearest: str = ""
    takes: Argument = Argument.NONE


@dataclass(frozen=True, slots=True)
class Given:
    """A command that was understood. value is a word, a state, a priority or a language; add and remove are those of a list."""

    verb: Verb
    value: str = ""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    name: str = ""  # of a person whose address is the value
    said: str = field(default="", compare=False)  # its name as it was written, with its #

    @property
    def written(self) -> str:
        return self.said or f"#{self.verb.value}"


@dataclass(frozen=True, slots=True)
class Reading:
    """commands in their order; text is what is left; outward: it is meant for the customer."""

    commands: tuple[Given, ...] = ()
    text: str = ""
    outward: bool = True
    faults: tuple[Fault, ...] = ()

    def of(self, verb: Verb) -> Given | None:
        return next((given for given in self.commands if given.verb is verb), None)

    @property
    def opening(self) -> Given | None:
        """The command that opens a ticket in a customer's name."""
        return self.of(Verb.NEW) or self.of(Verb.FWD)


def begins(text: str) -> bool:
    """Does its first line that is not empty look like a command?"""
    return bool(_top(text.split("\n"))[0])


def read(text: str, place: Place = Place.TICKET) -> Reading:
    """place: TICKET for a mail about a ticket, DESK for a new mail to a desk, which asks for one thing, or opens a ticket and says
    more of it."""
    lines = text.split("\n")
    taken, rest = _top(lines)
    faults: list[Fault] = []
    given: list[Given] = []
    if len(taken) > _MOST:
        faults.append(Fault(_shown(taken[_MOST]), Why.TOO_MANY))
        taken = taken[:_MOST]
    opens = next((verb for line in taken if (verb := _verb(line)) in _BESIDE), None) if place is Place.DESK else None
    beside = _BESIDE[opens] if opens else frozenset()
    for line in taken:
        found = _one(line, Place.TICKET if _verb(line) in beside else place)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            given.append(replace(found, said=f"#{_parts(line)[0]}"))
    body = "\n".join(rest).strip()
    faults += _misplaced(rest)
    faults += _against_each_other(given, body, bool(faults))
    if place is Place.DESK:
        others = [one for one in given if one.verb not in beside and one.verb is not opens] if opens else given[1:]
        faults += [Fault(one.written, Why.ALONE) for one in others[:1]]
    note = next((g.value for g in given if g.verb is Verb.NOTE), "")
    return Reading(tuple(given), "\n\n".join(filter(None, (note, body))), _outward(given), tuple(faults))


def _top(lines: list[str]) -> tuple[list[str], list[str]]:
    taken: list[str] = []
    for number, line in enumerate(lines):
        bare = _INVISIBLE.sub("", line).strip()
        if bare.startswith(("#", "＃")):
            taken.append(bare)
        elif bare:
            return taken, lines[number:]
    return taken, []


def _verb(line: str) -> Verb | None:
    found = _find(_parts(line)[0]) if len(line) <= _LONGEST else None
    return found[0].verb if found else None


def _shown(line: str) -> str:
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def _one(line: str, place: Place) -> Given | Fault:
    if len(line) > _LONGEST:
        return Fault(_shown(line), Why.INVALID)
    name, argument = _parts(line)
    found = _find(name)
    if found is None:
        return Fault(line, Why.UNKNOWN, _nearest(name, place))
    command, value = found
    if command.place not in (place, Place.BOTH):
        return Fault(line, Why.NEEDS_TICKET if place is Place.DESK else Why.NEEDS_NONE)
    wanted = Argument.NONE if command.place is Place.BOTH and place is Place.TICKET else command.argument
    if value:  # a state as a command of its own
        return Fault(line, Why.TOO_MUCH) if argument else Given(command.verb, value)
    if not argument:
        if wanted is Argument.NONE or command.optional:
            return Given(command.verb)
        return Fault(line, Why.MISSING, takes=wanted)
    if wanted is Argument.NONE:
        return Fault(line, Why.TOO_MUCH)
    taken = _READERS[wanted](argument)
    if taken is None:
        return Fault(line, Why.INVALID, takes=wanted)
    return Given(command.verb, *taken)


def _parts(line: str) -> tuple[str, str]:
    """Name and argument. In Chinese nobody writes a space between them: #转交张三 or #状态：解决."""
    said = _TWICE.sub("", line.lstrip("#＃").strip())
    name = re.match(r"[^\s:：,，]*", said)
    assert name is not None
    word, rest = name[0].lower(), said[name.end() :].strip(" \t:：,，")
    if word not in _NAMES:
        for known in _GLUED:
            if word.startswith(known):
                return known, (said[len(known) :]).strip(" \t:：,，")
    return word, rest


def _find(name: str) -> tuple[Command, str] | None:
    return _NAMES.get(name)


def _nearest(name: str, place: Place) -> str:
    fitting = [known for known, (command, _) in _NAMES.items() if command.place in (place, Place.BOTH)]
    close = difflib.get_close_matches(name[:40], fitting, 5, 0.5)
    close.sort(key=lambda known: known[:1] != name[:1])  # of Chinese names, which are short, many are as near
    return f"#{close[0]}" if close else ""


def _misplaced(rest: list[str]) -> Iterator[Fault]:
    """A line below the text that is a command and nothing else: sending it to the customer would be as wrong as doing it."""
    for line in rest:
        bare = _INVISIBLE.sub("", line).strip()
        if bare.startswith(("#", "＃")) and len(bare) <= _LONGEST and _parts(bare)[0] in _NAMES:
            yield Fault(bare, Why.MISPLACED)
            return


def _against_each_other(given: list[Given], body: str, faulty: bool) -> Iterator[Fault]:
    seen: set[Verb] = set()
    for one in given:
        if one.verb in seen:
            yield Fault(one.written, Why.TWICE)
        seen.add(one.verb)
    for pair in _CONTRARY:
        if pair <= seen:
            yield Fault(" ".join(one.written for one in given if one.verb in pair), Why.TWICE)
    for verb, fitting in _APART.items():
        if verb in seen and seen - fitting - {verb}:
            yield Fault(" ".join(one.written for one in given), Why.TWICE)
    alone = next((one for one in given if _BY_VERB[one.verb].alone), None)
    if alone is not None and (len(given) > 1 or body):
        yield Fault(alone.written, Why.ALONE)
    canned = next((one for one in given if one.verb is Verb.TEMPLATE), None)
    if canned is not None and not seen & {Verb.REPLY, Verb.NEW} and body and _inside(seen):
        yield Fault(canned.written, Why.UNCLEAR)
    if faulty or body or Verb.TEMPLATE in seen:
        return
    for one in given:
        if one.verb in (Verb.REPLY, Verb.NEW) or (one.verb is Verb.NOTE and not one.value):
            yield Fault(one.written, Why.EMPTY)


_CONTRARY = (
    {Verb.NOTE, Verb.REPLY},
    {Verb.TAKE, Verb.DROP},
    {Verb.TAKE, Verb.ASSIGN},
    {Verb.DROP, Verb.ASSIGN},
    {Verb.MOVE, Verb.TAKE},
    {Verb.MOVE, Verb.DROP},
    {Verb.MOVE, Verb.ASSIGN},
    {Verb.SPAM, Verb.REPLY},
    {Verb.SPAM, Verb.STATUS},
    {Verb.SPAM, Verb.DUE},
    {Verb.TEMPLATE, Verb.NOTE},
    {Verb.TEMPLATE, Verb.SPAM},
    {Verb.BLOCK, Verb.UNBLOCK},
    {Verb.BLOCK, Verb.REPLY},
    {Verb.BLOCK, Verb.STATUS},
    {Verb.BLOCK, Verb.DUE},
    {Verb.BLOCK, Verb.TEMPLATE},
    {Verb.BLOCK, Verb.MOVE},
    {Verb.UNBLOCK, Verb.MOVE},
    {Verb.TEMPLATE, Verb.UNDO},
    {Verb.CUSTOMER, Verb.SPAM},
    {Verb.CUSTOMER, Verb.BLOCK},
    {Verb.CUSTOMER, Verb.UNBLOCK},
)


# what may stand beside a command that changes which ticket the mail is about
_APART = {
    Verb.MERGE: {Verb.NOTE, Verb.REPLY, Verb.TEMPLATE, Verb.HELP},
    Verb.SPLIT: {Verb.NOTE, Verb.HELP},
}
# what may be said of a ticket in the mail that opens it.
_OPENED = frozenset(
    {Verb.TAKE, Verb.ASSIGN, Verb.STATUS, Verb.PRIORITY, Verb.TAG, Verb.CC, Verb.DUE, Verb.LANGUAGE, Verb.SPENT, Verb.TEMPLATE}
)
_BESIDE = {Verb.NEW: _OPENED | {Verb.REPLY}, Verb.FWD: _OPENED | {Verb.NOTE, Verb.REPLY}}


def _outward(given: list[Given]) -> bool:
    """#note and #reply say it; else a text beside a command that is about colleagues is for them."""
    verbs = {one.verb for one in given}
    if Verb.NEW in verbs:
        return True
    if Verb.NOTE in verbs or Verb.REPLY in verbs:
        return Verb.NOTE not in verbs
    return Verb.TEMPLATE in verbs or not _inside(verbs)


def _inside(verbs: set[Verb]) -> bool:
    return any(_BY_VERB[verb].text is Text.NOTE for verb in verbs)


# --- arguments --------------------------------------------------------------------------------------------------------

Taken = tuple[str, tuple[str, ...], tuple[str, ...], str] | tuple[str, tuple[str, ...], tuple[str, ...]] | tuple[str]


def _words(said: str) -> Taken | None:
    return (said,)


def _choice(table: dict[str, tuple[str, ...]]) -> Callable[[str], Taken | None]:
    known = {name: value for value, names in table.items() for name in names}

    def choose(said: str) -> Taken | None:
        value = known.get(said.lower())
        return None if value is None else (value,)

    return choose


def _agent(said: str) -> Taken | None:
    """An address or its beginning. A name in angle brackets, as clients complete it, is taken off."""
    inner = re.fullmatch(r"[^<>]*<([^<>\s]+)>", said)
    word = (inner[1] if inner else said.removeprefix("@")).lower()
    return (word,) if word and not re.search(r"\s", word) else None


def _person(said: str) -> Taken | None:
    """name@host, <name@host> or Name <name@host>."""
    inner = re.fullmatch(r"([^<>]*)<(?:mailto:)?([^<>\s]+)>", said)
    name, address = (inner[1].strip(" \t\"'"), inner[2]) if inner else ("", said)
    return (address, (), (), name) if _ADDRESS.fullmatch(address) else None


def _number(said: str) -> Taken | None:
    """As it stands in a subject, with or without its brackets."""
    bare = said.strip("[]【】［］ #＃")
    return (bare,) if bare and len(bare) <= 60 and not re.search(r"\s", bare) else None


def _moment(said: str) -> Taken | None:
    """What stands there, when it is a moment at all; which one it is depends on the clock."""
    if said.lower() in ("off", "cancel", "stop", "取消", "结束", "結束"):
        return (ENDED,)
    return (said,) if moments.read(said) is not None else None


def _time(said: str) -> Taken | None:
    minutes = spent.read(said)
    return None if minutes is None else (str(minutes),)


def _desk(said: str) -> Taken | None:
    return None if re.search(r"\s", said) else (said.lower(),)


def _several(pattern: re.Pattern[str], *, lower: bool = True) -> Callable[[str], Taken | None]:
    def read_several(said: str) -> Taken | None:
        add: dict[str, None] = {}
        remove: dict[str, None] = {}
        for word in re.split(r"[\s,，、;；]+", re.sub(r"([+\-－＋])\s+", r"\1", said)):
            sign, bare = (word[0], word[1:]) if word[:1] in ("+", "-", "＋", "－") else ("+", word)
            bare = bare.strip("<>").lstrip("#")
            if not bare:
                continue
            if not pattern.fullmatch(bare):
                return None
            (remove if sign in ("-", "－") else add)[bare.lower() if lower else bare] = None
        return ("", tuple(add), tuple(remove)) if (add or remove) and not add.keys() & remove.keys() else None

    return read_several


_READERS: dict[Argument, Callable[[str], Taken | None]] = {
    Argument.WORDS: _words,
    Argument.AGENT: _agent,
    Argument.STATUS: _choice(STATES),
    Argument.PRIORITY: _choice(PRIORITIES),
    Argument.LANGUAGE: _choice(LANGUAGES),
    Argument.TAGS: _several(_TAG),
    Argument.PEOPLE: _several(_ADDRESS, lower=False),
    Argument.DESK: _desk,
    Argument.DOMAIN: _choice({"domain": ("domain", "域名", "整个域名", "網域", "整個網域", "整個域名")}),
    Argument.NUMBER: _number,
    Argument.PERSON: _person,
    Argument.MOMENT: _moment,
    Argument.TIME: _time,
}


# --- names ------------------------------------------------------------------------------------------------------------

_BY_VERB = {command.verb: command for command in COMMANDS}


def _all_names() -> dict[str, tuple[Command, str]]:
    """Each name, with the command and, for a state's own name, the state."""
    names: dict[str, tuple[Command, str]] = {}
    for state, words in STATES.items():
        for word in words:
            names[word] = (_BY_VERB[Verb.STATUS], state)
    for command in COMMANDS:
        for name in command.names:
            assert name not in names, f"{name} means two things"
            names[name] = (command, "")
    return names


_NAMES = _all_names()
_GLUED = sorted((name for name in _NAMES if not name.isascii()), key=len, reverse=True)
