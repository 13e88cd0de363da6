"""Files of parameters: those of the book and of fastw2v, damaged ones and hostile ones."""

import copyreg
import doctest
import io
import os
import pickle
import pickletools
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from places import DATA

from fastw2v import base_model
from fastw2v._files import book_pickle
from fastw2v.base_model import BaseModel, BookFileError, load_book_pickle

BOOK = DATA / "book_files"


class Model(BaseModel):
    def __init__(self, *params):
        self.params = list(params)
        self.grads = [np.zeros_like(p) for p in params]


def like(params):
    return Model(*(np.full_like(p, 7) for p in params))


@pytest.mark.parametrize("module", [base_model, book_pickle])
def test_docstring_examples_run(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_a_subclass_without_its_methods_is_told_which():
    model = BaseModel()
    assert model.params is None and model.grads is None

    class Mine(BaseModel):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine\.forward: .*write forward"):
        Mine().forward(1, 2)
    with pytest.raises(NotImplementedError, match=r"Mine\.backward: .*write backward"):
        Mine().backward(1)
    with pytest.raises(ValueError, match=r"Mine\.params: expected a list of arrays, got None"):
        Mine().save_params("never.pkl")


# the book's files


@pytest.mark.parametrize("name, n", [("Rnnlm", 6), ("BetterRnnlm", 9)])
def test_files_of_the_book_load(name, n, tmp_path, monkeypatch):
    with np.load(DATA / "files.npz") as golden:
        params = [golden[f"files/{name}/param{i}"] for i in range(n)]
    model = like(params)
    kept = list(model.params)
    model.load_params(BOOK / f"{name}.pkl")
    for actual, array, expected in zip(model.params, kept, params, strict=True):
        assert actual is array and actual.dtype == np.float32
        # The file was written in float16.
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-7)
        assert_same_bits(actual, expected.astype(np.float16).astype(np.float32))


def test_a_tied_weight_is_saved_in_fortran_order_and_comes_back():
    arrays = load_book_pickle(BOOK / "BetterRnnlm.pkl")
    assert arrays[7].flags.f_contiguous and not arrays[7].flags.c_contiguous
    assert (arrays[7] == arrays[0].T).all()


def test_cbow_params_of_the_book_load():
    params = load_book_pickle(BOOK / "cbow_params.pkl")
    with np.load(DATA / "files.npz") as golden:
        assert_same_bits(params["word_vecs"], golden["files/cbow_params/word_vecs"])
    assert params["id_to_word"] == {i: f"w{i:02d}" for i in range(13)}
    assert params["word_to_id"] == {f"w{i:02d}": i for i in range(13)}


BOOK_LIKE = [
    [np.float32(1) * np.arange(6, dtype=np.float16).reshape(2, 3), np.zeros((3, 2), order="F")],
    {"word_vecs": np.ones((3, 2), np.float16), "word_to_id": {"a": 0, "b": np.int64(1), "": 2}},
    [np.zeros((0, 4)), np.array(2.5), np.arange(3, dtype=">i4"), np.array([True]), np.float64(3)],
    ("text", b"bytes", b"", 1.5, -(2**63), 2**64 - 1, None, True, [[]], {}, (), "\udc80 \u3042"),
    [np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2), np.arange(10)[::2]],
    [np.zeros(3000, np.float32)] * 2,
]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("thing", BOOK_LIKE, ids=range(len(BOOK_LIKE)))
@pytest.mark.parametrize("module", [b"numpy._core.", b"numpy.core."], ids=["numpy2", "numpy1"])
def test_every_type_the_book_writes_loads(tmp_path, protocol, thing, module):
    data = pickle.dumps(thing, protocol)
    if module == b"numpy.core.":  # numpy before 2.0; the lengths before the names change too
        for part in (b"multiarray", b"numeric"):
            long, short = b"numpy._core." + part, b"numpy.core." + part
            data = data.replace(bytes([0x8C, len(long)]) + long, bytes([0x8C, len(short)]) + short)
            data = data.replace(b"c" + long + b"\n", b"c" + short + b"\n")
        data = b"".join(unframed(data)) if protocol >= 4 else data
    path = tmp_path / "book.pkl"
    path.write_bytes(data)
    assert_same_thing(load_book_pickle(path), thing)


def unframed(data):
    """Return the pickle without its frames, whose lengths no longer fit."""
    ops = [*pickletools.genops(data)]
    ends = [*(position for _, _, position in ops[1:]), len(data)]
    for (opcode, _, begin), end in zip(ops, ends, strict=True):
        if opcode.name != "FRAME":
            yield data[begin:end]


def native(array):
    return array.astype(array.dtype.newbyteorder("="))


def assert_same_thing(actual, expected):
    assert type(actual) is type(expected)
    if isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            assert_same_thing(a, e)
    elif isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key in expected:
            assert_same_thing(actual[key], expected[key])
    elif isinstance(expected, np.ndarray):
        assert_same_bits(actual, native(expected))
        if expected.ndim == 2 and min(expected.shape) > 1 and expected.flags.f_contiguous:
            assert actual.flags.f_contiguous
        assert actual.flags.writeable
    else:
        assert actual == expected


@settings(max_examples=60)
@given(
    array=hnp.arrays(
        st.one_of(
            hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
            hnp.integer_dtypes(endianness="?"),
            hnp.unsigned_integer_dtypes(endianness="?"),
            hnp.boolean_dtypes(),
        ),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    ),
    protocol=st.integers(2, 5),
    fortran=st.booleans(),
)
def test_arrays_of_any_dtype_shape_and_order_load(tmp_path_factory, array, protocol, fortran):
    array = np.asfortranarray(array) if fortran else array
    path = tmp_path_factory.mktemp("arrays") / "array.pkl"
    path.write_bytes(pickle.dumps([array], protocol))
    (loaded,) = load_book_pickle(path)
    assert_same_bits(loaded, native(array))


def test_loaded_arrays_share_no_memory(tmp_path):
    one, two = raw_array(b"\1" * 4096), raw_array(None)
    path = tmp_path / "shared.pkl"
    path.write_bytes(b"\x80\x04]" + one + b"a" + two + b"a.")
    first, second = load_book_pickle(path)
    first[0] = 9
    assert second[0] == 1 and first.flags.writeable


def raw_array(raw):
    """Return opcodes of an int8 array over `raw`, or over the bytes of memo entry 0."""
    content = b"B" + struct.pack("<I", len(raw)) + raw + b"\x94" if raw else b"h\x00"
    return (
        b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
        b"(K\x01M\x00\x10\x85" + DTYPE + b"\x89" + content + b"tb"
    )


DTYPE = (
    b"cnumpy\ndtype\n\x8c\x02i1\x89\x88\x87R"
    b"(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)


# ours


def test_the_default_file_is_one_that_the_book_reads(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    shared = rng.standard_normal((4, 3)).astype(np.float32)
    model = Model(shared, rng.standard_normal(5).astype(np.float32), shared, shared.T)
    model.save_params()
    assert os.listdir() == ["Model.pkl"]
    # what the book's load_params does with a file
    with open("Model.pkl", "rb") as file:
        arrays = pickle.load(file)
    assert type(arrays) is list and len(arrays) == 4
    for array, param in zip(arrays, model.params, strict=True):
        assert_same_bits(array, param.astype(np.float16))
    fresh = like([p.astype(np.float64) for p in model.params])
    fresh.load_params()
    for actual, param in zip(fresh.params, model.params, strict=True):
        assert_same_bits(actual, param.astype(np.float16).astype(np.float64))


def test_npz_keeps_all_digits_and_needs_no_pickle(tmp_path, rng):
    path = tmp_path / "model.npz"
    model = Model(rng.standard_normal((4, 3)), rng.standard_normal(3).astype(np.float32))
    model.save_params(path)
    with np.load(path, allow_pickle=False) as archive:
        assert archive.files == ["param0", "param1"]
    fresh = like(model.params)
    fresh.load_params(str(path))
    for actual, expected in zip(fresh.params, model.params, strict=True):
        assert_same_bits(actual, expected)


def test_any_class_loads_arrays_that_fit(tmp_path):
    class Other(Model):
        pass

    Other(np.ones(3)).save_params(tmp_path / "other")
    model = Model(np.zeros(3))
    model.load_params(tmp_path / "other")
    assert model.params[0].tolist() == [1, 1, 1]


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, shown in ((None, "Model.pkl"), ("a/b.pkl", os.path.join("a", "b.pkl"))):
        with pytest.raises(OSError) as caught:
            Model(np.ones(3)).load_params(name)
        assert str(caught.value) == f"No file: {shown}"


def test_slashes_become_the_separators_of_the_system(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("deep", "er").mkdir(parents=True)
    Model(np.ones(3)).save_params("deep/er/model.pkl")
    assert Path("deep", "er", "model.pkl").exists()
    model = Model(np.zeros(3))
    monkeypatch.setattr(os, "sep", "\\")
    assert model._file_name("deep/er/model.pkl") == "deep\\er\\model.pkl"


@pytest.mark.parametrize("name", ["m.pkl", "m.npz"])
def test_a_file_that_does_not_fit_changes_nothing(tmp_path, name):
    path = tmp_path / name
    Model(np.ones(3), np.ones((2, 2))).save_params(path)
    model = Model(np.zeros(3), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"expected shape \(2, 3\) for params\[1\] of Model, got"):
        model.load_params(path)
    assert not model.params[0].any()
    model = Model(np.zeros(3))
    with pytest.raises(ValueError, match="expected 1 arrays for Model, got 2"):
        model.load_params(path)
    model = Model(np.zeros(3), np.zeros((2, 2)))
    model.params[1].flags.writeable = False
    with pytest.raises(ValueError, match=r"params\[1\]: expected a writable array"):
        model.load_params(path)
    assert not model.params[0].any()


def test_a_pickle_without_a_list_of_arrays_is_refused(tmp_path):
    for thing in ({"a": np.ones(3)}, [np.ones(3), "x"], 3, [np.float64(2)]):
        (tmp_path / "m.pkl").write_bytes(pickle.dumps(thing))
        with pytest.raises(BookFileError, match="expected a list of arrays, got a"):
            Model(np.zeros(3)).load_params(tmp_path / "m.pkl")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.pkl"
    Model(np.ones(3)).save_params(path)
    before = path.read_bytes()

    def dump(thing, file, protocol):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(base_model.pickle, "dump", dump)
    with pytest.raises(KeyboardInterrupt):
        Model(np.zeros(3)).save_params(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["m.pkl"]


def test_a_new_file_keeps_the_modes_and_links_of_the_old(tmp_path):
    path = tmp_path / "m.pkl"
    Model(np.ones(3)).save_params(path)
    path.chmod(0o640)
    modes = path.stat().st_mode
    Model(np.zeros(3)).save_params(path)
    assert path.stat().st_mode == modes and not load_book_pickle(path)[0].any()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Model(np.ones(3)).save_params(tmp_path)
    assert os.listdir(tmp_path) == ["m.pkl"]


@pytest.mark.skipif(os.name == "nt", reason="making a link needs rights there")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link.pkl").symlink_to(tmp_path / "real.pkl")
    Model(np.ones(3)).save_params(tmp_path / "link.pkl")
    assert (tmp_path / "link.pkl").is_symlink() and (tmp_path / "real.pkl").is_file()


# damaged and hostile


@pytest.mark.parametrize("name", ["Rnnlm.pkl", "cbow_params.pkl"])
def test_a_file_truncated_at_any_byte_is_refused(tmp_path, name):
    data, path = (BOOK / name).read_bytes(), tmp_path / name
    for n in range(len(data)):
        path.write_bytes(data[:n])
        with pytest.raises(BookFileError, match=f"{name}: expected a pickle of arrays"):
            load_book_pickle(path)


def test_a_damaged_byte_is_an_error_or_other_content(tmp_path):
    data, path = (BOOK / "cbow_params.pkl").read_bytes(), tmp_path / "damaged.pkl"
    refused = 0
    for at in range(len(data)):
        for flip in (0x01, 0x80):
            path.write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
            try:
                load_book_pickle(path)
            except BookFileError:
                refused += 1
    assert refused > len(data) // 2


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_random_bytes_load_or_are_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("noise") / "noise.pkl"
    path.write_bytes(b"\x80\x04" + data)
    try:
        load_book_pickle(path)
    except BookFileError as error:
        assert "nothing of it was run" in str(error)


def nested(opcode, n):
    return b"\x80\x04" + b")" + opcode * n


RECONSTRUCT = b"cnumpy._core.multiarray\n_reconstruct\n"
HOLE = RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R"
STATE = b"(K\x01%s" + DTYPE + b"\x89%stb"
BOMB = b"\x80\x04]\x94" + b"B" + struct.pack("<I", 4096) + bytes(4096) + b"\x94a"
HOSTILE = {
    "os.system": b"cos\nsystem\n(\x8c\x08touch hitR.",
    "posix.system": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x09touch hit\x85R.",
    "builtins.eval": b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x01x\x85R.",
    "builtins.getattr": b"\x80\x04cbuiltins\ngetattr\n.",
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
    "dotted module": b"\x80\x04\x8c\x05numpy\x8c\x0ctesting.os.x\x93.",
    "another name of numpy": b"\x80\x04cnumpy\nload\n.",
    "another module": b"\x80\x04cnumpy.testing._private.utils\nruncommand\n.",
    "name from a list": b"\x80\x04]]\x93.",
    "another codec": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x06\x00\x00\x00rot_13\x86R.",
    "EXT1": b"\x80\x02\x82\x01.",
    "EXT2": b"\x80\x02\x83\x01\x00.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "INST": b"(ios\nsystem\n.",
    "OBJ": b"\x80\x02(cnumpy\nndarray\nK\x02o.",
    "NEWOBJ": b"\x80\x02cnumpy\nndarray\nK\x02\x85\x81.",
    "NEWOBJ_EX": b"\x80\x04cnumpy\nndarray\nK\x02\x85}\x92.",
    "PERSID": b"Psecret\n.",
    "BINPERSID": b"\x80\x04K\x01Q.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "protocol 0": b"I1\n.",
    "protocol 6": b"\x80\x06N.",
    "call of data": b"\x80\x04]K\x01\x85R.",
    "call of ndarray": b"\x80\x04cnumpy\nndarray\nK\x08\x85R.",
    "call with a list": b"\x80\x04" + RECONSTRUCT + b"]R.",
    "reconstruct of another type": b"\x80\x04"
    + RECONSTRUCT
    + b"cnumpy\ndtype\nK\x00\x85C\x01b\x87R.",
    "reconstruct of a huge shape": (
        b"\x80\x04" + RECONSTRUCT + b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85C\x01b\x87R."
    ),
    "hole": b"\x80\x04" + HOLE + b".",
    "object dtype": b"\x80\x04cnumpy\ndtype\n\x8c\x02O8\x89\x88\x87R.",
    "text dtype": b"\x80\x04cnumpy\ndtype\n\x8c\x0cU99999999999\x89\x88\x87R.",
    "dtype of a list": b"\x80\x04cnumpy\ndtype\n]\x89\x88\x87R.",
    "dtype by itself": b"\x80\x04" + DTYPE + b".",
    "name by itself": b"\x80\x04]cnumpy\nndarray\na.",
    "dtype with fields": (
        b"\x80\x04cnumpy\ndtype\n\x8c\x02i1\x89\x88\x87R(K\x03\x8c\x01|)}}K\x01K\x01K\x00tb."
    ),
    "too little content": b"\x80\x04" + HOLE + STATE % (b"K\x09\x85", b"C\x02ab") + b".",
    "too much content": b"\x80\x04" + HOLE + STATE % (b"K\x01\x85", b"C\x02ab") + b".",
    "negative length": b"\x80\x04" + HOLE + STATE % (b"J\xff\xff\xff\xff\x85", b"C\x00") + b".",
    "lengths that overflow": b"\x80\x04"
    + HOLE
    + STATE % (b"\x8a\x08" + b"\0" * 7 + b"\x40" + b"K\x04\x86", b"C\x00")
    + b".",
    "33 dimensions": b"\x80\x04" + HOLE + STATE % (b"(" + b"K\x01" * 33 + b"t", b"C\x01a") + b".",
    "content that is text": b"\x80\x04" + HOLE + STATE % (b"K\x01\x85", b"\x8c\x01a") + b".",
    "list as shape": b"\x80\x04" + HOLE + STATE % (b"]", b"C\x01a") + b".",
    "filled twice": (b"\x80\x04" + HOLE + 2 * (STATE % (b"K\x01\x85", b"C\x01a")) + b"."),
    "state of a list": b"\x80\x04](K\x01tb.",
    "state that is a dict": b"\x80\x04" + HOLE + b"}b.",
    "frombuffer of another order": (
        b"\x80\x05cnumpy._core.numeric\n_frombuffer\n(C\x01a" + DTYPE + b"K\x01\x85\x8c\x01XtR."
    ),
    "frombuffer of another size": (
        b"\x80\x05cnumpy._core.numeric\n_frombuffer\n(C\x01a" + DTYPE + b"K\x09\x85\x8c\x01CtR."
    ),
    "frombuffer with odd axes": (
        b"\x80\x05cnumpy._core.numeric\n_frombuffer\n(C\x01a"
        + DTYPE
        + b"K\x01\x85\x8c\x01KJ\xff\xff\xff\x7f\x85tR."
    ),
    "scalar of another size": (
        b"\x80\x04cnumpy._core.multiarray\nscalar\n" + DTYPE + b"C\x02ab\x86R."
    ),
    "huge memo index": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "unknown memo index": b"\x80\x02h\x05.",
    "huge bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",
    "huge bytearray": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc.",
    "huge text": b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"abc.",
    "huge number": b"\x80\x04\x8b" + struct.pack("<i", 10_000) + b"\x7f" * 10_000 + b".",
    "number of negative length": b"\x80\x04\x8b\xff\xff\xff\xff.",
    "bytes again and again": BOMB + 9 * (HOLE + STATE % (b"M\x00\x10\x85", b"h\x01") + b"a") + b".",
    "key that is a tuple": b"\x80\x04})Ns.",
    "key that is deep": b"\x80\x04})" + b"\x85" * 300_000 + b"Ns.",
    "deep argument": nested(b"\x85", 300_000) + b"R.",
    "deep shape": b"\x80\x04" + HOLE + STATE % (b")" + b"\x85" * 300_000, b"C\x01a") + b".",
    "deep dtype code": b"\x80\x04cnumpy\ndtype\n)" + b"\x85" * 300_000 + b"\x89\x88\x87R.",
    "open marks": b"\x80\x04" + b"(" * 10_000 + b"N.",
    "high stack": b"\x80\x04" + b"N" * 1_100_000 + b".",
    "tuple of nothing": b"\x80\x04N\x87.",
    "append to nothing": b"\x80\x04Na.",
    "append to a dict": b"\x80\x04}Na.",
    "half a pair": b"\x80\x04}(Nu.",
    "two results": b"\x80\x04NN.",
    "no result": b"\x80\x04.",
    "no opcode": b"\x80\x04\xff.",
    "empty": b"",
}


REASONS = {
    "os.system": "it asks for 'os' 'system'",
    "builtins.eval": "it asks for 'builtins' 'eval'",
    "dotted name": "it asks for 'numpy' 'ndarray.tofile'",
    "EXT1": "opcode EXT1",
    "BINPERSID": "opcode BINPERSID",
    "object dtype": "arrays of 'O8'",
    "lengths that overflow": "0 bytes for an array of another size",
    "huge memo index": "a memo entry far beyond the others",
    "bytes again and again": "more content than the file has bytes",
    "key that is deep": "a key of type tuple",
    "high stack": "too deeply nested",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_opcodes_are_refused(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.pkl"
    path.write_bytes(HOSTILE[case])
    with pytest.raises(BookFileError) as caught:
        load_book_pickle(path)
    assert REASONS.get(case, "(") in str(caught.value)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, pickle.UnpicklingError)
    assert "hostile.pkl: expected a pickle of arrays" in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert os.listdir(tmp_path) == ["hostile.pkl"]


@pytest.mark.parametrize("case", [case for case in HOSTILE if "huge" in case or "again" in case])
def test_a_small_file_cannot_allocate_much_memory(tmp_path, case):
    path = tmp_path / "hostile.pkl"
    path.write_bytes(HOSTILE[case])
    tracemalloc.start()
    try:
        with pytest.raises(BookFileError):
            load_book_pickle(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


class Runs:
    def __reduce__(self):
        return os.mkdir, ("hit",)


@pytest.mark.parametrize(
    "thing",
    [Runs(), np.array([Runs()]), {"a": Runs()}, np.zeros(2, [("a", int)]), np.array(["a"]), {1, 2}],
    ids=["reduce", "object array", "inside", "fields", "text", "set"],
)
@pytest.mark.parametrize("protocol", range(6))
def test_hostile_pickles_are_refused(tmp_path, monkeypatch, thing, protocol):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.pkl"
    path.write_bytes(pickle.dumps([thing], protocol))
    with pytest.raises(BookFileError):
        load_book_pickle(path)
    with pytest.raises(BookFileError):
        Model(np.zeros(2)).load_params(path)
    assert os.listdir(tmp_path) == ["hostile.pkl"]


def test_registered_extensions_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copyreg.add_extension("os", "mkdir", 77)
    try:
        data = pickle.dumps(Runs(), 2)
    finally:
        copyreg.remove_extension("os", "mkdir", 77)
    (tmp_path / "ext.pkl").write_bytes(data)
    with pytest.raises(BookFileError):
        load_book_pickle("ext.pkl")
    assert os.listdir(tmp_path) == ["ext.pkl"]


def test_moderate_nesting_loads(tmp_path):
    path = tmp_path / "deep.pkl"
    path.write_bytes(nested(b"\x85", 300_000) + b".")
    assert type(load_book_pickle(path)) is tuple
    path.write_bytes(b"\x80\x04" + b"]" * 300_000 + b"a" * 299_999 + b".")
    assert len(load_book_pickle(path)) == 1
    path.write_bytes(b"\x80\x04]\x94h\x00a.")
    loop = load_book_pickle(path)
    assert loop[0] is loop


def npz(**members):
    """Return an archive with these .npy files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name + ".npy", content)
    return buffer.getvalue()


def npy(array, shape=None, dtype=None):
    """Return an .npy file; its header may promise another shape and dtype."""
    buffer = io.BytesIO()
    header = {
        "descr": dtype or array.dtype.str,
        "fortran_order": False,
        "shape": array.shape if shape is None else shape,
    }
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + array.tobytes()


X, GOOD = np.ones(3), npy(np.ones(3))
BAD_ARCHIVES = {
    "no archive": b"not a zip",
    "empty": b"",
    "no array": npz(a=b"text", b=GOOD),
    "huge shape": npz(a=GOOD, b=npy(X, (2**50,))),
    "object dtype": npz(a=GOOD, b=npy(X, (3,), "|O")),
    "text dtype": npz(a=GOOD, b=npy(X, (3,), "<U2")),
    "too short": npz(a=GOOD, b=npy(X[:2], (3,))),
    "too long": npz(a=GOOD, b=npy(np.ones(4), (3,))),
    "later format": npz(a=GOOD, b=b"\x93NUMPY\x02" + GOOD[7:]),
    "code in the header": npz(a=GOOD, b=GOOD.replace(b"False", b"exit( ")),
}


@pytest.mark.parametrize("data", BAD_ARCHIVES.values(), ids=BAD_ARCHIVES.keys())
def test_bad_archives_change_nothing(tmp_path, data):
    path = tmp_path / "m.npz"
    path.write_bytes(data)
    model = Model(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match=r"m\.npz: expected"):
        model.load_params(path)
    assert not model.params[0].any() and not model.params[1].any()


def test_a_damaged_archive_changes_nothing(tmp_path):
    path, data = tmp_path / "m.npz", npz(a=GOOD, b=GOOD)
    refused = 0
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x21]) + data[at + 1 :])
        model = Model(np.zeros(3), np.zeros(3))
        try:
            model.load_params(path)
        except ValueError as error:
            refused += 1
            assert "m.npz: expected" in str(error)
            assert not model.params[0].any() and not model.params[1].any()
    assert refused > len(data) // 2
