"""The servers that are measured, each in processes of its own: the gateway, a bare aiosmtpd, Postfix.

`filed` counts the mails that are where this server takes them: filed and their answers in the queue for the gateway, "sent"
to its discard transport for Postfix, nowhere for the bare aiosmtpd.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.support.gateway import ROOT, Gateway, free_port, wait_for
from tests.support.postfix import Postfix, postfix

UNLIMITED = dict.fromkeys(
    ("connections_per_address", "connection_rate", "mail_rate", "mail_rate_domain", "acknowledgements_per_minute"), 1_000_000
)  # one client and one domain here stand for very many


class Target(Protocol):
    name: str
    port: int
    pid: int

    def filed(self) -> int:
        """Mails whose work is done, since the start; -1 when there is nothing after the 250."""

    def check(self, sent: int) -> None:
        """Raises AssertionError unless exactly so many mails are there, done, each once."""


class GatewayTarget:
    def __init__(self, name: str, gateway: Gateway) -> None:
        assert gateway.process is not None
        self.name, self.gateway = name, gateway
        self.port, self.pid = gateway.port, gateway.process.pid

    def filed(self) -> int:
        return self.gateway.count("SELECT count(*) FROM incoming WHERE state = 'filed'")

    def check(self, sent: int) -> None:
        self.gateway.settle(120)
        found = {
            name: self.gateway.count(f"SELECT count(*) FROM {what}")
            for name, what in {
                "mails": "incoming",
                "raw mails": "incoming_raw",
                "filed": "incoming WHERE state = 'filed'",
                "verified or trusted": """incoming WHERE verdict LIKE '%"dmarc-dkim"%' OR verdict LIKE '%"trusted"%'""",
                "tickets": "ticket",
                "acknowledgements delivered": "recipient WHERE state = 'delivered'",
            }.items()
        }
        assert set(found.values()) == {sent}, f"{sent} mails were sent, but there are {found}"


class BareTarget:
    name = "bare aiosmtpd"

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port, self.pid = port, process.pid

    def filed(self) -> int:
        return -1

    def check(self, sent: int) -> None:
        """It keeps nothing; each 250 was counted."""


class PostfixTarget:
    name = "Postfix"

    def __init__(self, it: Postfix) -> None:
        self.it, self.port = it, it.port
        self.pid = it.pid()

    def filed(self) -> int:
        return self.it.log().count("status=sent")

    def check(self, sent: int) -> None:
        assert self.filed() == sent, f"{sent} mails were sent, but Postfix discarded {self.filed()}"


@contextmanager
def gateway(directory: Path, zone: dict[str, Any], *, trusted: bool, processes: str = "auto") -> Iterator[GatewayTarget]:
    """trusted: the sender's network is trusted, so nothing is verified."""
    it = Gateway.make(
        directory,
        zone=zone,
        server={"trusted_networks": ["127.0.0.0/8"] if trusted else [], "processes": processes},
        delivery={"poll": "1s"},
        filing={"poll": "1s"},
        limits=UNLIMITED,
    )
    try:
        with it.running():
            yield GatewayTarget("gateway, trusted network" if trusted else "gateway", it)
    except BaseException:
        told = [line for line in it.log().splitlines() if "Z info " not in line]
        print("The gateway said:", *told[:60], sep="\n", file=sys.stderr)
        raise


@contextmanager
def bare() -> Iterator[BareTarget]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.targets", str(port)], cwd=ROOT)
    try:
        wait_for(lambda: Gateway(Path(), port, process=process).greets(), why="the bare aiosmtpd greets")
        yield BareTarget(port, process)
    finally:
        process.kill()
        process.wait()


@contextmanager
def postfix_discard() -> Iterator[PostfixTarget]:
    with postfix(
        relay_domains="desk.example",
        relay_recipient_maps="",
        transport_maps="static:{discard:}",
        smtpd_client_connection_count_limit="0",
    ) as it:
        yield PostfixTarget(it)


def _serve_bare(port: int) -> None:
    """aiosmtpd as it comes, with a handler that throws every mail away."""
    from aiosmtpd.smtp import SMTP

    class Discard:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            return "250 OK"

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(Discard(), loop=loop), "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(run())


if __name__ == "__main__":
    _serve_bare(int(sys.argv[1]))
