"""NCE and sampled softmax with log-uniform candidates, in plain numpy with dense gradients."""

import numpy as np

__all__ = ["LogUniformSampler", "NCELoss", "SampledSoftmaxLoss", "sigmoid_cross_entropy"]


class LogUniformSampler:
    """Sampler of ids 0 ... range_max - 1 with P(k) = log((k + 2) / (k + 1)) / log(range_max + 1).

    unique: draw one by one until num_sampled distinct ids are found.
    """

    def __init__(self, range_max, num_sampled=64, unique=True):
        self.range_max = range_max
        self.num_sampled = num_sampled
        self.unique = unique

    def probability(self, ids):
        ids = np.asarray(ids, np.float64)
        return np.log((ids + 2) / (ids + 1)) / np.log(self.range_max + 1)

    def expected_count(self, ids, tries):
        p = self.probability(ids)
        if not self.unique or tries == self.num_sampled:
            return p * self.num_sampled
        return 1 - (1 - p) ** tries

    def draw(self):
        """Return (ids in the order of their draws, number of draws)."""
        p = self.probability(np.arange(self.range_max))
        found, tries = [], 0
        while len(found) < self.num_sampled:
            id = np.random.choice(self.range_max, p=p)
            tries += 1
            if not (self.unique and id in found):
                found.append(id)
        return np.array(found), tries

    def sample(self, true_classes):
        """Return (ids (K,), expected counts (N, 1) of the true classes, and (K,) of the ids)."""
        ids, tries = self.draw()
        right = np.reshape(true_classes, (-1, 1))
        return ids, self.expected_count(right, tries), self.expected_count(ids, tries)


def sigmoid_cross_entropy(logits, labels):
    """Return max(x, 0) - x z + log(1 + exp(-|x|)) for logits x and labels z."""
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))


class _SampledLoss:
    """Base of both losses: score(x, w) = x . W[w] + b[w] - log(expected count of w).

    The true class is the first column of all arrays (N, 1 + K).
    """

    def __init__(self, W, b, num_sampled=64, remove_accidental_hits=False):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]
        self.sampler = LogUniformSampler(len(W), num_sampled)
        self.remove_accidental_hits = remove_accidental_hits
        self.cache = None

    def forward(self, x, labels, *, sampled_values=None):
        W, b = self.params
        right = np.reshape(labels, (-1, 1))
        values = self.sampler.sample(right) if sampled_values is None else sampled_values
        sampled, right_count, count = values
        N, K = len(x), len(sampled)
        classes = np.concatenate([right, np.broadcast_to(sampled, (N, K))], axis=1)
        expected = np.concatenate([right_count, np.broadcast_to(count, (N, K))], axis=1)
        logits = np.einsum("nd,nkd->nk", x, W[classes]) + b[classes] - np.log(expected)
        if self.remove_accidental_hits:
            logits[:, 1:][classes[:, 1:] == right] = -np.inf
        loss, dlogits = self.loss_and_gradient(logits)
        self.cache = (x, classes, dlogits)
        return loss

    def backward(self, dout=1):
        x, classes, dlogits = self.cache
        W, _ = self.params
        dW, db = self.grads
        d = dlogits * dout
        dW[...] = 0
        db[...] = 0
        np.add.at(dW, classes, d[:, :, None] * x[:, None])
        np.add.at(db, classes, d)
        return np.einsum("nk,nkd->nd", d, W[classes])


class NCELoss(_SampledLoss):
    """Mean over the batch of the sum over the classes of sigmoid cross entropies."""

    def loss_and_gradient(self, logits):
        kept = logits != -np.inf
        x = np.where(kept, logits, 0)
        labels = np.zeros_like(x)
        labels[:, 0] = 1
        losses = np.where(kept, sigmoid_cross_entropy(x, labels), 0)
        d = np.where(kept, 1 / (1 + np.exp(-x)) - labels, 0)
        return losses.sum(axis=1).mean(), d / len(x)


class SampledSoftmaxLoss(_SampledLoss):
    """Mean over the batch of -log softmax(scores)[0]."""

    def __init__(self, W, b, num_sampled=64, remove_accidental_hits=True):
        super().__init__(W, b, num_sampled, remove_accidental_hits)

    def loss_and_gradient(self, logits):
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[:, 0]).mean()
        p[:, 0] -= 1
        return loss, p / len(p)
