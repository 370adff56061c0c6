"""Downloading the table, from servers on loopback that do what servers do."""

from __future__ import annotations

import hashlib
import io
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import fetch_data
from fetch_data import MEMBER, Hashes, Patience, Unusable, fetch
from project import ROOT, table_places

TABLE = b"".join(b"%d.0,37.88,41,880,129,322,126,8.3252,452600\n" % (i - 120) for i in range(500))
HASTE = Patience(connect=2, read=0.5, whole=2, pauses=(0.05, 0.05))


def archive(table: bytes, member: str = MEMBER) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(table)
        tar.addfile(info, io.BytesIO(table))
    return packed.getvalue()


def hashes(packed: bytes, table: bytes = TABLE) -> Hashes:
    return Hashes(hashlib.sha256(packed).hexdigest(), fetch_data.numbers_hash(table))


GOOD = archive(TABLE)


class Handler(BaseHTTPRequestHandler):
    """Answers as the path says."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        getattr(self, self.path.strip("/").replace("-", "_"))()

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
        self.over = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
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
    complaints = fetch([server.url(path)], target, hashes(GOOD), HASTE)
    assert target.read_bytes() == TABLE
    nothing_left_but(target.parent, target.name)
    assert len(complaints) == (1 if path.endswith("once") else 0)


@pytest.mark.parametrize(
    ("path", "said", "attempts"),
    [
        ("forbidden", "it answers 403", 3),
        ("broken", "it answers 500", 3),
        ("missing", "it answers 404", 1),
        ("login-page", "other bytes than the archive", 1),
        ("cut-off", "it broke off", 3),
        ("stall", "it stalls", 3),
    ],
)
def test_the_next_place_is_asked(server: Server, target: Path, path: str, said: str, attempts: int) -> None:
    complaints = fetch([server.url(path), server.url("good")], target, hashes(GOOD), HASTE)
    assert target.read_bytes() == TABLE
    assert len(complaints) == attempts
    assert all(said in complaint and server.url(path) in complaint for complaint in complaints), complaints
    assert server.asked == [f"/{path}"] * attempts + ["/good"]


def test_a_download_that_drips_for_ever_ends(server: Server, target: Path) -> None:
    started = time.monotonic()
    with pytest.raises(Unusable, match="it stalls"):
        fetch([server.url("drip")], target, hashes(GOOD), Patience(1, 1, 0.3, pauses=()))
    assert time.monotonic() - started < 60
    nothing_left_but(target.parent)


def test_nobody_there(target: Path) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unusable, match="cannot be reached"):
        fetch([f"http://127.0.0.1:{port}/"], target, hashes(GOOD), HASTE)
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
        fetch([server.url("good")], target, hashes(packed), HASTE)
    assert target.read_bytes() == b"what was there before"
    nothing_left_but(target.parent, target.name)


def test_killed_in_the_middle_it_leaves_no_table_and_the_next_one_cleans_up(server: Server, target: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(ROOT / "scripts" / "lib")!r})
import fetch_data, pathlib
hashes = fetch_data.Hashes({hashes(GOOD).archive!r}, {hashes(GOOD).numbers!r})
fetch_data.fetch([{server.url("stall")!r}], pathlib.Path({str(target)!r}), hashes)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        wait_for(lambda: bool(server.asked))
        wait_for(lambda: any(target.parent.glob(".fetch-*/*")))
        process.kill()
    assert not target.exists()
    fetch([server.url("good")], target, hashes(GOOD), HASTE)
    assert target.read_bytes() == TABLE
    nothing_left_but(target.parent, target.name)


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_numbers_count_not_how_they_are_written() -> None:
    other = TABLE.replace(b"41,", b"41.000000,").replace(b"\n", b"\r\n")
    assert other != TABLE and fetch_data.numbers_hash(other) == fetch_data.numbers_hash(TABLE)


def test_the_real_table_has_the_hash_that_is_asked_for() -> None:
    place = next((place for place in table_places() if place.is_file()), None)
    if place is None:
        pytest.skip("the table is not here")
    fetch_data.check(place.read_bytes(), fetch_data.CALIFORNIA)
