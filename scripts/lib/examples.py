"""The helper's examples as programs."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

from project import ROOT


@functools.cache
def example(name: str) -> Path:
    """Builds an example as `cargo test --workspace --all-features` does: after that, nothing is left to build."""
    build = ["cargo", "build", "--quiet", "--locked", "--profile=test", "--workspace", "--all-features"]
    subprocess.run([*build, f"--example={name}"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "examples" / name
