"""A private Postfix: its own configuration, queue and port below one directory of its own, run in the foreground.

Needs root (Postfix changes users by itself) and the Debian package's users; `missing()` says why it cannot be had. The
directory is not below pytest's, which nobody but root may enter. `log()` is Postfix's own log.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from tests.support.gateway import free_port, read_mail, wait_for

POSTFIX = shutil.which("postfix") or "/usr/sbin/postfix"
NOBODY = 65534

_MAIN = {
    "compatibility_level": "3.6",
    "mail_owner": "postfix",
    "setgid_group": "postdrop",
    "maillog_file": "/dev/stdout",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.0/8",
    "mydestination": "",
    "local_transport": "error:no local mail",
    "alias_maps": "",
    "alias_database": "",
    "notify_classes": "",
    "smtpd_recipient_restrictions": "permit_mynetworks, reject",
    "smtpd_tls_security_level": "none",
    "smtp_tls_security_level": "none",
    "smtp_dns_support_level": "disabled",
    "smtp_host_lookup": "native",
    "queue_run_delay": "1s",
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "1s",
    "transport_retry_time": "1s",
    "smtputf8_enable": "yes",
}

_MASTER = """\
127.0.0.1:{port} inet n - n - {processes} smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - y - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
"""


def missing() -> str:
    """Why there is no Postfix here, "" when there is one."""
    if not Path(POSTFIX).exists():
        return "Postfix is not installed"
    return "" if os.geteuid() == 0 else "Postfix needs root"


@dataclass
class Postfix:
    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def maildir(self) -> Path:
        return self.directory / "mail"

    def log(self) -> str:
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    def mails(self) -> list[EmailMessage]:
        """What the virtual transport has delivered, oldest first."""
        found = sorted(self.maildir.glob("*/new/*"), key=lambda p: p.stat().st_mtime_ns)
        return [read_mail(path.read_bytes()) for path in found]

    def pid(self) -> int:
        """Of Postfix's master process."""
        return int((self.directory / "queue/pid/master.pid").read_text())

    def start(self) -> None:
        """In the foreground, until it greets. Possible again after stop: same port, same queue."""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [POSTFIX, "-c", str(self.directory / "etc"), "start-fg"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        wait_for(self.greets, seconds=20, why=f"Postfix does not greet:\n{self.log()[-3000:]}")

    def stop(self) -> None:
        assert self.process is not None
        subprocess.run([POSTFIX, "-c", str(self.directory / "etc"), "stop"], capture_output=True, timeout=30, check=False)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def greets(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"Postfix ended:\n{self.log()[-3000:]}"
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), timeout=5)) as connection:
                return connection.recv(4) == b"220 "
        except OSError:
            return False


@contextmanager
def postfix(*, processes: int | str = "-", **main: str) -> Iterator[Postfix]:
    """main: settings of main.cf; {dir} in a value is the instance's directory."""
    with tempfile.TemporaryDirectory(prefix="smtpgate-postfix-") as temporary:
        directory = Path(temporary)
        directory.chmod(0o755)
        for name in ("etc", "queue", "data", "mail"):
            (directory / name).mkdir(mode=0o755)
        shutil.chown(directory / "data", "postfix")
        os.chown(directory / "mail", NOBODY, NOBODY)
        it = Postfix(directory, free_port())
        settings = {
            **_MAIN,
            "queue_directory": "{dir}/queue",
            "data_directory": "{dir}/data",
            "myhostname": "mx.postfix.example",
            "virtual_mailbox_base": "{dir}/mail",
            "virtual_uid_maps": f"static:{NOBODY}",
            "virtual_gid_maps": f"static:{NOBODY}",
            **main,
        }
        text = "".join(f"{key} = {value.replace('{dir}', str(directory))}\n" for key, value in settings.items())
        (directory / "etc/main.cf").write_text(text)
        (directory / "etc/master.cf").write_text(_MASTER.format(port=it.port, processes=processes))
        try:
            it.start()
            yield it
        finally:
            it.stop()
