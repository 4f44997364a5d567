"""The words that mail clients put around quoted mail and signatures, in their languages: the data of trim.py.

Only data. All in lower case; see each table for how it is compared.
"""

from __future__ import annotations

# Lines of our own mail above which the answer is to be written; compared by how a line begins.
MARKERS = ("##- ", "-## ", "— reply above this line", "请在此行上方回复", "reply above this line")

# The line over a quoted original, without dashes, blanks and case.
ORIGINAL = frozenset({
    "originalmessage", "original", "originalmail", "originalemail", "originalappointment", "原始邮件", "原邮件", "原始信件",
    "邮件原件",
    "原始訊息", "原始郵件", "回复的原邮件", "回复邮件", "回覆的原郵件", "replymessage", "ursprünglichenachricht",
    "originalnachricht",
    "messaged'origine", "messageoriginal", "mensajeoriginal", "mensagemoriginal", "元のメッセージ", "원본메시지", "원본메일",
    "messaggiooriginale", "oorspronkelijkbericht", "исходноесообщение", "replyto", "原文",
})  # fmt: skip
# The line over a forwarded mail: what follows is what the sender wants to show us, so it stays.
FORWARD = frozenset({
    "forwardedmessage", "beginforwardedmessage:", "beginforwardedmessage", "转发的邮件", "转发邮件", "转发邮件信息",
    "转发的原邮件", "轉寄郵件",
    "轉寄的郵件", "以下是转发的邮件：", "开始转发邮件", "weitergeleitetenachricht", "messagetransféré", "mensajereenviado",
    "転送メッセージ",
    "전달된메시지", "forwardedby", "以下是转发的邮件:",
})  # fmt: skip

# Field names of a quoted header block in their languages, by what they mean.
FIELDS: dict[str, str] = {
    name: meaning
    for meaning, names in {
        "from": ("from", "发件人", "寄件者", "寄件人", "發件人", "发信人", "von", "de", "差出人", "送信元", "보낸 사람",
        "보낸사람", "da", "van", "от"),
        "date": (
            "date", "sent", "sent on", "发送时间", "发送日期", "日期", "时间", "寄件日期", "傳送時間", "日期时间", "發送時間",
            "datum", "gesendet",
            "envoyé", "fecha", "enviado", "enviado el", "送信日時", "日時", "日付", "보낸 날짜", "보낸날짜", "날짜", "data",
            "inviato", "дата",
            "отправлено", "verzonden", "received", "发送",
        ),
        "to": ("to", "收件人", "收件者", "an", "à", "para", "宛先", "受信者", "받는 사람", "받는사람", "aan", "a", "кому",
        "reply-to", "回复"),
        "cc": ("cc", "抄送", "抄送人", "副本", "kopie", "참조", "copie", "ccn", "копия", "密送", "bcc"),
        "subject": ("subject", "主题", "主旨", "标题", "主題", "betreff", "objet", "asunto", "assunto", "件名", "제목", "oggetto",
        "onderwerp", "тема"),
        "other": ("importance", "attachments", "附件", "重要性", "priority", "anlagen", "pièces jointes"),
    }.items()
    for name in names
}  # fmt: skip

# How an attribution ends, and how one that runs over several lines may begin.
WROTE = (
    "wrote:", "wrote：", "writes:", "写道:", "写道：", "寫道:", "寫道：", "写到：", "写到:", "来信：", "schrieb:", "geschrieben:",
    "a écrit :", "a écrit:",
    "escribió:", "escreveu:", "ha scritto:", "schreef:", "написал:", "написал(а):", "пишет:", "のメール:", "のメール：",
    "書きました:", "書きました：",
    "wrote -", "작성:", "님이 작성:", "님의 말:", "napisał(a):", "skrev:", "kirjoitti:", "yazdı:",
)  # fmt: skip
BEGINS = ("on ", "at ", "am ", "le ", "el ", "em ", "il ", "op ", "在", "于", "den ", "vào ")

PHONE = (
    "sent from my", "sent from mobile", "sent from outlook", "sent from mail for", "sent from yahoo", "sent via",
    "get outlook for", "sent with",
    "sent from windows", "发自我的", "发送自", "发自", "來自我的", "从我的", "從我的", "来自我的", "获取 outlook",
    "從我的 iphone 傳送", "发送于", "发送自我的",
    "von meinem", "gesendet von", "gesendet mit", "envoyé de mon", "envoyé depuis", "enviado desde", "enviado do meu",
    "inviato da",
    "iphoneから送信", "ipadから送信", "나의 iphone", "나의 ipad", "отправлено с", "отправлено из", "通过", "由网易邮箱大师",
    "| 由", "verzonden vanaf",
)  # fmt: skip
PHONE_ENDS = ("发送", "发出", "发送的", "定制", "から送信", "에서 보냄")  # for the beginnings that are common words
COMMON_BEGINNINGS = ("通过", "从我的", "發自", "发自", "发送自", "发送于")
