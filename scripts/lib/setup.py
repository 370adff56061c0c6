"""Set-up: the Python side, the notebook kernel, and its dependencies built once. Standard library only.

Each step leaves a stamp when it is complete, so a second call only looks at the stamps, and a call that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cargo
import clean
import folders
import machine
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

RAY_REQUIREMENTS = "requirements-ray.txt"


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/setup", description="Sets up the lab inside this folder.")
    parser.add_argument("--status", action="store_true", help="say what is there and how much disk it takes")
    parser.add_argument("--tests", action="store_true", help="also what only the tests need")
    parser.add_argument("--python-only", action="store_true", help="nothing but the Python packages")
    options = parser.parse_args()
    if options.status:
        clean.status()
        return
    started = time.monotonic()
    machine.room()
    with waiting_lock(TOOLS / "setup.lock", "setup"):
        if options.python_only:
            python_packages("requirements.txt", VENV / "requirements")
            return
        rustc = machine.toolchain()
        python_packages("requirements.txt", VENV / "requirements")
        if options.tests:
            python_packages("scripts/requirements-test.txt", VENV / "requirements-test")
        table()
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


def python_packages(requirements: str, mark: Path) -> None:
    """A virtual environment of the project's own, with the pinned packages."""
    wanted = ROOT / requirements
    stamp = digest(wanted, ROOT / RAY_REQUIREMENTS, ROOT, sys.version)
    if VENV_PYTHON.exists() and is_stamped(mark, stamp):
        return
    say(f"installing {requirements} into .venv (about a minute)")
    if not VENV_PYTHON.exists() or not is_stamped(VENV, digest(ROOT, sys.version)):
        shutil.rmtree(VENV, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
        if made.returncode != 0:
            fail(f"no virtual environment was made ({last_line(made)}); on Debian and Ubuntu: apt install python3-venv")
        write_stamp(VENV, digest(ROOT, sys.version))
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--retries", "2"]
    if subprocess.run([*pip, "-r", str(wanted)], cwd=ROOT).returncode != 0 and not without_ray(pip, wanted):
        fail(f"pip could not install {requirements} (see above); check the network and run this again")
    mark.mkdir(exist_ok=True)
    write_stamp(mark, stamp)


def without_ray(pip: list[str], wanted: Path) -> bool:
    """Installs the rest where Ray is what there is none of for this machine."""
    lines = wanted.read_text().splitlines()
    rest = [line for line in lines if line != f"-r {RAY_REQUIREMENTS}"]
    if rest == lines:
        return False
    TOOLS.mkdir(exist_ok=True)
    partial = TOOLS / "requirements-without-ray.txt"
    partial.write_text("\n".join(rest) + "\n")
    if subprocess.run([*pip, "-r", str(partial)], cwd=ROOT).returncode != 0:
        return False
    say("Ray could not be installed (see above); the lab works without it, its section on Ray is skipped")
    return True


def ray_worker() -> None:
    """Builds the library that the nodes of a Ray cluster load, where Ray is installed."""
    sources = [p for name in ("forest/src", "ray-worker/src") for p in sorted((ROOT / "helper" / name).rglob("*.rs"))]
    stamp = digest(*sources, ROOT / "Cargo.lock", ROOT / "rust-toolchain.toml", ROOT)
    home = TOOLS / "ray-worker"
    if is_stamped(home, stamp):
        return
    if subprocess.run(
        [str(VENV_PYTHON), "-c", "import importlib.util as u, sys; sys.exit(not u.find_spec('ray'))"]
    ).returncode:
        return
    say("building the library for workers of a Ray cluster (half a minute, once)")
    build = ["cargo", "build", "--release", "--locked", "--package", "ray-worker", "--target-dir", str(home)]
    built = subprocess.run([*build, "--quiet"], cwd=ROOT)
    if built.returncode != 0:
        say("the library for Ray's workers could not be built (see above); all but the section on Ray works without it")
        return
    write_stamp(home, stamp)


def last_line(process: subprocess.CompletedProcess[str]) -> str:
    lines = (process.stderr or process.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit status {process.returncode}"


def kernel_program() -> Path:
    """evcxr_jupyter of the pinned version: one that is here already, or built into .tools."""
    cargo_home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    for home in (TOOLS, Path(os.environ.get("CARGO_INSTALL_ROOT", cargo_home)), cargo_home):
        program = home / "bin" / "evcxr_jupyter"
        if program.exists() and is_installed(home):
            return remember(program)
    say(f"building evcxr_jupyter {EVCXR_VERSION}, the notebook kernel, into .tools (about 6 minutes on 2 cores, once)")
    install = ["cargo", "install", "evcxr_jupyter", "--version", EVCXR_VERSION, "--locked", "--root", str(TOOLS)]
    # In a folder of its own what is built is kept, should this be interrupted.
    build = TOOLS / "build"
    with_progress(install, cwd=TOOLS, steps=420, env={**os.environ, "CARGO_TARGET_DIR": str(build)})
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


def with_progress(command: list[str], cwd: Path, steps: int, env: dict[str, str]) -> None:
    """Runs cargo and shows how far it is."""
    with subprocess.Popen(command, cwd=cwd, env=env, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stderr is not None
        said = cargo.follow(process.stderr, steps)
    if process.returncode != 0:
        print("".join(said[-15:]), file=sys.stderr)
        fail(
            "cargo failed (see above); check the network and the disk, and run this again: it goes on where it stopped"
        )


def kernel_spec() -> None:
    """The kernel named `rust`, known inside the project's environment alone."""
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
    """Builds the notebook's dependencies once, and what a first compile error needs."""
    stamp = folders.template_stamp(evcxr, rustc)
    if is_stamped(TEMPLATE, stamp):
        return
    say("building the notebook's dependencies (one to two minutes on 2 cores, once)")
    command = [str(VENV_PYTHON), str(ROOT / "scripts" / "lib" / "template.py"), stamp]
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        fail(
            "the notebook's dependencies could not be built (see above); check the network and the disk, and try again"
        )


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
