"""A day in the life of a gateway, from the wheel to the restored backup, by the documented commands.

    python -m tests.trial.day [--keep DIRECTORY]

An admin installs smtpgate into a clean environment, writes a configuration out of the example, starts it as the unit does,
and lives through what a year has in store: mail by SMTP and through a Postfix, a kill, a full disk, a smarthost that is down
for an hour, a bad certificate, a bad reload, a backup, a new machine. Each step asserts, and prints what was seen. Needs
root, Postfix, swaks, openssl and libfaketime; missing() says what is not there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.notify import notify_socket
from tests.support.postfix import postfix
from tests.trial import morning, trouble
from tests.trial.scene import Day, missing
from tests.trial.unit import Service

_DISK = "160m"  # enough above limits.free_space (75 MiB) for a day, small enough to fill


@contextmanager
def service(root: Path, lmtp: Path) -> Iterator[Service]:
    """A machine: its root, with a disk of its own for the store, its sockets and its supervisor."""
    root.mkdir(mode=0o755)
    (root / "run").mkdir()
    with notify_socket(root / "run") as told:
        Path(told.address).chmod(0o777)
        made = Service(root, lmtp, told)
        mount = ("mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=0700,uid={made.user},gid={made.user}", "smtpgate-day")
        subprocess.run([*mount, str(made.state)], check=True)
        try:
            made.listen()
            yield made
        finally:
            made.close()
            subprocess.run(["umount", "--lazy", str(made.state)], check=True)


def live(directory: Path) -> Day:
    """All of it. Raises AssertionError at the step that did not go as it should."""
    with ExitStack() as stack:
        behind = stack.enter_context(
            postfix(virtual_mailbox_domains="customer.example", virtual_mailbox_maps="static:box/", myhostname="out.help.example")
        )
        front = stack.enter_context(
            postfix(
                relay_domains="help.example",
                relay_recipient_maps="",
                transport_maps="inline:{ help.example=lmtp:unix:/smtpgate/lmtp.sock }",
                lmtp_send_xforward_command="yes",
                myhostname="mx.postfix.example",
            )
        )
        lmtp = front.directory / "queue/smtpgate/lmtp.sock"
        day = Day(stack.enter_context(service(directory / "old", lmtp)), front, behind)
        morning.install(day)
        morning.configure(day)
        morning.start(day)
        answer = morning.by_smtp(day)
        morning.by_lmtp(day)
        morning.reply_and_repeat(day, answer)
        morning.forgery(day)
        trouble.killed(day)
        trouble.disk_full(day)
        trouble.smarthost_down(day)
        trouble.bad_certificate(day)
        trouble.bad_reload(day)
        saved = trouble.backed_up(day)
        trouble.moved(day, saved, stack.enter_context(service(directory / "new", lmtp.with_name("new.sock"))))
        trouble.evening(day)
        return day


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", type=Path, help="live in this new directory and leave it there")
    args = parser.parse_args()
    if why := missing():
        print(why, file=sys.stderr)
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="smtpgate-day-") as temporary:
        directory = args.keep or Path(temporary)
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)
        live(directory)
    print(f"a day in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
