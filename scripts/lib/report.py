"""Runs a notebook from its first cell to its last in a fresh kernel; page, notebook and results go to report/."""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

import export
import hyperparameters
import kernels  # noqa: F401, names the folder of the project's own kernel
from project import NOTEBOOK, REPORT, ROOT, digest, fail, run, write_stamp

# The line of the conclusions with the hash of all predictions.
PREDICTIONS = re.compile(r"^predictions: ([0-9a-f]{64})$", re.MULTILINE)


class Client(NotebookClient):
    """Passes on what cells print while they run."""

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        if msg["msg_type"] == "stream":
            print(msg["content"]["text"], end="", flush=True)
        return super().process_message(msg, cell, cell_index)


def execute(notebook: NotebookNode) -> NotebookNode:
    """Runs every cell, in the project's folder; raises where one fails."""
    client = Client(
        notebook,
        timeout=None,
        kernel_name="rust",
        resources={"metadata": {"path": str(ROOT)}},
        record_timing=False,
    )
    client.execute()
    # Names only the session that ran it.
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def read(path: Path = NOTEBOOK) -> NotebookNode:
    """The notebook without outputs."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError) as error:
        fail(f"{path} cannot be read as a notebook ({str(error).splitlines()[0]})")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def fingerprint(notebook: NotebookNode) -> str:
    """A hash of all that a report is made from: the notebook's cells, and the code that they call."""
    sources = [path for path in sorted((ROOT / "helper").rglob("*")) if path.suffix in (".rs", ".py", ".toml")]
    return digest(*(cell.source for cell in notebook.cells), *sources, ROOT / "Cargo.lock")


def predictions(notebook: NotebookNode) -> str | None:
    """The hash of all predictions that the notebook shows."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = (str(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in outputs)
    return next((found[1] for text in texts if (found := PREDICTIONS.search(text))), None)


def tables(since: float) -> dict[str, list[dict[str, Any]]]:
    """What cells have saved as CSV since this moment, by the names of the files."""
    found = {}
    for path in sorted(REPORT.glob("*.csv")):
        if path.stat().st_mtime >= since:
            with path.open(newline="", encoding="utf-8") as file:
                found[path.stem] = [{name: value(text) for name, text in row.items()} for row in csv.DictReader(file)]
    return found


def value(text: str) -> Any:
    """A number or a truth value where the text is one in JSON, and else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/report", description="Runs the lab and writes report/Ray.html.")
    parser.add_argument(
        "--notebook", type=Path, default=NOTEBOOK, metavar="FILE", help="another notebook: your own copy"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a hyperparameter of section 3"
    )
    parser.add_argument("--title", help="stands at the top of the page")
    parser.add_argument("--author", help="stands below the title")
    parser.add_argument("--no-code", dest="code", action="store_false", help="text and outputs alone")
    parser.add_argument("--pdf", action="store_true", help="also print the page to a PDF, by Chromium or Chrome")
    parser.add_argument(
        "--verify", metavar="HASH", help="fail unless the conclusions show this hash of all predictions"
    )
    parser.add_argument("--inplace", action="store_true", help="also keep the outputs in the notebook itself")
    options = parser.parse_args(words)
    if options.inplace and options.set:
        parser.error("--inplace keeps the notebook's own section 3; leave out --set")
    if options.verify and not re.fullmatch("[0-9a-f]{64}", options.verify):
        parser.error(f"--verify takes 64 digits from 0 to 9 and a to f, not '{options.verify}'")
    if options.notebook.resolve().parent == REPORT:
        parser.error(f"{options.notebook} would be overwritten by its report; move it out of {REPORT.name}/")
    try:
        options.set = dict(hyperparameters.setting(text) for text in options.set)
    except hyperparameters.Refused as error:
        parser.error(f"--set: {error}")
    return options


def main(words: list[str] | None = None) -> None:
    options = arguments(words)
    browser = export.find_browser()
    if options.pdf and browser is None:
        fail(
            "--pdf needs Chromium or Chrome, and there is none; install one, or leave out --pdf, open the page in any "
            "browser and print it there"
        )
    notebook = read(options.notebook)
    try:
        if options.set:
            hyperparameters.apply(notebook, options.set)
    except hyperparameters.Refused as error:
        fail(str(error))
    about = {"title": options.title, "author": options.author, "settings": options.set, "code": options.code}
    page = REPORT / f"{options.notebook.stem}.html"
    started, stamp = time.time(), fingerprint(notebook)
    REPORT.mkdir(exist_ok=True)
    (REPORT / ".stamp").unlink(missing_ok=True)
    print(f"report: running {options.notebook.name}", flush=True)
    try:
        execute(notebook)
    except (CellExecutionError, DeadKernelError) as error:
        export.html(notebook, page, about)
        print(error, file=sys.stderr)
        fail(f"a cell failed (see above); what was done until then is in report/{page.name}")
    text = export.html(notebook, page, about)
    write_stamp(REPORT, stamp)
    if options.inplace:
        export.write(options.notebook, text)
    found = predictions(notebook)
    results = {**about, "notebook": options.notebook.name, "predictions": found, "tables": tables(started)}
    export.write(page.with_suffix(".json"), json.dumps(results, indent=1))
    if options.pdf and browser is not None:
        export.pdf(browser, page)
    print(f"report: report/{page.name} is ready, after {time.time() - started:.0f} s", flush=True)
    if options.verify and found != options.verify:
        shown = f"shows {found}" if found else "shows no hash of predictions"
        fail(f"--verify: {options.verify} was wanted, and the notebook {shown}")


if __name__ == "__main__":
    run(main, "nothing was written")
