"""For the tests with real Ray clusters: a host that talks to a driver, the helper's example, and what both leave."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from machines import Machine
from test_lab import answers

from examples import example
from project import ROOT, TOOLS, VENV_PYTHON

if importlib.util.find_spec("ray") is None:
    pytest.skip("there is no Ray for this machine", allow_module_level=True)

import psutil

WORKER = ROOT / "helper" / "ray-worker"
sys.path.insert(0, str(WORKER))
import task  # noqa: E402

LIBRARY = TOOLS / "ray-worker" / "release" / ("libray_worker.dylib" if sys.platform == "darwin" else "libray_worker.so")
DRIVER = (VENV_PYTHON, WORKER / "driver.py")
# Seconds that a busy machine takes at most to start a cluster, and to end one.
START, END = 150.0, 15.0
SHARED_MEMORY = Path("/dev/shm")


def shared_memory() -> set[str]:
    return {path.name for path in SHARED_MEMORY.iterdir()} if SHARED_MEMORY.exists() else set()


class Host:
    """Talks to a driver as the helper does."""

    def __init__(self, command: Sequence[str | Path] = DRIVER, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        self.memory = shared_memory()
        self.tasks: dict[int, dict[str, Any]] = {}
        self.numbers = itertools.count()
        self.heard: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            message = json.loads(line)
            message["payload"] = self.process.stdout.read(message.get("bytes", 0))
            if message["event"] == "lost":
                for number in message["tasks"]:
                    self.tell(**self.tasks[number])
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
        libraries = more.pop("libraries", {task.kind(): str(LIBRARY)})
        self.tell(**{"protocol": 4, "address": address, "local": local, "libraries": libraries, **more})

    def wait(self, *events: str, timeout: float = START, **fields: Any) -> dict[str, Any]:
        """The first of these events that has these fields, or the end."""
        until = time.monotonic() + timeout
        with self.changed:
            while True:
                for message in self.heard:
                    if message["event"] in events and fields.items() <= message.items():
                        return message
                last = self.heard[-1] if self.heard else {}
                assert last.get("event") != "end", f"it ended before {events}: {self.heard[-3:]}"
                assert self.changed.wait(until - time.monotonic()), f"no {events} in {timeout} s"

    def ready(self) -> dict[str, Any]:
        message = self.wait("ready", "error")
        assert message["event"] == "ready", message
        return message

    @functools.cached_property
    def traces(self) -> Traces:
        """Of its local cluster; to be asked for while the driver lives."""
        return Traces(self.process.pid, child(psutil.Process(self.process.pid), "guard.py"), self.memory)

    def put(self, payload: bytes) -> dict[str, Any]:
        """What became of an object."""
        number = next(self.numbers)
        self.tell(payload, do="put", object=number)
        return self.wait("put", "refused", object=number)

    def submit(self, request: str = "{}", objects: Sequence[int] = (), files: Sequence[tuple[str, int]] = ()) -> int:
        """The number of a task."""
        number = next(self.numbers)
        name = f"task {number}"
        line = {"do": "task", "task": number, "name": name, "request": request}
        self.tasks[number] = {**line, "objects": list(objects), "files": list(files)}
        self.tell(**self.tasks[number])
        return number

    def result(self, task: int) -> dict[str, Any]:
        return self.wait("task", task=task, timeout=60)

    def close(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(timeout=END)


class Traces:
    """All that a local cluster has, to see that it goes."""

    def __init__(self, driver: int, guard: psutil.Process, memory: set[str]) -> None:
        self.session, self.guard, self.memory = driver, guard, memory
        self.folder = Path(guard.cmdline()[-2])
        self.ports: set[int] = set()

    def processes(self) -> list[psutil.Process]:
        """By their session: workers write their titles over their environments."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.session and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def named(self, part: str) -> list[psutil.Process]:
        def matches(process: psutil.Process) -> bool:
            try:
                return part in process.name() or part in " ".join(process.cmdline())
            except psutil.Error:
                return False

        return [process for process in self.processes() if matches(process)]

    def note_ports(self) -> None:
        for process in self.processes():
            try:
                connections = process.net_connections()
            except psutil.Error:
                continue
            self.ports |= {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}

    def listening(self) -> set[int]:
        return {port for port in self.ports if answers(port)}

    def left(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "processes": self.processes() + ([self.guard] if self.guard.is_running() else []),
            "ports": self.listening(),
            "shared memory": shared_memory() - self.memory,
            "folder": self.folder.exists() and self.folder,
        }
        return {what: there for what, there in found.items() if there}

    def gone(self) -> None:
        """Soon nothing is left, and nothing comes back."""
        until = time.monotonic() + END
        while (left := self.left()) and time.monotonic() < until:
            time.sleep(0.1)
        assert not left, left
        time.sleep(0.5)
        assert not self.left(), self.left()


def child(of: psutil.Process, program: str) -> psutil.Process:
    until = time.monotonic() + START
    while time.monotonic() < until:
        for process in of.children():
            if program in " ".join(process.cmdline()):
                return process
        time.sleep(0.02)
    raise AssertionError(f"no {program}")


class Lab:
    """The helper's example, which sweeps on a Ray cluster and compares the bits."""

    def __init__(self, *arguments: str, machine: Machine | None = None, **environment: str) -> None:
        self.memory = shared_memory()
        command = [str(example("ray")), *arguments]
        self.process = subprocess.Popen(
            machine.command(*command, env=environment) if machine else command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **environment},
        )

    @functools.cached_property
    def traces(self) -> Traces:
        """Of its local cluster; to be asked for while the driver lives."""
        driver = self.driver()
        return Traces(driver.pid, child(driver, "guard.py"), self.memory)

    def driver(self) -> psutil.Process:
        return child(psutil.Process(self.process.pid), "driver.py")

    def until(self, part: str) -> dict[str, Any]:
        assert self.process.stdout
        for line in self.process.stdout:
            if part in line:
                return dict(json.loads(line))
        assert self.process.stderr
        raise AssertionError(f"no {part}: {self.process.stderr.read()}")

    def lines(self) -> list[dict[str, Any]]:
        """All that it prints."""
        out, error = self.process.communicate(timeout=300)
        assert self.process.returncode == 0, error
        return [json.loads(line) for line in out.splitlines()]

    def error(self) -> str:
        _, error = self.process.communicate(timeout=150)
        assert self.process.returncode != 0
        return error
