"""Commands at the top of an agent's mail: what is understood, what is refused, and what the text becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given as prop
from hypothesis import strategies as st

from smtpgate.desk.commands import Given, Reading, Why, read
from smtpgate.desk.commandtable import COMMANDS, STATES, Argument, Command, Place, Verb
from tests.support.doubling import assert_linear


def one(line: str) -> Given:
    reading = read(line)
    assert reading.faults == (), reading
    (given,) = reading.commands
    return given


def why(text: str) -> Why:
    (fault,) = read(text).faults
    return fault.why


def place_of(command: Command) -> Place:
    return command.place if command.place in (Place.DESK, Place.HELD) else Place.TICKET


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.verb.value)
def test_every_example_of_the_table_is_understood(command: Command) -> None:
    body = "\nText below" if command.verb in (Verb.REPLY, Verb.NEW) else ""
    reading = read(command.example + body, place_of(command))
    assert reading.faults == ()
    assert [given.verb for given in reading.commands] == [command.verb]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.verb.value)
def test_every_chinese_name_means_the_same(command: Command) -> None:
    _, space, argument = command.example.partition(" ")
    assert command.traditional
    for name in (*command.chinese, *command.traditional):
        for sign in ("#", "＃"):
            text = f"{sign}{name}{space}{argument}\nbody" if not command.alone else f"{sign}{name}"
            reading = read(text, place_of(command))
            assert [given.verb for given in reading.commands] == [command.verb]
            assert reading.faults == ()


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("#resolved", "resolved"), ("#done", "resolved"), ("#解决", "resolved"), ("#close", "closed"), ("#关闭", "closed"),
        ("#waiting", "waiting"), ("#等待", "waiting"), ("#处理中", "progress"), ("#status in-progress", "progress"),
        ("#解決", "resolved"), ("#結案", "closed"), ("#重新開啟", "progress"), ("#狀態 等待回覆", "waiting"),
        ("#Status: Resolved", "resolved"), ("#状态：已解决", "resolved"), ("#状态解决", "resolved"), ("＃ 关闭", "closed"),
    ],
)  # fmt: skip
def test_states(line: str, state: str) -> None:
    assert one(line) == Given(Verb.STATUS, state)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("#assign Lee <Lee@corp.example>", Given(Verb.ASSIGN, "lee@corp.example")),
        ("#转交 lee", Given(Verb.ASSIGN, "lee")),
        ("#tag printer, -paper +Floor-2", Given(Verb.TAG, "", ("printer", "floor-2"), ("paper",))),
        ("#标签 打印机、- 纸张", Given(Verb.TAG, "", ("打印机",), ("纸张",))),
        ("#priority 紧急", Given(Verb.PRIORITY, "urgent")),
        ("#cc Boss@customer.example -li@x.example", Given(Verb.CC, "", ("Boss@customer.example",), ("li@x.example",))),
        ("#抄送 <a@x.example>、b@x.example", Given(Verb.CC, "", ("a@x.example", "b@x.example"))),
        ("#move Billing", Given(Verb.MOVE, "billing")),
    ],
)
def test_arguments(line: str, expected: Given) -> None:
    assert one(line) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#clsoe", Why.UNKNOWN), ("#", Why.UNKNOWN), ("#1", Why.UNKNOWN), ("# Heading of a text", Why.UNKNOWN),
        ("#assign", Why.MISSING), ("#take it", Why.TOO_MUCH), ("#close now", Why.TOO_MUCH), ("#priority sometimes", Why.INVALID),
        ("#tag +", Why.INVALID), ("#cc boss", Why.INVALID), ("#cc", Why.MISSING), ("#cc +a@x -a@x", Why.INVALID),
        ("#move over there", Why.INVALID), ("#spam\n#resolved", Why.TWICE), ("#spam\n#reply\nGo away", Why.TWICE),
        ("#move sales\n#take", Why.TWICE), ("#note a\n#reply\nb", Why.TWICE), ("#take\n#assign lee", Why.TWICE),
        ("#close\n#waiting", Why.TWICE), ("#undo\nand tell him", Why.ALONE), ("#reply", Why.EMPTY), ("#note", Why.EMPTY),
        ("Hello,\n\n#close", Why.MISPLACED), ("\n".join(["#help"] * 21), Why.TOO_MANY), ("#note " + "x" * 600, Why.INVALID),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why(text: str, expected: Why) -> None:
    assert expected in [fault.why for fault in read(text).faults]


def test_what_opens_a_ticket_may_say_more_of_it() -> None:
    new = read("#new a@x.example\n#cc b@x.example\n#assign kim\n#waiting\nHello", Place.DESK)
    assert (new.faults, new.outward, new.text, new.opening) == ((), True, "Hello", Given(Verb.NEW, "a@x.example"))
    for text, outward in (("#fwd\nx", False), ("#fwd\n#note x", False), ("#fwd\n#cc b@x.example\n#reply\nx", True)):
        reading = read(text, Place.DESK)
        assert (reading.faults, reading.outward, reading.text, reading.opening) == ((), outward, "x", Given(Verb.FWD))


def test_the_nearest_command_is_named() -> None:
    (fault,) = read("#clsoe").faults
    assert fault.nearest == "#close"
    (fault,) = read("#shw").faults
    assert fault.nearest == "#show"


def test_a_fault_says_what_the_command_takes() -> None:
    (fault,) = read("#assign").faults
    assert fault.takes is Argument.AGENT


@pytest.mark.parametrize(
    ("text", "outward"),
    [
        ("Dear customer", True), ("#close\nIt works again.", True), ("#note\nhe is angry", False),
        ("#assign lee\nplease look", False), ("#assign lee\n#close\nplease look", False),
        ("#assign lee\n#reply\nMy colleague will call.", True), ("#take\nsee there", False),
    ],
)  # fmt: skip
def test_text_beside_a_command_for_colleagues_stays_inside(text: str, outward: bool) -> None:
    assert read(text).outward is outward


def test_what_is_left_is_the_text() -> None:
    text = "\n#take\n\n#waiting\n\nPlease send the log.\n\nThe line # 3 of it.\n"
    assert read(text) == Reading(
        (Given(Verb.TAKE), Given(Verb.STATUS, "waiting")), "Please send the log.\n\nThe line # 3 of it.", outward=False
    )
    assert read("#note he called\nat ten").text == "he called\n\nat ten"


def test_invisible_characters_hide_no_command() -> None:
    assert one("\u200b#\u200bclose\ufeff") == Given(Verb.STATUS, "closed")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#list", Given(Verb.LIST)), ("＃我的", Given(Verb.MINE)), ("#下一个", Given(Verb.NEXT)), ("#help", Given(Verb.HELP)),
        ("#find red light", Given(Verb.FIND, "red light")), ("#查找打印机 纸", Given(Verb.FIND, "打印机 纸")),
        ("#show [#20260102-EML-0042]", Given(Verb.SHOW, "20260102-EML-0042")), ("#查看 A-1", Given(Verb.SHOW, "A-1")),
        ("#list\n\nSent from my phone", Given(Verb.LIST)),
        ("#new a@x.example\nHello", Given(Verb.NEW, "a@x.example")),
        ("#new a@x.example<mailto:a@x.example>\nHello", Given(Verb.NEW, "a@x.example")),
        ('#新建："王芳" <a@x.example>\n您好', Given(Verb.NEW, "a@x.example", name="王芳")),
        ("#fwd", Given(Verb.FWD)), ("#代开a@x.example", Given(Verb.FWD, "a@x.example")),
    ],
)  # fmt: skip
def test_a_mail_without_a_ticket(text: str, expected: Given) -> None:
    reading = read(text, Place.DESK)
    assert (reading.commands, reading.faults) == ((expected,), ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#close", Why.NEEDS_TICKET), ("#note x", Why.NEEDS_TICKET), ("#show", Why.MISSING), ("#find", Why.MISSING),
        ("#show a b", Why.INVALID), ("#show " + "1" * 61, Why.INVALID), ("#list all", Why.TOO_MUCH), ("#lsit", Why.UNKNOWN),
        ("#list\n#mine", Why.ALONE), ("# Heading", Why.UNKNOWN), ("#new a@x.example", Why.EMPTY), ("#new a b\nx", Why.INVALID),
        ("#take\n#list", Why.NEEDS_TICKET), ("#new a@x.example\n#list\nx", Why.ALONE), ("#fwd\n#undo", Why.NEEDS_TICKET),
        ("#new a@x.example\n#note x\ny", Why.NEEDS_TICKET), ("#fwd\n#note x\n#reply\ny", Why.TWICE),
    ],
)  # fmt: skip
def test_what_cannot_be_done_without_a_ticket(text: str, expected: Why) -> None:
    assert [fault.why for fault in read(text, Place.DESK).faults] == [expected]


@pytest.mark.parametrize(
    ("text", "expected"), [("#list", Why.NEEDS_NONE), ("#next", Why.NEEDS_NONE), ("#show 20260102-EML-0042", Why.TOO_MUCH)]
)
def test_what_is_not_about_a_ticket(text: str, expected: Why) -> None:
    assert why(text) is expected


def test_the_nearest_command_is_one_that_makes_sense_there() -> None:
    assert [fault.nearest for fault in read("#lsit", Place.DESK).faults] == ["#list"]
    assert [fault.nearest for fault in read("#clsoe", Place.DESK).faults] != ["#close"]


@prop(st.text(max_size=300), st.sampled_from([Place.TICKET, Place.DESK]))
def test_anything_is_read(text: str, place: Place) -> None:
    reading = read("#" + text, place)
    assert reading.commands or reading.faults


def test_long_texts_take_time_in_proportion() -> None:
    assert_linear(lambda n: "#tag +" + "a-" * n, read, 20_000)
    assert_linear(lambda n: "#x\n" * n, read, 20_000)
    assert_linear(lambda n: "a\n" + "#zzz\n" * n, read, 20_000)


def test_the_page_for_agents_has_every_command_and_state() -> None:
    page = (Path(__file__).parents[3] / "docs" / "agents.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert any(
            all(f"`#{name}`" in line for name in command.names) and command.english_help in line for line in page.splitlines()
        )
    for state, words in STATES.items():
        assert f"| {state} | {', '.join(f'`#{word}`' for word in words)} |" in page
