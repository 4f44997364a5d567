"""The files of a mail: their names, what they truly are, and what agents are told of them.

Collects attachments as mail/body.py finds them. Raises ParseFailed when all of them together are larger than they may be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from smtpgate.errors import ParseFailed
from smtpgate.mail import params, sniff
from smtpgate.model import Attachment

# Names for parts that have none, by what they are (RFC 8551 §3.2.1, RFC 3156); anything else is called by its type.
_NAMES = {
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pgp-signature": "signature.asc",
    "application/pgp-keys": "key.asc",
    "application/pgp-encrypted": "pgp-version.txt",
    "application/ms-tnef": "winmail.dat",
    "application/vnd.ms-tnef": "winmail.dat",
    "text/rfc822-headers": "headers.txt",
    "message/rfc822-headers": "headers.txt",
    "message/global-headers": "headers.txt",
    "text/calendar": "invite.ics",
    "application/ics": "invite.ics",
}
_ENCRYPTED = {"application/pkcs7-mime": "S/MIME", "application/x-pkcs7-mime": "S/MIME", "application/pgp-encrypted": "PGP"}


class Files:
    """most: octets that all files may have decoded."""

    def __init__(self, most: int) -> None:
        self.found: list[Attachment] = []
        self._left = most
        self._used: dict[str, set[str]] = {}  # lower-case name: hashes of the files that are called so
        self._unnamed: list[int] = []

    def add(self, name: str, kind: str, data: bytes, *, inline: bool = False, content_id: str | None = None) -> Attachment:
        """name: made safe already, "" without one."""
        self._left -= len(data)
        if self._left < 0:
            raise ParseFailed("its files are larger than a mail may be")
        true = sniff.by_content(data)
        label = ""
        if true and true != kind and (sniff.generic(kind) or sniff.contradicts(kind, true)):
            kind, label = true, kind
        digest = hashlib.sha256(data).hexdigest()
        if name:
            name = self._once(name, digest)
        else:
            self._unnamed.append(len(self.found))
            name = _NAMES.get(kind) or params.made_up_name(kind, len(self.found) + 1)
        self.found.append(Attachment(name, kind, len(data), digest, inline, content_id, label))
        return self.found[-1]

    def is_text(self, digest: str) -> None:
        """A file that is the text of the mail as well: shown within it, and none that its sender attached."""
        self.found = [replace(file, inline=True) if file.sha256 == digest else file for file in self.found]

    def finish(self) -> list[Attachment]:
        """All files; names that we made up give way to those that the sender gave."""
        for i in self._unnamed:
            file = self.found[i]
            self.found[i] = replace(file, filename=self._once(file.filename, file.sha256))
        self._unnamed.clear()
        return self.found

    def _once(self, name: str, digest: str) -> str:
        """The name, or one like it, when another file has it: "a.pdf", "a (2).pdf"."""
        stem, dot, ending = name.rpartition(".")
        if not dot:
            stem, ending = name, ""
        number, wanted = 1, name
        while wanted.lower() in self._used and digest not in self._used[wanted.lower()]:
            number += 1
            wanted = f"{stem} ({number}){dot}{ending}"
        self._used.setdefault(wanted.lower(), set()).add(digest)
        return wanted


def marks(files: Iterable[Attachment]) -> tuple[str, ...]:
    """What agents must know before they open anything: programs, wrong labels, what cannot be read."""
    found: list[str] = []
    for file in files:
        if sniff.runs(file.filename, file.content_type):
            found.append(f"program: {file.filename}")
        elif file.label and not sniff.generic(file.label):
            found.append(f"wrong label: {file.filename} is {file.content_type}")
        if method := _ENCRYPTED.get(file.content_type):
            found.append(f"encrypted or signed: {method}")
    return tuple(dict.fromkeys(found))
