"""Runs the notebook from its first cell to its last in a fresh kernel, and exports it as one HTML page."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from project import NOTEBOOK, REPORT, ROOT, VENV, fail

# The project's kernel, not one of the same name that the user has.
os.environ["JUPYTER_PATH"] = str(VENV / "share" / "jupyter")


class Loud(NotebookClient):
    """Passes on what the cells print while they run."""

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        if msg["msg_type"] == "stream":
            print(msg["content"]["text"], end="", flush=True)
        return super().process_message(msg, cell, cell_index)


def execute(notebook: NotebookNode, loud: bool = True) -> NotebookNode:
    """Runs every cell, in the project's folder; raises where one fails."""
    client = (Loud if loud else NotebookClient)(
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


def read() -> NotebookNode:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def write(path: Path, text: str) -> None:
    """Replaces the file whole: no reader ever sees a half of it."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def export(notebook: NotebookNode) -> None:
    write(REPORT / "Ray.ipynb", nbformat.writes(notebook))
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook, {"metadata": {"name": "Ray"}})
    write(REPORT / "Ray.html", page)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/report", description="Runs the lab and writes report/Ray.html.")
    parser.add_argument("--inplace", action="store_true", help="also keep the outputs in Ray.ipynb itself")
    options = parser.parse_args()
    notebook, started = read(), time.monotonic()
    print("report: running Ray.ipynb", flush=True)
    try:
        execute(notebook)
    except (CellExecutionError, DeadKernelError) as error:
        export(notebook)
        print(error, file=sys.stderr)
        fail("a cell failed (see above); what was done until then is in report/Ray.html")
    export(notebook)
    if options.inplace:
        write(NOTEBOOK, nbformat.writes(notebook))
    print(f"report: report/Ray.html is ready, after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("interrupted; nothing was written")
