"""Translation character by character: one LSTM reads a text, another writes its translation.

After Sutskever, Vinyals and Le (arXiv 1409.3215), with characters for words, as in the example of a
sequence to sequence model that comes with Keras; attention as in the book's chapter 8.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fastw2v import config
from fastw2v._checks.ids import as_ids
from fastw2v._checks.numbers import as_below_one, as_int, check_generator
from fastw2v._checks.sequences import as_sequence_dtype, check_text, check_trained_forward
from fastw2v._core.progress import open_bar
from fastw2v._files import npz
from fastw2v._files.atomic import replacing
from fastw2v._rows.deferred import apply_all_pending
from fastw2v.base_model import BaseModel, BookFileError
from fastw2v.models._char_ids import (
    END,
    START,
    as_alphabet,
    as_char_ids,
    as_padded_ids,
    as_text_pairs,
    as_texts,
)
from fastw2v.models._char_network import (
    CharDecoder,
    CharEncoder,
    initial_weights,
    weight_shapes,
    with_mask,
)
from fastw2v.models._decoding import beam_search, greedy_search
from fastw2v.optimizer import RMSprop
from fastw2v.time_layers import TimeSoftmaxWithLoss
from fastw2v.trainer import Trainer

__all__ = ["CharTranslator", "Translation"]

_FORMAT = "fastw2v CharTranslator 1"
_SETTINGS = (
    *("source_characters", "target_characters", "hidden_size", "max_source_length"),
    *("max_target_length", "embed_size", "bidirectional", "reverse", "attention"),
)
_BATCH = 256  # texts in a batch outside of training
_HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy")


class Translation(NamedTuple):
    """Translated text, and its log-probability given the source, with that of its end.

    >>> Translation("行け。", -0.5).text
    '行け。'
    """

    text: str
    score: float


class CharTranslator(BaseModel):
    """Sequence to sequence model of texts, one character at a time.

    The encoder reads the source and passes its last h and c to the decoder. The decoder reads the
    target from the start mark on and learns to predict each next character, with the end mark last.
    Padding of the shorter texts in a batch has no effect on any result.

    source_characters, target_characters: the alphabets, each a str or a list of characters; ids
    follow their code points. Tab is the start mark and newline the end mark; both are added to the
    target's alphabet. `from_pairs` takes alphabets and lengths from pairs of texts.

    max_source_length: limit for texts to translate. max_target_length: limit for targets and
    translations with both marks. embed_size: None reads characters as one-hot rows; a number is the
    dimension of learned vectors. bidirectional: two LSTMs read the source, one of them from its
    end, and the decoder is twice as wide. reverse: the source is read from its end. attention: each
    step also attends to all states of the encoder. dtype: float32 or float64, for all arrays. rng:
    None draws the initial weights, which are those of Keras, from numpy's global stream.

    `encoder`, `decoder` and `loss_layer` are the parts. `history` records loss and accuracy, the
    share of correct characters, of each epoch of `fit`: "loss" and "accuracy" for the training
    pairs, "val_loss" and "val_accuracy" for the validation pairs.

    ValueError is raised for texts that are empty, exceed the limits, or contain a character that is
    not in the alphabet, which it names.

    >>> import numpy as np
    >>> from fastw2v.models import CharTranslator
    >>> from fastw2v.optimizer import RMSprop
    >>> pairs = [("1", "一"), ("2", "二"), ("12", "一二"), ("21", "二一")]
    >>> model = CharTranslator.from_pairs(pairs, hidden_size=16, rng=np.random.default_rng(0))
    >>> model.source_characters, model.target_characters
    (['1', '2'], ['\\t', '\\n', '一', '二'])
    >>> model.fit(pairs, epochs=60, validation_split=0, optimizer=RMSprop(0.01, 0.9))
    >>> model.translate("21"), model.translate(["1", "12"])
    ('二一', ['一', '一二'])
    """

    def __init__(
        self,
        source_characters: Sequence[str],
        target_characters: Sequence[str],
        hidden_size: int = 256,
        *,
        max_source_length: int = 100,
        max_target_length: int = 100,
        embed_size: int | None = None,
        bidirectional: bool = False,
        reverse: bool = False,
        attention: bool = False,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        self.source_characters = as_alphabet("source_characters", source_characters)
        target = as_alphabet("target_characters", target_characters)
        self.target_characters = sorted({*target, START, END})
        self.hidden_size = as_int("hidden_size", hidden_size)
        self.max_source_length = as_int("max_source_length", max_source_length)
        self.max_target_length = as_int("max_target_length", max_target_length, 3)
        if embed_size is not None:
            embed_size = as_int("embed_size", embed_size)
        self.embed_size = embed_size
        self.bidirectional, self.reverse = bool(bidirectional), bool(reverse)
        dtype = as_sequence_dtype("dtype", dtype)
        shapes = weight_shapes(
            len(self.source_characters),
            len(self.target_characters),
            self.hidden_size,
            embed_size,
            self.bidirectional,
            attention,
        )
        check_generator("rng", rng)
        weights = iter(initial_weights(shapes, dtype, rng))
        embedded = embed_size is not None
        self.encoder = CharEncoder(weights, embedded, self.bidirectional, self.reverse, dtype)
        self.decoder = CharDecoder(weights, embedded, attention, dtype)
        self.loss_layer = TimeSoftmaxWithLoss()
        self.params = self.encoder.params + self.decoder.params
        self.grads = self.encoder.grads + self.decoder.grads
        self.history: dict[str, list[float]] = {name: [] for name in _HISTORY}
        self._source_ids = {char: k for k, char in enumerate(self.source_characters)}
        self._target_ids = {char: k for k, char in enumerate(self.target_characters)}
        self._tally = None  # of an epoch: summed loss, correct characters, characters
        self._trained = None  # True after a forward with train=True
        self._memory = None  # the encoder states that attention reads in `step`

    @classmethod
    def from_pairs(
        cls, pairs: Sequence[Sequence[str]], hidden_size: int = 256, **options: Any
    ) -> CharTranslator:
        """Return a model with the alphabets and the greatest lengths of (source, target) pairs.

        options: the constructor's keyword arguments.
        """
        sources, targets = zip(*as_text_pairs("pairs", pairs), strict=True)
        lengths = {
            "max_source_length": max(map(len, sources)),
            "max_target_length": len(START) + max(map(len, targets)) + len(END),
        }
        alphabets = ({*"".join(texts)} for texts in (sources, targets))
        return cls(*map(sorted, alphabets), hidden_size, **lengths | options)

    @property
    def attention(self) -> bool:
        """True if each step attends to all states of the encoder."""
        return self.decoder.attention is not None

    # Training ------------------------------------------------------------------------------------

    def pair_ids(
        self, pairs: Sequence[Sequence[str]]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the ids of (source, target) pairs for forward: (N, T_s) and (N, T_t) int32.

        Targets begin with the start mark and end with the end mark. Shorter texts are padded with
        -1.
        """
        pairs = as_text_pairs("pairs", pairs)
        sources, targets = zip(*pairs, strict=True)
        marked = [START + target + END for target in targets]
        x = as_char_ids("source", sources, self._source_ids, self.max_source_length)
        t = as_char_ids("target", marked, self._target_ids, self.max_target_length)
        return x, t

    def forward(self, sources: ArrayLike, targets: ArrayLike) -> np.floating[Any]:
        """Return the loss of ids from `pair_ids`: the mean over the predicted characters.

        In each row of the targets, the decoder reads all ids but the last and predicts all but the
        first.
        """
        loss, right, count = self._score(sources, targets, train=True)
        if self._tally is not None:
            self._tally += loss * count, right, count
        return loss

    def backward(self, dout: ArrayLike = 1) -> None:
        """Write the gradients of all weights into `grads`."""
        check_trained_forward(self, self._trained)
        self.encoder.backward(*self.decoder.backward(self.loss_layer.backward(dout)))

    def _score(self, sources, targets, train):
        """Return (mean loss, number of correct characters, number of characters)."""
        xs, lengths = as_padded_ids("sources", sources, len(self.source_characters))
        ys, steps = as_padded_ids("targets", targets, len(self.target_characters), 2)
        if len(xs) != len(ys):
            raise ValueError(
                f"targets: expected {len(xs)} rows, one for each source, got {len(ys)}; pass the "
                "result of pair_ids"
            )
        self._trained = None
        hs, h, c = self.encoder.forward(xs, lengths, train)
        memory = with_mask(hs, lengths) if self.attention else None
        scores = self.decoder.forward(ys[:, :-1], steps - 1, h, c, memory, train)
        labels = ys[:, 1:][np.arange(ys.shape[1] - 1) < steps[:, None] - 1]
        loss = self.loss_layer.forward(scores, labels[None], copy=False)
        right = np.count_nonzero(scores[0].argmax(axis=1) == labels)
        self._trained = True if train else None
        return loss, right, len(labels)

    def fit(
        self,
        pairs: Sequence[Sequence[str]],
        epochs: int = 50,
        batch_size: int = 64,
        validation_split: float = 0.2,
        *,
        optimizer: Any = None,
        max_grad: float | None = None,
        keep_best: bool = False,
        progress: bool = False,
    ) -> None:
        """Train on (source, target) pairs; the last of them serve for validation only.

        validation_split: the share of validation pairs. A source may have several targets.
        optimizer: None is a new RMSprop(lr=0.001, decay_rate=0.9) at each call. max_grad: clip
        gradients to this norm. keep_best: end with the weights of the epoch with the lowest
        val_loss. progress: show a bar on stderr. Each epoch adds a number to every list in
        `history`. Ctrl-C ends the training between two steps.
        """
        epochs = as_int("epochs", epochs, low=0)
        x, t = self.pair_ids(pairs)
        n_watched = int(len(x) * as_below_one("validation_split", validation_split))
        n = len(x) - n_watched
        batch_size = min(as_int("batch_size", batch_size), n)
        trainer = Trainer(self, RMSprop(0.001, 0.9) if optimizer is None else optimizer)
        best, kept = np.inf, None
        try:
            with open_bar(total=epochs, unit="epoch", disable=not progress) as bar:
                for _ in range(epochs):
                    numbers = self._epoch(trainer, x[:n], t[:n], batch_size, max_grad)
                    if n_watched:
                        numbers += self._evaluate(x[n:], t[n:])
                        if keep_best and numbers[2] < best:
                            best, kept = numbers[2], [param.copy() for param in self.params]
                    named = dict(zip(_HISTORY, map(float, numbers), strict=False))
                    for name, number in named.items():
                        self.history[name].append(number)
                    bar.set_postfix({name: f"{y:.4f}" for name, y in named.items()}, refresh=False)
                    bar.update()
        finally:
            for param, values in zip(self.params, kept or (), strict=False):
                param[...] = values

    def _epoch(self, trainer, x, t, batch_size, max_grad):
        """Train one epoch; return [loss, accuracy] of its batches."""
        self._tally = np.zeros(3)
        try:
            trainer.fit(x, t, 1, batch_size, max_grad, eval_interval=None)
            return [self._tally[0] / self._tally[2], self._tally[1] / self._tally[2]]
        finally:
            self._tally = None

    def evaluate(self, pairs: Sequence[Sequence[str]]) -> tuple[float, float]:
        """Return (loss, share of correct characters) of pairs; the decoder reads the targets."""
        loss, accuracy = self._evaluate(*self.pair_ids(pairs))
        return float(loss), float(accuracy)

    def _evaluate(self, x, t):
        total = np.zeros(3)
        for k in range(0, len(x), _BATCH):
            loss, right, count = self._score(x[k : k + _BATCH], t[k : k + _BATCH], train=False)
            total += loss * count, right, count
        return [total[0] / total[2], total[1] / total[2]]

    def plot(self, file_name: str | os.PathLike[str] | None = None) -> bool:
        """Draw `history` into a file, or on the screen if no name is given.

        Returns whether it was drawn; without matplotlib a message is printed to stderr instead.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            print(
                "plot: matplotlib is missing; install it: pip install matplotlib", file=sys.stderr
            )
            return False
        if file_name is None:
            from matplotlib import pyplot as plt

            figure = plt.figure(figsize=(10, 4))
        else:
            figure = Figure(figsize=(10, 4))
        for axis, kind in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            for label, name in (("training", kind), ("validation", f"val_{kind}")):
                if self.history[name]:
                    axis.plot(
                        range(1, 1 + len(self.history[name])), self.history[name], label=label
                    )
            axis.xaxis.get_major_locator().set_params(integer=True)  # whole epochs
            axis.set_xlabel("epoch")
            axis.set_ylabel(f"{kind} per character")
            axis.set_ylim(bottom=0)
            axis.grid(alpha=0.3)
            axis.legend()
        figure.tight_layout()
        if file_name is None:
            plt.show()
        else:
            with replacing(os.fspath(file_name)) as file:
                figure.savefig(file, dpi=100, format=os.path.splitext(file_name)[1][1:] or "png")
        return True

    # Translating ---------------------------------------------------------------------------------

    @overload
    def translate(self, text: str, beam_width: int = 1) -> str: ...
    @overload
    def translate(self, text: Sequence[str], beam_width: int = 1) -> list[str]: ...
    def translate(self, text: str | Sequence[str], beam_width: int = 1) -> str | list[str]:
        """Translate a text, or each text of a list.

        beam_width: 1 takes the most probable character at each step. A larger number keeps as many
        partial texts and returns the most probable whole text among those found, which is never
        less probable than the result of 1.
        """
        if isinstance(text, str):
            return self.decode(text, beam_width).text
        return [found.text for found in self.decode(text, beam_width)]

    @overload
    def decode(self, text: str, beam_width: int = 1) -> Translation: ...
    @overload
    def decode(self, text: Sequence[str], beam_width: int = 1) -> list[Translation]: ...
    def decode(
        self, text: str | Sequence[str], beam_width: int = 1
    ) -> Translation | list[Translation]:
        """Translate as `translate` does, into `Translation` tuples with log-probabilities."""
        width = as_int("beam_width", beam_width)
        texts = [text] if isinstance(text, str) else as_texts("text", text)
        x = as_char_ids("text", texts, self._source_ids, self.max_source_length)
        found = []
        size = _BATCH if width == 1 else 1
        for k in range(0, len(x), size):
            states, n = self._read(x[k : k + size]), len(x[k : k + size])
            marks = (self._target_ids[START], self._target_ids[END], self.max_target_length - 1)
            if width == 1:
                found += greedy_search(self._next, states, n, *marks)
            else:
                found.append(beam_search(self._next, states, *marks, width))
        written = [
            Translation("".join(self.target_characters[id] for id in ids), float(score))
            for ids, score in found
        ]
        return written[0] if isinstance(text, str) else written

    def check_source(self, text: str, name: str = "text") -> None:
        """Raise ValueError, which begins with the name, for a text that cannot be translated."""
        as_char_ids(name, [text], self._source_ids, self.max_source_length)

    def score(self, source: str, target: str) -> float:
        """Return the log-probability of a target, with its end, given a source.

        The target may be empty, as a translation may be empty too.
        """
        check_text("source", source)
        check_text("target", target)
        marked = START + target + END
        x = as_char_ids("source", [source], self._source_ids, self.max_source_length)
        t = as_char_ids("target", [marked], self._target_ids, self.max_target_length)
        loss, _, count = self._score(x, t, train=False)
        return -float(loss) * count

    def exact(self, pairs: Sequence[Sequence[str]], beam_width: int = 1) -> float:
        """Return the share of sources whose translation equals one of their targets in `pairs`."""
        wanted: dict[str, set[str]] = {}
        for source, target in as_text_pairs("pairs", pairs):
            wanted.setdefault(source, set()).add(target)
        translations = self.translate(list(wanted), beam_width)
        right = sum(found in wanted[text] for text, found in zip(wanted, translations, strict=True))
        return right / len(wanted)

    def encode(self, text: str) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
        """Read a text and return h and c (1, H), the initial state of the decoder.

        With attention, the encoder's states are kept for the next calls of `step`.
        """
        check_text("text", text)
        x = as_char_ids("text", [text], self._source_ids, self.max_source_length)
        h, c, *memory = self._read(x)
        self._memory = memory
        return h, c

    def step(
        self, id: ArrayLike, h: NDArray[Any], c: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Run one step of the decoder; return probabilities (1, 1, V) and the new h, c (1, H).

        id: the id of the previous character, at first that of the start mark. h, c: (1, H).
        """
        ids = as_ids("id", id, len(self.target_characters)).reshape(-1)
        if self.attention and self._memory is None:
            raise RuntimeError("step: no states to attend to; call encode(text) first")
        log_p, (h, c, *_) = self._next(ids, (h, c, *(self._memory or ())))
        return np.exp(log_p)[:, None].astype(h.dtype), h, c

    def _read(self, x):
        """Read source ids; return the decoder's initial h and c, and the states for attention."""
        xs, lengths = as_padded_ids("text", x, len(self.source_characters))
        hs, h, c = self.encoder.forward(xs, lengths, train=False)
        return (h, c, with_mask(hs, lengths)) if self.attention else (h, c)

    def _next(self, ids, states):
        """Return log-probabilities (N, V) float64 of the characters after ids, and new states."""
        h, c, *memory = states
        one_step = np.ones(len(ids), np.int64)
        given = memory[0] if memory else None
        scores = self.decoder.forward(ids[:, None], one_step, h, c, given, train=False)
        scores = scores[0].astype(np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return scores, (self.decoder.lstm.h, self.decoder.lstm.c, *memory)

    # Files ---------------------------------------------------------------------------------------

    def save(self, file_name: str | os.PathLike[str]) -> None:
        """Write settings, alphabets and weights to a file, a numpy archive that `load` reads.

        The file is replaced as a whole or not at all. `save_params` writes only the arrays.
        """
        settings = {"format": _FORMAT} | {name: getattr(self, name) for name in _SETTINGS}
        apply_all_pending(*self.params)
        arrays = {f"param{k}": np.asarray(param) for k, param in enumerate(self.params)}
        npz.write(file_name, arrays, {"settings": settings})

    @classmethod
    def load(cls, file_name: str | os.PathLike[str]) -> CharTranslator:
        """Return the model in a file that `save` wrote.

        OSError `No file: NAME` is raised if it is missing. BookFileError, a ValueError, is raised
        if it is damaged, of another kind, or has arrays whose shapes do not match its settings. No
        code from the file is run.
        """
        name = os.fspath(file_name)
        if not os.path.exists(name):
            raise FileNotFoundError(f"No file: {name}")
        expected = "a file that CharTranslator.save wrote"
        cure = "train the model and save it again"
        with npz.Archive(name, expected, cure, error=BookFileError) as archive:
            with archive.damage_reported():
                settings = _checked_settings(archive.json("settings"))
            members = [f"param{k}" for k in range(len(archive.names) - 1)]
            shapes = [archive.header(member).shape for member in members]
            n_characters = (len(settings[f"{side}_characters"]) for side in ("source", "target"))
            names = ("hidden_size", "embed_size", "bidirectional", "attention")
            sizes = weight_shapes(*n_characters, *(settings[name] for name in names))
            wanted_shapes = [shape for _, shape in sizes]
            for k, (shape, wanted) in enumerate(zip(shapes, wanted_shapes, strict=False)):
                if shape != wanted:
                    raise BookFileError(
                        f"{name}: expected shape {wanted} for array {k} by its settings, got "
                        f"{shape}; train the model and save it again"
                    )
            if len(shapes) != len(wanted_shapes):
                raise BookFileError(
                    f"{name}: expected {len(wanted_shapes)} arrays by its settings, got "
                    f"{len(shapes)}; train the model and save it again"
                )
            arrays = [archive.array(member) for member in members]
        dtype = np.float64 if arrays[0].dtype == np.float64 else np.float32
        model = cls(**settings, dtype=dtype, rng=np.random.default_rng(0))
        for param, array in zip(model.params, arrays, strict=True):
            param[...] = array
        return model


def _checked_settings(settings: Any) -> dict[str, Any]:
    """Return the constructor's arguments that `save` wrote; ValueError for any other value."""
    kinds = {"format": str, "embed_size": (int, type(None))}
    kinds |= dict.fromkeys(("source_characters", "target_characters"), list)
    kinds |= dict.fromkeys(("hidden_size", "max_source_length", "max_target_length"), int)
    kinds |= dict.fromkeys(("bidirectional", "reverse", "attention"), bool)
    if not isinstance(settings, dict) or settings.get("format") != _FORMAT:
        raise ValueError(f"no settings of {_FORMAT!r}")
    if settings.keys() != kinds.keys():
        raise ValueError(f"settings {sorted(settings.keys() ^ kinds.keys())} missing or unknown")
    for name, kind in kinds.items():
        if not isinstance(settings[name], kind) or (kind is int and settings[name] < 1):
            raise ValueError(f"setting {name} is {settings[name]!r:.40}")
    del settings["format"]
    return settings
