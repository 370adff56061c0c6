"""ChaCha8 and the shuffle that the lab defines, written anew from their definitions, to hold the Rust code against."""

from __future__ import annotations

import struct
from collections.abc import Iterator

MASK = 0xFFFFFFFF
MASK64 = 0xFFFFFFFFFFFFFFFF


def block(key: bytes, counter: int, stream: int) -> bytes:
    """64 bytes of keystream: Bernstein, "ChaCha, a variant of Salsa20" (2008), with 8 rounds."""
    words = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key)]
    words += [counter & MASK, counter >> 32, stream & MASK, stream >> 32]
    x = list(words)

    def turn(a: int, b: int, left: int, right: int, by: int) -> None:
        x[a] = (x[a] + x[b]) & MASK
        rotated = x[left] ^ x[right]
        x[left] = ((rotated << by) | (rotated >> (32 - by))) & MASK

    def quarter(a: int, b: int, c: int, d: int) -> None:
        turn(a, b, d, a, 16)
        turn(c, d, b, c, 12)
        turn(a, b, d, a, 8)
        turn(c, d, b, c, 7)

    for _ in range(4):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & MASK for a, b in zip(x, words, strict=True)))


def numbers(seed: int, stream: int) -> Iterator[int]:
    """64-bit numbers: the seed is the first 8 bytes of the key, the stream is the nonce."""
    key = struct.pack("<Q24x", seed)
    counter = 0
    while True:
        yield from struct.unpack("<8Q", block(key, counter, stream))
        counter += 1


def permutation(n: int, seed: int) -> list[int]:
    """Fisher-Yates from the last place down; Lemire's way to draw below a bound."""
    source = numbers(seed, 0)

    def below(bound: int) -> int:
        while True:
            product = next(source) * bound
            if product & MASK64 >= 2**64 % bound:
                return product >> 64

    order = list(range(n))
    for last in range(n - 1, 0, -1):
        other = below(last + 1)
        order[last], order[other] = order[other], order[last]
    return order
