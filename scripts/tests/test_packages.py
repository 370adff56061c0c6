"""Python packages from an index on this machine, under the user's settings of pip. pip, uv, environments are real."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from registry import Handler

from project import ROOT, VENV

LOCKED = {"uv": "uv==0.13.9", "lab": "lab-sample==1.0"}


def wheel(folder: Path, requirement: str, files: dict[str, bytes]) -> str:
    """Writes a package, and returns the line that locks it."""
    name, version = requirement.replace("-", "_").split("==")
    path = folder / f"{name}-{version}-py3-none-any.whl"
    files = {
        **files,
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{name}-{version}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{name}-{version}.dist-info/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in [*files.items(), (f"{name}-{version}.dist-info/RECORD", record.encode())]:
            member = zipfile.ZipInfo(file)
            # A program keeps its permission to be run.
            member.external_attr = 0o100755 << 16
            archive.writestr(member, content)
    return f"{requirement} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder of packages with their locks, and an index of them on the loopback."""
    folder = tmp_path_factory.mktemp("index")
    contents = {"uv": {"uv-0.13.9.data/scripts/uv": (VENV / "bin" / "uv").read_bytes()}, "lab": {"lab_sample.py": b""}}
    for name, requirement in LOCKED.items():
        (folder / f"{name}.txt").write_text(wheel(folder, requirement, contents[name]))
        page = folder / "simple" / requirement.split("==")[0] / "index.html"
        page.parent.mkdir(parents=True)
        file = next(folder.glob(f"{requirement.split('==')[0].replace('-', '_')}-*.whl")).name
        page.write_text(f'<!DOCTYPE html><html><body><a href="../../{file}">{file}</a></body></html>')
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/simple/"
        server.shutdown()


def set_up(root: Path, index: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs the Python part of set-up in a copy of the scripts, with these locks and without this machine's settings."""
    locks = root / "scripts" / "requirements"
    if not root.exists():
        shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        for name in LOCKED:
            shutil.copyfile(index / f"{name}.txt", locks / f"{name}.txt")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    env |= {"HOME": str(root), "UV_CACHE_DIR": str(root / "cache"), "PIP_CONFIG_FILE": str(root / "pip.conf"), **more}
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    command = [str(python), str(root / "scripts" / "lib" / "setup.py"), "--python-only"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def has_sample(root: Path) -> bool:
    command = [str(root / ".venv" / "bin" / "python"), "-c", "import lab_sample; print(lab_sample.__file__)"]
    return str(root / ".venv") in subprocess.run(command, capture_output=True, text=True).stdout


def test_an_index_of_the_users_own_and_settings_that_would_break(tmp_path: Path, index: tuple[Path, str]) -> None:
    folder, url = index
    root = tmp_path / "lab"
    nothing = tmp_path / "constraint.txt"
    nothing.write_text("lab-sample==2.0\n")
    breaking = {"PIP_USER": "1", "PIP_CONSTRAINT": str(nothing), "PIP_NO_BINARY": ":all:"}
    breaking |= {"UV_CONSTRAINT": str(nothing), "UV_EXCLUDE_NEWER": "2020-01-01", "UV_NO_BINARY": "1"}
    done = set_up(root, folder, PIP_INDEX_URL=url, **breaking)
    assert done.returncode == 0 and has_sample(root), done.stdout + done.stderr
    # All is there: neither asks the index again.
    again = set_up(root, folder, PIP_INDEX_URL="http://127.0.0.1:9/simple", **breaking)
    assert (again.returncode, again.stdout) == (0, ""), again


def test_a_file_of_pips_settings_and_a_package_that_was_changed(tmp_path: Path, index: tuple[Path, str]) -> None:
    folder, _ = index
    root = tmp_path / "lab"
    (tmp_path / "conf").write_text(f"[global]\nno-index = true\nfind-links =\n    {folder}\n[install]\nuser = true\n")
    conf = str(tmp_path / "conf")
    # No place has the packages.
    refused = set_up(root, folder, PIP_NO_INDEX="1")
    assert refused.returncode == 1, refused
    assert "scripts/requirements/lab.txt could not be installed (see above); check the network" in refused.stderr
    lock = root / "scripts" / "requirements" / "lab.txt"
    right = lock.read_text()
    lock.write_text(f"lab-sample==1.0 --hash=sha256:{'0' * 64}\n")
    refused = set_up(root, folder, PIP_CONFIG_FILE=conf)
    assert refused.returncode == 1 and "hash" in refused.stderr.lower() and not has_sample(root), refused
    lock.write_text(right)
    done = set_up(root, folder, PIP_CONFIG_FILE=conf)
    assert done.returncode == 0 and has_sample(root), done.stdout + done.stderr
