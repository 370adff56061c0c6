"""Takes a Ray cluster of this machine's own away: `guard.py FOLDER`.

The host starts this before the cluster, and tells on stdin in which session it starts that. When stdin ends, whatever
ended the host, every process of the cluster is ended, and its folder removed.
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

# For all of it, in seconds.
PATIENCE = 30.0
# How often in a row nothing must be there: a process may write once more before it is ended.
QUIET = 5


class Cluster:
    """What works in a folder, and in the session of the process that started it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.leader: psutil.Process | None = None

    def started_by(self, leader: int) -> None:
        with contextlib.suppress(psutil.Error):
            self.leader = psutil.Process(leader)

    def session(self) -> int | None:
        """While a process lives in it, no other session can have its number; afterwards one may."""
        if self.leader is None or (psutil.pid_exists(self.leader.pid) and not self.leader.is_running()):
            return None
        return int(self.leader.pid)

    def processes(self) -> Iterator[psutil.Process]:
        """Those of the session, and what has left it, such as Ray's jobs.

        Workers have process groups of their own, write their titles over their environments, and may have lost their
        parents; their session is the one that they were started in.
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
    # Whoever ends the host may mean its whole terminal; this has yet to do its work.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    cluster = Cluster(Path(sys.argv[1]))
    for line in sys.stdin:
        cluster.started_by(int(line))
    cluster.end()


if __name__ == "__main__":
    main()
