"""The usual libraries put together in the usual way: the yardstick for everything between the dialogue and the answer.

    python -m benchmarks.naive PORT DIRECTORY       with DIRECTORY/zone.json; runs until it is killed

One process and one loop. Each mail is verified by pyspf and dkimpy, read by mail-parser, looked up by its content and its
references, filed as a ticket or an answer with its acknowledgement (jinja2, EmailMessage) by aiosqlite, and committed with a
sync before the 250. Nothing is signed or sent, limited, decoded twice or checked for automatic mail. It is kept fair:
templates are compiled once, statements have their indexes, DNS is a table in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any

import aiosqlite
import dkim
import jinja2
import mailparser
import spf
from aiosmtpd.smtp import SMTP

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE ticket (id INTEGER PRIMARY KEY, number TEXT UNIQUE, sender TEXT, subject TEXT, status TEXT, created REAL,
    updated REAL);
CREATE TABLE message (id INTEGER PRIMARY KEY, ticket INTEGER, message_id TEXT, sender TEXT, digest TEXT, spf TEXT, dkim INTEGER,
    body TEXT, raw BLOB, created REAL);
CREATE INDEX message_by_id ON message (message_id);
CREATE INDEX message_by_digest ON message (digest, created);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, ticket INTEGER, recipient TEXT, data BLOB, sent REAL);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent IS NULL;
"""
_TEXT = """Dear {{ name }},

we have received your mail "{{ subject }}" and given it the number {{ number }}.
Please keep the number in the subject when you answer.

{{ desk }}
"""
_HTML = (
    "<p>Dear {{ name }},</p><p>we have received your mail &quot;{{ subject }}&quot; as <b>{{ number }}</b>.</p><p>{{ desk }}</p>"
)
_QUOTE = re.compile(r"^(?:>|On .* wrote:$)", re.MULTILINE)
_REPEAT = 1800.0  # seconds in which the same content is a repeat


class Naive:
    """The handler of aiosmtpd."""

    def __init__(self, database: aiosqlite.Connection, zone: dict[str, dict[str, list[str]]]) -> None:
        self._database, self._zone = database, zone
        self._lock = asyncio.Lock()  # one transaction at a time on the one connection
        environment = jinja2.Environment(autoescape=True)
        self._text, self._html = environment.from_string(_TEXT), environment.from_string(_HTML)

    def txt(self, name: bytes, timeout: int = 5) -> bytes:
        """dkimpy's question to DNS."""
        found = self._zone.get(name.decode().rstrip("."), {}).get("TXT", [])
        return found[0].encode() if found else b""

    def answers(self, name: str, kind: str, *_: Any) -> list[tuple[tuple[str, str], Any]]:
        """pyspf's question to DNS."""
        found = self._zone.get(name.rstrip("."), {}).get(kind, [])
        return [((name, kind), [value.encode()] if kind == "TXT" else value) for value in found]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        raw: bytes = envelope.content
        result, _ = spf.check2(i=session.peer[0], s=envelope.mail_from, h=session.host_name)
        signed = dkim.verify(raw, dnsfunc=self.txt)
        mail = mailparser.parse_from_bytes(raw)
        body = "\n".join(mail.text_plain) or "\n".join(mail.text_html)
        quote = _QUOTE.search(body)
        new = body[: quote.start()] if quote else body
        digest = hashlib.sha256("\0".join((envelope.mail_from, mail.subject, new)).encode()).hexdigest()
        async with self._lock:
            try:
                await self._file(envelope.mail_from, mail, raw, new, digest, (result, signed))
            except BaseException:
                await self._database.rollback()
                raise
        return "250 OK"

    async def _file(self, sender: str, mail: Any, raw: bytes, new: str, digest: str, verdict: tuple[str, bool]) -> None:
        now, database = time.time(), self._database
        repeat = await self._one("SELECT ticket FROM message WHERE digest = ? AND created > ?", digest, now - _REPEAT)
        ticket = repeat
        for reference in re.findall(r"<[^>]+>", f"{mail.headers.get('In-Reply-To', '')} {mail.headers.get('References', '')}"):
            ticket = ticket or await self._one("SELECT ticket FROM message WHERE message_id = ?", reference)
        number = re.search(r"\[#(\w+)\]", mail.subject)
        if ticket is None and number:
            ticket = await self._one("SELECT id FROM ticket WHERE number = ?", number[1])
        if ticket is None:
            cursor = await database.execute(
                "INSERT INTO ticket (sender, subject, status, created, updated) VALUES (?, ?, 'received', ?, ?)",
                (sender, mail.subject, now, now),
            )
            ticket = cursor.lastrowid
            name = f"T{ticket:08d}"
            await database.execute("UPDATE ticket SET number = ? WHERE id = ?", (name, ticket))
            await database.execute(
                "INSERT INTO outbox (ticket, recipient, data) VALUES (?, ?, ?)", (ticket, sender, self._answer(sender, mail, name))
            )
        else:
            await database.execute("UPDATE ticket SET updated = ? WHERE id = ?", (now, ticket))
        await database.execute(
            """INSERT INTO message (ticket, message_id, sender, digest, spf, dkim, body, raw, created)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (ticket, mail.message_id, sender, digest, verdict[0], verdict[1], new, raw, now),
        )
        await database.commit()

    async def _one(self, sql: str, *values: Any) -> Any:
        async with self._database.execute(sql, values) as cursor:
            row = await cursor.fetchone()
        return row[0] if row else None

    def _answer(self, sender: str, mail: Any, number: str) -> bytes:
        values = {"name": sender, "subject": mail.subject, "number": number, "desk": "Support"}
        letter = EmailMessage()
        letter["From"], letter["To"] = "Support <support@desk.example>", sender
        letter["Subject"] = f"[#{number}] {mail.subject}"
        letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain="desk.example")
        letter["In-Reply-To"] = letter["References"] = mail.message_id
        letter["Auto-Submitted"] = "auto-replied"
        letter.set_content(self._text.render(values))
        letter.add_alternative(self._html.render(values), subtype="html")
        return letter.as_bytes()


async def serve(port: int, directory: Path) -> None:
    zone = json.loads((directory / "zone.json").read_text())
    async with aiosqlite.connect(directory / "naive.db") as database:
        await database.executescript(SCHEMA)
        handler = Naive(database, zone)
        spf.DNSLookup = handler.answers
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(handler, loop=loop, hostname="mx.desk.example"), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
