from __future__ import annotations

import encodings.aliases

import pytest

from smtpgate.mail import charset

ZH = "您好，请问我的订单什么时候发货？"
TW = "您好，請問我的訂單什麼時候出貨？"


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("gb2312", "gbk", "朱镕基喆囍"),
        ("GBK", "gbk", ZH),
        ("x-gbk", "gbk", ZH),
        ("gb18030", "gb18030", "㐀𠀀" + ZH),
        ("hz-gb-2312", "hz", "你好"),
        ("big5", "big5", TW),
        ("Big5-HKSCS", "big5hkscs", "啲嘢" + TW),
        ("big5", "big5hkscs", "啲嘢"),
        ("cp950", "cp950", TW + "碁"),
        ("iso-2022-jp", "iso2022_jp", "注文の件"),
        ("shift_jis", "cp932", "①髙橋"),
        ("euc-jp", "euc_jp", "注文の件"),
        ("euc-kr", "cp949", "안녕하세요 똠방각하"),
        ("ks_c_5601-1987", "cp949", "안녕하세요"),
        ("iso-8859-1", "cp1252", "“smart quotes” €"),
        ("latin1", "latin-1", "café"),
        ("windows-1251", "cp1251", "Здравствуйте"),
        ("koi8-r", "koi8_r", "Здравствуйте"),
        ("koi8-u", "koi8_u", "Ґанок"),
        ("iso-8859-2", "iso8859_2", "Příliš"),
        ("iso-8859-15", "iso8859_15", "€uro"),
        ("utf-7", "utf_7", ZH),
        ("utf-8", "utf-8", ZH),
        ("utf-16", "utf-16", ZH),
        ("utf-16le", "utf-16-le", ZH),
        ("utf-16be", "utf-16-be", ZH),
        ('"utf-8"', "utf-8", ZH),
        ("us-ascii", "ascii", "plain"),
        ("charset=GB2312", "gbk", ZH),
        ("'UTF_8'", "utf-8", ZH),
        ("utf-8; format=flowed", "utf-8", ZH),
        ("utf-8, iso-8859-1", "utf-8", ZH),
        ("x-mac-cyrillic", "mac_cyrillic", "Здравствуйте"),
        ("ISO_8859-1:1987", "latin-1", "café"),
        ("cp50220", "iso2022_jp", "注文の件〜"),
        ("iso-2022-jp", "iso2022_jp_2", "日本 한국 中国"),
        ("iso-2022-jp-3", "iso2022_jp_3", "日本、𠂉"),
        ("iso-2022-jp", "iso2022_jp_ext", "ﾃｽﾄ注文"),
        ("gb2312", "hz", "您好，请问"),
        ("johab", "johab", "안녕하세요"),
        ("cp51932", "euc_jp", "注文の件"),
        ("utf-16", "utf-16-be", "张三 您好"),
        ("utf-16be", "utf-16-be", "张三"),
    ],
)
def test_declared(label: str, codec: str, text: str) -> None:
    assert charset.decode(text.encode(codec), label) == (text, "")


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        (None, "utf-8", ZH),
        (None, "gbk", ZH),
        (None, "big5", TW),
        ("x-unknown", "gbk", ZH),
        ("us-ascii", "utf-8", ZH),
        ("us-ascii", "gbk", ZH),
        ("iso-8859-1", "utf-8", ZH),
        ("gb2312", "utf-8", ZH),
        ("utf-8", "gbk", ZH),
        ("no-such-charset", "utf-8", ZH),
        (None, "cp1252", "Où est ma commande ? Elle était prévue hier, à bientôt."),
    ],
)
def test_missing_or_wrong_label(label: str | None, codec: str, text: str) -> None:
    found, defect = charset.decode(text.encode(codec), label)
    assert found == text
    assert defect


def test_missing_label_with_iso_2022_escapes() -> None:
    assert charset.decode("注文の件".encode("iso2022_jp"), None)[0] == "注文の件"
    assert charset.decode("안녕하세요".encode("iso2022_kr"), None)[0] == "안녕하세요"


def test_ascii_without_a_label_is_no_defect() -> None:
    assert charset.decode(b"hello", None) == ("hello", "")
    assert charset.decode(b"", None) == ("", "")


def test_single_bad_bytes_do_not_change_the_charset() -> None:
    data = (ZH * 5).encode() + b"\xff" + ZH.encode()
    text, defect = charset.decode(data, "utf-8")
    assert text == ZH * 5 + "\ufffd" + ZH
    assert defect == "some bytes are not utf-8"


def test_windows_extension_of_iso_2022_jp() -> None:
    data = b"\x1b$B" + bytes((0x2D, 0x21)) + b"\x1b(B x"
    assert charset.decode(data, "iso-2022-jp")[0] == "① x"


@pytest.mark.parametrize("broken", [b"\xff\xff", b"~\xff", b"!\x7f", b"\x80!", b"!", b"\x7f"])
def test_bytes_that_are_no_jis_are_no_reason_to_raise(broken: bytes) -> None:
    """Such a subject once made the mail poison, and such a Message-ID was answered 451 for ever."""
    data = b"\x1b$B" + broken + b"\x1b(B x"
    assert charset.decode(data, "iso-2022-jp")[0].endswith(" x")
    assert charset.guess(data)[0].endswith(" x")


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        (b"\xad\xa1\xfc\xe2", "euc-jp", "①髙"),  # cp51932
        (b"\xc6\xe7\xa4\xa4\xf9\xd8", "big5", "ぁ中裏"),  # the kana of ETEN
        (b"\xa3\xe1\xf9\xd8\xf9\xdb", "big5", "€裏粧"),
        (b"\x80 100", "gb2312", "€ 100"),
        (b"$BCmJ8$N7o(B ok", "iso-2022-jp", "注文の件 ok"),  # without its escapes
        (b"\x1b$)A\x0eDc:C\x0f!", "iso-2022-cn", "你好!"),
        (b"\x1b$BCmJ8", "iso-2022-jp", "注文"),
        (b"\x1b$BCm\r\nJ8\x1b(B", "iso-2022-jp", "注\r\n文"),
        (b"\x1b(J\x0e1\x0f\x1b(B", None, "ｱ"),
        (b"\xed\xa0\xbd\xed\xb8\x80 ok", "utf-8", "\U0001f600 ok"),  # CESU-8
        (b"T\x00e\x00s\x00t\x00", None, "Test"),
        (b"plain text under a wide label", "utf-16", "plain text under a wide label"),
        ("您好，谢谢".encode(), "utf-16le", "您好，谢谢"),
        (b"caf\xe9 \x81", "iso-8859-1", "café \x81"),
        ("您好".encode() + b"\xe4\xbd", "utf-8", "您好\ufffd"),
    ],
)
def test_odd_bytes(data: bytes, label: str | None, text: str) -> None:
    assert charset.decode(data, label)[0] == text


def test_escapes_win_over_every_label() -> None:
    data = "注文の件".encode("iso2022_jp")
    for label in (None, "us-ascii", "utf-8", "iso-8859-1", "gb2312", "x-unknown"):
        text, defect = charset.decode(data, label)
        assert text == "注文の件"
        assert defect


def test_byte_order_mark_goes() -> None:
    assert charset.decode(b"\xef\xbb\xbfx", "utf-8")[0] == "x"


# Threat C10: no label reaches Python's codec registry.
PYTHON_ONLY = ["idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "rot13", "base64", "hex", "zlib", "bz2",
               "quopri", "uu", "mbcs", "oem", "palmos", "string-escape", "cp037", "../../x", "a" * 5000, "é",
               "\udcff"]  # fmt: skip


@pytest.mark.parametrize("label", PYTHON_ONLY, ids=lambda x: repr(x)[:20])
def test_labels_that_are_no_charset(label: str) -> None:
    text, defect = charset.decode(b"a\\u0041=41+AEE-", label)
    assert text == "a\\u0041=41+AEE-"
    assert defect


def test_300_labels_never_raise() -> None:
    labels = [*encodings.aliases.aliases, *encodings.aliases.aliases.values(), *charset.LABELS, *PYTHON_ONLY]
    assert len(labels) >= 300
    for label in labels:
        for data in (b"\x80\xff\x00abc", b"", b"\xd8\x00\xdc", bytes(range(256)), b"\x1b$B\x21", b"+2AA-"):
            text, _ = charset.decode(data, label)
            text.encode()  # no lone surrogates


def test_every_family_names_real_codecs() -> None:
    for label, family in charset.LABELS.items():
        assert charset.family(label.upper()) == family
        charset.decode(b"x", label)


def test_a_plus_that_is_no_utf_7_stays() -> None:
    text, defect = charset.decode(b"C++ or +ZeVnLIqe-? 1+1=2", "utf-7")
    assert (text, defect) == ("C++ or 日本語? 1+1=2", "some bytes are not utf-7")
