"""Our mail as LibreOffice Writer lays it out: the nearest thing to Outlook's old engine (Word) that runs here, and not that engine.

What only Outlook is to see (`<!--[if mso]>`) is shown to Writer as well. The line that mail programs preview goes, which Outlook
hides by `mso-hide`, a property that Writer does not know. One call converts all mails, on pages as long as the longest mail;
Writer leaves the first paragraph alone on a page, so there is one for it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

WRITER, TO_PNG, TO_TEXT = (shutil.which(name) for name in ("soffice", "pdftoppm", "pdftotext"))
_OUTLOOK = re.compile(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", re.DOTALL)
_PREVIEW = re.compile(r'<div style="display:none;.*?</div>', re.DOTALL)
_BODY = re.compile(r"<body[^>]*>")
_PAGE = "<style>@page { size: 7.5in 40in; margin: 0.1in; }</style></head>"
_DOTS = 96  # to the inch


def why_not() -> str:
    """What is missing here; "" when nothing is."""
    poppler = "poppler (Debian: poppler-utils)"
    needs = ((WRITER, "LibreOffice Writer (Debian: libreoffice-writer-nogui)"), (TO_PNG and TO_TEXT, poppler))
    return ", ".join(name for found, name in needs if found is None)


def as_outlook_reads(html: str) -> str:
    return _BODY.sub(r"\g<0><p>&nbsp;</p>", _PREVIEW.sub("", _OUTLOOK.sub(r"\1", html)).replace("</head>", _PAGE))


def pictures(room: Path, mails: dict[str, str], out: Path) -> list[Path]:
    """One for each mail, in the order of their names. room: an empty directory; mails: HTML by name."""
    assert WRITER is not None
    assert TO_PNG is not None
    assert TO_TEXT is not None
    files = [room / f"{name}.html" for name in mails]
    for file, html in zip(files, mails.values(), strict=True):
        file.write_text(as_outlook_reads(html), encoding="utf-8")
    command = [WRITER, "--headless", f"-env:UserInstallation={(room / 'profile').as_uri()}", "--convert-to"]
    _run(*command, "pdf:writer_web_pdf_Export", "--outdir", str(room), *map(str, files))
    made = []
    for file in files:
        pdf = str(file.with_suffix(".pdf"))
        lowest = max(float(y) for y in re.findall(r'yMax="([\d.]+)"', _run(TO_TEXT, "-bbox", "-f", "2", pdf, "-")))
        height = str(int((lowest + 40) * _DOTS / 72))
        place = out / file.stem
        _run(TO_PNG, "-r", str(_DOTS), "-f", "2", "-l", "2", "-x", "0", "-y", "0", "-W", str(int(7.5 * _DOTS)), "-H", height,
             "-singlefile", "-png", pdf, str(place))  # fmt: skip
        made.append(place.with_suffix(".png"))
    return made


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout
