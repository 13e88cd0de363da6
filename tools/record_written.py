"""Record files and public names of a version of fastw2v for the tests of later versions.

Run it with the version to be remembered installed, outside the source tree:

    python tools/record_written.py tests/data/written_by_0_1 tests/data/names_0_1.json

The folder gets pickles, models, vectors and checkpoints together with the numbers that the same
version computes from them. The JSON file gets the public names of every module.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))


def public_names() -> dict[str, list[str]]:
    """Return, for each module with a public name, its `__all__` or its own definitions."""
    import fastw2v

    modules = ["fastw2v"]
    for module in pkgutil.walk_packages(fastw2v.__path__, "fastw2v."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            modules.append(module.name)
    names = {}
    for name in modules:
        module = importlib.import_module(name)
        names[name] = sorted(getattr(module, "__all__", None) or defined(module))
    return names


def defined(module: types.ModuleType) -> list[str]:
    """Return the public names that a module without `__all__` defines itself."""
    if module.__name__ == "fastw2v.cli":
        return ["main"]  # the other names are commands and their settings
    return [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and key not in ("TYPE_CHECKING", "annotations", "np")
        and not isinstance(value, types.ModuleType)
        and getattr(value, "__module__", module.__name__) == module.__name__
    ]


def main(folder: str, names: str) -> None:
    """Write the files and the names."""
    Path(names).write_text(json.dumps(public_names(), indent=1) + "\n", encoding="utf-8")
    import written_files

    Path(folder).mkdir(exist_ok=True)
    written_files.write(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
