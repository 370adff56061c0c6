"""The notebook runs to its end after every edit that its sections 2 and 3 invite.

A student edits a cell and runs on from there. Here the cells behind section 2 become one function, which is compiled
once and called for each edit: a cell costs a second to compile, a call with small sweeps little.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import hyperparameters
from kernels import Kernel, kernel
from project import NOTEBOOK, REPORT, ROOT, TOOLS
from report import read

pytestmark = pytest.mark.slow

# Tasks of section 5 that only sleep, and the sweeps of cells that no edit changes.
SHORTER = {
    "from_secs(1)": "from_millis(1)",
    "from_millis(500)": "from_millis(5)",
    "from_millis(ms)": "from_millis(ms / 100)",
    "over_n_estimators(100)": "over_n_estimators(10)",
    "over_n_estimators(81)": "over_n_estimators(9)",
    "over_n_estimators([10, 30, 100])": "over_n_estimators([1, 3, 10])",
    "over_n_estimators([50, 100])": "over_n_estimators([5, 10])",
    "over_n_estimators((30..=80).step_by(10))": "over_n_estimators(3..=8)",
}
EDITS = {
    "smartcore, whole blocks": ["learner=smartcore", "n_estimators=[10, 20]"],
    "one tree": ["n_estimators=1"],
    "lists of everything": [
        *("n_estimators=1..=3 step 2", "max_depth=[3, None]", "min_samples_split=[2, 5]", "min_samples_leaf=1..=2"),
        *("max_features=[2, 4]", "min_impurity_decrease=[0.0, 0.01]", "max_samples=0.5", "seed=1"),
        *("bootstrap=true", "trees_per_task=1"),
    ],
    "another seed, shared trees": ["seed=7", "n_estimators=[5, 10]", "max_features=sqrt", "share_trees=true"],
}


def cells() -> list[str]:
    return [cell.source for cell in read().cells if cell.cell_type == "code"]


def statement(code: str) -> str:
    """The cell with its last value shown, as the kernel does."""
    if hyperparameters.without_words(code).rstrip().endswith((";", "}")):
        return code
    *lines, last = code.rstrip().split("\n")
    return "\n".join([*lines, f"({last}).evcxr_display();"])


def function(code: list[str]) -> str:
    """The cells from the table on, but for those that make the table, the split and the sweep."""
    made = ("let housing =", "let split =", "let sweep =", ":dep ")
    body = []
    for number, cell in enumerate(code, 1):
        if not cell.startswith(made):
            for long, short in SHORTER.items():
                cell = cell.replace(long, short)
            body.append(f'println!("at cell {number}");\n{statement(cell)}')
    parameters = "housing: &Dataset, split: Split, sweep: Sweep"
    lines = "\n".join(body)
    result = "std::result::Result<(), Box<dyn std::error::Error>>"
    return f'fn sections({parameters}) -> {result} {{\n{lines}\nprintln!("at the end");\nOk(())\n}}'


@pytest.fixture(scope="module")
def report_kept() -> Iterator[None]:
    """The notebook saves into report/, whose files other tests read."""
    aside = TOOLS / f"report.{os.getpid()}"
    if REPORT.exists():
        REPORT.rename(aside)
    yield
    shutil.rmtree(REPORT, ignore_errors=True)
    if aside.exists():
        aside.rename(REPORT)


@pytest.fixture(scope="module")
def session(report_kept: None) -> Iterator[Kernel]:
    """A kernel without Ray, until a cell takes the variable away."""
    with kernel(cwd=str(ROOT), env={**os.environ, "RAY_LAB_PYTHON": "none"}) as started:
        code = cells()
        run(started, next(cell for cell in code if cell.startswith(":dep ")))
        run(started, function(code))
        run(started, "let housing = data::california_housing()?; let split = housing.split(0.95, 42)?;")
        yield started


def run(session: Kernel, code: str) -> str:
    result = session.run(code)
    assert not result.error, f"{result.error}\n{result.stdout[-2000:]}{result.stderr[-2000:]}"
    return result.stdout


def sections(session: Kernel, edits: list[str], table: str = "&housing, split.clone()") -> str:
    """Runs the notebook on from section 3 with these edits; returns what it printed."""
    cell = next(cell for cell in cells() if cell.startswith("let sweep ="))
    for edit in edits:
        cell = hyperparameters.edited(cell, *hyperparameters.setting(edit))
    said = run(session, f"{cell.rstrip().removesuffix('sweep')}\nsections({table}, sweep.clone())?;")
    assert said.rstrip().endswith("at the end"), said
    return said


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_section_3(session: Kernel, edit: str) -> None:
    assert "Skipped: Python is not at" in sections(session, EDITS[edit])


def test_a_table_of_ones_own(session: Kernel, tmp_path: Path) -> None:
    chance = random.Random(1)
    rows = ([chance.uniform(0, 10) for _ in range(3)] for _ in range(300))
    lines = [f"{a},{b},{c},{a + b * c}" for a, b, c in rows]
    (tmp_path / "mine.csv").write_text("\n".join(["size,rooms,age,price", *lines]) + "\n")
    path = str(tmp_path / "mine.csv")
    run(session, f'let mine = Dataset::from_csv("{path}", "price")?; let its_split = mine.split(0.2, 42)?;')
    sections(session, ["n_estimators=[5, 10]"], "&mine, its_split.clone()")


def test_smartcore_within_its_blocks_and_on_ray(session: Kernel) -> None:
    run(session, 'unsafe { std::env::remove_var("RAY_LAB_PYTHON") };')
    said = sections(session, ["learner=smartcore", "n_estimators=[5, 15]"])
    assert "the same bits on Ray" in said and "Skipped" not in said


def test_every_name_that_can_be_set_is_a_call_of_the_sweep() -> None:
    source = (ROOT / "helper" / "src" / "sweep" / "mod.rs").read_text()
    calls = set(re.findall(r"pub fn (\w+)\((?:mut )?self, \w+: ", source)) | set(
        re.findall(r"^    (\w+): [\w<>]+;$", source, re.MULTILINE)
    )
    assert set(hyperparameters.NAMES) <= calls, set(hyperparameters.NAMES) - calls
    assert NOTEBOOK.read_text().count(hyperparameters.SWEEP) >= 1
