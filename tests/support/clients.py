"""How mail clients write an answer: what they put around the words, and how they quote the mail that is answered.

Each client is a function of the words (a line of text, its HTML) and the mail that is answered, as its text and its HTML; it gives
the text and the HTML of the answer, None for a form that the client does not write. The shapes are those of 2023 to 2026.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Forms = tuple[str | None, str | None]
DESK, LEE = "support@help.example", "lee@corp.example"


@dataclass(frozen=True)
class Quoted:
    subject: str
    text: str
    html: str  # what stands in its body

    @property
    def marked(self) -> str:
        return "".join(f"> {line}".rstrip() + "\n" for line in self.text.splitlines())


Client = Callable[[str, str, Quoted], Forms]


def gmail(text: str, html: str, q: Quoted) -> Forms:
    over = f"On Fri, Jan 2, 2026 at 10:05\u202fAM Support <{DESK}> wrote:"
    return (
        f"{text}\n\n{over}\n\n{q.marked}",
        f'<div dir="ltr">{html}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
        f'On Fri, Jan 2, 2026 at 10:05\u202fAM Support &lt;<a href="mailto:{DESK}">{DESK}</a>&gt; wrote:<br></div>'
        f'<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">'
        f"{q.html}</blockquote></div>",
    )


def gmail_zh(text: str, html: str, q: Quoted) -> Forms:
    return (
        f"{text}\n\nSupport <{DESK}> 于2026年1月2日周五 10:05写道：\n\n{q.marked}",
        f'<div dir="ltr">{html}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">Support &lt;<a href="mailto:{DESK}">'
        f'{DESK}</a>&gt; 于2026年1月2日周五 10:05写道：<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{q.html}'
        f"</blockquote></div>",
    )


def gmail_android(text: str, html: str, q: Quoted) -> Forms:
    over = f"On Fri, Jan 2, 2026, 10:05 AM Support <{DESK}> wrote:"
    return (
        f"{text}\n\n{over}\n\n{q.marked}",
        f'<div dir="auto">{html}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Fri, Jan 2, 2026, 10:05 AM Support'
        f' &lt;<a href="mailto:{DESK}">{DESK}</a>&gt; wrote:<br></div><blockquote class="gmail_quote">{q.html}</blockquote></div>',
    )


def _outlook_head(q: Quoted, words: tuple[str, str, str, str], when: str) -> str:
    names = zip(words, (f"Support <{DESK}>", when, f"Lee <{LEE}>", q.subject), strict=True)
    return "".join(f"{name} {value}\n" for name, value in names)


_EN = ("From:", "Sent:", "To:", "Subject:")
_ZH = ("发件人:", "发送时间:", "收件人:", "主题:")


def _bold_head(q: Quoted, words: tuple[str, str, str, str], when: str) -> str:
    values = (f"Support &lt;{DESK}&gt;", when, f"Lee &lt;{LEE}&gt;", q.subject)
    return "<br>".join(f"<b>{name}</b> {value}" for name, value in zip(words, values, strict=True))


def outlook_desktop(text: str, html: str, q: Quoted) -> Forms:
    when = "Friday, January 2, 2026 10:05 AM"
    return (
        f"{text}\n\n{_outlook_head(q, _EN, when)}\n{q.text}\n",
        f'<html xmlns:o="urn:schemas-microsoft-com:office:office"><body lang="EN-US" link="#0563C1" style="word-wrap:break-word">'
        f'<div class="WordSection1"><p class="MsoNormal"><span style="mso-fareast-language:EN-US">{html}<o:p></o:p></span></p>'
        f'<p class="MsoNormal"><o:p>&nbsp;</o:p></p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in">'
        f'<p class="MsoNormal">{_bold_head(q, _EN, when)}<o:p></o:p></p></div></div>{q.html}</div></body></html>',
    )


def outlook_desktop_zh(text: str, html: str, q: Quoted) -> Forms:
    when = "2026年1月2日 10:05"
    return (
        f"{text}\n\n{_outlook_head(q, _ZH, when)}\n{q.text}\n",
        f'<body lang="ZH-CN"><div class="WordSection1"><p class="MsoNormal">{html}<o:p></o:p></p><div><div style="border:none;border-top:solid '
        f'#E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">{_bold_head(q, _ZH, when)}<o:p></o:p></p></div></div>{q.html}</div></body>',
    )


def outlook_web(text: str, html: str, q: Quoted) -> Forms:
    when = "Friday, January 2, 2026 10:05 AM"
    return (
        f"{text}\n________________________________\n{_outlook_head(q, _EN, when)}\n{q.text}\n",
        f'<div class="elementToProof" style="font-family: Aptos, sans-serif;">{html}</div><div id="appendonsend"></div>'
        f'<hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif">'
        f"{_bold_head(q, _EN, when)}</font><div>&nbsp;</div></div><div>{q.html}</div>",
    )


def outlook_html_only(text: str, html: str, q: Quoted) -> Forms:
    return None, outlook_web(text, html, q)[1]


def outlook_ios(text: str, html: str, q: Quoted) -> Forms:
    when = "Friday, January 2, 2026 10:05:00 AM"
    return (
        f"{text}\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\n{_outlook_head(q, _EN, when)}\n{q.text}\n",
        f'<div dir="ltr">{html}</div><div id="ms-outlook-mobile-signature" dir="ltr"><div><br></div>Get <a href="https://aka.ms/o0ukef">'
        f'Outlook for iOS</a></div><div id="mail-editor-reference-message-container"><hr style="display:inline-block;width:98%">'
        f'<div id="divRplyFwdMsg"><font>{_bold_head(q, _EN, when)}</font></div>{q.html}</div>',
    )


def apple_mail(text: str, html: str, q: Quoted) -> Forms:
    over = f"On 2 Jan 2026, at 10:05, Support <{DESK}> wrote:"
    return (
        f"{text}\n\n> {over}\n> \n{q.marked}",
        f'<html><head></head><body style="overflow-wrap: break-word; -webkit-nbsp-mode: space; line-break: after-white-space;">{html}'
        f'<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>On 2 Jan 2026, at 10:05, Support &lt;{DESK}&gt; wrote:'
        f'</div><br class="Apple-interchange-newline"><div>{q.html}</div></blockquote></div><br></body></html>',
    )


def iphone(text: str, html: str, q: Quoted) -> Forms:
    return (
        f"{text}\n\nSent from my iPhone\n\n> On 2 Jan 2026, at 10:05, Support <{DESK}> wrote:\n> \n> \ufeff{q.marked[2:]}",
        f'<html><body dir="auto"><div dir="ltr"></div><div dir="ltr">{html}</div><div dir="ltr"><br></div><div dir="ltr">Sent from my iPhone'
        f'</div><div dir="ltr"><br><blockquote type="cite">On 2 Jan 2026, at 10:05, Support &lt;{DESK}&gt; wrote:<br><br></blockquote></div>'
        f'<blockquote type="cite"><div dir="ltr">\ufeff{q.html}</div></blockquote></body></html>',
    )


def iphone_zh(text: str, html: str, q: Quoted) -> Forms:
    return (
        f"{text}\n\n发自我的iPhone\n\n> 在 2026年1月2日，10:05，Support <{DESK}> 写道：\n> \n{q.marked}",
        f'<html><body dir="auto"><div dir="ltr">{html}</div><div dir="ltr"><br></div><div dir="ltr">发自我的iPhone</div><div dir="ltr"><br>'
        f'<blockquote type="cite">在 2026年1月2日，10:05，Support &lt;{DESK}&gt; 写道：<br><br></blockquote></div><blockquote type="cite">'
        f'<div dir="ltr">{q.html}</div></blockquote></body></html>',
    )


def qq_web(text: str, html: str, q: Quoted) -> Forms:
    when = "2026年1月2日(星期五) 上午10:05"
    return (
        f"{text}\n\n\n------------------&nbsp;原始邮件&nbsp;------------------\n发件人: \"Support\" <{DESK}>;\n发送时间:&nbsp;{when}\n"
        f"收件人:&nbsp;\"Lee\"<{LEE}>;\n主题:&nbsp;{q.subject}\n\n{q.text}",
        f'<div>{html}</div><div><br></div><div><includetail><div>&nbsp;</div><div style="font:Verdana normal 14px;color:#000;">'
        f'<div style="FONT-SIZE: 12px;FONT-FAMILY: Arial Narrow;padding:2px 0 2px 0;">------------------&nbsp;原始邮件&nbsp;------------------</div>'
        f'<div style="FONT-SIZE: 12px;background:#efefef;padding:8px;"><div id="menu_sender"><b>发件人:</b> "Support" &lt;{DESK}&gt;;</div>'
        f"<div><b>发送时间:</b>&nbsp;{when}</div><div><b>收件人:</b>&nbsp;\"Lee\"&lt;{LEE}&gt;;</div><div></div><div><b>主题:</b>&nbsp;{q.subject}"
        f'</div></div><div>&nbsp;</div><div class="qmbox">{q.html}</div></div><!--<![endif]--></includetail></div>',
    )  # fmt: skip


def qq_mobile(text: str, html: str, q: Quoted) -> Forms:
    _, rich = qq_web(text, html, q)
    assert rich is not None
    return None, rich.replace("<div><br></div><div><includetail>", "<div><br></div><div>发自我的iPhone</div><div><includetail>", 1)


def foxmail(text: str, html: str, q: Quoted) -> Forms:
    when = "2026-01-02 10:05"
    return (
        f"{text}\n\n\n\n {LEE}\n \n发件人： Support\n发送时间： {when}\n收件人： Lee\n主题： {q.subject}\n{q.text}",
        f'<html><head><style>body {{ line-height: 1.5; }}</style></head><body>\n<div><span></span>{html}</div>\n<div><br></div>'
        f'<hr style="width: 210px; height: 1px;" color="#b5c4df" size="1" align="left">\n<div><span><div style="MARGIN: 10px;">'
        f"<div>{LEE}</div></div></span></div>\n<blockquote style=\"margin-Top: 0px; margin-Bottom: 0px; margin-Left: 0.5em\"><div>&nbsp;</div>"
        f'<div style="border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm"><div style="PADDING-RIGHT: 8px; FONT-SIZE: 12px;'
        f'BACKGROUND: #efefef;"><div><b>发件人：</b>&nbsp;<a href="mailto:{DESK}">Support</a></div><div><b>发送时间：</b>&nbsp;{when}</div>'
        f'<div><b>收件人：</b>&nbsp;Lee</div><div><b>主题：</b>&nbsp;{q.subject}</div></div></div><div>{q.html}</div></blockquote></body></html>',
    )  # fmt: skip


def netease(text: str, html: str, q: Quoted) -> Forms:
    return (
        f"{text}\n\n\n\n\n\n在 2026-01-02 10:05:00，\"Support\" <{DESK}> 写道：\n\n{q.marked}",
        f'<div style="line-height:1.7;color:#000000;font-size:14px;font-family:Arial"><div style="margin:0;">{html}</div>'
        f'<p style="margin: 0;"><br></p><div style="position:relative;zoom:1"></div><div id="divNeteaseMailCard"></div>'
        f'<p>在 2026-01-02 10:05:00，"Support" &lt;{DESK}&gt; 写道：</p><blockquote id="isReplyContent" style="PADDING-LEFT: 1ex; MARGIN: 0px 0px 0px 0.8ex;'
        f' BORDER-LEFT: #ccc 1px solid">{q.html}</blockquote></div>',
    )  # fmt: skip


def aliyun(text: str, html: str, q: Quoted) -> Forms:
    return (
        f"{text}\n------------------------------------------------------------------\n发件人：Support <{DESK}>\n"
        f"日　期：2026年01月02日 10:05:00\n收件人：Lee<{LEE}>\n主　题：{q.subject}\n\n{q.text}",
        f'<div class="__aliyun_email_body_block"><div style="clear:both;">{html}</div><blockquote style="margin-right:0;">'
        f'<div style="clear:both;">------------------------------------------------------------------</div><div style="clear:both;">'
        f"发件人：Support &lt;{DESK}&gt;</div><div>日　期：2026年01月02日 10:05:00</div><div>收件人：Lee&lt;{LEE}&gt;</div>"
        f"<div>主　题：{q.subject}</div><div><br></div>{q.html}</blockquote></div>",
    )


def thunderbird(text: str, html: str, q: Quoted) -> Forms:
    return (
        f"{text}\n\nOn 02/01/2026 10:05, Support wrote:\n{q.marked}",
        f'<html><head></head><body><p>{html}</p><div class="moz-cite-prefix">On 02/01/2026 10:05, Support wrote:<br></div>'
        f'<blockquote type="cite" cite="mid:x@help.example">{q.html}</blockquote></body></html>',
    )


def thunderbird_below(text: str, html: str, q: Quoted) -> Forms:
    return f"On 02/01/2026 10:05, Support wrote:\n{q.marked}\n\n{text}\n", None


def yahoo(text: str, html: str, q: Quoted) -> Forms:
    over = f"On Friday, January 2, 2026 at 10:05:00 AM GMT, Support <{DESK}> wrote:"
    return (
        f" {text}\n\n    {over}  \n \n {q.text}  ",
        f'<div class="ydp1yahoo-style-wrap"><div dir="ltr" data-setdir="false">{html}</div><div><br></div></div><div id="ydp2yahoo_quoted_1" '
        f'class="ydp2yahoo_quoted"><div style="font-family:Helvetica;"><div>On Friday, January 2, 2026 at 10:05:00 AM GMT, Support &lt;{DESK}&gt;'
        f" wrote:</div><div><br></div><div><br></div><div>{q.html}</div></div></div>",
    )


def proton(text: str, html: str, q: Quoted) -> Forms:
    return (
        f"{text}\n\nSent with Proton Mail secure email.\n\nOn Friday, January 2nd, 2026 at 10:05, Support <{DESK}> wrote:\n\n{q.marked}",
        f'<div style="font-family: Arial;">{html}</div><div class="protonmail_quote">On Friday, January 2nd, 2026 at 10:05, Support '
        f'&lt;{DESK}&gt; wrote:<br><blockquote class="protonmail_quote" type="cite">{q.html}</blockquote><br></div>',
    )


def original_message(text: str, html: str, q: Quoted) -> Forms:
    """Outlook in plain text, and many older clients."""
    return f"{text}\n\n-----Original Message-----\n{_outlook_head(q, _EN, 'Friday, January 2, 2026 10:05 AM')}\n{q.text}\n", None


def no_quote(text: str, html: str, q: Quoted) -> Forms:
    return text + "\n", f"<p>{html}</p>"


CLIENTS: dict[str, Client] = {
    "Gmail": gmail,
    "Gmail zh": gmail_zh,
    "Gmail Android": gmail_android,
    "Outlook": outlook_desktop,
    "Outlook zh": outlook_desktop_zh,
    "Outlook web": outlook_web,
    "Outlook, HTML only": outlook_html_only,
    "Outlook iOS": outlook_ios,
    "Outlook, plain text": original_message,
    "Apple Mail": apple_mail,
    "iPhone": iphone,
    "iPhone zh": iphone_zh,
    "QQ Mail": qq_web,
    "QQ Mail on a phone": qq_mobile,
    "Foxmail": foxmail,
    "163": netease,
    "Aliyun": aliyun,
    "Thunderbird": thunderbird,
    "Thunderbird, below": thunderbird_below,
    "Yahoo": yahoo,
    "Proton": proton,
    "without a quote": no_quote,
}
