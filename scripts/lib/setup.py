"""Set-up: the Python side, the notebook kernel, and its dependencies built once. Standard library only.

Each step leaves a stamp when it is complete, so a second call only looks at the stamps, and a call that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import folders
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
    waiting_lock,
    write_stamp,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/setup", description="Sets up the lab inside this folder.")
    parser.add_argument("--status", action="store_true", help="say what is there and how much disk it takes")
    parser.add_argument("--tests", action="store_true", help="also what only the tests need")
    options = parser.parse_args()
    if options.status:
        status()
        return
    started = time.monotonic()
    with waiting_lock(TOOLS / "setup.lock", "setup"):
        rustc = toolchain()
        python_packages("requirements.txt", VENV / "requirements")
        if options.tests:
            python_packages("scripts/requirements-test.txt", VENV / "requirements-test")
        evcxr = kernel_program()
        kernel_spec()
        folders.prepare_analysis(library_sources())
        template(evcxr, rustc)
    seconds = time.monotonic() - started
    if seconds > 3:
        print(f"setup: done in {seconds:.0f} s", flush=True)


def say(step: str) -> None:
    print(f"setup: {step}", flush=True)


def toolchain() -> str:
    """Checks for cargo, the pinned compiler and a linker; returns the compiler's full version."""
    wanted = re.search(r'channel = "(.+)"', (ROOT / "rust-toolchain.toml").read_text())
    version = wanted.group(1) if wanted else "stable"
    for tool in ("cargo", "rustc"):
        if shutil.which(tool) is None:
            fail(
                f"no Rust here ({tool} is not on the PATH); install Rust {version} from https://rustup.rs and try again"
            )
    try:
        found = subprocess.run(["rustc", "-vV"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        fail(
            f"Rust {version} is needed but rustc says: {error.stderr.strip()}; try: rustup toolchain install {version}"
        )
    if not found.startswith(f"rustc {version} "):
        fail(
            f"Rust {version} is needed, but this is {found.splitlines()[0]}; install rustup (https://rustup.rs), which "
            "picks the right version in this folder by itself"
        )
    if shutil.which("cc") is None:
        fail("no C compiler (cc), which Rust links with; try 'apt install gcc', or on macOS 'xcode-select --install'")
    return found


def library_sources() -> Path:
    """The sources of the standard library, from which the kernel infers the types of variables."""
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], cwd=ROOT, capture_output=True, text=True, check=True)
    library = Path(sysroot.stdout.strip()) / "lib" / "rustlib" / "src" / "rust" / "library"
    if (library / "core" / "src").exists():
        return library
    say("adding the standard library's sources to the Rust toolchain (rustup component add rust-src)")
    added = (
        shutil.which("rustup") and subprocess.run(["rustup", "component", "add", "rust-src"], cwd=ROOT).returncode == 0
    )
    if not added or not (library / "core" / "src").exists():
        fail(f"the sources of the standard library are not in {library}; install rust-src the way Rust was installed")
    return library


def python_packages(requirements: str, mark: Path) -> None:
    """A virtual environment of the project's own, with the pinned packages."""
    wanted = ROOT / requirements
    stamp = digest(wanted, ROOT, sys.version)
    if VENV_PYTHON.exists() and is_stamped(mark, stamp):
        return
    say(f"installing {requirements} into .venv (about a minute)")
    if not VENV_PYTHON.exists() or not is_stamped(VENV, digest(ROOT, sys.version)):
        shutil.rmtree(VENV, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
        if made.returncode != 0:
            fail(f"no virtual environment was made ({last_line(made)}); on Debian and Ubuntu: apt install python3-venv")
        write_stamp(VENV, digest(ROOT, sys.version))
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)]
    if subprocess.run(pip, cwd=ROOT).returncode != 0:
        fail(f"pip could not install {requirements} (see above); check the network and run this again")
    mark.mkdir(exist_ok=True)
    write_stamp(mark, stamp)


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
    """Runs cargo and shows how far it is, one line each 20 packages."""
    done, tail = 0, list[str]()
    started = time.monotonic()
    with subprocess.Popen(command, cwd=cwd, env=env, stderr=subprocess.PIPE, text=True, errors="replace") as cargo:
        assert cargo.stderr is not None
        for line in cargo.stderr:
            tail = [*tail[-15:], line.rstrip()]
            if re.match(r"\s*Compiling ", line):
                done += 1
                if done % 20 == 0:
                    print(f"  {done} of about {steps} packages, {time.monotonic() - started:.0f} s", flush=True)
    if cargo.returncode != 0:
        print("\n".join(tail), file=sys.stderr)
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


def status() -> None:
    """What is there, and how much disk it takes."""
    for name, folder in (("Python packages", VENV), ("kernel program", TOOLS), ("kernel folders", KERNELS)):
        print(f"{name:16} {folder.relative_to(ROOT)!s:8} {megabytes(folder):7.0f} MB")
    for slot in sorted(KERNELS.glob("slot-*[0-9]")):
        print(f"  {slot.name:14} {'':8} {megabytes(slot):7.0f} MB")


def megabytes(folder: Path) -> float:
    files = (path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(files) / 1e6


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("interrupted; run it again, it goes on where it stopped")
