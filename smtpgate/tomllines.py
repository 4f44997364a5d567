"""Which line of a TOML file a setting is on. tomllib does not tell, and an error without a line is half an error.

Pure; reads a text that tomllib has already accepted, so it may be lax. Linear, except that a table nested n deep costs
n to write down. Raises RecursionError for values nested deeper than tomllib itself can read.
"""

from __future__ import annotations

Loc = tuple[int | str, ...]


def key_lines(text: str) -> dict[Loc, int]:
    """The line, from 1, of every table, key, array element and key of an inline table; dotted keys under each prefix."""
    return _Scanner(text).scan()


def find_line(lines: dict[Loc, int], loc: Loc) -> int | None:
    """The line of the key, else of the nearest thing around it; None if there is none."""
    return next((lines[loc[:length]] for length in range(len(loc), 0, -1) if loc[:length] in lines), None)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.counted = 0  # newlines before this place are in `line`
        self.lines: dict[Loc, int] = {}
        self.tables: dict[Loc, int] = {}  # the last index of each array of tables

    def scan(self) -> dict[Loc, int]:
        table: Loc = ()
        while self._blank():
            if self.text.startswith("[[", self.at):
                self.at += 2
                name = self._in_last_table(self._key())
                self.tables[name] = self.tables.get(name, -1) + 1
                self._note(name)
                table = (*name, self.tables[name])
                self._note(table)
                self.at += 2
            elif self.text[self.at] == "[":
                self.at += 1
                table = self._in_last_table(self._key())
                self._note(table)
                self.at += 1
            else:
                self._pair(table)
        return self.lines

    def _note(self, loc: Loc) -> None:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = max(self.counted, self.at)
        self.lines.setdefault(loc, self.line)

    def _in_last_table(self, name: Loc) -> Loc:
        """[desk.display_name] below [[desk]] belongs to the last desk."""
        loc: Loc = ()
        for i, part in enumerate(name):
            loc = (*loc, part)
            if loc in self.tables and i < len(name) - 1:
                loc = (*loc, self.tables[loc])
        return loc

    def _blank(self, also: str = "") -> bool:
        """Skip white space, comments and the characters of `also`; False at the end."""
        while self.at < len(self.text):
            c = self.text[self.at]
            if c == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif c in " \t\r\n" or c in also:
                self.at += 1
            else:
                return True
        return False

    def _key(self) -> Loc:
        """A dotted key; stops at what ends it: = or ]."""
        parts: list[int | str] = []
        while self._blank(".") and self.text[self.at] not in "=]":
            start = self.at
            if self.text[self.at] in "\"'":
                self._string()
                parts.append(self.text[start + 1 : self.at - 1])
            else:
                while self.at < len(self.text) and self.text[self.at] not in " \t.=]":
                    self.at += 1
                parts.append(self.text[start : self.at])
        return tuple(parts)

    def _pair(self, table: Loc) -> None:
        start = self.at
        name = self._key()
        end, self.at = self.at, start
        for length in range(1, len(name) + 1):
            self._note((*table, *name[:length]))
        self.at = end + 1  # the =
        self._value((*table, *name))

    def _value(self, loc: Loc) -> None:
        if not self._blank():
            return
        c = self.text[self.at]
        if c in "\"'":
            self._string()
        elif c in "[{":
            self.at += 1
            index = 0
            while self._blank(",") and self.text[self.at] not in "]}":
                if c == "{":
                    self._pair(loc)
                else:
                    self._note((*loc, index))
                    self._value((*loc, index))
                    index += 1
            self.at += 1
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        long = self.text.startswith(quote * 3, self.at)
        self.at += 3 if long else 1
        while self.at < len(self.text):
            if self.text[self.at] == "\\" and quote == '"':
                self.at += 2
            elif self.text.startswith(quote * 3 if long else quote, self.at):
                self.at += 3 if long else 1
                while long and self.text.startswith(quote, self.at):  # up to two quotes belong to the text
                    self.at += 1
                return
            else:
                self.at += 1
