"""log.addresses: what the log shows of addresses, whatever field or remote reply they stand in."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import structlog

from smtpgate import log
from smtpgate.config import Log
from smtpgate.logaddresses import Shown, locals_of, pseudonym
from tests.support.doubling import assert_linear

KEY = b"k" * 32


def written(mode: Any, **fields: Any) -> dict[str, Any]:
    stream = io.StringIO()
    log.configure(Log(format="json", addresses=mode), stream)
    structlog.get_logger("t").info("delivery attempt", **fields)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


HOSTILE = [
    "alice.secret@customer.example",
    "<alice.secret@customer.example>",
    "550 5.1.1 <alice.secret@customer.example>: no such user",
    "550 user Alice.Secret unknown; write to ALICE.SECRET@customer.example",
    '"alice.secret"@customer.example',
    '"alice.secret" <alice.secret@customer.example>',
    "alice.secret@",
    "bounces+alice.secret=customer.example@list.example",
    "x@@alice.secret@customer.example",
    "to=alice.secret@[192.0.2.1]",
    "\x1b[31malice.secret@customer.example\r\n2026 info forged alice.secret@a",
    "alice.secret@例子.example",
]


@pytest.mark.parametrize("mode", ["domain", "hash"])
@pytest.mark.parametrize("text", HOSTILE)
def test_no_local_part_is_left(mode: str, text: str) -> None:
    found = written(mode, reply=text, rcpts=["alice.secret@customer.example", text], sender=text)
    assert "alice.secret" not in json.dumps(found, ensure_ascii=False).lower()


def test_a_pseudonym_is_the_same_for_the_same_mailbox_and_only_for_it() -> None:
    found = written("hash", a="ann@x.example", b="<Ann@X.Example>", c="bob@x.example", d="ann@y.example")
    names = [found[k].strip("<>").partition("@")[0] for k in "abcd"]
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert all(name.startswith("~") for name in names)
    assert found["a"].endswith("@x.example")
    assert pseudonym(KEY, "ann", "x.example") != pseudonym(b"other", "ann", "x.example")


def test_a_local_part_that_is_cut_by_the_bound_is_hidden_too() -> None:
    text = "x " * 505 + "alice.secret@customer.example " + "y" * 2000
    assert "alice" not in written("hash", reply=text)["reply"]
    many = ("b" * 60 + "@x.example ") * 60
    for shift in range(70):
        assert "alice" not in written("hash", reply=many[: 4060 + shift] + " alice.secret@x.example")["reply"]


def test_full_shows_all_but_the_signature_of_our_own_addresses() -> None:
    signed = "support+r" + "a2" * 18 + "@desk.example"
    found = written("full", reply=f"550 <{signed}>: refused, ask bob+list@x.example", rcpt=signed)
    assert found["rcpt"] == "support+ra2a2…@desk.example"
    assert found["reply"] == "550 <support+ra2a2…@desk.example>: refused, ask bob+list@x.example"
    assert signed not in json.dumps(written("hash", reply=signed))


def test_ids_are_never_touched() -> None:
    found = written("hash", mail="abcdefghijklm", rcpt="abcdefghijklm@x.example", connection="abcdefghijklm")
    assert (found["mail"], found["connection"]) == ("abcdefghijklm", "abcdefghijklm")


def test_every_value_is_bounded_after_it_was_escaped() -> None:
    assert len(written("full", helo="\U000e0001" * 5000)["helo"]) <= 1024


def test_short_words_stay() -> None:
    assert written("hash", reply="550 no such user", rcpt="no@x.example")["reply"] == "550 no such user"
    assert set(locals_of("ab@x.example, ann+tag@x.example")) == {"ann+tag", "ann"}


@pytest.mark.parametrize("unit", ["a@", "@", '"@', '"a"@b ', "a" * 50 + "@b.c ", '"'])
def test_hiding_is_linear(unit: str) -> None:
    shown = Shown("hash", KEY)
    assert_linear(lambda n: unit * n, lambda text: (shown.text(text), list(locals_of(text))), 2000)
