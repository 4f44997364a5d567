"""Our acknowledgement as strangers verify it: OpenDKIM, and dkimpy as a second opinion."""

from __future__ import annotations

import base64
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.gateway import Gateway, letter, wait_for

pytestmark = pytest.mark.xdist_group("dkim")


@dataclass(frozen=True)
class Signed:
    mail: bytes  # as it goes out, lines end with CRLF
    keys: dict[str, str]  # name in DNS: TXT record


@pytest.fixture(scope="module", params=["en", "zh"])
def signed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """The acknowledgement of a running gateway with both kinds of keys."""
    directory = tmp_path_factory.mktemp("keys")
    rsa, ed25519 = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    settings = []
    for name, key in (("rsa", rsa), ("ed", ed25519)):
        path = directory / f"{name}.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        settings.append({"domain": "desk.example", "selector": name, "key_file": path})
    spki = base64.b64encode(rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    raw = base64.b64encode(ed25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    text = {
        "en": ("Printer on fire", "The printer in room four is burning and I would like somebody to come."),
        "zh": ("打印机着火了", "四楼的打印机着火了，请尽快派人来看一下，谢谢你们。"),
    }[request.param]
    gateway = Gateway.make(directory / "gateway", dkim=settings)
    with gateway.running():
        gateway.send(letter(*text, sender="王小明 <wang@customer.example>"), sender="wang@customer.example")
        wait_for(lambda: len(list((directory / "gateway" / "outbox" / "new").glob("*"))) == 1)
    (delivered,) = (directory / "gateway" / "outbox" / "new").glob("*")
    return Signed(
        delivered.read_bytes().split(b"\n", 2)[2].replace(b"\n", b"\r\n"),  # below Return-Path and Delivered-To
        {
            "rsa._domainkey.desk.example": f"v=DKIM1; k=rsa; p={spki}",
            "ed._domainkey.desk.example": f"v=DKIM1; k=ed25519; p={raw}",
        },
    )


def opendkim(directory: Path, mail: bytes, keys: dict[str, str]) -> str:
    """What OpenDKIM would write into Authentication-Results; DNS is a file."""
    (directory / "dns").write_text("".join(f"{name} {text}\n" for name, text in keys.items()))
    (directory / "conf").write_text(f"Mode v\nTestDNSData file:{directory}/dns\nUserID root\n")
    (directory / "mail").write_bytes(mail.replace(b"\r\n", b"\n"))
    done = subprocess.run(
        ["opendkim", "-x", str(directory / "conf"), "-t", str(directory / "mail"), "-vvv"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


needs_opendkim = pytest.mark.skipif(not shutil.which("opendkim"), reason="opendkim is not installed")


@needs_opendkim
def test_opendkim_verifies_both_signatures(signed: Signed, tmp_path: Path) -> None:
    said = opendkim(tmp_path, signed.mail, signed.keys)
    assert said.count("dkim=pass") == 2, said
    assert "header.a=rsa-sha256 header.s=rsa" in said
    assert "header.a=ed25519-sha256 header.s=ed" in said


@needs_opendkim
@pytest.mark.parametrize(
    ("old", "new"),
    [(b"\r\nSubject: ", b"\r\nSubject: Not "), (b"\r\nFrom: ", b"\r\nSubject: more\r\nFrom: "), (b"--\r\n", b"--\r\nmore\r\n")],
)
def test_opendkim_refuses_a_changed_mail(signed: Signed, tmp_path: Path, old: bytes, new: bytes) -> None:
    changed = signed.mail[::-1].replace(old[::-1], new[::-1], 1)[::-1]
    assert changed != signed.mail
    said = opendkim(tmp_path, changed, signed.keys)
    assert said.count("dkim=fail") == 2, said


def test_dkimpy_verifies_both_signatures(signed: Signed) -> None:
    def dns(name: bytes, timeout: int = 5) -> bytes:
        return signed.keys[name.decode().rstrip(".")].encode()

    verifier = dkim.DKIM(signed.mail)
    assert [verifier.verify(idx=i, dnsfunc=dns) for i in range(2)] == [True, True]
    assert signed.mail.count(b"DKIM-Signature:") == 2
