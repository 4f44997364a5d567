"""A person at neomutt: a mail client with a Maildir, an editor that a script is, and SMTP to a mail server.

`missing()` says why there is none. What is pushed are neomutt's own functions, as keys would be; it has a terminal of its own,
which nobody looks at.
"""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass
from pathlib import Path

NEOMUTT = shutil.which("neomutt") or ""

_SETTINGS = """\
set mbox_type=Maildir folder="{box}" spoolfile="{box}" postponed="" record="" trash=""
set from="{address}" realname="{name}" use_from=yes use_envelope_from=yes envelope_from_address="{address}" hostname="pc.{domain}"
{server}
set editor="{editor}" autoedit=yes fast_reply=yes include=yes reply_to=yes abort_unmodified=no abort_nosubject=no abort_noattach=no
set quit=yes delete=no move=no confirmappend=no wait_key=no beep=no mail_check=0 sleep_time=0 sort=date mark_old=no
set signature="{signature}" sig_dashes=yes header_cache="" user_agent=yes charset="utf-8" send_charset="us-ascii:utf-8"
"""

_PLAIN = 'set smtp_url="smtp://127.0.0.1:{port}/" ssl_starttls=no ssl_force_tls=no'
_LOGIN = """\
set smtp_url="smtp://{user}@127.0.0.1:{port}/" smtp_pass="{password}" smtp_authenticators="plain" ssl_starttls=yes ssl_force_tls=yes
set ssl_ca_certificates_file="{authority}" ssl_verify_host=no"""

# Puts the words where people write: above the quote.
_EDITOR = """\
#!{python}
import sys
path = sys.argv[-1]
old = open(path, encoding="utf-8").read()
words = open({words!r}, encoding="utf-8").read()
open(path, "w", encoding="utf-8").write(words + "\\n\\n" + old)
"""


def missing() -> str:
    """Why there is no neomutt here, "" when there is one."""
    return "" if NEOMUTT else "neomutt is not installed"


@dataclass
class Person:
    """box: the Maildir where his mail arrives. port: of the server that takes what he sends; with a password he logs in there,
    over TLS with a certificate of this authority."""

    directory: Path
    name: str
    address: str
    box: Path
    port: int
    signature: str = ""
    password: str = ""
    authority: Path = Path("/")

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True)
        self._words = self.directory / "words"
        editor = self.directory / "editor"
        editor.write_text(_EDITOR.format(python=sys.executable, words=str(self._words)), encoding="utf-8")
        editor.chmod(0o755)
        signature = self.directory / "signature"
        signature.write_text(self.signature, encoding="utf-8")
        self._settings = self.directory / "muttrc"
        server = (_LOGIN if self.password else _PLAIN).format(
            port=self.port, user=self.address.replace("@", "%40"), password=self.password, authority=self.authority
        )
        text = _SETTINGS.format(
            box=self.box, address=self.address, name=self.name, domain=self.address.rpartition("@")[2], server=server,
            editor=editor, signature=signature if self.signature else "",
        )  # fmt: skip
        self._settings.write_text(text, encoding="utf-8")

    def write(self, to: str, subject: str, body: str, *, files: tuple[Path, ...] = ()) -> None:
        """A new mail."""
        attached = [word for file in files for word in ("-a", str(file))]
        self._run("-s", subject, *attached, "--", to, text=body)

    def tap(self, link: str) -> None:
        """A mailto link, and "send"."""
        self._run(link, text="\n")

    def reply(self, words: str, *, to: str = "reply", message_id: str = "") -> None:
        """To the newest mail, or that with this Message-ID. to: reply, or group-reply to all."""
        self._words.write_text(words, encoding="utf-8")
        find = f"<search>~i '{message_id.strip('<>')}'<enter>" if message_id else "<last-entry>"
        self._run("-f", str(self.box), keys=f"{find}<{to}><send-message><quit>")

    def _run(self, *arguments: str, text: str | None = None, keys: str = "") -> None:
        command = [NEOMUTT, "-n", "-F", str(self._settings)]
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", "HOME": str(self.directory)}
        if text is not None:
            done = subprocess.run(
                [*command, *arguments], input=text.encode(), capture_output=True, timeout=30, env=environment, check=False
            )
            assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
            return
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 150, 0, 0))
        shown: list[bytes] = []
        process = subprocess.Popen(
            [*command, "-e", f'push "{keys}"', *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        reader = threading.Thread(target=_drain, args=(master, shown), daemon=True)
        reader.start()
        try:
            code = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = -1
        reader.join(5)
        os.close(master)
        assert code == 0, f"neomutt ended with {code}:\n{b''.join(shown)[-3000:].decode('utf-8', 'replace')}"


def _drain(master: int, shown: list[bytes]) -> None:
    try:
        while data := os.read(master, 65536):
            shown.append(data)
    except OSError:  # the terminal is gone
        return
