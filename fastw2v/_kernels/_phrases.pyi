from typing import Any, NoReturn

from numpy.typing import NDArray
from typing_extensions import disjoint_base

END: int
N_NODES: int
N_LIVE: int
BEFORE: int
STATES: int
NOTHING: int

def count(
    word_counts: NDArray[Any],
    slots: NDArray[Any],
    nodes: NDArray[Any],
    counts: NDArray[Any],
    state: NDArray[Any],
    ids: NDArray[Any],
    connectors: NDArray[Any],
    most_live: int,
) -> int: ...
def place(slots: NDArray[Any], nodes: NDArray[Any]) -> None: ...

@disjoint_base
class Finder:
    def __new__(
        cls,
        rows: dict[str, int],
        connectors: NDArray[Any],
        nodes: NDArray[Any],
        slots: NDArray[Any],
        names: list[str | None],
        scores: list[float],
    ) -> Finder: ...
    def __reduce__(self) -> NoReturn: ...
    def join(self, sentence: list[str]) -> list[str]: ...
    def analyze(self, sentence: list[str]) -> list[tuple[str, float | None]]: ...
