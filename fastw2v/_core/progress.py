"""Progress bars: one on stderr in a terminal, a widget in a notebook."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["open_bar"]


def open_bar(**options: Any) -> Any:
    """Open a bar of tqdm with these options, of the kind that suits the front end.

    tqdm.auto makes that choice. Its import takes several times as long as that of tqdm, so it is
    asked only where a notebook may be the front end.
    """
    tqdm: Any
    if "IPython" in sys.modules:
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm(file=sys.stderr, dynamic_ncols=True, **options)
