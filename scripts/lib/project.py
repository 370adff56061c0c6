"""Paths of the project, stamps, locks, and errors that end a script. Standard library only."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn


def kernels_home(root: Path) -> Path:
    """The folder of the kernels: in the project, or in the user's cache if the project's path has a space.

    evcxr 0.22 cannot load a library from a path with a space.
    """
    inside = root / ".evcxr"
    if not has_space(inside):
        return inside
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "rust-lab-kernels" / hashlib.sha256(str(root).encode()).hexdigest()[:16] / "evcxr"


def has_space(path: Path) -> bool:
    return any(character.isspace() for character in str(path))


ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
TOOLS = ROOT / ".tools"
KERNELS = kernels_home(ROOT)
TEMPLATE = KERNELS / "template"
REPORT = ROOT / "report"
NOTEBOOK = ROOT / "Ray.ipynb"

EVCXR_VERSION = "0.22.0"

# The table, in the order in which the helper looks for it; the variable goes before both.
TABLE_VARIABLE = "CALIFORNIA_HOUSING"
TABLE = ROOT / "data" / "cal_housing.data"
SHARED_TABLE = ROOT.parent / "shared" / "data" / "cal_housing.data"


def table_places() -> list[Path]:
    """Where the helper looks for the table."""
    named = os.environ.get(TABLE_VARIABLE)
    return [Path(named)] if named else [TABLE, SHARED_TABLE]


def table_is_there() -> bool:
    """Whether there is something in one of these places, good or bad."""
    return any(place.exists() for place in table_places())


def fail(sentence: str) -> NoReturn:
    """Ends with one sentence that names the problem and the way out."""
    sys.exit(f"{Path(sys.argv[0]).stem.replace('_', '-')}: {sentence}")


def explain(error: OSError, folder: Path) -> str:
    """What the system refused, and the way out."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({folder}); free some space and run this again: it goes on where it stopped"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        path = error.filename or folder
        return (
            f"{path} may not be written ({error.strerror}); copy the project into a folder of your own, and go on there"
        )
    return f"the system says: {error}; set it right and run this again"


def run(main: Callable[[], None], interrupted: str) -> None:
    """Runs a program; where it is interrupted or the system refuses something, it ends with one sentence."""
    try:
        main()
    except KeyboardInterrupt:
        fail(f"interrupted; {interrupted}")
    except OSError as error:
        fail(explain(error, ROOT))


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


def try_lock(path: Path, shared: bool = False) -> int | None:
    """Takes the lock and keeps it as long as this process, or one that it becomes or starts, has it open.

    The lock goes with its last holder, whatever ended it, so there are no stale locks. Many may share it, where all
    of them ask for that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def waiting_lock(path: Path, what: str, shared: bool = False) -> Iterator[None]:
    """Takes the lock, and says so where it has to wait for it; `what` is empty where nobody should be told."""
    descriptor = try_lock(path, shared)
    if descriptor is None:
        if what:
            print(f"{what}: another one is at work in this folder; waiting for it ...", flush=True)
        descriptor = os.open(path, os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)
