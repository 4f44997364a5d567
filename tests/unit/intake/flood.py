"""What an endless line costs a real server process: `python -m tests.unit.intake.flood [MEBIBYTES]` (1,024 if not said)."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.support.dialogue import Client
from tests.support.server import ServerProcess

MIB = 1024**2


def endless(unit: bytes, mebibytes: int, directory: Path, *, before: tuple[str, ...]) -> tuple[int, float, str]:
    """(growth of peak memory in KiB, seconds, what the server said) for so much of `unit` after these commands."""
    limits = {"message_size": "1GiB"}  # so that all of it is read, not only the first four times 25 MiB
    with ServerProcess(directory, {"limits": limits}) as server, Client(server.port, timeout=60) as client:
        client.reply()
        for command in ("EHLO c.example", "MAIL FROM:<a@client.example>", "RCPT TO:<help@support.example>", "DATA"):
            client.ask(command)
        client.ask("Subject: warm\r\n\r\nso that everything is loaded\r\n.")
        for command in before:
            client.ask(command)
        server.reset_peak()
        start = server.status("VmRSS")
        began = time.monotonic()
        block = unit * (MIB // len(unit))
        said = ""
        try:
            for _ in range(mebibytes):
                client.send(block)
            client.send(b"\r\n.\r\n")
            said = client.reply()
        except ConnectionError as error:
            said = type(error).__name__
        return server.status("VmHWM") - start, time.monotonic() - began, said


TO_DATA = ("MAIL FROM:<a@client.example>", "RCPT TO:<help@support.example>", "DATA")

if __name__ == "__main__":
    amount = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    for name, unit, before in (("line in DATA", b"x", TO_DATA), ("command line", b"x", ()), ("NOOP", b"NOOP\r\n", ())):
        with tempfile.TemporaryDirectory() as directory:
            grown, seconds, said = endless(unit, amount, Path(directory), before=before)
            print(f"endless {name}, {amount} MiB: peak +{grown} KiB in {seconds:.1f} s, then: {said}")
