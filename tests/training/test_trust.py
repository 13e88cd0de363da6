"""Trainers trust code of the package itself, and no other."""

import numpy as np
import pytest

from fastw2v import optimizer, trainer, util
from fastw2v._training.trust import is_own_model, is_own_optimizer, runs_own_code_only
from fastw2v.datasets import skip_gram_batches
from fastw2v.models import CBOW

IDS = np.arange(60) % 6


def cbow(cls=CBOW):
    return cls(6, 3, 1, IDS, sample_size=2)


def test_generators_are_trusted_by_the_file_of_their_code():
    assert runs_own_code_only(skip_gram_batches(IDS, 8, 2, 1))
    assert not runs_own_code_only(batch for batch in skip_gram_batches(IDS, 8, 2, 1))


def test_lists_are_trusted_and_their_subclasses_are_not():
    assert runs_own_code_only([(IDS, IDS)]) and runs_own_code_only(((IDS, IDS),))
    assert not runs_own_code_only(type("Own", (list,), {})())
    assert not runs_own_code_only(iter([(IDS, IDS)]))


def test_models_of_the_package_are_trusted_as_long_as_their_methods_are_their_own():
    model = cbow()
    assert is_own_model(model) and not is_own_model(cbow(type("Own", (CBOW,), {})))
    model.backward = model.backward
    assert not is_own_model(model)


@pytest.mark.parametrize("name", optimizer.__all__)
def test_the_six_optimizers_are_trusted_and_their_subclasses_are_not(name):
    kind = getattr(optimizer, name)
    each = kind()
    assert is_own_optimizer(each) and not is_own_optimizer(type("Own", (kind,), {})())
    each.update = each.update
    assert not is_own_optimizer(each)


def test_names_that_scripts_import_have_kept_their_modules():
    assert optimizer.EPS == 1e-7 and trainer.remove_duplicate([], []) == ([], [])
    grads = [np.full(4, 2.0)]
    optimizer.clip_by_norm(grads, 1.0, False)
    again = [np.full(4, 2.0)]
    util.clip_grads(again, 1.0)
    np.testing.assert_array_equal(grads[0], again[0])
    np.testing.assert_allclose(np.linalg.norm(grads[0]), 1, rtol=1e-6)
