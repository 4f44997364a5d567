"""The mails whose reading is measured: made here, in the shapes that clients write. Each seed gives other words and names.

Text is made of everyday sentences of its language with numbers in them, so that nothing is the same in two mails but the
shape.
"""

from __future__ import annotations

import base64
import quopri
import random
from collections.abc import Callable
from dataclasses import dataclass
from email.header import Header

KIB = 1024
MIB = 1024 * KIB
_GOAL_SMALL, _GOAL_RICH, _GOAL_LARGE = 0.001, 0.003, 0.3  # seconds


@dataclass(frozen=True)
class Shape:
    name: str
    make: Callable[[int], bytes]  # of a seed
    goal: float  # CPU seconds
    small: bool = True  # counts for the median
    several: bool = True  # is made of several seeds


_TEXTS = {
    "en": (
        "The printer in room {n} does not print since Monday.",
        "It says paper jam, although there is none.",
        "We have switched it off and on again twice, as you asked us to.",
        "Order {n} has arrived, but two of the parts are missing.",
        "Could you please send somebody before Friday?",
        "The second one, next to the window, works without any trouble.",
        "I have attached nothing this time because the file was too large.",
        "Our accountant needs the invoice until the end of the month.",
    ),
    "zh": (
        "您好，{n} 号房间的打印机从周一开始就不能打印了。",
        "屏幕上显示卡纸，但是里面并没有纸。",
        "我们已经按照你们的说明重新启动了两次。",
        "订单 {n} 已经收到，但是少了两个零件。",
        "请问能不能在周五之前派人过来看一下？",
        "靠窗的另外一台没有任何问题。",
        "麻烦尽快处理，谢谢！",
        "财务需要在月底之前拿到发票。",
    ),
    "de": (
        "Der Drucker im Zimmer {n} druckt seit Montag nicht mehr.",
        "Er meldet einen Papierstau, obwohl nichts klemmt.",
        "Wir haben ihn zweimal aus- und wieder eingeschaltet, wie Sie es uns erklärt haben.",
        "Bestellung {n} ist da, es fehlen aber zwei Teile.",
        "Könnten Sie bitte noch vor Freitag jemanden schicken?",
        "Das zweite Gerät am Fenster läuft völlig störungsfrei.",
        "Die Buchhaltung benötigt die Rechnung bis Ende des Monats, möglichst früher.",
        "Schöne Grüße aus München und vielen Dank für die Mühe.",
    ),
    "fr": (
        "L'imprimante du bureau {n} n'imprime plus depuis lundi.",
        "Elle signale un bourrage, bien qu'il n'y ait rien à enlever.",
        "Nous l'avons éteinte et rallumée deux fois, comme vous nous l'aviez demandé.",
        "La commande {n} est arrivée, mais il manque deux pièces.",
        "Pourriez-vous envoyer quelqu'un avant vendredi ?",
        "La deuxième, près de la fenêtre, marche très bien.",
        "La comptabilité réclame la facture dès que possible, même très tôt.",
        "Je vous prie d'agréer mes salutations distinguées.",
    ),
    "ru": (
        "Принтер в комнате {n} не печатает с понедельника.",
        "Он сообщает о замятии бумаги, хотя бумаги там нет.",
        "Мы дважды выключали и включали его, как вы просили.",
        "Заказ {n} пришёл, но не хватает двух деталей.",
        "Не могли бы вы прислать кого-нибудь до пятницы?",
        "Второй, у окна, работает без всяких проблем.",
        "Бухгалтерии нужен счёт до конца месяца.",
        "Заранее спасибо, с уважением.",
    ),
    "ja": (
        "{n}号室のプリンターが月曜日から印刷できません。",
        "紙詰まりと表示されますが、紙は入っていません。",
        "ご案内のとおり二回再起動しました。",
        "注文{n}は届きましたが、部品が二つ足りません。",
        "金曜日までに担当の方に来ていただけますでしょうか。",
        "窓側のもう一台は問題なく動いています。",
        "経理が月末までに請求書を必要としています。",
        "よろしくお願いいたします。",
    ),
}  # fmt: skip
_SUBJECTS = {
    "en": "Printer in room {n}", "zh": "{n} 号房间的打印机", "de": "Drucker für Zimmer {n} gestört",
    "fr": "Imprimante arrêtée, bureau {n}", "ru": "Принтер в комнате {n}", "ja": "{n}号室のプリンターについて",
}  # fmt: skip
_NAMES = {"en": "Alice Example", "zh": "王小明", "de": "Jörg Müller", "fr": "Hélène Lefèvre", "ru": "Иван Петров", "ja": "山田太郎"}


def prose(language: str, size: int, seed: int, charset: str = "utf-8") -> list[str]:
    """Lines that have about this many octets together."""
    choice = random.Random(seed)
    lines: list[str] = []
    left = size
    while left > 0:
        line = " ".join(choice.choice(_TEXTS[language]).format(n=choice.randrange(1000, 99999)) for _ in range(2))
        lines.append(line)
        if choice.random() < 0.2:
            lines.append("")
        left -= len(line.encode(charset, "replace")) + 2
    return lines


def head(language: str, seed: int, charset: str = "utf-8", *, answers: bool = True, more: str = "") -> bytes:
    """The header of a mail that came over one relay, signed."""
    name, subject = _NAMES[language], _SUBJECTS[language].format(n=seed)
    if not name.isascii():
        name = Header(name, charset).encode()
    if answers:
        subject = f"Re: [#20260102-EML-{seed % 9999:04}] {subject}"
    subject = subject if subject.isascii() else Header(subject, charset, maxlinelen=70).encode(linesep="\r\n")
    refers = f"In-Reply-To: <m1.{seed}@help.example>\r\nReferences: <m0.{seed}@example.net>\r\n <m1.{seed}@help.example>\r\n"
    return (
        f"Return-Path: <alice{seed}@example.net>\r\n"
        f"Received: from mx{seed}.example.net (mx.example.net [192.0.2.7])\r\n\tby mx.help.example with ESMTPS id 4f9a{seed}\r\n"
        "\tfor <support@help.example>; Fri, 02 Jan 2026 10:00:02 +0000\r\n"
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=s1;\r\n\th=from:to:subject:date; bh=x; b="
        + "A" * 300 + "\r\n"
        f"From: {name} <alice{seed}@example.net>\r\nTo: Help Desk <support@help.example>\r\nCc: Bob <bob@example.net>\r\n"
        f"Subject: {subject}\r\nDate: Fri, 2 Jan 2026 10:00:00 +0800\r\n"
        f"Message-ID: <m2.{seed}@example.net>\r\n{refers if answers else ''}"
        f"X-Mailer: Example Mail 16.0\r\n{more}MIME-Version: 1.0\r\n"
    ).encode()  # fmt: skip


def _part(kind: str, charset: str, encoding: str, text: str) -> bytes:
    data = text.encode(charset, "replace")
    if encoding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        data = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return f"Content-Type: {kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + data + b"\r\n"


def _multipart(kind: str, parts: list[bytes], boundary: str = "b1") -> bytes:
    start = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return start + b"".join(f"--{boundary}\r\n".encode() + part for part in parts) + f"--{boundary}--\r\n".encode()


def _quoted(language: str, size: int, seed: int, attribution: str) -> str:
    return f"\r\n\r\n{attribution}\r\n" + "\r\n".join(f"> {line}" for line in prose(language, size, seed + 7)) + "\r\n"


# --- text -------------------------------------------------------------------------------------------------------------


def plain(language: str, charset: str, encoding: str, size: int) -> Callable[[int], bytes]:
    """A new mail of one text part; size: octets of its text."""

    def make(seed: int) -> bytes:
        text = "\r\n".join(prose(language, size, seed, charset))
        return head(language, seed, charset, answers=False) + _part("text/plain", charset, encoding, text)

    return make


def reply(seed: int) -> bytes:
    said = "\r\n".join(prose("en", 1500, seed)) + "\r\n\r\nBest regards,\r\nAlice\r\n-- \r\nAlice Example | +1 555 010 9999"
    quote = _quoted("en", 1100, seed, "On Thu, 1 Jan 2026 at 09:00, Help Desk <support@help.example> wrote:")
    return head("en", seed) + _part("text/plain", "utf-8", "7bit", said + quote)


def inline(seed: int) -> bytes:
    lines = prose("de", 2400, seed)
    mixed = "\r\n".join(line if i % 3 == 0 else f"> {line}" for i, line in enumerate(lines))
    attribution = "Am 01.01.2026 um 09:00 schrieb Help Desk:\r\n"
    return head("de", seed) + _part("text/plain", "utf-8", "quoted-printable", attribution + mixed)


# --- HTML beside text -------------------------------------------------------------------------------------------------


def outlook(seed: int) -> bytes:
    said, older = prose("de", 450, seed), prose("de", 400, seed + 7)
    block = (
        "Von: Help Desk <support@help.example>\r\nGesendet: Donnerstag, 1. Januar 2026 09:00\r\n"
        f"An: Jörg Müller <alice{seed}@example.net>\r\nBetreff: Drucker\r\n"
    )
    text = "\r\n".join(said) + "\r\n\r\n" + block + "\r\n" + "\r\n".join(older)
    page = (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style><!-- p.MsoNormal {margin:0cm} --></style></head>'
        '<body lang="DE"><div class="WordSection1">'
        + "".join(f'<p class="MsoNormal"><span style="font-size:11.0pt">{line}<o:p></o:p></span></p>\r\n' for line in said)
        + '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b>Von:</b> '
        "Help Desk &lt;support@help.example&gt;<br><b>Gesendet:</b> Donnerstag, 1. Januar 2026 09:00<br><b>An:</b> Jörg<br>"
        "<b>Betreff:</b> Drucker</p></div>"
        + "".join(f'<p class="MsoNormal">{line}</p>\r\n' for line in older)
        + "</div></body></html>"
    )
    return _alternative("de", seed, text, page)


def gmail(seed: int) -> bytes:
    said, older = prose("en", 600, seed), prose("en", 500, seed + 7)
    attribution = "On Thu, Jan 1, 2026 at 9:00 AM Help Desk <support@help.example> wrote:"
    text = "\r\n".join(said) + f"\r\n\r\n{attribution}\r\n" + "\r\n".join(f"> {line}" for line in older)
    page = (
        '<div dir="ltr">' + "".join(f"<div>{line}</div>" for line in said) + '</div><br><div class="gmail_quote"><div dir="ltr" '
        'class="gmail_attr">On Thu, Jan 1, 2026 at 9:00 AM Help Desk &lt;<a href="mailto:support@help.example">'
        'support@help.example</a>&gt; wrote:<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex">'
        + "<br>\r\n".join(older)
        + "</blockquote></div>"
    )
    return _alternative("en", seed, text, page)


def qq(seed: int) -> bytes:
    said, older = prose("zh", 500, seed), prose("zh", 400, seed + 7)
    block = ("发件人:", "&quot;客服&quot;<support@help.example>;", "发送时间:", "2026年1月1日(星期四) 上午9:00", "主题:", "打印机")
    text = "\r\n".join(said) + "\r\n\r\n------------------ 原始邮件 ------------------\r\n" + "\r\n".join(
        f"{block[i]} {block[i + 1]}" for i in (0, 2, 4)
    ) + "\r\n\r\n" + "\r\n".join(older)  # fmt: skip
    page = (
        '<meta http-equiv="Content-Type" content="text/html; charset=GB18030">'
        + "".join(f"<div>{line}</div>" for line in said)
        + '<div><br></div><div style="font-size: 12px;font-family: Arial Narrow;padding:2px 0 2px 0;">'
        '------------------&nbsp;原始邮件&nbsp;------------------</div><div style="font-size: 12px;background:#efefef">'
        + "".join(f"<div><b>{block[i]}</b>&nbsp;{block[i + 1].replace('<', '&lt;')}</div>" for i in (0, 2, 4))
        + "</div>" + "".join(f"<div>{line}</div>" for line in older)
    )  # fmt: skip
    return _alternative("zh", seed, text, page, "gb18030", "base64")


def _alternative(
    language: str, seed: int, text: str, page: str, charset: str = "utf-8", encoding: str = "quoted-printable"
) -> bytes:
    parts = [_part("text/plain", charset, encoding, text), _part("text/html", charset, encoding, page)]
    return head(language, seed, charset) + _multipart("alternative", parts)


# --- machines ---------------------------------------------------------------------------------------------------------


def away(seed: int) -> bytes:
    text = "\r\n".join(["Ich bin bis zum 12.01.2026 nicht im Büro.", "", *prose("de", 300, seed)])
    fields = head("de", seed, more="Auto-Submitted: auto-replied\r\n")
    return fields + _part("text/plain", "utf-8", "quoted-printable", text)


def bounce(seed: int) -> bytes:
    fields = (
        f"From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\r\nTo: <support+b{seed}@help.example>\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nDate: Fri, 2 Jan 2026 10:00:00 +0000\r\n"
        f"Message-ID: <b{seed}@mx.example.net>\r\nMIME-Version: 1.0\r\n"
    ).encode()
    notice = (
        b"Content-Type: text/plain; charset=us-ascii\r\n\r\nThis is the mail system at host mx.example.net.\r\n\r\n"
        b"I'm sorry to have to inform you that your message could not\r\nbe delivered to one or more recipients.\r\n\r\n"
    ) + f"<alice{seed}@example.net>: host mx[192.0.2.9] said: 550 5.1.1 user unknown\r\n".encode()
    status = (
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\nFinal-Recipient: rfc822; "
        f"alice{seed}@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\r\n\r\n"
    ).encode()
    original = b"Content-Type: message/rfc822\r\n\r\n" + reply(seed)
    return fields + _multipart("report; report-type=delivery-status", [notice, status, original])


# --- large and odd ----------------------------------------------------------------------------------------------------


def newsletter(seed: int, size: int = 30 * KIB) -> bytes:
    """Tables within tables, a style in each cell, links that are counted, a hidden preview."""
    style = "font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:20px;color:#333333;padding:0 24px 12px 24px"
    page = (
        "<!DOCTYPE html><html><head><style>" + "td.x{padding:0}@media only screen{.m{width:100%}}" * 20 + "</style></head><body>"
        '<div style="display:none;max-height:0;overflow:hidden">Your monthly news&#8199;&#65279;&#847;</div>'
        '<table width="100%" cellpadding="0" cellspacing="0"><tr><td align="center"><table width="600">'
    )
    for i, line in enumerate(prose("en", size, seed)):
        if len(page) > size:
            break
        page += (
            f'<tr><td class="x" style="{style}"><p style="margin:0">{line}</p><a href="https://news.example/c?u={seed}&amp;i={i}" '
            f'style="color:#0066cc;text-decoration:none">Read more</a></td></tr>\r\n'
        )
    page += "</table></td></tr></table></body></html>"
    return head("en", seed, answers=False) + _part("text/html", "utf-8", "quoted-printable", page)


def word(seed: int, size: int = 30 * KIB) -> bytes:
    """As Outlook writes it: a span for every run of words, its style in each."""
    style = "font-size:11.0pt;font-family:&quot;Calibri&quot;,sans-serif;color:#1F497D"
    page = "<html><head><style>p.MsoNormal{margin:0}</style></head><body>"
    for line in prose("en", size, seed):
        if len(page) > size:
            break
        page += (
            f'<p class="MsoNormal" style="margin-bottom:8.0pt"><span lang="EN-US" style="{style}">{line} '
            '<a href="https://shop.example/item?id=12&amp;x=3">order 12</a>.<o:p></o:p></span></p>\r\n'
        )
    return head("en", seed) + _part("text/html", "utf-8", "8bit", page + "</body></html>")


def attachment(seed: int, size: int = 20 * MIB) -> bytes:
    text = _part("text/plain", "utf-8", "7bit", "see attached\r\n")
    fields = b'Content-Type: application/zip; name="log.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    data = base64.encodebytes(random.Random(seed).randbytes(size)).replace(b"\n", b"\r\n")
    return head("en", seed) + _multipart("mixed", [text, fields + data])


def deep(seed: int, levels: int = 20) -> bytes:
    """Multiparts within each other, as answers of some clients to each other make them."""
    body = _part("text/plain", "utf-8", "7bit", "\r\n".join(prose("en", 1000, seed)))
    for level in range(levels):
        body = _multipart("mixed", [body], f"b{level}")
    return head("en", seed) + body


SHAPES = (
    Shape("plain English", plain("en", "us-ascii", "7bit", 3000), _GOAL_SMALL),
    Shape("reply with a marked quote", reply, _GOAL_SMALL),
    Shape("answers between quotes, German", inline, _GOAL_SMALL),
    Shape("Chinese, utf-8 in base64", plain("zh", "utf-8", "base64", 2200), _GOAL_SMALL),
    Shape("Chinese, GBK in 8 bits", plain("zh", "gb18030", "8bit", 3000), _GOAL_SMALL),
    Shape("Japanese, iso-2022-jp", plain("ja", "iso-2022-jp", "7bit", 3000), _GOAL_SMALL),
    Shape("German, quoted-printable", plain("de", "utf-8", "quoted-printable", 3000), _GOAL_SMALL),
    Shape("French, Latin-1 in 8 bits", plain("fr", "iso-8859-1", "8bit", 3000), _GOAL_SMALL),
    Shape("Russian, KOI8-R in 8 bits", plain("ru", "koi8-r", "8bit", 3000), _GOAL_SMALL),
    Shape("Outlook, text and HTML", outlook, _GOAL_SMALL),
    Shape("Gmail, text and HTML", gmail, _GOAL_SMALL),
    Shape("QQ Mail, text and HTML", qq, _GOAL_SMALL),
    Shape("absence note", away, _GOAL_SMALL),
    Shape("bounce with the original", bounce, _GOAL_SMALL),
    Shape("20 multiparts within each other", deep, _GOAL_SMALL),
    Shape("30 KB newsletter", newsletter, _GOAL_RICH, small=False),
    Shape("30 KB HTML of Word", word, _GOAL_RICH, small=False),
    Shape("20 MB attachment", attachment, _GOAL_LARGE, small=False, several=False),
)
