"""A local Ray cluster: several nodes on this machine. `guard.py` ends it.

Each node is a raylet with its own object store and workers; the first is the head.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

# Bytes of each node's object store; Ray's least is some 79 MB.
STORE = 160 * 1024 * 1024


def token(folder: Path) -> Path:
    """The file with the cluster's token."""
    return folder / "token"


def settings(folder: Path) -> dict[str, str]:
    """Environment variables to set before Ray is imported: all files lie in the folder, and clients need the token."""
    token(folder).touch(mode=0o600)
    token(folder).write_text(secrets.token_hex(32))
    # Ray notes the address of the latest cluster there; other Ray programs must not find it.
    (folder / "ray").mkdir()
    return {
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token(folder)),
        "RAY_USAGE_STATS_ENABLED": "0",
        # A node that dies is noticed after a second, not fifteen.
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "500",
        "RAY_health_check_timeout_ms": "1000",
        "RAY_health_check_failure_threshold": "4",
    }


def start(nodes: int, cpus: int, folder: Path) -> Any:
    """A `ray.cluster_utils.Cluster`."""
    from ray.cluster_utils import Cluster

    arguments: dict[str, Any] = {
        "num_cpus": cpus,
        "object_store_memory": STORE,
        # Free ports: that of the dashboard is 8265, or the next one.
        "dashboard_port": None,
        "dashboard_agent_listen_port": None,
        "dashboard_host": "127.0.0.1",
        "include_log_monitor": False,
        "temp_dir": str(folder),
    }
    cluster = Cluster()
    for number in range(nodes):
        # Only the head has a dashboard, and a monitor to leave out.
        head = {} if number else {"include_dashboard": True, "no_monitor": True}
        cluster.add_node(wait=False, **arguments, **head)
    cluster.wait_for_nodes()
    return cluster
