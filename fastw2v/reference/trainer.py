"""The two training loops, and the merging of weights that are listed more than once."""

import sys
import time

import numpy as np

from .util import clip_grads

__all__ = ["RnnlmTrainer", "Trainer", "remove_duplicate"]


def remove_duplicate(params, grads):
    """Return new lists with each shared weight once, and the sum of its gradients.

    Two entries are one weight if they are the same array, or if both are matrices and one equals
    the other's transpose. The first one is kept, and its own gradient array takes the sum.
    """
    kept_params, kept_grads = [], []
    for param, grad in zip(params, grads, strict=True):
        for first, total in zip(kept_params, kept_grads, strict=True):
            if first is param:
                total += grad
                break
            if first.ndim == param.ndim == 2 and np.array_equal(first.T, param):
                total += grad.T
                break
        else:
            kept_params.append(param)
            kept_grads.append(grad)
    return kept_params, kept_grads


def train_step(model, optimizer, batch, max_grad):
    """Update the model once on the batch (inputs, targets); return its loss."""
    loss = model.forward(*batch)
    model.backward()
    params, grads = remove_duplicate(model.params, model.grads)
    if max_grad is not None:
        clip_grads(grads, max_grad)
    optimizer.update(params, grads)
    return float(loss)


class Progress:
    """Average loss since the last printed line, and the printing of lines."""

    def __init__(self, eval_interval):
        self.eval_interval = eval_interval
        self.start = time.time()
        self.losses = []

    def add(self, k, loss):
        """Add the loss of iteration k of an epoch; return the average if a line is due."""
        if self.eval_interval is None:
            return None
        self.losses.append(loss)
        if k % self.eval_interval != 0:
            return None
        average = sum(self.losses) / len(self.losses)
        self.losses.clear()
        return average

    def show(self, epoch, k, n_iters, name, value):
        seconds = int(time.time() - self.start)
        print(
            f"| epoch {epoch + 1} |  iter {k + 1} / {n_iters} "
            f"| time {seconds}[s] | {name} {value:.2f}"
        )


def plot_curve(values, eval_interval, name, ylim):
    """Draw one value per printed line; without matplotlib print how to install it."""
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        print("plot() needs matplotlib: pip install matplotlib", file=sys.stderr)
        return
    if ylim is not None:
        plt.ylim(*ylim)
    plt.plot(range(len(values)), values, label="train")
    plt.xlabel(f"iterations (x{eval_interval})")
    plt.ylabel(name)
    plt.show()


class Trainer:
    """Mini-batch training of a model with forward(x, t), backward(), params and grads.

    `loss_list` gets one average for each printed line. A second call of `fit` extends it and
    continues to count in `current_epoch`.
    """

    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer
        self.loss_list = []
        self.eval_interval = None
        self.current_epoch = 0

    def fit(self, x, t, max_epoch=10, batch_size=32, max_grad=None, eval_interval=20):
        """Train on the rows of x and t, in a new random order for each epoch.

        Each epoch draws one permutation from numpy's global stream and applies it to the order of
        the previous epoch. The rows of the last, incomplete batch are skipped in this epoch.
        Iterations 1, 1 + eval_interval, ... of an epoch print the average loss since the last
        line; None prints nothing.
        """
        self.eval_interval = eval_interval
        n_iters = len(x) // batch_size
        progress = Progress(eval_interval)

        for _ in range(max_epoch):
            order = np.random.permutation(len(x))
            x, t = x[order], t[order]
            for k in range(n_iters):
                rows = slice(k * batch_size, (k + 1) * batch_size)
                loss = train_step(self.model, self.optimizer, (x[rows], t[rows]), max_grad)
                average = progress.add(k, loss)
                if average is not None:
                    progress.show(self.current_epoch, k, n_iters, "loss", average)
                    self.loss_list.append(average)
            self.current_epoch += 1

    def plot(self, ylim=None):
        """Draw `loss_list`; ylim is the pair (lowest, highest)."""
        plot_curve(self.loss_list, self.eval_interval, "loss", ylim)


class RnnlmTrainer:
    """Training of a language model on one long text, read by N readers side by side.

    `ppl_list` gets one perplexity for each printed line of the last `fit`.
    """

    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer
        self.time_idx = None
        self.ppl_list = None
        self.eval_interval = None
        self.current_epoch = 0

    def get_batch(self, x, t, batch_size, time_size):
        """Return the next time_size ids of each reader: two int32 arrays (batch_size, time_size).

        Readers start len(x) // batch_size ids apart and wrap around at the end of the text.
        """
        distance = len(x) // batch_size
        batch_x = np.empty((batch_size, time_size), dtype=np.int32)
        batch_t = np.empty((batch_size, time_size), dtype=np.int32)
        for reader in range(batch_size):
            for step in range(time_size):
                place = (reader * distance + self.time_idx + step) % len(x)
                batch_x[reader, step] = x[place]
                batch_t[reader, step] = t[place]
        self.time_idx += time_size
        return batch_x, batch_t

    def fit(
        self, xs, ts, max_epoch=10, batch_size=20, time_size=35, max_grad=None, eval_interval=20
    ):
        """Train on the ids xs and their successors ts, from the start of the text.

        An epoch has len(xs) // (batch_size * time_size) iterations. Neither the readers nor the
        state of the model are reset between epochs. Lines are printed as in `Trainer.fit`, with
        exp(average loss).
        """
        self.eval_interval = eval_interval
        self.time_idx = 0
        self.ppl_list = []
        n_iters = len(xs) // (batch_size * time_size)
        progress = Progress(eval_interval)

        for _ in range(max_epoch):
            for k in range(n_iters):
                batch = self.get_batch(xs, ts, batch_size, time_size)
                average = progress.add(k, train_step(self.model, self.optimizer, batch, max_grad))
                if average is not None:
                    perplexity = float(np.exp(average))
                    progress.show(self.current_epoch, k, n_iters, "perplexity", perplexity)
                    self.ppl_list.append(perplexity)
            self.current_epoch += 1

    def plot(self, ylim=None):
        """Draw `ppl_list`; ylim is the pair (lowest, highest)."""
        plot_curve(self.ppl_list, self.eval_interval, "perplexity", ylim)
