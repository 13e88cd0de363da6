"""The tasks of a run: functions of their arguments and of the replica in the worker's process.

Round r of a shard is a pure function of the weights at its start, so any worker may run any task,
and run it again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastw2v._checks.numbers import check_one_of
from fastw2v._core import threads
from fastw2v.distributed import run_folder
from fastw2v.distributed.counting import ClassCounts, PartCounts, combine, split
from fastw2v.distributed.errors import CorpusChanged
from fastw2v.distributed.job import Job
from fastw2v.distributed.parts import Part, Reading, text_of
from fastw2v.distributed.pieces import Piece, merged
from fastw2v.distributed.places import here, reached
from fastw2v.distributed.replica import Replica, State, replica_of
from fastw2v.distributed.shard_files import ShardFile
from fastw2v.word2vec.corpus import has_pairs
from fastw2v.word2vec.vocabulary import Vocabulary


class Trained(NamedTuple):
    """The worker of a trained round of a shard, its seconds and words."""

    address: str
    seconds: float
    words: int


def keep(job: Any) -> Any:
    """Return a value that other tasks take as an argument."""
    return job


# ---- counting and encoding


def count_part(part: Part, number: int, reading: Reading, n: int, *content: Any) -> list[Any]:
    """Count the words of a part; return n classes of them, and the numbers of the part."""
    counts = text_of(part, reading, *content).counts
    facts = PartCounts(counts.n_words, len(counts.words), counts.n_sentences)
    return [*split(counts, number, n), facts]


def count_frequent(min_count: int, *pieces: ClassCounts) -> int:
    """Return how many words of a part occur min_count times in it: the vocabulary has them all."""
    return sum(int(np.count_nonzero(piece.counts >= min_count)) for piece in pieces)


def combine_class(
    min_count: int, most: int | None, *pieces: ClassCounts
) -> tuple[ClassCounts, int]:
    """Add up the counts of a class of words."""
    return combine(pieces, min_count, most)


def encode_part(
    part: Part, reading: Reading, vocabulary: Vocabulary, expected: PartCounts, *content: Any
) -> np.ndarray:
    """Return the ids (N,) of a part. Raises CorpusChanged if its words are not those counted."""
    text = text_of(part, reading, *content)
    counts = text.counts
    found = PartCounts(counts.n_words, len(counts.words), counts.n_sentences)
    if found != expected:
        raise CorpusChanged(
            f"{part.name}: the text has changed since its words were counted "
            f"({expected.n_words:,} words then, {found.n_words:,} now); start a new run"
        )
    return text.encode(vocabulary.index).ids


def encode_shard(shard: int, *ids: np.ndarray) -> ShardFile:
    """Write the ids of the parts of a shard, one after the other."""
    reached("encode", -1, shard)
    whole = np.concatenate(ids)
    return ShardFile(shard, whole, int(np.count_nonzero(whole >= 0)))


def is_trainable(shard: ShardFile) -> tuple[int, int, bool]:
    """Return positions and words of a shard, and whether any word has a neighbour."""
    return shard.n, shard.n_words, has_pairs(shard.ids)


# ---- rounds


def train_shard(
    job: Job, shard: ShardFile, round: int, parts: int, state: State | None, *pieces: Piece
) -> list[Any]:
    """Train a round of a shard; return the parts of its changes, and a `Trained`."""
    began = time.perf_counter()
    _check_worker(job)
    reached("train-begin", round, shard.shard)
    replica = replica_of(job)
    with replica.lock:
        replica.bring_to(round, pieces, state)
        reached("train", round, shard.shard)
        changed = replica.train(shard.shard, shard.text(), parts)
    reached("train-end", round, shard.shard)
    words = changed[0].sums[3]
    return [*changed, Trained(here().address, time.perf_counter() - began, words)]


def merge_part(run: str, rate: float, round: int, part: int, *pieces: Piece) -> Piece:
    """Merge a part of the changes of all shards; rate: the learning rate of the round."""
    began = time.perf_counter()
    reached("merge-begin", round, part)
    for shard, piece in enumerate(pieces):
        piece.check(run, round, shard, part)
    reached("merge", round, part)
    found = merged(rate, pieces, threads.claim(here().threads or threads.get_num_threads()))
    found.seconds = time.perf_counter() - began
    reached("merge-end", round, part)
    return found


def snapshot(job: Job, round: int, *pieces: Piece) -> State:
    """Return the weights at the start of a round from a replica that has them."""
    return _brought(job, round, None, pieces, Replica.state)


def sums_of(piece: Piece) -> tuple[tuple[int, int, int, int], float]:
    """Return the sums of a round (loss, pairs in it, all pairs, words), and its merge's seconds."""
    return piece.sums, piece.seconds


def history_of(state: State) -> list[tuple[int, int, int, int]]:
    """Return the sums of all rounds before a state."""
    return state.history


def save_part(
    job: Job,
    folder: run_folder.RunFolder,
    round: int,
    part: int,
    parts: int,
    state: State | None,
    *pieces: Piece,
) -> dict[str, Any]:
    """Write a range of rows of the weights at the start of a round to the run's folder."""
    reached("save", round, part)
    return _brought(
        *(job, round, state, pieces),
        lambda replica: folder.write_rows(job.run, round, part, parts, replica),
    )


def load_state(job: Job, folder: run_folder.RunFolder, manifest: dict[str, Any]) -> State:
    """Read the weights that a manifest names."""
    return folder.read_state(job.run, manifest)


def _brought(job: Job, round: int, state: State | None, pieces: Sequence[Piece], use: Any) -> Any:
    _check_worker(job)
    replica = replica_of(job)
    with replica.lock:
        replica.bring_to(round, pieces, state)
        return use(replica)


def _check_worker(job: Job) -> None:
    place = here()
    if place.version != job.version:
        raise RuntimeError(
            f"worker {place.address}: expected fastw2v {job.version}, got {place.version}; install "
            "the same version on all workers"
        )
    if job.isa and place.isa != job.isa:
        raise RuntimeError(
            f"worker {place.address}: expected instruction-set level {job.isa}, got {place.isa}, "
            f"whose results differ in the last bits; set FASTW2V_ISA={min(job.isa, place.isa)} on "
            "all workers, or let workers have several threads without deterministic=True"
        )


# ---- questions that every worker answers


def version_of(run: str) -> int | None:
    """Return the round whose weights the replica of this process holds; None without one."""
    replica = here().replicas.get(run)
    return None if replica is None else replica.version


def problem_with_folder(folder: run_folder.RunFolder, mark: str) -> str:
    """Return what keeps this process from using the folder of a run, or an empty str."""
    return folder.problem(mark)


def stop(run: str) -> None:
    """Let trainings that run in this process end."""
    replica = here().replicas.get(run)
    if replica is not None:
        replica.stopped = True


def forget(run: str) -> None:
    """Drop the replica of a run."""
    here().replicas.pop(run, None)


def check_wire(wire: object) -> None:
    """Check the numbers that are sent."""
    check_one_of("wire", wire, ("bfloat16", "float32"))
