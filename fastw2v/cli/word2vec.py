"""The part of the command line that stands on `Word2Vec` and `KeyedVectors`."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from fastw2v.cli.console import COUNT

if TYPE_CHECKING:
    from fastw2v.datasets import Corpus
    from fastw2v.keyed_vectors import KeyedVectors


class Trained(NamedTuple):
    """What a training of the command line ends with."""

    vectors: KeyedVectors
    loss: float | None
    seconds: float
    n_words: int  # of the thinned text
    batch_size: int | None
    interrupted: bool


def fit(args: argparse.Namespace, built: Corpus, progress: bool) -> Trained:
    """`fastw2v train` with the engine for whole corpora."""
    from fastw2v.word2vec import Word2Vec
    from fastw2v.word2vec.corpus import EncodedCorpus

    model = Word2Vec(
        vector_size=args.dim,
        window=args.window,
        negative=args.negative,
        epochs=args.epochs,
        min_count=1,
        sample=args.subsample,
        alpha=args.lr,
        sg=int(args.model == "skip-gram"),
        seed=args.seed,
        workers=args.threads,
    )
    words = [built.id_to_word[row] for row in range(len(built.counts))]
    model.build_vocab_from_freq(dict(zip(words, built.counts.tolist(), strict=True)))
    n = len(built.corpus)
    corpus = EncodedCorpus(built.corpus, n, n, 1)
    started, interrupted = time.perf_counter(), False
    try:
        model.train(corpus_iterable=corpus, progress=progress)
    except KeyboardInterrupt:
        interrupted = True
    except FloatingPointError as error:
        raise _not_finite("--lr") from error
    losses = [loss for loss in model.epoch_losses if loss == loss]
    kept = round(model.words_trained / max(model.progress * model.epochs, 1e-9))
    seconds = time.perf_counter() - started
    return Trained(model.wv, losses[-1] if losses else None, seconds, kept, None, interrupted)


def _not_finite(flag: str) -> FloatingPointError:
    return FloatingPointError(f"the vectors are no longer finite; nothing saved, lower {flag}")


# ---- fastw2v word2vec: the flags of word2vec.c


def add_word2vec_parser(commands: Any) -> None:
    """`fastw2v word2vec -train FILE -output FILE ...`."""
    parser = commands.add_parser(
        "word2vec",
        help="train with the flags of word2vec.c",
        description="Train on a text file, one sentence a line, with the flags and defaults of "
        "Mikolov's word2vec program.",
    )

    def add(flag: str, kind: Any, default: Any, help: str) -> None:
        parser.add_argument(
            f"-{flag}",
            type=kind,
            default=default,
            metavar="X",
            dest=flag.replace("-", "_"),
            help=f"{help} (default: %(default)s)",
        )

    parser.add_argument("-train", required=True, metavar="FILE", help="text, plain or gzip")
    parser.add_argument("-output", metavar="FILE", help="where to save the vectors")
    add("size", int, 100, "numbers in a vector")
    add("window", int, 5, "words of context on each side")
    add("sample", float, 1e-3, "thin out words with a larger share of the text")
    add("hs", int, 0, "1: hierarchical softmax")
    add("negative", int, 5, "negative samples, 0 for none")
    add("threads", int, 12, "threads")
    add("iter", int, 5, "epochs")
    add("min-count", int, 5, "leave out rarer words")
    parser.add_argument(
        "-alpha",
        type=float,
        metavar="X",
        help="first learning rate (default: 0.025 for skip-gram, 0.05 for CBOW)",
    )
    add("debug", int, 2, "0: no progress bar")
    add("binary", int, 0, "1: save in the binary format")
    add("cbow", int, 1, "1 CBOW, 0 skip-gram")
    add("classes", int, 0, "clusters of words are not supported; only 0")
    parser.add_argument("-save-vocab", dest="save_vocab", metavar="FILE", help="save `word count`")
    parser.add_argument("-read-vocab", dest="read_vocab", metavar="FILE", help="use these words")


def word2vec(args: argparse.Namespace) -> int:
    """Run it."""
    import numpy as np

    from fastw2v._files import word2vec_format
    from fastw2v._files.atomic import check_writable
    from fastw2v.word2vec import Word2Vec

    if args.classes:
        raise ValueError(
            f"-classes: expected 0, got {args.classes}; clusters of words are not supported: save "
            "vectors and cluster them with a k-means of another library"
        )
    for name in (args.output, args.save_vocab):
        if name is not None:
            check_writable(name)
    if args.output is None and args.save_vocab is None:
        raise ValueError("-output: expected a file to save to; add -output vectors.txt")
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
        counts = word2vec_format.read_counts(args.read_vocab)
        if next(iter(counts), None) == "</s>":  # word2vec.c counts its line ends in the first line
            del counts["</s>"]
        model.build_vocab_from_freq(counts)
    interrupted = False
    if args.output is not None:
        try:
            given = {} if args.read_vocab is None else {"corpus_file": args.train}
            model.train(progress=args.debug > 0, **given)
        except FloatingPointError as error:
            raise _not_finite("-alpha") from error
        except KeyboardInterrupt:
            interrupted = True
            print("fastw2v: stopped; saving what was learned", file=sys.stderr)
        if not np.isfinite(model.wv.vectors).all():
            raise _not_finite("-alpha")
        model.wv.save_word2vec_format(args.output, binary=bool(args.binary))
    if args.save_vocab is not None:
        words = [str(word) for word in model.wv.index_to_key]
        word2vec_format.write_counts(args.save_vocab, words, model.wv.expandos["count"])
    return 130 if interrupted else 0


# ---- evaluate, convert, map


def add_parsers(commands: Any, add_vectors_argument: Any) -> None:
    """`fastw2v evaluate|convert|map`."""
    evaluate = commands.add_parser(
        "evaluate",
        help="compare vectors with human judgements or analogies",
        description="FILE holds word pairs (word, word, number between tabs) or analogies (lines "
        "of four words in sections `: name`).",
    )
    add_vectors_argument(evaluate)
    evaluate.add_argument("file", metavar="FILE")
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")

    convert = commands.add_parser(
        "convert",
        help="write vectors in another format",
        description="The name of OUTPUT tells the format: .bin word2vec binary, .fw2v our own, "
        "which is mapped instead of read, anything else word2vec text; a further .gz compresses.",
    )
    add_vectors_argument(convert)
    convert.add_argument("output", metavar="OUTPUT")
    convert.add_argument("--limit", type=COUNT, metavar="N", help="only the first N words")

    drawn = commands.add_parser(
        "map",
        help="draw the most frequent words in two dimensions",
        description="Draw the first words by their two principal components into a PNG, and "
        "write vectors and labels as TSV files for the TensorBoard projector.",
    )
    add_vectors_argument(drawn)
    drawn.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="the picture (default: map.png, or none where --tsv is given)",
    )
    drawn.add_argument("-n", "--words", type=int, default=200, metavar="N", help="how many words")
    drawn.add_argument("--tsv", metavar="PREFIX", help="write PREFIX_vectors.tsv, PREFIX_words.tsv")


def evaluate(vectors: KeyedVectors, args: argparse.Namespace) -> dict[str, Any]:
    """The numbers of `fastw2v evaluate`."""
    with open(args.file, encoding="utf-8") as stream:
        analogies = stream.read(2) == ": "
    if analogies:
        score, sections = vectors.evaluate_word_analogies(args.file)
        return {
            "accuracy": score,
            "sections": {
                section["section"]: [
                    len(section["correct"]),
                    len(section["correct"]) + len(section["incorrect"]),
                ]
                for section in sections
            },
        }
    pearson, spearman, unknown = vectors.evaluate_word_pairs(args.file)
    return {"pearson": pearson[0], "spearman": spearman[0], "unknown percent": unknown}


def convert(vectors: KeyedVectors, args: argparse.Namespace) -> None:
    """Write vectors in the format of the output's name."""
    from fastw2v.keyed_vectors import KeyedVectors

    if args.limit is not None:
        words = vectors.index_to_key[: args.limit]
        vectors = KeyedVectors.from_words(words, vectors.vectors[: len(words)])
    name = args.output.lower()
    if name.endswith(".fw2v"):
        vectors.save(args.output)
    else:
        binary = name.removesuffix(".gz").endswith(".bin")
        vectors.save_word2vec_format(args.output, binary=binary)


def draw_map(vectors: KeyedVectors, args: argparse.Namespace) -> str:
    """The picture, the TSV files, or both; returns what was written."""
    import numpy as np

    from fastw2v._files.atomic import check_writable, replacing

    n = min(args.words, len(vectors))
    if n < 2:
        raise ValueError(f"--words: expected 2 or more words to draw, got {n}")
    output = "map.png" if args.output is None and args.tsv is None else args.output
    tsv = [f"{args.tsv}_{what}.tsv" for what in ("vectors", "words")] if args.tsv else []
    for name in (output, *tsv):
        if name is not None:
            check_writable(name)
    words = [str(word) for word in vectors.index_to_key[:n]]
    rows = vectors.vectors[:n].astype(np.float64)
    picture = None if output is None else _picture(words, rows)
    if tsv:
        lines = ("\t".join(map(repr, row)) + "\n" for row in rows.tolist())
        for name, content in zip(tsv, (lines, (word + "\n" for word in words)), strict=True):
            with replacing(name) as stream:
                stream.writelines(line.encode() for line in content)
    if picture is not None and output is not None:
        with replacing(output) as stream:
            picture.savefig(stream, format="png", dpi=100, bbox_inches="tight")
    return " and ".join(([] if output is None else [output]) + tsv)


def _picture(words: list[str], rows: Any) -> Any:
    """Words at the two principal components of their unit vectors."""
    import numpy as np

    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(
            "map: drawing needs matplotlib; pip install 'fastw2v[plot]', or pass --tsv alone"
        ) from error
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
    left, sizes, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    places = left[:, :2] * sizes[:2]
    if places.shape[1] < 2:  # vectors of one number
        places = np.column_stack([places, np.zeros(len(words))])
    figure = Figure(figsize=(12, 12))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.scatter(places[:, 0], places[:, 1], s=4)
    for word, (x, y) in zip(words, places.tolist(), strict=True):
        # Dollar signs would start a formula.
        axes.annotate(word.replace("$", r"\$"), (x, y), fontsize=8)
    axes.set_axis_off()
    return figure
