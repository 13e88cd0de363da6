"""The commands that use word vectors: `similar`, `analogy`, `evaluate` and `convert`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastw2v.cli import splitting
from fastw2v.cli.console import (
    COUNT,
    OK,
    add_unwritable,
    print_json,
    shown,
)
from fastw2v.cli.usage import similar_words

if TYPE_CHECKING:
    from fastw2v.keyed_vectors import KeyedVectors

DTYPES = ("float32", "float64", "float16", "int8")


def add_parsers(commands: Any) -> None:
    """Add the four commands to the subparsers of the command line."""
    similar = commands.add_parser(
        "similar",
        help="print the words nearest to given words",
        description="Print the words whose vectors have the greatest cosine to each WORD's.",
    )
    add_vectors_argument(similar)
    similar.add_argument("words", nargs="+", metavar="WORD")
    _add_answer_options(similar)
    splitting.add_options(similar, asked=True)

    analogy = commands.add_parser(
        "analogy",
        help="complete the analogy: A is to B as C is to ...",
        description="Print the words nearest to B - A + C (unit vectors, cosines).",
    )
    add_vectors_argument(analogy)
    for name in "ABC":
        analogy.add_argument(name.lower(), metavar=name)
    _add_answer_options(analogy)
    splitting.add_options(analogy, asked=True)

    evaluate = commands.add_parser(
        "evaluate",
        help="compare vectors with human judgements or analogies",
        description="FILE holds word pairs (word, word, number between tabs) or analogies (lines "
        "of four words in sections `: name`).",
    )
    add_vectors_argument(evaluate)
    evaluate.add_argument("file", metavar="FILE")
    evaluate.set_defaults(reads=("vectors", "file"))
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")

    convert = commands.add_parser(
        "convert",
        help="write vectors in another format",
        description="The name of OUTPUT chooses the format: .txt or .vec word2vec text, .bin "
        "word2vec binary, each also packed (.gz, .bz2, .xz), .fw2v the memory-mapped format of "
        "fastw2v, .npz numpy arrays, .safetensors, or .parquet; names of other formats are "
        "refused, any other name and - (standard output) is text.",
    )
    add_vectors_argument(convert)
    convert.add_argument("output", metavar="OUTPUT")
    add_unwritable(convert)
    convert.set_defaults(reads=("vectors",), writes=("output",))
    convert.add_argument("--limit", type=COUNT, metavar="N", help="write only the first N words")
    convert.add_argument(
        "--dtype",
        choices=DTYPES,
        help="of the numbers in a .fw2v file: float16 and int8 take half and a quarter of the "
        "space of float32, and are queried without being expanded",
    )


def add_vectors_argument(parser: argparse.ArgumentParser) -> None:
    """Add VECTORS, the file of word vectors that a command reads."""
    parser.add_argument(
        "vectors",
        metavar="VECTORS",
        help="file of word2vec, fastText (.bin), gensim, fw2v, .npz or cbow_params.pkl; - is "
        "standard input",
    )
    parser.set_defaults(reads=("vectors",))


def _add_answer_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", "--topn", type=COUNT, default=10, metavar="N", help="words to print (default: 10)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _similar(args: argparse.Namespace) -> int:
    vectors = load(args.vectors)
    # A program looks answers up by the words that it asked for.
    found = dict(zip(args.words, find(vectors, args.words, args), strict=True))
    answers = {asked: vectors.most_similar(word, topn=args.topn) for asked, word in found.items()}
    if args.json:
        print_json({asked: [list(pair) for pair in pairs] for asked, pairs in answers.items()})
    else:
        for asked, pairs in answers.items():
            as_found = "" if found[asked] == asked else f" ({found[asked]})"
            _print_answer(f"[query] {asked}{as_found}", pairs)
    return OK


def _analogy(args: argparse.Namespace) -> int:
    vectors = load(args.vectors)
    a, b, c = find(vectors, [args.a, args.b, args.c], args)
    nearest = vectors.most_similar(positive=[b, c], negative=[a], topn=args.topn)
    if args.json:
        print_json({"a": a, "b": b, "c": c, "answers": [list(pair) for pair in nearest]})
    else:
        _print_answer(f"[analogy] {a}:{b} = {c}:?", nearest)
    return OK


def load(name: str) -> KeyedVectors:
    """Load vectors of any format, when a command needs them; those with n-grams keep them."""
    from fastw2v.fasttext import FastTextKeyedVectors
    from fastw2v.fasttext.files import holds_ngrams
    from fastw2v.keyed_vectors import KeyedVectors

    return (FastTextKeyedVectors if holds_ngrams(name) else KeyedVectors).load(name)


def find(vectors: KeyedVectors, words: Sequence[str], args: argparse.Namespace) -> list[str]:
    """Return the words as the vectors spell them: as given, as a text is split, or in lower case.

    A word that splits into several, such as `l'homme` with --elisions, is looked up as given only.
    """
    splitter = splitting.splitter(args, vectors.splitter)
    found: list[str] = []
    missing: list[str] = []
    for asked in words:
        parts = splitter.split_words(asked)
        spellings = [asked, *(parts if len(parts) == 1 else ()), asked.lower()]
        known = [word for word in spellings if word in vectors]
        found += known[:1]
        missing += [] if known else [asked]
    if missing:
        hint = similar_words(missing[0].lower(), vectors.index_to_key)
        raise KeyError(
            f"{', '.join(map(repr, missing))} not among the {len(vectors)} words of "
            f"{args.vectors}{hint or '; use words of the text that they were trained on'}"
        )
    return found


def _print_answer(head: str, nearest: Sequence[tuple[str, float]]) -> None:
    """Print an answer in the format of the book's most_similar and analogy."""
    print(f"\n{head}")
    for word, cosine in nearest:
        print(f" {word}: {cosine:.4f}")


def _evaluate(args: argparse.Namespace) -> int:
    from fastw2v._files.text import open_lines

    vectors = load(args.vectors)
    with open_lines(args.file) as lines:
        analogies = next(lines, "").startswith(": ")
    found = _analogy_scores(vectors, args.file) if analogies else _pair_scores(vectors, args.file)
    if args.json:
        print_json(found)
        return OK
    for section, (right, total) in found.pop("sections", {}).items():
        print(f"{section}: {right} of {total}")
    for name, value in found.items():
        print(f"{name}: {value:.4f}")
    return OK


def _analogy_scores(vectors: KeyedVectors, file: str) -> dict[str, Any]:
    score, sections = vectors.evaluate_word_analogies(file)
    counts = {
        section["section"]: [
            len(section["correct"]),
            len(section["correct"]) + len(section["incorrect"]),
        ]
        for section in sections
    }
    return {"accuracy": score, "sections": counts}


def _pair_scores(vectors: KeyedVectors, file: str) -> dict[str, Any]:
    pearson, spearman, unknown = vectors.evaluate_word_pairs(file)
    return {"pearson": pearson[0], "spearman": spearman[0], "unknown percent": unknown}


def _convert(args: argparse.Namespace) -> int:
    from fastw2v.keyed_vectors import KeyedVectors, files

    kind = files.output_format(args.output)
    if args.dtype is not None and kind != "fw2v":
        raise ValueError(
            f"--dtype: expected an OUTPUT that ends in .fw2v, got {args.output}; the word2vec "
            "formats hold float32 alone"
        )
    vectors = load(args.vectors)
    if args.limit is not None:
        words, splitter = vectors.index_to_key[: args.limit], vectors.splitter
        kept = {name: values[: args.limit] for name, values in vectors.expandos.items()}
        vectors = KeyedVectors.from_words(words, vectors.vectors[: len(words)])
        vectors.expandos.update(kept)
        vectors.splitter = splitter
    if type(vectors) is not KeyedVectors and (args.dtype is not None or kind != "fw2v"):
        vectors = vectors.astype("float32")  # other formats have no place for n-grams
    if args.dtype is not None:
        vectors.save(args.output, dtype=args.dtype)
    elif kind == "fw2v":
        vectors.save(args.output)
    else:
        files.save(vectors, args.output, kind, args.unwritable)
    return OK


def file_facts(name: str) -> dict[str, Any]:
    """Return what `fastw2v info FILE` prints of a file of word vectors."""
    import os

    from fastw2v._files.kinds import first_bytes, kind_of

    vectors, kind = load(name), kind_of(first_bytes(name))
    mapped = kind is not None and kind.name == "fw2v"
    table = vectors.vectors
    return {
        "file": shown(name),
        "bytes": os.path.getsize(name),
        "words": len(vectors),
        "dimension": vectors.vector_size,
        "dtype": getattr(table, "stored", table.dtype.name),
        "mapped": mapped,
        "bytes_of_vectors": table.nbytes,
        "attributes": list(vectors.expandos),
    }


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "similar": _similar,
    "analogy": _analogy,
    "evaluate": _evaluate,
    "convert": _convert,
}
