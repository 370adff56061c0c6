"""Kernels: cells that share a cluster, and kernels that share nothing."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest

import report
from explain import ANSI
from folders import slot_lock
from kernels import Kernel, kernel
from project import KERNELS, ROOT, try_lock

HELPER = ':dep helper = { path = "helper" }\nuse helper::prelude::*;'
# A cell that shows where its kernel works.
WHERE = 'std::env::var("EVCXR_TMPDIR").unwrap_or_default()'


def run(session: Kernel, code: str) -> str:
    result = session.run(code)
    assert not result.error, result.error
    return result.stdout + result.data.get("text/plain", "")


def folder(session: Kernel) -> Path:
    """The folder that the kernel holds."""
    return Path(run(session, WHERE).strip('"')).parent


@pytest.fixture(autouse=True, scope="module")
def helper(session: Kernel) -> None:
    run(session, HELPER)


def test_a_cluster_works_across_cells_and_keeps_to_its_threads(session: Kernel) -> None:
    """Only the pool that the first cell made may run, whatever the cell that hands in the work."""
    run(session, "let cluster = Cluster::local_with(2)?; let data = cluster.put(vec![1u64, 2, 3]);")
    names = "std::thread::current().name().map(str::to_owned)"
    threads = 'println!("threads {}", std::fs::read_dir("/proc/self/task").map_or(0, |d| d.count()));'
    asks = f"let who: Vec<ObjectRef<Option<String>>> = (0..50).map(|_| cluster.remote(&data, |_| {names})).collect();"
    run(session, asks)
    shown = run(session, 'let all = cluster.get_all(&who)?; println!("{:?}", all);')
    assert set(re.findall(r'"(worker-\d+)"', shown)) <= {"worker-0", "worker-1"}
    assert shown.count("worker-") == 50
    sweep = "let out = Sweep::over_n_estimators([20, 30]).max_depth(4).quiet();"
    run(session, f"let split = data::california_housing()?.split(0.9, 1)?; {sweep}")
    # Reading the table took polars a thread of its own in that cell; training must take none.
    before = run(session, threads)
    run(session, "let here = out.run_on(&cluster, &cluster.put(split.clone()))?;")
    assert run(session, "here.same_bits(&out.run_sequential(&split)?)") == "true"
    if Path("/proc/self/task").exists():
        assert run(session, threads) == before


def test_a_panic_in_a_task_of_another_cell_is_an_error_and_no_more(session: Kernel) -> None:
    run(session, "let cluster = Cluster::local_with(1)?;")
    run(session, 'let doomed: ObjectRef<u8> = cluster.remote((), |()| panic!("on purpose"));')
    failed = session.run("cluster.get(&doomed)?;")
    assert "on purpose" in failed.stderr + failed.error + failed.stdout
    assert run(session, "let fine = cluster.remote((), |()| 7); *cluster.get(&fine)?") == "7"


def test_bad_values_are_sentences_and_the_kernel_lives(session: Kernel) -> None:
    run(session, "let split = data::california_housing()?.split(0.2, 42)?;")
    failed = session.run("let o = Sweep::over_n_estimators(0).run_sequential(&split)?;")
    assert "n_estimators is 0, but must be from 1 to 1,048,576 trees" in failed.stderr + failed.error + failed.stdout
    assert run(session, "split.test.len()") == "4128"


# What the section on red cells shows, and a variable that borrows: a cell, and the sentence that comes first.
RED = {
    "moved": ("let taken = cluster.put(red); red.rows()", "`red` has been moved: what takes `red` keeps it."),
    "no ?": ("let halves = red.split(0.5, 1); halves.train.len()", "returns a `Result`: put `?` between them"),
    "type": (
        "let deep = Sweep::over_n_estimators(50).max_depth(20.5);",
        "A value like 0.5 does not fit here. Write a whole number",
    ),
    "typo": ("let deep = Sweep::over_n_estimators(50).max_deph(20);", "has no `max_deph`. The Tab key shows"),
    "borrow": ("let part = &red;", "borrows from another variable"),
}


@pytest.mark.parametrize("kind", RED)
def test_the_commonest_mistakes_are_told_in_a_sentence(session: Kernel, kind: str) -> None:
    run(session, "let cluster = Cluster::local_with(1)?; let red = data::friedman1(50, 5, 0.0, 1)?;")
    code, words = RED[kind]
    error = session.run(code).error
    assert set(ANSI.findall(error)) == {"\x1b[1m", "\x1b[0m"}, "bold alone is legible in both themes"
    said = ANSI.sub("", error)
    assert words in said.split("\n")[0], said
    assert "line 1 │" in said


def test_kernels_never_share_a_folder_and_reuse_it_when_it_is_free(session: Kernel) -> None:
    with kernel(cwd=str(ROOT)) as other:
        held = folder(other)
        assert held != folder(session) and held.parent == folder(session).parent == KERNELS
        # The same variable, other code, in turn: each runs its own.
        for i in range(2):
            assert run(session, f'let mine = "one {i}"; mine') == f'"one {i}"'
            assert run(other, f'let mine = "two {i}"; mine') == f'"two {i}"'
    slots = set(KERNELS.glob("slot-*[0-9]"))
    with kernel(cwd=str(ROOT)) as again:
        assert folder(again) == held
        assert set(KERNELS.glob("slot-*[0-9]")) == slots
        # Killed, it leaves its folder free.
        kernel_process = psutil.Process(again.pid)
        processes = [kernel_process, *kernel_process.children(recursive=True)]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=10)
    deadline = time.monotonic() + 10
    while (lock := try_lock(slot_lock(held))) is None:
        assert time.monotonic() < deadline, "the lock outlived its kernel"
        time.sleep(0.1)
    os.close(lock)


def test_versions_are_those_of_the_project(session: Kernel) -> None:
    def versions(lock: Path) -> dict[str, str]:
        found = re.findall(r'name = "(.+)"\nversion = "(.+)"', lock.read_text())
        return {f"{name} {version.split('.')[0]}": version for name, version in found}

    mine, project = versions(folder(session) / "Cargo.lock"), versions(ROOT / "Cargo.lock")
    assert "polars-core 0" in mine
    others = {name: version for name, version in mine.items() if project.get(name) != version}
    assert others == {"ctx 1": "1.0.0", "pin 1": "1.0.0"}


def test_types_of_variables_are_inferred_though_dependencies_are_hidden(session: Kernel) -> None:
    """What rust-analyzer, inside the kernel, does not see must not matter to a cell."""
    lets = {
        "vector": "vec![1.5, 2.5]",
        "map": 'std::collections::HashMap::from([("a", 1)])',
        "text": 'format!("{}", 1)',
        "count": "(0..10).filter(|n| n % 2 == 0).map(|n| n * n).collect::<Vec<u32>>()",
        "moment": "std::time::Instant::now()",
        "shared": "std::sync::Arc::new(std::sync::Mutex::new(0_u8))",
        "table": "data::california_housing()?",
        "split": "infer_table.split(0.9, 1)?",
        "sweep": "Sweep::over_n_estimators([2, 3]).quiet()",
        "outcome": "infer_sweep.run_sequential(&infer_split)?",
        "best": "infer_outcome.best().clone()",
        "figure": "chart::error_by_trees(&infer_outcome)?",
        "computer": "machine()",
    }
    run(session, "\n".join(f"let infer_{name} = {value};" for name, value in lets.items()))
    uses = "; ".join(f"let _ = &infer_{name}" for name in lets)
    assert run(session, f"{uses}; infer_vector.len() + infer_best.predictions.len()") == str(2 + 18_576)


def test_the_build_has_no_debug_assertions(session: Kernel) -> None:
    assert run(session, "machine().debug_assertions") == "false"


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_locks_are_held_by_the_kernel_alone(session: Kernel) -> None:
    assert try_lock(slot_lock(folder(session))) is None


@pytest.mark.slow
def test_a_notebook_and_a_report_at_once_never_mix() -> None:
    """The same cells but for a number, at the same time: each sees its own."""
    cells = [
        'let name = "{who}"; let number: u64 = {n};',
        "fn scale(x: u64) -> u64 {{ x * {n} }}",
        'println!("{{name}} {{}}", scale(number + 10));',
    ]
    expected = {who: [f"{who} {(n + 10) * n}"] for who, n in (("one", 1), ("two", 2))}
    seen: dict[str, list[str]] = {}

    def texts(who: str, n: int) -> list[str]:
        return [cell.format(who=who, n=n) for cell in cells]

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

    threads = [
        threading.Thread(target=notebook, args=("one", 1)),
        threading.Thread(target=whole_report, args=("two", 2)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == expected
