"""A folder for each running kernel, taken from a built template, so that no two kernels ever share one.

evcxr writes a crate into its folder for every cell, builds it there and loads what came out; two kernels in one
folder would run each other's code. A folder inside the project also makes cargo read the project's
`.cargo/config.toml`, with its build profiles.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

from project import KERNELS, ROOT, TEMPLATE, digest, fail, is_stamped, try_lock, write_stamp

# Counts up when this program makes the folders in another way, so that old ones are built anew.
LAYOUT = 2


def template_stamp(evcxr: Path, rustc: str) -> str:
    """What the built template depends on. Sources of the helper do not count: cargo sees to them."""
    manifests = sorted(ROOT.glob("helper/**/Cargo.toml"))
    return digest(
        ROOT,
        ROOT / "Cargo.toml",
        ROOT / "Cargo.lock",
        ROOT / ".cargo" / "config.toml",
        *manifests,
        str(evcxr),
        rustc,
        LAYOUT,
    )


def prepare_analysis(library: Path) -> None:
    """Keeps small what rust-analyzer, inside evcxr, reads at each start to infer the types of variables.

    It reads the sources of all packages that `cargo metadata` names, and of the standard library. But the types that
    cells meet are the helper's own: under `--cfg rust_analyzer` the helper's manifest names no dependencies. Cargo
    reads this flag here when rust-analyzer asks; evcxr's own builds set RUSTFLAGS, which goes before it. Of the
    standard library what counts are three crates, without the tables of processor intrinsics that are most of it.
    """
    config = KERNELS / ".cargo" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[build]\nrustflags = ["--cfg", "rust_analyzer"]\n')
    target = KERNELS / "rust-src"
    stamp = digest(library, library.stat().st_mtime_ns)
    if is_stamped(target, stamp):
        return
    shutil.rmtree(target, ignore_errors=True)
    for crate in ("core", "alloc", "std", "proc_macro"):
        shutil.copytree(library / crate / "src", target / crate / "src", ignore=shutil.ignore_patterns("tests*"))
        shutil.copyfile(library / crate / "Cargo.toml", target / crate / "Cargo.toml")
    write_stamp(target, stamp)


def environment(folder: Path) -> dict[str, str]:
    """What evcxr must know to work in `folder`, and in no other, without the user's own evcxr settings."""
    config = KERNELS / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "evcxr.toml").write_text("[evcxr]\n")
    return {
        **os.environ,
        "EVCXR_TMPDIR": str(folder),
        "EVCXR_CONFIG_DIR": str(config),
        # At its start evcxr renews the kernel that it installed here, if it did; this one is not its.
        "JUPYTER_PATH": str(KERNELS / "none"),
        "RUST_SRC_PATH": str(KERNELS / "rust-src"),
        # polars makes a thread pool for each cell that uses it; reading one small table needs none.
        "POLARS_MAX_THREADS": "1",
    }


def pin_versions(folder: Path) -> None:
    """The notebook uses the versions that the project's Cargo.lock names."""
    shutil.copyfile(ROOT / "Cargo.lock", folder / "Cargo.lock")


def evcxr_path() -> Path:
    """The kernel that set-up chose."""
    try:
        return Path((KERNELS / "evcxr").read_text())
    except FileNotFoundError:
        fail("this project is not set up yet; run ./scripts/setup first")


def start_kernel(connection_file: str) -> NoReturn:
    """Becomes the kernel, in the first folder that no living kernel holds.

    `LAB_KERNEL_FOLDER` names another folder, for the one who builds the template.
    """
    evcxr = evcxr_path()
    if own := os.environ.pop("LAB_KERNEL_FOLDER", None):
        become(evcxr, Path(own), connection_file)
    number = 1
    while (lock := try_lock(KERNELS / f"slot-{number}.lock")) is None:
        number += 1
    os.set_inheritable(lock, True)
    folder = KERNELS / f"slot-{number}"
    renew(folder)
    become(evcxr, folder, connection_file)


def renew(folder: Path) -> None:
    """Makes `folder` a fresh copy of the template, unless it is one already."""
    try:
        stamp = (TEMPLATE / ".stamp").read_text()
    except FileNotFoundError:
        fail("the kernel's template is not built yet; run ./scripts/setup first")
    if not is_stamped(folder, stamp):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(TEMPLATE, folder, symlinks=True, ignore=shutil.ignore_patterns(".stamp"))
        write_stamp(folder, stamp)
    for cell in folder.glob("target/*/debug/libcode_[0-9]*"):
        cell.unlink()


def become(evcxr: Path, folder: Path, connection_file: str) -> NoReturn:
    """Replaces this process by the kernel; open locks go with it."""
    pin_versions(folder)
    # evcxr greets whoever started it; what cells print takes another way.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execve(evcxr, [str(evcxr), "--control_file", connection_file], environment(folder))
