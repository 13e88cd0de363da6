"""The command `fastw2v`: train word vectors, ask them, train language models, run a script.

Results go to stdout, everything else to stderr; there are no colours to switch off. Exit codes:
0 done, 1 the job failed (one line says why), 2 wrong usage, 130 stopped by Ctrl-C (what was
learned by then is saved), 141 nobody reads the output any more.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from fastw2v.cli import language_model
from fastw2v.cli import word2vec as _cli_word2vec
from fastw2v.cli.console import (
    BROKEN_PIPE,
    COUNT,
    FAILED,
    INTERRUPTED,
    OK,
    RATE,
    SEED,
    SHARE,
    counted,
    is_terminal,
    print_json,
    say,
    seeded,
)
from fastw2v.cli.translate import add_translate_parsers, translate, translate_train
from fastw2v.cli.word2vec import Trained
from fastw2v.dropin.run_script import add_run_parser, run_command

if TYPE_CHECKING:
    from fastw2v.datasets import Corpus
    from fastw2v.keyed_vectors import KeyedVectors

DEFAULT_OUTPUT = "vectors.txt"
# Looked at after training, as far as the text has them; all common in the built-in corpus.
_SHOWN_WORDS = ("month", "thread", "socket", "string", "list", "file", "error")
_N_SHOWN = 7
_BATCH_SIZE = 1000
_EPOCH_STEPS = 200  # a shorter text gets smaller batches, or it would hardly be trained
_LEAST_BATCH = 50
_EPILOG = """\
exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 stopped by Ctrl-C, 141 output closed
environment: FASTW2V_NUM_THREADS threads to use (else OMP_NUM_THREADS, else all CPUs)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (None: those of the process); returns the exit code."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as stop:  # --help, --version, wrong usage
        return _flushed(cast(int, stop.code))
    if args.command == "run":
        # The script's streams, exceptions and exit code are its own.
        return run_command(args)
    for stream in (sys.stdout, sys.stderr):
        # A word that the terminal's encoding lacks must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _flushed((_COMMANDS | language_model.COMMANDS)[args.command](args))
    except BrokenPipeError:
        return _drop_output()
    except KeyboardInterrupt:
        say("fastw2v: stopped")
        return INTERRUPTED
    except (OSError, ValueError, KeyError, FloatingPointError, MemoryError) as error:
        say(f"fastw2v: error: {_one_line(error)}")
        return FAILED


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _drop_output()
    return code


def _drop_output() -> int:
    """Nobody reads on; what is left in the buffer would raise once more when Python ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = f"out of memory; {str(error) or 'use a smaller --dim, --window or text'}"
    else:
        # str() of a KeyError is the repr of its message.
        text = str(error.args[0]) if len(error.args) == 1 else str(error)
    return " ".join(text.split()) or type(error).__name__


# --- arguments -----------------------------------------------------------------------------------


class _Version(argparse.Action):
    """--version, without importing the package for every other command."""

    def __init__(self, option_strings: Sequence[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help="show the version")

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        from fastw2v._version import __version__

        print(f"fastw2v {__version__}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastw2v",
        description="Word vectors and small recurrent models on the CPU, for readers of "
        "Deep Learning from Scratch 2.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_train_parser(commands)

    similar = commands.add_parser(
        "similar",
        help="words nearest to given words",
        description="Print the words whose vectors have the greatest cosine to each WORD's.",
    )
    _add_vectors_argument(similar)
    similar.add_argument("words", nargs="+", metavar="WORD")
    _add_answer_options(similar)

    analogy = commands.add_parser(
        "analogy",
        help="A is to B as C is to what?",
        description="Print the words nearest to B - A + C (unit vectors, cosines).",
    )
    _add_vectors_argument(analogy)
    for name in "ABC":
        analogy.add_argument(name.lower(), metavar=name)
    _add_answer_options(analogy)

    _cli_word2vec.add_word2vec_parser(commands)
    _cli_word2vec.add_parsers(commands, _add_vectors_argument)

    info = commands.add_parser("info", help="how this fastw2v was built, and what it runs on")
    info.add_argument("--json", action="store_true", help="print one JSON object")

    language_model.add_parsers(commands)
    add_run_parser(commands)
    add_translate_parsers(commands)
    return parser


def _add_train_parser(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train word vectors on text files or on Python's own documentation",
        description="Train word vectors with negative sampling and save them in word2vec format, "
        "which gensim reads. Without FILE the text is the English documentation inside this "
        "Python: some 340,000 words, under a minute.",
    )
    train.add_argument(
        "files", nargs="*", metavar="FILE", default=[], help="UTF-8 text, plain or gzip"
    )

    def add(*flags: str, help: str, **rest: Any) -> None:
        train.add_argument(*flags, help=f"{help} (default: %(default)s)", **rest)

    add(
        "--engine",
        choices=("word2vec", "layers"),
        default="word2vec",
        help="the trainer for whole corpora, or the book's layers, batch by batch, with Adam",
    )
    add("--model", choices=("cbow", "skip-gram"), default="cbow", help="what to train")
    add("--dim", type=COUNT, default=100, metavar="N", help="numbers in a vector")
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
        help="threads of the engine word2vec; more are faster, and give other vectors at every run",
    )
    add("--min-count", type=COUNT, default=5, metavar="N", help="leave out words rarer than this")
    add(
        "--subsample",
        type=SHARE,
        default=0.001,
        metavar="X",
        help="thin out words whose share of the text is above about X; 0 keeps all",
    )
    add(
        "--split",
        choices=("words", "blanks"),
        default="words",
        help="cut out lower-case words without punctuation, or cut at white space only",
    )
    add("--seed", type=SEED, default=0, metavar="N", help="the same seed, the same vectors")
    add(
        "-o",
        "--output",
        default=DEFAULT_OUTPUT,
        metavar="PATH",
        help="where to save, in place of what is there: word2vec binary format if the name ends "
        "in .bin, else text; a further .gz compresses",
    )
    train.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")
    train.add_argument("--json", action="store_true", help="print one JSON object")


def _add_vectors_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "vectors", metavar="VECTORS", help="word2vec text or binary file, or cbow_params.pkl"
    )


def _add_answer_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", "--topn", type=COUNT, default=10, metavar="N", help="words to print (default: 10)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


# --- train ---------------------------------------------------------------------------------------


def _train(args: argparse.Namespace) -> int:
    from fastw2v._files.atomic import check_writable

    check_writable(args.output)  # before a minute of work, not after it
    built = _collect(args)
    if args.engine == "word2vec":
        training = _fit_corpus(args, built)
    else:
        with seeded(args.seed):
            training = _fit(args, built)
    binary = args.output.lower().removesuffix(".gz").endswith(".bin")
    training.vectors.save_word2vec_format(args.output, binary=binary)
    neighbours = {
        word: training.vectors.most_similar(word)
        for word in _words_to_show(built)
        if len(training.vectors) > 1
    }
    if args.json:
        print_json(
            {
                "output": os.path.abspath(args.output),
                "format": "binary" if binary else "text",
                "interrupted": training.interrupted,
                "words": len(built.corpus),
                "trained_words": training.n_words,
                "vocabulary": len(training.vectors),
                "loss": training.loss,
                "seconds": round(training.seconds, 3),
                "settings": {
                    name: getattr(args, name)
                    for name in (
                        *("files", "split", "engine", "model", "dim", "window", "negative"),
                        *("epochs", "lr", "min_count", "subsample", "seed", "threads"),
                    )
                }
                | {"batch_size": training.batch_size},
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
            f"saved {len(training.vectors)} vectors of {args.dim} numbers in {args.output} "
            f"(word2vec {'binary' if binary else 'text'} format)"
        )
    return INTERRUPTED if training.interrupted else OK


def _collect(args: argparse.Namespace) -> Corpus:
    from fastw2v import datasets

    if args.files:
        say(f"fastw2v: reading {counted(len(args.files), 'file')}", unless=args.quiet)
        tokens = datasets.tokenize(datasets.read_text(args.files), split=args.split)
    else:
        say(
            "fastw2v: no FILE given, collecting the English documentation inside this Python",
            unless=args.quiet,
        )
        tokens = datasets.tokenize(datasets.builtin_text(), split=args.split)
    built = datasets.build_corpus(tokens, args.min_count)
    if args.engine == "layers" and len(built.counts) <= args.negative:
        raise ValueError(
            f"--negative: expected fewer than the {len(built.counts)} words that occur "
            f"{args.min_count} times or more, got {args.negative}; lower --negative or "
            "--min-count, or give more text"
        )
    return built


def _fit_corpus(args: argparse.Namespace, built: Corpus) -> Trained:
    """With the engine for whole corpora."""
    import numpy as np

    say(
        f"fastw2v: {args.model} on {len(built.corpus):,} words, {len(built.counts):,} different: "
        f"{counted(args.epochs, 'epoch')}",
        unless=args.quiet,
    )
    progress = not args.quiet and is_terminal(sys.stderr)
    training = _cli_word2vec.fit(args, built, progress)
    if training.interrupted:
        say("fastw2v: stopped; saving what was learned")
    else:
        rate = len(built.corpus) * args.epochs / max(training.seconds, 1e-9)
        say(
            f"fastw2v: trained in {training.seconds:.1f} s, {rate:,.0f} words/s",
            unless=args.quiet,
        )
    if not np.isfinite(training.vectors.vectors).all():
        raise _cli_word2vec._not_finite("--lr")
    return training


def _fit(args: argparse.Namespace, built: Corpus) -> Trained:
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
    # Noise words follow the counts of the whole text: a rare word may be gone from the thinned one.
    model = model_class(
        len(built.counts), args.dim, args.window, built.corpus, sample_size=args.negative
    )
    trainer = Trainer(model, Adam(0.001 if args.lr is None else args.lr))
    batch_size = args.batch_size or max(_LEAST_BATCH, min(_BATCH_SIZE, n_targets // _EPOCH_STEPS))
    batch_size = min(batch_size, n_targets)
    n_steps = n_targets // batch_size  # Trainer drops the last, partial batch
    say(
        f"fastw2v: {args.model} on {len(built.corpus):,} words ({len(corpus):,} after thinning), "
        f"{len(built.counts):,} different: {counted(args.epochs, 'epoch')} of "
        f"{counted(n_steps, 'step')}",
        unless=args.quiet,
    )
    progress = not args.quiet and is_terminal(sys.stderr)
    started = time.perf_counter()
    interrupted = False
    try:
        # The lines that `fit` prints without a bar are neither result nor wanted; they are how
        # the loss is noted.
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
        say("fastw2v: stopped; saving what was learned")
    seconds = time.perf_counter() - started
    if not interrupted:
        rate = len(corpus) * args.epochs / max(seconds, 1e-9)
        say(f"fastw2v: trained in {seconds:.1f} s, {rate:,.0f} words/s", unless=args.quiet)
    if not np.isfinite(model.word_vecs).all():
        raise FloatingPointError("the vectors are no longer finite; nothing saved, lower --lr")
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


def _words_to_show(built: Corpus) -> list[str]:
    """Known common words; for other text, its most frequent words that are not function words.

    These are the longer ones beyond the first fifty, near enough in most languages.
    """
    shown = [word for word in _SHOWN_WORDS if word in built.word_to_id]
    for row in [*range(50, len(built.counts)), *range(min(50, len(built.counts)))]:
        if len(shown) >= _N_SHOWN:
            break
        word = built.id_to_word[row]
        if word not in shown and (len(word) >= 4 or row < 50):
            shown.append(word)
    return shown


# --- the other commands --------------------------------------------------------------------------


def _similar(args: argparse.Namespace) -> int:
    vectors = _load(args.vectors)
    words = _find(vectors, args.words, args.vectors)
    answers = {word: vectors.most_similar(word, topn=args.topn) for word in words}
    if args.json:
        print_json({word: [list(pair) for pair in nearest] for word, nearest in answers.items()})
    else:
        for word, nearest in answers.items():
            _print_answer(f"[query] {word}", nearest)
    return OK


def _analogy(args: argparse.Namespace) -> int:
    vectors = _load(args.vectors)
    a, b, c = _find(vectors, [args.a, args.b, args.c], args.vectors)
    nearest = vectors.most_similar(positive=[b, c], negative=[a], topn=args.topn)
    if args.json:
        print_json({"a": a, "b": b, "c": c, "answers": [list(pair) for pair in nearest]})
    else:
        _print_answer(f"[analogy] {a}:{b} = {c}:?", nearest)
    return OK


def _load(name: str) -> KeyedVectors:
    from fastw2v.keyed_vectors import KeyedVectors

    return KeyedVectors.load(name)


def _find(vectors: KeyedVectors, words: Sequence[str], name: str) -> list[str]:
    """The words as the vectors have them; lower case is tried too."""
    found = [word if word in vectors else word.lower() for word in words]
    missing = [asked for asked, word in zip(words, found, strict=True) if word not in vectors]
    if missing:
        raise KeyError(
            f"{', '.join(map(repr, missing))} not among the {len(vectors)} words of {name}; "
            "ask for words that occur in the text it was trained on"
        )
    return found


def _print_answer(head: str, nearest: Sequence[tuple[str, float]]) -> None:
    """In the form of the book's most_similar and analogy."""
    print(f"\n{head}")
    for word, cosine in nearest:
        print(f" {word}: {cosine:.4f}")


def _evaluate(args: argparse.Namespace) -> int:
    found = _cli_word2vec.evaluate(_load(args.vectors), args)
    if args.json:
        print_json(found)
        return OK
    for name, value in found.items():
        if name == "sections":
            for section, (right, total) in value.items():
                print(f"{section}: {right} of {total}")
        else:
            print(f"{name}: {value:.4f}")
    return OK


def _convert(args: argparse.Namespace) -> int:
    from fastw2v._files.atomic import check_writable

    check_writable(args.output)
    vectors = _load(args.vectors)
    _cli_word2vec.convert(vectors, args)
    return OK


def _map(args: argparse.Namespace) -> int:
    print(f"wrote {_cli_word2vec.draw_map(_load(args.vectors), args)}")
    return OK


def _info(args: argparse.Namespace) -> int:
    import fastw2v

    facts = dict(fastw2v.build_info())
    if args.json:
        print_json(facts)
    else:
        for name, value in facts.items():
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            print(f"{name}: {text}")
        if level := facts.get("unbuilt_level"):
            print(f"This CPU could run level {level}, which is faster and was not built.")
            print(f"Install fastw2v from source with FASTW2V_LEVELS={level} set to build it.")
    return OK


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": _train,
    "similar": _similar,
    "analogy": _analogy,
    "evaluate": _evaluate,
    "convert": _convert,
    "map": _map,
    "word2vec": _cli_word2vec.word2vec,
    "info": _info,
    "translate-train": translate_train,
    "translate": translate,
}
