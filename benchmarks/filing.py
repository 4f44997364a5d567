"""What a mail costs between the two commits, step by step: CPU microseconds, in one thread, on a real file.

    make bench ARGS=filing      about a minute

Mails of 4 KB: each opens a ticket and is answered, then each is answered by its customer. The best of several rounds, caches
warm. Left out are the hops between the event loop, the writer and a parser process; `make bench ARGS=stages` has them in.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import load
from smtpgate.app import make_pipeline
from smtpgate.auth.sign import DkimSigner
from smtpgate.clock import SystemClock, id_text, new_id
from smtpgate.config import Config
from smtpgate.mail.parse import parse
from smtpgate.mail.parserprocess import MAIL
from smtpgate.model import ArcResult, DkimResult, DmarcResult, Envelope, Evidence, SpfResult, Verdict
from smtpgate.store import changes, incoming, sqlite_file
from smtpgate.store.api import Accepted, Changes, Facts
from smtpgate.store.sqlite_writer import run
from smtpgate.store.statement import T, Verb
from tests.support import letters
from tests.support.gateway import settings

_MAILS = 64
_ROUNDS = 9
_LEASE = 60.0


@dataclass
class Bench:
    config: Config
    spent: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = SystemClock()
        self.pipeline = make_pipeline(self.config, (self.config.tickets.number_pattern,), (b"k" * 32,), self.clock)
        self.signer = DkimSigner([letters.dkim_key("rsa", "desk.example")])
        sqlite_file.prepare(self.config.store.path, create=True)
        self.connection = sqlite_file.connect(self.config.store.path)
        self.key = load.make_key()

    def timed(self, kind: str, step: str, work: Callable[[], T]) -> T:
        began = time.thread_time()
        result = work()
        took = (time.thread_time() - began) / _MAILS * 1e6
        of_step = self.spent.setdefault(step, {})
        of_step[kind] = min(took, of_step.get(kind, took))
        return result

    def written(self, kind: str, step: str, make: Callable[[], Verb[T]]) -> T:
        """In a transaction of its own, whose commit is not measured."""
        self.connection.execute("BEGIN IMMEDIATE")
        result: T = self.timed(kind, step, lambda: run(self.connection, make()))
        self.connection.execute("COMMIT")
        return result

    def round(self, kind: str, number: int, answered: list[str]) -> list[str]:
        """Returns the Message-IDs of our answers. answered: those that these mails answer."""
        limits = self.config.limits
        mails = []
        for i, mail in enumerate(load.make_mails(_MAILS, 4096, self.key, f"{kind}{number}")):
            raw = mail.wire[:-3].replace(b"\r\n..", b"\r\n.")
            mails.append((mail.sender, (f"In-Reply-To: {answered[i]}\r\n".encode() if answered else b"") + raw))
        parsed = self.timed(kind, "read (parser)", lambda: [parse(raw, mail_from=who, limits=limits) for who, raw in mails])
        data = self.timed(kind, "to the gateway and back", lambda: [MAIL.validate_json(MAIL.dump_json(one)) for one in parsed])
        accepted = [self.accepted(who, raw, data[i].message_id) for i, (who, raw) in enumerate(mails)]
        until = self.clock.now() + _LEASE

        def take() -> Verb[list[incoming.Incoming]]:
            taken = []
            for mail in accepted:
                taken.append((yield from incoming.accept_claimed(mail, None, lambda *_: True, "worker", until)))
            return taken

        taken = self.written(kind, "accepted and leased", take)
        ready = self.timed(
            kind, "prepared", lambda: [self.pipeline.prepare(mail, data[i], self.clock.now()) for i, mail in enumerate(taken)]
        )

        def file() -> Verb[list[Changes]]:
            filed = []
            for one in ready:

                def decide(facts: Facts, one=one) -> Changes:  # type: ignore[no-untyped-def]
                    return self.pipeline.decide(one, facts)

                filed.append((yield from changes.file(changes.Filing(one.mail.id, "worker", one.query, decide))))
            return filed

        filed = self.written(kind, "filed: asked, decided, written", file)
        sent = [mail for one in filed for mail in one.outgoing]
        assert len(sent) == (0 if answered else _MAILS)
        self.timed(kind, "answer signed, as it leaves", lambda: [self.signer.finished(mail.data, mail.created_at) for mail in sent])
        return [mail.message_id for mail in sent]

    def accepted(self, sender: str, raw: bytes, message_id: str | None) -> Accepted:
        verdict = Verdict(
            evidence=Evidence.DMARC_DKIM,
            author=sender,
            spf=SpfResult("pass", load.DOMAIN),
            dkim=(DkimResult("pass", load.DOMAIN, "s1"),),
            dmarc=DmarcResult("pass", "reject", load.DOMAIN, aligned="dkim"),
            arc=ArcResult(),
        )
        now = self.clock.now()
        envelope = Envelope(id_text(new_id(self.clock)), sender, (load.DESK,), "127.0.0.1", "client.example", now)
        return Accepted(envelope, b"Received: from client.example\r\n", raw, verdict, message_id)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as directory:
        bench = Bench(Config(**settings(Path(directory), 25)))
        for number in range(_ROUNDS):
            bench.round("answer", number, bench.round("new", number, []))
        bench.connection.close()
    print("| CPU us for a mail | opens a ticket | answers |\n|---|---|---|")
    for step, spent in bench.spent.items():
        print(f"| {step} | {spent['new']:.0f} | {spent['answer']:.0f} |")
    sums = [sum(spent[kind] for spent in bench.spent.values()) for kind in ("new", "answer")]
    print(f"| together | {sums[0]:.0f} | {sums[1]:.0f} |")
    return 0
