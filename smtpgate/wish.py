"""What a person asks of our mail. Pure data."""

from __future__ import annotations

from smtpgate.records import record


@record(frozen=True, slots=True)
class Wish:
    """What a person asked for: the language of our mail, "" for no wish, and fewer notices."""

    language: str = ""
    fewer: bool = False


@record(frozen=True, slots=True)
class NewWish:
    """What a person asks for now; None leaves it as it is. A language is that of his open tickets too."""

    address: str
    at: float
    language: str | None = None
    fewer: bool | None = None
