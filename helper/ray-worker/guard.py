"""Ends a local Ray cluster and removes its folder: `guard.py FOLDER DRIVER`, started by the driver before the cluster.

Its stdin ends with the driver, and nobody reads its stderr once the program is gone that started the driver. After
either, however it came about, every process of the cluster is killed and the folder removed.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import stat
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
    """The processes of the driver's session, or with the folder in their environment."""

    def __init__(self, folder: Path, driver: int) -> None:
        self.folder, self.driver = folder, driver
        self.leader: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):
            self.leader = psutil.Process(driver)

    def session(self) -> int | None:
        """The session's number; `None` once it may be another session's."""
        reused = psutil.pid_exists(self.driver) and not (self.leader and self.leader.is_running())
        return None if reused else self.driver

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
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    cluster = Cluster(Path(sys.argv[1]), int(sys.argv[2]))
    # Nothing comes through these pipes: what is waited for is their end.
    ends = select.poll()
    for pipe in (0, 2):
        if stat.S_ISFIFO(os.fstat(pipe).st_mode):
            ends.register(pipe, 0)
    print("ready", flush=True)
    ends.poll()
    cluster.end()


if __name__ == "__main__":
    main()
