"""Everything that a client can do to a door, against a real gateway process, at full length.

    python -m tests.trial.hostile [--only TEXT] [--mebibytes 1024] [--commands 1000000] [--idle 2000] [--seconds 5]

One line for each piece of work: what was done, what the door answered, the peak of its resident memory. A line that breaks its
bound begins with FAIL, and then the exit code is 1. test_hostile.py is the short form in the suite.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.trial import crowd, floods, slow
from tests.trial.door import TO_RCPT, Target

KEY = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
LARGE_AT_ONCE, LARGE_BOUND = 64, 512  # mails, MiB
PACE = 5000 / 60  # connections a second from one place, that the others must not feel
FELT = 1.2  # times the p99


def certificate(directory: Path) -> dict[str, Path]:
    """The settings of a fresh certificate of our own making."""
    made = {"tls_certificate": directory / "tls.pem", "tls_key": directory / "tls.key"}
    command = [*KEY, "-subj", "/CN=mx.desk.example", "-out", made["tls_certificate"], "-keyout", made["tls_key"]]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=30)
    return made


@contextmanager
def fresh(**sections: Any) -> Iterator[Target]:
    """A gateway of its own, so that memory which another piece of work has left behind is no gift to this one."""
    with tempfile.TemporaryDirectory(prefix="smtpgate-") as name:
        directory = Path(name)
        server = certificate(directory)
        with Target.running(directory / "g", server=server, **sections) as target:
            yield target


@dataclass
class Run:
    args: argparse.Namespace
    failed: list[str] = field(default_factory=list)

    def line(self, name: str, work: Callable[[], object], check: Callable[[Any], str | None] = lambda _: None) -> None:
        """Do one piece of work and print what came of it. check says what is wrong with that, if anything."""
        if self.args.only and self.args.only not in name:
            return
        outcome: object = ""
        try:
            outcome = work()
            wrong = check(outcome)
        except AssertionError as error:
            wrong = str(error)[:300]
        print(f"{'FAIL' if wrong else 'ok  '} {name}: {outcome}{f' -- {wrong}' if wrong else ''}", flush=True)
        if wrong:
            self.failed.append(name)

    def wanted(self, name: str) -> bool:
        return not self.args.only or self.args.only in name or name in self.args.only

    # --- the pieces -----------------------------------------------------------------------------------------------

    def floods(self) -> None:
        with fresh() as target:
            for place in target.places:
                for kind in floods.KINDS:
                    amount = kind.amount(self.args.mebibytes, self.args.commands)

                    def checked(done: Any, place: Any = place, kind: Any = kind) -> None:
                        floods.check(target, place, kind, done)

                    name = f"{place.name}: {kind.name}"
                    self.line(name, lambda p=place, k=kind, n=amount: floods.flood(target, p, k, n), checked)  # type: ignore[misc]

    def slow(self) -> None:
        with fresh(limits=slow.LIMITS) as target:
            waits = slow.wait_all(target) + slow.wait_all(target, slow.DEAF) if self.wanted("slow client") else []
            for wait in waits:
                self.line(f"slow client, {wait.place}: {wait.state.name}", lambda w=wait: w, lambda w: None if w.good else "late")  # type: ignore[misc]
            for place in target.places:
                for how in ("reset", "half-close"):
                    name = f"{place.name}: {how} after every octet"
                    self.line(name, lambda p=place, h=how: slow.leave_at_every_octet(target, p, h))  # type: ignore[misc]

    def crowds(self) -> None:
        count = self.args.idle
        kinds = (("greeted", (), False), ("after RCPT", TO_RCPT, False), ("within TLS", ("STARTTLS",), True))
        for index, name in enumerate(("SMTP", "LMTP", "LMTP, Unix socket")):
            for state, commands, tls in kinds[: 3 if index == 0 else 1]:
                title = f"{name}: idle {state}"
                if self.wanted(title):
                    with fresh(limits={"connections": count * 2, "connections_per_address": count}) as target:
                        self.line(
                            title,
                            lambda i=index, c=commands, t=tls: crowd.idle(target, target.places[i], count, *c, tls=t),  # type: ignore[misc]
                            lambda o: None if o.each <= crowd.PER_CONNECTION and o.greeted <= crowd.GREETED else "too much",
                        )
        title = "SMTP: large mails at once"
        if self.wanted(title):
            with fresh() as target:
                self.line(
                    title,
                    lambda: crowd.large(target, target.places[0], LARGE_AT_ONCE),
                    lambda o: None if o.cost.peak <= LARGE_BOUND * 1024 else "too much",
                )

    def neighbours(self) -> None:
        for kind in ("connect", "noop", "rcpt"):
            for pace, bound in ((PACE, FELT), (0.0, None)):
                title = f"SMTP: honest mail beside a flood of {kind}, {f'{pace:.0f} a second' if pace else 'as fast as it can'}"
                if self.wanted(title):
                    with fresh(limits={"connections_per_address": 20}) as target:
                        self.line(
                            title,
                            lambda k=kind, p=pace: crowd.beside(  # type: ignore[misc]
                                target, target.places[0], k, per_second=p, rounds=3, seconds=self.args.seconds
                            ),
                            lambda o, b=bound: None if b is None or o.ratio <= b else f"more than {b} times",  # type: ignore[misc]
                        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="pieces whose name has this in it")
    parser.add_argument("--mebibytes", type=int, default=1024, help="of endless content")
    parser.add_argument("--commands", type=int, default=1_000_000)
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of honest mail, six times for each neighbour")
    run = Run(parser.parse_args())
    began = time.monotonic()
    for piece in (run.floods, run.slow, run.crowds, run.neighbours):
        piece()
    print(f"{len(run.failed)} failed in {time.monotonic() - began:.0f} s" + "".join(f"\n  {name}" for name in run.failed))
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
