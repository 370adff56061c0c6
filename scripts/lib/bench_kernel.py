"""What a person waits for in the notebook, measured through a real Jupyter client; see `scripts/bench kernel`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import folders
from kernels import Kernel, kernel
from project import KERNELS, REPORT, ROOT, TEMPLATE, fail

FIRST_CELLS = [
    ':dep helper = { path = "helper" }\nuse helper::prelude::*;',
    "let housing = data::california_housing()?;\nhousing",
]
TRAINING = """let bench_split = data::california_housing()?.split(0.2, 42)?;
let bench_sweep = Sweep::over_n_estimators([100]).max_depth(20).min_samples_split(5).seed(42).quiet();
let bench_outcome = bench_sweep.run_sequential(&bench_split)?;
println!("seconds {}", bench_outcome.seconds);"""
ROUNDS = 5


def dependencies() -> float:
    """Builds the template from nothing, beside the one in use."""
    evcxr = folders.evcxr_path()
    aside = KERNELS / "bench-template"
    shutil.rmtree(aside, ignore_errors=True)
    started = time.monotonic()
    command = [sys.executable, str(ROOT / "scripts" / "lib" / "template.py"), "bench"]
    env = {**os.environ, "LAB_TEMPLATE": str(aside)}
    if subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL).returncode != 0:
        fail(f"the dependencies could not be built with {evcxr}")
    seconds = time.monotonic() - started
    shutil.rmtree(aside)
    return seconds


def run(session: Kernel, cell: str) -> float:
    """Runs a cell that must succeed, and returns its seconds."""
    result = session.run(cell)
    if result.error:
        fail(f"the cell `{cell}` failed: {result.error}")
    return result.seconds


def session_times() -> dict[str, list[float]]:
    """One kernel: its start to the first table, later cells, a first compile error."""
    started = time.monotonic()
    with kernel(cwd=str(ROOT)) as session:
        for cell in FIRST_CELLS:
            run(session, cell)
        first_table = time.monotonic() - started
        cells = [run(session, f"let bench_{i} = housing.rows() + {i};\nbench_{i}") for i in range(10)]
        started = time.monotonic()
        if not session.run('let bench_typo: u32 = "text";').error:
            fail("a cell that must not compile did")
        typo = time.monotonic() - started
    return {"first_table": [first_table], "cell": cells, "compile_error": [typo]}


def seconds_printed(text: str) -> float:
    found = re.search(r"^seconds (\S+)$", text, re.MULTILINE)
    if not found:
        fail(f"the training printed no time: {text}")
    return float(found.group(1))


def release_binary() -> Path:
    """The same training as a program, built for release."""
    build = ["cargo", "build", "--quiet", "--release", "--locked", "--package", "helper", "--example", "train"]
    if subprocess.run(build, cwd=ROOT).returncode != 0:
        fail("the release build of helper/examples/train.rs failed (see above)")
    return ROOT / "target" / "release" / "examples" / "train"


def notebook_against_release() -> tuple[list[float], list[float]]:
    """The same training, round by round in turn, so that a slow spell of the machine meets both."""
    program = release_binary()
    cells, binary = [], []
    with kernel(cwd=str(ROOT)) as session:
        run(session, FIRST_CELLS[0])
        for _ in range(ROUNDS):
            cells.append(seconds_printed(session.run(TRAINING).stdout))
            out = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
            binary.append(seconds_printed(out))
    return cells, binary


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench kernel", description="Measures what a person waits for.")
    parser.add_argument("--no-build", action="store_true", help="leave out the build of the dependencies from nothing")
    options = parser.parse_args()
    samples: dict[str, object] = {"machine": platform.platform(), "processors": os.cpu_count()}
    if not options.no_build:
        seconds = dependencies()
        samples["dependencies"] = [seconds]
        print(f"dependencies: {seconds:.1f} s", flush=True)
    # The first kernel after a change of the helper builds it; who measures starts warm.
    session_times()
    times = [session_times() for _ in range(3)]
    joined = {name: [value for time_ in times for value in time_[name]] for name in times[0]}
    samples |= joined
    print(f"first table: {statistics.median(joined['first_table']):.1f} s")
    print(f"cell: {statistics.median(joined['cell']):.1f} s")
    print(f"compile error: {statistics.median(joined['compile_error']):.1f} s", flush=True)
    cells, binary = notebook_against_release()
    samples |= {"notebook": cells, "release": binary}
    ratios = [cell / release for cell, release in zip(cells, binary, strict=True)]
    print(f"notebook vs release: {statistics.median(ratios):.2f}x")
    folder = REPORT / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(samples, indent=1))


if __name__ == "__main__":
    if not TEMPLATE.exists():
        fail("this project is not set up yet; run ./scripts/setup first")
    main()
