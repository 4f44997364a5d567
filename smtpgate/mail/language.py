"""The language a person wrote in, by script, letters and everyday words: good enough to choose the language of an answer.

Only what is new in a mail counts, its first lines most: a signature or a pasted notice in another language says nothing
of the writer. Pure, linear in a bounded sample, never fails; "" when there is too little to tell.
"""

from __future__ import annotations

import re
from collections import defaultdict

from smtpgate.mail.languagewords import CYRILLIC, LETTERS, SIMPLIFIED, TRADITIONAL, WORDS

_SAMPLE = 1000  # characters of a text
_FIRST = 3  # lines with words that decide alone, if they say enough
_WIDE = 60  # characters of each of them
_MANY = 400  # characters of no Latin script that are counted
_MOST = 100  # words that are counted
_LIST = 200  # characters of a list of languages
_SCRIPT_OF = {"hant": "Hant", "tw": "Hant", "hk": "Hant", "mo": "Hant", "hans": "Hans", "cn": "Hans", "sg": "Hans"}
_NOISE = re.compile(r"https?://[^\s\u3000-\uffff]+|[^\s\u3000-\uffff]+@[^\s\u3000-\uffff]+|[A-Za-z0-9_.-]*[0-9_][A-Za-z0-9_.-]*")
_CODE = re.compile(r"[0-9@_]|://")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_FOREIGN = re.compile(
    "[^\x00-\u024f\u1e00-\u206f\u20a0-\u20cf\u2100-\u27ff\ufe00-\ufe0f\U0001f000-\U0001faff]+"
)  # no Latin, no signs
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("han", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]")),
    ("kana", re.compile("[\u3041-\u30fa\u30fc-\u30ff\uff66-\uff9f]")),
    ("ko", re.compile("[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]")),
    ("cyrillic", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("ka", re.compile("[\u10a0-\u10ff]")),
    ("hy", re.compile("[\u0530-\u058f]")),
    ("bn", re.compile("[\u0980-\u09ff]")),
    ("ta", re.compile("[\u0b80-\u0bff]")),
)
_CHARSETS = {
    "gb2312": "zh", "gbk": "zh", "gb18030": "zh", "hz-gb-2312": "zh", "big5": "zh", "big5-hkscs": "zh", "iso-2022-jp": "ja",
    "shift_jis": "ja", "euc-jp": "ja", "euc-kr": "ko", "ks_c_5601-1987": "ko", "iso-2022-kr": "ko", "koi8-r": "ru", "koi8-u": "uk",
    "windows-1253": "el", "iso-8859-7": "el", "windows-1255": "he", "iso-8859-8-i": "he", "windows-1256": "ar", "windows-874": "th",
    "tis-620": "th", "windows-1254": "tr", "iso-8859-9": "tr", "windows-1258": "vi",
}  # fmt: skip

_TAG = re.compile(r"([a-z]{2})(?:-(?:[a-z]{2}|[a-z]{4}|[0-9]{3}))*(?![\w-])")  # BCP 47: language, script, region; not us-ascii


def _index(lists: dict[str, str]) -> dict[str, tuple[tuple[str, float], ...]]:
    """What each word is worth, for each language that has it."""
    owners: dict[str, list[str]] = {}
    for language, words in lists.items():
        for word in dict.fromkeys(words.split()):
            owners.setdefault(word, []).append(language)
    return {word: tuple((one, 1.0 / len(who) if len(word) > 1 else 0.5 / len(who)) for one in who) for word, who in owners.items()}


_LATIN_WORDS = _index(WORDS)
_CYRILLIC_WORDS = _index(CYRILLIC)
_LETTERS = {letter: tuple(one for one, own in LETTERS.items() if letter in own) for letter in set("".join(LETTERS.values()))}
_OWN_LETTER = re.compile(f"[{''.join(sorted(_LETTERS))}]")
_VIETNAMESE = re.compile("[\u1ea0-\u1ef9]")
_HANS, _HANT = (
    re.compile(f"[{''.join(sorted(frozenset(one) - frozenset(other)))}]")
    for one, other in ((SIMPLIFIED, TRADITIONAL), (TRADITIONAL, SIMPLIFIED))
)


def of(text: str, subject: str = "", hints: tuple[str, ...] = ()) -> str:
    """BCP 47 primary tag (zh, en, ja, ko, ru, de, …). text: what is new in the mail, which counts first; then its subject;
    then hints: Content-Language values and charsets, which tell of the program more than of the writer."""
    lines = [clean for line in text[:_SAMPLE].split("\n") if (clean := _words_only(line))]
    sample = "\n".join(lines)
    if len(lines) > 1:
        first = "\n".join(line[:_WIDE] for line in lines[:_FIRST])
        if found := _of(first, sure=True):
            return found
    return _of(sample) or _of(f"{_words_only(subject[:300])}\n{sample}") or _hinted(hints)


def _words_only(line: str) -> str:
    """Without links, addresses and codes, which are of no language."""
    if _CODE.search(line) is None:  # noise always has one of these signs
        return " ".join(line.split())
    kept = (t if _CODE.search(t) is None else "" if t.isascii() else _NOISE.sub(" ", t) for t in line.split())
    return " ".join(t for t in kept if t)


def script(text: str, hints: tuple[str, ...] = ()) -> str:
    """How Chinese is written: "Hans", "Hant", or "" when nothing tells. hints, as of `of`, count where the text tells nothing."""
    sample = text[:_SAMPLE]
    simplified, traditional = (0, 0) if sample.isascii() else (len(_HANS.findall(sample)), len(_HANT.findall(sample)))
    if simplified != traditional:
        return "Hans" if simplified > traditional else "Hant"
    return next((found for hint in hints if (found := _hinted_script(hint.strip().lower()))), "")


def _hinted_script(hint: str) -> str:
    """Of a charset, or of the first Chinese tag with a script or region in a list of them (RFC 4647 §2)."""
    if hint.startswith("big5"):
        return "Hant"
    if hint in ("gb2312", "hz-gb-2312"):  # gbk and gb18030 have both
        return "Hans"
    for tag in hint[:_LIST].replace(";", ",").split(","):
        language, *rest = tag.strip().split("-")
        if language == "zh" and rest:
            return next((_SCRIPT_OF[part] for part in rest if part in _SCRIPT_OF), "")
    return ""


def _hinted(hints: tuple[str, ...]) -> str:
    for hint in hints:
        low = hint.strip().lower()
        if low in _CHARSETS:
            return _CHARSETS[low]
        if (tag := _TAG.match(low)) is not None:
            return tag[1]
    return ""


def _of(sample: str, *, sure: bool = False) -> str:
    """sure: only if the sample leaves no doubt."""
    low = sample.lower()
    foreign = "" if low.isascii() else "".join(_FOREIGN.findall(low))
    words = [w for w in _WORD.findall(low) if w[0] < "\u0370" or "\u1e00" <= w[0] <= "\u1eff"][:_MOST]
    if foreign:
        found = _by_script(_counts(foreign[:_MANY]), foreign, low, len(words), least=4 if sure else 2)
        if found is not None:
            return found
    return _latin(words, low, sure=sure)


def _counts(foreign: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    left = len(foreign)
    for name, pattern in _SCRIPTS:
        if left <= 0:
            break
        if n := len(pattern.findall(foreign)):
            counts[name] = n
            left -= n
    return counts


def _by_script(counts: dict[str, int], foreign: str, low: str, words: int, *, least: int) -> str | None:
    """The language of the script that fills the sample, "" if none does, None if Latin words do."""
    han, kana = counts.pop("han", 0), counts.pop("kana", 0)
    other, most = max(counts.items(), key=lambda item: item[1], default=("", 0))
    if han + kana >= max(least, most) and (han + kana) * 2 >= words:
        if kana >= 2 and kana * 8 >= han + kana:
            return "ja"
        return "zh" if han >= 2 else ""
    if most >= max(3, least) and most >= words * 2:
        return _cyrillic(low) if other == "cyrillic" else _arabic(foreign) if other == "ar" else other
    return None


def _cyrillic(low: str) -> str:
    if any(c in low for c in "ђћџљњј"):
        return "sr"
    scores = _scores(_WORD.findall(low)[:_MOST], _CYRILLIC_WORDS)
    scores["uk"] += 2.0 * min(2, sum(low.count(c) for c in "іїєґ"))
    scores["ru"] += 2.0 * min(2, sum(low.count(c) for c in "ыэё"))
    scores["bg"] += 1.0 * min(2, low.count("ът") + low.count("ъ") // 2)
    return max(("ru", "uk", "bg"), key=lambda language: scores[language])


def _arabic(foreign: str) -> str:
    if any(c in foreign for c in "ٹڈںے"):
        return "ur"
    return "fa" if any(c in foreign for c in "پچژگ") else "ar"


def _scores(words: list[str], index: dict[str, tuple[tuple[str, float], ...]]) -> dict[str, float]:
    scores: dict[str, float] = defaultdict(float)
    for word in words:
        for language, worth in index.get(word.replace("’", "'"), ()):
            scores[language] += worth
    return scores


def _latin(words: list[str], low: str, *, sure: bool) -> str:
    if not words or (len(words) < 2 and words[0] not in _LATIN_WORDS):
        return ""
    scores = _scores(words, _LATIN_WORDS)
    letters = [] if low.isascii() else _OWN_LETTER.findall(low)[:40]
    for letter in letters:
        owners = _LETTERS[letter]
        for language in owners:
            scores[language] += 0.8 / len(owners)
    if not low.isascii() and (tones := len(_VIETNAMESE.findall(low))):
        scores["vi"] += min(4, tones)
    ranked = sorted(((much, one) for one, much in scores.items() if much), reverse=True)[:2]
    if not ranked:
        return "en" if not sure and len(words) >= 3 and low.isascii() else ""
    much, best = ranked[0]
    second = ranked[1][0] if len(ranked) > 1 else 0.0
    if sure:
        return best if much >= 2.0 and much >= 1.5 * second else ""
    if much > second and (much >= 0.3 or best == "en"):
        return best
    return "en" if low.isascii() and scores["en"] == much else ""
