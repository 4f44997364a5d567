"""What languages are told by: everyday words, letters of their own, and Chinese characters of one script. Data only.

Words are in lower case. A word of several languages counts for each of them, and less.
"""

from __future__ import annotations

WORDS: dict[str, str] = {
    "en": (
        "the and is are to of in you we my your please not with have has had for this that these it its hello hi hey "
        "dear thanks thank can cannot can't would could should regards was were from our be but when what how there an "
        "at been order help does don't doesn't did didn't will if on as they which still any also i'm i've it's get got "
        "some just now all about so or me us need want know am yes up out one after before because any best sincerely "
        "cheers morning afternoon received working works issue problem error account"
    ),
    "de": (
        "der die das und ist nicht ich wir sie mit ein eine einen einem einer für auf bitte danke vielen dank hallo "
        "guten tag sehr geehrte geehrter damen herren grüßen grüße gruß freundlichen freundliche habe haben hat mein "
        "meine meinen meiner unser unsere zu zum zur von wie kann können dem den des im am es auch noch aber wenn dass "
        "oder bei nach aus wird wurde werden war sind sich nur schon mir mich uns ihnen ihr ihre ihren ja nein keine "
        "kein leider seit heute bestellung rechnung problem liebe lieber viele"
    ),
    "fr": (
        "le la les et est je nous vous pas une un des du de pour avec bonjour bonsoir merci mon ma mes notre nos votre "
        "vos cordialement dans que qui sur ce cette ces ai avons avez suis sont au aux il elle mais ou plus bien être "
        "fait comme par ne se si j'ai c'est n'est salutations madame monsieur commande facture problème depuis toujours "
        "encore très s'il plaît reçu beaucoup peut pouvez voici d'une d'un l'adresse"
    ),
    "es": (
        "el los las la y es yo por para con una un hola gracias mi mis su sus nuestro favor saludos saludo que del de "
        "estoy tengo usted ustedes pedido está están buenos buenas días tardes al se no me nos lo le pero como cuando "
        "más también muy sí ya esta este esto hay puede pueden quiero necesito desde hasta factura problema cordial "
        "atentamente muchas he ha han sin sobre porque ser en"
    ),
    "pt": (
        "o os as a e é não eu você vocês uma um com olá obrigado obrigada meu minha meus seu sua por que da do das dos "
        "de em no na nos nas está estou para atenciosamente bom boa dia tarde noite mas como quando mais também muito já "
        "este esta isso tenho tem pode podem preciso quero desde até pedido fatura nota problema favor gostaria ao à são "
        "foi ainda prezados cumprimentos abraço agradeço"
    ),
    "it": (
        "il lo gli la le i e è non io per con una un uno ciao grazie mio mia mie nostro vostro buongiorno buonasera "
        "saluti che del della dei delle di sono ho abbiamo cordiali questo questa ma come quando più anche molto già si "
        "ha hanno può possiamo vorrei ordine fattura problema salve gentile distinti da nel nella al alla ci mi vi "
        "ancora perché cosa stato stata essere"
    ),
    "nl": (
        "het een en niet ik wij we u je voor van graag bedankt dank mijn uw onze groeten groet hoe kan kunnen dat dit "
        "geen heb hebben heeft op met is zijn de te in aan als maar ook nog wel er naar bij om vriendelijke beste hallo "
        "goedemorgen geachte bestelling factuur probleem wordt werd deze alvast hartelijk sinds wat wanneer kunt ben"
    ),
    "sv": (
        "och är inte jag vi det att hej tack på för med ett en min mitt mina vår er har hälsningar vänliga som kan av "
        "till från om men när hur ni den var ska skulle också bara beställning faktura problem mvh hjälp eller så har "
        "fått finns detta snälla gärna"
    ),
    "da": (
        "og er ikke jeg vi det at hej tak på for med et en min mit mine vores har hilsen venlig hilsner som kan af til "
        "fra om men når hvordan den var skal også kun bestilling faktura problem hjælp eller så har fået jer denne dette "
        "hvad hvornår nu blev god dag kære gerne"
    ),
    "no": (
        "og er ikke jeg vi det at hei takk på for med et en min mitt mine vår har hilsen vennlig som kan av til fra om "
        "men når hvordan den var skal også bare bestilling faktura problem hjelp eller så har fått dere denne dette hva "
        "nå ble god dag kjære gjerne mvh"
    ),
    "fi": (
        "ja on ei en minä me se että hei kiitos moi terveisin ystävällisin minun meidän teidän ovat oli kun mutta jos "
        "tai myös vain tilaus lasku ongelma apua voiko voitteko olen olemme mikä miten milloin tämä tämän siitä kanssa "
        "ole onko sitä nyt vielä päivää hyvää"
    ),
    "pl": (
        "nie jest się na proszę dziękuję dziękujemy dzień dobry mam moje mój moja pozdrawiam że jak do i w z o za od po "
        "dla czy ale co to są był była będzie już tylko jeszcze bardzo zamówienie faktura problem pomoc witam państwa "
        "państwo mogę można oraz ten ta tego przez kiedy które który pozdrowienia"
    ),
    "cs": (
        "je se na že jak do a v z s o za od po pro ale co to jsou byl byla bude už jen ještě velmi prosím děkuji "
        "děkujeme dobrý den dobrý mám moje můj objednávka faktura problém pomoc pozdravem zdravím jsem není nebo když "
        "která který jsme vám vás mi mě tak kdy můžete také"
    ),
    "sk": (
        "je sa na že ako do a v z s o za od po pre ale čo to sú bol bola bude už len ešte veľmi prosím ďakujem ďakujeme "
        "dobrý deň mám moja môj objednávka faktúra problém pomoc pozdravom zdravím som nie alebo keď ktorá ktorý sme vám "
        "vás mi ma tak kedy môžete tiež"
    ),
    "tr": (
        "ve bir bu için değil merhaba teşekkürler teşekkür ederim ederiz lütfen çok nasıl var yok ben biz siz ile ne de "
        "da mi mı mu gibi daha ama sipariş fatura sorun yardım iyi günler selam saygılarımla sayın olarak olan bana size "
        "benim hala henüz kadar sonra oldu"
    ),
    "vi": (
        "và là của tôi không có được cho xin chào cảm ơn này một các những với trong để khi bạn anh chị em chúng từ đến "
        "đã sẽ đang vui lòng đơn hàng hóa đơn lỗi giúp như thế nào nhưng hoặc cũng rất mình ạ ơi làm trân trọng"
    ),
    "id": (
        "dan yang di ini itu tidak saya kami anda untuk dengan dari ke pada adalah ada akan bisa sudah belum tolong "
        "mohon terima kasih halo selamat pagi siang pesanan faktur masalah bantuan apa bagaimana kapan juga atau karena "
        "jika oleh kepada hormat pak bu"
    ),
    "hu": (
        "és a az nem hogy egy van volt kérem köszönöm köszönjük szia üdvözlettel jó napot tisztelt rendelés számla "
        "probléma segítség de ha vagy is meg csak már még nagyon hogyan mikor ez azt ezt én mi ön önök vagyok nekem"
    ),
    "ro": (
        "și este nu în la cu de pe pentru un o eu noi vă mulțumesc multumesc bună buna ziua salut stimate comanda "
        "comandă factura problema ajutor dar dacă sau când cum care am are au fost sunt acest această mai foarte rog"
    ),
    "hr": (
        "je i u na se da ne za su sam od do s a ali kako što hvala molim dobar dan poštovani pozdrav lijep narudžba "
        "račun problem pomoć nije biti bio bila imam imamo moj moja kada ili još već samo vas vam"
    ),
}  # fmt: skip
CYRILLIC: dict[str, str] = {
    "ru": (
        "и в не на я что с по мы как это для вы но к у из за от так же бы есть был была было здравствуйте спасибо "
        "пожалуйста добрый день заказ счет проблема помогите уважением мой моя наш ваш или если когда очень только еще "
        "уже можно нет да"
    ),
    "uk": (
        "і в не на я що з ми як це для ви але до у за від так же є був була було доброго дня дякую будь ласка замовлення "
        "рахунок проблема допоможіть повагою мій моя наш ваш або якщо коли дуже тільки ще вже можна ні так привіт вітаю "
        "та"
    ),
    "bg": (
        "и в не на аз че с ние как това за вие но към у от така е беше здравейте благодаря моля добър ден поръчка "
        "фактура проблем помогнете поздрави моят моята нашия вашия или ако кога много само още вече може да се са ще"
    ),
}  # fmt: skip
# Letters that hardly any other of these languages has.
LETTERS: dict[str, str] = {
    "de": "ßäöü", "fr": "œëêûùî", "es": "ñ¿¡", "pt": "ãõê", "it": "ìòù", "nl": "ë", "sv": "åäö", "da": "åøæ", "no": "åøæ",
    "fi": "äö",
    "pl": "łąęśżźńć", "cs": "řěůčšžýďť", "sk": "ľĺŕčšžýďťä",
    "hr": "ćčšžđ", "hu": "őűöü", "ro": "ășțî", "tr": "ığşöü", "vi": "ơưăđêãõìòùý",
}  # fmt: skip
# Characters that are written so in one script of Chinese only; the everyday ones, in pairs.
SIMPLIFIED = (
    "们这为个来对时会说国过还发没动实现进样后开关应问题样员单点无线电话邮复设备产书业东丝两严丧乐习乡买乱亏云亚亲亿仅"
    "从仓仪价众优伙传伤伦伪体余佣侠侣侦债倾储儿兑党兰兴养兽内册写军农冲决况冻净减几凤凭击划则刚创删别剂剑剧劝办务劳势"
    "华协卖卢卫却厂厅历压厌厕县参双变叙号叹听启员响哑团园围图圆场坏块坚坛坝坟垫报够头夹夺奋奖妆妇妈孙学宁宝宠审宪宽宾"
    "导寻层岁岛币师帐帮带帧库废弃张弹强归录忆态总恋恶悬惊惯愿懒户扑执扩扫扬抢护担拟拥择挂挡换据"
)
TRADITIONAL = (
    "們這為個來對時會說國過還發沒動實現進樣後開關應問題樣員單點無線電話郵復設備產書業東絲兩嚴喪樂習鄉買亂虧雲亞親億僅"
    "從倉儀價眾優夥傳傷倫偽體餘傭俠侶偵債傾儲兒兌黨蘭興養獸內冊寫軍農衝決況凍淨減幾鳳憑擊劃則剛創刪別劑劍劇勸辦務勞勢"
    "華協賣盧衛卻廠廳歷壓厭廁縣參雙變敘號歎聽啟員響啞團園圍圖圓場壞塊堅壇壩墳墊報夠頭夾奪奮獎妝婦媽孫學寧寶寵審憲寬賓"
    "導尋層歲島幣師帳幫帶幀庫廢棄張彈強歸錄憶態總戀惡懸驚慣願懶戶撲執擴掃揚搶護擔擬擁擇掛擋換據"
)
