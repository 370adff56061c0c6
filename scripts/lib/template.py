"""Builds the folder that every kernel's folder is a copy of, by running a kernel in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from kernels import kernel
from project import ROOT, TEMPLATE, fail, write_stamp

CELLS = [
    ':dep helper = { path = "helper" }',
    "use helper::prelude::*;",
    "let lab_warm_up = 1 + 1; lab_warm_up",
]
# evcxr runs `cargo check` only when a cell does not compile: the first time it checks every dependency.
TYPO = 'let lab_typo: u32 = "not a number";'


def show_progress(stream: int, packages: int, said: list[str]) -> None:
    """Shows, one line each 20 packages, how far the build is; keeps what else the kernel says, for a failure."""
    done, started = 0, time.monotonic()
    with os.fdopen(stream, errors="replace") as lines:
        for line in lines:
            if re.match(r"\s*Compiling ", line):
                done += 1
                if done % 20 == 0:
                    print(f"  {done} of about {packages} packages, {time.monotonic() - started:.0f} s", flush=True)
            else:
                said.append(line)


def packages() -> int:
    """How many packages the notebook depends on."""
    tree = ["cargo", "tree", "--package", "helper", "--edges", "normal,build", "--prefix", "none", "--locked"]
    lines = subprocess.run(tree, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return len({line.replace(" (*)", "") for line in lines if line})


def build(folder: Path, stamp: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    read, write = os.pipe()
    said: list[str] = []
    threading.Thread(target=show_progress, args=(read, packages(), said), daemon=True).start()
    env = {**os.environ, "LAB_KERNEL_FOLDER": str(folder)}
    with kernel(cwd=str(ROOT), env=env, stderr=write) as session:
        os.close(write)
        for cell in CELLS:
            result = session.run(cell, timeout=3600)
            if result.error:
                fail(f"the cell `{cell}` failed: {result.error}\n{''.join(said)}")
        if not session.run(TYPO).error:
            fail(f"the cell `{TYPO}` should not compile, but did")
    write_stamp(folder, stamp)


if __name__ == "__main__":
    # LAB_TEMPLATE names another folder, for the bench that builds one from nothing.
    build(Path(os.environ.get("LAB_TEMPLATE", TEMPLATE)), sys.argv[1])
