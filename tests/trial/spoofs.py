"""Generated mail in an agent's name: nothing of it may reach a customer unless both proofs and the right are there.

    python -m tests.trial.spoofs [--count 100000] [--seed 1]

Each case is a mail put together at random: who its From says, what the check of the sender found, which addresses of ours the
envelope names (the desk's, the customer's signed one, an agent's own, a colleague's, one of another ticket, expired, with
one character changed, made with another key, for notes, for a confirmation), what it refers to, whether a machine wrote it, its
commands and its text. What the handlers decide is compared with three lines of the rule (`allowed`), which know nothing of how
they decide. Nothing is written, so all cases meet the same tickets.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from smtpgate.clock import id_number
from smtpgate.links import LinkKind
from smtpgate.mail.parse import parse
from smtpgate.mail.token import TokenKind, Tokens
from smtpgate.model import Envelope, Evidence, OutgoingMail, Ticket, Verdict
from smtpgate.store.api import Changes, Incoming
from tests.support.helpdesk import CUSTOMER, DESK, Filed, Helpdesk, helpdesk, mail

LEE, KIM, SAL, GONE = "lee@corp.example", "kim@corp.example", "sal@corp.example", "gone@corp.example"
BOB, FRIEND = "bob@customer.example", "friend@evil.example"
DESKS = [
    {"name": "support", "address": DESK, "agents": [LEE, KIM]},
    {"name": "sales", "address": "sales@help.example", "channel": "SAL", "agents": [SAL]},
]
_SENDERS = (LEE, LEE, LEE, KIM, SAL, GONE, CUSTOMER, "mallory@evil.example", "lee@corp.example.evil.example")
_BODIES = (
    "Send me your password.",
    "#reply\nSend it.",
    "#resolved\nPay here.",
    "#note\nx",
    "#take",
    "#undo",
    "#assign kim\nx",
    "",
    "#cc friend@evil.example\nSend it.",
    "#cc friend@evil.example",
    "#move sales\nx",
    "#spam",
    "#next",
    "#list",
    "#find printer",
    "#merge 20260102-EML-0003",
    "#merge 20260102-EML-0002",  # of another customer
    "#split",
    "#template details",
    "#block domain",
    "#unblock",
    "#new friend@evil.example\nSend it.",
    "#fwd friend@evil.example\n#reply\nSend it.\n\n-----Original Message-----\nFrom: x\nSent: today\nSubject: y\n\nz",
    "#merge {second}\n#reply\nSend it.",
    "#snooze 2d\n#reply\nSend it.",
    "#block\n#reply\nSend it.",
    "#away 2d",
    "#release",
    "#discard",
    "#spent 20m",
    "#spent 20m\n#reply\nSend it.",
    "#customer friend@evil.example\n#reply\nSend it.",
    "#customer friend@evil.example",
    "#customer friend@evil.example\n#cc {customer}\nSend it.",
    "Yes, it is mine.\n\nOn Fri, 2 Jan 2026, Support wrote:\n> Is this yours?",  # what vouches for a held one quotes
)


@dataclass(frozen=True)
class Case:
    sender: str
    evidence: Evidence
    address: str  # what kind of address the envelope names
    refers: str
    machine: bool
    body: str
    released: bool = False


@dataclass
class Scene:
    desk: Helpdesk
    ours: Ticket
    other: Ticket
    second: Ticket  # of the same customer as ours
    held: int  # a mail of a stranger's that an agent may decide over
    first: Filed
    doubted: int  # a held mail in an agent's name, for which he may vouch

    def address(self, kind: str, case: Case, rng: random.Random) -> str:
        tokens, now = self.desk.pipeline.tokens, self.desk.clock.now()
        own = tokens.reply_address(DESK, self.ours.id, case.sender, now, TokenKind.ACTION)
        match kind:
            case "own":
                return own
            case "colleague":
                return tokens.reply_address(DESK, self.ours.id, KIM if case.sender != KIM else LEE, now, TokenKind.ACTION)
            case "other-ticket":
                return tokens.reply_address(DESK, self.other.id, case.sender, now, TokenKind.ACTION)
            case "note":
                return tokens.reply_address(DESK, self.ours.id, case.sender, now, TokenKind.NOTE)
            case "expired":
                return Tokens((b"k" * 32,), 1.0).reply_address(DESK, self.ours.id, case.sender, 1.0, TokenKind.ACTION)
            case "other-key":
                return Tokens((b"x" * 32,), 10**7).reply_address(DESK, self.ours.id, case.sender, now, TokenKind.ACTION)
            case "changed":
                at = rng.randrange(own.index("+") + 2, own.index("@"))
                return own[:at] + ("b" if own[at] != "b" else "c") + own[at + 1 :]
            case "confirm":
                return tokens.reply_address(DESK, self.doubted, case.sender, now, TokenKind.CONFIRM)
            case "held":
                return tokens.reply_address(DESK, self.held, case.sender, now, TokenKind.HELD)
            case "customers":
                return tokens.reply_address(DESK, self.ours.id, CUSTOMER, now)
        return DESK


_STATES = ("resolved", "closed", "waiting", "progress", "merged", "split", "handed")
ADDRESSES = "own own colleague other-ticket note expired other-key changed confirm held customers desk desk".split()  # noqa: SIM905


def allowed(case: Case) -> bool:
    """May a text of this mail reach the customer? Written from docs/agents.md, not from the code."""
    member = case.sender in (LEE, KIM) and not case.machine
    if case.body.startswith(("#new", "#fwd")):  # to the desk, about no ticket
        return case.address in ("desk", "expired", "other-key", "changed") and may_ask(case)
    proofs = case.released or (case.address == "own" and case.evidence in (Evidence.TRUSTED, Evidence.DMARC_DKIM))
    return member and proofs and case.evidence not in (Evidence.FAIL, Evidence.AMBIGUOUS)


def may_notify(case: Case) -> bool:
    """May the customer be told of a new state, without a word of this mail? The address for notes proves as much."""
    return allowed(case) or (case.address == "note" and allowed(replace(case, address="own")))


def may_move(case: Case) -> bool:
    """The same of what is done to the ticket that the address is for, whosever that is."""
    return may_notify(case) or (case.address == "other-ticket" and allowed(replace(case, address="own")))


def may_work(case: Case) -> bool:
    """May it note time? What stays inside needs no signed address, but for the ticket that it names."""
    return may_ask(case) or may_move(case) or (case.released and case.sender in (LEE, KIM, SAL))


def may_ask(case: Case) -> bool:
    """May it be told what tickets a desk has? The same, for a fresh mail, which needs no signed address."""
    return case.sender in (LEE, KIM) and not case.machine and case.evidence in (Evidence.TRUSTED, Evidence.DMARC_DKIM)


def make(rng: random.Random) -> Case:
    return Case(
        sender=rng.choice(_SENDERS),
        evidence=rng.choice([e for e in Evidence if e is not Evidence.IMPORTED]),
        address=rng.choice(ADDRESSES),
        refers=rng.choice(("notification", "acknowledgement", "number", "nothing")),
        machine=rng.random() < 0.1,
        body=rng.choice(_BODIES),
    )


def may_decide(case: Case) -> bool:
    """May it release or drop a held mail? With proof and the address that was signed for it, or by vouching for one's own."""
    agent = case.sender in (LEE, KIM, SAL) and not case.machine  # the address is made for whoever's mail it is
    vouches = agent and case.address == "confirm" and case.evidence not in (Evidence.FAIL, Evidence.AMBIGUOUS)
    return vouches or (case.address == "held" and may_ask(case))


def decides(changes: Changes) -> bool:
    return bool(changes.released or changes.discarded)


async def decided(scene: Scene, case: Case, number: int, rng: random.Random) -> Changes:
    told = next(m for m in scene.first.sent if m.recipients[0].address == LEE)
    received = next(m for m in scene.first.sent if m.recipients[0].address == CUSTOMER)
    headers: tuple[str, ...] = {
        "notification": (f"In-Reply-To: {told.message_id}",),
        "acknowledgement": (f"In-Reply-To: {received.message_id}",),
    }.get(case.refers, ())
    headers += ("Auto-Submitted: auto-replied",) if case.machine else ()
    subject = f"Re: [#{scene.ours.number}] Printer" if case.refers == "number" else "Printer"
    body = case.body.replace("{second}", scene.second.number).replace("{customer}", CUSTOMER)
    raw = mail(subject, body, sender=f"Lee <{case.sender}>", message_id=f"<s{number}@x.example>", headers=headers)
    base = scene.first.mail
    envelope = Envelope(f"{number:013}", case.sender, (scene.address(case.address, case, rng),), "192.0.2.9", "x", base.received_at)
    author = "" if case.evidence is Evidence.AMBIGUOUS else case.sender
    verdict: Verdict = replace(base.verdict, evidence=case.evidence, author=author)
    incoming = Incoming(
        id=base.id, state=base.state, envelope=envelope, verdict=verdict, received_at=base.received_at, size=len(raw),
        sha256=f"{number:064}", message_id=f"<s{number}@x.example>", raw=raw,
    )  # fmt: skip
    parsed = parse(raw, mail_from=case.sender, limits=scene.desk.config.limits)
    ready = scene.desk.pipeline.prepare(incoming, parsed, scene.desk.clock.now())
    facts = await scene.desk.store.facts(ready.query)
    return scene.desk.pipeline.decide(ready, facts)


def leaks(case: Case, outgoing: tuple[OutgoingMail, ...]) -> bool:
    """Did words of this mail go to the customer, or to whom it names? With another ticket's address it is that one's matter."""
    to = (CUSTOMER,) if case.address == "other-ticket" else (CUSTOMER, FRIEND)
    return any(m.recipients[0].address in to and m.purpose == "answer" for m in outgoing)


def notifies(outgoing: tuple[OutgoingMail, ...]) -> bool:
    """Did a change of state in an agent's name go to a customer?"""
    return any(m.recipients[0].address == CUSTOMER and m.purpose in _STATES for m in outgoing)


def moves(changes: Changes) -> bool:
    """Did it make one ticket of two, or two of one, or somebody its customer, or block somebody?"""
    merged = [link for link in changes.links if link.kind is LinkKind.INTO]
    return bool(merged or changes.unmerged or changes.moved or changes.blocked or changes.unblocked or hands(changes))


def hands(changes: Changes) -> bool:
    return any(update.customer is not None for update in changes.updates)


def lists(case: Case, outgoing: tuple[OutgoingMail, ...]) -> bool:
    """Was it told of tickets? A receipt of a mail about one names its number alone, a list its customer too."""
    asked = case.body in ("#next", "#list", "#find printer")
    return asked and any(m.purpose == "receipt" and CUSTOMER.encode() in m.data.replace(b"=\r\n", b"") for m in outgoing)


# Each of what may be done, as it must be done: by chance alone none of it may come up among a few hundred.
PERMITTED = (
    Case(LEE, Evidence.DMARC_DKIM, "own", "notification", machine=False, body="#reply\nSend it."),
    Case(LEE, Evidence.DMARC_DKIM, "own", "notification", machine=False, body="#merge 20260102-EML-0003"),
    Case(LEE, Evidence.DMARC_DKIM, "desk", "nothing", machine=False, body="#find printer"),
    Case(LEE, Evidence.DMARC_DKIM, "held", "nothing", machine=False, body="#release"),
    Case(LEE, Evidence.DMARC_SPF, "confirm", "nothing", machine=False, body=_BODIES[-1]),
    Case(LEE, Evidence.DMARC_DKIM, "own", "notification", machine=False, body="#customer friend@evil.example\n#reply\nSend it."),
)


async def run(count: int, seed: int) -> Counter[str]:
    """How many cases there were of each outcome. Raises AssertionError for the first that was relayed and should not be."""
    rng = random.Random(seed)
    told: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        async with helpdesk(Path(directory), desk=DESKS) as desk:
            first = await desk.post(mail())
            other = await desk.post(
                mail("Scanner", "It is slow.", sender="Bob <bob@customer.example>"), sender="bob@customer.example"
            )
            second = await desk.post(mail("Lamp", "Dark."))
            held = await desk.post(mail("Offer", "Buy."), sender="eve@stranger.example", evidence=Evidence.FAIL)
            ours, theirs, another = [(await desk.ticket(filed.number)).ticket for filed in (first, other, second)]
            own = desk.pipeline.tokens.reply_address(DESK, ours.id, LEE, desk.clock.now(), TokenKind.ACTION)
            doubted = await desk.post(mail("Re: it", "Mine.", sender=LEE), sender=LEE, rcpts=(own,), evidence=Evidence.NONE)
            assert doubted.outcome == "held"
            scene = Scene(desk, ours, theirs, another, id_number(held.mail.id), first, id_number(doubted.mail.id))
            for number in range(count):
                case = PERMITTED[number] if number < len(PERMITTED) else make(rng)
                changes = await decided(scene, case, number, rng)
                out = changes.outgoing
                assert may_decide(case) or not decides(changes), f"seed {seed}, case {number}: decided {case}"
                assert may_ask(case) or not changes.leaves, f"seed {seed}, case {number}: leave {case}"
                told["decided over held mail"] += decides(changes)
                relayed, may = leaks(case, out), allowed(case)
                assert may or not relayed, f"seed {seed}, case {number}: relayed {case}"
                assert may_notify(case) or not notifies(out), f"seed {seed}, case {number}: notified {case}"
                assert may_ask(case) or not lists(case, out), f"seed {seed}, case {number}: told {case}"
                assert may_move(case) or not moves(changes), f"seed {seed}, case {number}: moved {case}"
                told["moved, split or blocked"] += moves(changes)
                assert may_work(case) or not changes.spent, f"seed {seed}, case {number}: worked {case}"
                told["another customer"] += hands(changes)
                told["answered with a list"] += lists(case, out)
                told["relayed, as it may be" if relayed else "kept, though it might go" if may else "kept"] += 1
                for letter in out:
                    address = letter.recipients[0].address
                    assert address in (LEE, KIM, SAL, CUSTOMER, BOB, FRIEND, case.sender), f"case {number}: to {address}"
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began = time.monotonic()
    told = asyncio.run(run(args.count, args.seed))
    print(", ".join(f"{count} {what}" for what, count in told.most_common()), f"in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
