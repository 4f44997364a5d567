"""How `explain` looks to a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(found: dict[str, Any], console: Console | None = None) -> None:
    """One mail on the screen. Everything in it may be hostile: it is printed as text, never as markup."""
    console = console or Console(highlight=False)
    console.print(Text(found["file"], style="bold"))
    if "error" in found:
        console.print(Text(f"  cannot be explained: {found['error']}"))
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in _rows(found):
        table.add_row(name, Text(value))
    console.print(table)


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
            ("bounced", f"{r['address']} {r['action']} {r['status']} {r['diagnostic']}") for r in found["bounce"]["recipients"]
        ]
    rows.append(("language", message["language"] or "(too little text)"))
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
