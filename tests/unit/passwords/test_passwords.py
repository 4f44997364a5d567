"""Passwords as Argon2id hashes: made, compared, and what of those made elsewhere is taken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from smtpgate import passwords

FORM = "$argon2id$v=19$m={m},t={t},p={p}$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"


def test_only_the_password_matches_its_hash_however_its_letters_are_composed() -> None:
    known = passwords.hashed("correct hörse 密码")
    assert known.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.fault(known) == ""
    assert passwords.matches("correct ho\u0308rse 密码", known)
    for wrong in ("correct hörse", "", "correct hörse 密码\0", "x" * 5000):
        assert not passwords.matches(wrong, known)


@pytest.mark.parametrize(
    "known",  # of the reference implementation's tests
    [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ],
)
def test_hashes_of_other_programs(known: str) -> None:
    assert passwords.matches("password", known)
    assert not passwords.matches("passwort", known)


def test_two_hashes_of_one_password_are_not_alike() -> None:
    assert passwords.hashed("the same") != passwords.hashed("the same")


@pytest.mark.parametrize("bad", ["", "\0", "a\0b", "x" * 1025, "密" * 342])
def test_what_can_be_no_password(bad: str) -> None:
    with pytest.raises(ValueError, match="1 to 1024"):
        passwords.hashed(bad)


def test_the_longest_one_can() -> None:
    assert passwords.octets("x" * 1024) == b"x" * 1024


@pytest.mark.parametrize(
    ("known", "good"),
    [
        (FORM.format(m=8192, t=1, p=1), True),
        (FORM.format(m=8191, t=1, p=1), False),
        (FORM.format(m=262144, t=20, p=16), True),
        (FORM.format(m=262145, t=1, p=1), False),
        (FORM.format(m=65536, t=21, p=1), False),
        (FORM.format(m=65536, t=1, p=17), False),
        (FORM.format(m=65536, t=0, p=1), False),
        (FORM.format(m=65536, t=3, p=4).replace("id", "i"), False),
        ("$2b$12$abcdefghijklmnopqrstuv", False),
        ("correct horse", False),
        ("", False),
        (FORM.format(m=65536, t=3, p=4) + "\n", False),
        (FORM.format(m=65536, t=3, p=4)[:-2], False),  # cut off
        (FORM.format(m=65536, t=3, p=4)[:-1] + "h", False),  # a letter that no octets are written with there
        (FORM.format(m=65536, t=3, p=4).replace("c2FsdHNhbHRzYWx0c2FsdA", "c2FsdHNhbHRzY"), False),
    ],
)
def test_which_hashes_are_taken(known: str, good: bool) -> None:
    assert (passwords.fault(known) == "") is good


def test_whatever_is_taken_can_be_compared() -> None:
    """A hash that was cut anywhere: refused, or a hash that no password has."""
    known = FORM.format(m=8192, t=1, p=1)
    whole = [known[:i] for i in range(len(known))] + [known[:i] + known[i + 1 :] for i in range(30, len(known))]
    taken = [one for one in whole if not passwords.fault(one)]
    assert taken
    assert not any(passwords.matches("correct horse", one) for one in taken)


def test_a_decoy_costs_what_the_real_one_costs_and_has_no_password() -> None:
    like = FORM.format(m=8192, t=2, p=3)
    decoy = passwords.decoy(like)
    assert decoy.startswith("$argon2id$v=19$m=8192,t=2,p=3$")
    assert passwords.fault(decoy) == ""
    assert not passwords.matches("", decoy)
    assert passwords.decoy().startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_several_at_once_do_not_wait_for_each_other() -> None:
    """OpenSSL's do, for ever, as soon as there is more than one lane."""
    known = passwords.hashed("the right one")
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda said: passwords.matches(said, known), ["wrong", "the right one"] * 4, timeout=60))
    assert found == [False, True] * 4
