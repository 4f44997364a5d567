"""The words by which a customer steers a ticket, and our mail to himself: the one table, and who reads a reply against it.

A reply counts only if it is nothing but one of these, on one line; case, punctuation and blanks do not matter, nor what a
mail client puts below a new mail: a closing and a name. So no word stands here that also answers a question of ours
("done", "ok", "解决"). Pure, linear, never fails.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import StrEnum

from smtpgate.languages import Language
from smtpgate.mail.signature import is_sentence
from smtpgate.mail.signwords import CLOSINGS

_LONGEST = 80  # characters of the line
_DRAWN = frozenset("-_=—─*")
_AROUND = " ,.;:|<>()[]\"'，。"
_SIGNED, _SIGNED_LINES = 800, 8  # characters with a signature, lines of one


class Asked(StrEnum):
    """What a customer wants. The value is also the mark that agents see."""

    STATUS = "status"
    SOLVED = "solved"
    UNSOLVED = "not solved"
    ENGLISH = "wants English"
    SIMPLIFIED = "wants Simplified Chinese"
    TRADITIONAL = "wants Traditional Chinese"
    FEWER = "wants fewer notices"
    ALL = "wants all notices"
    EXPORT = "wants a copy of the data"
    ERASE = "wants to be erased"
    CONFIRM = "confirms it"
    CANCEL = "calls it off"

    @property
    def language(self) -> Language | None:
        """That of our mail from now on."""
        return _LANGUAGES.get(self)

    @property
    def personal(self) -> bool:
        """It is about the person's own data."""
        return self in (Asked.EXPORT, Asked.ERASE, Asked.CONFIRM, Asked.CANCEL)

    @property
    def wish(self) -> bool:
        """It is about the person and not about the ticket."""
        return self in _WISHES


_LANGUAGES: dict[Asked, Language] = {Asked.ENGLISH: "en", Asked.SIMPLIFIED: "zh", Asked.TRADITIONAL: "zh-Hant"}
_WISHES = frozenset((*_LANGUAGES, Asked.FEWER, Asked.ALL))

# In each language the first word is the one that our mail offers. A language is asked for in its own words.
# fmt: off
WORDS: dict[Asked, dict[Language, tuple[str, ...]]] = {
    Asked.STATUS: {
        "en": ("status", "state", "progress", "ticket status", "how is it going", "how's it going", "any news", "any update"),
        "zh": ("状态", "进度", "进展", "工单状态", "处理进度", "查询状态", "查询进度", "查进度", "进展如何", "进度如何"),
        "zh-Hant": ("進度", "狀態", "進展", "工單狀態", "案件進度", "案件狀態", "處理進度", "查詢狀態", "查詢進度", "查進度",
                    "進展如何", "進度如何"),
    },
    Asked.SOLVED: {
        "en": ("solved", "closed", "close", "resolved", "it is solved", "it's solved", "it is resolved", "problem solved",
               "issue resolved", "close it", "close ticket", "close the ticket"),
        "zh": ("已解决", "关闭", "已关闭", "解决了", "已经解决", "已经解决了", "问题已解决", "问题解决了", "关闭工单"),
        "zh-Hant": ("已解決", "關閉", "已關閉", "解決了", "已經解決", "已經解決了", "問題已解決", "問題解決了", "關閉工單", "結案",
                    "可以結案"),
    },
    Asked.UNSOLVED: {
        "en": ("not solved", "unsolved", "not resolved", "unresolved", "not yet solved", "still not solved", "reopen",
               "it is not solved", "it's not solved", "it is not resolved", "problem not solved", "reopen ticket"),
        "zh": ("未解决", "没解决", "没有解决", "还没解决", "还没有解决", "仍未解决", "尚未解决", "问题未解决", "问题没有解决",
               "重新打开"),
        "zh-Hant": ("未解決", "沒解決", "沒有解決", "還沒解決", "還沒有解決", "仍未解決", "尚未解決", "問題未解決", "問題沒有解決",
                    "重新開啟", "重新打開"),
    },
    Asked.ENGLISH: {
        "en": ("write in English", "please write in English", "English please", "in English please", "language English",
               "language en"),
        "zh": ("请用英文", "用英文", "英文", "语言英文", "请用英语", "用英语", "语言英语"),
        "zh-Hant": ("請用英文", "用英文", "英文", "語言英文", "請用英語", "用英語", "語言英語"),
    },
    Asked.SIMPLIFIED: {
        "zh": ("请用简体中文", "简体中文", "简体", "用简体中文", "请用简体", "语言简体中文", "语言简体", "请用中文", "语言中文"),
        "zh-Hant": ("請用簡體中文", "簡體中文", "簡體", "用簡體中文", "請用簡體", "語言簡體中文", "語言簡體"),
        "en": ("write in Simplified Chinese", "Simplified Chinese please", "language Simplified Chinese", "write in Chinese",
               "Chinese please", "in Chinese please", "language Chinese", "language zh", "language zh-CN"),
    },
    Asked.TRADITIONAL: {
        "zh-Hant": ("請用繁體中文", "繁體中文", "繁體", "用繁體中文", "請用繁體", "語言繁體中文", "語言繁體", "正體中文",
                    "請用正體中文", "請用中文", "語言中文"),
        "zh": ("请用繁体中文", "繁体中文", "繁体", "用繁体中文", "请用繁体", "语言繁体中文", "语言繁体"),
        "en": ("write in Traditional Chinese", "Traditional Chinese please", "language Traditional Chinese", "language zh-Hant",
               "language zh-TW", "language zh-HK"),
    },
    Asked.FEWER: {
        "en": ("fewer notices", "less notices", "fewer mails", "mute", "mute notices", "unsubscribe"),
        "zh": ("少发通知", "减少通知", "少发邮件", "静音", "退订"),
        "zh-Hant": ("少發通知", "減少通知", "少寄郵件", "少寄通知", "靜音", "取消訂閱", "退訂"),
    },
    Asked.ALL: {
        "en": ("all notices", "more notices", "unmute"),
        "zh": ("恢复通知", "恢复全部通知", "全部通知", "取消静音"),
        "zh-Hant": ("恢復通知", "恢復全部通知", "全部通知", "取消靜音"),
    },
    Asked.EXPORT: {
        "en": ("export my data", "send me my data", "export all my data"),
        "zh": ("导出我的数据", "导出我的资料", "导出我的个人数据"),
        "zh-Hant": ("匯出我的資料", "匯出我的數據", "匯出我的個人資料"),
    },
    Asked.ERASE: {
        "en": ("erase my data", "delete my data", "erase all my data", "delete all my data"),
        "zh": ("删除我的数据", "删除我的资料", "删除我的个人数据"),
        "zh-Hant": ("刪除我的資料", "刪除我的數據", "刪除我的個人資料"),
    },
}
# The answer to our question whether that is meant: at the address of that question alone, for customers write them otherwise too.
DECISIONS: dict[Asked, dict[Language, tuple[str, ...]]] = {
    Asked.CONFIRM: {"en": ("confirm", "I confirm"), "zh": ("确认", "我确认"), "zh-Hant": ("確認", "我確認")},
    Asked.CANCEL: {"en": ("cancel", "keep my data"), "zh": ("取消", "保留我的数据"), "zh-Hant": ("取消", "保留我的資料")},
}
# fmt: on


def offered(asked: Asked, language: Language) -> str:
    """The word that our mail in this language names, and that a tap on its link writes."""
    return (WORDS | DECISIONS)[asked][asked.language or language][0]


def read(reply: str, who: str = "") -> Asked | None:
    """What the reply asks for; None when it is anything else. reply: what is new in a mail; who: its sender's name and address."""
    return _read(reply, who, _BY_WORD)


def decided(reply: str, who: str = "") -> Asked | None:
    """The same of an answer to our question about the person's data."""
    return _read(reply, who, _BY_DECISION)


def _read(reply: str, who: str, table: Mapping[str, Asked]) -> Asked | None:
    whole = reply.strip()
    if not whole or len(whole) > _SIGNED:
        return None
    text, *below = whole.splitlines()
    if len(text) > _LONGEST or (below and not _signs([line.strip() for line in below], who)):
        return None
    bare = _bare(text)
    asked = table.get(bare) or table.get(bare.translate(_SIMPLIFIED))
    if asked in (Asked.SOLVED, Asked.UNSOLVED) and ("?" in text or "？" in text):
        return None  # "solved?" is a question and closes nothing
    return asked


def _signs(lines: list[str], who: str) -> bool:
    """A blank line, a drawn one, a closing, and one block that begins with the sender's own name or address; each but the first
    may be missing. Nothing else: a postscript is an answer."""
    if lines[0]:
        return False
    closing, *rest = [i for i, line in enumerate(lines) if line]
    if set(lines[closing]) <= _DRAWN and rest:
        closing, *rest = rest
    if lines[closing].strip(" ,.!，。！;").lower() in CLOSINGS:
        if not rest:
            return True
        closing = rest[0]
    block = lines[closing:]
    return _names(block[0], who) and all(block) and len(block) <= _SIGNED_LINES and not any(map(is_sentence, block))


def _names(line: str, who: str) -> bool:
    """At least half of its words are the sender's name: Will may sign "Will", but "will you look" is a wish."""
    if len(line) > _LONGEST:
        return False
    known = {word.strip(_AROUND) for word in who.casefold().split()}
    said = [word for word in (word.strip(_AROUND) for word in line.casefold().split()) if word]
    return bool(said) and 2 * sum(word in known for word in said) >= len(said)


def _bare(text: str) -> str:
    """Letters, digits, and signs that carry a meaning: who puts a cross behind "solved" does not say that it is."""
    if text.isascii():  # the same at a tenth of the cost
        return text.lower().translate(_NOT_BARE)
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c != "~" and unicodedata.category(c)[0] not in "PZC")


_NOT_BARE = {code: None for code in range(128) if chr(code) == "~" or unicodedata.category(chr(code))[0] in "PZC"}


# Who copies a word out of our mail and writes the rest himself may mix the scripts: 请用繁體中文.
_SIMPLIFIED = str.maketrans(
    "進狀態單處詢決還經關閉結問題沒開啟請簡體語減發郵靜訂閱復", "进状态单处询决还经关闭结问题没开启请简体语减发邮静订阅复"
)


def _by_word(words: Mapping[Asked, Mapping[Language, tuple[str, ...]]]) -> dict[str, Asked]:
    """Each word as it is, then in one script."""
    table: dict[str, Asked] = {}
    for asked, languages in words.items():
        for word in (word for several in languages.values() for word in several):
            bare = _bare(word)
            assert table.setdefault(bare, asked) is asked, f"{word} means two things"
    for bare, asked in tuple(table.items()):
        table.setdefault(bare.translate(_SIMPLIFIED), asked)
    return table


_BY_WORD = _by_word(WORDS)
_BY_DECISION = _by_word(DECISIONS)
