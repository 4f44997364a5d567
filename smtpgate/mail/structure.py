"""The shape of a mail, found by one cheap pass over its raw bytes before any MIME parser sees it (threats F6, C8).

Follows boundaries and nested messages with a dictionary, so its cost does not grow with nesting. Never raises;
`too_much` says why a mail is beyond its limits, and such a mail becomes an opaque ticket.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smtpgate.config import Limits
from smtpgate.mail import header, params

# The stdlib parser tests each line against each open boundary: octets x depth is what it costs. 160 MiB are about 4 s;
# a mail of 25 MiB may be nested 6 deep, one of 5 MiB to the limit of depth.
_WORK = 160 * 1024 * 1024


@dataclass(slots=True)
class Shape:
    depth: int = 0
    parts: int = 0
    work: int = 0  # octets x depth
    open: list[bytes] = field(default_factory=list)  # boundaries, outermost first
    positions: dict[bytes, int] = field(default_factory=dict)
    messages: int = 0  # nested messages that are open; they close with their part


def too_much(raw: bytes, fields: tuple[header.Field, ...], body: int, limits: Limits) -> str:
    """Why this mail is not given to the MIME parser, "" if it may be."""
    if any(f.name == header.TRUNCATED for f in fields):
        return f"the header has more than {limits.header_section} octets or {limits.header_fields} fields"
    shape = Shape()
    pos, reason = _enter(raw, fields, body, shape, limits)
    line = pos - 1 if pos else 0
    seen = pos
    while not reason and shape.open and (line := raw.find(b"\n--", max(line, 0))) >= 0:
        end = raw.find(b"\n", line + 1)
        end = len(raw) if end < 0 else end
        name = raw[line + 3 : min(end, line + 300)].rstrip(b" \t\r")
        shape.work += (line - seen) * len(shape.open)
        seen = line
        line = end
        if name in shape.positions:
            _close_to(shape, shape.positions[name] + 1)
            shape.parts += 1
            part, at = header.split(raw[end + 1 : end + 1 + limits.header_section], limit=limits.header_section)
            pos, reason = _enter(raw, part, end + 1 + at, shape, limits)
            line = max(end, pos - 1)
        elif name.endswith(b"--") and name[:-2] in shape.positions:
            _close_to(shape, shape.positions[name[:-2]])
        reason = reason or _beyond(shape, limits)
    shape.work += (len(raw) - seen) * len(shape.open)
    return reason or _beyond(shape, limits)


def _beyond(shape: Shape, limits: Limits) -> str:
    if shape.depth > limits.mime_depth:
        return f"parts are nested more than {limits.mime_depth} deep"
    if shape.parts > limits.mime_parts:
        return f"there are more than {limits.mime_parts} parts"
    if shape.work > _WORK:
        return "it is too large for how deep its parts are nested"
    return ""


def _enter(raw: bytes, fields: tuple[header.Field, ...], body: int, shape: Shape, limits: Limits) -> tuple[int, str]:
    """Note what a header announces: a multipart opens a boundary, a message is entered. Returns where its body begins."""
    for _ in range(limits.mime_depth + 1):
        if any(f.name.startswith("content-") and len(f.raw) > limits.header_field for f in fields):
            return body, f"a Content field has more than {limits.header_field} octets"
        kind, values = params.content_type(fields)
        if kind.startswith("multipart/"):
            boundary = values.get("boundary", "").encode("utf-8", "replace").rstrip()
            if boundary and boundary not in shape.positions:
                shape.positions[boundary] = len(shape.open)
                shape.open.append(boundary)
                shape.depth = max(shape.depth, len(shape.open) + shape.messages)
            return body, ""
        if kind not in ("message/rfc822", "message/global", "message/news", "message/external-body"):
            return body, ""
        shape.messages += 1
        shape.depth = max(shape.depth, len(shape.open) + shape.messages)
        fields, at = header.split(raw[body : body + limits.header_section], limit=limits.header_section)
        body += at
    return body, f"parts are nested more than {limits.mime_depth} deep"


def _close_to(shape: Shape, size: int) -> None:
    for boundary in shape.open[size:]:
        del shape.positions[boundary]
    del shape.open[size:]
    shape.messages = 0 if size <= 1 else min(shape.messages, size)
