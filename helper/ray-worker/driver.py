"""A Ray client that another program, the host, starts and talks to.

On stdin come commands, on stdout go events: lines of JSON. Behind a line with `"bytes": n` come n raw bytes. The first
command says which cluster; then the host puts objects and submits tasks, in any order. The driver ends when its stdin
ends. A cluster that it has started is ended by `guard.py`.

Events: ready, put or refused, task, alive (each second), error (the last one).
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from pathlib import Path
from typing import Any

import local
import task as worker
from host import Host
from join import Refused, explain, find, reach, split

# Protocol version; the helper has the same.
PROTOCOL = 2
# Tasks that Ray knows of at a time, for each CPU: enough that no CPU is idle, few enough to cancel quickly.
AHEAD = 4
# Seconds without an answer from the cluster's head until it counts as lost.
HEAD_LOST = 8.0
# An object may take this part of the smallest object store.
STORE_SHARE = 0.8


class Driver:
    """The tasks and objects of one host."""

    def __init__(self, host: Host, start: dict[str, Any]) -> None:
        self.host = host
        self.start = start
        self.local: Any = None
        self.objects: dict[int, Any] = {}
        self.waiting: deque[dict[str, Any]] = deque()
        self.running: dict[Any, dict[str, Any]] = {}

    def connect(self) -> None:
        import ray

        began = time.monotonic()
        libraries = {name: Path(path).read_bytes() for name, path in self.start["libraries"].items()}
        if worker.kind() in libraries:
            # A library that cannot be loaded is told now, and not by the first task.
            try:
                worker.load(libraries)
            except worker.Unusable as error:
                raise Refused(str(error)) from error
        if own := self.start["local"]:
            self.local = local.start(own["nodes"], own["cpus"], Path(own["folder"]))
            address = str(self.local.address)
        else:
            address = find(self.start["address"])
            reach(address)
        # As text: no node needs this project, and what ctypes makes cannot be pickled.
        # Read before Ray starts, which in a job replaces the folder that this lies in.
        source = Path(worker.__file__).read_text()
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False, namespace="rust-lab")
        except Exception as error:
            raise explain(error, address) from error

        def run(request: bytes, files: list[str], *objects: Any) -> Any:
            import types

            task = sys.modules.get("rust_lab_task")
            if task is None:
                task = types.ModuleType("rust_lab_task")
                exec(compile(source, "task.py", "exec"), task.__dict__)
                sys.modules["rust_lab_task"] = task
            node = ray.get_runtime_context().get_node_id()
            return node, *task.run(libraries, request, files, *objects)

        self.remote = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(run)
        self.describe(address, began)
        threading.Thread(target=self.watch, args=(address,), daemon=True).start()

    def describe(self, address: str, began: float) -> None:
        import ray

        alive = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        # A node without CPUs has no such resource.
        nodes = [
            {"id": n["NodeID"], "ip": n["NodeManagerAddress"], "cpus": int(n["Resources"].get("CPU", 0))} for n in alive
        ]
        cpus = sum(node["cpus"] for node in nodes)
        if cpus == 0:
            raise Refused(f"the cluster at {address} has no CPU to run a task on; add a node that has")
        self.window = AHEAD * cpus
        self.store = min(int(n["Resources"]["object_store_memory"]) for n in alive)
        url = ray._private.worker.global_worker.node.webui_url  # type: ignore[union-attr]
        own = self.start["local"]
        self.host.tell(
            "ready",
            address=address,
            nodes=nodes,
            ray=ray.__version__,
            dashboard=f"http://{url}" if url else None,
            token=local.token(Path(own["folder"])).read_text() if own else None,
            seconds=time.monotonic() - began,
        )

    def watch(self, address: str) -> None:
        """Ends this where the head is gone: Ray itself would wait for minutes."""
        heard = time.monotonic()
        while not self.host.gone.wait(1.0):
            with contextlib.suppress(OSError), socket.create_connection(split(address), timeout=2):
                heard = time.monotonic()
            if time.monotonic() - heard > HEAD_LOST:
                message = (
                    f"the head of the cluster at {address} has not answered for {HEAD_LOST:.0f} s; start the cluster "
                    "again, connect anew, and run the sweep again (with a journal it goes on where it stopped)"
                )
                self.host.tell("error", kind="cluster", message=message)
                os._exit(1)

    def serve(self) -> None:
        """Obeys until the host is gone."""
        import ray

        told = time.monotonic()
        while True:
            busy = bool(self.running)
            with contextlib.suppress(queue.Empty):
                while True:
                    command = self.host.commands.get(timeout=0.5) if not busy else self.host.commands.get_nowait()
                    if command is None:
                        return
                    self.obey(*command)
                    busy = True
            while self.waiting and len(self.running) < self.window:
                self.submit(self.waiting.popleft())
            if self.running:
                refs = list(self.running)
                ready, _ = ray.wait(refs, num_returns=1, timeout=0.2)
                if ready:
                    # All others that have ended by now.
                    ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
                for ref in ready:
                    self.finish(ref, self.running.pop(ref))
            if time.monotonic() - told > 1:
                told = time.monotonic()
                self.host.tell("alive")

    def obey(self, command: dict[str, Any], payload: bytes) -> None:
        match command["do"]:
            case "put":
                self.put(command["object"], payload)
            case "drop":
                self.objects.pop(command["object"], None)
            case "task":
                self.waiting.append(command)
            case "cancel":
                self.cancel(set(command["tasks"]))
            case other:
                raise Refused(f"the driver knows no command {other!r}; run ./scripts/setup")

    def put(self, name: int, payload: bytes) -> None:
        import numpy
        import ray

        if len(payload) > STORE_SHARE * self.store:
            self.host.tell(
                "refused",
                object=name,
                message=f"an object of {len(payload) / 1e6:.0f} MB does not fit into the smallest object store of the "
                f"cluster, {self.store / 1e6:.0f} MB; start the nodes with a larger --object-store-memory, or train on "
                "shards, of which each task reads one",
            )
            return
        began = time.perf_counter()
        self.objects[name] = ray.put(numpy.frombuffer(payload, dtype=numpy.uint8))
        self.host.tell("put", object=name, seconds=time.perf_counter() - began)

    def submit(self, command: dict[str, Any]) -> None:
        inputs = [self.objects[name] for name in command["objects"]]
        options = self.remote.options(name=command["name"], max_retries=command["retries"])
        ref = options.remote(command["request"].encode(), command["files"], *inputs)
        self.running[ref] = command

    def finish(self, ref: Any, command: dict[str, Any]) -> None:
        import ray

        try:
            node, status, result, (pid, started, seconds, cpu) = ray.get(ref)
        except Exception as error:
            # The first line; the others are Ray's own frames.
            said = str(error).strip().splitlines()
            message = f"{type(error).__name__}: {said[0] if said else 'without a message'}"
            self.host.tell("task", message.encode(), task=command["task"], status="lost", ran=None)
            return
        ran = {"node": node, "pid": pid, "ago": time.time() - started, "seconds": seconds, "cpu": cpu}
        self.host.tell("task", result, task=command["task"], status=status, ran=ran)

    def cancel(self, tasks: set[int]) -> None:
        import ray

        self.waiting = deque(command for command in self.waiting if command["task"] not in tasks)
        for ref in [ref for ref, command in self.running.items() if command["task"] in tasks]:
            del self.running[ref]
            with contextlib.suppress(Exception):
                ray.cancel(ref, force=True)


def main() -> None:
    # The host decides when to stop, also after Ctrl-C in its terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A session of its own: by it `guard.py` knows what was started here.
    if os.getsid(0) != os.getpid():
        os.setsid()
    host = Host()
    threading.Thread(target=host.listen, daemon=True).start()
    status = 1
    try:
        first = host.commands.get()
        if first is not None:
            run(host, first[0])
        status = 0
    except Refused as refused:
        host.tell("error", kind=refused.kind, message=str(refused))
    except BaseException as error:
        traceback.print_exc()
        host.tell("error", kind="cluster", message=f"the Ray driver failed: {type(error).__name__}: {error}")
    finally:
        # Without Ray's own clean-up, which may take long.
        os._exit(status)


def run(host: Host, start: dict[str, Any]) -> None:
    if start["protocol"] != PROTOCOL:
        raise Refused("driver.py and the helper are of different versions; run ./scripts/setup")
    if own := start["local"]:
        os.environ.pop("RAY_ADDRESS", None)
        os.environ.update(local.settings(Path(own["folder"])))
    try:
        import numpy  # noqa: F401
        import psutil  # noqa: F401
        import ray  # noqa: F401
    except ImportError as error:
        raise Refused(
            f"{sys.executable} has no {error.name}: {error}; run ./scripts/setup, which installs it where there is "
            "one for this machine (none for Intel Macs)",
            kind="no-ray",
        ) from error
    threading.Thread(target=follow, args=(host,), daemon=True).start()
    driver = Driver(host, start)
    driver.connect()
    driver.serve()


def follow(host: Host) -> None:
    """Ends this soon after the host, whatever Ray is waiting for."""
    host.gone.wait()
    time.sleep(3)
    os._exit(0)


if __name__ == "__main__":
    main()
