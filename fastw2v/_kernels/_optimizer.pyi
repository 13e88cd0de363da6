from typing import Any

from numpy.typing import NDArray

BLOCK: int
N_TERMS: int
N_SUMS: int
RULES: dict[str, int]

def sgd(
    w: NDArray[Any], g: NDArray[Any], mark: NDArray[Any] | None, lr: float, n_parts: int
) -> None: ...
def momentum(
    w: NDArray[Any],
    v: NDArray[Any],
    g: NDArray[Any],
    mark: NDArray[Any] | None,
    lr: float,
    mu: float,
    n_parts: int,
) -> None: ...
def nesterov(
    w: NDArray[Any],
    v: NDArray[Any],
    g: NDArray[Any],
    mark: NDArray[Any] | None,
    lr: float,
    mu: float,
    n_parts: int,
) -> None: ...
def adagrad(
    w: NDArray[Any],
    h: NDArray[Any],
    g: NDArray[Any],
    mark: NDArray[Any] | None,
    lr: float,
    eps: float,
    n_parts: int,
) -> None: ...
def rmsprop(
    w: NDArray[Any],
    h: NDArray[Any],
    g: NDArray[Any],
    mark: NDArray[Any] | None,
    lr: float,
    rho: float,
    eps: float,
    n_parts: int,
) -> None: ...
def adam(
    w: NDArray[Any],
    m: NDArray[Any],
    v: NDArray[Any],
    g: NDArray[Any],
    mark: NDArray[Any] | None,
    lr: float,
    c1: float,
    c2: float,
    eps: float,
    n_parts: int,
) -> None: ...
def add_idle_step(sums: NDArray[Any], terms: NDArray[Any], lr: float, step: int) -> None: ...
def skip_steps(
    rule: int,
    w: NDArray[Any],
    a: NDArray[Any],
    b: NDArray[Any] | None,
    at: NDArray[Any],
    rows: NDArray[Any],
    since: NDArray[Any],
    ids: NDArray[Any],
    sums: NDArray[Any],
    fades: NDArray[Any],
    lead: NDArray[Any],
    now: int,
    n_parts: int,
) -> None: ...
def take_steps(
    rule: int,
    w: NDArray[Any],
    a: NDArray[Any],
    b: NDArray[Any] | None,
    at: NDArray[Any],
    rows: NDArray[Any],
    since: NDArray[Any],
    ids: NDArray[Any],
    lr: NDArray[Any],
    s1: float,
    s2: float,
    s3: float,
    now: int,
    n_parts: int,
) -> None: ...
def update_rows(
    rule: int,
    w: NDArray[Any],
    a: NDArray[Any] | None,
    b: NDArray[Any] | None,
    at: NDArray[Any] | None,
    g: NDArray[Any],
    packed: bool,
    rows: NDArray[Any],
    n_rows: int,
    s0: float,
    s1: float,
    s2: float,
    s3: float,
    now: int,
    n_parts: int,
) -> bool: ...
def n_blocks(size: int) -> int: ...
def sum_squares_of_rows(g: NDArray[Any], rows: NDArray[Any], order: NDArray[Any]) -> float: ...
def sum_squares(
    partial: NDArray[Any], g: NDArray[Any], mark: NDArray[Any] | None, n_parts: int
) -> float: ...
def scale(g: NDArray[Any], mark: NDArray[Any] | None, rate: float, n_parts: int) -> None: ...
def try_steps(
    rule: int,
    params: Any,
    grads: Any,
    states: list[Any],
    scalars: tuple[float, ...],
) -> bool: ...
def layout(arrays: tuple[object, ...]) -> bytes: ...
