"""The end-of-data forms of tests/dialogues/smuggling.dialogue, each as the content of one mail that hides a second one."""

from __future__ import annotations

from tests.support import dialogue
from tests.support.server import ROOT

FILE = ROOT / "tests" / "dialogues" / "smuggling.dialogue"
_END = b"\r\n.\r\n"


def forms() -> dict[str, bytes]:
    """By name: the whole content as its client sends it, without the final dot."""
    found = {}
    for case in dialogue.read(FILE)[1]:
        (content,) = (line.removeprefix("C-RAW: ") for _, line in case.steps if line.startswith("C-RAW: "))
        octets = dialogue.octets(content)
        assert octets.count(_END) == 1, case
        assert octets.endswith(_END), case
        found[case.name.removesuffix(" does not end a mail")] = octets[: -len(_END)] + b"\r\n"
    return found


def ends(wire: bytes) -> int:
    """How many ends of data somebody gullible sees in what was sent after 354: any mix of CR and LF around a dot."""
    plain = (b"\n" + wire).replace(b"\r", b"\n")
    return sum(line == b"." for line in plain.split(b"\n"))
