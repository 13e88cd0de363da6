"""The state of a training in a file, from which it resumes with bit-identical results.

The file is an .npz archive of plain arrays without pickles. It holds the weights, the optimizer's
arrays, hidden states, the order of the rows, and `about`, a JSON text with all numbers and the
states of the random generators. A file is replaced as a whole or not at all.

Rows whose updates are deferred stay so: a file holds them as they are, the number of steps applied
to each, and the learning rates of the steps. Files of format 1 hold rows that are all up to date.
"""

from __future__ import annotations

import itertools
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastw2v import optimizer as optimizers
from fastw2v._checks.arrays import FLOATS, check_writable
from fastw2v._checks.numbers import as_number
from fastw2v._core.build_info import build_info
from fastw2v._files import npz
from fastw2v._rows.deferred import apply_all_pending
from fastw2v._rows.idle_steps import MOVES_IDLE_ROWS, check_idle_steps
from fastw2v._rows.pending import Pending, has_layout_of, no_readers

__all__ = ["fingerprint", "load", "save"]

_FORMAT = "fastw2v training 2"
_EARLIER = "fastw2v training 1"


def save(
    name: str | os.PathLike[str],
    trainer: Any,
    counters: Sequence[str],
    position: dict[str, Any] | None,
) -> None:
    """Write trainer, model and optimizer to the file `name`.

    counters: attributes of the trainer to keep. position: the state of an interrupted fit, with
    which `fit` resumes, or None.
    """
    optimizer = trainer.optimizer
    kind = type(optimizer).__name__
    if type(optimizer) is not getattr(optimizers, kind, None):
        raise TypeError(
            f"optimizer: expected one of {', '.join(optimizers.__all__)} of fastw2v, got "
            f"{type(optimizer).__module__}.{kind}; only the state of these can be saved"
        )
    params = _own_memory(trainer.model.params)
    pending = optimizer._pending
    applied = None if pending is None else pending.applied_steps(params)
    if applied is None:
        optimizer.flush()
    apply_all_pending(*(W for i, W in enumerate(params) if i not in (applied or ())))
    arrays = {f"param{i}": np.asarray(W) for i, W in enumerate(params)}
    if applied:
        arrays["rates"] = pending.steps.rates[: pending.steps.n]
        arrays |= {f"applied{i}": steps for i, steps in applied.items()}
    for state in optimizer._states:
        for i, array in enumerate(getattr(optimizer, state) or ()):
            arrays[f"{state}{i}"] = array
    generators: dict[str, Any] = {}
    hidden: list[list[str]] = []
    for path, part in _parts(trainer.model):
        if isinstance(part, np.random.Generator):
            generators[path] = _plain(part.bit_generator.state)
            continue
        for letter in ("h", "c"):
            if isinstance(vars(part).get(letter), np.ndarray):
                arrays[f"hidden{len(hidden)}"] = vars(part)[letter]
                hidden.append([path, letter])
    position = dict(position or {})
    # The state of the present fit, or of the one that a resumed trainer has not continued yet.
    then, before = position.pop("random_then", None), position.pop("random", None)
    random = then or before or np.random.get_state(legacy=False)
    for key in [key for key, value in position.items() if isinstance(value, np.ndarray)]:
        arrays[f"position_{key}"] = position.pop(key)
    settings = {key: value for key, value in vars(optimizer).items() if not key.startswith("_")}
    about = {
        "format": _FORMAT,
        "level": build_info()["isa"],
        "trainer": type(trainer).__name__,
        "model": type(trainer.model).__name__,
        "optimizer": kind,
        "settings": {k: _plain(v) for k, v in settings.items() if k not in optimizer._states},
        "states": [s for s in optimizer._states if getattr(optimizer, s) is not None],
        "deferred": [*applied] if applied else [],
        "idle": _plain(pending.steps.settings) if applied else [],
        "counters": {key: _plain(getattr(trainer, key)) for key in counters},
        "position": {key: _plain(value) for key, value in position.items()},
        "random": _plain(random),
        "generators": generators,
        "hidden": hidden,
    }
    with no_readers():
        npz.write(name, arrays, {"about": about})


def load(
    name: str | os.PathLike[str], trainer_class: type[Any], model: Any
) -> tuple[Any, dict[str, Any] | None]:
    """Return the trainer of a file, and the position of its fit or None; fill `model`.

    It reads everything but the weights, and compares all of it with the model, before it writes to
    the first array.
    """
    name = os.fspath(name)
    if not os.path.exists(name):
        raise FileNotFoundError(f"No file: {name}")
    expected = f"a file that {trainer_class.__name__}.save wrote"
    cure = "train from the beginning, or take an earlier copy"
    with npz.Archive(name, expected, cure) as archive:
        archive.verify()  # all of it, before anything is changed
        with archive.damage_reported():
            about = archive.json("about")
            if about["format"] not in (_FORMAT, _EARLIER):
                raise ValueError(f"format {about['format']}")
            kinds = {"trainer": str(about["trainer"]), "model": str(about["model"])}
        found = {"trainer": trainer_class.__name__, "model": type(model).__name__}
        for what, expected in kinds.items():
            if found[what] != expected:
                raise ValueError(
                    f"{what}: expected a {expected}, as saved in {name}, got {found[what]}; pass "
                    "the same kind"
                )
        params, parts = _own_memory(model.params), dict(_parts(model))
        with archive.damage_reported():
            headers = [archive.header(f"param{i}") for i in range(_count(archive, "param"))]
            needed = {*about["generators"], *(path for path, _ in about["hidden"])}
        _check_params(name, headers, params)
        if missing := sorted(needed - parts.keys()):
            raise ValueError(
                f"model: expected it to have {missing[0]}, as the model saved in {name}, got none; "
                "build it with the same arguments and the same kind of rng"
            )
        with archive.damage_reported():
            optimizer = _optimizer(archive, about, params)
            deferred = _deferred(archive, about, params, optimizer)
            trainer = trainer_class(model, optimizer)
            counters = _counters(about["counters"], trainer)
            hidden = _hidden(archive, about["hidden"])
            generators = _generators(about["generators"], parts)
            position = _position(archive, about)
            level = str(about["level"])
        apply_all_pending(*params)
        for i, W in enumerate(params):
            W[...] = archive.array(f"param{i}")
    if deferred is not None:
        idle_settings, rates, applied = deferred
        states = [getattr(optimizer, state) for state in optimizer._states]
        optimizer._pending = Pending(optimizer._rule, idle_settings)
        optimizer._pending.restore(params, states, rates, applied)
    for path, letter, array in hidden:
        setattr(parts[path], letter, array)
    for path, state in generators:
        parts[path].bit_generator.state = state
    vars(trainer).update(counters)
    if level != build_info()["isa"]:
        warnings.warn(
            f"{name}: was saved on level {level}, this is {build_info()['isa']}; the training "
            "resumes with other rounding. Set FASTW2V_ISA for bit-identical results",
            RuntimeWarning,
            stacklevel=3,
        )
    if position.keys() == {"random"}:
        np.random.set_state(position["random"])
        return trainer, None
    return trainer, position


def _count(archive: npz.Archive, what: str) -> int:
    """Return the number of arrays named what0, what1 and so on."""
    names = set(archive.names)
    return next(i for i in itertools.count() if f"{what}{i}" not in names)


def _check_params(
    name: str, headers: list[tuple[tuple[int, ...], np.dtype[Any]]], params: list[NDArray[Any]]
) -> None:
    if len(headers) != len(params):
        raise ValueError(
            f"{name}: expected {len(params)} weights, got {len(headers)}; build the model with the "
            "arguments it was saved with"
        )
    for i, ((shape, dtype), W) in enumerate(zip(headers, params, strict=True)):
        check_writable(f"params[{i}]", W)
        if (shape, dtype) != (W.shape, W.dtype):
            raise ValueError(
                f"{name}: expected {W.dtype} of shape {W.shape} for weight {i}, got {dtype} "
                f"of shape {shape}; build the model with the arguments it was saved with"
            )


def _optimizer(archive: npz.Archive, about: dict[str, Any], params: list[NDArray[Any]]) -> Any:
    """Return the saved optimizer, with its settings and its state arrays."""
    if about["optimizer"] not in optimizers.__all__:
        raise ValueError(f"no optimizer {about['optimizer']}")
    optimizer = getattr(optimizers, about["optimizer"])()
    settings = {key: _filled(value) for key, value in about["settings"].items()}
    for key, value in settings.items():
        if key not in vars(optimizer) or not isinstance(value, bool | int | float | None):
            raise ValueError(f"setting {key} = {value!r:.40}")
    vars(optimizer).update(settings)
    for state in about["states"]:
        if state not in optimizer._states:
            raise ValueError(f"optimizer state {state}")
        arrays = [archive.array(f"{state}{i}") for i in range(_count(archive, state))]
        found = [(array.shape, array.dtype.kind) for array in arrays]
        if found != [(W.shape, "f") for W in params]:
            raise ValueError(f"optimizer state {state} belongs to other weights")
        setattr(optimizer, state, arrays)
    return optimizer


def _deferred(
    archive: npz.Archive, about: dict[str, Any], params: list[NDArray[Any]], optimizer: Any
) -> tuple[tuple[float, ...], list[float], dict[int, NDArray[np.int64]]] | None:
    """Return what `Pending` needs to know of deferred rows, or None if there are none."""
    if about["format"] == _EARLIER or not about["deferred"]:
        return None
    settings = tuple(_filled(value) for value in about["idle"])
    rates = archive.array("rates")
    applied = {i: archive.array(f"applied{i}") for i in about["deferred"]}
    for i, steps in applied.items():
        W, states = params[i], [getattr(optimizer, name)[i] for name in optimizer._states]
        if not (
            optimizer._rule in MOVES_IDLE_ROWS
            and W.dtype in FLOATS
            and W.ndim in (1, 2)
            and all(has_layout_of(W, state) and state.flags.carray for state in states)
            and (steps.shape, steps.dtype) == (W.shape[:1], np.dtype(np.int64))
            and ((steps >= 0) & (steps <= len(rates) + 1)).all()  # one more in a step that failed
        ):
            raise ValueError(f"deferred rows of weight {i}")
    check_idle_steps(optimizer._rule, settings, rates)
    return settings, rates.tolist(), applied


def _counters(saved: dict[str, Any], trainer: Any) -> dict[str, Any]:
    """Return a trainer's counts and its lists of numbers."""
    counters = {key: _filled(value) for key, value in saved.items()}
    if counters.keys() != set(trainer._counters):
        raise ValueError(f"counters {', '.join(counters)}")
    for key, value in counters.items():
        for number_ in value if isinstance(value, list) else [value]:
            if not isinstance(number_, int | float | None):
                raise ValueError(f"{key} = {number_!r:.40}")
    return counters


def _hidden(archive: npz.Archive, saved: Any) -> list[tuple[str, str, NDArray[Any]]]:
    """Return (path of a layer, attribute, array) for each hidden state."""
    hidden = []
    for i, (path, letter) in enumerate(saved):
        array = archive.array(f"hidden{i}")
        if letter not in ("h", "c") or array.dtype.kind != "f":
            raise ValueError(f"hidden state {letter} of {array.dtype}")
        hidden.append((path, letter, array))
    return hidden


def _generators(saved: dict[str, Any], parts: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return (path, state) for each random generator, after trying the state on a new one."""
    generators = []
    for path, state in saved.items():
        state = _filled(state)
        type(parts[path].bit_generator)().state = state
        generators.append((path, state))
    return generators


def _position(archive: npz.Archive, about: dict[str, Any]) -> dict[str, Any]:
    """Return the position of the fit and its random state; between two fits the latter alone."""
    position = {key: _filled(value) for key, value in about["position"].items()}
    for member in archive.names:
        if member.startswith("position_"):
            position[member.removeprefix("position_")] = archive.array(member)
    position["random"] = _filled(about["random"])
    np.random.RandomState().set_state(position["random"])
    return position


def _own_memory(params: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return the different arrays of a list; of a weight and its transpose the first one."""
    kept: dict[Any, NDArray[Any]] = {}
    for W in params:
        kept.setdefault((W.__array_interface__["data"][0], W.size, W.dtype), W)
    return list(kept.values())


def _parts(
    thing: Any, path: str = "model", seen: dict[int, Any] | None = None
) -> Iterator[tuple[str, Any]]:
    """Yield (path, part) for the layers and samplers of a model and their random generators."""
    seen = {} if seen is None else seen
    if id(thing) in seen:
        return
    if isinstance(thing, list | tuple):
        for i, item in enumerate(thing):
            yield from _parts(item, f"{path}.{i}", seen)
        return
    if isinstance(thing, np.random.Generator):
        seen[id(thing)] = thing
        yield path, thing
        return
    ours = type(thing).__module__.startswith("fastw2v.")
    if not ours:  # a layer, a model or a sampler of the user's own
        ours = hasattr(thing, "params") or hasattr(thing, "get_negative_sample")
    if hasattr(thing, "__dict__") and ours:
        seen[id(thing)] = thing
        yield path, thing
        for name in sorted(vars(thing)):
            yield from _parts(vars(thing)[name], f"{path}.{name}", seen)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it, arrays as lists with their dtype."""
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": str(value.dtype)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    return as_number("value", value)


def _filled(value: Any) -> Any:
    """Return the value that `_plain` was given."""
    if isinstance(value, dict):
        if value.keys() == {"array", "dtype"}:
            dtype = np.dtype(value["dtype"])
            if dtype.kind not in "biuf":
                raise ValueError(f"an array of {dtype}")
            return np.array(value["array"], dtype)
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value


def fingerprint(*arrays: NDArray[Any]) -> int:
    """Return a checksum of shapes, dtypes and values, by which a resumed fit knows its data."""
    total = 0
    for array in arrays:
        total = zlib.crc32(repr((array.shape, array.dtype.str)).encode(), total)
        total = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1), total)
    return total
