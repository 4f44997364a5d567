"""DKIM signatures on our own mail (RFC 6376, RFC 8463): relaxed/relaxed, every key of the domain, one pass over the octets.

Keys are read once; header and body are canonicalised once for all signatures, in linear time. Mail of a domain without a
key goes unsigned. A key that cannot sign raises ValueError when the signer is made, not when mail is waiting.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from smtpgate.deliverysettings import DkimKey
from smtpgate.mail import address, wire
from smtpgate.mail.header import Field

# Signed once more than they occur, so that nobody can add one (RFC 6376 §8.15).
_SIGNED = (
    b"from",
    b"to",
    b"cc",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"auto-submitted",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"content-language",
)

_Fields = dict[bytes, list[bytes]]  # relaxed, by name in lower case


@dataclass(frozen=True, slots=True)
class _Loaded:
    selector: str
    key: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.key, RSAPrivateKey) else "ed25519-sha256"

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(data, PKCS1v15(), SHA256())
        return self.key.sign(sha256(data).digest())  # RFC 8463 §3: the hash is what is signed


class DkimSigner:
    """Signs with every key that the sender's domain has. Raises ValueError for a key that is neither RSA nor Ed25519."""

    def __init__(self, keys: Sequence[DkimKey]) -> None:
        self._keys: dict[str, list[_Loaded]] = {}
        for key in keys:
            self._keys.setdefault(key.domain, []).append(_Loaded(key.selector, _load(key)))

    def finished(self, data: bytes, made_at: float) -> bytes:
        """A mail out of our queue, signed for the domain of its From; as it is when it was signed before it was queued.

        The same keys sign the same mail with the same octets: neither kind of signature holds anything random.
        """
        if not self._keys:
            return data
        fields, start = _relaxed(data)
        author = fields.get(b"from", ())
        if b"dkim-signature" in fields or len(author) != 1:
            return data
        return self._signed(data, fields, start, _domain_of(author[0]), made_at)

    def sign(self, data: bytes, from_domain: str, now: float) -> bytes:
        """The data with one DKIM-Signature in front of it for each key; as it is when the domain has none.

        data: a whole mail with CRLF line ends, which no one changes any more.
        """
        return self._signed(data, *_relaxed(data), from_domain.lower(), now)

    def _signed(self, data: bytes, fields: _Fields, start: int, domain: str, now: float) -> bytes:
        keys = self._keys.get(domain)
        if not keys:
            return data
        names = _listed(tuple([len(fields.get(name, ())) for name in _SIGNED]))
        signed = b"".join([field for name in _SIGNED if name in fields for field in fields[name]])
        body_hash = b64encode(sha256(canonical_body(data[start:])).digest()).decode("ascii")
        out: list[bytes] = []
        for key in keys:
            value = _unsigned_value(key, domain, int(now), names, body_hash)
            # RFC 6376 §3.7: our own field comes last, with an empty b= and without its line end
            signature = key.sign(signed + canonical_field("dkim-signature", value.encode("ascii"))[:-2])
            text = b64encode(signature).decode("ascii")
            pieces = "\r\n ".join([text[i : i + 72] for i in range(0, len(text), 72)])
            out.append(f"DKIM-Signature:{value}{pieces}\r\n".encode("ascii"))
        return b"".join(out) + data


def public_record(key: DkimKey) -> str:
    """The TXT record to publish at SELECTOR._domainkey.DOMAIN (RFC 6376 §3.6.1, RFC 8463 §4). Raises ValueError."""
    private = _load(key)
    if isinstance(private, RSAPrivateKey):
        public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={b64encode(public).decode('ascii')}"
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k=ed25519; p={b64encode(public).decode('ascii')}"


# --- canonical forms (RFC 6376 §3.4.2, §3.4.4) ------------------------------------------------------------------------


def canonical_field(name: str, value: bytes) -> bytes:
    """Relaxed form of a field; name in lower case."""
    return name.encode("ascii") + b":" + _joined(value.replace(b"\r\n", b"")).strip(b" ") + b"\r\n"


def canonical_body(body: bytes) -> bytes:
    """Relaxed form of a body: runs of blanks become one space, none before a line end, no empty lines at the end.

    Blanks are joined before any are removed; the other order is quadratic on long runs of them.
    """
    body = (_joined(body).removesuffix(b"\r\n") + b"\r\n").replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def _joined(data: bytes) -> bytes:
    """Every run of blanks as one space. Each round halves the runs, and costs far less than an expression would."""
    data = data.replace(b"\t", b" ")
    while b"  " in data:
        data = data.replace(b"  ", b" ")
    return data


def _relaxed(data: bytes) -> tuple[_Fields, int]:
    """The relaxed fields of a mail of ours by name, of one name the lowest first (RFC 6376 §5.4.2), and where its body begins.

    As canonical_field for each, done for all at once. Lines end with CRLF, and none stands there that is no field.
    """
    end = data.find(b"\r\n\r\n")
    section, start = (data, len(data)) if end < 0 else (data[:end], end + 4)
    unfolded = section.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    fields: _Fields = {}
    for line in reversed(_joined(unfolded).split(b"\r\n")):
        name, colon, value = line.partition(b":")
        if colon:
            name = name.rstrip(b" ").lower()
            fields.setdefault(name, []).append(b"%b:%b\r\n" % (name, value.strip(b" ")))
    return fields, start


@lru_cache(64)  # a desk's is always the same
def _domain_of(author: bytes) -> str:
    """The domain of a relaxed From field, "" when there is no single address in it."""
    return address.author([Field("from", author.partition(b":")[2].removesuffix(b"\r\n"), author)])[0].rpartition("@")[2]


@lru_cache(64)  # most of our mails have the same fields
def _listed(present: tuple[int, ...]) -> str:
    """The value of h= when so many of each of _SIGNED are there: once more than that."""
    names = [name.decode("ascii") for name, count in zip(_SIGNED, present, strict=True) for _ in range(count + 1)]
    return wire.folded([f"{name}:" for name in names], len(" h=")).removesuffix(":")


def _unsigned_value(key: _Loaded, domain: str, now: int, names: str, body_hash: str) -> str:
    return (
        f" v=1; a={key.algorithm}; c=relaxed/relaxed; d={domain};\r\n"
        f" s={key.selector}; t={now};\r\n"
        f" h={names};\r\n"
        f" bh={body_hash};\r\n"
        f" b="
    )


def _load(key: DkimKey) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        private = load_pem_private_key(key.pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"the DKIM key {key.selector}._domainkey.{key.domain} cannot be read: {error}") from None
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError(f"the DKIM key {key.selector}._domainkey.{key.domain} is neither RSA nor Ed25519")
    return private
