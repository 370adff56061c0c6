"""Checks what set-up needs of the machine; an error says what is missing and what to do. Standard library only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from project import KERNELS, ROOT, TEMPLATE, TOOLS, VENV, fail, has_space

# Disk that each part takes while it is made, in GB. The file KERNELS/evcxr names the kernel's program once it is built.
SIZES = ((VENV, 0.8), (KERNELS / "evcxr", 1.5), (TEMPLATE, 1.5))


def room() -> None:
    """Checks that the project's folder can be written, and that the disk has room for what is missing."""
    if has_space(KERNELS):
        fail(
            f"the notebook's kernel cannot work where a path has a space in it, and both {ROOT} and {KERNELS} have; "
            "move the project to a path without"
        )
    for folder in (TOOLS, KERNELS):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    needed = sum(size for part, size in SIZES if not part.exists())
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        fail(
            f"set-up needs some {needed:.1f} GB of disk, but {free:.1f} GB are free in {ROOT}; free some space, or "
            "copy the project to where there is more"
        )


def toolchain() -> str:
    """Checks for cargo, the pinned compiler and a linker; returns the compiler's full version."""
    wanted = re.search(r'channel = "(.+)"', (ROOT / "rust-toolchain.toml").read_text())
    version = wanted.group(1) if wanted else "stable"
    for tool in ("cargo", "rustc"):
        if shutil.which(tool) is None:
            fail(
                f"no Rust here ({tool} is not on the PATH); install Rust {version} from https://rustup.rs, open a new "
                "terminal, and try again"
            )
    # stderr is not captured: rustup writes there while it downloads the version.
    found = subprocess.run(["rustc", "-vV"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if found.returncode != 0:
        fail(
            f"Rust {version} is needed, and rustc does not run (see above); check the network and try: "
            f"rustup toolchain install {version}"
        )
    if not found.stdout.startswith(f"rustc {version} "):
        remedy = "install rustup (https://rustup.rs), which picks the right version in this folder by itself"
        if other := os.environ.get("RUSTUP_TOOLCHAIN"):
            remedy = f"unset RUSTUP_TOOLCHAIN, which asks for {other}"
        fail(f"Rust {version} is needed, but this is {found.stdout.splitlines()[0]}; {remedy}")
    # On a Mac without the Xcode tools there is a `cc` that only prints an error.
    if shutil.which("cc") is None or subprocess.run(["cc", "--version"], capture_output=True).returncode != 0:
        fail("no C compiler (cc), which Rust links with; try 'apt install gcc', or on macOS 'xcode-select --install'")
    return found.stdout


def library_sources() -> Path:
    """Finds or adds the sources of the standard library; the kernel needs them to infer the types of variables."""
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], cwd=ROOT, capture_output=True, text=True, check=True)
    library = Path(sysroot.stdout.strip()) / "lib" / "rustlib" / "src" / "rust" / "library"
    if (library / "core" / "src").exists():
        return library
    print(
        "setup: adding the standard library's sources to the Rust toolchain (rustup component add rust-src)", flush=True
    )
    added = (
        shutil.which("rustup") and subprocess.run(["rustup", "component", "add", "rust-src"], cwd=ROOT).returncode == 0
    )
    if not added or not (library / "core" / "src").exists():
        fail(f"the sources of the standard library are not in {library}; install rust-src the way Rust was installed")
    return library
