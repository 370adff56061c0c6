"""What is set up works without a network, and takes the versions that were locked."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from registry import Project

from kernels import kernel
from project import ROOT

HELPER = ':dep helper = { path = "helper" }'


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    """The start of a command that runs in a network namespace with nothing but the loopback; empty if there is none."""
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--net", *root, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    missing = any(shutil.which(tool) is None for tool in ("unshare", "ip"))
    return [] if missing or subprocess.run([*command, "true"], capture_output=True).returncode else command


@pytest.fixture
def alone(namespace: list[str]) -> list[str]:
    if not namespace:
        reason = "no network namespace can be made here (no `unshare` or `ip`, or not permitted)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return namespace


def run(command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)


def test_a_second_set_up(alone: list[str]) -> None:
    done = run([*alone, str(ROOT / "scripts" / "setup")])
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search("installing|downloading|building", done.stdout), done.stdout


def first_cells() -> None:
    """The first cells of the lab's own kernel, beside a proxy that takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            os.environ[name] = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        with kernel(cwd=str(ROOT)) as session:
            cells = [vars(session.run(cell)) for cell in (HELPER, "let number = 6 * 7;", "number")]
        proxy.settimeout(0)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    print(json.dumps(cells))


def test_a_kernel_of_the_lab_asks_no_network_and_no_proxy(namespace: list[str]) -> None:
    done = run([*namespace, sys.executable, "-c", "import test_network; test_network.first_cells()"])
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)
    assert not any(cell["error"] for cell in cells), cells
    assert cells[-1]["data"]["text/plain"] == "42"


def a_users_dependencies() -> None:
    """Another helper, whose dependency has newer versions than the locked one; called in a namespace."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        project.registry.publish("tiny", "1.0.0")
        project.cargo("fetch")
        # A newer version comes out, and is downloaded for another project.
        project.registry.publish("tiny", "1.1.0")
        project.registry.publish("other", "2.0.0")
        lock = (project.root / "Cargo.lock").read_text()
        project.cargo("update")
        project.cargo("fetch")
        assert '"1.1.0"' in (project.root / "Cargo.lock").read_text()
        (project.root / "Cargo.lock").write_text(lock)
        other = ':dep other = { version = "2", registry = "loopback" }'
        cells = (HELPER, "let version = helper::version();", "version", other, ":offline 0", other)
        last = 'format!("{} {}", helper::version(), other::version())'
        print(json.dumps(project.run(*cells, last)))
        # The helper is edited, and the kernel restarted.
        project.helper(["tiny", "other"], 'pub fn both() -> String { tiny::version() + " " + &other::version() }')
        print(json.dumps(project.run(HELPER, "helper::both()")))


def test_versions_are_locked_and_a_new_dependency_is_explained(alone: list[str]) -> None:
    done = run([*alone, sys.executable, "-c", "import test_network; test_network.a_users_dependencies()"])
    assert done.returncode == 0, done.stderr
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    helper, variable, version, refused, offline, other, last = first
    assert not helper["error"] + variable["error"], helper
    assert version["data"]["text/plain"] == '"1.0.0"', version
    assert "run ':offline 0' in a cell of its own, then this cell again" in refused["error"], refused
    assert not offline["error"] + other["error"], other
    assert last["data"]["text/plain"] == second[-1]["data"]["text/plain"] == '"1.0.0 2.0.0"', (last, second)
