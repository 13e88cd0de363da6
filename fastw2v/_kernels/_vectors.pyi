from typing import Any

from numpy.typing import NDArray

def split_rows(
    table: NDArray[Any], text: NDArray[Any], ends: NDArray[Any], starts: NDArray[Any], data: Any
) -> tuple[int, int, int]: ...
def split_entries(
    text: NDArray[Any], counts: NDArray[Any], kinds: NDArray[Any], data: Any
) -> tuple[int, int, int]: ...
