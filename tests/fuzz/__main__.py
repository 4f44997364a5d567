"""Runs fuzz targets: `python -m tests.fuzz TARGET... --seconds N [--seed S]`, or --all, or --list.

Three quarters of the time go to inputs that coverage guides (atheris, where it is installed: pip install atheris) or, without
it, to mutations; the rest to large ones: up to 1 MiB, timed, weighed, and doubled when they are slow. What is found is made
small and written to --out. Mails of your own as further seeds: SMTPGATE_FUZZ_MAILS=DIRECTORY. Exit code 1: something was found.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import structlog

from tests.fuzz import engine, targets
from tests.fuzz.shrink import shrink
from tests.fuzz.target import ROOT, Finding, Target, attempt


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", nargs="*", choices=[[], *targets.ALL])
    parser.add_argument("--all", action="store_true", help="every target, one after the other")
    parser.add_argument("--list", action="store_true", help="the names of the targets")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="mutations only, even where atheris is installed")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "fuzz", help="where findings go")
    args = parser.parse_args()
    if args.list:
        print("\n".join(targets.ALL))
        return 0
    structlog.configure(processors=[lambda *_: ""], logger_factory=structlog.ReturnLoggerFactory())
    guided = not args.plain and importlib.util.find_spec("atheris") is not None
    print(f"engine: {'atheris (coverage-guided)' if guided else 'mutations, not guided (pip install atheris)'}; seed {args.seed}")
    found = 0
    for name in targets.ALL if args.all else args.target:
        found += _one(targets.ALL[name], args.seconds, args.seed, guided, args.out)
    return 1 if found else 0


def _one(target: Target, seconds: int, seed: int, guided: bool, out: Path) -> int:
    findings: dict[str, Finding] = {}
    share = seconds * 3 // 4 if target.large else seconds
    with tempfile.TemporaryDirectory(prefix="smtpgate-fuzz-") as name:
        directory = Path(name)
        if guided:
            count, corpus = _guided(target, directory, share, seed, findings)
        else:
            count, corpus = engine.small(target, share, seed, findings), []
        worst = engine.large(target, seconds - share, seed, corpus, findings) if target.large else engine.Worst()
    for finding in findings.values():
        _keep(shrink(target, finding), out / target.name)
    print(
        f"{'FAIL' if findings else 'ok  '} {target.name}: {seconds} s, {count} executions, {worst.count} large ones,"
        f" worst {worst.cpu:.2f} s CPU and {worst.memory / 1024:.0f} MiB, {len(findings)} findings",
        flush=True,
    )
    for key in findings:
        print(f"       {key}", flush=True)
    return len(findings)


def _guided(target: Target, directory: Path, seconds: int, seed: int, findings: dict[str, Finding]) -> tuple[int, list[bytes]]:
    """In a process of its own; its findings count when they are findings here, without instrumentation."""
    command = (sys.executable, "-m", "tests.fuzz.guided", target.name, str(directory), str(seconds), str(seed))
    log = directory / "log"
    with log.open("wb") as said:
        ended = subprocess.run(command, cwd=ROOT, stdout=said, stderr=said, timeout=seconds + 600, check=False)
    if ended.returncode:
        findings["ended"] = Finding(target.name, "the process ended", b"", log.read_text(errors="replace")[-3000:])
        for crash in sorted(directory.glob("crash-*")) + sorted(ROOT.glob("crash-*")):
            findings["ended"] = Finding(
                target.name, "the process ended", crash.read_bytes(), log.read_text(errors="replace")[-3000:]
            )
    for file in sorted((directory / "findings").glob("*.txt")):
        finding = attempt(target, file.with_suffix("").read_bytes(), twice=True)
        if finding is not None:
            findings[finding.key] = finding
        else:
            print(f"       only in the instrumented run: {file.read_text().splitlines()[0]}", flush=True)
    count = directory / "count"
    corpus = [path.read_bytes() for path in sorted((directory / "corpus").glob("*"))]
    slow = [path.read_bytes() for path in sorted(directory.glob("slow-*"))]
    return json.loads(count.read_text())["executions"] if count.exists() else 0, [*slow, *corpus]


def _keep(finding: Finding, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "-" for c in finding.key)[:80].strip("-").lower()
    (directory / name).write_bytes(finding.data)
    (directory / f"{name}.txt").write_text(f"{finding.key}\n{finding.data[:500]!r}\n\n{finding.trace}")


if __name__ == "__main__":
    sys.exit(main())
