"""Set-up where something is missing, breaks, or happens twice: a checkout with stand-ins for what takes minutes.

Python and its environments are real; cargo, rustc and the compiler are scripts, as are the download and the build of
the notebook's dependencies.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import machine
import project
from project import EVCXR_VERSION, ROOT, explain

VERSION = "1.95.0"
TOOLS = {
    "rustc": f"""case "$1" in
        -vV) echo "rustc {VERSION} (stand-in)" ;;
        --print) echo "$STUBS/sysroot" ;;
    esac""",
    "cargo": f"""echo "cargo $1" >> "$STUBS/log"; sleep 0.2
    if [ "$1" = build ]; then
        while [ "$1" != --target-dir ]; do shift; done
        mkdir -p "$2" && exit 0
    fi
    while [ "$1" != --root ]; do shift; done
    mkdir -p "$2/bin" && touch "$2/bin/evcxr_jupyter" && sleep 0.2
    echo '"evcxr_jupyter {EVCXR_VERSION} (registry)" = []' > "$2/.crates.toml" """,
    "cc": "true",
}
TEMPLATE = """
import os, pathlib, sys, time
from project import TEMPLATE, write_stamp
with open(os.environ["STUBS"] + "/log", "a") as log: log.write("template\\n")
TEMPLATE.mkdir(parents=True, exist_ok=True)
time.sleep(0.3)
write_stamp(TEMPLATE, sys.argv[1])
"""
FETCH = """
import os, sys
with open(os.environ["STUBS"] + "/log", "a") as log: log.write("fetch\\n")
sys.exit("fetch-data: no")
"""


class Checkout:
    """A copy of what set-up reads, and a PATH that has nothing but what is given."""

    def __init__(self, folder: Path, name: str = "lab") -> None:
        self.root, self.stubs = folder / name, folder / "stubs"
        self.bin = self.stubs / "bin"
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml", "helper/Cargo.toml"):
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, self.root / file)
        (self.root / "requirements.txt").write_text("# nothing, for speed\n")
        (self.root / "requirements-ray.txt").write_text("# nothing, for speed\n")
        (self.root / "scripts" / "lib" / "template.py").write_text(TEMPLATE)
        (self.root / "scripts" / "lib" / "fetch_data.py").write_text(FETCH)
        for crate in ("core", "alloc", "std", "proc_macro"):
            source = self.stubs / "sysroot" / "lib" / "rustlib" / "src" / "rust" / "library" / crate
            (source / "src").mkdir(parents=True)
            (source / "Cargo.toml").touch()
        self.bin.mkdir(parents=True)
        for name in ("bash", "dirname", "head", "sleep", "mkdir", "touch", "id"):
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.tool("python3", f'exec "{base_python()}" "$@"')
        for name, script in TOOLS.items():
            self.tool(name, script)
        self.env = {"PATH": str(self.bin), "STUBS": str(self.stubs), "HOME": str(folder), "PIP_NO_INPUT": "1"}

    def with_ray(self, folder: Path) -> None:
        """Something that can be installed and is called Ray."""
        metadata = {"METADATA": "Metadata-Version: 2.1\nName: ray\nVersion: 2.60.0\n", "WHEEL": "Wheel-Version: 1.0\n"}
        wheel = folder / "ray-2.60.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("ray/__init__.py", "")
            for name, text in metadata.items():
                archive.writestr(f"ray-2.60.0.dist-info/{name}", text)
            archive.writestr("ray-2.60.0.dist-info/RECORD", "")
        (self.root / "requirements.txt").write_text("-r requirements-ray.txt\n")
        (self.root / "requirements-ray.txt").write_text(f"{wheel.as_uri()}\n")

    def tool(self, name: str, script: str | None) -> None:
        """Puts a program on the PATH, or takes it away."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        if script is not None:
            path.write_text(f"#!{shutil.which('bash')}\n{script}\n")
            path.chmod(0o755)

    def start(self, *flags: str, script: str = "setup", **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.root / "scripts" / script), *flags],
            env={**self.env, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *flags: str, script: str = "setup", **more: str) -> tuple[int, str]:
        with self.start(*flags, script=script, **more) as process:
            said = process.communicate(timeout=300)[0]
        return process.returncode, said

    def refused(self, **more: str) -> str:
        """Runs set-up, which must end with a sentence, and returns it."""
        status, said = self.run(**more)
        assert status != 0, said
        assert "Traceback" not in said, said
        return said

    def works(self) -> str:
        status, said = self.run()
        assert status == 0, said
        python = str(self.root / ".venv" / "bin" / "python")
        subprocess.run([python, "-m", "pip", "--version"], check=True, capture_output=True)
        kernels = project.kernels_home(self.root)
        assert (kernels / "template" / ".stamp").exists()
        assert Path((kernels / "evcxr").read_text()).exists()
        return said

    def log(self) -> list[str]:
        log = self.stubs / "log"
        return log.read_text().splitlines() if log.exists() else []


def base_python() -> Path:
    """The interpreter itself, not a virtual environment's."""
    return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def lab(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_it_works_twice_and_the_second_time_does_nothing(lab: Checkout) -> None:
    assert "setup: building evcxr_jupyter" in lab.works()
    assert lab.log() == ["fetch", "cargo install", "template"]
    started = time.monotonic()
    said = lab.works()
    assert time.monotonic() - started < 30 and "building" not in said
    assert lab.log() == ["fetch", "cargo install", "template"]


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
            f'echo \'raise SystemExit("No module named venv")\' > "$STUBS/venv.py"; '
            f'PYTHONPATH="$STUBS" exec "{base_python()}" "$@"',
            "no virtual environment was made (No module named venv); on Debian and Ubuntu: apt install python3-venv",
        ),
        ("cargo", "echo 'error: Could not connect to server' >&2; exit 101", "cargo failed (see above)"),
        ("cargo", "echo 'error: No space left on device' >&2; exit 101", "check the network and the disk"),
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


def test_without_a_network_pip_says_so(lab: Checkout) -> None:
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{nobody.getsockname()[1]}/simple"
        (lab.root / "requirements.txt").write_text("nbclient==0.11.0\n")
        said = lab.refused(PIP_INDEX_URL=index, PIP_NO_CACHE_DIR="1", PIP_CONFIG_FILE=os.devnull)
    assert "pip could not install requirements.txt (see above); check the network" in said
    (lab.root / "requirements.txt").write_text("# nothing, for speed\n")
    lab.works()


def test_without_ray_the_lab_goes_on(lab: Checkout, tmp_path: Path) -> None:
    lab.with_ray(tmp_path)
    wheel = (lab.root / "requirements-ray.txt").read_text()
    (lab.root / "requirements-ray.txt").write_text(wheel.replace("2.60.0", "2.61.0"))
    said = lab.works()
    assert said.count("Ray could not be installed (see above); the lab works without it") == 1
    assert "cargo build" not in lab.log(), "nothing to build a library for"
    assert "Ray" not in lab.works(), "not tried again, nor said"
    (lab.root / "requirements-ray.txt").write_text(wheel)
    assert "could not be installed" not in lab.works() and lab.log().count("cargo build") == 1


def test_a_worker_library_that_cannot_be_built_is_no_obstacle(lab: Checkout, tmp_path: Path) -> None:
    lab.with_ray(tmp_path)
    cargo = TOOLS["cargo"]
    lab.tool("cargo", f'[ "$1" = build ] && echo "cargo build" >> "$STUBS/log" && exit 101; {cargo}')
    sentence = (
        "the library for Ray's workers could not be built (see above); all but the section on Ray works without it"
    )
    assert lab.works().count(sentence) == 1
    lab.tool("cargo", cargo)
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
        with lab.start() as process:
            time.sleep(chance.uniform(0, 3))
            os.killpg(process.pid, signal.SIGKILL)
    lab.works()
    assert lab.works() and lab.log().count("template") <= 9


def test_interrupted_it_says_how_to_go_on(lab: Checkout) -> None:
    lab.tool("cargo", 'echo "cargo $1" >> "$STUBS/log"; exec sleep 60')
    with lab.start() as process:
        deadline = time.monotonic() + 120
        while "cargo install" not in lab.log():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    assert process.returncode != 0 and "interrupted; run it again, it goes on where it stopped" in said
    assert "Traceback" not in said, said


def test_two_at_once_do_the_work_once(lab: Checkout) -> None:
    with lab.start() as one, lab.start() as two:
        said = [process.communicate(timeout=300)[0] for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), said
    assert lab.log() == ["fetch", "cargo install", "template"]
    assert sum("another one is at work in this folder" in text for text in said) == 1


def test_other_versions_rebuild_what_must_be(lab: Checkout) -> None:
    lab.works()
    with (lab.root / "Cargo.lock").open("a") as lock:
        lock.write("\n# another version\n")
    lab.works()
    assert lab.log() == ["fetch", "cargo install", "template", "template"]
    lab.tool("rustc", TOOLS["rustc"].replace("stand-in", "rebuilt"))
    lab.works()
    assert lab.log()[3:] == ["template", "template"]
    (lab.root / "requirements.txt").write_text("# still nothing\n")
    assert "installing requirements.txt" in lab.works()
    assert lab.log()[4:] == ["template"]


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
    assert (status, lab.log()) == (1, ["fetch"]) and "fetch-data: no" in said


def test_status_and_clean(lab: Checkout) -> None:
    status, said = lab.run("--status")
    assert status == 0 and "Python packages" in said
    lab.works()
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
        assert "left by a kernel, free" in said and "a running kernel" in said and "3 MB" in said
        status, said = lab.run("--all", script="clean")
        assert status == 1 and "kernels are running (slot-2)" in said and free.exists()
        status, said = lab.run(script="clean")
        assert status == 0 and "kept what is in use: slot-2" in said, said
        assert held.exists() and not free.exists()
        holder.kill()
    status, said = lab.run("--all", script="clean")
    assert status == 0 and not held.exists() and not (lab.root / ".venv").exists()
    lab.works()
