"""Several machines on this one: each has a network, processes, mounts, a home, /tmp and /dev/shm of its own.

They are Linux namespaces around a process that reads from a pipe. The kernel ends all of a machine with that process,
and the process ends with the pipe: nothing is left, however the tests end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from project import ROOT, VENV, VENV_PYTHON

# Its children are not waited for.
HOLD = ["sh", "-c", "trap '' CHLD; exec cat"]
# Of the address; machines of the docs have these.
PREFIX = "10.0.0"


def needed() -> None:
    """Skips where namespaces are not to be had, such as for an ordinary user; in CI that is an error."""
    missing = [tool for tool in ("ip", "unshare", "nsenter") if shutil.which(tool) is None]
    if missing:
        why = f"{', '.join(missing)} not installed"
    else:
        probe = ["unshare", "--net", "--mount", "--pid", "--fork", "ip", "link", "add", "br0", "type", "bridge"]
        done = subprocess.run(probe, capture_output=True, text=True)
        if done.returncode == 0:
            return
        why = f"namespaces are not to be had here: {done.stderr.strip()}"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


class Namespaces:
    """Namespaces that last as long as the pipe to the process in them."""

    def __init__(self, *kinds: str) -> None:
        command = ["unshare", *kinds, "--fork", "--kill-child", *HOLD]
        self.holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while not (inside := [p for p in psutil.Process(self.holder.pid).children() if p.name() == "cat"]):
            assert self.holder.poll() is None and time.monotonic() < until, "unshare has failed"
            time.sleep(0.01)
        self.process = inside[0].pid

    def enter(self, *kinds: str) -> list[str]:
        return ["nsenter", "--target", str(self.process), *kinds]

    def end(self) -> None:
        assert self.holder.stdin
        self.holder.stdin.close()
        self.holder.wait(timeout=20)


class Network:
    """A switch, and the machines at it."""

    def __init__(self) -> None:
        self.switch = Namespaces("--net")
        self.run("ip link add br0 type bridge && ip link set br0 up")
        self.machines: list[Machine] = []

    def run(self, script: str) -> None:
        subprocess.run([*self.switch.enter("--net"), "sh", "-ec", script], check=True)

    def machine(self, name: str, number: int) -> Machine:
        self.machines.append(Machine(self, name, number))
        return self.machines[-1]

    def end(self) -> None:
        for machine in self.machines:
            machine.namespaces.end()
        self.switch.end()


class Machine:
    """A machine of this name at an address, and with one CPU for each of this one's."""

    def __init__(self, network: Network, name: str, number: int) -> None:
        self.network, self.name, self.ip = network, name, f"{PREFIX}.{number}"
        self.namespaces = Namespaces("--mount", "--uts", "--ipc", "--net", "--pid", "--mount-proc")
        plug = f"ip link add {self.name} type veth peer name eth0 netns {self.namespaces.process}"
        self.network.run(f"{plug} && ip link set {self.name} master br0 up")
        # The project, the table beside it, and what builds it are kept where they lie in /tmp.
        rust = [Path(os.environ.get(f"{name.upper()}_HOME", Path.home() / f".{name}")) for name in ("cargo", "rustup")]
        used = ROOT, ROOT.parent / "shared", VENV.resolve(), *rust
        kept = [path for path in used if path.is_relative_to("/tmp") and path.exists()]
        keep = [f"mkdir -p /dev/shm{path} && mount --bind {path} /dev/shm{path}" for path in kept]
        self.run(
            "\n".join(
                [
                    f"hostname {self.name}",
                    "mount -t tmpfs tmpfs /dev/shm",
                    "mkdir /dev/shm/tmp && mount -t tmpfs tmpfs /dev/shm/tmp && mkdir /dev/shm/tmp/home",
                    *keep,
                    "mount --move /dev/shm/tmp /tmp && rmdir /dev/shm/tmp",
                    "echo 127.0.0.1 localhost > /tmp/hosts && mount --bind /tmp/hosts /etc/hosts",
                    "touch /tmp/resolv && mount --bind /tmp/resolv /etc/resolv.conf",
                    f"ip link set lo up && ip addr add {self.ip}/24 dev eth0 && ip link set eth0 up",
                    # To nobody: Ray asks the way to the internet for this machine's address.
                    f"ip route add default via {PREFIX}.254",
                ]
            )
        )

    def kill_all(self) -> None:
        """Kills all that runs on it, at once."""
        subprocess.run(self.command("sh", "-c", "kill -KILL -1"), check=True)

    def cable(self, state: str) -> None:
        """Plugs its cable in ("up") or pulls it ("down")."""
        self.network.run(f"ip link set {self.name} {state}")

    def hide_project(self) -> None:
        """Leaves nothing of the project but its Python environment, where that is a part of it."""
        venv = VENV.resolve()
        if venv.is_relative_to(ROOT):
            self.run(f"mkdir /tmp/venv; mount --bind {venv} /tmp/venv; mount -t tmpfs tmpfs {ROOT}")
            self.run(f"mkdir -p {venv}; mount --bind /tmp/venv {venv}")
        else:
            self.run(f"mount -t tmpfs tmpfs {ROOT}; ln -s {venv} {ROOT}/.venv")

    def command(self, *command: str | Path, env: Mapping[str, str] | None = None) -> list[str]:
        """The command as this machine runs it, in the project's folder."""
        path = f"{VENV_PYTHON.parent}:{os.environ['PATH']}"
        settings = {"HOME": "/tmp/home", "PATH": path, "RAY_USAGE_STATS_ENABLED": "0", **(env or {})}
        setting = [f"{name}={value}" for name, value in settings.items()]
        return [*self.namespaces.enter("--all"), "env", f"--chdir={ROOT}", *setting, *map(str, command)]

    def run(self, script: str, env: Mapping[str, str] | None = None, timeout: float = 120) -> str:
        """What a script prints there."""
        command = self.command("sh", "-ec", script, env=env)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{self.name}: {script}\n{done.stdout}{done.stderr}"
        return done.stdout
