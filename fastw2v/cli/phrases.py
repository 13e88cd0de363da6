"""The command `phrases`: words that belong together are found in a text, and joined in it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from fastw2v.cli import splitting
from fastw2v.cli.console import COUNT, check_outputs, counted, number, say, shown
from fastw2v.cli.report import Report

if TYPE_CHECKING:
    from fastw2v.datasets import Splitter

_SCORE = number(float, "a number", lambda x: x == x)


def add_parser(commands: Any) -> None:
    """Add `phrases` to the subparsers of the command line."""
    parser = commands.add_parser(
        "phrases",
        help="find words that belong together, and join them in a text",
        description="Find phrases such as new york in the lines of a text, print those of the "
        "highest scores, and write the text with its phrases joined (new_york), for `fastw2v train "
        "--split blanks`. Without FILE the text is the English documentation inside this Python.",
    )
    splitting.add_files(parser)

    add = parser.add_argument
    parser.add_argument("-o", "--output", metavar="FILE", help="write the text, a line per line")
    add("--min-count", type=COUNT, default=5, metavar="N", help="phrases occur at least N times")
    parser.add_argument(
        "--threshold",
        type=_SCORE,
        metavar="X",
        help="phrases have scores above X (default: 10, 0.5 for npmi, which has -1 to 1)",
    )
    add("--scoring", choices=("default", "npmi"), default="default", help="gensim's scores")
    add(
        *("--passes",),
        type=COUNT,
        default=1,
        metavar="N",
        help="2 joins phrases with words and with phrases, into up to four words",
    )
    parser.add_argument(
        "--connectors",
        metavar="WORDS",
        help="words that may stand inside a phrase, as in bank_of_america: english, or words with "
        "commas between them (default: none)",
    )
    add("--delimiter", default="_", metavar="TEXT", help="what joins the words")
    parser.add_argument(
        "--save", metavar="FILE", help="save the phrases of the last pass for FrozenPhrases.load"
    )
    add("-n", "--top", type=COUNT, default=20, metavar="N", help="print N phrases")
    splitting.add_options(parser)
    parser.set_defaults(reads=("files",), writes=("output", "save"))
    parser.add_argument("--quiet", action="store_true", help="print only errors on stderr")


def _phrases(args: argparse.Namespace) -> Report:
    from fastw2v._files.atomic import replacing
    from fastw2v.phrases import Phrases

    check_outputs(args, args.output, args.save)
    if any(c.isspace() for c in args.delimiter) and args.output is not None:
        raise ValueError(
            f"--delimiter: expected no white space, which stands between words, got "
            f"{args.delimiter!r}; pass e.g. _"
        )
    text: Iterable[Any] = _Lines(args, splitting.splitter(args))
    threshold = {"default": 10.0, "npmi": 0.5}[args.scoring]
    found: dict[str, float] = {}
    for _ in range(args.passes):
        phrases = Phrases(
            text,
            min_count=args.min_count,
            threshold=threshold if args.threshold is None else args.threshold,
            scoring=args.scoring,
            delimiter=args.delimiter,
            connector_words=_connectors(args.connectors),
        )
        found |= phrases.export_phrases()
        text = phrases.freeze()[text]
    best = sorted(found.items(), key=lambda item: -item[1])[: args.top]
    if args.save is not None:
        phrases.freeze().save(args.save)
    if args.output is not None:
        with replacing(args.output) as stream:
            for sentence in text:
                stream.write((" ".join(sentence) + "\n").encode("utf-8", "surrogatepass"))
    wrote = "" if args.output is None else f", wrote {shown(args.output)}"
    say(f"fastw2v: found {counted(len(found), 'phrase')}{wrote}", unless=args.quiet)
    results = {
        "phrases": len(found),
        "words": phrases.corpus_word_count,
        "output": None if args.output is None else shown(args.output),
        "best": [{"phrase": name, "score": score} for name, score in best],
    }
    return Report(results, [f"{score:10.3f}  {shown(name)}" for name, score in best])


def _connectors(given: str | None) -> Iterable[str]:
    from fastw2v.phrases import ENGLISH_CONNECTOR_WORDS

    if given == "english":
        return ENGLISH_CONNECTOR_WORDS
    return [word for word in (given or "").split(",") if word]


class _Lines:
    """The words of each line of the text, read anew in each pass."""

    def __init__(self, args: argparse.Namespace, splitter: Splitter) -> None:
        self.args, self.split = args, splitter.split_words

    def __iter__(self) -> Iterator[list[str]]:
        for line in _lines(splitting.read(self.args, self.args.files)):
            yield self.split(line)
        self.args = argparse.Namespace(**{**vars(self.args), "quiet": True})  # said once


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text in pieces."""
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + piece).split("\n")
        yield from lines
    if rest:
        yield rest


COMMANDS: dict[str, Callable[[argparse.Namespace], Report]] = {"phrases": _phrases}
