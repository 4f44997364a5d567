"""The benchmark measures mails that are read, not mails that fail early."""

from __future__ import annotations

from benchmarks import mail as bench
from smtpgate.limitsettings import Limits
from smtpgate.mail import parse


def test_the_mails_of_the_benchmark_are_read() -> None:
    made = (bench.plain(4096), bench.alternative(4096), bench.chinese(), bench.rich(30 * 1024), bench.attachment(1000))
    plain, both, chinese, rich, attachment = (parse.parse(raw, mail_from="alice@example.net", limits=Limits()) for raw in made)
    assert 0 < len(plain.reply) < len(plain.text)
    assert both.html
    assert "原始邮件" not in chinese.reply
    assert "打印机" in chinese.reply
    assert len(rich.text) > 10_000
    assert attachment.attachments[0].size == 1000
    assert not any(m.opaque for m in (plain, both, chinese, rich, attachment))


def test_cost_is_the_best_run() -> None:
    assert 0 <= bench.cost(lambda: sum(range(1000)), least=0.01) < 0.01
