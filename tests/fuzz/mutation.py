"""Inputs made of other inputs: the engine that needs nothing but a seed. The same seed gives the same octets."""

from __future__ import annotations

import random
from collections.abc import Sequence

_ODD = (b"\0", b"\xff", b"\r", b"\n", b"\r\n", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xf4\x90\x80\x80", b"0", b"-1", b"99999999999")


class Mutator:
    def __init__(self, seed: int, corpus: Sequence[bytes], words: Sequence[bytes], *, longest: int = 8192) -> None:
        self._draw = random.Random(seed)
        self._corpus = list(corpus) or [b""]
        self._words = [*words, *_ODD]
        self._longest = longest

    def next(self) -> bytes:
        """A new input."""
        data = bytearray(self._draw.choice(self._corpus)[: self._longest])
        for _ in range(self._draw.choice((1, 1, 2, 3, 5, 10))):
            self._change(data)
        return bytes(data[: self._longest])

    def stretched(self, size: int) -> tuple[bytes, bytes, bytes]:
        """(before, piece, after): before + piece * n + after is an input of any size. size: of before and after together."""
        draw = self._draw
        data = self.next()[:size]
        start = draw.randrange(len(data) + 1)
        piece = data[start : start + draw.choice((1, 2, 3, 5, 8, 13, 40, 100))]
        if draw.random() < 0.6 or not piece:
            piece = b"".join(draw.choice(self._words) for _ in range(draw.choice((1, 1, 2, 3, 4))))
        return data[:start], piece or b"a", data[start:] if draw.random() < 0.5 else b""

    def _change(self, data: bytearray) -> None:
        draw = self._draw
        at = draw.randrange(len(data) + 1)
        match draw.randrange(8):
            case 0 | 1:
                data[at:at] = draw.choice(self._words)
            case 2:
                del data[at : at + draw.choice((1, 1, 2, 4, 16, 100))]
            case 3:
                data[at:at] = data[at : at + draw.randrange(1, 60)] * draw.choice((1, 2, 9))
            case 4:
                other = draw.choice(self._corpus)
                start = draw.randrange(len(other) + 1)
                data[at:at] = other[start : start + draw.choice((5, 20, 100, 1000))]
            case 5:
                data[at:at] = draw.randbytes(draw.choice((1, 1, 2, 4, 20)))
            case 6 if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            case _:
                data[at : at + 1] = draw.choice(self._words)
