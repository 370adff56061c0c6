"""The report: what a page holds and what it loads, settings from the command line, a notebook of one's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Page, sync_playwright
from test_lab import CUT_OFF, FLAGS, browser

import export
import report
from hyperparameters import NAMES, Refused, apply, edited, setting
from project import REPORT

ABOUT: dict[str, Any] = {"title": None, "author": None, "settings": {}, "code": True}
HASH = "ab" * 32
SWEEP = """// A sweep; not over .seed(1)
let sweep = Sweep::over_n_estimators((50..=340).step_by(10))
    .max_depth(20) // was .max_depth(5)
    .seed(42);
println!(".max_depth(1)"); sweep // .max_depth(2)"""


def plain_notebook() -> NotebookNode:
    """A notebook that needs no crate, with what must not end a report."""
    tagged = {"tags": ["raises-exception"]}
    return new_notebook(
        cells=[
            new_markdown_cell("# Mine"),
            new_markdown_cell("## First & last\n\n### Inside"),
            new_code_cell("let Sweep__ = 1; // Sweep::over_n_estimators(3)\nlet five = dbg!(2 + 3);"),
            new_code_cell('eprintln!("only a warning"); five'),
            new_code_cell('Err::<u8, String>("on purpose".to_owned())?;', metadata=tagged),
            new_code_cell('println!("secret code");', metadata={"tags": ["remove-input"]}),
            new_code_cell(f'println!("predictions: {HASH}");'),
            new_code_cell('std::fs::write("REPORT/mine.csv", "name,mse,best\\na,0.25,true\\n")?;'),
        ]
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder of a report on that notebook, which was to verify another hash, and how the program ended."""
    folder = tmp_path_factory.mktemp("report")
    notebook = plain_notebook()
    notebook.cells[-1].source = notebook.cells[-1].source.replace("REPORT", str(folder))
    (folder / "in").mkdir()
    nbformat.write(notebook, folder / "in" / "mine.ipynb")
    (folder / "old.csv").write_text("a\n1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "REPORT", folder)
        words = ["--notebook", str(folder / "in" / "mine.ipynb"), "--title", "A <title>", "--author", "Ada"]
        with pytest.raises(SystemExit) as ended:
            report.main([*words, "--verify", "0" * 64])
    yield folder, str(ended.value)


def test_a_hash_that_differs_ends_with_both(made: tuple[Path, str]) -> None:
    assert made[1].endswith(f"{'0' * 64} was wanted, and the notebook shows {HASH}")


def test_a_plain_notebook_runs_to_its_end(made: tuple[Path, str]) -> None:
    folder, _ = made
    page = BeautifulSoup((folder / "mine.html").read_text(), "html.parser")
    assert page.title and page.title.string == "A <title>"
    header = page.select_one("header")
    assert header and header.get_text(" ", strip=True) == "A <title> Ada"
    entries = [(link.get_text(), str(link["href"])) for link in page.select("nav.contents a")]
    assert [name for name, _ in entries] == ["Mine", "First & last", "Inside"]
    assert all(page.find(id=target.removeprefix("#")) for _, target in entries)
    text = page.get_text()
    for shown in ("2 + 3 = 5", "only a warning", "Error: on purpose", "secret code"):
        assert shown in text
    assert 'println!("secret' not in text and "let five" in text


def test_results_as_json(made: tuple[Path, str]) -> None:
    results = json.loads((made[0] / "mine.json").read_text())
    assert results["predictions"] == HASH and results["author"] == "Ada" and results["notebook"] == "mine.ipynb"
    assert results["tables"] == {"mine": [{"name": "a", "mse": 0.25, "best": True}]}


def test_without_code(made: tuple[Path, str]) -> None:
    folder, _ = made
    notebook = nbformat.read(folder / "mine.ipynb", as_version=4)
    export.html(notebook, folder / "short.html", {**ABOUT, "code": False})
    text = BeautifulSoup((folder / "short.html").read_text(), "html.parser").get_text()
    assert "let five" not in text and "only a warning" in text and "In [" not in text


def loaded_from(page: str) -> set[str]:
    """The addresses that a page would load something from; where a link leads is another matter."""
    soup = BeautifulSoup(page, "html.parser")
    names = ("src", "srcset", "data", "poster")
    found = {str(tag[name]) for name in names for tag in soup.select(f"[{name}]")}
    found |= {str(tag["href"]) for tag in soup.select("link[href], use[href], image[href]")}
    code = "\n".join(tag.get_text() for tag in soup.select("style, script"))
    code += "".join(str(tag["style"]) for tag in soup.select("[style]"))
    found |= set(re.findall(r"""(?:url\(|@import |import[ (]|from |fetch\()\s*["']?([^"')\s]+)""", code))
    return {address for address in found if re.match(r"(\w+:)?//", address)}


def test_a_page_that_loads_is_told_from_one_that_links() -> None:
    assert loaded_from('<a href="https://a.org">a</a><svg xmlns="http://www.w3.org/2000/svg"></svg>') == set()
    for page in (
        '<script src="//a.org/x.js">',
        '<link href="https://a.org">',
        "<style>a{b:url('https://a.org')}</style>",
    ):
        assert len(loaded_from(page)) == 1


def test_the_page_loads_nothing_from_elsewhere(made: tuple[Path, str]) -> None:
    assert loaded_from((made[0] / "mine.html").read_text()) == set()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("max_depth=12", "    .max_depth(12) // was .max_depth(5)"),
        ("n_estimators=10..=100 step 10", "let sweep = Sweep::over_n_estimators((10..=100).step_by(10))"),
        ("max_depth=[4, None]", "    .max_depth([Some(4), None]) // was .max_depth(5)"),
        ("max_features = sqrt", '    .max_features("sqrt")'),
        ("learner=Smartcore", "    .learner(Learner::Smartcore)"),
        ("learner=Learner::Forest", "    .learner(Learner::Forest)"),
    ],
)
def test_a_setting_is_an_edit_of_one_call(text: str, line: str) -> None:
    before, after = SWEEP.split("\n"), edited(SWEEP, *setting(text)).split("\n")
    assert line in after
    assert len(set(after) - set(before)) == 1 and len(set(before) - set(after)) <= 1


@pytest.mark.parametrize("text", ["depth=3", "max_depth", "max_depth=", "max_depth=1);evil(", "=3", "seed=(1"])
def test_what_cannot_be_set_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(
        Refused,
        match="there are n_estimators, max_depth" if "max_d" not in text and "seed" not in text else "write one as in",
    ):
        setting(text)


def test_settings_need_a_cell_with_a_sweep() -> None:
    notebook = new_notebook(cells=[new_markdown_cell(SWEEP), new_code_cell(f"/* {SWEEP} */"), new_code_cell(SWEEP)])
    apply(notebook, {"seed": "7"})
    assert [".seed(7)" in cell.source for cell in notebook.cells] == [False, False, True]
    with pytest.raises(Refused, match="no cell with Sweep::over_n_estimators"):
        apply(plain_notebook(), {"seed": "7"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "depth=3"], f"'depth' is no hyperparameter of section 3; there are {', '.join(NAMES)}"),
        (["--set", "seed=1", "--inplace"], "leave out --set"),
        (["--verify", "abc"], "64 digits"),
        (["--notebook", str(REPORT / "mine.ipynb")], "move it out of report/"),
    ],
)
def test_words_that_make_no_sense_are_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report.arguments(words)
    assert said in capsys.readouterr().err


def test_what_is_no_notebook_is_refused(tmp_path: Path) -> None:
    for content in (None, "no JSON", "[1]", '{"cells": 3}', '{"cells": [], "nbformat": 4}'):
        if content is not None:
            (tmp_path / "x.ipynb").write_text(content)
        with pytest.raises(SystemExit, match="cannot be read as a notebook"):
            report.main(["--notebook", str(tmp_path / "x.ipynb")])


def test_without_a_browser_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_browser", lambda: None)
    with pytest.raises(SystemExit, match="--pdf needs Chromium or Chrome, and there is none; install one"):
        report.main(["--pdf"])


# The lab's own report, in a browser.


@pytest.fixture(scope="module")
def page(lab: NotebookNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, list[str], Path]]:
    """The page as this code exports the notebook, and what it asks for."""
    path = tmp_path_factory.mktemp("page") / "Ray.html"
    export.html(lab, path, {**ABOUT, "author": "Ada", "settings": {"max_depth": "12"}})
    asked: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=FLAGS)
        opened = chromium.new_page(viewport={"width": 1400, "height": 900})
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(path.as_uri(), wait_until="networkidle")
        yield opened, asked, path
        chromium.close()


@pytest.mark.slow
def test_the_labs_page_asks_for_nothing(page: tuple[Page, list[str], Path]) -> None:
    opened, asked, path = page
    assert loaded_from(path.read_text()) == set()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert opened.locator(".jp-OutputArea-output svg").count() >= 8


@pytest.mark.slow
def test_the_table_of_contents_leads_to_sections(page: tuple[Page, list[str], Path]) -> None:
    opened, _, path = page
    opened.set_viewport_size({"width": 1400, "height": 900})
    names = opened.locator("nav.contents a").all_inner_texts()
    assert [name[:3] for name in names if re.match(r"\d+\. ", name)][:3] == ["1. ", "2. ", "3. "] and len(names) > 12
    opened.get_by_role("link", name="10. The best model").click()
    opened.wait_for_timeout(300)
    box = opened.get_by_role("heading", name="10. The best model").bounding_box()
    assert box and 0 <= box["y"] < 200, box
    shots = REPORT / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    opened.screenshot(path=shots / "report.png")
    for width in (1400, 700, 420):
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), width
        assert opened.evaluate(CUT_OFF) == []
    opened.screenshot(path=shots / "report-narrow.png")


@pytest.mark.slow
def test_no_picture_or_row_is_cut_by_the_end_of_a_page(page: tuple[Page, list[str], Path]) -> None:
    opened, _, path = page
    opened.emulate_media(media="print")
    # A4 within its margins, at 96 dots per inch.
    width, height = (round(mm / 25.4 * 96) for mm in (210 - 2 * 16, 297 - 2 * 18))
    opened.set_viewport_size({"width": width, "height": height})
    whole = """([selector, height]) => [...document.querySelectorAll(selector)].filter(part => {
        const box = part.getBoundingClientRect();
        return box.height > 0 && (getComputedStyle(part).breakInside !== 'avoid' || box.height > height);
    }).map(part => part.outerHTML.slice(0, 200))"""
    pictures = ".jp-OutputArea-child svg:not(svg svg), .jp-OutputArea-child tr"
    assert opened.evaluate(whole, [pictures, height]) == []
    rights = "[...document.querySelectorAll('main table, main svg')].map(part => part.getBoundingClientRect().right)"
    assert max(opened.evaluate(rights)) <= width + 1
    opened.emulate_media(media="screen")


@pytest.mark.slow
def test_the_page_as_pdf(page: tuple[Page, list[str], Path]) -> None:
    *_, path = page
    export.pdf(browser(), path)
    printed = path.with_suffix(".pdf").read_bytes()
    assert printed.startswith(b"%PDF") and 8 < len(re.findall(rb"/Type\s*/Page\b", printed)) < 60
