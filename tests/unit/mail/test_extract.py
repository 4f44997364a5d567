from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate import patterns
from smtpgate.mail import kind, topics
from smtpgate.mail.extract import Extractor, topic
from smtpgate.model import Detail, ParsedMail
from smtpgate.patterns import LONGEST, Pattern, any_of, words
from smtpgate.ticketsettings import Extract, Extraction
from tests.support.doubling import assert_linear

BUILT_IN = Extractor([], Extraction())


def found(reply: str, subject: str = "", *, text: str = "", by: Extractor = BUILT_IN) -> list[tuple[str, str]]:
    mail = ParsedMail(reply=reply, text=text or reply, subject=subject)
    return [(d.name, d.value) for d in by.details(mail)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好，订单号：20261121ABC 还没发货", [("order", "20261121ABC")]),
        ("单号 889900112", [("order", "889900112")]),
        ("快递单号 SF1234567890", [("shipment", "SF1234567890")]),
        ("order no. AB-4711 and order #12345", [("order", "AB-4711"), ("order", "12345")]),
        ("Bestellnummer 123-4567890-1234567", [("order", "123-4567890-1234567")]),
        ("注文番号：250-1234567-7654321", [("order", "250-1234567-7654321")]),
        ("invoice INV-2026/001", [("invoice", "INV-2026/001")]),
        ("发票号码: 12345678", [("invoice", "12345678")]),
        ("发票号12345678，工单 WO-20260101-03", [("invoice", "12345678"), ("ticket", "WO-20260101-03")]),
        ("RMA 778899", [("rma", "778899")]),
        ("SN: C02XK1XXJGH5", [("serial", "C02XK1XXJGH5")]),
        ("型号：RT-AX88U Pro，版本 3.0.0.4", [("product", "RT-AX88U Pro"), ("version", "3.0.0.4")]),
        ("since v2.4.1-rc1", [("version", "2.4.1-rc1")]),
        (
            "error code 0x80070005, ECONNREFUSED, ORA-00942",
            [("error", "0x80070005"), ("error", "ECONNREFUSED"), ("error", "ORA-00942")],
        ),
        ("打开时报错 404", [("error", "404")]),
        ("电话 021-58881234", [("phone", "021-58881234")]),
        ("13800138000", [("phone", "13800138000")]),
        ("call +49 (0)30 1234567", [("phone", "+49 (0)30 1234567")]),
        ("我的网站example.com打不开了", [("domain", "example.com")]),
        ("https://www.shop.example.cn/path", [("domain", "www.shop.example.cn")]),
        ("write to kim@far.example.com", []),
        ("> 2026-01-02 10:00:00 ERROR db: connection refused", [("log", "2026-01-02 10:00:00 ERROR db: connection refused")]),
        ("In order to make 2 things clear, my invoice is late", []),
        ("It costs 4711 euro", []),
        ("", []),
    ],
)
def test_built_in(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_a_piece_of_what_was_found_is_nothing_else() -> None:
    """Looked through once more, an order's number begins like an error's."""
    said = "Order number SO-2026-0815."
    assert found(said, text=f"{said}\n\nSent from my phone") == [("order", "SO-2026-0815")]


def test_what_is_newly_written_counts_and_the_rest_only_for_names_without_a_find() -> None:
    mail = ParsedMail(
        subject="order 1001", reply="version 2.0 fails", text="version 2.0 fails\n> order 1002, version 1.0\n> SN: AB12345"
    )
    assert BUILT_IN.details(mail) == (
        Detail("order", "1001", "subject"),
        Detail("version", "2.0", "text"),
        Detail("serial", "AB12345", "quoted"),
    )


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("[故障] example.com 网站打不开", ("故障", "example.com", "网站打不开")),
        ("【咨询】shop.example.cn + 付款问题", ("咨询", "shop.example.cn", "付款问题")),
        ("[Bug]example.org login fails", ("Bug", "example.org", "login fails")),
        ("Re: [#20260102-EML-0001] [故障] Example.com：打不开", ("故障", "example.com", "打不开")),
        ("回复：【报修】例子.中国：无法访问", ("报修", "例子.中国", "无法访问")),
        ("[Bug] example.org", ("Bug", "example.org")),
        ("[users] How do I do it", ()),
        ("[Bug] kim@example.org asks", ()),
        ("example.org login fails", ()),
        ("[" * 400, ()),
        ("", ()),
    ],
)
def test_subjects_of_the_form_type_domain_description(subject: str, expected: tuple[str, ...]) -> None:
    assert tuple(value for _, value in topic(subject)) == expected


def test_ones_own_patterns() -> None:
    own = [
        Extract(name="asset", pattern=r"asset ([A-Z]{2}[0-9]{5})"),
        Extract(name="order", pattern=""),
        Extract(name="rma", pattern="R[0-9]+"),
    ]
    by = Extractor(own, Extraction())
    assert found("asset AB12345, order no. 4711, RMA 778899, R55", by=by) == [("asset", "AB12345"), ("rma", "R55")]
    only = Extractor(own, Extraction(built_in=False))
    assert found("asset AB12345 v2.4", by=only) == [("asset", "AB12345")]
    subject = Extractor([Extract(name="x", pattern="x[0-9]", where="subject")], Extraction(built_in=False))
    assert found("x1", "x2", by=subject) == [("x", "x2")]


def test_bounds() -> None:
    many = " ".join(f"v1.{i}" for i in range(100))
    assert len(found(many)) == 5
    assert found("v1.1 order 4711", by=Extractor([], Extraction(finds=1))) == [("order", "4711")]
    assert found("x" * 300 + " v1.1", by=Extractor([], Extraction(text=256))) == []
    long = Extractor([Extract(name="a", pattern="a+")], Extraction(built_in=False))
    assert len(found("a" * 5000, by=long)[0][1]) <= 200


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(a", "no RE2 pattern"), (r"(a)\1", "no RE2 pattern"), ("a(?=b)", "no RE2 pattern"), ("a*", "nothing at all"), ("a" * (LONGEST + 1), "longer"), ("(a{100}){100}", "no RE2 pattern")],
)  # fmt: skip
def test_patterns_that_are_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Pattern(pattern)


@settings(max_examples=50)
@given(st.text(max_size=300), st.text(max_size=80), st.text(max_size=300))
def test_any_text_is_read(reply: str, subject: str, text: str) -> None:
    for one in BUILT_IN.details(ParsedMail(reply=reply, subject=subject, text=text)):
        assert one.value.isprintable()


@pytest.mark.parametrize("piece", ["订单号", "a.", "1-", "+1 ", "2026-01-02 10:00:00 ", "[", "v1.", "order no. ", "0x"])
def test_linear(piece: str) -> None:
    by = Extractor(
        [Extract(name="evil", pattern="(a|aa)+(x+x+)+y"), Extract(name="far", pattern="[a-z].*#|[0-9a-z]")],
        Extraction(text=1048576),
    )
    assert_linear(lambda n: ParsedMail(reply=piece * n, text=piece * n), by.details, 20_000)


_TEXTS = st.lists(st.sampled_from(["a", "b", "ab", "2", "]", "{1,2}", "{", "-"]), max_size=6).map("".join)
_ATOMS = st.sampled_from(
    ["a", "b", "[ab]", "[^a{1,2}]", r"[]{1,2}]", r"[\]{2,3}]", "[[:digit:]{1,2}]", r"\{", r"\Q{1,2}\E", "(?:ab)", r"\x{61}"]
)
_COUNTS = st.sampled_from(["", "{2}", "{1,2}", "{0,3}", "{2,5}?", "{1,}", "?", "+"])
_PATTERNS = st.lists(st.tuples(_ATOMS, _COUNTS), min_size=1, max_size=4).map(lambda pieces: "".join(a + c for a, c in pieces))


@settings(max_examples=150)
@given(st.lists(_PATTERNS, min_size=1, max_size=3), st.lists(_TEXTS, max_size=8))
def test_where_one_finds_something_the_question_for_all_says_so(texts: list[str], where: list[str]) -> None:
    patterns = []
    for text in texts:
        with suppress(ValueError):  # it may match nothing
            patterns.append(Pattern(text))
    together = any_of(patterns) if patterns else None
    for text in map(str.encode, where):
        if together is not None and any(one.within(text) for one in patterns):
            assert together.within(text), [one.text for one in patterns]


def test_the_question_for_all_takes_little_memory_and_says_no_where_nothing_is() -> None:
    patterns = [Pattern(pattern) for _, _, pattern in topics.BUILT_IN]
    together = any_of(patterns)
    assert together._compiled.programsize < sum(one._compiled.programsize for one in patterns) / 4
    assert not together.within(b"Hello, it does not work since Monday (at 10), see A-4. Bob")


def test_words_are_found_as_they_stand() -> None:
    found = words(("a.b", "#E1E1E1", "回复", "(c)"))
    assert [found.within(text.encode()) for text in ("xa.bx", "azb", "您的回复", "(c)", "c", "#e1e1e1", "")] == [
        True, False, True, True, False, False, False,
    ]  # fmt: skip


def test_hundreds_of_words_together_cost_about_what_a_few_do() -> None:
    """With too little memory RE2 falls back to an engine that took 130 times as long for these; nothing tells but the time."""
    phrases = kind._DECLARED
    assert len(phrases) > 300
    text = ("the printer in room four does not print any more since somebody moved it to the other wall. " * 10).encode()

    def cost(few: int) -> float:
        together = patterns.words(phrases[:few])
        assert not together.within(text)
        times = []
        for _ in range(9):
            began = time.thread_time()
            for _ in range(20):
                together.within(text)
            times.append(time.thread_time() - began)
        return min(times)

    assert cost(len(phrases)) < 10 * cost(30)
