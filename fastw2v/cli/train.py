"""The command `train`: word vectors from text files or from Python's own documentation."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import time
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from fastw2v.cli import cluster, splitting, word2vec
from fastw2v.cli.console import (
    COUNT,
    INTERRUPTED,
    OK,
    RATE,
    SEED,
    SHARE,
    add_output,
    add_unwritable,
    counted,
    output_path,
    print_json,
    say,
    seeded,
    shown,
    told_already,
)
from fastw2v.cli.word2vec import Trained

if TYPE_CHECKING:
    from fastw2v.datasets import Corpus
    from fastw2v.datasets.splitter import JoinedWords
    from fastw2v.keyed_vectors import KeyedVectors

DEFAULT_OUTPUT = "vectors.txt"
# Their neighbours are shown after training on the built-in corpus, in which all are common.
_SHOWN_WORDS = ("month", "thread", "socket", "string", "list", "file", "error")
_N_SHOWN = 7
_BATCH_SIZE = 1000
_EPOCH_STEPS = 200  # a shorter text gets smaller batches, because few steps train little
_LEAST_BATCH = 50


def add_parser(commands: Any) -> None:
    """Add `train` to the subparsers of the command line."""
    train = commands.add_parser(
        "train",
        help="train word vectors on text files or on Python's own documentation",
        description="Train word vectors with negative sampling and save them in word2vec format, "
        "which gensim reads. Without FILE the text is the English documentation inside this "
        "Python: some 340,000 words, under a minute.",
    )
    splitting.add_files(train)

    def add(*flags: str, help: str, **rest: Any) -> None:
        train.add_argument(*flags, help=f"{help} (default: %(default)s)", **rest)

    add(
        "--engine",
        choices=("word2vec", "layers"),
        default="word2vec",
        help="the trainer for whole corpora, or the book's layers, batch by batch, with Adam",
    )
    add("--model", choices=("cbow", "skip-gram"), default="cbow", help="model to train")
    add("--dim", type=COUNT, default=100, metavar="N", help="dimension of the vectors")
    add("--window", type=COUNT, default=5, metavar="N", help="words of context on each side")
    add("--negative", type=COUNT, default=5, metavar="N", help="noise words per word")
    add("--epochs", type=COUNT, default=20, metavar="N", help="passes over the text")
    train.add_argument(
        "--batch-size",
        type=COUNT,
        metavar="N",
        help=f"words per step of the layers (default: {_BATCH_SIZE}, fewer for a short text)",
    )
    train.add_argument(
        "--lr",
        type=RATE,
        metavar="X",
        help="learning rate (default: 0.05 for CBOW and 0.025 for skip-gram, falling linearly; "
        "0.001 for the layers)",
    )
    add(
        "--threads",
        type=COUNT,
        default=1,
        metavar="N",
        help="threads of the engine word2vec; with more than one, runs are faster and differ",
    )
    add("--min-count", type=COUNT, default=5, metavar="N", help="drop words that occur less often")
    add(
        "--subsample",
        type=SHARE,
        default=0.001,
        metavar="X",
        help="subsample words whose share of the text is above about X; 0 keeps all",
    )
    add("--seed", type=SEED, default=0, metavar="N", help="the same seed gives the same vectors")
    add_output(
        train,
        DEFAULT_OUTPUT,
        ": .bin is the word2vec binary format, .fw2v is fastw2v's own, which remembers how the "
        "text was split, .npz is numpy's, .safetensors and .parquet are for other programs, any "
        "other name is text; .gz, .bz2 or .xz behind text or .bin packs",
    )
    add_unwritable(train)
    splitting.add_options(train)
    cluster.add_options(train)
    train.set_defaults(reads=("files",), writes=("output",))
    train.add_argument("--quiet", action="store_true", help="print only errors on stderr")
    train.add_argument("--json", action="store_true", help="print one JSON object")


def _train(args: argparse.Namespace) -> int:
    from fastw2v.keyed_vectors import files

    cluster.check_options(args)
    if args.scheduler is not None:
        return cluster.train(args, DEFAULT_OUTPUT)
    output = output_path(args.output, DEFAULT_OUTPUT, quiet=args.quiet)
    kind = files.output_format(output)  # before a minute of work, not after it
    tokens = splitting.splitter(args).words(splitting.read(args, args.files))
    fit = _fit_with_word2vec if args.engine == "word2vec" else _fit_with_layers
    n_words, training = fit(
        args, tokens, lambda words: files.check_words(words, output, kind, args.unwritable)
    )
    training.vectors.splitter = splitting.splitter(args)
    with told_already():
        files.save(training.vectors, output, kind, args.unwritable)
    neighbours = {
        word: training.vectors.most_similar(word)
        for word in _words_to_show(training.vectors, () if args.files else _SHOWN_WORDS)
        if len(training.vectors) > 1
    }
    if args.json:
        print_json(
            {
                "output": shown(os.path.abspath(output)),
                "format": kind,
                "interrupted": training.interrupted,
                "words": n_words,
                "dropped_characters": tokens.dropped,
                "trained_words": training.n_words,
                "vocabulary": len(training.vectors),
                "loss": training.loss,
                "seconds": round(training.seconds, 3),
                "settings": {
                    name: getattr(args, name)
                    for name in (
                        *("files", "engine", "model", "dim", "window", "negative"),
                        *("epochs", "lr", "min_count", "subsample", "seed", "threads"),
                    )
                }
                | splitting.splitter(args).settings()
                | {"encoding": args.encoding, "batch_size": training.batch_size},
                "neighbours": {
                    word: [[other, round(cosine, 6)] for other, cosine in nearest]
                    for word, nearest in neighbours.items()
                },
            }
        )
    else:
        for word, nearest in neighbours.items():
            print(f"{word}: {' '.join(other for other, _ in nearest)}")
        print(
            f"saved {len(training.vectors)} vectors of dimension {args.dim} in {shown(output)} "
            f"({'word2vec ' if kind in ('text', 'binary') else ''}{kind} format)"
        )
    return INTERRUPTED if training.interrupted else OK


Check = Callable[[Sequence[str]], None]


def _fit_with_word2vec(
    args: argparse.Namespace, tokens: JoinedWords, check_words: Check
) -> tuple[int, Trained]:
    """Train with the engine for whole corpora; return the words of the text as well."""
    import numpy as np

    model = word2vec.counted_model(args, tokens)
    splitting.say_dropped(args, tokens)
    check_words(model.wv.index_to_key)
    n_words = int(model.wv.expandos["count"].sum())
    say(
        f"fastw2v: {args.model} on {n_words:,} words, {len(model.wv):,} different: "
        f"{counted(args.epochs, 'epoch')}",
        unless=args.quiet,
    )
    training = word2vec.fit(model, splitting.shows_progress(args))
    if training.interrupted:
        say("fastw2v: stopped; saving the vectors learned so far")
    else:
        rate = n_words * args.epochs / max(training.seconds, 1e-9)
        say(
            f"fastw2v: trained in {training.seconds:.1f} s, {rate:,.0f} words/s",
            unless=args.quiet,
        )
    if not np.isfinite(training.vectors.vectors).all():
        raise word2vec._not_finite("--lr")
    return n_words, training


def _fit_with_layers(
    args: argparse.Namespace, tokens: JoinedWords, check_words: Check
) -> tuple[int, Trained]:
    """Train with the book's layers, batch by batch; return the words of the text as well."""
    from fastw2v.datasets import build_corpus

    built = build_corpus(tokens, args.min_count)
    splitting.say_dropped(args, tokens)
    if len(built.counts) <= args.negative:
        raise ValueError(
            f"--negative: expected fewer than the {len(built.counts)} words that occur "
            f"{args.min_count} times or more, got {args.negative}; lower --negative or "
            "--min-count, or give more text"
        )
    check_words(list(built.word_to_id))
    with seeded(args.seed):
        return len(built.corpus), _fit_batches(args, built)


def _fit_batches(args: argparse.Namespace, built: Corpus) -> Trained:
    import numpy as np

    from fastw2v.datasets import subsample
    from fastw2v.keyed_vectors import KeyedVectors
    from fastw2v.models import CBOW, SkipGram
    from fastw2v.optimizer import Adam
    from fastw2v.trainer import Trainer
    from fastw2v.util import create_contexts_target

    corpus = subsample(built.corpus, built.counts, args.subsample)
    n_targets = len(corpus) - 2 * args.window
    if n_targets < 1:
        raise ValueError(
            f"--window: {len(corpus)} words of text have no word with {args.window} others on "
            "each side; lower --window or --min-count, set --subsample 0, or give more text"
        )
    contexts, target = create_contexts_target(corpus, window_size=args.window)
    model_class = CBOW if args.model == "cbow" else SkipGram
    # Noise words follow the counts of the whole text: subsampling may have removed a rare word.
    model = model_class(
        len(built.counts), args.dim, args.window, built.corpus, sample_size=args.negative
    )
    trainer = Trainer(model, Adam(0.001 if args.lr is None else args.lr))
    batch_size = args.batch_size or max(_LEAST_BATCH, min(_BATCH_SIZE, n_targets // _EPOCH_STEPS))
    batch_size = min(batch_size, n_targets)
    n_steps = n_targets // batch_size  # Trainer drops the last, partial batch
    say(
        f"fastw2v: {args.model} on {len(built.corpus):,} words ({len(corpus):,} sampled), "
        f"{len(built.counts):,} different: {counted(args.epochs, 'epoch')} of "
        f"{counted(n_steps, 'step')}",
        unless=args.quiet,
    )
    progress = splitting.shows_progress(args)
    started = time.perf_counter()
    interrupted = False
    try:
        # `fit` records the loss with each line it prints. The lines themselves are not a result.
        with contextlib.redirect_stdout(io.StringIO()):
            trainer.fit(
                contexts,
                target,
                max_epoch=args.epochs,
                batch_size=batch_size,
                eval_interval=max(1, n_steps // 10),
                progress=progress,
            )
    except KeyboardInterrupt:
        interrupted = True
        say("fastw2v: stopped; saving the vectors learned so far")
    seconds = time.perf_counter() - started
    if not interrupted:
        rate = len(corpus) * args.epochs / max(seconds, 1e-9)
        say(f"fastw2v: trained in {seconds:.1f} s, {rate:,.0f} words/s", unless=args.quiet)
    if not np.isfinite(model.word_vecs).all():
        raise word2vec._not_finite("--lr")
    words = [built.id_to_word[row] for row in range(len(built.counts))]
    losses = trainer.loss_list
    return Trained(
        KeyedVectors.from_words(words, model.word_vecs),
        float(losses[-1]) if losses and math.isfinite(losses[-1]) else None,
        seconds,
        len(corpus),
        batch_size,
        interrupted,
    )


def _words_to_show(vectors: KeyedVectors, known: Sequence[str]) -> list[str]:
    """Return the known words, and then the most frequent words that are not function words.

    As an approximation for most languages, these are the longer words beyond the first fifty, or
    in a small vocabulary those of any length.
    """
    shown = [word for word in known if word in vectors]
    V = len(vectors)
    for row in chain(range(50, V), range(min(50, V))):
        if len(shown) >= _N_SHOWN:
            break
        word = vectors.index_to_key[row]
        if word not in shown and (row < 50 or _is_long(word)):
            shown.append(word)
    return shown


def _is_long(word: str) -> bool:
    """Tell whether a word is long, as nouns and verbs are, and particles and articles are not.

    >>> [word for word in ("the", "month", "から", "東京", "データ", "の") if _is_long(word)]
    ['month', '東京', 'データ']
    """
    if min(word) >= "\u2e80":  # kana, ideographs and Hangul; particles of Japanese are hiragana
        return len(word) >= 2 and max(word) > "\u309f"
    return len(word) >= 4


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"train": _train}
