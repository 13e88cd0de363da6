"""Exceptions that travel from a worker to the coordinator; each names what the cure needs."""

from __future__ import annotations


class NeedsState(Exception):
    """A replica is of another round than the task: a newcomer, or one that was idle or is ahead."""

    def __init__(self, address: str, version: int, round: int) -> None:
        super().__init__(address, version, round)
        self.address, self.version, self.round = address, version, round

    def __str__(self) -> str:
        return f"worker {self.address} holds the weights of round {self.version}, not {self.round}"


class DamagedPiece(Exception):
    """A piece of changed rows that is not what was sent, or belongs to another round."""

    def __init__(self, shard: int, round: int, why: str) -> None:
        super().__init__(shard, round, why)
        self.shard, self.round, self.why = shard, round, why

    def __str__(self) -> str:
        whose = "the merged changes" if self.shard < 0 else f"the changes of shard {self.shard}"
        return f"{whose} of round {self.round}: {self.why}"


class WorkersDied(RuntimeError):
    """A task during which several workers died one after the other."""

    def __init__(self, key: str, workers: str) -> None:
        super().__init__(key, workers)
        self.key, self.workers = key, workers

    def __str__(self) -> str:
        return f"{self.key}: {self.workers}"


class ClusterLost(RuntimeError):
    """A scheduler that no longer answers, or has forgotten the tasks of this run."""


class Stopped(Exception):
    """A training that ended in the middle of a round, as its run was given up."""


class CorpusChanged(ValueError):
    """A text that is not the one that was counted."""
