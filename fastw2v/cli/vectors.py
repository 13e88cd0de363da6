"""The commands that use word vectors: `similar`, `analogy`, `evaluate` and `convert`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastw2v.cli import splitting
from fastw2v.cli.console import COUNT, add_unwritable, check_outputs, say, shown
from fastw2v.cli.report import Report
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
        description="FILE holds word pairs (lines of word, word, number, as in tables and CSV "
        "files) or analogies (lines of four words in sections `: name`).",
    )
    add_vectors_argument(evaluate)
    evaluate.add_argument("file", metavar="FILE")
    evaluate.set_defaults(reads=("vectors", "file"))
    evaluate.add_argument(
        "--delimiter",
        type=_delimiter,
        metavar="X",
        help="between the fields of word pairs: tab, comma, semicolon, blank or one character "
        "(default: found out)",
    )
    evaluate.add_argument(
        "--decimal",
        choices=(".", ","),
        help="decimal sign of the judgements (default: found out for each number)",
    )
    evaluate.add_argument(
        "--encoding", default="utf-8", metavar="NAME", help="encoding of FILE, any codec of Python"
    )

    convert = commands.add_parser(
        "convert",
        help="write vectors in another format",
        description="The name of OUTPUT chooses the format: .txt or .vec word2vec text, .bin "
        "word2vec binary, each also packed (.gz, .bz2, .xz), .fw2v the memory-mapped format of "
        "fastw2v, .npz numpy arrays, .safetensors, or .parquet; names of other formats are "
        "refused, any other name and - (standard output) is text.",
    )
    add_vectors_argument(convert)
    target = convert.add_mutually_exclusive_group(required=True)
    target.add_argument("output", metavar="OUTPUT", nargs="?", help="the file to write")
    target.add_argument("-o", "--output", metavar="OUTPUT", help="the same", dest="output")
    add_unwritable(convert)
    convert.set_defaults(reads=("vectors",), writes=("output",))
    convert.add_argument(
        "--limit", type=COUNT, metavar="N", help="write the first N words (default: all)"
    )
    convert.add_argument(
        "--dtype",
        choices=DTYPES,
        help="of the numbers in a .fw2v file: float16 and int8 take half and a quarter of the "
        "space of float32, and are queried without being expanded (default: that of VECTORS)",
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
    parser.add_argument("-n", "--topn", type=COUNT, default=10, metavar="N", help="words to print")


def _similar(args: argparse.Namespace) -> Report:
    vectors = load(args.vectors)
    # A program looks answers up by the words that it asked for.
    found, missing = look_up(vectors, args.words, args)
    answers = {asked: vectors.most_similar(word, topn=args.topn) for asked, word in found.items()}
    lines: list[str] = []
    for asked, pairs in answers.items():
        as_found = "" if found[asked] == asked else f" ({found[asked]})"
        lines += _answer(f"[query] {asked}{as_found}", pairs)
    return Report(answers, lines, failed=missing)


def _analogy(args: argparse.Namespace) -> Report:
    vectors = load(args.vectors)
    asked = [args.a, args.b, args.c]
    found, missing = look_up(vectors, asked, args)
    if missing:
        raise KeyError(missing)
    a, b, c = (found[word] for word in asked)
    nearest = vectors.most_similar(positive=[b, c], negative=[a], topn=args.topn)
    results = {"a": a, "b": b, "c": c, "answers": nearest}
    return Report(results, _answer(f"[analogy] {a}:{b} = {c}:?", nearest))


def load(name: str) -> KeyedVectors:
    """Load vectors of any format, when a command needs them; those with n-grams keep them."""
    from fastw2v.fasttext import FastTextKeyedVectors
    from fastw2v.fasttext.files import holds_ngrams
    from fastw2v.keyed_vectors import KeyedVectors

    return (FastTextKeyedVectors if holds_ngrams(name) else KeyedVectors).load(name)


def look_up(
    vectors: KeyedVectors, words: Sequence[str], args: argparse.Namespace
) -> tuple[dict[str, str], str | None]:
    """Return {word: the word as the vectors spell it}, and a message if some are missing.

    A word is looked up as given, as a text is split, and in lower case. One that splits into
    several, such as `l'homme` with --elisions, is looked up as given only.

    Raises KeyError if all words are missing.
    """
    splitter = splitting.splitter(args, vectors.splitter)
    found: dict[str, str] = {}
    missing: list[str] = []
    for asked in dict.fromkeys(words):
        parts = splitter.split_words(asked)
        spellings = [asked, *(parts if len(parts) == 1 else ()), asked.lower()]
        known = next((word for word in spellings if word in vectors), None)
        if known is None:
            missing.append(asked)
        else:
            found[asked] = known
    if not missing:
        return found, None
    verb = "is" if len(missing) == 1 else "are"
    hint = similar_words(missing[0].lower(), vectors.index_to_key)
    message = (
        f"{', '.join(map(repr, missing))} {verb} not among the {len(vectors)} words of "
        f"{shown(args.vectors)}{hint or '; use words of the text that they were trained on'}"
    )
    if not found:
        raise KeyError(message)
    return found, message


def _answer(head: str, nearest: Sequence[tuple[str, float]]) -> list[str]:
    """Return the lines of an answer in the format of the book's most_similar and analogy."""
    return [f"\n{head}", *(f" {word}: {cosine:.4f}" for word, cosine in nearest)]


_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "blank": " "}


def _delimiter(text: str) -> str:
    """Return the character that --delimiter names."""
    sign = _DELIMITERS.get(text, "\t" if text == "\\t" else text)
    if len(sign) != 1 or sign in '"\r\n':
        raise argparse.ArgumentTypeError(
            f"expected tab, comma, semicolon, blank or one character, got {text!r}"
        )
    return sign


def _evaluate(args: argparse.Namespace) -> Report:
    from fastw2v._files.encodings import is_utf8
    from fastw2v._files.text import open_lines

    is_utf8(args.encoding)  # refuses other names
    vectors = load(args.vectors)
    with open_lines(args.file, args.encoding) as lines:
        analogies = next(lines, "").startswith(": ")
    if not analogies:
        return _evaluate_pairs(vectors, args)
    for name in ("delimiter", "decimal"):
        if getattr(args, name) is not None:
            raise ValueError(
                f"--{name}: expected a file of word pairs, got analogies, whose words stand "
                "between blanks; leave the option out"
            )
    return _evaluate_analogies(vectors, args)


def _evaluate_analogies(vectors: KeyedVectors, args: argparse.Namespace) -> Report:
    score, sections = vectors.evaluate_word_analogies(args.file)
    counts = {
        section["section"]: [
            len(section["correct"]),
            len(section["correct"]) + len(section["incorrect"]),
        ]
        for section in sections
    }
    lines = [f"{section}: {right} of {total}" for section, (right, total) in counts.items()]
    return Report({"accuracy": score, "sections": counts}, [*lines, f"accuracy: {score:.4f}"])


def _evaluate_pairs(vectors: KeyedVectors, args: argparse.Namespace) -> Report:
    from fastw2v._files import judgements
    from fastw2v.keyed_vectors.evaluation import correlations

    table = judgements.read(args.file, args.delimiter, args.decimal, args.encoding)
    pearson, spearman, unknown = correlations(vectors, table.pairs, shown(args.file))
    results = {
        "pearson": pearson[0],
        "spearman": spearman[0],
        "pairs": len(table.pairs),
        "unknown_percent": unknown,
        "delimiter": table.delimiter,
        "other_lines": table.other_lines,
    }
    lines = [
        f"pearson: {pearson[0]:.4f}",
        f"spearman: {spearman[0]:.4f}",
        f"unknown percent: {unknown:.4f}",
        f"pairs: {len(table.pairs)}, and {table.other_lines} other lines",
    ]
    return Report(results, lines)


def _convert(args: argparse.Namespace) -> Report:
    from fastw2v.keyed_vectors import KeyedVectors, files

    kind = files.output_format(args.output)
    check_outputs(args, args.output)
    if args.dtype is not None and kind != "fw2v":
        raise ValueError(
            f"--dtype: expected an OUTPUT that ends in .fw2v, got {args.output}; the word2vec "
            "formats hold float32 alone"
        )
    vectors = load(args.vectors)
    if getattr(vectors, "bucket", 0):
        tell_of_ngrams(args, kind)
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
    results = {
        "output": shown(args.output),
        "format": kind,
        "words": len(vectors),
        "dimension": vectors.vector_size,
    }
    return Report(results)


def tell_of_ngrams(args: argparse.Namespace, kind: str) -> None:
    """Say that `convert` leaves the n-grams of words out, if it does."""
    reason = ""
    if kind != "fw2v":
        reason = f"the {kind} format has no place for them"
    elif args.dtype is not None:
        reason = "--dtype rounds vectors of words alone"
    elif args.limit is not None:
        reason = "--limit keeps vectors of words alone"
    if reason:
        say(
            f"fastw2v: {shown(args.output)} holds words without their n-grams, and does not answer "
            f"for other words; {reason}"
        )


def file_facts(name: str) -> dict[str, Any]:
    """Return what `fastw2v info FILE` prints of a file of word vectors."""
    import os

    from fastw2v._files.kinds import first_bytes, kind_of

    vectors: Any = load(name)
    kind = kind_of(first_bytes(name))
    mapped = kind is not None and kind.name in ("fw2v", "fasttext")
    # Reading `vectors` of words with n-grams would compose all of them.
    own = getattr(vectors, "vectors_vocab", None)
    table = vectors.vectors if own is None else own
    facts = {
        "file": shown(name),
        "bytes": os.path.getsize(name),
        "words": len(vectors),
        "dimension": vectors.vector_size,
        "dtype": getattr(table, "stored", table.dtype.name),
        "mapped": mapped,
        "bytes_of_vectors": table.nbytes,
        "attributes": list(vectors.expandos),
    }
    if own is not None:
        lengths = f"{vectors.min_n} to {vectors.max_n}"
        facts["ngrams"] = f"{lengths} characters in {vectors.bucket} buckets"
    return facts


COMMANDS: dict[str, Callable[[argparse.Namespace], Report]] = {
    "similar": _similar,
    "analogy": _analogy,
    "evaluate": _evaluate,
    "convert": _convert,
}
