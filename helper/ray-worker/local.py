"""A Ray cluster of this machine's own: as many nodes as asked for, gone with the process that started it.

Each node is a raylet with its own object store and workers, as on a machine of its own; the first has the head.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

# Bytes of each node's object store; Ray's least is some 79 MB.
STORE = 160 * 1024 * 1024


def settings(folder: Path) -> dict[str, str]:
    """What must be in the environment before Ray is imported: everything stays in the folder, behind a token."""
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    # Where Ray notes the address of the latest cluster: not where others look for it.
    (folder / "ray").mkdir()
    return {
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        # A node that dies is noticed after a second, not fifteen.
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "500",
        "RAY_health_check_timeout_ms": "1000",
        "RAY_health_check_failure_threshold": "4",
    }


class LocalCluster:
    """Started here; `kill` ends it."""

    def __init__(self, nodes: int, cpus: int, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        arguments: dict[str, Any] = {
            "num_cpus": cpus,
            "object_store_memory": STORE,
            "include_dashboard": False,
            "include_log_monitor": False,
            "temp_dir": str(folder),
        }
        self.folder = folder
        self.ending = threading.Lock()
        self.nodes: list[Any] = []
        self.cluster = Cluster()
        try:
            for number in range(nodes):
                # Only the head has a monitor to leave out.
                head = {} if number else {"no_monitor": True}
                self.nodes.append(self.cluster.add_node(wait=False, **arguments, **head))
            self.cluster.wait_for_nodes()
        except BaseException:
            self.kill()
            raise
        self.address = str(self.cluster.address)

    def kill(self) -> None:
        """Ends every process of the cluster, and takes its folder away.

        Another process does it: one that is joined to a raylet, as this may be, ends when that is gone.
        """
        with self.ending:
            command = [sys.executable, __file__, str(self.folder), str(os.getpid())]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.Popen(command, start_new_session=True).wait(timeout=15)


def started_by(leader: int) -> list[Any]:
    """Whatever the head and the raylets have started, whoever is its parent now.

    All are of the driver's process group, which the host gives it alone. (The environment would not tell: a worker
    writes its title over it.)
    """
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            ours = process.pid != leader and os.getpgid(process.pid) == leader
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def clean(folder: str, leader: int) -> None:
    import psutil

    until = time.monotonic() + 10
    while time.monotonic() < until:
        # A process may start another, or write a file, before it is ended.
        processes = started_by(leader)
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(processes, timeout=3)
        shutil.rmtree(folder, ignore_errors=True)
        if not processes and not Path(folder).exists():
            break


if __name__ == "__main__":
    clean(sys.argv[1], int(sys.argv[2]))
