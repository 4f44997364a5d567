"""What every reader gives: an index of its mails, small enough to stay in memory, and each mail's bytes when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable
from dataclasses import dataclass

LARGEST = 256 * 1024**2  # octets of one mail: what the store can hold when every line end becomes two octets
Step = Callable[[int], None]  # called with how many more mails were found


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that is no mail, or cannot be read as one."""

    source: str
    reason: str


class Box(ABC):
    """Some mails of an archive in the order in which they lie there. `times` is filled by scan: seconds since 1970."""

    def __init__(self) -> None:
        self.times: array[float] = array("d")
        self.unreadable: list[Unreadable] = []

    @abstractmethod
    def scan(self, now: float, step: Step) -> None:
        """Find all mails; what cannot be read goes to `unreadable`. Raises ArchiveError when nothing can be."""

    @abstractmethod
    def source(self, index: int) -> str:
        """Where this mail lies, as a person would name it."""

    @abstractmethod
    def place(self, index: int) -> str:
        """The same, whatever the current directory is."""

    @abstractmethod
    def read(self, index: int) -> bytes:
        """Raises ArchiveError or OSError when it cannot be read any more."""

    def close(self) -> None:  # noqa: B027 -- most have nothing to close
        """Safe to call twice."""
