"""Targets of state_fuzz.py: layers, losses, optimizers, trainers and models of table.LAYERS."""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from implementations import COMPILED
from state_fuzz import ERRORS, Target
from table import LAYERS, V

from fastw2v.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from fastw2v.trainer import RnnlmTrainer, Trainer
from fastw2v.util import clip_grads

Objects = dict[str, Any]
OPTIMIZERS = (SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam)
# Python's own errors name what is missing: an attribute of None, a division by a ratio of 1.
LAYER_ERRORS = (*ERRORS, AttributeError, ArithmeticError)


def build(name: str, rng: random.Random) -> Any:
    """Return a layer of the table, in float32 or float64."""
    numbers = np.random.default_rng(rng.randrange(2**32))
    dtype = rng.choice((np.float32, np.float32, np.float64))
    return LAYERS[name].make(
        COMPILED, lambda *shape: numbers.standard_normal(shape).astype(dtype), dtype
    )


def maker(*modules: str) -> Callable[[random.Random], Objects]:
    """Return a function that makes two objects of one class, and an optimizer for them."""
    names = [name for name in LAYERS if name.startswith(modules)]

    def make(rng: random.Random) -> Objects:
        name = rng.choice(names)
        optimizer = rng.choice(OPTIMIZERS)(rng.choice((0.1, 1e-3)), row_sparse=rng.random() < 0.5)
        layer = build(name, rng)
        for stateful in (layer, *(getattr(layer, "layers", None) or ())):
            if hasattr(stateful, "stateful"):
                stateful.stateful = rng.random() < 0.5
        return {"layer": layer, "other": build(name, rng), "optimizer": optimizer, "name": name}

    return make


def inputs_of(objects: Objects, rng: random.Random) -> dict[str, Any]:
    dtype = np.dtype(rng.choice((np.float32, np.float32, np.float64)))
    numbers = np.random.default_rng(rng.randrange(2**32))
    inputs = LAYERS[objects["name"]].inputs(numbers, dtype)
    if rng.random() < 0.2:  # a batch of another size
        inputs = {k: x[:1] if isinstance(x, np.ndarray) else x for k, x in inputs.items()}
    return inputs


def same(first: Any, second: Any) -> bool:
    """Return whether two results are equal but for rounding, as a copy may be aligned elsewise."""
    if isinstance(first, tuple | list):
        return len(first) == len(second) and all(map(same, first, second))
    if first is second or not np.size(first):
        return np.shape(first) == np.shape(second)
    return np.allclose(first, second, rtol=1e-3, atol=1e-4 * np.abs(first).max(), equal_nan=True)


def answer(call: Callable[[], Any], seed: int) -> Any:
    """Return (result, None) of a call, or (None, the class of its error)."""
    np.random.seed(seed)
    try:
        return call(), None
    except LAYER_ERRORS as error:
        return None, error


def forward(objects: Objects, rng: random.Random) -> None:
    """Run forward; a copy, which remembers no earlier call, gives the same."""
    layer, inputs, seed = objects["layer"], inputs_of(objects, rng), rng.randrange(2**32)
    try:
        twin = copy.deepcopy(layer)
    except LAYER_ERRORS:
        twin = None  # its state cannot be copied
    given = copy.deepcopy(inputs)
    result, error = answer(lambda: layer.forward(**inputs), seed)
    if twin is not None:
        other, other_error = answer(lambda: twin.forward(**given), seed)
        if "of the earlier updates" in str(error):
            raise error  # steps of an optimizer are due, which the copy does not know
        if bool(error) != bool(other_error) or not (error or same(result, other)):
            raise AssertionError(f"{result!r} {error!r}, a copy gives {other!r} {other_error!r}")
    if error is not None:
        raise error
    objects["out"] = (result,)


def backward(objects: Objects, rng: random.Random) -> None:
    layer, out = objects["layer"], objects.get("out", (None,))[0]
    results = out if isinstance(out, tuple) else (out,)
    gradients = [np.ones_like(x) for x in results if isinstance(x, np.ndarray)]
    if rng.random() < 0.2:
        gradients = [g.astype(np.float64)[..., ::-1] for g in gradients]
    layer.backward(*gradients)


def update(objects: Objects, rng: random.Random) -> None:
    """Step; a copy of all arrays and of the optimizer steps to the same numbers."""
    layer, optimizer = objects["layer"], objects["optimizer"]
    params, grads = layer.params, layer.grads
    if rng.random() < 0.3:
        clip_grads(grads, rng.choice((0.1, 5.0)))
    optimizer.update(params, grads)
    if rng.random() < 0.3:
        optimizer.flush()


def repeated_step(objects: Objects, rng: random.Random) -> None:
    """Step twice with the same arrays; a copy without known steps ends at the same numbers."""
    layer, optimizer = objects["layer"], objects["optimizer"]
    params, grads = list(layer.params), list(layer.grads)
    optimizer.update(params, grads)
    optimizer.flush()
    twin, copies = copy.deepcopy(optimizer), [np.array(w) for w in params]
    wanted = [np.array(g) for g in grads]
    shared = any(np.may_share_memory(a, b) for i, a in enumerate(params) for b in params[:i])
    optimizer.update(params, grads)
    optimizer.flush()
    if not shared and not any(np.may_share_memory(w, g) for w in params for g in grads):
        twin.update(copies, wanted)
        twin.flush()
        # Under a negative square, rows without a gradient become NaN, unless they are left alone.
        roots = [np.asarray(h, float).min(initial=0) for h in getattr(optimizer, "h", None) or ()]
        if min(roots, default=0) == 0 and not same([np.asarray(w) for w in params], copies):
            raise AssertionError("a copy of optimizer and arrays stepped elsewhere")


def look(objects: Objects, rng: random.Random) -> None:
    """Read a public attribute, which may be made when it is read."""
    thing = objects[rng.choice(("layer", "optimizer"))]
    names = [name for name in dir(thing) if not name.startswith("_")]
    value = getattr(thing, rng.choice(names))
    if callable(value):
        if getattr(value, "__name__", "") in ("reset_state", "flush", "row_tables", "get_state"):
            value()
        return
    for item in value if isinstance(value, list) else [value]:
        repr(item) if isinstance(item, np.ndarray) else getattr(item, "cache", None)


def copied(objects: Objects, rng: random.Random) -> None:
    name = rng.choice(("layer", "optimizer"))
    thing = objects[name]
    kind = rng.randrange(3)
    if kind == 0:
        objects[name] = copy.deepcopy(thing)
    elif kind == 1:
        objects[name] = copy.copy(thing)
    else:
        with contextlib.suppress(pickle.PicklingError):
            objects[name] = pickle.loads(pickle.dumps(thing))


def set_state(objects: Objects, rng: random.Random) -> None:
    layer = objects["layer"]
    if hasattr(layer, "set_state"):
        states = [
            np.ones(rng.choice(((4, 6), (1, 6), (6,), (4, 7), (0, 6))), "f") for _ in range(2)
        ]
        layer.set_state(*states[: rng.choice((1, 2))])


def sample(objects: Objects, rng: random.Random) -> None:
    """Draw negatives from the sampler of a loss."""
    layer = objects["layer"]
    loss = getattr(layer, "ns_loss", layer)
    sampler = getattr(loss, "sampler", None)
    if sampler is not None and hasattr(sampler, "get_negative_sample"):
        found = sampler.get_negative_sample(np.arange(V))
        if not (np.asarray(found) < sampler.vocab_size).all() or np.min(found, initial=0) < 0:
            raise AssertionError(f"negatives {found} outside the vocabulary")


def fit(objects: Objects, rng: random.Random) -> None:
    """Train for an epoch, by one of the trainers."""
    model, optimizer, name = objects["layer"], objects["optimizer"], objects["name"]
    settings: dict[str, Any] = {
        "max_epoch": 1,
        "batch_size": rng.choice((1, 2, 2, 3, 4, 0, -1, 1.5, None, 10**9)),
        "max_grad": rng.choice((None, 1.0, 0.0, -1.0, float("nan"), "x")),
        "eval_interval": rng.choice((None, 1, 20, 0, -3)),
    }
    with contextlib.redirect_stdout(io.StringIO()):
        if "nnlm" in name:
            corpus = np.random.randint(0, V, 40)
            settings["time_size"] = rng.choice((3, 3, 3, 1, 0, -2, 10**9))
            RnnlmTrainer(model, optimizer).fit(corpus[:-1], corpus[1:], **settings)
        else:
            arrays = list(inputs_of(objects, rng).values())
            Trainer(model, optimizer).fit(*arrays[:2], **settings)


def answers(objects: Objects, rng: random.Random) -> None:
    """Let a model predict or generate."""
    model = objects["layer"]
    one = np.array([[1, 2, 3]])
    for method, arguments in (
        ("generate", (one, 0, 3) if hasattr(model, "encoder") else (0, None, 3)),
        ("predict", (one,)),
        ("generate_batch", (one, 0, 2)),
        ("accuracy", (one, one)),
    ):
        if rng.random() < 0.5 and hasattr(model, method):
            with contextlib.suppress(*LAYER_ERRORS):
                getattr(model, method)(*arguments)


STEPS = {
    "forward": forward,
    "forward again": forward,
    "backward": backward,
    "backward again": backward,
    "update": update,
    "repeated step": repeated_step,
    "look": look,
    "copied": copied,
}
OF_LAYERS = "layers.", "negative_sampling_layer.", "candidate_sampling."
OVER_TIME = "time_layers.", "attention_layer."
TARGETS = {
    "layers": Target(maker(*OF_LAYERS), {**STEPS, "sample": sample}, LAYER_ERRORS),
    "time_layers": Target(maker(*OVER_TIME), {**STEPS, "set_state": set_state}, LAYER_ERRORS),
    "models": Target(
        maker("models."),
        {**STEPS, "sample": sample, "set_state": set_state, "fit": fit, "answers": answers},
        LAYER_ERRORS,
    ),
}
