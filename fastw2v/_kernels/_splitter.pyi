from typing import Any

OPTIONS: dict[str, int]
UNICODE: str

def split(data: Any, options: int, n_parts: int) -> tuple[bytes, int]: ...
