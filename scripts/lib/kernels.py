"""A kernel to talk to: what set-up, tests and benches use to run cells."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from project import VENV

# The project's kernel, not one of the same name that the user has.
os.environ["JUPYTER_PATH"] = str(VENV / "share" / "jupyter")


# Seconds without a message after which none is to come any more.
STRAGGLERS = 0.15


@dataclass
class CellResult:
    """What one cell gave."""

    seconds: float
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    data: dict[str, str] = field(default_factory=dict)


class Kernel:
    """A running kernel; cells run one after another and share their variables."""

    def __init__(self, client: BlockingKernelClient, pid: int) -> None:
        self.client = client
        self.pid = pid

    def run(self, code: str, timeout: float = 600) -> CellResult:
        """Runs a cell to its end, and returns all it printed, showed or complained of."""
        started = time.monotonic()
        request = self.client.execute(code)
        result = CellResult(0)
        while not self.take(request, result, max(started + timeout - time.monotonic(), 0.01)):
            pass
        result.seconds = time.monotonic() - started
        # evcxr hands on stderr by another way, which may take longer: a failed `?` says why after the end.
        with suppress(queue.Empty):
            while True:
                self.take(request, result, STRAGGLERS)
        return result

    def take(self, request: str, result: CellResult, timeout: float) -> bool:
        """Adds the next message to the result; tells whether it says that the cell is done."""
        message = self.client.get_iopub_msg(timeout=timeout)
        if message["parent_header"].get("msg_id") != request:
            return False
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            setattr(result, content["name"], getattr(result, content["name"]) + content["text"])
        elif kind == "error":
            result.error += "\n".join([*content["traceback"], str(content["evalue"])])
        elif kind in ("execute_result", "display_data"):
            result.data |= content["data"]
        return bool(kind == "status" and content["execution_state"] == "idle")


@contextmanager
def kernel(**launch: Any) -> Iterator[Kernel]:
    """Starts the kernel that Jupyter knows as `rust`, and ends it."""
    manager = KernelManager(kernel_name="rust")
    manager.start_kernel(**launch)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        pid = getattr(manager.provisioner, "pid", None)
        assert isinstance(pid, int), "the kernel is a process of this machine"
        yield Kernel(client, pid)
    finally:
        manager.shutdown_kernel(now=not manager.is_alive())
        client.stop_channels()
