"""The commands that agents give by mail: the one table from which the parser, the help mail and docs/commands.md are made.

Pure data; never fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from smtpgate.languages import Language


class Verb(StrEnum):
    """What a command does. The value is its English name."""

    NOTE = "note"
    REPLY = "reply"
    TAKE = "take"
    DROP = "drop"
    ASSIGN = "assign"
    STATUS = "status"
    PRIORITY = "priority"
    TAG = "tag"
    CC = "cc"
    CUSTOMER = "customer"
    SPENT = "spent"
    MERGE = "merge"
    SPLIT = "split"
    MOVE = "move"
    TEMPLATE = "template"
    SPAM = "spam"
    BLOCK = "block"
    UNBLOCK = "unblock"
    SNOOZE = "snooze"
    DUE = "due"
    LANGUAGE = "language"
    LIST = "list"
    MINE = "mine"
    NEXT = "next"
    FIND = "find"
    AWAY = "away"
    BACK = "back"
    SHOW = "show"
    NEW = "new"
    FWD = "fwd"
    UNDO = "undo"
    HELP = "help"
    RELEASE = "release"
    DISCARD = "discard"


class Place(StrEnum):
    """Where a command makes sense."""

    TICKET = "ticket"  # in an answer to a mail about a ticket
    DESK = "desk"  # in a new mail to the desk
    BOTH = "both"
    HELD = "held"  # to the address that an agent was given for a held mail


class Argument(StrEnum):
    """What follows the name on its line."""

    NONE = ""
    WORDS = "words"  # as they stand
    AGENT = "agent"  # an address, or what stands before its @
    STATUS = "status"
    PRIORITY = "priority"
    TAGS = "tags"  # +word or word to add, -word to remove
    PEOPLE = "people"  # +address or address to add, -address to remove
    DESK = "desk"
    DOMAIN = "domain"  # the word alone
    NUMBER = "number"  # of a ticket
    PERSON = "person"  # one address outside, with a name before it perhaps
    LANGUAGE = "language"
    TIME = "time"  # that was worked: 20m, 1h30
    MOMENT = "moment"  # a time or a day to come; of a snooze or a date also ENDED


class Text(StrEnum):
    """What becomes of the text below the commands."""

    ANSWER = "answer"  # it goes to the customer
    NOTE = "note"  # it stays inside: the command is about colleagues, and so are most likely the words below it
    NONE = "none"  # it is not used


@dataclass(frozen=True, slots=True)
class Command:
    """One row. optional: the argument may be left out. alone: no other command and no text may stand beside it. chinese is
    Simplified, traditional as in Taiwan and Hong Kong."""

    verb: Verb
    chinese: tuple[str, ...]  # the first one is shown
    argument: Argument
    text: Text
    english_help: str
    chinese_help: str
    example: str
    also: tuple[str, ...] = ()  # further English names
    optional: bool = False
    alone: bool = False
    place: Place = Place.TICKET
    traditional: tuple[str, ...] = ()
    traditional_help: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((self.verb.value, *self.also, *self.chinese, *self.traditional)))

    def name(self, language: Language) -> str:
        """The one that an agent is shown who reads this language."""
        return {"en": self.verb.value, "zh": self.chinese[0], "zh-Hant": (*self.traditional, self.chinese[0])[0]}[language]

    def shown(self, language: Language) -> str:
        """The example with that name; "" when it is the name alone."""
        _, _, argument = self.example.partition(" ")
        return f"#{self.name(language)} {argument}" if argument else ""

    def help(self, language: Language) -> str:
        return {"en": self.english_help, "zh": self.chinese_help, "zh-Hant": self.traditional_help or self.chinese_help}[language]


# fmt: off
COMMANDS: tuple[Command, ...] = (
    Command(Verb.NOTE, ("备注", "内部"), Argument.WORDS, Text.NOTE,
            "Keep this mail inside: colleagues see it, the customer never does.",
            "只在内部保留：同事能看到，客户永远看不到。", "#note he called again", ("internal",), optional=True,
            traditional=("備註", "內部"),
            traditional_help="只在內部保留：同事看得到，客戶永遠看不到。"),
    Command(Verb.REPLY, ("回复", "答复"), Argument.NONE, Text.ANSWER,
            "Send the text below to the customer, also beside a command whose text would stay inside.",
            "把下面的文字发给客户（即使同时写了默认只留在内部的命令）。", "#reply", ("answer",),
            traditional=("回覆", "答覆", "回復"),
            traditional_help="把下面的文字寄給客戶（即使同時寫了預設只留在內部的指令）。"),
    Command(Verb.TAKE, ("接手", "认领"), Argument.NONE, Text.NOTE,
            "The ticket is yours.", "这张工单由您负责。", "#take", ("claim",),
            traditional=("接手", "認領"),
            traditional_help="這張工單由您負責。"),
    Command(Verb.DROP, ("放弃", "取消接手"), Argument.NONE, Text.NOTE,
            "Nobody has the ticket any more.", "工单不再由任何人负责。", "#drop", ("unassign",),
            traditional=("放棄", "取消接手"),
            traditional_help="工單不再由任何人負責。"),
    Command(Verb.ASSIGN, ("转交", "指派"), Argument.AGENT, Text.NOTE,
            "Give the ticket to another agent of the desk.", "把工单交给本服务台的另一位客服。", "#assign lee",
            traditional=("轉交", "指派"),
            traditional_help="把工單交給本服務台的另一位客服人員。"),
    Command(Verb.STATUS, ("状态",), Argument.STATUS, Text.ANSWER,
            "Set the state: progress, waiting, resolved or closed. The text below goes to the customer with it.",
            "设置状态：处理中、等待、解决或关闭。下面的文字会随通知发给客户。", "#status waiting",
            traditional=("狀態",),
            traditional_help="設定狀態：處理中、等待、解決或結案。下面的文字會隨通知寄給客戶。"),
    Command(Verb.PRIORITY, ("优先级",), Argument.PRIORITY, Text.NOTE,
            "Set the priority: low, normal, high or urgent.", "设置优先级：低、普通、高或紧急。", "#priority high", ("prio",),
            traditional=("優先順序", "優先級", "優先"),
            traditional_help="設定優先順序：低、一般、高或緊急。"),
    Command(Verb.TAG, ("标签",), Argument.TAGS, Text.NOTE,
            "Add tags, or remove those with a minus.", "添加标签；前面加减号则删除。", "#tag printer -paper", ("tags",),
            traditional=("標籤",),
            traditional_help="加上標籤；前面加減號則刪除。"),
    Command(Verb.CC, ("抄送",), Argument.PEOPLE, Text.ANSWER,
            "Let further people take part from now on, or no longer with a minus: they get a copy of each answer.",
            "从现在起让这些人参与，每次答复都抄送给他们；前面加减号则不再抄送。", "#cc boss@customer.example",
            traditional=("副本", "抄送"),
            traditional_help="從現在起讓這些人參與，每次答覆都寄副本給他們；前面加減號則不再寄副本。"),
    Command(Verb.CUSTOMER, ("客户", "更换客户"), Argument.PERSON, Text.NOTE,
            "This person is the customer from now on and hears nothing of what was said before; #reply sends the text below"
            " there. The one before is told and gets no more, unless #cc names him too.",
            "今后由此人作为客户，看不到以前的往来；写 #回复 则把下面的文字发给此人。原客户会收到通知，不再参与"
            "（除非同时用 #抄送 保留）。",
            "#customer bob@customer.example", ("requester",),
            traditional=("客戶", "更換客戶"),
            traditional_help="今後由此人擔任客戶，看不到以前的往來；寫 #回覆 則把下面的文字寄給此人。原客戶會收到通知，不再參與"
            "（除非同時用 #副本 保留）。"),
    Command(Verb.SPENT, ("工时", "耗时"), Argument.TIME, Text.NOTE,
            "Add so much time that you worked on the ticket; with a minus, take it off what you added. The customer never sees it.",
            "记下您在本工单上花费的时间；前面加减号则从您已记的时间里扣除。客户永远看不到。", "#spent 1h30", ("worked",),
            traditional=("工時", "耗時"),
            traditional_help="記下您在本工單上花費的時間；前面加減號則從您已記的時間裡扣除。客戶永遠看不到。"),
    Command(Verb.MERGE, ("合并", "并入"), Argument.NUMBER, Text.NOTE,
            "This ticket becomes part of the other one: its number and all answers to it lead there from then on.",
            "把本工单并入另一张：本工单的编号和对它的回复以后都归到那一张。", "#merge 20260102-EML-0042",
            traditional=("合併", "併入"),
            traditional_help="把本工單併入另一張：本工單的編號和對它的回覆以後都歸到那一張。"),
    Command(Verb.SPLIT, ("拆分",), Argument.WORDS, Text.NOTE,
            "The customer's mail that you answer becomes a ticket of its own; a subject for it may follow. #split 2 takes the"
            " customer's last mail but one.",
            "把您所回复的这封客户来信拆成一张新工单，后面可写新主题。#split 2 表示客户倒数第二封来信。", "#split Second printer",
            optional=True,
            traditional=("拆分", "分割"),
            traditional_help="把您所回覆的這封客戶來信拆成一張新工單，後面可寫新主旨。#split 2 表示客戶倒數第二封來信。"),
    Command(Verb.MOVE, ("移交",), Argument.DESK, Text.NOTE,
            "Give the ticket to another desk.", "把工单移交给另一个服务台。", "#move billing",
            traditional=("移交",),
            traditional_help="把工單移交給另一個服務台。"),
    Command(Verb.TEMPLATE, ("模板", "范文"), Argument.WORDS, Text.ANSWER,
            "Answer with a text that was written before; your own words, if you write some, stand above it. Alone: the list.",
            "用预先写好的文字答复客户；您自己写的内容放在它上面。单独使用则列出全部。", "#template details", ("canned",),
            optional=True,
            traditional=("範本", "範文"),
            traditional_help="用預先寫好的文字答覆客戶；您自己寫的內容放在它上面。單獨使用則列出全部。"),
    Command(Verb.SPAM, ("垃圾", "垃圾邮件"), Argument.NONE, Text.NOTE,
            "Close the ticket as spam without a word to its sender.", "作为垃圾邮件关闭，不通知发件人。", "#spam", ("junk",),
            traditional=("垃圾", "垃圾郵件"),
            traditional_help="作為垃圾郵件結案，不通知寄件人。"),
    Command(Verb.BLOCK, ("拉黑", "屏蔽"), Argument.DOMAIN, Text.NOTE,
            "Close the ticket as spam and hold all further mail of its sender to this desk; with domain, of the whole domain.",
            "作为垃圾邮件关闭，以后该发件人给本服务台的来信都先扣留；后面写“域名”则整个域名都扣留。", "#block", optional=True,
            traditional=("封鎖", "拉黑"),
            traditional_help="作為垃圾郵件結案，以後該寄件人寄給本服務台的郵件都先扣留；後面寫「網域」則整個網域都扣留。"),
    Command(Verb.UNBLOCK, ("取消拉黑", "解除屏蔽"), Argument.DOMAIN, Text.NOTE,
            "Let further mail of this sender, or of the domain, in again.", "以后不再扣留该发件人（或该域名）的来信。", "#unblock",
            optional=True,
            traditional=("解除封鎖", "取消封鎖"),
            traditional_help="以後不再扣留該寄件人（或該網域）的郵件。"),
    Command(Verb.SNOOZE, ("暂缓", "稍后"), Argument.MOMENT, Text.NOTE,
            "Out of the lists until then, or until the customer writes; then it comes back to who has it. off ends it.",
            "到时再提醒：此前不出现在列表中，到时（或客户来信时）发回给负责人；写 取消 则结束。", "#snooze monday 9:00",
            ("later",),
            traditional=("暫緩", "延後", "稍後"),
            traditional_help="到時再提醒：此前不出現在列表中，到時（或客戶來信時）寄回給負責人；寫 取消 則結束。"),
    Command(Verb.DUE, ("期限", "截止"), Argument.MOMENT, Text.NOTE,
            "The ticket is due then, whatever the desk aims at; a day alone means the end of its work. off takes the date away.",
            "设定这张工单的期限，优先于服务台的目标；只写日期则指当天下班时；写 取消 则去掉。", "#due friday 17:00", ("deadline",),
            traditional=("期限", "截止"),
            traditional_help="設定這張工單的期限，優先於服務台的目標；只寫日期則指當天下班時；寫 取消 則去掉。"),
    Command(Verb.LANGUAGE, ("语言",), Argument.LANGUAGE, Text.ANSWER,
            "Write to this customer in this language from now on: en, zh or zh-Hant.",
            "以后用这种语言给该客户写信：英文、简体或繁体。", "#language zh", ("lang",),
            traditional=("語言",),
            traditional_help="以後用這種語言寫信給該客戶：英文、簡體或繁體。"),
    Command(Verb.LIST, ("列表",), Argument.NONE, Text.NONE,
            "Open tickets of the desk: what is due first, then what waits longest.",
            "列出本服务台未完成的工单：先到期的在前，其余等待最久的在前。", "#list",
            place=Place.DESK,
            traditional=("列表", "清單"),
            traditional_help="列出本服務台未完成的工單：先到期的在前，其餘等待最久的在前。"),
    Command(Verb.MINE, ("我的",), Argument.NONE, Text.NONE,
            "My open tickets, of all my desks.", "列出由我负责的未完成工单（所有服务台）。", "#mine", place=Place.DESK,
            traditional=("我的",),
            traditional_help="列出由我負責的未完成工單（所有服務台）。"),
    Command(Verb.NEXT, ("下一个", "下一张"), Argument.NONE, Text.NONE,
            "Take what is due first of the tickets that nobody has, else what waits longest, and send it to me.",
            "接手无人负责的工单中最先到期的一张（没有期限则等待最久的）并发给我。",
            "#next", place=Place.DESK,
            traditional=("下一張", "下一個"),
            traditional_help="接手無人負責的工單中最先到期的一張（沒有期限則等待最久的）並寄給我。"),
    Command(Verb.FIND, ("查找", "搜索"), Argument.WORDS, Text.NONE,
            "The newest tickets with all of these words in their subject.", "查找主题中含有这些词的最新工单。", "#find red light",
            ("search",), place=Place.DESK,
            traditional=("尋找", "搜尋"),
            traditional_help="尋找主旨中含有這些詞的最新工單。"),
    Command(Verb.AWAY, ("休假", "请假"), Argument.MOMENT, Text.NONE,
            "I am on leave until then: what comes goes to my colleagues.", "我休假到那时：来信由同事处理。",
            "#away until 2026-12-01",
            optional=True, place=Place.DESK,
            traditional=("休假", "請假"),
            traditional_help="我休假到那時：這段期間的來信由同事處理。"),
    Command(Verb.BACK, ("回来", "销假"), Argument.NONE, Text.NONE,
            "I am back from leave.", "我已回来上班。", "#back", place=Place.DESK,
            traditional=("回來", "銷假"),
            traditional_help="我已回來上班。"),
    Command(Verb.SHOW, ("查看",), Argument.NUMBER, Text.NONE,
            "Send me the whole ticket; in a new mail to the desk, the one with this number.",
            "把整张工单发给我；在发给服务台的新邮件里，后面写工单编号。", "#show", place=Place.BOTH,
            traditional=("查看", "檢視"),
            traditional_help="把整張工單寄給我；在寄給服務台的新郵件裡，後面寫工單編號。"),
    Command(Verb.NEW, ("新建",), Argument.PERSON, Text.ANSWER,
            "Open a ticket in this customer's name and send him the text below.",
            "以该客户的名义新建工单，并把下面的文字发给他。", "#new customer@example.com", place=Place.DESK,
            traditional=("新增", "新建"),
            traditional_help="以該客戶的名義開立新工單，並把下面的文字寄給他。"),
    Command(Verb.FWD, ("转发", "代开"), Argument.PERSON, Text.NOTE,
            "Over a customer's mail that you forward: open a ticket in the customer's name. Add the address where it has none.",
            "写在您转发的客户来信上方：以该客户的名义开工单；原信中没有地址时请写明。", "#fwd", ("forward",), optional=True,
            place=Place.DESK,
            traditional=("轉寄", "代開", "轉發"),
            traditional_help="寫在您轉寄的客戶來信上方：以該客戶的名義開立工單；原信中沒有地址時請寫明。"),
    Command(Verb.UNDO, ("撤销",), Argument.NONE, Text.NONE,
            "Take back my last answer, as long as it has not left; else the last merge, as long as nothing has happened since.",
            "收回我最近一次尚未发出的答复；没有这样的答复时，撤销最近一次合并（之后没有其他变化）。", "#undo",
            alone=True,
            traditional=("撤銷", "收回"),
            traditional_help="收回我最近一次尚未寄出的答覆；沒有這樣的答覆時，撤銷最近一次合併（之後沒有其他變化）。"),
    Command(Verb.HELP, ("帮助",), Argument.NONE, Text.NONE,
            "Send me this list.", "把这份说明发给我。", "#help", place=Place.BOTH,
            traditional=("說明", "幫助"),
            traditional_help="把這份說明寄給我。"),
    Command(Verb.RELEASE, ("放行",), Argument.NONE, Text.NONE,
            "Let a held mail through: it is filed as if its sender had been proved.",
            "放行暂扣的邮件：按发件人已证实处理。", "#release", place=Place.HELD,
            traditional=("放行",),
            traditional_help="放行暫扣的郵件：按寄件人已證實處理。"),
    Command(Verb.DISCARD, ("丢弃",), Argument.NONE, Text.NONE,
            "Drop a held mail; nobody outside is told.", "丢弃暂扣的邮件，不通知外部任何人。", "#discard", place=Place.HELD,
            traditional=("丟棄", "捨棄"),
            traditional_help="丟棄暫扣的郵件，不通知外部任何人。"),
)

ENDED = "off"  # what ends a snooze, or takes a date away

# A state as a command of its own: #resolved is #status resolved.
STATES: dict[str, tuple[str, ...]] = {
    "progress": ("progress", "in-progress", "open", "reopen", "处理中", "处理", "重新打开", "處理中", "處理", "重新開啟",
                 "重新打開"),
    "waiting": ("waiting", "wait", "pending", "等待", "等待回复", "等待回覆", "等候"),
    "resolved": ("resolved", "resolve", "solved", "done", "解决", "已解决", "解決", "已解決"),
    "closed": ("closed", "close", "关闭", "已关闭", "結案", "關閉", "已關閉", "已結案"),
}
PRIORITIES: dict[str, tuple[str, ...]] = {
    "low": ("low", "低"),
    "normal": ("normal", "medium", "普通", "中", "一般"),
    "high": ("high", "高"),
    "urgent": ("urgent", "紧急", "最高", "緊急"),
}
LANGUAGES: dict[str, tuple[str, ...]] = {
    "en": ("en", "english", "英文", "英语", "英語"),
    "zh": ("zh", "zh-cn", "zh-hans", "chinese", "simplified chinese", "中文", "简体", "简体中文", "簡體", "簡體中文"),
    "zh-Hant": ("zh-hant", "zh-tw", "zh-hk", "zh-mo", "traditional chinese", "繁体", "繁体中文", "繁體", "繁體中文", "正體",
                "正體中文"),
}
# fmt: on
