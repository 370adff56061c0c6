"""The Ray side on a real cluster: tasks, objects, refusals, and the same bits.

What the helper makes of its driver's events is tested against a fake driver: `helper/src/ray/tests.rs`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy
import pytest
from clusters import DRIVER, END, LIBRARY, Host, Lab
from playwright.sync_api import sync_playwright
from test_lab import FLAGS, browser

import join
import task
from project import VENV_PYTHON

pytestmark = pytest.mark.slow

# Of the numbers 0.0 to 5.0; `helper/ray-worker/src/tests.rs` has the same.
HASH = 0xA80113A10DB8B763


@pytest.fixture(scope="module")
def theirs() -> Iterator[dict[str, Any]]:
    """A cluster of two nodes that somebody else has started, with a token. It ends with its host."""
    host = Host()
    host.start(local={"nodes": 2, "cpus": 1})
    ready = host.ready()
    assert (host.traces.folder / "token").stat().st_mode & 0o077 == 0
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(host.traces.folder / "token")}
    yield {"address": ready["address"], "token": token, "ready": ready}
    host.traces.note_ports()
    assert len(host.traces.processes()) > 3 and len(host.traces.listening()) > 3
    assert host.close() == 0
    host.traces.gone()


@pytest.fixture(scope="module")
def joined(theirs: dict[str, Any]) -> Iterator[Host]:
    host = Host(environment=theirs["token"])
    host.start(address=theirs["address"])
    host.ready()
    yield host
    assert host.close() == 0


def error_of(host: Host, timeout: float = 60) -> dict[str, Any]:
    message = host.wait("ready", "error", timeout=timeout)
    assert message["event"] == "error", message
    assert host.process.wait(timeout=END) == 1
    return message


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises((join.Refused, task.Unusable)) as caught:
        call(*arguments)
    return str(caught.value)


def test_two_nodes_are_there(theirs: dict[str, Any]) -> None:
    ready = theirs["ready"]
    assert [node["cpus"] for node in ready["nodes"]] == [1, 1] and ready["seconds"] > 0


def test_objects_and_tasks(joined: Host) -> None:
    stored = joined.put(b"12345678")
    assert stored["event"] == "put" and stored["seconds"] > 0
    tasks = [joined.submit(objects=[stored["object"]] * 2) for _ in range(20)]
    ended = [joined.result(number) for number in tasks]
    # The library answers that the request is none.
    assert all(m["status"] == "refused" and b"./scripts/setup" in m["payload"] for m in ended)
    assert all(m["ran"]["seconds"] > 0 and m["ran"]["ago"] >= 0 for m in ended)
    joined.tell(do="drop", object=stored["object"])


def test_an_object_larger_than_the_store(joined: Host) -> None:
    said = joined.put(bytes(200_000_000))
    assert said["event"] == "refused" and "--object-store-memory" in said["message"], said


def test_a_panic_is_a_message(joined: Host) -> None:
    params = {
        "n_estimators": 1, "max_depth": None, "min_samples_split": 2, "min_samples_leaf": 1, "seed": 0, "simd": True,
        "min_impurity_decrease": 0.0, "max_features": "All", "bootstrap": True, "max_samples": None,
    }  # fmt: skip
    trees = {"start": 0, "end": 1}
    request = {"learner": "Forest", "params": params, "trees": trees, "n_features": 1, "shard": None}
    request |= {"oob_score": False, "panic": True}
    pids = set()
    for _ in range(4):
        said = joined.result(joined.submit(json.dumps(request)))
        assert (said["status"], said["payload"]) == ("panicked", b"sabotaged")
        pids.add(said["ran"]["pid"])
    assert len(pids) <= 2, "the workers live on"


def test_a_file_that_is_not_there_is_told(joined: Host) -> None:
    said = joined.result(joined.submit(files=[("/nowhere/shard-0.npy", 0)]))
    assert said["status"] == "unusable" and b"cannot read /nowhere/shard-0.npy" in said["payload"], said


def test_a_shard_with_other_numbers_is_told(joined: Host, tmp_path: Path) -> None:
    shard = tmp_path / "shard-0.npy"
    numpy.save(shard, numpy.arange(6.0))
    same, other = (joined.result(joined.submit(files=[(str(shard), HASH ^ bit)])) for bit in (0, 1))
    assert same["status"] == "refused" and b"./scripts/setup" in same["payload"], same
    said = other["payload"].decode()
    assert other["status"] == "unusable" and f"node {os.uname().nodename} reads other numbers in {shard}" in said, other
    assert "run the cell that writes the shards again" in said


def test_cancelled_tasks_do_not_come_back_and_others_do(joined: Host) -> None:
    cancelled = [joined.submit() for _ in range(1000)]
    others = [joined.submit() for _ in range(20)]
    joined.tell(do="cancel", tasks=cancelled)
    for number in [*others, joined.submit()]:
        assert joined.result(number)["status"] == "refused"
    assert sum(message.get("task") in set(cancelled) for message in list(joined.heard)) < 1000


def test_an_interrupt_is_for_the_host_alone(joined: Host) -> None:
    joined.process.send_signal(signal.SIGINT)
    assert joined.result(joined.submit())["status"] == "refused"


def test_a_killed_worker_is_replaced(joined: Host) -> None:
    first = joined.result(joined.submit())["ran"]["pid"]
    os.kill(first, signal.SIGKILL)
    ran = [joined.result(joined.submit())["ran"]["pid"] for _ in range(4)]
    assert first not in ran


def test_the_same_bits_as_on_threads(theirs: dict[str, Any], tmp_path: Path) -> None:
    """Each kind of sweep, on both nodes: both learners, shared trees, shards, the best model kept."""
    sizes = ("--trees", "20", "60", "--step", "20")
    lab = Lab(theirs["address"], *sizes, "--check", str(tmp_path), **theirs["token"])
    found = {line["kind"]: line for line in lab.lines() if "kind" in line}
    assert found.keys() == {"forest", "kept", "shared", "smartcore", "sizes", "shards"}
    assert all(line["same"] is True for kind, line in found.items() if kind != "sizes"), found
    assert found["sizes"]["largest"] * 3.9 < found["sizes"]["all"]
    # Less data for each tree costs something; more than this would be a mistake.
    assert found["forest"]["mse"] < found["shards"]["mse"] < 1.25 * found["forest"]["mse"], found


def test_a_token_that_is_refused(theirs: dict[str, Any], tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)
    host = Host(environment={"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(wrong)})
    host.start(address=theirs["address"])
    assert "RAY_AUTH_TOKEN_PATH" in error_of(host, timeout=90)["message"]


def test_rays_dashboard_answers_who_has_the_token(theirs: dict[str, Any]) -> None:
    url, token = theirs["ready"]["dashboard"], theirs["ready"]["token"]
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
    assert status == 200 and len(json.loads(said)["data"]["summary"]) == 2


def test_rays_dashboard_lets_a_browser_in(theirs: dict[str, Any]) -> None:
    program = browser()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = chromium.new_page()
        page.goto(f"{theirs['ready']['dashboard']}/#/cluster")
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
        message = error_of(host)["message"]
        other.stdin.write("\n")
    assert "2.59.0" in message and "3.9.1" in message and "scripts/requirements/ray.txt" in message


def test_a_journal_goes_on_after_a_lost_head(theirs: dict[str, Any], tmp_path: Path) -> None:
    sizes = ("--trees", "100", "200", "--journal", str(tmp_path))
    lab = Lab("local", "1", "1", *sizes, "--bits", "none")
    traces = lab.traces
    # So soon that the sweep does not end before the node has noticed.
    lab.until('"model":0')
    traces.note_ports()
    began = time.monotonic()
    traces.named("gcs_server")[0].kill()
    assert "with a journal it goes on" in lab.error()
    assert time.monotonic() - began < 30
    traces.gone()
    found = Lab(theirs["address"], *sizes, **theirs["token"]).until('"same"')
    assert found["same"] is True and found["restored"] >= 1, found


def test_addresses_that_are_no_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing answers at 127.0.0.1:1" in refusal(join.reach, "127.0.0.1:1")
    for wrong in ("somewhere", "host:", ":6379", "host:port", "host:0", "host:65536"):
        assert f'"{wrong}", but must be HOST:PORT' in refusal(join.reach, wrong)
    for wrong, is_of in (("http://10.0.0.7:8265", "dashboard"), ("ray://10.0.0.7:10001", "Ray Client")):
        monkeypatch.setenv("RAY_ADDRESS", wrong)
        said = refusal(join.reach, join.find("auto"))
        assert said.startswith(wrong) and is_of in said and "`ray start --head` prints it" in said, said

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *_: Any) -> None:
            pass

    with socketserver.TCPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        assert f"what listens at {address} is a web server" in refusal(join.reach, address)
        server.shutdown()


def test_a_driver_says_why_it_ends(tmp_path: Path) -> None:
    """Each host has another reason."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    damaged = tmp_path / "damaged.so"
    damaged.write_bytes(b"\x7fELF and then nothing of the kind")
    bare, old, odd, library = Host([tmp_path / "bare" / "bin" / "python", DRIVER[1]]), Host(), Host(), Host()
    bare.start()
    old.start(protocol=1)
    odd.start(address="http://127.0.0.1:8265")
    library.start(address="127.0.0.1:1", libraries={task.kind(): str(damaged)})
    for host, kind, says in (
        (bare, "no-ray", "no numpy"),
        (old, "cluster", "different versions"),
        (odd, "cluster", "dashboard"),
        (library, "cluster", "cannot load the worker library"),
    ):
        message = error_of(host)
        assert message["kind"] == kind and says in message["message"], message


def test_libraries_that_do_not_fit(tmp_path: Path) -> None:
    source, old = tmp_path / "old.c", tmp_path / "old.so"
    source.write_text("unsigned ray_worker_abi(void) { return 99; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", old, source], check=True)
    assert "interface 99" in refusal(task.load, {task.kind(): old.read_bytes()})
    said = refusal(task.load, {"sparc-linux": LIBRARY.read_bytes()})
    assert f"node {os.uname().nodename} is {task.kind()}" in said
    assert "cargo build --release -p ray-worker --target" in said
