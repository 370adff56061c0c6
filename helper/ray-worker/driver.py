"""A Ray client that another program, the host, starts and talks to.

On stdin come commands, on stdout go events: lines of JSON. Behind a line with `"bytes": n` come n raw bytes. The first
command says which cluster; then the host puts objects and submits tasks, in any order. The driver ends when its stdin
ends. A cluster that it has started is ended by `guard.py`.

Events: ready, put or refused, task or lost, error (the last one).

The driver itself chooses the node of each task and looks whether the nodes answer. So it knows which tasks a vanished
host had, long before Ray does.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import join
import local
import task as worker
from host import Host
from join import Refused, plain

# Protocol version; the helper has the same.
PROTOCOL = 4
# Tasks that a node has at a time, for each CPU: one that runs and one that follows.
AHEAD = 2
# Seconds without an answer from a host until it counts as gone.
LOST = 10.0
# Seconds in which all workers should have loaded what tasks need, and the first one of each node.
WARM, FIRST = 8.0, 30.0
# An object may take this part of the smallest object store.
STORE_SHARE = 0.8


class Node:
    """A node of the cluster, and which tasks it has."""

    def __init__(self, about: join.Node) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.about = about
        # Without retries of Ray's own: what is lost is told, and handed out again.
        self.options = {
            "scheduling_strategy": NodeAffinitySchedulingStrategy(about.id, soft=False),
            "max_retries": 0,
        }
        self.tasks: dict[int, Any] = {}
        # How many of its workers are loading what tasks need.
        self.loading = 0
        # Whether it gets tasks: a worker has loaded what they need.
        self.ready = False
        # Why it never gets any.
        self.unusable: str | None = None


class Driver:
    """The tasks and objects of one host."""

    def __init__(self, host: Host, start: dict[str, Any], token: str | None) -> None:
        self.host = host
        self.start = start
        self.token = token
        # What is to be done, by the one thread that calls `serve`; `None` once the host is gone.
        self.inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.objects: dict[int, Any] = {}
        self.waiting: deque[dict[str, Any]] = deque()
        self.nodes: dict[str, Node] = {}
        self.joined = False
        # A cluster that was started here.
        self.local: Any = None

    def listen(self) -> None:
        """Passes commands on until the host is gone; then the driver ends, whatever Ray is waiting for."""
        while (heard := self.host.hear()) is not None:
            self.inbox.put(partial(self.obey, *heard))
        self.inbox.put(None)
        time.sleep(3)
        os._exit(0)

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
            self.local = local.start(own["nodes"], own["cpus"])
            address = str(self.local.address)
        else:
            address = join.find(self.start["address"])
            join.reach(address)
        self.head = join.Head(address)
        there = self.head.ask()
        self.head.is_node_here(there)
        # As text: no node needs this project, and what ctypes makes cannot be pickled.
        source = Path(worker.__file__).read_text()
        join.leave_files_of_job()
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False, namespace="rust-lab")
        except Exception as error:
            raise join.explain(error, address) from error

        def run(function: str, *arguments: Any) -> Any:
            import types

            task = sys.modules.get("rust_lab_task")
            if task is None:
                task = types.ModuleType("rust_lab_task")
                exec(compile(source, "task.py", "exec"), task.__dict__)
                sys.modules["rust_lab_task"] = task
            return getattr(task, function)(libraries, *arguments)

        self.remote = ray.remote(num_cpus=1)(run)
        self.see(there)
        # A host that vanishes meanwhile is not waited for.
        for watch in (self.watch_head, self.watch_nodes):
            threading.Thread(target=watch, daemon=True).start()
        self.warm()
        nodes = [node.about for node in self.nodes.values()]
        url = ray._private.worker.global_worker.node.webui_url  # type: ignore[union-attr]
        self.host.tell(
            "ready",
            address=address,
            nodes=[{"id": node.id, "ip": node.ip, "name": node.name, "cpus": node.cpus} for node in nodes],
            ray=ray.__version__,
            dashboard=f"http://{url}" if url else None,
            token=self.token,
            seconds=time.monotonic() - began,
        )
        self.joined = True

    def warm(self) -> None:
        """Waits until every worker has loaded what tasks need, but not for CPUs that others keep busy."""
        if self.cpus(lambda _: True) == 0:
            raise Refused(f"the cluster at {self.head.address} has no CPU to run a task on; add a node that has")
        began = time.monotonic()
        while (now := time.monotonic() - began) < FIRST:
            if not any(node.loading and (now < WARM or not node.ready) for node in self.nodes.values()):
                return
            with contextlib.suppress(queue.Empty):
                step = self.inbox.get(timeout=0.2)
                if step is None:
                    os._exit(0)
                step()

    def cpus(self, of: Callable[[Node], bool]) -> int:
        return sum(node.about.cpus for node in self.nodes.values() if of(node))

    def watch_head(self) -> None:
        """Ends the driver where the head is gone: Ray itself would wait for minutes."""
        heard = time.monotonic()
        while True:
            time.sleep(1)
            with contextlib.suppress(OSError), socket.create_connection(join.split(self.head.address), timeout=2):
                heard = time.monotonic()
            if time.monotonic() - heard > LOST:
                message = (
                    f"the head of the cluster at {self.head.address} has not answered for {LOST:.0f} s; start the "
                    "cluster again, connect anew, and run the sweep again (with a journal it goes on where it stopped)"
                )
                self.host.tell("error", kind="cluster", message=message)
                os._exit(1)

    def watch_nodes(self) -> None:
        """Tells `see` each second which nodes there are."""
        import grpc

        there: list[join.Node] = []
        heard: dict[str, float] = {}
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            while True:
                time.sleep(1)
                with contextlib.suppress(grpc.RpcError):
                    there = self.head.nodes()
                for node, answer in zip(there, pool.map(join.answers, there), strict=True):
                    heard.setdefault(node.id, time.monotonic())
                    if answer is not None:
                        heard[node.id] = time.monotonic() if answer else -LOST
                since = time.monotonic() - LOST
                self.inbox.put(partial(self.see, [node for node in there if heard[node.id] > since]))

    def see(self, there: list[join.Node]) -> None:
        """Takes note of the nodes that answer. A new node gets tasks once a worker of it has greeted."""
        for gone in self.nodes.keys() - {node.id for node in there}:
            self.lose_node(self.nodes[gone])
        for about in there:
            node = self.nodes.setdefault(about.id, Node(about))
            if about.cpus and not (node.ready or node.loading or node.unusable):
                for _ in range(1 if node.tasks else about.cpus):
                    self.greet(node)

    def greet(self, node: Node) -> None:
        node.loading += 1
        future = self.remote.options(name="get ready", **node.options).remote("greet").future()
        future.add_done_callback(lambda _: self.inbox.put(partial(self.greeted, node, future)))

    def greeted(self, node: Node, future: concurrent.futures.Future[str | None]) -> None:
        from ray.exceptions import RayError, RayTaskError

        node.loading -= 1
        try:
            why = future.result()
        except RayTaskError as error:
            why = f"{self.label(node)} cannot run tasks: {plain(error.cause)}"
        except RayError:
            # `see` has it greet again, if it is still there.
            return
        node.ready = why is None
        if why and not self.joined:
            raise Refused(why)
        if why and not node.unusable:
            node.unusable = why
            self.host.tell("lost", tasks=[], what=f"{self.label(node)} is left out: {why}", cpus=self.ready_cpus())

    def ready_cpus(self) -> int:
        return self.cpus(lambda node: node.ready)

    def label(self, node: Node) -> str:
        """The node in messages: nodes of one host are told apart."""
        about = node.about
        if sum(other.about.name == about.name for other in self.nodes.values()) < 2:
            return f"host {about.name}"
        return f"the node {about.ip}:{about.port} of host {about.name}"

    def lose_node(self, node: Node) -> None:
        what = f"{self.label(node)} is gone"
        del self.nodes[node.about.id]
        tasks = list(node.tasks)
        node.tasks.clear()
        if node.ready or tasks:
            self.host.tell("lost", tasks=tasks, what=what, cpus=self.ready_cpus())

    def serve(self) -> None:
        """Does what is to be done until the host is gone."""
        while (step := self.inbox.get()) is not None:
            step()
            self.hand_out()

    def hand_out(self) -> None:
        """Gives each waiting task to the node that has the fewest tasks for each CPU."""
        while self.waiting:
            ready = [node for node in self.nodes.values() if node.ready]
            node = min(ready, key=lambda node: len(node.tasks) / node.about.cpus, default=None)
            if node is None or len(node.tasks) >= AHEAD * node.about.cpus:
                return
            self.submit(self.waiting.popleft(), node)

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

        store = min((node.about.store for node in self.nodes.values()), default=math.inf)
        if len(payload) > STORE_SHARE * store:
            self.host.tell(
                "refused",
                object=name,
                message=f"an object of {len(payload) / 1e6:.0f} MB does not fit into the smallest object store of the "
                f"cluster, {store / 1e6:.0f} MB; start the nodes with a larger --object-store-memory, or train on "
                "shards, of which each task reads one",
            )
            return
        began = time.perf_counter()
        self.objects[name] = ray.put(numpy.frombuffer(payload, dtype=numpy.uint8))
        self.host.tell("put", object=name, seconds=time.perf_counter() - began)

    def submit(self, command: dict[str, Any], node: Node) -> None:
        number = command["task"]
        inputs = [self.objects[name] for name in command["objects"]]
        options = self.remote.options(name=command["name"], **node.options)
        ref = options.remote("run", command["request"].encode(), command["files"], *inputs)
        node.tasks[number] = ref
        future = ref.future()
        future.add_done_callback(lambda _: self.inbox.put(partial(self.finish, node, number, future)))

    def finish(self, node: Node, number: int, future: concurrent.futures.Future[Any]) -> None:
        from ray.exceptions import RayTaskError

        # The task was lost with its node, or cancelled.
        if node.tasks.pop(number, None) is None:
            return
        try:
            status, result, (pid, started, seconds, cpu) = future.result()
        except RayTaskError as error:
            message = f"{self.label(node)} cannot run tasks: {plain(error.cause)}"
            self.host.tell("task", message.encode(), task=number, status="unusable", ran=None)
        except Exception as error:
            self.lose(node, number, error)
        else:
            ran = {"node": node.about.id, "pid": pid, "ago": time.time() - started, "seconds": seconds, "cpu": cpu}
            self.host.tell("task", result, task=number, status=status, ran=ran)

    def lose(self, node: Node, number: int, error: Exception) -> None:
        """A worker has died, or the whole node: a node gets no tasks until it has greeted again."""
        if not join.answers(node.about):
            node.tasks[number] = None
            self.lose_node(node)
            return
        node.ready = False
        self.greet(node)
        what = f"a worker of {self.label(node)} died, perhaps for want of memory ({plain(error)})"
        self.host.tell("lost", tasks=[number], what=what, cpus=self.cpus(lambda _: True))

    def cancel(self, tasks: set[int]) -> None:
        import ray

        self.waiting = deque(command for command in self.waiting if command["task"] not in tasks)
        for node in self.nodes.values():
            for number in tasks & node.tasks.keys():
                with contextlib.suppress(Exception):
                    ray.cancel(node.tasks.pop(number), force=True)


def main() -> None:
    # The host decides when to stop, also after Ctrl-C in its terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A session of its own: by it `guard.py` knows what was started here.
    if os.getsid(0) != os.getpid():
        os.setsid()
    host = Host()
    status = 1
    try:
        first = host.hear()
        if first is not None:
            run(host, first[0])
        status = 0
    except Refused as refused:
        host.tell("error", kind=refused.kind, message=str(refused))
    except BaseException as error:
        traceback.print_exc()
        host.tell("error", kind="cluster", message=f"the Ray driver failed: {plain(error)}")
    finally:
        # Without Ray's own clean-up, which may take long.
        os._exit(status)


def run(host: Host, start: dict[str, Any]) -> None:
    if start["protocol"] != PROTOCOL:
        raise Refused("driver.py and the helper are of different versions; run ./scripts/setup")
    token = local.prepare() if start["local"] else None
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
    driver = Driver(host, start, token)
    threading.Thread(target=driver.listen, daemon=True).start()
    driver.connect()
    driver.serve()


if __name__ == "__main__":
    main()
