"""The command line of a trial that is so many of something, drawn from a seed."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable


def main(doc: str | None, run: Callable[[int, int], Counter[str]], count: int) -> int:
    """run: with count and seed; what it counted is printed, with the seconds of processor."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began = time.process_time()
    told = run(args.count, args.seed)
    print(
        ", ".join(f"{times} {what}" for what, times in told.most_common()), f"in {time.process_time() - began:.0f} s of processor"
    )
    return 0
