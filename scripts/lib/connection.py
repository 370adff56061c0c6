"""How Jupyter's connection files name the sockets of a kernel. Standard library only."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any

CHANNELS = ("shell", "control", "stdin", "iopub", "hb")


def address(connection: dict[str, Any], name: str) -> str:
    separator = ":" if connection["transport"] == "tcp" else "-"
    return f"{connection['transport']}://{connection['ip']}{separator}{connection[f'{name}_port']}"


def connection_for_evcxr(outer: dict[str, Any]) -> dict[str, Any]:
    """Other ports of this machine, with the same key."""
    inner = {**outer, "transport": "tcp", "ip": "127.0.0.1"}
    with ExitStack() as taken:
        for name in CHANNELS:
            sock = taken.enter_context(socket.socket())
            sock.bind((inner["ip"], 0))
            inner[f"{name}_port"] = sock.getsockname()[1]
    return inner
