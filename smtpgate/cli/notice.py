"""`smtpgate notice`: send, resume, end, list. Tells everybody whom something concerns; asks before it does."""

from __future__ import annotations

import email
import email.policy
import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smtpgate.bulletin import Bulletin, BulletinSeen, Matter, Run
from smtpgate.cli import show
from smtpgate.cli.bulk import at_a_terminal
from smtpgate.cli.common import Context, Duration, Id, json_option, pass_context, plural
from smtpgate.cli.show import Column, moment
from smtpgate.clock import SystemClock, id_text, new_id
from smtpgate.errors import UsageError
from smtpgate.languages import LANGUAGES, Language

if TYPE_CHECKING:
    from smtpgate.bulletins import Reach
    from smtpgate.config import Config
    from smtpgate.handlers.pipeline import Pipeline
    from smtpgate.store.api import Store

_SHOWN = 10  # people whom a preview names
_LISTED = 50
_COLUMNS = (
    Column("id", "id", whole=True),
    Column("at", "begun", minor=True),
    Column("matter", "what", whole=True),
    Column("tag", "tag"),
    Column("state", "state", whole=True),
    Column("people", "people", whole=True),
    Column("deliveries", "deliveries"),
    Column("text", "text", room=20),
    Column("author", "by", minor=True),
)
_OVER: Mapping[Language, str] = {
    "en": "What we wrote to you about is over; everything works as usual again. Thank you for your patience.",
    "zh": "此前通知您的情况已经结束，一切恢复正常。感谢您的耐心等待。",
    "zh-Hant": "先前通知您的狀況已經排除，一切恢復正常。謝謝您的耐心等候。",
}


def _texts(command: Any) -> Any:
    options = (
        click.option("--text-en", default="", help="What it says, in English."),
        click.option("--text-zh", default="", help="The same in Simplified Chinese."),
        click.option("--text-zh-hant", default="", help="The same in Traditional Chinese; else these people read Simplified."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _before_sending(command: Any) -> Any:
    options = (
        click.option("--per-minute", type=click.IntRange(1, 100_000), help="So many a minute. Default: as acknowledgements."),
        click.option("--dry-run", is_flag=True, help="Show what would be sent and to how many people; send nothing."),
        click.option("--yes", is_flag=True, help="Do not ask for the number of people."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def notice() -> None:
    """Tell everybody whom a delay, maintenance or an outage concerns."""


@notice.command(short_help="Write to the customers of all open tickets with a tag.")
@click.option("--tag", default="", help="To the customers of open tickets that have this tag.")
@click.option("--kind", type=click.Choice([m.value for m in Matter if m is not Matter.OVER]), help="What it is. Default: notice.")
@_texts
@click.option("--file", "file", type=click.Path(path_type=Path, dir_okay=False), help="All of it from a TOML file instead.")
@click.option("--desk", default="", metavar="NAME", help="Only tickets of this desk.")
@click.option("--since", type=Duration(), metavar="AGE", help="Also tickets that have ended and changed since: 4h, 2d.")
@click.option("--again", is_flag=True, help="Send it although the same was sent within a day.")
@_before_sending
@json_option
@pass_context
def send(
    context: Context,
    tag: str,
    kind: str | None,
    text_en: str,
    text_zh: str,
    text_zh_hant: str,
    file: Path | None,
    desk: str,
    since: float | None,
    again: bool,
    per_minute: int | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Write to the customers of all open tickets with a tag: one mail to each person, in the person's language.

    A reply lands in the person's ticket, which notes the notice. Left out are tickets of unproved senders, of machines, spam and
    blocked senders; who wants fewer notices gets those of outages alone. What is missing in one language is sent in the next best.
    First you see the mail and the number of people, and type that number.

    A FILE has tag, kind, desk, and a table [text] with zh, zh_hant and en.

    When it stops half way, `smtpgate notice resume` goes on; nobody gets it twice.

    \b
    Example: smtpgate notice send --tag printer --text-en 'Back soon.' --dry-run
    """
    config = context.config()
    texts: dict[Language, str] = {"en": text_en, "zh": text_zh, "zh-Hant": text_zh_hant}
    if file is not None:
        if tag or kind or desk or any(texts.values()):
            raise click.UsageError("--file says all of it: leave out --tag, --kind, --desk and the texts")
        tag, kind, desk, texts = _read(file)
    bulletin = _bulletin(config, tag, Matter(kind or Matter.NOTICE), texts, desk=desk, since=since)
    _go(context, config, bulletin, again=again, per_minute=per_minute, dry_run=dry_run, yes=yes, as_json=as_json)


@notice.command()
@click.argument("notice_id", metavar="[ID]", type=Id(), required=False)
@click.option("--tag", default="", help="The newest one to this tag, instead of the ID that a list shows.")
@_texts
@_before_sending
@json_option
@pass_context
def end(
    context: Context,
    notice_id: int | None,
    tag: str,
    text_en: str,
    text_zh: str,
    text_zh_hant: str,
    per_minute: int | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Tell everybody who got a notice that it is over.

    Without a text of yours a sentence is sent that says just that.

    \b
    Example: smtpgate notice end --tag printer --text-en 'It works again.'
    """
    config = context.config()
    given: dict[Language, str] = {"en": text_en, "zh": text_zh, "zh-Hant": text_zh_hant}
    texts = given if any(given.values()) else dict(_OVER)
    if (notice_id is None) is not bool(tag):
        raise click.UsageError("name the notice by its ID, or by its --tag")
    known = [one.bulletin for one in _all(context, config)]
    meant = (one for one in known if (one.id == notice_id if notice_id is not None else _is_to(one, tag)))
    first = next(meant, None)
    if first is None:
        raise UsageError(f"there is no notice {tag or id_text(notice_id or 0)}; smtpgate notice list shows all")
    if first.run is Run.ENDED or first.matter is Matter.OVER:
        raise UsageError(f"notice {id_text(first.id)} is over already")
    if first.run is Run.SENDING:
        raise UsageError(f"notice {id_text(first.id)} has not reached everybody: smtpgate notice resume goes on with it")
    bulletin = _bulletin(config, first.tag, Matter.OVER, texts, follows=first.id)
    _go(context, config, bulletin, again=True, per_minute=per_minute, dry_run=dry_run, yes=yes, as_json=as_json)


@notice.command()
@click.option("--per-minute", type=click.IntRange(1, 100_000), help="So many a minute. Default: as acknowledgements.")
@json_option
@pass_context
def resume(context: Context, per_minute: int | None, as_json: bool) -> None:
    """Go on with notices that have not reached everybody. Nobody gets one twice.

    \b
    Example: smtpgate notice resume
    """
    config = context.config()
    left = [one.bulletin for one in _all(context, config) if one.bulletin.run is Run.SENDING]
    people = sum(_send(context, config, bulletin, per_minute) for bulletin in reversed(left))
    if as_json:
        show.as_line({"notices": [id_text(one.id) for one in left], "people": people})
    else:
        click.echo(f"{plural(len(left), 'notice')} went on; {plural(people, 'mail')} queued" if left else "nothing is left to send")


@notice.command("list", short_help="List the newest notices and what became of their mails.")
@json_option
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """List the newest notices: to how many people, and what became of the mails.

    \b
    Example: smtpgate notice list
    """
    rows = [_row(one) for one in _all(context, context.config(read_files=False))]
    show.listing(_COLUMNS, rows, as_json=as_json, empty="no notice was sent yet")


def _row(seen: BulletinSeen) -> show.Row:
    bulletin = seen.bulletin
    states: Any = dict(seen.deliveries)
    return {
        "id": id_text(bulletin.id),
        "at": moment(bulletin.created_at),
        "matter": bulletin.matter.value,
        "tag": bulletin.tag,
        "state": bulletin.run.value,
        "people": seen.people,
        "deliveries": [f"{count} {state}" for state, count in states.items()],
        "text": next(iter(bulletin.texts.values())),
        "author": bulletin.author,
        "follows": None if bulletin.follows is None else id_text(bulletin.follows),
    }


def _all(context: Context, config: Config) -> list[BulletinSeen]:
    async def work(store: Store) -> list[BulletinSeen]:
        return list(await store.bulletins(_LISTED))

    return context.with_store(work, config=config)


def _bulletin(
    config: Config,
    tag: str,
    matter: Matter,
    texts: Mapping[Language, str],
    *,
    desk: str = "",
    since: float | None = None,
    follows: int | None = None,
) -> Bulletin:
    """Raises click's UsageError for one that says too little."""
    clock = SystemClock()
    said = {language: texts[language].strip() for language in LANGUAGES if texts.get(language, "").strip()}
    if not tag.strip():
        raise click.UsageError("say with --tag whom it concerns")
    if not said:
        raise click.UsageError("it says nothing: give --text-en, --text-zh or --text-zh-hant")
    if desk and config.desk_named(desk) is None:
        raise UsageError(f"there is no desk {desk!r}; there are: {', '.join(one.name for one in config.desk)}")
    now = clock.now()
    return Bulletin(
        id=new_id(clock),
        tag=_bare(tag),
        matter=matter,
        texts=said,
        author=_who(),
        created_at=now,
        desk=desk,
        since=None if since is None else now - since,
        follows=follows,
    )


def _who() -> str:
    """Who sends it; in a container there may be no name for a number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # KeyError before Python 3.13
        return f"uid {os.getuid()}"


def _bare(tag: str) -> str:
    """As agents' mail sets it."""
    return tag.strip().lstrip("#").lower()


def _is_to(bulletin: Bulletin, tag: str) -> bool:
    """Of several to one tag the newest that is not a follow-up is meant."""
    return bulletin.tag == _bare(tag) and bulletin.matter is not Matter.OVER


def _read(file: Path) -> tuple[str, str, str, dict[Language, str]]:
    """Tag, kind, desk and texts of a file. Raises ConfigError with file, line, key and mend."""
    from smtpgate.configfile import load_section
    from smtpgate.desksettings import NoticeFile

    said = load_section(file, NoticeFile, "name the TOML file that has tag, kind and a table [text]")
    return said.tag, said.kind, said.desk, {"zh": said.text.zh, "zh-Hant": said.text.zh_hant, "en": said.text.en}


async def _pipeline(config: Config, store: Store, *, looks: bool = False) -> Pipeline:
    """looks: nothing is changed by making it."""
    from smtpgate import app

    if looks:
        return app.make_pipeline(config, *await app.remembered(config, store), SystemClock())
    return await app.build_pipeline(config, store, SystemClock())


def _go(
    context: Context,
    config: Config,
    bulletin: Bulletin,
    *,
    again: bool,
    per_minute: int | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Preview, question, and then all of it."""
    from smtpgate import bulletins

    async def preview(store: Store) -> tuple[Reach, list[tuple[str, int, str]]]:
        pipeline = await _pipeline(config, store, looks=True)
        found = await bulletins.reach(pipeline, store, bulletin)
        mails = [(language, people, _text(mail.data)) for language, people, mail in bulletins.rendered(pipeline, bulletin, found)]
        return found, mails

    found, mails = context.with_store(preview, config=config)
    people = [ticket.customer.address for ticket in found.people.values() if ticket.customer is not None]
    if dry_run and as_json:
        numbers = [ticket.number for ticket in found.people.values()]
        rows = [{"address": address, "ticket": number} for address, number in zip(people, numbers, strict=True)]
        show.as_line(
            {"people": rows, "left_out": found.left_out, "mails": [{"language": x, "people": n, "text": t} for x, n, t in mails]}
        )
        return
    if not as_json:
        _show(people, found, mails)
    if dry_run:
        click.echo("dry run: nothing was sent", err=True)
        return
    if not people:
        raise UsageError(f"nobody has an open ticket with the tag {bulletin.tag}; nothing was sent")
    if not yes:
        if not at_a_terminal():
            raise UsageError("say --yes to send it without being asked; nothing was sent")
        typed = click.prompt(f"It goes to {_people(len(people))}. Type this number to send it", default="", show_default=False)
        if typed.strip() != str(len(people)):
            raise UsageError("that is not the number; nothing was sent")

    async def start(store: Store) -> None:
        await bulletins.begin(store, bulletin, again=again)

    context.with_store(start, config=config, change=True)
    count = _send(context, config, bulletin, per_minute)
    if as_json:
        show.as_line({"id": id_text(bulletin.id), "people": count})
    else:
        click.echo(
            f"notice {id_text(bulletin.id)}: {plural(count, 'mail')} queued; smtpgate notice list tells what becomes of them"
        )


def _send(context: Context, config: Config, bulletin: Bulletin, per_minute: int | None) -> int:
    from smtpgate import bulletins

    async def work(store: Store) -> int:
        pipeline = await _pipeline(config, store)
        rate = per_minute or config.limits.acknowledgements_per_minute
        return await bulletins.send(pipeline, store, bulletin.id, per_minute=rate)

    return context.with_store(work, config=config, change=True)


def _show(people: list[str], found: Reach, mails: list[tuple[str, int, str]]) -> None:
    for language, count, text in mails:
        show.heading(f"{language}: {_people(count)}")
        show.body(text)
    if people:
        show.heading(f"to {_people(len(people))}")
        for address in people[:_SHOWN]:
            show.body(address)
        if len(people) > _SHOWN:
            click.echo(f"and {len(people) - _SHOWN} more")
    for why, count in sorted(found.left_out.items()):
        click.echo(f"left out: {plural(count, 'ticket')}: {why}")


def _people(number: int) -> str:
    return f"{number} person" if number == 1 else f"{number} people"


def _text(data: bytes) -> str:
    mail = email.message_from_bytes(data, policy=email.policy.default)
    part = mail.get_body(("plain",))
    assert part is not None
    return f"Subject: {mail['Subject']}\n\n{part.get_content()!s}".replace("\r\n", "\n")
