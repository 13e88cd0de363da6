from typing import Any

from numpy.typing import NDArray
from typing_extensions import disjoint_base

SKIP_GRAM: int
MEAN: int
EXACT_GRADIENT: int
SHRINK: int
FRESH_NEGATIVES: int
SHARED_NEGATIVES: int
LINE: int
N_STATS: int
NEAR: int

@disjoint_base
class Subwords:
    def __new__(
        cls,
        own: NDArray[Any],
        table: NDArray[Any],
        begins: NDArray[Any],
        places: NDArray[Any],
        order: NDArray[Any],
        *,
        round: int,
    ) -> Subwords: ...
    def __reduce__(self) -> Any: ...

@disjoint_base
class Plan:
    def __new__(
        cls,
        inputs: NDArray[Any],
        outputs: NDArray[Any],
        nodes: NDArray[Any],
        touched_in: NDArray[Any],
        touched_out: NDArray[Any],
        touched_nodes: NDArray[Any],
        ids: NDArray[Any],
        keep: NDArray[Any],
        alias: NDArray[Any],
        points: NDArray[Any],
        codes: NDArray[Any],
        ways: NDArray[Any],
        near: NDArray[Any],
        *,
        window: int,
        negative: int,
        mode: int,
        block: int,
        batch: int,
        ld: int,
        apart: bool,
        subwords: Subwords | None = ...,
    ) -> Plan: ...
    def __reduce__(self) -> Any: ...

def stripes(ld: int) -> list[tuple[int, int, int]]: ...
def train(
    plan: Plan,
    stats: NDArray[Any],
    key: int,
    first: int,
    last: int,
    alpha: float,
    alpha_step: float,
    loss_every: int,
    n_parts: int,
) -> None: ...
