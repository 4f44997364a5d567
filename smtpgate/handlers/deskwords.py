"""What the agents of a desk are told when all tickets of another one come to it, in each language. Pure."""

from __future__ import annotations

from smtpgate.desksettings import Desk
from smtpgate.languages import Language

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Tickets of desk {old} are at desk {new} now: {count}",
        "open": "Your mail admin has moved them. Open: {open}. The others have ended.",
        "freed": "Open ones whose agent is none of {new}: {freed}. Nobody has them now.",
        "list": "Write #list to {address} to see those that are open, or #next for the one that waits longest.",
    },
    "zh": {
        "title": "服务台 {old} 的 {count} 张工单已移交服务台 {new}",
        "open": "邮件管理员已将其移交。其中未结束的有 {open} 张，其余已结束。",
        "freed": "原负责人不是 {new} 客服的未结束工单有 {freed} 张，现在无人负责。",
        "list": "写信给 {address}，正文写 #list 可查看未结束的工单，写 #next 可查看等待最久的一张。",
    },
    "zh-Hant": {
        "title": "服務台 {old} 的 {count} 張工單已移交服務台 {new}",
        "open": "郵件管理員已將其移交。其中未結束的有 {open} 張，其餘已結束。",
        "freed": "原負責人不是 {new} 客服人員的未結束工單有 {freed} 張，現在無人負責。",
        "list": "寫信到 {address}，內文寫 #list 可查看未結束的工單，寫 #next 可查看等待最久的一張。",
    },
}


def came(language: Language, old: str, desk: Desk, count: int, opened: int, freed: int) -> tuple[str, tuple[str, ...]]:
    """Title and lines. opened: of them; freed: of those, which nobody has any more."""
    words = _WORDS[language]
    names = [name for name, wanted in (("open", True), ("freed", freed > 0), ("list", opened > 0)) if wanted]
    values = {"old": old, "new": desk.name, "count": count, "open": opened, "freed": freed, "address": desk.address}
    return words["title"].format(**values), tuple(words[name].format(**values) for name in names)
