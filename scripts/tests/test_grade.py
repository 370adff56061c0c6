"""Grading: that each check tells right from wrong, three made-up submissions, and files that are none."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import grade
from grade import Exercise
from kernels import Kernel
from project import NOTEBOOK, ROOT

# For each exercise a solution that is plausible and wrong, and what its check says.
WRONG = {
    "one-then-eight": (
        "fn one_then_eight(sweep: &Sweep, split: &Split) -> Result<[Outcome; 2]> {"
        "    Ok([sweep.run_sequential(split)?, sweep.run_sequential(split)?]) }",
        "the first was run one after another, not on a cluster",
    ),
    "twelve-tasks": (
        "fn twelve_tasks(sweep: Sweep) -> Sweep { sweep.trees_per_task(12) }",
        "the number of tasks is 5, not 12",
    ),
    "luck": (
        "fn luck(sweep: Sweep, split: &Split) -> Result<[f64; 2]> {"
        "    let outcome = sweep.seed([6, 7]).run_sequential(split)?;"
        "    let errors = [0, 1].map(|model| outcome.models[model].scores.mse);"
        "    Ok([errors[0].min(errors[1]), errors[0].max(errors[1])]) }",
        "is not the lowest error of the five models",
    ),
    "fastest": (
        "fn fastest(cluster: &Cluster, answers: &[ObjectRef<u64>]) -> Result<u64> {"
        "    Ok(*cluster.get(&cluster.wait(answers, 1)?.0[0])?) }",
        "a slow one was not cancelled, but ran to its end",
    ),
    "waits-for-two": (
        "fn add_up(cluster: &Cluster, left: fn() -> u64, right: fn() -> u64) -> ObjectRef<u64> {"
        "    cluster.put(left() + right()) }",
        "it returned only when all was done",
    ),
    "stubborn": (
        "fn stubborn(cluster: &Cluster, flaky: impl Fn() -> u32 + Send + 'static) -> ObjectRef<u32> {"
        '    cluster.options().name("flaky").remote((), move |()| flaky()) }',
        "(flaky) panicked in attempt 4 of 4: no luck in call 4",
    ),
    "ten-times-cheaper": (
        "fn cheaper(sweep: &Sweep, split: &Split) -> Result<Outcome> { sweep.run_sequential(split) }",
        "2100 trees were grown, which is more than a tenth of 2100",
    ),
}
ENDLESS = "fn twelve_tasks(sweep: Sweep) -> Sweep { loop { std::thread::sleep(std::time::Duration::from_secs(1)) } }"


def folded() -> dict[str, str]:
    """The solution in the notebook behind each check."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    folds = [cell.source for cell in cells if "<summary>Solution</summary>" in cell.source]
    code = [re.findall(r"```rust\n(.+?)\n```", fold, re.DOTALL) for fold in folds]
    names = [exercise.name for exercise in grade.exercises()[1]]
    return {name: only for name, (only,) in zip(names, code, strict=True)}


def submission(folder: Path, name: str, **changed: str) -> Path:
    """A copy of the notebook in which the cells with these `grade_id`s have other code; `_` stands for `-`."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        mark = cell.metadata.get("nbgrader", {}).get("grade_id", "").replace("-", "_")
        cell.source = changed.get(mark, cell.source)
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def start(timeout: int, *files: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "scripts" / "lib" / "grade.py"), "--only", "twelve-tasks", "--only", "luck"]
    command += ["--timeout", str(timeout), *map(str, files)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def graded(process: subprocess.Popen[str]) -> tuple[list[dict[str, str]], str]:
    """The rows of the CSV, and what was said beside it; a kernel may have to build the helper first."""
    table, said = process.communicate(timeout=300)
    assert "Traceback" not in said, said
    return list(csv.DictReader(io.StringIO(table))), said


def test_cells_are_in_nbgraders_format() -> None:
    """Schema version 3: https://nbgrader.readthedocs.io, and one check for each exercise, under its name."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    marks = [cell.metadata.nbgrader for cell in cells if "nbgrader" in cell.metadata]
    for mark in marks:
        assert {name: type(mark[name]) for name in ("grade", "locked", "solution", "task")} == dict.fromkeys(
            ("grade", "locked", "solution", "task"), bool
        )
        assert mark.schema_version == 3 and re.fullmatch(r"[\w-]+", mark.grade_id)
        assert ("points" in mark) == mark.grade
    assert len({mark.grade_id for mark in marks}) == len(marks)
    setup, exercises = grade.exercises()
    assert len(setup) == 2 and len(exercises) >= 6
    for exercise in exercises:
        assert exercise.check.startswith(f'helper::check("{exercise.name}", ')
        (todo,) = exercise.solutions.values()
        assert "todo!()" in todo


@pytest.mark.slow
def test_each_check_tells_right_from_wrong(session: Kernel) -> None:
    setup, exercises = grade.exercises()
    assert set(WRONG) == {exercise.name for exercise in exercises}

    def all_of(solutions: dict[str, str]) -> str:
        """All solutions and all checks as one cell, which is built once."""
        return "\n".join([*solutions.values(), *(exercise.check for exercise in exercises)])

    def filled(exercise: Exercise) -> str:
        return "\n".join(exercise.solutions.values())

    for cell in setup:
        assert not session.run(cell).error
    right = session.run(all_of(folded()))
    wrong = session.run(all_of({name: code for name, (code, _) in WRONG.items()}))
    unfilled = session.run(all_of({exercise.name: filled(exercise) for exercise in exercises}))
    assert right.stdout.splitlines() == [f"{name}: passed" for name in WRONG], right
    assert right.error == right.stderr == wrong.error == wrong.stdout == ""
    for line, (name, (_, reason)) in zip(wrong.stderr.splitlines(), WRONG.items(), strict=True):
        assert line.startswith(f"{name}: not passed: ") and reason in line, line
    assert unfilled.stderr.splitlines() == [f"{name}: not done yet" for name in WRONG], unfilled


@pytest.mark.slow
def test_a_class_of_three(tmp_path: Path) -> None:
    mixed = submission(
        tmp_path,
        "mixed",
        twelve_tasks_solution=WRONG["twelve-tasks"][0],
        # Who edits the check has not passed it.
        twelve_tasks='println!("twelve-tasks: passed");',
        luck_solution=folded()["luck"],
    )
    endless = submission(tmp_path, "endless", twelve_tasks_solution=ENDLESS, luck_solution=folded()["luck"])
    missing = tmp_path / "missing.ipynb"
    with start(60, mixed) as one, start(8, endless, missing) as others:
        (first,), _ = graded(one)
        (second, third), said = graded(others)
    points = {"twelve-tasks": "0", "luck": "2", "points": "2"}
    remarks = "twelve-tasks: not passed: the number of tasks is 5, not 12"
    assert first == {"file": str(mixed), **points, "ended": "", "remarks": remarks}
    assert (second["points"], second["ended"]) == ("0", "time limit of 8 s, in twelve-tasks")
    assert (third["twelve-tasks"], third["ended"]) == ("", "the file cannot be read: No such file or directory")
    assert second["luck"] == "", "what stands behind an endless loop is not run"
    assert "1 of 2 files could not be graded" in said
    assert (one.returncode, others.returncode) == (0, 1)
    assert not list((ROOT / "runs").glob("grade-*"))


def test_what_is_no_submission_is_told_and_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, other = tmp_path / "text.ipynb", tmp_path / "other.ipynb"
    text.write_text("print('hello')")
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]), other)
    table = tmp_path / "grades.csv"
    with pytest.raises(SystemExit, match="2 of 2 files could not be graded"):
        grade.main(["--csv", str(table), str(text), str(other)])
    with table.open(newline="") as file:
        reasons = [row["ended"] for row in csv.DictReader(file)]
    assert reasons[0].startswith("the file is no notebook: ")
    assert reasons[1] == "the notebook has none of the exercises of Ray.ipynb; is it a copy of that?"
    said = capsys.readouterr().err
    assert all(f"of 16 points; {reason}" in said for reason in reasons)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--only", "luck", "--only", "lick"], "lick is no exercise of Ray.ipynb; there are: one-then-eight, "),
        (["--timeout", "0"], "--timeout is 0, but must be more than 0 seconds"),
    ],
)
def test_bad_flags_are_told_in_a_sentence(flags: list[str], sentence: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(sentence)):
        grade.main([*flags, "anything.ipynb"])
