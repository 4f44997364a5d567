"""Counting: labels are closed, sums of processes are right, and what is exported is what was counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as families

from smtpgate import metrics
from smtpgate.metrics import Counter, Histogram
from smtpgate.model import DeliveryState, MailState
from smtpgate.store.seen import Overview, Worker
from smtpgate.watching import exposition, gauges

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(autouse=True)
def from_nothing() -> Iterator[None]:
    before = metrics.snapshot()
    metrics.forget()
    yield
    metrics.forget()
    for metric in metrics.ALL:
        for label, values in before[metric.name].items():
            metric.values[label][:] = values


def exported(accept: str = "") -> dict[tuple[str, str], float]:
    """(sample, labels but le) or with le: the value, read back by Prometheus' own parser."""
    text, kind = exposition.text(metrics.snapshot(), READ, accept)
    parse = open_families if "openmetrics" in kind else families
    return {
        (sample.name, " ".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))): sample.value
        for family in parse(text.decode())
        for sample in family.samples
    }


READ: gauges.Read = {"sessions": {"open": 3.0}, "store_up": {"": 1.0}}


def test_every_name_is_one_of_a_kind_and_says_what_it_is() -> None:
    names = [metric.name for metric in metrics.ALL] + [gauge.name for gauge in gauges.GAUGES.values()]
    assert len(names) == len(set(names))
    for metric in metrics.ALL:
        assert re.fullmatch(r"smtpgate_[a-z_]+", metric.name)
        assert isinstance(metric, Histogram) or metric.name.endswith("_total")
        assert metric.says.endswith(".")


@given(st.text())
def test_no_mail_can_make_a_new_label(text: str) -> None:
    for metric in metrics.ALL:
        known = set(metric.values)
        match metric:
            case Counter():
                metric.inc(text)
            case Histogram():
                metric.observe(1.0, text)
        assert set(metric.values) == known


def test_a_counter_and_what_it_does_not_know() -> None:
    metrics.MAILS.inc("accepted")
    metrics.MAILS.inc("accepted")
    metrics.MAILS.inc("strange")
    metrics.OCTETS.inc(by=500)
    found = exported()
    assert found["smtpgate_mails_total", "outcome=accepted"] == 2
    assert found["smtpgate_mails_total", "outcome=other"] == 1
    assert found["smtpgate_mails_total", "outcome=refused"] == 0
    assert found["smtpgate_mail_octets_total", ""] == 500


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0", "text/html", "\x00;;q=,"])
def test_a_histogram_in_the_format_that_was_asked_for(accept: str) -> None:
    for seconds in (0.0, 0.001, 0.0011, 4.0, 1000.0):
        metrics.took(metrics.PARSE, seconds)
    found = exported(accept)
    assert found["smtpgate_step_seconds_bucket", "le=0.001 step=parse"] == 2
    assert found["smtpgate_step_seconds_bucket", "le=0.0025 step=parse"] == 3
    assert found["smtpgate_step_seconds_bucket", "le=300.0 step=parse"] == 4
    assert found["smtpgate_step_seconds_bucket", "le=+Inf step=parse"] == found["smtpgate_step_seconds_count", "step=parse"] == 5
    assert found["smtpgate_step_seconds_sum", "step=parse"] == pytest.approx(1004.0021)
    assert found["smtpgate_sessions", "what=open"] == 3


def test_the_sum_of_processes_knows_no_shapes_of_others() -> None:
    metrics.MAILS.inc("accepted")
    metrics.took(metrics.COMMIT, 0.2)
    one = metrics.snapshot()
    strange = {
        "smtpgate_mails_total": {"accepted": [1.0, 2.0], "new": [1.0]},
        "smtpgate_step_seconds": {"commit": [1.0]},
        "of_tomorrow": {"": [1.0]},
    }
    total = metrics.total(one, one, strange, {})
    assert total["smtpgate_mails_total"]["accepted"] == [2.0]
    assert total["smtpgate_step_seconds"]["commit"][-1] == pytest.approx(0.4)
    assert {name: set(values) for name, values in total.items()} == {name: set(values) for name, values in one.items()}
    assert one["smtpgate_mails_total"]["accepted"] == [1.0], "a sum changes nothing that it is made of"


def test_a_commit_of_several_changes() -> None:
    metrics.committed([0.2, 0.3], 0.01, 0.02)
    found = exported()
    assert found["smtpgate_store_wait_seconds_count", ""] == 2
    assert found["smtpgate_store_batch_verbs_bucket", "le=2.0"] == 1
    assert found["smtpgate_store_batch_verbs_bucket", "le=1.0"] == 0
    assert found["smtpgate_store_commit_seconds_sum", ""] == 0.02


# --- gauges -------------------------------------------------------------------------------------------------------------

DOING = {
    "started_at": 5.0,
    "sessions": {"open": 2, "limit": 10, "receiving": 1, "octets": 7, "stress": True},
    "parsers": [{"pid": 1, "octets": None}, {"pid": 2, "octets": 9}],
    "filing": {"in_hand": 3},
    "delivery": {"in_hand": 4, "connections": 2, "limit": 20},
    "processes": [{"name": "gateway", "memory": 5}, {"name": "parser", "memory": 2}, {"name": "parser", "memory": 1}],
    "certificate_until": None,
    "reload_refused": ["why"],
}


def test_gauges_of_the_process() -> None:
    read = gauges.of_process(DOING)
    assert read["parsers"] == {"busy": 1, "idle": 1}
    assert read["process_memory_bytes"] == {"gateway": 5, "parser": 3}
    assert read["processes"] == {"gateway": 1, "parser": 2}
    assert (read["stressed"], read["reload_refused"], read["certificate_ends_seconds"]) == ({"": 1}, {"": 1}, {"": 0})


def test_gauges_before_there_is_anything() -> None:
    read = gauges.of_process({})
    assert read["sessions"] == {"open": 0, "receiving": 0, "limit": 0}
    assert read["processes"] == {}


def test_gauges_of_the_store() -> None:
    workers = (Worker("a", "filing", 3, 0.0), Worker("b", "filing", 1, 0.0), Worker("a", "delivery", 2, 0.0))
    seen = Overview({"mail.accepted": 4, "ticket.open": 9}, (), {"mail.accepted": 90.0, "mail.held": 200.0}, (), workers, 1)
    read = gauges.of_store(seen, 100.0)
    assert set(read["incoming_mails"]) == {state.value for state in MailState}
    assert set(read["outgoing_recipients"]) == {state.value for state in DeliveryState}
    assert read["oldest_seconds"]["mail.accepted"] == 10
    assert read["oldest_seconds"]["mail.held"] == 0, "a clock of another node that is ahead"
    assert read["oldest_seconds"]["delivery.queued"] == 0
    assert read["leases"] == {"filing": 4, "delivery": 2}
    assert read["lease_holders"] == {"filing": 2, "delivery": 1}


def test_every_gauge_is_made() -> None:
    of_watch = {"ready", "turn_age_seconds", "store_up", "disk_free_bytes", "disk_least_bytes"}
    made = set(gauges.of_process(DOING)) | set(gauges.of_store(Overview({}, (), {}, (), (), 1), 0.0)) | of_watch
    assert made == set(gauges.GAUGES)


# --- what the documents name ----------------------------------------------------------------------------------------------

NAMES = {metric.name for metric in metrics.ALL} | {gauge.name for gauge in gauges.GAUGES.values()}
SAMPLES = NAMES | {f"{m.name}_{part}" for m in metrics.ALL if isinstance(m, Histogram) for part in ("bucket", "sum", "count")}
LABELLED = re.compile(r"(smtpgate_[a-z_]+)\{([^}]*)\}")


@pytest.mark.parametrize("name", ["grafana.json", "prometheus-rules.yml"])
def test_every_metric_that_is_drawn_or_alarmed_on_is_exported(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8").replace("\\", "")
    found = set(re.findall(r"\bsmtpgate_[a-z_]+", text))
    assert found, name
    assert found <= SAMPLES, found - SAMPLES
    labels = {m.name: m.label for m in (*metrics.ALL, *gauges.GAUGES.values())}
    values = {m.name: set(m.values) for m in metrics.ALL}
    for sample, written in LABELLED.findall(text):
        metric = sample if sample in NAMES else sample.rpartition("_")[0]
        for label, how, value in re.findall(r'([a-z]+)(=~?)"([^"]*)"', written):
            if label == "instance":
                continue
            assert label == labels[metric], f"{sample} has no label {label}"
            for one in value.split("|") if metric in values else ():
                assert how == "=~" or one in values[metric], f"{sample} never has {label}={one}"


def test_the_dashboard_shows_every_metric() -> None:
    text = (DOCS / "grafana.json").read_text(encoding="utf-8")
    missing = {name for name in NAMES if not re.search(rf"\b{name}(?:_bucket|_sum|_count)?\b", text)}
    assert not missing


def test_the_document_explains_every_metric() -> None:
    rows = re.findall(
        r"^\| `(smtpgate_[a-z_]+)` \| (counter|histogram|gauge) \|(.*)\| (.*) \|$", (DOCS / "watching.md").read_text(), re.M
    )
    wanted = [(m.name, type(m).__name__.lower(), f" `{m.label}` " if m.label else "  ", m.says) for m in metrics.ALL]
    wanted += [(g.name, "gauge", f" `{g.label}` " if g.label else "  ", g.says) for g in gauges.GAUGES.values()]
    assert rows == wanted


def test_every_alarm_is_explained_and_leads_to_what_to_do() -> None:
    rules = (DOCS / "prometheus-rules.yml").read_text(encoding="utf-8")
    alarms = set(re.findall(r"- alert: (\w+)", rules))
    assert len(alarms) == rules.count("expr:") == rules.count("severity:") == rules.count("summary:")
    assert alarms == set(re.findall(r"\bSmtpgate\w+", (DOCS / "watching.md").read_text(encoding="utf-8")))
    operations = (DOCS / "operations.md").read_text(encoding="utf-8")
    for see in re.findall(r"see: ([a-z-]+)", rules):
        assert f"\n## {see}\n" in operations, see
