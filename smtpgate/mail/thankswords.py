"""Words of thanks, what politely stands around them, and what makes more of a mail than thanks. Data only, lower case."""

from __future__ import annotations

# Each of them alone is thanks.
_THANKS = """
thanks thank thx thnx tks ty tnx cheers danke dankeschön dank merci gracias obrigado obrigada obrigados grazie bedankt
dankjewel dankuwel tack takk tak kiitos kiitoksia dziękuję dziękujemy dzięki děkuji děkujeme díky ďakujem ďakujeme
vďaka teşekkürler teşekkür sağol sağolun спасибо благодарю благодарим дякую дякуємо благодаря köszönöm köszönjük köszi
mulțumesc multumesc mulțumim mersi hvala ευχαριστώ ευχαριστούμε شكرا شكراً תודה ขอบคุณ धन्यवाद شكرًا متشکرم ممنون
makasih aitäh paldies ačiū appreciate appreciated grateful moteşekkirim
"""
# Words that go with thanks, in any of these languages.
_AROUND = """
you very much so many a lot for your the help helping support quick fast prompt swift great good excellent kind answer
reply response assistance service and all everything it that this is was works working worked fine now perfectly again
solved resolved fixed sorted done ok okay perfect super awesome wonderful amazing brilliant nice well hi hello dear
hey team best regards kindest warm sincerely yours have day weekend evening sir madam mr mrs ms we i my us really am
it's that's problem issue got received noted understood cool yes indeed to be of on in with once job closed close
ticket can case quickly problem's always as too both guys everyone hear vielen herzlichen schönen besten lieben dir
ihnen euch für die der das den schnelle schnellen rasche hilfe antwort unterstützung rückmeldung ihre ihren deine und
alles klar prima passt funktioniert jetzt wieder geht hat geklappt gut sehr guten tag hallo liebe lieber geehrte
geehrter grüße grüßen gruß freundlichen mit freundliche viele erledigt gelöst ist top noch einmal nochmals mfg lg vg
beaucoup mille infiniment bien pour votre réponse rapide aide rapidité tout c'est ça marche fonctionne maintenant
parfait bonjour bonne journée cordialement salutations génial vous et à de la le les résolu grand un bonsoir reçu
muchas muchísimas mil por su tu ayuda respuesta rápida apoyo todo ya funciona perfecto perfecta hola saludos buen día
buenos días tardes cordial y el excelente resuelto solucionado problema está muito pela pelo ajuda resposta retorno
suporte tudo certo já funcionou funcionando perfeito olá bom boa tarde noite abraço abs att atenciosamente e o
resolvido ótimo atenção molte per il vostro vostra risposta aiuto supporto tutto ora perfetto risolto buongiorno
buonasera buona giornata saluti cordiali ciao va bene gentilissimi hartelijk heel erg veel voor uw jullie je hulp
snelle reactie antwoord werkt nu goed groet groeten met vriendelijke beste fijne dag opgelost het dank så mycket för
hjälpen svaret snabba hej vänliga hälsningar mvh allt fungerar bra toppen hälsning mange tusind tusen hjelpen hjælpen
svar rask hurtig det virker nå fint hilsen vennlig venlig hei alt paljon avusta vastauksesta nopeasta hyvin toimii nyt
terveisin moi asia kunnossa bardzo za pomoc odpowiedź szybką wszystko działa już pozdrawiam dzień dobry serdecznie
miłego dnia świetnie moc mockrát odpověď rychlou vše funguje dobrý zdravím pozdravem s pěkný hezký už vyřešeno veľmi
pekne odpoveď rýchlu všetko pekný deň pozdravom çok ederim ederiz yardımınız için hızlı cevap yanıt sorun çözüldü iyi
günler çalışmalar kolay gelsin merhaba tamam oldu harika saygılarımla большое огромное вам за помощь быстрый ответ все
всё работает теперь заработало отлично хорошо здравствуйте добрый день с уважением оперативность ок понял решено
проблема решена дуже допомогу швидку відповідь працює тепер чудово добрий з повагою щиро много помощта бързия отговор
всичко работи szépen nagyon az segítséget gyors választ minden működik most rendben üdvözlettel jó napot szia foarte
mult pentru ajutor răspuns totul funcționează acum bună ziua cu stimă frumos puno lijepa na pomoći pomoć odgovoru sve
radi sada pozdrav lijep πολύ για τη βοήθεια την terima kasih banyak atas bantuannya sudah جزيلا جزيلاً لك لكم على
المساعدة רבה מאוד על העזרה มาก ครับ ค่ะ बहुत आपका cảm ơn cám bạn anh chị em nhiều rất vì đã giúp đỡ hỗ trợ ạ nhé xin
chào trân trọng được rồi
"""
# Any of these, and the mail wants something or says that it is not over.
_BUTS = """
but however please pls not don't doesn't didn't can't cannot won't isn't still another again? also question what when
where why how could would should need want send cancel refund call change wait until unless if never wrong error fails
failed except instead unfortunately nothing aber jedoch bitte nicht kein keine noch? trotzdem leider wann wo warum wie
könnten können frage außerdem stornieren mais pas pourriez pouvez quand comment pourquoi encore malheureusement
toujours svp pero aún todavía cuándo cómo podrían pregunta también necesito lamentablemente não ainda quando como
poderiam preciso pergunta porém infelizmente però non ancora potete domanda purtroppo vorrei maar niet nog wanneer
waarom kunt graag? vraag helaas inte ikke ikkje når hvordan hur fråga spørgsmål spørsmål mutta miten milloin kysymys
ale nie kiedy jak proszę pytanie niestety kdy prosím dotaz bohužel kedy ama değil lütfen nasıl soru maalesef но не
пожалуйста когда как вопрос еще ещё сожалению але будь ласка коли як питання nhưng không chưa khi vui lòng hỏi nem
kérem mikor hogyan dar când cum rog
"""
THANKS = frozenset(_THANKS.split())
AROUND = frozenset(_AROUND.split())
BUTS = frozenset(_BUTS.split())
# Words that are thanks together, and some that only seem so.
PHRASES = ("cảm ơn", "cám ơn", "terima kasih", "много благодаря", "much appreciated", "faleminderit")
NO_THANKS = (
    "no thanks",
    "no thank",
    "no, thank",
    "nein danke",
    "nein, danke",
    "non merci",
    "non, merci",
    "no gracias",
    "no, gracias",
    "no grazie",
    "no, grazie",
)

# Chinese, Japanese and Korean have no blanks: these are taken out of the text, the longest first.
EAST_THANKS = (
    "非常感谢", "万分感谢", "十分感谢", "多谢", "感谢", "谢谢", "谢了", "谢啦", "致谢", "有劳", "非常感謝", "多謝", "感謝",
    "謝謝", "謝了", "感恩", "辛苦了", "辛苦", "3q", "ありがとうございました", "ありがとうございます", "ありがとう",
    "有難うございました", "有難うございます", "有り難うございます", "有難う", "感謝いたします", "感謝します",
    "感謝致します", "助かりました", "お礼申し上げます", "御礼申し上げます", "감사합니다", "감사드립니다", "감사했습니다",
    "감사해요", "고맙습니다", "고마워요", "감사", "고마워",
    "ขอบคุณ",
)  # fmt: skip
EAST_AROUND = (
    "您好", "你好", "大家好", "老师", "客服", "工程师", "好的", "好滴", "好嘞", "可以了", "可以", "已经", "已", "收到了",
    "收到", "知道了", "明白了", "明白", "了解了", "了解", "解决了", "解决", "搞定了", "搞定", "正常了", "恢复正常",
    "恢复了", "恢复", "正常", "没事了", "问题", "您的", "你的", "你们的", "你们", "您", "你", "帮助", "帮忙", "支持",
    "回复", "答复", "解答", "耐心", "及时", "快速", "处理", "配合", "协助", "指导", "的", "了", "啦", "哈", "呀", "哦",
    "啊", "嗯", "非常", "十分", "太", "很", "棒", "好", "祝", "商祺", "工作顺利", "生活愉快", "顺颂", "此致", "敬礼",
    "周末愉快", "麻烦", "给力", "我这边", "现在", "都", "这边", "ok", "对", "是", "先生", "女士", "小姐", "经理", "工单",
    "已經", "解決了", "解決", "幫忙", "幫助", "協助", "回覆", "處理", "瞭解", "問題", "恢復", "順頌", "時祺", "您們",
    "お世話になっております", "お世話になります", "お疲れ様です", "ご対応", "ご返信", "ご回答", "ご連絡", "ご確認",
    "ご協力", "迅速な", "早速の", "早速", "いただき", "頂き", "いただきまして", "くださり", "下さり", "誠に", "本当に",
    "大変", "とても", "どうも", "解決しました", "解決いたしました", "確認しました", "確認いたしました", "確認できました",
    "了解しました", "了解です", "承知しました", "承知いたしました", "無事", "ございません", "ありません",
    "よろしくお願いいたします", "よろしくお願いします", "宜しくお願い致します", "様", "です", "ます", "ました", "の", "を",
    "に", "は", "が", "で", "と", "も", "ご", "お", "引き続き", "これで", "大丈夫です", "大丈夫", "안녕하세요", "정말",
    "너무", "대단히", "매우", "빠른", "답변", "답장", "회신", "도움", "처리", "지원", "친절한", "해결되었습니다",
    "해결됐습니다", "해결했습니다", "확인했습니다", "확인하였습니다", "확인", "네", "예", "잘", "됩니다", "주셔서",
    "해주셔서", "해 주셔서", "주신", "수고하세요", "수고하셨습니다", "좋은", "하루", "되세요", "드립니다", "덕분에", "님",
    "을", "를", "이", "가", "에", "도", "은", "는", "덕분",
    "没问题了", "没问题", "沒問題了", "沒問題", "ครับ", "ค่ะ", "มาก",
)  # fmt: skip
EAST_BUTS = (
    "但是", "不过", "但", "可是", "然而", "还是", "仍然", "仍", "没有", "不能", "不行", "无法", "请问", "怎么", "什么",
    "为什么", "何时", "什么时候", "吗", "呢", "再", "另外", "还有", "还需要", "需要", "麻烦您", "麻烦你", "请您", "请你",
    "请把", "请将", "请发", "请提供", "请尽快", "帮我", "退款", "取消", "谢谢合作", "如何", "不是", "不对", "错", "提前",
    "先谢", "不過", "還是", "沒有", "無法", "請問", "怎麼", "什麼", "為什麼", "嗎", "還有", "請您", "請你", "しかし",
    "ですが", "けれど", "まだ", "ません", "いつ", "どう", "なぜ", "ください", "もらえ", "いただけ", "教えて", "質問",
    "ところで", "また、", "但し", "キャンセル", "か？", "でしょうか", "하지만", "그런데", "아직", "안 ", "못 ", "언제",
    "어떻게", "왜", "부탁", "주세요", "질문", "취소", "환불", "않", "까요", "나요", "不", "请", "請", "no ", "挂",
)  # fmt: skip
SURNAMES = (
    "李王张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔汤張劉陳楊黃趙吳孫馬羅鄭許韓馮鄧葉蘇呂盧鐘譚"
    "陸賈韋鄒龍賀顧龔萬錢嚴湯"
)
