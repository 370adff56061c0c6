"""Exports a notebook as one HTML page that loads nothing from elsewhere, and prints such a page to PDF."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from traitlets.config import Config

from project import ROOT, fail

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
MAC_BROWSER = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
# Headings of text cells, which have a link to themselves.
HEADING = re.compile(r'<h([1-3]) id="([^"]+)">(.*?)<a class="anchor-link"', re.DOTALL)


def write(path: Path, text: str) -> None:
    """Replaces the file in one step, so that nobody reads a half of it."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def html(notebook: NotebookNode, page: Path, about: dict[str, Any]) -> str:
    """Writes the page, and the notebook beside it; returns the notebook as it was written.

    `about` has what the head of the page shows, and whether it shows the code.
    """
    text = str(nbformat.writes(notebook))
    write(page.with_suffix(".ipynb"), text)
    tags = {kind: {f"remove-{kind}"} for kind in ("cell", "input", "output")}
    remove = {"enabled": True, "remove_cell_tags": tags["cell"], "remove_input_tags": tags["input"]}
    exporter = HTMLExporter(
        config=Config({"TagRemovePreprocessor": {**remove, "remove_all_outputs_tags": tags["output"]}}),
        extra_template_basedirs=[str(ROOT / "scripts" / "lib")],
        template_name="page",
        exclude_input=not about["code"],
        exclude_output_prompt=not about["code"],
    )
    made, _ = exporter.from_notebook_node(
        notebook, {"metadata": {"name": about["title"] or page.stem}, "report": about}
    )
    entries = (
        f'<li class="level-{level}"><a href="#{key}">{name}</a></li>' for level, key, name in HEADING.findall(made)
    )
    contents = f'<nav class="contents jp-RenderedHTMLCommon"><ol>{"".join(entries)}</ol></nav>'
    write(page, made.replace("<!-- contents -->", contents, 1))
    return text


def find_browser() -> str | None:
    """A Chromium or Chrome of this machine."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return found or (str(MAC_BROWSER) if MAC_BROWSER.exists() else None)


def pdf(browser: str, page: Path) -> None:
    """Prints the page to a PDF beside it."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "page.pdf"
        # No sandbox: containers and root have none, and the page runs nothing that this notebook did not make.
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        command = [browser, *flags, "--no-pdf-header-footer", f"--print-to-pdf={made}", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0 or not made.exists():
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            fail(f"{browser} did not print {page.name} ({last}); open the page in a browser and print it there")
        shutil.copyfile(made, page.with_suffix(".pdf"))
