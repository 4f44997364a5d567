"""Screenshots of every mail in all languages, light and dark, on a phone and in a window, and a sheet of all of each kind.

    python -m tests.look DIRECTORY [--directory TEMPLATES] [--color '#7c2d12']

Needs Chromium and fonts for Chinese (Debian: chromium, fonts-noto-cjk). To be looked at by a person; what a program can tell of
them, tests/e2e/test_look.py does.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

from smtpgate.mail.compose import Templates
from tests.look.frames import CHROMIUM, DESK, LANGUAGES, PHONE, SCHEMES, WINDOW, chromium, page, samples

SHEET = {PHONE: 6 * (PHONE + 12) + 24, WINDOW: 4 * (WINDOW + 12) + 24}  # width of a sheet, by that of its frames


def main() -> None:
    parser = argparse.ArgumentParser(description="Screenshots of every mail.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--directory", type=Path, help="templates of your own")
    parser.add_argument("--color", default=DESK.color)
    parser.add_argument("--sheets", action="store_true", help="sheets alone")
    chosen = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("chromium is not installed")
    chosen.out.mkdir(parents=True, exist_ok=True)
    templates, desk = Templates(chosen.directory), DESK.model_copy(update={"color": chosen.color})
    with tempfile.TemporaryDirectory() as room:
        for language in LANGUAGES:
            mails = list(samples(language, templates, desk))
            for name, text, _ in mails:
                (chosen.out / f"{language}-{name}.txt").write_text(text, encoding="utf-8")
            for scheme, option in SCHEMES.items():
                for width, whole in SHEET.items():
                    place = chosen.out / f"sheet-{language}-{scheme}-{width}.png"
                    picture(Path(room), place, page([(name, html, width) for name, _, html in mails]), whole, option)
                for name, _, html in [] if chosen.sheets else mails:
                    both = page([(name, html, PHONE), (name, html, WINDOW)])
                    picture(Path(room), chosen.out / f"{language}-{name}-{scheme}.png", both, PHONE + WINDOW + 48, option)


def picture(room: Path, place: Path, source: str, width: int, option: str) -> None:
    """As high as the page turns out to be."""
    file = room / "page.html"
    file.write_text(source, encoding="utf-8")
    shown = chromium(room / "profile", file, option, f"--window-size={width},900", "--dump-dom")
    found = re.search(r"<title>.* high (\d+)</title>", shown)
    assert found is not None, shown[-500:]
    chromium(room / "profile", file, option, f"--window-size={width},{min(int(found[1]), 16_000)}", f"--screenshot={place}")
    print(place)


main()
