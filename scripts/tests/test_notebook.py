"""The notebook, run whole from a clean state: what it must show."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from nbformat import NotebookNode

from grade import exercises
from project import NOTEBOOK, REPORT, ROOT

pytestmark = pytest.mark.slow
REFERENCE = ROOT / "helper" / "tests" / "reference" / "scikit_learn.csv"


def outputs(lab: NotebookNode, start: str) -> list[NotebookNode]:
    """The outputs of the one cell whose code has a line that starts so."""
    found = [
        cell for cell in lab.cells if cell.cell_type == "code" and re.search(f"^{re.escape(start)}", cell.source, re.M)
    ]
    assert len(found) == 1, f"{len(found)} cells with a line that starts with {start!r}"
    return list(found[0].outputs)


def text(lab: NotebookNode, start: str) -> str:
    return "".join(o.text if "text" in o else o.data.get("text/plain", "") for o in outputs(lab, start))


def rows(name: str) -> list[dict[str, str]]:
    with (REPORT / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_nothing_unexpected_on_stderr(lab: NotebookNode) -> None:
    complaints = [
        output.text
        for cell in lab.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.get("name") == "stderr" or output.output_type == "error"
    ]
    assert complaints == [f"{exercise.name}: not done yet\n" for exercise in exercises()[1]]


def test_every_cell_ran_and_none_shows_a_bare_unit(lab: NotebookNode) -> None:
    cells = [cell for cell in lab.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert all(output.get("data", {}).get("text/plain") != "()" for output in cell.outputs), cell.source


def test_thirty_models_in_both_runs(lab: NotebookNode) -> None:
    for run in ("let sequential", "let parallel"):
        printed = text(lab, run)
        assert re.search(r"^30 models, 5,850 trees on .* in \d", printed, re.M), printed
        assert len(re.findall(r"^ *\d+ of 30: +\d+ trees, MSE 0\.\d{4}", printed, re.M)) == 30
    assert [int(row["n_estimators"]) for row in rows("sequential-models.csv")] == list(range(50, 341, 10))


def test_the_same_bits(lab: NotebookNode) -> None:
    assert "all 30 models predict the same numbers, bit for bit" in text(lab, "assert!(parallel.same_bits")
    assert (REPORT / "sequential-models.csv").read_bytes() == (REPORT / "parallel-models.csv").read_bytes()


def test_every_way_of_running_gives_the_same_bits(lab: NotebookNode) -> None:
    """Schedules, shared trees, failures and a journal: each cell asserts it, and shows what it did."""
    ways = text(lab, "let four")
    assert "4 ways to the same bits" in ways and re.search(r"shared trees, in parallel +\d+ +\d+ +340 ", ways), ways
    assert "4 ways to the same bits" in text(lab, "let schedules")
    assert text(lab, "let clumsy").strip() == "6 tasks were begun twice"
    assert "6 of 6 models came from the journal the second time" in text(lab, "let safe")


def test_failures_are_told_and_stay_alone(lab: NotebookNode) -> None:
    assert "it worked in attempt 3" in text(lab, "let unlucky")
    doomed = text(lab, "let doomed")
    assert "(doomed) panicked in attempt 2 of 2: never any luck" in doomed, doomed
    broken = text(lab, "let broken")
    assert "5 models" in broken and "60" in broken, broken


def test_a_task_that_was_cancelled_is_no_failure(lab: NotebookNode) -> None:
    shown = text(lab, "cluster.get_all(&naps)?")
    assert "0 FAILED, 1 CANCELLED" in shown
    (picture,) = outputs(lab, "cluster.summary()")
    assert "Failures, the latest first" not in picture.data["text/html"]


def test_the_dashboard_leaves_a_picture_and_a_trace(lab: NotebookNode) -> None:
    (shown,) = outputs(lab, "let dashboard")
    assert re.search(r"runs/live/\d+-[0-9a-f]+\.html", shown.data["text/html"])
    (picture,) = outputs(lab, "cluster.summary()")
    assert "data:image/svg+xml," in picture.data["text/html"] and "FINISHED" in picture.data["text/html"]
    trace = json.loads((REPORT / "trace.json").read_text())
    assert sum(event["ph"] == "X" for event in trace["traceEvents"]) >= 585


def test_errors_are_at_scikit_learns_level(lab: NotebookNode) -> None:
    """Each MSE lies where 10 seeds of scikit-learn lie: within 4 deviations of their mean."""
    lines = [line for line in REFERENCE.read_text().splitlines() if not line.startswith("#")]
    reference = {int(row["n_estimators"]): row for row in csv.DictReader(lines)}
    models = rows("sequential-models.csv")
    assert len(models) == len(reference) == 30
    for model in models:
        band = reference[int(model["n_estimators"])]
        mean, deviation = float(band["mean"]), float(band["deviation"])
        assert abs(float(model["mse"]) - mean) < 4 * deviation, model


def test_tasks_of_two_workers_overlap_in_time(lab: NotebookNode) -> None:
    tasks = rows("parallel-tasks.csv")
    assert len(tasks) == 585
    spans = [(float(task["started"]), float(task["ended"]), task["worker"]) for task in tasks]
    if len({worker for *_, worker in spans}) == 1:
        pytest.skip("this machine has one core to use")
    overlaps = sum(a[2] != b[2] and a[0] < b[1] and b[0] < a[1] for i, a in enumerate(spans) for b in spans[i + 1 :])
    assert overlaps > len(tasks) / 2
    sequential = rows("sequential-tasks.csv")
    assert {task["worker"] for task in sequential} == {"0"}
    assert all(float(a["ended"]) <= float(b["started"]) for a, b in zip(sequential, sequential[1:], strict=False))


def test_each_figure_is_a_picture_everywhere(lab: NotebookNode) -> None:
    """An image where scripts do not run, and a script that puts the SVG with its tooltips in its place."""
    figures = [
        output.data
        for cell in lab.cells
        if cell.cell_type == "code" and "chart::" in cell.source
        for output in cell.outputs
        if "data" in output
    ]
    assert len(figures) == sum("chart::" in cell.source for cell in lab.cells if cell.cell_type == "code") > 8
    for data in figures:
        assert set(data) == {"text/html", "text/plain"}
        html = data["text/html"]
        assert '<img alt="' in html and "data:image/svg+xml," in html
        assert html.count("<script>") == 1 and "NaN" not in html
        assert data["text/plain"].strip()
    # Those of the table name it; a chart of one's own has a title of one's own.
    assert sum("California Housing" in data["text/plain"] for data in figures) >= 8
    assert len(list((REPORT / "charts").glob("*.svg"))) >= 7


def test_workers_and_threads_stay_within_the_limit(lab: NotebookNode) -> None:
    shown = text(lab, "let cluster = Cluster::local()?")
    found = re.search(r"Cluster of (\d+) workers", shown)
    assert found, shown
    workers = {int(task["worker"]) for task in rows("parallel-tasks.csv")}
    assert workers <= set(range(int(found.group(1))))


def test_conclusions_carry_the_numbers_of_the_runs(lab: NotebookNode) -> None:
    said = text(lab, "comparison.conclusions()")
    best = min(rows("parallel-models.csv"), key=lambda row: (float(row["oob_mse"]), int(row["n_estimators"])))
    assert f"The best model has {best['n_estimators']} trees: MSE {float(best['mse']):.4f}" in said
    # The tasks of every round are kept.
    assert len(rows("parallel-tasks-round-2.csv")) == len(rows("parallel-tasks.csv"))


# A number with a fraction, a large one, or a count of what depends on the sweep.
FIGURE = re.compile(r"\d+\.\d+|\d{1,3}(?:,\d{3})+|\d+(?= (?:models|trees|tasks|workers|times|seconds|m?s)\b)")


def test_text_cells_repeat_no_figure_of_the_run(lab: NotebookNode) -> None:
    """After an edit of section 3 they would be wrong. Sections 19 and 20 have examples of their own."""
    assert FIGURE.findall("30 models, 5,850 trees: 17.2 times") == ["30", "5,850", "17.2"]
    end = next(i for i, cell in enumerate(lab.cells) if cell.source.startswith("## 19. "))
    outputs = [output for cell in lab.cells[:end] for output in cell.get("outputs", [])]
    shown = {found for o in outputs for found in FIGURE.findall(o.get("text", o.get("data", {}).get("text/plain", "")))}
    assert {"30", "5,850"} <= shown
    # Code in words is quoted, or an address.
    texts = [re.sub("`.*?`", "", cell.source) for cell in lab.cells[:end] if cell.cell_type == "markdown"]
    assert not {found for text in texts for found in FIGURE.findall(text)} & shown
    assert not [text for text in texts if re.search(r"\bthirty\b", text, re.IGNORECASE)]


def test_models_count_from_0_everywhere(lab: NotebookNode) -> None:
    assert [int(row["model"]) for row in rows("parallel-models.csv")] == list(range(30))
    assert {int(row["model"]) for row in rows("parallel-tasks.csv")} == set(range(30))
    trace = json.loads((REPORT / "trace.json").read_text())
    tasks = {event["name"] for event in trace["traceEvents"] if event["name"].startswith("model ")}
    assert {int(name.split()[1]) for name in tasks} == set(range(30))
    (lanes,) = outputs(lab, "let timeline")
    titles = re.findall(r"worker \d+: model (\d+), ", unquote(lanes.data["text/html"]))
    assert {int(model) for model in titles} == set(range(30))


def test_the_committed_notebook_is_small_and_has_outputs() -> None:
    import nbformat

    assert NOTEBOOK.stat().st_size < 1_000_000
    committed = nbformat.read(NOTEBOOK, as_version=4)
    assert any(cell.cell_type == "code" and cell.outputs for cell in committed.cells)
    lines = sorted(len(cell.source.splitlines()) for cell in committed.cells if cell.cell_type == "code")
    assert lines[len(lines) // 2] <= 4 and lines[-1] <= 20
    assert sum(cell.cell_type == "markdown" for cell in committed.cells) >= len(lines)


def test_no_path_of_this_machine_is_in_the_notebook() -> None:
    assert str(ROOT) not in NOTEBOOK.read_text() and str(Path.home()) + "/" not in NOTEBOOK.read_text()
