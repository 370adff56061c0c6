"""The Ray side with real processes: tasks, objects, refusals, and the same bits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import END, KIND, LIBRARY, Host, Lab, run_task
from playwright.sync_api import sync_playwright
from test_lab import FLAGS, browser

from project import ROOT, VENV_PYTHON


@pytest.fixture(scope="module")
def theirs() -> Iterator[dict[str, Any]]:
    """A cluster that somebody else has started, with a token."""
    folder = Path(tempfile.mkdtemp(prefix="ray-test-", dir="/tmp"))
    host = Host()
    host.start(local={"nodes": 1, "cpus": 2, "folder": str(folder)})
    ready = host.wait("ready", "error")
    assert ready["event"] == "ready", ready
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}
    yield {"address": ready["address"], "token": token, "ready": ready}
    host.traces.note_ports()
    assert host.close() == 0
    host.traces.gone()


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


def test_the_sweep_as_a_job(theirs: dict[str, Any], tmp_path: Path) -> None:
    """Nothing but the dashboard's port is used."""
    program, address = str(ROOT / "scripts" / "ray-job"), f"http://{theirs['ready']['dashboard']}"
    job = [program, address, "--python", str(VENV_PYTHON), "--trees", "3", "7", "--step", "2"]
    environment = {**os.environ, **theirs["token"]}
    done = subprocess.run(job, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 models by forest" in done.stdout and "Lowest MSE" in done.stdout, done.stdout
    (tmp_path / "wrong").write_text("0" * 64)
    environment["RAY_AUTH_TOKEN_PATH"] = str(tmp_path / "wrong")
    refused = subprocess.run(job, env=environment, capture_output=True, text=True, timeout=120)
    assert refused.returncode == 1 and "did not let the job in" in refused.stderr, refused.stdout + refused.stderr
    assert refused.stderr.count("\n") == 1, refused.stderr
    nobody = subprocess.run([program, "http://127.0.0.1:1"], capture_output=True, text=True, timeout=120)
    assert nobody.returncode == 1 and "no Ray dashboard answers at http://127.0.0.1:1" in nobody.stderr, nobody.stderr


def test_a_token_that_is_refused(theirs: dict[str, Any], tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)
    host = Host(environment={"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(wrong)})
    host.start(address=theirs["address"])
    assert "RAY_AUTH_TOKEN_PATH" in error_of(host, timeout=90)


def test_rays_dashboard_answers_who_has_the_token(theirs: dict[str, Any]) -> None:
    url, token = f"http://{theirs['ready']['dashboard']}", theirs["ready"]["token"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url) and len(token) == 64

    def ask(**headers: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{url}/nodes?view=summary", headers=headers)) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    assert ask()[0] == 401
    assert ask(Authorization=f"Bearer {'0' * 64}")[0] == 403
    status, said = ask(Authorization=f"Bearer {token}")
    assert status == 200 and len(json.loads(said)["data"]["summary"]) == 1


def test_rays_dashboard_lets_a_browser_in(theirs: dict[str, Any]) -> None:
    program = browser()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = chromium.new_page()
        page.goto(f"http://{theirs['ready']['dashboard']}/#/cluster")
        page.get_by_text("Authentication Token Required").wait_for(timeout=60_000)
        page.get_by_placeholder("Enter your authentication token").fill(theirs["ready"]["token"])
        page.keyboard.press("Enter")
        page.get_by_text(theirs["address"].split(":")[0]).first.wait_for(timeout=60_000)
        assert page.get_by_text("ALIVE").count() >= 1
        chromium.close()


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


@pytest.mark.parametrize("missing", ["worker library", "numpy"])
def test_what_is_missing_is_told(tmp_path: Path, missing: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bare = {"RAY_LAB_PYTHON": str(tmp_path / "bare" / "bin" / "python")}
    lab = Lab("local", "1", "1", **({"RAY_LAB_WORKERS": str(tmp_path)} if missing == "worker library" else bare))
    error = lab.error()
    assert "./scripts/setup" in error and missing in error
    assert not lab.folder.exists()


def test_shards_give_the_same_on_ray_and_on_threads(tmp_path: Path) -> None:
    lab = Lab("local", "2", "1", "--trees", "40", "40", "--shards", str(tmp_path))
    found = lab.until('"shards"')
    lab.process.communicate(timeout=END)
    assert found["same"] is True and found["largest"] * 3.9 < found["bytes"]
    # Less data for each tree costs something; more than this would be a mistake.
    assert found["whole"] < found["mse"] < 1.25 * found["whole"], found


def test_the_best_model_that_is_kept_predicts_the_same() -> None:
    lab = Lab("local", "1", "2", "--trees", "20", "60", "--step", "20", "--keep")
    found = lab.until('"same"')
    lab.process.communicate(timeout=END)
    assert found["same"] is found["kept"] is True
