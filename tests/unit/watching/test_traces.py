"""Traces: one for each mail, wherever its steps are; none that a collector can hold up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from smtpgate import metrics
from smtpgate.watching import traces as tracing
from smtpgate.watching.traces import Traces
from smtpgate.watchsettings import Watch
from tests.support.collector import Collector, collector
from tests.support.gateway import free_port

MAIL = "aaaaaaaaaaaaa"


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    yield
    assert metrics.on_step is None, "stop() forgot it"


@pytest.fixture
def sink() -> Iterator[Collector]:
    with collector() as made:
        yield made


def settings(url: str, share: float = 1.0) -> Watch:
    return Watch.model_validate({"traces": url, "traces_share": share})


def test_two_nodes_make_one_trace(sink: Collector) -> None:
    door = Traces(settings(sink.url), "mx1", "door")
    metrics.took(metrics.VERDICT, 0.25, MAIL)
    metrics.took(metrics.ACCEPT, 1.0, MAIL)
    metrics.took(metrics.GREET, 0.1)
    door.stop()
    sender = Traces(settings(sink.url), "mx2", "delivery")
    metrics.took(metrics.ATTEMPT, 0.5, MAIL)
    sender.stop()
    metrics.took(metrics.ATTEMPT, 0.5, MAIL)
    by_name = {span.name: span for span in sink.spans}
    assert len(sink.spans) == len(by_name) == 3
    verdict, accept, attempt = (by_name[name] for name in ("verdict", "accept", "attempt"))
    assert verdict.trace == accept.trace == attempt.trace
    assert (accept.above, verdict.above, attempt.above) == (b"", accept.span, accept.span)
    assert len({span.span for span in sink.spans}) == 3
    assert (accept.where, attempt.where) == (("mx1", "door"), ("mx2", "delivery"))
    assert accept.attributes == {"smtpgate.mail": MAIL}
    assert accept.ended - accept.began == 1_000_000_000
    assert verdict.ended - verdict.began == 250_000_000


def test_a_share_is_the_same_mails_for_all(sink: Collector) -> None:
    chosen = []
    for node in ("mx1", "mx2"):
        traces = Traces(settings(sink.url, 0.3), node, "door")
        for number in range(300):
            metrics.took(metrics.ACCEPT, 0.0, f"mail {number}")
        traces.stop()
        chosen.append({span.attributes["smtpgate.mail"] for span in sink.spans})
        sink.spans.clear()
    assert chosen[0] == chosen[1]
    assert 50 < len(chosen[0]) < 130


def test_a_collector_that_is_not_there_costs_nothing_but_the_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_TIMEOUT", 0.2)
    before = metrics.SPANS.values["lost"][0]
    traces = Traces(settings(f"http://127.0.0.1:{free_port()}/v1/traces"), "mx1", "door")
    with capture_logs() as logged:
        metrics.took(metrics.ACCEPT, 0.0, MAIL)
        traces.stop()
    assert metrics.SPANS.values["lost"][0] == before + 1
    assert [line["event"] for line in logged] == ["traces cannot be sent"]


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "ftp://a/b", "http://", "http://user:pw@a/", "http://a:99999/", "http://a:0/"])
def test_what_is_no_collector(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a collector"):
        settings(url)
