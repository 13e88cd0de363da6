"""Scripts, pickles, models and checkpoints of fastw2v 0.1 keep working."""

import importlib
import json
import pickletools
import re
import zipfile

import numpy as np
import pytest
import written_files
from fresh_interpreter import run
from places import DATA

from fastw2v._core.moved_modules import MOVED

WRITTEN = DATA / "written_by_0_1"
NAMES = json.loads((DATA / "names_0_1.json").read_text(encoding="utf-8"))
RECORDED = written_files.recorded(WRITTEN)


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_where_they_were(name):
    module = importlib.import_module(name)
    assert [attribute for attribute in NAMES[name] if not hasattr(module, attribute)] == []
    if "__all__" in vars(module):
        assert set(NAMES[name]) - set(module.__all__) <= set()


# Since 0.2 a seed gives the book's masks.
OTHER_DRAWS = {"layers/time_layers.TimeDropout"}
# Since 0.2 the contexts of several centres of CBOW stand still.
OTHER_STEPS = {"others/Word2Vec", "word2vec.fw2v", "checkpoint.fw2v"}


def assert_as_recorded(found, name):
    expected = RECORDED[name]
    assert set(found) == set(expected)
    for key, value in expected.items():
        actual = np.asarray(found[key])
        assert actual.shape == value.shape, key
        # Since 0.2 losses are float32 and gradients float64 where they are in the book.
        assert actual.dtype.kind == value.dtype.kind, key
        if name in OTHER_DRAWS:
            kept = (actual != 0) & (value != 0)
            actual, value = actual[kept], value[kept]
        if value.dtype.kind == "f":
            # Levels of instructions differ in the last bits, which training steps enlarge.
            rtol, atol = (0.2, 0.05) if name in OTHER_STEPS else (1e-4, 1e-6)
            np.testing.assert_allclose(actual, value, rtol=rtol, atol=atol, err_msg=key)
        else:
            np.testing.assert_array_equal(actual, value, err_msg=key)


@pytest.mark.parametrize("name", written_files.pickled_names(WRITTEN))
def test_pickles_load_and_compute_the_same(name):
    assert_as_recorded(written_files.read_pickle(WRITTEN, name), name)


@pytest.mark.filterwarnings("ignore:.*was saved on level:RuntimeWarning")
@pytest.mark.parametrize("name", written_files.READERS)
def test_files_load_and_training_resumes(name):
    assert_as_recorded(written_files.read_file(WRITTEN, name), name)


def test_every_recorded_file_is_read():
    assert set(RECORDED) == {*written_files.pickled_names(WRITTEN), *written_files.READERS}
    unread = {path.name for path in WRITTEN.iterdir()} - set(written_files.READERS)
    assert unread == {written_files.PICKLES, written_files.RESULTS, "checkpoint.fw2v.ids"}


def test_the_recorded_pickles_name_moved_modules_and_all_of_them_are_forwarded():
    named = set()
    with zipfile.ZipFile(WRITTEN / written_files.PICKLES) as archive:
        for member in archive.namelist():
            for _, argument, _ in pickletools.genops(archive.read(member)):
                if isinstance(argument, str) and re.fullmatch(r"fastw2v\._\w+", argument):
                    named.add(argument)
    assert {"fastw2v._cells", "fastw2v._one_hot", "fastw2v._w2v_text"} <= named
    assert named - {"fastw2v._recurrent"} <= set(MOVED)


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_imports_the_new_module_itself(old):
    home = importlib.import_module(MOVED[old])
    spec = home.__spec__
    assert importlib.import_module(old) is home
    assert home.__name__ == MOVED[old] and home.__spec__ is spec


def test_old_names_are_forwarded_in_every_form_of_import():
    code = (
        "import fastw2v._cells as first\n"
        "from fastw2v import _cells as second\n"
        "from fastw2v._cells import LSTM\n"
        "import fastw2v._recurrent.cells\n"
        "print(first is second is fastw2v._recurrent.cells, LSTM is first.LSTM)"
    )
    assert run(code).stdout == "True True\n"


def test_a_module_that_never_existed_is_still_missing():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'fastw2v\._never'"):
        importlib.import_module("fastw2v._never")
