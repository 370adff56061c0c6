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

import kernels  # noqa: F401, names the folder of the project's own kernel
from project import NOTEBOOK, REPORT, ROOT, digest, fail, is_stamped, run, write_stamp


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


def of_what() -> str:
    """A fingerprint of all that a report is made from: the notebook's cells, and the code that they call."""
    sources = [path for path in sorted((ROOT / "helper").rglob("*")) if path.suffix in (".rs", ".py", ".toml")]
    return digest(*(cell.source for cell in read().cells), *sources, ROOT / "Cargo.lock")


def finished() -> NotebookNode | None:
    """The notebook as the last report left it, if that ran to its end and nothing has changed since."""
    return nbformat.read(REPORT / "Ray.ipynb", as_version=4) if is_stamped(REPORT, of_what()) else None


def export(notebook: NotebookNode) -> str:
    """Writes the notebook and the page into report/; returns the notebook as it was written."""
    text = nbformat.writes(notebook)
    write(REPORT / "Ray.ipynb", text)
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook, {"metadata": {"name": "Ray"}})
    write(REPORT / "Ray.html", page)
    return str(text)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="scripts/report", description="Runs the lab and writes report/Ray.html.")
    parser.add_argument("--inplace", action="store_true", help="also keep the outputs in Ray.ipynb itself")
    options = parser.parse_args(arguments)
    notebook, started, stamp = read(), time.monotonic(), of_what()
    (REPORT / ".stamp").unlink(missing_ok=True)
    print("report: running Ray.ipynb", flush=True)
    try:
        execute(notebook)
    except (CellExecutionError, DeadKernelError) as error:
        export(notebook)
        print(error, file=sys.stderr)
        fail("a cell failed (see above); what was done until then is in report/Ray.html")
    text = export(notebook)
    write_stamp(REPORT, stamp)
    if options.inplace:
        write(NOTEBOOK, text)
    print(f"report: report/Ray.html is ready, after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    run(main, "nothing was written")
