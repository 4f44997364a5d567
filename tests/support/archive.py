"""Archives whose truth is known: threads, repeats, machines, missing parents and broken headers; and a score against it.

`make(seed, threads)` gives the mails in the order in which they were written, each with its truth. `as_mbox`, `as_files` put
them somewhere, in any order. `score` compares what `ticket list --json --entries` says.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

START = 1_700_000_000
_WORDS = [
    "printer", "order", "network", "invoice", "cable", "screen", "login", "reset", "update", "server", "please", "thanks",
    "customer", "delay", "refund", "window", "battery", "manual", "colour", "driver", "paper", "noise", "drum", "fuse", "relay",
    "valve",
    "打印机", "订单", "网络", "发票", "登录", "重启", "更新", "请问", "谢谢", "客户", "延迟", "退款",
]  # fmt: skip
_LIST = ("List-Id: Help <help.lists.example>", "List-Post: <mailto:help@lists.example>", "Precedence: list")


@dataclass(frozen=True)
class Old:
    name: str
    at: float
    message_id: str
    raw: bytes = field(repr=False)
    thread: int
    repeat_of: str | None = None
    automatic: bool = False
    threadable: bool = True  # its own header says where it belongs


@dataclass
class Score:
    """Of mails that belong to an earlier one: how many are in its ticket. merged: mails in a ticket of another thread."""

    replies: int = 0
    together: int = 0
    merged: list[str] = field(default_factory=list)
    repeats_missed: list[str] = field(default_factory=list)
    repeats_wrong: list[str] = field(default_factory=list)
    kinds_wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def perfect(self) -> bool:
        found = (self.merged, self.repeats_missed, self.repeats_wrong, self.kinds_wrong, self.missing)
        return self.together == self.replies and not any(found)


class _Author:
    """Writes mails with the habits of real clients."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.made: list[Old] = []
        self.now = float(START)

    def text(self, words: int) -> str:
        return " ".join(self.random.choices(_WORDS, k=words))

    def write(
        self,
        thread: int,
        person: int,
        subject: str,
        *,
        body: str | None = None,
        chain: Sequence[str] = (),
        headers: Sequence[str] = (),
        message_id: str | None = "",
        repeat_of: str | None = None,
        automatic: bool = False,
        threadable: bool = True,
        after: float = 0.0,
        **how: Any,
    ) -> Old:
        name = f"{len(self.made):05}"
        self.now += after or self.random.uniform(60, 5000)
        if message_id == "":
            message_id = f"<{self.random.getrandbits(60):x}.{name}@host{person % 9}.example>"
        lines = [] if how.get("no_received") else [f"Received: from a by b; {formatdate(self.now)}"]
        lines.append(f"From: Person {person} <person{person}@host{person % 9}.example>")
        lines += ["To: help@lists.example", f"Subject: {subject}"]
        lines.append(f"Date: {formatdate(self.now - (0 if how.get('no_received') else 20))}")
        lines += [f"Message-ID: {message_id}"] if message_id else []
        lines += self._links(chain, how.get("links", self.random.choice(("both", "both", "references", "in-reply-to", "outlook"))))
        lines += [*headers, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
        content = self.text(self.random.randrange(8, 60)) if body is None else body
        raw = ("\n".join(lines) + "\n\n" + content + "\n").encode()
        old = Old(name, self.now, message_id or "", raw, thread, repeat_of, automatic, threadable)
        self.made.append(old)
        return old

    def _links(self, chain: Sequence[str], how: str) -> list[str]:
        if not chain:
            return []
        answered, line = f"In-Reply-To: {chain[-1]}", "References: " + "\n ".join(chain[-10:])
        match how:
            case "references":
                return [line]
            case "in-reply-to":
                return [answered]
            case "outlook":
                return [f"Thread-Index: Ac{self.random.getrandbits(40):x}==", answered, line]
        return [answered, line]


def make(seed: int, threads: int) -> list[Old]:
    """About four mails for each thread."""
    author = _Author(seed)
    for thread in range(threads):
        _thread(author, thread)
    return author.made


def _thread(author: _Author, thread: int) -> None:
    draw = author.random
    person, subject = draw.randrange(40), author.text(draw.randrange(1, 5))
    headers = _LIST if draw.random() < 0.5 else ()
    kind = draw.random()
    if kind < 0.05:
        author.write(thread, person, "Cron <root@host> /etc/backup", headers=("Auto-Submitted: auto-generated",), automatic=True)
        return
    if kind < 0.1:  # the root was written before the archive begins
        lost = [f"<lost{thread}@elsewhere.example>"]
        chains = [lost]
    else:
        root = author.write(thread, person, subject, headers=headers, no_received=draw.random() < 0.1)
        chains = [[root.message_id]]
        if draw.random() < 0.25:
            _again(author, root, person, subject, headers)
    for _ in range(draw.choice((0, 1, 1, 2, 3, 6))):
        chain = draw.choice(chains)
        links = "references" if len(chains) == 1 and chain[0].startswith("<lost") else None
        how = {"links": links} if links else {}
        prefix = draw.choice(("Re: ", "RE: ", "回复：", "AW: ", ""))
        other = draw.randrange(40)
        if draw.random() < 0.05:
            away = ("Auto-Submitted: auto-replied",)
            author.write(thread, other, "Automatic reply: " + subject, chain=chain, headers=away, automatic=True, **how)
            continue
        reply = author.write(thread, other, prefix + subject, chain=chain, headers=headers, **how)
        chains.append([*chain, reply.message_id])
        if draw.random() < 0.1:
            body = reply.raw.partition(b"\n\n")[2].decode().rstrip("\n")
            how = {"links": "both"}
            author.write(thread, other, prefix + subject, body=body, chain=chain, repeat_of=reply.name, after=90.0, **how)


def _again(author: _Author, first: Old, person: int, subject: str, headers: Sequence[str]) -> None:
    """The same once more: soon, late, delivered twice, or only nearly the same."""
    body = first.raw.partition(b"\n\n")[2].decode().rstrip("\n")
    draw = author.random.random()
    again: dict[str, Any]
    apart = 1_000_000 + len(author.made)  # a thread of its own
    if draw < 0.4:
        again = {"repeat_of": first.name, "after": author.random.uniform(1, 1700)}
        author.write(first.thread, person, subject, body=body, headers=headers, **again)
    elif draw < 0.6:
        author.write(apart, person, subject, body=body, headers=headers, after=author.random.uniform(1900, 9000))
    elif draw < 0.8:
        again = {"message_id": first.message_id, "after": author.random.uniform(1, 90_000)}
        again["repeat_of"] = first.name
        author.write(first.thread, person, subject, body=body, headers=headers, **again)
    else:
        author.write(apart, person, subject, body=body + " and another thing", headers=headers, after=60.0)


def as_files(mails: Iterable[Old], folder: Path, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    listed = list(mails)
    random.Random(seed).shuffle(listed)
    for old in listed:
        (folder / f"{old.name}.eml").write_bytes(old.raw)


def as_mbox(mails: Iterable[Old], path: Path) -> dict[str, str]:
    """Returns the name of each mail by its source."""
    sources = {}
    with path.open("wb") as file:
        for index, old in enumerate(mails):
            file.write(f"From x@y {time.asctime(time.gmtime(old.at))}\n".encode() + old.raw + b"\n")
            sources[f"{path}#{index + 1}"] = old.name
    return sources


def score(mails: Sequence[Old], rows: Iterable[dict[str, Any]], name_of: dict[str, str] | None = None) -> Score:
    """rows: the lines of `ticket list --json --entries`. name_of: by source; else the name of the file."""
    found = Score()
    ticket_of: dict[str, str] = {}
    entries: dict[str, dict[str, Any]] = {}
    name_by_id: dict[str, str] = {}
    for row in rows:
        for entry in row["entries"]:
            name = name_of[entry["source"]] if name_of else Path(entry["source"]).stem
            ticket_of[name] = row["number"]
            entries[name] = entry
            name_by_id[entry["id"]] = name
    truth = {old.name: old for old in mails}
    first: dict[int, str] = {}
    threads: dict[str, Counter[int]] = {}
    for old in mails:
        if old.name not in entries:
            found.missing.append(old.name)
            continue
        threads.setdefault(ticket_of[old.name], Counter())[old.thread] += 1
        if old.thread in first:
            found.replies += 1
            found.together += ticket_of[old.name] == ticket_of[first[old.thread]]
        else:
            first[old.thread] = old.name
        said = entries[old.name]["repeat_of"]
        if old.repeat_of and said is None:
            found.repeats_missed.append(old.name)
        if said is not None and (not old.repeat_of or name_by_id.get(said) != old.repeat_of):
            found.repeats_wrong.append(old.name)
        if said is None and (entries[old.name]["kind"] == "machine") is not old.automatic:
            found.kinds_wrong.append(old.name)
    for ticket, counts in threads.items():
        main = counts.most_common(1)[0][0]
        found.merged += [n for n, t in ticket_of.items() if t == ticket and n in truth and truth[n].thread != main]
    return found
