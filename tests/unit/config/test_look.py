"""What a desk's mail looks like: its colour can be read wherever mail is shown; its texts are there in each language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.colors import DARK, LIGHT, contrast, on_dark, on_light, readable
from smtpgate.desksettings import Agent, Texts
from smtpgate.languages import LANGUAGES, written_in


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_agent_may_have_any_of_our_languages(language: str) -> None:
    assert Agent.model_validate({"address": "lee@corp.example", "language": language}).language == language


def test_a_text_in_traditional_chinese_falls_back_to_simplified() -> None:
    assert [Texts(zh="简", en="E").of(one) for one in LANGUAGES] == ["简", "简", "E"]
    assert Texts(zh="简", zh_hant="繁").of("zh-Hant") == "繁"
    assert written_in("a language of a later version") == "en"
