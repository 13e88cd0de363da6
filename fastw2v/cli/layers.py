"""The training of `fastw2v train --engine layers`: the book's layers, batch by batch, with Adam."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import time
from typing import TYPE_CHECKING

from fastw2v.cli import splitting
from fastw2v.cli.console import counted, say, seeded
from fastw2v.cli.engine import Check, Trained, not_finite

if TYPE_CHECKING:
    from fastw2v.datasets import Corpus
    from fastw2v.datasets.splitter import JoinedWords

DEFAULT_BATCH = 1000
_EPOCH_STEPS = 200  # a shorter text gets smaller batches, because few steps train little
_LEAST_BATCH = 50


def fit(args: argparse.Namespace, tokens: JoinedWords, check_words: Check) -> Trained:
    """Train on the words of a text."""
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
        return _fit_batches(args, built)


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
    batch_size = args.batch_size or max(_LEAST_BATCH, min(DEFAULT_BATCH, n_targets // _EPOCH_STEPS))
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
        raise not_finite("--lr")
    words = [built.id_to_word[row] for row in range(len(built.counts))]
    losses = trainer.loss_list
    return Trained(
        KeyedVectors.from_words(words, model.word_vecs),
        float(losses[-1]) if losses and math.isfinite(losses[-1]) else None,
        seconds,
        len(built.corpus),
        len(corpus),
        batch_size,
        interrupted,
    )
