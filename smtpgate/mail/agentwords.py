"""The words of our mail to agents, in both languages. Pure data."""

from __future__ import annotations

from smtpgate.model import EntryKind, Evidence, Priority, Status

EVIDENCE: dict[str, dict[Evidence, str]] = {
    "en": {
        Evidence.TRUSTED: "sent from a trusted network",
        Evidence.DMARC_DKIM: "sender proved by the domain's signature",
        Evidence.DMARC_SPF: "sender proved by the sending server only (weak)",
        Evidence.DOMAIN: "the domain vouches weakly for the sender",
        Evidence.NONE: "sender NOT proved: anybody could have written this",
        Evidence.TEMPERROR: "sender not checked: DNS did not answer",
        Evidence.FAIL: "sender FORGED, most likely: the domain's check failed",
        Evidence.IMPORTED: "imported history, sender not checked",
        Evidence.AMBIGUOUS: "sender unclear: the mail does not name exactly one",
    },
    "zh": {
        Evidence.TRUSTED: "来自受信任的网络",
        Evidence.DMARC_DKIM: "发件人已由其域名签名证实",
        Evidence.DMARC_SPF: "发件人仅由发信服务器证实（较弱）",
        Evidence.DOMAIN: "发件人仅得到其域名的较弱证实",
        Evidence.NONE: "发件人【未】证实：任何人都可能写这封信",
        Evidence.TEMPERROR: "发件人未核实：DNS 没有应答",
        Evidence.FAIL: "发件人很可能是【伪造】的：域名验证失败",
        Evidence.IMPORTED: "导入的历史邮件，未核实发件人",
        Evidence.AMBIGUOUS: "发件人不明：邮件没有写明唯一的发件人",
    },
}
STATUS: dict[str, dict[Status, str]] = {
    "en": {
        Status.RECEIVED: "received",
        Status.PROGRESS: "in progress",
        Status.WAITING: "waiting for the customer",
        Status.RESOLVED: "resolved",
        Status.CLOSED: "closed",
    },
    "zh": {
        Status.RECEIVED: "已接收",
        Status.PROGRESS: "处理中",
        Status.WAITING: "等待客户回复",
        Status.RESOLVED: "已解决",
        Status.CLOSED: "已关闭",
    },
}
PRIORITY: dict[str, dict[Priority, str]] = {
    "en": {Priority.LOW: "low", Priority.NORMAL: "normal", Priority.HIGH: "high", Priority.URGENT: "urgent"},
    "zh": {Priority.LOW: "低", Priority.NORMAL: "普通", Priority.HIGH: "高", Priority.URGENT: "紧急"},
}
SAID: dict[str, dict[EntryKind, str]] = {
    "en": {
        EntryKind.CUSTOMER: "customer",
        EntryKind.THIRD_PARTY: "somebody else",
        EntryKind.REPEAT: "the same mail again",
        EntryKind.MACHINE: "automatic mail",
        EntryKind.REPLY: "our answer",
        EntryKind.STATUS: "our notice",
        EntryKind.NOTE: "note, inside only",
        EntryKind.EVENT: "event",
    },
    "zh": {
        EntryKind.CUSTOMER: "客户",
        EntryKind.THIRD_PARTY: "其他人",
        EntryKind.REPEAT: "重复来信",
        EntryKind.MACHINE: "自动邮件",
        EntryKind.REPLY: "我们的答复",
        EntryKind.STATUS: "我们的通知",
        EntryKind.NOTE: "内部备注",
        EntryKind.EVENT: "事件",
    },
}
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "new": "New ticket",
        "answer": "The customer answered",
        "reopened": "The customer answered: open again",
        "third-party": "Somebody else wrote about it",
        "note": "A note from a colleague",
        "assigned": "It is yours now",
        "shown": "The ticket",
        "lost": "Our answer did NOT arrive",
        "from": "From",
        "status": "State",
        "priority": "Priority",
        "assignee": "Assigned to",
        "nobody": "nobody",
        "tags": "Tags",
        "files": "Files",
        "others": "Other tickets of this person",
        "marks": "Note",
        "take": "Take it",
        "resolve": "Resolved",
        "wait": "Waiting",
        "close": "Close",
        "add-note": "Write a note",
        "help": "All commands",
    },
    "zh": {
        "new": "新工单",
        "answer": "客户有新的回复",
        "reopened": "客户有新的回复：工单已重新打开",
        "third-party": "有其他人来信",
        "note": "同事的内部备注",
        "assigned": "这张工单现在由您负责",
        "shown": "工单内容",
        "lost": "我们的答复【没有】送达",
        "from": "发件人",
        "status": "状态",
        "priority": "优先级",
        "assignee": "负责人",
        "nobody": "无人",
        "tags": "标签",
        "files": "附件",
        "others": "此人的其他工单",
        "marks": "提示",
        "take": "我来处理",
        "resolve": "已解决",
        "wait": "等待客户",
        "close": "关闭",
        "add-note": "写内部备注",
        "help": "全部命令",
    },
}
