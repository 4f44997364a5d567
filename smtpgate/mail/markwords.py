"""What stands beside a mail in a ticket (marks), what happened there (events) and the names of what was found, as agents read them.

In the store and at the command line they are a few English words, which programs can rely on. `{}` is what follows them: a number,
an address, a file. Pure; never fails: what is not known here stands as it is.
"""

from __future__ import annotations

from smtpgate.languages import colon
from smtpgate.mail.agentwords import STATUS
from smtpgate.mail.customerwords import Asked

MARKS: dict[str, dict[str, str]] = {
    "en": {
        "thanks": "says thanks",
        "automatic": "automatic mail",
        "weak": "sender weakly proved",
        "unverified": "sender not proved",
        "third-party": "from somebody who takes no part",
        "also to {}": "sent to desk {} as well",
        "claims #{}": "names #{}, in which its sender takes no part",
        "answers #{}": "answers a mail about #{}, in which its sender takes no part",
        "follows #{}": "follows #{}, which ended long ago",
        "forwarded by {}": "forwarded by {}",
        "written {}": "written {}",
        "program: {}": "PROGRAM: {}",
        "wrong label: {} is {}": "{} is not what it says: {}",
        "encrypted or signed: {}": "encrypted or signed: {}",
        Asked.STATUS: "asks how it is going",
        Asked.SOLVED: "says that it is solved",
        Asked.UNSOLVED: "says that it is not solved",
        Asked.ENGLISH: "wants English",
        Asked.SIMPLIFIED: "wants Simplified Chinese",
        Asked.TRADITIONAL: "wants Traditional Chinese",
        Asked.FEWER: "wants fewer notices",
        Asked.ALL: "wants all notices again",
        Asked.EXPORT: "wants a copy of the data",
        Asked.ERASE: "wants the data erased",
        Asked.CONFIRM: "confirms it",
        Asked.CANCEL: "calls it off",
    },
    "zh": {
        "thanks": "表示感谢",
        "automatic": "自动邮件",
        "weak": "发件人证实较弱",
        "unverified": "发件人未证实",
        "third-party": "来信人没有参与本工单",
        "also to {}": "同时发给服务台 {}",
        "claims #{}": "提到 #{}，但来信人没有参与该工单",
        "answers #{}": "回复了关于 #{} 的邮件，但来信人没有参与该工单",
        "follows #{}": "接续早已结束的 #{}",
        "forwarded by {}": "由 {} 转发",
        "written {}": "写于 {}",
        "program: {}": "【程序】{}",
        "wrong label: {} is {}": "{} 与标注不符，实为 {}",
        "encrypted or signed: {}": "加密或签名：{}",
        Asked.STATUS: "询问进度",
        Asked.SOLVED: "表示已解决",
        Asked.UNSOLVED: "表示未解决",
        Asked.ENGLISH: "希望用英文",
        Asked.SIMPLIFIED: "希望用简体中文",
        Asked.TRADITIONAL: "希望用繁体中文",
        Asked.FEWER: "希望少收通知",
        Asked.ALL: "希望恢复全部通知",
        Asked.EXPORT: "索取个人数据副本",
        Asked.ERASE: "要求删除个人数据",
        Asked.CONFIRM: "确认",
        Asked.CANCEL: "取消",
    },
    "zh-Hant": {
        "thanks": "表示感謝",
        "automatic": "自動郵件",
        "weak": "寄件人證實較弱",
        "unverified": "寄件人未證實",
        "third-party": "來信人沒有參與本工單",
        "also to {}": "同時寄給服務台 {}",
        "claims #{}": "提到 #{}，但來信人沒有參與該工單",
        "answers #{}": "回覆了關於 #{} 的郵件，但來信人沒有參與該工單",
        "follows #{}": "接續早已結束的 #{}",
        "forwarded by {}": "由 {} 轉寄",
        "written {}": "寫於 {}",
        "program: {}": "【程式】{}",
        "wrong label: {} is {}": "{} 與標示不符，實為 {}",
        "encrypted or signed: {}": "加密或簽章：{}",
        Asked.STATUS: "詢問進度",
        Asked.SOLVED: "表示已解決",
        Asked.UNSOLVED: "表示未解決",
        Asked.ENGLISH: "希望用英文",
        Asked.SIMPLIFIED: "希望用簡體中文",
        Asked.TRADITIONAL: "希望用繁體中文",
        Asked.FEWER: "希望少收通知",
        Asked.ALL: "希望恢復全部通知",
        Asked.EXPORT: "索取個人資料副本",
        Asked.ERASE: "要求刪除個人資料",
        Asked.CONFIRM: "確認",
        Asked.CANCEL: "取消",
    },
}
EVENTS: dict[str, dict[str, str]] = {
    "en": {
        "taken by {} from {}": "taken by {} from {}",
        "taken by {}": "taken by {}",
        "assigned to nobody": "given back to all",
        "assigned to {}": "given to {}",
        "priority {} -> {}": "priority: {} → {}",
        "tags: {}": "tags: {}",
        "language: {}": "language: {}",
        "moved from desk {} to {}": "moved from desk {} to {}",
        "snoozed until {}": "snoozed until {}",
        "snooze ended": "snooze ended",
        "copies of our answers: {}": "copies of our answers: {}",
        "customer: {} -> {}": "customer: {} → {}",
        "take part no longer: {}": "no longer take part: {}",
        "split off from {}": "split off from {}",
        "answer taken back before it left": "an answer was taken back before it left",
        "the customer says that it is solved": "the customer says that it is solved",
        "no answer for {} days": "no answer for {} days",
        "due by {}": "due by {}",
        "due date taken away": "due date taken away",
        "back from its snooze": "back from its snooze",
        "time worked: {}": "time worked: {}",
        "time worked taken back: {}": "time worked taken back: {}",
        "mail of {} split off: {}": "mail of {} split off: {}",
        "{} merged into this one": "{} merged into this one",
        "opened by {} in the name of {}": "opened by {} in the name of {}",
        "blocked at desk {}: {}": "blocked at desk {}: {}",
        "no longer blocked at desk {}: {}": "no longer blocked at desk {}: {}",
        "the customer wrote again long after it had ended: goes on in {}": "the customer wrote again long after: goes on in {}",
    },
    "zh": {
        "taken by {} from {}": "{} 接手（原由 {} 负责）",
        "taken by {}": "{} 接手",
        "assigned to nobody": "不再由任何人负责",
        "assigned to {}": "转交给 {}",
        "priority {} -> {}": "优先级：{} → {}",
        "tags: {}": "标签：{}",
        "language: {}": "语言：{}",
        "moved from desk {} to {}": "从服务台 {} 移交到 {}",
        "snoozed until {}": "暂缓至 {}",
        "snooze ended": "暂缓结束",
        "copies of our answers: {}": "答复抄送：{}",
        "customer: {} -> {}": "客户：{} → {}",
        "take part no longer: {}": "不再参与：{}",
        "split off from {}": "由 {} 拆出",
        "answer taken back before it left": "一封答复在发出前收回",
        "the customer says that it is solved": "客户表示已解决",
        "no answer for {} days": "{} 天没有回复",
        "due by {}": "期限：{}",
        "due date taken away": "取消了期限",
        "back from its snooze": "暂缓到期",
        "time worked: {}": "工时：{}",
        "time worked taken back: {}": "撤销工时：{}",
        "mail of {} split off: {}": "{} 的来信已拆出：{}",
        "{} merged into this one": "{} 已并入本工单",
        "opened by {} in the name of {}": "由 {} 以 {} 的名义开立",
        "blocked at desk {}: {}": "在服务台 {} 拉黑：{}",
        "no longer blocked at desk {}: {}": "在服务台 {} 取消拉黑：{}",
        "the customer wrote again long after it had ended: goes on in {}": "结束很久后客户再次来信，转到 {}",
    },
    "zh-Hant": {
        "taken by {} from {}": "{} 接手（原由 {} 負責）",
        "taken by {}": "{} 接手",
        "assigned to nobody": "不再由任何人負責",
        "assigned to {}": "轉交給 {}",
        "priority {} -> {}": "優先順序：{} → {}",
        "tags: {}": "標籤：{}",
        "language: {}": "語言：{}",
        "moved from desk {} to {}": "從服務台 {} 移交到 {}",
        "snoozed until {}": "暫緩至 {}",
        "snooze ended": "暫緩結束",
        "copies of our answers: {}": "答覆副本：{}",
        "customer: {} -> {}": "客戶：{} → {}",
        "take part no longer: {}": "不再參與：{}",
        "split off from {}": "由 {} 拆出",
        "answer taken back before it left": "一封答覆在寄出前收回",
        "the customer says that it is solved": "客戶表示已解決",
        "no answer for {} days": "{} 天沒有回覆",
        "due by {}": "期限：{}",
        "due date taken away": "取消了期限",
        "back from its snooze": "暫緩到期",
        "time worked: {}": "工時：{}",
        "time worked taken back: {}": "撤銷工時：{}",
        "mail of {} split off: {}": "{} 的來信已拆出：{}",
        "{} merged into this one": "{} 已併入本工單",
        "opened by {} in the name of {}": "由 {} 以 {} 的名義開立",
        "blocked at desk {}: {}": "在服務台 {} 封鎖：{}",
        "no longer blocked at desk {}: {}": "在服務台 {} 解除封鎖：{}",
        "the customer wrote again long after it had ended: goes on in {}": "結案很久後客戶再次來信，轉到 {}",
    },
}
# What the built-in patterns find (mail/topics); a pattern of the admin's has the name that he gave it.
FOUND: dict[str, dict[str, str]] = {
    "en": {
        "order": "Order",
        "shipment": "Shipment",
        "invoice": "Invoice",
        "rma": "RMA",
        "ticket": "Their ticket",
        "contract": "Contract",
        "customer": "Customer number",
        "serial": "Serial number",
        "product": "Product",
        "version": "Version",
        "error": "Error",
        "phone": "Phone",
        "domain": "Domain",
        "log": "Log",
        "type": "Kind",
        "description": "About",
    },
    "zh": {
        "order": "订单",
        "shipment": "运单",
        "invoice": "发票",
        "rma": "RMA",
        "ticket": "对方工单",
        "contract": "合同",
        "customer": "客户编号",
        "serial": "序列号",
        "product": "产品",
        "version": "版本",
        "error": "错误",
        "phone": "电话",
        "domain": "域名",
        "log": "日志",
        "type": "类型",
        "description": "描述",
    },
    "zh-Hant": {
        "order": "訂單",
        "shipment": "貨運單號",
        "invoice": "發票",
        "rma": "RMA",
        "ticket": "對方工單",
        "contract": "合約",
        "customer": "客戶編號",
        "serial": "序號",
        "product": "產品",
        "version": "版本",
        "error": "錯誤",
        "phone": "電話",
        "domain": "網域",
        "log": "記錄",
        "type": "類型",
        "description": "描述",
    },
}


def mark(text: str, language: str) -> str:
    return _said(text, MARKS[language])


def event(text: str, language: str) -> str:
    """A state that became another one is told in the words for states, with what was said of it behind."""
    change, _, more = text.partition(": ")
    old, arrow, new = change.partition(" -> ")
    states = {status.value: words for status, words in STATUS[language].items()}
    if arrow and old in states and new in states:
        return f"{states[old]} → {states[new]}" + (colon(language) + _said(more, EVENTS[language]) if more else "")
    return _said(text, EVENTS[language])


def _said(text: str, table: dict[str, str]) -> str:
    for form, said in table.items():
        before, *after = form.split("{}")
        if not after:
            if text == form:
                return said
        elif text.startswith(before) and after[0].strip():
            left, middle, right = text[len(before) :].rpartition(after[0])
            if middle and (len(after) > 1 or not right):  # nothing of it is left out
                return said.format(left, right)
        elif text.startswith(before):
            return said.format(text[len(before) :])
    return text


def found(name: str, language: str) -> str:
    return FOUND[language].get(name, name)
