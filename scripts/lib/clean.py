"""What set-up made: its versions, the disk it takes, and removing it. Standard library only."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import folders
import packages
from project import KERNELS, ROOT, TEMPLATE, TOOLS, VENV, fail, run, waiting_lock

BUILD = ROOT / "target"


def locked(lock: Path) -> set[tuple[str, str]]:
    """Name and version of the registry's packages in a Cargo.lock; none where there is no such file."""
    text = lock.read_text() if lock.exists() else ""
    return set(re.findall(r'name = "(.+)"\nversion = "(.+)"\nsource', text))


def status() -> None:
    """Prints whether what is installed has the versions of the locks, and the disk it takes."""
    for name in ("lab", "ray"):
        print(f"{'as' if packages.matches(VENV, name) else 'NOT as'} locked in scripts/requirements/{name}.txt: .venv")
    built = locked(TEMPLATE / "Cargo.lock")
    others = ", ".join(f"{name} {version}" for name, version in sorted(built - locked(ROOT / "Cargo.lock")))
    right = built and not others
    print(f"{'as' if right else 'NOT as'} locked in Cargo.lock: the notebook's dependencies{others and f' ({others})'}")
    slots = list(folders.slots())
    places = [VENV, TOOLS, TEMPLATE, *(folder for folder, _ in slots), BUILD, ROOT / "report"]
    print("Disk, in MB; what several folders share counts for the first:", flush=True)
    subprocess.run(["du", "-smc", *(place for place in places if place.exists())], check=True)
    running = ", ".join(folder.name for folder, free in slots if not free)
    print(f"Running kernels: {running or 'none'}. The next kernels take the other slots; scripts/clean removes them.")


def clean(everything: bool) -> None:
    """Removes what no running kernel uses, or all that set-up made."""
    with waiting_lock(TOOLS / "setup.lock", "clean"):
        running = ", ".join(folder.name for folder, free in folders.slots() if not free)
        if everything and running:
            fail(f"kernels are running ({running}); shut them down first, or leave out --all")
        free = shutil.disk_usage(ROOT).free
        folders.tidy(keep=0)
        parts = [TOOLS / "build", *KERNELS.glob("template.new")]
        if everything:
            parts += [KERNELS, VENV, BUILD, *(part for part in TOOLS.iterdir() if part.name != "setup.lock")]
        for part in parts:
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
        freed = (shutil.disk_usage(ROOT).free - free) / 1e6
    print(f"clean: {freed:.0f} MB given back{running and f'; kept what is in use: {running}'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/clean", description="Gives disk back: the folders of kernels that have ended."
    )
    parser.add_argument(
        "--all", action="store_true", help="all that set-up made; data/, report/ and runs/ stay, and so do your edits"
    )
    clean(parser.parse_args().all)


if __name__ == "__main__":
    run(main, "what is left is removed by the next one")
