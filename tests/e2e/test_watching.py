"""A gateway that lets itself be watched: its mail is counted across processes, and it says why it is not ready."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.collector import collector
from tests.support.gateway import Gateway, free_port, letter, wait_for


def asked(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def values(port: int) -> dict[tuple[str, ...], float]:
    """By the name of a sample and the values of its labels."""
    families = text_string_to_metric_families(asked(port, "/metrics")[1])
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_what_happens_is_counted_in_whichever_process(tmp_path: Path, both_shapes: str) -> None:
    port = free_port()
    gateway = Gateway.make(tmp_path, watch={"listen": [f"127.0.0.1:{port}"]})
    with gateway.running():
        for number in range(2):
            gateway.send(letter(f"Case {number}", f"Text {number}"))
        gateway.mails_to("alice@customer.example", 2)
        found: dict[Any, float] = wait_for(lambda: (seen := values(port))["smtpgate_mails_total", "accepted"] == 2 and seen)
        if both_shapes != "one" and (door := gateway.helper("door")):
            os.kill(door, signal.SIGKILL)
            wait_for(lambda: gateway.helper("door") not in (None, door) and gateway.greets())
            gateway.send(letter("Case 3", "Text 3"))
            found = wait_for(lambda: (seen := values(port))["smtpgate_mails_total", "accepted"] == 3 and seen, why="none is lost")
            assert found["smtpgate_log_lines_total", "error"] >= 1
        gateway.settle()
        for step in ("greet", "verdict", "commit", "accept", "wait", "parse", "decide", "filed", "attempt", "answer"):
            assert found["smtpgate_step_seconds_count", step] >= 2, step
        assert found["smtpgate_verdicts_total", "trusted"] == found["smtpgate_mails_total", "accepted"]
        assert found["smtpgate_filed_total", "new"] >= 2
        assert found["smtpgate_delivery_attempts_total", "delivered"] >= 2
        assert found["smtpgate_store_commit_seconds_count",] > 0
        assert 1 <= found["smtpgate_processes", "parser"] <= 2  # a second one only when a mail waits
        assert found["smtpgate_process_memory_bytes", "gateway"] > 10_000_000
        assert found["smtpgate_ready",] == found["smtpgate_store_up",] == 1
        assert asked(port, "/health/live") == (200, '{"status": "live", "reasons": []}\n')
        assert "customer.example" not in asked(port, "/metrics")[1]


def test_a_mail_is_one_trace_across_processes(tmp_path: Path, both_shapes: str) -> None:
    with collector() as sink:
        gateway = Gateway.make(tmp_path, watch={"traces": sink.url}, store={"node": "mx1"})
        with gateway.running():
            for number in range(2):
                gateway.send(letter(f"Case {number}", f"Text {number}"))
            gateway.mails_to("alice@customer.example", 2)
            gateway.settle()
    roots = {span.trace: span for span in sink.spans if span.name == "accept"}
    assert len(roots) == len({root.attributes["smtpgate.mail"] for root in roots.values()}) == 2
    for trace, root in roots.items():
        steps = [span for span in sink.spans if span.trace == trace]
        assert sorted(span.name for span in steps) == ["accept", "attempt", "commit", "decide", "parse", "verdict", "wait"]
        assert {span.above for span in steps if span is not root} == {root.span}
        places = {"gateway"} if both_shapes == "one" else {"gateway", "door", "delivery"}
        assert {span.where for span in steps} == {("mx1", place) for place in places}


def test_a_disk_without_room_is_a_reason(tmp_path: Path) -> None:
    port = free_port()
    with Gateway.make(tmp_path, watch={"listen": [f"127.0.0.1:{port}"]}, limits={"free_space": f"{2**20}GiB"}).running():
        status, body = asked(port, "/health/ready")
        assert status == 503
        assert "mail is answered 452" in json.loads(body)["reasons"][0]
        assert asked(port, "/health/live")[0] == 200


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    taken = Gateway.make(tmp_path / "one")
    with taken.running():
        gateway = Gateway.make(tmp_path / "two", watch={"listen": [f"127.0.0.1:{taken.port}"]})
        gateway.spawn()
        assert gateway.process is not None
        assert gateway.process.wait(20) == 1
        gateway.process = None
        assert "cannot start" in gateway.log()
        assert "Traceback" not in gateway.log()
