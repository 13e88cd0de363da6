"""The facts of a run that all its tasks share: settings, vocabulary, shards, rounds, draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastw2v.word2vec import Word2Vec, engine
from fastw2v.word2vec.vocabulary import Vocabulary, WordCounts
from fastw2v.word2vec.weights import block_size

LEAST_ROUNDS = 40
ROUNDS_PER_SHARD = 2.5


def default_rounds(shards: int) -> int:
    """Return the number of rounds that keeps the loss of one worker.

    Loss depends on the number of rounds and not on the words of one (bench/QUALITY.md).
    """
    return max(LEAST_ROUNDS, int(np.ceil(ROUNDS_PER_SHARD * shards)))


def scaled_alpha(alpha: float, shards: int) -> float:
    """Return the learning rate of several shards: shards change rows that others change, too."""
    return alpha * shards**0.25 if shards > 1 else alpha


def replica_bytes(V: int, D: int, tables: int = 2) -> int:
    """Return the bytes of a worker for its tables: with a copy, changes, and merged changes."""
    return 14 * tables * V * D


def n_tables(settings: Mapping[str, Any]) -> int:
    """Return the number of tables of a model: inputs, outputs of negatives, nodes of the tree."""
    return 1 + bool(settings["negative"]) + bool(settings["hs"])


@dataclass(frozen=True)
class Job:
    """The facts of a run.

    settings        settings of `Word2Vec`, with the learning rate as the user gave it
    vocabulary      the words of all shards together
    alpha           learning rate at the start
    rounds          rounds of one epoch; the run has `epochs` times as many
    wire            "bfloat16" or "float32": the numbers that are sent
    isa             level of all workers, or "" where bits are not promised
    """

    run: str
    settings: dict[str, Any]
    vocabulary: Vocabulary
    shards: int
    epochs: int
    rounds: int
    alpha: float
    wire: str
    version: str
    isa: str

    @property
    def n_rounds(self) -> int:
        """Number of rounds of the whole run."""
        return self.epochs * self.rounds

    @property
    def whole_rows(self) -> bool:
        """True if rows are sent as they are: the only shard has nothing to merge with."""
        return self.shards == 1

    @property
    def replica_bytes(self) -> int:
        """Bytes that a worker needs for weights and changes: 14 V D for each table."""
        V, D = len(self.vocabulary), self.settings["vector_size"]
        return replica_bytes(V, D, n_tables(self.settings))

    def rate(self, round: int) -> float:
        """Return the learning rate in the middle of a round."""
        end = float(self.settings["min_alpha"])
        return end + (self.alpha - end) * (1 - (round + 0.5) / self.n_rounds)

    def model(self) -> Word2Vec:
        """Return a model before its training."""
        return model_of(self.settings, self.vocabulary)

    def key(self, shard: int, epoch: int) -> int:
        """Return the key of a shard's draws; the first shard has those of `Word2Vec.train`."""
        seed = self.settings["seed"]
        if shard == 0:
            return engine.epoch_key(seed, 0, epoch)
        sequence = np.random.SeedSequence([seed, 0, epoch, shard])
        return int(sequence.generate_state(1, np.uint64)[0])

    def place_of(self, round: int) -> tuple[int, int]:
        """Return the epoch of a round and its number in that epoch."""
        return divmod(round, self.rounds)

    def block_of(self, model: Word2Vec, n: int, reach: int) -> int:
        """Return the positions of a block in a shard of n positions."""
        return block_size(model, n, reach)


def model_of(settings: dict[str, Any], vocabulary: Vocabulary) -> Word2Vec:
    """Return a model with these words, before its training."""
    model = Word2Vec(**settings)
    # The words have been chosen: they stay in their order, and none is dropped.
    chosen = WordCounts(vocabulary.words, vocabulary.counts, vocabulary.n_sentences)
    limits = model.min_count, model.max_final_vocab, model.max_vocab_size, model.sorted_vocab
    model.min_count, model.max_final_vocab, model.max_vocab_size = 0, None, None
    model.sorted_vocab = False
    model._set_vocabulary(chosen, False, None)
    model.min_count, model.max_final_vocab, model.max_vocab_size, model.sorted_vocab = limits
    model.corpus_total_words = vocabulary.n_words
    return model
