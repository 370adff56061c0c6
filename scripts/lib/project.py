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

# Files of the table, in the order in which the helper looks for them. If the variable is set, only that file counts.
TABLE_VARIABLE = "CALIFORNIA_HOUSING"
TABLE = ROOT / "data" / "cal_housing.data"
SHARED_TABLE = ROOT.parent / "shared" / "data" / "cal_housing.data"


def table_places() -> list[Path]:
    """The files that the helper looks for."""
    named = os.environ.get(TABLE_VARIABLE)
    return [Path(named)] if named else [TABLE, SHARED_TABLE]


def table_is_there() -> bool:
    """Whether one of these files exists. Its content is not checked."""
    return any(place.exists() for place in table_places())


def fail(sentence: str) -> NoReturn:
    """Ends the program with a sentence that names the problem and what to do."""
    sys.exit(f"{Path(sys.argv[0]).stem.replace('_', '-')}: {sentence}")


def explain(error: OSError, folder: Path) -> str:
    """A sentence on an error of the operating system, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({folder}); free some space and run this again: it goes on where it stopped"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        path = error.filename or folder
        return (
            f"{path} may not be written ({error.strerror}); copy the project into a folder of your own, and go on there"
        )
    return f"the system says: {error}; set it right and run this again"


def run(main: Callable[[], None], interrupted: str) -> None:
    """Runs a program; an interrupt or an error of the operating system ends it with a sentence."""
    try:
        main()
    except KeyboardInterrupt:
        fail(f"interrupted; {interrupted}")
    except OSError as error:
        fail(explain(error, ROOT))


def digest(*parts: object) -> str:
    """A hash of the parts: the content of files, the text of all else."""
    seen = hashlib.sha256()
    for part in parts:
        seen.update(part.read_bytes() if isinstance(part, Path) and part.is_file() else str(part).encode())
        seen.update(b"\0")
    return seen.hexdigest()


def is_stamped(folder: Path, stamp: str) -> bool:
    """Whether the folder is complete, with this stamp."""
    try:
        return (folder / ".stamp").read_text() == stamp
    except FileNotFoundError:
        return False


def write_stamp(folder: Path, stamp: str) -> None:
    """Marks the folder as complete."""
    partial = folder / f".stamp.{os.getpid()}"
    partial.write_text(stamp)
    partial.replace(folder / ".stamp")


def try_lock(path: Path, shared: bool = False) -> int | None:
    """Takes a file lock, exclusive or shared; returns its descriptor, or None where another process holds it.

    The system releases the lock when the last process that has the descriptor open ends, so no lock becomes stale.
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
    """Holds a file lock. Prints a line, as `what`, if it must wait; prints nothing if `what` is empty."""
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
