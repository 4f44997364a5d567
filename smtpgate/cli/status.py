"""`smtpgate status`: how the gateway does, for people and for monitoring."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from smtpgate import __version__
from smtpgate.cli import show
from smtpgate.cli.common import FAILED, Context, Duration, json_option, pass_context
from smtpgate.cli.show import Column, moment
from smtpgate.clock import SystemClock

if TYPE_CHECKING:
    from smtpgate.status import Alarm
    from smtpgate.store.file import StoreFile
    from smtpgate.store.seen import Overview
    from smtpgate.store.verbs import VerbStore


@click.command()
@click.option("--accepted-age", type=Duration(), default="10m", show_default=True, help="Older mail that is not filed is an alarm.")
@click.option("--queue-age", type=Duration(), default="4h", show_default=True, help="Older outgoing mail is an alarm.")
@click.option("--held-age", type=Duration(), default="1d", show_default=True, help="Older held mail is an alarm.")
@json_option
@pass_context
def status(context: Context, accepted_age: float, queue_age: float, held_age: float, as_json: bool) -> None:
    """Rates, queues, ages, holds, poison, pauses, the store, and what the gateway does now; and what needs a person.

    Exit codes: 0 all is well, 1 something needs a person: docs/operations.md has a section for each alarm.

    \b
    Examples: smtpgate status
              smtpgate status --queue-age 12h
              smtpgate status --json | jq -r '.alarms[].name'
    """
    from smtpgate.service import live
    from smtpgate.status import Bounds, alarms
    from smtpgate.store import desks, file
    from smtpgate.store.opening import place
    from smtpgate.store.rawfiles import RawFiles

    config = context.config(read_files=False)
    now = SystemClock().now()

    async def work(store: VerbStore) -> tuple[Overview, int, dict[str, int]]:
        return await store.overview(now), await store.size(), await desks.strays_of(store, {desk.name for desk in config.desk})

    seen, octets, strays = context.with_store(work, config=config)
    database = config.store.url is not None
    home = RawFiles.of(config.store).home
    found = file.beside_database(config.store.path, octets, home) if database else file.inspect(config.store.path, home)
    doing = live.read(config.store.path, now) if found.running else None
    bounds = Bounds(accepted_age, queue_age, held_age, config.limits.least_free(found.disk))
    wrong = list(alarms(seen, found, doing, bounds, now, strays))
    row = _row(seen, found, wrong, now, place(config.store)) | {"tickets_of_unknown_desks": strays}
    row["gateway"] = {**doing[0], "written_seconds_ago": round(doing[1], 1)} if doing is not None else None
    if as_json:
        show.as_line(row)
    else:
        _print(row, now, seen)
    if wrong:
        sys.exit(FAILED)


def _row(seen: Overview, file: StoreFile, wrong: list[Alarm], now: float, path: str) -> show.Row:
    return {
        "at": moment(now),
        "running": file.running,
        "alarms": [{"name": a.name, "text": a.text, "mend": a.mend} for a in wrong],
        "rates": [{"seconds": r.seconds, "accepted": r.accepted, "filed": r.filed, "delivered": r.delivered} for r in seen.rates],
        "counts": seen.counts,
        "oldest_seconds": {name: round(max(now - at, 0.0), 1) for name, at in seen.oldest.items()},
        "due": {
            "next": None if seen.coming.next_at is None else moment(seen.coming.next_at),
            "within_a_day": seen.coming.within_a_day,
        },
        "pauses": [{"destination": p.destination, "since": moment(p.since), "reason": p.reason} for p in seen.pauses],
        "workers": [{"name": w.name, "work": w.work, "count": w.count, "until": moment(w.until)} for w in seen.workers],
        "nodes": [
            {
                "name": n.name,
                "version": n.version,
                "started": moment(n.started_at),
                "seen_seconds_ago": round(max(now - n.seen_at, 0.0), 1),
                **n.doing,
            }
            for n in seen.nodes
        ],
        "store": {
            "path": path,
            "size": file.size,
            "wal": file.wal,
            "free": file.free,
            "schema": seen.schema,
            "damage": file.damage or None,
            "checked": file.checked,
        },
    }


def _print(row: show.Row, now: float, seen: Overview) -> None:
    from smtpgate.status import duration

    for alarm in row["alarms"]:
        show.body(f"ALARM {alarm['name']}: {alarm['text']}\n      {alarm['mend']}", indent="")
    if not row["alarms"]:
        click.echo("all is well")
    show.heading("rates")
    names = {60.0: "minute", 3600.0: "hour", 86400.0: "day"}
    rates = [{**r, "last": names[r["seconds"]]} for r in row["rates"]]
    columns = (Column("last", "last"), Column("accepted", "accepted"), Column("filed", "filed"), Column("delivered", "delivered"))
    show.listing(columns, rows=rates, as_json=False, empty="")
    states: list[show.Row] = []
    for name, number in seen.counts.items():
        oldest = seen.oldest.get(name)
        if number:
            states.append({"name": name, "number": number, "oldest": None if oldest is None else duration(now - oldest)})
    if states:
        show.heading("state")
        about = (Column("name", "what"), Column("number", "number"), Column("oldest", "oldest"))
        show.listing(about, states, as_json=False, empty="")
    if row["due"]["next"] is not None:
        show.heading("due by itself: snoozes, reminders, ends of tickets")
        show.pairs([("next", row["due"]["next"]), ("within a day", row["due"]["within_a_day"])])
    _print_store(row)
    if row["workers"]:
        show.heading("leases in the store")
        workers = (Column("name", "worker"), Column("work", "work"), Column("count", "has"), Column("until", "until"))
        show.listing(workers, row["workers"], as_json=False, empty="")
    if row["nodes"]:
        show.heading("nodes")
        parts = [(key, key) for key in ("name", "version", "started")] + [("seen_seconds_ago", "sign, s ago")]
        parts += [(key, key) for key in ("sessions", "filing", "delivery")]
        show.listing(tuple(Column(key, title) for key, title in parts), row["nodes"], as_json=False, empty="")
    if row["gateway"] is not None:
        _print_gateway(row["gateway"], now)


def _print_store(row: show.Row) -> None:
    store: dict[str, Any] = row["store"]
    show.heading("store")
    sound = store["damage"] or ("sound" if store["checked"] else "not looked through: smtpgate verify does it")
    sizes = f"{size(store['size'])}, write-ahead log {size(store['wal'])}, free {size(store['free'])}"
    items = [("path", store["path"]), ("size", sizes), ("schema", store["schema"]), ("file", sound)]
    show.pairs([*items, ("gateway", "runs" if row["running"] else "does not run")])


def _print_gateway(doing: dict[str, Any], now: float) -> None:
    """What it wrote a moment ago."""
    from smtpgate.status import duration

    if doing.get("version") != __version__:
        show.heading(f"gateway: it runs version {doing.get('version')}, this is {__version__}: restart it")
        return
    sessions, filing, delivery = (doing.get(key, {}) for key in ("sessions", "filing", "delivery"))
    until = doing.get("certificate_until")
    places = [f"{p['peer'] or 'a Unix socket'} ({p['open']})" for p in sessions.get("most_from", ())]
    parsers = [
        f"{p['pid'] or 'unit'} " + (f"reads {size(p['octets'])}" if p["octets"] is not None else "idle") + f", {p['served']} read"
        for p in doing.get("parsers", ())
    ]
    ours = doing.get("processes", [])
    processes = [f"{p['name']} {p['pid']}, {size(p['memory'])} in memory" for p in ours]
    if len(ours) > 1:
        processes.append(f"{size(sum(p['memory'] for p in ours))} together")
    mails = [f"{m['mail']} for {m['seconds']:g} s" for m in filing.get("mails", ())]
    lanes = [f"{d['destination']} {d['running']} running {d['waiting']} waiting" for d in delivery.get("destinations", ())]
    show.heading(f"gateway, as it was {doing['written_seconds_ago']:g} s ago")
    up = duration(now - doing.get("started_at", now))
    stress = ", under stress: unknown clients are shed first" if sessions.get("stress") else ""
    items: list[tuple[str, Any]] = [
        ("gateway", f"version {doing.get('version')}, up {up}"),
        *(("" if i else "processes", process) for i, process in enumerate(processes)),
        ("sessions", f"{sessions.get('open', 0)} of {sessions.get('limit', 0)}, {sessions.get('receiving', 0)} receiving" + stress),
        *(("" if i else "most from", place) for i, place in enumerate(places)),
        *(("" if i else "parsers", parser) for i, parser in enumerate(parsers)),
        ("filing", f"{filing.get('in_hand', 0)} in hand"),
        *(("", mail) for mail in mails),
        ("delivery", f"{delivery.get('in_hand', 0)} in hand, {delivery.get('connections', 0)} connections"),
        *(("", lane) for lane in lanes),
    ]
    if until is not None:
        items.append(("certificate", f"until {moment(until)[:10]}"))
    show.pairs(items)


def size(octets: float) -> str:
    """In the largest unit that leaves a whole number."""
    power = 0
    while octets >= 1024 and power < 3:
        octets, power = octets / 1024, power + 1
    places = 1 if power and octets < 10 else 0
    return f"{octets:.{places}f} {('B', 'KiB', 'MiB', 'GiB')[power]}"
