"""Grades students' notebooks: runs their solutions against the checks of Ray.ipynb, and writes who passed what as CSV.

Cells are marked in nbgrader's format. Of a student's notebook only the code of solution cells counts, found by its
`grade_id`. All else that runs is the project's own: the cells of set-up (`locked`) and the checks (`grade`).
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat

import explain
from kernels import CellResult, Kernel, KernelDied, kernel
from project import NOTEBOOK, ROOT, fail, run

# Characters of a remark; the message of a student's panic may have any length.
LONGEST = 200


@dataclass
class Exercise:
    """An exercise: its name is the `grade_id` of its check."""

    name: str
    points: float
    check: str
    # The code of its solution cells by their `grade_id`; in the project's notebook, what is to be filled in.
    solutions: dict[str, str]


@dataclass
class Grade:
    """The result of one file."""

    # For each exercise that was run, whether it was passed.
    passed: dict[str, bool] = field(default_factory=dict)
    # Why the run ended early.
    ended: str = ""
    remarks: list[str] = field(default_factory=list)


class Refused(Exception):
    """A file that cannot be graded, and why."""


def marked(notebook: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """nbgrader's mark and the code of each cell that has one."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and (mark := cell.metadata.get("nbgrader")):
            yield mark, cell.source


def exercises() -> tuple[list[str], list[Exercise]]:
    """The project's cells of set-up, and its exercises: solution cells, and the check that follows them."""
    setup: list[str] = []
    found: list[Exercise] = []
    solutions: dict[str, str] = {}
    for mark, code in marked(nbformat.read(NOTEBOOK, as_version=4)):
        if mark["grade"]:
            found.append(Exercise(mark["grade_id"], mark["points"], code, solutions))
            solutions = {}
        elif mark["solution"]:
            solutions[mark["grade_id"]] = code
        elif mark["locked"]:
            setup.append(code)
    return setup, found


def submitted(path: Path, wanted: set[str]) -> dict[str, str]:
    """The student's code for each solution cell, by its `grade_id`; of copies of a cell, the last counts."""
    try:
        cells = [(mark.get("grade_id"), code) for mark, code in marked(nbformat.read(path, as_version=4))]
    except OSError as error:
        raise Refused(f"the file cannot be read: {error.strerror}") from error
    except Exception as error:
        raise Refused(f"the file is no notebook: {' '.join(str(error).split())[:LONGEST]}") from error
    found = {name: code for name, code in cells if name in wanted}
    if not found:
        raise Refused(f"the notebook has none of the exercises of {NOTEBOOK.name}; is it a copy of that?")
    return found


@contextmanager
def scratch_kernel() -> Iterator[Kernel]:
    """A kernel in a folder of its own, so that no student's code finds the files of another's."""
    runs = ROOT / "runs"
    runs.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="grade-", dir=runs) as folder:
        # The set-up cell asks for the helper by this name.
        (Path(folder) / "helper").symlink_to(ROOT / "helper")
        with kernel(cwd=folder) as session:
            yield session


def first_line(text: str) -> str:
    plain = explain.ANSI.sub("", text).strip()
    return (plain.splitlines() or [""])[0]


def shortfall(name: str, result: CellResult) -> str:
    """Why a check is not passed; empty if it is."""
    if result.error:
        return first_line(result.error)
    if result.stdout.splitlines()[-1:] == [f"{name}: passed"]:
        return ""
    return result.stderr.rpartition(f"{name}: ")[2] or "the check said nothing"


def attempt(session: Kernel, exercise: Exercise, code: dict[str, str], deadline: float) -> tuple[str, bool]:
    """Runs a student's solution and its check; returns what is wrong, and whether the variables are lost."""
    for name, todo in exercise.solutions.items():
        if error := session.run(code.get(name, todo), deadline - time.monotonic()).error:
            return f"its cell failed: {first_line(error)}", is_lost(error)
    result = session.run(exercise.check, deadline - time.monotonic())
    return shortfall(exercise.name, result), is_lost(result.error)


def is_lost(error: str) -> bool:
    return explain.ENDED.partition(" (")[0] in error


def grade(path: Path, setup: list[str], asked: list[Exercise], timeout: float) -> Grade:
    """Runs one student's solutions, each followed by the project's check."""
    code = submitted(path, {name for exercise in asked for name in exercise.solutions})
    outcome = Grade()
    with scratch_kernel() as session:
        for cell in setup:
            if error := session.run(cell).error:
                fail(f"the project's own cell `{cell}` failed: {first_line(error)}")
        deadline = time.monotonic() + timeout
        for exercise in asked:
            try:
                wrong, lost = attempt(session, exercise, code, deadline)
            except (TimeoutError, KernelDied) as error:
                wrong, lost = "", True
                outcome.ended = f"time limit of {timeout:g} s" if isinstance(error, TimeoutError) else "the kernel died"
            outcome.passed[exercise.name] = not (wrong or lost)
            if wrong and not lost:
                outcome.remarks.append(f"{exercise.name}: {' '.join(wrong.split())[:LONGEST]}")
            if lost:
                outcome.ended = f"{outcome.ended or 'the process ended'}, in {exercise.name}"
                break
    return outcome


def row(path: Path, grade: Grade, asked: list[Exercise]) -> dict[str, str]:
    """The points of each exercise that was run, and their sum."""
    points = {one.name: one.points * grade.passed[one.name] for one in asked if one.name in grade.passed}
    texts = {name: f"{number:g}" for name, number in [*points.items(), ("points", sum(points.values()))]}
    return {"file": str(path), **texts, "ended": grade.ended, "remarks": " | ".join(grade.remarks)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="scripts/grade", description="Grades students' copies of Ray.ipynb.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a student's notebook")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write here, not to standard output")
    parser.add_argument("--timeout", type=float, default=60, metavar="SECONDS", help="for one student's exercises")
    parser.add_argument("--only", action="append", metavar="EXERCISE", help="this exercise alone; may be repeated")
    options = parser.parse_args(arguments)
    setup, all_of_them = exercises()
    names = [exercise.name for exercise in all_of_them]
    if not options.timeout > 0:
        fail(f"--timeout is {options.timeout:g}, but must be more than 0 seconds")
    if unknown := set(options.only or []) - set(names):
        fail(f"{', '.join(sorted(unknown))} is no exercise of {NOTEBOOK.name}; there are: {', '.join(names)}")
    asked = [exercise for exercise in all_of_them if not options.only or exercise.name in options.only]
    most, refused = sum(exercise.points for exercise in asked), 0
    with options.csv.open("w", newline="", encoding="utf-8") if options.csv else nullcontext(sys.stdout) as out:
        columns = ["file", *(exercise.name for exercise in asked), "points", "ended", "remarks"]
        table = csv.DictWriter(out, columns, lineterminator="\n")
        table.writeheader()
        for path in options.files:
            started = time.monotonic()
            try:
                result = grade(path, setup, asked, options.timeout)
            except Refused as error:
                refused, result = refused + 1, Grade(ended=str(error))
            cells = row(path, result, asked)
            table.writerow(cells)
            out.flush()
            said = result.ended or f"{time.monotonic() - started:.0f} s"
            print(f"grade: {path}: {cells['points']} of {most:g} points; {said}", file=sys.stderr, flush=True)
    if refused:
        fail(f"{refused} of {len(options.files)} files could not be graded (see above)")


if __name__ == "__main__":
    run(main, "the rows so far are written")
