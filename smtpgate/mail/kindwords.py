"""The names, fields and phrases by which machines are known. Data only, in lower case; kind.py says how they are used."""

from __future__ import annotations

# Subjects of bounces begin with one of these.
BOUNCE_SUBJECTS = (
    "undelivered mail", "undelivered message", "undeliverable", "undeliver", "undelivered:", "delivery status notification",
    "delivery notification:", "mail delivery failed", "mail delivery failure", "mail delivery problem", "mail delivery error",
    "mail delivery status", "mail delivery warning", "mail delivery system", "mail delivery subsystem", "mail delivery:",
    "message delivery failure", "message delivery has failed", "message delivery delayed", "message status - undeliverable",
    "message not delivered", "message undeliverable",
    "message could not be delivered", "mail could not be delivered", "your mail could not be delivered",
    "email could not be delivered", "mail not delivered", "mail undeliverable", "mail failure", "mail failed",
    "mail system error", "mail error", "mailsystem error",
    "returned mail", "returned to sender", "returned message", "return to sender", "returned e-mail", "returned email",
    "failure notice", "failure delivery", "failed delivery", "failed mail", "failed to deliver", "failure:",
    "delivery failure", "delivery failed",
    "delivery_failure", "delivery error", "delivery problem", "delivery report", "delivery delayed", "delivery delay",
    "delivery incomplete", "delivery has failed", "delivery status", "permanent delivery failure", "permanent error",
    "permanent fail", "temporary delivery failure", "nondeliverable mail", "non delivery", "non-delivery",
    "nondelivery", "nondeliverable", "non-deliverable", "notice: mail delivery status", "warning: could not send message",
    "warning: message", "warning: delayed mail", "warning: mail", "could not send message", "delayed mail",
    "postmaster notify", "postmaster warning", "sorry, your message could not be delivered",
    "there was an error sending your mail", "unable to deliver", "unknown user", "user unknown",
    "message notification failure", "mdaemon notification", "ndn:", "ndr:", "[bounce]", "bounce:", "bounced mail",
    "bounce notification", "rejected:", "rejected mail", "message rejected", "automatically rejected mail", "blocked mail",
    "considered unsolicited bulk email",
    "**message you sent blocked", "undelivarable", "email delivery failure", "e-mail delivery failure",
    "email delivery failed", "e-mail delivery failed", "email not delivered", "mail returned", "mail returned to sender",
    "mail status report", "smtp error", "address not found", "message blocked", "error delivering", "error sending",
    "error de entrega",
    "系统退信", "退信", "【退信", "邮件退回", "邮件被退回", "您的邮件被退回", "邮件退信", "未送达", "未传递", "无法送达",
    "无法投递", "无法传递", "不可送达", "投递失败", "邮件投递失败",
    "邮件发送失败", "邮件投递延迟", "邮件传送失败", "邮件投递状态", "邮件递送失败", "邮件系统退信", "邮件发送状态通知",
    "延迟:", "延迟：",
    "退信：", "傳送失敗", "未傳遞", "無法傳遞", "無法送達", "無法寄達", "退回郵件", "郵件退回", "郵件無法投遞",
    "郵件遞送失敗", "傳遞失敗", "投遞失敗", "寄送失敗", "系統退信",
    "來自 postmaster", "傳遞狀態通知", "延遲傳遞",
    "配信不能", "配信できません", "配信失敗", "配信エラー", "メール配信エラー", "メール配信失敗", "メールが配信できません",
    "メール送信エラー", "送信エラー", "未配信", "エラーメール",
    "送信できませんでした", "配信遅延", "배달되지 않음", "배달 되지 않음", "배달할 수 없음", "배달 실패", "전달되지 않음",
    "전송 실패", "메일 전송 실패", "메일발송실패", "발송 실패",
    "발송실패", "반송", "[반송", "수신불가", "unzustellbar", "nicht zustellbar", "zustellung fehlgeschlagen",
    "zustellung nicht möglich",
    "fehler bei der zustellung", "zustellungsfehler", "mail konnte nicht zugestellt", "nachricht nicht zugestellt",
    "verspätung bei der zustellung", "non remis", "non distribuable", "non délivré", "échec de la remise", "échec de remise",
    "échec de distribution", "echec de", "notification d'échec", "message non remis", "impossible de remettre",
    "remise retardée", "retour de courrier", "no se puede entregar", "no entregado", "no entregable", "error en la entrega",
    "no se ha podido entregar", "entrega fallida", "correo no entregado", "correo devuelto", "mensaje devuelto",
    "notificación de estado de entrega", "no se pudo entregar",
    "não entregue", "não é possível entregar", "não foi possível entregar", "falha na entrega", "mensagem não entregue",
    "e-mail devolvido", "notificação de status de entrega", "impossibile recapitare", "non recapitabile", "non recapitato",
    "mancato recapito", "recapito non riuscito", "avviso di mancata consegna", "onbestelbaar", "niet bestelbaar",
    "niet afgeleverd", "bezorging mislukt", "niet bezorgd",
    "недоставленн", "не удается доставить", "не удалось доставить", "не доставлено", "сообщение не доставлено",
    "ошибка доставки", "недоставка", "недоставлено", "письмо не доставлено", "не доставлено:", "не вдалося доставити",
    "nie można dostarczyć", "niedostarczon", "nie dostarczono", "błąd dostarczania", "zwrot poczty", "nedoručitelné",
    "nedoručeno", "nelze doručit", "nedoručiteľné",
    "kan inte levereras", "går inte att leverera", "ej levererat", "olevererbart", "kan ikke leveres", "ikke leveret",
    "ikke levert", "kunne ikke leveres", "ei voitu toimittaa", "toimittamaton", "toimitus epäonnistui", "teslim edilemedi",
    "teslim edilemez", "iletilemedi", "teslim edilemeyen", "không thể gửi", "không gửi được", "thư không gửi được",
    "kézbesíthetetlen", "nem kézbesíthető", "nelivrabil", "nu a putut fi livrat",
    "δεν είναι δυνατή η παράδοση", "ανεπίδοτο", "tidak terkirim", "tidak dapat dikirim", "ไม่สามารถส่ง", "تعذر تسليم",
    "غير قابل للتسليم", "לא ניתן למסירה",
)  # fmt: skip

COMPLAINT = "complaint about message from "  # and an IP address: Hotmail's reports, which are of no report type

# Subjects of automatic answers. STRONG ones are the whole subject or followed by a mark; a person writes the words too.
AWAY_SUBJECTS = (
    "automatic reply", "automatic response", "automatic email reply", "automatic message", "automatic out of office",
    "auto reply", "auto-reply", "autoreply", "auto response", "auto-response", "autoresponse", "auto responder",
    "auto-responder", "autoresponder", "auto: re", "auto-re", "auto re", "autore", "auto answer", "automated reply",
    "automated response", "automated email", "auto acknowledgement", "auto-acknowledgement",
    "out of office autoreply", "out of office auto-reply", "out of office auto reply", "out of office reply",
    "out of office response", "out of office message", "out of office notification", "out of office notice", "out of office",
    "out of the office", "out-of-office", "i am out of the office", "i'm out of the office", "i am out of office",
    "i am away", "i'm away", "away from my mail", "away from mail", "away from email", "away from my email",
    "away from office",
    "away from the office", "away message", "away notice", "ooo", "ooto", "on vacation", "on leave", "on holiday",
    "on annual leave", "on maternity leave", "on parental leave", "vacation reply", "vacation notice", "vacation message",
    "vacation response", "vacation autoreply", "holiday message", "absence notification", "currently out of the office",
    "currently out of office", "currently unavailable", "thank you for contacting",
      "thanks for contacting", "we have received your",
    "we received your", "your message has been received", "your email has been received", "your request has been received",
    "ticket received", "request received", "support ticket opened", "acknowledgement of your", "confirmation of receipt",
    "自动回复", "自动答复", "自动应答", "自动回信", "自动响应", "自動回覆", "自動回應", "自動答覆", "自動回復",
    "系统自动回复", "系統自動回覆", "休假自动回复", "假期自动回复", "外出自动回复",
    "邮件自动回复", "郵件自動回覆", "来信自动回复", "离职自动回复", "不在办公室", "不在辦公室", "外出", "外出通知",
    "休假通知", "休假中", "我正在休假", "[auto-reply",
    "auto-reply自动回复",
    "自動応答", "自動返信", "自動送信", "自動配信", "不在通知", "不在応答", "不在返信", "不在のお知らせ", "不在", "外出中",
    "休暇中", "【自動返信】", "자동 회신", "자동회신", "자동 응답",
    "자동응답", "자동 답장", "자동답장", "부재중", "부재 중", "부재 알림", "부재중 자동", "휴가중", "휴가 중",
    "automatische antwort", "automatische rückantwort", "automatische e-mail", "automatische nachricht",
    "automatische abwesenheitsnotiz", "automatische eingangsbestätigung", "autom. antwort", "abwesenheitsnotiz",
    "abwesenheitsmeldung", "abwesenheitsnachricht", "abwesenheitsassistent", "abwesenheitsbenachrichtigung", "abwesenheit",
    "abwesend", "ich bin nicht im büro", "nicht im büro", "außer haus", "urlaubsabwesenheit", "im urlaub",
    "réponse automatique", "reponse automatique", "réponse auto", "message automatique", "absence du bureau",
    "absent du bureau", "absence", "absent", "absente", "en congé", "en congés", "en vacances", "message d'absence",
    "notification d'absence", "avis d'absence", "absence automatique", "gestionnaire d'absence",
    "accusé de réception automatique",
    "respuesta automática", "respuesta automatica", "contestación automática", "mensaje automático", "auto respuesta",
    "autorrespuesta", "fuera de la oficina", "fuera de oficina", "ausente de la oficina", "ausencia", "de vacaciones",
    "estoy de vacaciones",
    "resposta automática", "resposta automatica", "mensagem automática", "autoresposta", "fora do escritório",
    "fora do escritorio", "ausência do escritório", "ausência", "ausente", "em férias", "de férias", "ausência temporária",
    "risposta automatica", "risposta automatica da", "messaggio automatico", "fuori sede", "fuori ufficio",
    "fuori dall'ufficio", "assente", "assenza", "in ferie", "assenza dall'ufficio",
    "automatisch antwoord", "automatische reactie", "automatisch bericht", "automatische beantwoording",
    "afwezigheidsassistent", "afwezigheidsmelding", "afwezigheid", "afwezig", "niet op kantoor", "niet aanwezig",
    "met vakantie", "op vakantie",
    "автоответ", "автоматический ответ", "автоматическое сообщение", "автоматическое уведомление", "автоответчик",
    "нет на месте", "отсутствую", "вне офиса", "в отпуске", "отпуск", "автоматична відповідь", "автовідповідь",
    "автоматичне повідомлення", "поза офісом", "у відпустці",
    "odpowiedź automatyczna", "automatyczna odpowiedź", "autoodpowiedź", "autoresponder", "nieobecność", "nieobecny",
    "nieobecna", "poza biurem", "na urlopie", "wiadomość automatyczna", "automatická odpověď", "automatická odpoveď",
    "automaticka odpoved", "mimo kancelář", "mimo kanceláriu", "nepřítomnost", "neprítomnosť", "dovolená",
    "autosvar", "automatiskt svar", "automatiskt meddelande", "frånvaro", "frånvarande", "frånvaromeddelande",
    "ej på kontoret", "inte på kontoret", "automatisk svar", "automatisk besvarelse", "automatisk melding", "fravær",
    "fraværende", "fraværsbesked", "ikke til stede", "ikke på kontoret", "fraværsmelding", "på ferie", "på semester",
    "automaattinen vastaus", "automaattivastaus", "poissaoloilmoitus", "poissa", "poissaolo", "poissa toimistolta", "lomalla",
    "otomatik yanıt", "otomatik cevap", "otomatik mesaj", "ofis dışında", "ofis dışı", "işyeri dışında", "izinde",
    "izindeyim", "trả lời tự động", "thư trả lời tự động", "vắng mặt", "tự động trả lời", "phản hồi tự động",
    "automatikus válasz", "automatikus üzenet", "házon kívül", "távollét", "szabadságon", "irodán kívül", "răspuns automat",
    "raspuns automat", "în afara biroului", "absent din birou", "αυτόματη απάντηση", "εκτός γραφείου", "απουσία",
    "автоматичен отговор", "извън офиса", "automatski odgovor", "samodejni odgovor", "izvan ureda", "отсутствие",
    "automaatvastus", "automātiskā atbilde", "automatinis atsakymas",
    "balasan otomatis", "jawaban otomatis", "di luar kantor", "balas otomatis", "ตอบกลับอัตโนมัติ", "การตอบกลับอัตโนมัติ",
    "ไม่อยู่ที่สำนักงาน", "رد تلقائي", "الرد التلقائي", "خارج المكتب", "תשובה אוטומטית", "מענה אוטומטי", "מחוץ למשרד",
    "स्वचालित उत्तर", "پاسخ خودکار", "부재중 자동응답", "balasan automatik", "automātiska atbilde", "automaatne vastus",
    "resposta automàtica", "erantzun automatikoa", "sjálfvirkt svar", "automatischer antwort", "auto respond",
    "vacation responder",
    "urlaubsbenachrichtigung", "urlaubsnotiz", "mensaje de ausencia", "afwezigheidsbericht", "buiten kantoor",
    "poissa toimistosta",
    "házon kívül üzenet", "нет на рабочем месте", "отсутствие на рабочем месте", "відсутність", "ofis dışındayım",
    "я в отпуске",
    "ich bin im urlaub", "estoy fuera de la oficina", "je suis absent", "sono in ferie", "estou de férias", "ik ben afwezig",
    "we have received your email", "auto notification", "automatisch verzonden", "empfangsbestätigung ihrer",
    "eingangsbestätigung ihrer", "eingangsbestätigung zu", "eingangsbestätigung für", "ihre anfrage ist eingegangen",
    "ihre anfrage ist bei uns eingegangen", "wir haben ihre nachricht erhalten", "wir haben ihre anfrage erhalten",
    "nous avons bien reçu votre message",
    "nous avons bien reçu votre demande", "nous avons bien reçu votre e-mail", "nous avons reçu votre message",
    "nous avons reçu votre demande", "hemos recibido su mensaje", "hemos recibido su solicitud", "hemos recibido tu mensaje",
    "hemos recibido tu solicitud", "recebemos sua mensagem", "recebemos sua solicitação",
    "recebemos o seu e-mail", "abbiamo ricevuto la tua richiesta", "abbiamo ricevuto la sua richiesta",
    "wij hebben uw bericht ontvangen", "we hebben uw bericht ontvangen", "thank you for contacting us",
    "thanks for contacting us", "we received your request", "we received your email",
    "we have received your request", "we have received your message", "お問い合わせありがとうございます",
    "お問い合わせいただきありがとうございます",
)  # fmt: skip
# These may be followed by words: nobody else begins a subject so.
AWAY_LOOSE = (
    "out of office autoreply",
    "out of office reply",
    "out of office auto",
    "auto-reply:",
    "autoreply:",
    "automatic reply:",
    "automatic reply from",
    "automatic response to",
    "auto response from",
    "auto-response from",
    "vacation reply from",
    "i am out of the office",
    "i'm out of the office",
    "i am out of office",
    "away from my mail",
    "auto respond",
    "autosvar",
    "abwesenheitsnotiz",
    "réponse automatique",
    "respuesta automática",
    "resposta automática",
    "risposta automatica",
    "[auto-reply]",
    "[autoreply]",
    "[自动回复]",
    "【自动回复】",
    "自动回复:",
    "自动回复：",
    "ooo re:",
    "ooo: re:",
)
# A subject may end so.
AWAY_ENDS = (
    "[auto-reply]",
    "[auto reply]",
    "[autoreply]",
    "(auto-reply)",
    "(auto reply)",
    "(autoreply)",
    "(automatic reply)",
    "[automatic reply]",
    "[automatic response]",
    "(automatische antwort)",
    "(réponse automatique)",
    "(respuesta automática)",
    "(autosvar)",
    "[自动回复]",
    "【自动回复】",
    "（自动回复）",
    "(自动回复)",
    "(自動返信)",
    "（自動返信）",
    "【自動返信】",
)
# After the sender's own name in the subject, as Notes writes it in each language.
IS_AWAY = (
    "is out of the office", "is away from the office", "is on vacation", "ist außer haus", "ist nicht im büro", "ist im urlaub",
    "ist abwesend", "est absent", "est absente", "n'est pas au bureau", "está fuera de la oficina", "está ausente",
    "está fora do escritório", "è fuori ufficio", "è fuori sede", "è assente", "is niet op kantoor", "is afwezig",
    "är inte på kontoret", "er ikke på kontoret", "er ikke til stede", "on poissa", "jest poza biurem", "jest nieobecn",
    "je mimo kancelář", "нет на рабочем месте", "отсутствует", "不在办公室", "は不在です", "は外出中です", "부재중입니다",
    "ofis dışında",
)  # fmt: skip
# Words after an absence that tell how long it lasts.
UNTIL = (
    "until", "till", "til ", "from", "re:", "bis", "vom", "ab ", "jusqu", "hasta", "até", "fino", "dal", "tot", "до", "с ",
    "do ", "od ", "t.o.m", "returning", "back ", "through",
)  # fmt: skip

# How an absence note begins; counts only together with another sign that no person sent it.
AWAY_TEXT = (
    "out of the office", "out of office", "on vacation", "on leave", "on holiday", "annual leave", "away from",
    "not in the office", "limited access to email", "limited access to my email", "nicht im büro", "nicht im haus",
    "außer haus", "abwesend", "im urlaub", "absent", "en congé", "en vacances", "fuera de la oficina", "de vacaciones",
    "fora do escritório", "de férias", "fuori sede", "in ferie", "afwezig", "niet op kantoor",
    "не на рабочем месте", "в отпуске", "отсутствую", "nieobecn", "urlopie", "休假", "不在办公室", "不在辦公室", "出差",
    "外出", "无法及时回复",
    "無法及時", "不在に", "休暇", "부재중", "휴가", "på semester", "ferie", "lomalla", "izinde", "nghỉ phép", "will respond",
    "will reply",
    "尽快回复", "尽快给您回复", "儘快回覆",
)  # fmt: skip

# A mail that asks its reader to prove that he is a person, before a mail of his is delivered.
CHALLENGES = (
    "confirm that you are a person", "confirm you are human", "prove you are human", "prove that you are human",
    "verify that you are human", "verify that you are a real person", "verify your message",
    "verify your email address to deliver", "to have your message delivered", "to deliver your message, please",
    "awaiting confirmation", "message is being held", "message has been held", "message has not been delivered until",
    "not been delivered yet because", "confirmation of your message", "simply reply to this message to confirm",
    "just reply to this",
    "add yourself to my allowed", "approved senders list", "my approved senders", "whitelist", "one-time verification",
    "click the link below to verify", "click on the link below to confirm that", "reply to this message to confirm",
    "challenge-response", "antispam uol", "spam arrest", "spamarrest", "boxbe", "tmda", "需要您的验证", "验证您的发件人身份",
)  # fmt: skip
CHALLENGE_FIELDS = (
    "x-tmda", "x-spamarrest-noauth", "x-cr-hashedpuzzle-request", "x-boxbe-challenge", "x-choicemail", "x-bluebottle-request",
    "x-antispam-challenge",
)  # fmt: skip

READ_SUBJECTS = (
    "read:", "read receipt", "not read:", "return receipt", "已读:", "已读：", "已读回执", "阅读回执", "未读:", "未读：",
    "已讀:", "已讀：", "讀取回條",
    "讀取:", "讀取：", "未讀:", "開封済み:", "開封済み：", "開封確認", "未開封:", "읽음:", "읽음 확인", "읽지 않음:",
    "gelesen:", "ungelesen gelöscht:",
    "lesebestätigung", "lu:", "lu :", "non lu:", "non lu :", "accusé de lecture", "leído:", "leido:", "no leído:",
    "confirmación de lectura", "lida:", "lido:", "não lida:", "confirmação de leitura", "letto:", "letta:",
    "conferma di lettura", "non letto:",
    "gelezen:", "leesbevestiging", "ongelezen verwijderd:", "прочитано:", "прочтено:", "не прочитано:", "отчет о прочтении",
    "przeczytano:", "przeczytane:", "přečteno:", "prečítané:", "läst:", "läskvitto", "læst:", "lest:", "luettu:", "okundu:",
    "đã đọc:", "elolvasva:", "citit:", "αναγνώστηκε:", "διαβάστηκε:",
)  # fmt: skip
READ_TEXT = (
    "was read on", "was displayed on", "was deleted without being read", "has been read", "this is a receipt for the mail",
    "return receipt displays", "has been displayed on the recipient", "no guarantee that the message has been read", "已于",
    "被阅读", "已被阅读", "已读", "讀取時間", "已讀取", "已於", "開封されました", "開封日時", "읽었습니다", "wurde gelesen",
    "gelesen am", "wurde am",
    "a été lu", "se leyó", "fue leído", "ha sido leído", "foi lida", "foi lido", "è stato letto", "werd gelezen",
    "is gelezen", "было прочитано", "прочитано", "została przeczytana", "byla přečtena", "lästes", "blev læst", "ble lest",
    "luettiin", "okundu", "đã được đọc",
)  # fmt: skip

DAEMONS = (
    "mailer-daemon", "mailer_daemon", "mailerdaemon", "mailer.daemon", "mailer-deamon", "mail-daemon", "mail.daemon",
    "maildaemon", "mdaemon", "microsoftexchange", "mail.delivery.system", "mail-delivery-system", "maildeliverysystem",
    "mail-delivery", "postmaster-bounce", "bounce-notification",
)  # fmt: skip
DAEMON_NAMES = (
    "mail delivery sub", "mail delivery sys", "mail deliver system", "mail delivery service", "mailer-daemon",
    "mailer daemon", "mail daemon", "internet mail delivery", "mail delivery", "delivery subsystem", "delivery status",
    "content-filter at", "interscan", "messagelabs", "microsoft outlook", "邮件投递系统", "邮件系统管理员", "系统退信",
    "メール配信", "메일 시스템",
)  # fmt: skip
# Mail systems whose mail may be a person's: only with nothing that shows one.
POSTS = ("postmaster", "post_master", "post-master", "majordomo", "listserv", "listproc", "mailman")

ROBOTS = frozenset((
    "noreply", "no-reply", "no_reply", "no.reply", "donotreply", "do-not-reply", "do_not_reply", "do.not.reply", "dontreply",
    "dont-reply", "nicht-antworten", "keine-antwort", "nepasrepondre", "ne-pas-repondre", "ne_pas_repondre", "no-responder",
    "noresponder", "nao-responda", "naoresponda", "nao-responder", "non-rispondere", "nonrispondere", "noresponse",
    "no-response", "unattended", "do-not-respond", "donotrespond",
    "cron", "nagios", "zabbix", "monit", "icinga", "icinga2", "naemon", "alertmanager", "grafana", "prometheus", "daemon",
    "notifications", "notification", "notify", "notifier", "auto-confirm", "autoconfirm", "auto-notification", "autonotify",
    "bounce", "bounces", "mailer", "autoreply", "auto-reply", "autoresponder", "auto-responder", "robot", "mailbot",
    "automailer", "auto-mailer", "system-notification", "sysnotify", "alerts-noreply",
))  # fmt: skip
# In a local part, without its dots, dashes and underscores.
NO_REPLY = (
    "noreply", "donotreply", "dontreply", "noreplay", "norepley", "nichtantworten", "nepasrepondre", "noresponder", "norespond",
    "naoresponda", "naoresponder", "nonrispondere", "nietbeantwoorden", "nietantwoorden", "svarej", "ikkesvar", "svarikke",
    "nieodpowiada", "neodpovidat", "neodpovidejte", "eivastaa", "nevalaszolj", "yanitlama", "cevaplama", "nuraspunde",
    "unmonitored",
)  # fmt: skip
# Accounts of machines with which people write too.
MACHINE_ACCOUNTS = frozenset((
    "root", "www-data", "apache", "nobody", "nginx", "httpd", "httpd-user", "wwwrun", "www", "oracle", "postgres", "mysql",
    "backup", "alert", "alerts", "system", "monitoring", "monitor", "logwatch", "fail2ban", "scanner", "printer", "copier",
    "fax", "ups", "nas", "server",
))  # fmt: skip

AUTO_REPLY_FIELDS = (
    "x-autoreply", "x-autorespond", "x-autoresponse", "x-autoreply-from", "x-mail-autoreply", "x-autoreply-domain",
    "x-auto-reply", "x-auto-respond", "x-autoresponder", "x-qq-autoreply", "x-vacation", "x-ooo-message", "x-autoreply-to",
    "x-sieve-redirected-from-vacation", "x-out-of-office", "x-zimbra-autoreply", "x-novell-autoreply", "x-coremail-autoreply",
    "x-autoreply-on",
)  # fmt: skip
MACHINE_FIELDS = (
    "x-autogenerated", "x-auto-generated", "x-fc-machinegenerated", "x-cron-env", "x-amazon-mail-relay-type", "x-loop",
    "x-nagios-notification", "x-bugzilla-reason", "x-bugzilla-type", "x-jenkins-job", "x-jira-fingerprint",
    "x-launchpad-notification-type", "x-phabricator-sent-this-message", "x-gitlab-project", "x-github-reason",
    "x-machine-generated", "x-notification-type", "x-facebook-notify", "x-linkedin-class", "x-linkedin-template",
    "x-github-event", "x-gitlab-pipeline-id", "x-otrs-loop", "x-zammad-loop", "x-sentry-project", "x-pagerduty-event",
)  # fmt: skip
LIST_FIELDS = (
    "list-id", "list-post", "list-help", "list-unsubscribe", "list-archive", "list-owner", "mailing-list", "x-mailing-list",
    "x-beenthere", "x-mailman-version", "x-ml-name", "x-mlserver", "x-list-id", "x-listname", "x-egroups-return",
    "x-campaign", "x-campaignid", "x-mc-user", "x-phplist-version", "x-csa-complaints", "x-mailing-list-name", "x-mailman-id",
)  # fmt: skip
AUTO_IDS = (
    "<dovecot-sieve-", "<cmu-sieve-", "<cmu-vacation-", "<autoreply", "<auto-reply", "<vacation", "<autoresponse",
    "<auto_reply", "<oof-",
)  # fmt: skip
AUTO_MAILERS = (
    "vacation", "autorespon", "autoreply", "auto-reply", "auto reply", "autoanswer", "out of office", "mail auto", "自动回复",
)  # fmt: skip
CLIENTS = (
    "outlook", "foxmail", "thunderbird", "mozilla", "seamonkey", "apple mail", "iphone mail", "ipad mail", "qqmail", "mutt",
    "coremail", "evolution", "k-9", "kmail", "claws", "sylpheed", "the bat", "netease", "mailmaster", "spark", "roundcube",
    "zimbra", "lotus notes", "mailbird", "aliyun", "wemail", "gnus", "pine", "alpine", "eudora", "squirrelmail", "horde",
    "webmail", "becky", "mew ", "wanderlust", "emacs", "elm [", "yahoomail", "opera", "postbox", "mail.app", "entourage",
    "groupwise", "exmh", "sup", "notmuch", "aerc", "neomutt", "geary", "turnpike", "pegasus", "vm ", "mh-e", "nmh",
    "snappymail", "rainloop", "protonmail", "airmail", "trojita", "rmail", "calypso", "forte agent",
)  # fmt: skip

# How a person asks who writes about a bounce.
HELP = (
    "谢谢",
    "麻烦",
    "帮忙",
    "？",
    "吗",
    "謝謝",
    "麻煩",
    "please help",
    "can you",
    "could you",
    "can i do",
    "thanks",
    "hello,",
    "hi,",
)
# Words of a person who asks, in mail whose subject is that of an alarm.
ASKS = ("你好", "您好", "请", "帮", "麻烦", "谢谢", "吗", "？", "?", "請", "幫", "謝謝")
# Beginnings of subjects of machines that watch other machines.
WATCHERS = (
    "cron <", "anacron job '", "logwatch for ", "** problem", "** recovery", "*** problem", "*** recovery",
    "** flappingstart", "** acknowledgement service", "[firing:", "[fail2ban]", "monit alert --", "report domain:",
    "tripwire integrity check", "smart error (", "smartd:", "apticron:",
    "unattended-upgrades result for", "output from your job", "degradedarray event",
    "dmarc aggregate report", "告警通知", "【告警", "[告警", "报警通知", "【报警", "[报警", "监控报警", "【监控告警",
    "云监控告警",
)  # fmt: skip

FORWARD_MARKS = (
    "fw",
    "wg:",
    "tr:",
    "rv:",
    "vs:",
    "vl:",
    "vb:",
    "pd:",
    "doorst:",
    "enc:",
    "i:",
    "ilt:",
    "转发",
    "轉寄",
    "轉發",
    "転送",
    "전달",
    "пер:",
    "chuyển tiếp",
    "předat:",
)
REPLY_MARKS = (
    "re:", "re：", "fw:", "fwd:", "fw：", "fwd：", "aw:", "wg:", "tr:", "rv:", "sv:", "vs:", "vl:", "vb:", "odp:", "pd:",
    "antw:", "doorst:", "enc:", "res:", "rif:", "r:", "i:", "ynt:", "ilt:", "hel:", "回复:", "回复：", "答复:", "答复：",
    "转发:", "转发：",
    "回覆:", "回覆：", "答覆:", "答覆：", "轉寄:", "轉寄：", "轉發:", "轉發：", "re[", "返信:", "返信：", "転送:", "転送：",
    "회신:", "전달:", "отв:", "пер:",
    "ответ:", "на:", "trả lời:", "chuyển tiếp:", "odpověď:", "předat:",
)  # fmt: skip
