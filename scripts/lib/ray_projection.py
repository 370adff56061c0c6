"""From which size of sweep a Ray cluster wins over one machine: a simulation with the bench's figures.

Measured: start, put, and what a task costs its worker and the driver (`scripts/bench ray`). Assumed: nodes like this
machine, a network of 1 Gbit/s that brings the data to one node after another, one driver that hands out a task at a
time, no stragglers.
"""

from __future__ import annotations

import heapq
import json
import statistics
from dataclasses import dataclass

from project import REPORT, fail

NODES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
NETWORK = 125e6


@dataclass
class Costs:
    """In seconds, but for bytes and CPUs of a node."""

    start: float
    put: float
    size: float
    overhead: float
    dispatch: float
    tree: float
    cpus: int


def measured() -> Costs:
    try:
        bench = json.loads((REPORT / "bench" / "ray.json").read_text())
    except OSError:
        fail("report/bench/ray.json is not there; run ./scripts/bench ray first")
    run = bench["runs"][0]
    rounds, cpus = run["rounds"], bench["cpus"]

    def median(name: str) -> float:
        return float(statistics.median(r[name] for r in rounds))

    return Costs(
        start=median("seconds"),
        put=median("put"),
        size=rounds[0]["bytes"],
        overhead=max(0.0, statistics.median((r["ray"] * cpus - r["ray_busy"]) / r["tasks"] for r in rounds)),
        dispatch=median("dispatch"),
        tree=statistics.median(r["threads_busy"] / r["trees"] for r in rounds),
        cpus=cpus,
    )


def alone(costs: Costs, trees: int) -> float:
    """One machine, on threads: tasks of ten trees."""
    return simulate(costs.cpus, trees, 10 * costs.tree, 0.0)


def cluster(costs: Costs, nodes: int, trees: int) -> float:
    """A cluster that runs already: the data to each node, then the tasks."""
    begin = costs.put + nodes * costs.size / NETWORK
    return begin + simulate(nodes * costs.cpus, trees, 10 * costs.tree + costs.overhead, costs.dispatch)


def simulate(workers: int, trees: int, task: float, dispatch: float) -> float:
    """Tasks are handed out one after another, each to the worker that is free first."""
    tasks = -(-trees // 10)
    if tasks > 200_000:
        return max(tasks * task / workers, tasks * dispatch) + task
    free = [0.0] * workers
    last = 0.0
    for number in range(tasks):
        begin = max(heapq.heappop(free), number * dispatch)
        last = max(last, begin + task)
        heapq.heappush(free, begin + task)
    return last


def break_even(costs: Costs, nodes: int, start: float) -> int | None:
    """The fewest trees from which the cluster is faster; None where it never is."""
    trees = 10
    while trees <= 10**8:
        if start + cluster(costs, nodes, trees) < alone(costs, trees):
            return trees
        trees = max(trees + 10, trees * 5 // 4 // 10 * 10)
    return None


def main() -> None:
    costs = measured()
    print("A SIMULATION with figures measured on this machine:")
    print(
        f"start {costs.start:.1f} s, put {1000 * costs.put:.0f} ms; each task {1000 * costs.overhead:.1f} ms of its "
        f"worker and {1000 * costs.dispatch:.1f} ms of the driver; {1000 * costs.tree:.2f} ms for a tree, {costs.cpus} "
        "CPUs in each node\n"
    )
    print(
        "nodes   5,850 trees (on threads)      wins from, where it runs already    wins from, where it is started first"
    )
    for nodes in NODES:
        times = [break_even(costs, nodes, start) for start in (0.0, costs.start)]
        shown = ["never" if n is None else f"{n:,} trees ({alone(costs, n):.0f} s of threads)" for n in times]
        lab = f"{cluster(costs, nodes, 5850):8.2f} s ({alone(costs, 5850):.2f} s)"
        print(f"{nodes:5}   {lab} {shown[0]:>36} {shown[1]:>38}")


if __name__ == "__main__":
    main()
