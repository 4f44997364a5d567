"""Which parts of a mail are its text, which its files, and what those are called."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile

import pytest

from smtpgate.errors import ParseFailed
from smtpgate.limitsettings import Limits
from smtpgate.mail import files, params, parse, sniff
from smtpgate.model import Attachment, ParsedMail

HEAD = b"From: a@b.example\r\nSubject: x\r\nDate: Fri, 2 Jan 2026 15:04:05 +0800\r\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 40
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nthe text"


def read(raw: bytes, **given: str) -> ParsedMail:
    limits = Limits(**given)  # type: ignore[arg-type]  # units are text in the file
    return parse.parse(raw, mail_from="a@b.example", limits=limits)


def multi(*parts: bytes, kind: str = "mixed", boundary: str = "B", top: bytes = HEAD) -> bytes:
    head = top + f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return head + b"".join(f"--{boundary}\r\n".encode() + p + b"\r\n" for p in parts) + f"--{boundary}--\r\n".encode()


def inner(*parts: bytes, kind: str, boundary: str = "I") -> bytes:
    return multi(*parts, kind=kind, boundary=boundary, top=b"")


def text(words: str, *fields: str) -> bytes:
    return ("\r\n".join(["Content-Type: text/plain; charset=utf-8", *fields]) + "\r\n\r\n" + words).encode()


def html(words: str) -> bytes:
    return ("Content-Type: text/html; charset=utf-8\r\n\r\n" + words).encode()


def file(
    data: bytes, kind: str = "application/octet-stream", name: str = "", disposition: str = "attachment", *fields: str
) -> bytes:
    given = f'; filename="{name}"' if name else ""
    lines = [f"Content-Type: {kind}", f"Content-Disposition: {disposition}{given}", "Content-Transfer-Encoding: base64", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + base64.encodebytes(data).replace(b"\n", b"\r\n")


def names(mail: ParsedMail) -> list[str]:
    return [a.filename for a in mail.attachments]


# --- pictures in their place ------------------------------------------------------------------------------------------


def test_apple_pictures_between_texts() -> None:
    picture = file(PNG, "image/png", "photo.png", "inline")
    mail = read(multi(text("above"), picture, text("below"), picture))
    assert mail.text == "above\n\n[picture: photo.png]\n\nbelow"
    assert [a.inline for a in mail.attachments] == [True, True]


def test_picture_of_html_by_content_id_and_by_location() -> None:
    by_id = file(PNG, "image/png", "a.png", "attachment", "Content-ID: <A@x>")
    by_location = file(PNG + b"2", "image/png", "b.png", "attachment", "Content-Location: http://x.example/pics/b.png")
    page = html('<p>one <img src="cid:A%40x"> two <img src="http://x.example/pics/b.png" alt="not this"> three</p>')
    mail = read(multi(page, by_id, by_location, kind="related"))
    assert mail.text == "one [picture: a.png] two [picture: b.png] three"
    assert [a.inline for a in mail.attachments] == [True, True]


def test_marks_of_outlook_and_apple_in_plain_text() -> None:
    picture = file(PNG, "image/png", "image001.png", "inline", "Content-ID: <image001.png@01DA>")
    plain = text("see [cid:image001.png@01DA] and [cid:other] here")
    both = inner(plain, html('<p>see <img src="cid:image001.png@01DA"></p>'), kind="alternative")
    mail = read(multi(both, picture, kind="related"))
    assert mail.text == "see [picture: image001.png] and [cid:other] here"
    assert read(multi(text("a \ufffc b"), picture)).text == "a [picture: image001.png] b"
    assert read(multi(text("a \ufffc\ufffc b"), picture)).text == "a  b"


# --- what is text -----------------------------------------------------------------------------------------------------


def test_whole_mail_called_an_attachment_is_still_read() -> None:
    mail = read(HEAD + b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=note.txt\r\n\r\nhello")
    assert mail.text == "hello"
    assert names(mail) == ["note.txt"]


def test_binary_without_a_label_is_no_text() -> None:
    mail = read(multi(TEXT, b"Content-Type: garbage\r\n\r\n" + PNG + b"\0\0"))
    assert mail.text == "the text"
    assert mail.attachments[0].content_type == "image/png"


def test_text_before_the_parts_counts_when_there_is_no_other() -> None:
    raw = multi(file(b"%PDF-", name="a.pdf"))
    assert read(raw.replace(b"--B", b"my words\r\n\r\n--B", 1)).text == "my words"
    assert read(raw.replace(b"--B", b"This is a multi-part message in MIME format.\r\n--B", 1)).text == ""
    assert read(multi(TEXT).replace(b"--B", b"my words\r\n\r\n--B", 1)).text == "the text"


def test_forward_as_attachment_without_own_words_is_read() -> None:
    old = b"From: =?utf-8?B?5byg5LiJ?= <z@c.example>\r\nSubject: old\r\nDate: Thu, 1 Jan 2026 10:00:00 +0800\r\n"
    message = b"Content-Type: message/rfc822\r\n\r\n" + inner(text("inner text"), file(b"f", name="f.bin"), kind="mixed").replace(
        b"Content-Type: multipart", old + b"Content-Type: multipart", 1
    )
    mail = read(multi(text(" \r\n"), message))
    assert mail.text == (
        "---------- Forwarded message ----------\nFrom: 张三 <z@c.example>\nDate: Thu, 1 Jan 2026 10:00:00 +0800\nSubject: old\n\n"
        "inner text"
    )
    assert names(mail) == ["old.eml"]
    assert read(multi(TEXT, message)).text == "the text"
    assert "inner text" in read(HEAD + message).text


def test_attached_mail_is_the_very_bytes() -> None:
    within = b"X-Odd:   kept\r\n as it is\r\nSubject: a/b\r\n\r\ntext \xff\r\n"
    (found,) = read(multi(TEXT, b"Content-Type: message/rfc822\r\n\r\n" + within)).attachments
    assert (found.filename, found.sha256) == ("a_b.eml", hashlib.sha256(within).hexdigest())


def test_encoded_forward() -> None:
    within = b"Subject: enc\r\n\r\ninner"
    part = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(within)
    mail = read(multi(part))
    assert mail.attachments[0].sha256 == hashlib.sha256(within).hexdigest()
    assert mail.text.endswith("inner")


# --- names ------------------------------------------------------------------------------------------------------------


def test_signed_and_encrypted_parts_are_named_for_what_they_are() -> None:
    p7s = b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIB"
    asc = b"Content-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----"
    assert names(read(multi(TEXT, p7s, kind="signed"))) == ["smime.p7s"]
    assert names(read(multi(TEXT, asc, kind="signed"))) == ["signature.asc"]
    assert read(multi(TEXT, asc, kind="signed")).text == "the text"
    whole = read(HEAD + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nMIIB")
    assert (names(whole), whole.text) == (["smime.p7m"], "")
    assert files.marks(whole.attachments) == ("encrypted or signed: S/MIME",)
    version = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1"
    pgp = read(multi(version, file(b"-----BEGIN PGP MESSAGE-----"), kind="encrypted"))
    assert pgp.attachments[0].filename == "pgp-version.txt"
    armour = read(HEAD + b"\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----\r\n")
    assert "the text is encrypted (PGP)" in armour.defects


def test_two_files_of_one_name() -> None:
    given = [(b"1", "a.pdf"), (b"2", "A.pdf"), (b"1", "a.pdf"), (b"3", "noend"), (b"4", "noend")]
    found = read(multi(TEXT, *(file(data, name=name) for data, name in given)))
    assert names(found) == ["a.pdf", "A (2).pdf", "a.pdf", "noend", "noend (2)"]


def test_made_up_names_give_way() -> None:
    invite = b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR"
    assert names(read(multi(TEXT, invite, file(b"x", name="invite.ics")))) == ["invite (2).ics", "invite.ics"]


@pytest.mark.parametrize(
    "name", ["..\\\\..\\\\x.exe", "/etc/passwd", "a\u202ecod.exe", "CON", "x\u200b.pdf", ".hidden", "a\0b", "a:b|c"]
)
def test_no_name_is_a_path_or_a_trick(name: str) -> None:
    safe = params.safe_name(name)
    assert safe
    assert not set(safe) & set('/\\:|\0\u202e\u200b')  # fmt: skip
    assert not safe.startswith(".")


# --- what files are ---------------------------------------------------------------------------------------------------


def zipped(*members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member in members:
            archive.writestr(member, "x")
    return out.getvalue()


EXE = b"MZ" + b"\0" * 58 + (64).to_bytes(4, "little") + b"PE\0\0" + b"\0" * 50


@pytest.mark.parametrize(
    ("data", "label", "kind", "lied"),
    [
        (b"%PDF-1.7", "application/octet-stream", "application/pdf", "application/octet-stream"),
        (b"%PDF-1.7", "application/pdf", "application/pdf", ""),
        (EXE, "image/png", "application/x-dosexec", "image/png"),
        (PNG, "image/jpeg", "image/png", "image/jpeg"),
        (PNG, "image/x-png", "image/x-png", ""),
        (zipped("[Content_Types].xml", "word/document.xml"), "application/octet-stream",
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/octet-stream"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "application/vnd.ms-excel", "application/vnd.ms-excel", ""),
        (zipped("a.txt"), "application/x-zip-compressed", "application/x-zip-compressed", ""),
        (zipped("a.txt"), "image/gif", "application/zip", "image/gif"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "application/msword", "application/msword", ""),
        (b"{\\rtf1 x}", "application/msword", "application/msword", ""),
        (b"<html><body>x", "application/vnd.ms-excel", "application/vnd.ms-excel", ""),
        (b"<html><body>x", "application/pdf", "text/html", "application/pdf"),
        (b"plain", "application/octet-stream", "application/octet-stream", ""),
        (b"", "image/png", "image/png", ""),
        (b"MZ is how this text begins", "text/csv", "text/csv", ""),
        (b"RIFF1234WAVEfmt ", "audio/x-wav", "audio/x-wav", ""),
    ],
)  # fmt: skip
def test_type_by_content_where_the_label_lies(data: bytes, label: str, kind: str, lied: str) -> None:
    (found,) = read(multi(TEXT, file(data, label, "f.bin"))).attachments
    assert (found.content_type, found.label) == (kind, lied)


def test_marks_for_agents() -> None:
    mail = read(multi(TEXT, file(EXE, "image/png", "cat.png"), file(PNG, "image/jpeg", "dog.jpg"), file(b"x", name="a.js")))
    assert files.marks(mail.attachments) == ("program: cat.png", "wrong label: dog.jpg is image/png", "program: a.js")
    assert files.marks([Attachment("a.pdf", "application/pdf", 1, "", label="application/octet-stream")]) == ()


def test_sniffing_takes_anything() -> None:
    for data in (b"", b"M", b"MZ", b"PK\x03\x04", b"BM", b"\xca\xfe\xba\xbe", b"<", b" " * 1000):
        sniff.by_content(data)


def test_a_broken_mail_with_files_is_read() -> None:
    """mail-parser raises TypeError on a part without content, which once made every broken mail with a file opaque."""
    whole = multi(TEXT, file(PNG, "image/png", "a.png"), file(b"x", name="b.bin"), b"Content-Type: text/rtf\r\n\r\n{}")
    cut = read(whole.removesuffix(b"--B--\r\n"))
    assert (cut.opaque, cut.text, names(cut)[:2]) == (False, "the text", ["a.png", "b.bin"])
    assert cut.defects == ("CloseBoundaryNotFoundDefect",)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_all_files_together_are_bounded() -> None:
    limit = {"message_size": "64KiB"}
    part = file(b"x" * 32_000, name="a.bin")
    assert len(read(multi(*[part] * 4), **limit).attachments) == 4
    with pytest.raises(ParseFailed, match="larger"):
        read(multi(*[part] * 5), **limit)
