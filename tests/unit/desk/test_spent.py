"""How agents write the time that they worked, and how they read it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate import spent
from smtpgate.desk.commands import Why, read
from smtpgate.desk.commandtable import Verb


@pytest.mark.parametrize(
    ("said", "minutes"),
    [
        ("20m", 20),
        ("20 min", 20),
        ("90 minutes", 90),
        ("1h30", 90),
        ("1h30m", 90),
        ("1 h 30 min", 90),
        ("2h", 120),
        ("1.5h", 90),
        ("1,25 hours", 75),
        ("0:45", 45),
        ("12:05", 725),
        ("+10m", 10),
        ("-10m", -10),
        ("－１ｈ３０", -90),
        ("−0:05", -5),
        ("20分钟", 20),
        ("20 分", 20),
        ("1小时", 60),
        ("1小时30分钟", 90),
        ("1.5小时", 90),
        ("１小時３０分鐘", 90),
        ("2个小时", 120),
        ("半小时", 30),
        ("-半小時", -30),
    ],
)
def test_a_time(said: str, minutes: int) -> None:
    assert spent.read(said) == minutes
    (command,) = read(f"#spent {said}").commands
    assert (command.verb, command.value) == (Verb.SPENT, str(minutes))


@pytest.mark.parametrize(
    "said", ["20", "0m", "0:00", "-0h", "1h90", "0:60", "1.5h30", "1d", "h", "20m lunch", "999999m", "1e3m", "--5m"]
)
def test_no_time(said: str) -> None:
    assert spent.read(said) is None
    (fault,) = read(f"#spent {said}").faults
    assert fault.why is Why.INVALID


def test_in_chinese_nobody_writes_a_space() -> None:
    assert [c.value for c in read("#工时20分钟\n好").commands] == ["20"]
    assert [c.value for c in read("#耗時：1小時").commands] == ["60"]
    assert read("#spent 20m\nfor you?").outward is False
    assert read("#spent 20m\n#reply\nFor you.").outward is True


@settings(deadline=None)
@given(st.integers(-100_000, 100_000))
def test_what_is_shown_is_read_again(minutes: int) -> None:
    for language in ("en", "zh", "zh-Hant"):
        assert spent.read(spent.of(language)(minutes)) == (minutes or None)


@given(st.text(max_size=200))
def test_never_raises(text: str) -> None:
    found = spent.read(text)
    assert found is None or found != 0
