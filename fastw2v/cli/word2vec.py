"""The command `word2vec`, which takes the flags of word2vec.c."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from fastw2v.cli.console import (
    add_threads,
    add_unwritable,
    check_outputs,
    say,
    shown,
    told_already,
)
from fastw2v.cli.engine import check_finite, not_finite
from fastw2v.cli.report import Report


def add_parser(commands: Any) -> None:
    """Add `word2vec -train FILE -output FILE ...` to the subparsers of the command line."""
    parser = commands.add_parser(
        "word2vec",
        help="train with the flags of word2vec.c",
        description="Train on a text file, one sentence a line, with the flags and defaults of "
        "Mikolov's word2vec program.",
    )

    def add(flag: str, kind: Any, default: Any, help: str) -> None:
        dest = flag.replace("-", "_")
        parser.add_argument(
            f"-{flag}", type=kind, default=default, metavar="X", dest=dest, help=help
        )

    parser.add_argument("-train", required=True, metavar="FILE", help="text, plain or packed")
    parser.add_argument("-output", metavar="FILE", help="file for the vectors")
    add("size", int, 100, "dimension of the vectors")
    add("window", int, 5, "words of context on each side")
    add("sample", float, 1e-3, "subsample words with a larger share of the text")
    add("hs", int, 0, "1: hierarchical softmax")
    add("negative", int, 5, "negative samples, 0 for none")
    add_threads(parser, "-threads")
    add("iter", int, 5, "epochs")
    add("min-count", int, 5, "drop rarer words")
    parser.add_argument(
        "-alpha",
        type=float,
        metavar="X",
        help="first learning rate (default: 0.025 for skip-gram, 0.05 for CBOW)",
    )
    add("debug", int, 2, "0: no progress bar")
    parser.add_argument(
        "-binary",
        type=int,
        choices=(0, 1),
        metavar="X",
        help="1: save in the binary format, 0: text (default: as the name of -output says)",
    )
    add("cbow", int, 1, "1 CBOW, 0 skip-gram")
    add("classes", int, 0, "0, because clusters of words are not supported")
    parser.add_argument("-save-vocab", dest="save_vocab", metavar="FILE", help="save `word count`")
    parser.add_argument(
        "-read-vocab",
        dest="read_vocab",
        metavar="FILE",
        help="use these words (default: those of the text)",
    )
    add_unwritable(parser, "-unwritable")
    parser.set_defaults(reads=("train", "read_vocab"), writes=("output", "save_vocab"))


def _train(args: argparse.Namespace) -> Report:
    from fastw2v._files import word2vec_writer
    from fastw2v.keyed_vectors import files
    from fastw2v.word2vec import Word2Vec

    if args.classes:
        raise ValueError(
            f"-classes: expected 0, got {args.classes}; clusters of words are not supported: save "
            "vectors and cluster them with a k-means of another library"
        )
    binary = None if args.binary is None else bool(args.binary)
    kind = None if args.output is None else files.output_format(args.output, binary)
    if args.save_vocab is not None:
        files.output_format(args.save_vocab, False)
    check_outputs(args, args.output, args.save_vocab)
    if args.output is None and args.save_vocab is None:
        raise ValueError("-output: expected the name of a file; add -output vectors.txt")
    model = Word2Vec(
        vector_size=args.size,
        window=args.window,
        sample=args.sample,
        hs=args.hs,
        negative=args.negative,
        workers=args.threads,
        epochs=args.iter,
        min_count=args.min_count,
        alpha=args.alpha if args.alpha is not None else 0.05 if args.cbow else 0.025,
        sg=int(not args.cbow),
    )
    if args.read_vocab is None:
        model.build_vocab(corpus_file=args.train)
    else:
        counts = word2vec_writer.read_counts(args.read_vocab)
        if next(iter(counts), None) == "</s>":  # where word2vec.c writes its count of line ends
            del counts["</s>"]
        model.build_vocab_from_freq(counts)
    words = [str(word) for word in model.wv.index_to_key]
    if kind is not None:
        files.check_words(words, args.output, kind, args.unwritable)
    if args.save_vocab is not None:
        files.check_words(words, args.save_vocab, "text", args.unwritable)
    interrupted, started = False, time.perf_counter()
    if kind is not None:
        try:
            given = {} if args.read_vocab is None else {"corpus_file": args.train}
            model.train(progress=args.debug > 0, **given)
        except FloatingPointError as error:
            raise not_finite("-alpha") from error
        except KeyboardInterrupt:
            interrupted = True
            say("fastw2v: stopped; saving the vectors learned so far")
        check_finite(model.wv, "-alpha")
        with told_already():
            files.save(model.wv, args.output, kind, args.unwritable)
    if args.save_vocab is not None:
        counted = model.wv.expandos["count"]
        with told_already():
            word2vec_writer.write_counts(
                args.save_vocab, words, counted, unwritable=args.unwritable
            )
    losses = [loss for loss in model.epoch_losses if loss == loss]
    results = {
        "output": None if args.output is None else shown(args.output),
        "format": kind,
        "vocabulary_file": None if args.save_vocab is None else shown(args.save_vocab),
        "words": model.corpus_total_words,
        "vocabulary": len(words),
        "loss": losses[-1] if losses else None,
        "seconds": round(time.perf_counter() - started, 3),
    }
    return Report(results, interrupted=interrupted)


COMMANDS: dict[str, Callable[[argparse.Namespace], Report]] = {"word2vec": _train}
