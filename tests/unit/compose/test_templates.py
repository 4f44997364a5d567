"""Templates: all are there, the admin's win, and what is wrong with one is said with file and line."""

from __future__ import annotations

import email
import itertools
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from smtpgate.desksettings import Agent
from smtpgate.languages import LANGUAGES
from smtpgate.mail import compose as compose_module
from smtpgate.mail import templatesamples
from smtpgate.mail.compose import Templates, built_in_directory, compose
from smtpgate.mail.folding import columns
from smtpgate.mail.letters import ComposeError, Purpose, variables
from smtpgate.mail.samples import sample
from smtpgate.mail.wire import text_part
from tests.support.letters import NUMBER, letter, templates


def admin(place: Path, files: dict[str, str]) -> Templates:
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Templates(place)


def test_built_in_templates_are_whole() -> None:
    assert templates().check() == []


def test_every_template_is_there_in_every_language_and_says_the_same_of_the_ticket() -> None:
    """Which links to other languages stand at the foot depends on its own."""
    known = {*variables(letter()), "text", "formatted", "person", "merged", "who", "evidence", "facts", "earlier", "answer_to"}
    links = {"enlink", "zhlink", "hantlink"}
    place = built_in_directory()
    code = re.compile(r"{[{%](.*?)[%}]}")
    quoted = re.compile(r"\"[^\"]*\"|'[^']*'")
    used = {
        (language, path.name): set(re.findall(r"\w+", quoted.sub("", " ".join(code.findall(path.read_text()))))) & known
        for language in LANGUAGES
        for path in (place / language).iterdir()
    }
    for (_, name), names in used.items():
        for language in LANGUAGES:
            assert used[language, name] - links == names - links, (language, name)
    for stem in {path.name.split(".")[0] for path in (place / "canned").iterdir()}:
        assert all((place / "canned" / f"{stem}.{language}.txt").is_file() for language in LANGUAGES), stem


def test_every_variable_is_documented() -> None:
    readme = (built_in_directory() / "README.md").read_text()
    for name in variables(letter()):
        assert f"| `{name}` |" in readme
    for purpose in Purpose:
        assert f"| `{purpose.value}` |" in readme


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_and_html_say_the_same_purpose(language: str) -> None:
    seen = {templates().render(letter(purpose=p, language=language, show_subject=False)).subject for p in Purpose}
    assert len(seen) == len(Purpose)


def test_admin_wins_file_by_file(tmp_path: Path) -> None:
    mine = admin(tmp_path, {"en/received.txt": "Subject: Hi {{ subject }}\n\nMine {{ number }}\n"})
    assert mine.check() == []
    rendered = mine.render(letter())
    assert rendered.subject == "Hi Printer is on fire"
    assert rendered.text == f"Mine {NUMBER}\n"
    assert rendered.html == templates().render(letter()).html


def test_what_was_changed_is_compiled_anew(tmp_path: Path) -> None:
    for text in ("one", "two"):
        mine = admin(tmp_path, {"en/received.txt": f"Subject: Hi\n\n{text} {{{{ number }}}}\n"})
        assert mine.render(letter()).text == f"{text} {NUMBER}\n"


def test_admin_may_change_the_page_of_all(tmp_path: Path) -> None:
    mine = admin(tmp_path, {"base.html": "<p>{% block body %}{% endblock %}</p>"})
    assert mine.check() == []
    assert mine.render(letter()).html.startswith("<p>")


def test_no_page_of_an_admin_loses_an_agents_words(tmp_path: Path) -> None:
    mine = admin(tmp_path, {"base.html": "<p>{% block body %}{% endblock %}</p>"})
    answer = sample("answer", "en", letter().desk, Agent(address="lee@corp.example"), mine)
    assert answer.data.count(b"We are on our way") == 2  # text and HTML
    (problem,) = admin(tmp_path, {"zh/answer.html": "<p>{{ desk }}</p>"}).check()
    assert "zh/answer: leaves out what the agent wrote" in problem


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("en/received.txt", "Subject: x\n\n{{ nmae }}\n", "en/received.txt:3: 'nmae' is undefined"),
        ("en/received.txt", "Subject: x\n{% if %}\n", "en/received.txt:2: "),
        ("en/received.txt", "Hello\n", "en/received.txt:1: the first line is not `Subject: …`"),
        ("en/received.txt", "", "en/received.txt:1: the first line"),
        ("zh/closed.html", "\n\n{{ number.__class__ }}\n", "zh/closed.html:3: "),
        ("zh/closed.html", "{% extends 'nowhere.html' %}", "nowhere.html"),
        ("en/recieved.txt", "Subject: x\n", "no mail uses a template of this name"),
        ("en/received.html", "{% for i in range(1200000) %}x{% endfor %}", "Range too big"),
        ("en/received.html", "{{ 'x' * 2000000 }}", "makes more than"),
    ],
)
def test_mistake_is_named_with_file_and_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    problems = admin(tmp_path, {name: text}).check()
    assert len(problems) == 1
    assert said in problems[0]
    assert str(tmp_path) in problems[0] or name in problems[0] or "nowhere" in problems[0]


def test_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en/received.txt").write_bytes(b"Subject: \xff\xfe\n")
    problems = Templates(tmp_path).check()
    assert len(problems) == 1
    assert problems[0].startswith("en/received.txt: ")


def test_broken_template_sends_nothing(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match=r"en/received\.txt:2"):
        compose(letter(), admin(tmp_path, {"en/received.txt": "Subject: x\n{% if %}\n"}))


def test_admin_may_change_how_all_mails_of_a_language_end(tmp_path: Path) -> None:
    letter_html = (built_in_directory() / "en/letter.html").read_text().replace("Kind regards", "Cheers")
    mine = admin(tmp_path, {"en/letter.html": letter_html})
    assert mine.check() == []
    assert "Cheers" in mine.render(letter()).html


def test_number_in_an_admins_subject_is_not_doubled(tmp_path: Path) -> None:
    mine = admin(tmp_path, {"en/received.txt": "Subject: [#{{ number }}] Hi\n\nx\n"})
    assert f"Subject: [#{NUMBER}] Hi\r\n".encode() in compose(letter(), mine).data


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
def test_filling_in_a_built_in_template_says_what_rendering_it_says(purpose: Purpose, language: Any) -> None:
    ours = templates()
    groups = (("subject", "asklink"), ("name", "state", "next"), ("message", "last"), ("desk", "others"))
    for empty in itertools.product((False, True), repeat=4):
        evil = "<b> & \"quoted\" 'q' two\n\n  lines <i> {{ 7 * 7 }} {% if %} \ue000number\ue001 中文\\1"
        values = variables(letter(purpose=purpose, language=language))
        values = {name: f"{name} {evil}" for name in values}
        values |= {name: "" for names, gone in zip(groups, empty, strict=True) if gone for name in names}
        stem = f"{language}/{purpose.value}"
        page = ours._page(stem, values)
        head, text = f"Subject:{page.subject.filled(values)}\n", ours._rendered(f"{stem}.txt", values)
        assert text.startswith(head)
        html = ours._rendered(f"{stem}.html", values)
        for made, whole in ((page.text, text[len(head) :].strip("\n") + "\n"), (page.html, html)):
            assert made.filled(values) == whole
            part, characters = made.part("x", values)
            assert (characters, max(map(len, part.split(b"\r\n"))) <= 76) == (len(whole), True)
            assert _unpacked(part) == _unpacked(text_part("x", whole)) == ("text/x", whole)


def _unpacked(part: bytes) -> tuple[str, str]:
    read = email.message_from_bytes(part)
    data = read.get_payload(decode=True)
    assert isinstance(data, bytes)
    return read.get_content_type(), data.decode().replace("\r\n", "\n")


def test_of_our_own_a_start_misses_those_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(built_in_directory(), tmp_path / "templates")
    monkeypatch.setattr(compose_module, "built_in_directory", lambda: tmp_path / "templates")
    assert Templates().missing() == []
    (tmp_path / "templates/en/received.html").unlink()
    assert Templates().missing() == ["en/received.html: there is no template en/received.html"]


# --- on a page of 80 columns ------------------------------------------------------------------------------------------


def test_no_line_of_ours_is_wider_than_80_columns() -> None:
    ours = Templates(None)
    wide = {line for letter in templatesamples.of_letters() for line in ours.render(letter).text.split("\n") if columns(line) > 80}
    assert wide == set()


def test_what_a_person_is_told_of_his_own_data_reads_as_it_was_set() -> None:
    """As a whole, since where a line breaks is to be seen by people: privacy.txt is what they would read."""
    ours, pages = Templates(None), []
    for one in templatesamples.of_letters():
        if one.purpose is Purpose.PRIVACY and one.personal is not None:
            found = ours.render(one)
            pages.append(f"=== {one.language} {one.personal.occasion.value}\n{found.subject.strip()}\n\n{found.text}")
    assert "\n".join(pages) == (Path(__file__).parent / "privacy.txt").read_text(encoding="utf-8")
