"""Pieces of changed rows on their way between workers, with a checksum.

Part p of n holds the rows p, p + n, p + 2 n, ... of each table, so that every part has frequent
words.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fastw2v.distributed.errors import DamagedPiece
from fastw2v.word2vec.changes import Rows, merge_rows

MERGED = -1  # in place of a shard


@dataclass
class Piece:
    """Changed rows of each table: of one shard, or merged.

    whole: the numbers are the new rows instead of their changes. sums: loss, pairs in it, all
    pairs, and words of the round, of all shards in a merged part 0.
    """

    run: str
    round: int
    shard: int
    part: int
    parts: int
    tables: list[Rows]
    whole: bool = False
    sums: tuple[int, int, int, int] = (0, 0, 0, 0)
    crc: int = field(default=0)
    seconds: float = 0.0  # that a merged piece took; not part of its checksum

    def sealed(self) -> Piece:
        """Set the checksum and return the piece."""
        self.crc = self._checksum()
        return self

    def check(self, run: str, round: int, shard: int, part: int) -> None:
        """Raise DamagedPiece unless this is the piece that was asked for, unchanged."""
        wanted, got = (run, round, shard, part), (self.run, self.round, self.shard, self.part)
        if got != wanted:
            names = "run", "round", "shard", "part"
            said = ", ".join(
                f"expected {name} {w}, got {g}"
                for name, w, g in zip(names, wanted, got, strict=True)
                if w != g
            )
            raise DamagedPiece(shard, round, said)
        if self.crc != self._checksum():
            raise DamagedPiece(shard, round, "the checksum does not match")

    def _checksum(self) -> int:
        head = (self.run, self.round, self.shard, self.part, self.parts, self.whole, self.sums)
        crc = zlib.crc32(repr(head).encode())
        for rows in self.tables:
            for array in rows:
                crc = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1), crc)
        return crc

    def __sizeof__(self) -> int:
        return 200 + sum(array.nbytes for rows in self.tables for array in rows)


def part_of(rows: Rows, part: int, parts: int) -> Rows:
    """Return the rows of a table that belong to a part."""
    if parts == 1:
        return rows
    mine = rows.ids % parts == part
    return Rows(rows.ids[mine], rows.numbers[mine], rows.updates[mine])


def merged(rate: float, pieces: Sequence[Piece], n_parts: int = 1) -> Piece:
    """Return the merged piece of the same part of all shards, in the order of the shards.

    rate: the learning rate of the round.
    """
    first = pieces[0]
    if first.whole:
        tables = first.tables
    else:
        tables = []
        for rows in zip(*(piece.tables for piece in pieces), strict=True):
            found, spoilt = merge_rows(rows, rate, n_parts)
            if spoilt:
                raise FloatingPointError(
                    f"round {first.round}: merged changes are not finite: training diverged; train "
                    "with a smaller alpha"
                )
            tables.append(found)
    sums = tuple(map(sum, zip(*(piece.sums for piece in pieces), strict=True)))
    return Piece(
        *(first.run, first.round, MERGED, first.part, first.parts, tables, first.whole),
        sums=sums,  # type: ignore[arg-type]
    ).sealed()
