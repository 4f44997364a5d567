"""An agent's client sends through the gateway: with a real password, the door in a process of its own; and a real client, swaks."""

from __future__ import annotations

import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support import neomutt
from tests.support.gateway import DESK, Gateway, free_port, letter, text_of, wait_for

LEE, PASSWORD = "lee@corp.example", "correct horse"
LISTEN, LISTEN_TLS = free_port(), free_port()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory: Path = tmp_path_factory.mktemp("submission")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    issued = authority.issue_cert("mx.desk.example")
    issued.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    issued.private_key_pem.write_to_path(str(directory / "key.pem"))
    tls = {"tls_certificate": directory / "cert.pem", "tls_key": directory / "key.pem"}
    submission: dict[str, Any] = {
        "listen": [f"127.0.0.1:{LISTEN}"],
        "listen_tls": [f"127.0.0.1:{LISTEN_TLS}"],
        "passwords": directory / "passwords",
        "failure_delay": "0s",
    }
    made = Gateway.make(
        directory / "gateway",
        zone={},
        server={"trusted_networks": [], "processes": "several", **tls},
        desk=[{"name": "support", "address": DESK, "agents": [LEE]}],
        submission=submission,
        tickets={"answer_delay": "0s"},
    )
    argv = [*made.argv, "--config", str(made.config), "agent", "password", LEE]
    done = subprocess.run(argv, input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr + (directory / "passwords").read_text()
    with made.running() as running:
        yield running


def unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def asking(subject: str, body: str) -> Any:
    return letter(subject, body, sender=f"Lee <{LEE}>")


def test_swaks_logs_in_and_sends(gateway: Gateway) -> None:
    program = shutil.which("swaks")
    if program is None:
        pytest.skip("swaks is not installed")
    if "=== TLS supported" not in subprocess.run([program, "--support"], capture_output=True, text=True, check=False).stdout:
        pytest.skip("swaks has no TLS: the Perl module Net::SSLeay is not installed")

    def swaks(*options: str, password: str = PASSWORD) -> str:
        argv = [program, "--server", "127.0.0.1", "--auth-user", LEE, "--auth-password", password, "--from", LEE, *options]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout

    starttls, from_the_start = ("--port", str(LISTEN), "--tls"), ("--port", str(LISTEN_TLS), "--tls-on-connect")
    before = len(gateway.mails())
    for kind, *how in (("PLAIN", *starttls), ("LOGIN", *from_the_start)):
        said = swaks(*how, "--auth", kind, "--to", DESK, "--header", f"Subject: {kind}", "--body", "#help")
        assert " 250 2.0.0 " in said, said
    assert "535 5.7.8" in swaks(*starttls, "--auth", "PLAIN", "--to", DESK, password="wrong")
    assert "550 5.7.1" in swaks(*starttls, "--auth", "PLAIN", "--to", "alice@customer.example")
    assert "530 5.7.0" in swaks(*starttls, "--to", DESK, "--auth-optional", "CRAM-MD5")
    gateway.mails_to(LEE, before + 2)


@pytest.mark.skipif(bool(neomutt.missing()), reason=neomutt.missing() or "there is one")
def test_an_agent_answers_from_neomutt_and_his_login_is_the_proof(gateway: Gateway, tmp_path: Path) -> None:
    """corp.example publishes nothing, and no network is trusted: without the login the answer would be held."""
    ca = gateway.directory.parent / "ca.pem"
    lee = neomutt.Person(tmp_path / "lee", "Lee", LEE, gateway.directory / "outbox", LISTEN, password=PASSWORD, authority=ca)
    gateway.send(letter("Lamp", "The lamp is dark."))
    told = wait_for(
        lambda: next((m for m in gateway.mails() if LEE in str(m["To"]) and "lamp is dark" in text_of(m)), None), why="Lee is told"
    )
    lee.reply("We bring a new one.", message_id=str(told["Message-ID"]))
    answer = wait_for(
        lambda: next((m for m in gateway.mails() if LEE not in str(m["To"]) and "a new one" in text_of(m)), None), why="the answer"
    )
    assert LEE not in answer.as_string()
    assert "Traceback" not in gateway.log()
    assert gateway.rows("SELECT verdict FROM incoming ORDER BY seq DESC LIMIT 1")[0]["verdict"].find("trusted") >= 0


def test_an_agent_sends_through_the_gateway_until_he_is_removed(gateway: Gateway) -> None:
    before = len([mail for mail in gateway.mails() if LEE in str(mail["To"])])
    with smtplib.SMTP_SSL("127.0.0.1", LISTEN_TLS, context=unchecked(), timeout=30) as client:
        client.login(LEE, PASSWORD)
        client.send_message(asking("first", "#help"), LEE, DESK)
    assert "#next" in text_of(gateway.mails_to(LEE, before + 1)[-1])
    stored = gateway.cli_list("mail", "list", "--limit", "1")[0]
    assert (stored["evidence"], stored["protocol"]) == ("trusted", "ESMTPSA")
    with closing(gateway.smtp()) as public:
        public.ehlo()
        assert public.docmd("AUTH", "PLAIN")[0] == 502
    with closing(smtplib.SMTP("127.0.0.1", LISTEN, timeout=30)) as client:
        client.starttls(context=unchecked())
        client.login(LEE, PASSWORD)
        gateway.config.write_text(gateway.config.read_text().replace(f'agents = ["{LEE}"]', 'agents = ["kim@corp.example"]'))
        gateway.cli("reload")
        assert client.docmd("MAIL", f"FROM:<{LEE}>")[0] == 550
    removed = smtplib.SMTP_SSL("127.0.0.1", LISTEN_TLS, context=unchecked(), timeout=30)
    with closing(removed), pytest.raises(smtplib.SMTPAuthenticationError):
        removed.login(LEE, PASSWORD)
    wait_for(
        lambda: gateway.count("SELECT count(*) FROM guess"), why="it is counted in the store, for other nodes and after a restart"
    )
    assert PASSWORD not in gateway.log()
