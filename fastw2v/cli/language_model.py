"""The commands `lm-train` and `generate`: language models from the command line."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastw2v.cli.console import (
    COUNT,
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

if TYPE_CHECKING:
    import numpy as np

    from fastw2v.text_model import Epoch, TextModel

DEFAULT_OUTPUT = "language_model.npz"
_SHOWN = 60  # words of generated text after training


def add_parsers(commands: Any) -> None:
    """Add both to the subparsers of the command line."""
    _add_train_parser(commands)
    generate = commands.add_parser(
        "generate",
        help="text from a language model",
        description="Print text that a model of `fastw2v lm-train` writes.",
    )
    generate.add_argument("model", metavar="MODEL", help="file that lm-train saved")
    generate.add_argument(
        "--start", default="", metavar="WORDS", help='words to go on from, such as "the end of"'
    )
    generate.add_argument(
        "-n", "--words", type=COUNT, default=100, metavar="N", help="words (default: 100)"
    )
    generate.add_argument(
        "--temperature",
        type=RATE,
        default=1.0,
        metavar="X",
        help="below 1 likely words become likelier (default: 1.0)",
    )
    generate.add_argument(
        "--skip", nargs="*", default=["<unk>"], metavar="WORD", help="not written (default: <unk>)"
    )
    generate.add_argument(
        "--seed", type=SEED, default=0, metavar="N", help="the same seed, the same text"
    )
    generate.add_argument("--json", action="store_true", help="print one JSON object")


def _add_train_parser(commands: Any) -> None:
    train = commands.add_parser(
        "lm-train",
        help="train a language model on text files or on Python's own documentation",
        description="Train a recurrent language model of chapter 6 and save it with its words. "
        "Without FILE the text is the English documentation inside this Python.",
    )
    train.add_argument(
        "files", nargs="*", metavar="FILE", default=[], help="UTF-8 text, plain or gzip"
    )

    def add(*flags: str, help: str, **rest: Any) -> None:
        train.add_argument(*flags, help=f"{help} (default: %(default)s)", **rest)

    train.add_argument(
        "--valid", metavar="FILE", help="text to watch (default: the last tenth of the text)"
    )
    train.add_argument("--test", metavar="FILE", help="text to evaluate at the end")
    add("--model", choices=("rnnlm", "better"), default="better", help="what to train")
    add("--size", type=COUNT, default=200, metavar="N", help="numbers in word vectors, states")
    add("--dropout", type=SHARE, default=0.5, metavar="X", help="for --model better")
    add("--epochs", type=COUNT, default=8, metavar="N", help="passes over the text")
    add("--batch-size", type=COUNT, default=20, metavar="N", help="places read side by side")
    add("--time-size", type=COUNT, default=35, metavar="N", help="words between updates")
    add("--lr", type=RATE, default=20.0, metavar="X", help="learning rate of SGD at first")
    add("--max-grad", type=RATE, default=0.25, metavar="X", help="gradients are clipped to it")
    add("--min-count", type=COUNT, default=2, metavar="N", help="rarer words are <unk>")
    add("--max-words", type=COUNT, default=10_000, metavar="N", help="size of the vocabulary")
    add(
        "--split",
        choices=("words", "blanks"),
        default="words",
        help="cut out lower-case words and marks, or cut at white space only",
    )
    add("--seed", type=SEED, default=0, metavar="N", help="the same seed, the same model")
    add("-o", "--output", default=DEFAULT_OUTPUT, metavar="PATH", help="where to save")
    train.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")
    train.add_argument("--json", action="store_true", help="print one JSON object")


def _train(args: argparse.Namespace) -> int:
    from fastw2v._files.atomic import check_writable
    from fastw2v.text_model import TextModel, train, vocabulary

    check_writable(args.output)  # before minutes of work, not after them
    tokens = _tokens(args, args.files)
    valid = _tokens(args, [args.valid]) if args.valid else None
    test = _tokens(args, [args.test]) if args.test else None
    if valid is None:
        cut = len(tokens) - max(len(tokens) // 10, 2)
        tokens, valid = tokens[:cut], tokens[cut:]
    with seeded(args.seed):
        words = vocabulary(tokens, min_count=args.min_count, max_size=args.max_words)
        text_model = TextModel(words, args.model, args.size, args.dropout)
        ids = text_model.ids(tokens)
        say(
            f"fastw2v: {args.model} on {len(ids):,} words, {len(words):,} different: "
            f"{counted(args.epochs, 'epoch')} of "
            f"{counted((len(ids) - 1) // (args.batch_size * args.time_size), 'step')}",
            unless=args.quiet,
        )
        epochs: list[Epoch] = []
        started, interrupted = time.perf_counter(), False
        try:
            for epoch in train(
                text_model,
                ids,
                text_model.ids(valid),
                epochs=args.epochs,
                batch_size=args.batch_size,
                time_size=args.time_size,
                lr=args.lr,
                max_grad=args.max_grad,
                progress=not args.quiet and is_terminal(sys.stderr),
            ):
                epochs.append(epoch)
                say(
                    f"fastw2v: epoch {epoch.number}: perplexity {epoch.train_perplexity:.2f}, on "
                    f"the validation text {epoch.valid_perplexity:.2f}"
                    + ("" if epoch.improved else f"; learning rate now {epoch.lr / 4:g}"),
                    unless=args.quiet,
                )
        except KeyboardInterrupt:
            interrupted = True
            say("fastw2v: stopped; saving what was learned")
        seconds = time.perf_counter() - started
        text_model.save(args.output)
        sample = text_model.write(_SHOWN)
    report = {
        "output": os.path.abspath(args.output),
        "interrupted": interrupted,
        "words": len(ids),
        "vocabulary": len(words),
        "epochs": [epoch._asdict() for epoch in epochs],
        "valid": _evaluated(text_model, ids, valid),
        "test": _evaluated(text_model, ids, test) if test else None,
        "seconds": round(seconds, 3),
        "sample": sample,
    }
    if args.json:
        print_json(report)
    else:
        for name in ("valid", "test"):
            if report[name]:
                print(
                    f"{name} perplexity {report[name]['perplexity']:.2f} "
                    f"(by word counts alone {report[name]['unigram']:.2f})"
                )
        print(f"\n{sample}\n")
        print(f"saved the model with {len(words)} words in {args.output}")
    return INTERRUPTED if interrupted else OK


def _tokens(args: argparse.Namespace, files: list[str]) -> list[str]:
    from fastw2v import datasets

    if files:
        say(f"fastw2v: reading {counted(len(files), 'file')}", unless=args.quiet)
        return list(datasets.tokenize_lines(datasets.read_text(files), split=args.split))
    say(
        "fastw2v: no FILE given, collecting the English documentation inside this Python",
        unless=args.quiet,
    )
    return list(datasets.tokenize_lines(datasets.builtin_text(), split=args.split))


def _evaluated(text_model: TextModel, train_ids: np.ndarray, tokens: list[str]) -> dict[str, float]:
    from fastw2v.text_model import unigram_perplexity

    ids = text_model.ids(tokens)
    return {
        "perplexity": text_model.perplexity(ids),
        "unigram": unigram_perplexity(train_ids, ids, len(text_model.words)),
    }


def _generate(args: argparse.Namespace) -> int:
    from fastw2v.text_model import TextModel

    text_model = TextModel.load(args.model)
    with seeded(args.seed):
        text = text_model.write(
            args.words, args.start, temperature=args.temperature, skip=args.skip
        )
    if args.json:
        print_json({"start": args.start, "seed": args.seed, "text": text})
    else:
        print(text)
    return OK


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "lm-train": _train,
    "generate": _generate,
}
