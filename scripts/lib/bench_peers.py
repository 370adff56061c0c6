"""The sides of `scripts/bench peers` that are Python libraries: `bench_peers.py NAME`.

Answers each line with a line of JSON, as helper/forest/benches/peers.rs does; the number of threads is in
RAYON_NUM_THREADS. The hyperparameters are the lab's, or what comes closest to them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

DEPTH, SPLIT = 20, 5

# Predicts rows, and counts nodes.
Forest = tuple[Callable[[Any], Any], Callable[[], int]]
Fit = Callable[[Any, Any, int, int], Forest]


def scikit_learn(threads: int, package: str = "sklearn") -> Fit:
    """scikit-learn, or oneDAL, which has its interface."""
    ensemble = import_module(f"{package}.ensemble")

    def fit(x: Any, y: Any, trees: int, seed: int) -> Forest:
        settings = {"max_depth": DEPTH, "min_samples_split": SPLIT, "random_state": seed, "n_jobs": threads}
        forest = ensemble.RandomForestRegressor(trees, **settings).fit(x, y)
        if package == "sklearnex" and not hasattr(forest, "_onedal_estimator"):
            sys.exit("scikit-learn-intelex left the training to scikit-learn")
        return forest.predict, lambda: sum(tree.tree_.node_count for tree in forest.estimators_)

    return fit


def onedal(threads: int) -> Fit:
    return scikit_learn(threads, "sklearnex")


def ydf(threads: int) -> Fit:
    library = import_module("ydf")
    library.verbose(0)
    settings = {
        "task": library.Task.REGRESSION,
        "max_depth": DEPTH + 1,  # counts the root as 1
        "min_examples": SPLIT,
        "in_split_min_examples_check": False,  # of the node that is split, not of its children
        "num_candidate_attributes": -1,  # all
        "compute_oob_performances": False,
        "num_threads": threads,
    }

    def columns(x: Any) -> dict[str, Any]:
        return {str(feature): x[:, feature] for feature in range(x.shape[1])}

    def fit(x: Any, y: Any, trees: int, seed: int) -> Forest:
        learner = library.RandomForestLearner("y", num_trees=trees, random_seed=seed, **settings)
        forest = learner.train({**columns(x), "y": y})
        return lambda x: forest.predict(columns(x)), forest.num_nodes

    return fit


def fastforest(_threads: int) -> Fit:
    library = import_module("fastforest")

    def fit(x: Any, y: Any, trees: int, seed: int) -> Forest:
        forest = library.FastForest(n_trees=trees, min_node_size=SPLIT, max_features=1.0, seed=seed).fit(x, y)
        return forest.predict, forest.tree_node_counts_.sum

    return fit


# By the names of their packages.
TRAINERS = {"scikit-learn": scikit_learn, "scikit-learn-intelex": onedal, "ydf": ydf, "fastforest": fastforest}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What a library prints is no answer.

    def answer(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    name, threads = sys.argv[1], int(os.environ["RAYON_NUM_THREADS"])
    try:
        fit = TRAINERS[name](threads)
    except ImportError as error:
        print(f"{name}: {error}", file=sys.stderr)
        answer({"version": None})
        return
    answer({"version": version(name)})
    import numpy as np

    for line in sys.stdin:
        command, rest = line.rstrip("\n").split(" ", 1)
        if command == "load":
            y, y_test = (np.fromfile(Path(rest) / f"{part}.y") for part in ("train", "test"))
            x, x_test = (np.fromfile(Path(rest) / f"{part}.x") for part in ("train", "test"))
            x, x_test = x.reshape(len(y), -1), x_test.reshape(len(y_test), -1)
            answer({})
            continue
        trees, seed = map(int, rest.split())
        start = time.perf_counter()
        predict, count_nodes = fit(x, y, trees, seed)
        fitted = time.perf_counter()
        predictions = predict(x_test)
        predicted = time.perf_counter()
        sample = {"seconds": fitted - start, "predict": predicted - fitted, "nodes": int(count_nodes())}
        answer({**sample, "mse": float(np.mean((predictions - y_test) ** 2))})


if __name__ == "__main__":
    main()
