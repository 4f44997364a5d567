"""A help desk in memory that does everything at once, and can go back to an earlier moment.

The real statements of the store run on SQLite in memory, the real handlers decide; there are no threads, no disk, no
door. `post` is one mail through COMMIT 1 and COMMIT 2 with a given verdict, and what it sets free after it. `mark` and `back` nest.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smtpgate.app import make_pipeline
from smtpgate.clock import id_text, new_id
from smtpgate.config import Config
from smtpgate.due import Circumstances, Due
from smtpgate.handlers import later
from smtpgate.handlers.pipeline import Pipeline
from smtpgate.mail.parse import parse
from smtpgate.model import (
    ArcResult,
    DmarcResult,
    Envelope,
    Evidence,
    MailState,
    OutgoingMail,
    ParsedMail,
    SpfResult,
    Ticket,
    Verdict,
)
from smtpgate.store import changes, due, duework, incoming, look, rows
from smtpgate.store.api import Accepted, Changes, Facts, FactsQuery, Incoming
from smtpgate.store.schema import schema, statements
from smtpgate.store.shown import TicketDetail
from smtpgate.store.sqlite_writer import run
from smtpgate.store.statement import Verb
from tests.support.clock import ManualClock
from tests.support.helpdesk import DESK, START, make_config

_KEY = b"k" * 32
_WORKER, _LEASE = "instant", 60.0


@dataclass(frozen=True)
class Done:
    """What became of one mail."""

    mail_id: str
    changes: Changes

    @property
    def outcome(self) -> str:
        return str(json.loads(self.changes.decision).get("outcome", "")) if self.changes.decision else "postponed"

    @property
    def number(self) -> str | None:
        number: str | None = json.loads(self.changes.decision).get("ticket") if self.changes.decision else None
        return number

    @property
    def sent(self) -> tuple[OutgoingMail, ...]:
        return self.changes.outgoing


class Instant:
    """pipeline may be exchanged for one of another configuration: the store stays."""

    def __init__(self, **sections: Any) -> None:
        self.clock = ManualClock(START)
        self.pipeline = self.with_config(make_config(**sections))
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
        for statement in statements(schema()):
            self._connection.execute(statement)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("BEGIN")
        self._marks = 0
        self._parsed: dict[tuple[bytes, str | None, bool], ParsedMail] = {}

    def with_config(self, config: Config) -> Pipeline:
        return make_pipeline(config, (config.tickets.number_pattern,), (_KEY,), self.clock)

    @property
    def config(self) -> Config:
        return self.pipeline.config

    def close(self) -> None:
        self._connection.close()

    def run(self, verb: Verb[Any]) -> Any:
        return run(self._connection, verb)

    # --- time ---------------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        self._marks += 1
        self._connection.execute(f"SAVEPOINT m{self._marks}")

    def back(self) -> None:
        """To the last mark, which is gone then. The clock goes on."""
        self._connection.execute(f"ROLLBACK TO m{self._marks}")
        self._connection.execute(f"RELEASE m{self._marks}")
        self._marks -= 1

    # --- mail ---------------------------------------------------------------------------------------------------------

    def post(
        self,
        raw: bytes,
        *,
        sender: str,
        mail_from: str | None = "",
        rcpts: Sequence[str] = (DESK,),
        evidence: Evidence = Evidence.DMARC_DKIM,
        dmarc_policy: str = "reject",
    ) -> list[Done]:
        """This mail, then those that it set free. mail_from "" means the same as sender."""
        envelope = Envelope(
            mail_id=id_text(new_id(self.clock)),
            mail_from=sender if mail_from == "" else mail_from,
            rcpts=tuple(rcpts),
            peer="192.0.2.1",
            helo="mail.example",
            received_at=self.clock.now(),
        )
        policy = dmarc_policy if evidence is Evidence.FAIL else "none"
        author = "" if evidence is Evidence.AMBIGUOUS else sender
        dmarc = DmarcResult("none", policy)
        return self.take(Accepted(envelope, b"", raw, Verdict(evidence, author, SpfResult("none"), (), dmarc, ArcResult()), None))

    def take(self, mail: Accepted) -> list[Done]:
        """The same for what a door has accepted."""
        until = self.clock.now() + _LEASE
        first = self.run(incoming.accept_claimed(mail, rows.pack(mail.raw), lambda *_: True, _WORKER, until))
        done = [self._file(first)]
        if done[0].changes.released:
            done += [self._file(one) for one in self.run(incoming.claim(_WORKER, self.clock.now(), _LEASE, 10, 2**40))]
        return done

    def later(self) -> list[Changes]:
        """What is due by now."""
        done, now, pipeline = [], self.clock.now(), self.pipeline
        while (thing := self.run(due.first(now))) is not None:
            what: Due = thing

            def query_of(ticket: Ticket) -> FactsQuery:
                return later.query(pipeline.config, pipeline.post, ticket, now)

            def decide(ticket: Ticket, known: Facts, around: Circumstances, what: Due = what) -> Changes:
                occasion = later.Occasion(pipeline.config, pipeline.post, self.clock, now, known, pipeline.leaves, around)
                return later.decide(occasion, what, ticket)

            done.append(self.run(duework.settle(what, query_of, decide)))
        return done

    def _file(self, mail: Incoming) -> Done:
        agent = self.config.agent_address(mail.verdict.author) != ""
        ready = self.pipeline.prepare(mail, self.read(mail.raw, mail.envelope.mail_from, html=agent), self.clock.now())

        def decide(known: Facts) -> Changes:
            return self.pipeline.decide(ready, known)

        return Done(mail.id, self.run(changes.file(changes.Filing(mail.id, _WORKER, ready.query, decide))))

    def read(self, raw: bytes, mail_from: str | None, *, html: bool) -> ParsedMail:
        """Read once, however often it is tried."""
        known = self._parsed.get((raw, mail_from, html))
        if known is None:
            known = self._parsed[raw, mail_from, html] = parse(raw, mail_from=mail_from, limits=self.config.limits, html=html)
        return known

    def forget(self) -> None:
        """The mails that were read."""
        self._parsed.clear()

    def release(self, mail_id: str) -> list[Done]:
        """As an admin does."""
        assert self.run(incoming.settle_mail(mail_id, (MailState.HELD,), MailState.ACCEPTED, "released"))
        return [self._file(one) for one in self.run(incoming.claim(_WORKER, self.clock.now(), _LEASE, 10, 2**40))]

    # --- what is there ------------------------------------------------------------------------------------------------

    def ticket(self, number: str | None) -> TicketDetail:
        assert number is not None
        detail: TicketDetail | None = self.run(look.ticket(number))
        assert detail is not None
        return detail

    def ticket_of(self, number: str | None) -> Ticket:
        return self.ticket(number).ticket
