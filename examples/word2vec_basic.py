"""Word vectors with NCE, trained as in TensorFlow's tutorial word2vec_basic.

    python examples/word2vec_basic.py                  this Python's own documentation
    python examples/word2vec_basic.py text.txt         your own UTF-8 text
    python examples/word2vec_basic.py --quick          a few seconds, as a check

Skip-grams (batch 128, window 1, two skips per word), vectors of dimension 128, 64 log-uniform
candidates per step, SGD with learning rate 1.0. The script prints the average loss every 2,000
steps and the nearest words of a few common ones every 10,000, and draws a map of the 300 most
frequent words.
"""

import argparse
import json
import sys
import time

import figures
import numpy as np
from tqdm import tqdm

from fastw2v.datasets import build_vocab, builtin_text, read_text, skip_gram_batches, tokenize
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.models import NCESkipGram
from fastw2v.optimizer import SGD
from fastw2v.trainer import Trainer

VALID_SIZE, VALID_WINDOW, TOP_K = 16, 100, 8
ON_MAP = 300


def main(argv=None):
    args = parse(argv)
    np.random.seed(args.seed)
    began = time.perf_counter()
    text = read_text(args.file) if args.file else builtin_text()
    vocabulary = build_vocab(tokenize(text), args.vocabulary_size)
    V = len(vocabulary.counts)
    unknown = vocabulary.counts[0] / len(vocabulary.ids)
    say(args, f"{len(vocabulary.ids):,} words, {V:,} in the vocabulary, {unknown:.1%} unknown")

    model = NCESkipGram(V, args.embedding_size, min(args.num_sampled, V))
    trainer = Trainer(model, SGD(lr=args.lr))
    batches = skip_gram_batches(vocabulary.ids, args.batch_size, args.num_skips, args.skip_window)
    words = [vocabulary.id_to_word[i] for i in range(V)]
    # A few of the most frequent words, as in the tutorial. Their neighbours converge first.
    watched = np.random.choice(range(1, min(VALID_WINDOW, V)), min(VALID_SIZE, V - 1), False)
    losses, nearest = [], {}
    with tqdm(total=args.steps, unit="step", disable=args.json or None, file=sys.stderr) as bar:
        for step in range(0, args.steps, args.report_every):
            n = min(args.report_every, args.steps - step)
            losses.append((step + n, trainer.fit_batches(batches, n, eval_interval=None)))
            bar.update(n)
            say(args, f"Average loss at step {step + n}: {losses[-1][1]:.4f}")
            last = step + n == args.steps
            if last or (step + n) % args.show_every == 0:
                nearest = nearest_words(model, words, watched)
                for word, found in nearest.items():
                    say(args, f"Nearest to {word}: {', '.join(other for other, _ in found)}")
    seconds = time.perf_counter() - began

    shown = slice(1, 1 + ON_MAP)
    title = f"The {len(words[shown])} most frequent words after {args.steps:,} steps"
    drawn = figures.draw_map(args.output, words[shown], model.word_vecs[shown], title)
    if args.json:
        report = {
            "words": len(vocabulary.ids),
            "vocabulary": V,
            "steps": args.steps,
            "average_loss": losses,
            "nearest": nearest,
            "seconds": round(seconds, 1),
            "map": args.output if drawn else None,
        }
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        print(f"{args.steps:,} steps in {seconds:.1f} s")
        if drawn:
            print(f"map: {args.output}")


def nearest_words(model, words, watched):
    """Return {word: its TOP_K neighbours by cosine, with the cosines}."""
    vectors = KeyedVectors.from_words(words, model.word_vecs.copy())
    return {words[i]: vectors.most_similar(words[i], topn=TOP_K) for i in watched}


def say(args, text):
    if not args.json:
        tqdm.write(text)


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", help="UTF-8 text, plain or gzip")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--vocabulary-size", type=int, default=50_000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--embedding-size", type=int, default=128)
    parser.add_argument("--skip-window", type=int, default=1)
    parser.add_argument("--num-skips", type=int, default=2)
    parser.add_argument("--num-sampled", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1.0)
    parser.add_argument("--report-every", type=int, default=2_000)
    parser.add_argument("--show-every", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="word2vec_basic.png", help="the map")
    parser.add_argument("--quick", action="store_true", help="a small run of seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if args.quick:
        args.steps, args.embedding_size, args.report_every = min(args.steps, 600), 32, 200
    return args


if __name__ == "__main__":
    main()
