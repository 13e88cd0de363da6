"""The verbs `skipgram` and `cbow` of the command `fasttext`, with the flags of that program."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from fastw2v.cli.console import (
    add_threads,
    check_outputs,
    counted,
    number,
    say,
    shown,
    told_already,
)
from fastw2v.cli.engine import check_finite, not_finite
from fastw2v.cli.report import Report

if TYPE_CHECKING:
    from fastw2v.fasttext import FastText
    from fastw2v.fasttext.lines import Lines
    from fastw2v.keyed_vectors import KeyedVectors

VERBS = {
    "skipgram": "train a model: each word predicts its neighbours",
    "cbow": "train a model: the neighbours of a word predict it",
}
_EXPONENT = 0.5  # of counts, with which fastText draws negatives


def add_parsers(verbs: Any) -> None:
    """Add `skipgram -input FILE -output NAME ...` and `cbow` to the subparsers of `fasttext`."""
    for verb, text in VERBS.items():
        parser = verbs.add_parser(
            verb,
            help=text,
            description="Train on a text file, a sentence a line, with the flags, the defaults and "
            "the ways of the program fastText, and write NAME.bin and NAME.vec.",
        )
        _add_flags(parser)


def _add_flags(parser: argparse.ArgumentParser) -> None:
    def add(flag: str, kind: Any, default: Any, help: str) -> None:
        expected = "a whole number" if kind is int else "a number"
        kind = number(kind, expected, lambda value: value == value)  # but NaN
        parser.add_argument(f"-{flag}", type=kind, default=default, metavar="X", help=help)

    parser.add_argument("-input", required=True, metavar="FILE", help="text, plain or packed")
    parser.add_argument("-output", required=True, metavar="NAME", help="NAME.bin, NAME.vec")
    add("lr", float, 0.05, "first learning rate, which falls to 0")
    add("lrUpdateRate", int, 100, "is written to NAME.bin; the rate falls at every word here")
    add("dim", int, 100, "dimension of the vectors")
    add("ws", int, 5, "words of context on each side")
    add("epoch", int, 5, "passes over the text")
    add("minCount", int, 5, "drop rarer words")
    add("neg", int, 5, "negative samples, drawn by count ** 0.5")
    parser.add_argument(
        "-loss", default="ns", metavar="X", help="ns: negative samples, hs: hierarchical softmax"
    )
    add("bucket", int, 2_000_000, "rows that n-grams share")
    add("minn", int, 3, "characters of the shortest n-grams")
    add("maxn", int, 6, "characters of the longest n-grams, 0: no n-grams")
    add("t", float, 1e-4, "subsample words with a larger share of the text, 0 keeps all")
    add("wordNgrams", int, 1, "1, because n-grams of words are for classifiers")
    parser.add_argument(
        "-label",
        default="__label__",
        metavar="X",
        help="words that begin with this are labels: counted, and not trained",
    )
    parser.add_argument(
        "-pretrainedVectors",
        metavar="FILE",
        help="start from these vectors, whose words join those of the text",
    )
    parser.add_argument(
        "-saveOutput", action="store_true", help="write the output rows to NAME.output, too"
    )
    add("seed", int, 0, "the same seed gives the same model with -thread 1")
    add_threads(parser, "-thread")
    add("verbose", int, 2, "0: no progress bar and no messages")
    parser.add_argument(
        "-unwritable",
        choices=("error", "skip", "escape"),
        default="skip",
        help="words that are not UTF-8, which NAME.vec cannot hold: stop before the work, leave "
        "them out of it, or escape them, which fastw2v undoes",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(reads=("input", "pretrainedVectors"), writes=())


def train(args: argparse.Namespace) -> Report:
    """Train a model and write its files."""
    from fastw2v._files.kinds import check_readable
    from fastw2v.fasttext.lines import Lines
    from fastw2v.fasttext.model_files import outputs_of, write_bin
    from fastw2v.keyed_vectors import KeyedVectors, files

    _check_flags(args)
    names = {end: f"{args.output}.{end}" for end in ("bin", "vec", "output")}
    outputs = names["output"] if args.saveOutput else None
    check_readable(args.input)
    check_outputs(args, names["bin"], names["vec"], outputs)
    quiet = args.verbose < 1
    model, lines = _new_model(args), Lines(args.input, args.label)
    pretrained = None
    if args.pretrainedVectors is not None:
        pretrained = _pretrained(args)
    _build(args, model, lines, pretrained)
    words = list(map(str, model.wv.index_to_key))
    files.check_words(words, names["vec"], "text", args.unwritable)
    n_tokens = model.corpus_total_words or 0
    say(
        f"fastw2v: read {counted(n_tokens, 'word')}, {len(words):,} different, "
        f"{counted(len(lines.labels), 'label')}",
        unless=quiet,
    )
    interrupted, started = False, time.perf_counter()
    try:
        _train(args, model, lines, pretrained is not None)
    except FloatingPointError as error:
        raise not_finite("-lr") from error
    except KeyboardInterrupt:
        interrupted = True
        say("fastw2v: stopped; saving the vectors learned so far")
    check_finite(model.wv, "-lr")
    seconds = time.perf_counter() - started
    told = {"t": args.t, "neg": args.neg}
    write_bin(model, names["bin"], args.lrUpdateRate, lines.labels, **told)
    with told_already():
        files.save(model.wv, names["vec"], "text", args.unwritable)
        if args.saveOutput:
            rows = KeyedVectors.from_words(words, outputs_of(model))
            files.save(rows, names["output"], "text", args.unwritable)
    losses = [loss for loss in model.epoch_losses if loss == loss]
    results = {
        "output": shown(names["bin"]),
        "vectors": shown(names["vec"]),
        "words": n_tokens,
        "vocabulary": len(words),
        "labels": len(lines.labels),
        "loss": losses[-1] if losses else None,
        "seconds": round(seconds, 3),
    }
    say(f"fastw2v: trained in {seconds:.1f} s", unless=quiet)
    text = f"saved {counted(len(words), 'word')} in {shown(names['bin'])} and {shown(names['vec'])}"
    return Report(results, [text], interrupted)


def _check_flags(args: argparse.Namespace) -> None:
    """Raise ValueError for what fastText can train and this cannot."""
    if args.loss not in ("ns", "hs"):
        known = args.loss in ("softmax", "ova", "one-vs-all")
        reason = "which compares each word with all others" if known else "which is no loss"
        raise ValueError(
            f"-loss: expected ns or hs, got {args.loss}, {reason}; leave it out for ns"
        )
    if args.wordNgrams != 1:
        raise ValueError(
            f"-wordNgrams: expected 1, got {args.wordNgrams}; n-grams of words are for "
            "classifiers, join frequent ones with fastw2v phrases"
        )


def _new_model(args: argparse.Namespace) -> FastText:
    from fastw2v._files.fasttext_bin import LINE_END
    from fastw2v.fasttext import FastText

    flags = {
        "vector_size": "dim",
        "alpha": "lr",
        "window": "ws",
        "epochs": "epoch",
        "min_count": "minCount",
        "sample": "t",
        "seed": "seed",
        "workers": "threads",
        "bucket": "bucket",
        "min_n": "minn",
        "max_n": "maxn",
    }
    settings = {name: getattr(args, flag) for name, flag in flags.items()}
    try:
        model = FastText(
            **settings,
            sg=int(args.verb == "skipgram"),
            hs=int(args.loss == "hs"),
            negative=args.neg if args.loss == "ns" else 0,
            ns_exponent=_EXPONENT,
            min_alpha=0.0,
        )
    except (TypeError, ValueError) as error:
        # The setting that an error begins with has another name on the command line.
        name, colon, rest = str(error).partition(":")
        flag = {"negative": "neg", "workers": "thread"} | flags
        raise type(error)(f"-{flag.get(name, name)}{colon}{rest}") from error
    model.wv.line_end = LINE_END
    return model


def _pretrained(args: argparse.Namespace) -> KeyedVectors:
    from fastw2v.keyed_vectors import KeyedVectors

    found = KeyedVectors.load(args.pretrainedVectors)
    if found.vector_size != args.dim:
        raise ValueError(
            f"-pretrainedVectors: expected vectors of dimension {args.dim}, got "
            f"{found.vector_size}; pass -dim {found.vector_size}"
        )
    return found


def _build(
    args: argparse.Namespace, model: FastText, lines: Lines, pretrained: KeyedVectors | None
) -> None:
    """Give a model its words: those of the text, and those of vectors to start from."""
    import numpy as np

    from fastw2v._checks.errors import NoVocabulary

    try:
        if pretrained is None:
            model.build_vocab(lines)
        else:
            model.scan_vocab(lines)
            counts = {w: n for w, n in model.raw_vocab.items() if n >= args.minCount}
            n_tokens = sum(model.raw_vocab.values())
            for word in map(str, pretrained.index_to_key):
                counts[word] = counts.get(word, 0) + 1  # as fastText adds them
            model.min_count = 0
            model.build_vocab_from_freq(counts)
            model.min_count, model.corpus_total_words = args.minCount, n_tokens
            rows = [model.wv.key_to_index[str(word)] for word in pretrained.index_to_key]
            model.wv.vectors_vocab[rows] = np.asarray(pretrained.vectors, np.float32)
    except NoVocabulary as error:
        raise ValueError(
            f"-input: expected words that occur -minCount {args.minCount} times, got none in "
            f"{shown(str(args.input))}; lower -minCount, or give more text"
        ) from error
    # fastText takes shares of all words of the text, rare ones and labels included.
    n_tokens = (model.corpus_total_words or 0) + sum(lines.labels.values())
    model.corpus_total_words = n_tokens
    kept = int(model.wv.expandos["count"].sum())
    model.sample = args.t * n_tokens / max(kept, 1)


def _train(args: argparse.Namespace, model: FastText, lines: Lines, read_again: bool) -> None:
    if read_again:
        model.train(
            lines,
            total_words=model.corpus_total_words,
            epochs=model.epochs,
            progress=args.verbose > 1,
        )
    else:
        model.train(progress=args.verbose > 1)
