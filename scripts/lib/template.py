"""Builds the template of the kernels' folders, by running a kernel in it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from folders import TEMPLATE_LOCK
from kernels import KernelDied, kernel
from project import ROOT, TEMPLATE, fail, waiting_lock, write_stamp

CELLS = [
    ':dep helper = { path = "helper" }',
    "use helper::prelude::*;",
    "let lab_warm_up = 1 + 1; lab_warm_up",
]
# evcxr runs `cargo check` when the type of a variable cannot be inferred. The first time, that checks every dependency.
TYPO = "let lab_typo = 1_u8.no_such_method();"


def build(folder: Path, stamp: str) -> None:
    """Builds the template in an empty folder, and stamps it when it is complete."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        # The kernel writes to stderr what cargo compiles.
        with kernel(cwd=str(ROOT), env={**os.environ, "LAB_KERNEL_FOLDER": str(folder)}) as session:
            for cell in CELLS:
                if error := session.run(cell, timeout=3600).error:
                    fail(f"the cell `{cell}` failed: {error}")
            if not session.run(TYPO).error:
                fail(f"the cell `{TYPO}` should not compile, but did")
    except KernelDied as error:
        fail(str(error))
    write_stamp(folder, stamp)


def replace(stamp: str) -> None:
    """Builds a new template, and replaces the old one when no kernel is copying it."""
    fresh = TEMPLATE.with_name(f"{TEMPLATE.name}.new")
    build(fresh, stamp)
    with waiting_lock(TEMPLATE_LOCK, ""):
        shutil.rmtree(TEMPLATE, ignore_errors=True)
        fresh.rename(TEMPLATE)


if __name__ == "__main__":
    # LAB_TEMPLATE names another folder; the bench of this build sets it.
    if aside := os.environ.get("LAB_TEMPLATE"):
        build(Path(aside), sys.argv[1])
    else:
        replace(sys.argv[1])
