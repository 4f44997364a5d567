"""DKIM signing, judged by two verifiers that are not ours."""

from __future__ import annotations

import email
import shutil
import subprocess
from pathlib import Path

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgate.auth.sign import DkimSigner, canonical_body, public_record
from smtpgate.deliverysettings import DkimKey
from smtpgate.mail import header
from smtpgate.mail.compose import compose
from smtpgate.mail.letters import Letter
from smtpgate.model import Address
from tests.support.letters import dkim_key, letter, templates

NOW = 1767312000.0
KEYS = [dkim_key("rsa"), dkim_key("ed25519")]
SIGNER = DkimSigner(KEYS)
RECORDS = {f"{k.selector}._domainkey.{k.domain}.".encode(): public_record(k).encode() for k in KEYS}


def dns(name: bytes, timeout: int = 5) -> bytes | None:
    return RECORDS.get(name)


def signed(made: Letter) -> bytes:
    return SIGNER.finished(compose(made, templates()).data, made.date)


def verified(data: bytes) -> list[bool]:
    return [_verified(data, 0), _verified(data, 1)]


def _verified(data: bytes, which: int) -> bool:
    try:
        return bool(dkim.DKIM(data).verify(idx=which, dnsfunc=dns))
    except dkim.DKIMException:
        return False


def test_both_signatures_verify() -> None:
    data = signed(letter())
    names = [f.name for f in header.split(data)[0]]
    assert names[:3] == ["dkim-signature", "dkim-signature", "from"]
    assert verified(data) == [True, True]
    assert b"a=rsa-sha256" in data
    assert b"a=ed25519-sha256" in data


def test_the_octets_signed_are_the_octets_given() -> None:
    plain = compose(letter(), templates()).data
    made = SIGNER.sign(plain, "Example.COM", NOW)
    assert made.endswith(plain)
    assert SIGNER.sign(plain, "example.net", NOW) == plain
    assert f"t={int(NOW)};".encode() in made


def test_a_mail_of_the_queue_is_signed_once_for_its_from_and_always_alike() -> None:
    plain = compose(letter(), templates()).data
    made = SIGNER.finished(plain, NOW)
    assert made == SIGNER.sign(plain, "example.com", NOW) == SIGNER.finished(plain, NOW)
    assert SIGNER.finished(made, NOW) == made  # queued by a version that signed before
    assert SIGNER.finished(plain.replace(b"support@example.com", b"support@example.net"), NOW).startswith(b"From:")
    assert DkimSigner([]).finished(plain, NOW) == plain


@settings(max_examples=60)
@given(subject=st.text(), name=st.text(), message=st.text(max_size=300))
def test_random_letters_verify(subject: str, name: str, message: str) -> None:
    made = letter(subject=subject, message=message, to=Address(name, "maria@example.org"))
    assert verified(signed(made)) == [True, True]


BODIES = st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b".", b"   ", b"\xe4\xb8\xad", b"--"]), max_size=30).map(b"".join)


@settings(max_examples=300)
@given(BODIES)
def test_any_body_canonicalises_as_the_other_implementation_does(body: bytes) -> None:
    from dkim.canonicalization import Relaxed

    theirs = Relaxed.canonicalize_body(body if body.endswith(b"\r\n") else body + b"\r\n")
    assert canonical_body(body) == theirs.removesuffix(b"\r\n") + b"\r\n" if theirs.strip(b"\r\n") else canonical_body(body) == b""


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["Subject", "To", "Cc", "X-Own", "Date"]), st.text("ab :;\t=", max_size=30))), BODIES)
def test_any_mail_verifies(fields: list[tuple[str, str]], body: bytes) -> None:
    mail = b"From: a@example.com\r\n" + b"".join(f"{n}:{v}x\r\n \t{v}y\r\n".encode() for n, v in fields) + b"\r\n" + body + b"\r\n"
    assert verified(SIGNER.sign(mail, "example.com", NOW)) == [True, True]


@pytest.mark.parametrize("name", ["From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References",
                                  "MIME-Version", "Content-Type", "Auto-Submitted"])  # fmt: skip
def test_no_field_can_be_added(name: str) -> None:
    data = signed(letter())
    assert verified(f"{name}: evil@example.net\r\n".encode() + data) == [False, False]
    head, mark, body = data.partition(b"\r\n\r\n")
    assert verified(head + f"\r\n{name}: evil@example.net".encode() + mark + body) == [False, False]


def test_no_length_tag_so_nothing_can_be_appended() -> None:
    data = signed(letter())
    assert b" l=" not in data[: data.index(b"From:")]
    assert verified(data + b"more\r\n") == [False, False]


def test_long_runs_of_blanks_cost_linear_time() -> None:
    """Threat F7: dkimpy needs seconds for this."""
    body = b" " * 4_000_000 + b"\r\n" + b"a" + b" \t" * 2_000_000 + b"x\r\n"
    assert canonical_body(body) == b"\r\na x\r\n"


def test_header_lines_are_short() -> None:
    data = signed(letter())
    assert all(len(line) <= 78 for line in data[: data.index(b"From:")].split(b"\r\n"))


def test_keys_that_cannot_sign_are_refused_at_once() -> None:
    key = DkimKey(domain="example.com", selector="bad", key_file=Path("unused"))
    with pytest.raises(ValueError, match=r"bad\._domainkey\.example\.com cannot be read"):
        DkimSigner([key])


@pytest.mark.skipif(shutil.which("opendkim") is None, reason="opendkim is not installed")
def test_opendkim_verifies_the_rsa_signature(tmp_path: Path) -> None:
    data = DkimSigner([dkim_key("rsa")]).finished(compose(letter(), templates()).data, NOW)
    assert "verification (s=rsa, d=example.com, 2048-bit key) succeeded" in opendkim(data, tmp_path)
    assert "failed" in opendkim(data.replace(b"Printer", b"Drucker"), tmp_path)


def opendkim(data: bytes, place: Path) -> str:
    """What opendkim says about the mail. Keys come from a file: tests have no DNS, which opendkim-testmsg would need."""
    mail = place / "mail.eml"
    mail.write_bytes(data)
    keys = place / "public.txt"
    key = dkim_key("rsa")
    keys.write_text(f"{key.selector}._domainkey.{key.domain} {public_record(key)}\n")
    conf = place / "opendkim.conf"
    conf.write_text(f"Mode v\nTestPublicKeys {keys}\n")
    run = subprocess.run(
        ["opendkim", "-f", "-x", str(conf), "-t", str(mail), "-u", "root"], capture_output=True, timeout=30, check=False
    )
    return (run.stdout + run.stderr).decode()


def test_stdlib_reads_the_signed_mail() -> None:
    message = email.message_from_bytes(signed(letter()))
    assert not message.defects
    assert len(message.get_all("DKIM-Signature") or []) == 2
