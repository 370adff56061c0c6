"""A folder for each running kernel, copied from a built template.

evcxr writes a crate into its folder for every cell, builds it there and loads the library; two kernels in one folder
would run each other's code. A folder inside the project also makes cargo read the project's `.cargo/config.toml`, with
its build profiles.

Each folder is a cargo workspace of two crates: `ctx`, which evcxr writes, and `pin`, which depends on the helper. evcxr
first builds `ctx` without dependencies. Alone, that would remove all other packages from the copy of the project's
Cargo.lock, and `:dep helper` would then take the newest versions; `pin` keeps them in the lock.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import processes
from project import KERNELS, ROOT, TEMPLATE, digest, explain, fail, is_stamped, try_lock, waiting_lock, write_stamp

# Number of free folders that are kept for the next kernels.
KEPT = 3
# Bytes. A folder is made anew when its own files, not shared with the template, take more.
LARGEST = 1_000_000_000
# Shared by processes that copy the template, exclusive for the one that replaces it.
TEMPLATE_LOCK = KERNELS / "template.lock"
# Compilers and linkers replace these files, and never change one in place.
LIBRARIES = (".rlib", ".rmeta", ".so", ".dylib")
# Version of the folders' layout. Raise it with each change of the layout: old folders are then built anew.
LAYOUT = 5

# The profile that evcxr writes into `ctx` does not count in a workspace.
WORKSPACE = """[workspace]
resolver = "3"
# evcxr takes the first for its own.
members = ["ctx", "pin"]

[profile.dev]
rpath = true
strip = "debuginfo"
codegen-units = 16
"""
PIN = """[package]
name = "pin"
version = "1.0.0"
edition = "2024"

[lib]
path = "lib.rs"

[dependencies]
helper = {{ path = {helper} }}
"""


def template_stamp(evcxr: Path, rustc: str) -> str:
    """A hash of what the template is built from, except the helper's sources: a kernel rebuilds those by itself."""
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
    """Reduces what rust-analyzer, inside evcxr, reads at each start to infer the types of variables.

    It reads the sources of the standard library and of all packages that `cargo metadata` names. The types in cells are
    the helper's own, so under `--cfg rust_analyzer` the helper's manifest names no dependencies. Cargo reads the flag
    from this file when rust-analyzer calls it, and adds it to flags that the user has set for the target; evcxr's own
    builds set RUSTFLAGS, which overrides the file. The kernel's copy of the standard library leaves out the crates of
    processor intrinsics, which are most of it.
    """
    config = KERNELS / ".cargo" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[target.\'cfg(all())\']\nrustflags = ["--cfg", "rust_analyzer"]\n')
    if KERNELS.parent != ROOT:
        # The kernels work outside the project, where cargo does not find the project's configuration.
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
    """The environment of an evcxr that works in `folder`, without the user's own evcxr settings."""
    config = KERNELS / "config"
    config.mkdir(parents=True, exist_ok=True)
    # Set-up has downloaded all that the helper needs. Offline, no start waits for a network or a proxy.
    (config / "evcxr.toml").write_text("[evcxr]\noffline_mode = true\n")
    # The user's own would override the flag that hides dependencies (`prepare_analysis`), or those of evcxr's builds.
    kept = {name: value for name, value in os.environ.items() if name not in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS")}
    return {
        **kept,
        "PATH": f"{ROOT / 'scripts' / 'lib' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "EVCXR_TMPDIR": str(folder / "ctx"),
        "EVCXR_CONFIG_DIR": str(config),
        # At its start evcxr rewrites a kernelspec that it finds here; this one is not evcxr's.
        "JUPYTER_PATH": str(KERNELS / "none"),
        "RUST_SRC_PATH": str(KERNELS / "rust-src"),
        # polars makes a thread pool for each cell that uses it; reading one small table needs none.
        "POLARS_MAX_THREADS": "1",
    }


def pin_versions(folder: Path) -> None:
    """Makes `folder` a workspace with the versions that the project's Cargo.lock names."""
    for crate in ("ctx", "pin"):
        (folder / crate).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "Cargo.lock", folder / "Cargo.lock")
    (folder / "Cargo.toml").write_text(WORKSPACE)
    # A JSON string is a TOML string.
    (folder / "pin" / "Cargo.toml").write_text(PIN.format(helper=json.dumps(str(ROOT / "helper"), ensure_ascii=False)))
    (folder / "pin" / "lib.rs").touch()
    # rust-analyzer looks for the lock beside the manifest.
    if not (folder / "ctx" / "Cargo.lock").is_symlink():
        (folder / "ctx" / "Cargo.lock").symlink_to("../Cargo.lock")


def evcxr_path() -> Path:
    """The kernel that set-up chose."""
    try:
        return Path((KERNELS / "evcxr").read_text())
    except FileNotFoundError:
        fail("this project is not set up yet; run ./scripts/setup first")


def start_kernel(connection_file: str) -> NoReturn:
    """Replaces this process by a kernel in the first free folder.

    `LAB_KERNEL_FOLDER` names another folder; the build of the template sets it.
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
    """The lock that the kernel in `folder` holds."""
    return folder.with_name(f"{folder.name}.lock")


def slots() -> Iterator[tuple[Path, bool]]:
    """The kernels' folders, and whether each is free; a free one is held while it is looked at."""
    for folder in sorted(KERNELS.glob("slot-*[0-9]"), key=lambda folder: int(folder.name.split("-")[1])):
        lock = try_lock(slot_lock(folder))
        yield folder, lock is not None
        if lock is not None:
            os.close(lock)


def tidy(keep: int = KEPT) -> None:
    """Removes free folders beyond the first `keep`, and those copied from another template."""
    stamp = template_mark()
    kept = 0
    for folder, free in slots():
        if free and kept < keep and stamp is not None and is_stamped(folder, stamp):
            kept += 1
        elif free:
            shutil.rmtree(folder)


def template_mark() -> str | None:
    """The stamp of the built template, if there is one."""
    try:
        return (TEMPLATE / ".stamp").read_text()
    except FileNotFoundError:
        return None


def renew(folder: Path) -> None:
    """Copies the template to `folder`, unless it is a copy already and not too large."""
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
    for cell in folder.glob("ctx/target/*/debug/libcode_[0-9]*"):
        cell.unlink()


def link_or_copy(source: str, target: str) -> str:
    """Links libraries, which are most of the template, and copies all else."""
    if source.endswith(LIBRARIES):
        # Some network drives have no hard links.
        with suppress(OSError):
            os.link(source, target)
            return target
    return shutil.copy2(source, target)


def own_bytes(folder: Path) -> int:
    """Bytes of the folder's files that are not shared with another folder."""
    files = (path.lstat() for path in folder.rglob("*"))
    return sum(status.st_blocks * 512 for status in files if status.st_nlink == 1)


def become(evcxr: Path, folder: Path, connection_file: str) -> NoReturn:
    """Runs the kernel in this folder. evcxr inherits the open locks."""
    pin_versions(folder)
    # evcxr prints a greeting; what cells print does not pass here.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    processes.run(evcxr, folder, environment(folder), connection_file)
