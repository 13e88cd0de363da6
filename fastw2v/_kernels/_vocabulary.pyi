from typing import Any, NoReturn

from numpy.typing import NDArray
from typing_extensions import disjoint_base

END: int
NEVER: int

def open_counter(n_tables: int) -> Any: ...
def after_last_blank(data: Any) -> int: ...
def count(
    counter: Any,
    lines: NDArray[Any],
    out: NDArray[Any],
    places: NDArray[Any],
    data: Any,
    base: int,
    ends: bool,
    n_parts: int,
) -> bool: ...
def sizes(counter: Any) -> list[int]: ...
def merge(counter: Any, numbers: NDArray[Any]) -> Any: ...
def read(
    counter: Any,
    text: NDArray[Any],
    counts: NDArray[Any],
    firsts: NDArray[Any],
    offsets: NDArray[Any],
) -> None: ...
def renumber(text: NDArray[Any], ids: NDArray[Any], ended: bool) -> int: ...

@disjoint_base
class Numbers:
    @property
    def words(self) -> list[str]: ...
    def __reduce__(self) -> NoReturn: ...
    def add(self, numbers: NDArray[Any], batch: list[Any]) -> int: ...
    def add_sentences(self, numbers: NDArray[Any], sentences: list[Any]) -> tuple[int, int]: ...
