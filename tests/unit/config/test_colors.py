"""A desk's colour can be read wherever our mail is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.colors import DARK, LIGHT, contrast, on_dark, on_light, readable


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#0000ff", "#ffffff", 8.59), ("#abcdef", "#abcdef", 1.0)],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.01)


@given(st.integers(0, 0xFFFFFF))
def test_every_colour_can_be_made_readable(number: int) -> None:
    color = f"#{number:06x}"
    assert readable(on_light(color), LIGHT)
    assert readable(on_dark(color), DARK)


def test_what_can_be_read_stays_as_it_is() -> None:
    assert (on_light("#1d4ed8"), on_dark("#93c5fd")) == ("#1d4ed8", "#93c5fd")
    assert on_dark("#1d4ed8") != "#1d4ed8"
