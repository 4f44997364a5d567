"""The benchmark measures mails that are read, not mails that fail early."""

from __future__ import annotations

import pytest

from benchmarks import mail as bench
from benchmarks import mails
from smtpgate.model import Kind


@pytest.mark.parametrize("shape", [s for s in mails.SHAPES if s.several], ids=lambda s: s.name)
def test_each_shape_is_read_as_what_it_is(shape: mails.Shape) -> None:
    one, other = (bench.read(shape.make(seed)) for seed in (1, 2))
    kinds = {"absence note": Kind.AUTO_REPLY, "bounce with the original": Kind.BOUNCE}
    assert one.kind is kinds.get(shape.name, Kind.HUMAN)
    assert one.text
    assert one.reply
    assert one.text != other.text
    assert not one.opaque
    assert not one.defects
    assert "\ufffd" not in one.text


def test_what_is_quoted_is_found() -> None:
    for make in (mails.reply, mails.outlook, mails.gmail, mails.qq, mails.inline):
        mail = bench.read(make(3))
        assert 0 < len(mail.reply) < len(mail.text) - 200


def test_the_attachment_is_whole() -> None:
    assert [a.size for a in bench.read(mails.attachment(1, 1000)).attachments] == [1000]


def test_an_attachment_is_not_copied_before_it_is_decoded() -> None:
    size = 2 * mails.MIB
    assert bench.peak(mails.attachment(1, size)) < 1.3 * size


def test_costs_are_counted() -> None:
    found = bench.cost(len, [b"x", b"y"], spend=0.001)
    assert 0 <= found.best <= found.median <= found.p95 < 0.1


def test_stages_add_up_and_leave_nothing_behind() -> None:
    before = bench.parse.trim.split
    found = bench.stages([mails.newsletter(1)], spend=0.0)  # HTML that nothing stands beside
    assert found["header"] > 0
    assert found["html"] > 0
    assert found["extraction"] > 0
    assert all(value >= 0 for value in found.values())
    assert bench.parse.trim.split is before
