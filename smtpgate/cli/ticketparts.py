"""What `smtpgate ticket show` says of one ticket, part by part."""

from __future__ import annotations

from collections.abc import Sequence

import click

from smtpgate import spent
from smtpgate.cli import show
from smtpgate.cli.show import moment
from smtpgate.clock import id_text
from smtpgate.model import Entry


def about(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """What the ticket is about, by name: each value once, in the order in which they came up."""
    found: dict[str, dict[str, None]] = {}
    for entry in entries:
        for one in entry.details:
            found.setdefault(one.name, {}).setdefault(one.value)
    return {name: list(values) for name, values in found.items()}


def entry_row(entry: Entry) -> show.Row:
    files = [{"filename": a.filename, "content_type": a.content_type, "size": a.size} for a in entry.attachments]
    return {
        "id": id_text(entry.id),
        "kind": entry.kind.value,
        "author": entry.author,
        "created_at": moment(entry.created_at),
        "text": entry.text,
        "mail_id": entry.mail_id,
        "rung": entry.rung or None,
        "repeat_of": None if entry.repeat_of is None else id_text(entry.repeat_of),
        "evidence": entry.evidence,
        "marks": list(entry.marks),
        "attachments": files,
        "details": [{"name": d.name, "value": d.value, "where": d.where} for d in entry.details],
    }


def print_entry(entry: show.Row) -> None:
    from smtpgate.mail import safe

    about = [entry["created_at"].replace("T", " ")[:19], entry["kind"], entry["author"], entry["evidence"], *entry["marks"]]
    show.heading(safe.line("  ".join(part for part in about if part)))
    if entry["text"]:
        show.body(entry["text"])
    for file in entry["attachments"]:
        click.echo(safe.line(f"[{file['filename']}, {file['content_type']}, {file['size']} bytes]"))


def worked(times: Sequence[tuple[str, float, int]]) -> str:
    """All of it, and who did how much; "" for none."""
    of: dict[str, int] = {}
    for agent, _, minutes in times:
        of[agent] = of.get(agent, 0) + minutes
    each = ", ".join(f"{agent} {spent.shown(minutes)}" for agent, minutes in sorted(of.items()))
    return f"{spent.shown(sum(of.values()))} ({each})" if times else ""
