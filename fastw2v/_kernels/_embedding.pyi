from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

ELSEWHERE: int

def gather(out: NDArray[Any], W: NDArray[Any], idx: NDArray[Any], n_parts: int) -> None: ...
def gather_mean(out: NDArray[Any], W: NDArray[Any], idx: NDArray[Any], n_parts: int) -> None: ...
def scatter_add(
    dW: NDArray[Any], idx: NDArray[Any], x: NDArray[Any], coef: NDArray[Any] | None, n_parts: int
) -> None: ...
def overwrite_rows(
    dW: NDArray[Any],
    mark: NDArray[Any],
    fresh: NDArray[Any],
    first: NDArray[Any],
    rows: NDArray[Any],
    n_rows: int,
    stamp: int,
    idx: NDArray[Any],
    x: NDArray[Any],
    coef: NDArray[Any] | None,
    n_parts: int,
) -> int: ...
def add_rows(
    dW: NDArray[Any], other: NDArray[Any], rows: NDArray[Any], n_rows: int, n_parts: int
) -> None: ...
def merge_marks(
    mark: NDArray[Any],
    rows: NDArray[Any],
    n_rows: int,
    stamp: int,
    others: NDArray[Any],
    n_others: int,
) -> int: ...
def are_untouched(grads: Iterable[Any], kind: type) -> bool: ...
def try_merge(params: Any, grads: Any, kind: type) -> list[int] | None: ...
def keep_pages_small(memory: NDArray[Any]) -> None: ...
def pack_rows(
    slot: NDArray[Any],
    rows: NDArray[Any],
    values: NDArray[Any],
    local: NDArray[Any],
    first: NDArray[Any],
    idx: NDArray[Any],
    x: NDArray[Any],
    coef: NDArray[Any] | None,
    n_parts: int,
) -> int: ...
def unlisted_rows_are_zero(dW: NDArray[Any], mark: NDArray[Any], n_parts: int) -> bool: ...
def find_bad_id(idx: NDArray[Any], V: int) -> tuple[int, bool]: ...
def wrap_ids(out: NDArray[Any], idx: NDArray[Any], V: int) -> None: ...
def try_gather(W: Any, idx: Any) -> NDArray[Any] | None: ...
def try_overwrite_rows(
    dW: Any, mark: Any, fresh: Any, rows: Any, n_rows: int, stamp: int, idx: Any, dout: Any
) -> int: ...
