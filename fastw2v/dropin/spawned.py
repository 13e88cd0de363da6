"""The drop-in in processes that multiprocessing starts afresh ("spawn", "forkserver").

Such a child imports its parent's main script again, under the name `__mp_main__`, before anything
else happens. Under `fastw2v run` it shall import `fastw2v.dropin.child` instead, which installs the
drop-in and then runs the script in that way.
"""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import sys
import types
from importlib.abc import Loader
from importlib.machinery import ModuleSpec

from fastw2v.dropin import finder

_SPAWN = "multiprocessing.spawn"
_VARIABLE = "FASTW2V_MAIN"  # how a child learns which script, and whether with the models


def follow(models: bool) -> None:
    """Give the drop-in to all children of this process, and to theirs."""
    if _SPAWN in sys.modules:
        _change(sys.modules[_SPAWN], models)
    else:  # most scripts never import it
        sys.meta_path.insert(0, _AtImport(models))


def become_script(module: dict[str, object]) -> None:
    """In a child: install the drop-in and run the script; `module` gets its names."""
    script, models = json.loads(os.environ[_VARIABLE])
    finder.install(models=models)
    follow(models)
    names = runpy.run_path(script, run_name="__mp_main__")
    module.clear()
    module.update(names)


def _change(spawn: types.ModuleType, models: bool) -> None:
    original = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, object]:
        data = original(name)
        script = data.pop("init_main_from_path", None)
        if script is not None:
            os.environ[_VARIABLE] = json.dumps([script, models])
            data["init_main_from_name"] = "fastw2v.dropin.child"
        return data

    spawn.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]


class _AtImport(Loader):
    """Finder and loader that changes multiprocessing.spawn when somebody imports it."""

    def __init__(self, models: bool) -> None:
        self.models = models

    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
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
