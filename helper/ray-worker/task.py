"""What runs on the nodes of a Ray cluster: a task is one call of a C function, bytes in and bytes out.

Nodes need Ray and numpy, and nothing of this project: Ray carries this module and the worker libraries there. A worker
loads the library for its kind of machine at its first task.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

# By what the C function returns.
STATUS = {0: "finished", 1: "refused", 2: "panicked"}

# Version of the C interface; `src/lib.rs` has the same.
ABI = 5


class Input(ctypes.Structure):
    """Bytes that the library may read."""

    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Output(ctypes.Structure):
    """Bytes that the library made; `ray_worker_free` frees them."""

    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Unusable(Exception):
    """No task can run on this node, nor on another of its kind."""


# The library, once this process has loaded it.
_loaded: list[Any] = []


def kind() -> str:
    """Which library a machine needs, such as `x86_64-linux`."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    return f"{machine}-{'macos' if sys.platform == 'darwin' else sys.platform}"


def target(of: str) -> str:
    """The same, as a target of `rustc`."""
    machine, system = of.split("-", 1)
    return f"{machine}-apple-darwin" if system == "macos" else f"{machine}-unknown-linux-gnu"


def load(libraries: dict[str, bytes]) -> Any:
    """The library for this machine, loaded from memory or from a temporary file."""
    if _loaded:
        return _loaded[0]
    here, node = kind(), platform.node()
    if here not in libraries:
        raise Unusable(
            f"node {node} is {here}, and the worker library was built for {', '.join(sorted(libraries))}; build it for "
            f"that too: cargo build --release -p ray-worker --target {target(here)}, and put it into "
            f".tools/ray-worker/{here}/"
        )
    try:
        library = _open(libraries[here])
        library.ray_worker_abi.restype = ctypes.c_uint32
        found = library.ray_worker_abi()
    except (OSError, AttributeError) as error:
        libc = " ".join(platform.libc_ver()) or "its C library"
        raise Unusable(
            f"node {node} ({here}, {libc}) cannot load the worker library: {error}; build it on a machine whose C "
            f"library is as old as that one: cargo build --release -p ray-worker, and put it into "
            f".tools/ray-worker/{here}/"
        ) from error
    if found != ABI:
        raise Unusable(
            f"the worker library has interface {found}, but the lab needs {ABI}; run ./scripts/setup, which builds it "
            "anew"
        )
    library.ray_worker_run.restype = ctypes.c_int32
    library.ray_worker_run.argtypes = [
        ctypes.POINTER(Input),
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.POINTER(Output),
    ]
    library.ray_worker_hash.restype = ctypes.c_uint64
    library.ray_worker_hash.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.ray_worker_free.restype = None
    library.ray_worker_free.argtypes = [ctypes.POINTER(Output)]
    _loaded.append(library)
    return library


def _open(content: bytes) -> Any:
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):
            descriptor = os.memfd_create("ray-worker")
            try:
                with open(descriptor, "wb", closefd=False) as memory:
                    memory.write(content)
                return ctypes.CDLL(f"/proc/self/fd/{descriptor}")
            finally:
                os.close(descriptor)
    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(content)
        file.flush()
        return ctypes.CDLL(file.name)


def call(library: Any, request: bytes, arrays: Sequence[Any]) -> tuple[str, bytes]:
    """One call of the C function, which reads the arrays where they lie."""
    inputs = (Input * max(1, len(arrays)))(*[Input(array.ctypes.data, array.nbytes) for array in arrays])
    output = Output()
    status = library.ray_worker_run(inputs, len(arrays), request, len(request), ctypes.byref(output))
    try:
        return STATUS[status], ctypes.string_at(output.data, output.length) if output.length else b""
    finally:
        library.ray_worker_free(ctypes.byref(output))


def greet(libraries: dict[str, bytes]) -> str | None:
    """Loads what tasks need; returns what is missing on this node."""
    try:
        # Not numpy alone: a folder of that name would do.
        from numpy import frombuffer  # noqa: F401
    except ImportError as error:
        return (
            f"node {platform.node()} cannot run tasks: its Python cannot import numpy ({error}); install it there: "
            f"{sys.executable} -m pip install numpy"
        )
    try:
        load(libraries)
    except Unusable as error:
        return str(error)
    # So long that tasks which are asked for at the same time run on different workers.
    time.sleep(0.1)
    return None


def run(
    libraries: dict[str, bytes], request: bytes, files: Sequence[tuple[str, int]], *objects: Any
) -> tuple[str, bytes, Any]:
    """A task: its status, its bytes, and where and when it ran. Each file has the hash that its numbers must have."""
    started, cpu = time.time(), time.thread_time()
    clock = time.perf_counter()
    try:
        library = load(libraries)
        arrays = [*objects, *[_map(library, file, expected) for file, expected in files]]
        status, result = call(library, request, arrays)
    except Unusable as error:
        status, result = "unusable", str(error).encode()
    seconds = time.perf_counter() - clock
    return status, result, (os.getpid(), started, seconds, time.thread_time() - cpu)


def _map(library: Any, file: str, expected: int) -> Any:
    """The shard in a `.npy` file, mapped into memory."""
    import numpy

    try:
        array = numpy.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise Unusable(
            f"node {platform.node()} cannot read {file}: {error}; shards must lie where every node sees them under the "
            "same path, such as a network file system"
        ) from error
    if library.ray_worker_hash(array.ctypes.data, array.nbytes) != expected:
        raise Unusable(
            f"node {platform.node()} reads other numbers in {file} than those of this shard; run the cell that writes "
            "the shards again, split.shard(..), and then this one"
        )
    return array
