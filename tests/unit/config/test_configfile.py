"""Loading: what a good file becomes, which files cannot be read at all, keys and certificates, and what stays secret."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from smtpgate import configfile
from smtpgate.config import Config
from smtpgate.errors import ConfigError, Problem

MINIMAL = """\
[server]
name = "mx.example.com"
{server}
[[desk]]
name = "support"
address = "support@example.com"
{rest}
"""


def parse(tmp_path: Path, *, server: str = "", rest: str = "", read_files: bool = True) -> Config:
    text = MINIMAL.format(server=server, rest=rest)
    return configfile.parse(text, name="smtpgate.toml", base=tmp_path, read_files=read_files)


def problems(tmp_path: Path, *, server: str = "", rest: str = "") -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        parse(tmp_path, server=server, rest=rest)
    return caught.value.problems


def pem(key: object, password: bytes | None = None) -> bytes:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def rsa_key() -> bytes:
    return pem(rsa.generate_private_key(65537, 2048))


# --- what a good file becomes -----------------------------------------------------------------------------------------


def test_paths_start_at_the_directory_of_the_file(tmp_path: Path) -> None:
    rest = '[store]\npath = "data/../data/s.db"\n[delivery]\nmaildir = "/absolute/outbox"\n[secrets]\nold_token_key_files = ["a/b"]'
    config = parse(tmp_path, rest=rest, read_files=False)
    assert config.store.path == tmp_path / "data" / "s.db"
    assert config.delivery.maildir == Path("/absolute/outbox")
    assert config.secrets.old_token_key_files == [tmp_path / "a" / "b"]
    assert config.templates.directory is None


def test_an_agent_is_found_whatever_the_case_and_bears_the_address_as_the_desks_spell_it(tmp_path: Path) -> None:
    """With a table of his own, without one, and nobody at all; asked twice, it is the same object."""
    desks = 'agents = ["Ada@example.com", "ben@example.com"]\n[[desk]]\nname = "b"\naddress = "b@example.com"\n'
    desks += 'agents = ["ADA@example.com"]\n[[agent]]\naddress = "ada@example.com"\nlanguage = "zh"'
    config = parse(tmp_path, rest=desks)
    found = [config.agent_of(asked) for asked in ("ADA@EXAMPLE.COM", "Ben@example.com", "nobody@example.org")]
    assert [(agent.address, agent.language) for agent in found] == [
        ("Ada@example.com", "zh"),
        ("ben@example.com", "en"),
        ("nobody@example.org", "en"),
    ]
    assert config.agent_of("ada@example.com") is found[0]


def test_defaults_are_rebased_too(tmp_path: Path) -> None:
    assert parse(tmp_path).store.path == tmp_path / "var" / "smtpgate.db"


def test_a_relative_directory_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("smtpgate.toml").write_text(MINIMAL.format(server="", rest=""))
    assert configfile.load(Path("smtpgate.toml")).store.path == tmp_path / "var" / "smtpgate.db"


def test_systemd_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_bytes(b"k" * 40 + b"\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    config = parse(tmp_path / "elsewhere", rest='[secrets]\ntoken_key_file = "$CREDENTIALS_DIRECTORY/token"')
    assert config.token_keys == (b"k" * 40,)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(ConfigError, match="cannot be read"):
        parse(tmp_path, rest='[secrets]\ntoken_key_file = "$CREDENTIALS_DIRECTORY/token"')


def test_durations_and_sizes(tmp_path: Path) -> None:
    server = 'shutdown_grace = "1.5m"'
    rest = '[limits]\nmessage_size = "1.5MiB"\nparse_cpu = "1500ms"\n[delivery]\nretry = ["90s", "2h", "1d"]'
    config = parse(tmp_path, server=server, rest=rest)
    assert config.server.shutdown_grace == 90
    assert config.limits.message_size == 1536 * 1024
    assert config.limits.parse_cpu == 1.5
    assert config.delivery.retry == [90.0, 7200.0, 86400.0]


@pytest.mark.parametrize("value", ['"²s"', '"s"', '""', '"-5s"', '"5 s x"', '"1e3s"', '"5S"', "true", "[]", "2026-01-02"])
def test_durations_that_are_none(tmp_path: Path, value: str) -> None:
    (problem,) = problems(tmp_path, server=f"shutdown_grace = {value}")
    assert (problem.key, problem.line) == ("server.shutdown_grace", 3)


def test_desks_are_found_by_any_address_in_any_case(tmp_path: Path) -> None:
    config = parse(tmp_path, rest='aliases = ["Help@Bücher.example"]')
    desk = config.desk_of("HELP@xn--bcher-kva.example")
    assert desk is not None
    assert desk.name == "support"
    assert config.desk_of("support+x@example.com") is None
    assert config.domains == {"example.com", "xn--bcher-kva.example"}


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "smtpgate.toml"
    file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.format(server="", rest="[log]\nlevel = 1").replace("\n", "\r\n").encode())
    with pytest.raises(ConfigError) as caught:
        configfile.load(file)
    assert [(p.line, p.key) for p in caught.value.problems] == [(8, "log.level")]


# --- files that cannot be read at all ---------------------------------------------------------------------------------


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: file: is not there"):
        configfile.load(tmp_path / "nothing.toml")


def test_directory_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        configfile.load(tmp_path)


def test_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        configfile.load(tmp_path / "loop.toml")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything, so no mode would do
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        configfile.load(tmp_path / "smtpgate.toml")


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "x = " + "{a=" * 100_000, "a." * 5_000, "\x00", "=", "[", '"'])
def test_hostile_toml_is_one_problem_and_no_crash(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configfile.parse(text, name="x", base=tmp_path)
    assert caught.value.problems[0].key == "file"


# --- keys and certificates --------------------------------------------------------------------------------------------

DKIM = '[[dkim]]\ndomain = "example.com"\nselector = "s1"\nkey_file = "dkim.pem"'


def test_good_dkim_keys(tmp_path: Path, rsa_key: bytes) -> None:
    for key in (rsa_key, pem(ed25519.Ed25519PrivateKey.generate())):
        (tmp_path / "dkim.pem").write_bytes(key)
        assert parse(tmp_path, rest=DKIM).dkim[0].pem == key


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: pem(rsa.generate_private_key(65537, 1024)), "has 1024 bits"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "is neither RSA nor Ed25519"),
        (lambda: pem(dsa.generate_private_key(1024)), "is neither RSA nor Ed25519"),
        (lambda: pem(ed25519.Ed25519PrivateKey.generate(), b"pw"), "is not an unencrypted PEM private key"),
        (lambda: b"", "is not an unencrypted PEM private key"),
        (lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is not an unencrypted PEM private key"),
        (lambda: b"x" * (5 * 1024**2), "larger than 4 MiB"),
    ],
    ids=["short rsa", "ec", "dsa", "encrypted", "empty", "rubbish", "huge"],
)
def test_dkim_keys_that_do_not_serve(tmp_path: Path, make, says: str) -> None:
    (tmp_path / "dkim.pem").write_bytes(make())
    (problem,) = problems(tmp_path, rest=DKIM)
    assert (problem.key, problem.line) == ("dkim[1].key_file", 10)
    assert says in problem.message


TLS = 'tls_certificate = "cert.pem"\ntls_key = "key.pem"'


def test_certificate_and_key_that_fit(tmp_path: Path) -> None:
    made = trustme.CA().issue_cert("mx.example.com")
    made.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    assert parse(tmp_path, server=TLS).server.tls_key == tmp_path / "key.pem"


def test_certificate_that_does_not_fit_its_key(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("mx.example.com").cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.issue_cert("mx.example.com").private_key_pem.write_to_path(tmp_path / "key.pem")
    (problem,) = problems(tmp_path, server=TLS)
    assert (problem.key, problem.line) == ("server.tls_key", 4)
    assert "is not the key of tls_certificate" in problem.message


def test_an_encrypted_tls_key_is_refused_without_asking_for_a_password(tmp_path: Path, rsa_key: bytes) -> None:
    """OpenSSL would read a password from the terminal and stop a service there for good."""
    trustme.CA().issue_cert("mx.example.com").cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    (tmp_path / "key.pem").write_bytes(pem(rsa.generate_private_key(65537, 2048), b"secret"))
    (tmp_path / "c.toml").write_text(MINIMAL.format(server=TLS, rest=""))
    code = "import sys; from pathlib import Path; from smtpgate import configfile; configfile.load(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, tmp_path / "c.toml"]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert "both must be PEM, the key without a password" in done.stderr
    assert "pass phrase" not in done.stderr.lower()


def test_tls_files_that_hold_something_else(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nothing")
    (tmp_path / "key.pem").write_text("nothing")
    (problem,) = problems(tmp_path, server=TLS)
    assert problem.key == "server.tls_certificate"


def test_both_tls_files_are_looked_at(tmp_path: Path) -> None:
    assert [p.key for p in problems(tmp_path, server=TLS)] == ["server.tls_certificate", "server.tls_key"]


def test_token_keys_newest_first_without_their_line_ends(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode() * 32 + b"\n")
    config = parse(tmp_path, rest='[secrets]\ntoken_key_file = "b"\nold_token_key_files = ["a", "c"]')
    assert config.token_keys == (b"b" * 32, b"a" * 32, b"c" * 32)


def test_a_short_token_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 31 + b"\n" * 10)
    (problem,) = problems(tmp_path, rest='[secrets]\ntoken_key_file = "a"')
    assert "fewer than 32 bytes" in problem.message


def test_zone_file(tmp_path: Path) -> None:
    (tmp_path / "zone.json").write_text('{"example.org": {"TXT": ["v=spf1 -all"]}}')
    assert parse(tmp_path, rest='[dns]\nzone_file = "zone.json"').dns.zone_file == tmp_path / "zone.json"
    (tmp_path / "zone.json").write_text("[]")
    (problem,) = problems(tmp_path, rest='[dns]\nzone_file = "zone.json"')
    assert "holds no JSON object" in problem.message


def test_commands_that_need_only_the_store_read_no_key(tmp_path: Path) -> None:
    assert parse(tmp_path, server=TLS, rest=DKIM, read_files=False).dkim[0].pem == b""


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_never_shown(tmp_path: Path, rsa_key: bytes) -> None:
    password, token = "correct-horse-battery", "staple" * 8
    (tmp_path / "pw").write_text(password + "\n")
    (tmp_path / "token").write_text(token)
    (tmp_path / "dkim.pem").write_bytes(rsa_key)
    rest = '[delivery.smarthost]\nuser = "u"\npassword_file = "pw"\n'
    rest += '[secrets]\ntoken_key_file = "token"\nold_token_key_files = ["token"]\n' + DKIM
    config = parse(tmp_path, rest=rest)
    assert config.smarthost_password is not None
    assert config.smarthost_password.get_secret_value() == password.encode()
    shown = "\n".join([repr(config), str(config), config.model_dump_json(), repr(config.model_dump()), repr(config.dkim)])
    shown += repr(config.smarthost_password) + repr(config.model_copy())
    secret_line = rsa_key.decode().splitlines()[1]
    assert not [secret for secret in (password, token, secret_line) if secret in shown]


def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    """The admin wrote the secret itself instead of a file name, or under a key that does not exist."""
    rest = (
        '[delivery.smarthost]\npassword = "hunter2"\nuser = "u"\npassword_file = "hunter2"\n[secrets]\ntoken_key_file = "hunter2"'
    )
    told = problems(tmp_path, rest=rest)
    assert len(told) == 3
    assert "hunter2" not in repr(told)


def test_expired_certificates_are_not_our_business_at_start(tmp_path: Path) -> None:
    """A renewal that comes late must not keep the gateway from starting; clients of opportunistic TLS do not look."""
    made = trustme.CA().issue_cert("mx.example.com", not_after=datetime.now(UTC) - timedelta(days=1))
    made.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    parse(tmp_path, server=TLS)
