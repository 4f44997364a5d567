"""A full queue sent, signed, beside Postfix that drains its own, in one run.

    make bench ARGS=sending     half a minute; needs Postfix, whose smtp-sink is the far side of both

2,000 mails of 4 KB, a recipient each. The gateway signs each with RSA-2048 as it leaves, records every attempt and logs it;
Postfix's were signed before. Both are told to begin, and timed until the last mail is recorded as sent. CPU is that of the
sender's processes; the sink's is nobody's. A run in which not every mail was sent exactly once is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from benchmarks import load, peers
from benchmarks.intake import machine
from benchmarks.tree import Watch
from tests.support.gateway import ROOT
from tests.support.postfix import POSTFIX, missing, postfix

_SIZE = 4096
_POLL = 0.02
_SESSIONS = 20
_PATIENCE = 120.0  # seconds


@dataclass(frozen=True)
class Run:
    rate: float  # mails in a second
    cpu: float  # seconds for 1000 mails
    peak: int  # bytes
    foreign: float  # processors that others kept busy


async def _timed(pid: int, count: int, begin: Callable[[], None], sent: Callable[[], int]) -> Run:
    async with Watch(pid) as watch:
        began = time.monotonic()
        begin()
        while await asyncio.to_thread(sent) < count:
            assert time.monotonic() - began < _PATIENCE, f"only {sent()} of {count} were sent"
            await asyncio.sleep(_POLL)
        seconds = time.monotonic() - began
    return Run(count / seconds, watch.cpu / count * 1000, watch.peak, watch.foreign)


def gateway(count: int, key: RSAPrivateKey) -> Run:
    with tempfile.TemporaryDirectory(prefix="smtpgate-bench-") as name, peers.sink() as port:
        it = peers.sending(Path(name), port, key)
        with (Path(name) / "stderr.log").open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.sender", str(it.config), str(count), str(_SIZE)],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
            )  # fmt: skip
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n", (Path(name) / "stderr.log").read_text()[-2000:]
            start = process.stdin

            def begin() -> None:
                start.write(b"\n")
                start.flush()

            run = asyncio.run(
                _timed(process.pid, count, begin, lambda: it.count("SELECT count(*) FROM recipient WHERE state = 'delivered'"))
            )
            attempts = it.count("SELECT count(*) FROM attempt")
            assert attempts == count, f"{attempts} attempts for {count} mails"
            return run
        finally:
            process.kill()
            process.communicate()


def postfix_drain(mails: Sequence[load.Mail]) -> Run:
    """Its queue filled while all mail is put on hold, then let go. The time for letting go is not counted."""
    with (
        peers.sink() as port,
        postfix(
            relay_domains="desk.example",
            relay_recipient_maps="",
            relayhost=f"[127.0.0.1]:{port}",
            smtpd_recipient_restrictions="check_client_access static:HOLD, permit_mynetworks, reject",
            smtpd_client_connection_count_limit="0",
            in_flow_delay="0",
        ) as it,
    ):
        asyncio.run(load.send(it.port, list(mails), _SESSIONS, _PATIENCE))
        configured = ["-c", str(it.directory / "etc")]

        def begin() -> None:
            subprocess.run([Path(POSTFIX).with_name("postsuper"), *configured, "-H", "ALL"], check=True, capture_output=True)
            subprocess.run([Path(POSTFIX).with_name("postqueue"), *configured, "-f"], check=True, capture_output=True)

        def sent() -> int:
            return it.log().count("status=sent")

        run = asyncio.run(_timed(it.pid(), len(mails), begin, sent))
        times = re.findall(r"status=(\w+)", it.log())
        assert times == ["sent"] * len(mails), "not every mail was sent exactly once"
        return run


_OURS = "gateway, signing each"
HEAD = "| sender | mails a second | CPU s/1000 | peak MB | others' CPUs |\n|---|---|---|---|---|"


def _row(name: str, runs: Sequence[Run]) -> tuple[float, float]:
    rate, cpu = statistics.median(r.rate for r in runs), statistics.median(r.cpu for r in runs)
    peak = max(r.peak for r in runs) / 2**20
    print(f"| {name} | {rate:.0f} | {cpu:.2f} | {peak:.0f} | {max(r.foreign for r in runs):.1f} |", flush=True)
    return rate, cpu


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=sending", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="of each sender, in turn; medians are printed")
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--no-postfix", action="store_true", help="the gateway alone")
    args = parser.parse_args(arguments)
    key = load.make_key()
    if args.no_postfix:
        print(HEAD)
        _row(_OURS, [gateway(args.mails, key) for _ in range(args.runs)])
        return 0
    if missing():
        print(f"not measured: {missing()}")
        return 1
    print(machine())
    mails = load.make_mails(args.mails, _SIZE, key, "sending")
    pairs = [(gateway(args.mails, key), postfix_drain(mails)) for _ in range(args.runs)]
    print(HEAD)
    ours = _row(_OURS, [a for a, _ in pairs])
    theirs = _row("Postfix, signed before", [b for _, b in pairs])
    print(f"\nRate {ours[0] / theirs[0]:.2f} (goal: at least 1), CPU {ours[1] / theirs[1]:.2f} (goal: at most 0.6).")
    return 0
