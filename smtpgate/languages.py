"""The languages that customers are written to in. Pure data."""

from __future__ import annotations

from typing import Final, Literal

Language = Literal["zh", "zh-Hant", "en"]  # as stored with tickets; zh is Simplified Chinese
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "zh-Hant", "en")
TAGS: Final[dict[Language, str]] = {"zh": "zh-CN", "zh-Hant": "zh-Hant", "en": "en"}  # BCP 47, for Content-Language and `lang`
NAMES: Final[dict[Language, str]] = {"zh": "简体中文", "zh-Hant": "繁體中文", "en": "English"}  # each in its own words


def written_in(stored: str) -> Language:
    """The language that a ticket's is written in: English when a later version of ours has stored one that is not known here."""
    return next((language for language in LANGUAGES if language == stored), "en")


def is_chinese(language: str) -> bool:
    return language in ("zh", "zh-Hant")


def comma(language: str) -> str:
    """What stands between things that are listed."""
    return "，" if is_chinese(language) else ", "


def colon(language: str) -> str:
    """What stands between a label and its value."""
    return "：" if is_chinese(language) else ": "
