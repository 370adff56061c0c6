"""Where things are, and how they are told apart from one version to the next. Standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
TOOLS = ROOT / ".tools"
KERNELS = ROOT / ".evcxr"
TEMPLATE = KERNELS / "template"
REPORT = ROOT / "report"
NOTEBOOK = ROOT / "Ray.ipynb"

EVCXR_VERSION = "0.22.0"


def fail(sentence: str) -> NoReturn:
    """Ends with one sentence that names the problem and the way out."""
    sys.exit(f"{Path(sys.argv[0]).name}: {sentence}")


def digest(*parts: object) -> str:
    """A fingerprint of files (by what is in them) and of anything else (by how it prints)."""
    seen = hashlib.sha256()
    for part in parts:
        seen.update(part.read_bytes() if isinstance(part, Path) and part.is_file() else str(part).encode())
        seen.update(b"\0")
    return seen.hexdigest()


def is_stamped(folder: Path, stamp: str) -> bool:
    """Whether the folder was completed for just this stamp."""
    try:
        return (folder / ".stamp").read_text() == stamp
    except FileNotFoundError:
        return False


def write_stamp(folder: Path, stamp: str) -> None:
    """Says, last of all, that the folder is complete."""
    partial = folder / f".stamp.{os.getpid()}"
    partial.write_text(stamp)
    partial.replace(folder / ".stamp")


def try_lock(path: Path) -> int | None:
    """Takes the lock and keeps it as long as this process, or one that it becomes or starts, has it open.

    The lock goes with its last holder, whatever ended it, so there are no stale locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def waiting_lock(path: Path, what: str) -> Iterator[None]:
    """Takes the lock, and says so where it has to wait for it."""
    descriptor = try_lock(path)
    if descriptor is None:
        print(f"{what}: another one is at work in this folder; waiting for it ...", flush=True)
        descriptor = os.open(path, os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)
