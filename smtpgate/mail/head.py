"""The header of a mail as a reader wants it: subject, people, date, ids; what is odd about it is told, not refused.

Pure; never raises. Addresses and names are safe to print. Who wrote the mail for certain is another question:
mail.address.author, which takes nothing that two readers could read in two ways.
"""

from __future__ import annotations

import re

from smtpgate.limitsettings import Limits
from smtpgate.mail import address, dates, header, safe
from smtpgate.mail.header import Field
from smtpgate.model import Address

_SINGLE = ("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references")  # RFC 5322 §3.6
_LABEL = re.compile(rb"charset\*?\s{0,3}=\s{0,3}[\"']?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_RECEIVED = 5  # fields in which a date is looked for
_LISTS = 10  # fields of one name that are read


class Head:
    """The fields of one mail, read once. text: the beginning of its body, which tells the charset of raw 8-bit fields."""

    def __init__(self, fields: tuple[Field, ...], limits: Limits, text: bytes = b"") -> None:
        self.fields = fields
        self._limit = limits.addresses
        self._hint = _hint(fields, text)
        self.defects: list[str] = []
        self._lists: dict[str, tuple[Address, ...]] = {}
        for name in _SINGLE:
            if len(header.named(fields, name)) > 1:
                self.defects.append(f"more than one {name} field")
        if any(len(f.value) > header.FIELD_LIMIT for f in fields):
            self.defects.append(f"a header field longer than {header.FIELD_LIMIT} octets was cut")
        if any(not f.name for f in fields):
            self.defects.append("a line in the header that is no field")
        self.subject = safe.line(header.decode_words(self._value("subject")), header.FIELD_LIMIT)
        self.message_id = next(iter(self.ids("message-id")), None)
        self.date = self._date()

    def ids(self, name: str) -> tuple[str, ...]:
        return header.message_ids(header.first(self.fields, name) or "")

    def addresses(self, name: str) -> tuple[Address, ...]:
        """The addresses of all fields with this name, read once."""
        if name not in self._lists:
            values = [header.unfolded(f, self._hint) for f in header.named(self.fields, name)[:_LISTS]]
            self._lists[name], defects = address.parse_list(", ".join(values), limit=self._limit) if values else ((), ())
            if name == "from" and not self._lists[name] and (local := address.local_name(self._value(name))) is not None:
                self._lists[name] = (local,)  # shown as it stands; nobody can be answered there
            self.defects.extend(f"{name}: {d}" for d in defects)
        return self._lists[name]

    def _value(self, name: str) -> str:
        """The first value that says something."""
        values = (header.unfolded(f, self._hint) for f in header.named(self.fields, name)[:_LISTS])
        return next((v for v in values if v.strip()), "")

    def _date(self) -> str | None:
        """The Date as ISO 8601; without a readable one, when the last server received the mail."""
        found = dates.read(self._value("date"))
        if found.text is not None:
            self.defects.extend([found.defect] if found.defect else [])
            return found.text
        self.defects.append("no date that can be read")
        for field in header.named(self.fields, "received")[:_RECEIVED]:
            received = dates.read(header.unfolded(field).rpartition(";")[2])
            if received.text is not None:
                return received.text
        return None


def _hint(fields: tuple[Field, ...], text: bytes) -> str | None:
    """The charset that the mail declares for its text, wherever it does first; only asked for raw 8-bit fields."""
    if all(f.value.isascii() for f in fields):
        return None
    for piece in (*(f.value for f in fields if f.name == "content-type"), text):
        if found := _LABEL.search(piece):
            return found[1].decode("ascii")
    return None
