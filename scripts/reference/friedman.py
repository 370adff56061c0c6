"""Writes helper/tests/reference/friedman.csv: rows of Friedman #1, from the definition in helper/src/data/friedman.rs.

Run: python3 scripts/reference/friedman.py (standard library only)
"""

import math
import platform
from collections.abc import Iterator
from pathlib import Path

from chacha import numbers

ROWS, FEATURES, NOISE, SEED = 50, 8, 1.0, 42


def unit(source: Iterator[int]) -> float:
    return (next(source) >> 11) / 2**53


features, normal = numbers(SEED, 0), numbers(SEED, 1)
lines = [f"# Friedman #1, noise {NOISE}, seed {SEED}; Python {platform.python_version()}"]
for _ in range(ROWS):
    x = [unit(features) for _ in range(FEATURES)]
    radius = math.sqrt(-2 * math.log(1 - unit(normal)))
    noise = radius * math.cos(2 * math.pi * unit(normal))
    y = 10 * math.sin(math.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4] + NOISE * noise
    lines.append(",".join(repr(value) for value in [*x, y]))
target = Path(__file__).resolve().parents[2] / "helper" / "tests" / "reference" / "friedman.csv"
target.write_text("".join(f"{line}\n" for line in lines))
