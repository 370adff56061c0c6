"""A Ray client that another program starts and talks to: the host.

On stdin and stdout go lines of JSON; one with `"bytes": n` is followed by n raw bytes. First comes a line that says
which cluster; then the host puts objects and asks for tasks, in any order. When stdin ends, so does this; a cluster
that it has started is ended by `guard.py`.

The host is told: hello, ready, put, task, alive (each second), or error, after which this ends.
"""

from __future__ import annotations

import contextlib
import os
import platform
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

PROTOCOL = 1
# Tasks that Ray knows of at a time, for each CPU: enough that none is idle, few enough to cancel in no time.
AHEAD = 4
# Seconds without a word from the cluster's head until it counts as lost.
HEAD_LOST = 8.0
# Part of the smallest object store that an object may take.
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
        self.window = AHEAD
        self.remote: Any = None

    def connect(self) -> None:
        import ray

        began = time.monotonic()
        libraries = {name: Path(path).read_bytes() for name, path in self.start["libraries"].items()}
        if worker.kind() in libraries:
            # What is wrong with it is better told now than by the first task.
            try:
                worker.load(libraries)
            except worker.Unusable as error:
                raise Refused("library", str(error)) from error
        if own := self.start.get("local"):
            self.local = local.start(own["nodes"], own["cpus"], Path(own["folder"]))
            address = str(self.local.address)
        else:
            address = find(self.start["address"])
            reach(address)
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False, namespace="rust-lab")
        except Exception as error:
            raise explain(error, address) from error
        # As text: no node needs this project, and what ctypes makes cannot be pickled.
        source = Path(worker.__file__).read_text()

        def run(spec: bytes, files: list[str], *objects: Any) -> Any:
            import types

            task = sys.modules.get("rust_lab_task")
            if task is None:
                task = types.ModuleType("rust_lab_task")
                exec(compile(source, "task.py", "exec"), task.__dict__)
                sys.modules["rust_lab_task"] = task
            node = ray.get_runtime_context().get_node_id()
            return node, *task.run(libraries, spec, files, *objects)

        self.remote = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(run)
        self.look_around(address, time.monotonic() - began)
        threading.Thread(target=self.watch, args=(address,), daemon=True).start()

    def look_around(self, address: str, seconds: float) -> None:
        import ray

        nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        described = [
            {"id": n["NodeID"], "ip": n["NodeManagerAddress"], "cpus": int(n["Resources"].get("CPU", 0))} for n in nodes
        ]
        cpus = sum(n["cpus"] for n in described)
        if cpus == 0:
            raise Refused("cluster", f"the cluster at {address} has no CPU to run a task on; add a node that has")
        self.window = AHEAD * cpus
        self.store = min(int(n["Resources"].get("object_store_memory", 0)) for n in nodes)
        url = ray._private.worker.global_worker.node.webui_url  # type: ignore[union-attr]
        about: dict[str, Any] = {"dashboard": url or None, "nodes": described, "store": self.store, "seconds": seconds}
        if own := self.start.get("local"):
            about["token"] = local.token(Path(own["folder"])).read_text()
        self.host.tell("ready", address=address, **about)

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
                self.host.tell("error", kind="cluster-lost", message=message)
                os._exit(1)

    def serve(self) -> None:
        """Does as told until the host is gone."""
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
                    # Whatever else is there by now.
                    ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
                for ref in ready:
                    self.finish(ref, self.running.pop(ref))
            if time.monotonic() - told > 1:
                told = time.monotonic()
                self.host.tell("alive", waiting=len(self.waiting), running=len(self.running))

    def obey(self, command: dict[str, Any], payload: bytes) -> None:
        match command["do"]:
            case "put":
                self.put(command["object"], payload)
            case "drop":
                self.objects.pop(command["object"], None)
            case "task":
                self.waiting.append(command)
            case "cancel":
                self.cancel()
            case other:
                raise Refused("protocol", f"the driver knows no command {other!r}; run ./scripts/setup")

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
        ref = options.remote(command["spec"].encode(), command["files"], *inputs)
        self.running[ref] = command

    def finish(self, ref: Any, command: dict[str, Any]) -> None:
        import ray

        try:
            node, status, made, (pid, started, seconds, cpu) = ray.get(ref)
        except Exception as error:
            # One line: what follows is where in Ray it happened.
            said = str(error).strip().splitlines()
            message = f"{type(error).__name__}: {said[0] if said else 'without a message'}"
            self.host.tell("task", message.encode(), task=command["task"], status="lost")
            return
        names = {worker.FINISHED: "finished", worker.REFUSED: "refused", worker.PANICKED: "panicked"}
        where = {"node": node, "pid": pid, "ago": time.time() - started, "seconds": seconds, "cpu": cpu}
        self.host.tell("task", made, task=command["task"], status=names.get(status, "unusable"), **where)

    def cancel(self) -> None:
        import ray

        self.waiting.clear()
        for ref in self.running:
            with contextlib.suppress(Exception):
                ray.cancel(ref, force=True)
        self.running.clear()
        self.host.tell("cancelled")


def main() -> int:
    # The host decides when to stop: Ctrl-C in the terminal is its to see.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # By which `guard.py` knows what was started here.
    if os.getsid(0) != os.getpid():
        os.setsid()
    host = Host()
    listener = threading.Thread(target=host.listen, daemon=True)
    listener.start()
    first = host.commands.get()
    if first is None:
        return 0
    start = first[0]
    try:
        if start["protocol"] != PROTOCOL:
            raise Refused("protocol", "driver.py and the helper are of different versions; run ./scripts/setup")
        if own := start.get("local"):
            os.environ.pop("RAY_ADDRESS", None)
            os.environ.update(local.settings(Path(own["folder"])))
        try:
            import numpy  # noqa: F401
            import psutil  # noqa: F401
            import ray
        except ImportError as error:
            raise Refused(
                "no-ray",
                f"{sys.executable} has no {error.name}: {error}; run ./scripts/setup, which installs it where there is "
                "one for this machine (none for Intel Macs)",
            ) from error
        host.tell("hello", protocol=PROTOCOL, pid=os.getpid(), python=platform.python_version(), ray=ray.__version__)
        driver = Driver(host, start)
        threading.Thread(target=orphaned, args=(host,), daemon=True).start()
        driver.connect()
        driver.serve()
        return 0
    except Refused as refused:
        host.tell("error", kind=refused.kind, message=str(refused))
        return 1
    except BaseException as error:
        traceback.print_exc()
        host.tell("error", kind="driver", message=f"the Ray driver failed: {type(error).__name__}: {error}")
        return 1
    finally:
        # Nothing of Ray's may hold this up.
        os._exit(0 if host.gone.is_set() else 1)


def orphaned(host: Host) -> None:
    """Ends this a little after the host, whatever Ray is waiting for."""
    host.gone.wait()
    time.sleep(3)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
