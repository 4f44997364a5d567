"""The life of a ticket: which state follows which event, and which mail says so. Pure functions; they never fail."""

from __future__ import annotations

from smtpgate.languages import is_chinese
from smtpgate.model import Status


def after_customer_mail(status: Status) -> tuple[Status, bool]:
    """The state after a customer wrote, and whether that reopened the ticket."""
    if not status.open:
        return Status.PROGRESS, True
    if status is Status.WAITING:  # the answer that we waited for
        return Status.PROGRESS, False
    return status, False


def after_word(status: Status, *, solved: bool) -> Status:
    """The state after the customer said that it is solved, or only asked how it stands."""
    return Status.CLOSED if solved else status


def after_answer(status: Status) -> Status:
    """The state after an agent answered without naming one: somebody has begun."""
    return Status.PROGRESS if status is Status.RECEIVED else status


def letter_for(old: Status, new: Status) -> str | None:
    """The purpose of the mail that tells the customer of a change of state; None when there is nothing to tell."""
    if old is new or new is Status.RECEIVED:
        return None
    if new is Status.PROGRESS and not old.open:
        return "reopened"
    return new.value


def told_of(purpose: str, *, fewer: bool) -> bool:
    """Is this mail sent? A customer who wants fewer notices gets questions, answers and ends, and not what says that we go on."""
    return not (fewer and purpose in ("progress", "reopened", "repeat", "remind"))


def language_for(detected: str, script: str, earlier: str, default: str, wish: str = "") -> str:
    """The language to write in: the customer's own wish, else what he writes now, else what we last used with him, else the desk's.

    Chinese that may be either script is taken for what was written to him before, else for the desk's. A language that we have
    no templates for gets English, which more people read than the desk's own.
    """
    if wish:
        return wish
    if detected == "zh":
        known = {"Hant": "zh-Hant", "Hans": "zh"}.get(script)
        return known or next((one for one in (earlier, default) if is_chinese(one)), "zh")
    if not detected:
        return earlier or default
    return "en"
