"""The state of a training in a file: what it takes to go on as if nothing had happened.

An .npz archive of plain arrays, nothing of it pickled: weights, the optimizer's arrays, hidden
states, the order of the rows, and `about`, a JSON text with all numbers and the states of the
random generators. Files are written as a whole or not at all.
"""

import json
import os
import warnings
import zipfile
import zlib

import numpy as np

from fastw2v import optimizer as optimizers
from fastw2v._build_info import build_info
from fastw2v._files import replacing
from fastw2v._validation import number, writable
from fastw2v._waiting import settle

__all__ = ["fingerprint", "load", "save"]

_FORMAT = "fastw2v training 1"


def save(name, trainer, counters, position):
    """Write trainer, model and optimizer to the file `name`.

    counters: attributes of the trainer to keep. position: what `fit` needs to go on, or None.
    """
    optimizer = trainer.optimizer
    kind = type(optimizer).__name__
    if type(optimizer) is not getattr(optimizers, kind, None):
        raise TypeError(
            f"optimizer: expected one of {', '.join(optimizers.__all__)} of fastw2v, got "
            f"{type(optimizer).__module__}.{kind}; only the state of these can be saved"
        )
    optimizer.flush()
    params = _own_memory(trainer.model.params)
    settle(*params)
    arrays = {f"param{i}": np.asarray(W) for i, W in enumerate(params)}
    for state in optimizer._states:
        for i, array in enumerate(getattr(optimizer, state) or ()):
            arrays[f"{state}{i}"] = array
    generators, hidden = {}, []
    for path, part in _parts(trainer.model):
        if isinstance(part, np.random.Generator):
            generators[path] = _plain(part.bit_generator.state)
            continue
        for letter in ("h", "c"):
            if isinstance(vars(part).get(letter), np.ndarray):
                arrays[f"hidden{len(hidden)}"] = vars(part)[letter]
                hidden.append([path, letter])
    position = dict(position or {})
    # That of the fit under way, or of the fit that a trainer just resumed has not gone on with.
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
        "counters": {key: _plain(getattr(trainer, key)) for key in counters},
        "position": {key: _plain(value) for key, value in position.items()},
        "random": _plain(random),
        "generators": generators,
        "hidden": hidden,
    }
    text = np.frombuffer(json.dumps(about).encode("ascii"), np.uint8)
    with replacing(os.fspath(name)) as file:
        np.savez(file, about=text, **arrays)


def load(name, trainer_class, model):
    """The trainer of a file, its model's weights in `model`; (trainer, position or None).

    Everything is compared with the model before its first array is written.
    """
    name = os.fspath(name)
    if not os.path.exists(name):
        raise FileNotFoundError(f"No file: {name}")
    try:
        with open(name, "rb") as file, np.lib.npyio.NpzFile(file) as archive:
            damaged = archive.zip.testzip()  # of all of it, before anything is changed
            if damaged is not None:
                raise KeyError(damaged)
            about = json.loads(bytes(archive["about"]))
            if about["format"] != _FORMAT:
                raise KeyError(about["format"])
            return _restored(name, archive, about, trainer_class, model)
    except (KeyError, EOFError, zipfile.BadZipFile, json.JSONDecodeError, UnicodeError) as error:
        raise ValueError(
            f"{name}: expected a file that {trainer_class.__name__}.save wrote, got a damaged or "
            f"foreign one ({type(error).__name__}: {error}); train from the beginning, or take "
            "an earlier copy"
        ) from error


def _restored(name, archive, about, trainer_class, model):
    for what, found, expected in (
        ("trainer", trainer_class.__name__, about["trainer"]),
        ("model", type(model).__name__, about["model"]),
    ):
        if found != expected:
            raise ValueError(f"{what}: expected a {expected}, as {name} was saved of, got {found}")
    params = _own_memory(model.params)
    _check(name, archive, params)
    parts = dict(_parts(model))
    missing = sorted({*about["generators"], *(path for path, _ in about["hidden"])} - parts.keys())
    if missing:
        raise ValueError(
            f"model: expected it to have {missing[0]}, as the model that {name} was saved of; "
            "build it with the same arguments, also the same kind of rng"
        )
    settle(*params)
    for i, W in enumerate(params):
        W[...] = archive[f"param{i}"]
    optimizer = getattr(optimizers, about["optimizer"])()
    vars(optimizer).update({key: _filled(value) for key, value in about["settings"].items()})
    for state in about["states"]:
        n = sum(key.startswith(state) and key[len(state) :].isdigit() for key in archive.files)
        setattr(optimizer, state, [archive[f"{state}{i}"] for i in range(n)])
    for i, (path, letter) in enumerate(about["hidden"]):
        setattr(parts[path], letter, archive[f"hidden{i}"])
    for path, state in about["generators"].items():
        parts[path].bit_generator.state = _filled(state)
    trainer = trainer_class(model, optimizer)
    vars(trainer).update({key: _filled(value) for key, value in about["counters"].items()})
    if about["level"] != build_info()["isa"]:
        warnings.warn(
            f"{name}: was saved on level {about['level']}, this is {build_info()['isa']}; the "
            "training goes on, with other rounding. Set FASTW2V_ISA to have the same bits",
            RuntimeWarning,
            stacklevel=4,
        )
    position = {key: _filled(value) for key, value in about["position"].items()}
    for key in archive.files:
        if key.startswith("position_"):
            position[key.removeprefix("position_")] = archive[key]
    random = _filled(about["random"])
    if not position:
        np.random.set_state(random)
        return trainer, None
    return trainer, {**position, "random": random}


def _check(name, archive, params):
    n = sum(key.startswith("param") for key in archive.files)
    if n != len(params):
        raise ValueError(
            f"{name}: expected {len(params)} weights, got {n}; build the model with the arguments "
            "it was saved with"
        )
    for i, W in enumerate(params):
        writable(f"params[{i}]", W)
        shape, dtype = _header(archive, f"param{i}")
        if (shape, dtype) != (W.shape, W.dtype):
            raise ValueError(
                f"{name}: expected {W.dtype} of shape {W.shape} for weight {i}, got {dtype} "
                f"of shape {shape}; build the model with the arguments it was saved with"
            )


def _header(archive, key):
    """Shape and dtype of an array in an archive, which is not read."""
    with archive.zip.open(key + ".npy") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return shape, dtype


def _own_memory(params):
    """The different arrays of a list; of a weight and its transpose the first one."""
    kept = {}
    for W in params:
        kept.setdefault((W.__array_interface__["data"][0], W.size, W.dtype), W)
    return list(kept.values())


def _parts(thing, path="model", seen=None):
    """(path, part) of the layers and samplers of a model and of the random generators they hold."""
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
    if not ours:  # a layer, a model or a sampler of the reader's own
        ours = hasattr(thing, "params") or hasattr(thing, "get_negative_sample")
    if hasattr(thing, "__dict__") and ours:
        seen[id(thing)] = thing
        yield path, thing
        for name in sorted(vars(thing)):
            yield from _parts(vars(thing)[name], f"{path}.{name}", seen)


def _plain(value):
    """What JSON can hold; arrays as lists with their dtype."""
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
    return number("value", value)


def _filled(value):
    """The way back from `_plain`."""
    if isinstance(value, dict):
        if value.keys() == {"array", "dtype"}:
            return np.array(value["array"], value["dtype"])
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value


def fingerprint(*arrays):
    """A number that tells data from other data."""
    total = 0
    for array in arrays:
        total = zlib.crc32(repr((array.shape, array.dtype.str)).encode(), total)
        total = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1), total)
    return total
