"""A local Ray cluster of which something is killed, and what is left of it: one test for each kind of end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from clusters import END, START, WORKER, Lab, Traces, shared_memory

from project import VENV_PYTHON

pytestmark = pytest.mark.slow


def test_the_guard_ends_all_of_a_cluster() -> None:
    """Also what writes without end, what is stopped, what has a session of its own, and what has lost its parent."""
    folder = Path(tempfile.mkdtemp(prefix="ray-test-", dir="/tmp"))
    again, memory = folder / "again", shared_memory()
    writer = f"while :; do mkdir -p {again}; echo x > {again}/$$; done"
    script = f"(({writer}) &); sleep 600 & kill -STOP $!; echo started; sleep 600"
    there: dict[str, Any] = {"env": {**os.environ, "RAY_TMPDIR": str(folder)}, "start_new_session": True}
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    job = subprocess.Popen(["sleep", "600"], **there)
    driver = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, **there)
    command = [str(part) for part in (VENV_PYTHON, WORKER / "guard.py", folder, driver.pid)]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert driver.stdout and guard.stdin and driver.stdout.readline() == b"started\n"
        assert guard.stdout and guard.stdout.readline() == b"ready\n"
        traces = Traces(driver.pid, psutil.Process(guard.pid), memory)
        # Signals to the host's whole terminal reach the guard, too.
        guard.send_signal(signal.SIGINT)
        guard.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert guard.poll() is None and again.exists() and len(traces.processes()) >= 3
        guard.stdin.close()
        assert guard.wait(timeout=END) == 0
        assert driver.wait(timeout=END) == job.wait(timeout=END) == -signal.SIGKILL
        traces.gone()
        assert other.poll() is None
    finally:
        for process in (other, job, driver, guard):
            process.kill()
            process.wait()


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab("local", "1", "1", "--trees", "100", "340", "--step", "40", "--bits", "none")
    traces = lab.traces
    yield lab
    if lab.process.poll() is None:
        lab.process.kill()
    lab.process.communicate()
    traces.gone()


def at_work(lab: Lab) -> list[psutil.Process]:
    lab.traces.note_ports()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if workers := lab.traces.named("ray::model"):
            return workers
    raise AssertionError([process.name() for process in lab.traces.processes()])


def test_a_lab_that_is_killed_with_its_driver_leaves_nothing(lab: Lab) -> None:
    driver = lab.driver()
    lab.until('"starting"')
    at_work(lab)
    lab.process.kill()
    driver.kill()
    assert lab.process.wait(timeout=END) != 0


def test_a_lab_that_is_killed_while_its_cluster_starts_leaves_nothing(lab: Lab) -> None:
    """Its driver is stopped, and so cannot end by itself."""
    driver = lab.driver()
    until = time.monotonic() + START
    while not lab.traces.named("raylet/raylet"):
        assert time.monotonic() < until
        time.sleep(0.05)
    driver.suspend()
    lab.process.kill()
    assert lab.process.wait(timeout=END) != 0
