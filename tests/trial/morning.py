"""The good half of a day: installed, configured, started; mail comes in by both doors and answers go out."""

from __future__ import annotations

import os
import sys
from email.message import EmailMessage
from pathlib import Path

from tests.support.gateway import ROOT, letter, rows, wait_for
from tests.trial.scene import DESK, ZONE, Day
from tests.trial.unit import PYTHON, edit, run

# --- morning ----------------------------------------------------------------------------------------------------------


def install(day: Day) -> None:
    service, wheels = day.service, day.service.root / "dist"
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, cwd=ROOT)
    (wheel,) = wheels.glob("smtpgate-*.whl")
    run(PYTHON, "-m", "venv", service.bin.parent)
    pip = (service.bin / "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.txt", cwd=service.root)
    run(*pip, "--no-deps", wheel, cwd=service.root)
    version = run(service.bin / "smtpgate", "--version", cwd=service.root).strip()
    packages = len(run(service.bin / "pip", "list", "--format=freeze", "--disable-pip-version-check").splitlines())
    day.say(f"installed {version} from {wheel.name} into a clean environment, {packages} packages with their hashes checked")


def keys(day: Day) -> None:
    """As docs/install.md makes them."""
    etc, service = day.service.config.parent, day.service
    run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", etc / "dkim-rsa.pem")
    (etc / "token.key").write_bytes(os.urandom(32).hex().encode())
    certificate(day, "mx.help.example")
    for name, file in (("tls-key", "tls.key"), ("dkim-rsa", "dkim-rsa.pem"), ("token-key", "token.key")):
        (etc / file).chmod(0o600)
        service.credential(name, etc / file)


def certificate(day: Day, name: str) -> None:
    etc = day.service.config.parent
    command = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30")
    run(*command, "-subj", f"/CN={name}", "-out", etc / "tls.pem", "-keyout", etc / "tls.key")
    (etc / "tls.pem").chmod(0o644)


def configure(day: Day) -> None:
    service = day.service
    (example,) = service.bin.parent.glob("lib/python*/site-packages/smtpgate/config.example.toml")
    keys(day)
    (service.config.parent / "zone.json").write_text(ZONE, encoding="utf-8")
    text = example.read_text(encoding="utf-8")
    text = edit(text, "server", name='"mx.help.example"', tls_certificate='"tls.pem"', tls_key='"$CREDENTIALS_DIRECTORY/tls-key"')
    text = edit(text, "store", path=f'"{service.store}"')
    text = edit(text, "dns", zone_file='"zone.json"')
    text = edit(text, "[desk]", address=f'"{DESK}"', agents='["agent@corp.example"]')
    text = edit(text, "delivery", mode='"smarthost"', retry='["2s", "5m", "15m"]', poll='"1s"')
    text = edit(text, "delivery.smarthost", host='"127.0.0.1"', port=str(day.behind.port), tls='"none"')
    text = edit(text, "[dkim]", domain='"help.example"', selector='"rsa"', key_file='"$CREDENTIALS_DIRECTORY/dkim-rsa"')
    text = edit(text, "secrets", token_key_file='"$CREDENTIALS_DIRECTORY/token-key"')
    text = edit(text, "limits", acknowledgement_interval='"0s"', acknowledgements_per_day="100")
    service.config.write_text(text.replace('mode = "smarthost"', 'mode = "smart-host"'), encoding="utf-8")
    said = service.cli("check-config", code=2)
    (line,) = (line for line in said.splitlines() if "delivery.mode" in line)
    day.say(f"a slip in the configuration is named: {day.plain(line)}")
    service.config.write_text(text, encoding="utf-8")
    said = run(
        service.bin / "smtpgate", "--config", service.config, "check-config",
        env=service.environment() | {"CREDENTIALS_DIRECTORY": str(service.credentials)},
    )  # fmt: skip
    assert "good; 1 desk" in said, said
    day.say(f"mended, check-config says: {day.plain(said)}")


def start(day: Day) -> None:
    service = day.service
    service.start()
    assert service.process is not None
    status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert facts["Uid"].split()[0] == str(service.user)
    assert int(facts["CapEff"], 16) == 0
    assert facts["Umask"] == "0077"
    assert service.store.stat().st_mode & 0o777 == 0o600
    assert str(service.port) not in service.config.read_text(encoding="utf-8"), "the port is its parent's alone"
    day.say(f"started as the unit does: READY=1, user {service.user} without a capability, umask 0077, sockets of its parent")


# --- mail comes and goes ----------------------------------------------------------------------------------------------


def by_smtp(day: Day) -> EmailMessage:
    tls = () if "TLS not available" in run("swaks", "--support") else ("--tls",)  # it needs Net::SSLeay for that
    heard = day.swaks(letter("Printer on fire", "The printer in room 4 burns.", to=DESK), *tls)
    assert not tls or "=== TLS started" in heard
    answer = day.mailbox(1)
    (ticket,) = rows(day.service.store, "SELECT number FROM ticket")
    day.numbers.append(ticket["number"])
    assert f"[#{ticket['number']}]" in str(answer["Subject"])
    assert "d=help.example" in str(answer["DKIM-Signature"])
    day.say(f"swaks wrote{' over TLS' if tls else ''}; through the smarthost came the signed answer: {answer['Subject']}")
    return answer


def by_lmtp(day: Day) -> None:
    before = day.front.log().count("status=sent")
    day.through_postfix(letter("Window", "The window does not close.", to=DESK))
    answer = day.mailbox(2)
    wait_for(lambda: day.front.log().count("status=sent") > before, why=day.front.log()[-2000:])
    (newest,) = rows(day.service.store, "SELECT peer, verdict FROM incoming ORDER BY seq DESC LIMIT 1")
    assert newest["peer"] == "127.0.0.1", "XFORWARD tells the client; without it there is no address on a Unix socket"
    assert "spf=pass" in newest["verdict"], newest["verdict"]
    (ticket,) = rows(day.service.store, "SELECT number FROM ticket ORDER BY id DESC LIMIT 1")
    day.numbers.append(ticket["number"])
    day.say(f"a Postfix handed one over by LMTP out of its chroot, with XFORWARD: {answer['Subject']}")


def reply_and_repeat(day: Day, answer: EmailMessage) -> None:
    number = day.numbers[0]
    reply = letter(f"Re: {answer['Subject']}", "It has gone out by itself.", to=str(answer["Reply-To"]))
    reply["In-Reply-To"] = answer["Message-ID"]
    address = str(answer["Reply-To"]).partition("<")[2].strip(">") or str(answer["Reply-To"])
    day.through_postfix(reply, to=address)
    day.filed(3)
    assert day.kinds(number).count("customer") == 2
    day.say(f"the customer answered; it is on {number}, and nothing was sent for it")
    again = letter("Window", "The window does not close.", to=DESK)
    day.swaks(again)
    day.filed(4)
    assert "repeat" in day.kinds(day.numbers[1])
    assert day.service.count("SELECT count(*) FROM ticket") == 2
    mails = len(day.behind.mails())
    day.say(f"she wrote about the window once more: a repeat on {day.numbers[1]}, no second ticket; she has {mails} mails of ours")


def forgery(day: Day) -> None:
    forged = letter("Your account", "Please send the password.", sender="Bank <boss@bank.example>", to=DESK)
    day.swaks(forged, sender="boss@bank.example")
    day.filed(5)
    held = day.service.cli("hold", "list")
    assert "boss@bank.example" in held
    assert day.service.count("SELECT count(*) FROM ticket") == 2
    day.say("a forger wrote as a bank that publishes p=reject: held for an agent, no ticket, no answer")
