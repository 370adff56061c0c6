"""Writes trees.json: data, and what scikit-learn's regression trees predict for them.

    pip install scikit-learn==1.9.1 numpy==2.4.6
    python make.py > trees.json

All numbers are whole and small enough to be exact in 32-bit floats (features) or after any
division by up to 16 (targets are multiples of 720720). Where trees with different
random_state predict different values (equally good splits), a row is left out of the check:
its prediction is null.
"""

import json
import math
import sys

import numpy as np
import sklearn
from sklearn.datasets import load_diabetes
from sklearn.tree import DecisionTreeRegressor

assert sklearn.__version__ == "1.9.1" and np.__version__ == "2.4.6"
UNIT = math.lcm(*range(1, 17))


def case(name, x, y, test, weight=None, **params):
    assert np.array_equal(x, x.astype(np.float32)) and np.array_equal(test, test.astype(np.float32))
    rows = np.concatenate([x, test])
    predictions = [
        DecisionTreeRegressor(random_state=seed, **params).fit(x, y, sample_weight=weight).predict(rows)
        for seed in range(8)
    ]
    agreed = np.all([p == predictions[0] for p in predictions], axis=0)
    assert agreed.mean() > 0.8, (name, agreed.mean())
    assert np.array_equal(predictions[0], predictions[0].round()), name
    return {
        "name": name,
        "params": params,
        "x": rows.astype(int).tolist(),
        "y": y.astype(int).tolist(),
        "sample_weight": None if weight is None else weight.tolist(),
        "predictions": [int(p) if a else None for p, a in zip(predictions[0], agreed)],
    }


def main():
    rng = np.random.default_rng(0)
    cases = []

    x = rng.integers(0, 1000, (200, 4))
    y = (x[:, 0] + rng.integers(-300, 300, 200)) * UNIT
    test = rng.integers(0, 1000, (60, 4))
    cases.append(case("spread, leaves of 5", x, y, test, min_samples_leaf=5))
    cases.append(case("spread, splits of 12", x[:, :1], y, test[:, :1], min_samples_split=12))
    weight = rng.choice([0.0, 1.0, 2.0], 200)
    cases.append(case("weighted, leaves of 3", x, y, test[:0], weight, min_samples_leaf=3))
    weight = rng.choice([0.25, 0.5, 1.0], 200)
    cases.append(case("fractional weights", x, y, test[:0], weight))

    x = rng.integers(0, 6, (300, 4))
    y = (3 * x[:, 0] * x[:, 1] + rng.integers(-5, 5, 300)) * UNIT
    cases.append(case("tied, leaves of 4", x, y, rng.integers(0, 6, (60, 4)), min_samples_leaf=4))

    x = rng.integers(0, 100, (400, 3))
    steps = 100 * (x[:, 0] > 40) + 10 * (x[:, 1] > 70) + (x[:, 2] > 20)
    cases.append(case("steps, depth 3", x, steps * UNIT, rng.integers(0, 100, (60, 3)), max_depth=3))

    diabetes = load_diabetes(scaled=False)
    x = (diabetes.data * [1, 1, 10, 100, 1, 10, 10, 100, 10000, 1]).round()
    cases.append(case("diabetes", x, diabetes.target * UNIT, x[:0]))
    cases.append(case("diabetes, leaves of 6", x, diabetes.target * UNIT, x[:0], min_samples_leaf=6))
    json.dump(cases, sys.stdout, separators=(",", ":"))
    print()


main()
