"""The cost of a run on machines that one may not have: words a second, best number, memory.

The formulas are a model. `bench/scale_model.py` compares their constants with measurements.
"""

from __future__ import annotations

from typing import NamedTuple

from fastw2v._checks.numbers import as_int, as_number
from fastw2v.distributed.job import default_rounds, replica_bytes

# Words a second of one machine with 16 cores, skip-gram; CBOW trains twice as many. Extrapolated
# from two cores.
RATES = ((100, 16e6), (200, 9e6), (300, 5.7e6))
FIXED_SECONDS = 0.03  # of a round; this and the next as measured with client, scheduler and two
TASK_SECONDS = 0.0007  # workers on two cores (bench/SCALE.md)
MEMORY_BANDWIDTH = 1e10  # bytes a second
_DASK_BANDWIDTH = 0.45e9  # bytes a second of one Dask process, whatever the network
_MOST_PARTS = 16
_PART_BYTES = 1 << 26


class Plan(NamedTuple):
    """The expected speed and memory of a run, and the best number of machines up to the given one.

    words_per_second counts words of the text, over all machines. table holds (machines, words a
    second) for 1, 2, 4, ... machines.

    >>> Plan(1e6, 4, 1.5e6, 28e6, 41e6, ()).best_machines
    4
    """

    words_per_second: float
    best_machines: int
    best_words_per_second: float
    bytes_per_worker: float
    bytes_per_round: float
    table: tuple[tuple[int, float], ...]


def one_machine_rate(vector_size: int, sg: int) -> float:
    """Return the words a second of one machine, interpolated between measured dimensions."""
    (d0, r0), *rest = RATES
    rate = r0 * d0 / vector_size
    for d1, r1 in rest:
        if vector_size > d0:
            part = min(1.0, (vector_size - d0) / (d1 - d0))
            rate = r0 + part * (r1 - r0)
        d0, r0 = d1, r1
    if vector_size > d0:
        rate = r0 * d0 / vector_size
    return rate if sg else 2 * rate


def round_seconds(
    rows: float, vector_size: int, machines: int, words: float, rate: float, gbit: float
) -> float:
    """Return the seconds of a round in which every machine trains that many words."""
    if machines == 1:
        return words / rate
    sent = rows * (2 * vector_size + 8)
    parts = max(1, min(_MOST_PARTS, max(machines, -(-int(sent) // _PART_BYTES))))
    band = min(_DASK_BANDWIDTH, gbit * 0.117e9)
    net = (sent * (machines - 1) / parts + sent * (1 if parts == machines else 2)) / band
    tasks = 2 * machines + machines * parts + parts
    memory = 48 * rows / 2 * vector_size / MEMORY_BANDWIDTH
    return words / rate + net + FIXED_SECONDS + TASK_SECONDS * tasks + memory


def words_per_second(
    vocabulary: int,
    vector_size: int,
    words: float,
    machines: int,
    gbit: float,
    *,
    sg: int = 1,
    rate: float | None = None,
) -> float:
    """Return the words a second of a run over `words` words, all epochs together."""
    rounds = default_rounds(machines)
    each = words / (machines * rounds)
    # Of two tables; in a round of 10 million words 53 % of the rows of 10 million words change.
    changed = 2 * vocabulary * min(1.0, 0.53 + 0.33 * max(0.0, each / 1e7 - 1) / 9)
    seconds = round_seconds(
        *(changed if vocabulary >= 5e6 else 2 * vocabulary, vector_size, machines, each),
        *(rate or one_machine_rate(vector_size, sg), gbit),
    )
    return words / (rounds * seconds)


def plan(
    vocabulary: int,
    vector_size: int,
    words: int,
    machines: int,
    gbit: float = 10.0,
    *,
    epochs: int = 5,
    sg: int = 1,
    rate: float | None = None,
) -> Plan:
    """Return what to expect of a run on machines with 16 cores each. The numbers are a model.

    words is the length of the text, gbit the speed of the network in Gbit/s, and rate the words a
    second that one machine trains, if it has been measured.

    Raises TypeError or ValueError that names the argument.

    >>> from fastw2v.distributed import plan
    >>> found = plan(vocabulary=10**6, vector_size=300, words=10**10, machines=64)
    >>> found.best_machines
    16
    """
    V, D = as_int("vocabulary", vocabulary), as_int("vector_size", vector_size)
    n, most = as_int("words", words) * as_int("epochs", epochs), as_int("machines", machines)
    given = None if rate is None else as_number("rate", rate)
    if not (as_number("gbit", gbit) > 0 and (given is None or given > 0)):
        name, value = ("gbit", gbit) if not gbit > 0 else ("rate", rate)
        raise ValueError(f"{name}: expected a number above 0, got {value}; pass e.g. 10")

    def speed(w: int) -> float:
        return words_per_second(V, D, n, w, gbit, sg=sg, rate=given)

    counts = sorted({*(1 << i for i in range(most.bit_length())), most})
    table = tuple((w, speed(w)) for w in counts)
    best = max(table, key=lambda row: row[1])
    return Plan(
        *(dict(table)[most], best[0], best[1]),
        *(float(replica_bytes(V, D)), 2.0 * V * (2 * D + 8), table),
    )
