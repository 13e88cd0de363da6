from typing import Any

from numpy.typing import NDArray

def count_ngrams(
    begins: NDArray[Any], text: Any, ends: NDArray[Any], min_n: int, max_n: int
) -> None: ...
def list_ngrams(
    buckets: NDArray[Any],
    bounds: NDArray[Any],
    text: Any,
    ends: NDArray[Any],
    min_n: int,
    max_n: int,
    bucket: int,
) -> None: ...
def draw_rows(
    rows: NDArray[Any], buckets: NDArray[Any], key: int, limit: float, n_parts: int
) -> None: ...
def compose(
    x: NDArray[Any],
    own: NDArray[Any],
    rows: NDArray[Any],
    table: NDArray[Any],
    used: NDArray[Any],
    buckets: NDArray[Any],
    begins: NDArray[Any],
    compact: bool,
    key: int,
    limit: float,
    n_parts: int,
) -> None: ...
def try_compose(
    word: Any,
    row: Any,
    n_words: Any,
    vector_size: Any,
    own: Any,
    table: Any,
    used: Any,
    draws: bool,
    min_n: Any,
    max_n: Any,
    bucket: Any,
    key: int,
    limit: float,
) -> NDArray[Any] | None: ...
