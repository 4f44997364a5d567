"""Text without a usable label: what each writer's charset is read as, and that honest labels are believed."""

from __future__ import annotations

import random

import pytest

from smtpgate.mail import charset, detect
from tests.support.doubling import assert_linear

# codec: (the label it comes with, what people write). Short ones on purpose: names and subjects are decided by these.
WRITTEN: dict[str, tuple[str, str]] = {
    "gb18030": (
        "gb2312",
        "张三 | 订单号 20260101 还没有发货 | 您好，请问我的订单什么时候可以发货？谢谢！ | 【紧急】服务器无法登录 | 退款申请",
    ),
    "big5": ("big5", "張三 | 訂單號碼還沒有出貨 | 您好，請問我的訂單什麼時候可以出貨？謝謝！ | 臺灣科技股份有限公司 | 測試"),
    "cp932": (
        "shift_jis",
        "注文の件 | お問い合わせありがとうございます。 | 山田太郎 | ｶﾞｿﾘﾝ代の件 | 株式会社サンプル | 請求書の送付について",
    ),
    "euc_jp": ("euc-jp", "注文の件 | お問い合わせありがとうございます。 | 山田太郎 | 株式会社サンプル | 請求書の送付について"),
    "cp949": ("ks_c_5601-1987", "안녕하세요 | 주문한 상품이 아직 도착하지 않았습니다. | 김철수 | 주식회사 예제"),
    "cp1251": (
        "windows-1251",
        "Здравствуйте | Заказ не пришёл, прошу проверить. | Иван Петров | Дякую за відповідь, чекаю на рішення.",
    ),
    "koi8_r": (
        "koi8-r",
        "Здравствуйте | Заказ не пришёл, прошу проверить. | Иван Петров | Ошибка при запуске программы",
    ),
    "cp866": ("cp866", "Здравствуйте, заказ не пришел, прошу проверить и ответить."),
    "iso8859_5": ("iso-8859-5", "Здравствуйте, заказ не пришел, прошу проверить и ответить."),
    "cp1252": (
        "iso-8859-1",
        "café | Müller | Grüße aus Köln | señor Ibáñez"
        " | Não recebi o meu pedido. Atenção! | La città è più bella | Søren på Åland | “smart quotes” – it’s fine…"
        " | Øyvind | € 50 | 100 °C | © 2005 | Þór sagði að það væri í lagi",
    ),
    "cp1250": (
        "windows-1250",
        "Dobrý den, objednávka ještě nepřišla. | Zamówienie jeszcze nie dotarło | Kérem, küldjék el a számlát. Őszinte üdvözlettel",
    ),
    "iso8859_2": ("iso-8859-2", "Dobrý den, objednávka ještě nepřišla. | Zamówienie jeszcze nie dotarło, proszę"),
    "cp1254": ("iso-8859-9", "Siparişim henüz gelmedi, lütfen kontrol eder misiniz? | Müşteri hizmetleri"),
    "cp1253": ("windows-1253", "Καλημέρα, η παραγγελία μου δεν έχει φτάσει ακόμα. | Ευχαριστώ"),
    "cp1255": ("windows-1255", "שלום, ההזמנה שלי עוד לא הגיעה | תודה רבה"),
    "cp1256": ("windows-1256", "مرحبا، لم يصل طلبي بعد | شكرا جزيلا"),
    "cp1257": (
        "windows-1257",
        "Laba diena, mano užsakymas dar neatėjo. Ačiū už atsakymą | Paldies, mans pasūtījums vēl nav saņemts",
    ),
    "cp874": ("tis-620", "สวัสดีครับ สินค้ายังไม่มาถึง | ขอบคุณ"),
}
SAMPLES = [(codec, label, text) for codec, (label, texts) in WRITTEN.items() for text in texts.split(" | ")]


@pytest.mark.parametrize("wrong", [None, "x-unknown", "us-ascii"])
def test_what_has_no_usable_label_is_read_from_its_bytes(wrong: str | None) -> None:
    misread = [text for codec, _, text in SAMPLES if charset.decode(text.encode(codec), wrong)[0] != text]
    assert misread == []


def test_other_text_under_the_label_of_utf_8() -> None:
    misread = [t for codec, _, t in SAMPLES if len(t) > 8 and charset.decode(t.encode(codec), "utf-8")[0] != t]
    assert misread == []


def test_utf_8_under_every_other_label() -> None:
    for _, label, text in SAMPLES:
        found, defect = charset.decode(text.encode(), label)
        assert found == text
        assert defect


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        ("您好，请问我的订单什么时候可以发货？", "gb18030", "iso-8859-1"),
        ("您好，请问我的订单什么时候可以发货？", "gb18030", "koi8-r"),
        ("您好，请问我的订单什么时候可以发货？", "gb18030", "big5"),
        ("您好，請問我的訂單什麼時候可以出貨？", "big5", "gb2312"),
        ("お問い合わせありがとうございます。", "euc_jp", "shift_jis"),
        ("お問い合わせありがとうございます。", "cp932", "gb2312"),
        ("주문한 상품이 아직 도착하지 않았습니다.", "cp949", "gb2312"),
        ("Заказ не пришёл, прошу проверить.", "cp1251", "koi8-r"),
        ("Заказ не пришёл, прошу проверить.", "koi8_r", "windows-1251"),
        ("Заказ не пришёл, прошу проверить.", "cp1251", "iso-8859-1"),
        ("Dobrý den, objednávka ještě nepřišla, šárka je žlutá.", "cp1250", "iso-8859-2"),
    ],
)
def test_a_label_that_the_bytes_contradict(text: str, codec: str, label: str) -> None:
    found, _ = charset.decode(text.encode(codec), label)
    assert found == text


def test_an_honest_label_is_always_believed() -> None:
    """Words of each language thrown together, a third of them shouted, 50 times each."""
    chance = random.Random(7)
    for codec, (label, texts) in WRITTEN.items():
        words = [word for text in texts.split(" | ") for word in text.split()]
        for turn in range(50):
            text = " ".join(chance.choices(words, k=1 + turn % 12))
            text = text.upper() if turn % 3 == 0 else text
            try:
                data = text.encode(codec)
            except UnicodeEncodeError:
                continue
            assert charset.decode(data, label) == (text, ""), codec


def test_what_stands_near_by_decides_short_text() -> None:
    data = "ТЕСТ".encode("koi8_r")
    assert charset.guess(data, "koi8-r")[0] == "ТЕСТ"
    assert charset.guess("ТЕСТ".encode("cp1251"), "windows-1251")[0] == "ТЕСТ"


def test_program_text_is_no_hz() -> None:
    assert detect.escapes(b"x = ~{ab~} + ~{cd~}") == ""
    assert detect.escapes("您好".encode("hz")) == "hz"


def test_a_sample_is_small_where_the_text_is_one_long_line() -> None:
    line = b"er" * 50_000
    for data in (line + b"\xe9" + line, line + b"\n" + b"\xe9" + line, b"\xe9" + line + b"\xe9"):
        piece = detect.sample(data)
        assert b"\xe9" in piece
        assert len(piece) <= 4 * detect.SAMPLE


def test_doubling() -> None:
    for piece in (b"\xd6\xd0", b"a\xe9 ", b"\xff", b"\xe4\xb8\xad\xff", b"~{VP~}", b"\x1b$BF|K\\\x1b(B\xe9"):
        assert_linear(lambda n, piece=piece: piece * n, charset.guess, 20000)
        assert_linear(lambda n, piece=piece: piece * n, lambda data: charset.decode(data, "big5"), 20000)
