"""The matrix once more with other people's verifiers: Postfix with OpenDKIM and OpenDMARC in front, their words believed by LMTP.

    python -m tests.trial.fronts        needs root, Postfix, opendkim, opendmarc and unshare; two minutes

Each form of evidence of tests/matrix goes through a real Postfix whose milters check it against a name server of ours; what they
write into Authentication-Results is what the gateway is told to believe. Fails when something comes out otherwise than at the MX
door, where we check ourselves, that is not in EXPLAINED. All of it runs in a network of its own, where our name server can have
port 53.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from smtplib import SMTP

import dns.rcode
import structlog

from tests.matrix.cases import FORMS, FRONT, Person, Sent, sent
from tests.matrix.desk import Desk, letter
from tests.matrix.table import ROLES, TABLE
from tests.support.nameserver import NameServer, Reply
from tests.support.postfix import Postfix, postfix
from tests.support.zones import Zone

_INSIDE = "SMTPGATE_FRONTS_NETWORK"
_DKIM, _DMARC = 8891, 8893

EXPLAINED = {
    "DKIM t=y": "OpenDKIM counts a key that its domain is only trying out; keys are the front's matter",
    "DMARC np": "OpenDMARC 1.4 is of RFC 7489 and knows no policy of a public suffix: to it nothing is published",
    "DMARC psd": "likewise",
    "DMARC two records": "OpenDMARC takes the first of two records, which are none (RFC 9989 §4.10); the signature holds",
    "ARC good sealer": "neither of them reads ARC; who wants it names the sealers there where the mail comes in",
}

_OPENDKIM = """\
Syslog no
Mode v
Socket inet:{port}@127.0.0.1
AuthservID {front}
AlwaysAddARHeader yes
InternalHosts {nobody}
PeerList {nobody}
ExternalIgnoreList {nobody}
Nameservers 127.0.0.1
TrustAnchorFile {nothing}
On-BadSignature accept
On-DNSError accept
On-KeyNotFound accept
On-NoSignature accept
On-Security accept
On-SignatureError accept
PidFile {directory}/opendkim.pid
"""
_OPENDMARC = """\
Socket inet:{port}@127.0.0.1
AuthservID {front}
TrustedAuthservIDs {front}
IgnoreHosts {nobody}
SPFSelfValidate true
SPFIgnoreResults true
RejectFailures false
RequiredHeaders false
Syslog false
PidFile {directory}/opendmarc.pid
PublicSuffixList {suffixes}
"""


class Names:
    """The zone that is in force, on port 53, from a thread of its own."""

    def __init__(self) -> None:
        self.zone: Zone = {}
        self._ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        assert self._ready.wait(10)

    async def _serve(self) -> None:
        async with NameServer(self._answer, ttl=0, port=53):
            self._ready.set()
            await asyncio.Event().wait()

    def _answer(self, name: str, kind: str) -> Reply:
        types = self.zone.get(name)
        if types == "TIMEOUT":
            return dns.rcode.SERVFAIL  # as a resolver says after having waited
        if types is None:
            below = any(other.endswith("." + name) for other in self.zone)
            return [] if below else dns.rcode.NXDOMAIN
        records = types.get(kind, [])
        if kind == "TXT":
            pieces = [" ".join(f'"{text[i : i + 250]}"' for i in range(0, len(text), 250)) for text in records]
            return [f"{name}. 0 IN TXT {piece}" for piece in pieces]
        return [f"{name}. 0 IN {kind} {record}" for record in records]


@contextmanager
def milters(directory: Path) -> Iterator[None]:
    nobody, nothing, suffixes = directory / "nobody", directory / "nothing", directory / "suffixes"
    nobody.write_text("192.0.2.254\n")
    nothing.write_text("")
    suffixes.write_text("example\n")
    values = {"front": FRONT, "nobody": nobody, "nothing": nothing, "directory": directory, "suffixes": suffixes}
    (directory / "opendkim.conf").write_text(_OPENDKIM.format(port=_DKIM, **values).replace(f"TrustAnchorFile {nothing}\n", ""))
    (directory / "opendmarc.conf").write_text(_OPENDMARC.format(port=_DMARC, **values))
    commands = (
        ["opendkim", "-f", "-x", str(directory / "opendkim.conf")],
        ["opendmarc", "-f", "-c", str(directory / "opendmarc.conf")],
    )
    with (directory / "milters.log").open("wb") as log:
        running = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
        try:
            time.sleep(2)
            for process in running:
                assert process.poll() is None, (directory / "milters.log").read_text()
            yield
        finally:
            for process in running:
                process.terminate()
                process.wait(10)


def through(front: Postfix, mail: Sent, person: Person) -> bytes:
    """The mail as the front delivers it."""
    to = person.tokens[mail.token] if mail.token else person.to
    before = set(front.maildir.glob("*/new/*"))
    with SMTP("127.0.0.1", front.port, local_hostname="mail.example", timeout=60) as client:
        client.ehlo()
        code, reply = client.docmd("XCLIENT", f"ADDR={mail.peer} NAME=[UNAVAILABLE] HELO=mail.example")
        assert code == 220, reply
        client.ehlo("mail.example")
        client.docmd("MAIL", f"FROM:<{mail.mail_from or ''}>")
        code, reply = client.docmd("RCPT", f"TO:<{to}>")
        assert code == 250, reply
        code, reply = client.data(mail.raw)
        assert code == 250, reply
    for _ in range(400):
        if new := set(front.maildir.glob("*/new/*")) - before:
            return new.pop().read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        time.sleep(0.05)
    raise AssertionError(f"Postfix does not deliver:\n{front.log()[-2000:]}")


def run(forms: list[str]) -> int:
    """How many cells come out otherwise. Raises AssertionError when one does that must not."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    names, desk, other = Names(), Desk(), 0
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smtpgate-fronts-")))
        stack.enter_context(milters(directory))
        front = stack.enter_context(
            postfix(
                myhostname=FRONT, virtual_mailbox_domains="help.example", virtual_mailbox_maps="static:box/",
                recipient_delimiter="+", smtpd_authorized_xclient_hosts="127.0.0.1", always_add_missing_headers="no",
                smtpd_recipient_restrictions="reject_unauth_destination", smtpd_relay_restrictions="reject_unauth_destination",
                smtpd_milters=f"inet:127.0.0.1:{_DKIM}, inet:127.0.0.1:{_DMARC}", milter_default_action="tempfail",
            )
        )  # fmt: skip
        for form in forms:
            ours, theirs, said = TABLE[form][0], "", ""
            for role in ROLES:
                person = desk.people[role]
                mail = sent(form, person)
                names.zone = mail.zone
                delivered = through(front, mail, person)
                said = said if said and role != "agent" else results(delivered)
                outcome = desk.send("LMTP-AR", replace(mail, raw=delivered, front="mx.nobody.example; none"), person)
                theirs += letter(outcome, person)
            print(f"{'=' if ours == theirs else '*'} {form:<26} {ours} {theirs}   {said}", flush=True)
            other += sum(a != b for a, b in zip(ours, theirs, strict=True))
            assert ours == theirs or form in EXPLAINED, f"{form}: nothing explains it"
    desk.close()
    return other


def results(delivered: bytes) -> str:
    """What the milters wrote about it."""
    head = delivered.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ").decode("ascii", "replace")
    lines = [
        line.partition(";")[2].strip() for line in head.split("\r\n") if line.lower().startswith(f"authentication-results: {FRONT}")
    ]
    return " | ".join(lines)[:300]


def main() -> int:
    if not os.environ.get(_INSIDE):
        command = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolv:
            resolv.write("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
            resolv.flush()
            os.chmod(resolv.name, 0o644)
            inside = [sys.executable, "-m", "tests.trial.fronts", *sys.argv[1:]]
            arguments = ["unshare", "-nm", "sh", "-c", command, "sh", resolv.name, *inside]
            return subprocess.run(arguments, env={**os.environ, _INSIDE: "1"}, check=False).returncode
    other = run(sys.argv[1:] or list(FORMS))
    print(f"{other} cells of {len(sys.argv[1:] or FORMS) * len(ROLES)} come out otherwise")
    return 0


if __name__ == "__main__":
    sys.exit(main())
