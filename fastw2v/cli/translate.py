"""`fastw2v translate-train` and `fastw2v translate`: the command line of `CharTranslator`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fastw2v.cli.console import (
    COUNT,
    RATE,
    SEED,
    SHARE,
    add_output,
    add_threads,
    check_outputs,
    counted,
    is_terminal,
    output_path,
    say,
    seeded,
    shown,
)
from fastw2v.cli.report import Report

if TYPE_CHECKING:
    from fastw2v.models import CharTranslator

DEFAULT_OUTPUT = "translator.npz"
_N_SHOWN = 5
# Defaults for pairs from a file, and for the numbers in kanji.
_DEFAULTS = {"units": (256, 128), "epochs": (50, 15)}


def add_parsers(commands: Any) -> None:
    """Add both commands to the subparsers of the command line."""
    train = commands.add_parser(
        "translate-train",
        help="train a character-level translator on pairs of texts",
        description="Train an LSTM encoder and decoder on FILE, UTF-8 text with a source, a tab "
        "and a target in each line, and save them. Without FILE: numbers and kanji numerals.",
    )
    train.add_argument(
        "file", nargs="?", metavar="FILE", help="pairs, plain or packed; - is standard input"
    )
    add = train.add_argument
    add(
        "--max-pairs", type=COUNT, metavar="N",
        help="use only the first N pairs (default: all; numbers 20000)",
    )  # fmt: skip
    add("--units", type=COUNT, metavar="N", help="width of an LSTM (default: 256; numbers 128)")
    add("--epochs", type=COUNT, metavar="N", help="passes (default: 50; numbers 15)")
    add(
        "--batch-size", type=COUNT, default=64, metavar="N", help="pairs per step"
    )  # fmt: skip
    add(
        "--embed",
        type=COUNT,
        metavar="N",
        help="dimension of learned vectors, which replace one-hot rows (default: one-hot rows)",
    )
    add("--bidirectional", action="store_true", help="read the source in both directions")
    add("--reverse", action="store_true", help="read the source backwards")
    add("--attention", action="store_true", help="use attention over the source")
    add("--optimizer", choices=("rmsprop", "adam"), default="rmsprop", help="optimizer")
    add("--lr", type=RATE, default=0.001, metavar="X", help="learning rate")
    add(
        "--validation", type=SHARE, default=0.2, metavar="X",
        help="share of the pairs, from the end, held out of training",
    )  # fmt: skip
    add("--seed", type=SEED, default=0, metavar="N", help="the same seed gives the same model")
    add_threads(train)
    add_output(train, DEFAULT_OUTPUT)
    add("--plot", metavar="PNG", help="draw loss and accuracy of each epoch")
    add("--quiet", action="store_true", help="print only errors on stderr")
    train.set_defaults(reads=("file",), writes=("output", "plot"))

    ask = commands.add_parser(
        "translate",
        help="translate texts with a model of translate-train",
        description="Print the translation of each TEXT, or of each line of the standard input if "
        "TEXT is -.",
    )
    ask.add_argument("model", metavar="MODEL", help="file that translate-train saved")
    ask.add_argument("texts", nargs="+", metavar="TEXT")
    ask.add_argument(
        "--beam", type=COUNT, default=1, metavar="N",
        help="hypotheses kept at each step; 1 is a greedy search",
    )  # fmt: skip
    ask.set_defaults(reads=("model",))


def _train(args: argparse.Namespace) -> Report:
    from fastw2v import datasets
    from fastw2v._files.kinds import check_named
    from fastw2v.models import CharTranslator
    from fastw2v.optimizer import Adam, RMSprop

    output = output_path(args.output, DEFAULT_OUTPUT, quiet=args.quiet)
    # Before the work, not after it.
    check_named(output, "a translator", ".npz")
    if args.plot is not None:
        check_named(args.plot, "a picture", ".png")
    check_outputs(args, output, args.plot)
    of_numbers = args.file is None
    for name, defaults in _DEFAULTS.items():
        if getattr(args, name) is None:
            setattr(args, name, defaults[of_numbers])
    with seeded(args.seed):
        if of_numbers:
            say("fastw2v: no FILE given, taking numbers and kanji numerals", unless=args.quiet)
            pairs = datasets.kanji_numbers(args.max_pairs or 20_000)
        else:
            pairs = datasets.read_pairs(args.file, args.max_pairs)
        n_held_out = int(len(pairs) * args.validation) if args.validation < 1 else 0
        model = CharTranslator.from_pairs(
            pairs,
            args.units,
            embed_size=args.embed,
            bidirectional=args.bidirectional,
            reverse=args.reverse,
            attention=args.attention,
        )
        say(
            f"fastw2v: {counted(len(pairs), 'pair')} ({n_held_out:,} held out), "
            f"{len(model.source_characters)} and {len(model.target_characters)} characters, "
            f"{sum(param.size for param in model.params):,} parameters",
            unless=args.quiet,
        )
        optimizer = Adam(args.lr) if args.optimizer == "adam" else RMSprop(args.lr, 0.9)
        started = time.perf_counter()
        interrupted = False
        try:
            model.fit(
                pairs,
                args.epochs,
                args.batch_size,
                args.validation,
                optimizer=optimizer,
                keep_best=True,
                progress=not args.quiet and is_terminal(sys.stderr),
            )
        except KeyboardInterrupt:
            interrupted = True
            say("fastw2v: stopped; saving the model as trained so far")
        seconds = time.perf_counter() - started
    model.save(output)
    if args.plot is not None and model.history["loss"]:
        model.plot(args.plot)
    held_out = pairs[len(pairs) - n_held_out :]
    exact = model.exact(held_out) if held_out and not interrupted else None
    samples = _samples(model, held_out or pairs)
    results = {
        "output": shown(os.path.abspath(output)),
        "pairs": len(pairs),
        "held_out": n_held_out,
        "exact": exact,
        "history": model.history,
        "seconds": round(seconds, 3),
        "settings": {
            name: getattr(args, name)
            for name in (
                *("file", "max_pairs", "units", "epochs", "batch_size", "embed", "lr"),
                *("bidirectional", "reverse", "attention", "optimizer", "seed"),
            )
        },
        "samples": samples,
    }
    lines = [
        f"Input sentence: {sample['source']}\nDecoded sentence: {sample['decoded']}\n"
        f"label sentence: {sample['label']}\n-"
        for sample in samples
    ]
    if exact is not None:
        lines.append(f"{exact:.1%} of {len(held_out):,} held-out pairs are translated exactly")
    lines.append(f"saved in {shown(output)}")
    return Report(results, lines, interrupted)


def _samples(model: CharTranslator, pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Return the first pairs of different sources with their translations."""
    shown = list(dict(reversed(pairs)).items())[::-1][:_N_SHOWN]
    decoded = model.translate([source for source, _ in shown])
    return [
        {"source": source, "decoded": found, "label": target}
        for (source, target), found in zip(shown, decoded, strict=True)
    ]


class _Text(NamedTuple):
    """A text to translate, or the reason why it is none, with its place for messages."""

    place: str
    text: str
    problem: str | None = None


def _texts(given: Sequence[str]) -> Iterator[_Text]:
    """Yield the texts of the command line and, in the place of `-`, those of standard input."""
    for k, text in enumerate(given, 1):
        if text != "-":
            yield _Text("TEXT" if len(given) == 1 else f"TEXT {k}", text)
            continue
        for number, line in enumerate(_lines(), 1):
            place = f"line {number}"
            try:
                text = line.decode().removeprefix("\ufeff").rstrip("\r\n")
            except UnicodeDecodeError as error:
                text = line.decode(errors="backslashreplace").rstrip("\r\n")
                wrong = error.object[error.start]
                yield _Text(place, text, f"{place}: byte 0x{wrong:02x} is not UTF-8")
                continue
            if text.strip():
                yield _Text(place, text)


def _lines() -> Iterable[bytes]:
    """Return the lines of standard input."""
    binary = getattr(sys.stdin, "buffer", None)
    return binary if binary is not None else (line.encode() for line in sys.stdin)


def _translate(args: argparse.Namespace) -> Report:
    """Translate all texts that the model can read; the others cost their lines alone."""
    from fastw2v.models import CharTranslator

    if shown(args.model) != args.model and "-" in args.texts:
        raise ValueError("-: expected standard input for MODEL or TEXT, got it for both; name one")
    model = CharTranslator.load(args.model)
    texts = list(_texts(args.texts))
    if not texts:
        raise ValueError("TEXT: expected lines on the standard input, got none")
    for k, text in enumerate(texts):
        if text.problem is None:
            try:
                model.check_source(text.text, text.place)
            except ValueError as error:
                texts[k] = text._replace(problem=str(error))
    if len(texts) == 1 and texts[0].problem is not None:
        raise ValueError(texts[0].problem)
    for text in texts:
        say(f"fastw2v: {text.problem}", unless=text.problem is None)
    readable = [text.text for text in texts if text.problem is None]
    found = iter(model.decode(readable, args.beam) if readable else ())
    answers = [None if text.problem is not None else next(found) for text in texts]
    translations = [
        {
            "source": text.text,
            "translation": None if one is None else one.text,
            "log_probability": None if one is None else one.score,
            "problem": text.problem,
        }
        for text, one in zip(texts, answers, strict=True)
    ]
    n_failed = len(texts) - len(readable)
    return Report(
        {"translations": translations},
        # An empty line keeps the lines of the output beside those of the input.
        ["" if one is None else one.text for one in answers],
        failed=f"{n_failed} of {counted(len(texts), 'text')} not translated" if n_failed else None,
    )


COMMANDS: dict[str, Callable[[argparse.Namespace], Report]] = {
    "translate-train": _train,
    "translate": _translate,
}
