"""The command `fasttext`: the verbs of the program fastText; those that ask a model are here."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from fastw2v.cli import fasttext_training
from fastw2v.cli.console import COUNT, OK, say, shown
from fastw2v.cli.report import Report

if TYPE_CHECKING:
    import numpy as np

    from fastw2v.fasttext import FastTextKeyedVectors

_MODEL = "model of fastText (.bin), or a file that FastTextKeyedVectors.save wrote"


def add_parser(commands: Any) -> None:
    """Add `fasttext VERB MODEL ...` to the subparsers of the command line."""
    parser = commands.add_parser(
        "fasttext",
        help="train or ask a model of fastText, with the verbs of that program",
        description="The verbs of the program fastText that train word vectors or ask a model. "
        "Those that ask read words from standard input and print what fastText prints, and ask for "
        "words on a terminal only.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    fasttext_training.add_parsers(verbs)
    for verb, (_, text) in _VERBS.items():
        made = verbs.add_parser(verb, help=text, description=f"{text[0].upper()}{text[1:]}.")
        made.add_argument("model", metavar="MODEL", help=_MODEL)
        made.set_defaults(reads=("model",))
        if verb in ("nn", "analogies"):
            made.add_argument(
                "k", nargs="?", type=COUNT, default=10, help="words to print (default: 10)"
            )
        elif verb == "print-ngrams":
            made.add_argument("word", metavar="WORD")


def _run(args: argparse.Namespace) -> Report | int:
    if args.verb in fasttext_training.VERBS:
        return fasttext_training.train(args)
    return _ask(args)


def _ask(args: argparse.Namespace) -> int:
    from fastw2v._files.kinds import check_readable
    from fastw2v.fasttext import FastTextKeyedVectors
    from fastw2v.fasttext.files import holds_ngrams

    check_readable(args.model, "a model of fastText")
    if not holds_ngrams(args.model):
        raise ValueError(
            f"{args.model}: expected a {_MODEL}, got a file of another kind; ask for words of "
            "plain vectors with fastw2v similar"
        )
    _VERBS[args.verb][0](FastTextKeyedVectors.load(args.model), args)
    return OK


def _lines() -> Iterator[str]:
    """Yield the lines of standard input; bytes that are not UTF-8 are those of words in files."""
    for line in getattr(sys.stdin, "buffer", sys.stdin):
        yield line if isinstance(line, str) else line.decode("utf-8", "surrogateescape")


def _words(prompt: str = "", of: int = 1) -> Iterator[list[str]]:
    """Yield `of` words at a time from standard input, asking for them on a terminal."""
    asks = bool(prompt) and sys.stdin.isatty()
    found: list[str] = []
    if asks:
        print(prompt, end=" ", flush=True)
    for line in _lines():
        found += line.split()
        while len(found) >= of:
            yield found[:of]
            found = found[of:]
        if asks:
            print(prompt, end=" ", flush=True)


def _print_row(head: str, row: np.ndarray) -> None:
    """Print numbers with five digits and a blank behind each, as fastText does."""
    print(f"{head}{''.join(f'{number:.5g} ' for number in row.tolist())}")


def _nearest(vectors: FastTextKeyedVectors, args: argparse.Namespace) -> None:
    for [word] in _words("Query word?"):
        if _has_all(vectors, [word]):
            _print_answers(vectors.get_nearest_neighbors(word, args.k))


def _analogies(vectors: FastTextKeyedVectors, args: argparse.Namespace) -> None:
    for a, b, c in _words("Query triplet (A - B + C)?", 3):
        if _has_all(vectors, [a, b, c]):
            _print_answers(vectors.get_analogies(a, b, c, args.k))


def _has_all(vectors: FastTextKeyedVectors, words: list[str]) -> bool:
    """Tell whether words have vectors; name those that have none on stderr."""
    missing = [word for word in words if word not in vectors]
    for word in missing:
        say(f"fastw2v: {shown(repr(word))} is unknown, and has no n-gram")
    return not missing


def _print_answers(found: list[tuple[float, str]]) -> None:
    """Print words with their cosines, so that a program that waits for them gets them."""
    for cosine, word in found:
        print(f"{word} {cosine:g}")
    sys.stdout.flush()


def _vector(vectors: FastTextKeyedVectors, word: str) -> np.ndarray:
    """Return the vector of a word, 0 for one that cannot be composed, as fastText does."""
    import numpy as np

    return vectors[word] if word in vectors else np.zeros(vectors.vector_size, np.float32)


def _word_vectors(vectors: FastTextKeyedVectors, args: argparse.Namespace) -> None:
    for [word] in _words():
        _print_row(f"{word} ", _vector(vectors, word))


def _sentence_vectors(vectors: FastTextKeyedVectors, args: argparse.Namespace) -> None:
    for line in _lines():
        _print_row("", vectors.get_sentence_vector(line.strip("\r\n")))


def _ngrams(vectors: FastTextKeyedVectors, args: argparse.Namespace) -> None:
    V = len(vectors)
    texts, ids = vectors.get_subwords(args.word)
    for text, number in zip(texts, ids.tolist(), strict=True):
        own = number < V
        row = vectors.vectors_vocab[number] if own else vectors.vectors_ngrams[number - V]
        _print_row(f"{text} ", row)


_Verb = Callable[["FastTextKeyedVectors", argparse.Namespace], None]
_VERBS: dict[str, tuple[_Verb, str]] = {
    "nn": (_nearest, "print the words nearest to each word of standard input"),
    "analogies": (_analogies, "print the words nearest to A - B + C, for three words at a time"),
    "print-word-vectors": (_word_vectors, "print each word of standard input with its vector"),
    "print-sentence-vectors": (_sentence_vectors, "print the vector of each line"),
    "print-ngrams": (_ngrams, "print what a word is composed of, each with its row"),
}

COMMANDS: dict[str, Callable[[argparse.Namespace], Report | int]] = {"fasttext": _run}
