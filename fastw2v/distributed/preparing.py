"""The work before the first round: counting, the vocabulary, the ids of the shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastw2v._core import threads
from fastw2v.distributed import steps
from fastw2v.distributed.counting import PartCounts, vocabulary_of
from fastw2v.distributed.engine import Engine, Ref
from fastw2v.distributed.job import n_tables, replica_bytes
from fastw2v.distributed.parts import Reading
from fastw2v.distributed.places import Place
from fastw2v.distributed.run_folder import RunFolder
from fastw2v.distributed.sources import Source
from fastw2v.distributed.tasks import Tasks
from fastw2v.word2vec import Word2Vec
from fastw2v.word2vec.vocabulary import Vocabulary

_CLASSES_PER_WORKER = 4
_MOST_CLASSES = 64


def count(
    tasks: Tasks, source: Source, reading: Reading, shell: Word2Vec, places: Sequence[Place]
) -> tuple[Vocabulary, list[PartCounts]]:
    """Count the words of all parts; return the vocabulary and the numbers of the parts.

    Raises MemoryError as soon as the first part has more words than a worker has room for.
    """
    n = min(_MOST_CLASSES, _CLASSES_PER_WORKER * len(places), 4 * len(source.parts))
    counted = []
    for i, part in enumerate(source.parts):
        content = [tasks.engine.lazy(one) for one in source.content(i)]
        ref = tasks.submit(f"count-{i}", steps.count_part, part, i, reading, n, *content)
        counted.append(tasks.split(ref, n + 1))
        tasks.drop([ref])
    limits = [most for most in (shell.max_vocab_size, shell.max_final_vocab) if most is not None]
    most = min(limits, default=None)
    if any(place.memory for place in places):
        enough = tasks.submit("enough", steps.count_frequent, shell.min_count, *counted[0][:n])
        found_so_far = tasks.values([enough], "counting words")[0]
        known = found_so_far if most is None else min(found_so_far, most)
        check_memory(places, known, vars(shell), "at least ")
    classes = [
        tasks.submit(
            *(f"words-{c}", steps.combine_class, shell.min_count, most),
            *(slices[c] for slices in counted),
        )
        for c in range(n)
    ]
    reports = [slices[n] for slices in counted]
    tasks.finish_or_raise([*classes, *reports], "counting words")
    facts = tasks.engine.gather(reports, tasks.stall)
    found = tasks.engine.gather(classes, tasks.stall)
    tasks.drop([*classes, *(one for slices in counted for one in slices)])
    vocabulary = vocabulary_of(
        found, facts, min_count=shell.min_count, most=most, by_count=bool(shell.sorted_vocab)
    )
    return vocabulary, facts


def encode(
    tasks: Tasks,
    source: Source,
    reading: Reading,
    vocabulary: Ref,
    facts: Sequence[PartCounts],
    places: Sequence[Place],
    shards: int,
) -> tuple[list[Ref], list[tuple[int, int, bool]]]:
    """Encode the shards on the workers; return refs to them, and their numbers.

    Part i belongs to shard i % shards. Raises ValueError for a shard that trains nothing.
    """
    refs = []
    parts_of: list[list[Ref]] = []
    for shard in range(shards):
        where = (places[shard % len(places)].address,)
        mine = []
        for i in range(shard, len(source.parts), shards):
            content = [tasks.engine.lazy(one) for one in source.content(i)]
            mine.append(
                tasks.submit(
                    *(f"encode-{i}", steps.encode_part, source.parts[i], reading),
                    *(vocabulary, facts[i], *content),
                    where=where,
                )
            )
        parts_of.append(mine)
        refs.append(tasks.submit(f"shard-{shard}", steps.encode_shard, shard, *mine, where=where))
    checks = [
        tasks.submit(f"check-{shard}", steps.is_trainable, ref) for shard, ref in enumerate(refs)
    ]
    tasks.finish_or_raise(checks, "encoding the text")
    numbers = tasks.engine.gather(checks, tasks.stall)
    tasks.drop([*checks, *(one for mine in parts_of for one in mine)])
    for shard, (_, n_words, trainable) in enumerate(numbers):
        if not trainable:
            raise ValueError(
                f"shards: expected sentences of two or more known words in each of {shards} "
                f"shards, got none in shard {shard} ({n_words} known words in its "
                f"{len(range(shard, len(source.parts), shards))} parts); lower shards, or divide "
                "the text into parts that are alike"
            )
    return refs, numbers


def check_places(places: Sequence[Place], same_bits: bool) -> None:
    """Check that there are workers, of one version and, where bits are promised, of one level."""
    from fastw2v._version import __version__

    if not places:
        raise RuntimeError(
            "client: expected a cluster with workers, got one without; start workers, or wait for "
            "them with client.wait_for_workers(1)"
        )
    for place in places:
        if place.version != __version__:
            raise RuntimeError(
                f"worker {place.address}: expected fastw2v {__version__}, as of the client, got "
                f"{place.version}; install the same version on all workers"
            )
    levels = sorted({place.isa for place in places}, key=("baseline", "v3", "v4").index)
    if same_bits and len(levels) > 1:
        odd = next(place for place in places if place.isa != places[0].isa)
        raise RuntimeError(
            f"worker {odd.address}: expected instruction-set level {places[0].isa} as of the "
            f"others, got {odd.isa}, whose results differ in the last bits; set "
            f"FASTW2V_ISA={levels[0]} on all workers"
        )


def check_folder(engine: Engine, folder: RunFolder) -> None:
    """Raise OSError if client and workers cannot all use the folder of a new run."""
    folder.check_new()
    with folder.marked() as mark:
        answers = engine.ask(steps.problem_with_folder, folder, mark)
    for address, problem in answers.items():
        if problem:
            raise OSError(
                f"run: expected a folder that all workers can use, but {folder.path} {problem} on "
                f"worker {address}; name one on a shared disk or behind fsspec"
            )


def check_memory(
    places: Sequence[Place], V: int, settings: Mapping[str, Any], bound: str = ""
) -> None:
    """Raise MemoryError if a worker's limit is below what its replica takes."""
    D = settings["vector_size"]
    need = replica_bytes(V, D, n_tables(settings))
    for place in places:
        if 0 < place.memory < need:
            raise MemoryError(
                f"worker {place.address}: expected {need / 1e9:.3g} GB for {bound}{V:,} words of "
                f"{D} dimensions, got {place.memory / 1e9:.3g} GB that it may take; use a larger "
                "machine, raise the worker's memory_limit, lower vector_size, or raise min_count"
            )


def gives_same_bits(shell: Word2Vec, places: Sequence[Place]) -> bool:
    """Tell whether the vectors depend on text, settings and shards alone."""
    if shell.deterministic:
        return True
    n = {shell.workers or place.threads or threads.get_num_threads() for place in places}
    return n == {1}
