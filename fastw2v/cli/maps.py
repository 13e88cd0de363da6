"""The commands that draw words in the plane: `explore`, a page, and `map`, a picture."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastw2v._explorer import DEFAULT_TOP, LAYOUTS
from fastw2v.cli import splitting
from fastw2v.cli.console import COUNT, SEED, check_outputs, counted, output_path, say, shown
from fastw2v.cli.report import Report
from fastw2v.cli.vectors import add_vectors_argument, load, look_up

if TYPE_CHECKING:
    import numpy as np

    from fastw2v.keyed_vectors import KeyedVectors

DEFAULT_PICTURE = "map.png"
DEFAULT_PAGE = "explore.html"
SOON_PLACED = 3000  # words, for which t-SNE takes seconds


def add_parsers(commands: Any) -> None:
    """Add the two commands to the subparsers of the command line."""
    page = commands.add_parser(
        "explore",
        help="make a page to explore vectors in a browser",
        description="Write one HTML file with a map of words, search, neighbours, analogies, "
        "comparison and axes. It needs no network; neighbours are those among the words of the "
        "page.",
    )
    add_vectors_argument(page)
    page.add_argument(
        "-o", "--output", metavar="PAGE", help=f"the page, .html (default: {DEFAULT_PAGE})"
    )
    _add_map_options(page, DEFAULT_TOP)
    page.set_defaults(reads=("vectors",), writes=("output",))

    drawn = commands.add_parser(
        "map",
        help="draw words in two dimensions",
        description="Draw words where similar ones are neighbours, into a .png or .svg picture, "
        "and write vectors and labels as TSV files for the TensorBoard projector.",
    )
    add_vectors_argument(drawn)
    drawn.add_argument(
        "-o",
        "--output",
        metavar="PICTURE",
        help=f"the picture, .png or .svg (default: {DEFAULT_PICTURE}, or none if --tsv is given)",
    )
    _add_map_options(drawn, 200)
    drawn.set_defaults(reads=("vectors",), writes=("output",))
    drawn.add_argument("--tsv", metavar="PREFIX", help="write PREFIX_vectors.tsv, PREFIX_words.tsv")


def _add_map_options(parser: argparse.ArgumentParser, top: int) -> None:
    parser.add_argument(
        "-n",
        "--top",
        type=COUNT,
        metavar="N",
        help="show the first N words, in files of word2vec the most frequent ones (default: "
        f"{top}, or none beside --words)",
    )
    parser.add_argument(
        "--words", nargs="+", metavar="WORD", help="show these words (default: the first)"
    )
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="auto",
        help="tsne needs scikit-learn, umap umap-learn, pca nothing; auto is tsne, or pca where "
        "scikit-learn is missing (default: auto)",
    )
    parser.add_argument(
        "--seed", type=SEED, default=0, help="the same number gives the same map (default: 0)"
    )
    parser.add_argument("--title", help="the heading (default: the name of the file)")
    parser.set_defaults(default_top=top)
    splitting.add_options(parser, asked=True)


def _explore(args: argparse.Namespace) -> Report:
    from fastw2v._explorer import layout, page

    output = output_path(args.output, DEFAULT_PAGE)
    page.check_page_name(output)
    page.check_libraries()
    layout.check_layout(args.layout)
    check_outputs(args, output)
    vectors = load(args.vectors)
    words, top, missing = _words(vectors, args)
    n = len(page.chosen_rows(vectors, words, top))
    say(f"fastw2v: placing {n:,} words, which may take minutes", unless=n <= SOON_PLACED)
    made = page.explore(vectors, words, top, args.layout, args.seed, _title(args))
    made.save(output)
    results = {
        "output": shown(output),
        "bytes": os.path.getsize(output),
        "words": len(made.words),
        "layout": made.layout,
    }
    return Report(
        results,
        [
            f"wrote {shown(output)}: {counted(len(made.words), 'word')} placed by {made.layout}, "
            f"{results['bytes'] / 1e6:.1f} MB"
        ],
        failed=missing,
    )


def _map(args: argparse.Namespace) -> Report:
    """Draw the picture, write the TSV files, or do both."""
    from fastw2v._explorer import layout, page
    from fastw2v._files.atomic import replacing
    from fastw2v._files.kinds import check_suffix

    output = args.output if args.tsv else output_path(args.output, DEFAULT_PICTURE)
    tsv = [f"{args.tsv}_{part}.tsv" for part in ("vectors", "words")] if args.tsv else []
    if output is not None:
        check_suffix(output, "a picture", ".png", ".svg")
        layout.check_layout(args.layout)
    written = [*([] if output is None else [output]), *tsv]
    check_outputs(args, *written)
    vectors = load(args.vectors)
    words, top, missing = _words(vectors, args)
    rows = page.chosen_rows(vectors, words, top)
    labels = [str(vectors.index_to_key[row]) for row in rows]
    if output is not None:
        from fastw2v._explorer import picture

        places = layout.place(page.unit_vectors(vectors, rows), args.layout, args.seed)
        drawn = picture.draw(labels, places, _title(args))
    if tsv:
        _write_tsv(tsv, labels, vectors.vectors[rows])
    if output is not None:
        with replacing(output) as stream:
            picture.save(drawn, stream, "svg" if output.lower().endswith(".svg") else "png")
        if drawn.left_out:
            say(
                f"fastw2v: {counted(drawn.left_out, 'label')} left out where they would overlap; "
                "fastw2v explore makes a page to zoom into"
            )
    results = {
        "output": None if output is None else shown(output),
        "tsv": list(map(shown, tsv)),
        "words": len(labels),
        "labels_left_out": 0 if output is None else drawn.left_out,
    }
    return Report(results, [f"wrote {' and '.join(map(shown, written))}"], failed=missing)


def _words(
    vectors: KeyedVectors, args: argparse.Namespace
) -> tuple[list[str] | None, int | None, str | None]:
    """Return the chosen words as the vectors spell them, the number of first words, and a message.

    The message names words that are missing; those that are there are shown.
    """
    if args.words is None:
        return None, args.default_top if args.top is None else args.top, None
    only = args.words[0]
    if len(args.words) == 1 and only.isdecimal() and args.top is None:
        raise ValueError(
            f"--words: expected words, got {only}; show the first words by --top {only}"
        )
    found, missing = look_up(vectors, args.words, args)
    if missing and len(found) + (args.top or 0) < 2:
        raise KeyError(missing)  # for it is the reason why nothing can be drawn
    return list(found.values()), args.top, missing


def _title(args: argparse.Namespace) -> str:
    return shown(os.path.basename(args.vectors)) if args.title is None else args.title


def _write_tsv(names: Sequence[str], labels: Sequence[str], rows: Any) -> None:
    """Write vectors and labels for the TensorBoard projector."""
    import numpy as np

    from fastw2v._files.atomic import replacing

    table: np.ndarray = np.asarray(rows, dtype=np.float64)
    lines = ("\t".join(map(repr, row)) + "\n" for row in table.tolist())
    # A label is shown and not read back; it must not end its line.
    words = (re.sub("[\t\n\r]", " ", label) + "\n" for label in labels)
    for name, content in zip(names, (lines, words), strict=True):
        with replacing(name) as stream:
            stream.writelines(line.encode(errors="backslashreplace") for line in content)


COMMANDS: dict[str, Callable[[argparse.Namespace], Report]] = {"explore": _explore, "map": _map}
