"""A registry of crates on the loopback, and a project that takes one from it."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import BinaryIO

from project import KERNELS, ROOT, kernels_home


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        # Two versions may be published within one second, the precision of this header.
        del self.headers["If-Modified-Since"]
        return super().send_head()


class Registry:
    """A cargo registry whose crates have one function each, `version()`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        handler = functools.partial(Handler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        (folder / "config.json").write_text(json.dumps({"dl": f"{self.url}/{{crate}}-{{version}}.crate"}))

    def publish(self, name: str, version: str) -> None:
        files = {
            "Cargo.toml": f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2024"\n',
            "src/lib.rs": f'pub fn version() -> String {{ "{version}".to_owned() }}\n',
        }
        with tarfile.open(self.folder / f"{name}-{version}.crate", "w:gz") as archive:
            for path, text in files.items():
                member = tarfile.TarInfo(f"{name}-{version}/{path}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        checksum = hashlib.sha256((self.folder / f"{name}-{version}.crate").read_bytes()).hexdigest()
        entry = {"name": name, "vers": version, "deps": [], "cksum": checksum, "features": {}, "yanked": False}
        # Index files of names with four letters or more lie in folders of their first letters.
        index = self.folder / name[:2] / name[2:4] / name
        index.parent.mkdir(parents=True, exist_ok=True)
        with index.open("a") as lines:
            lines.write(json.dumps(entry) + "\n")


class Project:
    """This project's scripts around another helper, which depends on `tiny`, in a path with a space."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "Übung 1"
        # Where kernels work if the project's path has a space.
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        kernels = kernels_home(self.root)
        self.registry = Registry(folder / "registry")
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        for file in (".cargo/config.toml", "rust-toolchain.toml"):
            (self.root / file).parent.mkdir(exist_ok=True)
            shutil.copyfile(ROOT / file, self.root / file)
        (self.root / "Cargo.toml").write_text(
            '[workspace]\nresolver = "3"\nmembers = ["helper"]\nexclude = [".evcxr"]\n'
        )
        self.helper(["tiny"], "pub use tiny::version;")
        kernels.mkdir(parents=True)
        shutil.copyfile(KERNELS / "evcxr", kernels / "evcxr")
        (kernels / "rust-src").symlink_to(KERNELS / "rust-src")
        spec = self.root / ".venv" / "share" / "jupyter" / "kernels" / "rust" / "kernel.json"
        spec.parent.mkdir(parents=True)
        start = [sys.executable, str(self.root / "scripts" / "kernel"), "{connection_file}"]
        spec.write_text(
            json.dumps({"argv": start, "display_name": "Rust", "language": "rust", "interrupt_mode": "message"})
        )
        self.env = {
            **os.environ,
            "CARGO_HOME": str(folder / "cargo"),
            "CARGO_REGISTRIES_LOOPBACK_INDEX": f"sparse+{self.registry.url}/",
            "LAB_KERNEL_FOLDER": str(kernels / "slot-1"),
            "PYTHONPATH": str(self.root / "scripts" / "lib"),
        }

    def helper(self, dependencies: list[str], code: str) -> None:
        """Writes the helper."""
        (self.root / "helper" / "src").mkdir(parents=True, exist_ok=True)
        lines = "".join(f'{name} = {{ version = "*", registry = "loopback" }}\n' for name in dependencies)
        manifest = f'[package]\nname = "helper"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\n{lines}'
        (self.root / "helper" / "Cargo.toml").write_text(manifest)
        (self.root / "helper" / "src" / "lib.rs").write_text(code)

    def cargo(self, *command: str) -> None:
        subprocess.run(["cargo", *command], cwd=self.root, env=self.env, check=True, capture_output=True)

    def run(self, *cells: str) -> list[dict[str, str]]:
        """Runs cells in a new kernel; returns what each gave."""
        code = """
import json, sys
from kernels import kernel
with kernel(cwd=sys.argv[1]) as session:
    print(json.dumps([vars(session.run(cell)) for cell in sys.argv[2:]]))
"""
        command = [sys.executable, "-c", code, str(self.root), *cells]
        done = subprocess.run(command, env=self.env, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
        return list(json.loads(done.stdout))
