"""Which line a key is on, checked against tomllib on texts in every notation."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smtpgate.tomllines import Loc, find_line, key_lines

TEXT = '''\
# [comment]
top = 1
a.b.c = "x # no comment"
"quoted key" = 'C:\\'

[server] # header
listen = [ "one",
  "two", # a ] in a comment
  """thr
ee""", "four" ]
deep = { x = 1, y = { z = [1, { w = 2 }] } }
long = """
[not.a.table]
key = "no"
\\"""
""""
after = 2026-01-02 10:00:00

[[desk]]
name = "a"
  [desk.display_name]
  zh = "甲"
[[ desk ]]
name = "b"
[desk.display_name]
zh = "乙"
[[desk.rule]]
if = 1
[[desk.rule]]
if = 2
'''


def test_every_notation() -> None:
    lines = key_lines(TEXT)
    wanted: dict[Loc, int] = {
        ("top",): 2,
        ("a",): 3,
        ("a", "b", "c"): 3,
        ("quoted key",): 4,
        ("server",): 6,
        ("server", "listen"): 7,
        ("server", "listen", 0): 7,
        ("server", "listen", 1): 8,
        ("server", "listen", 2): 9,
        ("server", "listen", 3): 10,
        ("server", "deep", "y", "z", 1, "w"): 11,
        ("server", "long"): 12,
        ("server", "after"): 17,
        ("desk", 0): 19,
        ("desk", 0, "display_name", "zh"): 22,
        ("desk", 1): 23,
        ("desk", 1, "display_name"): 25,
        ("desk", 1, "display_name", "zh"): 26,
        ("desk", 1, "rule", 0, "if"): 28,
        ("desk", 1, "rule", 1, "if"): 30,
    }
    assert {loc: lines.get(loc) for loc in wanted} == wanted
    assert ("server", "not") not in lines
    assert set(locs(tomllib.loads(TEXT))) <= set(lines)


def test_the_nearest_line_around_something_that_is_not_there() -> None:
    lines = key_lines(TEXT)
    assert find_line(lines, ("desk", 1, "address")) == 23
    assert find_line(lines, ("server", "listen", 9)) == 7
    assert find_line(lines, ("nowhere", "at all")) is None


def locs(value: Any, loc: Loc = ()) -> list[Loc]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, v in inner for found in ((*loc, key), *locs(v, (*loc, key)))]


keys = st.text(alphabet="abcxyz019-_", min_size=1, max_size=4)
strings = st.text(alphabet="ab\"'#[]{}=,.\\\n甲", max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    st.integers() | st.booleans() | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"""{escaped}"""' if "\n" in value else f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", # ] x = 1\n".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    return str(value)


@given(st.dictionaries(keys, values, max_size=5))
def test_knows_every_place_that_tomllib_knows_and_no_line_beyond_the_text(data: dict[str, Any]) -> None:
    text = "".join(f"{key} = {toml(value)}\n" for key, value in data.items())
    assert tomllib.loads(text) is not None
    lines = key_lines(text)
    for loc in locs(tomllib.loads(text)):
        assert 1 <= lines[loc] <= text.count("\n")
    for key in data:
        assert text.split("\n")[lines[key,] - 1].startswith(f"{key} = ")
