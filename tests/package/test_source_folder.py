"""A source folder without kernels hides the installed package: the error tells it, cures work."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

import fastw2v
from fastw2v._core import source_folder

INSTALLED = Path(fastw2v.__file__).resolve().parent
SAFE_PATH = pytest.mark.skipif(sys.version_info < (3, 11), reason="-P came with Python 3.11")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the source, without what was compiled."""
    root = tmp_path_factory.mktemp("clone")
    compiled = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    for part in ("fastw2v", "tests/support"):
        shutil.copytree(ROOT / part, root / part, ignore=compiled)
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, root / name)
    (root / "tests" / "test_import.py").write_text("import fastw2v\n\ndef test_it():\n    pass\n")
    return root.resolve()


def python(folder, *arguments, **environment):
    """Run Python in a folder, with the package under test installed behind it on the path."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(INSTALLED.parent)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "arguments",
    [("-c", "import fastw2v"), ("-m", "fastw2v", "info"), ("-m", "pytest", "tests")],
    ids=["import", "python -m fastw2v", "python -m pytest"],
)
def test_in_the_clone_an_import_error_names_cause_and_cures(clone, arguments):
    done = python(clone, *arguments)
    assert done.returncode != 0
    printed = done.stdout + done.stderr
    assert f"fastw2v was imported from the source folder {clone}" in printed
    assert f"hides the installed package {INSTALLED}" in printed
    for cure in ("cd to another folder", "python -P", "PYTHONSAFEPATH=1", "pytest instead of"):
        assert cure in printed
    assert f"pip install -e {clone}" in printed
    assert "circular import" not in printed


@SAFE_PATH
@pytest.mark.parametrize(
    "arguments",
    [("-c", "import fastw2v"), ("-m", "fastw2v", "info"), ("-m", "pytest", "-q", "tests")],
    ids=["import", "python -m fastw2v", "python -m pytest"],
)
def test_the_cures_work(clone, tmp_path, arguments):
    for done in (
        python(clone, "-P", *arguments),
        python(clone, *arguments, PYTHONSAFEPATH="1"),
        python(tmp_path, *arguments[:-1], str(clone / "tests"))
        if "pytest" in arguments
        else python(tmp_path, *arguments),
    ):
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_pytest_tests_the_installed_package(clone):
    command = shutil.which("pytest", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("the command pytest is not installed beside this Python")
    done = python(clone, command, "-q", "tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_an_installed_package_the_error_says_how_to_install(clone, monkeypatch):
    monkeypatch.setattr(source_folder, "_HERE", clone / "fastw2v" / "_kernels")
    monkeypatch.setattr(sys, "path", [str(clone)])
    with pytest.raises(ImportError, match="holds no kernels compiled for this Python") as error:
        source_folder.check_that_kernels_are_here()
    assert f"pip install {clone}, then cd to another folder" in str(error.value)
    assert f"pip install -e {clone}" in str(error.value)
