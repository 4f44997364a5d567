"""The customer's last mail below an agent's answer, as mail programs quote: who wrote it, when, and the words, bounded.

Only what the customer newly wrote, never what that mail quotes; nothing at all when a signed address of ours is in it. Pure.
"""

from __future__ import annotations

from smtpgate.desksettings import Desk
from smtpgate.languages import Language
from smtpgate.mail import letters, outward, safe, trim
from smtpgate.model import Entry
from smtpgate.records import record

_LINE = 75  # characters of quote_length for which there may be a line
_CUT = "[…]"
_WRITTEN = "written "  # a mark of a mail that an agent brought says so when (handlers/opening)
# Such lines are known to every program for what they are: a date, an address, and the verb.
_BY = {"en": "On {when}, {who} wrote:", "zh": "在 {when}，{who} 写道：", "zh-Hant": "在 {when}，{who} 寫道："}


@record(frozen=True, slots=True)
class Quote:
    """by: the line above; text: the words, clean, without marks."""

    by: str
    text: str

    @property
    def marked(self) -> str:
        return "\n".join(f"> {line}" if line else ">" for line in self.text.split("\n"))


def quote(entry: Entry, desk: Desk, language: Language) -> Quote | None:
    """What is quoted of a mail; None for nothing."""
    own = trim.reply_part(entry.text)
    if not own or outward.quotes_us(own):
        return None
    lines = [line.rstrip() for line in safe.block(own).expandtabs(4).split("\n") if not line.lstrip().startswith((">", "＞"))]
    kept: list[str] = []
    left, most = desk.quote_length, desk.quote_length // _LINE
    for line in lines[:most]:
        kept.append(line[:left])
        if len(line) > left:
            break
        left = max(left - len(line) - 1, 0)
    if kept != lines:
        kept.append(_CUT)
    text = "\n".join(kept).strip("\n")
    said = next((mark.removeprefix(_WRITTEN) for mark in entry.marks if mark.startswith(_WRITTEN)), "")
    when = letters.one_line(said, 60) or letters.date_text(entry.created_at, desk, language)
    return Quote(_BY[language].format(when=when, who=letters.one_line(entry.author, 200)), text) if text.strip() else None
