"""Who takes part in a day: the gateway as a service, a Postfix in front, a Postfix behind, a customer who reads and writes."""

from __future__ import annotations

import shutil
import smtplib
import time
from dataclasses import dataclass, field
from email.message import EmailMessage

from tests.support.gateway import rows, wait_for
from tests.support.postfix import Postfix
from tests.support.postfix import missing as no_postfix
from tests.trial.unit import FAKETIME, Service, run

CUSTOMER, DESK = "alice@customer.example", "support@help.example"
ZONE = """{"customer.example": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"], "MX": ["10 mx.customer.example"]},
 "bank.example": {"TXT": ["v=spf1 -all"]}, "_dmarc.bank.example": {"TXT": ["v=DMARC1; p=reject"]}}"""


def missing() -> str:
    """What a day needs and is not here, "" when all is."""
    tools = [tool for tool in ("swaks", "openssl") if shutil.which(tool) is None]
    return no_postfix() or (f"{' and '.join(tools)} not installed" if tools else "" if FAKETIME else "libfaketime is not installed")


@dataclass
class Day:
    service: Service
    front: Postfix  # the MX of other domains; hands ours over by LMTP
    behind: Postfix  # the smarthost, which delivers into the customer's mailbox
    began: float = field(default_factory=time.monotonic)
    numbers: list[str] = field(default_factory=list)  # of the tickets, oldest first

    def say(self, what: str) -> None:
        print(f"[{time.monotonic() - self.began:5.1f} s] {what}", flush=True)

    def plain(self, said: str, length: int = 120) -> str:
        """What a command said, in one line, as if our root were /."""
        words = " ".join(said.replace(str(self.service.root), "").split())
        return words if len(words) <= length else words[: words.rindex(" ", 0, length)] + " …"

    # --- what people do -----------------------------------------------------------------------------------------------

    def swaks(self, mail: EmailMessage, *options: str, sender: str = CUSTOMER, to: str = DESK, code: int = 0) -> str:
        """A customer's mail straight to our port; the transcript. swaks ends with 0, or 23 when MAIL was refused."""
        file = self.service.root / "tmp.eml"
        file.write_bytes(mail.as_bytes())
        where = ("--server", "127.0.0.1", "--port", str(self.service.port), "--helo", "out.customer.example")
        return run("swaks", *where, "--from", sender, "--to", to, "--data", f"@{file}", *options, code=code)

    def through_postfix(self, mail: EmailMessage, to: str = DESK) -> None:
        with smtplib.SMTP("127.0.0.1", self.front.port, local_hostname="out.customer.example", timeout=30) as client:
            client.sendmail(CUSTOMER, to, mail.as_bytes())

    def mailbox(self, count: int, seconds: float = 60.0) -> EmailMessage:
        """Wait for the customer to have so many mails; the newest. More is a failure."""
        try:
            wait_for(lambda: len(self.behind.mails()) >= count, seconds=seconds)
        except AssertionError as error:
            logs = "\n\n".join(log()[-3000:] for log in (self.front.log, self.service.log, self.behind.log))
            raise AssertionError(f"mail {count}: {error}\n{logs}") from None
        assert len(self.behind.mails()) == count, [m["Subject"] for m in self.behind.mails()]
        return self.behind.mails()[-1]

    def kinds(self, number: str) -> list[str]:
        """Of the entries on a ticket."""
        sql = "SELECT e.kind FROM entry e JOIN ticket t ON t.id = e.ticket_id WHERE t.number = ? ORDER BY e.seq"
        return [row["kind"] for row in rows(self.service.store, sql, number)]

    def filed(self, mails: int) -> None:
        sql = "SELECT count(*) FROM incoming WHERE state <> 'accepted'"
        wait_for(lambda: self.service.count(sql) == mails, seconds=30, why=f"{mails} mails\n{self.service.log()[-3000:]}")
