"""Promises of every reader about whole, cut, damaged, foreign, hostile and missing files."""

import inspect
import os
import pickle
import random
from pathlib import Path

import pytest
import readers
from places import DATA
from readers import READERS

import fastw2v.datasets
import fastw2v.models
from fastw2v import keyed_vectors, text_model

FINDS = DATA / "fuzz"

every_reader = pytest.mark.parametrize("name", READERS)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Enter an empty folder; unlike the common fixture, leave numpy's stream and caches alone."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def attempt(name, folder, data, memory=True):
    path = readers.path_for(name, folder)
    Path(path).write_bytes(data)
    answer = readers.attempt(name, path, len(data), memory)
    assert os.listdir(folder) == [os.path.basename(path)]
    return answer


def test_every_public_reader_is_in_the_table():
    """Look for public functions and methods whose names begin with load or read_."""
    source = inspect.getsource(readers)
    for home in (keyed_vectors, text_model, fastw2v.datasets, fastw2v.models):
        for name in getattr(home, "__all__", dir(home)):
            thing = getattr(home, name)
            parts = {name: thing}
            if inspect.isclass(thing) and thing.__module__.startswith("fastw2v"):
                parts = {f"{name}.{part}": getattr(thing, part) for part in vars(thing)}
            for part, function in parts.items():
                if callable(function) and part.rpartition(".")[2].startswith(("load", "read_")):
                    assert part.rpartition(".")[2] in source, part


@every_reader
def test_whole_files_are_read(name, folder):
    for data in readers.whole_files(name, folder):
        assert attempt(name, folder, data) == "read"


@every_reader
def test_files_cut_off_anywhere_are_read_or_refused(name, folder):
    answers = []
    for data in readers.whole_files(name, folder):
        rng = random.Random(0)
        for n in {0, 1, len(data) - 1, *(rng.randrange(len(data)) for _ in range(40))}:
            answers.append(attempt(name, folder, data[:n], memory=False))
    assert answers.count("refused") >= len(readers.READERS[name].seeds())


@every_reader
def test_damaged_files_are_read_or_refused(name, folder):
    """Do for a few files what tools/fuzz.py does for millions."""
    files = readers.whole_files(name, folder)
    answers = []
    for k in range(150):
        data = readers.damage(name, random.Random(k), files)
        answers.append(attempt(name, folder, data, memory=k % 5 == 0))
    assert "refused" in answers


def finds():
    return [
        pytest.param(name, path, id=f"{path.parent.name}-{path.name}")
        for name in READERS
        for path in sorted(FINDS.joinpath(name.replace(" ", "-")).glob("*"))
    ]


@pytest.mark.parametrize(("name", "path"), finds())
def test_files_found_by_fuzzing_are_read_or_refused(name, path, folder):
    readers.whole_files(name, folder)
    assert attempt(name, folder, path.read_bytes()) in ("read", "refused")


def test_every_folder_of_finds_belongs_to_a_reader():
    assert FINDS.is_dir()
    known = {name.replace(" ", "-") for name in READERS}
    assert {path.name for path in FINDS.iterdir()} <= known


class Runs:
    def __reduce__(self):
        return os.mkdir, ("hit",)


FOREIGN = {
    "empty": b"",
    "blanks": b" \n\t\r\n \n",
    "zeros": bytes(5000),
    "noise": random.Random(1).randbytes(5000),
    "one long line": b"x" * 300_000,
    "many lines": b"\n" * 300_000,
    "many marks": b"(" * 300_000,
    "UTF-16": "\ufeffword 1 2\n".encode("utf-16"),
    "a program": b"\x7fELF\x02\x01\x01" + bytes(200),
    "an archive of nothing": b"PK\x05\x06" + bytes(18),
    "a hostile pickle": pickle.dumps([Runs()]),
    "a hostile pickle of protocol 0": pickle.dumps(Runs(), 0),
    "a deep pickle": b"\x80\x04" + b"]" * 20_000 + b"a" * 19_999 + b".",
    "deep JSON in a pickle": b"\x80\x04X" + b"\x10\x27\0\0" + b"[" * 10_000 + b".",
    "a gzip bomb": None,
}


@every_reader
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_refused(name, kind, folder):
    import gzip

    readers.whole_files(name, folder)
    data = FOREIGN[kind] if FOREIGN[kind] is not None else gzip.compress(bytes(20_000_000))
    answer = attempt(name, folder, data, memory=kind != "many marks")
    texts = ("corpus", "pairs", "sequences", "counts", "questions")
    assert answer == "refused" or name.endswith(texts) or name == "book pickle"


@every_reader
def test_missing_files_and_folders_are_refused(name, folder):
    path = readers.path_for(name, folder)
    with pytest.raises(OSError, match="o file|o such file|No such"):
        READERS[name].read(path)
    os.mkdir(path)
    with pytest.raises((OSError, ValueError), match="file"):
        READERS[name].read(path)
