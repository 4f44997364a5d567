"""Screenshots of every mail in all languages, light and dark, on a phone and in a window, and a sheet of all of each kind.

    python -m tests.look DIRECTORY [--directory TEMPLATES] [--color '#7c2d12']

Beside them a sheet of each language in a browser that knows no styles, one as LibreOffice Writer lays it out (tests/look/word.py),
and each mail's HTML as w3m and lynx show it. Needs Chromium and fonts for Chinese (Debian: chromium, fonts-noto-cjk); of the
others, what is not installed is left out and named. To be looked at by a person; what a program can tell of them,
tests/e2e/test_look.py does.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from smtpgate.mail.compose import Templates
from tests.look import word
from tests.look.frames import CHROMIUM, DESK, LANGUAGES, PHONE, SCHEMES, WINDOW, chromium, page, pictured, samples

TEXT_BROWSERS = {
    "w3m": "w3m -T text/html -I UTF-8 -O UTF-8 -cols 80 -dump",
    "lynx": "lynx -stdin -dump -width=80 -assume_charset=UTF-8 -display_charset=UTF-8",
}
STYLES = re.compile(r"<style.*?</style>|<!--.*?-->| (?:style|class|bgcolor)=\"[^\"]*\"", re.DOTALL)
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

            others(Path(room), chosen.out, language, {name: html for name, _, html in mails})


def others(room: Path, out: Path, language: str, mails: dict[str, str]) -> None:
    """The same mails in poorer programs."""
    bare = page([(name, STYLES.sub("", html), WINDOW) for name, html in mails.items()])
    picture(room, out / f"sheet-{language}-bare.png", bare, SHEET[WINDOW], SCHEMES["light"])
    for program, command in TEXT_BROWSERS.items():
        if shutil.which(program) is None:
            print(f"nothing in {program}: it is not installed")
            continue
        for name, html in mails.items():
            shown = subprocess.run(command.split(), input=html.encode(), capture_output=True, check=True, timeout=60).stdout
            (out / f"{language}-{name}.{program}.txt").write_bytes(shown)
    if why := word.why_not():
        print(f"nothing in LibreOffice Writer: not installed is {why}")
        return
    place = room / f"word-{language}"
    place.mkdir()
    made = word.pictures(place, {f"{language}-{name}-writer": html for name, html in mails.items()}, out)
    picture(room, out / f"sheet-{language}-writer.png", pictured(made, WINDOW), SHEET[WINDOW], SCHEMES["light"])


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
