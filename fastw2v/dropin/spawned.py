"""The drop-in in processes that multiprocessing starts afresh ("spawn", "forkserver").

A child first imports its parent's main script again, under the name `__mp_main__`. Under
`fastw2v run` it imports `fastw2v.dropin.child` instead, which installs the drop-in and then runs
the script under that name.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from importlib.machinery import ModuleSpec

from fastw2v.dropin import finder

_SPAWN = "multiprocessing.spawn"
_VARIABLE = "FASTW2V_MAIN"  # tells a child the script, and whether to serve the models


def follow(models: bool | None) -> None:
    """Install the drop-in in all children of this process, and in theirs."""
    if _SPAWN in sys.modules:
        _change(sys.modules[_SPAWN], models)
    else:  # most scripts never import it
        sys.meta_path.insert(0, _AtImport(models))


def become_script(module: dict[str, object]) -> None:
    """Install the drop-in in a child and run the script, whose names `module` gets."""
    import json
    import runpy

    script, models = json.loads(os.environ[_VARIABLE])
    finder.install(models=models)
    follow(models)
    names = runpy.run_path(script, run_name="__mp_main__")
    module.clear()
    module.update(names)


def _change(spawn: types.ModuleType, models: bool | None) -> None:
    import json

    original = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, object]:
        data: dict[str, object] = original(name)
        script = data.pop("init_main_from_path", None)
        if script is not None:
            os.environ[_VARIABLE] = json.dumps([script, models])
            data["init_main_from_name"] = "fastw2v.dropin.child"
        return data

    spawn.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]


class _AtImport(finder.Loader):
    """The finder and loader that changes multiprocessing.spawn when it is imported."""

    def __init__(self, models: bool | None) -> None:
        self.models = models

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        if fullname != _SPAWN:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        assert spec is not None and spec.loader is not None
        self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        assert module.__spec__ is not None
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        _change(module, self.models)
