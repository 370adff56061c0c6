"""A local Ray cluster: several nodes on this machine. `guard.py` ends it with this process.

Each node is a raylet with its own object store and workers; the first is the head.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Bytes of each node's object store; Ray's least is some 79 MB.
STORE = 160 * 1024 * 1024
# Ends the cluster once its stdin is closed.
guard: subprocess.Popen[bytes] | None = None


def prepare() -> str:
    """Makes the cluster's folder, and sets the environment, before Ray is imported. Returns the cluster's token."""
    global guard
    # Not the system's folder for temporary files: sockets lie in there, whose paths must be short.
    folder = Path(tempfile.mkdtemp(prefix="ray-lab-", dir="/tmp"))
    # Ray notes the address of the latest cluster there; other Ray programs must not find it.
    (folder / "ray").mkdir()
    token = secrets.token_hex(32)
    (folder / "token").touch(mode=0o600)
    (folder / "token").write_text(token)
    command = [sys.executable, str(Path(__file__).with_name("guard.py")), str(folder), str(os.getpid())]
    # In a session of its own: by the driver's it knows what to kill.
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert guard.stdout and guard.stdout.readline() == b"ready\n", "guard.py has not started"
    os.environ.pop("RAY_ADDRESS", None)
    os.environ.update(
        RAY_TMPDIR=str(folder),
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN_PATH=str(folder / "token"),
        RAY_USAGE_STATS_ENABLED="0",
    )
    return token


def start(nodes: int, cpus: int) -> Any:
    """A `ray.cluster_utils.Cluster`, once `prepare` was called."""
    from ray.cluster_utils import Cluster

    arguments: dict[str, Any] = {
        "num_cpus": cpus,
        "object_store_memory": STORE,
        # Free ports: that of the dashboard is 8265, or the next one.
        "dashboard_port": None,
        "dashboard_agent_listen_port": None,
        "dashboard_host": "127.0.0.1",
        "include_log_monitor": False,
        "temp_dir": os.environ["RAY_TMPDIR"],
    }
    cluster = Cluster()
    for number in range(nodes):
        # Only the head has a dashboard, and a monitor to leave out.
        head = {} if number else {"include_dashboard": True, "no_monitor": True}
        cluster.add_node(wait=False, **arguments, **head)
    cluster.wait_for_nodes()
    return cluster
