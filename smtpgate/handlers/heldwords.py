"""What agents are told of forged mail and of what they decided, in each language. {…} are filled with str.format."""

from __future__ import annotations

ALERTED = {
    "en": {
        "title": "Somebody writes in an agent's name",
        "what": "A mail that claims to be from {name} failed the check of its sender. It is held; nothing of it was done.",
        "client": "It came from {peer}, which calls itself {helo}; envelope sender {sender}.",
        "found": "What the check found:",
        "if-yours": "If you did not write it, tell your mail admin; nothing else is needed. If you did, it was not signed as your"
        " domain asks; the admin sees it with: smtpgate hold show {id}",
        "if-theirs": "{name} is told too. Decide with: smtpgate hold show {id}, then hold release or hold drop. Within the"
        " next hour there is no further alert about this name.",
    },
    "zh": {
        "title": "有人冒用客服的名义写信",
        "what": "一封自称来自 {name} 的邮件未通过发件人验证。邮件已暂扣，未执行任何操作。",
        "client": "来自 {peer}，自称 {helo}；信封发件人 {sender}。",
        "found": "验证结果：",
        "if-yours": "如果不是您写的，请告知邮件管理员，此外无需处理。如果是您写的，说明邮件没有按您的域名要求签名；"
        "管理员可用以下命令查看：smtpgate hold show {id}",
        "if-theirs": "也已通知 {name}。请用 smtpgate hold show {id} 查看，再用 hold release 或 hold drop 决定。"
        "一小时内不再就此名义发警报。",
    },
    "zh-Hant": {
        "title": "有人冒用客服人員的名義寫信",
        "what": "一封自稱來自 {name} 的郵件未通過寄件人驗證。郵件已暫扣，未執行任何操作。",
        "client": "來自 {peer}，自稱 {helo}；信封寄件人 {sender}。",
        "found": "驗證結果：",
        "if-yours": "如果不是您寫的，請告知郵件管理員，此外不必處理。如果是您寫的，表示郵件沒有按您的網域要求簽章；"
        "管理員可用以下指令查看：smtpgate hold show {id}",
        "if-theirs": "也已通知 {name}。請用 smtpgate hold show {id} 查看，再用 hold release 或 hold drop 決定。"
        "一小時內不再就此名義發出警報。",
    },
}
DECIDED = {
    "en": {
        "release": "The mail of {who} is released and is filed now as if its sender had been proved: {subject}",
        "discard": "The mail of {who} is dropped; nobody is told: {subject}",
        "gone": "It is held no more: somebody has decided about it already.",
        "how": "Write #release or #discard.",
    },
    "zh": {
        "release": "{who} 的邮件已放行，现在按发件人已证实处理：{subject}",
        "discard": "{who} 的邮件已丢弃，不通知任何人：{subject}",
        "gone": "这封邮件已不在暂扣中：已有人作出决定。",
        "how": "请写 #放行 或 #丢弃。",
    },
    "zh-Hant": {
        "release": "{who} 的郵件已放行，現在按寄件人已證實處理：{subject}",
        "discard": "{who} 的郵件已丟棄，不通知任何人：{subject}",
        "gone": "這封郵件已不在暫扣中：已有人做出決定。",
        "how": "請寫 #放行 或 #丟棄。",
    },
}
