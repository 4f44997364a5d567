"""`smtpgate template`: list, check, preview. Looks at templates as the gateway would use them; sends nothing, needs no store."""

from __future__ import annotations

import dataclasses
import difflib
import email
import email.policy
import html
import tempfile
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smtpgate.cli import show
from smtpgate.cli.common import FAILED, Context, json_option, pass_context, plural
from smtpgate.cli.show import Column
from smtpgate.errors import UsageError

if TYPE_CHECKING:
    from smtpgate.config import Config
    from smtpgate.desksettings import Desk
    from smtpgate.languages import Language
    from smtpgate.mail.wire import Composed

_ASSUMED: dict[str, Any] = {"server": {"name": "mx.example.com"}, "desk": [{"name": "support", "address": "support@example.com"}]}
_ALL = "all"  # languages
_EVERY = "every"  # mail
_COLUMNS = (
    Column("name", "name", whole=True),
    Column("languages", "languages"),
    Column("own", "your own files"),
    Column("when", "when it is sent"),
)
_WHEN = {
    "received": "a mail has become a ticket",
    "repeat": "the same mail came again",
    "progress": "somebody has begun to work on it",
    "waiting": "we need something from the customer",
    "resolved": "we believe that it is solved",
    "closed": "it is closed",
    "reopened": "it is open again",
    "merged": "an agent made one ticket of two",
    "handed": "an agent put somebody else in the customer's place",
    "remind": "the customer has not answered for long; once",
    "unmerged": "and has taken that back",
    "split": "an agent took a mail out into a ticket of its own",
    "bulletin": "an admin tells everybody whom something concerns (smtpgate notice)",
    "status": "the customer asked how it stands",
    "language": "the customer asked for another language",
    "fewer": "the customer asked for fewer notices",
    "all": "the customer wants all notices again",
    "privacy": "the customer asks for a copy or the erasure of his data",
    "notice": "nothing vouches for the sender of a mail",
    "answer": "an agent answers",
    "to-agent": "something happened in a ticket, to an agent",
    "digest": "once a day, to an agent: what waits",
    "held": "mail is held for an agent to decide",
    "receipt": "an agent's mail was carried out, or was not",
}
# Beside each other what a phone, a window, and a dark one show. Only our own sandboxed frames; nothing runs in them.
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ margin: 24px; font: 15px/22px system-ui, sans-serif; background: #e5e7eb; color: #111827; }}
h2 {{ margin: 32px 0 4px 0; font-size: 18px; }}
p {{ margin: 0 0 12px 0; }}
.row {{ display: flex; gap: 16px; flex-wrap: wrap; align-items: flex-start; }}
iframe {{ border: 1px solid #9ca3af; background: #fff; height: 860px; }}
pre {{ margin: 0; padding: 16px; width: 620px; box-sizing: border-box; background: #fff; border: 1px solid #9ca3af; }}
pre {{ white-space: pre-wrap; }}
</style></head><body>
{mails}
</body></html>
"""
_MAIL = """<h2>{name}, {language}</h2>
<p>From: {sender}<br>Subject: {subject}</p>
<div class="row"><iframe sandbox width="360" srcdoc="{html}"></iframe><iframe sandbox width="700" srcdoc="{html}"></iframe>
<pre>{text}</pre></div>
"""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A mail as it would be sent."""

    name: str
    language: Language
    sender: str
    subject: str
    text: str
    html: str


@click.group()
def template() -> None:
    """Look at the templates of outgoing mail: yours, and those that come with the program."""


@template.command("list")
@click.option("--directory", type=click.Path(path_type=Path), help="Your templates are here, whatever the configuration says.")
@json_option
@pass_context
def list_(context: Context, directory: Path | None, as_json: bool) -> None:
    """List all mails that have templates, and which files are your own.

    \b
    Example: smtpgate template list
    """
    from smtpgate.languages import LANGUAGES
    from smtpgate.mail.samples import NAMES

    place = directory or context.config_or(_ASSUMED).templates.directory
    rows = [
        {
            "name": name,
            "languages": list(LANGUAGES),
            "own": sorted(str(path.relative_to(place)) for path in place.glob(f"*/{name}.*")) if place else [],
            "when": _WHEN.get(name, ""),
        }
        for name in NAMES
    ]
    show.listing(_COLUMNS, rows, as_json=as_json, empty="there are no templates")


@template.command(short_help="Render every mail and say what is wrong, and where.")
@click.option("--directory", type=click.Path(path_type=Path), help="Your templates are here, whatever the configuration says.")
@json_option
@click.pass_context
@pass_context
def check(context: Context, ctx: click.Context, directory: Path | None, as_json: bool) -> None:
    """Render every mail in every language, and say what is wrong, with file and line.

    check-config does the same beside all else. --json gives one object for each fault, and nothing when there is none.

    Exit codes: 0 good, 1 not.

    \b
    Example: smtpgate template check --directory ./templates
    """
    from smtpgate.languages import LANGUAGES
    from smtpgate.mail.compose import Templates
    from smtpgate.mail.samples import NAMES

    place = _directory(context.config_or(_ASSUMED), directory)
    faults = Templates(place).check()
    for fault in faults:
        if as_json:
            show.as_line({"message": fault})
        else:
            click.echo(f"template {fault}", err=True)
    if faults:
        ctx.exit(FAILED)
    if as_json:
        return
    where = f"{place} and the built-in templates" if place else "the built-in templates"
    click.echo(f"{where}: good; {plural(len(NAMES), 'mail')}, languages: {', '.join(LANGUAGES)}")


@template.command(short_help="Show a mail as it would be sent, about a sample ticket.")
@click.argument("name")
@click.option("--lang", "wanted", default="", metavar="LANGUAGE", help="en, zh-CN, zh-TW or all. Default: the desk's.")
@click.option("--desk", "desk_name", metavar="NAME", help="With this desk's name and colour. Default: the first one's.")
@click.option("--directory", type=click.Path(path_type=Path), help="Your templates are here, whatever the configuration says.")
@click.option("--text", "only_text", is_flag=True, help="Print the plain text alone.")
@click.option("--html", "html_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the HTML, as it is sent, here.")
@click.option("--open", "in_browser", is_flag=True, help="Show it in a browser: on a phone, in a window, and the plain text.")
@json_option
@pass_context
def preview(
    context: Context,
    name: str,
    wanted: str,
    desk_name: str | None,
    directory: Path | None,
    only_text: bool,
    html_file: Path | None,
    in_browser: bool,
    as_json: bool,
) -> None:
    """Show a mail as it would be sent, about a sample ticket, with your templates and your desk's name and colour.

    NAME is one of those that `smtpgate template list` shows, or every. A template that cannot be rendered is named with its file
    and line. Nothing is sent, and no ticket is touched.

    \b
    Example: smtpgate template preview resolved --lang zh-CN --open
    """
    config = context.config_or(_ASSUMED)
    desk = _desk(config, desk_name)
    shown = _shown(config, desk, name, wanted, _directory(config, directory))
    if html_file is not None:
        if len(shown) > 1:
            raise click.UsageError("--html writes one mail: name it, and one language")
        html_file.write_text(shown[0].html, encoding="utf-8")
        click.echo(f"written: {html_file}", err=True)
    if in_browser:
        _browse(shown)
    elif html_file is None:
        for i, mail in enumerate(shown):
            if as_json:
                show.as_line(dataclasses.asdict(mail))
            elif only_text:
                click.echo(("\n" if i else "") + mail.text, nl=False)
            else:
                click.echo(f"{'' if not i else chr(10)}--- {mail.name}, {mail.language}")
                click.echo(f"From: {mail.sender}\nSubject: {mail.subject}\n\n{mail.text}", nl=False)


def _directory(config: Config, directory: Path | None) -> Path | None:
    place = directory or config.templates.directory
    if place is not None and not place.is_dir():
        raise UsageError(f"{place} is no directory: name the one that your templates are in")
    return place


def _desk(config: Config, name: str | None) -> Desk:
    desk = config.desk[0] if name is None else config.desk_named(name)
    if desk is None:
        raise UsageError(f"there is no desk {name!r}; there are: {', '.join(d.name for d in config.desk)}")
    return desk


def _shown(config: Config, desk: Desk, name: str, wanted: str, directory: Path | None) -> list[_Shown]:
    """All that were asked for. Raises UsageError, and ComposeError for the first template that cannot be rendered."""
    from smtpgate.desksettings import Agent
    from smtpgate.mail.compose import Templates
    from smtpgate.mail.samples import NAMES, sample

    if name not in (*NAMES, _EVERY):
        close = difflib.get_close_matches(name, NAMES, 1, 0.5)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"no mail is called {name!r}{meant} (smtpgate template list shows all)")
    languages = _languages(wanted, desk.language)
    agent = config.agent_of(desk.agents[0]) if desk.agents else Agent(address=f"agent@{desk.domain}")
    templates = Templates(directory)
    return [
        _read(one, language, sample(one, language, desk, agent, templates))
        for one in (NAMES if name == _EVERY else (name,))
        for language in languages
    ]


def _languages(wanted: str, default: Language) -> tuple[Language, ...]:
    from smtpgate.desk.commandtable import LANGUAGES as SPELLED
    from smtpgate.languages import LANGUAGES

    if not wanted:
        return (default,)
    if wanted.lower() == _ALL:
        return LANGUAGES
    found = next((one for one in LANGUAGES if wanted.lower() in SPELLED[one]), None)
    if found is None:
        raise UsageError(f"there are no templates in {wanted!r}; there are: en, zh-CN (zh), zh-TW (zh-Hant), and all")
    return (found,)


def _read(name: str, language: Language, composed: Composed) -> _Shown:
    mail = email.message_from_bytes(composed.data, policy=email.policy.default)
    bodies = {}
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        bodies[kind] = str(part.get_content()).replace("\r\n", "\n")
    return _Shown(name, language, str(mail["From"]), str(mail["Subject"]), bodies["plain"], bodies["html"])


def _browse(shown: list[_Shown]) -> None:
    mails = "".join(
        _MAIL.format(**{key: html.escape(getattr(mail, key)) for key in ("name", "language", "sender", "subject", "html", "text")})
        for mail in shown
    )
    with tempfile.NamedTemporaryFile("w", prefix="smtpgate-", suffix=".html", delete=False, encoding="utf-8") as file:
        file.write(_PAGE.format(title=html.escape(shown[0].name), mails=mails))
    if not webbrowser.open(Path(file.name).as_uri()):
        click.echo(f"there is no browser here; the page is {file.name}")
