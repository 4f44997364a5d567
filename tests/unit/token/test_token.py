"""Signed addresses: what we made is read, whatever else is not."""

from __future__ import annotations

from base64 import b32encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.mail.token import Token, TokenKind, Tokens

KEY, OLD, OTHER = b"k" * 32, b"o" * 32, b"x" * 32
DESK = "support@example.com"
NOW = 1_767_312_000.0
DAY = 86400.0
TOKENS = Tokens([KEY], 180 * DAY)
IDS = st.integers(0, 2**63 - 1)
PEOPLE = st.sampled_from(["maria@example.org", "Maria@Example.ORG", "用户@例子.测试", '"a b"@x.org', "", "no-at"])


def read(address: str, now: float = NOW, tokens: Tokens = TOKENS) -> Token:
    token = tokens.read(address, now)
    assert token is not None
    return token


@given(IDS, PEOPLE, st.sampled_from([TokenKind.REPLY, TokenKind.NOTE, TokenKind.ACTION]))
def test_reply_address_round_trip(number: int, person: str, kind: TokenKind) -> None:
    token = read(TOKENS.reply_address("Support@Example.com", number, person, NOW, kind))
    assert (token.kind, token.id, token.desk_address) == (kind, number, DESK)
    assert token.person_matches(person)
    assert not token.person_matches("other@example.org")


@given(IDS)
def test_bounce_address_round_trip_and_is_nobodys(number: int) -> None:
    token = read(TOKENS.bounce_address(DESK, number, NOW))
    assert (token.kind, token.id, token.desk_address) == ("b", number, DESK)
    assert not token.person_matches("")


def test_domain_of_the_person_has_no_case() -> None:
    token = read(TOKENS.reply_address(DESK, 7, "maria@example.org", NOW))
    assert token.person_matches("maria@EXAMPLE.org")
    assert not token.person_matches("Maria@example.org")  # RFC 5321 §2.4: the local part has


@settings(max_examples=300)
@given(IDS, st.sampled_from(list(TokenKind)), st.data())
def test_any_changed_character_fails(number: int, kind: TokenKind, data: st.DataObject) -> None:
    address = TOKENS.reply_address(DESK, number, "maria@example.org", NOW, kind)
    place = data.draw(st.integers(len("support+"), address.index("@") - 1))
    wrong = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789=+-._@ \x00é").filter(lambda c: c != address[place]))
    token = TOKENS.read(address[:place] + wrong + address[place + 1 :], NOW)
    assert token is None or not token.person_matches("maria@example.org")  # a hit in the person's part is all it may leave
    if place < len("support+") + 1 + 32:  # kind, payload and mac
        assert token is None


@pytest.mark.parametrize("kind", list(TokenKind))
def test_every_single_character_counts(kind: TokenKind) -> None:
    address = TOKENS.reply_address(DESK, 2**63 - 1, "maria@example.org", NOW, kind)
    start, end = len("support+"), address.index("@")
    for place in range(start, end):
        for wrong in "abcdefghijklmnopqrstuvwxyz234567":
            if wrong != address[place]:
                token = TOKENS.read(address[:place] + wrong + address[place + 1 :], NOW)
                assert token is None or not token.person_matches("maria@example.org")


def test_other_desk_or_domain_fails() -> None:
    local, _, domain = TOKENS.reply_address(DESK, 7, "maria@example.org", NOW).partition("@")
    text = local.partition("+")[2]
    assert TOKENS.read(f"sales+{text}@{domain}", NOW) is None
    assert TOKENS.read(f"{local}@example.net", NOW) is None


def test_a_token_of_one_kind_is_none_of_another() -> None:
    note = TOKENS.reply_address(DESK, 7, "maria@example.org", NOW, TokenKind.NOTE)
    assert TOKENS.read(note.replace("+n", "+a"), NOW) is None


def test_believed_until_the_end_of_its_last_day() -> None:
    address = Tokens([KEY], 3 * DAY).reply_address(DESK, 7, "maria@example.org", NOW)
    last = (NOW // DAY + 4) * DAY
    assert read(address, last - 1).id == 7
    assert TOKENS.read(address, last) is None


def test_old_key_is_believed_and_new_key_signs() -> None:
    old = Tokens([OLD], DAY).reply_address(DESK, 7, "maria@example.org", NOW)
    both = Tokens([KEY, OLD], DAY)
    assert read(old, tokens=both).person_matches("maria@example.org")
    assert both.reply_address(DESK, 7, "maria@example.org", NOW) == Tokens([KEY], DAY).reply_address(
        DESK, 7, "maria@example.org", NOW
    )
    assert Tokens([OTHER], DAY).read(old, NOW) is None


def test_relays_may_change_case() -> None:
    address = TOKENS.reply_address(DESK, 7, "maria@example.org", NOW)
    assert read(address.upper()).person_matches("maria@example.org")
    assert read(address.title()).desk_address == DESK


@pytest.mark.parametrize("kind", list(TokenKind))
def test_local_part_of_64_octets_holds_a_desk_of_20(kind: TokenKind) -> None:
    desk = "d" * 20 + "@example.com"
    address = TOKENS.reply_address(desk, 2**63 - 1, "maria@example.org", NOW, kind)
    assert len(address.partition("@")[0]) <= 64
    assert read(address).desk_address == desk


def test_desk_too_long_for_a_signature_gets_its_plain_address() -> None:
    desk = "d" * 40 + "@example.com"
    assert TOKENS.reply_address(desk, 7, "maria@example.org", NOW) == desk
    assert TOKENS.bounce_address(desk, 7, NOW) == desk


@pytest.mark.parametrize("keys", [[], [b"short"], [KEY, b""]])
def test_weak_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 octets"):
        Tokens(keys, DAY)


HOSTILE = st.one_of(
    st.text(),
    st.text().map(lambda t: f"support+{t}@example.com"),
    st.binary(min_size=24, max_size=26).map(lambda b: f"support+r{b32encode(b).decode().rstrip('=')}@example.com"),
)


@settings(max_examples=500)
@given(HOSTILE)
def test_hostile_addresses_are_none_and_never_raise(address: str) -> None:
    assert TOKENS.read(address, NOW) is None


@given(st.text())
def test_hostile_person_never_raises(person: str) -> None:
    assert not read(TOKENS.reply_address(DESK, 7, "maria@example.org", NOW)).person_matches(person + "\ud800")


def test_another_spelling_of_the_spare_bits_is_refused() -> None:
    """24 octets are 192 bits in 39 characters of 195: the last 3 bits must be zero, else one token had 8 spellings."""
    address = TOKENS.reply_address(DESK, 7, "maria@example.org", NOW)
    local, _, domain = address.partition("@")
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    last = alphabet.index(local[-1])
    assert last % 8 == 0
    assert all(TOKENS.read(f"{local[:-1]}{alphabet[last + n]}@{domain}", NOW) is None for n in range(1, 8))
