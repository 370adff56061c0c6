"""The dashboard of a cluster in a real browser: it lives, it says when its kernel is gone, it lets nobody in."""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Page, sync_playwright
from test_lab import FLAGS, browser

from project import REPORT, ROOT

# The profile of `cargo test`, which has built the example already.
BUILD = ["cargo", "build", "--quiet", "--locked", "--profile=test", "--package=helper", "--example=dashboard"]
SHOTS = REPORT / "screenshots"
# Whatever reaches over its neighbour or out of the page, and text that is cut without an ellipsis.
DEFECTS = """() => {
    const found = [];
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) found.push(`wider than the page: ${width}`);
    for (const cell of document.querySelectorAll(".card b, .card span, th, .axis span span, #status, #title")) {
        if (cell.scrollWidth > cell.clientWidth + 1 && getComputedStyle(cell).display !== "inline")
            found.push(`cut: ${cell.textContent}`);
    }
    const texts = [...document.querySelectorAll(".lane > span, .ticks span, .card, th, header > *")];
    const boxes = texts.filter(t => t.textContent.trim()).map(t => [t, t.getBoundingClientRect()]);
    for (const [a, p] of boxes) for (const [b, q] of boxes) {
        if (a === b || a.contains(b) || b.contains(a)) continue;
        if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
            found.push(`overlap: ${a.textContent} / ${b.textContent}`);
    }
    return found;
}"""


@dataclass
class Kernel:
    """A program that serves a dashboard, in the place of a notebook kernel."""

    process: subprocess.Popen[str]
    url: str
    frame: str

    def end(self) -> None:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(timeout=30)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    subprocess.run(BUILD, cwd=ROOT, check=True)
    program = [str(ROOT / "target" / "debug" / "examples" / "dashboard"), "frame"]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    process = subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=null, text=True)
    assert process.stdout
    url = process.stdout.readline().strip()
    # What evcxr would hand to the notebook.
    frame: list[str] = []
    assert process.stdout.readline().strip() == "EVCXR_BEGIN_CONTENT text/html"
    while (line := process.stdout.readline()).strip() != "EVCXR_END_CONTENT":
        assert line, "the program ended"
        frame.append(line)
    kernel = Kernel(process, url, "".join(frame))
    yield kernel
    kernel.end()


@pytest.fixture
def page() -> Iterator[Page]:
    program = browser()
    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium.new_page(viewport={"width": 1000, "height": 700})
        chromium.close()


def finished(page: Page | Frame) -> int:
    card = page.locator(".card", has_text="FINISHED").locator("b")
    return int(card.inner_text(timeout=20_000).replace(",", ""))


def wait_for_more(page: Page, view: Page | Frame) -> None:
    before = finished(view)
    for _ in range(100):
        page.wait_for_timeout(200)
        if finished(view) > before:
            return
    pytest.fail(f"the number of finished tasks stays {before}")


def test_the_page_lives_and_says_when_its_kernel_is_gone(kernel: Kernel, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(kernel.url)
    wait_for_more(page, page)
    assert page.locator("#title").inner_text() == "Cluster of 2 workers"
    assert page.locator("#status").inner_text() == "live"
    assert page.locator(".lane svg rect").count() > 10
    page.locator("#cores", has_text="cores busy").wait_for(timeout=10_000)
    # Text of a task is text, whatever it looks like.
    page.locator(".failure", has_text="<b>no</b> such column").first.wait_for(timeout=20_000)
    assert page.locator(".failure b").count() == 0
    page.screenshot(path=SHOTS / "dashboard.png", full_page=True)
    assert page.evaluate(DEFECTS) == []
    page.set_viewport_size({"width": 560, "height": 700})
    page.screenshot(path=SHOTS / "dashboard-narrow.png", full_page=True)
    assert page.evaluate(DEFECTS) == []
    assert complaints == []

    kernel.end()
    status = page.locator("#status", has_text="The kernel has ended")
    status.wait_for(timeout=30_000)
    assert re.search(r"last seen at \d", status.inner_text())
    assert finished(page) > 0, "the last picture stays"
    page.screenshot(path=SHOTS / "dashboard-gone.png", full_page=True)


def test_the_frame_in_a_notebook_falls_back_to_a_picture(kernel: Kernel, page: Page, tmp_path: Path) -> None:
    notebook = tmp_path / "exported.html"
    notebook.write_text(f"<!doctype html><meta charset='utf-8'><body>{kernel.frame}</body>", encoding="utf-8")
    page.goto(notebook.as_uri())
    page.wait_for_timeout(1000)
    assert not page.get_by_text("The live page is not there").is_visible()
    (live,) = [frame for frame in page.frames if frame.url == kernel.url]
    wait_for_more(page, live)
    page.screenshot(path=SHOTS / "dashboard-frame.png")

    kernel.end()
    page.reload()
    page.get_by_text("The live page is not there").wait_for(timeout=20_000)
    assert finished(page) > 0
    assert page.locator(".lane svg rect").count() > 10
    assert page.get_by_text("ssh -L").is_visible()
    page.screenshot(path=SHOTS / "dashboard-picture.png", full_page=True)
    assert page.evaluate(DEFECTS) == []


def status_of(url: str, method: str = "GET", **headers: str) -> int:
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_nobody_else_is_let_in(kernel: Kernel, page: Page, tmp_path: Path) -> None:
    origin, token = re.fullmatch(r"(http://127\.0\.0\.1:\d+/)([0-9a-f]{32})/", kernel.url).groups()  # type: ignore[union-attr]
    assert status_of(kernel.url) == 200
    assert status_of(kernel.url + "state.json") == 200
    other = token[:-1] + ("0" if token[-1] != "0" else "1")
    for path in ("", "state.json", f"{other}/", f"{other}/state.json", "favicon.ico"):
        assert status_of(origin + path) == 404, path
    assert status_of(kernel.url, Host="attacker.example") == 403
    assert status_of(kernel.url, method="POST") == 405
    # Another page in the same browser cannot read it, even if it knows the address.
    stranger = tmp_path / "stranger.html"
    stranger.write_text("<!doctype html><p>stranger</p>", encoding="utf-8")
    page.goto(stranger.as_uri())
    read = "url => fetch(url).then(answer => answer.text(), error => `refused: ${error}`)"
    assert page.evaluate(read, kernel.url + "state.json").startswith("refused")
