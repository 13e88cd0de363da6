"""Sums as sequences of characters: "367+55 " in, "422 " out.

    python examples/addition.py                 the three models of the note, and a better one
    python examples/addition.py --seeds 3       each three times, for means
    python examples/addition.py --state both    also with only the encoder's h handed over
    python examples/addition.py --quick         a few seconds, as a check

50,000 generated sums, a tenth held out, vectors of dimension 16, LSTMs of 128 units, Adam with its
defaults, batches of 128, 20 epochs. The three models: encoder and decoder with an embedding each;
the same with the question reversed; one embedding for both. The book hands the last h of the
encoder over to the decoder, the note's LSTM h and c: so do the three here. They are ranked by the
area under the curve of the validation loss. Then PeekySeq2seq on reversed questions, 25 epochs.
"""

import argparse
import json
import sys
import time

import figures
import numpy as np
from tqdm import tqdm

from fastw2v.datasets import sequence
from fastw2v.models import PeekySeq2seq, Seq2seq
from fastw2v.optimizer import Adam
from fastw2v.trainer import Trainer

WORDVEC_SIZE, HIDDEN_SIZE, BATCH_SIZE, MAX_GRAD = 16, 128, 128, 5.0
VARIANTS = {
    "separate embeddings": {},
    "separate, reversed input": {"reverse": True},
    "shared embedding": {"shared_embedding": True},
}
HANDED_OVER = {"h": {"h": False}, "hc": {"h and c": True}, "both": {"h": False, "h and c": True}}
N_SAMPLES = 3  # right answers, and the same number of wrong ones
ROWS = 500  # questions evaluated together


def main(argv=None):
    args = parse(argv)
    began = time.perf_counter()
    data = sequence.encode_pairs(sequence.addition_pairs(args.pairs))
    states = HANDED_OVER[args.state]
    n_epochs = len(states) * len(VARIANTS) * args.seeds * args.epochs + args.peeky_epochs
    runs = {}
    with tqdm(total=n_epochs, unit="epoch", disable=args.json or None, file=sys.stderr) as bar:
        for state, hand_over_c in states.items():
            for name, options in VARIANTS.items():
                bar.set_description(f"{name}, {state}")
                options = {**options, "hand_over_c": hand_over_c}
                found = [train(Seq2seq, data, n, args.epochs, bar, options) for n in seeds(args)]
                runs[state, name] = [losses for _, losses in found]
                if not args.json:
                    tqdm.write(f"\n{name}, {state} handed over")
                    show_samples(found[0][0], data)
        bar.set_description("Peeky, reversed input")
        peeky, _ = train(PeekySeq2seq, data, 0, args.peeky_epochs, bar, {"reverse": True})
    accuracy = peeky.accuracy(data.x_test, data.t_test)

    curves = {
        state: {name: np.mean(runs[state, name], axis=0).tolist() for name in VARIANTS}
        for state in states
    }
    areas = {
        state: {name: float(np.mean(losses)) for name, losses in by_name.items()}
        for state, by_name in curves.items()
    }
    panels = {f"validation loss, {state} handed over": curves[state] for state in curves}
    drawn = figures.draw_curves(args.output, panels)
    seconds = round(time.perf_counter() - began, 1)
    if args.json:
        report = {
            "pairs": args.pairs,
            "epochs": args.epochs,
            "seeds": args.seeds,
            "validation_loss": curves,
            "mean_validation_loss": areas,
            "ranking": {state: ranking(by_name) for state, by_name in areas.items()},
            "peeky": {"epochs": args.peeky_epochs, "exact": accuracy},
            "seconds": seconds,
            "picture": args.output if drawn else None,
        }
        print(json.dumps(report, indent=2))
        return
    for state, by_name in areas.items():
        print(f"\nmean of the validation loss over {args.epochs} epochs, {state} handed over")
        for name in ranking(by_name):
            print(f"  {by_name[name]:.4f}  {name}")
    print(f"\nPeeky, reversed input: {accuracy:.2%} of the held-out sums exact")
    show_samples(peeky, data)
    print(f"{seconds} s" + (f"; curves: {args.output}" if drawn else ""))


def seeds(args):
    return range(args.seed, args.seed + args.seeds)


def train(model_class, data, seed, epochs, bar, options):
    """Return (the model, its validation loss after each epoch)."""
    np.random.seed(seed)
    model = model_class(len(data.char_to_id), WORDVEC_SIZE, HIDDEN_SIZE, **options)
    trainer = Trainer(model, Adam())
    losses = []
    for _ in range(epochs):
        trainer.fit(data.x_train, data.t_train, 1, BATCH_SIZE, MAX_GRAD, eval_interval=None)
        losses.append(validation_loss(model, data))
        bar.update()
        bar.set_postfix(valid=f"{losses[-1]:.4f}")
    return model, losses


def validation_loss(model, data):
    total = 0.0
    for n in range(0, len(data.x_test), ROWS):
        x, t = data.x_test[n : n + ROWS], data.t_test[n : n + ROWS]
        total += float(model.forward(x, t)) * len(x)
    return total / len(data.x_test)


def show_samples(model, data):
    """Print held-out questions with right and with wrong answers, in the note's form."""
    x, t = data.x_test[:ROWS], data.t_test[:ROWS]
    guess = model.generate_batch(x, t[:, 0], t.shape[1] - 1)
    right = (guess == t[:, 1:]).all(axis=1)
    for wanted in (True, False):
        for n in np.flatnonzero(right == wanted)[:N_SAMPLES]:
            tqdm.write(f"Input sentence:   {characters(x[n], data)}")
            tqdm.write(f"Decoded sentence: {characters(guess[n], data)}")
            tqdm.write(f"label sentence:   {characters(t[n, 1:], data)}")
            tqdm.write("-")


def characters(ids, data):
    return [data.id_to_char[i] for i in ids.tolist()]


def ranking(losses):
    """Return the names, the fastest learner first."""
    return sorted(losses, key=losses.get)


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=50_000, help="sums to generate")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--peeky-epochs", type=int, default=25)
    parser.add_argument("--state", choices=HANDED_OVER, default="hc", help="what is handed over")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many runs of each model")
    parser.add_argument("--output", default="addition.png", help="the picture")
    parser.add_argument("--quick", action="store_true", help="a small run of seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if args.quick:
        args.pairs, args.epochs, args.peeky_epochs = min(args.pairs, 2000), 2, 2
    return args


if __name__ == "__main__":
    main()
