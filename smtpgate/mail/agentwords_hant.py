"""The words of our mail to agents in Traditional Chinese, as it is written in Taiwan and Hong Kong. Pure data."""

from __future__ import annotations

from typing import Final

from smtpgate.links import LinkKind
from smtpgate.model import EntryKind, Evidence, Priority, Status

EVIDENCE: Final = {
    Evidence.TRUSTED: "來自受信任的網路",
    Evidence.DMARC_DKIM: "寄件人已由其網域簽章證實",
    Evidence.DMARC_SPF: "寄件人僅由寄信伺服器證實（較弱）",
    Evidence.DOMAIN: "寄件人僅得到其網域的較弱證實",
    Evidence.NONE: "寄件人【未】證實：任何人都可能寫這封信",
    Evidence.TEMPERROR: "寄件人未核實：DNS 沒有回應",
    Evidence.FAIL: "寄件人很可能是【偽造】的：網域驗證失敗",
    Evidence.IMPORTED: "匯入的歷史郵件，未核實寄件人",
    Evidence.AMBIGUOUS: "寄件人不明：郵件沒有寫明唯一的寄件人",
}
STATUS: Final = {
    Status.RECEIVED: "已收件",
    Status.PROGRESS: "處理中",
    Status.WAITING: "等待客戶回覆",
    Status.RESOLVED: "已解決",
    Status.CLOSED: "已結案",
}
PRIORITY: Final = {Priority.LOW: "低", Priority.NORMAL: "一般", Priority.HIGH: "高", Priority.URGENT: "緊急"}
LANGUAGES: Final = {"en": "英文", "zh": "簡體中文", "zh-Hant": "繁體中文"}
SAID: Final = {
    EntryKind.CUSTOMER: "客戶",
    EntryKind.THIRD_PARTY: "其他人",
    EntryKind.REPEAT: "重複來信",
    EntryKind.MACHINE: "自動郵件",
    EntryKind.REPLY: "我們的答覆",
    EntryKind.STATUS: "我們的通知",
    EntryKind.NOTE: "內部備註",
    EntryKind.EVENT: "事件",
}
LINKED: Final = {
    LinkKind.INTO: "已併入 {number}",
    LinkKind.HOLDS: "{number}（已併入本工單）",
    LinkKind.SPLIT_FROM: "{number}（本工單由此拆出）",
    LinkKind.SPLIT_OFF: "{number}（由本工單拆出）",
    LinkKind.FOLLOWS: "{number}（本工單接續此單）",
    LinkKind.FOLLOWED_BY: "{number}（接續本工單）",
    LinkKind.BESIDE: "{number}（他人就同一件事的工單）",
}
WORDS: Final = {
    "new": "新工單",
    "answer": "客戶有新的回覆",
    "reopened": "客戶有新的回覆：工單已重新開啟",
    "closed": "客戶表示問題已解決：工單已結案",
    "language": "客戶希望改用另一種語言",
    "third-party": "有其他人來信",
    "wants-export": "客戶已確認：要求取得其全部個人資料的副本（smtpgate person list）",
    "wants-erase": "客戶已確認：要求刪除其全部個人資料（smtpgate person list）",
    "note": "同事的內部備註",
    "assigned": "這張工單現在由您負責",
    "taken-away": "這張工單現在由同事負責",
    "handed": "本工單更換了客戶",
    "moved": "從其他服務台移交過來",
    "merged": "同事把另一張工單併入了本工單",
    "split": "由其他工單拆出的新工單",
    "unmerged": "同事撤銷了一次合併：這張工單又獨立了",
    "shown": "工單內容",
    "lost": "我們的答覆【沒有】送達",
    "remind": "到了您設定的提醒時間",
    "away": "休假中",
    "away-until": "{who}，至 {when}；因此同時通知值班同事",
    "snoozed": "暫緩至",
    "due-soon": "即將到期",
    "overdue": "已逾期",
    "customer": "客戶",
    "late": "我們的答覆尚未送達",
    "delivery": "郵件投遞系統",
    "from": "寄件人",
    "status": "狀態",
    "priority": "優先順序",
    "assignee": "負責人",
    "worked": "已用工時",
    "customer-now": "客戶（由同事更換）",
    "nobody": "無人",
    "tags": "標籤",
    "joined": "答覆副本",
    "copied": "客戶來信的副本收件人（我們不寄信給他們）",
    "files": "附件",
    "linked": "相關工單",
    "others": "此人的其他工單",
    "marks": "提示",
    "written-in": "寫給客戶的語言",
    "wishes": "客戶希望",
    "fewer": "少收通知（只要編號、答覆和結果）",
    "erased": "應客戶要求，其個人資料已刪除：工單已結案",
    "left-out": "先前【未】通知",
    "left-out-many": "一小時內郵件過多，至少有 {count} 封給您的通知沒有寄出",
    "take": "我來處理",
    "resolve": "已解決",
    "wait": "等待客戶",
    "assign": "轉交…",
    "show": "查看全部",
    "spam": "垃圾郵件",
    "close": "結案",
    "write": "答覆客戶",
    "let-join": "副本給 {who}",
    "add-note": "寫內部備註",
    "help": "全部指令",
}
