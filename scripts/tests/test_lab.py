"""The notebook in JupyterLab, in a real browser: opened, Run All, looked at."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import requests
from jupyter_server.auth.security import passwd
from nbformat import NotebookNode
from playwright.sync_api import Page, sync_playwright

from export import find_browser
from project import REPORT, ROOT
from report import read

pytestmark = pytest.mark.slow

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
SHOTS = REPORT / "screenshots"
# Tables of outputs that are wider than the window, and that nothing around them scrolls.
CUT_OFF = """[...document.querySelectorAll('.jp-OutputArea-child table')].filter(table => {
    for (let part = table.parentElement; !part.matches('.jp-OutputArea-child'); part = part.parentElement) {
        const fits = part.getBoundingClientRect().right <= innerWidth;
        if (fits && ['auto', 'scroll'].includes(getComputedStyle(part).overflowX)) return false;
    }
    return table.getBoundingClientRect().right > innerWidth;
}).map(table => table.outerHTML.slice(0, 200))"""
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
# How every code cell stands: its number, and the kinds of its outputs.
CELLS = """() => {
    const widget = window.jupyterapp.shell.currentWidget;
    const cells = [...widget.content.model.cells].filter(cell => cell.type === 'code');
    return cells.map(cell => [cell.executionCount, cell.outputs.toJSON().map(output => output.output_type)]);
}"""


def browser() -> str:
    found = find_browser()
    if found is None and os.environ.get("CI"):
        pytest.fail("CI must have Chromium")
    return found or pytest.skip("no Chromium or Chrome on this machine")


@contextmanager
def beside(name: str, notebook: NotebookNode) -> Iterator[str]:
    """The notebook in a file beside the real one, which JupyterLab would save over."""
    target = ROOT / name
    nbformat.write(notebook, target)
    try:
        yield name
    finally:
        target.unlink()


def first_sections() -> NotebookNode:
    """The first four sections with a short sweep, and a chart.

    The other sections are run by the report, whose outputs `test_notebook.py` reads.
    """
    notebook = read()
    end = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith("## 5. "))
    notebook.cells = [*notebook.cells[:end], nbformat.v4.new_code_cell("chart::timeline(&sequential)?")]
    for cell in notebook.cells:
        cell.source = cell.source.replace("(50..=340).step_by(10)", "(20..=60).step_by(20)")
    return notebook


def answers(port: int) -> bool:
    with closing(socket.socket()) as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(log: Path, *flags: str, **more: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """What scripts/lab prints as its URL, and its process."""
    command = [str(ROOT / "scripts" / "lab"), "--no-browser", "--expose-app-in-browser", *flags]
    with log.open("w") as file:
        lab = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, env={**os.environ, **more})
    try:
        deadline = time.monotonic() + 120
        found = None
        while not found:
            assert time.monotonic() < deadline and lab.poll() is None, f"no URL: {log.read_text()}"
            time.sleep(0.2)
            found = re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)/lab\S*", log.read_text())
        # The URL is printed before the server answers.
        while not answers(int(found.group(1))):
            assert time.monotonic() < deadline and lab.poll() is None, log.read_text()
            time.sleep(0.1)
        yield found.group(0), lab
    finally:
        # JupyterLab ends its kernels before itself.
        lab.send_signal(signal.SIGTERM)
        lab.wait(timeout=60)


@dataclass
class Lab:
    """JupyterLab as scripts/lab serves it, in a browser that has never seen it."""

    page: Page
    url: str
    process: subprocess.Popen[bytes]

    def open(self, name: str) -> None:
        # What other tests have opened and changed is of no interest any more.
        self.page = self.page.context.new_page()
        self.page.goto(re.sub(r"/lab[^?]*", f"/lab/tree/{name}", self.url))
        self.page.wait_for_selector(".jp-Notebook:visible", timeout=60_000)
        self.page.wait_for_selector(f".jp-NotebookPanel:visible {IDLE}", timeout=120_000)

    def shot(self, name: str) -> None:
        self.page.screenshot(path=SHOTS / f"lab-{name}.png")

    def cells(self) -> list[tuple[int | None, list[str]]]:
        return [(count, kinds) for count, kinds in self.page.evaluate(CELLS)]

    def menu(self, menu: str, command: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(f'.lm-Menu-item[data-command="{command}"]').click()

    def run_all(self) -> list[tuple[int | None, list[str]]]:
        """Does what a person does: waits for the kernel, then menu Run, Run All Cells."""
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.sessionContext.ready; }")
        self.menu("Run", "runmenu:run-all")
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(1000)
            cells = self.cells()
            if any("error" in kinds for _, kinds in cells) or all(count for count, _ in cells):
                # The last cell has its number when it is done; its output may arrive a moment later.
                self.page.wait_for_timeout(2000)
                return self.cells()
        self.shot("hangs")
        pytest.fail(f"not done after 10 minutes: {cells}")


@pytest.fixture(scope="module")
def lab_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    program, folder = browser(), tmp_path_factory.mktemp("lab")
    SHOTS.mkdir(parents=True, exist_ok=True)
    # A newcomer: no settings of Jupyter, nothing remembered.
    own = {"JUPYTER_CONFIG_DIR": str(folder), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    with sync_playwright() as playwright, serving(folder / "lab.log", "--port=0", **own) as (url, process):
        assert "?token=" in url
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        yield Lab(context.new_page(), url, process)
        chromium.close()


def test_behind_a_password_on_the_next_free_port(tmp_path: Path) -> None:
    """The user's own settings hold, and the project's kernel starts."""
    settings = {"IdentityProvider": {"hashed_password": passwd("open sesame")}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(settings))
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving(tmp_path / "log", f"--port={port}", JUPYTER_CONFIG_DIR=str(tmp_path)) as (found, _):
            assert "token" not in found and f":{port}/" not in found
            server, session = found.split("/lab")[0], requests.Session()
            session.trust_env = False
            assert session.get(f"{server}/api/kernels").status_code == 403
            session.get(f"{server}/login")
            sign_in = {"password": "open sesame", "_xsrf": str(session.cookies["_xsrf"])}
            assert session.post(f"{server}/login", data=sign_in).status_code == 200
            assert "rust" in session.get(f"{server}/api/kernelspecs").json()["kernelspecs"]
            session.headers["X-XSRFToken"] = str(session.cookies["_xsrf"])
            started = session.post(f"{server}/api/kernels", json={"name": "rust"})
            assert started.status_code == 201, started.text
            assert session.delete(f"{server}/api/kernels/{started.json()['id']}").status_code == 204


def test_what_a_newcomer_sees(lab_page: Lab) -> None:
    """The notebook with its table of contents, pictures before a run, nothing that asks or distracts."""
    page = lab_page.page
    page.goto(lab_page.url)
    page.wait_for_selector(f".jp-NotebookPanel:visible {IDLE}", timeout=120_000)
    page.wait_for_selector(".jp-TableOfContents:visible .jp-tocItem-heading", timeout=60_000)
    headings = page.locator(".jp-TableOfContents:visible .jp-tocItem-heading").all_inner_texts()
    lines = [line for cell in read().cells if cell.cell_type == "markdown" for line in cell.source.split("\n")]
    assert [text.strip() for text in headings] == [line.lstrip("# ") for line in lines if re.match("#{1,6} ", line)]
    assert page.locator(".jp-toast-container *, .jp-Dialog").count() == 0, "no news, no questions"
    # JupyterLab draws cells beyond the window when it has nothing else to do.
    pictures = "[...document.querySelectorAll('.jp-OutputArea-output img')]"
    page.wait_for_function(f"{pictures}.filter(image => image.complete && image.naturalWidth > 500).length >= 8")
    lab_page.shot("first-sight")
    page.set_viewport_size({"width": 700, "height": 900})
    assert page.evaluate(CUT_OFF) == []
    lab_page.shot("narrow")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("tab", name="File Browser").click()
    page.wait_for_selector(".jp-DirListing-itemText:visible")
    names = set(page.locator(".jp-DirListing-itemText:visible").all_inner_texts())
    assert {"Ray.ipynb", "README.md", "data", "helper"} <= names, names
    assert not names & {"target", "Cargo.lock", "pyproject.toml", "LICENSE-MIT"}, names
    assert not any(name.startswith(".") for name in names), names
    lab_page.shot("files")


def test_run_all_in_jupyterlab(lab_page: Lab) -> None:
    with beside("lab-test.ipynb", first_sections()) as name:
        lab_page.open(name)
        cells = lab_page.run_all()
        assert all(count for count, _ in cells), cells
        assert not any("error" in kinds for _, kinds in cells), cells
        for chart in ("price_map", "timeline"):
            cell = lab_page.page.locator(".jp-NotebookPanel:visible .jp-CodeCell", has_text=f"chart::{chart}").first
            cell.scroll_into_view_if_needed()
            figure = cell.locator(".jp-OutputArea-output svg").first
            figure.wait_for(state="visible")
            box = figure.bounding_box()
            assert box and box["width"] > 500 and box["height"] > 150, box
            lab_page.shot(chart)
        lab_page.page.wait_for_timeout(1000)


def test_run_all_stops_at_a_cell_that_fails(lab_page: Lab) -> None:
    """The cells behind it have no number, as with any kernel that aborts its queue."""
    codes = ["let before = 1;", "nothing_here", "2", "3"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in codes])
    notebook.metadata["kernelspec"] = {"name": "rust", "display_name": "Rust", "language": "rust"}
    with beside("lab-test-2.ipynb", notebook) as name:
        lab_page.open(name)
        assert lab_page.run_all() == [(1, []), (2, ["error"]), (None, []), (None, [])]
        words = lab_page.page.locator(".jp-NotebookPanel:visible .jp-OutputArea-output").all_inner_texts()
        assert "There is no variable `nothing_here`" in words[0] and "line 1 │ nothing_here" in words[0]
        lab_page.shot("failed")


def test_it_ends_while_a_page_asks_for_a_kernel(lab_page: Lab) -> None:
    """The last test: it ends the server."""
    with beside("lab-test-3.ipynb", nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])) as name:
        # The first page would ask about notebooks that have changed.
        page = lab_page.page.context.new_page()
        page.goto(re.sub(r"/lab[^?]*", f"/lab/tree/{name}", lab_page.url))
        page.wait_for_selector(".jp-Dialog", timeout=60_000)
        lab_page.process.send_signal(signal.SIGTERM)
        assert lab_page.process.wait(timeout=60) == 0
