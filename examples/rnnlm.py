"""A language model of chapter 6, trained on text, and text that it generates.

    python examples/rnnlm.py                            this Python's own documentation
    python examples/rnnlm.py text.txt                   your own UTF-8 text
    python examples/rnnlm.py a.txt --test b.txt --split blanks      tokenized text
    python examples/rnnlm.py --quick                    a few seconds, as a check

BetterRnnlm (two LSTMs of 200 units, dropout, one weight for embedding and output), or with
--model rnnlm one LSTM. SGD starts at a learning rate of 20, quartered whenever the perplexity of
the validation text, by default the last tenth, does not improve; gradients are clipped at 0.25.
The script keeps the best weights and draws the perplexity after each epoch.
"""

import argparse
import json
import sys
import time

import figures
import numpy as np

from fastw2v.datasets import builtin_text, read_text, tokenize_lines
from fastw2v.text_model import TextModel, train, unigram_perplexity, vocabulary

N_WRITTEN = 100


def main(argv=None):
    args = parse(argv)
    np.random.seed(args.seed)
    began = time.perf_counter()
    tokens = list(
        tokenize_lines(read_text(args.file) if args.file else builtin_text(), split=args.split)
    )
    if args.quick:
        tokens = tokens[:20_000]
    cut = len(tokens) - max(len(tokens) // 10, 2)
    texts = {"train": tokens[:cut], "validation": tokens[cut:]}
    if args.test:
        texts["test"] = list(tokenize_lines(read_text(args.test), split=args.split))
    words = vocabulary(texts["train"], min_count=args.min_count, max_size=args.max_words)
    text_model = TextModel(words, args.model, args.size, args.dropout)
    ids = {name: text_model.ids(text) for name, text in texts.items()}
    say(args, f"{len(ids['train']):,} words, {len(words):,} of them different")

    epochs = []
    for epoch in train(
        text_model,
        ids["train"],
        ids["validation"],
        epochs=args.epochs,
        progress=not args.json and sys.stderr.isatty(),
    ):
        epochs.append(epoch)
        say(
            args,
            f"epoch {epoch.number}: perplexity {epoch.train_perplexity:.2f}, validation "
            f"{epoch.valid_perplexity:.2f}, learning rate {epoch.lr:g}",
        )
    report = {
        "words": len(ids["train"]),
        "vocabulary": len(words),
        "epochs": [epoch._asdict() for epoch in epochs],
        "perplexity": {
            name: {
                "model": text_model.perplexity(part),
                "unigram": unigram_perplexity(ids["train"], part, len(words)),
            }
            for name, part in ids.items()
            if name != "train"
        },
        "text": text_model.write(N_WRITTEN, args.start),
        "seconds": round(time.perf_counter() - began, 1),
    }
    if args.save:
        text_model.save(args.save)
    curves = {
        "training, with dropout" if args.model == "better" else "training": [
            epoch.train_perplexity for epoch in epochs
        ],
        "validation": [epoch.valid_perplexity for epoch in epochs],
    }
    report["picture"] = (
        args.output if figures.draw_curves(args.output, {"perplexity": curves}) else None
    )
    if args.json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
        return
    for name, found in report["perplexity"].items():
        print(
            f"{name} perplexity {found['model']:.2f}, by word counts alone {found['unigram']:.2f}"
        )
    print(f"\n{report['text']}\n")
    print(f"{report['seconds']} s; curves: {report['picture']}")


def say(args, line):
    if not args.json:
        print(line, flush=True)


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", help="UTF-8 text, plain or gzip")
    parser.add_argument("--test", help="another text, evaluated at the end")
    parser.add_argument("--split", choices=("words", "blanks"), default="words")
    parser.add_argument("--model", choices=("rnnlm", "better"), default="better")
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--min-count", type=int, default=2)
    parser.add_argument("--max-words", type=int, default=10_000)
    parser.add_argument("--start", help="words that the text starts with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", help="file for the model, which `fastw2v generate` reads")
    parser.add_argument("--output", default="rnnlm.png", help="the picture")
    parser.add_argument("--quick", action="store_true", help="a small run of seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if args.quick:
        args.size, args.epochs, args.max_words = 20, 2, min(args.max_words, 500)
    return args


if __name__ == "__main__":
    main()
