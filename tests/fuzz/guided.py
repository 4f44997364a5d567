"""One target under atheris (libFuzzer): `python -m tests.fuzz.guided TARGET DIRECTORY SECONDS SEED`.

A process of its own, because libFuzzer ends it. Findings do not: they are noted, one for each fault, and it goes on.
DIRECTORY gets corpus/ (every input that reached something new), findings/ and count.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["smtpgate"], enable_loader_override=False):
    from tests.fuzz import targets
    from tests.fuzz.target import attempt

_LONGEST = 16 * 1024
_SLOW = 0.5  # seconds of CPU of the instrumented code that are worth a second look


def main() -> None:
    name, directory, seconds, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    target = targets.ALL[name]
    corpus, findings = directory / "corpus", directory / "findings"
    for made in (corpus, findings):
        made.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        if len(data) <= _LONGEST:
            (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = directory / "words"
    words.write_text("".join('"' + "".join(f"\\x{octet:02x}" for octet in word) + '"\n' for word in target.words if word))
    known: dict[str, int] = {}
    state = {"count": 0, "said": time.monotonic()}

    def one(data: bytes) -> None:
        state["count"] += 1
        began = time.process_time()
        finding = attempt(target, data, twice=state["count"] % 16 == 0)
        spent = time.process_time() - began
        if finding is not None and len(data) < known.get(finding.key, 1 << 30):
            known[finding.key] = len(data)
            at = findings / hashlib.sha256(finding.key.encode()).hexdigest()[:16]
            at.write_bytes(data)
            at.with_suffix(".txt").write_text(f"{finding.key}\n{finding.trace}")
        if spent > _SLOW:
            (directory / f"slow-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)
        if time.monotonic() - state["said"] > 1:
            state["said"] = time.monotonic()
            (directory / "count").write_text(json.dumps({"executions": state["count"], "findings": len(known)}))

    limits = [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-rss_limit_mb=3000", "-timeout=120", f"-seed={seed}"]
    atheris.Setup([sys.argv[0], *limits, "-print_final_stats=1", f"-dict={words}", str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
