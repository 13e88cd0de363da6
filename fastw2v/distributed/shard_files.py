"""The ids of a shard in a file of the worker that encoded them."""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import Any

import numpy as np

from fastw2v.distributed.places import here
from fastw2v.word2vec.corpus import EncodedCorpus, _remove


class ShardFile:
    """The ids of a shard (N,) int32, mapped from a file that is deleted with this object.

    Its size is that of the ids, so that Dask trains a shard where its ids are. Where it is trained
    elsewhere, the ids travel with the pickle and are written to a file there.
    """

    def __init__(self, shard: int, ids: np.ndarray, n_words: int) -> None:
        self.shard, self.n_words, self.n = shard, n_words, len(ids)
        handle, path = tempfile.mkstemp(".ids", "fastw2v-", here().temporary_folder())
        try:
            with os.fdopen(handle, "wb") as stream:
                np.ascontiguousarray(ids, np.int32).tofile(stream)
        except BaseException:
            _remove(path)
            raise
        weakref.finalize(self, _remove, path)
        self.ids = np.memmap(path, np.int32, "r", shape=(self.n,)) if self.n else ids

    def text(self) -> EncodedCorpus:
        """Return the ids as an encoded corpus."""
        return EncodedCorpus(self.ids, self.n_words, self.n_words, 1)

    def __reduce__(self) -> Any:
        return ShardFile, (self.shard, np.asarray(self.ids), self.n_words)

    def __sizeof__(self) -> int:
        return 200 + 4 * self.n
