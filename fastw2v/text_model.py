"""Language models together with their words: they read text, write text, and save to one file.

>>> import numpy as np
>>> from fastw2v.datasets import tokenize_lines
>>> tokens = list(tokenize_lines("the cat sat on the mat .\\n" * 60, split="blanks"))
>>> text_model = TextModel(vocabulary(tokens), kind="rnnlm", size=16, rng=np.random.default_rng(0))
>>> ids = text_model.ids(tokens)
>>> for epoch in train(text_model, ids, ids, epochs=6, batch_size=4, time_size=7):
...     if epoch.number == 6:
...         print(round(epoch.valid_perplexity, 1) < 2)
True
>>> text_model.write(7, "the cat", temperature=0.01)
'the cat sat on the mat.'

V words, H hidden units, N batch, T time.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fastw2v._checks.ids import as_any_ids, as_ids, check_enough_words
from fastw2v._checks.numbers import as_above_zero, as_int, check_one_of
from fastw2v._checks.sequences import check_iterable
from fastw2v._files import npz
from fastw2v._rows.deferred import apply_all_pending
from fastw2v.datasets.splitter import EOS, Splitter
from fastw2v.models import BetterRnnlmGen, RnnlmGen
from fastw2v.optimizer import SGD
from fastw2v.trainer import RnnlmTrainer
from fastw2v.util import mean_loss

__all__ = ["UNK", "Epoch", "TextModel", "join_words", "train", "unigram_perplexity", "vocabulary"]

UNK = "<unk>"
KINDS = {"rnnlm": RnnlmGen, "better": BetterRnnlmGen}
_FORMAT = "fastw2v text model 1"
_META = "meta"

_NO_BLANK_BEFORE = frozenset(".,;:!?%)]}\u2019\u201d\u3001\u3002")
_NO_BLANK_AFTER = frozenset("([{\u2018\u201c")


def vocabulary(
    tokens: Iterable[str], *, min_count: int = 1, max_size: int | None = None
) -> list[str]:
    """Return the words of a text, most frequent first, for a `TextModel`; `<unk>` is among them.

    Words that occur less than min_count times are left out, and so are the rarest words beyond
    max_size, which counts `<unk>` too. `<unk>` takes their place and their counts. Words with equal
    counts keep the order of their first appearance.

    >>> vocabulary("a b a c a b".split(), min_count=2)
    ['a', 'b', '<unk>']
    """
    as_int("min_count", min_count)
    if max_size is not None:
        as_int("max_size", max_size, low=2)
    counts = Counter(tokens)
    if not counts:
        raise ValueError("tokens: expected words, got none; pass a text that has some")
    rare = sum(n for word, n in counts.items() if n < min_count)
    kept = {word: n for word, n in counts.items() if n >= min_count and word != UNK}
    words = sorted(kept, key=kept.__getitem__, reverse=True)[: (max_size or len(kept) + 1) - 1]
    beyond = sum(kept.values()) - sum(kept[word] for word in words)
    unknown = counts[UNK] * (counts[UNK] >= min_count) + rare + beyond
    place = sum(kept[word] >= unknown for word in words)
    return [*words[:place], UNK, *words[place:]]


def unigram_perplexity(train_ids: np.ndarray, ids: np.ndarray, V: int) -> float:
    """Return the perplexity of ids (M,) under the relative frequencies of words in train_ids.

    Words absent from train_ids count as one occurrence, as the result would be infinite otherwise.

    >>> round(unigram_perplexity(np.array([0, 1, 0, 1]), np.array([0, 1, 1]), 2), 6)
    2.0
    """
    counts = np.maximum(np.bincount(as_ids("train_ids", train_ids, V), minlength=V), 1)
    logs = np.log(counts / counts.sum())
    return math.exp(-float(logs[as_ids("ids", ids, V)].mean()))


class TextModel:
    """Language model and its vocabulary, saved to one file.

    words: V distinct words, `<unk>` among them, as `vocabulary` returns them. kind: "rnnlm" or
    "better", which makes `model` a `models.RnnlmGen` or a `models.BetterRnnlmGen`. size: dimension
    of the word vectors and of the hidden states. dropout: used by "better" only. rng: None draws
    the weights from numpy's global stream. splitter: the rules by which the text of the model
    became words, so that `write` splits `start` alike; it is saved with the model.

    >>> text_model = TextModel(["the", "cat", "<unk>"], kind="rnnlm", size=8)
    >>> text_model.ids(["cat", "the", "dog"])
    array([1, 0, 2], dtype=int32)
    >>> type(text_model.model).__name__
    'RnnlmGen'
    """

    def __init__(
        self,
        words: Sequence[str],
        kind: str = "better",
        size: int = 200,
        dropout: float = 0.5,
        *,
        rng: np.random.Generator | None = None,
        splitter: Splitter | None = None,
    ) -> None:
        self.splitter = _as_splitter(splitter)
        self.words = _as_distinct_words("words", words, UNK)
        check_one_of("kind", kind, tuple(KINDS))
        self.kind, self.size, self.dropout = kind, size, dropout
        options = (dropout,) if kind == "better" else ()
        self.model: RnnlmGen | BetterRnnlmGen = KINDS[kind](
            len(self.words), size, size, *options, rng=rng
        )
        self.word_to_id = {word: i for i, word in enumerate(self.words)}

    def ids(self, tokens: Iterable[str]) -> np.ndarray:
        """Return words as ids (M,) int32; unknown words get the id of `<unk>`."""
        check_iterable("tokens", tokens, "words")
        get, unknown = self.word_to_id.get, self.word_to_id[UNK]
        return np.fromiter((get(token, unknown) for token in tokens), np.int32)

    def perplexity(self, ids: np.ndarray, batch_size: int = 10, time_size: int = 35) -> float:
        """Return exp of the mean loss of ids (M,), as `util.eval_perplexity` does, without output.

        The state starts at zero. Batches are smaller where there are too few ids for batch_size.
        """
        ids = as_any_ids("ids", ids, ndim=1)
        check_enough_words("ids", ids, 1, 1)
        T = min(time_size, len(ids) - 1)
        N = max(1, min(batch_size, (len(ids) - 1) // T))
        self.model.reset_state()
        loss = float(mean_loss(self.model, ids, N, T))
        self.model.reset_state()
        return math.exp(loss) if loss < 700 else math.inf

    def write(
        self,
        n_words: int = 100,
        start: str | Sequence[str] | None = None,
        *,
        temperature: float = 1.0,
        skip: Sequence[str] = (UNK,),
        rng: np.random.Generator | None = None,
    ) -> str:
        """Return a text of n_words words: those of `start`, and drawn words that continue it.

        start: words, or a str that the model's splitter cuts into words, at blanks if it has none;
        None starts a new line. skip: words that are never written. temperature: values below 1 make
        likely words more likely. rng: None draws from numpy's global stream.

        ValueError is raised for an unknown word in `start`, which it names.
        """
        n_words = as_int("n_words", n_words)
        given = self._split(start) if isinstance(start, str) else list(start or ())
        first = given or [EOS if EOS in self.word_to_id else self.words[0]]
        known = [self._known("start", word) for word in first]
        skipped = [self.word_to_id[word] for word in skip if word in self.word_to_id]
        model = self.model
        model.reset_state()
        if len(known) > 1:
            model.predict(np.array([known[:-1]]))
        hidden = 0 if given else 1  # the default start is not shown
        n_new = max(n_words - len(given), 0) + 1
        ids = model.generate(known[-1], skipped, n_new, temperature=temperature, rng=rng)
        model.reset_state()
        return join_words([self.words[i] for i in [*known[:-1], *ids][hidden:]])

    def _split(self, text: str) -> list[str]:
        if self.splitter is None:
            return text.split()
        return list(self.splitter.words(text, marks=True))

    def _known(self, name: str, word: str) -> int:
        found = self.word_to_id.get(word, self.word_to_id.get(word.lower()))
        if found is None:
            raise ValueError(
                f"{name}: {word!r} is not among the {len(self.words)} words of this model; take "
                "words of the text that it was trained on"
            )
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write words and weights to one file, an .npz archive without pickled objects."""
        meta = {
            "format": _FORMAT,
            "kind": self.kind,
            "size": self.size,
            "dropout": self.dropout,
            "words": self.words,
            "splitter": None if self.splitter is None else self.splitter.settings(),
        }
        saved = self._saved()
        apply_all_pending(*saved)
        npz.write(path, {f"param{i}": np.asarray(p) for i, p in enumerate(saved)}, {_META: meta})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TextModel:
        """Read a file that `save` wrote.

        OSError is raised if there is no such file, ValueError if it is damaged or of another kind.

        >>> import tempfile
        >>> text_model = TextModel(["the", "cat", "<unk>"], kind="rnnlm", size=8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     text_model.save(folder + "/a.npz")
        ...     TextModel.load(folder + "/a.npz").words
        ['the', 'cat', '<unk>']
        """
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path}: no such file; check the name and the current folder")
        expected = "a model that `fastw2v lm-train` or TextModel.save wrote"
        with (
            npz.Archive(path, expected, "train and save it again") as archive,
            archive.damage_reported(),
        ):
            return cls._load(archive)

    @classmethod
    def _load(cls, archive: npz.Archive) -> TextModel:
        meta = archive.json(_META)
        if not isinstance(meta, dict) or meta.get("format") != _FORMAT:
            raise ValueError(f"its format is not {_FORMAT!r}")
        params = [archive.array(f"param{i}") for i in range(len(archive.names) - 1)]
        kind, V, H = meta["kind"], len(meta["words"]), meta["size"]
        if [p.shape for p in params] != _shapes(kind, V, H):  # before the model is allocated
            raise ValueError("the shapes of its arrays do not match its settings")
        # The weights are overwritten, so they are not drawn from the global stream.
        settings = meta.get("splitter")  # files of version 0.1 have none
        splitter = None if settings is None else Splitter(**settings)
        made = cls(
            *(meta["words"], kind, H, meta["dropout"]),
            rng=np.random.default_rng(0),
            splitter=splitter,
        )
        for layer in getattr(made.model, "drop_layers", ()):
            layer._rng = None
        for mine, array in zip(made._saved(), params, strict=True):
            mine[...] = array
        return made

    def _saved(self) -> list[np.ndarray]:
        """Return the weights; a tied one is listed once."""
        params = self.model.params
        return [p for i, p in enumerate(params) if self.kind != "better" or i != 7]


def _as_distinct_words(name: str, words: Iterable[str], wanted: str) -> list[str]:
    """Return distinct strings, `wanted` among them, as a list."""
    check_iterable(name, words, "words")
    words = list(words)
    seen = set()
    for k, word in enumerate(words):
        if not isinstance(word, str):
            raise TypeError(f"{name}[{k}]: expected str, got {type(word).__name__}; pass words")
        if word in seen:
            raise ValueError(f"{name}[{k}]: {word!r} is listed twice; pass each word once")
        seen.add(word)
    if wanted not in seen:
        raise ValueError(
            f"{name}: expected {wanted!r} among the words, to represent unknown ones, got none; "
            "add it"
        )
    return words


def _as_splitter(splitter: Splitter | None) -> Splitter | None:
    if splitter is not None and not isinstance(splitter, Splitter):
        raise TypeError(
            f"splitter: expected a datasets.Splitter, got {type(splitter).__name__}; pass "
            "Splitter(), or leave it out"
        )
    return splitter


def _shapes(kind: str, V: int, H: int) -> list[tuple[int, ...]]:
    """Return the shapes of the arrays of a file, in their order."""
    lstm = [(H, 4 * H), (H, 4 * H), (4 * H,)]
    if kind == "better":
        return [(V, H), *lstm, *lstm, (V,)]
    return [(V, H), *lstm, (H, V), (V,)]


class Epoch(NamedTuple):
    """Report of `train` after each pass over the text.

    >>> Epoch(1, 300.5, 250.0, 20.0, True).improved
    True
    """

    number: int
    train_perplexity: float
    valid_perplexity: float
    lr: float
    improved: bool  # whether this is the lowest validation perplexity so far


def train(
    text_model: TextModel,
    ids: np.ndarray,
    valid_ids: np.ndarray,
    *,
    epochs: int,
    batch_size: int = 20,
    time_size: int = 35,
    lr: float = 20.0,
    max_grad: float = 0.25,
    progress: bool = False,
) -> Iterator[Epoch]:
    """Train on ids (M,), yield an `Epoch` after each pass, and leave the best weights in the model.

    The optimizer is SGD, with gradients clipped to max_grad. The learning rate is quartered after a
    pass that did not improve the perplexity of valid_ids, as in chapter 6. The model ends with the
    weights of its best pass, also after Ctrl-C. progress: show a bar on stderr.

    >>> text_model = TextModel(["a", "b", "<unk>"], kind="rnnlm", size=8)
    >>> ids = text_model.ids(["a", "b"] * 40)
    >>> [epoch.number for epoch in train(text_model, ids, ids, epochs=2, batch_size=2, time_size=5)]
    [1, 2]
    """
    epochs = as_int("epochs", epochs)
    batch_size = as_int("batch_size", batch_size)
    time_size = as_int("time_size", time_size)
    check_enough_words("ids", ids, batch_size, time_size)
    model, optimizer = text_model.model, SGD(as_above_zero("lr", lr))
    trainer = RnnlmTrainer(model, optimizer)
    best, kept = math.inf, None
    try:
        for number in range(1, epochs + 1):
            model.reset_state()
            rate = optimizer.lr
            with contextlib.redirect_stdout(
                io.StringIO()
            ):  # `fit` records losses only for lines that it prints
                trainer.fit(
                    *(ids[:-1], ids[1:], 1, batch_size, time_size, max_grad),
                    eval_interval=1,
                    progress=progress,
                )
            losses = np.log(trainer.ppl_list)
            valid = text_model.perplexity(valid_ids)
            improved = valid < best
            if improved:
                best, kept = valid, [param.copy() for param in model.params]
            else:
                optimizer.lr /= 4
            yield Epoch(number, math.exp(min(losses.mean(), 700)), valid, rate, improved)
    finally:
        model.reset_state()
        if kept is not None:
            for param, array in zip(model.params, kept, strict=True):
                param[...] = array


def join_words(words: Iterable[str]) -> str:
    """Join words and punctuation marks into a text; `<eos>` ends a line.

    >>> join_words(["it", "is", "(", "now", ")", "7", "!", "<eos>", "go", "."])
    'it is (now) 7!\\ngo.'
    """
    lines, line = [], ""
    for word in words:
        if word == EOS:
            lines.append(line)
            line = ""
        elif not line or word in _NO_BLANK_BEFORE or line[-1] in _NO_BLANK_AFTER:
            line += word
        else:
            line += " " + word
    return "\n".join([*lines, line]) if line else "\n".join(lines)
