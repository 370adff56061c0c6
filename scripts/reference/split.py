"""Writes helper/tests/reference/split.txt: the first test rows of the lab's split (20,640 rows, seed 42).

Run: python3 scripts/reference/split.py (standard library only)
"""

from pathlib import Path

from chacha import permutation

FIRST = 200
target = Path(__file__).resolve().parents[2] / "helper" / "tests" / "reference" / "split.txt"
target.write_text("".join(f"{row}\n" for row in permutation(20_640, 42)[:FIRST]))
