"""Downloads the table, checks it, and puts it into data/ whole or not at all.

The archive is the one that scikit-learn's `fetch_california_housing` downloads.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import struct
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

from project import TABLE, TABLE_VARIABLE, TOOLS, fail, run, table_places, waiting_lock

# Other places to download from: URLs with spaces between, tried in this order.
URL_VARIABLE = "CALIFORNIA_HOUSING_URL"
MIRRORS = (
    "https://ndownloader.figshare.com/files/5976036",
    "https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.tgz",
)
MEMBER = "CaliforniaHousing/cal_housing.data"
COLUMNS = 9
# The raw table is 1.4 MB; nothing that is called so is larger than this.
LARGEST = 20_000_000


@dataclass(frozen=True)
class Hashes:
    """What tells the right bytes: SHA-256 of the archive, and of the table's numbers as little-endian f64."""

    archive: str
    numbers: str


CALIFORNIA = Hashes(
    archive="aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681",
    numbers="a2f4f55ff91c67e60391318ea4d61d247d09f8fef119ec6f44a1eb727d7f1f7b",
)


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: to connect, for the next byte, for the whole, and before each new attempt."""

    connect: float = 10
    read: float = 20
    whole: float = 180
    pauses: Sequence[float] = (1, 4)


class Unusable(Exception):
    """What came, or what is there, is not the table."""


class Progress:
    """Says every two seconds how much is there, and ends a download that never ends; pooch calls it."""

    total = 0

    def __init__(self, longest: float) -> None:
        self.done, self.started, self.longest = 0, time.monotonic(), longest
        self.next = self.started + 2

    def update(self, size: int) -> None:
        self.done += size
        now = time.monotonic()
        if now - self.started > self.longest:
            raise requests.exceptions.Timeout(f"not done after {self.longest:.0f} s")
        if now > self.next:
            self.next = now + 2
            of = f" of {self.total / 1000:.0f}" if self.total else ""
            print(f"  {self.done / 1000:.0f}{of} kB", flush=True)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def numbers_hash(table: bytes) -> str:
    """SHA-256 of the numbers, row by row, however they are written."""
    seen = hashlib.sha256()
    try:
        for number, line in enumerate(table.decode("ascii").splitlines(), start=1):
            values = [float(field) for field in line.split(",")]
            if len(values) != COLUMNS:
                raise Unusable(f"line {number} has {len(values)} values instead of {COLUMNS}")
            seen.update(struct.pack(f"<{COLUMNS}d", *values))
    except ValueError as error:
        raise Unusable(f"it is not a table of numbers ({error})") from error
    return seen.hexdigest()


def check(table: bytes, hashes: Hashes) -> None:
    if numbers_hash(table) != hashes.numbers:
        raise Unusable("its numbers are not those of California Housing")


def unpack(archive: Path) -> bytes:
    try:
        with tarfile.open(archive) as tar:
            member = tar.extractfile(MEMBER)
            if member is None:
                raise Unusable(f"{MEMBER} in the archive is no file")
            return member.read(LARGEST)
    except (KeyError, tarfile.TarError, EOFError, OSError) as error:
        raise Unusable(f"the archive cannot be unpacked ({error})") from error


def download(url: str, folder: Path, hashes: Hashes, patience: Patience) -> Path:
    """One attempt: the archive, its hash checked."""
    downloader = pooch.HTTPDownloader(
        progressbar=Progress(patience.whole),
        chunk_size=16_384,
        timeout=(patience.connect, patience.read),
        headers={"User-Agent": f"pooch/{pooch.__version__}"},
    )
    found = pooch.retrieve(url, f"sha256:{hashes.archive}", "cal_housing.tgz", folder, downloader=downloader)
    return Path(found)


def reason(error: Exception) -> tuple[str, bool]:
    """What went wrong in plain words, and whether the same place may do better the next time."""
    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        status = error.response.status_code
        # figshare answers 403 to some clients at times.
        return f"it answers {status} {error.response.reason}", status in (403, 408, 429) or status >= 500
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "it does not answer", False
    if isinstance(error, requests.exceptions.Timeout):
        return f"it stalls ({error})", True
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "it broke off", True
    if isinstance(error, requests.exceptions.ConnectionError):
        # requests wraps a read that times out in the middle of a body into this, too.
        stalled = "Read timed out" in str(error)
        return ("it stalls", True) if stalled else ("it cannot be reached", False)
    if isinstance(error, ValueError):
        return "it sends other bytes than the archive (the login page of a network, perhaps)", False
    return str(error), False


def fetch(
    urls: Sequence[str], target: Path, hashes: Hashes = CALIFORNIA, patience: Patience | None = None
) -> list[str]:
    """Puts the table at `target`, from the first place that has it; returns what the places before it did wrong.

    Raises `Unusable` where no place has it.
    """
    patience = patience or Patience()
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(".fetch-*"):
        shutil.rmtree(left, ignore_errors=True)
    pooch.get_logger().setLevel("WARNING")
    complaints: list[str] = []
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
        for url in urls:
            for pause in (*patience.pauses, None):
                try:
                    archive = download(url, Path(folder), hashes, patience)
                    table = unpack(archive)
                    check(table, hashes)
                except (requests.exceptions.RequestException, ValueError, Unusable) as error:
                    said, again = reason(error)
                    complaints.append(f"{url}: {said}")
                    print(f"  {complaints[-1]}", flush=True)
                    if not again or pause is None:
                        break
                    time.sleep(pause)
                else:
                    write_whole(table, target, Path(folder))
                    return complaints
    raise Unusable("; ".join(dict.fromkeys(complaints)))


def write_whole(table: bytes, target: Path, folder: Path) -> None:
    """The target is there whole or not at all, whatever happens."""
    partial = folder / target.name
    with partial.open("wb") as file:
        file.write(table)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/fetch-data", description="Downloads California Housing into data/, and checks it."
    )
    parser.add_argument("--force", action="store_true", help="download it even if it is there, and replace it")
    options = parser.parse_args()
    urls = os.environ.get(URL_VARIABLE, "").split() or MIRRORS
    with waiting_lock(TOOLS / "fetch-data.lock", "fetch-data"):
        if not options.force:
            already_there()
        if TABLE.is_dir():
            fail(f"{TABLE} is a folder, where the table should be a file; take it away and run this again")
        print(f"fetch-data: downloading California Housing into {TABLE.parent} (440 kB)", flush=True)
        try:
            fetch(urls, TABLE)
        except Unusable as error:
            fail(
                f"the table could not be downloaded ({error}); try again later, name other places in {URL_VARIABLE}, "
                f"or put the file {TABLE.name} into data/ by hand (data/README.md says which)"
            )
    print(f"fetch-data: {TABLE} is there and checked", flush=True)


def already_there() -> None:
    """Ends here, if the table is where the lab looks for it, and good."""
    if os.environ.get(TABLE_VARIABLE):
        fail(f"{TABLE_VARIABLE} names the table, so data/ is not looked at; unset it, or use --force")
    for place in table_places():
        if place.is_file():
            try:
                check(place.read_bytes(), CALIFORNIA)
            except Unusable as error:
                fail(f"{place} is there, but {error}; --force downloads a new one into data/")
            print(f"fetch-data: {place} is there already, and good")
            sys.exit()


if __name__ == "__main__":
    run(main, "nothing was written")
