"""A Ray cluster of several hosts, started as docs/ray.md says: wrong addresses, what hosts lack, hosts that vanish.

A sweep gives the same bits, or the reason comes within 10 seconds.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clusters import DRIVER, START, Host, Lab
from machines import Machine, Network, needed

from examples import example
from project import ROOT, VENV, VENV_PYTHON

pytestmark = pytest.mark.slow

# Seconds to say what is wrong, and to end a sweep after a host is gone.
SOON, GONE = 10.0, 30.0
SIZES = ("--trees", "100", "220", "--step", "40")
PAGE = (ROOT / "docs" / "ray.md").read_text()


def documented(part: str) -> str:
    """The block of commands of docs/ray.md with this part."""
    blocks = re.findall(r"(?:^ {4}.*\n)+", PAGE, re.MULTILINE)
    (found,) = [block for block in blocks if part in block]
    return re.sub(r"^ {4}", "", found, flags=re.MULTILINE)


@dataclass
class Cluster:
    a: Machine
    b: Machine
    c: Machine
    head: str
    token: str
    # Of the scores, once a sweep has found them.
    bits: str = ""

    def join(self, machine: Machine) -> None:
        """Makes it a node, with the head's token."""
        machine.run(f"mkdir -p ~/.ray; umask 077; echo {self.token} > ~/.ray/auth_token")
        machine.run(documented("ray start --address=10.0.0.7:6379\n"))

    def driver(self, machine: Machine, *start: str, **env: str) -> Host:
        return Host(machine.command(*start, *DRIVER, env=env))

    def sweep(self) -> Lab:
        return Lab(self.head, *SIZES, *(("--bits", self.bits) if self.bits else ()), machine=self.a)

    def same(self, lab: Lab) -> dict[str, Any]:
        found = lab.until('"same"')
        assert found["same"] is True, found
        assert lab.process.wait(timeout=SOON) == 0
        self.bits = found["bits"]
        return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes, and a machine that is none. The second node has nothing of the project but its Python environment."""
    needed()
    example("ray")
    network = Network()
    try:
        a, b, c = (network.machine(name, number) for name, number in (("hosta", 7), ("hostb", 8), ("hostc", 9)))
        b.hide_project()
        a.run(documented("ray start --head"))
        cluster = Cluster(a, b, c, f"{a.ip}:6379", a.run("cat ~/.ray/auth_token").strip())
        cluster.join(b)
        yield cluster
    finally:
        network.end()


def errors_of(*drivers: tuple[Host, str]) -> list[str]:
    """Why each, with its address, did not join, and that all said so soon."""
    began, errors = time.monotonic(), []
    for driver, address in drivers:
        driver.start(address=address)
    for driver, _ in drivers:
        message = driver.wait("ready", "error", timeout=60)
        took = time.monotonic() - began
        assert message["event"] == "error", message
        errors.append(str(message["message"]))
        assert took < SOON, f"{took:.1f} s: {errors[-1]}"
        assert "\x1b" not in errors[-1]
        driver.process.wait(timeout=SOON)
    return errors


def test_a_cable_that_is_out_for_some_seconds(cluster: Cluster) -> None:
    lab = cluster.sweep()
    lab.until('"model":1')
    cluster.b.cable("down")
    time.sleep(5)
    cluster.b.cable("up")
    assert cluster.same(lab)["warnings"] == []


RAYLET_PORT = """
import psutil
raylets = [process for process in psutil.process_iter() if process.name() == "raylet"]
print(min(c.laddr.port for raylet in raylets for c in raylet.net_connections() if c.status == psutil.CONN_LISTEN))
"""


def test_what_is_no_address_of_a_head(cluster: Cluster) -> None:
    raylet = cluster.a.run(f"{VENV_PYTHON} -c '{RAYLET_PORT}'").strip()
    cases = {
        "10.0.0.7:8265": "is a web server, such as a cluster's dashboard; give the address of its head",
        f"10.0.0.7:{raylet}": "is no cluster's head, but another part of Ray",
        "10.0.0.99:6379": "nothing answers at 10.0.0.99:6379",
        "nowhere:6379": "nothing answers at nowhere:6379",
    }
    errors = errors_of(*((cluster.driver(cluster.a), address) for address in cases))
    for said, says in zip(errors, cases.values(), strict=True):
        assert says in said, said


def test_tokens(cluster: Cluster) -> None:
    cases = (
        ({"HOME": "/tmp"}, "asks for a token, and none was sent"),
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}, "the token that was sent is not the cluster's"),
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "/nowhere"}, "/nowhere"),
    )
    errors = errors_of(*((cluster.driver(cluster.a, **env), cluster.head) for env, _ in cases))
    for said, (_, says) in zip(errors, cases, strict=True):
        assert says in said and "RAY_AUTH_TOKEN_PATH" in said, said


def test_a_machine_that_is_no_node_and_the_command_that_makes_it_one(cluster: Cluster) -> None:
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": cluster.token}
    container = ("unshare", "--mount", "--pid", "--fork", "--mount-proc")
    contained, said = errors_of(
        (cluster.driver(cluster.a, *container, **env), cluster.head), (cluster.driver(cluster.c, **env), cluster.head)
    )
    assert "a node on this machine, but in another container" in contained, contained
    assert "this machine, hostc, is no node of the cluster at 10.0.0.7:6379" in said, said
    command = said.rpartition(": ")[2]
    assert command in PAGE
    cluster.c.run(command, env=env)
    driver = cluster.driver(cluster.c, **env)
    driver.start(address="auto")
    assert sorted((node["name"], node["cpus"] > 0) for node in driver.ready()["nodes"]) == [
        ("hosta", True),
        ("hostb", True),
        ("hostc", False),
    ]
    assert driver.close() == 0


def test_what_one_host_lacks_is_told_with_its_name(cluster: Cluster) -> None:
    (numpy,) = (VENV / "lib").resolve().glob("python3*/site-packages/numpy")
    cluster.b.run(f"mount -t tmpfs tmpfs {numpy}")
    try:
        (said,) = errors_of((cluster.driver(cluster.a), cluster.head))
    finally:
        cluster.b.run(f"umount {numpy}")
    assert said.startswith("node hostb cannot run tasks: its Python cannot import numpy"), said
    assert "-m pip install numpy" in said, said
    driver = cluster.driver(cluster.a)
    driver.start(address=cluster.head)
    driver.ready()
    cluster.a.run("cp /etc/hostname /tmp/shard-0.npy")
    began = time.monotonic()
    tasks = [driver.submit(files=[("/tmp/shard-0.npy", 0)]) for _ in range(20)]
    said = "\n".join({driver.result(task)["payload"].decode() for task in tasks})
    assert "node hostb cannot read /tmp/shard-0.npy: [Errno 2] No such file" in said, said
    assert time.monotonic() - began < SOON
    assert driver.close() == 0


def test_the_sweep_as_a_job(cluster: Cluster, tmp_path: Path) -> None:
    """From a machine that reaches nothing but the dashboard."""
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": cluster.token}
    for name in ("CARGO_HOME", "RUSTUP_HOME"):
        env[name] = os.environ.get(name, str(Path.home() / f".{name.partition('_')[0].lower()}"))
    command = documented("./scripts/ray-job").replace("HOST", cluster.a.ip)
    job = [*command.split(), "--trees", "3", "7", "--step", "2", "--python", str(VENV_PYTHON)]

    def send(job: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
        line = cluster.c.command(*job, env=env)
        return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    sent = send(job, env), send(job, {**env, "RAY_AUTH_TOKEN": "0" * 64}), send([job[0], "http://127.0.0.1:1"], env)
    (out, done), (_, refused), (_, nobody) = (each.communicate(timeout=120) for each in sent)
    assert [each.returncode for each in sent] == [0, 1, 1], out + done + refused + nobody
    assert "3 models by forest" in out and "Lowest MSE" in out, out
    assert "did not let the job in" in refused and refused.count("\n") == 1, refused
    assert "no Ray dashboard answers at http://127.0.0.1:1" in nobody, nobody


def test_a_host_that_is_killed_and_started_again(cluster: Cluster) -> None:
    driver = cluster.driver(cluster.a)
    driver.start(address=cluster.head)
    before = {node["id"] for node in driver.ready()["nodes"]}
    lab = cluster.sweep()
    lab.until('"model":0')
    cluster.b.kill_all()
    assert "host hostb is gone; " in lab.until('"warning"')["warning"]
    found = cluster.same(lab)
    assert re.fullmatch(r"host hostb is gone; \d tasks? (is|are) run again on \d+ CPUs?", found["warnings"][0]), found
    cluster.join(cluster.b)
    # A driver that was there before gives it tasks.
    until = time.monotonic() + START
    while {driver.result(task)["ran"]["node"] for task in [driver.submit() for _ in range(20)]} <= before:
        assert time.monotonic() < until
    assert driver.close() == 0


def test_a_cable_that_is_pulled_for_good(cluster: Cluster) -> None:
    lab = cluster.sweep()
    lab.until('"model":0')
    cluster.b.cable("down")
    began = time.monotonic()
    driver = cluster.driver(cluster.a)
    driver.start(address=cluster.head)
    found = cluster.same(lab)
    assert time.monotonic() - began < GONE
    # The head still takes it for a node.
    assert "hostb" not in [node["name"] for node in driver.ready()["nodes"]]
    assert driver.close() == 0
    assert re.fullmatch(r"host hostb is gone; \d+ tasks are run again on \d+ CPUs?", found["warnings"][0]), found
