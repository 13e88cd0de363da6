"""Negative sampling, the loss of word2vec: a word against K sampled ones, not against all V."""

import collections

import numpy as np

from .layers import Embedding, SigmoidWithLoss

__all__ = ["EmbeddingDot", "NegativeSamplingLoss", "UnigramSampler"]


class EmbeddingDot:
    """out[n] = h[n] . W[idx[n]], with h (N, D), W (V, D), idx (N,) and out (N,).

    dh[n] = dout[n] * W[idx[n]] and dW[idx[n]] += dout[n] * h[n].
    """

    def __init__(self, W):
        self.embed = Embedding(W)
        self.params = self.embed.params
        self.grads = self.embed.grads
        self.cache = None

    def forward(self, h, idx):
        rows = self.embed.forward(idx)
        self.cache = (h, rows)
        return (rows * h).sum(axis=1)

    def backward(self, dout):
        h, rows = self.cache
        column = dout[:, np.newaxis]
        self.embed.backward(column * h)
        return column * rows


class UnigramSampler:
    """Sampler of words in proportion to word_p, their count in the corpus to the given power.

    corpus is a sequence of ids in which each of 0 .. V-1 occurs; word_p is (V,) and sums to 1.
    """

    def __init__(self, corpus, power, sample_size, *, replace=False):
        count = collections.Counter(np.asarray(corpus).tolist())
        self.sample_size = sample_size
        self.vocab_size = len(count)
        self.replace = replace
        weight = np.array([count[word] for word in range(self.vocab_size)], dtype=np.float64)
        weight **= power
        self.word_p = weight / weight.sum()

    def get_negative_sample(self, target):
        """Draw sample_size words for each of the words target (N,): (N, sample_size), int32.

        The words of a row differ from each other and from the target: they are drawn without
        replacement from word_p with the target removed. With `replace=True` all are independent
        draws from word_p, which may repeat and may be the target itself.

        numpy raises ValueError if fewer than sample_size words are left.
        """
        shape = (len(target), self.sample_size)
        if self.replace:
            return np.random.choice(self.vocab_size, size=shape, p=self.word_p).astype(np.int32)

        sample = np.empty(shape, dtype=np.int32)
        for row, word in zip(sample, target, strict=True):
            p = self.word_p.copy()
            p[word] = 0
            p /= p.sum()
            row[:] = np.random.choice(self.vocab_size, size=len(row), replace=False, p=p)
        return sample


class NegativeSamplingLoss:
    """Loss of h (N, D) against its words target (N,) as 1 and K sampled words each as 0.

    loss = L(h . W[target], 1) + sum over k of L(h . W[negative[:, k]], 0), each L the mean over
    the batch that SigmoidWithLoss gives. Layer 0 of `loss_layers` and `embed_dot_layers` is the
    target's, layer k + 1 that of column k; all share W (V, D), whose gradient is the sum over the
    arrays in `grads`.
    """

    def __init__(self, W, corpus, power=0.75, sample_size=5):
        self.sample_size = sample_size
        self.sampler = UnigramSampler(corpus, power, sample_size)
        self.loss_layers = [SigmoidWithLoss() for _ in range(sample_size + 1)]
        self.embed_dot_layers = [EmbeddingDot(W) for _ in range(sample_size + 1)]
        self.params = [param for layer in self.embed_dot_layers for param in layer.params]
        self.grads = [grad for layer in self.embed_dot_layers for grad in layer.grads]

    def forward(self, h, target):
        negative = self.sampler.get_negative_sample(target)
        n = len(target)
        words = [target, *negative.T]
        labels = [np.ones(n, np.int32)] + [np.zeros(n, np.int32)] * self.sample_size
        return sum(
            loss.forward(dot.forward(h, word), label)
            for loss, dot, word, label in zip(
                self.loss_layers, self.embed_dot_layers, words, labels, strict=True
            )
        )

    def backward(self, dout=1):
        """Return the gradient with respect to h, (N, D)."""
        return sum(
            dot.backward(loss.backward(dout))
            for loss, dot in zip(self.loss_layers, self.embed_dot_layers, strict=True)
        )
