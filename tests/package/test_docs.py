"""The documentation is true: examples run, names exist, tables are complete."""

import ast
import doctest
import importlib.util
import inspect
import pkgutil
import re
import shutil

import numpy as np
import pytest
from fresh_interpreter import run
from places import DATA, ROOT

import fastw2v
from fastw2v import _kernels
from fastw2v._core import threads

NEEDS = {
    "fastw2v.sklearn": "sklearn",
    "fastw2v.fonts": "matplotlib",
}  # modules of an extra, and the library of that extra
ABSENT = {name for name, library in NEEDS.items() if not importlib.util.find_spec(library)}
MODULES = ["fastw2v"] + sorted(
    module.name
    for module in pkgutil.walk_packages(fastw2v.__path__, "fastw2v.")
    if not module.name.endswith(("__main__", "._cyutility"))  # the latter is Cython's own
    and module.name not in ABSENT
)

# RowGrad's methods pass on what numpy says about the ones they replace.
NUMPYS_OWN = {inspect.getdoc(method) for method in vars(np.ndarray).values()} | {
    method.__doc__ for method in vars(np.ndarray).values()
}


@pytest.fixture
def quiet_place(tmp_path, monkeypatch):
    """Let examples write files, set threads and seed numpy, and undo all of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threads, "_num_threads", threads.get_num_threads())
    state = np.random.get_state()
    with np.printoptions():
        yield tmp_path
    np.random.set_state(state)
    fastw2v.uninstall()


def test_walk_finds_the_modules():
    assert {"fastw2v.optimizer", "fastw2v._kernels", "fastw2v.reference.layers"} <= set(MODULES)


@pytest.mark.parametrize("package", [fastw2v, fastw2v.reference])
def test_modules_are_attributes_of_their_package(package):
    found = {module.name for module in pkgutil.iter_modules(package.__path__)}
    public = {name for name in found if not name.startswith("_")}
    assert {"layers", "trainer"} < public <= set(dir(package))
    for name in public:
        if f"{package.__name__}.{name}" in ABSENT:
            continue
        assert getattr(package, name) is importlib.import_module(f"{package.__name__}.{name}")
    for name in ("no_such_module", "_no_such_module", "__wrapped__"):
        with pytest.raises(
            AttributeError, match=rf"'{package.__name__}' has no attribute '{name}'"
        ):
            getattr(package, name)


def test_modules_are_imported_when_they_are_asked_for():
    code = (
        "import sys, fastw2v\n"
        "print('fastw2v.util' in sys.modules, 'util' in dir(fastw2v))\n"
        "print('fastw2v.util' in sys.modules, fastw2v.util is sys.modules['fastw2v.util'])\n"
        "print(fastw2v.layers.Embedding.__name__, fastw2v.reference.layers.__name__)"
    )
    done = run(code)
    assert done.stdout == "False True\nFalse True\nEmbedding fastw2v.reference.layers\n", (
        done.stderr
    )


def test_the_table_of_the_package_names_what_is_there():
    assert fastw2v.__doc__
    names = set(re.findall(r"`(\w+)`", fastw2v.__doc__))
    by_ipython = {"load_ipython_extension", "unload_ipython_extension"}
    assert set(fastw2v.__all__) - {"__version__"} <= names | by_ipython
    assert {name for name in names if not hasattr(fastw2v, name)} == set()


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name, quiet_place):
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    for test in doctest.DocTestFinder().find(module):
        if test.docstring not in NUMPYS_OWN:
            runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name):
    assert (importlib.import_module(name).__doc__ or "").strip()


@pytest.mark.parametrize("name", MODULES)
def test_public_names_exist_and_are_documented(name):
    module = importlib.import_module(name)
    names = getattr(module, "__all__", ())
    assert len(set(names)) == len(names)
    for public in names:
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), f"{name}.{public} has no docstring"


def in_a_room(name):
    """Tell whether users import a module's names from its package, as in fastw2v.word2vec."""
    rooms = "cli|distributed|dropin|fasttext|keyed_vectors|phrases|word2vec"
    return re.match(rf"fastw2v\.({rooms})\.", name) is not None


# The reference is read beside the module that it is the twin of, whose examples hold for it too.
@pytest.mark.parametrize(
    "name",
    [n for n in MODULES if not re.search(r"\._|^fastw2v\.reference", n) and not in_a_room(n)],
)
def test_public_classes_and_functions_have_an_example(name):
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    missing = []
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        home = getattr(value, "__module__", None) or ""
        if not callable(value) or not f"{home}.".startswith(f"{name}."):
            continue
        if public.startswith(("load_ipython", "unload_ipython")):
            continue  # called by IPython only
        if not any(test.examples for test in finder.find(value, public)):
            missing.append(public)
    assert missing == []


PAGES = [
    "README.md",
    "README.ja.md",
    *sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/**/*.md")),
]


def blocks_of(page, language):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)


def blocks_with_outputs(page):
    """Return [a block of Python, what the page shows below it, or None]."""
    text = (ROOT / page).read_text(encoding="utf-8")
    pattern = r"^```python\n(.*?)^```$(?:\n\n^```\n(.*?)^```$)?"
    return [(m[1], m[2]) for m in re.finditer(pattern, text, flags=re.M | re.S)]


def assert_shown(block, printed, shown):
    """Assert that a block printed what its page shows.

    Python's documentation, as a text to train on, differs from version to version. Most of the
    shown neighbours must be found with all of them.
    """
    if "builtin_text" in block:
        printed, shown = ast.literal_eval(printed), ast.literal_eval(shown)
        assert len(printed) == len(shown)
        assert 2 * len(set(printed) & set(shown)) > len(shown), (printed, shown)
    else:
        assert printed == shown


def test_shown_outputs_are_found_and_compared():
    for page in ("README.md", "README.ja.md"):
        found = [shown for _, shown in blocks_with_outputs(page) if shown is not None]
        assert len(found) >= 2, page
    assert_shown("print(1)", "1\n", "1\n")
    assert_shown("builtin_text()", "['a', 'b', 'x']\n", "['b', 'a', 'c']\n")
    for block, printed in (("print(1)", "2\n"), ("builtin_text()", "['x', 'y', '1']\n")):
        with pytest.raises(AssertionError):
            assert_shown(block, printed, "['1', '2', '3']\n")


def test_pages_with_examples_are_found():
    assert {"README.md", "docs/book.md", "docs/ja/book.md"} <= set(PAGES)
    assert len(blocks_of("README.md", "python")) >= 8


NEEDS = {"docs/scikit-learn.md": ("sklearn",)}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page, "python")])
def test_python_of_a_page_runs(page, quiet_place, capsys):
    # One after the other in one namespace, as a reader would paste them.
    for module in NEEDS.get(page, ()):
        pytest.importorskip(module)
    for path in (DATA / "gensim").glob("4.4.0-apart.model*"):  # for gensim-files.md
        shutil.copy(path, path.name.replace("4.4.0-apart", "their"))
    namespace = {"__name__": "__main__"}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    for number, (block, shown) in enumerate(blocks_with_outputs(page)):
        name = f"{page}, block {number}"
        capsys.readouterr()
        if block.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block, namespace, name, page, 0)
            runner.run(test, clear_globs=False)
            namespace.update(test.globs)
        else:
            exec(compile(block, name, "exec"), namespace)
        if shown is not None:
            assert_shown(block, capsys.readouterr().out, shown)
    assert runner.summarize(verbose=False).failed == 0


def site_pages():
    """Return the module docs/site_pages.py, which needs no Sphinx until it is set up."""
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "docs" / "site_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_api_reference_has_every_public_module():
    site = site_pages()
    listed = {name for _, modules in site.PAGES.values() for name in modules}
    public = {
        n for n in MODULES if not re.search(r"\._|^fastw2v\.reference", n) and not in_a_room(n)
    }
    # The names of a module inside datasets or models are those of its package.
    inside = {n for n in public if n.startswith(("fastw2v.datasets.", "fastw2v.models."))}
    assert public - inside - site.NOT_LISTED <= listed
    assert [n for n in listed if n not in MODULES] == []
    assert doctest.testmod(site).failed == 0


TRANSLATED = [("README.md", "README.ja.md"), ("docs/book.md", "docs/ja/book.md")]


@pytest.mark.parametrize(("english", "japanese"), TRANSLATED)
def test_a_translation_has_the_same_parts(english, japanese):
    shapes = []
    for page in (english, japanese):
        text = (ROOT / page).read_text(encoding="utf-8")
        outside = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
        shapes.append(
            {
                "headings": [len(marks) for marks in re.findall(r"^(#+) ", outside, flags=re.M)],
                "code": re.findall(r"^```.*?^```$", text, flags=re.M | re.S),
                "rows of tables": len(re.findall(r"^\|", outside, flags=re.M)),
                "questions": len(re.findall(r"^\*\*", outside, flags=re.M)),
            }
        )
    assert shapes[0] == shapes[1]
    assert shapes[0]["headings"] and shapes[0]["code"]


def kernel_nouns():
    """Return the KERNELS table of setup.py, read without running it."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "KERNELS":
            return ast.literal_eval(node.value)
    raise AssertionError("setup.py has no table KERNELS")


def nouns(pattern, prefix):
    return {path.stem.removeprefix(prefix) for path in ROOT.glob(pattern)}


def test_each_kernel_has_its_source_stub_test_and_bench():
    table = {noun.removeprefix("_") for noun in kernel_nouns()}
    assert nouns("src_pyx/_*.pyx", "_") == table
    assert nouns("fastw2v/_kernels/_*.pyi", "_") == table
    # The kernel that describes the CPU computes nothing; test_build.py covers it.
    assert table - {"cpu"} <= nouns("tests/kernels/test_*.py", "test_")
    assert table - {"cpu"} <= nouns("bench/bench_*.py", "bench_")
    for noun in nouns("tests/kernels/test_*.py", "test_") - table:
        assert any(noun.startswith(f"{kernel}_") for kernel in table), noun


def test_levels_of_the_table_are_those_of_the_import():
    kinds = set(kernel_nouns().values())
    assert kinds <= {"fixed", "levels", "baseline"}
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert all(f'"{level}"' in text for level in _kernels.LEVELS)


def test_version_stands_in_the_changelog():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    release = fastw2v.__version__.split(".dev")[0].split("+")[0]
    assert f"## [{release}]" in text


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/changelog.md"])
def test_pictures_and_files_of_a_page_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    named = re.findall(r'src="([^"]+)"', text) + re.findall(r"\]\((?!http)([^)#]+)\)", text)
    # The pages of the API reference are written by the build.
    written = [name for name in named if not name.startswith("api/")]
    assert [name for name in written if not ((ROOT / page).parent / name).is_file()] == []
    assert page != "README.md" or len(named) >= 8
