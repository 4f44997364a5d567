"""What a file is by its first octets, whatever its label says. Pure; reads a bounded piece; never raises."""

from __future__ import annotations

import re

# (offset, octets, type). The first that fits counts.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (257, b"ustar", "application/x-tar"),
    (0x8001, b"CD001", "application/x-iso9660-image"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"MZ", "application/x-dosexec"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (0, b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (0, b"-----BEGIN PGP MESSAGE", "application/pgp-encrypted"),
    (0, b"#!", "text/x-script"),
)  # fmt: skip
_HTML = re.compile(rb"\s{0,200}(?:\xef\xbb\xbf)?\s{0,200}<(?:!doctype html|html|head|body|script)[\s>]", re.IGNORECASE)

EXECUTABLE = frozenset((
    "application/x-dosexec", "application/x-elf", "application/x-mach-binary", "application/java-vm",
    "application/x-ms-shortcut", "text/x-script",
))  # fmt: skip
# What a person starts by opening it, where the name alone decides.
_STARTS = frozenset((
    "exe", "scr", "com", "pif", "bat", "cmd", "js", "jse", "vbs", "vbe", "wsf", "wsh", "hta", "ps1", "msi", "msp", "jar", "lnk",
    "cpl", "reg", "scf", "url", "iso", "img", "vhd", "one", "xll", "docm", "xlsm", "pptm", "dll", "apk", "app", "command", "sh",
))  # fmt: skip
_GENERIC = frozenset((
    "application/octet-stream", "application/x-download", "application/download", "application/force-download",
    "application/binary", "application/unknown", "application/x-unknown", "application/x-msdownload", "application/data",
    "binary/octet-stream", "unknown/unknown", "application/octetstream", "application/x-octet-stream", "text/plain", "",
))  # fmt: skip
_ZIPPED = (
    "application/vnd.openxml", "application/vnd.oasis", "application/vnd.ms-", "application/epub", "application/java-archive",
    "application/x-zip", "application/vnd.android", "application/zip", "application/x-java", "application/msword",
)  # fmt: skip
_OLE = (
    "application/ms", "application/vnd.ms-", "application/vnd.visio", "application/x-ole", "application/x-ms", "application/xls",
    "application/excel", "application/doc", "application/word", "application/powerpoint", "application/vnd.outlook",
)  # fmt: skip
_RICH = ("application/ms", "application/vnd.ms-", "text/", "application/xhtml", "application/rtf", "message/")
# One thing under several names.
_SAME = {
    alias: name
    for name, aliases in {
        "image/jpeg": "image/jpg image/pjpeg",
        "image/png": "image/x-png",
        "image/tiff": "image/tif image/x-tiff",
        "image/heic": "image/heif image/heic-sequence",
        "image/bmp": "image/x-ms-bmp image/x-bmp",
        "application/pdf": "application/x-pdf application/acrobat text/pdf",
        "application/rtf": "text/rtf application/x-rtf text/richtext",
        "application/gzip": "application/x-gzip application/x-gtar application/x-tgz application/x-compressed",
        "application/vnd.rar": "application/x-rar-compressed application/x-rar application/rar",
        "application/x-bzip2": "application/x-bzip",
        "audio/mpeg": "audio/mp3 audio/x-mpeg audio/mpeg3 audio/aac",
        "audio/wav": "audio/x-wav audio/wave audio/vnd.wave",
        "audio/mp4": "audio/x-m4a audio/m4a",
        "audio/ogg": "video/ogg application/ogg",
        "video/webm": "video/x-matroska audio/webm",
        "video/mp4": "video/3gpp audio/3gpp video/x-m4v",
        "video/x-msvideo": "video/avi video/msvideo",
        "application/ms-tnef": "application/vnd.ms-tnef",
        "application/x-dosexec": "application/x-executable application/x-msdos-program application/x-msdownload"
        " application/vnd.microsoft.portable-executable application/exe",
        "text/x-script": "application/x-sh text/x-sh application/x-shellscript text/x-python application/x-perl",
    }.items()
    for alias in aliases.split()
}


def by_content(data: bytes) -> str:
    """The type that the octets tell, "" if they tell none."""
    for at, magic, kind in _MAGIC:
        if data[at : at + len(magic)] == magic and _certain(data, kind):
            return _office(data) or kind if kind == "application/zip" else kind
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0" and len(data) > 26:
        return "image/bmp"
    return "text/html" if _HTML.match(data[:600]) else ""


def _certain(data: bytes, kind: str) -> bool:
    """Short magic numbers need a second sign."""
    if kind == "application/x-dosexec":
        at = int.from_bytes(data[60:64], "little")
        return data[at : at + 2] in (b"PE", b"NE", b"LE", b"LX") or (len(data) >= 64 and b"\0" in data[:64])
    if data[8:12] in (b"WEBP", b"WAVE", b"AVI ") and kind in ("image/webp", "audio/wav", "video/x-msvideo"):
        return data[:4] == b"RIFF"
    if kind == "application/java-vm":
        return int.from_bytes(data[4:8], "big") > 30  # fat Mach-O begins the same, with a small count
    return kind != "application/x-bzip2" or data[4:10] == b"1AY&SY"


_OFFICE = (
    (b"word/", "wordprocessingml.document"),
    (b"xl/", "spreadsheetml.sheet"),
    (b"ppt/", "presentationml.presentation"),
)


def _office(data: bytes) -> str:
    """Which kind of zip it is, by the names at its beginning; "" for a plain one."""
    start = data[:4096]
    if (at := start.find(b"mimetypeapplication/")) == 30:
        return start[at + 8 : at + 100].split(b"PK", 1)[0].decode("ascii", "replace")
    if b"[Content_Types].xml" not in start and b"_rels/" not in start:
        return "application/java-archive" if b"META-INF/MANIFEST.MF" in start else ""
    base = "application/vnd.openxmlformats-officedocument."
    for folder, name in _OFFICE:
        if folder in start or folder in data[-8192:]:
            return base + name
    return ""


def contradicts(label: str, found: str) -> bool:
    """Is a file of type `found` wrongly labelled? False where the label only says less or says it in other words."""
    label = _SAME.get(label, label)
    if not found or label == found:
        return False
    if found in ("application/zip", "application/java-archive") or found.startswith(_ZIPPED[:2]):
        return not label.startswith(_ZIPPED)
    if found == "application/x-ole-storage":
        return not label.startswith(_OLE)
    if found in ("application/rtf", "text/html"):  # Word and Excel write both under their own types
        return not label.startswith(_RICH)
    if found in ("application/gzip", "application/x-tar"):
        return not label.startswith("application/")
    if found == "text/x-script":
        return not label.startswith(("text/", "application/x-", "application/javascript"))
    return not (found.startswith(("audio/", "video/")) and label.startswith(("audio/", "video/")))


def generic(label: str) -> bool:
    """Does this label say nothing?"""
    return label in _GENERIC


def runs(name: str, found: str) -> bool:
    """Would opening the file start a program?"""
    return found in EXECUTABLE or name.rpartition(".")[2].lower() in _STARTS
