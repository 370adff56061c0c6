"""Writes helper/tests/reference/scikit_learn.csv: the test MSE that scikit-learn's forests reach on the lab's split.

Same rows, same hyperparameters, several seeds. A forest's first k trees are the k-tree forest of the same seed, so
one forest of 340 trees gives all 30 scores. Takes some minutes. Run it where scikit-learn is, for example:

    python3 -m venv .tools/reference
    .tools/reference/bin/pip install numpy==2.4.6 scikit-learn==1.9.1
    .tools/reference/bin/python scripts/reference/scikit_learn.py TABLE

TABLE is the raw table, cal_housing.data.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import numpy as np
import sklearn
from chacha import permutation
from sklearn.ensemble import RandomForestRegressor

SEEDS = range(10)
SIZES = range(50, 341, 10)


def table(path: str) -> tuple[np.ndarray, np.ndarray]:
    raw = np.loadtxt(path, delimiter=",")
    longitude, latitude, age, rooms, bedrooms, population, households, income, value = raw.T
    columns = [income, age, rooms / households, bedrooms / households]
    columns += [population, population / households, latitude, longitude]
    return np.column_stack(columns), value / 100_000.0


def main() -> None:
    x, y = table(sys.argv[1])
    order = permutation(len(y), 42)
    tests = int(np.ceil(0.2 * len(y)))
    test, train = order[:tests], order[tests:]
    scores = np.empty((len(SEEDS), len(SIZES)))
    for i, seed in enumerate(SEEDS):
        forest = RandomForestRegressor(max(SIZES), max_depth=20, min_samples_split=5, random_state=seed, n_jobs=-1)
        forest.fit(x[train], y[train])
        trees = np.array([tree.predict(x[test].astype(np.float32)) for tree in forest.estimators_])
        means = np.cumsum(trees, axis=0) / np.arange(1, len(trees) + 1)[:, None]
        scores[i] = [np.mean((means[size - 1] - y[test]) ** 2) for size in SIZES]
        print(
            f"seed {seed}: {scores[i, 0]:.4f} with {SIZES[0]} trees, {scores[i, -1]:.4f} with {SIZES[-1]}", flush=True
        )
    lines = [
        f"# scikit-learn {sklearn.__version__}, numpy {np.__version__}, Python {platform.python_version()}; "
        f"max_depth=20, min_samples_split=5, seeds {SEEDS[0]} to {SEEDS[-1]}",
        "n_estimators,mean,deviation,smallest,largest",
    ]
    for size, column in zip(SIZES, scores.T, strict=True):
        numbers = (column.mean(), column.std(ddof=1), column.min(), column.max())
        lines.append(f"{size}," + ",".join(f"{number:.6f}" for number in numbers))
    target = Path(__file__).resolve().parents[2] / "helper" / "tests" / "reference" / "scikit_learn.csv"
    target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
