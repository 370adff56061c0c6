"""Starts kernels and runs cells, for set-up, tests and benches."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from project import VENV

# The user may have another kernel of the same name.
os.environ["JUPYTER_PATH"] = str(VENV / "share" / "jupyter")


@dataclass
class CellResult:
    """The outputs of one cell."""

    seconds: float
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    data: dict[str, str] = field(default_factory=dict)


class KernelDied(Exception):
    """The kernel's process ended."""


class Kernel:
    """A running kernel. Cells run one after another and share their variables."""

    def __init__(self, client: BlockingKernelClient, pid: int, alive: Callable[[], bool]) -> None:
        self.client = client
        self.pid = pid
        self.alive = alive

    def run(self, code: str, timeout: float = 600) -> CellResult:
        """Runs a cell to its end and returns its outputs.

        Raises `KernelDied` if the kernel ends before the cell, and `TimeoutError` after `timeout` seconds.
        """
        started = time.monotonic()
        request = self.client.execute(code)
        result, done = CellResult(0), False
        while not done:
            try:
                done = self.take(request, result, 1)
            except queue.Empty:
                if not self.alive():
                    raise KernelDied(f"the kernel died at the cell `{code}`") from None
            # A cell that prints all the time is never silent.
            if not done and time.monotonic() - started > timeout:
                raise TimeoutError(f"the cell `{code}` was not done after {timeout:.0f} s")
        result.seconds = time.monotonic() - started
        return result

    def take(self, request: str, result: CellResult, timeout: float) -> bool:
        """Adds the next message to the result; returns whether it ends the cell."""
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
    """Starts the kernel `rust`, and shuts it down at the end."""
    manager = KernelManager(kernel_name="rust")
    manager.start_kernel(**launch)
    client = manager.blocking_client()
    client.start_channels()
    try:
        try:
            client.wait_for_ready(timeout=120)
        except RuntimeError as error:
            raise KernelDied("the kernel did not start") from error
        pid = getattr(manager.provisioner, "pid", None)
        assert isinstance(pid, int), "the kernel is a process of this machine"
        yield Kernel(client, pid, lambda: bool(manager.is_alive()))
    finally:
        manager.shutdown_kernel(now=not manager.is_alive())
        client.stop_channels()
