"""format=flowed (RFC 3676): soft line ends out, so that paragraphs read as their writer typed them. Pure, linear."""

from __future__ import annotations


def unflow(text: str, *, delsp: bool) -> str:
    """The text with flowed lines joined. Quote marks stay; "-- " is never flowed (§4.3)."""
    out: list[str] = []
    pending: list[str] = []  # pieces of the paragraph that is being joined
    depth = -1
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        content = line.lstrip(">")
        marks = len(line) - len(content)
        content = content.removeprefix(" ")  # space-stuffing (§4.4)
        soft = content.endswith(" ") and content != "-- "
        if pending and (marks != depth or content == "-- "):
            out.append(_line(depth, "".join(pending)))
            pending.clear()
        depth = marks
        if soft:
            pending.append(content[:-1] if delsp else content)
            continue
        out.append(_line(marks, "".join((*pending, content))))
        pending.clear()
    if pending:
        out.append(_line(depth, "".join(pending).rstrip()))
    return "\n".join(out)


def _line(marks: int, content: str) -> str:
    return f"{'>' * marks} {content}" if marks else content
