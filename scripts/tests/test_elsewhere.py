"""A fresh checkout somewhere else: a path with spaces and other letters, and no table but that of the package index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest

import report
from kernels import kernel
from project import KERNELS, ROOT, VENV

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Path]:
    """What is committed, with what was edited since, and a short sweep."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "Übung 1 (mine)" / "lab"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).exists():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        # The kernel's program takes minutes to build; this one stands where it would have been built.
        home = Path((KERNELS / "evcxr").read_text()).parent.parent
        (root / ".tools" / "bin").mkdir(parents=True)
        for name in ("bin/evcxr_jupyter", ".crates.toml"):
            shutil.copy2(home / name, root / ".tools" / name)
        notebook = root / "Ray.ipynb"
        notebook.write_text(notebook.read_text().replace("(50..=340).step_by(10)", "(20..=60).step_by(20)"))
        yield root


def environment(root: Path) -> dict[str, str]:
    """This one's, but the table is nowhere, and what is cached goes with the checkout; caches of packages are kept."""
    env = {name: value for name, value in os.environ.items() if name not in ("CALIFORNIA_HOUSING", "JUPYTER_PATH")}
    for name, command in (("PIP", [sys.executable, "-m", "pip"]), ("UV", [str(VENV / "bin" / "uv")])):
        cache = subprocess.run([*command, "cache", "dir"], capture_output=True, text=True, check=True)
        env[f"{name}_CACHE_DIR"] = cache.stdout.strip()
    return env | {"XDG_CACHE_HOME": str(root.parents[1])}


def run(root: Path, *command: str, **more: str) -> tuple[int, str]:
    script = [str(root / command[0]), *command[1:]]
    env = {**environment(root), **more}
    done = subprocess.run(script, env=env, capture_output=True, text=True, timeout=1200)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def said(elsewhere: Path) -> str:
    """What the README's first command says there."""
    status, said = run(elsewhere, "scripts/report")
    assert status == 0, said
    return said


def test_the_lab_runs_to_its_end_on_the_table_of_the_package_index(elsewhere: Path, said: str) -> None:
    assert "asking the package index" in said and "https://ndownloader" not in said, said
    assert "cal_housing.data is there and checked" in said and "report: report/Ray.html is ready, after" in said
    for csv in (elsewhere / "report").glob("*.csv"):
        assert all(line.startswith("California Housing") for line in csv.read_text().splitlines()[1:]), csv
    charts = list((elsewhere / "report" / "charts").glob("*.svg"))
    assert len(charts) >= 7 and all("California Housing" in chart.read_text() for chart in charts)


def test_a_second_set_up_is_quick_and_has_nothing_to_say(elsewhere: Path, said: str) -> None:
    assert said
    assert run(elsewhere, "scripts/setup") == (0, "")


def test_without_a_table_each_command_says_what_to_do(elsewhere: Path, said: str) -> None:
    assert said
    table, nowhere = elsewhere / "data" / "cal_housing.data", "http://127.0.0.1:9/cal_housing.tgz"
    kept = table.rename(table.with_suffix(".kept"))
    try:
        status, refused = run(elsewhere, "scripts/fetch-data", CALIFORNIA_HOUSING_URL=nowhere)
        assert status == 1 and f"asking {nowhere}\n  it cannot be reached" in refused, refused
        assert "by hand (data/README.md says which)" in refused
        status, refused = run(elsewhere, "scripts/report", CALIFORNIA_HOUSING_URL=nowhere)
        assert status == 1 and "there is no table yet, so the lab stops where it needs it" in refused, refused
        assert "run ./scripts/fetch-data in a terminal to download it" in refused
    finally:
        kept.rename(table)


def test_an_edited_helper_is_there_after_a_restart(elsewhere: Path, said: str) -> None:
    assert said
    templates = list(elsewhere.parents[1].glob("rust-lab-kernels/*/evcxr/template"))
    assert len(templates) == 1

    def state() -> dict[Path, tuple[int, int]]:
        files = (path for path in templates[0].rglob("*") if path.is_file())
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    before = state()
    library = elsewhere / "helper" / "src" / "lib.rs"
    library.write_text(library.read_text() + "\n/// Edited.\npub fn edited() -> u32 {\n    4711\n}\n")
    code = f"""
import sys; sys.path.insert(0, {str(elsewhere / "scripts" / "lib")!r})
from kernels import kernel
with kernel(cwd={str(elsewhere)!r}) as session:
    print(session.run(':dep helper = {{ path = "helper" }}').error)
    print(session.run("helper::edited()").data)
"""
    python = str(elsewhere / ".venv" / "bin" / "python")
    done = subprocess.run([python, "-c", code], env=environment(elsewhere), capture_output=True, text=True, timeout=600)
    assert "4711" in done.stdout, done.stdout + done.stderr
    # The kernel built the helper in its own folder, and changed nothing that others share.
    assert state() == before


def test_notebooks_and_a_report_at_once_under_load_never_mix() -> None:
    """The same cells but for a number, at the same time: each sees its own."""
    cells = [
        'let name = "{who}"; let number: u64 = {n};',
        "fn scale(x: u64) -> u64 {{ x * {n} }}",
        "let scaled = scale(10); scaled",
        'println!("{{name}} {{number}}");',
        "let made = data::friedman1(50 + {n}, 5, 0.0, {n})?; made.rows()",
        "fn scale(x: u64) -> u64 {{ x + {n} }}",
        "scale(number)",
    ]
    expected = {
        who: [f"{n * 10}", f"{who} {n}", f"{50 + n}", f"{n * 2}"] for who, n in (("one", 1), ("two", 2), ("three", 3))
    }
    dependency = ':dep helper = {{ path = "helper" }}\nuse helper::prelude::*;'
    seen: dict[str, list[str]] = {}

    def texts(who: str, n: int) -> list[str]:
        return [cell.format(who=who, n=n) for cell in [dependency, *cells]]

    def notebook(who: str, n: int) -> None:
        with kernel(cwd=str(ROOT)) as session:
            results = [session.run(cell) for cell in texts(who, n)]
        assert not any(result.error for result in results), results
        seen[who] = [text for r in results if (text := (r.stdout + r.data.get("text/plain", "")).strip())]

    def whole_report(who: str, n: int) -> None:
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in texts(who, n)])
        made.metadata["kernelspec"] = {"name": "rust", "display_name": "Rust", "language": "rust"}
        outputs = [output for cell in report.execute(made).cells for output in cell.outputs]
        seen[who] = [(o.text if "text" in o else o.data["text/plain"]).strip() for o in outputs]

    load = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(psutil.cpu_count() or 1)]
    try:
        threads = [
            threading.Thread(target=notebook, args=("one", 1)),
            threading.Thread(target=notebook, args=("two", 2)),
            threading.Thread(target=whole_report, args=("three", 3)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for process in load:
            process.kill()
            process.wait()
    assert seen == expected
