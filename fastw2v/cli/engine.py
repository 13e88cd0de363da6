"""The training of `fastw2v train` with `Word2Vec`: new or resumed, with checkpoints."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fastw2v.cli import splitting
from fastw2v.cli.console import counted, say, shown

if TYPE_CHECKING:
    from fastw2v.datasets.splitter import JoinedWords
    from fastw2v.keyed_vectors import KeyedVectors
    from fastw2v.word2vec import EncodedCorpus, Word2Vec

Check = Callable[[Sequence[str]], None]

# Option of `train`: the attribute of Word2Vec that holds it, and its default. The learning rate's
# default depends on the model.
SETTINGS: dict[str, tuple[str, Any]] = {
    "model": ("sg", "cbow"),
    "dim": ("vector_size", 100),
    "window": ("window", 5),
    "negative": ("negative", 5),
    "epochs": ("epochs", 20),
    "lr": ("alpha", None),
    "min_count": ("min_count", 5),
    "subsample": ("sample", 0.001),
    "seed": ("seed", 0),
    "deterministic": ("deterministic", False),
}
# The same for FastText alone.
SUBWORDS: dict[str, tuple[str, Any]] = {
    "min_n": ("min_n", 3),
    "max_n": ("max_n", 6),
    "buckets": ("bucket", 2_000_000),
}


class Trained(NamedTuple):
    """Vectors and figures that a training of the command line ends with."""

    vectors: KeyedVectors
    loss: float | None
    seconds: float
    n_text: int  # words of the text that were counted
    n_words: int  # words after subsampling
    batch_size: int | None = None
    interrupted: bool = False
    model: Word2Vec | None = None
    held_out: dict[str, Any] | None = None


def fit(args: argparse.Namespace, tokens: JoinedWords | None, check_words: Check) -> Trained:
    """Train on the words of a text, or resume the training of a checkpoint.

    tokens: the text; None if a training is resumed whose text was not given again.
    """
    model = _new_model(args, tokens) if args.resume is None else _resumed_model(args, tokens)
    check_words(model.wv.index_to_key)
    held_out = _held_out_text(args, model)
    n_text = int(model.wv.expandos["count"].sum())
    done = f", {model.epochs_done} of them done" if args.resume else ""
    say(
        f"fastw2v: {'skip-gram' if model.sg else 'cbow'} on {n_text:,} words, "
        f"{len(model.wv):,} different: {counted(model.epochs, 'epoch')}{done}",
        unless=args.quiet,
    )
    model, seconds, interrupted = _train(args, model)
    if interrupted:
        cure = f"; continue with --resume {args.checkpoint}" if args.checkpoint else ""
        say(f"fastw2v: stopped; saving the vectors learned so far{cure}")
    else:
        rate = n_text * model.epochs / max(seconds, 1e-9)
        speed = "" if args.resume else f", {rate:,.0f} words/s"
        say(f"fastw2v: trained in {seconds:.1f} s{speed}", unless=args.quiet)
    check_finite(model.wv, "--lr")
    losses = [loss for loss in model.epoch_losses if loss == loss]
    return Trained(
        model.wv,
        losses[-1] if losses else None,
        seconds,
        n_text,
        round(model.words_trained / max(model.progress * model.epochs, 1e-9)),
        interrupted=interrupted,
        model=model,
        held_out=None if held_out is None else held_out_loss(model, held_out),
    )


def _train(args: argparse.Namespace, model: Word2Vec) -> tuple[Word2Vec, float, bool]:
    """Train to the end or to Ctrl-C; return the model, the seconds and whether it was stopped."""
    started = time.perf_counter()
    options = {"progress": splitting.shows_progress(args), "every": args.every}
    try:
        if args.resume is None:
            model.train(checkpoint=args.checkpoint, **options)
        else:
            model = type(model).resume(args.resume, workers=args.threads, **options)
    except KeyboardInterrupt:
        if args.resume is not None:
            model = type(model).load(args.resume)  # Ctrl-C has saved it
        return model, time.perf_counter() - started, True
    except FloatingPointError as error:
        raise not_finite("--lr") from error
    return model, time.perf_counter() - started, False


def _new_model(args: argparse.Namespace, tokens: JoinedWords | None) -> Word2Vec:
    """Return a model with the settings of the command that has counted and encoded a text."""
    from fastw2v.fasttext import FastText
    from fastw2v.word2vec import Word2Vec
    from fastw2v.word2vec.sentences import RunningWords

    assert tokens is not None
    table = SETTINGS | (SUBWORDS if args.subwords else {})
    options = {attribute: getattr(args, name) for name, (attribute, _) in table.items()}
    options |= {"sg": int(args.model == "skip-gram"), "workers": args.threads}
    model = FastText(**options) if args.subwords else Word2Vec(**options)
    model.build_vocab(RunningWords(tokens))
    splitting.say_dropped(args, tokens)
    model.wv.splitter = splitting.splitter(args)
    return model


# ---- a training that is resumed


def _resumed_model(args: argparse.Namespace, tokens: JoinedWords | None) -> Word2Vec:
    """Return the model of a checkpoint, checked against the options and the text of the command."""
    from fastw2v.fasttext import FastText
    from fastw2v.fasttext.files import holds_ngrams
    from fastw2v.word2vec import Word2Vec
    from fastw2v.word2vec.saving import is_text_of

    has_ngrams = holds_ngrams(args.resume)
    model = (FastText if has_ngrams else Word2Vec).load(args.resume)
    if model._schedule is None:
        raise ValueError(
            f"--resume: expected a checkpoint of `train --checkpoint`, got {args.resume}, a model "
            "without a training; train anew"
        )
    known = {name: getattr(model, attribute) for name, (attribute, _) in SETTINGS.items()}
    known["model"] = "skip-gram" if model.sg else "cbow"
    known["subwords"] = has_ngrams
    if has_ngrams:
        known |= {name: getattr(model.wv, own) for name, (own, _) in SUBWORDS.items()}
    if model.wv.splitter is not None:
        known |= model.wv.splitter.settings()
    for name in args.given:
        asked = getattr(args, name)
        if name in known and asked != known[name]:
            raise ValueError(
                f"--{name.replace('_', '-')}: expected {known[name]}, which the training of "
                f"{args.resume} has, got {asked}; leave the option out, or train anew without "
                "--resume"
            )
    for name in (*SETTINGS, "subwords", *(SUBWORDS if has_ngrams else ())):
        setattr(args, name, known[name])
    if tokens is not None and not is_text_of(model, encoded(model, tokens)):
        raise ValueError(
            f"FILE: expected the text that {args.resume} was trained on, got another; leave FILE "
            "out, for the checkpoint has its text beside it, or train anew without --resume"
        )
    return model


def encoded(
    model: Word2Vec, words: JoinedWords | None = None, corpus_file: str | None = None
) -> EncodedCorpus:
    """Return running words, or a file with one sentence a line, in the ids of a model."""
    from fastw2v.word2vec import Vocabulary, encode
    from fastw2v.word2vec.sentences import RunningWords

    vocabulary = Vocabulary(model.wv.index_to_key, model.wv.expandos["count"], 0, 0)
    running = None if words is None else RunningWords(words)
    return encode(running, corpus_file, vocabulary=vocabulary, workers=model.workers)


# ---- a text that is held out


def _held_out_text(args: argparse.Namespace, model: Word2Vec) -> EncodedCorpus | None:
    """Return the text of --held-out in the ids of a model, before the work."""
    if args.held_out is None:
        return None
    words = splitting.splitter(args, model.wv.splitter).words(splitting.read(args, [args.held_out]))
    return check_held_out(encoded(model, words), args.held_out)


def check_held_out(corpus: EncodedCorpus, name: str) -> EncodedCorpus:
    """Return a held-out text; ValueError if it has no pair of known words."""
    from fastw2v.word2vec.corpus import has_pairs

    if not has_pairs(corpus.ids):
        raise ValueError(
            f"--held-out: expected a text in which two words of the vocabulary are neighbours, got "
            f"{os.path.basename(name)} with {counted(corpus.n_words, 'known word')}; give a text "
            "of the same kind as FILE"
        )
    return corpus


def held_out_loss(model: Word2Vec, corpus: EncodedCorpus) -> dict[str, Any]:
    """Return the mean loss per pair of a text that was not trained on, and its sizes."""
    return {
        "loss": model.held_out_loss(corpus),
        "words": corpus.n_raw_words,
        "known_words": corpus.n_words,
    }


# ---- the end of a training


def closing_lines(
    vectors: KeyedVectors,
    output: str,
    kind: str,
    held_out: dict[str, Any] | None,
    model_file: str | None,
) -> list[str]:
    """Return the lines that tell the loss on the held-out text and where the vectors are."""
    lines = []
    if held_out is not None:
        known = f"{held_out['known_words']:,} of {counted(held_out['words'], 'word')} known"
        lines.append(f"loss on the held-out text: {held_out['loss']:.4f} ({known})")
    if model_file is not None:
        lines.append(f"saved the model in {model_file}")
    named = f"word2vec {kind}" if kind in ("text", "binary") else kind
    lines.append(
        f"saved {len(vectors)} vectors of dimension {vectors.vector_size} in {shown(output)} "
        f"({named} format)"
    )
    return lines


def check_finite(vectors: KeyedVectors, flag: str) -> None:
    """Raise FloatingPointError that names the option of the learning rate."""
    import numpy as np

    if not np.isfinite(vectors.vectors).all():
        raise not_finite(flag)


def not_finite(flag: str) -> FloatingPointError:
    """Return the error of a training that diverged."""
    return FloatingPointError(
        f"training diverged, some vectors are not finite; nothing saved, lower {flag}"
    )
