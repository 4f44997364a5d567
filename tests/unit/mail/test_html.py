from __future__ import annotations

from collections.abc import Callable

import pytest

from smtpgate.mail import html
from tests.support.doubling import assert_linear


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("a   b\n\tc", "a b c"),
        ("<b>bold</b>,<i> it</i>alic", "bold, italic"),
        ("<p class=MsoNormal>one</p><p class=MsoNormal>two</p>", "one\ntwo"),
        ('<p style="margin:0">one</p><p style="margin: 0px">two</p>', "one\ntwo"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<ol start=3><li>a</li><li>b<ul><li>c</li></ul></li></ol>", "3. a\n4. b\n  - c"),
        ("<table><tr><th>k<th>v</tr><tr><td>1</td><td>2</td></tr></table>", "k | v\n1 | 2"),
        ('<a href="https://x.example/a?b=1&amp;c=2">here</a>', "here <https://x.example/a?b=1&c=2>"),
        ('<a href="http://www.x.example/">x.example</a>', "x.example"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ('<a href="javascript:x()">js</a>', "js"),
        ('<img src="cid:1" alt="a picture">', "[a picture]"),
        ("a<hr>b", "a\n" + "_" * 32 + "\nb"),
        ("x<blockquote>q<blockquote>deep</blockquote></blockquote>y", "x\n\n> q\n>\n> > deep\n\ny"),
        ('<blockquote style="margin:0 0 0 40px;border:none">in</blockquote>', "  in"),
        ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"),
        ("&lt;b&gt; &amp; &nbsp;x &#20320;", "<b> &  x 你"),
        ("1 < 2 <3", "1 < 2 <3"),
        ("a<script>x</script>b<style>y</style>c<title>z</title>", "abc"),
        ("a<script>never closed", "a"),
        ("a<!-- comment -->b<!-->c", "abc"),
        ("a<!-- not closed <p>b", "ab"),
        ("<![if !mso]>a<![endif]>", "a"),
        ('a<span style="display: none">x<span>y</span></span>b', "ab"),
        ('a<div hidden>x</div>b<p style="font-size:0px">z<p>c', "ab\n\nc"),
        ('a<span style="font-size:0.9em">shown</span>', "ashown"),
        ('<a title="a > b" href="https://x.example">t</a>', "t <https://x.example>"),
        ("<a href='x\">t", "t"),
        ("\ud800<p>\udc00", "\ufffd\n\n\ufffd"),
        ("&#" + "9" * 6000 + ";x", "\ufffd;x"),
        ("a\x00\x07\u202eb", "ab"),
        ("", ""),
    ],
)
def test_to_text(source: str, text: str) -> None:
    assert html.to_text(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        # Outlook: cells with paragraphs, rows as lines; layout tables stay as they are
        ("<table><tr><td><p class=MsoNormal>a</p></td><td><p class=MsoNormal>b</p></td></tr>"
         "<tr><td><p>1</p></td><td><p>2</p></td></tr></table>", "a | b\n1 | 2"),
        ("<table><tr><td><p>one</p><p>two</p></td><td>side</td></tr></table>", "one\n\ntwo\n\nside"),
        ("<table><tr><td><table><tr><td>k</td><td>v</td></tr></table></td></tr></table>", "k | v"),
        ("<table><tr><td>a</td><td>&nbsp;</td><td></td></tr></table>", "a"),
        ("before<table><tr><td>a<td>b<tr><td>c<td>d</table>after", "before\n\na | b\nc | d\n\nafter"),
        ("<blockquote><table><tr><td>a</td><td>b</td></tr></table></blockquote>", "> a | b"),
        ("<td>x</td><td>y</td>", "x\ny"),
        # lists
        ('<ol type="a"><li>x<li>y</ol>', "a. x\nb. y"),
        ("<ol><li>x<li value=7>y<li>z</ol>", "1. x\n7. y\n8. z"),
        ("intro<ul><li><p>x</p></li><li><p>y</p></li></ul>end", "intro\n\n- x\n- y\n\nend"),
        ("<ul><li>a<ol><li>b</ol><li>c</ul>", "- a\n  1. b\n- c"),
        # scripts without blanks
        ("<p>你好，\n  世界 和平</p>", "你好，世界 和平"),
        ("<p>你好<b>\n世界</b>\r\nhello\nworld</p>", "你好世界 hello world"),
        ("<p>日本語\nテスト</p>", "日本語テスト"),
        ("<p>한국어\n문장</p>", "한국어 문장"),
        # hidden
        ('<div style="max-height:0px;overflow:hidden">pre</div>shown', "shown"),
        ('<div style="font-size:1px;color:#fff">pre</div>shown', "shown"),
        ('<span style="mso-hide:all">pre</span><a style="mso-hide:all" href="https://x.example">Button</a>', "Button <https://x.example>"),
        ('<span style="font-size:1em">shown</span><span style="font-size:10px">too</span>', "showntoo"),
        ('<div style="height:0;overflow:hidden">no</div><div style="overflow:hidden;height:20px">yes</div>', "yes"),
        ("Hello&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;<p>text", "Hello\n\ntext"),
        ("<img style='display:none' alt=pixel>a<img width=1 height=1 alt=pixel>", "a"),
        # frames without a size of their own, as the tools of newsletters write them
        ('<td style="direction:ltr;font-size:0px"><div style="font-size:0"><div style="font-size:13px">Your order</div></div></td>',
         "Your order"),
        ('<table style="font-size:1px"><tr><th style="font-size:1px;line-height:1px"><p style="font-size:14px">Sale</p></table>',
         "Sale"),
        # a head that nobody closed
        ("<html><head><title>x</title><body><p>words</p>", "words"),
        ("<html><head><meta name=a><p>words</p></body>", "words"),
        ("<html><head><style>p {}</style><link rel=x>no<script>no</script></head><body>words", "words"),
        # a quote too much in a tag
        ('<td style="padding:5px; color="#333333"> 20 planes <b>here</b></td> a "quote" b', '20 planes here a "quote" b'),
        ('<a title="a>b" href=x>c</a> <i title = \'>"\'>d</i>', "c d"),
        # conditional comments
        ("<!--[if mso]><p>for Outlook</p><![endif]-->all", "all"),
        ("<!--[if !mso]><!--><p>for others</p><!--<![endif]-->", "for others"),
        ("<!--[if !mso]> --><p>for others</p><!-- <![endif]-->", "for others"),
        ("<![if !supportLists]>1.<![endif]>x", "1.x"),
        # blanks that count
        ('<div style="white-space: pre-wrap">a\n  b\n\nc<span>d</span></div>x\ny', "a\n  b\n\ncd\nx y"),
        ("<pre>a\r\nb</pre>", "a\nb"),
        ("a</br>b<BR CLEAR=all>c<br\n/>d", "a\nb\nc\nd"),
        # references
        ("a&nbsp b &copy c &lt;d&gt", "a  b \xa9 c <d>"),
        ('<a href="https://x.example/?a=1&copy=2&lt=3&amp;b=4">l</a>', "l <https://x.example/?a=1&copy=2&lt=3&b=4>"),
        ('<a href="https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fx.example%2Fa&data=05">l</a>',
         "l <https://x.example/a>"),
        # pictures
        ('so <img alt="\U0001f600"> glad<img src="https://m.example/e.gif" alt="[微笑]">', "so \U0001f600 glad[微笑]"),
        ('<a href="https://x.example"><img alt="Shop"></a>', "[Shop] <https://x.example>"),
        ('<img title="a <b@c.example>" alt="x">y', "[x]y"),
    ],
)  # fmt: skip
def test_shapes_of_clients(source: str, text: str) -> None:
    assert html.to_text(source) == text


def test_own_pictures_stand_in_their_place() -> None:
    pictures = {"a@b": "chart.png", "https://x.example/1.png": "one.png"}
    source = 'see <img src="cid:A%40b" alt="old"> and <IMG SRC="https://x.example/1.png"> and <img src="cid:none" alt="other">'
    assert html.to_text(source, pictures) == "see [picture: chart.png] and [picture: one.png] and [other]"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('<a href="https://evil.example/x">https://bank.example</a>', "</a> <small>[evil.example]</small>"),
        ('<a href="https://bank.example@evil.example/">bank.example</a>', "</a> <small>[evil.example]</small>"),
        ('<a href="mailto:x@evil.example?subject=s">mail us</a>', "</a> <small>[x@evil.example]</small>"),
        ('<a href="https://www.shop.example/a">see <b>shop.example</b>/a</a>!', "</a>!"),
        ('<a href="https://x.example/&quot;&gt;">y</a>', "</a> <small>[x.example]</small>"),
        ('<a name="x">y</a>', "y</a>"),
    ],
)
def test_links_say_where_they_lead(source: str, shown: str) -> None:
    assert html.sanitise(source)[0].endswith(shown)


FORBIDDEN = ["script", "onerror", "onload", "javascript:", "http://t.example", "position", "url(", "<form", "<iframe", "<svg",
"<style",
             "<base", "<meta", "<link", "<object", "expression", "vbscript", "data:",
             "font-size:0", "-500"]  # fmt: skip


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>x",
        "<img src=x onerror=alert(1)>",
        '<img src="http://t.example/1.gif"><img srcset="http://t.example/2.gif 2x">',
        '<a href="javascript:alert(1)">x</a><a href="JaVaScRiPt:alert(1)">x</a><a href=" javascript:x">y</a>',
        '<a href="java\tscript:alert(1)">x</a><a href="&#106;avascript:x">y</a><a href="vbscript:x">z</a>',
        '<a href="data:text/html,<script>x</script>">x</a>',
        '<p style="position:fixed;top:0">x</p><p style="background:url(http://t.example/x)">y</p>',
        '<p style="color:red;background-color:expression(x)">x</p><p style="color:r\\65 d">y</p>',
        '<div style="background-image:url(http://t.example/x)">x</div>',
        "<style>@import 'http://t.example'</style><link rel=stylesheet href=http://t.example>",
        "<svg><script>x</script><a xlink:href='javascript:x'>y</a></svg><math><mtext><script>x</script></mtext></math>",
        "<form action=http://t.example><input></form><iframe src=http://t.example></iframe><object data=http://t.example></object>",
        "<base href=http://t.example><meta http-equiv=refresh content='0;url=http://t.example'>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
        "<table background=http://t.example><td background=http://t.example>x</td></table>",
        "<body onload=x() background=http://t.example>x</body>",
        '<p style="font-size:0">x</p><p style="margin-top:-500px">y</p>',
        "<video poster=http://t.example src=http://t.example></video><audio src=http://t.example></audio>",
    ],
)
def test_sanitise_removes(source: str) -> None:
    clean, _ = html.sanitise(source)
    assert not [word for word in FORBIDDEN if word in clean.lower()]


def test_sanitise_keeps_what_is_harmless() -> None:
    source = '<p style="color:red">你好 <b>b</b> <a href="https://x.example">l</a><img src="cid:a@b" alt="p"></p>'
    clean, defect = html.sanitise(source)
    assert defect == ""
    assert 'style="color:red"' in clean
    assert '<img src="cid:a@b" alt="p">' in clean
    assert 'href="https://x.example"' in clean
    assert "noopener" in clean


@pytest.mark.parametrize("tag", ["div", "b", "span", "table", "blockquote"])
def test_deep_nesting_is_shown_as_text(tag: str) -> None:
    clean, defect = html.sanitise(f"<{tag}>" * 100_000 + "the text & more")
    assert defect == "html is nested too deep, shown as text"
    assert clean.startswith("<pre>")
    assert "the text &amp; more" in clean


def test_end_tags_of_others_do_not_hide_nesting() -> None:
    assert html.sanitise("<b></i>" * 50_000)[1]
    assert html.sanitise("<div></p></span>" * 50_000)[1]


def test_monstrous_tag_is_shown_as_text() -> None:
    assert html.sanitise("<a " + "".join(f"x{i}=1 " for i in range(50_000)) + ">text")[1]


def test_long_flat_html_is_no_monster() -> None:
    assert html.sanitise("<p>a<br>b</p><ul><li>x<li>y</ul>" * 5000)[1] == ""
    assert html.sanitise("<p>" + "x" * 100_000)[1] == ""


def test_lone_surrogates_and_nul() -> None:
    assert html.sanitise("<p>\ud800x\0</p>")[0] == "<p>\ufffdx</p>"


HOSTILE: dict[str, Callable[[int], str]] = {
    "div": lambda n: "<div>" * n,
    "mixed": lambda n: "<b></i>" * n,
    "p": lambda n: "<p>" * n,
    "td": lambda n: "<table><tr><td>" * n,
    "comments": lambda n: "<!--" * n,
    "less than": lambda n: "<" * n,
    "open conditional comments": lambda n: "<!--[if mso]>" * n,
    "one comment, many open": lambda n: "<!-- x -->" + "</script><!--x>" * n,
    "margins": lambda n: '<p style="color:a-b;margin: ' + "margin:a " * n + '">',
    "declarations": lambda n: "<!" * n,
    "instructions": lambda n: "<?" * n,
    "open quotes": lambda n: '<a "' * n,
    "quotes": lambda n: '<a ">' * n,
    "attributes": lambda n: "<a " + "".join(f"x{i}=1 " for i in range(n)) + ">",
    "scripts": lambda n: "<script>" * n,
    "half closed scripts": lambda n: "<script></script" * n,
    "ampersands": lambda n: "&" * n,
    "digits": lambda n: "&#" + "1" * n,
    "less": lambda n: "<" * n,
    "links": lambda n: "<a href=http://x>y" * n,
    "quotes of quotes": lambda n: "<blockquote>x" * n,
    "lists": lambda n: "<ul><li>x" * n,
    "hidden": lambda n: "<span hidden>" * n,
    "fonts": lambda n: "<p><font>x</p>" * n,
    "style of blanks": lambda n: '<a style="' + " " * n + '">',
    "blanks": lambda n: " " * n + "x",
    "breaks": lambda n: "<br>" * n,
    "tables": lambda n: "<table><tr><td>a<td>b" * n,
    "rows": lambda n: "<table>" + "<tr><td>a<td>b" * n,
    "cells": lambda n: "<table><tr>" + "<td>a" * n,
    "closed tables": lambda n: "<table><tr><td>a<td>" * n + "</table>" * n,
    "wide breaks": lambda n: "\u4f60" + " " * n + "\n" + " \u4f60\n" * n,
    "kept blanks": lambda n: "<div style='white-space:pre'>\n" * n,
    "tags in quotes": lambda n: "<a title='<b>' " * n,
    "open quotes of tags": lambda n: "<a '<b \"" * n,
    "stray quotes": lambda n: '<a b="c"" ' * n + "> <",
    "equals signs": lambda n: "<a" + "= " * n + '"<b>"',
    "references": lambda n: '<a href="' + "&" * n + "a" * n + '">x',
    "targets": lambda n: "<a href=http://x>y</a>" * n,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_doubling(make: Callable[[int], str]) -> None:
    assert_linear(make, html.to_text, 4000)
    assert_linear(make, html.sanitise, 4000)
