from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgate.mail.thanks import only_thanks

THANKS = """
Thanks!
Thank you very much for your quick help.
Hi Kim,\\n\\nthanks a lot, it works now!\\n\\nBest regards\\nTom Miller
Perfect, thanks
Great, much appreciated!
Thank you 😊
谢谢
好的，谢谢！
收到，非常感谢
问题解决了，谢谢您的帮助
謝謝您的協助
谢谢李工
您好，\\n已恢复正常，多谢！\\n王伟
ありがとうございます。
お世話になっております。\\n解決しました。ありがとうございました。
감사합니다
빠른 답변 감사합니다.
Vielen Dank für die schnelle Hilfe!
Danke, funktioniert jetzt.
Merci pour votre aide, ça marche maintenant.
Muchas gracias por su ayuda
Muito obrigada pela ajuda
Perfetto, grazie
Hartelijk dank voor uw hulp
Tack så mycket
Tusen takk
Mange tak
Kiitos avusta!
Dziękuję bardzo za pomoc
Děkuji
Ďakujem
Çok teşekkür ederim
Cảm ơn bạn
Большое спасибо за помощь!
Дуже дякую за допомогу
Благодаря
Köszönöm szépen
Mulțumesc
Hvala
Ευχαριστώ πολύ
شكرا
תודה רבה
Terima kasih
ขอบคุณครับ
""".strip().split("\n")
MORE = """
Thanks, but it still does not work
Thanks. Can you also send the invoice?
Thanks, please cancel my order
Thank you in advance for sending the parcel
Thanks. Cancel.
No thanks
Thanks for nothing
Thanks order 4711 is wrong
Thanks for your quick reply. The router shows a red light.
I want to cancel. Thanks
Refund Me Now Thanks
谢谢，但是还是打不开
请帮忙处理，谢谢
网站打不开了，谢谢
服务器挂了 谢谢
密码重置 谢谢
谢谢，请问什么时候发货
谢谢。我的订单号是 20261121
感谢您的来信，附件是合同，请查收
ありがとうございます。まだ動きません。
감사합니다. 그런데 아직 안 됩니다
Danke, aber es geht nicht
Merci, mais non
Gracias, pero no funciona
Obrigado, mas não funciona
Grazie, ma non va
Спасибо, но не работает
Tack, men det fungerar inte
Dziękuję, ale nie działa
OK
收到
Hello
""".strip().split("\n")


@pytest.mark.parametrize("text", THANKS)
def test_thanks(text: str) -> None:
    assert only_thanks(text.replace("\\n", "\n"))


@pytest.mark.parametrize("text", MORE)
def test_more_than_thanks(text: str) -> None:
    assert not only_thanks(text)


def test_a_file_or_a_long_text_is_more_than_thanks() -> None:
    assert not only_thanks("Thanks!", attachments=True)
    assert not only_thanks("")
    assert not only_thanks("thanks " * 100)


@given(st.text(max_size=500))
def test_any_text_is_read(text: str) -> None:
    only_thanks(text)


def test_hostile_text_costs_little() -> None:
    start = time.process_time()
    for text in ("谢谢王" * 130, "thanks " * 56, "。" * 399, "謝謝\n王王" * 60):
        for _ in range(20):
            only_thanks(text)
    assert time.process_time() - start < 0.5
