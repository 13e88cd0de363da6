"""The house keeps its shape: rooms, walls between them, sizes of files, plain words."""

from house import MODULES, PACKAGE, cycles, imports
from places import ROOT


def test_no_import_at_run_time_leads_back():
    # Imports inside functions count. TYPE_CHECKING blocks do not.
    assert cycles({name: imports(name) for name in MODULES}) == []


def test_cycles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"d"}}
    assert cycles(graph) == [["a", "b", "c"]]
    assert "fastw2v.dropin.finder" in imports("fastw2v.dropin")
    assert "fastw2v.word2vec" in imports("fastw2v")  # inside a function
    assert "fastw2v.layers" not in imports("fastw2v")  # in a TYPE_CHECKING block


def test_nothing_private_lies_flat_in_the_package():
    flat = {path.name for path in PACKAGE.glob("_*.py*")}
    assert flat == {"__init__.py", "__main__.py", "_version.py"}


def test_rooms_say_what_they_are_for():
    rooms = [path for path in MODULES.values() if path.name == "__init__.py"]
    folders = {path.parent for path in MODULES.values()}
    assert {path.parent for path in rooms} == folders
    for path in rooms:
        assert path.read_text(encoding="utf-8").startswith('"""'), path


def test_the_tests_mirror_the_rooms():
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py"))}
    assert folders == {
        *("kernels", "layers", "models", "training", "word2vec", "keyed_vectors", "files"),
        *("cli", "dropin", "package"),
    }
    assert list((ROOT / "tests").glob("test_*.py")) == []
