"""Where the figures come from: they hold for one machine, and only their ratios travel."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.measure import percentile


def describe(root: Path | None, *, rounds: int, versions: str) -> dict[str, str]:
    """When and where a part is measured, for the head of its section. Its databases are in `root`."""
    folder = root or Path(tempfile.gettempdir())
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}, {rounds} round(s)",
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, load {load} at the start",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {_filesystem(folder)}",
        "disk": f"fdatasync of a 4 KiB page: {_sync(folder):.2f} ms (p50)",
        "versions": f"Python {platform.python_version()}, {versions}, bide {version('bide')}",
    }


def _processor() -> str:
    found = Path("/proc/cpuinfo")
    if found.exists():
        for line in found.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _filesystem(folder: Path) -> str:
    inside = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    kind = max(inside, key=lambda part: len(part.mountpoint)).fstype if inside else "an unknown filesystem"
    return f"{kind} (in memory: flushing costs nothing here)" if kind in {"tmpfs", "ramfs"} else kind


def _sync(folder: Path, count: int = 200) -> float:
    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for n in range(count):
            os.pwrite(file.fileno(), b"x" * 4_096, n * 4_096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return percentile(taken, 50) * 1_000
