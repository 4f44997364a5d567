"""Until when something is due, in words: for agents, and as it is promised to customers. Pure; never fails."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from smtpgate.desksettings import Desk
from smtpgate.languages import Language
from smtpgate.mail import letters
from smtpgate.target import Target, TargetClock

_DAYS: dict[str, tuple[str, ...]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "zh": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    "zh-Hant": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
}
TARGETS: dict[str, dict[Target, str]] = {
    "en": {
        Target.FIRST: "first answer",
        Target.NEXT: "next answer",
        Target.SOLUTION: "solution",
        Target.DATE: "date set by an agent",
    },
    "zh": {Target.FIRST: "首次答复", Target.NEXT: "再次答复", Target.SOLUTION: "解决", Target.DATE: "客服设定的期限"},
    "zh-Hant": {Target.FIRST: "首次答覆", Target.NEXT: "再次答覆", Target.SOLUTION: "解決", Target.DATE: "客服設定的期限"},
}
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "due": "Due",
        "until": "{when} ({target})",
        "since": "OVERDUE since {when} ({target})",
        "short-until": "due {when}",
        "short-since": "OVERDUE for {age}",
        "promise": "You get an answer from one of us by {when} at the latest.",
        "late": "We meant to answer by {when} and are late. Your request is still with us.",
    },
    "zh": {
        "due": "期限",
        "until": "{when}（{target}）",
        "since": "【已逾期】原定 {when}（{target}）",
        "short-until": "期限 {when}",
        "short-since": "【已逾期】{age}",
        "promise": "我们的同事最迟在 {when}之前给您答复。",
        "late": "我们原定在 {when}之前答复您，现已延误。您的工单仍在处理中。",
    },
    "zh-Hant": {
        "due": "期限",
        "until": "{when}（{target}）",
        "since": "【已逾期】原訂 {when}（{target}）",
        "short-until": "期限 {when}",
        "short-since": "【已逾期】{age}",
        "promise": "我們的同仁最遲會在 {when}之前答覆您。",
        "late": "我們原訂在 {when}之前答覆您，現已延誤。您的案件仍在處理中。",
    },
}


SUMMED: dict[str, dict[str, str]] = {
    "en": {
        "title": "Tickets: {parts}",
        "late": "{count} overdue",
        "soon": "{count} due soon",
        "why": "You were sent too many mails within an hour to hear of these one by one.",
        "more": "and {count} more",
        "list": "Write #list to {address} to see all that is open, what is due first before all.",
    },
    "zh": {
        "title": "{parts}",
        "late": "{count} 张工单已逾期",
        "soon": "{count} 张工单即将到期",
        "why": "一小时内发给您的邮件过多，以下工单未能逐一通知。",
        "more": "还有 {count} 张",
        "list": "写信给 {address}，正文写 #list，可查看全部未结束的工单，先到期的在前。",
    },
    "zh-Hant": {
        "title": "{parts}",
        "late": "{count} 張工單已逾期",
        "soon": "{count} 張工單即將到期",
        "why": "一小時內寄給您的郵件過多，以下工單未能逐一通知。",
        "more": "還有 {count} 張",
        "list": "寫信到 {address}，內文寫 #list，可查看全部未結束的工單，先到期的在前。",
    },
}


def day_text(moment: float, desk: Desk, language: Language, zone: str = "") -> str:
    """The moment with its day of the week."""
    day = _DAYS[language][datetime.fromtimestamp(moment, ZoneInfo(zone or desk.timezone)).weekday()]
    text = letters.date_text(moment, desk, language, zone)
    return f"{day}, {text}" if language == "en" else text.replace("日 ", f"日（{day}）", 1)


def due_text(clock: TargetClock | None, desk: Desk, language: Language, now: float, zone: str = "") -> str:
    """For an agent, in his zone; "" when nothing is due."""
    if clock is None or clock.due_at is None:
        return ""
    said = WORDS[language]["since" if clock.due_at <= now else "until"]
    return said.format(when=day_text(clock.due_at, desk, language, zone), target=TARGETS[language][clock.due])


def short_text(clock: TargetClock | None, desk: Desk, language: Language, now: float, zone: str = "") -> str:
    """The same for a line of a list."""
    if clock is None or clock.due_at is None:
        return ""
    words = WORDS[language]
    if clock.due_at <= now:
        return words["short-since"].format(age=letters.age_text(now - clock.due_at, language))
    return words["short-until"].format(when=letters.date_text(clock.due_at, desk, language, zone))


def promise(due_at: float, desk: Desk, language: Language, now: float) -> str:
    """To the customer, in the desk's zone, which it names by its offset: he may live in another one."""
    when = day_text(due_at, desk, language) + letters.offset_text(due_at, desk, language)
    return WORDS[language]["late" if due_at <= now else "promise"].format(when=when)
