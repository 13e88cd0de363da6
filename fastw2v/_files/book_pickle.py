"""A reader of the pickles that the book's scripts write, which runs no code of a file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from fastw2v._files import kinds
from fastw2v._files.pickle_machine import Machine


class BookFileError(pickle.UnpicklingError, ValueError):
    """A file that is damaged, or holds something that the book's scripts never write."""


def load_book_pickle(path: str | os.PathLike[str]) -> Any:
    """Read a pickle made of lists, dicts, tuples, str, bytes, numbers and arrays of numbers.

    path: a file that `save_params` or ch04's train.py wrote (pickle protocols 2 to 5).
    Arrays are new and writable; they have the dtype and memory order saved, and native byte order.
    OSError for a file that cannot be read, BookFileError (a ValueError and an UnpicklingError)
    for a file with any other content. Code in the file is never run.

    >>> import numpy as np, pickle, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "cbow_params.pkl")
    ...     _ = path.write_bytes(pickle.dumps({"word_vecs": np.eye(2, dtype=np.float16)}))
    ...     load_book_pickle(path)
    {'word_vecs': array([[1., 0.],
           [0., 1.]], dtype=float16)}
    """
    data = Path(path).read_bytes()
    expected = "a pickle of arrays (nothing of it was run)"
    start = data[: kinds.START_BYTES]
    kinds.refuse_foreign(path, start, expected, "pickle", error=BookFileError)
    machine = Machine(data)
    try:
        return machine.run()
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise BookFileError(
            f"{os.fspath(path)}: expected a pickle of arrays as save_params writes it, "
            f"got one that could not be parsed past byte {machine.at} ({reason}); "
            "nothing of it was run. Save it again with save_params"
        ) from error
