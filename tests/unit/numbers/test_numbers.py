"""Ticket numbers in subjects: found after everything that mailers do, never found in what merely looks like one."""

from __future__ import annotations

import time
from email.header import Header, decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.numbers import NumberPattern, find

NUMBER = "20260102-EML-0042"
PATTERN = NumberPattern.compile("{date}-{channel}-{serial:04}")
FULL_WIDTH = str.maketrans({c: chr(ord(c) + 0xFEE0) for c in map(chr, range(0x21, 0x7F))})


def found(subject: str, *sources: str) -> tuple[str, ...]:
    return find(subject, tuple(NumberPattern.compile(s) for s in sources) or (PATTERN,))


@pytest.mark.parametrize(
    "subject",
    [
        "[#20260102-EML-0042] 登录失败",
        "Re: [#20260102-EML-0042] login",
        "RE: Fwd: AW: WG: [#20260102-EML-0042] login",
        "回复：[#20260102-EML-0042] 登录",
        "回复:[#20260102-EML-0042] 登录",
        "答复: [#20260102-EML-0042] 登录",
        "转发：答复：[#20260102-EML-0042]",
        "[support-list] Re: [#20260102-EML-0042] login",
        "[support] [ext] Re[2]: [#20260102-EML-0042] login",
        "Re:[#20260102-EML-0042]",
        "登录失败[#20260102-EML-0042]",
        "[#20260102-eml-0042] lower case",
        "【#20260102-EML-0042】登录",
        "（#20260102-EML-0042）",
        "「20260102-EML-0042」",
        "〔＃20260102-EML-0042〕",
        "<20260102-EML-0042>",
        "[＃２０２６０１０２－ＥＭＬ－００４２]",
        "［＃２０２６０１０２－ＥＭＬ－００４２］",
        "[ # 20260102-EML-0042 ]",
        "[# 20260102 - EML - 0042 ]",
        "[#20260102-EML-\t0042]",
        "[#20260102-EML-\u30000042]",
        "[#2026 0102-EML-00 42]",
        "[ #20260102-E ML-0042]",
        "#20260102-EML-0042 bracket lost",
        "20260102-EML-0042",
        "工单20260102-EML-0042已经处理",
        "[#20260102-EML-0042 one bracket lost",
        "20260102-EML-0042] the other one",
        "Problem: 20260102-EML-0042.",
        "Login problem - 20260102-EML-0042 - please help",
        "20260102–EML–0042 with en dashes",
        "[#20260102\u2011EML\u20110042]",
        "[#2026\u200b0102-EML\u200d-00\ufeff42]",
        "[#20260102-EML-0042\u200e]",
        "[#20260102\u00ad-EML-0042]",
        "No.20260102-EML-0042",
        "ticket (#20260102-EML-0042), again",
        "1234 [#20260102-EML-0042] 5678",
    ],
)
def test_found_after_everything_that_mailers_do(subject: str) -> None:
    assert found(subject) == (NUMBER,)


@pytest.mark.parametrize(
    "subject",
    [
        "1234-5678",
        "call 1234-5678",
        "[1234-5678]",
        "#1234-5678",
        "+86 138-1234-5678",
        "+86 20260102-1234-5678",
        "20260102-1234-5678",
        "2026-01-02",
        "[2026-01-02]",
        "2026-01-02 10:30",
        "20260102",
        "#0042",
        "EML-0042",
        "A20260102-EML-00421",
        "A20260102-EML-0042",
        "120260102-EML-0042",
        "X-20260102-EML-0042",
        "20260102-EML-00421",  # four digits with a leading zero, or five without: this is somebody's order
        "20260102-EML-42",
        "20260102-EML-0042A",
        "20260102-EML-0042-7",
        "20260102-EML-0042.5",
        "<20260102-EML-0042@mail.example.org>",
        "20260102-EML-0000",
        "20261302-EML-0042",
        "20260132-EML-0042",
        "99990102-EML-0042",
        "é20260102-EML-0042",
        "Ж20260102-EML-0042",
        "20260102-ELECTRONIC-0042",
        "٢٠٢٦٠١٠٢-EML-٠٠٤٢",
        "",
        "[#]",
        "[[[[]]]]",
        "\ud800",
    ],
)
def test_not_found_in_what_merely_looks_like_one(subject: str) -> None:
    assert found(subject) == ()


def test_found_in_encoded_words_once_decoded() -> None:
    for charset in ("utf-8", "gb18030", "big5"):
        encoded = Header(f"回覆: [#{NUMBER}] 登入", charset, maxlinelen=40).encode()
        assert "=?" in encoded
        assert found(str(make_header(decode_header(encoded)))) == (NUMBER,)


def test_several_numbers_in_the_order_of_the_subject_each_once() -> None:
    subject = "[#20260103-EML-0007] was [#20260102-EML-0042], see 20260103-EML-0007"
    assert found(subject) == ("20260103-EML-0007", "20260102-EML-0042")


def test_numbers_of_an_old_pattern_stay_recognised() -> None:
    patterns = ("{date}-{channel}-{serial:04}", "SUP-{serial:06}", "{channel}/{date}.{serial}")
    assert found("Re: [#SUP-000123]", *patterns) == ("SUP-000123",)
    assert found("Re: [EML/20250101.17]", *patterns) == ("EML/20250101.17",)
    assert found(f"Re: [#SUP-000123] now [#{NUMBER}]", *patterns) == ("SUP-000123", NUMBER)


def test_a_number_without_date_or_letter_needs_its_brackets_or_hash() -> None:
    for source, number in (("{serial:06}", "000123"), ("{date}-{serial:04}", "20260102-0042"), ("SUP-{serial}", "SUP-7")):
        assert found(f"Re: [#{number}] x", source) == (number,)
        assert found(f"Re: #{number} x", source) == (number,)
        assert found(f"Re: 【{number}】 x", source) == (number,)
        assert found(f"Re: {number} x", source) == ()
    assert found("Re: [build 000123]", "{serial:06}") == ()
    assert found("tel #1234-5678", "{serial:04}") == ()
    assert found("[2026 01 02]", "{serial}") == ()  # a date, not a broken number


def test_half_a_number_at_the_limit_is_no_other_number() -> None:
    for before in range(970, 1002):
        assert found("好" * before + "20260102-EML-12345678") in ((), ("20260102-EML-12345678",))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "no {serial}"),
        ("{date}", "no {serial}"),
        ("{date}-{number}", "unknown or doubled {number}"),
        ("{serial}-{serial}", "unknown or doubled"),
        ("{date}{serial}", "side by side"),
        ("{channel}0{serial}", "side by side"),
        ("{serial:4}", "strange width"),
        ("{serial:010}", "strange width"),
        ("{date:08}-{serial}", "strange width"),
        ("{serial!r}", "unknown or doubled"),
        ("{serial", "not a number pattern"),
        ("}{serial}", "not a number pattern"),
        ("{}-{serial}", "unknown or doubled"),
        ("{serial.real}", "unknown or doubled"),
        ("工单{serial}", "subjects do not keep"),
        ("[{serial}]", "subjects do not keep"),
        ("T {serial}", "subjects do not keep"),
        ("{{x}}{serial}", "subjects do not keep"),
        ("X" * 61 + "{serial}", "longer than 60"),
    ],
)
def test_a_pattern_that_cannot_work_says_why(source: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) ") as caught:
        NumberPattern.compile(source)
    assert says in str(caught.value)


def test_which_counter_a_pattern_uses() -> None:
    assert (PATTERN.per_day, PATTERN.per_channel) == (True, True)
    bare = NumberPattern.compile("{serial}")
    assert (bare.per_day, bare.per_channel) == (False, False)


# --- properties -------------------------------------------------------------------------------------------------------

SOURCES = ["{date}-{channel}-{serial:04}", "{channel}.{serial:03}", "T-{serial}", "{serial:09}", "{channel}/{date}/{serial:02}"]
days = st.dates(min_value=__import__("datetime").date(2000, 1, 1)).map(lambda d: d.strftime("%Y%m%d")).filter(lambda d: d < "2100")
channels = st.from_regex(r"\A[A-Z0-9]{1,8}\Z")
PREFIXES = ["", "Re: ", "RE:", "Fwd: ", "AW: ", "回复：", "答复: ", "转发:", "[list] ", "Re: [ext] 回复:"]


@given(st.text(max_size=3000), st.sampled_from(SOURCES))
def test_never_raises_and_finds_only_what_make_could_write(subject: str, source: str) -> None:
    pattern = NumberPattern.compile(source)
    for number in find(subject, (pattern,)):
        assert find(f"[#{number}]", (pattern,)) == (number,)


@given(st.text(alphabet="20260102-EML0 #[]＃－\u200b", max_size=80))
def test_never_raises_near_a_number(subject: str) -> None:
    for number in find(subject, tuple(map(NumberPattern.compile, SOURCES))):
        assert number == number.upper()


@given(
    source=st.sampled_from(SOURCES),
    day=days,
    channel=channels,
    serial=st.integers(1, 999_999_999),
    prefix=st.sampled_from(PREFIXES),
    brackets=st.sampled_from(["[]", "【】", "（）", "()", "「」", "<>", "［］", "{}"]),
    hash_=st.sampled_from(["#", "＃", "# ", " #"]),
    full_width=st.booleans(),
    lower=st.booleans(),
    data=st.data(),
)
def test_made_then_mangled_is_found(
    source: str,
    day: str,
    channel: str,
    serial: int,
    prefix: str,
    brackets: str,
    hash_: str,
    full_width: bool,
    lower: bool,
    data: st.DataObject,
) -> None:
    pattern = NumberPattern.compile(source)
    number = pattern.make(date=day, channel=channel, serial=serial)
    mangled = number.translate(FULL_WIDTH) if full_width else number
    mangled = mangled.lower() if lower else mangled
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(mangled)))
        mangled = (
            mangled[:at] + data.draw(st.sampled_from([" ", "\t", "\r\n ", "\u200b", "\u00ad", "\u3000", "\ufeff"])) + mangled[at:]
        )
    tail = data.draw(st.sampled_from(["", " 登录失败", "登录失败", " login fails", ": x"]))
    assert number in find(f"{prefix}{brackets[0]}{hash_}{mangled}{brackets[1]}{tail}", (pattern,))


@pytest.mark.parametrize("piece", ["20260102-", "[", "[#", "1 ", "#1 ", "20260102-EML-0042 ", "\ufdfa", "- ", "A" * 8 + "-", "ŉ"])
def test_time_does_not_grow_with_the_subject(piece: str) -> None:
    """Only the first thousand characters are looked at; within them no piece repeated may be slow."""
    patterns = tuple(map(NumberPattern.compile, SOURCES))
    start = time.process_time()
    find(piece * (1_000_000 // len(piece)), patterns)
    assert time.process_time() - start < 1.0
