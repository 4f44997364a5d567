"""`smtpgate dns-records`: what to publish, and what is wrong with what is published."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.unit.cli.conftest import Shop

CONFIG = """\
[server]
name = "mx.help.example"
[delivery]
mode = "{mode}"
{more}
[[desk]]
name = "support"
address = "support@help.example"
[[dkim]]
domain = "help.example"
selector = "r1"
key_file = "r.pem"
[[dkim]]
domain = "help.example"
selector = "e1"
key_file = "e.pem"
"""
_RSA = rsa.generate_private_key(65537, 2048)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    for name, key in (("r.pem", _RSA), ("e.pem", ed25519.Ed25519PrivateKey.generate())):
        (tmp_path / name).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (tmp_path / name).chmod(0o600)
    (tmp_path / "smtpgate.toml").write_text(CONFIG.format(mode="mx", more=""))
    return Shop(tmp_path)


def printed(shop: Shop) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["type"], row["name"]): row for row in shop.rows("dns-records")}


def published(shop: Shop) -> dict[str, Any]:
    """A zone in which everything is as it is printed."""
    zone: dict[str, Any] = {"4.4.8.8.in-addr.arpa": {"PTR": ["mx.help.example"]}}
    for (kind, name), row in printed(shop).items():
        if kind == "A":
            zone.setdefault(name, {})[kind] = ["8.8.4.4"]
        elif kind != "PTR":
            value = [row["strings"]] if kind == "TXT" else [row["value"]]
            zone.setdefault(name, {}).setdefault(kind, []).extend(value)
    return zone


def checked(shop: Shop, zone: dict[str, Any], *args: str) -> tuple[int, dict[tuple[str, str], tuple[str, str]]]:
    (shop.directory / "zone.json").write_text(json.dumps(zone))
    result = shop.run("dns-records", "--check", "--json", "--dns", str(shop.directory / "zone.json"), *args)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, {(r["type"], r["name"]): (r["state"], r["found"]) for r in rows}


def test_what_is_printed_is_a_zone_file(shop: Shop) -> None:
    text = shop.good("dns-records")
    assert "help.example. IN MX 10 mx.help.example.\n" in text
    assert 'help.example. IN TXT "v=spf1 a:mx.help.example -all"\n' in text
    for quoted in re.findall(r'"([^"]*)"', text):
        assert len(quoted) <= 255
    split = re.search(r'r1\._domainkey\.help\.example\. IN TXT \( "(.*)"\n +"(.*)" \)', text)
    assert split is not None
    row = printed(shop)["TXT", "r1._domainkey.help.example"]
    assert split[1] + split[2] == row["value"] == "".join(row["strings"])
    assert "k=ed25519" in printed(shop)["TXT", "e1._domainkey.help.example"]["value"]
    assert "CAA" not in text


def test_what_is_printed_passes_the_check(shop: Shop) -> None:
    code, found = checked(shop, published(shop))
    assert {state for state, _ in found.values()} == {"ok"}
    assert code == 0
    text = shop.good("dns-records", "--check", "--dns", str(shop.directory / "zone.json"))
    assert text.endswith("all that is needed is published\n")


@pytest.mark.parametrize(
    ("name", "kind", "records", "key", "state", "says"),
    [
        ("help.example", "MX", ["10 other.example"], "help.example", "differs", "10 other.example"),
        ("help.example", "MX", None, "help.example", "missing", ""),
        ("help.example", "MX", "TIMEOUT", "help.example", "unknown", "in time"),
        ("help.example", "TXT", ["v=spf1 ip4:192.0.2.1 -all"], "help.example", "differs", "for 8.8.4.4 it says fail"),
        ("help.example", "TXT", ["v=spf1 +all"], "help.example", "differs", "everybody may send"),
        ("help.example", "TXT", ["v=spf1 mx -all", "v=spf1 -all"], "help.example", "differs", "2 records"),
        ("help.example", "TXT", ["v=spf1 mx -all", "other=1"], "help.example", "ok", "mx"),
        ("r1._domainkey.help.example", "TXT", ["v=DKIM1; k=rsa; p=AAAA"], "r1._domainkey.help.example", "differs", "AAAA"),
        ("e1._domainkey.help.example", "TXT", None, "e1._domainkey.help.example", "missing", ""),
        ("_dmarc.help.example", "TXT", None, "_dmarc.help.example", "missing", ""),
        ("_dmarc.help.example", "TXT", ["v=DMARC1; p=reject"], "_dmarc.help.example", "ok", "p=reject"),
        ("_dmarc.help.example", "TXT", ["v=DMARC1; p=none", "v=DMARC1; p=none"], "_dmarc.help.example", "differs", "several"),
        ("mx.help.example", "A", ["10.0.0.1"], "mx.help.example", "differs", "nobody outside"),
        ("mx.help.example", "A", None, "mx.help.example", "missing", ""),
        ("4.4.8.8.in-addr.arpa", "PTR", ["dsl-4711.isp.example"], "mx.help.example", "differs", "8.8.4.4 is dsl-4711"),
    ],
)
def test_each_fault_is_seen(shop: Shop, name: str, kind: str, records: Any, key: str, state: str, says: str) -> None:
    zone = published(shop)
    if records is None:
        del zone[name][kind]
    else:
        zone[name][kind] = records
    code, found = checked(shop, zone)
    got = found[kind, key]
    assert got[0] == state
    assert says in got[1]
    assert code == (0 if state == "ok" else 1)


def test_an_alias_is_no_mail_host(shop: Shop) -> None:
    zone = published(shop)
    zone["real.example"] = {"A": ["8.8.4.4"]}
    zone["mx.help.example"] = {"CNAME": ["real.example"]}
    assert "RFC 2181" in checked(shop, zone)[1]["A", "mx.help.example"][1]


def test_what_is_not_needed_costs_no_alarm(shop: Shop) -> None:
    zone = published(shop)
    del zone["_mta-sts.help.example"], zone["_smtp._tls.help.example"]
    code, found = checked(shop, zone)
    assert (code, found["TXT", "_mta-sts.help.example"][0]) == (0, "missing")
    result = shop.run("dns-records", "--check", "--dns", str(shop.directory / "zone.json"))
    assert "(missing)  TXT" in result.stdout


def test_another_host_in_front_and_a_relay(shop: Shop) -> None:
    zone = published(shop)
    zone["help.example"]["MX"] = ["10 mail.example.com"]
    zone["mail.example.com"] = {"A": ["8.8.4.4"]}
    zone["4.4.8.8.in-addr.arpa"] = {"PTR": ["mail.example.com"]}
    zone["help.example"]["TXT"] = ["v=spf1 a:mail.example.com -all"]
    assert checked(shop, zone)[0] == 1
    assert checked(shop, zone, "--mx", "Mail.Example.com.")[0] == 0
    more = '[delivery.smarthost]\nhost = "relay.example"'
    (shop.directory / "smtpgate.toml").write_text(CONFIG.format(mode="smarthost", more=more))
    assert printed(shop)["TXT", "help.example"]["value"] == "v=spf1 a:relay.example -all"


def test_a_domain_without_a_key_is_told(shop: Shop) -> None:
    path = shop.directory / "smtpgate.toml"
    path.write_text(path.read_text() + '[[desk]]\nname = "b"\naddress = "b@other.example"\n')
    assert "our mail is not signed" in shop.good("dns-records")
    assert checked(shop, published(shop))[1]["TXT", "SELECTOR._domainkey.other.example"][0] == "missing"
