"""TLS as smtplib speaks it, and the end of a gateway under load."""

from __future__ import annotations

import smtplib
import ssl
import threading
from pathlib import Path

import trustme

from tests.support.gateway import Gateway, letter, wait_for


def test_starttls_with_a_verified_certificate(tmp_path: Path) -> None:
    ca = trustme.CA()
    certificate = ca.issue_cert("mx.desk.example", "127.0.0.1")
    (tmp_path / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (tmp_path / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    (tmp_path / "key.pem").chmod(0o600)
    gateway = Gateway.make(tmp_path / "gateway", server={"tls_certificate": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"})
    context = ssl.create_default_context()
    ca.configure_trust(context)
    with gateway.running():
        with gateway.smtp() as client:
            client.ehlo()
            assert client.has_extn("starttls")
            assert client.starttls(context=context)[0] == 220
            assert client.sock.version() in ("TLSv1.2", "TLSv1.3")  # type: ignore[union-attr]
            client.ehlo()
            assert not client.has_extn("starttls")
            assert client.sendmail("alice@customer.example", "support@desk.example", letter().as_bytes()) == {}
        gateway.settle()
        row = gateway.rows("SELECT i.protocol, i.tls, r.trace FROM incoming i JOIN incoming_raw r USING (seq)")[0]
        assert row["protocol"] == "ESMTPS"
        assert row["tls"].startswith("TLS")
        assert b"with ESMTPS" in row["trace"].replace(b"\r\n", b"").replace(b"\t", b" ")


def test_sigterm_under_load_keeps_every_mail_with_a_250_and_ends_with_0(tmp_path: Path) -> None:
    gateway = Gateway.make(tmp_path)
    gateway.start()
    accepted: list[str] = []
    said: list[str] = []
    enough = threading.Event()

    def send(name: int) -> None:
        """One connection until it ends; what the server says at its end is kept."""
        i = 0
        try:
            with gateway.smtp() as client:
                while True:
                    mail = letter(f"Load {name}/{i}", f"Mail {i} of client {name}", message_id=f"<{name}.{i}@customer.example>")
                    client.sendmail("alice@customer.example", "support@desk.example", mail.as_bytes())
                    accepted.append(f"<{name}.{i}@customer.example>")
                    if len(accepted) >= 60:
                        enough.set()
                    i += 1
        except smtplib.SMTPResponseException as error:
            said.append(str(error.smtp_code))
        except (smtplib.SMTPServerDisconnected, smtplib.SMTPSenderRefused, OSError):
            said.append("lost")

    threads = [threading.Thread(target=send, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    assert enough.wait(30)
    assert gateway.stop() == 0, gateway.log()[-3000:]
    for thread in threads:
        thread.join(30)
    assert set(said) <= {"421", "lost"}
    wait_for(lambda: not gateway.left_behind(), why="parser processes are left behind")
    kept = [row["message_id"] for row in gateway.rows("SELECT message_id FROM incoming")]
    assert len(kept) == len(set(kept))
    assert set(accepted) <= set(kept)
    with gateway.running():  # and the next life has nothing to repair but what was waiting
        gateway.settle()
        assert gateway.count("SELECT count(*) FROM ticket") == len(kept)
        assert len(gateway.mails()) == len(kept)


def test_a_second_gateway_on_the_same_store_refuses_to_start(tmp_path: Path) -> None:
    gateway = Gateway.make(tmp_path)
    with gateway.running():
        second = Gateway(gateway.directory, gateway.port)
        assert "in use" in _failed_start(second)


def test_a_port_that_is_taken_is_one_line_and_not_a_traceback(tmp_path: Path) -> None:
    with Gateway.make(tmp_path / "one").running() as one:
        said = _failed_start(Gateway.make(tmp_path / "two", port=one.port))
        assert "cannot start" in said
        assert "Traceback" not in said


def _failed_start(gateway: Gateway) -> str:
    before = len(gateway.log())
    gateway.spawn()
    assert gateway.process is not None
    assert gateway.process.wait(20) == 1
    return gateway.log()[before:]
