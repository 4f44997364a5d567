"""What clients in less common languages, and some old ones, put over the mail that they quote. All names are made up."""

from __future__ import annotations

import pytest

from smtpgate.mail.trim import reply_part

OWN = "Hello Kim,\n\nthe second box please.\n\nBest regards\nLee"
OLD = "Which box do you want?\nI have two.\n\nKim"
MARKED = "\n".join(f"> {line}".rstrip() for line in OLD.split("\n"))
TO = "Lee <l@e.example>"
KIM = "Kim <k@e.example>"

# Over a text with marks or without.
ATTRIBUTIONS = (
    f"In data 3 marzo 2026 09:15:02 {KIM} ha scritto:",
    f"uto, 3. ožu 2026. u 09:15 {KIM} napisao je:",
    f"Dana 03.03.2026., u 09:15, {KIM} napisala je:",
    f"V V tor., 3. mar. 2026 ob 09:15 je oseba {KIM} napisala:",
    f"уто, 3. мар 2026. у 09:15 {KIM} је написао/ла:",
    "otrd., 2026. g. 3. marts, plkst. 09:15 — lietotājs Kim (<k@e.example>) rakstīja:",
    f"Missatge de {KIM} del dia dt., 3 de març 2026 a les 9:15:",
    "El 3/3/26 a les 9:15, Kim Roca ha escrit:",
    "O mar, 3 mar 2026 ás 09:15, Kim (<k@e.example>) escribiu:",
    "Kim (k@e.example) helbideak hau idatzi du (2026 mar. 3(a), ar. (09:15)):",
    f"Þann þri., 3. mar. 2026 kl. 09:15 skrifaði {KIM}:",
    "Den 3. mars 2026 09:15, skreiv Kim Vik:",
    "Më 3.3.2026 09:15, Kim Hoxha shkroi:",
    f"در تاریخ سه‌شنبه ۳ مارس ۲۰۲۶،\u200f ۰۹:۱۵ {KIM} نوشت:",
    "\u202bבתאריך יום ג׳, 3 במרץ 2026 ב-9:15 מאת \u202aKim\u202c\u200f <\u202ak@e.example\u202c\u200f>:\u202c",
    f"\u202bב-3 במרץ 2026, בשעה 9:15, \u200f{KIM} כתב/ה:\u202c",
    f"मंगल, 3 मार्च 2026 को 9:15 am बजे को {KIM} ने लिखा:",
    "Вы писали 3 марта 2026 г., 9:15:02:",
    "Wiadomość napisana w dniu 2026-03-03, o godz. 09:15, przez Kim Nowak:",
    "Kim Lee said the following on 3/3/2026 9:15 AM:",
    "[Original Message processed by david]\n\nRe: boxes 3-Mar-2026 9:15\nVon:   Kim\nAn:   Lee",
)
# Over a text with marks alone.
BEFORE_MARKS = (
    "Kim Sato さんは書きました:",
    f"Zitat von {KIM}:",
    "---- Kim Lee wrote ----",
    "Kim Lee said on 03.03.2026 09:15:",
    "2026-03-03 09:15 GMT+02:00 Kim <\nkim-with-a-long-address-for-tests@mail.e.example>:",
    f"---\n\n**From:** {KIM}\n**Sent:** 3 March 2026 09:15\n**To:** {TO}\n**Subject:** boxes",
    f"Télécharger Outlook pour iOS<https://e.example/o>\n________________________________\nFrom: {KIM}\nSent: Tuesday, March 3, 2026 9:15 AM\nTo: {TO}\nSubject: boxes",  # noqa: E501
)
BLOCKS = tuple(
    f"{sender}: {KIM}\n{date}: 3.3.2026 09:15\n{to}: {TO}\n{subject}: boxes"
    for sender, date, to, subject in (
        ("Od", "Poslano", "Za", "Zadeva"),
        ("Nuo", "Išsiųsta", "Kam", "Tema"),
        ("Saatja", "Saadetud", "Adressaat", "Teema"),
        ("Frá", "Dagsetning", "Til", "Efni"),
        ("De", "Enviat", "Per a", "Tema"),
        ("Daripada", "Dihantar", "Kepada", "Subjek"),
        ("از", "ارسال شده", "به", "موضوع"),
        ("प्रेषक", "भेजा गया", "प्रति", "विषय"),
        ("От", "Изпратено", "До", "Относно"),
    )
)
NOTES = (
    # in columns
    f"             Kim Lee\n             <k@e.example>\n{'To':>74}\n             03/03/2026 09:15          {TO}\n"
    f"             AM{'cc':>59}\n\n{'Subject':>74}\n                                       Re: boxes\n",
    # one below the other
    f"{KIM}\n03.03.2026 09:15\n\nAn\n{TO}\nKopie\n\nThema\nboxes\n",
    # the same from HTML
    f"{KIM}\n\n03.03.2026 09:15\n\nAn | {TO}\nKopie\nThema | boxes\n",
    # in a frame of dashes
    "|---------+---------------------------->\n|         |           Kim Lee          |\n|         |           03/03/2026 09:15 |\n"
    "|---------+---------------------------->\n  >----------------------------------------------|\n"
    "  |                                              |\n"
    "  |       To:       Lee/Bar/EXAMPLE              |\n  |       cc:                                    |\n"
    "  |       Subject:  Re: boxes                    |\n  >----------------------------------------------|\n",
)


@pytest.mark.parametrize("above", [*ATTRIBUTIONS, *BLOCKS, *NOTES])
def test_it_goes_with_what_stands_below(above: str) -> None:
    assert reply_part(f"{OWN}\n\n{above}\n{OLD}\n") == OWN
    assert reply_part(f"{OWN}\n\n{above}\n{MARKED}\n") == OWN


@pytest.mark.parametrize("above", BEFORE_MARKS)
def test_it_goes_with_the_marks_below(above: str) -> None:
    assert reply_part(f"{OWN}\n\n{above}\n{MARKED}\n") == OWN


@pytest.mark.parametrize(
    "line",
    [
        "## Bitte antworten Sie oberhalb dieser Zeile ##",
        "--- Répondre au-dessus de cette ligne ---",
        "##- Por favor, escriba su respuesta por encima de esta línea. -##",
        "*** Пожалуйста, пишите ответ выше этой строки ***",
        "----- この行より上に返信してください -----",
    ],
)
def test_the_line_of_another_desk_ends_the_answer(line: str) -> None:
    assert reply_part(f"{OWN}\n\n{line}\nYour request was updated.\n") == OWN


@pytest.mark.parametrize("rule", ["-" * 40, "＊" * 22, "◇◆" * 9, "*:;;;:" * 6])
@pytest.mark.parametrize("closed", [True, False])
def test_a_card_below_a_drawn_line_is_a_signature(rule: str, closed: bool) -> None:
    card = "サンプル商事 営業部\n佐藤 健\nTEL：03-0000-1111 FAX：03-0000-1112\nsato@e.example"
    text = f"承知いたしました。\n\n{rule}\n{card}\n" + (rule + "\n" if closed else "")
    assert reply_part(text) == "承知いたしました。"


@pytest.mark.parametrize(
    "text",
    [
        "Look here\n>>> http://e.example/sale <<<\nand say what you think",  # no quote
        "The parts:\n\n--------------------\nA  100 20 300 40\nB  200 10 300 41\n--------------------",
        "Please ask them:\n\n====================\nKim, k@e.example, 0123 456 789\nLee, l@e.example, 0123 456 780, who knows it all and answers in the evening.\n====================",  # noqa: E501
        "Order from\n\n--------------------\nTel: 0123 456 789\nhttp://e.example/shop is where you find more of them, and the price is better there too than it was.\n--------------------",  # noqa: E501
        "To\nthe left, cc\nand the\nSubject\nwas wrong on 03.03.2026",
    ],
)
def test_words_of_the_sender_stay(text: str) -> None:
    assert reply_part(text) == text


@pytest.mark.parametrize("cue", ["Siehe rot unten.", "Please see the red text below", "Zie blauw hieronder", "Ver abajo, en verde"])
def test_answers_in_colour_within_the_original_stay(cue: str) -> None:
    text = f"{cue}\n\nFrom: {KIM}\nSent: 3 March 2026 09:15\nTo: {TO}\nSubject: boxes\n\nHow many?\nTwo."
    assert reply_part(text) == text
