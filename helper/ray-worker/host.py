"""The program that has started the driver: commands from it, events to it."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import Any, BinaryIO

Command = tuple[dict[str, Any], bytes]


class Host:
    """Lines of JSON, some with bytes behind them."""

    def __init__(self) -> None:
        # A private copy of stdout; whatever else prints, prints to stderr.
        self.out: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        # Not sys.stdin, which Ray may read.
        self.input: BinaryIO = os.fdopen(os.dup(0), "rb")
        self.lock = threading.Lock()

    def tell(self, event: str, payload: bytes | None = None, **more: Any) -> None:
        if payload is not None:
            more["bytes"] = len(payload)
        line = json.dumps({"event": event, **more}).encode() + b"\n"
        with self.lock, contextlib.suppress(OSError):
            self.out.write(line + (payload or b""))
            self.out.flush()

    def hear(self) -> Command | None:
        """The next command; `None` once the host is gone."""
        line = self.input.readline()
        if not line:
            return None
        command = json.loads(line)
        length = command.get("bytes", 0)
        payload = self.input.read(length)
        return (command, payload) if len(payload) == length else None
