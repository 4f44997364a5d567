"""Which charset is it? The answer from the bytes alone, for text whose label is missing, unknown or wrong.

Each charset that mail comes in reads a sample, and the reading is scored by what people write: the commonest
characters of Chinese, Japanese and Korean, the alphabets of the European languages, capitals where capitals stand.
The best reading wins. Own code: short texts (a name, a subject) decide here, and general detectors fail on these.
Bounded by the sample; never raises.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

from smtpgate.mail import iso2022

SAMPLE = 1024  # octets that are scored
SURE = 1.2  # a score from which a reading is text and no accident

_HIGH = re.compile(rb"[\x80-\xff]")
_ASCII = bytes(range(128))
_NO_LETTERS = bytes(b for b in range(256) if not chr(b).isascii() or not chr(b).isalpha())

# --- what people write ------------------------------------------------------------------------------------------------

_SIMPLIFIED = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如"
    "都同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间"
    "由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水"
    "名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形"
    "您请谢好吗帮客服单号码货款退订发票收付费账户密系统软版件邮附件司限责任设备故障错误无法登录网络服务技术支持问题咨询麻烦尽快复查询联系话"
    "李王张刘陈杨赵黄周吴徐孙胡朱林郭马罗梁宋郑韩唐冯董程曹袁邓傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田姜范石姚谭廖邹熊陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚测试息确认续办理"
)
_TRADITIONAL = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如"
    "都同現當沒動面起看定天分還進好小部其些主樣理心本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間"
    "由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果加西月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水"
    "名真論處走義各入幾口認條平系氣題活更別打女變四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直資命山金指許統區保至隊形"
    "您請謝嗎幫客服單號碼貨款退訂發票收付費帳戶密碼軟版郵附件司限責設備故障錯誤無法登錄網路服務技術支援諮詢麻煩儘快覆查聯絡繫啲嘅咗喺係唔"
    "李王張劉陳楊趙黃周吳徐孫胡朱林郭馬羅梁宋鄭韓唐馮董程曹袁鄧許傅沈曾彭呂蘇盧蔣蔡賈丁魏薛葉余潘杜戴夏鍾汪田姜范石姚譚廖鄒熊陸孔白崔康毛邱秦江史顧侯邵孟龍萬段雷錢湯尹黎易常武喬賀賴龔臺灣測試確續辦"
)
_KANJI = (
    "日一国人年大十二本中長出三時行見月後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半男西電校語土木聞食車何南万毎"
    "白天母火右読友左休父雨会同事自社発者地業方新場員立開手力問代明動京目通言理体田主題意不作用度強公持野以思家世多正安院心界教文元重近考画海"
    "売知道集別物使品計死特私始朝運終台広住無真有口少町料工建空急止送切転研足究楽起着店病質待試族銀早映親験英医仕去味写字答夜音注帰古歌買悪図"
    "週室歩風紙黒花春赤青館屋色走秋夏習駅洋旅服夕借曜飲肉貸堂鳥飯勉冬昼茶弟牛魚兄犬妹姉漢件願様致申連絡頂御関係変更確認株式会社担当部課製造販"
    "番号届受付郵便荷配達商品返金領収請求振込登録設定問合回答資料添付返信宜失礼存承知恐縮感謝佐藤鈴木高橋渡辺伊山本中村小林加吉田松井清水崎阿"
)
_HANGUL = (
    "이다는에의을가고하로지를한은서도기사시인나어해정있대리그수자아여주일보제라것들니과전부상스만장원조구장안오요세기공간드마동등성연습유소방치"
    "우선관면경내개물비문없모행재트신중위용생미진러당때으적했된할합회되교게말지네저화체바까위감님호답변메확송청품불록배입금액환결번약처명년월박김최"
)

_EVERYDAY: dict[str, frozenset[str]] = {
    "gb18030": frozenset(_SIMPLIFIED),
    "big5": frozenset(_TRADITIONAL),
    "shift_jis": frozenset(_KANJI),
    "euc-jp": frozenset(_KANJI),
    "euc-kr": frozenset(_HANGUL),
}
_ALL = frozenset().union(*_EVERYDAY.values(), "，。、？！")
_CODEC = {"gb18030": "gb18030", "big5": "cp950", "shift_jis": "cp932", "euc-jp": "euc_jp", "euc-kr": "cp949"}
_CJK_MARKS = frozenset("，。、；：？！「」『』（）《》〈〉【】〔〕“”‘’…—～·・ー－　％＋／〜〒※○●◎□■△▲→①②③④⑤")

# charset: (codec, the alphabets of its languages). A language's reading is its alphabet alone, so a text of one
# language is not read by the letters of three.
_WEST = (
    "éèêàçùûîôïëœâ", "äöüß", "áéíóúñü¡¿", "ãõáéíóúâêôçà", "àèéìòùî", "åäöøæé", "áéíóúýþæðö", "éëïöüáóè", "àéèíïóòúüç", "äöõüšž",
)  # fmt: skip
_EAST = (
    "ěščřžýáíéúůťďňó", "áäčďéíĺľňóôŕšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "ăâîşţ", "čćđšž", "čšž", "äöüß", "ëç",
)  # fmt: skip
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž")
_SLAVS = (
    "абвгдежзийклмнопрстуфхцчшщъыьэюяё", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "абвгдђежзијклљмнњопрстћуфхцчџш",
    "абвгдежзійклмнопрстуўфхцчшыьэюяё",
)  # fmt: skip
_GREEK = ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",)
_HEBREW = ("אבגדהוזחטיךכלםמןנסעףפץצקרשת",)
_ARABIC = ("ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأؤإئ،؟ًٌٍَُِّْپچژگ",)
_THAI = ("".join(chr(c) for c in range(0x0E01, 0x0E5C) if not 0x0E3B <= c <= 0x0E3E),)
_SINGLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "windows-1252": ("cp1252", _WEST),
    "windows-1251": ("cp1251", _SLAVS),
    "koi8-r": ("koi8_u", _SLAVS),
    "windows-1250": ("cp1250", _EAST),
    "iso-8859-2": ("iso8859_2", _EAST),
    "windows-1254": ("cp1254", ("çğıöşüâîi̇",)),
    "windows-1253": ("cp1253", _GREEK),
    "iso-8859-7": ("iso8859_7", _GREEK),
    "windows-1255": ("cp1255", _HEBREW),
    "windows-1256": ("cp1256", _ARABIC),
    "iso-8859-6": ("iso8859_6", _ARABIC),
    "windows-1257": ("cp1257", _BALTIC),
    "windows-874": ("cp874", _THAI),
    "iso-8859-5": ("iso8859_5", _SLAVS),
    "ibm866": ("cp866", _SLAVS),
    "iso-8859-15": ("iso8859_15", _WEST),
    "ibm850": ("cp850", _WEST),
    "macintosh": ("mac_roman", _WEST),
}
CODECS: dict[str, str] = {**_CODEC, **{name: codec for name, (codec, _) in _SINGLE.items()}}

# How likely a charset is before anything is read: what counts in a text of few characters.
_PRIOR = {
    "windows-1252": 0.6, "windows-1251": 0.2, "koi8-r": 0.1, "gb18030": 0.2, "windows-1250": 0.1, "iso-8859-2": -0.3,
    "iso-8859-5": -1.0, "ibm866": -1.5,
    "iso-8859-15": -1.0, "ibm850": -2.0, "macintosh": -2.0, "iso-8859-6": -0.3, "iso-8859-7": -0.1, "windows-1257": -0.2,
    "windows-874": -0.4, "windows-1255": -0.2, "windows-1256": -0.2, "windows-1253": -0.1, "windows-1254": -0.1,
}  # fmt: skip
_TYPED = frozenset("“”‘’„‚–—…€£§©®™°«»•·\xa0№¿¡´ºª")
_COMMON = frozenset("αοιετνσροаоеинтсрвлكلانيمهوיולהםרתאבשמנกรนาเ่้")  # the commonest letters of the other alphabets


# --- the answer -------------------------------------------------------------------------------------------------------


def best(data: bytes, hint: str | None = None) -> str:
    """The family of charsets that this 8-bit text, which is not UTF-8, is most likely in; windows-1252 if none fits.

    hint: the family that something near by is in.
    """
    piece = sample(data)
    high = eight_bit(piece)
    weight = 8 / (8 + high)
    scores = {
        name: value + weight * (_PRIOR.get(name, 0.0) + (2.0 if name == hint else 0.0)) for name, value in _scores(piece).items()
    }
    if high <= 2:  # a sign or two letters say nothing about an alphabet
        scores = {
            name: value
            for name, value in scores.items()
            if name in _CODEC or name in ("windows-1252", "windows-1250", "windows-1254", hint)
        }
    found = max(scores, key=lambda name: scores[name])
    return found if scores[found] > 0 else hint if hint in CODECS else "windows-1252"


def contradicts(data: bytes, name: str) -> str:
    """The family that this text is in when it is clearly not in the declared one; "" when it may well be."""
    piece = sample(data)
    high = eight_bit(piece)
    if name not in CODECS or high < 3:
        return ""
    if name in _CODEC and _cjk(piece, name) > 2.0:
        return ""  # no other reading can be better by as much as is asked for below: three is the most
    slavic = name in _CYRILLIC
    if name in _SINGLE and _alphabetic(piece, _counts(piece), *_SINGLE[name]) >= (1.4 if slavic else 1.0):
        return ""
    scores = _scores(piece, every=name)
    found = max(scores, key=lambda other: scores[other])
    if scores[found] < SURE + 4 / high or scores[found] - scores[name] < (0.5 if slavic and found in _CYRILLIC else 1.0):
        return ""
    if name in _LATIN and found not in _LATIN:  # a text of another alphabet has nearly all its letters there
        return found if high * 2 >= len(piece.translate(None, _NO_LETTERS)) else ""
    if found in _LATIN:  # accents are weak evidence: only against signs within words, or rare characters where none are
        return found if scores[name] < 0.3 and (name not in _LATIN or name == "windows-1252") else ""
    return found


_CYRILLIC = frozenset(name for name, (_, alphabets) in _SINGLE.items() if alphabets == _SLAVS)  # read with cases swapped
_LATIN = frozenset(name for name, (_, alphabets) in _SINGLE.items() if alphabets[0][0] < "\u0250")


def eight_bit(data: bytes) -> int:
    """How many octets have their eighth bit set."""
    return len(data.translate(None, _ASCII))


def sample(data: bytes) -> bytes:
    """What is scored: the lines with 8-bit octets, up to SAMPLE octets of them."""
    if len(data) <= SAMPLE:
        return data
    out: list[bytes] = []
    size = pos = 0
    while size < SAMPLE and (found := _HIGH.search(data, pos)) is not None:
        before = max(pos, found.start() - SAMPLE)
        start = max(data.rfind(b"\n", before, found.start()) + 1, before)
        end = data.find(b"\n", found.start(), found.start() + SAMPLE) + 1 or min(len(data), found.start() + SAMPLE)
        out.append(data[start:end])
        size += end - start
        pos = end
    return b"".join(out)


def _scores(piece: bytes, every: str = "") -> dict[str, float]:
    """Of all families; the one-byte charsets are left out when another reading is certain. every: one that must be there."""
    found = {name: _cjk(piece, name) for name in _CODEC}
    if max(found.values()) < 2.0 or len(piece) < 12:
        counts = _counts(piece)
        found |= {name: _alphabetic(piece, counts, *made) for name, made in _SINGLE.items()}
    elif every in _SINGLE:
        found[every] = _alphabetic(piece, _counts(piece), *_SINGLE[every])
    return found


def _counts(piece: bytes) -> list[tuple[int, int]]:
    return [(b, piece.count(b)) for b in sorted(set(piece)) if b >= 0x80]


def _cjk(piece: bytes, name: str) -> float:
    """Average over the 8-bit characters: 3 for an everyday one, less for rarer ones, much below 0 for what is no text."""
    seen = Counter(piece.decode(_CODEC[name], "replace"))
    total = count = 0.0
    for c, times in seen.items():
        if c >= "\x80":
            count += times
            total += times * _cjk_weight(c, name)
    return total / count if count else 0.0


def everyday(text: str) -> int:
    """How many characters of Chinese, Japanese and Korean that everybody uses are in the text."""
    return sum(c in _ALL or "\u3040" <= c <= "\u30ff" for c in text)


@cache
def _cjk_weight(c: str, name: str) -> float:
    if c in _EVERYDAY[name]:
        return 3.0
    if c == "\ufffd":
        return -6.0
    if c in _CJK_MARKS:
        return 1.5
    if "\u3040" <= c <= "\u30ff":
        return 2.2 if name in ("shift_jis", "euc-jp") else 0.3
    if "\uff61" <= c <= "\uff9f":  # half-width kana: a sign of Japanese, and of anything misread as Shift_JIS
        return 0.0
    if "\uff01" <= c <= "\uff5e":
        return 1.0
    if "\uac00" <= c <= "\ud7a3":
        return 1.2 if _in_level_one(c, "euc_kr", 0xB0, 0xC8) else -0.5
    if "\u4e00" <= c <= "\u9fff":
        return _han_weight(c, name)
    return -1.0 if c < "\u2000" or "\ue000" <= c <= "\uf8ff" or c > "\uffff" else 0.0


def _han_weight(c: str, name: str) -> float:
    if name == "gb18030":
        return 1.0 if _in_level_one(c, "gb2312", 0xB0, 0xD7) else 0.2 if _in_level_one(c, "gb2312", 0xD8, 0xF7) else -0.8
    if name == "big5":
        return 1.0 if _in_level_one(c, "big5", 0xA4, 0xC6) else -0.5
    if name == "euc-kr":
        return -0.3
    return 1.0 if _in_level_one(c, "euc_jp", 0xB0, 0xCF) else -0.3


def _in_level_one(c: str, codec: str, low: int, high: int) -> bool:
    try:
        return low <= c.encode(codec)[0] <= high
    except UnicodeEncodeError:
        return False


# The octets of a one-byte charset by what they are in a word: l, U letters; a, A ASCII letters; t, q, s signs; x nothing.
_LETTERS = re.compile(rb"[lU]+")
_CAPITALS = re.compile(rb"U+")
_BROKEN = re.compile(rb"(?<=[aAlU])[st](?=[aAlU])")
_CAPITAL_INSIDE = (b"lU", b"aU", b"lA")
_MIXED = re.compile(rb"[aA][lU]|[lU][aA]")


@cache
def _classes(codec: str) -> bytes:
    return bytes(b"A"[0] if 65 <= b <= 90 else b"a"[0] if 97 <= b <= 122 else b" "[0] for b in range(128)) + b"".join(
        _class(bytes((b,)).decode(codec, "replace")) for b in range(128, 256)
    )


def _class(c: str) -> bytes:
    if c == "\ufffd" or c < "\xa0":
        return b"x"
    if c.isalpha() or unicodedata.category(c).startswith("M"):
        return b"U" if c.isupper() else b"l"
    return b"q" if c in "’·" else b"t" if c in _TYPED else b"s"


@cache
def _weights(codec: str, alphabet: str) -> tuple[float, ...]:
    """What each octet of a charset is worth to one language."""
    return tuple(_weight(c, alphabet) for c in (bytes((b,)).decode(codec, "replace") for b in range(256)))


def _weight(c: str, alphabet: str) -> float:
    if c.lower() in alphabet:
        return 2.0 if c.lower() in _COMMON or c < "\u0180" else 1.3
    return {b"x": -4.0, b"t": 1.0, b"q": 1.0, b"s": -1.0}.get(_class(c), -1.5)


def _alphabetic(piece: bytes, counts: list[tuple[int, int]], codec: str, alphabets: tuple[str, ...]) -> float:
    """The same for a one-byte charset and its best language: 2 for its letters, below 0 for what breaks its words."""
    shape = piece.translate(_classes(codec))
    letters = shape.count(b"l") + shape.count(b"U")
    broken = 3.5 * (sum(map(shape.count, _CAPITAL_INSIDE))) + 1.5 * len(_BROKEN.findall(shape))
    if alphabets[0][0] < "\u0250":  # Latin words have few accents, and seldom two together
        broken += 1.2 * (letters - len(_LETTERS.findall(shape)))
    else:
        broken += 2.0 * len(_MIXED.findall(shape))
        if b"l" in shape:  # capitals inside words, when not all is in capitals: one Cyrillic charset read as another
            broken += 0.8 * (shape.count(b"U") - len(_CAPITALS.findall(shape)))
    best_sum = max(sum(times * weights[b] for b, times in counts) for weights in (_weights(codec, a) for a in alphabets))
    return (best_sum - broken) / sum(times for _, times in counts) if counts else 0.0


def escapes(data: bytes) -> str:
    """The charset of seven-bit text that gives itself away: ISO-2022 or HZ, "" for plain ASCII."""
    return iso2022.kind(data) or ("hz" if b"~{" in data and _is_hz(data) else "")


_HZ = re.compile(rb"~\{((?:[!-w][!-~])+)~\}")


def _is_hz(data: bytes) -> bool:
    """Chinese between ~{ and ~}: everyday characters, no accident of a program text."""
    found = b"".join(_HZ.findall(data[:SAMPLE]))
    if not found:
        return False
    text = bytes(b | 0x80 for b in found).decode("gb2312", "replace")
    return sum(c in _EVERYDAY["gb18030"] for c in text) * 3 >= len(text)
