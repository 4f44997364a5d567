"""How long answers to guesses take: can who writes about a ticket tell from the clock whether it is there?

    python -m tests.trial.timing [--count 2000] [--door 500] [--seed 1]

A stranger writes to the desk: with no number, with the number of a ticket that is there, of one that is not, of one that was
merged, to the signed address of somebody else's ticket with a character of it changed, to one that was signed with another key,
and to one that is valid, which he could only have from its owner. Each kind comes equally often, in an order that is drawn anew in
each round.

Measured are the processor time of filing (in memory, at the same state of the store each time), and at a real gateway in one
process, which is the worst case, since filing and the door share a loop: the time from RCPT to its reply, from the dot to the 250,
and of twenty NOOP right after it, while the mail is filed. For each pair that must not be told apart: how often a draw of the one
takes longer than a draw of the other. 0.50 is chance; with n of each, chance alone strays by about 0.41/sqrt(n).
"""

from __future__ import annotations

import argparse
import bisect
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from email.utils import parseaddr
from pathlib import Path

from smtpgate.links import LinkKind, NewLink
from smtpgate.mail.token import Tokens
from smtpgate.model import Status
from smtpgate.store import changes
from smtpgate.store.api import Changes, TicketUpdate
from tests.support.dialogue import Client
from tests.support.gateway import DESK, Gateway, letter
from tests.support.helpdesk import DESK as HELP
from tests.support.helpdesk import mail
from tests.support.instant import Instant

EVE = "eve@stranger.example"
NOTHING, THERE, NONE, MERGED = "no number", "a number that is there", "a number that is none", "a merged number"
CHANGED, FOREIGN, VALID = "an address with a changed character", "an address of another key", "a valid address of somebody else"
KINDS = (NOTHING, THERE, NONE, MERGED, CHANGED, FOREIGN, VALID)
ALIKE = ((THERE, NONE), (MERGED, NONE), (CHANGED, FOREIGN), (VALID, CHANGED))

Samples = dict[str, list[float]]


def longer(one: list[float], other: list[float]) -> float:
    """How often a draw of the one is longer than a draw of the other."""
    ordered = sorted(other)
    below = sum(bisect.bisect_left(ordered, value) + bisect.bisect_right(ordered, value) for value in one)
    return below / (2 * len(one) * len(other))


def _changed(address: str, rng: random.Random) -> str:
    at = rng.randrange(address.index("+") + 6, address.index("@"))
    return (
        address[:at] + rng.choice([c for c in "abcdefghijklmnopqrstuvwxyz234567" if c != address[at].lower()]) + address[at + 1 :]
    )


# --- filing, in memory ------------------------------------------------------------------------------------------------


def filing(count: int, seed: int) -> tuple[Samples, dict[str, set[str]]]:
    """Processor seconds of filing each kind, and what the guesser is sent."""
    rng, desk = random.Random(seed), Instant()
    tickets = []
    for i in range(60):
        who = f"person{i}@customer.example"
        (done,) = desk.post(mail(f"Printer {i}", f"Number {i} burns.", sender=who), sender=who)
        tickets.append(desk.ticket_of(done.number))
    there, merged = tickets[:30], tickets[30:]
    for one, other in zip(merged, there, strict=True):
        link = NewLink(one.id, LinkKind.INTO, other.id, desk.clock.now(), "lee")
        desk.run(changes.apply(Changes(links=(link,), updates=(TicketUpdate(one.id, status=Status.CLOSED),)), None))
    spent: Samples = defaultdict(list)
    sent: dict[str, set[str]] = defaultdict(set)
    tokens, now = desk.pipeline.tokens, desk.clock.now()
    for number in range(count):
        for kind in rng.sample(KINDS, len(KINDS)):
            one = rng.choice(there)
            valid = tokens.reply_address(HELP, one.id, one.participants[0].address, now)
            subject = {THERE: one.number, NONE: f"{one.number[:-4]}{rng.randrange(5000, 9000)}", MERGED: rng.choice(merged).number}
            to = {CHANGED: _changed(valid, rng), VALID: valid}
            to[FOREIGN] = Tokens((rng.randbytes(32),), 1e7).reply_address(HELP, one.id, EVE, now)
            named = f"[#{subject[kind]}] " if kind in subject else ""
            raw = mail(f"{named}Printer", f"Is it on yet? {number}", sender=EVE, to=to.get(kind, HELP), message_id=f"<{number}@x>")
            desk.mark()
            began = time.process_time()
            (done,) = desk.post(raw, sender=EVE, rcpts=(to.get(kind, HELP),))
            spent[kind].append(time.process_time() - began)
            sent[kind].add(" ".join(m.purpose for m in done.sent if m.recipients[0].address == EVE) or "nothing")
            desk.back()
            desk.forget()
    desk.close()
    return spent, sent


# --- the door, for real -----------------------------------------------------------------------------------------------


def door(count: int, seed: int, directory: Path) -> dict[str, Samples]:
    """Seconds on the clock, by what was waited for."""
    rng, gateway = random.Random(seed), Gateway.make(directory, agent=[{"address": "agent@corp.example"}])
    with gateway.running():
        people = [f"person{i}@customer.example" for i in range(12)]
        for who in people:
            gateway.send(letter(f"Printer of {who}", f"It burns at {who}.", sender=who), sender=who)
        signed = {who: parseaddr(str(gateway.mails_to(who)[0]["Reply-To"]))[1] for who in people}
        numbers = [row["number"] for row in gateway.cli_list("ticket", "list")]
        own = sorted(numbers)
        merged = _merge(gateway, people[-1])
        waited: dict[str, Samples] = defaultdict(lambda: defaultdict(list))
        with Client(gateway.port) as client:
            client.reply()
            client.ask("EHLO client.example")
            for number in range(count):
                for kind in rng.sample(KINDS, len(KINDS)):
                    valid = signed[rng.choice(people)]
                    foreign = Tokens((rng.randbytes(32),), 1e7).reply_address(DESK, 1 << 56, EVE, time.time())
                    to = {CHANGED: _changed(valid, rng), FOREIGN: foreign, VALID: valid}.get(kind, DESK)
                    named = {THERE: rng.choice(own[4:8]), NONE: f"{own[0][:-4]}{rng.randrange(5000, 9000)}", MERGED: merged}.get(
                        kind
                    )
                    subject = f"[#{named}] Printer" if named else "Printer"
                    raw = mail(subject, f"Is it on yet? {kind} {number}", sender=EVE, to=to, message_id=f"<{kind[:9]}{number}@x>")
                    for what, seconds in _transaction(client, to, raw).items():
                        waited[what][kind].append(seconds)
    return waited


def _merge(gateway: Gateway, who: str) -> str:
    """The number of a ticket that is part of another one of the same person."""
    gateway.send(letter("Another printer", "Another one.", sender=who), sender=who)
    gateway.mails_to(who, count=2)
    one, other = [row["number"] for row in gateway.cli_list("ticket", "list", "--from", who)][:2]
    gateway.cli("ticket", "merge", one, other, "--quiet")
    return str(one)


def _transaction(client: Client, to: str, raw: bytes) -> dict[str, float]:
    client.ask(f"MAIL FROM:<{EVE}>")
    found = {"RCPT": _timed(lambda: client.ask(f"RCPT TO:<{to}>"), "250")}
    client.ask("DATA")
    found["250 to the mail"] = _timed(lambda: client.ask(raw.decode() + "."), "250")
    found["20 NOOP behind it"] = _timed(lambda: [client.ask("NOOP") for _ in range(20)][-1], "250")
    return found


def _timed(what: Callable[[], str], code: str) -> float:
    began = time.perf_counter()
    reply = what()
    took = time.perf_counter() - began
    assert reply.startswith(code), reply
    return took


# --- the report -------------------------------------------------------------------------------------------------------


def table(what: str, spent: Samples) -> list[str]:
    lines = [f"{what}, ms: median (95 of 100 are below)"]
    lines += [f"  {kind}: {statistics.median(spent[kind]) * 1e3:.3f} ({_most(spent[kind]) * 1e3:.3f})" for kind in KINDS]
    lines += [f"  {one} takes longer than {other}: {longer(spent[one], spent[other]):.3f}" for one, other in ALIKE]
    return lines


def _most(values: list[float]) -> float:
    return sorted(values)[len(values) * 95 // 100]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000, help="of each kind, in memory")
    parser.add_argument("--door", type=int, default=500, help="of each kind, at a gateway")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    spent, sent = filing(args.count, args.seed)
    print("\n".join(table("filing, processor", spent)))
    for kind in KINDS:
        print(f"  {kind} is sent: {', '.join(sorted(sent[kind]))}")
    with tempfile.TemporaryDirectory() as directory:
        for what, samples in door(args.door, args.seed, Path(directory)).items():
            print("\n".join(table(what, samples)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
