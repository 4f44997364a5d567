"""`smtpgate template`: every mail is shown as it would be sent, with the admin's own templates; nothing is sent for it."""

from __future__ import annotations

import json
import re
import webbrowser
from pathlib import Path

import pytest

from smtpgate.cli.template import _WHEN
from smtpgate.mail.samples import NAMES
from tests.unit.cli.conftest import CONFIG, Shop


def own(place: Path, name: str, text: str) -> Path:
    file = place / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return place


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A configuration without a store."""
    (tmp_path / "smtpgate.toml").write_text(CONFIG)
    return Shop(tmp_path)


def test_list_names_every_mail_and_what_is_ones_own(shop: Shop, tmp_path: Path) -> None:
    place = own(tmp_path / "mine", "zh-Hant/resolved.txt", "Subject: x\n\n{{ number }}\n")
    rows = {row["name"]: row for row in shop.rows("template", "list", "--directory", str(place))}
    assert tuple(rows) == NAMES
    assert set(_WHEN) == set(NAMES)
    assert rows["resolved"]["own"] == ["zh-Hant/resolved.txt"]
    assert rows["receipt"]["languages"] == ["zh", "zh-Hant", "en"]


def test_every_mail_is_shown_in_every_language(shop: Shop) -> None:
    rows = shop.rows("template", "preview", "every", "--lang", "all", "--desk", "sales")
    assert {(row["name"], row["language"]) for row in rows} >= {(name, language) for name in NAMES for language in ("zh", "en")}
    for row in rows:
        assert row["sender"] == "sales <sales@desk.example>"
        assert row["subject"].startswith("[#20260102-EML-0042] ") is (row["name"] not in ("digest", "held"))
        assert len(row["text"]) > 60
        assert "<!DOCTYPE html>" in row["html"]


def test_one_mail_as_text(shop: Shop) -> None:
    shown = shop.good("template", "preview", "resolved", "--lang", "zh-TW")
    assert "--- resolved, zh-Hant\nFrom: support <support@desk.example>\nSubject: [#20260102-EML-0042] 二樓" in shown
    for spelled in ("zh-Hant", "繁體中文"):
        assert shop.good("template", "preview", "resolved", "--lang", spelled, "--text") == shown.partition("\n\n")[2]


def test_the_html_as_it_is_sent(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "out.html"
    assert shop.run("template", "preview", "received", "--html", str(file)).exit_code == 0
    assert file.read_text().startswith("<!DOCTYPE html>")
    assert shop.bad("template", "preview", "received", "--lang", "all", "--html", str(file))[0] == 2


def test_in_a_browser_or_where_to_find_it(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened: list[str] = []
    for there in (True, False):

        def browser(url: str, *, found: bool = there) -> bool:
            opened.append(url)
            return found

        monkeypatch.setattr(webbrowser, "open", browser)
        said = shop.good("template", "preview", "resolved", "--lang", "all", "--open")
        page = Path(opened[-1].removeprefix("file://"))
        assert (str(page) in said) is not there
        assert len(re.findall("<iframe sandbox ", page.read_text())) == 2 * 3
        assert "<script" not in page.read_text()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("resolvd",), "did you mean resolved?"),
        (("received", "--lang", "klingon"), "there are no templates in 'klingon'"),
        (("received", "--desk", "nobody"), "there are: support, sales"),
        (("received", "--directory", "/nowhere"), "/nowhere is no directory"),
    ],
)
def test_a_slip_is_named_with_its_mend(shop: Shop, args: tuple[str, ...], said: str) -> None:
    code, line = shop.bad("template", "preview", *args)
    assert code != 0
    assert said in line


def test_a_template_that_is_wrong_is_named_with_file_and_line(shop: Shop, tmp_path: Path) -> None:
    place = own(tmp_path / "mine", "en/received.txt", "Subject: x\n\n{{ nmae }}\n")
    code, line = shop.bad("template", "preview", "received", "--directory", str(place))
    assert (code, f"{place}/en/received.txt:3: 'nmae' is undefined; did you mean name?" in line) == (1, True)
    result = shop.run("template", "check", "--directory", str(place))
    assert (result.exit_code, "en/received.txt:3" in result.stderr) == (1, True)
    fault = json.loads(shop.run("template", "check", "--directory", str(place), "--json").stdout)
    assert "en/received.txt:3" in fault["message"]
    assert "the built-in templates: good" in shop.good("template", "check")
