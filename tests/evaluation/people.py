"""Mail that people wrote and that looks a little like a machine's, and automatic answers in many languages. Made up."""

from __future__ import annotations

# (subject, text, header fields)
HUMANS = (
    ("Re: Undelivered Mail Returned to Sender", "Hello, I got this back when I wrote to you. What is wrong with your server?\n\n> <a@b.example>: host mx said: 550 5.1.1 User unknown", ""),
    ("Fwd: Delivery Status Notification (Failure)", "Can you please look into this?\n\n---------- Forwarded message ---------\nFrom: Mail Delivery Subsystem <mailer-daemon@googlemail.com>\n\nYour message wasn't delivered to a@b.example because the address couldn't be found.", ""),
    ("转发: 系统退信", "你好，发给你们的邮件被退回来了，帮忙看看什么原因\n\n发件人: PostMaster@qq.com\n收件人：a@b.example\n退信原因：550 Mailbox not found", ""),
    ("WG: Unzustellbar: Angebot", "Können Sie mir sagen, warum die Mail nicht ankommt?", ""),
    ("Undelivered parcel", "My parcel was returned to sender, please send it again.", ""),
    ("Delivery failed again", "The courier could not deliver my order twice. Please call me, my mail is kim@far.example", ""),
    ("邮件被退回怎么办", "我给客户发邮件总是被退回来，提示 550 mailbox not found，请帮忙处理，客户邮箱 li@far.example", ""),
    ("自动回复功能怎么设置", "你好，请问自动回复功能在哪里设置？", ""),
    ("自动回复不生效", "设置了自动回复，但是没有生效", ""),
    ("Automatic reply does not work", "I set up an automatic reply but customers do not get it.", ""),
    ("Out of office settings", "How do I set the out of office message in your webmail?", ""),
    ("Question about holidays", "Are you open on holidays? I will be on vacation until Monday, please write after that.", ""),
    ("Vacation policy", "Please send me the vacation policy.", ""),
    ("Re: your ticket", "I am out of the office until Monday, but could you please change the domain before that? Thanks", "In-Reply-To: <a@b>"),
    ("Abwesenheit im Mai", "Guten Tag, ich bin im Mai abwesend. Können Sie den Termin verschieben?", ""),
    ("Absences", "Bonjour, comment déclarer mes absences dans le logiciel ?", ""),
    ("Question", "Hi, our Exchange sets funny headers.", "X-Auto-Response-Suppress: All"),
    ("Re: Question", "Yes, that works for me.", "X-Auto-Response-Suppress: DR, OOF, AutoReply\nIn-Reply-To: <a@b>"),
    ("Mail system error", "Hello, since yesterday our mail system shows an error when I log in. Please help.", ""),
    ("Returned mail question", "Why is mail to my address kim@far.example returned?", ""),
    ("Monitoring", "Our Nagios says PROBLEM for your host, is something wrong?", "X-Mailer: Microsoft Outlook 16.0"),
    ("Read: the manual", "I did read the manual, it does not help.", ""),
    ("Mailbox full", "My mailbox is full and I cannot receive mail. Please increase my quota: kim@far.example", ""),
    ("failure", "The device shows a failure after start.", ""),
    ("失敗しました", "ログインに失敗しました。確認をお願いします。", ""),
    ("배송 문의", "제 주문이 아직 배송되지 않았습니다. 확인 부탁드립니다.", ""),
    ("Не доставлен заказ", "Здравствуйте, мой заказ не доставлен. Помогите, пожалуйста.", ""),
    ("Server", "The server is down since this morning.\n\nKim (system administrator)", "User-Agent: Mozilla Thunderbird\nFrom: Kim <root@far.example>"),
    ("DNS", "please look at our records", "User-Agent: Mutt/2.2\nFrom: postmaster <postmaster@far.example>"),
    ("Contact form: question", "Name: Kim\nMail: kim@far.example\nQuestion: when do you open?", "X-Mailer: PHPMailer 6.8"),
    ("Warning light", "A warning light is on. What does it mean?", ""),
    ("退信问题", "用户反馈给 a@b.example 发信退信，麻烦查一下日志", ""),
    ("Please do not reply to this email - question", "Customers get mails that say «do not reply». How do I change that text? Where is the template?", ""),
    ("出差安排", "我下周出差，请在周五之前处理。", ""),
    ("I'm away next week", "so please call my colleague instead about the order 4711.", ""),
    ("Problem: printer does not print", "Since yesterday it only blinks.", ""),
    ("Auto: Frage zur Versicherung", "Guten Tag, mein Auto hat einen Schaden.", ""),
    ("ZFS pool is slow", "Hello, our pool is slow since the update.", ""),
    ("[zabbix] agent", "How do I install the agent?", ""),
    ("Mails", "Your mails say please do not reply to this email, but where shall I write then?", ""),
    ("邮件", "我收到的邮件写着“本邮件由系统自动发送，请勿回复”，那我该怎么联系你们？", ""),
    ("【告警】example.com 磁盘满了", "你好，请帮忙看一下，监控一直告警", ""),
    ("Thank you for your email", "I will send the documents tomorrow.", ""),
    ("[alert] example.com is down", "We cannot reach it, can you?", ""),
    ("Undeliverable", "Hello, all my mail to kim@far.example is undeliverable. What can I do?", ""),
    ("Mail delivery failed: returning message to sender", "I get this message when I write to kim@far.example. Please help.", ""),
    ("Delivery report", "Please send me the delivery report for order 4711, my address is kim@far.example", ""),
    ("退信", "给客户 li@far.example 发的邮件退信了，麻烦看一下。", ""),
    ("退信原因", "收件人：li@far.example\n退信原因是什么？麻烦您查一下，谢谢", ""),
    ("Congés", "Je suis en congé la semaine prochaine, pouvez-vous livrer avant ?", ""),
)  # fmt: skip

# (language, subject of the automatic answer, its text)
AWAY = (
    ("en", "Automatic reply: {s}", "I am currently out of the office and will return on Monday."),
    ("en", "Out of Office AutoReply: {s}", "I am on leave."), ("en", "Out of Office Re: {s}", "Back on Monday."), ("en", "Auto-Reply: {s}", "Thank you for your mail."),
    ("en", "Out of the office: {s}", "I'll be back soon."), ("en", "Autoreply: {s}", "We got your mail."), ("en", "Out of office until 12 January", "I am away."), ("en", "[Auto-Reply] {s}", "We are closed."),
    ("zh", "自动回复: {s}", "您好，您的邮件我已收到。"), ("zh", "自动回复：{s}", "我正在休假中。"), ("zh", "自动答复: {s}", "我不在办公室。"), ("zh", "自动回复", "您好，来信已收到。"), ("zh", "【自动回复】{s}", "已收到"), ("zh-TW", "自動回覆: {s}", "我目前不在辦公室。"), ("zh-TW", "自動答覆：{s}", "休假中"), ("zh", "外出：{s}", "我外出了"),
    ("ja", "自動応答: {s}", "不在にしております。"), ("ja", "自動返信: {s}", "お問い合わせありがとうございます。"), ("ja", "不在通知：{s}", "休暇中です。"), ("ja", "【自動返信】{s}", "受け付けました。"), ("ko", "자동 회신: {s}", "휴가 중입니다."), ("ko", "부재중: {s}", "부재중입니다."), ("ko", "자동응답: {s}", "감사합니다."),
    ("de", "Automatische Antwort: {s}", "Ich bin nicht im Büro."), ("de", "Abwesenheitsnotiz: {s}", "Ich bin im Urlaub."), ("de", "Abwesend: {s}", "Ich bin abwesend."), ("fr", "Réponse automatique : {s}", "Je suis absent."), ("fr", "Absence du bureau : {s}", "Je suis en congé."), ("fr", "Absent: {s}", "De retour lundi."),
    ("es", "Respuesta automática: {s}", "Estoy fuera de la oficina."), ("es", "Fuera de la oficina: {s}", "De vacaciones."), ("pt", "Resposta automática: {s}", "Estou fora do escritório."), ("pt", "Ausência Temporária: {s}", "Em férias."), ("it", "Risposta automatica: {s}", "Sono fuori sede."), ("it", "Fuori ufficio: {s}", "In ferie."),
    ("nl", "Automatisch antwoord: {s}", "Ik ben afwezig."), ("nl", "Afwezig: {s}", "Met vakantie."), ("ru", "Автоматический ответ: {s}", "Я в отпуске."), ("ru", "Автоответ: {s}", "Меня нет на месте."), ("uk", "Автоматична відповідь: {s}", "Я у відпустці."), ("pl", "Odpowiedź automatyczna: {s}", "Jestem na urlopie."), ("pl", "Nieobecność: {s}", "Wracam w poniedziałek."),
    ("cs", "Automatická odpověď: {s}", "Jsem mimo kancelář."), ("sk", "Automatická odpoveď: {s}", "Som mimo."), ("sv", "Automatiskt svar: {s}", "Jag är på semester."), ("sv", "Autosvar: {s}", "Frånvarande."), ("da", "Automatisk svar: {s}", "Jeg er på ferie."), ("da", "Fravær: {s}", "Jeg er væk."), ("no", "Automatisk svar: {s}", "Jeg er ikke til stede."), ("fi", "Automaattinen vastaus: {s}", "Olen lomalla."), ("fi", "Poissa: {s}", "Poissa."),
    ("tr", "Otomatik Yanıt: {s}", "İzindeyim."), ("tr", "Ofis dışında: {s}", "Ofis dışındayım."), ("vi", "Trả lời tự động: {s}", "Tôi đang đi vắng."), ("hu", "Automatikus válasz: {s}", "Szabadságon vagyok."), ("ro", "Răspuns automat: {s}", "Sunt în concediu."), ("el", "Αυτόματη απάντηση: {s}", "Είμαι εκτός γραφείου."), ("id", "Balasan otomatis: {s}", "Saya sedang cuti."), ("th", "ตอบกลับอัตโนมัติ: {s}", "ไม่อยู่"), ("ar", "رد تلقائي: {s}", "أنا خارج المكتب."), ("he", "תשובה אוטומטית: {s}", "אני מחוץ למשרד."),
)  # fmt: skip
# Fields that tell of an automatic answer, whatever the subject says.
AUTOMATIC = (
    "Auto-Submitted: auto-replied", "Auto-Submitted: auto-replied (vacation)", "X-Autoreply: yes", "X-Autorespond: x", "Precedence: auto_reply", "X-Precedence: auto-reply", "X-QQ-AutoReply: 1", "X-Autogenerated: Reply", "X-FC-MachineGenerated: true", "X-Loop: desk@far.example", "Return-Path: <>", "Message-ID: <dovecot-sieve-17-41-0@far.example>", "X-Mailer: MDaemon autoresponder", "Delivered-To: autoresponder",
)  # fmt: skip
# Other mail that no person wrote, as (From, subject, text, fields).
MACHINES = (
    ("noreply@shop.example", "Your order 4711", "Thank you for your order.", ""), ("no-reply@bank.example", "验证码", "您的验证码是 123456", ""), ("root@host.example", "Cron <root@host> backup", "done", ""), ("nagios@host.example", "** PROBLEM Service Alert: web/HTTP is CRITICAL **", "...", ""), ("alerts@mon.example", "[FIRING:1] HostDown", "...", ""),
    ("news@shop.example", "Our offers", "Buy now", "List-Unsubscribe: <mailto:u@shop.example>"), ("news@shop.example", "Our offers", "Buy now", "Precedence: bulk"), ("kim@list.example", "[users] question", "How?", "List-Id: <users.list.example>"), ("jira@far.example", "[JIRA] updated", "x", "Auto-Submitted: auto-generated"), ("service@far.example", "【告警通知】磁盘空间不足", "主机 web1 磁盘使用率 95%", ""),
    ("system@erp.example", "订单审批提醒", "您有一个订单待审批。\n\n此邮件由系统自动发送，请勿回复。", ""), ("erp@erp.example", "Report", "This is an automatically generated message, please do not reply.\n\nReport attached.", ""), ("kim@far.example", "Read: Your ticket", "Your message\n\n   To: Help\n   Subject: Your ticket\n\nwas read on Friday, 2 January 2026 15:04:05.", ""), ("kim@far.example", "已读: 您的工单", "您的邮件\n\n   收件人: 客服\n   主题: 您的工单\n\n已于 2026年1月2日 15:04:05 阅读。已读", ""),
    ("kim@far.example", "Gelesen: Ihre Anfrage", "Ihre Nachricht\n\n  An: Hilfe\n\nwurde am Freitag, 2. Januar 2026 15:04:05 gelesen.", ""), ("feedback@isp.example", "FW: complaint", "This is an email abuse report.\n\nFeedback-Type: abuse\nUser-Agent: ISP/1.0\nVersion: 1", ""), ("kim@far.example", "Re: your mail [confirm]", "Your message has been held. To have your message delivered, just reply to this mail.", "Auto-Submitted: auto-replied"),
    ("kim@far.example", "Re: your mail", "This is an automated reply. We have received your mail and will answer soon.", "In-Reply-To: <a@b>"), ("kim@far.example", "Re: 工单", "这是一封自动回复邮件，您的来信已收到。", "In-Reply-To: <a@b>"), ("kim@qq.example", "Re: 您的工单", "这是来自QQ邮箱的假期自动回复邮件。\n\n您好，我最近正在休假中，无法亲自回复您的邮件。", ""),
)  # fmt: skip
