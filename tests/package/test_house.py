"""The house keeps its shape: rooms, walls between them, sizes of files, plain words."""

import re

import pytest
from house import MODULES, PACKAGE, cycles, imports, prose
from places import ROOT

MOST_LINES = 600
MOST_KERNEL_LINES = 500


def test_no_import_at_run_time_leads_back():
    # Imports inside functions count. TYPE_CHECKING blocks do not.
    assert cycles({name: imports(name) for name in MODULES}) == []


def test_cycles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"d"}}
    assert cycles(graph) == [["a", "b", "c"]]
    assert "fastw2v.dropin.finder" in imports("fastw2v.dropin")
    assert "fastw2v.dropin.run_script" in imports("fastw2v.cli.run")  # inside a function
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


def too_long(paths, most):
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in paths
    }
    return {name: n for name, n in lengths.items() if n > most}


def test_python_files_are_short_enough_to_read():
    assert too_long(MODULES.values(), MOST_LINES) == {}


def test_kernel_files_are_short_enough_to_read():
    files = [path for path in (ROOT / "src_pyx").iterdir() if path.suffix in (".pyx", ".pxd", ".h")]
    files.remove(ROOT / "src_pyx" / "splitter_tables.h")  # numbers, which a script writes
    assert files
    assert too_long(files, MOST_KERNEL_LINES) == {}


def test_the_tests_mirror_the_rooms():
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py"))}
    assert folders == {
        *("kernels", "layers", "models", "training", "word2vec", "keyed_vectors", "files"),
        *("phrases", "cli", "distributed", "dropin", "explorer", "fasttext", "package"),
    }
    assert list((ROOT / "tests").glob("test_*.py")) == []


# Words of translated prose. English has a plainer one for each: no one's, the caller, n, remains.
BANNED = re.compile(
    r"\b(nobody|whoever|somebody|so many|goes on|runs? away|naps?|for gensim's sake"
    r"|stops making sense|stands? (there|twice|in the way))\b",
    re.IGNORECASE,
)
# Beginnings of a docstring that is neither a verb nor a noun phrase. Ruff's D401 knows only verbs.
NO_SENTENCE = re.compile(r'[rf]?"""(What|How|Of|For|After|Whether|Where|Who)\b')
# Of a property "Whether ..." is the usual noun phrase.
PROPERTY = re.compile(r'@(cached_)?property\n\s+def [^"#@]*("""Whether\b)')


def written():
    """Return all files of the package and of the kernels."""
    kernels = [path for path in (ROOT / "src_pyx").iterdir() if path.suffix not in (".c", ".txt")]
    return [*MODULES.values(), *sorted(kernels)]


def test_the_word_list_finds_what_it_should():
    assert BANNED.search("# rows that nobody reads") and BANNED.search("Nobody reads them.")
    assert not BANNED.search("# the category of somebodyish things")
    assert NO_SENTENCE.match('"""What a file holds."""')
    assert not NO_SENTENCE.match('"""Whatever."""')


@pytest.mark.parametrize("path", written(), ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_uses_plain_words(path):
    found = []
    source = path.read_text(encoding="utf-8")
    properties = {source.count("\n", 0, match.start(2)) + 1 for match in PROPERTY.finditer(source)}
    for line, text in prose(path):
        for number, part in enumerate(text.splitlines()):
            if BANNED.search(part):
                found.append(f"{line + number}: {part.strip()}")
        if NO_SENTENCE.match(text) and line not in properties:
            found.append(f"{line}: {text.splitlines()[0]}")
    assert found == []
