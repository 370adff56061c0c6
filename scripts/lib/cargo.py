"""Progress of a cargo build. Standard library only."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable


def follow(lines: Iterable[str], packages: int | None = None) -> list[str]:
    """Prints a line for every 20 packages compiled; returns all other lines of cargo's output."""
    of = f" of about {packages}" if packages else ""
    done, others, started = 0, list[str](), time.monotonic()
    for line in lines:
        if re.match(r"\s*Compiling ", line):
            done += 1
            if done % 20 == 0:
                print(f"  {done}{of} packages, {time.monotonic() - started:.0f} s", flush=True)
        else:
            others.append(line)
    return others
