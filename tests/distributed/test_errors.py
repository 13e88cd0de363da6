"""Bad input is refused before work is lost; the error says what to do."""

import json

import pytest
from cluster_texts import SETTINGS, sentences, write
from fresh_interpreter import run

from fastw2v.distributed import SerialEngine, plan, resume, train
from fastw2v.distributed.places import Here, here
from fastw2v.distributed.run_folder import RunFolder


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write(tmp_path_factory.mktemp("text") / "text.txt", sentences(300))


@pytest.mark.parametrize(
    "more, error, message",
    [
        ({"wire": "float16"}, ValueError, "wire: expected"),
        ({"shards": 0}, ValueError, "shards: expected"),
        ({"rounds": 0}, ValueError, "rounds: expected"),
        ({"every": -1}, ValueError, "every: expected"),
        ({"stall": 0}, ValueError, "stall: expected a number above 0, got 0"),
        ({"stall": float("inf")}, ValueError, "stall: expected a number above 0, got inf"),
        ({"on_round": 3}, TypeError, "on_round: expected a function of a RoundInfo, got int"),
        ({"column": 3}, TypeError, "column: expected str, got int"),
        ({"storage_options": 3}, TypeError, "storage_options: expected a dict .*got int"),
        ({"run": 3}, TypeError, "run: expected the name of a folder, got int"),
        ({"vector_size": 0}, ValueError, "vector_size: expected"),
        ({"vector_sice": 5}, TypeError, "vector_sice"),
        ({"sentences": [["a"]]}, TypeError, "sentences is not an argument of distributed"),
        ({"callbacks": [1]}, TypeError, "callbacks is not an argument of distributed training"),
        ({"min_count": 10**6}, ValueError, "min_count: expected two words or more"),
        ({"column": "text"}, ValueError, "column: expected Parquet files, got .*text.txt"),
        ({"shards": 10**6}, ValueError, "shards: expected at most"),
        ({"shards": 3000}, ValueError, "shards: expected at most .*short texts are not divided"),
    ],
)
def test_arguments(text, more, error, message):
    with pytest.raises(error, match=message):
        train(text, client=SerialEngine(), **SETTINGS | more)


def test_texts(text, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes(b"na\xefve na\xefve words words\n" * 9)
    for corpus, error, message in (
        (tmp_path / "missing.txt", FileNotFoundError, "missing.txt: no such file; each worker"),
        (str(tmp_path / "*.parquet"), FileNotFoundError, "no file has such a name"),
        (tmp_path, IsADirectoryError, "is a folder"),
        (tmp_path / "empty.txt", ValueError, "corpus: expected text, got 1 empty files"),
        ([], ValueError, "corpus: expected text, got 0 empty files"),
        (tmp_path / "latin.txt", ValueError, "latin.txt.* byte 2: 0xef is not UTF-8"),
        ([["a", "b"]], TypeError, "corpus: expected names of files, got an item that is a list"),
        (3, TypeError, "corpus: expected the name of a file"),
    ):
        with pytest.raises(error, match=message):
            train(corpus, client=SerialEngine(), **SETTINGS)


def test_workers(text):
    with pytest.raises(RuntimeError, match="client: expected a cluster with workers, got one with"):
        train(text, client=SerialEngine(0), **SETTINGS)
    with pytest.raises(RuntimeError, match=r"place-1: expected fastw2v .*got 0.0.1; install"):
        train(text, client=SerialEngine([Here(), Here(version="0.0.1")]), **SETTINGS)
    levels = [Here(isa="v4"), Here(isa="v3")]
    with pytest.raises(RuntimeError, match=r"place-1: .*set FASTW2V_ISA=v3 on all workers"):
        train(text, client=SerialEngine(levels), **SETTINGS)
    # With several threads no bits are promised, so levels may differ.
    several = [Here(isa="v4", threads=2), Here(isa="v3", threads=2)]
    train(text, client=SerialEngine(several), shards=1, **SETTINGS | {"workers": None})


@pytest.mark.parametrize(
    ("more", "tables"),
    [({}, 2), ({"hs": 1}, 3), ({"hs": 1, "negative": 0}, 2), ({"max_final_vocab": 50}, 2)],
)
def test_too_little_memory_is_noticed_while_the_first_part_is_counted(text, more, tables):
    settings = SETTINGS | more
    V = len(train(text, client=SerialEngine(), shards=4, **settings).wv)
    need = 14 * tables * V * settings["vector_size"]
    train(text, client=SerialEngine([Here(), Here(memory=need)]), shards=4, **settings)
    # Words that only the whole text has often enough are missed by the first part.
    engine = SerialEngine([Here(), Here(memory=need - 1)])
    with pytest.raises(MemoryError, match=rf"place-1: expected .* GB for .*{V} words of 12"):
        train(text, client=engine, shards=4, **settings)
    assert not any("-encode-" in key for key in engine.log)
    engine = SerialEngine([Here(), Here(memory=1000)])
    with pytest.raises(MemoryError, match="place-1: expected .* GB for at least .*raise min_count"):
        train(text, client=engine, shards=4, **settings)
    assert not any("-count-1-" in key for key in engine.log)


def test_a_folder_that_a_worker_cannot_use_is_refused(text, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"run: .*file cannot be written .*; name another folder"):
        train(text, client=SerialEngine(), run=tmp_path / "file", **SETTINGS)
    exists, put = RunFolder.exists, RunFolder._put

    def unseen(folder, name):
        return here().address == "place-0" and exists(folder, name)

    def unwritable(folder, name, data):
        if here().address == "place-1":
            raise PermissionError("read-only")
        put(folder, name, data)

    for method, replaced, message in (
        ("exists", unseen, "is not the folder that the client sees on worker place-1; name one on"),
        ("_put", unwritable, r"cannot be written \(read-only\) on worker place-1; name one on a"),
    ):
        engine = SerialEngine(2)
        with monkeypatch.context() as patch, pytest.raises(OSError, match=message):
            patch.setattr(RunFolder, method, replaced)
            train(text, client=engine, run=tmp_path / "run", **SETTINGS)
        assert engine.log == [] and list((tmp_path / "run").iterdir()) == []


def test_run_folders(text, tmp_path):
    run = tmp_path / "run"
    train(text, client=SerialEngine(), shards=2, rounds=2, run=run, every=0, **SETTINGS)
    with pytest.raises(FileExistsError, match=r"holds run .* round 2 of 2; resume it"):
        train(text, client=SerialEngine(), run=run, **SETTINGS)
    with pytest.raises(FileNotFoundError, match="holds no run that can be resumed"):
        resume(tmp_path / "other", client=SerialEngine())
    manifest = json.loads((run / "manifest.json").read_text())
    rows = run / manifest["rows"][0]["name"]
    data = bytearray(rows.read_bytes())
    data[-1] ^= 1
    rows.write_bytes(data)
    with pytest.raises(ValueError, match=r"rows-0.fw2v: the file is damaged"):
        resume(run, client=SerialEngine())
    rows.unlink()
    with pytest.raises(FileNotFoundError, match=r"rows-0.fw2v: no such file, although"):
        resume(run, client=SerialEngine())
    for damage in (b"{", b"[]", b"{}", json.dumps(manifest | {"job": {}}).encode()):
        (run / "manifest.json").write_bytes(damage)
        with pytest.raises(ValueError, match="the manifest is damaged"):
            resume(run, client=SerialEngine())
    assert "key" not in json.dumps(manifest["reading"])


@pytest.mark.parametrize("name", ["manifest.json", "vocabulary.fw2v", "1/rows-0.fw2v"])
def test_files_of_another_run_are_refused(tmp_path, name):
    for seed in (1, 2):
        text = write(tmp_path / f"{seed}.txt", sentences(300, seed))
        settings = SETTINGS | {"run": tmp_path / str(seed), "every": 0, "seed": seed}
        train(text, client=SerialEngine(), on_round=lambda info: True, **settings)
    (tmp_path / "1" / name).replace(tmp_path / "2" / name)
    with pytest.raises(ValueError, match="restore|another run"):
        resume(tmp_path / "2", client=SerialEngine())


def test_resume_notices_another_text(tmp_path):
    text = write(tmp_path / "text.txt", sentences(300))
    run = tmp_path / "run"
    train(*(text,), client=SerialEngine(), run=run, every=0, on_round=lambda info: True, **SETTINGS)
    write(tmp_path / "text.txt", sentences(301))
    with pytest.raises(ValueError, match=r"text.txt: the file has changed since the run began"):
        resume(run, client=SerialEngine())


def test_plan():
    found = plan(vocabulary=10**6, vector_size=300, words=10**10, machines=64)
    assert found.best_machines < 64 and found.words_per_second < found.best_words_per_second
    assert found.bytes_per_worker == 28 * 10**6 * 300 and len(found.table) == 7
    for name, bad in (("machines", 0), ("gbit", 0), ("rate", -1), ("words", 1.5)):
        with pytest.raises((ValueError, TypeError), match=name):
            plan(**{"vocabulary": 9, "vector_size": 9, "words": 9, "machines": 9} | {name: bad})


def test_more_machines_than_the_text_needs_are_warned_of(text):
    engine = SerialEngine(3)
    places = engine.places()
    engine.places = lambda: [place._replace(host=f"10.0.0.{i}") for i, place in enumerate(places)]
    with pytest.warns(RuntimeWarning, match="trains faster on 1 of these machines .* than on 3 "):
        train(text, client=engine, **SETTINGS)


def test_without_dask_the_error_has_the_command():
    code = """
import sys
sys.modules["distributed"] = sys.modules["dask"] = None
from fastw2v.distributed import train
try:
    train("text.txt", client="tcp://127.0.0.1:1")
except ImportError as error:
    assert "pip install 'fastw2v[dask]'" in str(error), error
    print("told")
"""
    done = run(code)
    assert done.stdout == "told\n", done.stderr
