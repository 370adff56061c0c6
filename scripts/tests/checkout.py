"""A checkout for tests of set-up: a copy of the scripts, and stand-ins for what takes long.

Stand-ins log their call: cargo, rustc, the C compiler, virtual environments with pip and uv, the download of the table
and the build of the notebook's dependencies.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import project
from project import EVCXR_VERSION, ROOT

VERSION = "1.95.0"
CARGO = f"""case "$*" in
    *--offline*) [ -e "$STUBS/crates" ]; exit ;;
esac
echo "cargo $1" >> "$STUBS/log"; sleep "${{SLOW:-0}}"
case "$1" in
    fetch) touch "$STUBS/crates" ;;
    build) while [ "$1" != --target-dir ]; do shift; done; mkdir -p "$2" ;;
    install)
        while [ "$1" != --root ]; do shift; done
        mkdir -p "$2/bin" && touch "$2/bin/evcxr_jupyter" && sleep "${{SLOW:-0}}"
        echo '"evcxr_jupyter {EVCXR_VERSION} (registry)" = []' > "$2/.crates.toml" ;;
esac"""
RUSTC = f"""case "$1" in
    -vV) echo "rustc {VERSION} (stand-in)" ;;
    --print) echo "$STUBS/sysroot" ;;
esac"""
# Makes an environment whose pip installs a uv, which installs nothing but a package named `ray`.
VENV = """
import pathlib, shutil, sys
for name in ("python", "uv"):
    target = pathlib.Path(sys.argv[1], "bin", name) if name == "python" else pathlib.Path(sys.argv[1], "uv")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(pathlib.Path(__file__).with_name(name), target)
"""
VENV_PYTHON = """case "$1 $2 $3" in
    "-c "*_base_executable*) echo "$STUBS/modules/base"; exit ;;
    "-m pip config") exit ;;
    "-m pip "*) echo "pip" >> "$STUBS/log"; cp "${0%/bin/python}/uv" "${0%python}uv"; exit ;;
esac
exec "$BASE" "$@" """
UV = """for word; do
    case "$word" in */scripts/requirements/*.txt) name=${word##*/}; name=${name%.txt} ;; esac
done
case "$*" in *--dry-run*) echo "Would make no changes" >&2; exit ;; esac
echo "uv $name" >> "$STUBS/log"
[ ! -e "$STUBS/no-$name" ] || { echo "$(< "$STUBS/no-$name")" >&2; exit 1; }
[ "$name" != ray ] || { d=${0%/bin/uv}/lib/python3/site-packages/ray; mkdir -p "$d"; touch "$d/__init__.py"; }"""
TEMPLATE = """
import os, sys, time
from project import TEMPLATE, write_stamp
with open(os.environ["STUBS"] + "/log", "a") as log: log.write("template\\n")
TEMPLATE.mkdir(parents=True, exist_ok=True)
time.sleep(float(os.environ.get("SLOW", 0)))
write_stamp(TEMPLATE, sys.argv[1])
"""
FETCH = """
import os, sys
with open(os.environ["STUBS"] + "/log", "a") as log: log.write("fetch\\n")
sys.exit("fetch-data: no")
"""
# The log of a set-up from nothing.
ALL = ["pip", "uv lab", "uv ray", "fetch", "cargo fetch", "cargo build", "cargo install", "template"]


class Checkout:
    """A copy of what set-up reads, and a PATH that has nothing but what is given."""

    def __init__(self, folder: Path, name: str = "lab") -> None:
        self.root, self.stubs = folder / name, folder / "stubs"
        self.bin = self.stubs / "bin"
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml", "helper/Cargo.toml"):
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, self.root / file)
        (self.root / "scripts" / "lib" / "template.py").write_text(TEMPLATE)
        (self.root / "scripts" / "lib" / "fetch_data.py").write_text(FETCH)
        for crate in ("core", "alloc", "std", "proc_macro"):
            source = self.stubs / "sysroot" / "lib" / "rustlib" / "src" / "rust" / "library" / crate
            (source / "src").mkdir(parents=True)
            (source / "Cargo.toml").touch()
        self.bin.mkdir(parents=True)
        for name in ("bash", "cp", "dirname", "du", "head", "sleep", "mkdir", "touch", "id"):
            (self.bin / name).symlink_to(str(shutil.which(name)))
        modules = self.stubs / "modules"
        modules.mkdir()
        (modules / "venv.py").write_text(VENV)
        self.tool("../modules/python", VENV_PYTHON)
        self.tool("../modules/uv", UV)
        for name in ("python3", "../modules/base"):
            self.tool(name, 'PYTHONPATH="$STUBS/modules" exec "$BASE" "$@"')
        for name, script in {"rustc": RUSTC, "cargo": CARGO, "cc": "true"}.items():
            self.tool(name, script)
        self.env = {"PATH": str(self.bin), "STUBS": str(self.stubs), "HOME": str(folder), "BASE": str(base_python())}

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
            said = process.communicate(timeout=60)[0]
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
