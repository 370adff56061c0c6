"""The processes of a kernel: evcxr_jupyter, this one in front of it, and a guard. Standard library only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

from connection import connection_for_evcxr

# Kills evcxr and its children when this process has died: then the standard input ends before a line was read.
GUARD = 'read -r word || kill -s KILL -- "-$1"'


def run(evcxr: Path, folder: Path, environment: dict[str, str], connection_file: str) -> NoReturn:
    """Runs evcxr in `folder` behind a front that serves Jupyter, until one of them ends."""
    outer = json.loads(Path(connection_file).read_text())
    inner = connection_for_evcxr(outer)
    control = folder / "connection.json"
    control.unlink(missing_ok=True)
    with os.fdopen(os.open(control, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(inner, file)
    # evcxr inherits the lock of the folder. Its own process group can be killed as one.
    command = [str(evcxr), "--control_file", str(control)]
    kernel = subprocess.Popen(command, env=environment, close_fds=False, start_new_session=True)
    command = ["/bin/sh", "-c", GUARD, "guard", str(kernel.pid)]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Becomes readable when evcxr ends.
    ended, write = os.pipe()

    def wait() -> None:
        kernel.wait()
        os.close(write)

    threading.Thread(target=wait, daemon=True).start()
    # Its libraries take a moment to load; evcxr takes longer to start.
    from front import Front

    Front(outer, inner).serve(ended)
    if kernel.wait() == 0:
        guard.communicate(b"done\n")
        sys.exit(0)
    sys.exit(1)
