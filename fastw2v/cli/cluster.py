"""Training on a cluster: `train --scheduler ADDRESS`, and the command `plan`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from fastw2v.cli.console import COUNT, RATE, say, shown, told_already
from fastw2v.cli.engine import check_held_out, closing_lines, encoded, held_out_loss
from fastw2v.cli.report import Report

_ONE_PROCESS = ("split", "normalize", "case", "lang", "elisions", "keep_hyphens", "batch_size")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of training on a cluster to the command `train`."""
    group = parser.add_argument_group(
        "training on a cluster of Dask",
        "Workers read the text themselves: one sentence a line, words between blanks.",
    )
    add = group.add_argument
    add("--scheduler", metavar="ADDRESS", help="train on this cluster, e.g. tcp://host:8786")
    add("--shards", type=COUNT, metavar="N", help="shards of the text (default: workers)")
    add("--rounds", type=COUNT, metavar="N", help="merges of the shards (default: 40 or more)")
    add("--column", metavar="NAME", help="the column with the text, in Parquet files")
    add("--run", metavar="DIR", help="folder for checkpoints, which client and workers see")


def check_options(args: argparse.Namespace) -> None:
    """Raise ValueError for options of a cluster without one, or that a cluster does not have."""
    from fastw2v._files.kinds import check_readable

    if args.scheduler is None:
        for name in ("shards", "rounds", "column", "run"):
            if getattr(args, name) is not None:
                raise ValueError(f"--{name}: expected --scheduler ADDRESS beside it; add it")
        return
    if args.subwords:
        raise ValueError(
            "--subwords: a cluster trains words without n-grams; leave it or --scheduler out"
        )
    odd = [name for name in _ONE_PROCESS if getattr(args, name) is not None]
    odd += ["engine"] if args.engine != "word2vec" else []
    odd += ["encoding"] if args.encoding.lower() not in ("utf-8", "utf8") else []
    if odd:
        raise ValueError(
            f"--{odd[0].replace('_', '-')}: a cluster reads UTF-8 text with one sentence a line "
            "and words between blanks; leave the option out and prepare the text so"
        )
    if args.held_out is not None:
        check_readable(args.held_out)
    if args.checkpoint is not None:
        raise ValueError("--checkpoint: a cluster saves to a folder; name it with --run DIR")
    if args.resume is not None and args.given:
        raise ValueError(
            f"--{args.given[0].replace('_', '-')}: expected no setting with --resume, whose run "
            "has its own; leave it out"
        )
    if args.resume is None and (not args.files or "-" in args.files):
        raise ValueError("FILE: expected files that all workers see; name them, or --resume DIR")
    if args.resume is not None and (args.files or args.run):
        raise ValueError("--resume: expected neither FILE nor --run, which the run knows already")


def train(args: argparse.Namespace, output: str, kind: str) -> Report:
    """Train on a cluster and save the vectors."""
    from fastw2v.keyed_vectors import files

    started = time.perf_counter()
    try:
        model = _model(args)
    except (ImportError, RuntimeError) as error:  # Dask is missing, or the cluster is of no use
        raise ValueError(str(error)) from error
    seconds = time.perf_counter() - started
    with told_already():
        files.save(model.wv, output, kind, args.unwritable)
        if args.save_model is not None:
            model.save(args.save_model)
    losses = [loss for loss in model.epoch_losses if loss == loss]
    held_out, problem = None, None
    if args.held_out is not None:
        try:  # the vectors are saved, whatever the text is like
            text = encoded(model, corpus_file=args.held_out)
            held_out = held_out_loss(model, check_held_out(text, args.held_out))
        except ValueError as error:
            problem = str(error)
    results = {
        "output": shown(output),
        "format": kind,
        "checkpoint": args.resume or args.run,
        "model_file": args.save_model,
        "resumed": args.resume is not None,
        "words": model.corpus_total_words,
        "vocabulary": len(model.wv),
        "loss": losses[-1] if losses else None,
        "held_out": held_out,
        "seconds": round(seconds, 3),
    }
    say(f"fastw2v: trained in {seconds:.1f} s", unless=args.quiet)
    lines = closing_lines(model.wv, output, kind, held_out, args.save_model)
    return Report(results, lines, failed=problem)


def _model(args: argparse.Namespace) -> Any:
    from fastw2v import distributed
    from fastw2v.distributed.engine import as_engine

    engine = as_engine(args.scheduler)
    with engine.client:
        common = {
            "client": engine,
            "every": args.every,
            "progress": not args.quiet and not args.json,
        }
        if args.resume is not None:
            return distributed.resume(args.resume, **common)
        return distributed.train(
            args.files,
            **common,
            shards=args.shards,
            rounds=args.rounds,
            column=args.column,
            run=args.run,
            vector_size=args.dim,
            window=args.window,
            negative=args.negative,
            epochs=args.epochs,
            min_count=args.min_count,
            sample=args.subsample,
            alpha=args.lr,
            sg=int(args.model == "skip-gram"),
            seed=args.seed,
            deterministic=args.deterministic,
            workers=args.threads,
        )


# ---- fastw2v plan


def add_parser(commands: Any) -> None:
    """Add `plan` to the subparsers of the command line."""
    parser = commands.add_parser(
        "plan",
        help="estimate speed and memory of a training on a cluster",
        description="Estimate speed and memory of a training on machines with 16 cores. The "
        "numbers are those of a model.",
    )
    for flag, help in (
        ("--vocabulary", "different words that are learned"),
        ("--dim", "dimension of the vectors"),
        ("--words", "length of the text"),
        ("--machines", "number of machines"),
    ):
        parser.add_argument(flag, type=_large, required=True, metavar="N", help=help)
    parser.add_argument("--gbit", type=RATE, default=10.0, metavar="X", help="Gbit/s of the net")
    parser.add_argument("--epochs", type=COUNT, default=5, metavar="N", help="passes")
    parser.add_argument("--model", choices=("cbow", "skip-gram"), default="cbow", help="model")


def _large(text: str) -> int:
    """Return a number that may be written as 1e10."""
    try:
        number = float(text)
        if not (number >= 1 and number == int(number)):
            raise ValueError
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"expected a whole number of 1 or more, got {text!r}"
        ) from None
    return int(number)


def _plan(args: argparse.Namespace) -> Report:
    from fastw2v.distributed import plan

    found = plan(
        *(args.vocabulary, args.dim, args.words, args.machines, args.gbit),
        epochs=args.epochs,
        sg=int(args.model == "skip-gram"),
    )
    lines = [
        *(
            f"{machines:4d} machines: {rate / 1e6:8.1f} million words/s"
            for machines, rate in found.table
        ),
        f"best: {found.best_machines} machines",
        f"memory of a worker: {found.bytes_per_worker / 1e9:.2f} GB beside the text's ids",
        f"sent by a worker in a round: at most {found.bytes_per_round / 1e9:.2f} GB",
    ]
    return Report(found._asdict(), lines)


COMMANDS: dict[str, Callable[[argparse.Namespace], Report]] = {"plan": _plan}
