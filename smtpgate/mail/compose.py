"""Letters to customers: templates (Jinja2, sandboxed, strict, compiled once) and the finished octets of a mail.

compose() cleans every value first, builds the octets by hand (the standard library's EmailMessage costs several times
as much), and has wire.assemble prove that the header is exactly the intended one. Raises ComposeError when a letter
cannot be built as meant; the caller sends nothing then. Templates.check() finds what is wrong with templates at start.
"""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from smtpgate.languages import LANGUAGES, TAGS
from smtpgate.mail import letters, skeleton, templatesamples, wire
from smtpgate.mail.canned import Canned, Text
from smtpgate.mail.forward import forward_for_postmaster
from smtpgate.mail.letters import (
    ComposeError,
    Letter,
    Purpose,
    desk_name,
    one_line,
    shown_subject,
    variables,
)
from smtpgate.mail.outward import Carried, attached
from smtpgate.mail.skeleton import Mark, Skeleton
from smtpgate.mail.templatesamples import AGENTS_PAGES, PAGES
from smtpgate.mail.wire import Composed
from smtpgate.records import record

__all__ = ["Composed", "Templates", "compose", "forward_for_postmaster"]

STEMS: tuple[str, ...] = (*(purpose.value for purpose in Purpose), *PAGES, *AGENTS_PAGES)  # all, without their endings
_SHARED = ("page.html", "letter.html", "links.html", "foot.txt")  # what several mails of a language are made of
_PAGES_KEPT = 256  # made of built-in templates, for each desk and language
_LARGEST_TEXT = 1024**2  # characters that a template may make


@record(frozen=True, slots=True)
class Rendered:
    subject: str
    text: str
    html: str


@record(frozen=True, slots=True)
class _Page:
    """The built-in templates of one letter."""

    subject: Skeleton
    text: Skeleton
    html: Skeleton

    def shown_subject(self, values: Mapping[str, str]) -> str:
        return shown_subject(self.subject.filled(values), values["number"])


# --- templates --------------------------------------------------------------------------------------------------------


def built_in_directory() -> Path:
    """The templates that come with the program: in the package when it is installed, beside it in a source tree."""
    package = Path(__file__).parent.parent
    return next(d for d in (package / "templates", package.parent / "templates") if (d / "base.html").is_file())


class _Kept(jinja2.BytecodeCache):
    """What was compiled, while the process lives: a reload compiles only what has changed, instead of 36 templates in 0.1 s."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}  # by name and file; whether it is of this text, the bucket knows

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        if (code := self._code.get(bucket.key)) is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_KEPT = _Kept()


class Templates:
    """All templates. A file in the admin's directory wins over the built-in one of the same name. With such a directory all are
    compiled at once, so that faults are heard of; else each when it is first needed, which spares a start 0.3 s."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        ours = built_in_directory()
        places = [p for p in (directory, ours) if p is not None]
        self._environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader([str(p) for p in places]),
            autoescape=lambda name: name is not None and name.endswith(".html"),
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
            bytecode_cache=_KEPT,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["lines"] = skeleton.lines
        self._skeletons: dict[tuple[str, ...], _Page] = {}
        self._compiled: dict[str, jinja2.Template] = {}
        self._problems: dict[str, str] = {}
        for name in _names():
            try:
                if directory is not None:
                    self._template(name)
                elif not (ours / name).is_file():
                    raise jinja2.TemplateNotFound(name)
            except (jinja2.TemplateError, OSError, UnicodeError) as error:
                self._problems[name] = _blame(name, error)
        self.canned = Canned(self._text, places)

    def _template(self, name: str) -> jinja2.Template:
        if name not in self._compiled:
            self._compiled[name] = self._environment.get_template(name)
        return self._compiled[name]

    def missing(self) -> list[str]:
        """What is wrong with the files, without rendering any."""
        return list(self._problems.values())

    def check(self) -> list[str]:
        """What is wrong with the templates, each with file and line; every one is rendered with sample values."""
        problems = [*self._problems.values(), *self._strangers(), *self.canned.check()]
        for letter in templatesamples.of_letters():
            try:
                self.render(letter)
            except ComposeError as error:
                problems.append(str(error))
        for stem, values in templatesamples.of_pages():
            try:
                page = self.page(stem, values)
                if "formatted" in values and not (values["text"][:5] in page.text and values["text"][:5] in page.html):
                    problems.append(f"{stem}: leaves out what the agent wrote; put text into the .txt and formatted into the .html")
            except ComposeError as error:
                problems.append(str(error))
        return list(dict.fromkeys(problems))

    def render(self, letter: Letter) -> Rendered:
        """Subject (without the number), text and HTML. Raises ComposeError with file and line."""
        values = variables(letter)
        stem = f"{letter.language}/{letter.purpose.value}"
        if self._directory is None:
            page = self._page(stem, values)
            return Rendered(page.shown_subject(values), page.text.filled(values), page.html.filled(values))
        subject, text = _parted(stem, self._one(f"{stem}.txt", values))
        return Rendered(shown_subject(subject, letter.ticket_number), text, self._one(f"{stem}.html", values))

    def parts(self, letter: Letter) -> tuple[str, list[bytes]]:
        """The subject, and text and HTML as parts of a mail. Raises ComposeError with file and line."""
        if self._directory is not None:
            rendered = self.render(letter)
            return rendered.subject, [wire.text_part("plain", rendered.text), wire.text_part("html", rendered.html)]
        values = variables(letter)
        stem = f"{letter.language}/{letter.purpose.value}"
        page = self._page(stem, values)
        made = [page.text.part("plain", values), page.html.part("html", values)]
        if max(made[0][1], made[1][1]) > _LARGEST_TEXT:
            raise ComposeError(f"{stem}: makes more than {_LARGEST_TEXT} characters")
        return page.shown_subject(values), [made[0][0], made[1][0]]

    def _page(self, stem: str, values: dict[str, str]) -> _Page:
        """A built-in template at a twentieth of the cost. What is the same in all letters of a desk is part of it."""
        key = (stem, *[values[name] for name in letters.OF_DESK], *[name for name, value in values.items() if not value])
        page = self._skeletons.get(key)
        if page is None:
            marks = {
                name: value if not value or (name in letters.OF_DESK and not skeleton.confuses(value)) else Mark(name)
                for name, value in values.items()
            }
            subject, text = _parted(stem, self._one(f"{stem}.txt", marks))
            html = self._one(f"{stem}.html", marks)
            page = _Page(Skeleton(subject, html=False), Skeleton(text, html=False), Skeleton(html, html=True))
            if len(self._skeletons) >= _PAGES_KEPT:
                self._skeletons.clear()
            self._skeletons[key] = page
        return page

    def page(self, stem: str, values: dict[str, Any]) -> Rendered:
        """Text and HTML of a mail that is more than a letter (PAGES). Raises ComposeError with file and line."""
        made = []
        for name in (f"{stem}.txt", f"{stem}.html"):
            if name in self._problems:
                raise ComposeError(self._problems[name])
            made.append(self._rendered(name, values))
            if len(made[-1]) > _LARGEST_TEXT:
                raise ComposeError(f"{name}: makes more than {_LARGEST_TEXT} characters")
        return Rendered("", made[0].strip("\n") + "\n", made[1])

    def _text(self, path: str, source: str) -> Text:
        """A text of its own, of a file that no letter is made of."""
        try:
            template = self._environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise ComposeError(f"{path}:{error.lineno}: {error.message}") from error

        def rendered(values: Mapping[str, str]) -> str:
            try:
                return template.render(values)
            except Exception as error:  # as in _rendered
                raise ComposeError(f"{path}: {error}") from error

        return rendered

    def _one(self, name: str, values: dict[str, str]) -> str:
        if name in self._problems:
            raise ComposeError(self._problems[name])
        text = self._rendered(name, values)
        if len(text) > _LARGEST_TEXT:
            raise ComposeError(f"{name}: makes more than {_LARGEST_TEXT} characters")
        return text

    def _rendered(self, name: str, values: dict[str, Any]) -> str:
        try:
            return self._template(name).render(values)
        except Exception as error:  # a template is the admin's own program: whatever it raises is its fault
            raise ComposeError(_blame(name, error) + _meant(error, values)) from error

    def _strangers(self) -> Iterator[str]:
        """Files of the admin that no letter will ever use: most likely a slip in the name."""
        known = set(_names())
        if self._directory is None:
            return
        for language in LANGUAGES:
            for path in sorted((self._directory / language).glob("*")):
                if f"{language}/{path.name}" not in known and path.name not in _SHARED:
                    yield f"{path}: no mail uses a template of this name; use one of the names in templates/README.md"


def _parted(stem: str, whole: str) -> tuple[str, str]:
    """Subject and text of a letter. Raises ComposeError."""
    head, _, text = whole.partition("\n")
    label, _, subject = head.partition(":")
    if label.strip() != "Subject" or not subject.strip():
        raise ComposeError(f"{stem}.txt:1: the first line is not `Subject: …`")
    return subject, text.strip("\n") + "\n"


def _names() -> list[str]:
    return [f"{language}/{stem}.{kind}" for language in LANGUAGES for stem in STEMS for kind in ("txt", "html")]


def _blame(name: str, error: Exception) -> str:
    """file:line: what is wrong. Jinja2 keeps template lines in its tracebacks."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename or error.name or name}:{error.lineno}: {error.message}"
    if isinstance(error, jinja2.TemplateNotFound):
        return f"{name}: there is no template {error.message}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith((".txt", ".html"))]
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
    return f"{place}: {error}"


def _meant(error: Exception, values: Mapping[str, object]) -> str:
    """The variable that was most likely meant, for one that there is none of."""
    unknown = re.match(r"'(\w+)' is undefined", str(error)) if isinstance(error, jinja2.UndefinedError) else None
    close = difflib.get_close_matches(unknown[1], values, 1, 0.5) if unknown else []
    return f"; did you mean {close[0]}?" if close else ""


# --- letters ----------------------------------------------------------------------------------------------------------


def compose(letter: Letter, templates: Templates, files: Sequence[Carried] = ()) -> Composed:
    """The mail, not yet signed. files: that come along. Raises ComposeError when it cannot be what it is meant to be."""
    title, parts = templates.parts(letter)
    desk, name = letter.desk, desk_name(letter.desk, letter.language)
    to = wire.checked_address(letter.to.address)
    own_id, parent = wire.message_id(letter.message_id), wire.message_id(letter.in_reply_to)
    if own_id is None:
        raise ComposeError(f"{letter.message_id!r} is not a Message-ID")
    chain = wire.references(letter.references, parent)
    fields = [
        ("From", wire.mailbox(name, desk.address)),
        ("To", wire.mailbox("" if letter.purpose is Purpose.NOTICE else one_line(letter.to.name, 80), to)),
        ("Reply-To", wire.mailbox(name, wire.checked_address(letter.reply_to or desk.address))),
        ("Subject", wire.subject(f"[#{letter.ticket_number}]", title)),
        ("Date", format_datetime(datetime.fromtimestamp(letter.date, ZoneInfo(desk.timezone)))),
        ("Message-ID", own_id),
        *([("In-Reply-To", parent)] if parent else []),
        *([("References", chain)] if chain else []),
        *wire.automatic("auto-replied" if letter.purpose.replies else "auto-generated"),
        ("Content-Language", TAGS[letter.language]),
    ]
    content = wire.Multipart("alternative", own_id, parts)
    if files:
        content = wire.Multipart("mixed", f"{own_id} mixed", [wire.nested(content), *map(attached, files)])
    return wire.finished(wire.assemble(fields, content), own_id, to)
