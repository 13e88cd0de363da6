"""Dates in everyday notations, converted to ISO form by a decoder with attention.

    python examples/dates.py                    AttentionSeq2seq on 45,000 dates, five epochs
    python examples/dates.py --quick            a few seconds, as a check

Questions are reversed, vectors have dimension 16, LSTMs 256 units; Adam with its defaults, batches
of 128, gradients clipped at 5. After each epoch the script prints the share of exact answers among
the 5,000 held-out dates. At the end it prints some answers and draws their attention maps.
"""

import argparse
import json
import sys
import time

import figures
import numpy as np

from fastw2v.datasets import sequence
from fastw2v.models import AttentionSeq2seq
from fastw2v.optimizer import Adam
from fastw2v.trainer import Trainer

WORDVEC_SIZE, MAX_GRAD = 16, 5.0
N_SHOWN = 6
ROWS = 500  # questions evaluated together


def main(argv=None):
    args = parse(argv)
    began = time.perf_counter()
    data = sequence.encode_pairs(sequence.date_pairs(args.pairs))
    np.random.seed(args.seed)
    model = AttentionSeq2seq(len(data.char_to_id), WORDVEC_SIZE, args.hidden_size, reverse=True)
    trainer = Trainer(model, Adam(args.lr))
    losses, exact = [], []
    for epoch in range(args.epochs):
        trainer.fit(
            *(data.x_train, data.t_train, 1, args.batch_size, MAX_GRAD),
            progress=not args.json and sys.stderr.isatty(),
            eval_interval=None,
        )
        losses.append(validation_loss(model, data))
        exact.append(model.accuracy(data.x_test, data.t_test))
        if not args.json:
            print(f"epoch {epoch + 1}: validation loss {losses[-1]:.5f}, {exact[-1]:.2%} exact")

    chosen = one_of_each_kind(data)
    drawn = draw_attention(args.output, model, data, chosen)
    seconds = round(time.perf_counter() - began, 1)
    if args.json:
        report = {
            "pairs": args.pairs,
            "epochs": args.epochs,
            "hidden_size": args.hidden_size,
            "validation_loss": losses,
            "exact": exact,
            "seconds": seconds,
            "picture": args.output if drawn else None,
        }
        print(json.dumps(report, indent=2))
        return
    print()
    guess = model.generate_batch(data.x_test[:N_SHOWN], data.t_test[:N_SHOWN, 0], 10)
    for question, answer, truth in zip(data.x_test, guess, data.t_test, strict=False):
        mark = "right" if (answer == truth[1:]).all() else "wrong"
        print(f"{text(question, data):32}{text(answer, data):12}{mark}")
    print(f"\n{seconds} s" + (f"; attention: {args.output}" if drawn else ""))


def validation_loss(model, data):
    total = 0.0
    for n in range(0, len(data.x_test), ROWS):
        x, t = data.x_test[n : n + ROWS], data.t_test[n : n + ROWS]
        total += float(model.forward(x, t)) * len(x)
    return total / len(data.x_test)


def text(ids, data):
    return "".join(data.id_to_char[i] for i in ids.tolist())


def one_of_each_kind(data):
    """Return indices of held-out dates: digits only, with a month's name, with a weekday too."""
    questions = [text(x, data) for x in data.x_test]
    kinds = (
        lambda question: "/" in question,
        lambda question: question.count(",") == 1,
        lambda question: question.count(",") == 2,
    )
    found = (next((n for n, q in enumerate(questions) if kind(q)), None) for kind in kinds)
    return [n for n in found if n is not None]


def draw_attention(path, model, data, chosen):
    """Draw the attention map of each chosen date; return whether it was drawn."""
    plt = figures.pyplot()
    if plt is None:
        return False
    figure, axes = plt.subplots(len(chosen), 1, figsize=(9, 3.6 * len(chosen)), squeeze=False)
    for axis, n in zip(axes[:, 0], chosen, strict=True):
        model.forward(data.x_test[n : n + 1], data.t_test[n : n + 1])
        weights = np.concatenate(model.decoder.attention.attention_weights)
        weights = weights[:, ::-1]  # the model has read the question from its end
        image = axis.imshow(weights, cmap="Greys", vmin=0, aspect="auto")
        figure.colorbar(image, ax=axis, label="attention", pad=0.02)
        for ticks, ids in (
            (axis.set_xticks, data.x_test[n]),
            (axis.set_yticks, data.t_test[n, 1:]),
        ):
            characters = [char.replace(" ", "\N{OPEN BOX}") for char in text(ids, data)]
            ticks(range(len(ids)), characters, family="DejaVu Sans Mono")
        axis.set_ylabel("answer")
        axis.set_xlabel("question")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return True


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=50_000, help="dates to generate")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="dates.png", help="the picture")
    parser.add_argument("--quick", action="store_true", help="a small run of seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if args.quick:
        args.pairs, args.epochs, args.hidden_size = min(args.pairs, 6000), 5, 64
        args.batch_size, args.lr = 64, 0.01  # attention needs some 500 steps to form
    return args


if __name__ == "__main__":
    main()
