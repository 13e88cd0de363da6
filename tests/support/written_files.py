"""Files that fastw2v 0.1 wrote: how each was made, and what a reader computes from it.

`tools/record_written.py` runs both halves under the old version and keeps the results;
`tests/package/test_written_before.py` runs the second half under the present one and compares.
Both halves use public names only, because they have to run under either version.
"""

from __future__ import annotations

import contextlib
import pickle
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import table

from fastw2v import KeyedVectors, Word2Vec, candidate_sampling, models, optimizer, text_model
from fastw2v import negative_sampling_layer as sampling
from fastw2v import word2vec as steps
from fastw2v.base_model import BookFileError, load_book_pickle
from fastw2v.time_layers import TimeBiLSTM, TimeLSTM
from fastw2v.trainer import RnnlmTrainer, Trainer
from fastw2v.util import create_contexts_target

PICKLES = "pickles.zip"
RESULTS = "results.npz"
Results = dict[str, Any]

_SENTENCES = [["you", "say", "goodbye"], ["and", "i", "say", "hello"], ["hello", "you"]] * 6
_CORPUS = np.arange(140) % 12
_PAIRS = [("go", "va"), ("run", "cours"), ("hi", "salut"), ("on", "sur")]
_OPTIMIZERS = {
    "SGD": lambda: optimizer.SGD(0.1),
    "Momentum": lambda: optimizer.Momentum(0.1),
    "Nesterov": lambda: optimizer.Nesterov(0.1),
    "AdaGrad": lambda: optimizer.AdaGrad(0.1),
    "RMSprop": lambda: optimizer.RMSprop(0.1),
    "Adam": lambda: optimizer.Adam(0.1),
}


def _weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(list(shape)).standard_normal(shape).astype(np.float32) / 4


# ---- objects that are pickled


def _layers() -> dict[str, Any]:
    """Every layer and model of the table after one step, with the inputs of the next one."""
    made: dict[str, Any] = {}
    for name, layer in table.LAYERS.items():
        inputs = layer.inputs(np.random.default_rng(1), np.float32)
        np.random.seed(3)
        thing = layer.make(table.COMPILED, _weights, np.dtype(np.float32))
        _one_step(thing, inputs)
        made[name] = thing, inputs
    xs = {"xs": _weights(2, 3, 4)}
    stateful = TimeLSTM(_weights(4, 20), _weights(5, 20), _weights(20), stateful=True)
    stateful.forward(**xs)
    made["TimeLSTM with a state"] = stateful, xs
    both_ways = [_weights(4, 20), _weights(5, 20), _weights(20)] * 2
    made["TimeBiLSTM with a state"] = TimeBiLSTM(*both_ways, stateful=True), xs
    return made


def _optimizers() -> dict[str, Any]:
    """Every optimizer before and after an update of a table with few touched rows and a bias."""
    made = {}
    for name, make in _OPTIMIZERS.items():
        for n_updates in (0, 2):
            model = models.CBOW(12, 5, 1, _CORPUS, sample_size=2, rng=np.random.default_rng(4))
            rule = make()
            for _ in range(n_updates):
                _step(model, rule)
            made[f"{name} after {n_updates} updates"] = model, rule
    return made


def _word_vectors() -> Word2Vec:
    model = Word2Vec(vector_size=6, window=2, min_count=1, sample=0, workers=1, seed=5)
    model.build_vocab(_SENTENCES)
    model.train(_SENTENCES, epochs=2, total_examples=model.corpus_count)
    return model


def _delta(model: Word2Vec) -> steps.WeightDelta:
    inputs = _weights(*model.wv.vectors.shape)
    touched = np.arange(len(inputs))
    return steps.WeightDelta(inputs, inputs * 2, touched, touched + 1)


def _others() -> dict[str, Any]:
    model = _word_vectors()
    counts = steps.count_words(_SENTENCES)
    vocabulary = counts.vocabulary()
    return {
        "Word2Vec": model,
        "KeyedVectors": model.wv,
        "WeightDelta": _delta(model),
        "WordCounts": counts,
        "Vocabulary": vocabulary,
        "EncodedCorpus": steps.encode(_SENTENCES, vocabulary=vocabulary),
        "TrainedIds": steps.TrainedIds(0.5, 7),
        "CallbackAny2Vec": steps.CallbackAny2Vec(),
        "UnigramSampler": sampling.UnigramSampler(_CORPUS, 0.75, 2),
        "LogUniformSampler": candidate_sampling.LogUniformSampler(12, 3),
        "TextModel": _text_model(),
        "BookFileError": BookFileError("damaged"),
        "Trainer": Trainer(models.CBOW(12, 5, 1, _CORPUS), optimizer.Adam()),
        "RnnlmTrainer": RnnlmTrainer(models.Rnnlm(12, 5, 4), optimizer.SGD()),
    }


def _text_model() -> text_model.TextModel:
    words = text_model.vocabulary("a b c a b <eos>".split(), min_count=1)
    return text_model.TextModel(words, "better", 4, 0.5, rng=np.random.default_rng(6))


def _translator() -> models.CharTranslator:
    model = models.CharTranslator.from_pairs(
        _PAIRS, 6, bidirectional=True, attention=True, rng=np.random.default_rng(7)
    )
    model.fit(_PAIRS, epochs=1, batch_size=2, progress=False)
    return model


# ---- one step of a thing, whatever its kind


def _flat(value: Any) -> list[np.ndarray]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [array for item in value for array in _flat(item)]
    return [np.array(value)]


def _one_step(layer: Any, inputs: dict[str, Any]) -> list[np.ndarray]:
    np.random.seed(8)
    out = _flat(layer.forward(**inputs))
    given = [np.cos(np.arange(array.size, dtype=np.float32)).reshape(array.shape) for array in out]
    back = layer.backward() if out[0].ndim == 0 else layer.backward(*given)
    return [*out, *_flat(back), *_flat(getattr(layer, "grads", None))]


def _step(model: Any, rule: Any) -> None:
    contexts, target = create_contexts_target(_CORPUS[:9], 1)
    np.random.seed(9)
    model.forward(contexts, target)
    model.backward()
    rule.update(model.params, model.grads)


def _numbered(arrays: list[np.ndarray]) -> Results:
    return {str(n): array for n, array in enumerate(arrays)}


def _use_optimizer(content: Any) -> Results:
    model, rule = content
    _step(model, rule)
    _step(model, rule)
    return _numbered(_flat(model.params))


def _use_vectors(vectors: KeyedVectors) -> Results:
    return {"words": np.array(vectors.index_to_key), "vectors": np.array(vectors.vectors)}


def _use_word2vec(model: Word2Vec) -> Results:
    model.train(_SENTENCES, epochs=1, total_examples=model.corpus_count)
    return {**_use_vectors(model.wv), "outputs": np.array(model.syn1neg)}


def _use_fields(thing: Any) -> Results:
    fields = thing._asdict() if hasattr(thing, "_asdict") else vars(thing)
    kept = {name: value for name, value in fields.items() if not name.startswith("_")}
    return {name: np.array(value) for name, value in kept.items() if value is not None}


def _use_sampler(sampler: Any) -> Results:
    np.random.seed(10)
    return {"drawn": sampler.get_negative_sample(np.array([1, 2, 3]))}


def _use_candidates(sampler: Any) -> Results:
    np.random.seed(10)
    return _numbered(_flat(tuple(sampler.sample([1, 2]))))


def _use_text_model(model: text_model.TextModel) -> Results:
    np.random.seed(11)
    return {
        "perplexity": np.array(model.perplexity(_CORPUS % len(model.words), 2, 3)),
        "text": np.array(model.write(12)),
    }


def _use_trainer(trainer: Trainer) -> Results:
    np.random.seed(12)
    contexts, target = create_contexts_target(_CORPUS, 1)
    trainer.fit(contexts, target, 1, 23, eval_interval=None)
    return _numbered(_flat(trainer.model.params))


def _use_rnnlm_trainer(trainer: RnnlmTrainer) -> Results:
    np.random.seed(12)
    trainer.fit(_CORPUS[:-1], _CORPUS[1:], 1, 4, 5, eval_interval=None)
    return _numbered(_flat(trainer.model.params))


def _use_translator(model: models.CharTranslator) -> Results:
    return {"scores": np.array([model.score(source, target) for source, target in _PAIRS])}


_USES: dict[str, Callable[[Any], Results]] = {
    "Word2Vec": _use_word2vec,
    "KeyedVectors": _use_vectors,
    "UnigramSampler": _use_sampler,
    "LogUniformSampler": _use_candidates,
    "TextModel": _use_text_model,
    "BookFileError": lambda error: {"text": np.array(str(error))},
    "CallbackAny2Vec": lambda callback: {"stops": np.array(bool(callback.on_epoch_end(None)))},
    "Trainer": _use_trainer,
    "RnnlmTrainer": _use_rnnlm_trainer,
}


def _use_pickled(name: str, content: Any) -> Results:
    kind, _, which = name.partition("/")
    if kind == "layers":
        return _numbered(_one_step(*content))
    if kind == "optimizers":
        return _use_optimizer(content)
    return _USES.get(which, _use_fields)(content)


def pickled_names(folder: Path) -> list[str]:
    """List the pickles in the archive of a folder."""
    with zipfile.ZipFile(folder / PICKLES) as archive:
        return archive.namelist()


def read_pickle(folder: Path, name: str) -> Results:
    """Unpickle one of them and use it as its kind is used."""
    with zipfile.ZipFile(folder / PICKLES) as archive:
        return _use_pickled(name, pickle.loads(archive.read(name)))


# ---- files of their own formats


class _Stop(steps.CallbackAny2Vec):
    """A callback that ends the training in its second epoch, when a checkpoint was written."""

    def on_epoch_end(self, model: Word2Vec) -> bool:
        return len(model.epoch_losses) == 2


class _Killed(Exception):
    """The end of a training in its middle."""


def _half_trained(trainer: Any, path: Path, *arguments: Any) -> None:
    """Fit with a checkpoint after every second step, and end as a killed process would."""
    save, left = trainer.save, iter(range(1))

    def saves_twice(path: Path) -> None:
        save(path)
        if next(left, None) is None:
            raise _Killed

    trainer.save = saves_twice
    with contextlib.suppress(_Killed):
        trainer.fit(*arguments, checkpoint=path, every=2)


def _fit_arguments() -> tuple[Any, ...]:
    return (*create_contexts_target(_CORPUS, 1), 2, 23)


def _write_trainer(folder: Path) -> None:
    np.random.seed(13)
    model = models.CBOW(12, 5, 1, _CORPUS, sample_size=2, rng=np.random.default_rng(14))
    _half_trained(Trainer(model, optimizer.Adam(0.1)), folder / "trainer.npz", *_fit_arguments())


def _read_trainer(folder: Path) -> Results:
    model = models.CBOW(12, 5, 1, _CORPUS, sample_size=2, rng=np.random.default_rng(0))
    trainer = Trainer.resume(folder / "trainer.npz", model)
    trainer.fit(*_fit_arguments())
    return {**_numbered(_flat(model.params)), "losses": np.array(trainer.loss_list)}


_TEXT = (_CORPUS[:-1], _CORPUS[1:], 2, 4, 5)


def _write_rnnlm_trainer(folder: Path) -> None:
    np.random.seed(15)
    model = models.Rnnlm(12, 5, 4, rng=np.random.default_rng(16))
    _half_trained(
        RnnlmTrainer(model, optimizer.Momentum(0.1)), folder / "rnnlm_trainer.npz", *_TEXT
    )


def _read_rnnlm_trainer(folder: Path) -> Results:
    model = models.Rnnlm(12, 5, 4, rng=np.random.default_rng(0))
    trainer = RnnlmTrainer.resume(folder / "rnnlm_trainer.npz", model)
    trainer.fit(*_TEXT)
    return {**_numbered(_flat(model.params)), "perplexities": np.array(trainer.ppl_list)}


def _write_checkpoint(folder: Path) -> None:
    model = Word2Vec(vector_size=6, window=2, min_count=1, sample=0, workers=1, seed=5)
    model.build_vocab(_SENTENCES)
    model.train(
        *(_SENTENCES, None, model.corpus_count, None, 4),
        checkpoint=folder / "checkpoint.fw2v",
        every=0,
        callbacks=[_Stop()],
    )


def _read_checkpoint(folder: Path) -> Results:
    model = Word2Vec.resume(folder / "checkpoint.fw2v")  # trains to the end
    return {**_use_vectors(model.wv), "losses": np.array(model.epoch_losses)}


def _write_vectors(folder: Path) -> None:
    vectors = _word_vectors().wv
    vectors.save(folder / "vectors.fw2v")
    vectors.save_word2vec_format(folder / "vectors.txt")
    vectors.save_word2vec_format(folder / "vectors.bin", binary=True)
    vectors.save_word2vec_format(folder / "vectors.txt.gz")


def _write_params(folder: Path) -> None:
    models.Rnnlm(12, 5, 4, rng=np.random.default_rng(17)).save_params(folder / "Rnnlm.pkl")
    models.Rnnlm(12, 5, 4, rng=np.random.default_rng(18)).save_params(folder / "Rnnlm.npz")


def _read_params(path: Path) -> Results:
    model = models.Rnnlm(12, 5, 4)
    model.load_params(path)
    return _numbered(_flat(model.params))


_WRITERS: list[Callable[[Path], None]] = [
    _write_vectors,
    _write_params,
    _write_trainer,
    _write_rnnlm_trainer,
    _write_checkpoint,
    lambda folder: _word_vectors().save(folder / "word2vec.fw2v"),
    lambda folder: _delta(_word_vectors()).save(folder / "shard.delta"),
    lambda folder: _text_model().save(folder / "text_model.npz"),
    lambda folder: _translator().save(folder / "translator.npz"),
]

READERS: dict[str, Callable[[Path], Results]] = {
    "vectors.fw2v": lambda folder: _use_vectors(KeyedVectors.load(folder / "vectors.fw2v")),
    "vectors.txt": lambda folder: _use_vectors(KeyedVectors.load(folder / "vectors.txt")),
    "vectors.txt.gz": lambda folder: _use_vectors(KeyedVectors.load(folder / "vectors.txt.gz")),
    "vectors.bin": lambda folder: _use_vectors(KeyedVectors.load(folder / "vectors.bin")),
    "word2vec.fw2v": lambda folder: _use_word2vec(Word2Vec.load(folder / "word2vec.fw2v")),
    "shard.delta": lambda folder: _use_fields(steps.WeightDelta.load(folder / "shard.delta")),
    "checkpoint.fw2v": _read_checkpoint,
    "trainer.npz": _read_trainer,
    "rnnlm_trainer.npz": _read_rnnlm_trainer,
    "text_model.npz": lambda folder: _use_text_model(
        text_model.TextModel.load(folder / "text_model.npz")
    ),
    "translator.npz": lambda folder: _use_translator(
        models.CharTranslator.load(folder / "translator.npz")
    ),
    "Rnnlm.npz": lambda folder: _read_params(folder / "Rnnlm.npz"),
    "Rnnlm.pkl": lambda folder: _read_params(folder / "Rnnlm.pkl"),
    "the book's pickle": lambda folder: _numbered(_flat(load_book_pickle(folder / "Rnnlm.pkl"))),
}


def read_file(folder: Path, name: str) -> Results:
    """Read a copy of the files: a training that is resumed writes its checkpoint again."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        return READERS[name](Path(copy))


def write(folder: Path) -> None:
    """Write every file, read each again, and keep what the readers compute."""
    made = {"layers": _layers(), "optimizers": _optimizers(), "others": _others()}
    with zipfile.ZipFile(folder / PICKLES, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, things in made.items():
            for name, thing in things.items():
                # A fixed date: the same content gives the same archive.
                member = zipfile.ZipInfo(f"{kind}/{name}")
                archive.writestr(member, pickle.dumps(thing, 4), zipfile.ZIP_DEFLATED)
    for writer in _WRITERS:
        writer(folder)
    results = {name: read_pickle(folder, name) for name in pickled_names(folder)}
    for name in READERS:
        results[name] = read_file(folder, name)
    np.savez_compressed(
        folder / RESULTS,
        **{
            f"{name}|{key}": value
            for name, found in results.items()
            for key, value in found.items()
        },
    )


def recorded(folder: Path) -> dict[str, Results]:
    """Return the kept results as {name of file or pickle: {key: array}}."""
    results: dict[str, Results] = {}
    with np.load(folder / RESULTS) as arrays:
        for full, array in arrays.items():
            name, _, key = full.rpartition("|")
            results.setdefault(name, {})[key] = array
    return results
