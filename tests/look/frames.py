"""Samples of our mail in frames as wide as a phone and as a window, for headless Chromium."""

from __future__ import annotations

import email
import email.policy
import html
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from smtpgate.desksettings import Agent, Desk, Texts
from smtpgate.languages import LANGUAGES, Language
from smtpgate.mail.compose import Templates
from smtpgate.mail.samples import NAMES, sample

CHROMIUM = shutil.which("chromium")
PHONE, WINDOW = 360, 700
SCHEMES = {"light": "--blink-settings=preferredColorScheme=1", "dark": "--blink-settings=preferredColorScheme=0"}
DESK = Desk(
    name="support",
    address="support@support.example.com",
    display_name=Texts(zh="示例科技客服中心", zh_hant="範例科技客服中心", en="Example Support"),
    timezone="Asia/Shanghai",
)
AGENT = Agent(address="lee@corp.example.com", name=Texts(zh="李雷", zh_hant="李雷", en="Lee"))
_QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --virtual-time-budget=5000"
)
_FRAME = '<figure><figcaption>{name}</figcaption><iframe width="{width}" height="900" srcdoc="{page}"></iframe></figure>'
_PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 12px; display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-start; background: #9ca3af; }}
figure {{ margin: 0; }} figcaption {{ font: 13px/20px sans-serif; }} iframe {{ border: 0; }}
</style><body>{frames}<script>
addEventListener("load", () => {{
  const frames = [...document.querySelectorAll("iframe")];
  for (const f of frames) f.height = f.contentDocument.documentElement.scrollHeight;
  const wide = frames.map((f) => f.contentDocument.documentElement.scrollWidth - f.clientWidth);
  const text = frames.map((f) => f.contentDocument.body.innerText.trim().length);
  const rgb = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {{
    for (; e; e = e.parentElement) {{
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3) return c;
    }}
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  }};
  let faint = 21, where = "";
  for (const f of frames) {{
    const walk = f.contentDocument.createTreeWalker(f.contentDocument.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walk.nextNode()); ) {{
      const e = node.parentElement;
      if (!node.data.trim() || !e.offsetParent) continue;
      const [low, high] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((a, b) => a - b);
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < faint) [faint, where] = [ratio, node.data.trim().slice(0, 40)];
    }}
  }}
  document.body.dataset.faint = faint.toFixed(2) + " " + where;
  document.title = "wide " + Math.max(...wide) + " short " + Math.min(...text) + " frames " + wide.length
    + " high " + document.documentElement.scrollHeight;
}});
</script>"""


def samples(language: Language, templates: Templates, desk: Desk = DESK) -> Iterator[tuple[str, str, str]]:
    """Name, text and HTML of every mail in this language."""
    for name in NAMES:
        mail = email.message_from_bytes(sample(name, language, desk, AGENT, templates).data, policy=email.policy.default)
        plain, rich = (mail.get_body((kind,)) for kind in ("plain", "html"))
        assert plain is not None
        assert rich is not None
        yield name, str(plain.get_content()), str(rich.get_content())


def page(mails: list[tuple[str, str, int]]) -> str:
    """Of mails, each with its name, HTML and the width of its frame; what was measured of them stands in the title."""
    return _PAGE.format(
        frames="".join(_FRAME.format(name=name, width=width, page=html.escape(source)) for name, source, width in mails)
    )


def pictured(pictures: list[Path], width: int) -> str:
    """A page of pictures that another program made of mails; it is as high as they are."""
    figure = '<figure><figcaption>{}</figcaption><img src="{}" width="{}"></figure>'
    return _PAGE.format(frames="".join(figure.format(one.stem, one.resolve().as_uri(), width) for one in pictures))


def chromium(profile: Path, page: Path, *options: str) -> str:
    """What it says on its standard output."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *_QUIET.split(), f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


__all__ = ["AGENT", "CHROMIUM", "DESK", "LANGUAGES", "PHONE", "SCHEMES", "WINDOW", "chromium", "page", "pictured", "samples"]
