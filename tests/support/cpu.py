"""What each test costs: `pytest -p tests.support.cpu --cpu 40` prints the dearest. Wall time says little on a shared machine.

Counted is the processor time of the test process and of the processes that it or its helpers waited for. A process that
is killed together with its children takes theirs with it.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import zygote

_began: dict[str, float] = {}


def _spent() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both) + zygote.spent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cpu", type=int, default=40, metavar="N", help="print the N dearest tests and modules")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    _began[item.nodeid] = _spent()
    yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield
    item.user_properties.append(("cpu", _spent() - _began.pop(item.nodeid)))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    tests: dict[str, float] = {}
    modules: dict[str, float] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "cpu" and report.when == "teardown":
                    tests[report.nodeid] = value
    for nodeid, value in tests.items():
        module = nodeid.partition("::")[0]
        modules[module] = modules.get(module, 0.0) + value
    for title, costs in (("test", tests), ("module", modules)):
        terminalreporter.write_sep("=", f"processor seconds by {title}, {sum(costs.values()):.1f} in all")
        for nodeid, value in sorted(costs.items(), key=lambda pair: -pair[1])[: config.getoption("--cpu")]:
            terminalreporter.write_line(f"{value:8.2f}  {nodeid}")
