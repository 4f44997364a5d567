"""The language a person wrote in, by script and common words: good enough to choose the language of an answer.

Pure, linear in a bounded sample, never fails; "" when there is too little to tell.
"""

from __future__ import annotations

import re
from collections import Counter

_SAMPLE = 2000  # characters of the text
_NOISE = re.compile(r"https?://\S+|\S+@\S+|[A-Za-z0-9_.-]*[0-9_][A-Za-z0-9_.-]*")  # links, addresses, codes: no language
_WORDS = re.compile(r"[^\W\d_]+")

_SCRIPTS: dict[str, re.Pattern[str]] = {
    "kana": re.compile("[\u3040-\u30ff\uff66-\uff9f]"),
    "han": re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]"),
    "ko": re.compile("[\uac00-\ud7a3\u1100-\u11ff]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "el": re.compile("[\u0370-\u03ff]"),
    "ar": re.compile("[\u0600-\u06ff]"),
    "he": re.compile("[\u0590-\u05ff]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
    "hi": re.compile("[\u0900-\u097f]"),
}

# Short words that hardly any other of these languages has. Two hits, or one among few words, decide.
_COMMON: dict[str, frozenset[str]] = {
    "en": frozenset({
        "the", "and", "is", "are", "to", "of", "in", "you", "we", "my", "your", "please", "not", "with", "have", "has", "for",
        "this",
        "that", "it", "hello", "hi", "dear", "thanks", "thank", "can", "cannot", "would", "regards", "was", "from", "our", "be",
        "but",
        "when", "what", "how", "there", "an", "at", "been", "order", "help", "does", "will",
    }),
    "de": frozenset({
        "der", "die", "das", "und", "ist", "nicht", "ich", "wir", "sie", "mit", "ein", "eine", "einen", "für", "auf", "bitte",
        "danke",
        "hallo", "sehr", "geehrte", "grüßen", "grüße", "habe", "haben", "mein", "meine", "zu", "von", "wie", "kann", "dem", "den",
        "im",
    }),
    "fr": frozenset({
        "le", "la", "les", "et", "est", "je", "nous", "vous", "pas", "une", "des", "du", "pour", "avec", "bonjour", "merci",
        "mon", "ma",
        "votre", "cordialement", "dans", "que", "qui", "sur", "ce", "cette", "ai", "avons", "au",
    }),
    "es": frozenset({
        "el", "los", "las", "y", "es", "yo", "por", "para", "con", "una", "hola", "gracias", "mi", "su", "favor", "saludos",
        "que",
        "del", "estoy", "tengo", "usted", "pedido", "está", "buenos", "días", "al", "se",
    }),
    "pt": frozenset({
        "o", "os", "e", "não", "eu", "você", "uma", "um", "com", "olá", "obrigado", "obrigada", "meu", "minha", "seu",
        "por",
        "que", "da", "em", "está", "estou", "para", "atenciosamente",
    }),
    "it": frozenset({
        "il", "lo", "gli", "è", "non", "io", "per", "con", "una", "ciao", "grazie", "mio", "mia", "buongiorno", "saluti", "che",
        "del",
        "della", "sono", "ho", "di", "cordiali", "questo",
    }),
    "nl": frozenset({
        "het", "een", "en", "niet", "ik", "wij", "u", "voor", "van", "graag", "bedankt", "mijn", "uw", "groeten",
        "hoe",
        "kan", "dat", "dit", "geen", "heb", "op",
    }),
    "pl": frozenset({"nie", "jest", "się", "na", "proszę", "dziękuję", "dzień", "dobry", "mam", "moje", "pozdrawiam", "że", "jak",
    "do"}),
    "sv": frozenset({"och", "är", "inte", "jag", "det", "att", "hej", "tack", "på", "för", "med", "ett", "min", "har",
    "hälsningar"}),
    "tr": frozenset({"ve", "bir", "bu", "için", "değil", "merhaba", "teşekkürler", "lütfen", "çok", "nasıl", "var", "ben"}),
    "vi": frozenset({"và", "là", "của", "tôi", "không", "có", "được", "cho", "xin", "chào", "cảm", "ơn", "này", "một"}),
}  # fmt: skip

_LANGUAGES = {word: [lang for lang, common in _COMMON.items() if word in common] for common in _COMMON.values() for word in common}


def of(text: str, subject: str = "") -> str:
    """BCP 47 primary tag (zh, en, ja, ko, ru, de, …) of the reply and its subject, the reply counting first."""
    return _of(text) or _of(f"{subject}\n{text}")


def _of(text: str) -> str:
    sample = _NOISE.sub(" ", text[:_SAMPLE])
    counts = _scripts(sample)
    words = [w.lower() for w in _WORDS.findall(sample) if w[0] < "\u0370" or "\u1e00" <= w[0] <= "\u1eff"]
    other = max((n, s) for s, n in counts.items()) if counts else (0, "")
    han, kana = counts.get("han", 0), counts.get("kana", 0)
    if han + kana >= 2 and han + kana >= 0.5 * len(words):
        if other[1] not in ("han", "kana") and other[0] > han + kana:
            return other[1] if other[0] >= 4 else ""
        return "ja" if kana * 8 >= han + kana and kana >= 2 else "zh" if han >= 2 else ""
    if other[0] >= 4 and other[1] not in ("han", "kana") and other[0] >= 2 * len(words):
        return other[1]
    return _latin(words)


def _scripts(sample: str) -> dict[str, int]:
    if sample.isascii():
        return {}
    return {name: n for name, pattern in _SCRIPTS.items() if (n := len(pattern.findall(sample)))}


def _latin(words: list[str]) -> str:
    if len(words) < 2:
        return ""
    found = Counter(lang for word in words for lang in _LANGUAGES.get(word, ()))
    scores = sorted(((found[lang], lang) for lang in _COMMON), reverse=True)
    (best, lang), (second, _) = scores[0], scores[1]
    if best > second and (best >= 2 or len(words) <= 6):
        return lang
    if best == second and best and "en" in (x for n, x in scores if n == best) and all(w.isascii() for w in words):
        return "en"
    return "en" if best == 0 and len(words) >= 3 and all(w.isascii() for w in words) else ""
