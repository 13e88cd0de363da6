"""The command `train`: word vectors from text files or from Python's own documentation."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from fastw2v.cli import cluster, engine, layers, splitting
from fastw2v.cli.console import (
    COUNT,
    RATE,
    SEED,
    SHARE,
    add_output,
    add_threads,
    add_unwritable,
    check_outputs,
    output_path,
    shown,
    told_already,
)
from fastw2v.cli.engine import SETTINGS, SUBWORDS, Trained, closing_lines
from fastw2v.cli.report import Report

if TYPE_CHECKING:
    from fastw2v.datasets import Words
    from fastw2v.keyed_vectors import KeyedVectors

DEFAULT_OUTPUT = "vectors.txt"
DEFAULT_SUBWORDS = "vectors.bin"
FASTTEXT = "fasttext"  # the format of a model of fastText
# Their neighbours are shown after training on the built-in corpus, in which all are common.
_SHOWN_WORDS = ("month", "thread", "socket", "string", "list", "file", "error")
_N_SHOWN = 7


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

    add = train.add_argument
    add(
        "--engine",
        choices=("word2vec", "layers"),
        default="word2vec",
        help="the trainer for whole corpora, or the book's layers, batch by batch, with Adam",
    )
    _add_settings(train)
    _add_subwords(train)
    add(
        "--batch-size",
        type=COUNT,
        metavar="N",
        help=f"words per step of the layers (default: {layers.DEFAULT_BATCH}, fewer for a short "
        "text)",
    )
    add_threads(train, more="; with more than one, runs of --engine word2vec differ")
    _add_files(train)
    add_output(
        train,
        DEFAULT_OUTPUT,
        ": .bin is the word2vec binary format, .fw2v is fastw2v's own, which remembers how the "
        "text was split, .npz is numpy's, .safetensors and .parquet are for other programs, any "
        "other name is text; .gz, .bz2 or .xz behind text or .bin packs; with --subwords, .bin is "
        "a model of fastText and the default, and only it and .fw2v keep the n-grams",
    )
    add_unwritable(train)
    splitting.add_options(train)
    cluster.add_options(train)
    train.set_defaults(reads=("files", "held_out"), writes=("output",))
    train.add_argument("--quiet", action="store_true", help="print only errors on stderr")


def _add_settings(train: argparse.ArgumentParser) -> None:
    """Add the options of SETTINGS. They are None where not given, for a checkpoint has its own."""

    def add(flag: str, help: str, **rest: Any) -> None:
        default = SETTINGS[flag[2:].replace("-", "_")][1]
        train.add_argument(flag, help=f"{help} (default: {default})", **rest)

    add("--model", choices=("cbow", "skip-gram"), help="model to train")
    add("--dim", type=COUNT, metavar="N", help="dimension of the vectors")
    add("--window", type=COUNT, metavar="N", help="words of context on each side")
    add("--negative", type=COUNT, metavar="N", help="noise words per word")
    add("--epochs", type=COUNT, metavar="N", help="passes over the text")
    train.add_argument(
        "--lr",
        type=RATE,
        metavar="X",
        help="learning rate (default: 0.05 for CBOW and 0.025 for skip-gram, falling linearly; "
        "0.001 for the layers)",
    )
    add("--min-count", type=COUNT, metavar="N", help="drop words that occur less often")
    add(
        "--subsample",
        type=SHARE,
        metavar="X",
        help="subsample words whose share of the text is above about X; 0 keeps all",
    )
    add(
        "--seed",
        type=SEED,
        metavar="N",
        help="the same seed gives the same vectors with --deterministic or --threads 1",
    )
    train.add_argument(
        "--deterministic",
        action="store_true",
        default=None,
        help="the same vectors for any number of threads; takes up to 1.2 times as long",
    )


def _add_subwords(train: argparse.ArgumentParser) -> None:
    """Add the options of n-grams, None where not given."""
    train.add_argument(
        "--subwords",
        action="store_true",
        default=None,
        help="train n-grams of words, too, so that unknown words have vectors (FastText)",
    )
    for flag, kind, help in (
        ("--min-n", COUNT, "characters of the shortest n-grams"),
        ("--max-n", COUNT, "characters of the longest n-grams"),
        ("--buckets", COUNT, "rows that n-grams share by their hash"),
    ):
        default = SUBWORDS[flag[2:].replace("-", "_")][1]
        train.add_argument(flag, type=kind, metavar="N", help=f"{help} (default: {default})")


def _add_files(train: argparse.ArgumentParser) -> None:
    """Add the options for files beside the text and the vectors."""
    add = train.add_argument
    add("--held-out", metavar="FILE", help="text to compute the loss on at the end")
    add(
        "--save-model",
        metavar="PATH",
        help="save the whole model too, .fw2v, for Word2Vec.load and further training",
    )
    add(
        "--checkpoint",
        metavar="PATH",
        help="save the training to this file, .fw2v, every --every seconds and on Ctrl-C; the "
        "text goes to PATH.ids",
    )
    add(
        "--every",
        type=RATE,
        default=600.0,
        metavar="SECONDS",
        help="time between two checkpoints",
    )
    add(
        "--resume",
        metavar="PATH",
        help="continue the training of a checkpoint to its end, with its settings and its text; "
        "on a cluster the folder of --run",
    )


def _train(args: argparse.Namespace) -> Report:
    from fastw2v._files.kinds import check_suffix
    from fastw2v.fasttext import FastText
    from fastw2v.fasttext.files import holds_ngrams
    from fastw2v.keyed_vectors import files

    names = (*SETTINGS, "subwords", *SUBWORDS, *splitting.NAMES)
    args.given = [name for name in names if getattr(args, name) is not None]
    cluster.check_options(args)
    _check_options(args)
    resumes = args.resume is not None and args.scheduler is None
    has_ngrams = holds_ngrams(args.resume) if resumes else bool(args.subwords)
    default = DEFAULT_SUBWORDS if has_ngrams else DEFAULT_OUTPUT
    output = output_path(args.output, default, quiet=args.quiet)
    kind = files.output_format(output)  # before a minute of work, not after it
    check_outputs(args, output, args.save_model, args.checkpoint)
    if has_ngrams and kind == "binary":
        check_suffix(output, "a model of fastText", ".bin")
        kind = FASTTEXT
    if args.scheduler is not None:
        _fill(args)
        return cluster.train(args, output, kind)
    tokens = None
    if args.resume is None or args.files:
        tokens = splitting.splitter(args).words(splitting.read(args, args.files))
    if args.resume is None:
        _fill(args)
    fit = engine.fit if args.engine == "word2vec" else layers.fit
    trained = fit(
        args, tokens, lambda words: files.check_words(words, output, kind, args.unwritable)
    )
    if trained.vectors.splitter is None:
        trained.vectors.splitter = splitting.splitter(args)
    with told_already():
        if kind == FASTTEXT:
            assert isinstance(trained.model, FastText)
            trained.model.save_fasttext_format(output)
        elif has_ngrams and kind == "fw2v":
            trained.vectors.save(output)
        else:
            plain = trained.vectors.astype("float32") if has_ngrams else trained.vectors
            files.save(plain, output, kind, args.unwritable)
        if args.save_model is not None:
            trained.model.save(args.save_model)
    return _report(args, trained, tokens, output, kind)


def _fill(args: argparse.Namespace) -> None:
    """Give the settings that the command line leaves out their defaults."""
    args.subwords = bool(args.subwords)
    for name, (_, default) in (SETTINGS | SUBWORDS).items():
        if getattr(args, name) is None:
            setattr(args, name, default)


def _check_options(args: argparse.Namespace) -> None:
    """Raise ValueError, before any work, for options that do not fit together or cannot be met."""
    from fastw2v._files.kinds import check_fw2v
    from fastw2v.word2vec.saving import check_checkpoint

    if not args.subwords and args.resume is None:
        for name in SUBWORDS:
            if getattr(args, name) is not None:
                raise ValueError(
                    f"--{name.replace('_', '-')}: expected it with --subwords, got it alone; add "
                    "--subwords"
                )
    if args.engine == "layers":
        for name in ("checkpoint", "resume", "held_out", "save_model", "deterministic", "subwords"):
            if getattr(args, name) is not None:
                raise ValueError(
                    f"--{name.replace('_', '-')}: expected --engine word2vec, got layers; leave "
                    "one of them out"
                )
    if args.save_model is not None:
        check_fw2v(args.save_model, "end it in .fw2v; -o saves vectors in other formats")
    if args.scheduler is not None:
        return
    if args.resume is not None:
        if args.checkpoint not in (None, args.resume):
            raise ValueError(
                f"--checkpoint: expected the file of --resume, {args.resume}, which the training "
                f"goes on saving to, got {args.checkpoint}; leave --checkpoint out"
            )
        if os.path.isdir(args.resume):
            raise ValueError(
                f"--resume: expected the file of --checkpoint, got the folder {args.resume}; name "
                "a file in it, or the cluster that trained there: --scheduler ADDRESS"
            )
        args.checkpoint = args.resume
    check_checkpoint(args.checkpoint, args.every)


def _report(
    args: argparse.Namespace, trained: Trained, tokens: Words | None, output: str, kind: str
) -> Report:
    from fastw2v import get_num_threads

    vectors, held_out = trained.vectors, trained.held_out
    assert vectors.splitter is not None
    neighbours = {
        word: vectors.most_similar(word)
        for word in _words_to_show(vectors, () if args.files else _SHOWN_WORDS)
        if len(vectors) > 1
    }
    results = {
        "output": shown(os.path.abspath(output)),
        "format": kind,
        "checkpoint": args.checkpoint,
        "model_file": args.save_model,
        "resumed": args.resume is not None,
        "words": trained.n_text,
        "dropped_characters": None if tokens is None else tokens.dropped,
        "trained_words": trained.n_words,
        "vocabulary": len(vectors),
        "loss": trained.loss,
        "held_out": held_out,
        "seconds": round(trained.seconds, 3),
        "settings": {name: getattr(args, name) for name in ("files", "engine", *SETTINGS)}
        | {"subwords": {name: getattr(args, name) for name in SUBWORDS} if args.subwords else None}
        | vectors.splitter.settings()
        | {
            "threads": args.threads or get_num_threads(),
            "encoding": args.encoding,
            "batch_size": trained.batch_size,
        },
        "neighbours": {
            word: [[other, round(float(cosine), 6)] for other, cosine in nearest]
            for word, nearest in neighbours.items()
        },
    }
    lines = [f"{word}: {' '.join(w for w, _ in nearest)}" for word, nearest in neighbours.items()]
    return Report(
        results,
        [*lines, *closing_lines(vectors, output, kind, held_out, args.save_model)],
        trained.interrupted,
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


COMMANDS: dict[str, Callable[[argparse.Namespace], Report]] = {"train": _train}
