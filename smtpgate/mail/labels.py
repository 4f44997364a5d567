"""The names of charsets: which codecs each family is read with, and all the names that mail gives it.

Owns only tables. Nothing else in the gateway knows a codec by a name that came in a mail (threat C10).
"""

from __future__ import annotations

import re

# Each family: the codecs to try in order.
FAMILIES: dict[str, tuple[str, ...]] = {
    "utf-8": ("utf_8",),
    "ascii": ("ascii",),
    "gb18030": ("gb18030",),
    "hz": ("hz",),
    "big5": ("cp950", "big5hkscs"),
    "iso-2022-jp": ("iso2022_jp_ext", "iso2022_jp_2"),
    "iso-2022-kr": ("iso2022_kr",),
    "iso-2022-cn": (),
    "shift_jis": ("cp932", "shift_jis_2004"),
    "euc-jp": ("euc_jp",),
    "euc-kr": ("cp949",),
    "utf-7": ("utf_7",),
    "utf-16": ("utf_16",),
    "utf-16le": ("utf_16_le",),
    "utf-16be": ("utf_16_be",),
    "utf-32": ("utf_32",),
    "johab": ("johab",),
    "windows-1252": ("cp1252",),
    "koi8-r": ("koi8_r",),
    "koi8-u": ("koi8_u",),
    "ibm866": ("cp866",),
    "ibm437": ("cp437",),
    "ibm850": ("cp850",),
    "ibm852": ("cp852",),
    "koi8-t": ("koi8_t",),
    "mac-cyrillic": ("mac_cyrillic",),
    "macintosh": ("mac_roman",),
    "windows-874": ("cp874",),
    **{f"windows-125{n}": (f"cp125{n}",) for n in (0, 1, 3, 4, 5, 6, 7, 8)},
    **{f"iso-8859-{n}": (f"iso8859_{n}",) for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
}

# Other names, squeezed: as `squeezed` makes them, so that utf8, UTF_8 and x-utf-8 are one name.
_ALIASES: dict[str, str] = {
    "utf-8": "unicode11utf8 utf8sig utf8mb3 utf8mb4 utf8mac utf8n utf8strict utf08 uft8 ut8 cesu8 65001 unicode20utf8",
    "ascii": "usascii asciius ansix341968 ansix341986 iso646us iso646 646 us ascii7 7bit 367 ibm367 isoir6",
    "gb18030": "gb2312 gb231280 gbk ms936 936 windows936 chinese isoir58 gb2312charset euccn gb180302000 gb180302005 gb180302022"
    " gb2312198000 gb23121980 gb gbk2312 54936 20936 zhcn gb2313 gb3212 gb231280gb2312",
    "hz": "hzgb2312 hzgb",
    "big5": "big5hkscs cnbig5 950 windows950 ms950 big5eten hkscs big52003 zhtw twbig5 big5plus 951 xbig5",
    "iso-2022-jp": "iso2022jp1 iso2022jp2 iso2022jp3 iso2022jpms iso2022jp2004 iso2022jpext 50220 50221 50222 jis jis7 jisencoding",
    "iso-2022-cn": "iso2022cnext",
    "johab": "ms1361 ksc56011992 1361",
    "shift_jis": "sjis mskanji 932 windows31j ms932 windows932 sjiswin shiftjis2004 shiftjisx0213 943 ibm943 mscp932 windows31",
    "euc-jp": "ujis eucpkdfmtjapanese 51932 eucjpms eucjpwin eucjisx0213 eucjis2004",
    "euc-kr": "ksc56011987 ksc5601 ksc56011989 korean 949 windows949 uhc ms949 isoir149 kcc56011987 51949 kokr ksx1001 kcs5601"
    " ksc56011987charset",
    "utf-7": "unicode11utf7 unicode20utf7 65000",
    "utf-16": "ucs2 iso10646ucs2 unicode utf16",
    "utf-16le": "unicodefeff ucs2le 1200",
    "utf-16be": "unicodefffe ucs2be 1201",
    "utf-32": "ucs4 iso10646ucs4",
    "windows-1252": "iso88591 latin1 l1 819 ibm819 isolatin1 isoir100 ansi win1252 1252 windowslatin1 iso8859 88591 isolatin msansi"
    " iso1 enus iso88591windows31latin1 western windowslatin iso885911987 iso88591i ansix31101983",
    "windows-1254": "iso88599 latin5 l5 isolatin5 88599 isoir148 iso885991989",
    "koi8-r": "koi koi8 20866 koi8rur",
    "koi8-u": "koi8ru 21866",
    "ibm866": "866 dos866",
    "ibm437": "437 pc8codepage437 dos437",
    "ibm850": "850 pc850multilingual dos850",
    "ibm852": "852 p852 dos852",
    "mac-cyrillic": "macukrainian 10007",
    "macintosh": "mac macroman 10000",
    "windows-874": "874 tis620 iso885911 dos874 iso885911windows874 tis6202533 ms874",
    "iso-8859-5": "cyrillic",
    "iso-8859-6": "arabic",
    "iso-8859-7": "greek greek8",
    "iso-8859-8": "hebrew logical visual",
    **{f"windows-125{n}": f"125{n} win125{n} ms125{n}" for n in (0, 1, 3, 5, 6, 7, 8)},
}
_LATIN = ((2, 2), (3, 3), (4, 4), (6, 10), (9, 15), (10, 16))

_NOT_NAME = re.compile(r"[^a-z0-9]+")


def squeezed(label: str) -> str:
    """A label without what its writers vary: case, punctuation, x-, cs, cp, the year of the standard."""
    text = _NOT_NAME.sub("", label.lower().partition(":")[0])
    for prefix in ("x", "cs", "cp"):
        if text.startswith(prefix) and len(text) > len(prefix) + 1:
            text = text[len(prefix) :]
    return text


LABELS: dict[str, str] = {
    **{squeezed(family): family for family in FAMILIES},
    **{alias: family for family, aliases in _ALIASES.items() for alias in aliases.split()},
    **{f"{name}{a}": f"iso-8859-{n}" for name in ("latin", "isolatin", "l") for a, n in _LATIN},
    **{f"8859{n}": f"iso-8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"iso8859{n}{kind}": f"iso-8859-{n}" for n in (6, 8) for kind in "ie"},
}

# What stands where a charset should, and names none.
ABSENT = frozenset(
    (
        "",
        "unknown",
        "unknown8bit",
        "default",
        "defaultcharset",
        "none",
        "null",
        "binary",
        "8bit",
        "userdefined",
        "auto",
        "autodetect",
    )
)
