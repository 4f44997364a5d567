"""`python -m benchmarks`, which is `make bench`."""

from __future__ import annotations

import sys

from benchmarks.intake import main

if __name__ == "__main__":
    sys.exit(main())
