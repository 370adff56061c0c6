"""The kernels' folders: shared with the template where that is safe, kept within bounds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import folders
from project import is_stamped, try_lock, write_stamp


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of kernels with a template: two libraries that are one file, and another file."""
    monkeypatch.setattr(folders, "KERNELS", tmp_path)
    monkeypatch.setattr(folders, "TEMPLATE", tmp_path / "template")
    monkeypatch.setattr(folders, "TEMPLATE_LOCK", tmp_path / "template.lock")
    deps = tmp_path / "template" / "ctx" / "target" / "x86" / "debug" / "deps"
    deps.mkdir(parents=True)
    (deps / "libhelper.rlib").write_bytes(b"library" * 10_000)
    os.link(deps / "libhelper.rlib", deps.parent / "libhelper.rlib")
    (deps / "helper.d").write_text("sources")
    (deps.parent / "libcode_1.so").write_text("a cell of the template's")
    write_stamp(tmp_path / "template", "one")
    return tmp_path


def test_libraries_are_shared_and_all_else_is_the_kernels_own(kernels: Path) -> None:
    slot = kernels / "slot-1"
    folders.renew(slot)
    debug, mine = (folder / "ctx" / "target" / "x86" / "debug" for folder in (kernels / "template", slot))
    assert (mine / "libhelper.rlib").samefile(debug / "deps" / "libhelper.rlib")
    assert not (mine / "deps" / "helper.d").samefile(debug / "deps" / "helper.d")
    assert not (mine / "libcode_1.so").exists() and (debug / "libcode_1.so").exists()
    assert is_stamped(slot, "one")
    # A compiler puts a new file in the place of the old.
    new = mine / "new"
    new.write_bytes(b"other")
    new.replace(mine / "deps" / "libhelper.rlib")
    assert (debug / "deps" / "libhelper.rlib").read_bytes() == b"library" * 10_000


def test_a_folder_is_made_anew_for_a_new_template_or_where_it_grew(
    kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = kernels / "slot-1"
    folders.renew(slot)
    (slot / "mine").write_bytes(b"x" * 100_000)
    folders.renew(slot)
    assert (slot / "mine").exists()
    write_stamp(kernels / "template", "two")
    folders.renew(slot)
    assert not (slot / "mine").exists() and is_stamped(slot, "two")
    (slot / "mine").write_bytes(b"x" * 100_000)
    monkeypatch.setattr(folders, "LARGEST", 90_000)
    folders.renew(slot)
    assert not (slot / "mine").exists()


def test_free_folders_beyond_those_that_are_kept_go(kernels: Path) -> None:
    for number in (1, 2, 3, 10, 11):
        folders.renew(kernels / f"slot-{number}")
    (kernels / "slot-2" / ".stamp").write_text("older")
    lock = try_lock(kernels / "slot-11.lock")
    assert lock is not None
    folders.tidy(keep=2)
    assert [(folder.name, free) for folder, free in folders.slots()] == [
        ("slot-1", True),
        ("slot-3", True),
        ("slot-11", False),
    ]
    os.close(lock)
    folders.tidy(keep=0)
    assert list(folders.slots()) == []


def test_what_the_template_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "ROOT", tmp_path)
    for name in ("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "helper/Cargo.toml", "helper/src/lib.rs"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    before = folders.template_stamp(Path("evcxr"), "rustc 1")
    (tmp_path / "helper" / "src" / "lib.rs").write_text("cargo sees to sources")
    assert folders.template_stamp(Path("evcxr"), "rustc 1") == before
    for name in ("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "helper/Cargo.toml"):
        (tmp_path / name).write_text("two")
        after = folders.template_stamp(Path("evcxr"), "rustc 1")
        assert after != before
        before = after
    assert folders.template_stamp(Path("evcxr"), "rustc 2") != before
    assert folders.template_stamp(Path("other"), "rustc 1") != before


def test_flags_of_the_users_own_do_not_undo_the_kernels(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"):
        monkeypatch.setenv(name, "-Ctarget-cpu=native")
    library = kernels / "library"
    for crate in ("core", "alloc", "std", "proc_macro"):
        (library / crate / "src").mkdir(parents=True)
        (library / crate / "Cargo.toml").touch()
    monkeypatch.setattr(folders, "ROOT", kernels.parent)
    folders.prepare_analysis(library)
    # As in the configuration of a user who links with another linker.
    (kernels / "cargo").mkdir()
    (kernels / "cargo" / "config.toml").write_text("[target.'cfg(unix)']\nrustflags = ['-Cdebuginfo=0']\n")
    probe = kernels / "slot-1"
    (probe / "src").mkdir(parents=True)
    (probe / "src" / "main.rs").write_text('fn main() { assert!(cfg!(rust_analyzer), "not hidden") }')
    (probe / "Cargo.toml").write_text('[package]\nname = "probe"\nversion = "1.0.0"\nedition = "2024"\n')
    env = {**folders.environment(probe), "CARGO_HOME": str(kernels / "cargo")}
    subprocess.run(["cargo", "run", "--quiet", "--offline"], cwd=probe, env=env, check=True)
