"""What a customer is told of how a ticket stands, in each language. Pure data. {when} is filled with str.format."""

from __future__ import annotations

from smtpgate.bulletin import Matter
from smtpgate.model import EntryKind, Status

STATE: dict[str, dict[Status, str]] = {
    "en": {
        Status.RECEIVED: "received",
        Status.PROGRESS: "in progress",
        Status.WAITING: "waiting for your answer",
        Status.RESOLVED: "resolved",
        Status.CLOSED: "closed",
    },
    "zh": {
        Status.RECEIVED: "已接收",
        Status.PROGRESS: "处理中",
        Status.WAITING: "等待您的回复",
        Status.RESOLVED: "已解决",
        Status.CLOSED: "已关闭",
    },
    "zh-Hant": {
        Status.RECEIVED: "已收件",
        Status.PROGRESS: "處理中",
        Status.WAITING: "等候您的回覆",
        Status.RESOLVED: "已解決",
        Status.CLOSED: "已結案",
    },
}
LAST: dict[str, dict[EntryKind, str]] = {
    "en": {
        EntryKind.CUSTOMER: "{when}: a message reached us",
        EntryKind.REPLY: "{when}: we answered",
        EntryKind.STATUS: "{when}: we wrote how it stands",
    },
    "zh": {
        EntryKind.CUSTOMER: "{when} 收到来信",
        EntryKind.REPLY: "{when} 我们做了答复",
        EntryKind.STATUS: "{when} 我们发出了进度通知",
    },
    "zh-Hant": {
        EntryKind.CUSTOMER: "{when} 收到來信",
        EntryKind.REPLY: "{when} 我們已回覆",
        EntryKind.STATUS: "{when} 我們寄出進度通知",
    },
}
NEXT: dict[str, dict[Status, str]] = {
    "en": {
        Status.RECEIVED: "One of us will read your message and answer you by e-mail.",
        Status.PROGRESS: "We are working on it and will write to you as soon as there is news.",
        Status.WAITING: "We cannot go on without your answer to our last message. Please reply to it.",
        Status.RESOLVED: "As far as we can see, it is solved. If it is not, a reply opens it again.",
        Status.CLOSED: "Nothing more is planned. A reply opens it again.",
    },
    "zh": {
        Status.RECEIVED: "我们的同事会尽快查看，并通过邮件回复您。",
        Status.PROGRESS: "我们正在处理，一有进展会马上邮件告知您。",
        Status.WAITING: "我们需要您答复上一封邮件后才能继续，请回复。",
        Status.RESOLVED: "我们认为问题已经解决。如果还没有，回复邮件即可重新打开。",
        Status.CLOSED: "暂无后续安排。回复邮件即可重新打开。",
    },
    "zh-Hant": {
        Status.RECEIVED: "我們的同仁會儘快查看，並以電子郵件回覆您。",
        Status.PROGRESS: "我們正在處理，一有進展就會以電子郵件通知您。",
        Status.WAITING: "我們需要您回覆上一封郵件，才能繼續處理。",
        Status.RESOLVED: "我們認為問題已經解決。如果還沒有，直接回覆郵件就會重新開啟。",
        Status.CLOSED: "目前沒有後續安排。直接回覆郵件就會重新開啟。",
    },
}
MATTER: dict[str, dict[Matter, str]] = {
    "en": {
        Matter.NOTICE: "A notice about your request",
        Matter.DELAY: "It takes longer than usual",
        Matter.MAINTENANCE: "Planned maintenance",
        Matter.OUTAGE: "A disruption that affects you",
        Matter.OVER: "The disruption is over",
    },
    "zh": {
        Matter.NOTICE: "有关您工单的通知",
        Matter.DELAY: "处理时间会比平常长",
        Matter.MAINTENANCE: "计划维护通知",
        Matter.OUTAGE: "服务故障通知",
        Matter.OVER: "服务已恢复正常",
    },
    "zh-Hant": {
        Matter.NOTICE: "關於您案件的通知",
        Matter.DELAY: "處理時間會比平常久",
        Matter.MAINTENANCE: "例行維護通知",
        Matter.OUTAGE: "服務異常通知",
        Matter.OVER: "服務已恢復正常",
    },
}
