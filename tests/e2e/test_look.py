"""Our mail in a real browser: it fits a phone, can be read in light and dark, in every language, and asks nobody for anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smtpgate.mail.letters import Purpose
from tests.look.frames import CHROMIUM, LANGUAGES, PHONE, SCHEMES, WINDOW, chromium, page, samples
from tests.support.letters import letter, templates


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_every_mail_fits_a_phone_and_a_window(tmp_path: Path) -> None:
    """With usual words and with a subject and a message that are as long as they get."""
    message = "请问打印机的型号是什么？ A-very-long-word-" + "x" * 200
    mails = [html for language in LANGUAGES for _, _, html in samples(language, templates())]
    mails += [
        templates()
        .render(
            letter(purpose=purpose, language="en", message="" if purpose is Purpose.NOTICE else message, subject="打印机 " * 20)
        )
        .html
        for purpose in Purpose
    ]
    for html in mails:
        assert not re.search(r"(?:src|background)\s*=|url\(|@import|<link|<script", html, re.I)
    file = tmp_path / "letters.html"
    file.write_text(page([("", html, width) for html in mails for width in (PHONE, WINDOW)]), encoding="utf-8")
    shown = chromium(tmp_path / "profile", file, SCHEMES["light"], "--window-size=900,900", "--dump-dom")
    assert faintest(shown) >= 4.5, "WCAG 2.2, 1.4.3"
    found = re.search(r"<title>wide (-?\d+) short (\d+) frames (\d+) ", shown)
    assert found is not None, shown[-500:]
    wide, short, count = map(int, found.groups())
    assert count == len(mails) * 2
    assert wide <= 0, "something sticks out to the right"
    assert short > 60, "a mail is empty"
    file.write_text(page([("", html, PHONE) for _, _, html in samples("en", templates())]), encoding="utf-8")
    dark = chromium(tmp_path / "profile", file, SCHEMES["dark"], "--window-size=900,900", "--dump-dom")
    assert faintest(dark) >= 4.5
    assert faintest(dark) != faintest(shown), "nothing is different in the dark"


def faintest(shown: str) -> float:
    """The least contrast of words with what they stand on."""
    found = re.search(r'data-faint="([\d.]+) ([^"]*)"', shown)
    assert found is not None, shown[-500:]
    print(found[2])
    return float(found[1])
