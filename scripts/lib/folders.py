"""A folder for each running kernel, taken from a built template, so that no two kernels ever share one.

evcxr writes a crate into its folder for every cell, builds it there and loads what came out; two kernels in one
folder would run each other's code. A folder inside the project also makes cargo read the project's
`.cargo/config.toml`, with its build profiles.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import processes
from project import KERNELS, ROOT, TEMPLATE, digest, explain, fail, is_stamped, try_lock, waiting_lock, write_stamp

# So many folders of kernels that have ended are kept for the next ones.
KEPT = 3
# A folder whose own files (beyond those it shares with the template) take more bytes is made anew.
LARGEST = 1_000_000_000
# Held by whoever copies the template, or puts a new one in its place.
TEMPLATE_LOCK = KERNELS / "template.lock"
# What compilers write once, and replace but never change.
LIBRARIES = (".rlib", ".rmeta", ".so", ".dylib")

# Counts up when this program makes the folders in another way, so that old ones are built anew.
LAYOUT = 3


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
    if KERNELS.parent != ROOT:
        # Cargo reads the configuration of every folder above: here, that is not the project's own.
        above = KERNELS.parent / ".cargo"
        above.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / ".cargo" / "config.toml", above / "config.toml")
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
    while (lock := try_lock(slot_lock(KERNELS / f"slot-{number}"))) is None:
        number += 1
    os.set_inheritable(lock, True)
    folder = KERNELS / f"slot-{number}"
    try:
        renew(folder)
        tidy()
    except OSError as error:
        fail(explain(error, KERNELS))
    become(evcxr, folder, connection_file)


def slot_lock(folder: Path) -> Path:
    """The lock that whoever uses a kernel's folder holds."""
    return folder.with_name(f"{folder.name}.lock")


def slots() -> list[tuple[Path, bool]]:
    """The kernels' folders, and whether each is free."""
    found = []
    for folder in sorted(KERNELS.glob("slot-*[0-9]"), key=lambda folder: int(folder.name.split("-")[1])):
        lock = try_lock(slot_lock(folder))
        found.append((folder, lock is not None))
        if lock is not None:
            os.close(lock)
    return found


def tidy(keep: int = KEPT) -> None:
    """Removes free folders beyond the first `keep`, and those that are of another template."""
    stamp = template_mark()
    kept = 0
    for folder, _ in slots():
        lock = try_lock(slot_lock(folder))
        if lock is None:
            continue
        if kept < keep and stamp is not None and is_stamped(folder, stamp):
            kept += 1
        else:
            shutil.rmtree(folder)
        os.close(lock)


def template_mark() -> str | None:
    """What the template was built for."""
    try:
        return (TEMPLATE / ".stamp").read_text()
    except FileNotFoundError:
        return None


def renew(folder: Path) -> None:
    """Makes `folder` a fresh copy of the template, unless it is one already that did not grow out of bounds."""
    with waiting_lock(TEMPLATE_LOCK, "", shared=True):
        stamp = template_mark()
        if stamp is None:
            fail("the kernel's template is not built yet; run ./scripts/setup first")
        if not is_stamped(folder, stamp) or own_bytes(folder) > LARGEST:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(
                TEMPLATE, folder, symlinks=True, ignore=shutil.ignore_patterns(".stamp"), copy_function=link_or_copy
            )
            write_stamp(folder, stamp)
    for cell in folder.glob("target/*/debug/libcode_[0-9]*"):
        cell.unlink()


def link_or_copy(source: str, target: str) -> str:
    """Shares libraries with the template, which are most of it: rustc and linkers put a new file in their place."""
    if source.endswith(LIBRARIES):
        # Some network drives have no links.
        with suppress(OSError):
            os.link(source, target)
            return target
    return shutil.copy2(source, target)


def own_bytes(folder: Path) -> int:
    """What the folder takes of the disk by itself."""
    files = (path.lstat() for path in folder.rglob("*"))
    return sum(status.st_blocks * 512 for status in files if status.st_nlink == 1)


def become(evcxr: Path, folder: Path, connection_file: str) -> NoReturn:
    """Runs the kernel in this folder; open locks go with it."""
    pin_versions(folder)
    # evcxr greets whoever started it; what cells print takes another way.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    processes.run(evcxr, folder, environment(folder), connection_file)
