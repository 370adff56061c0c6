"""Ends a local Ray cluster and removes its folder: `guard.py FOLDER`.

The host starts this before the cluster, and writes to stdin the process that starts the cluster, in a session of its
own. When stdin ends, however the host ended, every process of the cluster is killed and the folder removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

# Seconds for all of it.
PATIENCE = 30.0
# How often in a row no process and no folder must be found: a killed process may still write.
QUIET = 5


class Cluster:
    """The processes of a session, or with the folder in their environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.leader: psutil.Process | None = None

    def started_by(self, leader: int) -> None:
        with contextlib.suppress(psutil.Error):
            self.leader = psutil.Process(leader)

    def session(self) -> int | None:
        """The session's number; `None` once it may be another session's."""
        if self.leader is None or (psutil.pid_exists(self.leader.pid) and not self.leader.is_running()):
            return None
        return int(self.leader.pid)

    def processes(self) -> Iterator[psutil.Process]:
        """Those of the session, and those that have left it, such as Ray's jobs.

        Workers are known by their session alone: they have process groups of their own, write their titles over their
        environments, and may have lost their parents.
        """
        session = self.session()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                ours = os.getsid(process.pid) == session or process.environ().get("RAY_TMPDIR") == str(self.folder)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    yield process

    def end(self) -> None:
        quiet, until = 0, time.monotonic() + PATIENCE
        while quiet < QUIET and time.monotonic() < until:
            there = list(self.processes())
            for process in there:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            if not there:
                shutil.rmtree(self.folder, ignore_errors=True)
            quiet = 0 if there or self.folder.exists() else quiet + 1
            time.sleep(0.05)


def main() -> None:
    # Signals to the host's whole terminal must not end the guard.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    cluster = Cluster(Path(sys.argv[1]))
    for line in sys.stdin:
        cluster.started_by(int(line))
    cluster.end()


if __name__ == "__main__":
    main()
