"""Set-up: Python packages, the notebook kernel, and its dependencies built once. Standard library only.

Each step writes a stamp when it is complete. A second call only compares the stamps, and a call after an interrupted
one continues with the step that was interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import clean
import folders
import machine
import packages
from project import (
    EVCXR_VERSION,
    KERNELS,
    ROOT,
    TEMPLATE,
    TOOLS,
    VENV,
    VENV_PYTHON,
    digest,
    fail,
    is_stamped,
    run,
    table_is_there,
    waiting_lock,
    write_stamp,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/setup", description="Sets up the lab inside this folder.")
    parser.add_argument("--status", action="store_true", help="print what is installed and the disk it takes")
    parser.add_argument("--tests", action="store_true", help="also install what the tests need")
    parser.add_argument("--python-only", action="store_true", help="install only the Python packages")
    options = parser.parse_args()
    if options.status:
        clean.status()
        return
    started = time.monotonic()
    machine.room()
    with waiting_lock(TOOLS / "setup.lock", "setup"):
        if options.python_only:
            python_packages("lab")
            return
        rustc = machine.toolchain()
        python_packages("lab")
        ray()
        if options.tests:
            python_packages("tests")
        table()
        crates()
        ray_worker()
        evcxr = kernel_program()
        kernel_spec()
        folders.prepare_analysis(machine.library_sources())
        template(evcxr, rustc)
        folders.tidy()
    seconds = time.monotonic() - started
    if seconds > 3:
        print(f"setup: done in {seconds:.0f} s", flush=True)


def say(step: str) -> None:
    print(f"setup: {step}", flush=True)


def python_packages(name: str) -> None:
    """Installs the lock scripts/requirements/NAME.txt into .venv."""
    if packages.install(VENV, name) != 0:
        fail(
            f"scripts/requirements/{name}.txt could not be installed (see above); check the network and run this again"
        )


def ray() -> None:
    """Installs Ray. There is none for some machines; the lab works without it."""
    if status := packages.install(VENV, "ray"):
        say("Ray could not be installed (see above); the lab works without it, its section on Ray is skipped")
        if status == packages.NO_PACKAGE:
            packages.mark(VENV, "ray")


def crates() -> None:
    """Downloads what Cargo.lock names. From then on no kernel and no build needs a network.

    Without --locked, so that cargo can add to the lock what a user has added to helper/Cargo.toml.
    """
    fetch = ["cargo", "fetch", "--quiet"]
    if subprocess.run([*fetch, "--offline"], cwd=ROOT, capture_output=True).returncode == 0:
        return
    say("downloading the crates that Cargo.lock names")
    if subprocess.run(fetch, cwd=ROOT).returncode != 0:
        fail("cargo could not download them (see above); check the network and the disk, and run this again")


def ray_worker() -> None:
    """Builds the library that the workers of a Ray cluster load, where Ray is installed."""
    crates = ("forest/src", "learner/src", "ray-worker/src")
    sources = [path for name in crates for path in sorted((ROOT / "helper" / name).rglob("*.rs"))]
    stamp = digest(*sources, ROOT / "Cargo.lock", ROOT / "rust-toolchain.toml", ROOT)
    home = TOOLS / "ray-worker"
    if is_stamped(home, stamp):
        return
    if not any(VENV.glob("lib/*/site-packages/ray/__init__.py")):
        return
    say("building the library for workers of a Ray cluster (half a minute, once)")
    build = ["cargo", "build", "--release", "--locked", "--package", "ray-worker", "--target-dir", str(home)]
    built = subprocess.run([*build, "--quiet"], cwd=ROOT)
    if built.returncode != 0:
        say("the library for Ray's workers could not be built (see above); all but the section on Ray works without it")
        return
    write_stamp(home, stamp)


def kernel_program() -> Path:
    """Finds evcxr_jupyter of the pinned version, or builds it into .tools."""
    cargo_home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    note = KERNELS / "evcxr"
    # The program of the last call, which may have been found by a variable that is not set now.
    before = Path(note.read_text()).parent.parent if note.exists() else TOOLS
    for home in (TOOLS, Path(os.environ.get("CARGO_INSTALL_ROOT", cargo_home)), cargo_home, before):
        program = home / "bin" / "evcxr_jupyter"
        if program.exists() and is_installed(home):
            return remember(program)
    say(f"building evcxr_jupyter {EVCXR_VERSION}, the notebook kernel, into .tools (about 6 minutes on 2 cores, once)")
    install = ["cargo", "install", "evcxr_jupyter", "--version", EVCXR_VERSION, "--locked", "--root", str(TOOLS)]
    # cargo's own temporary folder would be lost if this is interrupted.
    build = TOOLS / "build"
    if subprocess.run(install, cwd=TOOLS, env={**os.environ, "CARGO_TARGET_DIR": str(build)}).returncode != 0:
        fail(
            "cargo failed (see above); check the network and the disk, and run this again: it goes on where it stopped"
        )
    shutil.rmtree(build, ignore_errors=True)
    return remember(TOOLS / "bin" / "evcxr_jupyter")


def is_installed(home: Path) -> bool:
    try:
        return f'"evcxr_jupyter {EVCXR_VERSION} (' in (home / ".crates.toml").read_text()
    except OSError:
        return False


def remember(program: Path) -> Path:
    KERNELS.mkdir(exist_ok=True)
    note = KERNELS / "evcxr"
    if not note.exists() or note.read_text() != str(program):
        note.write_text(str(program))
    return program


def kernel_spec() -> None:
    """Makes the kernel `rust` known in .venv, and nowhere else."""
    folder = VENV / "share" / "jupyter" / "kernels" / "rust"
    spec = {
        "argv": [str(VENV_PYTHON), str(ROOT / "scripts" / "kernel"), "{connection_file}"],
        "display_name": "Rust",
        "language": "rust",
        "interrupt_mode": "message",
    }
    text = json.dumps(spec, indent=2)
    target = folder / "kernel.json"
    if target.exists() and target.read_text() == text:
        return
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def template(evcxr: Path, rustc: str) -> None:
    """Builds the notebook's dependencies, and what the first compile error needs."""
    stamp = folders.template_stamp(evcxr, rustc)
    if is_stamped(TEMPLATE, stamp):
        return
    say("building the notebook's dependencies (one to two minutes on 2 cores, once)")
    command = [str(VENV_PYTHON), str(ROOT / "scripts" / "lib" / "template.py"), stamp]
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        fail("the notebook's dependencies could not be built (see above); check the disk, and run this again")


def table() -> None:
    """Downloads the table where it is nowhere. Without it the lab opens all the same; set-up tries only once."""
    if table_is_there():
        return
    failed = TOOLS / "no-table"
    if not failed.exists():
        say("the table (California Housing) is nowhere here; downloading it (at most a few minutes)")
        fetch = [str(VENV_PYTHON), str(ROOT / "scripts" / "lib" / "fetch_data.py")]
        if subprocess.run(fetch, cwd=ROOT).returncode == 0:
            return
        failed.touch()
    say("there is no table yet, so the lab stops where it needs it; ./scripts/fetch-data tries again to download it")


if __name__ == "__main__":
    run(main, "run it again, it goes on where it stopped")
