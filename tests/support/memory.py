"""What a process costs, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


def status(pid: int, key: str) -> int:
    """A line of /proc/PID/status in KiB, such as VmHWM (peak) or VmRSS."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(key + ":"))


def reset_peak(pid: int) -> None:
    """VmHWM counts from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
