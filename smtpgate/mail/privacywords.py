"""What a person is told of what he asked about his own data, in each language. Pure data. {…} are filled with str.format."""

from __future__ import annotations

from enum import StrEnum

from smtpgate.languages import Language


class Occasion(StrEnum):
    """Why we write."""

    ASK_EXPORT = "ask-export"  # is it meant? The answer goes to an address of its own
    ASK_ERASE = "ask-erase"
    WAITS = "waits"  # confirmed, and a person does it
    WILL_ERASE = "will-erase"  # confirmed, and done by itself at that time
    CANCELLED = "cancelled"
    EXPORTED = "exported"  # with the file
    TOO_LARGE = "too-large"
    ERASED = "erased"  # the proof

    @property
    def answered(self) -> str:
        """The word that its link writes: confirm, cancel, or ""."""
        return {"ask-export": "confirm", "ask-erase": "confirm", "will-erase": "cancel"}.get(self.value, "")


TITLES: dict[Language, dict[Occasion, str]] = {
    "en": {
        Occasion.ASK_EXPORT: "Do you want a copy of your data?",
        Occasion.ASK_ERASE: "Do you want your data to be erased?",
        Occasion.WAITS: "Your request about your data",
        Occasion.WILL_ERASE: "Your data will be erased",
        Occasion.CANCELLED: "Nothing is done about your data",
        Occasion.EXPORTED: "A copy of your data",
        Occasion.TOO_LARGE: "Your data are too large for a mail",
        Occasion.ERASED: "Your data have been erased",
    },
    "zh": {
        Occasion.ASK_EXPORT: "您要取得您的数据副本吗？",
        Occasion.ASK_ERASE: "您要删除您的数据吗？",
        Occasion.WAITS: "关于您的数据的请求",
        Occasion.WILL_ERASE: "您的数据将被删除",
        Occasion.CANCELLED: "您的数据保持不变",
        Occasion.EXPORTED: "您的数据副本",
        Occasion.TOO_LARGE: "您的数据太大，无法通过邮件发送",
        Occasion.ERASED: "您的数据已删除",
    },
    "zh-Hant": {
        Occasion.ASK_EXPORT: "您要取得您的資料副本嗎？",
        Occasion.ASK_ERASE: "您要刪除您的資料嗎？",
        Occasion.WAITS: "關於您個人資料的要求",
        Occasion.WILL_ERASE: "您的資料將被刪除",
        Occasion.CANCELLED: "您的資料保持不變",
        Occasion.EXPORTED: "您的資料副本",
        Occasion.TOO_LARGE: "您的資料太大，無法以郵件寄送",
        Occasion.ERASED: "您的資料已刪除",
    },
}
BUTTONS: dict[Language, dict[str, str]] = {
    "en": {"confirm": "Yes, I confirm", "cancel": "No, keep my data"},
    "zh": {"confirm": "是的，我确认", "cancel": "不，保留我的数据"},
    "zh-Hant": {"confirm": "是的，我確認", "cancel": "不，保留我的資料"},
}
TEXTS: dict[Language, dict[Occasion, str]] = {
    "en": {
        Occasion.ASK_EXPORT: "A mail from your address asks for a copy of all data that we keep about you: your mails, what we"
        " wrote to you, and what we have noted for writing to you.\n\nIf you want it, answer this mail before {until}"
        " with the one word:\n\n    {word}\n\nIf you did not ask, do nothing: then nothing happens.",
        Occasion.ASK_ERASE: "A mail from your address asks us to erase all data that we keep about you: your mails with their"
        " files, your name and address, and what we wrote to you. Requests that are still open will be closed. It cannot be"
        " undone.\n\nIf you want it, answer this mail before {until} with the one word:\n\n    {word}\n\nIf you did not ask,"
        " do nothing: then nothing happens.",
        Occasion.WAITS: "You have confirmed it. One of us will see to it and write to you when it is done.",
        Occasion.WILL_ERASE: "You have confirmed it. It is done after {until}, and you will get one more mail that says so.\n\nIf"
        " you have changed your mind, answer this mail before then with the one word:\n\n    {word}",
        Occasion.CANCELLED: "You have called it off. Everything stays as it is.",
        Occasion.EXPORTED: "The file holds what you asked for: {counts}. person.json lists all of it; the mails are beside it as"
        " .eml, which mail programs open.\n\nMail is not a safe place for it: keep the file elsewhere, and delete this mail.",
        Occasion.TOO_LARGE: "What you asked for is too large for a mail. One of us will write to you how you can get it.",
        Occasion.ERASED: "It is done. What was erased: {counts}.\n\nWhat stays are the numbers, dates and states of your requests,"
        " without your name and address; what other people wrote; and copies of the whole store until they run out. This mail,"
        " too, is erased here once it has left.\n\nThe record of it is {record}. If you write to us again, you are somebody new"
        " to us.",
    },
    "zh": {
        Occasion.ASK_EXPORT: "有一封来自您地址的邮件，要求取得我们保存的有关您的全部数据的副本：您的来信、我们写给您的邮件，"
        "以及我们为与您通信所记录的内容。\n\n如果这是您的意思，请在 {until}之前回复本邮件，只写一个词：\n\n    {word}\n\n"
        "如果您没有提出要求，请不必理会，不会发生任何事。",
        Occasion.ASK_ERASE: "有一封来自您地址的邮件，要求删除我们保存的有关您的全部数据：您的来信及其附件、您的姓名和地址，"
        "以及我们写给您的邮件。仍未结束的工单将被关闭。删除后无法恢复。\n\n如果这是您的意思，请在 {until}之前回复本邮件，"
        "只写一个词：\n\n    {word}\n\n如果您没有提出要求，请不必理会，不会发生任何事。",
        Occasion.WAITS: "您已确认。我们的同事会处理，完成后会写信告知您。",
        Occasion.WILL_ERASE: "您已确认。我们将在 {until}之后删除，完成后会再写一封信告知您。\n\n如果您改变了主意，请在此之前"
        "回复本邮件，只写一个词：\n\n    {word}",
        Occasion.CANCELLED: "您已取消。一切保持不变。",
        Occasion.EXPORTED: "附件中是您要求的内容：{counts}。person.json 列出全部内容，邮件以 .eml 文件保存，邮件程序可以打开。"
        "\n\n邮箱不适合长期保存这些内容：请把附件存到别处，并删除本邮件。",
        Occasion.TOO_LARGE: "您要求的内容太大，无法通过邮件发送。我们的同事会写信告知您如何取得。",
        Occasion.ERASED: "已经删除：{counts}。\n\n保留的只有您的工单的编号、日期和状态（不含您的姓名和地址）、其他人所写的内容，"
        "以及整个存储的备份（到期为止）。本邮件发出后，我们这里的副本也会删除。\n\n本次删除的记录号是 {record}。"
        "如果您再次来信，对我们来说您是一位新客户。",
    },
    "zh-Hant": {
        Occasion.ASK_EXPORT: "有一封來自您地址的郵件，要求取得我們保存的有關您的全部資料的副本：您的來信、我們寫給您的郵件，"
        "以及我們為了與您通信所記下的內容。\n\n如果這是您的意思，請在 {until}之前回覆這封郵件，只寫一個詞：\n\n    {word}\n\n"
        "如果您沒有提出要求，請不必理會，不會發生任何事。",
        Occasion.ASK_ERASE: "有一封來自您地址的郵件，要求刪除我們保存的有關您的全部資料：您的來信及其附件、您的姓名和地址，"
        "以及我們寫給您的郵件。還沒結束的案件會結案。刪除後無法復原。\n\n如果這是您的意思，請在 {until}之前回覆這封郵件，"
        "只寫一個詞：\n\n    {word}\n\n如果您沒有提出要求，請不必理會，不會發生任何事。",
        Occasion.WAITS: "您已確認。我們的同事會處理，完成後會寫信告訴您。",
        Occasion.WILL_ERASE: "您已確認。我們會在 {until}之後刪除，完成後會再寫一封信告訴您。\n\n如果您改變了主意，請在此之前"
        "回覆這封郵件，只寫一個詞：\n\n    {word}",
        Occasion.CANCELLED: "您已取消。一切保持不變。",
        Occasion.EXPORTED: "附件中是您要求的內容：{counts}。person.json 列出全部內容，郵件以 .eml 檔案保存，郵件程式可以開啟。"
        "\n\n信箱不適合長期保存這些內容：請把附件存到別處，並刪除這封郵件。",
        Occasion.TOO_LARGE: "您要求的內容太大，無法以郵件寄送。我們的同事會寫信告訴您如何取得。",
        Occasion.ERASED: "已經刪除：{counts}。\n\n保留的只有您案件的編號、日期和狀態（不含您的姓名和地址）、其他人所寫的內容，"
        "以及整個儲存的備份（到期為止）。這封郵件寄出後，我們這裡的副本也會刪除。\n\n這次刪除的紀錄編號是 {record}。"
        "如果您再次來信，對我們來說您是一位新客戶。",
    },
}
ADMIN: dict[str, dict[str, str]] = {  # to the postmaster
    "en": {
        "title": "A person asks for their own data",
        "export": "{who} wants a copy of all data, and has confirmed it. Send it by mail with: smtpgate person export {who} --mail",
        "erase": "{who} wants all data erased, and has confirmed it. Do it with: smtpgate person erase {who}",
        "refuse": "If it cannot be done: smtpgate person refuse {id}, and tell them why.",
    },
    "zh": {
        "title": "有人就其个人数据提出要求",
        "export": "{who} 要求取得其全部数据的副本，并已确认。请运行以下命令发送：smtpgate person export {who} --mail",
        "erase": "{who} 要求删除其全部数据，并已确认。请运行：smtpgate person erase {who}",
        "refuse": "如果无法照办：smtpgate person refuse {id}，并告知对方原因。",
    },
    "zh-Hant": {
        "title": "有人就其個人資料提出要求",
        "export": "{who} 要求取得其全部資料的副本，並已確認。請執行以下指令寄送：smtpgate person export {who} --mail",
        "erase": "{who} 要求刪除其全部資料，並已確認。請執行：smtpgate person erase {who}",
        "refuse": "如果無法照辦：smtpgate person refuse {id}，並告知對方原因。",
    },
}
COUNTS: dict[Language, dict[str, str]] = {
    "en": {
        "tickets": "{n} of your requests",
        "received": "{n} mails from you",
        "received-one": "{n} mail from you",
        "sent": "{n} mails to you",
        "sent-one": "{n} mail to you",
    },
    "zh": {"tickets": "您的工单 {n} 张", "received": "您的来信 {n} 封", "sent": "我们的邮件 {n} 封"},
    "zh-Hant": {"tickets": "您的案件 {n} 件", "received": "您的來信 {n} 封", "sent": "我們的郵件 {n} 封"},
}
