"""What reading one mail costs: from its bytes to parsed, classified and trimmed, in CPU time of this process.

    make bench ARGS=mail        half a minute

The mails are those of benchmarks/mails.py, several of each shape in turn, so that no cache answers twice. Beside them the
two parsers that one would take otherwise, on the same bytes: both only open the mail and decode its parts, and neither
trims, classifies, makes HTML safe or tells a language. A second table says where the time goes.
"""

from __future__ import annotations

import email
import importlib
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import mailparser

from benchmarks.mails import SHAPES, Shape
from smtpgate.limitsettings import Limits
from smtpgate.mail import parse
from smtpgate.mail.extract import Extractor
from smtpgate.model import ParsedMail
from smtpgate.ticketsettings import Extraction

_VARIANTS = 7
_LIMITS = Limits.model_validate({"message_size": "40MiB"})
_EXTRACTOR = Extractor([], Extraction())
# The functions in which a stage begins, by the names under which their callers know them.
_STAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "header": (("smtpgate.mail.header", "split"), ("smtpgate.mail.parse", "Head"), ("smtpgate.mail.head", "Head.addresses")),
    "structure": (("smtpgate.mail.structure", "tree"),),
    "transfer": (("smtpgate.mail.transfer", "decode"), ("smtpgate.mail.transfer", "flawless")),
    "charset": (("smtpgate.mail.charset", "decode"),),
    "files": (("smtpgate.mail.files", "Files.add"),),
    "html": (("smtpgate.mail.html", "to_text"), ("smtpgate.mail.html", "sanitise")),
    "trim": (("smtpgate.mail.trim", "split"), ("smtpgate.mail.trim", "Split.own"), ("smtpgate.mail.trim", "Split.in_context")),
    "kind": (("smtpgate.mail.judge", "judge"), ("smtpgate.mail.thanks", "only_thanks")),
    "language": (("smtpgate.mail.language", "of"), ("smtpgate.mail.language", "script")),
}


def read(raw: bytes) -> ParsedMail:
    """As filing has it read."""
    return parse.parse(raw, mail_from="alice@example.net", limits=_LIMITS, html=False)


def read_to_show(raw: bytes) -> ParsedMail:
    """As it is read for a person: its HTML made safe too."""
    return parse.parse(raw, mail_from="alice@example.net", limits=_LIMITS)


def stdlib(raw: bytes) -> object:
    """The standard library's parser with its quickest policy, all parts decoded."""
    return [part.get_payload(decode=True) for part in email.message_from_bytes(raw).walk() if not part.is_multipart()]


def library(raw: bytes) -> object:
    """mail-parser, which many take for this."""
    with suppress(Exception):  # it fails on some shapes; what it did until then is what it costs
        found = mailparser.parse_from_bytes(raw)
        return found.body, found.attachments
    return None


# --- measuring --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """CPU seconds of one run."""

    best: float
    median: float
    p95: float


def cost(run: Callable[[bytes], object], mails: Sequence[bytes], *, spend: float) -> Cost:
    """Over the mails in turn, until `spend` CPU seconds are gone; each mail once at least, after one that nobody counts."""
    run(mails[0])
    took: list[float] = []
    while len(took) < len(mails) or sum(took) < spend:
        raw = mails[len(took) % len(mails)]
        began = time.process_time()
        run(raw)
        took.append(time.process_time() - began)
    took.sort()
    return Cost(took[0], statistics.median(took), took[min(int(len(took) * 0.95), len(took) - 1)])


class Stopwatch:
    """Counts what each stage takes while it is open, without the stages within it."""

    def __init__(self) -> None:
        self.took = dict.fromkeys(_STAGES, 0.0)
        self._inner = [0.0]  # what stages within the open ones took
        self._undo: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> Stopwatch:
        for stage, places in _STAGES.items():
            for module, path in places:
                owner: Any = importlib.import_module(module)
                *outer, name = path.split(".")
                for step in outer:
                    owner = getattr(owner, step)
                self._undo.append((owner, name, getattr(owner, name)))
                setattr(owner, name, self._watched(stage, getattr(owner, name)))
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, function in self._undo:
            setattr(owner, name, function)

    def _watched(self, stage: str, function: Callable[..., object]) -> Callable[..., object]:
        def run(*args: Any, **named: Any) -> object:
            began = time.process_time()
            self._inner.append(0.0)
            try:
                return function(*args, **named)
            finally:
                whole = time.process_time() - began
                self.took[stage] += whole - self._inner.pop()
                self._inner[-1] += whole

        return run


def stages(mails: Sequence[bytes], *, spend: float) -> dict[str, float]:
    """CPU seconds of each stage of one mail, the median over many runs."""
    runs: list[dict[str, float]] = []
    spent = 0.0
    while len(runs) < len(mails) or spent < spend:
        with Stopwatch() as watch:
            began = time.process_time()
            mail = read(mails[len(runs) % len(mails)])
            whole = time.process_time() - began
        began = time.process_time()
        _EXTRACTOR.details(mail)
        extraction = time.process_time() - began
        runs.append({**watch.took, "rest": whole - sum(watch.took.values()), "extraction": extraction})
        spent += whole + extraction
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def peak(raw: bytes) -> int:
    """Octets that reading a mail needs at most, beside the mail itself."""
    tracemalloc.start()
    try:
        read(raw)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- the tables -------------------------------------------------------------------------------------------------------


def main(*, spend: float = 0.5, shapes: Sequence[Shape] = SHAPES) -> int:
    """Print the tables; 0 even where a goal is missed, because others may use the machine. spend: CPU seconds for each figure."""
    made = {shape.name: [shape.make(seed) for seed in range(1, 2 + (_VARIANTS - 1) * shape.several)] for shape in shapes}
    words = "best | median | p95 | goal | with safe HTML | stdlib | mail-parser"
    print(f"| one mail, from bytes to parsed, classified and trimmed | octets | {words} |")
    print("|---|---|---|---|---|---|---|---|---|")
    medians: list[float] = []
    for shape in shapes:
        mails = made[shape.name]
        ours = cost(read, mails, spend=spend)
        shown, theirs, others = (cost(run, mails, spend=spend / 5) for run in (read_to_show, stdlib, library))
        medians.extend([ours.median] if shape.small else [])
        figures = (ours.best, ours.median, ours.p95, shape.goal, shown.median, theirs.median, others.median)
        print(f"| {shape.name} | {len(mails[0])} | " + " | ".join(map(_ms, figures)) + " |", flush=True)
    if medians:
        print(f"\nMedian of the shapes of about 4 KB: {_ms(statistics.median(medians))} ms; the dearest {_ms(max(medians))} ms.")
    print("\n| where it goes, CPU ms | " + " | ".join([*_STAGES, "rest", "at filing: extraction"]) + " |")
    print("|---|" + "---|" * (len(_STAGES) + 2))
    for shape in shapes:
        found = stages(made[shape.name], spend=spend)
        print(f"| {shape.name} | " + " | ".join(_ms(found[name]) for name in (*_STAGES, "rest", "extraction")) + " |", flush=True)
    for shape in shapes:
        if not shape.several:
            raw = made[shape.name][0]
            print(f"\nMemory for {shape.name}, {len(raw) / 1e6:.1f} MB as it came: {peak(raw) / 1e6:.1f} MB more at the peak.")
    print()
    return 0


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}" if seconds < 0.01 else f"{seconds * 1000:.1f}"
