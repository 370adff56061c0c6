"""The program that has started the driver: commands from it, events to it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
from typing import Any, BinaryIO

Command = tuple[dict[str, Any], bytes]


class Host:
    """Lines of JSON, some with bytes behind them."""

    def __init__(self) -> None:
        # A private copy of stdout; whatever else prints, prints to stderr.
        self.out: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self.lock = threading.Lock()
        self.commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self.gone = threading.Event()

    def tell(self, event: str, payload: bytes | None = None, **more: Any) -> None:
        if payload is not None:
            more["bytes"] = len(payload)
        line = json.dumps({"event": event, **more}).encode() + b"\n"
        with self.lock, contextlib.suppress(OSError):
            self.out.write(line + (payload or b""))
            self.out.flush()

    def listen(self) -> None:
        """Reads commands until the host is gone."""
        try:
            # Not sys.stdin, which Ray may read.
            with os.fdopen(os.dup(0), "rb") as stream:
                for line in stream:
                    command = json.loads(line)
                    length = command.get("bytes", 0)
                    payload = stream.read(length)
                    if len(payload) < length:
                        break
                    self.commands.put((command, payload))
        finally:
            self.gone.set()
            self.commands.put(None)
