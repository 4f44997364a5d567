"""Notices of failure in the shapes of many mail systems. Written for these tests; the names in them are made up.

{to}: who failed; {us}: the sender; {id}: Message-ID of the mail that came back. Each has a From, a subject and a text;
`report` adds a message/delivery-status part, `original` a returned header after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from smtpgate.model import BounceReason


@dataclass(frozen=True, slots=True)
class Bounce:
    name: str
    sender: str
    subject: str
    text: str
    reason: BounceReason
    action: str = "failed"
    report: str = ""
    null: bool = True
    headers: str = ""


R = BounceReason
COPY = """Return-Path: <{us}>
Received: from desk.help.example (desk.help.example [192.0.2.1])
	by mx.far.example with ESMTP id 4bF1; Fri, 2 Jan 2026 15:04:05 +0800
Message-ID: {id}
From: Help <{us}>
To: {to}
Subject: [20260102-EML-0001] Your request

Dear customer,
please write to sales@help.example or to third@else.example."""
DSN = """Reporting-MTA: dns; mx.far.example
Arrival-Date: Fri, 2 Jan 2026 15:04:05 +0800

Final-Recipient: rfc822; {to}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}
"""


def dsn(status: str, said: str, action: str = "failed") -> str:
    return DSN.replace("{action}", action).replace("{status}", status).replace("{said}", said)


DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.far.example>"
BOUNCES = (
    Bounce("postfix", "MAILER-DAEMON@mx.far.example (Mail Delivery System)", "Undelivered Mail Returned to Sender",
        "This is the mail system at host mx.far.example.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or"
        " more recipients. It's attached below.\n\nFor further assistance, please send mail to postmaster.\n\n                   The mail system\n\n"
        "<{to}>: host mx1.far.example[192.0.2.9] said: 550 5.1.1\n    <{to}>: Recipient address rejected: User unknown (in reply to\n    RCPT TO command)",
        R.UNKNOWN, report=dsn("5.1.1", "550 5.1.1 <{to}>: Recipient address rejected: User unknown")),
    Bounce("postfix-as-text", DAEMON, "Undelivered Mail Returned to Sender",
        "This is the mail system at host mx.far.example.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n"
        "<{to}>: mail for far.example loops back to myself\n\n" + COPY, R.NETWORK),
    Bounce("postfix-delay", DAEMON, "Delayed Mail (still being retried)",
        "This is the mail system at host mx.far.example.\n\n####################################################################\n# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #\n"
        "####################################################################\n\nYour message could not be delivered for more than 4 hour(s).\nIt will be retried until it is 5 day(s) old.\n\n"
        "<{to}>: connect to mx1.far.example[192.0.2.9]:25: Connection timed out", R.NETWORK, action="delayed"),
    Bounce("qmail", "MAILER-DAEMON@far.example", "failure notice",
        "Hi. This is the qmail-send program at far.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        "<{to}>:\n192.0.2.9 does not like recipient.\nRemote host said: 550 sorry, no mailbox here by that name. (#5.7.17)\nGiving up on 192.0.2.9.\n\n--- Below this line is a copy of the message.\n\n" + COPY, R.UNKNOWN),
    Bounce("exim", "Mail Delivery System <Mailer-Daemon@mx.far.example>", "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        "  {to}\n    SMTP error from remote mail server after end of data:\n    host mx1.far.example [192.0.2.9]: 552 5.2.2 mailbox is full\n\n------ This is a copy of the message, including all the headers. ------\n\n" + COPY,
        R.FULL, headers="X-Failed-Recipients: {to}"),
    Bounce("exim-warning", "Mail Delivery System <Mailer-Daemon@mx.far.example>", "Warning: message 1abcDE-0001 delayed 24 hours",
        "This message was created automatically by mail delivery software.\nA message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue on mx.far.example.\n\n"
        "The address to which the message has not yet been delivered is:\n\n  {to}\n    host mx1.far.example [192.0.2.9]\n    Delay reason: Connection refused\n\nNo action is required on your part. Delivery attempts will continue for\nsome time.",
        R.NETWORK, action="delayed"),
    Bounce("sendmail", "Mail Delivery Subsystem <MAILER-DAEMON@far.example>", "Returned mail: see transcript for details",
        "The original message was received at Fri, 2 Jan 2026 15:04:05 +0800\nfrom desk.help.example [192.0.2.1]\n\n   ----- The following addresses had permanent fatal errors -----\n<{to}>\n    (reason: 550 5.1.1 <{to}>... User unknown)\n\n"
        "   ----- Transcript of session follows -----\n... while talking to mx1.far.example.:\n>>> DATA\n<<< 550 5.1.1 <{to}>... User unknown\n550 5.1.1 <{to}>... User unknown", R.UNKNOWN, report=dsn("5.1.1", "550 5.1.1 <{to}>... User unknown")),
    Bounce("sendmail-old", "Mail Delivery Subsystem <MAILER-DAEMON@far.example>", "Returned mail: Host unknown",
        "The original message was received at Fri, 2 Jan 2026 15:04:05 +0800\n\n   ----- The following addresses had delivery problems -----\n{to}  (unrecoverable error)\n\n   ----- Transcript of session follows -----\n"
        "550 {to}... Host unknown (Name server: far.example: host not found)\n\n   ----- Original message follows -----\n\n" + COPY, R.HOST),
    Bounce("courier", '"Courier mail server at far.example" <@>', "NOTICE: mail delivery status.",
        "This is a delivery status notification from far.example,\nrunning the Courier mail server, version 0.65.\n\nThe original message was received on Fri, 2 Jan 2026 15:04:05 +0800\n\n---------------------------------------------------------------------------\n\n"
        "                           UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<{to}>:\n    mx1.far.example [192.0.2.9]:\n>>> RCPT TO:<{to}>\n<<< 550 <{to}>: User unknown.\n\n---------------------------------------------------------------------------\n\n"
        "If your message was also sent to additional recipients, their delivery\nstatus is not included in this report.", R.UNKNOWN),
    Bounce("opensmtpd", "Mailer Daemon <MAILER-DAEMON@far.example>", "Delivery status notification: error",
        "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\n{to}: 550 5.7.1 Message blocked: listed at zen.spamhaus.org\n\n"
        "    Below is a copy of the original message:\n\n" + COPY, R.SPAM),
    Bounce("exchange-2003", "System Administrator <postmaster@far.example>", "Undeliverable: Your request",
        "Your message\n\n  To:      {to}\n  Subject: Your request\n  Sent:    Fri, 2 Jan 2026 15:04:05 +0800\n\ndid not reach the following recipient(s):\n\n{to} on Fri, 2 Jan 2026 15:04:05 +0800\n    The recipient name is not recognized\n"
        "\tThe MTS-ID of the original message is: c=us;a= ;p=far;l=MX01-260102\n    MSEXCH:IMS:FAR:HQ:MX01 0 (000C05A6) Unknown Recipient", R.UNKNOWN, null=False),
    Bounce("exchange-online", "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@far.example>", "Undeliverable: Your request",
        "Your message to {to} couldn't be delivered.\n\nkitty wasn't found at far.example.\n\nhelp\tOffice 365\tkitty\nAction Required\t\tRecipient\n\nUnknown To address\n\nHow to Fix It\nThe address may be misspelled or may not exist. Try one or more of the following:\n"
        "Contact the recipient (by phone, for example).\n\nMore Info for Email Admins\nStatus code: 550 5.1.10\n\nOriginal Message Details\nCreated Date:\t1/2/2026 7:04:05 AM\nSender Address:\t{us}\nRecipient Address:\t{to}\nSubject:\tYour request", R.UNKNOWN),
    Bounce("exchange-en", "postmaster@far.example", "Undeliverable: Your request",
        "Delivery has failed to these recipients or groups:\n\nKitty Cat ({to})<mailto:{to}>\nThe recipient's mailbox is full and can't accept messages now. Please try resending your message later, or contact the recipient directly.\n\n"
        "Diagnostic information for administrators:\n\nGenerating server: mx1.far.example\n\n{to}\nRemote Server returned '554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded'\n\nOriginal message headers:\n\n" + COPY, R.FULL),
    Bounce("exchange-zh", "Microsoft Outlook <postmaster@far.example>", "未送达: 您的工单",
        "未能传递到以下收件人或组:\n\n{to} ({to})\n找不到你输入的电子邮件地址。请检查收件人的电子邮件地址并尝试重新发送邮件。\n\n用于管理员的诊断信息:\n\n生成服务器: mx1.far.example\n\n{to}\nRemote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'\n\n原始邮件标题:\n\n" + COPY, R.UNKNOWN),
    Bounce("exchange-zh-tw", "postmaster@far.example", "無法傳遞: 您的工單", "無法傳遞至下列收件者或群組:\n\n{to}\n找不到您輸入的電子郵件地址。\n\n用於系統管理員的診斷資訊:\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\n原始郵件標頭:\n\n" + COPY, R.UNKNOWN),
    Bounce("exchange-de", "postmaster@far.example", "Unzustellbar: Ihre Anfrage", "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\n{to}\nDie eingegebene E-Mail-Adresse konnte nicht gefunden werden.\n\nDiagnoseinformationen für Administratoren:\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nUrsprüngliche Nachrichtenkopfzeilen:\n\n" + COPY, R.UNKNOWN),
    Bounce("exchange-fr", "postmaster@far.example", "Non remis : Votre demande", "Échec de la remise pour les destinataires ou groupes suivants :\n\n{to}\nL'adresse de messagerie que vous avez entrée est introuvable.\n\nInformations de diagnostic pour les administrateurs :\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nEn-têtes de message d'origine :\n\n" + COPY, R.UNKNOWN),
    Bounce("exchange-es", "postmaster@far.example", "No se puede entregar: Su consulta", "No se pudo entregar el mensaje a estos destinatarios o grupos:\n\n{to}\nNo se encontró la dirección de correo electrónico.\n\nInformación de diagnóstico para administradores:\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nEncabezados de mensajes originales:\n\n" + COPY, R.UNKNOWN),
    Bounce("exchange-it", "postmaster@far.example", "Non recapitabile: La sua richiesta", "Recapito non riuscito per i seguenti destinatari o gruppi:\n\n{to}\nL'indirizzo e-mail immesso non è stato trovato.\n\nInformazioni di diagnostica per gli amministratori:\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nIntestazioni originali del messaggio:\n\n" + COPY, R.UNKNOWN),
    Bounce("exchange-pt", "postmaster@far.example", "Não entregue: Seu pedido", "Falha na entrega a estes destinatários ou grupos:\n\n{to}\nO endereço de email que você digitou não foi encontrado.\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##", R.UNKNOWN),
    Bounce("exchange-nl", "postmaster@far.example", "Onbestelbaar: Uw vraag", "De bezorging is mislukt bij deze geadresseerden of groepen:\n\n{to}\nHet opgegeven e-mailadres kan niet worden gevonden.\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##", R.UNKNOWN),
    Bounce("exchange-ru", "postmaster@far.example", "Недоставленное: Ваш запрос", "Не удалось доставить следующим получателям или группам:\n\n{to}\nАдрес не найден.\n\nДиагностические сведения для администраторов:\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##", R.UNKNOWN),
    Bounce("exchange-pl", "postmaster@far.example", "Nie można dostarczyć: Zapytanie", "Nie można dostarczyć wiadomości do następujących adresatów lub grup:\n\n{to}\nNie znaleziono adresu e-mail.\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##", R.UNKNOWN),
    Bounce("exchange-ja", "postmaster@far.example", "配信不能: お問い合わせ", "次の受信者またはグループへの配信に失敗しました:\n\n{to}\n入力した電子メール アドレスが見つかりませんでした。\n\n管理者向けの診断情報:\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\n元のメッセージのヘッダー:\n\n" + COPY, R.UNKNOWN),
    Bounce("exchange-ko", "postmaster@far.example", "배달되지 않음: 문의", "다음 받는 사람 또는 그룹에게 배달하지 못했습니다:\n\n{to}\n입력한 전자 메일 주소를 찾을 수 없습니다.\n\n관리자용 진단 정보:\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##", R.UNKNOWN),
    Bounce("exchange-tr", "postmaster@far.example", "Teslim edilemedi: Talep", "Bu alıcılara veya gruplara teslim edilemedi:\n\n{to}\nGirdiğiniz e-posta adresi bulunamadı.\n\n{to}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##", R.UNKNOWN),
    Bounce("gmail", "Mail Delivery Subsystem <mailer-daemon@googlemail.com>", "Delivery Status Notification (Failure)",
        "** Address not found **\n\nYour message wasn't delivered to {to} because the address couldn't be found, or is unable to receive mail.\n\nLearn more here: https://support.google.com/mail/?p=NoSuchUser\n\nThe response was:\n\n550 5.1.1 The email account that you tried to reach does not exist.",
        R.UNKNOWN, headers="X-Failed-Recipients: {to}"),
    Bounce("gmail-zh", "Mail Delivery Subsystem <mailer-daemon@googlemail.com>", "Delivery Status Notification (Failure)", "** 找不到地址 **\n\n您的邮件未送达 {to}，因为系统找不到该地址，或者该地址无法接收邮件。\n\n响应如下：\n\n550 5.1.1 The email account that you tried to reach does not exist.", R.UNKNOWN),
    Bounce("gmail-old", "Mail Delivery Subsystem <mailer-daemon@googlemail.com>", "Delivery Status Notification (Failure)",
        "Delivery to the following recipient failed permanently:\n\n     {to}\n\nTechnical details of permanent failure:\nDNS Error: Domain name not found\n\n----- Original message -----\n\n" + COPY, R.HOST),
    Bounce("gmail-delay", "Mail Delivery Subsystem <mailer-daemon@googlemail.com>", "Delivery Status Notification (Delay)", "** Delivery incomplete **\n\nThere was a temporary problem delivering your message to {to}. Gmail will retry for 46 more hours. You'll be notified if the delivery fails permanently.\n\nThe response was:\n\nThe recipient server did not accept our requests to connect.", R.NETWORK, action="delayed"),
    Bounce("yahoo", "MAILER-DAEMON@yahoo.com", "Failure Notice", "Sorry, we were unable to deliver your message to the following address.\n\n<{to}>:\nRemote host said:\n554 delivery error: dd This user doesn't have a yahoo.com account ({to}) [0] - mta1.mail.yahoo.com [BODY]\n\n--- Below this line is a copy of the message.\n\n" + COPY, R.UNKNOWN),
    Bounce("outlook-com", "postmaster@outlook.com", "Undeliverable: Your request", "This is an automatically generated Delivery Status Notification.\n\nDelivery to the following recipients failed.\n\n       {to}", R.UNKNOWN, report=dsn("5.5.0", "550 Requested action not taken: mailbox unavailable")),
    Bounce("qq", "PostMaster <PostMaster@qq.com>", "来自qq.com的退信", "尊敬的用户：\n    您好！\n    很抱歉，您的邮件被退回来了……\n\n原邮件信息：\n时 间：2026-01-02 15:04:05\n主 题：您的工单\n收件人：{to}\n\n退信原因：\n收件人邮箱地址（{to}）不存在，邮件无法送达。\nhost mx3.qq.com said: 550 Mailbox not found.\n\n建议解决方案：\n请检查收件人地址。", R.UNKNOWN, null=False),
    Bounce("qq-full", "PostMaster@qq.com", "系统退信", "抱歉，您的邮件被退回来了……\n\n原邮件信息：\n主题：您的工单\n收件人：{to}\n\n退信原因：\n对方邮箱空间不足，容量已满。\n552 Mailbox full", R.FULL, null=False),
    Bounce("163", "Postmaster@163.com", "系统退信", "抱歉，您的邮件被退回来了……\n\n原邮件信息：\n时间：2026-01-02 15:04:05\n主题：您的工单\n收件人：{to}\n\n退信原因：\nSMTP error, RCPT TO: 550 User not found: {to}\n\n英文说明：550 User not found\n\n建议解决方案：\n温馨提示：请检查收件人地址是否正确。", R.UNKNOWN, null=False),
    Bounce("163-spam", "Postmaster@126.com", "系统退信", "抱歉，您的邮件被退回来了……\n\n收件人：{to}\n\n退信原因：\n对方服务器认为该邮件为垃圾邮件。\nDT:SPM 554", R.SPAM),
    Bounce("aliyun", "postmaster@aliyun.com", "邮件投递失败通知", "您好，您发送的邮件未能投递成功。\n\n邮件主题：您的工单\n收件人地址：{to}\n失败原因：550 Invalid User : {to}\n\n阿里邮箱", R.UNKNOWN),
    Bounce("exmail", "Postmaster@exmail.qq.com", "系统退信/The email is returned", "退信提示\n抱歉，您的邮件被退回来了……\nSorry, the email you sent has been returned.\n\n收件人（To）：{to}\n\n退信原因：\n收件人不存在。\n550 Mailbox not found", R.UNKNOWN, null=False),
    Bounce("sina", "MAILER-DAEMON@sina.com", "系统退信", "您的邮件无法送达以下收件人：\n\n    {to}\n\n退信原因：550 user unknown\n", R.UNKNOWN),
    Bounce("coremail", "postmaster@mail.edu.example", "邮件被退回/Mail returned", "您的邮件被退回：\n收信人地址 {to} 退信原因如下\nThe following recipient(s) could not be reached: {to}\nRCPT TO: 550 No such user", R.UNKNOWN),
    Bounce("ses", "MAILER-DAEMON@amazonses.com", "Delivery Status Notification (Failure)", "An error occurred while trying to deliver the mail to the following recipients:\n{to}", R.UNKNOWN, report=dsn("5.1.1", "550 5.1.1 user unknown")),
    Bounce("workmail", "MAILER-DAEMON@eu-west-1.amazonses.com", "Undeliverable: Your request", "The following message to <{to}> was undeliverable.\nThe reason for the problem:\n5.3.0 - Other mail system problem 554-'delivery error: policy violation'", R.POLICY),
    Bounce("domino", "Mail Router <MAILER-DAEMON@far.example>", "DELIVERY FAILURE: User kitty (kitty@far.example) not listed in Domino Directory", "Your message\n\n  Subject: Your request\n\nwas not delivered to:\n\n  {to}\n\nbecause:\n\n  User kitty ({to}) not listed in Domino Directory", R.UNKNOWN),
    Bounce("notes", "postmaster@far.example", "Undeliverable message", "------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\n{to}\n\n------- Returned Message --------\n" + COPY, R.UNKNOWN),
    Bounce("groupwise", "Mailer-Daemon@far.example", "Message status - undeliverable", "The message that you sent was undeliverable to the following:\n\t{to} (Recipient mailbox full)\n", R.FULL),
    Bounce("james", "postmaster@far.example", "[BOUNCE]", "This is the Apache James mail server on mx.far.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\nMessage details:\n  Subject: Your request\n  From: {us}\n  To: {to}\n\n{to}\n\nError message below:\n550 - Requested action not taken: no such user here", R.UNKNOWN),
    Bounce("mdaemon", "MDaemon@far.example", "Permanent Delivery Failure", "The following addresses had delivery problems:\n\n{to} - no such user here.\n\n: Message contains [1] file attachments", R.UNKNOWN),
    Bounce("imail", "Postmaster <postmaster@far.example>", "Undeliverable Mail", "Unknown user: {to}\n\n\nOriginal message follows.\n\n" + COPY, R.UNKNOWN, null=False, headers="X-Mailer: <SMTP32 v990729>"),
    Bounce("mailmarshal", "postmaster@far.example", 'Undeliverable Mail: "Your request"', "Your message:\n   From:    {us}\n   Subject: Your request\n\nCould not be delivered because of\n\n550 5.1.1 User unknown\n\nThe following recipients were affected: \n    {to}\n\nAdditional Information\n======================\nOriginal Sender:    <{us}>\n", R.UNKNOWN),
    Bounce("interscan", '"InterScan MSS" <postmaster@far.example>', "Mail could not be delivered", "****** Message from InterScan Messaging Security Suite ******\n\nSent <<< RCPT TO:<{to}>\nReceived >>> 550 5.1.1 <{to}>... user unknown\n\nUnable to deliver message to <{to}>.\n\n************************     End of message     **********************", R.UNKNOWN),
    Bounce("messagingserver", "Internet Mail Delivery <postmaster@far.example>", "Delivery Notification: Delivery has failed", "This report relates to a message you sent with the following header fields:\n\n  Message-id: {id}\n  Date: Fri, 02 Jan 2026 15:04:05 +0800\n  From: Help <{us}>\n  To: {to}\n  Subject: Your request\n\nYour message cannot be delivered to the following recipients:\n\n  Recipient address: {to}\n  Reason: Remote SMTP server has rejected address\n  Diagnostic code: smtp;550 5.1.1 <{to}>... User Unknown", R.UNKNOWN),
    Bounce("mailfoundry", "MAILER-DAEMON@far.example", "Message delivery has failed", "Unable to deliver message to: <{to}>\nDelivery failed for the following reason:\nServer mx1.far.example[192.0.2.9] failed with: 550 <{to}> No such user here", R.UNKNOWN),
    Bounce("barracuda", "postmaster@far.example", "**Message you sent blocked by our bulk email filter**", "Your message to: {to}\nwas blocked by our Spam Firewall. The email you sent with the following subject has NOT BEEN DELIVERED:\n\nSubject: Your request", R.SPAM),
    Bounce("ironport", "Mail Delivery System <MAILER-DAEMON@mx.far.example>", "Delivery Status Notification (Failure)", "The following message to <{to}> was undeliverable.\nThe reason for the problem:\n5.1.0 - Unknown address error 550-'<{to}>... User Unknown'", R.UNKNOWN),
    Bounce("mimecast", "MAILER-DAEMON@eu.mimecast.example", "[Postmaster] Email Delivery Failure", "Email Delivery Failure\n\nYour message was not delivered to: {to}\n\nThis is usually because the mailbox does not exist.\n550 Invalid Recipient", R.UNKNOWN),
    Bounce("mailru", "mailer-daemon@corp.mail.example", "Mail failure.", "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  {to}\n    user not found\n\n------ This is a copy of the message, including all the headers. ------\n" + COPY, R.UNKNOWN),
    Bounce("mailru-ru", "mailer-daemon@mail.example", "Письмо не доставлено: Ваш запрос", "Ваше письмо не доставлено получателю {to}.\n\nПричина: такого пользователя не существует.\n550 Message was not accepted -- invalid mailbox.", R.UNKNOWN),
    Bounce("yandex", "mailer-daemon@yandex.example", "Недоставленное сообщение", "Это письмо отправлено почтовым сервером yandex.example.\n\nК сожалению, мы вынуждены сообщить Вам о том, что Ваше письмо не может\nбыть доставлено одному или нескольким адресатам.\n\n<{to}>: host mx1.far.example[192.0.2.9] said: 550 5.7.1 Message rejected under suspicion of SPAM", R.SPAM),
    Bounce("gmx", "GMX Mailer Daemon <mailer-daemon@gmx.example>", "Mail delivery failed: returning message to sender", "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits recipients. This is a permanent error. The following address\nfailed:\n\n\"{to}\":\nSMTP error from remote server after RCPT command:\nhost: mx.far.example\n5.1.1 <{to}>... User unknown\n\n--- The header of the original message is following. ---\n\n" + COPY, R.UNKNOWN),
    Bounce("webde", "WEB.DE Mailer Daemon <mailer-daemon@web.example>", "Mail konnte nicht zugestellt werden", "Diese Nachricht wurde automatisch erstellt.\n\nIhre E-Mail konnte an folgende Empfänger nicht zugestellt werden:\n\n{to}\n\nGrund: Postfach voll\n552 5.2.2 over quota", R.FULL),
    Bounce("ezweb", "<Postmaster@ezweb.example>", "Mail System Error - Returned Mail", "<{to}>\n\nEach of the following recipients was rejected by a remote mail server.\n---------------------------------------------------\n" + COPY, R.POLICY),
    Bounce("docomo", "MAILER-DAEMON@docomo.example", "Undelivered Mail Returned to Sender", "次のあて先へのメッセージはエラーのため送信できませんでした。\n\n送信先メールアドレスが見つかりません。メールアドレスをご確認の上、再送信してください。\n\n<{to}>: 550 Unknown user", R.UNKNOWN),
    Bounce("mfilter", "POSTMASTER <postmaster@far.example>", "failure notice", "このメールは自動的に生成して送信しています。\n下記の理由によりこのメールは送信できませんでした。\n\n以下のメールアドレスへの送信に失敗しました。\n{to}\n\n-------server message\n550 unknown user <{to}>\n\n-------SMTP command\nDATA\n\n-------original message\n" + COPY, R.UNKNOWN),
    Bounce("naver", "MAILER-DAEMON@naver.example", "[메일 발송 실패] 문의 답변", "메일 발송이 실패하였습니다.\n\n받는 사람: {to}\n실패 사유: 존재하지 않는 사용자입니다. 550 5.1.1 User unknown", R.UNKNOWN),
    Bounce("daum", "mailer-daemon@daum.example", "반송: 문의 답변", "보내신 메일이 다음 수신자에게 전달되지 못했습니다.\n\n수신자: {to}\n사유: 수신자의 메일함 용량이 가득 찼습니다.", R.FULL),
    Bounce("zoho", "mailer-daemon@mail.zoho.example", "Undelivered Mail Returned to Sender", "This message was created automatically by mail delivery software.\n A message that you sent could not be delivered to one or more of its recipients. This is a permanent error. \n\n{to} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.=1 <{to}>: Recipient address rejected: User unknown\n\n"
        "Received:from mail.zoho.example by mx.zohomail.example\n", R.UNKNOWN),
    Bounce("amavis", '"Content-filter at mx.far.example" <postmaster@mx.far.example>', "Undeliverable mail, MTA-BLOCKED", "The message WAS NOT relayed to:\n<{to}>:\n   554 5.7.0 Reject, id=1234-01 - spam\n\nThis nondelivery report was generated by the program amavisd-new.", R.SPAM),
    Bounce("powermta", "MAILER-DAEMON@far.example", "Delivery report", "Hello, this is the mail server on far.example.\n\nI am sending you this message to inform you on the delivery status of a\nmessage you previously sent.  Immediately below you will find a list of\nthe affected recipients;  also attached is a Delivery Status Notification\n(DSN) report in standard format, as well as the headers of the original\nmessage.\n\n  <{to}>  delivery failed; will not continue trying\n",
        R.UNKNOWN, report=dsn("5.1.1", "550 5.1.1 unknown user")),
    Bounce("too-big", DAEMON, "Undelivered Mail Returned to Sender", "<{to}>: message size 33554432 exceeds size limit 10485760 of server mx1.far.example[192.0.2.9]\nYour message could not be delivered.", R.TOO_BIG),
    Bounce("expired", DAEMON, "Undelivered Mail Returned to Sender", "Your message could not be delivered to the following recipients:\n\n<{to}>: Message expired, delivery time expired after 5 days: 4.4.7", R.EXPIRED),
    Bounce("dsn-without-headers", DAEMON, "Delivery Status Notification (Failure)", "--=_boundary_0001\nContent-Type: text/plain\n\nYour mail could not be delivered.\n\n--=_boundary_0001\nContent-Type: message/delivery-status\n\n" + dsn("5.1.1", "550 no such user") + "\n--=_boundary_0001\nContent-Type: message/rfc822\n\n" + COPY, R.UNKNOWN),
    Bounce("vi", "mailer-daemon@far.example", "Thư không gửi được", "Không thể gửi thư của bạn tới người nhận sau:\n\nNgười nhận: {to}\n\n550 5.1.1 User unknown", R.UNKNOWN),
    Bounce("cs", "mailer-daemon@far.example", "Nedoručitelné: Dotaz", "Zprávu se nepodařilo doručit. Následujícímu příjemci nelze doručit:\n\n{to}\n550 5.1.1 User unknown", R.UNKNOWN),
    Bounce("sv", "postmaster@far.example", "Kan inte levereras: Fråga", "Meddelandet kunde inte levereras till följande mottagare:\n\n{to}\n550 5.1.1 User unknown", R.UNKNOWN),
    Bounce("uk", "mailer-daemon@far.example", "Не вдалося доставити: Запит", "Не вдалося доставити повідомлення отримувачу:\n\n{to}\n550 5.1.1 User unknown", R.UNKNOWN),
    Bounce("symantec", "Symantec_AntiVirus_for_SMTP_Gateways@far.example", "Delivery failure notification", "Your message with Subject: Your request\ncould not be delivered to the following recipients:\n\n{to}\n\nPlease do not resend your original message.\n\nDelivery attempts will continue to be made for 5  day(s).", R.OTHER, action="delayed", null=False),
)  # fmt: skip
