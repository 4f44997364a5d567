from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.mail import language
from tests.support.doubling import assert_linear

SHORT = [
    ("zh", "你好，我的订单还没有到"), ("zh", "好的\n谢谢"), ("zh", "收到"), ("zh", "網站打不開，請幫忙處理"), ("zh", "我的 Docker container 启动失败，报错 permission denied，怎么处理"),
    ("en", "Hello, my order has not arrived."), ("en", "It does not work"), ("en", "Please help"), ("en", "Thanks!"), ("en", "order status?"), ("ja", "注文した商品がまだ届きません。"), ("ja", "至急対応してください"), ("ja", "確認お願いします"),
    ("ko", "안녕하세요"), ("de", "Bitte um Rückruf"), ("de", "Wann kommt mein Paket?"), ("fr", "Où est mon colis ?"), ("fr", "Merci beaucoup"), ("es", "¿Dónde está mi paquete?"), ("es", "Muchas gracias"), ("pt", "Onde está minha encomenda?"), ("pt", "Obrigado"),
    ("it", "Dove si trova il mio pacco?"), ("nl", "Waar is mijn pakket?"), ("nl", "Bedankt voor uw hulp"), ("sv", "Tack för hjälpen"), ("da", "Tak for hjælpen"), ("no", "Takk for hjelpen"), ("fi", "Kiitos avusta"), ("pl", "Dzień dobry, moje zamówienie nie dotarło."), ("cs", "Děkuji za pomoc"), ("sk", "Ďakujem"),
    ("tr", "Merhaba, siparişim gelmedi."), ("vi", "Xin chào, đơn hàng của tôi chưa đến."), ("vi", "Cảm ơn bạn"), ("ru", "Здравствуйте, мой заказ не пришёл."), ("ru", "Спасибо"), ("uk", "Доброго дня, моє замовлення не прийшло."), ("uk", "Дякую"), ("bg", "Здравейте, поръчката ми не е пристигнала."), ("hu", "Jó napot, a rendelésem nem érkezett meg."),
    ("ro", "Bună ziua, comanda mea nu a ajuns."), ("el", "Καλημέρα, η παραγγελία μου δεν ήρθε."), ("ar", "مرحبا، طلبي لم يصل"), ("he", "שלום, ההזמנה שלי לא הגיעה"), ("th", "สวัสดี สินค้ายังไม่มา"), ("id", "Halo, pesanan saya belum sampai"), ("hr", "Poštovani, moja narudžba nije stigla."), ("", "12345"), ("", "https://x.example/"), ("", "AB-4711"), ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "text"), SHORT)
def test_two_lines_are_enough(expected: str, text: str) -> None:
    assert language.of(text) == expected


def test_what_the_writer_says_first_counts_and_not_what_stands_below() -> None:
    signature = "\n\nBest regards\nLi Wei\nSales Manager, Far Trading Company Limited\nThis email is confidential and for the addressee only."
    assert language.of("请查收附件" + signature) == "zh"
    pasted = "\n\nYour account has been suspended because we could not process the payment. Please update your billing details."
    assert language.of("你好，下面的通知是什么意思？" + pasted) == "zh"
    assert language.of("Hi,\nwhere is my parcel?\n\n李明\n上海某某贸易有限公司") == "en"
    assert language.of("My name is 李明 and I need help with the login") == "en"


def test_subject_and_hints_speak_only_when_the_text_does_not() -> None:
    assert language.of("", "打不开") == "zh"
    assert language.of("Guten Tag, ich habe eine Frage", "打不开") == "de"
    assert language.of("4711", "", ("utf-8", "pt-BR")) == "pt"
    assert language.of("4711", "", ("euc-kr",)) == "ko"
    assert language.of("Please help me", "", ("gb18030", "zh-CN")) == "en"
    assert language.of("", "", ("utf-8", "x-nonsense; y")) == ""


def test_scripts_of_chinese() -> None:
    assert language.script("網站打不開，請幫忙處理") == "Hant"
    assert language.script("网站打不开，请帮忙处理") == "Hans"
    assert language.script("你好") == ""
    assert language.script("hello") == ""


@given(st.text(max_size=300), st.text(max_size=50), st.text(max_size=20))
def test_any_text_is_read(text: str, subject: str, hint: str) -> None:
    assert language.of(text, subject, (hint,)).isascii()
    assert language.script(text) in ("", "Hans", "Hant")


@pytest.mark.parametrize("piece", ["a", "@", "a@", "中", "1a", "://", "é", "の ", "ы"])
def test_linear(piece: str) -> None:
    assert_linear(lambda n: piece * n, language.of, 200_000)


@pytest.mark.parametrize(
    ("hint", "found"),
    [
        ("us-ascii", ""),
        ("cp-1251", ""),
        ("gb-18030", ""),
        ("utf-8", ""),
        ("de-AT", "de"),
        ("zh-Hant-TW", "zh"),
        ("es-419", "es"),
        ("fr, en", "fr"),
        ("en", "en"),
    ],
)
def test_a_charset_is_no_tag_of_a_language(hint: str, found: str) -> None:
    assert language.of("4711", hints=(hint,)) == found
