"""The notebook in JupyterLab, in a real browser: opened, Run All, looked at."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import nbformat
import pytest
import requests
from jupyter_server.auth.security import passwd
from playwright.sync_api import Page, sync_playwright

from project import NOTEBOOK, REPORT, ROOT

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
MAC_BROWSER = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
# How every code cell stands: its number, and the kinds of its outputs.
CELLS = """() => {
    const widget = window.jupyterapp.shell.currentWidget;
    const cells = [...widget.content.model.cells].filter(cell => cell.type === 'code');
    return cells.map(cell => [cell.executionCount, cell.outputs.toJSON().map(output => output.output_type)]);
}"""


def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    found = found or (str(MAC_BROWSER) if MAC_BROWSER.exists() else None)
    if found is None and os.environ.get("CI"):
        pytest.fail("CI must have Chromium")
    if found is None:
        pytest.skip("no Chromium or Chrome on this machine")
    return found


@pytest.fixture
def copy() -> Iterator[Path]:
    """The first six sections with a short sweep, beside the real notebook: JupyterLab saves what it opens.

    The other sections are run by the report, whose outputs `test_notebook.py` reads.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    end = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith("## 7. "))
    # The trace in report/ is the last report's, which other tests read.
    cells = [cell for cell in notebook.cells[:end] if "save_trace" not in cell.source]
    notebook.cells = [*cells, nbformat.v4.new_code_cell("chart::timeline(&parallel)?")]
    for cell in notebook.cells:
        cell.source = cell.source.replace("(50..=340).step_by(10)", "(20..=60).step_by(20)")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    target = ROOT / "lab-test.ipynb"
    nbformat.write(notebook, target)
    yield target
    target.unlink()


@contextmanager
def serving(log: Path, *flags: str, **more: str) -> Iterator[str]:
    """What scripts/lab prints as its URL, while it serves."""
    command = [str(ROOT / "scripts" / "lab"), "--no-browser", "--expose-app-in-browser", *flags]
    with log.open("w") as file:
        lab = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, env={**os.environ, **more})
    try:
        deadline = time.monotonic() + 120
        found = None
        while not found:
            assert time.monotonic() < deadline and lab.poll() is None, f"no URL: {log.read_text()}"
            time.sleep(0.2)
            found = re.search(r"http://(?:localhost|127\.0\.0\.1):\d+/lab\S*", log.read_text())
        yield found.group(0)
    finally:
        # JupyterLab ends its kernels before itself.
        lab.send_signal(signal.SIGTERM)
        lab.wait(timeout=60)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Where scripts/lab serves, with its token."""
    with serving(tmp_path / "lab.log", "--port=0") as found:
        assert "?token=" in found
        yield found


def test_behind_a_password_on_the_next_free_port(tmp_path: Path) -> None:
    """The user's own settings hold, and the project's kernel starts."""
    settings = {"IdentityProvider": {"hashed_password": passwd("open sesame")}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(settings))
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving(tmp_path / "log", f"--port={port}", JUPYTER_CONFIG_DIR=str(tmp_path)) as found:
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


def run_all(page: Page) -> list[tuple[int | None, list[str]]]:
    """Does what a person does: waits for the kernel, then menu Run, Run All Cells."""
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.sessionContext.ready; }")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
    deadline = time.monotonic() + 600
    cells: list[tuple[int | None, list[str]]] = []
    while time.monotonic() < deadline:
        page.wait_for_timeout(1000)
        cells = [(count, kinds) for count, kinds in page.evaluate(CELLS)]
        if any("error" in kinds for _, kinds in cells) or all(count for count, _ in cells):
            # The last cell has its number when it is done; its output may arrive a moment later.
            page.wait_for_timeout(2000)
            return [(count, kinds) for count, kinds in page.evaluate(CELLS)]
    page.screenshot(path=REPORT / "screenshots" / "lab-hangs.png")
    pytest.fail(f"not done after 10 minutes: {cells}")


def test_run_all_in_jupyterlab(copy: Path, url: str) -> None:
    program = browser()
    shots = REPORT / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    address = url.replace("/lab?", f"/lab/tree/{copy.name}?").replace("/lab/tree/Ray.ipynb?", f"/lab/tree/{copy.name}?")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.wait_for_selector(".jp-Notebook", timeout=60_000)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=120_000)
        cells = run_all(page)
        assert all(count for count, _ in cells), cells
        assert not any("error" in kinds for _, kinds in cells), cells
        for name in ("price_map", "timeline"):
            cell = page.locator(".jp-CodeCell", has_text=f"chart::{name}").first
            cell.scroll_into_view_if_needed()
            figure = cell.locator(".jp-OutputArea-output svg").first
            figure.wait_for(state="visible")
            box = figure.bounding_box()
            assert box and box["width"] > 500 and box["height"] > 150, box
            page.screenshot(path=shots / f"lab-{name}.png")
        chromium.close()
