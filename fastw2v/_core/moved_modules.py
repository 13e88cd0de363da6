"""Old names of modules that pickles written by fastw2v 0.1 mention.

A pickle names a class by its module. The modules below have moved, and a finder at the end of
`sys.meta_path` forwards their old names. Python asks it only for modules that no other finder has.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import types
    from importlib.machinery import ModuleSpec

# Every module of 0.1 that defined a class, or a function that a class's pickle calls.
MOVED = {
    "fastw2v._cells": "fastw2v._recurrent.cells",
    "fastw2v._one_hot": "fastw2v._recurrent.one_hot",
    "fastw2v._pickle": "fastw2v._files.book_pickle",
    "fastw2v._row_grad": "fastw2v._rows.row_grad",
    "fastw2v._scratch": "fastw2v._core.scratch",
    "fastw2v._w2v_engine": "fastw2v.word2vec.engine",
    "fastw2v._w2v_sentences": "fastw2v.word2vec.sentences",
    "fastw2v._w2v_shards": "fastw2v.word2vec.shards",
    "fastw2v._w2v_text": "fastw2v.word2vec.corpus",
}


class _Forwarding:
    """A finder and loader that puts the new module in the place of the old name."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname not in MOVED:
            return None
        # Imported here because most programs never need it.
        from importlib.machinery import ModuleSpec

        return ModuleSpec(fullname, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python: the module it makes is thrown away."""

    def exec_module(self, module: types.ModuleType) -> None:
        # The import statement returns what `sys.modules` holds after this call.
        home = MOVED[module.__name__]
        __import__(home)
        sys.modules[module.__name__] = sys.modules[home]


def forward_old_names() -> None:
    """Append the finder to `sys.meta_path`."""
    sys.meta_path.append(_Forwarding())
