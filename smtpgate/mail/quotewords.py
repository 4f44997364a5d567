"""The words that mail clients put around quoted mail, in their languages: the data of quotelines.py.

Only data. Tables that are compared folded (lower case, no blanks) say so; to teach a client or a language, add its words.
"""

from __future__ import annotations


def fold(text: str) -> str:
    """Lower case, without any blank: 主　题 and 主题, "Kopie (CC)" and "kopie(cc)" are the same."""
    return "".join(text.split()).lower()


# Lines of our own mail above which the answer is to be written; compared by how a line begins, in lower case.
MARKERS = (
    "##- ", "-## ", "— reply above this line", "请在此行上方回复", "請在此行上方回覆", "reply above this line",
    "please reply above this line", "please type your reply above this line",
)  # fmt: skip

# What such lines of other systems say between their dashes or number signs, in lower case.
ABOVE = (
    "above this line", "oberhalb dieser zeile", "über dieser zeile", "oberhalb dieser linie", "au-dessus de cette ligne",
    "encima de esta línea", "por encima de esta linea", "arriba de esta línea", "acima desta linha", "sopra questa riga",
    "sopra questa linea", "boven deze lijn", "boven deze regel", "ovanför den här raden", "ovanför denna rad",
    "over denne linje", "tämän rivin yläpuolelle", "powyżej tej linii", "powyżej tego wiersza", "nad tento řádek",
    "nad tuto čáru", "nad týmto riadkom", "e sor fölé", "deasupra acestei linii", "выше этой строки",
    "выше этой линии", "вище цього рядка", "bu satırın üzerine", "bu satırın üstüne", "phía trên dòng này",
    "di atas baris ini", "この行より上", "この線より上", "この行の上", "이 줄 위", "이 선 위", "在此行上方", "在此線上方",
    "此行以上", "此行上方", "此线上方", "此線上方",
)  # fmt: skip

# The line over a quoted original, without dashes and folded. Any words between dashes count when a header block follows.
ORIGINAL = frozenset(fold(w) for w in (
    "original message", "original", "original mail", "original email", "original e-mail", "original appointment",
    "reply message",
    "reply to", "message original", "message d'origine", "message d’origine", "message initial", "原始邮件", "原邮件", "原始信件",
    "邮件原件", "邮件原文", "原文", "原邮件信息", "原始邮件信息", "回复的原邮件", "回复邮件", "回复的邮件", "原始消息", "引用",
    "原始訊息", "原始郵件", "原始信息", "回覆的原郵件", "回覆郵件", "原郵件", "ursprüngliche nachricht", "originalnachricht",
    "original-nachricht", "originalmail", "antwort nachricht", "mensaje original", "mensagem original", "messaggio originale",
    "oorspronkelijk bericht", "origineel bericht", "исходное сообщение", "оригинальное сообщение", "оригинал сообщения",
    "вихідне повідомлення", "оригінальне повідомлення", "оригинално писмо", "oprindelig meddelelse", "oprindelig besked",
    "opprinnelig melding", "original melding", "ursprungligt meddelande", "originalmeddelande", "alkuperäinen viesti",
    "wiadomość oryginalna", "oryginalna wiadomość", "původní zpráva", "původní e-mail", "pôvodná správa", "eredeti üzenet",
    "mesaj original", "mesajul original", "orijinal mesaj", "özgün ileti", "orijinal ileti", "orjinal mesaj", "αρχικό μήνυμα",
    "thư gốc", "tin nhắn gốc", "pesan asli", "ข้อความต้นฉบับ", "ข้อความเดิม", "元のメッセージ", "元のメール", "原本",
    "원본 메시지", "원본 메일", "원본메일", "원본 이메일", "הודעה מקורית", "ההודעה המקורית", "الرسالة الأصلية",
    "الرسالة الأصليَّة", "missatge original", "izvorna poruka", "izvorno sporočilo", "algne kiri", "originalus laiškas",
))  # fmt: skip

PROCESSED = ("originalmessageprocessedby",)  # by David, of Tobit, which puts no dashes around it; folded

# The line over a forwarded mail, folded: what follows is what the sender wants to show us, so it stays.
FORWARD = frozenset(fold(w) for w in (
    "forwarded message", "begin forwarded message", "forwarded by", "forwarded mail", "forward message", "forwarded email",
    "转发的邮件", "转发邮件", "转发邮件信息", "转发的原邮件", "以下是转发的邮件", "开始转发邮件", "转发的消息", "轉寄郵件",
    "轉寄的郵件", "轉寄信件", "轉呈者", "開始轉寄郵件", "开始转发的邮件", "下面是被转发的邮件", "以下是轉寄的郵件",
    "weitergeleitete nachricht", "anfang der weitergeleiteten nachricht", "anfang der weitergeleiteten e-mail",
    "message transféré", "message transmis", "début du message réexpédié", "début du message transféré", "message réexpédié",
    "mensaje reenviado", "inicio del mensaje reenviado", "mensaje remitido", "mensagem encaminhada", "mensagem reencaminhada",
    "início da mensagem encaminhada", "início da mensagem reencaminhada", "messaggio inoltrato", "inizio messaggio inoltrato",
    "doorgestuurd bericht", "begin doorgestuurd bericht", "пересылаемое сообщение", "перенаправленное сообщение",
    "начало переадресованного сообщения", "пересланное сообщение", "переслане повідомлення", "перенаправлене повідомлення",
    "початок листа, що пересилається", "przekazana wiadomość", "treść przekazanej wiadomości", "wiadomość przekazana dalej",
    "początek przekazywanej wiadomości", "přeposlaná zpráva", "začátek přeposílané zprávy", "preposlaná správa",
    "začiatok preposlanej správy", "vidarebefordrat meddelande", "vidarebefordrat mejl", "videresendt meddelelse",
    "videresendt besked", "start på videresendt besked", "videresendt melding", "vidaresend melding", "välitetty viesti",
    "välitetty viesti alkaa", "välitetty viesti / fwd.msg", "edelleenlähetetty viesti", "továbbított üzenet",
    "továbbított levél kezdete", "mesaj redirecționat", "începe mesajul redirecționat", "iletilmiş mesaj", "iletilmiş ileti",
    "iletilen ileti", "iletilen mesaj", "i̇letilen i̇leti", "i̇letilmiş mesaj", "ileti başlangıcı", "i̇leti başlangıcı",
    "thư đã chuyển tiếp", "thư chuyển tiếp", "tin nhắn được chuyển tiếp", "προωθημένο μήνυμα", "pesan terusan",
    "pesan diteruskan", "ข้อความที่ส่งต่อ", "転送メッセージ", "転送されたメッセージ", "転送メール", "전달된 메시지",
    "전달된 메일", "הודעה שהועברה", "رسالة مُعاد توجيهها", "رسالة ممرّرة", "proslijeđena poruka", "posredovano sporočilo",
    "započni proslijeđenu poruku", "preposlaná správa --- forwarded message", "メッセージを転送", "wiadomość przesłana dalej",
))  # fmt: skip

# Field names of a quoted header block, folded, by what they mean.
FIELDS: dict[str, str] = {
    fold(name): meaning
    for meaning, names in {
        "from": (
            "from", "发件人", "寄件者", "寄件人", "發件人", "发信人", "发送人", "發送者", "寄信人", "从", "von", "absender", "de",
            "expéditeur", "remitente", "remetente", "差出人", "送信元", "送信者", "보낸 사람", "보낸이", "발신", "발신자",
            "발신인", "보내는 사람", "da", "mittente", "van", "afzender", "fra", "afsender", "avsender", "från", "avsändare",
            "lähettäjä", "od", "nadawca", "odesílatel", "odosielateľ", "от", "от кого", "отправитель", "від", "від кого",
            "відправник", "kimden", "gönderen", "feladó", "küldő", "expeditor", "expeditorul", "de la", "από", "αποστολέας",
            "מאת", "من", "จาก", "dari", "pengirim", "từ", "người gửi", "šalje", "saatja", "از", "فرستنده", "nuo", "frá",
            "daripada", "nga", "प्रेषक", "nork", "пошиљалац",
        ),
        "date": (
            "date", "sent", "sent on", "sent at", "date sent", "sent date", "发送时间", "发送日期", "日期", "时间",
            "发件时间", "寄件日期", "傳送時間", "日期时间", "發送時間", "发送", "時間", "寄件時間", "傳送日期", "已传送",
            "已傳送", "datum", "gesendet", "gesendet am", "date d'envoi", "envoyé", "envoyé le", "fecha", "enviado", "enviado el",
            "enviados", "fecha de envío", "enviada", "enviada em", "enviado em", "data", "data de envio", "送信日時", "日時",
            "日付", "送信日", "送信済み", "送信", "보낸 날짜", "날짜", "보낸 시간", "보낸시간", "일시", "발송일", "발신일",
            "inviato", "data invio", "verzonden", "verzonden op", "verstuurd", "dato", "sendt", "afsendt", "skickat",
            "skickat den", "skickades", "päivämäärä", "lähetetty", "päiväys", "pvm", "wysłano", "wysłane", "odesláno",
            "odoslané",
            "dátum", "elküldve", "küldve", "dată", "trimis", "дата", "отправлено", "дата отправки", "надіслано", "відправлено",
            "изпратено", "tarih", "gönderilen", "gönderme tarihi", "gönderildi", "gönderim tarihi", "ngày", "đã gửi", "gửi",
            "ngày gửi", "thời gian", "đã gửi vào", "ส่ง", "วันที่", "ส่งเมื่อ", "tanggal", "dikirim", "terkirim", "ημερομηνία",
            "στάλθηκε", "εστάλη", "αποστολή", "תאריך", "נשלח", "التاريخ", "تاريخ", "تم الإرسال", "الإرسال", "أُرسلت",
            "ارسال شده", "تاریخ", "poslano", "išsiųsta", "nosūtīts", "saadetud", "kuupäev", "dihantar", "enviat",
            "fecha y hora", "dërguar", "भेजा गया", "bidaltze-data", "послато", "dagsetning", "poslato",
        ),
        "to": (
            "to", "收件人", "收件者", "收信人", "發送至", "至", "an", "empfänger", "à", "pour", "destinataire", "para",
            "destinatario",
            "destinatário", "宛先", "受信者", "받는 사람", "받는이", "수신", "수신자", "수신인", "a", "per", "aan", "til", "till",
            "vastaanottaja", "do", "adresat", "komu", "pre", "címzett", "către", "destinatar", "destinatarul", "кому",
            "получатель", "одержувач", "kime", "alıcı", "đến", "tới", "người nhận", "ถึง", "kepada", "ke", "προς", "אל", "إلى",
            "الى", "prima", "do kogo", "به", "گیرنده", "za", "kam", "kellele", "adressaat", "per a", "për", "प्रति", "nori",
            "до", "за",
        ),
        "cc": (
            "cc", "bcc", "抄送", "抄送人", "副本", "密送", "副本抄送", "密件副本", "抄送者", "kopie", "kopie (cc)",
            "bcc (blindkopie)", "copie", "copie à", "cci", "cópia", "copia", "cc/cci", "参照", "참조", "숨은참조", "ccn", "kopi",
            "kopia", "kopio", "kópia", "dw", "udw", "skrytá", "másolat", "másolatot kap", "копия", "копія", "bilgi", "สำเนา",
            "สำเนาถึง", "tembusan", "κοινοποίηση", "κοιν.", "עותק", "نسخة", "نسخة إلى", "đồng gửi", "sao chép", "kopya",
            "رونوشت", "kp", "kopija", "koopia", "salinan", "afrit", "v vednost", "копие",
        ),
        "subject": (
            "subject", "主题", "主旨", "标题", "主題", "標題", "题目", "betreff", "objet", "sujet", "asunto", "assunto", "件名",
            "表題", "제목", "oggetto", "ogg", "onderwerp", "ämne", "emne", "aihe", "temat", "předmět", "predmet", "tárgy",
            "subiect", "subiectul", "тема", "konu", "chủ đề", "tiêu đề", "เรื่อง", "หัวเรื่อง", "หัวข้อ", "subjek", "perihal",
            "judul", "thema", "θέμα", "נושא", "הנדון", "الموضوع", "naslov", "teema", "re", "موضوع", "zadeva", "tēma", "tema",
            "efni", "perkara", "विषय", "gaia", "относно", "subjekt",
        ),
        "other": (
            "importance", "attachments", "attachment", "附件", "重要性", "priority", "anlagen", "anhänge", "wichtigkeit",
            "priorität", "pièces jointes", "importancia", "archivos adjuntos", "datos adjuntos", "anexos", "importância",
            "allegati", "bijlagen", "urgentie", "reply-to", "reply to", "回复", "sender", "sensitivity", "message-id",
            "answer to", "antwort an", "responder a", "répondre à", "rispondi a", "svar til", "svara till", "priorita",
            "přílohy",
            "załączniki", "вложения", "ekler", "添付ファイル", "重要度", "첨부", "첨부파일", "附件列表", "organization",
            "organisation", "client", "resent-from", "user-agent",
        ),
    }.items()
    for name in names
}  # fmt: skip

# What an attribution says, in lower case: words between word boundaries, and those of scripts that set no blanks.
WROTE = (
    "wrote", "writes", "write", "said", "says", "schrieb", "schrieben sie", "geschrieben", "schreibt", "a écrit", "écrit",
    "a ecrit", "écrivait", "nous a dit", "escribió", "escribio", "escribía", "ha escrito", "escreveu", "ha scritto", "scrive",
    "scritto", "schreef", "verzond", "geschreven", "skrev", "skrev följande", "skrev følgende", "kirjoitti", "napisał",
    "napisał(a)", "napisała", "napisal", "pisze", "napsal", "napsal(a)", "napsala", "píše", "napísal", "napísal(a)", "napísala",
    "написал", "написал(а)", "написала", "пишет", "писал", "писал(а)", "написав", "написав(ла)", "написала(в)", "пише",
    "написа",
    "yazdı", "yazmış", "đã viết", "viết", "írta", "a scris", "έγραψε", "כתב", "כתבה", "כתב/ה", "כתב:", "كتب", "menulis",
    "ditulis", "napisao", "je napisao", "je napisala", "kirjutas", "rašė", "va escriure", "napisana przez",
    "تمت كتابة ما يلي بواسطة", "писали", "написали", "napisao je", "napisala je", "napisao/la", "je napisal", "je napisala",
    "написао", "написао/ла", "је написао", "је написала", "je napisao/la", "rakstīja", "escribiu", "ha escrit", "skrifaði",
    "napisala", "napisao", "skreiv", "idatzi du", "idatzi zuen", "shkroi", "напиша", "نوشت", "wiadomość napisana", "citerar",
)  # fmt: skip
WROTE_CJK = (
    "写道", "寫道", "写于", "寫於", "写到", "寫到", "写了", "来信", "來信", "写信", "のメール", "書きました", "のメッセージ",
    "さんは書きました", "さんは書き",
    "작성", "님의 말", "님이 쓴", "님이 씀", "씀", "쓰기", "쓴 글", "เขียน",
    "ने लिखा", "লিখেছেন", "लिहिले", "எழுதியது", "రాశారు", "લખ્યું",
)  # fmt: skip

# How an attribution begins, in lower case, when it begins with neither a name nor a figure.
BEGINS = (
    "on ", "at ", "in message", "in article", "in a message", "am ", "le ", "el ", "em ", "il ", "op ", "在", "于", "於", "den ",
    "vào ", "d. ", "dne ", "dňa ", "dnia ", "w dniu ", "w dn", "il giorno ", "pada ", "a(z) ", "în ", "la data ", "på ",
    "στις ",
    "בתאריך", "ב-", "في ", "بتاريخ", "เมื่อ ", "quoting ", "citando ", "citát ", "zitat von", "from ", "excerpts from", "em ",
    "ngày ", "no dia ", "ใน", "le: ", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "lun", "mar", "mer", "jeu", "ven", "sam",
    "dim", "mié", "jue", "vie", "sáb", "dom", "mån", "tis", "ons", "tor", "fre", "lör", "sön", "lør", "søn", "man.", "pon",
    "wt",
    "śr", "czw", "pt", "sob", "niedz", "po ", "út ", "st ", "čt ", "pá ", "so ", "ne ", "ma ", "ti ", "ke ", "to ", "pe ",
    "la ",
    "su ", "пн", "вт", "ср", "чт", "пт", "сб", "вс", "нд", "понед", "вторн", "среда", "четв", "пятн", "субб", "воскр", "seg",
    "ter", "qua", "qui", "sex", "in data ", "missatge de ", "þann ",
)  # fmt: skip

# A line like "As you wrote:" is the sender's own, though a quote follows. First words, in lower case.
OWN_BEGINNINGS = frozenset((
    "as", "like", "what", "and", "but", "he", "she", "they", "i", "we", "then", "here", "this", "that", "the", "below", "also",
    "because", "since", "when", "where", "while", "if", "it", "my", "our", "in", "earlier", "before", "yesterday", "who", "wie",
    "was", "und", "aber", "ich", "wir", "er", "sie", "dort", "hier", "dann", "comme", "et", "mais", "je", "elle", "nous",
    "como",
    "pero", "yo", "come", "zoals", "en", "maar", "ik", "som", "og", "och", "jag", "jeg", "как", "и", "но", "я", "он", "она",
    "они", "мы",
))  # fmt: skip

# Verbs that letters use of anything: they count with a date and a time only.
SAID = frozenset(("said", "says", "write", "sent", "viết", "escrito", "scritto", "geschreven"))
YOU = frozenset(("", "you", "sie", "vous", "usted", "您", "你"))
# Attributions without a verb, before a quote with marks; how they begin.
CITES = (
    "quoting ", "excerpts from ", "citando ", "zitat von ", "citát ", "citace ", "citat från ", "citat fra ", "citaat van ",
    "cytowanie ", "цитирование ", "цитирую ", "citation de ", "citerar ",
)  # fmt: skip

# Who never is the somebody of "somebody wrote:". In lower case.
OWN_SUBJECTS = frozenset((
    "i", "he", "she", "we", "they", "who", "it", "ich", "er", "wir", "mir", "uns", "ihm", "ihr", "je", "elle", "nous", "m'a",
    "yo", "eu", "io", "ik", "hij", "zij", "wij", "jag", "jeg", "han", "hun", "hon", "minä", "hän", "я", "он", "она", "мы",
    "він",
    "вона", "ona", "ben", "tôi",
))  # fmt: skip

# The sender says that the answers stand within the quoted mail: then nothing below is cut. A line that names a place and
# speaks of answers, or names a colour and the place. In lower case.
PLACES = (
    "inline", "in-line", "in line", "below", "between the lines", "within your", "interspersed", "embedded", "siehe unten",
    "im text", "weiter unten", "unten", "ci-dessous", "dans le texte", "dans le corps", "plus bas", "más abajo", "mas abajo",
    "abajo", "a continuación", "entre líneas", "abaixo", "qui sotto", "sotto", "di seguito", "nel testo", "hieronder",
    "in de tekst", "nedan", "nedenfor", "alla", "alapuolella", "poniżej", "níže", "nižšie", "ниже", "в тексте", "нижче",
    "aşağıda", "bên dưới", "dưới đây", "lent", "mai jos", "παρακάτω", "di bawah", "ด้านล่าง", "למטה", "أدناه", "见下", "下面",
    "下方", "如下", "逐条", "逐一", "邮件中", "文中", "正文中", "見下", "逐項", "信中", "以下", "下記", "インライン", "アラ",
    "아래", "본문에",
)  # fmt: skip
COLOURS = (
    "in red", "in blue", "in green", "in bold", "in color", "in colour", "in caps", "in rot", "in blau", "in grün", "farbig",
    "rot markiert", "blau markiert", "en rouge", "en bleu", "en vert", "en gras", "en rojo", "en azul", "en verde",
    "em vermelho",
    "em azul", "in rosso", "in blu", "in het rood", "in rood", "in blauw", "in het blauw", "i rött", "i rødt", "med rött",
    "med rødt", "punaisella", "na czerwono", "červeně", "красным", "синим", "червоним", "kırmızı", "màu đỏ", "pirossal",
    "cu roșu", "红色", "红字", "标红", "蓝色", "蓝字", "紅色", "紅字", "標紅", "藍色", "赤字", "青字", "赤で", "빨간", "붉은",
    "파란",
)  # fmt: skip
COLOUR_WORDS = frozenset((
    "red", "blue", "green", "bold", "rot", "rote", "roten", "roter", "blau", "blauen", "grün", "grünen", "fett", "rouge", "bleu",
    "vert", "rojo", "azul", "verde", "negrita", "vermelho", "negrito", "rosso", "rossa", "blu", "grassetto", "rood", "rode",
    "blauw", "rött", "röd", "rødt", "rød", "blått", "blåt", "grønt", "punainen", "punaisella", "czerwonym", "niebieskim",
    "červeně", "modře", "красным", "синим", "зелёным", "червоним", "kırmızı", "mavi", "piros", "pirossal", "roșu",
))  # fmt: skip
ANSWERS = (
    "see below", "see inline", "siehe unten", "voir ci-dessous", "ver abajo", "zie hieronder", "se nedan", "se nedenfor", "见下",
    "見下", "answer", "repl", "comment", "respon", "notes", "see my", "remarks", "antwort", "kommentar", "anmerkung", "réponse",
    "réponds", "répondu", "commentaire", "remarque", "respuesta", "respond", "comentario", "respost", "comentário", "rispost",
    "comment", "antwoord", "opmerking", "svar", "vastau", "kommentt", "odpowied", "odpowied", "komentarz", "odpověd", "odpověď",
    "odpoved", "komentář", "ответ", "коммент", "відповід", "коментар", "cevap", "yanıt", "yorum", "trả lời", "phản hồi",
    "válasz",
    "răspuns", "απαντ", "jawab", "ตอบ", "תשוב", "הערות", "أجوب", "رد", "إجاب", "回复", "答复", "回答", "批注", "解答", "回覆",
    "答覆", "回答", "回信", "返信", "コメント", "답변", "답장", "회신", "코멘트",
)  # fmt: skip

# Prefixes of a subject that say that the mail is a forward, and those that say that it is an answer; folded, without colon.
FORWARD_PREFIXES = frozenset(fold(w) for w in (
    "fw", "fwd", "forward", "forwarded", "wg", "tr", "transf", "rv", "enc", "i", "inoltra", "doorst", "vs", "vb", "vl", "pd",
    "redir.", "i̇lt", "ilt", "ylt", "转发", "轉寄", "轉發", "转", "転送", "전달", "пересл", "fs", "trs", "πρθ", "videresend",
    "videresendt", "továbbítás", "rm",
))  # fmt: skip
ANSWER_PREFIXES = frozenset(fold(w) for w in (
    "re", "aw", "antw", "antwort", "sv", "r", "rif", "ref", "res", "resp", "odp", "vs", "vá", "ynt", "yanıt", "回复", "回覆",
    "答复", "答覆", "回信", "返信", "회신", "답장", "re^2", "bls", "balas", "trả lời", "απ", "σχετ", "hb", "atb", "на", "отв",
    "відп", "rép", "السّرد", "رد", "השב", "ตอบ", "ตอบกลับ",
))  # fmt: skip
