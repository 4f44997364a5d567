"""What the agents of a desk are told when all tickets of another one come to it, in each language. Pure."""

from __future__ import annotations

from smtpgate.desksettings import Desk
from smtpgate.languages import Language

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "{count} tickets of desk {old} are at desk {new} now",
        "title-one": "A ticket of desk {old} is at desk {new} now",
        "moved": "Your mail admin has moved what was there: {open} open, {ended} ended.",
        "freed": "Of the open ones {freed} had an agent who is none of {new}; nobody has them now.",
        "list": "Write #list to {address} to see those that are open, or #next for the one that waits longest.",
    },
    "zh": {
        "title": "服务台 {old} 的 {count} 张工单已移交服务台 {new}",
        "moved": "邮件管理员已将其全部移交：未结束 {open} 张，已结束 {ended} 张。",
        "freed": "未结束的工单中，有 {freed} 张的原负责人不是 {new} 的客服，现在无人负责。",
        "list": "写信给 {address}，正文写 #list 可查看未结束的工单，写 #next 可查看等待最久的一张。",
    },
    "zh-Hant": {
        "title": "服務台 {old} 的 {count} 張工單已移交服務台 {new}",
        "moved": "郵件管理員已將其全部移交：未結束 {open} 張，已結束 {ended} 張。",
        "freed": "未結束的工單中，有 {freed} 張的原負責人不是 {new} 的客服人員，現在無人負責。",
        "list": "寫信到 {address}，內文寫 #list 可查看未結束的工單，寫 #next 可查看等待最久的一張。",
    },
}


def came(language: Language, old: str, desk: Desk, count: int, opened: int, freed: int) -> tuple[str, tuple[str, ...]]:
    """Title and lines. opened: of them; freed: of those, which nobody has any more."""
    words = _WORDS[language]
    names = [name for name, wanted in (("moved", True), ("freed", freed > 0), ("list", opened > 0)) if wanted]
    values = {"old": old, "new": desk.name, "count": count, "open": opened, "ended": count - opened, "freed": freed}
    values["address"] = desk.address
    title = words.get("title-one", words["title"]) if count == 1 else words["title"]
    return title.format(**values), tuple(words[name].format(**values) for name in names)
