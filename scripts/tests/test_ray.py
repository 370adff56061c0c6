"""The Ray side with real processes: clusters of this machine's own, and everything that can happen to them."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from project import ROOT, TOOLS, VENV_PYTHON

if importlib.util.find_spec("ray") is None:
    pytest.skip("there is no Ray for this machine", allow_module_level=True)

import psutil

WORKER = ROOT / "helper" / "ray-worker"
LIBRARY = TOOLS / "ray-worker" / "release" / ("libray_worker.dylib" if sys.platform == "darwin" else "libray_worker.so")
KIND = subprocess.run(
    [VENV_PYTHON, "-c", "import task; print(task.kind())"], cwd=WORKER, capture_output=True, text=True
).stdout.strip()
# What a busy machine takes at most to start a cluster, and to end one.
START, END = 150.0, 30.0


class Host:
    """Talks to a driver as the helper does."""

    def __init__(self, python: str | Path = VENV_PYTHON, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [python, WORKER / "driver.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        self.heard: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            message = json.loads(line)
            message["payload"] = self.process.stdout.read(message.get("bytes", 0))
            with self.changed:
                self.heard.append(message)
                self.changed.notify_all()
        with self.changed:
            self.heard.append({"event": "end"})
            self.changed.notify_all()

    def tell(self, payload: bytes = b"", **line: Any) -> None:
        assert self.process.stdin
        if payload:
            line["bytes"] = len(payload)
        self.process.stdin.write(json.dumps(line).encode() + b"\n" + payload)
        self.process.stdin.flush()

    def start(self, address: str = "auto", local: dict[str, Any] | None = None, **more: Any) -> None:
        libraries = more.pop("libraries", {KIND: str(LIBRARY)})
        self.tell(**{"protocol": 1, "address": address, "local": local, "libraries": libraries, **more})

    def wait(self, *events: str, count: int = 1, timeout: float = START) -> dict[str, Any]:
        """The `count`-th of these events, or the end."""
        until = time.monotonic() + timeout
        with self.changed:
            while True:
                found = [m for m in self.heard if m["event"] in events]
                if len(found) >= count:
                    return found[count - 1]
                last = self.heard[-1] if self.heard else {}
                assert last.get("event") != "end", f"it ended before {events}: {self.heard[-3:]}"
                assert self.changed.wait(until - time.monotonic()), f"no {events} in {timeout} s"

    def close(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(timeout=END)


def run_task(host: Host, number: int, spec: str = "{}", objects: list[int] | None = None) -> None:
    host.tell(do="task", task=number, name=f"task {number}", spec=spec, objects=objects or [], files=[], retries=3)


def in_folder(folder: Path) -> list[psutil.Process]:
    """What works in a cluster's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("RAY_TMPDIR") == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def of_ray() -> set[psutil.Process]:
    """Processes of Ray whose parent has left them: by their titles, since these are written over the environment."""
    found = set()
    for process in psutil.process_iter():
        try:
            title = " ".join(process.cmdline())
            if process.ppid() == 1 and (title.startswith("ray::") or "raylet/raylet" in title or "gcs_server" in title):
                found.add(process)
        except psutil.Error:
            continue
    return found


BEFORE = of_ray()


def nothing_left(folder: Path) -> None:
    until = time.monotonic() + END
    while time.monotonic() < until and (in_folder(folder) or of_ray() - BEFORE or folder.exists()):
        time.sleep(0.2)
    left = [*in_folder(folder), *(of_ray() - BEFORE)]
    assert not left and not folder.exists(), (left, list(folder.glob("*")))


def named(folder: Path, part: str) -> list[psutil.Process]:
    return [process for process in in_folder(folder) if part in process.name() or part in " ".join(process.cmdline())]


@pytest.fixture
def folder() -> Path:
    # Short: sockets lie in there.
    return Path(tempfile.mkdtemp(prefix="ray-test-", dir="/tmp"))


@pytest.fixture(scope="module")
def theirs() -> Iterator[dict[str, Any]]:
    """A cluster that somebody else has started, with a token."""
    folder = Path(tempfile.mkdtemp(prefix="ray-test-", dir="/tmp"))
    host = Host()
    host.start(local={"nodes": 1, "cpus": 2, "folder": str(folder)})
    ready = host.wait("ready", "error")
    assert ready["event"] == "ready", ready
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}
    yield {"address": ready["address"], "token": token, "folder": folder, "host": host}
    assert host.close() == 0
    nothing_left(folder)


@pytest.fixture
def joined(theirs: dict[str, Any]) -> Iterator[Host]:
    host = Host(environment=theirs["token"])
    host.start(address=theirs["address"])
    ready = host.wait("ready", "error")
    assert ready["event"] == "ready", ready
    yield host
    assert host.close() == 0


def error_of(host: Host, timeout: float = 60) -> str:
    message = host.wait("ready", "error", timeout=timeout)
    assert message["event"] == "error", message
    assert host.process.wait(timeout=END) == 1
    return str(message["message"])


def test_objects_and_tasks(joined: Host) -> None:
    joined.tell(b"12345678", do="put", object=1)
    assert joined.wait("put")["object"] == 1
    for number in range(20):
        run_task(joined, number, objects=[1, 1])
    joined.wait("task", count=20, timeout=60)
    ended = [m for m in joined.heard if m["event"] == "task"]
    assert sorted(m["task"] for m in ended) == list(range(20))
    # The library answers, and says what is wrong with the request.
    assert all(m["status"] == "refused" and b"./scripts/setup" in m["payload"] for m in ended)
    assert all(m["seconds"] > 0 and m["ago"] >= 0 for m in ended)


def test_an_object_larger_than_the_store(joined: Host) -> None:
    size = int(joined.wait("ready")["store"])
    joined.tell(bytes(size), do="put", object=1)
    said = joined.wait("refused", "put")
    assert said["event"] == "refused" and "--object-store-memory" in said["message"], said


def test_a_panic_is_a_message(joined: Host) -> None:
    params = {
        "n_estimators": 1, "max_depth": None, "min_samples_split": 2, "min_samples_leaf": 1, "seed": 0, "simd": True,
        "min_impurity_decrease": 0.0, "max_features": "All", "bootstrap": True, "max_samples": None,
    }  # fmt: skip
    request = {"params": params, "trees": {"start": 0, "end": 1}, "shard": None, "panic": True}
    run_task(joined, 1, json.dumps(request))
    said = joined.wait("task", timeout=60)
    assert (said["status"], said["payload"]) == ("panicked", b"sabotaged")
    pid = said["pid"]
    run_task(joined, 2, json.dumps(request))
    assert joined.wait("task", count=2, timeout=60)["pid"] == pid, "the worker lives on"


def test_cancelled_tasks_do_not_come_back(joined: Host) -> None:
    for number in range(2000):
        run_task(joined, number)
    joined.tell(do="cancel")
    joined.wait("cancelled", timeout=60)
    run_task(joined, 5000)
    deadline = time.monotonic() + 60
    while not any(m.get("task") == 5000 for m in joined.heard):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert sum(m["event"] == "task" for m in joined.heard) < 2001


def test_a_token_that_is_refused(theirs: dict[str, Any], tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)
    host = Host(environment={"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(wrong)})
    host.start(address=theirs["address"])
    assert "RAY_AUTH_TOKEN_PATH" in error_of(host, timeout=90)


def test_another_ray_or_python(theirs: dict[str, Any]) -> None:
    """The cluster's note of its versions says others for a while."""
    change = """
import json, sys
import ray
from ray._private import ray_constants
ray.init(address=sys.argv[1], configure_logging=False, log_to_driver=False)
gcs = ray._private.worker.global_worker.gcs_client
args = (b"CLUSTER_METADATA", ray_constants.KV_NAMESPACE_CLUSTER)
was = gcs.internal_kv_get(*args)
other = {**json.loads(was), "ray_version": "2.59.0", "python_version": "3.9.1"}
gcs.internal_kv_put(args[0], json.dumps(other).encode(), True, args[1])
print("changed", flush=True)
sys.stdin.readline()
gcs.internal_kv_put(args[0], was, True, args[1])
"""
    with subprocess.Popen(
        [VENV_PYTHON, "-c", change, theirs["address"]],
        env={**os.environ, **theirs["token"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout and other.stdin
        assert other.stdout.readline() == "changed\n"
        host = Host(environment=theirs["token"])
        host.start(address=theirs["address"])
        message = error_of(host)
        other.stdin.write("\n")
    assert "2.59.0" in message and "3.9.1" in message and "requirements" in message


def test_an_address_where_nothing_listens() -> None:
    host, began = Host(), time.monotonic()
    host.start(address="127.0.0.1:1")
    assert "nothing answers at 127.0.0.1:1" in error_of(host)
    assert time.monotonic() - began < 60
    host = Host()
    host.start(address="somewhere")
    assert "HOST:PORT" in error_of(host)


def test_no_ray(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    host = Host(python=tmp_path / "bare" / "bin" / "python")
    host.start()
    message = error_of(host)
    assert "./scripts/setup" in message and "numpy" in message


def test_libraries_that_do_not_fit(tmp_path: Path) -> None:
    source = tmp_path / "old.c"
    source.write_text("unsigned ray_worker_abi(void) { return 99; }\n")
    old, damaged = tmp_path / "old.so", tmp_path / "damaged.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", old, source], check=True)
    damaged.write_bytes(b"\x7fELF and then nothing of the kind")
    for path, says in ((old, "interface 99"), (damaged, "cannot load the worker library")):
        host = Host()
        host.start(address="127.0.0.1:1", libraries={KIND: str(path)})
        message = error_of(host)
        assert says in message, message


def test_a_node_of_another_architecture(theirs: dict[str, Any]) -> None:
    host = Host(environment=theirs["token"])
    host.start(address=theirs["address"], libraries={"sparc-linux": str(LIBRARY)})
    assert host.wait("ready", "error")["event"] == "ready"
    run_task(host, 1)
    said = host.wait("task", timeout=60)
    assert said["status"] == "unusable" and b"cargo build --release -p ray-worker --target" in said["payload"]
    host.close()


def test_the_driver_ends_with_its_host(folder: Path) -> None:
    """Its input ends with the host, whatever ended that."""
    host = Host()
    host.start(local={"nodes": 2, "cpus": 1, "folder": str(folder)})
    assert host.wait("ready", "error")["event"] == "ready"
    assert (folder / "token").stat().st_mode & 0o077 == 0
    assert len(in_folder(folder)) > 3
    assert host.close() == 0
    nothing_left(folder)


class Lab:
    """The helper's example, which sweeps on a Ray cluster of its own and compares the bits."""

    def __init__(self, *arguments: str) -> None:
        build = ["cargo", "build", "--quiet", "--locked", "--package", "helper", "--example", "ray"]
        subprocess.run(build, cwd=ROOT, check=True)
        program = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "examples" / "ray"
        self.process = subprocess.Popen(
            [program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.folder = Path("/tmp") / f"ray-lab-{self.process.pid}-0"

    def until(self, part: str) -> dict[str, Any]:
        assert self.process.stdout
        for line in self.process.stdout:
            if part in line:
                return dict(json.loads(line))
        assert self.process.stderr
        raise AssertionError(f"no {part}: {self.process.stderr.read()}")

    def error(self) -> str:
        _, error = self.process.communicate(timeout=150)
        assert self.process.returncode != 0
        return error


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab("local", "2", "1", "--trees", "100", "340")
    yield lab
    if lab.process.poll() is None:
        lab.process.kill()
    lab.process.communicate()
    nothing_left(lab.folder)


def at_work(lab: Lab) -> list[psutil.Process]:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if workers := named(lab.folder, "ray::model"):
            return workers
    raise AssertionError([process.name() for process in in_folder(lab.folder)])


def raylets(lab: Lab) -> list[psutil.Process]:
    """That of the head first."""
    return sorted(named(lab.folder, "raylet/raylet"), key=lambda process: process.create_time())


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
    named(lab.folder, "gcs_server")[0].kill()
    message = lab.error()
    assert "run the sweep again" in message, message
    assert time.monotonic() - began < 90


def test_a_killed_driver_is_an_error_at_once(lab: Lab) -> None:
    lab.until('"starting"')
    driver = next(c for c in psutil.Process(lab.process.pid).children() if "driver.py" in " ".join(c.cmdline()))
    driver.kill()
    message = lab.error()
    assert "signal: 9" in message and "run the sweep again" in message, message


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_or_killed_lab_leaves_nothing(lab: Lab, stop: signal.Signals) -> None:
    lab.until('"starting"')
    lab.process.send_signal(stop)
    assert lab.process.wait(timeout=END) != 0


def test_results_that_stall_are_an_error() -> None:
    lab = Lab("local", "2", "1", "--trees", "100", "340", "--patience", "3")
    lab.until('"starting"')
    stopped = at_work(lab)
    try:
        for process in [*stopped, *named(lab.folder, "ray::")]:
            process.suspend()
        assert "no task has ended for" in lab.error()
    finally:
        lab.process.kill()
    nothing_left(lab.folder)


def test_a_missing_library_is_told(tmp_path: Path) -> None:
    lab = Lab()  # builds
    lab.process.kill()
    lab.process.communicate()
    program = str(lab.process.args[0])  # type: ignore[index]
    run = subprocess.run(
        [program, "local", "1", "1"],
        env={**os.environ, "RAY_LAB_WORKERS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode != 0 and "./scripts/setup" in run.stderr and "worker library" in run.stderr


def test_shards_give_the_same_on_ray_and_on_threads(tmp_path: Path) -> None:
    lab = Lab("local", "2", "1", "--trees", "40", "40", "--shards", str(tmp_path))
    found = lab.until('"shards"')
    lab.process.communicate(timeout=END)
    nothing_left(lab.folder)
    assert found["same"] is True and found["largest"] * 3.9 < found["bytes"]
    # Less data for each tree costs something; more than this would be a mistake.
    assert found["whole"] < found["mse"] < 1.25 * found["whole"], found


def test_a_journal_goes_on_after_a_lost_head(tmp_path: Path) -> None:
    arguments = ("local", "2", "1", "--trees", "100", "200", "--journal", str(tmp_path))
    lab = Lab(*arguments)
    lab.until('"model":2')
    named(lab.folder, "gcs_server")[0].kill()
    assert "with a journal it goes on" in lab.error()
    nothing_left(lab.folder)
    lab = Lab(*arguments)
    found = lab.until('"same"')
    lab.process.communicate(timeout=END)
    nothing_left(lab.folder)
    assert found["same"] is True and found["restored"] >= 3, found
