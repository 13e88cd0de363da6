"""A noisy sine wave, predicted from its last 25 values and continued from the predictions.

    python examples/sine.py                 an LSTM of 20 units
    python examples/sine.py --cell rnn      SimpleRNN: one word differs
    python examples/sine.py --quick         a few seconds, as a check

The script trains on windows of eight periods and stops early by the validation loss. It then
predicts value after value from its own predictions, and draws them beside the true wave.
"""

import argparse
import json
import sys
import time

import figures
import numpy as np
from tqdm import tqdm

from fastw2v.keras import count_params, summary
from fastw2v.models import SequenceRegressor
from fastw2v.optimizer import Adam
from fastw2v.trainer import Trainer

PERIOD, N_PERIODS, MAXLEN = 100, 8, 25
SHOWN = 2 * PERIOD + 1
PATIENCE = 30


def main(argv=None):
    args = parse(argv)
    np.random.seed(args.seed)
    began = time.perf_counter()
    truth = np.sin(2 * np.pi * np.arange(N_PERIODS * PERIOD + 1) / PERIOD)
    series = truth + 0.05 * np.random.uniform(-1, 1, len(truth))
    xs = np.lib.stride_tricks.sliding_window_view(series[:-1], MAXLEN)[:, :, None]
    t = series[MAXLEN:]
    order = np.random.permutation(len(xs))
    train, valid = order[: len(xs) * 9 // 10], order[len(xs) * 9 // 10 :]

    model = SequenceRegressor(args.cell, input_size=1, hidden_size=args.hidden_size)
    if not args.json:
        summary(model)
    trainer = Trainer(model, Adam(lr=0.001))
    losses, valid_losses, best = [], [], (np.inf, None)
    with tqdm(total=args.epochs, unit="epoch", disable=args.json or None, file=sys.stderr) as bar:
        for _ in range(args.epochs):
            trainer.fit(xs[train], t[train], 1, batch_size=10, eval_interval=None)
            losses.append(float(model.forward(xs[train], t[train])))
            valid_losses.append(float(model.forward(xs[valid], t[valid])))
            bar.update()
            bar.set_postfix(loss=f"{losses[-1]:.5f}", valid=f"{valid_losses[-1]:.5f}")
            if valid_losses[-1] < best[0]:
                best = valid_losses[-1], [param.copy() for param in model.params]
            elif len(losses) - int(np.argmin(valid_losses)) > PATIENCE:
                break
    for param, kept in zip(model.params, best[1], strict=True):
        param[...] = kept

    truth = truth[:SHOWN]
    predicted = carry_on(model, series[:MAXLEN], SHOWN - MAXLEN)
    error = float(np.sqrt(np.mean((predicted - truth[MAXLEN:]) ** 2)))
    drawn = draw(args.output, truth, series, predicted, args.cell)
    report = {
        "cell": args.cell,
        "parameters": count_params(model),
        "epochs": len(losses),
        "loss": losses[-1],
        "best_validation_loss": best[0],
        "error_of_the_carried_on_wave": error,
        "seconds": round(time.perf_counter() - began, 1),
        "picture": args.output if drawn else None,
    }
    if args.json:
        print(json.dumps(report, indent=2))
    else:
        for name, value in report.items():
            print(f"{name.replace('_', ' ')}: {value}")


def carry_on(model, start, n):
    """Return n more values, each predicted from the MAXLEN before it, predictions included."""
    values = list(start)
    for _ in range(n):
        window = np.array(values[-MAXLEN:]).reshape(1, MAXLEN, 1)
        values.append(float(model.predict(window)[0, 0]))
    return np.array(values[len(start) :])


def draw(path, truth, series, predicted, cell):
    plt = figures.pyplot()
    if plt is None:
        return False
    figure, axis = plt.subplots(figsize=(8, 4))
    axis.plot(truth, linestyle="--", color="gray", label="sine wave")
    axis.plot(series[:MAXLEN], color="tab:blue", label="given values")
    steps = np.arange(MAXLEN, len(truth))
    axis.plot(steps, predicted, color="tab:red", label=f"carried on by the {cell}")
    axis.set_xlabel("step")
    axis.set_ylim(-1.25, 1.6)
    axis.grid(alpha=0.3)
    axis.legend(loc="upper center", ncols=3)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return True


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cell", choices=("rnn", "lstm", "gru"), default="lstm")
    parser.add_argument("--hidden-size", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="sine.png", help="the picture")
    parser.add_argument("--quick", action="store_true", help="a small run of seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if args.quick:
        args.epochs = min(args.epochs, 5)
    return args


if __name__ == "__main__":
    main()
