"""The questions that decide whether one kernel may compute several layers."""

import pytest

from fastw2v._core.fast_path import is_defined_in, is_patched, is_unmodified, method_is_from
from fastw2v._recurrent.over_time import TimeLSTM
from fastw2v.layers import Embedding, Sigmoid
from fastw2v.models import Encoder, NCESkipGram


class Derived(Sigmoid):
    """A subclass that overrides nothing, which the kernels do not know all the same."""


class OwnEncoder(Encoder):
    def forward(self, xs, *, train=True):
        return super().forward(xs, train=train)


def test_a_fresh_object_of_the_class_itself_is_unmodified():
    assert is_unmodified(Sigmoid(), Sigmoid)
    assert not is_unmodified(Derived(), Sigmoid)
    assert not is_unmodified(Sigmoid(), Embedding)


@pytest.mark.parametrize("name", ["forward", "backward"])
def test_a_method_assigned_to_one_object_counts_until_it_is_deleted(name):
    layer = Sigmoid()
    setattr(layer, name, lambda x: x)
    assert is_patched(layer) and not is_unmodified(layer, Sigmoid)
    assert not is_patched(Sigmoid())
    delattr(layer, name)
    assert is_unmodified(layer, Sigmoid) and not is_patched(layer)


def test_other_attributes_do_not_count():
    layer = Sigmoid()
    layer.note = "mine"
    assert is_unmodified(layer, Sigmoid)
    assert not is_unmodified(layer, Sigmoid, ("note",)) and is_patched(layer, ("note",))


def test_a_class_belongs_to_its_package_and_to_no_other_of_a_similar_name():
    for kind in (Embedding, TimeLSTM, NCESkipGram):
        assert is_defined_in(kind, "fastw2v")
    assert is_defined_in(NCESkipGram, "fastw2v.models") and not is_defined_in(
        Embedding, "fastw2v.models"
    )
    assert not is_defined_in(Derived, "fastw2v")
    stranger = type("Stranger", (), {"__module__": "fastw2v_extras.models"})
    assert not is_defined_in(stranger, "fastw2v")


def test_an_inherited_method_is_ours_and_an_overriding_one_is_not():
    ours = Encoder(5, 3, 2)
    assert method_is_from(ours, "forward", "fastw2v.models")
    derived = OwnEncoder(5, 3, 2)
    assert method_is_from(derived, "backward", "fastw2v.models")
    assert not method_is_from(derived, "forward", "fastw2v.models")
    ours.forward = derived.forward
    assert not method_is_from(ours, "forward", "fastw2v.models")
