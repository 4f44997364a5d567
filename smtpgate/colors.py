"""Colours as #rrggbb, and whether text in one can be read (WCAG 2.2, 1.4.3: relative luminance and contrast). Pure."""

from __future__ import annotations

from functools import cache

LEAST = 4.5  # of text of usual size
LIGHT = ("#ffffff", "#f3f4f6")  # what words stand on in our mail: card and page
DARK = ("#1f2937", "#111827")


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(color: str, grounds: tuple[str, ...]) -> bool:
    return all(contrast(color, ground) >= LEAST for ground in grounds)


def on_light(color: str) -> str:
    """The colour, darkened only as far as it must be to be read on the light card and page."""
    return _mixed(color, "#000000", LIGHT)


@cache
def on_dark(color: str) -> str:
    """The colour, lightened only as far as it must be to be read on the dark card and page."""
    return _mixed(color, "#ffffff", DARK)


def _mixed(color: str, other: str, grounds: tuple[str, ...]) -> str:
    ours, theirs = _channels(color), _channels(other)
    for percent in range(101):
        mixed = "#" + "".join(f"{round(a + (b - a) * percent / 100):02x}" for a, b in zip(ours, theirs, strict=True))
        if readable(mixed, grounds):
            return mixed
    return other


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    red, green, blue = (
        part / 12.92 if (part := value / 255) <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for value in _channels(color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
