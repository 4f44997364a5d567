"""The other half of a day: killed, out of disk, without a smarthost, with bad files, and moved to a new machine."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from contextlib import closing
from email.message import EmailMessage
from functools import partial
from pathlib import Path

from tests.support.gateway import letter, rows, wait_for
from tests.trial.morning import certificate
from tests.trial.scene import CUSTOMER, DESK, Day
from tests.trial.unit import Service


def note(subject: str) -> EmailMessage:
    return letter(subject, f"{subject}. Please look after it.", to=DESK)


def killed(day: Day) -> None:
    """Mail pours in through Postfix, SIGKILL, a customer connects to nobody, and then it starts again."""
    service = day.service
    before, mails = service.count("SELECT count(*) FROM ticket"), len(day.behind.mails())
    for number in range(8):
        day.through_postfix(note(f"Lamp {number}"))
    helpers = service.kill()
    file = service.root / "patient.eml"
    file.write_bytes(note("Lamp 8").as_bytes())
    where = ("--server", "127.0.0.1", "--port", str(service.port), "--helo", "out.customer.example", "--data", f"@{file}")
    with subprocess.Popen(
        ["swaks", *where, "--from", CUSTOMER, "--to", DESK, "--timeout", "60s"], stdout=subprocess.DEVNULL
    ) as patient:
        time.sleep(0.5)
        assert patient.poll() is None, "the socket of systemd lets it wait"
        service.start()
        assert patient.wait(60) == 0, "250"
    wait_for(lambda: service.count("SELECT count(*) FROM ticket") == before + 9, seconds=60, why=service.log()[-3000:])
    wait_for(lambda: len(day.behind.mails()) >= mails + 9, seconds=60, why="every answer")
    copies = len(day.behind.mails()) - mails - 9
    ids = {str(mail["Message-ID"]) for mail in day.behind.mails()}
    assert len(ids) == mails + 9, "a copy has the same Message-ID"
    day.say(
        f"kill -9 with eight mails on their way, {helpers} other processes with it; a client waited in the socket and got its 250;"
        f" nine mails, nine tickets, nine answers, {copies} of them twice"
    )


def disk_full(day: Day) -> None:
    service = day.service
    tickets, mails = service.count("SELECT count(*) FROM ticket"), len(day.behind.mails())
    filler = service.state / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65536)
        except OSError as error:
            full = error.strerror
    heard = day.swaks(note("No room"), code=23)
    (reply,) = (line for line in heard.splitlines() if line.startswith("<** "))
    assert reply.startswith("<** 452 4.3.1 "), reply
    assert service.cli("status", code=1).count("disk-full") >= 1
    day.through_postfix(note("Later"))
    wait_for(lambda: "452 4.3.1" in day.front.log(), why="Postfix hears it too")
    assert service.count("SELECT count(*) FROM ticket") == tickets
    filler.unlink()
    day.mailbox(mails + 1)
    assert service.count("SELECT count(*) FROM ticket") == tickets + 1
    service.cli("status")
    day.say(f"{full}: {reply[4:]}; status says disk-full; Postfix kept its mail and brought it when there was room, status is well")


def _more(service: Service, sql: str, than: int) -> bool:
    return service.count(sql) > than


def smarthost_down(day: Day) -> None:
    """For an hour by the gateway's own clock."""
    service, mails = day.service, len(day.behind.mails())
    day.behind.stop()
    day.swaks(note("Door"))
    attempts = "SELECT count(*) FROM attempt a JOIN recipient r ON r.id = a.recipient_id WHERE r.state <> 'delivered'"
    wait_for(lambda: service.count(attempts) == 1, seconds=20, why=service.log()[-3000:])
    for minutes in (2, 8, 20, 30):
        tried = service.count(attempts)
        service.pass_time(minutes * 60)
        wait_for(partial(_more, service, attempts, tried), seconds=20, why=service.log()[-3000:])
    old = service.cli("status", "--queue-age", "30m", code=1, moved=True)
    assert "queue-old" in old
    tried = service.count(attempts)
    (waiting,) = rows(service.store, "SELECT last_reply, attempts FROM recipient WHERE state = 'queued'")
    assert len(day.behind.mails()) == mails
    day.behind.start()
    service.pass_time(20 * 60)
    day.mailbox(mails + 1)
    wait_for(lambda: service.count("SELECT count(*) FROM recipient WHERE state = 'queued'") == 0, why="it is delivered")
    day.say(f"no smarthost for an hour: {tried} attempts ({waiting['last_reply'][:60]}), status says queue-old; then it went, once")


# --- files that are wrong ---------------------------------------------------------------------------------------------


def _shown(day: Day) -> bytes:
    """The certificate that the door shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with closing(socket.create_connection(("127.0.0.1", day.service.port), timeout=10)) as plain:
        plain.recv(512)
        for command in (b"EHLO c.example\r\n", b"STARTTLS\r\n"):
            plain.sendall(command)
            plain.recv(4096)
        with context.wrap_socket(plain) as secured:
            return secured.getpeercert(binary_form=True) or b""


def bad_certificate(day: Day) -> None:
    etc, before = day.service.config.parent, _shown(day)
    good = {name: (etc / name).read_bytes() for name in ("tls.pem", "tls.key")}
    certificate(day, "mx.help.example")  # its key is not the one that the service was given when it started
    said = day.service.reload(code=1)
    assert "tls_certificate" in said or "tls_key" in said, said
    (etc / "tls.pem").write_bytes(good["tls.pem"][:200])
    assert "tls_certificate" in day.service.reload(code=1)
    assert _shown(day) == before
    for name, data in good.items():
        (etc / name).write_bytes(data)
    day.service.reload()
    assert _shown(day) == before
    day.say(f"a certificate with a foreign key is refused: {day.plain(said)}")


def bad_reload(day: Day) -> None:
    service, mails = day.service, len(day.behind.mails())
    text = service.config.read_text(encoding="utf-8")
    service.config.write_text(text.replace('retry = ["2s", "5m", "15m"]', 'retry = ["soon"]'), encoding="utf-8")
    said = service.reload(code=1)
    assert "delivery.retry" in said
    day.swaks(note("Still here"))
    day.mailbox(mails + 1)
    service.config.write_text(text.replace("# aliases = []", 'aliases = ["help@help.example"]'), encoding="utf-8")
    service.reload()
    day.swaks(note("Other name"), to="help@help.example")
    day.mailbox(mails + 2)
    day.say(f"a bad reload is refused, the old one stays in force: {day.plain(said)}; the mended one knows a new address at once")


# --- a new machine ----------------------------------------------------------------------------------------------------


def backed_up(day: Day) -> Path:
    """While it runs, and while an answer waits for its smarthost."""
    service, mails = day.service, len(day.behind.mails())
    day.behind.stop()
    day.swaks(note("In between"))
    wait_for(lambda: service.count("SELECT count(*) FROM recipient WHERE state = 'queued'") == 1, why="it waits")
    saved = service.root / "backup/mail.db"
    saved.parent.mkdir(mode=0o700)
    service.cli("backup", str(saved), "--keep", "7")
    assert saved.stat().st_mode & 0o777 == 0o600
    day.behind.start()
    service.pass_time(20 * 60)
    day.mailbox(mails + 1)
    assert "all is well" in service.cli("verify")
    service.cli("status")
    refused = service.cli("restore", str(saved), "--force", code=1)
    day.say(
        f"backup of {saved.stat().st_size // 1024} KiB while it ran; verify: all is well; restore over it: {day.plain(refused)}"
    )
    return saved


def moved(day: Day, saved: Path, service: Service) -> None:
    """The backup on another root: same tickets, nothing sent twice, and it works on."""
    old, mails = day.service, len(day.behind.mails())
    assert old.stop() == 0
    assert old.notify.count("STOPPING=1") >= 1
    shutil.copytree(old.root / "opt", service.root / "opt", symlinks=True)
    for file in old.config.parent.iterdir():
        shutil.copy(file, service.config.parent)
    service.config.write_text(old.config.read_text(encoding="utf-8").replace(str(old.store), str(service.store)), encoding="utf-8")
    for name, source in (("tls-key", "tls.key"), ("dkim-rsa", "dkim-rsa.pem"), ("token-key", "token.key")):
        service.credential(name, service.config.parent / source)
    service.pass_time(old.clock)
    said = service.cli("restore", str(saved))
    assert "1 outgoing recipient held" in said, said
    assert "all is well" in service.cli("verify")
    service.start()
    day.service = service
    numbers = [row["number"] for row in rows(service.store, "SELECT number FROM ticket")]
    assert numbers == [row["number"] for row in rows(old.store, "SELECT number FROM ticket")]
    assert set(day.numbers) <= set(numbers)
    assert CUSTOMER in service.cli("queue", "list", "--state", "held")
    assert service.count("SELECT count(*) FROM recipient WHERE state = 'held'") == 1
    day.swaks(note("New house"))
    answer = day.mailbox(mails + 1)
    day.say(
        f"restored on another root: {len(numbers)} tickets, verify: all is well, the answer that waited is held;"
        f" it works on: {answer['Subject']}"
    )


def evening(day: Day) -> None:
    assert "all is well" in day.service.cli("verify")
    began = time.monotonic()
    assert day.service.stop() == 0
    for line in day.service.log().splitlines():
        assert "Traceback" not in line
    day.say(f"stopped with exit code 0 after {time.monotonic() - began:.1f} s; not one traceback in its log. Good night.")
