"""What set-up made: its versions, the disk it takes, and removing it. Standard library only."""

from __future__ import annotations

import argparse
import re
import shutil
from contextlib import suppress
from pathlib import Path

import folders
import packages
from project import KERNELS, ROOT, TEMPLATE, TOOLS, VENV, fail, run, waiting_lock

BUILD = ROOT / "target"


def size(*places: Path, seen: set[int] | None = None) -> float:
    """Megabytes on the disk. A file that several folders share counts once, for the first of them."""
    seen, total = set() if seen is None else seen, 0
    for place in places:
        for path in place.rglob("*"):
            # Running kernels remove files meanwhile.
            with suppress(FileNotFoundError):
                status = path.lstat()
                if status.st_ino not in seen:
                    seen.add(status.st_ino)
                    total += status.st_blocks * 512
    return total / 1e6


def locked(lock: Path) -> set[tuple[str, str]]:
    """Name and version of the registry's packages in a Cargo.lock; none where there is no such file."""
    text = lock.read_text() if lock.exists() else ""
    return set(re.findall(r'name = "(.+)"\nversion = "(.+)"\nsource', text))


def versions() -> None:
    """Prints whether what is installed has the versions of the locks."""
    for name, what in (("lab", "Python packages"), ("ray", "Ray")):
        right = packages.matches(VENV, name)
        print(f"{what:24}{'as' if right else 'NOT as'} locked in scripts/requirements/{name}.txt")
    built = locked(TEMPLATE / "Cargo.lock")
    others = ", ".join(f"{name} {version}" for name, version in sorted(built - locked(ROOT / "Cargo.lock")))
    right = bool(built) and not others
    print(f"{'notebook crates':24}{'as' if right else 'NOT as'} locked in Cargo.lock{others and f': {others}'}")


def status() -> None:
    """Prints what is there, its versions, and the disk it takes."""
    versions()
    seen: set[int] = set()

    def line(name: str, what: str, *places: Path) -> None:
        print(f"{name:24}{what:34}{size(*places, seen=seen):7.0f} MB")

    line(".venv", "Python packages", VENV)
    line(".tools", "the kernel's program", TOOLS)
    where = KERNELS.relative_to(ROOT) if KERNELS.is_relative_to(ROOT) else KERNELS
    line("kernels/template", "the notebook's dependencies, built", TEMPLATE)
    for folder, free in folders.slots():
        line(f"kernels/{folder.name}", "left by a kernel, free" if free else "a running kernel", folder)
    line("target", "the project, built (tests, benches)", BUILD)
    line("report", "what the last run left", ROOT / "report")
    print(f"kernels/ is {where}/. The next kernel takes a free folder; at most {folders.KEPT} free ones are kept.")
    print("scripts/clean gives disk back.")


def clean(everything: bool) -> None:
    """Removes what no running kernel uses, or all that set-up made."""
    with waiting_lock(TOOLS / "setup.lock", "clean"):
        places = (KERNELS, TOOLS, VENV, BUILD) if everything else (KERNELS, TOOLS)
        before = size(*places)
        running = [folder.name for folder, free in folders.slots() if not free]
        if everything and running:
            fail(f"kernels are running ({', '.join(running)}); shut them down first, or leave out --all")
        folders.tidy(keep=0)
        parts = [TOOLS / "build", *KERNELS.glob("template.new")]
        if everything:
            parts += [KERNELS, VENV, BUILD, *(part for part in TOOLS.iterdir() if part.name != "setup.lock")]
        for part in parts:
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
        freed = before - size(*places)
    kept = f"; kept what is in use: {', '.join(running)}" if running else ""
    print(f"clean: {freed:.0f} MB given back{kept}")


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
