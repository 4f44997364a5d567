"""Let the N-th system call of a kind fail, for N = 1, 2, 3 … until none of that number is made, during one short dialogue.

    python -m tests.fault.syscalls [--calls fsync,fdatasync,pwrite64] [--error EIO] [--first 1] [--most 200]

Each time: a gateway of its own under strace, one mail, a stop; then a life without faults, and a look into the store. What must
hold: no 250 without the mail, no 5xx for a fault of ours, and exit code 74 or 1 when it could not go on. Needs strace.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import smtplib
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.gateway import DESK, Gateway, children, letter, wait_for

# stopped as told; could not start; the store failed for good; told to stop before it could listen to that
ENDS = (0, 1, 74, -signal.SIGTERM)


def missing() -> str:
    return "" if shutil.which("strace") else "strace is not installed"


@dataclass
class Outcome:
    """injected: whether the call of that number was made at all. code: of the reply to the mail, 0 for none."""

    injected: bool
    code: int
    ended: int
    problems: list[str]


def one(directory: Path, call: str, error: str, number: int) -> Outcome:
    gateway = Gateway.make(directory)
    trace = directory / "trace"
    plain = gateway.argv
    gateway.argv = [
        "strace",
        "-f",
        "-qq",
        "-o",
        str(trace),
        "-e",
        f"trace={call}",
        "-e",
        f"inject={call}:error={error}:when={number}",
    ]
    gateway.argv += plain
    code, problems = 0, []
    try:
        gateway.spawn()
        process = gateway.process
        assert process is not None
        with suppress(AssertionError):  # it may not start
            wait_for(lambda: process.poll() is not None or gateway.greets(), seconds=60)
            code = _offer(gateway)
        for pid in children(process.pid):  # strace itself takes no signals while its program runs
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        ended = process.wait(60)
        gateway.process = None
        injected = "(INJECTED)" in trace.read_text(errors="replace")
        gateway.argv = plain
        with gateway.running():
            gateway.settle(30)
            stored = gateway.count("SELECT count(*) FROM incoming WHERE state = 'filed'")
            tickets = gateway.count("SELECT count(*) FROM ticket")
        if code >= 500:
            problems.append(f"a fault of ours was answered {code}")
        if code == 250 and stored != 1:
            problems.append(f"LOST: 250 was said and {stored} mails are stored")
        if stored > 1 or tickets != stored:
            problems.append(f"{stored} mails on {tickets} tickets")
        if ended not in ENDS:
            problems.append(f"it ended with {ended}")
        if "fsync" in call and injected and code and ended != 74:
            problems.append(f"a sync failed and it ended with {ended}, not 74")
    finally:
        gateway.clean_up()
    return Outcome(injected, code, ended, problems)


def _offer(gateway: Gateway) -> int:
    """One mail; the code of the last reply, 0 when the connection ended without one."""
    try:
        gateway.send(letter(message_id="<one@customer.example>"), to=DESK)
    except smtplib.SMTPRecipientsRefused as refused:
        return next(iter(refused.recipients.values()))[0]
    except smtplib.SMTPResponseException as refused:
        return refused.smtp_code
    except (OSError, smtplib.SMTPException):
        return 0
    return 250


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", default="fsync,fdatasync,pwrite64")
    parser.add_argument("--error", default="EIO")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--most", type=int, default=200)
    args = parser.parse_args()
    if why := missing():
        print(why, file=sys.stderr)
        return 2
    bad = 0
    for call in args.calls.split(","):
        seen: Counter[str] = Counter()
        for number in range(args.first, args.first + args.most):
            with tempfile.TemporaryDirectory(prefix="smtpgate-") as directory:
                outcome = one(Path(directory), call, args.error, number)
            for problem in outcome.problems:
                print(f"{call} {number}: {problem}", flush=True)
            bad += len(outcome.problems)
            if not outcome.injected:
                break
            seen[f"reply {outcome.code}, exit {outcome.ended}"] += 1
        print(f"{call} {args.error}: {sum(seen.values())} runs; {dict(seen)}", flush=True)
    print(f"{bad} problems")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
