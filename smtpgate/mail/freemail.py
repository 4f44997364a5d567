"""Who is in one organisation with whom, as far as addresses tell. Pure.

People with mailboxes at the same public provider are strangers to each other. The list holds the domains of providers where
anybody gets a mailbox, and by that everything below them (vip.qq.com); one that is missing makes strangers colleagues, so add it.
First those of China, then those of all the world, then by country.
"""

from __future__ import annotations

PROVIDERS = frozenset((
    "qq.com", "foxmail.com", "163.com", "126.com", "163.net", "yeah.net", "188.com", "139.com", "189.cn", "wo.cn",
    "sina.com", "sina.cn", "sina.com.cn", "sohu.com", "tom.com", "21cn.com", "263.net", "aliyun.com", "88.com", "111.com",
    "2980.com", "eyou.com", "chinaren.com", "sogou.com", "netvigator.com", "hinet.net", "pchome.com.tw", "seed.net.tw",
    "yahoo.com.tw", "yahoo.com.hk", "yahoo.com.cn", "yahoo.cn", "gmail.com", "googlemail.com", "outlook.com", "hotmail.com",
    "live.com", "msn.com", "passport.com", "windowslive.com", "yahoo.com", "ymail.com", "rocketmail.com", "myyahoo.com",
    "icloud.com", "me.com", "mac.com", "aol.com", "aim.com", "proton.me", "protonmail.com", "protonmail.ch", "pm.me",
    "tutanota.com", "tutanota.de", "tuta.com", "tuta.io", "tutamail.com", "keemail.me", "zoho.com", "zohomail.com",
    "zohomail.eu", "gmx.com", "gmx.net", "mail.com", "email.com", "fastmail.com", "fastmail.fm", "hushmail.com", "hey.com",
    "duck.com", "posteo.net", "posteo.de", "mailbox.org", "disroot.org", "riseup.net", "startmail.com", "mailfence.com",
    "runbox.com", "countermail.com", "inbox.com", "usa.com", "rediffmail.com", "mailinator.com", "yopmail.com",
    "guerrillamail.com", "opayq.com", "simplelogin.com", "anonaddy.com", "relay.firefox.com", "mozmail.com",
    "privaterelay.appleid.com", "outlook.de", "outlook.fr", "outlook.jp", "outlook.es", "outlook.it", "outlook.in",
    "outlook.com.br", "hotmail.de", "hotmail.fr", "hotmail.co.uk", "hotmail.it", "hotmail.es", "hotmail.com.br",
    "hotmail.co.jp", "live.de", "live.fr", "live.nl", "live.co.uk", "live.jp", "live.cn", "live.it", "live.ca",
    "live.com.au", "yahoo.de", "yahoo.fr", "yahoo.co.uk", "yahoo.co.jp", "yahoo.it", "yahoo.es", "yahoo.ca", "yahoo.in",
    "yahoo.co.in", "yahoo.com.br", "yahoo.com.au", "yahoo.com.ar", "yahoo.com.mx", "yahoo.com.sg", "yahoo.com.vn",
    "yahoo.com.ph", "yahoo.co.id", "yahoo.co.kr", "gmx.de", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de",
    "arcor.de", "1und1.de", "online.de", "vodafone.de", "vodafonemail.de", "kabelmail.de", "unitybox.de", "magenta.de",
    "email.de", "mail.de", "bluewin.ch", "hispeed.ch", "sunrise.ch", "aon.at", "chello.at", "a1.net", "inode.at",
    "orange.fr", "wanadoo.fr", "free.fr", "sfr.fr", "laposte.net", "bbox.fr", "neuf.fr", "numericable.fr",
    "club-internet.fr", "aliceadsl.fr", "btinternet.com", "sky.com", "virginmedia.com", "ntlworld.com", "talktalk.net",
    "tiscali.co.uk", "blueyonder.co.uk", "o2.co.uk", "comcast.net", "verizon.net", "att.net", "sbcglobal.net",
    "bellsouth.net", "cox.net", "charter.net", "earthlink.net", "juno.com", "netzero.net", "optonline.net",
    "windstream.net", "frontier.com", "roadrunner.com", "rr.com", "rogers.com", "shaw.ca", "sympatico.ca", "telus.net",
    "videotron.ca", "bell.net", "libero.it", "virgilio.it", "alice.it", "tin.it", "tim.it", "tiscali.it", "fastwebnet.it",
    "email.it", "telefonica.net", "terra.es", "ono.com", "sapo.pt", "ziggo.nl", "kpnmail.nl", "planet.nl", "xs4all.nl",
    "home.nl", "hetnet.nl", "telenet.be", "skynet.be", "proximus.be", "mail.ru", "bk.ru", "inbox.ru", "list.ru",
    "internet.ru", "yandex.ru", "yandex.com", "ya.ru", "yandex.by", "yandex.kz", "yandex.ua", "rambler.ru", "ukr.net",
    "i.ua", "meta.ua", "wp.pl", "o2.pl", "onet.pl", "op.pl", "interia.pl", "gazeta.pl", "tlen.pl", "vp.pl", "seznam.cz",
    "email.cz", "centrum.cz", "post.cz", "volny.cz", "azet.sk", "centrum.sk", "freemail.hu", "citromail.hu", "abv.bg",
    "mail.bg", "telia.com", "spray.se", "comhem.se", "bredband.net", "online.no", "getmail.no", "tdcadsl.dk", "mail.dk",
    "jubii.dk", "luukku.com", "suomi24.fi", "kolumbus.fi", "elisanet.fi", "netti.fi", "inbox.lv", "inbox.lt", "one.lt",
    "mail.ee", "naver.com", "daum.net", "hanmail.net", "kakao.com", "nate.com", "hanmir.com", "docomo.ne.jp", "ezweb.ne.jp",
    "au.com", "softbank.ne.jp", "i.softbank.jp", "ocn.ne.jp", "nifty.com", "biglobe.ne.jp", "so-net.ne.jp", "infoseek.jp",
    "excite.co.jp", "plala.or.jp", "uol.com.br", "bol.com.br", "terra.com.br", "ig.com.br", "globo.com", "r7.com",
    "bigpond.com", "bigpond.net.au", "optusnet.com.au", "iinet.net.au", "xtra.co.nz", "walla.co.il", "walla.com",
    "012.net.il", "mynet.com", "singnet.com.sg", "indosat.net.id",
))  # fmt: skip


def public(domain: str) -> bool:
    """Is it a provider's, or below one?"""
    labels = domain.lower().split(".")
    return any(".".join(labels[i:]) in PROVIDERS for i in range(len(labels)))


def colleague(customer: str, other: str) -> bool:
    """Is the other address in the customer's organisation: at the same domain or below it? What is above may be anybody's."""
    own, theirs = (address.rpartition("@")[2].lower() for address in (customer, other))
    return bool(own) and not public(own) and (theirs == own or theirs.endswith("." + own))
