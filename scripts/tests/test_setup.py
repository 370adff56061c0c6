"""Set-up where something is missing, breaks, or happens twice."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import ALL, CARGO, RUSTC, Checkout

import machine
from project import ROOT, explain


@pytest.fixture
def lab(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_it_works_twice_and_the_second_time_does_nothing(lab: Checkout) -> None:
    assert "setup: building evcxr_jupyter" in lab.works()
    assert lab.log() == ALL
    started = time.monotonic()
    said = lab.works()
    assert time.monotonic() - started < 5 and "building" not in said
    assert lab.log() == ALL


def test_a_kernel_that_was_found_elsewhere_is_remembered(lab: Checkout, tmp_path: Path) -> None:
    lab.works()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("bin", ".crates.toml"):
        (lab.root / ".tools" / name).rename(elsewhere / name)
    for environment in ({"CARGO_INSTALL_ROOT": str(elsewhere)}, {}):
        code, said = lab.run(**environment)
        assert code == 0 and "building evcxr_jupyter" not in said, said


def test_another_python_on_the_path_installs_nothing_anew(lab: Checkout) -> None:
    lab.works()
    lab.tool("python3", 'echo "another" >> "$STUBS/log"; exec "$BASE" "$@"')
    lab.works()
    assert lab.log() == ALL


def test_a_path_with_spaces_and_other_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    lab = Checkout(tmp_path, "Übung 1 – \"mine\" & 'yours'")
    lab.works()
    assert not (lab.root / ".evcxr").exists()
    refused = lab.refused(XDG_CACHE_HOME=str(tmp_path / "a cache"))
    assert "move the project to a path without" in refused


@pytest.mark.parametrize(
    ("tool", "script", "said"),
    [
        ("cargo", None, "no Rust here (cargo is not on the PATH); install Rust 1.95.0 from https://rustup.rs"),
        ("rustc", "echo 'rustc 1.80.1 (3f5fd8dd4 2024-08-06)'", "Rust 1.95.0 is needed, but this is rustc 1.80.1"),
        ("rustc", "echo 'error: could not download' >&2; exit 1", "try: rustup toolchain install 1.95.0"),
        ("cc", None, "no C compiler (cc)"),
        ("cc", "echo 'xcode-select: note: No developer tools were found' >&2; exit 1", "no C compiler (cc)"),
        ("python3", None, "no Python 3.10 or newer was found; install one"),
        (
            "python3",
            'case "$1" in --version) echo Python 3.8.10 ;; *) exit 1 ;; esac',
            "no Python 3.10 or newer was found (there is Python 3.8.10)",
        ),
        (
            "python3",
            'echo "raise SystemExit(\'No module named venv\')" > "$STUBS/venv.py"\n'
            'PYTHONPATH="$STUBS" exec "$BASE" "$@"',
            "no virtual environment was made (No module named venv); on Debian and Ubuntu: apt install python3-venv",
        ),
        (
            "cargo",
            "echo 'error: Could not connect to server' >&2; exit 101",
            "cargo could not download them (see above)",
        ),
        (
            "cargo",
            f'[ "$1" != install ] || exit 101; {CARGO}',
            "cargo failed (see above); check the network and the disk",
        ),
    ],
)
def test_what_is_missing_is_said(lab: Checkout, tool: str, script: str | None, said: str) -> None:
    before = (lab.bin / tool).read_text().split("\n", 1)[1]
    lab.tool(tool, script)
    assert said in lab.refused()
    if (lab.root / ".venv").exists():
        # It had begun, so it must go on from there.
        lab.tool(tool, before)
        lab.works()


def test_a_toolchain_that_the_environment_asks_for_is_said(lab: Checkout) -> None:
    lab.tool("rustc", "echo 'rustc 1.97.0-nightly'")
    assert "unset RUSTUP_TOOLCHAIN, which asks for nightly" in lab.refused(RUSTUP_TOOLCHAIN="nightly")


def test_packages_that_cannot_be_installed(lab: Checkout) -> None:
    (lab.stubs / "no-lab").write_text("error: 403")
    assert "scripts/requirements/lab.txt could not be installed (see above); check the network" in lab.refused()
    (lab.stubs / "no-lab").unlink()
    lab.works()


def test_the_lab_works_without_ray(lab: Checkout) -> None:
    sentence = "Ray could not be installed (see above); the lab works without it"
    # A download failed: the next set-up tries again.
    (lab.stubs / "no-ray").write_text("there is no version of ray==2")
    assert lab.works().count(sentence) == 1 and lab.works().count(sentence) == 1
    # There is no package for this machine.
    (lab.stubs / "no-ray").write_text("ray==2 has no wheels with a matching platform tag")
    assert lab.works().count(sentence) == 1
    assert "Ray" not in lab.works()
    assert "cargo build" not in lab.log(), "nothing to build a library for"
    (lab.stubs / "no-ray").unlink()
    with (lab.root / "scripts" / "requirements" / "ray.txt").open("a") as lock:
        lock.write("# another version\n")
    assert sentence not in lab.works() and lab.log().count("cargo build") == 1


def test_the_lab_works_without_the_library_of_rays_workers(lab: Checkout) -> None:
    lab.tool("cargo", f'[ "$1" = build ] && echo "cargo build" >> "$STUBS/log" && exit 101; {CARGO}')
    sentence = (
        "the library for Ray's workers could not be built (see above); all but the section on Ray works without it"
    )
    assert lab.works().count(sentence) == 1
    lab.tool("cargo", CARGO)
    assert sentence not in lab.works() and lab.log().count("cargo build") == 2
    lab.works()
    assert lab.log().count("cargo build") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk(lab: Checkout) -> None:
    written = lab.root / ".evcxr" / ".cargo" / "config.toml"
    written.parent.mkdir(parents=True)
    written.symlink_to("/dev/full")
    assert "the disk is full" in lab.refused()
    written.unlink()
    lab.works()


def test_a_disk_with_too_little_room_is_said_beforehand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "SIZES", ((tmp_path / "missing", 1.5), (tmp_path / "too", 2.0), (tmp_path, 9.0)))
    usage = shutil.disk_usage(tmp_path)._replace(free=3_400_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SystemExit, match=r"needs some 3\.5 GB of disk, but 3\.4 GB are free"):
        machine.room()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=3_600_000_000))
    machine.room()


def test_what_the_system_refuses_is_a_sentence(tmp_path: Path) -> None:
    refused = explain(PermissionError(13, "Permission denied", "/x/.tools"), tmp_path)
    assert refused.startswith("/x/.tools may not be written (Permission denied); copy the project")
    assert "Is a directory" in explain(IsADirectoryError(21, "Is a directory", "/x"), tmp_path)


@pytest.fixture
def everyones() -> Iterator[Path]:
    """A folder that an ordinary user may enter; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_checkout_that_may_not_be_written(everyones: Path) -> None:
    lab = Checkout(everyones)
    lab.tool("python3", 'exec /usr/bin/python3 "$@"')
    user = 65534 if os.geteuid() == 0 else None
    command = [str(lab.root / "scripts" / "setup")]
    probe = [str(lab.bin / "python3"), "-c", "import sys; sys.exit(sys.version_info < (3, 10))"]
    if not Path("/usr/bin/python3").exists() or subprocess.run(probe, user=user, env=lab.env).returncode != 0:
        pytest.skip("an ordinary user has no Python here")
    for path in (lab.root, *lab.root.rglob("*")):
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    run = subprocess.run(command, user=user, env=lab.env, capture_output=True, text=True)
    for path in (lab.root, *lab.root.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    said = run.stdout + run.stderr
    assert run.returncode != 0 and "Traceback" not in said, said
    assert ".tools may not be written" in said and "copy the project into a folder of your own" in said


def test_killed_at_any_moment_it_goes_on_where_it_stopped(lab: Checkout) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(8):
        with lab.start(SLOW="0.1") as process:
            time.sleep(chance.uniform(0, 1.2))
            os.killpg(process.pid, signal.SIGKILL)
    lab.works()
    assert lab.works() and lab.log().count("template") <= 9


def test_interrupted_it_says_how_to_go_on(lab: Checkout) -> None:
    lab.tool("cargo", f'[ "$1" != install ] || {{ echo "cargo $1" >> "$STUBS/log"; exec sleep 60; }}; {CARGO}')
    with lab.start() as process:
        deadline = time.monotonic() + 60
        while "cargo install" not in lab.log():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    assert process.returncode != 0 and "interrupted; run it again, it goes on where it stopped" in said
    assert "Traceback" not in said, said


def test_two_at_once_do_the_work_once(lab: Checkout) -> None:
    with lab.start(SLOW="0.2") as one, lab.start(SLOW="0.2") as two:
        said = [process.communicate(timeout=300)[0] for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), said
    assert lab.log() == ALL
    assert sum("another one is at work in this folder" in text for text in said) == 1


def test_other_versions_rebuild_what_must_be(lab: Checkout) -> None:
    lab.works()
    with (lab.root / "Cargo.lock").open("a") as lock:
        lock.write("\n# another version\n")
    lab.works()
    assert lab.log()[len(ALL) :] == ["cargo build", "template"]
    lab.tool("rustc", RUSTC.replace("stand-in", "rebuilt"))
    lab.works()
    assert lab.log()[len(ALL) + 2 :] == ["template"]
    with (lab.root / "scripts" / "requirements" / "lab.txt").open("a") as requirements:
        requirements.write("# another version\n")
    lab.works()
    assert lab.log()[len(ALL) + 3 :] == ["uv lab"]
    (lab.stubs / "crates").unlink()
    assert "downloading the crates that Cargo.lock names" in lab.works()
    assert lab.log()[len(ALL) + 4 :] == ["cargo fetch"]


def test_a_table_that_cannot_be_had_is_no_obstacle_but_said(lab: Checkout) -> None:
    said = "there is no table yet, so the lab stops where it needs it; ./scripts/fetch-data tries again"
    assert said in lab.works()
    # Not tried again at every start, but said again.
    assert said in lab.works()
    assert lab.log().count("fetch") == 1
    (lab.root / "data").mkdir()
    (lab.root / "data" / "cal_housing.data").touch()
    assert "no table" not in lab.works()


def test_fetch_data_needs_nothing_else(lab: Checkout) -> None:
    lab.tool("cargo", None)
    status, said = lab.run(script="fetch-data")
    assert (status, lab.log()) == (1, ["pip", "uv lab", "fetch"]) and "fetch-data: no" in said


def test_status_and_clean(lab: Checkout) -> None:
    status, said = lab.run("--status")
    assert status == 0 and "NOT as locked in scripts/requirements/lab.txt" in said
    lab.works()
    kernels = lab.root / ".evcxr"
    shutil.copyfile(ROOT / "Cargo.lock", kernels / "template" / "Cargo.lock")
    said = lab.run("--status")[1]
    assert "NOT" not in said and "as locked in Cargo.lock" in said, said
    lock = (ROOT / "Cargo.lock").read_text().replace('name = "rayon"\nversion = "1.', 'name = "rayon"\nversion = "0.')
    (kernels / "template" / "Cargo.lock").write_text(lock)
    assert "NOT as locked in Cargo.lock: the notebook's dependencies (rayon 0." in lab.run("--status")[1]
    free, held = lab.root / ".evcxr" / "slot-1", lab.root / ".evcxr" / "slot-2"
    for slot in (free, held):
        slot.mkdir()
        (slot / "file").write_bytes(b"x" * 3_000_000)
    code = f"""
import sys, time; sys.path.insert(0, {str(ROOT / "scripts" / "lib")!r})
from pathlib import Path; from project import try_lock
assert try_lock(Path({str(held)!r} + ".lock")) is not None
print("held", flush=True); time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        said = lab.run("--status")[1]
        assert re.search(r"^3\s.*slot-1$", said, re.MULTILINE) and "Running kernels: slot-2." in said, said
        status, said = lab.run("--all", script="clean")
        assert status == 1 and "kernels are running (slot-2)" in said and free.exists()
        status, said = lab.run(script="clean")
        assert status == 0 and "kept what is in use: slot-2" in said, said
        assert held.exists() and not free.exists()
        holder.kill()
    status, said = lab.run("--all", script="clean")
    assert status == 0 and not held.exists() and not (lab.root / ".venv").exists()
    lab.works()


def test_a_clone_with_line_ends_of_windows_has_scripts_that_run(tmp_path: Path) -> None:
    """As Git for Windows clones for WSL2; bash does not run a file with CRLF."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    for name in (".gitattributes", "scripts/lab"):
        (origin / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, origin / name)
    git = ["git", "-c", "user.name=lab", "-c", "user.email=lab@localhost", "-c", "init.defaultBranch=main"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=files"]):
        subprocess.run([*git, *command], cwd=origin, check=True)
    command = [*git, "-c", "core.autocrlf=true", "clone", "--quiet", str(origin), str(clone)]
    subprocess.run(command, check=True)
    assert b"\r" not in (clone / "scripts" / "lab").read_bytes()
