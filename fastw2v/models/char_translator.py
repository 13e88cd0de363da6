"""Translation character by character: an LSTM reads a text, another one writes its translation.

After Sutskever, Vinyals and Le (arXiv 1409.3215), with characters for words, as in the example of a
sequence to sequence model that comes with Keras; attention as in the book's chapter 8.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastw2v import config
from fastw2v._checks.ids import as_ids, as_native_ids
from fastw2v._checks.numbers import as_below_one, as_int, check_generator
from fastw2v._checks.sequences import as_sequence_dtype, check_text, check_trained_forward
from fastw2v._files import npz
from fastw2v._files.atomic import replacing
from fastw2v._rows.deferred import apply_all_pending
from fastw2v.base_model import BaseModel, BookFileError
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

START, END = "\t", "\n"
_FORMAT = "fastw2v CharTranslator 1"
_SETTINGS = (
    *("source_characters", "target_characters", "hidden_size", "max_source_length"),
    *("max_target_length", "embed_size", "bidirectional", "reverse", "attention"),
)
_BATCH = 256  # texts side by side when nothing is learned
_HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy")


class Translation(NamedTuple):
    """A text, and the logarithm of its probability, with that of its end, given the source.

    >>> Translation("行け。", -0.5).text
    '行け。'
    """

    text: str
    score: float


class CharTranslator(BaseModel):
    """Texts to texts, one character at a time.

    The encoder reads the source and hands its last h and c to the decoder, which reads the target
    from the start mark on and learns to tell each next character, the end mark last. What stands
    behind the end of the shorter texts of a batch counts nowhere.

    source_characters, target_characters: the alphabets, each a str or a list of characters; ids
    follow their code points. Tab is the start mark and newline the end mark, which are added to
    the target's alphabet. `from_pairs` finds both, and the lengths, in pairs of texts.

    max_source_length: of a text to translate; max_target_length: of a target with both marks, which
    no translation exceeds. embed_size: None reads characters as one-hot rows, a number reads
    learned vectors of that size. bidirectional: two LSTMs read the source, one of them from its
    end, and the decoder is twice as wide. reverse: the source is read from its end. attention: each
    step also looks at all states of the encoder. dtype: float32 or float64, of everything. rng:
    None draws the initial weights, which are Keras's, from numpy's global stream.

    `encoder`, `decoder` and `loss_layer` are the parts. `history` has, for each epoch of `fit`, the
    loss and the share of characters that were right: "loss" and "accuracy" of the training pairs,
    "val_loss" and "val_accuracy" of the others.

    ValueError for texts that are empty, longer than those lengths, or hold a character that is not
    in the alphabet; it says which.

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
        source_characters: Any,
        target_characters: Any,
        hidden_size: int = 256,
        *,
        max_source_length: int = 100,
        max_target_length: int = 100,
        embed_size: Any = None,
        bidirectional: bool = False,
        reverse: bool = False,
        attention: bool = False,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        config.check()
        self.source_characters = _as_alphabet("source_characters", source_characters)
        target = _as_alphabet("target_characters", target_characters)
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
        self.history = {name: [] for name in _HISTORY}
        self._source_ids = {char: k for k, char in enumerate(self.source_characters)}
        self._target_ids = {char: k for k, char in enumerate(self.target_characters)}
        self._tally = None  # of an epoch: the loss, right characters, characters
        self._trained = None  # whether the last forward was one to go back through
        self._memory = None  # what attention looks at in `step`

    @classmethod
    def from_pairs(cls, pairs: Any, hidden_size: int = 256, **options) -> Any:
        """A model with the alphabets and the greatest lengths of (source, target) pairs.

        options: the constructor's keyword arguments.
        """
        sources, targets = zip(*_as_text_pairs("pairs", pairs, START + END), strict=True)
        lengths = {
            "max_source_length": max(map(len, sources)),
            "max_target_length": len(START) + max(map(len, targets)) + len(END),
        }
        alphabets = ({*"".join(texts)} for texts in (sources, targets))
        return cls(*map(sorted, alphabets), hidden_size, **lengths | options)

    @property
    def attention(self) -> Any:
        """Whether each step looks at all states of the encoder."""
        return self.decoder.attention is not None

    # Training ------------------------------------------------------------------------------------

    def pair_ids(self, pairs: Any) -> Any:
        """Ids of (source, target) pairs: (N, T_s) and (N, T_t) int32, as forward takes them.

        Targets have the start mark before them and the end mark behind. -1 stands behind the ends
        of texts that are shorter than T.
        """
        pairs = _as_text_pairs("pairs", pairs, START + END)
        sources, targets = zip(*pairs, strict=True)
        marked = [START + target + END for target in targets]
        x = _as_char_ids("source", sources, self._source_ids, self.max_source_length)
        t = _as_char_ids("target", marked, self._target_ids, self.max_target_length)
        return x, t

    def forward(self, sources: ArrayLike, targets: ArrayLike) -> Any:
        """The loss of ids as `pair_ids` gives them: the mean over the characters to be told.

        In each row of the targets, the ids but the last are read, and all but the first are told.
        """
        loss, right, count = self._score(sources, targets, train=True)
        if self._tally is not None:
            self._tally += loss * count, right, count
        return loss

    def backward(self, dout: ArrayLike = 1) -> Any:
        """Gradients into `grads`; returns None."""
        check_trained_forward(self, self._trained)
        self.encoder.backward(*self.decoder.backward(self.loss_layer.backward(dout)))

    def _score(self, sources, targets, train):
        """(mean loss, how many characters are right, of how many)."""
        xs, lengths = _as_padded_ids("sources", sources, len(self.source_characters))
        ys, steps = _as_padded_ids("targets", targets, len(self.target_characters), 2)
        if len(xs) != len(ys):
            raise ValueError(
                f"targets: expected {len(xs)} rows, one for each source, got {len(ys)}; pass what "
                "pair_ids gives"
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
        pairs: Any,
        epochs: int = 50,
        batch_size: int = 64,
        validation_split: float = 0.2,
        *,
        optimizer: Any = None,
        max_grad: Any = None,
        keep_best: bool = False,
        progress: bool = False,
    ) -> None:
        """Train on (source, target) pairs, of which the last part is only watched.

        validation_split: the share of these. A source may have several targets. optimizer: None is
        RMSprop(lr=0.001, decay_rate=0.9), a new one at each call. max_grad: clip gradients to this
        norm. keep_best: end with the weights of the epoch whose val_loss was the lowest. progress:
        a bar on stderr. Each epoch adds a number to every list in `history`. Ctrl-C ends it
        between two steps.
        """
        epochs = as_int("epochs", epochs, low=0)
        x, t = self.pair_ids(pairs)
        n_watched = int(len(x) * as_below_one("validation_split", validation_split))
        n = len(x) - n_watched
        batch_size = min(as_int("batch_size", batch_size), n)
        trainer = Trainer(self, RMSprop(0.001, 0.9) if optimizer is None else optimizer)
        best, kept = np.inf, None
        from tqdm import tqdm

        try:
            with tqdm(total=epochs, unit="epoch", disable=not progress, file=sys.stderr) as bar:
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
        """[loss, share of right characters], while they were learned."""
        self._tally = np.zeros(3)
        try:
            trainer.fit(x, t, 1, batch_size, max_grad, eval_interval=None)
            return [self._tally[0] / self._tally[2], self._tally[1] / self._tally[2]]
        finally:
            self._tally = None

    def evaluate(self, pairs: Any) -> Any:
        """(loss, share of characters that are right) of pairs, each character after right ones."""
        return tuple(map(float, self._evaluate(*self.pair_ids(pairs))))

    def _evaluate(self, x, t):
        total = np.zeros(3)
        for k in range(0, len(x), _BATCH):
            loss, right, count = self._score(x[k : k + _BATCH], t[k : k + _BATCH], train=False)
            total += loss * count, right, count
        return [total[0] / total[2], total[1] / total[2]]

    def plot(self, file_name: str | os.PathLike[str] | None = None) -> Any:
        """Draw `history`, into a file if a name is given, else on the screen.

        Returns whether it was drawn: without matplotlib there is a word on stderr instead.
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

    def translate(self, text: Any, beam_width: int = 1) -> Any:
        """The translation of a text, or a list with those of a list of texts.

        beam_width: 1 takes the most probable character at each step; more keep so many beginnings,
        and give the most probable text that was found, never a less probable one than 1 gives.
        """
        if isinstance(text, str):
            return self.decode(text, beam_width).text
        return [found.text for found in self.decode(text, beam_width)]

    def decode(self, text: Any, beam_width: int = 1) -> Any:
        """As `translate`, but `Translation` tuples, with the logarithms of the probabilities."""
        width = as_int("beam_width", beam_width)
        texts = [text] if isinstance(text, str) else _as_texts("text", text)
        x = _as_char_ids("text", texts, self._source_ids, self.max_source_length)
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

    def score(self, source: Any, target: ArrayLike) -> Any:
        """The logarithm of the probability of a target, with its end, given a source.

        The target may be empty: a translation may be.
        """
        check_text("source", source)
        source = [source]
        check_text("target", target)
        target = [START + target + END]
        x = _as_char_ids("source", source, self._source_ids, self.max_source_length)
        t = _as_char_ids("target", target, self._target_ids, self.max_target_length)
        loss, _, count = self._score(x, t, train=False)
        return -float(loss) * count

    def exact(self, pairs: Any, beam_width: int = 1) -> Any:
        """The share of sources whose translation is one of the targets that the pairs give them."""
        wanted = {}
        for source, target in _as_text_pairs("pairs", pairs, START + END):
            wanted.setdefault(source, set()).add(target)
        translations = self.translate(list(wanted), beam_width)
        right = sum(found in wanted[text] for text, found in zip(wanted, translations, strict=True))
        return right / len(wanted)

    def encode(self, text: Any) -> Any:
        """h and c (1, H) after reading a text: what the decoder starts from.

        With attention, the states that the next calls of `step` look at are kept too.
        """
        check_text("text", text)
        texts = [text]
        x = _as_char_ids("text", texts, self._source_ids, self.max_source_length)
        h, c, *memory = self._read(x)
        self._memory = memory
        return h, c

    def step(self, id: Any, h: ArrayLike, c: ArrayLike) -> Any:
        """One step of the decoder: probabilities (1, 1, V) of the next character, and new h, c.

        id: of the character before, that of the start mark at first; h, c (1, H).
        """
        ids = as_ids("id", id, len(self.target_characters)).reshape(-1)
        if self.attention and self._memory is None:
            raise RuntimeError("step: nothing to look at; call encode(text) first")
        log_p, (h, c, *_) = self._next(ids, (h, c, *(self._memory or ())))
        return np.exp(log_p)[:, None].astype(h.dtype), h, c

    def _read(self, x):
        """The states that decoding starts from: h, c, and what attention looks at."""
        xs, lengths = _as_padded_ids("text", x, len(self.source_characters))
        hs, h, c = self.encoder.forward(xs, lengths, train=False)
        return (h, c, with_mask(hs, lengths)) if self.attention else (h, c)

    def _next(self, ids, states):
        """Log-probabilities (N, V) float64 of the characters after ids (N,), and the new states."""
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
        """Write everything that `load` needs, alphabets included, to a file: a numpy archive.

        The file is the old or the new one as a whole. `save_params` writes the arrays alone.
        """
        settings = {"format": _FORMAT} | {name: getattr(self, name) for name in _SETTINGS}
        apply_all_pending(*self.params)
        arrays = {f"param{k}": np.asarray(param) for k, param in enumerate(self.params)}
        npz.write(file_name, arrays, {"settings": settings})

    @classmethod
    def load(cls, file_name: str | os.PathLike[str]) -> Any:
        """The model in a file that `save` wrote.

        OSError `No file: NAME` if it is missing, BookFileError (a ValueError) if it is damaged,
        something else, or holds arrays of other shapes than its settings say. Nothing is run.
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
                        f"{name}: expected shape {wanted} for array {k}, as its settings say, got "
                        f"{shape}; train the model and save it again"
                    )
            if len(shapes) != len(wanted_shapes):
                raise BookFileError(
                    f"{name}: expected {len(wanted_shapes)} arrays, as its settings say, got "
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


def _check_listed(name, things, what):
    """Check a list, or another sequence."""
    if not isinstance(things, Sequence):
        raise TypeError(
            f"{name}: expected a list of {what}, got {type(things).__name__}; pass a list"
        )


def _as_alphabet(name, characters):
    """Different characters, a str or a list of them, sorted by code point."""
    _check_listed(name, characters, "characters")
    characters = list(characters)
    for char in characters:
        if not isinstance(char, str) or len(char) != 1:
            raise ValueError(f"{name}: expected single characters, got {char!r}; pass a str")
    if not characters:
        raise ValueError(f"{name}: expected at least one character, got none; pass a str")
    return sorted(set(characters))


def _as_texts(name, texts):
    """A list of at least one str."""
    _check_listed(name, texts, "texts")
    for k, one in enumerate(texts):
        check_text(f"{name}[{k}]", one)
    texts = list(texts)
    if not texts:
        raise ValueError(f"{name}: expected at least one text, got none; pass a str or a list")
    return texts


def _as_text_pairs(name, pairs, marks):
    """(source, target) pairs of texts, at least one, without characters that are marks in them."""
    _check_listed(name, pairs, "(source, target) pairs")
    found = []
    for k, pair in enumerate(pairs):
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise ValueError(
                f"{name}[{k}]: expected (source, target), got {pair!r:.60}; pass two texts"
            )
        for side, one in zip(("source", "target"), pair, strict=True):
            place = f"{name}[{k}]: {side}"
            check_text(place, one)
            if not one:
                raise ValueError(f"{place}: expected a text, got an empty one; leave the pair out")
            if any(mark in one for mark in marks):
                raise ValueError(
                    f"{place}: expected no tab and no newline, which mark start and end, got "
                    f"{one!r:.60}; take them out"
                )
        found.append((pair[0], pair[1]))
    if not found:
        raise ValueError(f"{name}: expected at least one pair, got none; pass (source, target)")
    return found


def _as_char_ids(name, texts, ids, max_length):
    """The characters of texts as ids (N, T) int32, -1 behind the ends of the shorter ones."""
    found = np.full((len(texts), max(map(len, texts))), -1, np.int32)
    for k, one in enumerate(texts):
        place = name if len(texts) == 1 else f"{name}[{k}]"
        if not one:
            raise ValueError(f"{place}: expected a text, got an empty one; leave it out")
        if len(one) > max_length:
            raise ValueError(
                f"{place}: expected at most {max_length} characters, the most that this model was "
                f"made for, got {len(one)}; shorten it, or train a model with longer texts"
            )
        try:
            found[k, : len(one)] = [ids[char] for char in one]
        except KeyError:
            at = next(i for i, char in enumerate(one) if char not in ids)
            raise ValueError(
                f"{place}: character {one[at]!r} in {one.strip()!r:.60} is not among the "
                f"{len(ids)} of this model's alphabet; leave it out, or train with texts that "
                "have it"
            ) from None
    return found


def _as_padded_ids(name, given, V, least=1):
    """Ids (N, T) with -1 behind the end of each row: cut to the longest, with 0 for -1, lengths.

    N and the length of each row, at least `least`, may not be 0.
    """
    ids = as_native_ids(name, given)
    if ids.ndim != 2 or ids.size == 0:
        raise ValueError(
            f"{name}: expected ids of shape (N, T), neither of them 0, got {ids.shape}; pass what "
            "pair_ids gives"
        )
    there = ids != -1
    lengths = np.where(there.any(axis=1), ids.shape[1] - there[:, ::-1].argmax(axis=1), 0)
    if lengths.min() < least:
        raise ValueError(
            f"{name}: expected at least {least} ids in each row before its -1, got "
            f"{lengths.min()} in row {lengths.argmin()}; leave the row out"
        )
    behind = np.arange(ids.shape[1]) >= lengths[:, None]
    ids = as_ids(name, np.where(behind, 0, ids), V, wrap=False, rows="characters")
    return np.ascontiguousarray(ids[:, : lengths.max()]), lengths
