"""What lives in a page, in a real browser: the dashboard of a cluster, and the sliders of a replayed sweep."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from playwright.sync_api import Locator, Page, sync_playwright
from test_lab import FLAGS, answers, browser

from examples import example
from project import REPORT, ROOT

pytestmark = pytest.mark.slow

SHOTS = REPORT / "screenshots"
OUTPUT = ".jp-OutputArea-output"


@dataclass
class Kernel:
    """A program with a cluster and a dashboard, in the place of a notebook's kernel."""

    process: subprocess.Popen[str]
    html: str

    def file(self) -> Path:
        found = re.search(r"runs/live/\d+-[0-9a-f]+\.html", self.html)
        assert found, self.html
        return ROOT / found.group(0)

    def end(self) -> None:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(timeout=30)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    process = subprocess.Popen([example("dashboard")], stdin=pipe, stdout=pipe, stderr=null, text=True)
    assert process.stdout
    # What evcxr hands to the notebook.
    html: list[str] = []
    assert process.stdout.readline().strip() == "EVCXR_BEGIN_CONTENT text/html"
    while (line := process.stdout.readline()).strip() != "EVCXR_END_CONTENT":
        assert line, "the program ended"
        html.append(line)
    kernel = Kernel(process, "".join(html))
    yield kernel
    kernel.end()


@pytest.fixture
def page() -> Iterator[Page]:
    program = browser()
    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium.new_page(viewport={"width": 1280, "height": 900})
        chromium.close()


@contextmanager
def jupyter(folder: Path, base: str, root: Path) -> Iterator[str]:
    """The address of a JupyterLab with this base URL and root, and its token."""
    env = {**os.environ, "JUPYTER_DATA_DIR": str(folder), "JUPYTER_CONFIG_DIR": str(folder / "config")}
    options = [
        "--no-browser",
        "--port=0",
        "--allow-root",
        f"--ServerApp.base_url={base}",
        f"--ServerApp.root_dir={root}",
    ]
    log = folder / "jupyter.log"
    with log.open("w") as file:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], stdout=file, stderr=file, env=env)
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"(http://127\.0\.0\.1:\d+\S*/lab)(\?token=\w+)", log.read_text())):
            assert time.monotonic() < deadline and server.poll() is None, log.read_text()
            time.sleep(0.2)
        port = int(found.group(1).split(":")[2].split("/")[0])
        while not answers(port):
            assert time.monotonic() < deadline and server.poll() is None, log.read_text()
            time.sleep(0.2)
        yield found.group(1) + "/tree/{}" + found.group(2)
    finally:
        server.terminate()
        server.wait(timeout=60)


@contextmanager
def notebook(html: str, folder: Path, *, trusted: bool) -> Iterator[Path]:
    """A notebook in the project with one cell that has shown this; trusted as if it had been run here."""
    output = nbformat.v4.new_output("execute_result", {"text/html": html, "text/plain": "words"}, execution_count=1)
    cell = nbformat.v4.new_code_cell("dashboard", execution_count=1, outputs=[output])
    written = nbformat.v4.new_notebook(cells=[cell])
    if not trusted:
        # Without a kernel of its own JupyterLab asks for one, and does not end while it asks.
        written.metadata["kernelspec"] = {"name": "rust", "display_name": "Rust", "language": "rust"}
    path = ROOT / f"dashboard-test-{os.getpid()}.ipynb"
    nbformat.write(written, path)
    if trusted:
        NotebookNotary(data_dir=str(folder)).sign(nbformat.read(path, as_version=4))
    try:
        yield path
    finally:
        path.unlink()


def finished(view: Locator) -> int:
    table = view.locator("table", has_text="FINISHED").first
    heads, cells = table.locator("th").all_inner_texts(), table.locator("td").all_inner_texts()
    return int(cells[heads.index("FINISHED")].replace(",", ""))


def wait_for_more(page: Page, view: Locator) -> None:
    before = finished(view)
    for _ in range(100):
        page.wait_for_timeout(200)
        if finished(view) > before:
            return
    pytest.fail(f"the number of finished tasks stays {before}")


@pytest.mark.parametrize(("base", "root"), [("/", ROOT), ("/user/a b/", ROOT.parent)])
def test_the_picture_lives_in_jupyterlab_and_stays(
    kernel: Kernel, page: Page, tmp_path: Path, base: str, root: Path
) -> None:
    with (
        notebook(kernel.html, tmp_path, trusted=True) as path,
        jupyter(tmp_path, base.replace(" ", "%20"), root) as lab,
    ):
        page.goto(lab.format(path.relative_to(root)))
        view = page.locator(OUTPUT).first
        view.locator("svg").wait_for(timeout=60_000)
        wait_for_more(page, view)
        wait_for_more(page, view)
        assert view.locator("svg rect title").count() > 10, "bars have tooltips"
        assert view.get_by_text(re.compile(r"\d+ of 1000 models done, \d+ to go; lowest MSE so far")).is_visible()
        # Text of a task is text, whatever it looks like.
        assert view.get_by_text("<b>no</b> such column").count() > 0
        page.screenshot(path=SHOTS / "dashboard.png")
        assert kernel.file().exists()
        kernel.end()
        page.wait_for_timeout(2000)
        assert not kernel.file().exists()
        assert finished(view) > 0, "the last picture stays"


def test_an_untrusted_notebook_shows_the_picture(kernel: Kernel, page: Page, tmp_path: Path) -> None:
    with notebook(kernel.html, tmp_path, trusted=False) as path, jupyter(tmp_path, "/", ROOT) as lab:
        page.goto(lab.format(path.name))
        picture = page.locator(f"{OUTPUT} img").first
        picture.wait_for(timeout=60_000)
        page.wait_for_function("image => image.complete && image.naturalWidth > 500", arg=picture.element_handle())
        box = picture.bounding_box()
        assert box and box["width"] > 500 and box["height"] > 100, box
        words = page.locator(OUTPUT).first.inner_text()
        assert "FINISHED" in words and "who worked when" not in words.lower(), "no words of the picture beside it"
        page.screenshot(path=SHOTS / "dashboard-untrusted.png")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000)


def test_an_exported_page_keeps_the_picture_in_any_theme(kernel: Kernel, page: Page, tmp_path: Path) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    exported = tmp_path / "exported.html"
    dark = "<body style='background:#111;color:#eee'>"
    exported.write_text(f"<!doctype html><meta charset='utf-8'>{dark}{kernel.html}</body>", encoding="utf-8")
    page.goto(exported.as_uri())
    body = page.locator("body")
    before = finished(body)
    assert before > 0 and body.locator("svg").count() == 1 and body.locator("img").count() == 0
    assert body.locator("h1, h2, h3, h4, h5, h6").count() == 0, "outputs stay out of the table of contents"
    colours = page.evaluate("[...document.querySelectorAll('td, th, caption, p')].map(e => getComputedStyle(e).color)")
    assert colours and set(colours) == {"rgb(238, 238, 238)"}
    page.screenshot(path=SHOTS / "dashboard-exported.png", full_page=True)
    page.wait_for_timeout(1500)
    assert finished(body) == before and complaints == []
    # In a narrow window tables scroll, and the page itself does not.
    page.set_viewport_size({"width": 420, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    tables = "[...document.querySelectorAll('table')].map(t => t.parentElement)"
    wide = f"{tables}.filter(d => d.scrollWidth > d.clientWidth).every(d => getComputedStyle(d).overflowX === 'auto')"
    assert page.evaluate(wide)
    page.screenshot(path=SHOTS / "dashboard-narrow.png", full_page=True)


def test_sliders_replay_a_sweep_as_the_scheduler_does(page: Page, tmp_path: Path) -> None:
    printed = subprocess.run([example("what_if")], capture_output=True, text=True, check=True).stdout
    html = printed.split("EVCXR_BEGIN_CONTENT text/html\n")[1].split("\nEVCXR_END_CONTENT")[0]
    exported = tmp_path / "exported.html"
    dark = "<body style='background:#111;color:#eee'>"
    exported.write_text(f"<!doctype html><meta charset='utf-8'>{dark}{html}</body>", encoding="utf-8")

    # Without scripts: a sentence, and the picture of what was measured.
    browser = page.context.browser
    assert browser
    still = browser.new_context(java_script_enabled=False).new_page()
    still.goto(exported.as_uri())
    assert still.get_by_text("A simulation").is_visible() and still.locator("img").count() == 1
    assert still.locator("input").count() == 0

    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(exported.as_uri())
    replay = "(...setting) => document.querySelector('.what-if').replay(...setting)"
    simulated = json.loads(printed.splitlines()[-1])
    settings = [setting for *setting, _ in simulated]
    found = page.evaluate(f"settings => settings.map(setting => ({replay})(...setting, 1).seconds)", settings)
    assert len(found) == 48
    assert all(abs(script - rust) < 0.001 for script, (*_, rust) in zip(found, simulated, strict=True))
    # A slow worker, against the rule itself.
    trees = [end - start for _, start, end, _ in page.evaluate(f"({replay})(1, 1, 0, 1).bars")]
    free = [0.0] * 3
    for seconds in trees:
        worker = free.index(min(free))
        free[worker] += seconds * (4 if worker == 0 else 1)
    slow = page.evaluate(f"({replay})(3, 1, 0, 4)")
    assert abs(slow["end"] - max(free)) < 0.001 and abs(slow["idle"] - (1 - sum(free) / 3 / max(free))) < 0.001

    result, before = page.get_by_text("Simulated:"), page.get_by_text("Simulated:").inner_text()
    lanes = "document.querySelector('.what-if canvas').toDataURL()"
    drawn = page.evaluate(lanes)
    page.screenshot(path=SHOTS / "what-if.png", full_page=True)
    page.get_by_label("workers", exact=True).fill("12")
    assert result.inner_text() != before and page.evaluate(lanes) != drawn
    page.screenshot(path=SHOTS / "what-if-workers.png", full_page=True)
    page.set_viewport_size({"width": 700, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert complaints == []
