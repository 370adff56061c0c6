"""How much disk the lab takes, and giving it back. Standard library only."""

from __future__ import annotations

import argparse
import shutil
from contextlib import suppress
from pathlib import Path

import folders
from project import KERNELS, ROOT, TEMPLATE, TOOLS, VENV, fail, run, waiting_lock

BUILD = ROOT / "target"


def size(*places: Path, seen: set[int] | None = None) -> float:
    """Megabytes on the disk; a file that several folders share counts for the first."""
    seen, total = set() if seen is None else seen, 0
    for place in places:
        for path in place.rglob("*"):
            # Running kernels make and remove files meanwhile.
            with suppress(FileNotFoundError):
                status = path.lstat()
                if status.st_ino not in seen:
                    seen.add(status.st_ino)
                    total += status.st_blocks * 512
    return total / 1e6


def status() -> None:
    """What is there, and how much disk it takes."""
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
    """Removes what no running kernel uses; or all that set-up made."""
    with waiting_lock(TOOLS / "setup.lock", "clean"):
        # What stays anyway need not be measured.
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
