"""The build: levels, modules that an import loads, stubs, and instructions of each level."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from fresh_interpreter import run
from places import ROOT

import fastw2v
from fastw2v import _kernels
from fastw2v._kernels import _cpu

STUBS = sorted(Path(_kernels.__file__).parent.glob("_*.pyi"))
NOUNS = [stub.stem for stub in STUBS]
BUILT = _kernels.built_levels()
USABLE = _kernels.usable_levels()


def test_build_info_names_what_is_in_use():
    info = fastw2v.build_info()
    assert info["version"] == fastw2v.__version__
    assert info["levels"] == BUILT and "baseline" in BUILT
    assert info["isa"] == (os.environ.get("FASTW2V_ISA") or USABLE[-1])
    assert info["cpu_level"] in _kernels.LEVELS
    assert info["unbuilt_level"] == (None if info["cpu_level"] in BUILT else info["cpu_level"])
    assert re.match(r"(gcc|clang|msvc) \d", info["compiler"])
    assert info["openmp"] == 0 or 200805 <= info["openmp"] <= 210000
    assert info["threads"] == fastw2v.get_num_threads()


@pytest.mark.parametrize("level", USABLE)
def test_the_level_asked_for_is_the_one_imported(level):
    code = (
        "import fastw2v\n"
        "from fastw2v._kernels import _embedding, _optimizer\n"
        "print(fastw2v.build_info()['isa'])\n"
        "print(_embedding.__file__, _optimizer.__file__, sep='\\n')"
    )
    done = run(code, FASTW2V_ISA=level)
    assert done.returncode == 0, done.stderr
    isa, *files = done.stdout.split("\n")[:3]
    assert isa == level
    assert [Path(file).parent.name for file in files] == [level, level]


@pytest.mark.parametrize(
    "statement",
    ["import fastw2v.layers", "from fastw2v import RowGrad", "import fastw2v.word2vec.schedule"],
)
def test_an_unknown_level_is_an_import_error_naming_the_usable_ones(statement):
    done = run(statement, FASTW2V_ISA="v9")
    assert done.returncode == 1
    message = done.stderr.strip().split("\n")[-1]
    expected = " or ".join(USABLE)
    assert message.startswith(f"ImportError: FASTW2V_ISA: expected {expected}, got 'v9'")


@pytest.mark.parametrize("call", ["build_info", "get_num_threads"])
def test_the_error_of_a_wrong_level_is_that_of_every_name(call):
    done = run(f"import fastw2v; fastw2v.{call}()", FASTW2V_ISA="avx")
    assert done.returncode == 1 and "got 'avx', no instruction-set level; unset" in done.stderr


def test_a_level_above_the_cpu_is_an_import_error_never_a_crash(monkeypatch):
    monkeypatch.setattr(_cpu, "level", lambda: "baseline")
    monkeypatch.setattr(_kernels, "built_levels", lambda: ["baseline", "v3"])
    monkeypatch.setenv("FASTW2V_ISA", "v3")
    with pytest.raises(ImportError, match="expected baseline, got 'v3', a level that this CPU can"):
        _kernels._choose()
    monkeypatch.setenv("FASTW2V_ISA", "v4")
    with pytest.raises(ImportError, match="got 'v4', a level that was not built; .*LEVELS=all"):
        _kernels._choose()
    monkeypatch.delenv("FASTW2V_ISA")
    assert _kernels._choose() == "baseline"


def test_without_any_kernel_the_import_error_says_to_install(monkeypatch):
    monkeypatch.setattr(_kernels, "built_levels", list)
    monkeypatch.delenv("FASTW2V_ISA", raising=False)
    with pytest.raises(ImportError, match="pip install"):
        _kernels._choose()


def test_import_loads_no_module_that_most_programs_never_need():
    done = run("import sys, fastw2v; print(*sorted(sys.modules))")
    assert done.returncode == 0, done.stderr
    heavy = {"matplotlib", "tqdm", "gensim", "scipy", "torch", "Cython", "pytest", "IPython"}
    heavy |= {"numpy", "fastw2v._kernels"}
    ours = {"fastw2v.dropin", "fastw2v.cli", "fastw2v.reference"}
    assert not (heavy | ours) & set(done.stdout.split())


@pytest.mark.parametrize("noun", NOUNS)
def test_stub_and_module_agree_on_names_and_arguments(noun):
    # The comparison that stubtest makes, without mypy, for runs of the tests alone.
    tree = ast.parse(Path(_kernels.__file__).with_name(f"{noun}.pyi").read_text(encoding="utf-8"))
    stub = {
        node.name: [argument.arg for argument in node.args.args]
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    values = {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    values |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    module = importlib.import_module(f"fastw2v._kernels.{noun}")
    public = {name for name in vars(module) if not name.startswith("_")}
    assert set(stub) | values == public
    for name, arguments in stub.items():
        entry = getattr(module, name)
        code = entry.__code__
        assert list(code.co_varnames[: code.co_argcount]) == arguments, name


def test_importing_the_kernels_does_not_switch_the_interpreters_lock_on():
    # A module that does not declare free threading switches it on.
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert '"freethreading_compatible": True' in text
    modules = ", ".join(f"fastw2v._kernels.{noun}" for noun in [*NOUNS, "_cyutility"])
    code = f"import sys, {modules}; print(getattr(sys, '_is_gil_enabled', lambda: True)())"
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    assert run(code, PYTHON_GIL="").stdout == f"{not free_threaded}\n"


def test_cythons_own_code_is_built_once_and_shared_by_all_kernels():
    # It is built for the baseline, because every CPU that imports a kernel runs it.
    folder = Path(_kernels.__file__).parent
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert list(folder.rglob(f"_cyutility{suffix}")) == [folder / f"_cyutility{suffix}"]
    shared = importlib.import_module("fastw2v._kernels._cyutility")
    assert "memoryview" in vars(shared)
    for noun in NOUNS:
        # Memory views of its own would bring 25,000 lines of C back into the kernel.
        code = Path(importlib.import_module(f"fastw2v._kernels.{noun}").__file__).read_bytes()
        assert shared.__name__.encode() in code, noun
        assert b"View.MemoryView.memview_slice" not in code, noun
    assert b"View.MemoryView.memview_slice" in Path(shared.__file__).read_bytes()


OBJDUMP = shutil.which("objdump")


def registers(path):
    """Return the vector registers that the code of a compiled module names."""
    listing = subprocess.run(
        [OBJDUMP, "-d", "--no-show-raw-insn", str(path)], capture_output=True, text=True, check=True
    ).stdout
    return set(re.findall(r"%([xyz]mm)", listing))


@pytest.mark.skipif(
    not (OBJDUMP and sys.platform == "linux" and os.uname().machine == "x86_64"),
    reason="reads x86-64 ELF files with objdump",
)
@pytest.mark.parametrize("level", BUILT)
def test_levels_hold_the_instructions_of_their_cpus_only(level):
    folder = Path(_kernels.__file__).parent
    files = sorted((folder / level).glob("*.so"))
    if level == "baseline":
        files += sorted(folder.glob("*.so"))
    assert files
    used = {path.name: registers(path) for path in files}
    allowed = {"xmm", "ymm", "zmm"}
    if level == "baseline":
        allowed = {"xmm"}
    elif level == "v3":
        allowed = {"xmm", "ymm"}
    assert {name: found - allowed for name, found in used.items() if found - allowed} == {}
    if level != "baseline":
        assert all("ymm" in found or "zmm" in found for found in used.values())
