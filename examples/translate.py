"""Translation character by character, trained as in the notes on Keras.

    python examples/translate.py                     numbers to kanji numerals: 12345 to 一万二千...
    python examples/translate.py pairs.txt           a UTF-8 file: source, tab, target in each line
    python examples/translate.py --bidirectional     the second note's encoder
    python examples/translate.py --quick             a few seconds, as a check

An LSTM reads a text and hands h and c to another one, which writes the translation. The last fifth
of the pairs is held out for validation. The script draws loss and accuracy of both parts for each
epoch, and prints translations of some held-out pairs in the notes' form. With only a few thousand
sentences of a natural language, the validation loss soon rises again, as in the notes.
"""

import argparse
import json
import sys
import time

import numpy as np

from fastw2v.datasets import kanji_numbers, read_pairs
from fastw2v.keras import count_params, summary
from fastw2v.models import CharTranslator

SHOWN = 5


def main(argv=None):
    args = parse(argv)
    np.random.seed(args.seed)
    pairs = read_pairs(args.file, args.max_pairs) if args.file else kanji_numbers(args.max_pairs)
    if args.backwards:
        pairs = [(target, source) for source, target in pairs]
    model = CharTranslator.from_pairs(
        pairs,
        args.units,
        embed_size=args.embed,
        bidirectional=args.bidirectional,
        reverse=args.reverse,
        attention=args.attention,
    )
    if not args.json:
        print(
            f"{len(pairs):,} pairs, at most {model.max_source_length} characters to "
            f"{model.max_target_length} with both marks; "
            f"{len(model.source_characters)} and {len(model.target_characters)} different ones"
        )
        summary(model)
    began = time.perf_counter()
    model.fit(
        pairs,
        args.epochs,
        args.batch_size,
        keep_best=True,
        progress=not args.json and sys.stderr.isatty(),
    )
    seconds = time.perf_counter() - began
    watched = pairs[len(pairs) - len(pairs) // 5 :]
    exact = model.exact(watched)
    samples = [
        (source, model.translate(source, args.beam), target) for source, target in watched[:SHOWN]
    ]
    drawn = model.plot(args.output)
    if args.json:
        report = {
            "pairs": len(pairs),
            "parameters": count_params(model),
            "exact": exact,
            "epochs": args.epochs,
            "seconds": round(seconds, 1),
            "history": model.history,
            "samples": samples,
            "picture": args.output if drawn else None,
        }
        print(json.dumps(report, ensure_ascii=False, indent=2))
        return
    for source, found, target in samples:
        print(f"Input sentence: {source}")
        print(f"Decoded sentence: {found}")
        print(f"label sentence: {target}\n-")
    last = {name: round(values[-1], 4) for name, values in model.history.items()}
    print(f"after {args.epochs} epochs in {seconds:.1f} s: {last}")
    print(f"{exact:.1%} of {len(watched):,} pairs that were only watched are exact")
    if drawn:
        print(f"picture: {args.output}")


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", help="pairs of texts, plain or gzip")
    parser.add_argument("--max-pairs", type=int, help="default: all of a file, 20,000 numbers")
    parser.add_argument("--backwards", action="store_true", help="from the target to the source")
    parser.add_argument("--units", type=int, help="default: 256 for a file, 128 for numbers")
    parser.add_argument("--epochs", type=int, help="default: 50 for a file, 15 for numbers")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--embed", type=int, help="learned vectors instead of one-hot rows")
    parser.add_argument("--bidirectional", action="store_true")
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--attention", action="store_true")
    parser.add_argument("--beam", type=int, default=1, help="for the pairs that are printed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="translate.png", help="the curves")
    parser.add_argument("--quick", action="store_true", help="a small run of seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    args.units = args.units or (256 if args.file else 128)
    args.epochs = args.epochs or (50 if args.file else 15)
    if args.quick:
        args.epochs, args.units = 2, min(args.units, 32)
    if args.max_pairs is None and (args.quick or not args.file):
        args.max_pairs = 1_000 if args.quick else 20_000
    return args


if __name__ == "__main__":
    main()
