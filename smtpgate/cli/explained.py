"""How `explain` looks to a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smtpgate.cli.show import moment
from smtpgate.mail import safe


def show(found: dict[str, Any], console: Console | None = None) -> None:
    """One mail on the screen. Everything in it may be hostile: it is printed as text, never as markup."""
    console = console or Console(highlight=False)
    console.print(Text(found["file"], style="bold"))
    if "error" in found:
        console.print(Text(f"  cannot be explained: {found['error']}"))
        return
    if "stored" in found:
        _stored(found["stored"], console)
        return
    _table(_rows(found), console)


def _table(rows: list[tuple[str, str]], console: Console) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(safe.line(value, 2000) if "\n" not in value else safe.block(value)))
    console.print(table)


def _stored(found: dict[str, Any], console: Console) -> None:
    for ticket in found["tickets"]:
        console.print(Text(safe.line(f"  ticket {ticket['number']}, {ticket['status']}: {ticket['subject']}")))
    for mail in found["mails"]:
        console.print(Text(f"\n  mail {mail['id']}", style="bold"))
        _table(_came(mail), console)
    for mail in found["sent"]:
        console.print(Text(f"\n  sent {mail['id']}", style="bold"))
        _table(_went(mail), console)
    for bounce in found["bounces"]:
        console.print(Text(safe.line(f"\n  bounce {bounce['id']} of {bounce['of']}: {bounce['said']}".strip("\n"))))
    if found["cut"]:
        console.print("\n  there is more that is older")


def _came(mail: dict[str, Any]) -> list[tuple[str, str]]:
    auth, decision = mail["auth"], mail["decision"] or {}
    rows = [
        ("came", moment(mail["received_at"])),
        ("by", f"{mail['protocol']} from {mail['helo']} [{mail['peer']}] {mail['tls'] or ''}".rstrip()),
        ("envelope", f"<{mail['mail_from'] or ''}> to {', '.join(mail['rcpts'])}, {mail['size']} bytes"),
        ("message-id", mail["message_id"] or "(none)"),
        ("verdict", auth["verdict"]),
    ]
    rows += [("", f"- {reason}") for reason in auth["reasons"]]
    rows.append(("state", mail["state"] + (", released by an agent" if mail["released"] else "")))
    if mail["reason"]:
        rows.append(("why", mail["reason"]))
    if decision:
        parts = (decision.get("outcome"), decision.get("ticket"), decision.get("rung"))
        rows.append(("decision", " ".join(part for part in parts if part)))
        rows += [("", f"- {reason}") for reason in decision.get("reasons", [])]
    rows += [("entry", f"{moment(e['at'])}  {e['ticket']}  {' '.join((e['kind'], *e['marks']))}") for e in mail["entries"]]
    return rows


def _went(mail: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("queued", f"{moment(mail['created_at'])}  {mail['purpose']}"), ("message-id", mail["message_id"])]
    for r in mail["recipients"]:
        again = f", again at {moment(r['next_at'])}" if r["next_at"] is not None else ""
        rows.append(("to", f"{r['address']} ({r['state']}{again})"))
        for a in r["attempts"]:
            rows.append(("", f"{moment(a['at'])}  {a['state']}  {a['code'] or ''} {a['reply']}  {a['remote']}".rstrip()))
    return rows


def _rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    message, auth, decision = found["message"], found["auth"], found["decision"]
    rows = [
        ("from", ", ".join(_person(p) for p in message["from"]) or "(nobody)"),
        ("subject", message["subject"]),
        ("date", message["date"] or "(none)"),
        ("kind", found["kind"] + (f": {found['kind_reason']}" if found["kind_reason"] else "")),
        ("verdict", auth["verdict"]),
    ]
    rows += [("", f"- {reason}") for reason in auth["reasons"]]
    rows.append(("spf", _result(auth["spf"], "domain")))
    rows += [("dkim", _result(d, "domain", "selector")) for d in auth["dkim"]] or [("dkim", "no signature")]
    rows.append(("dmarc", _result(auth["dmarc"], "domain", "policy")))
    rows.append(("arc", _result(auth["arc"])))
    if found["bounce"]:
        rows += [
            ("bounced", f"{r['address']} {r['action']} {r['reason']} {r['status']} {r['diagnostic']}")
            for r in found["bounce"]["recipients"]
        ]
    rows.append(("language", message["language"] or "(too little text)"))
    rows += [(d["name"], d["value"]) for d in found["details"]]
    rows.append(("reads", message["reply"] or message["text"] or "(no text)"))
    rows += [("file", f"{a['filename']}  {a['content_type']}  {a['size']} bytes") for a in message["attachments"]]
    rows += [("defect", d) for d in message["defects"]]
    rows.append(("decision", f"{decision['outcome']} {decision.get('ticket') or ''} {decision.get('rung') or ''}".rstrip()))
    rows += [("", f"- {reason}") for reason in decision.get("reasons", [])]
    if decision.get("marks"):
        rows.append(("marks", ", ".join(decision["marks"])))
    rows += [("sends", f"{m['purpose']} to {', '.join(m['to'])}: {m['subject']}") for m in decision.get("send", [])]
    return rows


def _person(person: dict[str, str]) -> str:
    return f"{person['name']} <{person['address']}>" if person["name"] else person["address"]


def _result(result: dict[str, str], *names: str) -> str:
    detail = " ".join(f"{n}={result[n]}" for n in names if result[n])
    return " ".join(part for part in (result["result"], detail, f"({result['reason']})" if result["reason"] else "") if part)
