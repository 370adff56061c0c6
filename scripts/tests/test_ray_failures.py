"""A Ray cluster of this machine's own where something ends that should not, and what is left of it."""

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
from clusters import END, START, WORKER, Host, Lab, Traces, shared_memory

from project import VENV_PYTHON


@pytest.fixture
def folder() -> Path:
    # Short: sockets lie in there.
    return Path(tempfile.mkdtemp(prefix="ray-test-", dir="/tmp"))


def test_the_guard_takes_all_of_it_away(folder: Path) -> None:
    """Also what writes without end, what is stopped, what has a session of its own, and what has lost its parent."""
    again = folder / "again"
    writer = f"while :; do mkdir -p {again}; echo x > {again}/$$; done"
    script = f"(({writer}) &); sleep 600 & kill -STOP $!; echo started; sleep 600"
    there: dict[str, Any] = {"env": {**os.environ, "RAY_TMPDIR": str(folder)}, "start_new_session": True}
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    job = subprocess.Popen(["sleep", "600"], **there)
    driver = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, **there)
    guard = subprocess.Popen([VENV_PYTHON, WORKER / "guard.py", folder], stdin=subprocess.PIPE)
    try:
        assert driver.stdout and guard.stdin and driver.stdout.readline() == b"started\n"
        traces = Traces(folder, driver.pid, shared_memory())
        guard.stdin.write(f"{driver.pid}\n".encode())
        guard.stdin.flush()
        time.sleep(0.5)
        # Who ends the host may mean all that it has started.
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


def test_the_cluster_ends_with_its_host(folder: Path) -> None:
    """The driver's input and the guard's end with the host, whatever ended that."""
    host = Host()
    host.start(local={"nodes": 2, "cpus": 1, "folder": str(folder)})
    assert host.wait("ready", "error")["event"] == "ready"
    assert (folder / "token").stat().st_mode & 0o077 == 0
    host.traces.note_ports()
    assert len(host.traces.processes()) > 3 and len(host.traces.listening()) > 3
    assert host.close() == 0
    host.traces.gone()


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab("local", "2", "1", "--trees", "100", "340", "--step", "40")
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


def raylets(lab: Lab) -> list[psutil.Process]:
    """That of the head first."""
    return sorted(lab.traces.named("raylet/raylet"), key=lambda process: process.create_time())


def test_a_killed_worker_costs_no_bit(lab: Lab) -> None:
    lab.until('"starting"')
    at_work(lab)[0].kill()
    assert lab.until('"same"')["same"] is True


def test_a_killed_raylet_costs_no_bit(lab: Lab) -> None:
    lab.until('"starting"')
    at_work(lab)
    nodes = raylets(lab)
    assert len(nodes) == 2
    nodes[1].kill()
    assert lab.until('"same"')["same"] is True


def test_a_killed_head_is_an_error_soon(lab: Lab) -> None:
    lab.until('"starting"')
    at_work(lab)
    began = time.monotonic()
    lab.traces.named("gcs_server")[0].kill()
    message = lab.error()
    assert "run the sweep again" in message, message
    assert time.monotonic() - began < 90


def test_a_killed_driver_is_an_error_at_once(lab: Lab) -> None:
    lab.until('"starting"')
    at_work(lab)
    lab.child("driver.py").kill()
    message = lab.error()
    assert "signal: 9" in message and "run the sweep again" in message, message


@pytest.mark.parametrize("moment", ["starts", "works"])
@pytest.mark.parametrize(
    "how", ["interrupted", "killed", "killed with its driver", "killed while its driver is stopped"]
)
def test_a_lab_that_is_ended_leaves_nothing(lab: Lab, how: str, moment: str) -> None:
    driver = lab.child("driver.py")
    if moment == "works":
        lab.until('"starting"')
        at_work(lab)
    else:
        until = time.monotonic() + START
        while not lab.traces.named("raylet/raylet"):
            assert time.monotonic() < until
            time.sleep(0.05)
    if "stopped" in how:
        driver.suspend()
    lab.process.send_signal(signal.SIGINT if how == "interrupted" else signal.SIGKILL)
    if how == "killed with its driver":
        driver.kill()
    assert lab.process.wait(timeout=END) != 0


def test_results_that_stall_are_an_error() -> None:
    lab = Lab("local", "2", "1", "--trees", "100", "340", "--patience", "3")
    lab.until('"starting"')
    stopped = at_work(lab)
    try:
        for process in [*stopped, *lab.traces.named("ray::")]:
            process.suspend()
        assert "no task has ended for" in lab.error()
    finally:
        lab.process.kill()
    lab.traces.gone()


def test_a_journal_goes_on_after_a_lost_head(tmp_path: Path) -> None:
    arguments = ("local", "2", "1", "--trees", "100", "200", "--journal", str(tmp_path))
    lab = Lab(*arguments)
    lab.until('"model":2')
    lab.traces.named("gcs_server")[0].kill()
    assert "with a journal it goes on" in lab.error()
    lab.traces.gone()
    lab = Lab(*arguments)
    found = lab.until('"same"')
    lab.process.communicate(timeout=END)
    assert found["same"] is True and found["restored"] >= 3, found
