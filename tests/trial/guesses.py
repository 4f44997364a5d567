"""Guesses of ticket numbers: nobody joins a ticket by one, and no answer tells whether the ticket is there.

    python -m tests.trial.guesses [--count 10000] [--seed 1]

Each guess is made twice, by the same mail from the same person: once with the name of a ticket that is there, once with that of
one that is not. The name stands in the subject, in In-Reply-To or References in the shape of a Message-ID of ours, or in the
sub-address, in the shapes that we and others use. Whoever guesses is a proved stranger, one without any proof, or the customer of
another ticket with a signed address of his own. Nothing may be written to the ticket that was guessed, nobody of it may be told,
and what the guesser gets must be the same both times but for what is new in each mail and the name that he wrote himself.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from dataclasses import dataclass

from smtpgate.clock import id_text
from smtpgate.mail.letters import new_message_id
from smtpgate.mail.token import Tokens
from smtpgate.model import Evidence, Ticket
from smtpgate.store.api import Changes
from tests.support.helpdesk import DESK, mail
from tests.support.instant import Done, Instant
from tests.trial import counted
from tests.trial.sequences import DESKS, KIM, LEE, SAL

AGENTS = (LEE, KIM, SAL)
_CARL = "carl@customer.example"  # who has a ticket of his own
_WHO = {
    "proved stranger": ("eve@stranger.example", Evidence.DMARC_DKIM),
    "weakly proved stranger": ("eve@stranger.example", Evidence.DMARC_SPF),
    "stranger whose domain publishes nothing": ("eve@stranger.example", Evidence.DOMAIN),
    "unproved stranger": ("eve@stranger.example", Evidence.NONE),
    "unproved, in the customer's name": ("", Evidence.NONE),
    "failing, in the customer's name": ("", Evidence.FAIL),
    "customer of another ticket": (_CARL, Evidence.DMARC_DKIM),
    "unproved customer of another ticket": (_CARL, Evidence.NONE),
}
_SUBJECTS = (
    "[#{}] Printer",
    "Re: [#{}] Printer",
    "Printer #{}",
    "{}",
    "AW: Re: FW: [#{}]",
    "Ticket {} please",
    "［＃{}］",
    "[#{} ]",
)
_SUBS = ("{}", "r{}", "ticket-{}", "a{}", "{}-close", "fs_reply-{}-0123456789abcdef", "n{}", "id={}", "c{}")
_FRESH = re.compile(rb"<[^<>@\s]{8,}@[a-z.]+>|support\+[a-z0-9]+@|=_[0-9a-z.+-]+|\d{8}-[A-Z]{3}-\d{4}")


@dataclass(frozen=True)
class Guess:
    """A mail about `number`, or about a number that is none."""

    who: str
    how: str
    raw: bytes
    to: str
    sender: str
    evidence: Evidence


class Guesser:
    def __init__(self, seed: int, tickets: int = 60) -> None:
        self.rng = random.Random(seed)
        self.desk = Instant(desk=DESKS, limits={"notifications_per_hour": 10_000})
        self.tickets: list[Ticket] = []
        for i in range(tickets):
            customer = f"person{i}@customer.example"
            (done,) = self.desk.post(mail(f"Printer {i}", f"Number {i} burns.", sender=customer), sender=customer)
            self.tickets.append(self.desk.ticket_of(done.number))
        (own,) = self.desk.post(mail("My lamp", "Dark.", sender=_CARL), sender=_CARL)
        self.own = self.desk.ticket_of(own.number)
        first = int(self.own.number[-4:]) + 2  # the next number will be the guesser's own
        self.numbers = [f"{self.own.number[:-4]}{n:04}" for n in range(first, first + tickets)]
        self.serial = 0

    def pair(self, told: Counter[str]) -> None:
        """One guess at a ticket that is there and one at one that is not. Raises AssertionError for what they tell apart."""
        rng = self.rng
        self.serial += 1
        there, none = rng.choice(self.tickets), rng.choice(self.numbers)
        who, how = (
            rng.choice(list(_WHO)),
            rng.choice(("subject", "subject", "in-reply-to", "references", "sub-address", "own-address")),
        )
        customer = there.customer.address if there.customer else ""
        seed, outcomes = rng.random(), []
        for number, ticket_id in ((there.number, there.id), (none, there.id + rng.randrange(1, 1 << 20))):
            guess = self._guess(random.Random(seed), who, how, number, ticket_id, customer)
            self.desk.mark()
            (done,) = self.desk.post(guess.raw, sender=guess.sender, rcpts=(guess.to,), evidence=guess.evidence)
            _no_change(done.changes, there, f"{who}, {how}: {guess.raw!r}")
            outcomes.append(self._seen(done, guess, number))
            self.desk.back()
        told[f"{how}: {json.loads(done.changes.decision)['outcome']}"] += 2
        told["guesses"] += 2
        told["answers"] += sum(len(letters) for letters in outcomes)
        assert outcomes[0] == outcomes[1], f"{who}, {how}, {there.number} and {none}: {_difference(*outcomes)}"

    def _guess(self, rng: random.Random, who: str, how: str, number: str, ticket_id: int, customer: str) -> Guess:
        """The same rng gives the same mail, but for the number."""
        sender, evidence = _WHO[who]
        sender = sender or customer
        subject, headers, to = "Printer", [], DESK
        ours = new_message_id(ticket_id, "help.example", rng.randbytes(10))
        if how == "subject":
            subject = rng.choice(_SUBJECTS).format(number)
        elif how in ("in-reply-to", "references"):
            guessed = rng.choice((ours, f"<{id_text(ticket_id)}.agents@help.example>", f"<{number}@help.example>"))
            headers.append(f"{how.title()}: {guessed}")
        elif how == "sub-address":
            name = rng.choice((number, number.lower(), number.rpartition("-")[2], str(ticket_id), id_text(ticket_id)))
            to = DESK.replace("@", "+" + rng.choice(_SUBS).format(name) + "@")
        else:  # a signed address with one character changed, his own or, where he has none, one that is signed with another key
            signs, of = (self.desk.pipeline.tokens, self.own.id) if sender == _CARL else (Tokens((b"x" * 32,), 10.0**7), ticket_id)
            own = signs.reply_address(DESK, of, sender, self.desk.clock.now())
            at = rng.randrange(len("support+r"), own.index("@"))
            to = own[:at] + ("b" if own[at] != "b" else "c") + own[at + 1 :]
            subject = f"[#{number}] Printer"
        body = f"Is it on yet? {self.serial}"
        raw = mail(subject, body, sender=sender, to=DESK, message_id=f"<g{self.serial}@x.example>", headers=headers)
        return Guess(who, how, raw, to, sender, evidence)

    def _seen(self, done: Done, guess: Guess, number: str) -> list[tuple[str, bytes]]:
        """What the guesser gets, without what is new in each mail of ours and without the number that he wrote."""
        letters = []
        for sent in done.sent:
            to = sent.recipients[0].address
            assert to in (*AGENTS, guess.sender), f"{guess.who}, {guess.how}: a mail to {to}"
            if to not in AGENTS and _WHO[guess.who][0]:  # in the customer's name: what comes of it goes to him, not to the forger
                letters.append((sent.purpose, _plain(sent.data, number)))
        return letters


def _plain(data: bytes, number: str) -> bytes:
    whole = data.replace(b"=\r\n", b"").replace(number.encode(), b"NUMBER")
    return re.sub(rb"\s+", b" ", _FRESH.sub(b"NEW", whole))  # lines are folded where they are full


def _difference(one: list[tuple[str, bytes]], other: list[tuple[str, bytes]]) -> str:
    if [purpose for purpose, _ in one] != [purpose for purpose, _ in other]:
        return f"the answers are {[p for p, _ in one]} and {[p for p, _ in other]}"
    for (_, a), (_, b) in zip(one, other, strict=True):
        at = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]), 0)
        if a != b:
            return f"the answers differ: {a[max(0, at - 60) : at + 60]!r} and {b[max(0, at - 60) : at + 60]!r}"
    return ""


def _no_change(changes: Changes, there: Ticket, what: str) -> None:
    """Nothing at all may happen to the ticket that was guessed."""
    touched = {update.ticket_id for update in changes.updates} | {entry.ticket_id for entry in changes.entries}
    touched |= {ref.ticket_id for ref in changes.message_refs} | {print_.ticket_id for print_ in changes.fingerprints}
    touched |= {sent.ticket_id or 0 for sent in changes.outgoing}
    assert there.id not in touched, f"joined {there.number}: {what}"


def run(count: int, seed: int) -> Counter[str]:
    told: Counter[str] = Counter()
    guesser = Guesser(seed)
    while told["guesses"] < count:
        guesser.pair(told)
        guesser.desk.clock.advance(1.0)
        guesser.desk.forget()
    guesser.desk.close()
    return told


if __name__ == "__main__":
    sys.exit(counted.main(__doc__, run, 10_000))
