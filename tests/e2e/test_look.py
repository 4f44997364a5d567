"""What the customer sees, in a real browser: every letter in both languages fits a phone and asks nobody for anything."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from smtpgate.mail.letters import Purpose
from tests.support.letters import letter, templates

CHROMIUM = shutil.which("chromium")
WIDTHS = (360, 700)
# Each letter stands in a frame of the width of a phone and of a window; what sticks out is written into the title.
FRAME = '<iframe width="{width}" height="900" srcdoc="{page}"></iframe>'
PAGE = """<!DOCTYPE html><meta charset="utf-8"><body>{frames}<script>
addEventListener("load", () => {{
  const wide = [...document.querySelectorAll("iframe")].map((f) => f.contentDocument.documentElement.scrollWidth - f.clientWidth);
  const text = [...document.querySelectorAll("iframe")].map((f) => f.contentDocument.body.innerText.trim().length);
  document.title = "wide " + Math.max(...wide) + " short " + Math.min(...text) + " frames " + wide.length;
}});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_letter_fits_a_phone_and_a_window(tmp_path: Path, language: str) -> None:
    assert CHROMIUM is not None
    frames = []
    for purpose in Purpose:
        message = "请问打印机的型号是什么？ A-very-long-word-" + "x" * 200 if purpose is not Purpose.NOTICE else ""
        rendered = templates().render(letter(purpose=purpose, language=language, message=message, subject="打印机 " * 20))
        assert not re.search(r"(?:src|background)\s*=|url\(|@import|<link|<script", rendered.html, re.I)
        escaped = rendered.html.replace("&", "&amp;").replace('"', "&quot;")
        frames += [FRAME.format(width=width, page=escaped) for width in WIDTHS]
    page = tmp_path / "letters.html"
    page.write_text(PAGE.format(frames="".join(frames)), encoding="utf-8")
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    shown = subprocess.run(
        [
            *(CHROMIUM, *quiet.split(), "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--virtual-time-budget=5000", "--window-size=900,900", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    found = re.search(r"<title>wide (-?\d+) short (\d+) frames (\d+)</title>", shown)
    assert found is not None, shown[-500:]
    wide, short, count = map(int, found.groups())
    assert count == len(Purpose) * len(WIDTHS)
    assert wide <= 0, "something sticks out to the right"
    assert short > 60, "a letter is empty"
