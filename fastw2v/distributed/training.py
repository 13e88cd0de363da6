"""The functions that users call: `train` and `resume`."""

from __future__ import annotations

import contextlib
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastw2v._checks.numbers import as_above_zero, as_int, as_not_negative
from fastw2v._checks.sequences import check_text
from fastw2v._core.progress import open_bar
from fastw2v._version import __version__
from fastw2v.distributed import cost, preparing, steps
from fastw2v.distributed.coordinator import Checkpoints, Coordinator, RoundInfo
from fastw2v.distributed.counting import PartCounts
from fastw2v.distributed.engine import as_engine
from fastw2v.distributed.errors import ClusterLost
from fastw2v.distributed.job import Job, default_rounds, scaled_alpha
from fastw2v.distributed.parts import FileInfo, Part, Reading, check_same
from fastw2v.distributed.places import Place
from fastw2v.distributed.replica import State
from fastw2v.distributed.run_folder import RunFolder
from fastw2v.distributed.sources import Source, as_source
from fastw2v.distributed.tasks import Tasks
from fastw2v.word2vec import Word2Vec, engine
from fastw2v.word2vec.schedule import FRACTION
from fastw2v.word2vec.settings import SETTINGS

Path = str | os.PathLike[str]
OnRound = Callable[[RoundInfo], Any]

_NOT_HERE = {
    "sentences": "pass the text as the first argument",
    "corpus_file": "pass the text as the first argument",
    "trim_rule": "use min_count or max_final_vocab",
    "callbacks": "use on_round",
    "checkpoint": "use run",
    "interval": "use on_round",
    "memory_limit": "ids are in files of the workers anyway",
}


def train(
    corpus: Any,
    *,
    client: Any = None,
    column: str | None = None,
    shards: int | None = None,
    rounds: int | None = None,
    wire: str = "bfloat16",
    scale_alpha: bool = True,
    run: Path | None = None,
    every: float = 600.0,
    progress: bool = False,
    on_round: OnRound | None = None,
    stall: float = 900.0,
    storage_options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Word2Vec:
    """Train a `Word2Vec` on a Dask cluster and return it.

    corpus          name of a text file with one sentence a line, plain or packed; a pattern
                    ("s3://bucket/*.txt.gz"); Parquet files with `column`; a list of them; or a
                    dask bag or Series of texts or of lists of words. Workers read the text
                    themselves
    client          `distributed.Client`, address of a scheduler, or None for the current client
    shards          number of shards of the text; None: the number of workers. The vectors depend on
                    it, and not on the number of workers, which may change during the run
    rounds          rounds of the whole run, after each of which the shards are merged; None: 40, or
                    2.5 for each shard if that is more
    wire            "bfloat16" or "float32": the numbers that workers send
    scale_alpha     True multiplies the learning rate by shards ** 0.25
    run, every      folder that workers and client see, and the seconds between two checkpoints in
                    it, from which `resume` continues; the end of a run is saved in any case
    progress        True shows a bar on stderr
    on_round        function of a `RoundInfo` after each round; True ends the training
    stall           seconds without any finished task after which TimeoutError is raised
    storage_options options of fsspec for the text and the folder
    settings        those of `Word2Vec`; workers is the number of threads of each machine

    With deterministic=True, or with one thread a worker, the vectors are bit-identical for any
    number of workers and after any loss of workers, and with one shard they are those of
    `Word2Vec`. Ctrl-C returns the vectors of the last whole round with a warning.

    Raises ValueError, TypeError or OSError for arguments or text that cannot be used, RuntimeError
    for workers that cannot, MemoryError if a worker's limit is too low, before training starts.

    >>> from fastw2v.distributed import SerialEngine, train
    >>> with open("small.txt", "w") as file:
    ...     _ = file.write("you say goodbye and i say hello\\n" * 50)
    >>> engine = SerialEngine(places=2)
    >>> model = train("small.txt", client=engine, shards=2, vector_size=8, workers=1)
    >>> model.wv.index_to_key[0], model.wv.vectors.shape
    ('say', (6, 8))
    """
    shell = _shell_of(settings)
    steps.check_wire(wire)
    _check_on_round(on_round)
    if column is not None:
        check_text("column", column)
    options = _as_options(storage_options)
    reading = Reading(not shell.running_text, shell.unicode_errors, column, options)
    folder = None if run is None else _as_folder(run, options)
    chosen = {name: getattr(shell, name) for name in SETTINGS}
    every = as_not_negative("every", every)
    given = None if rounds is None else as_int("rounds", rounds)
    stall = as_above_zero("stall", stall)
    tasks = Tasks(as_engine(client), os.urandom(4).hex(), stall, time.monotonic)
    places = tasks.engine.places()
    same_bits = preparing.gives_same_bits(shell, places)
    preparing.check_places(places, same_bits)
    n_shards = len(places) if shards is None else as_int("shards", shards)
    source = as_source(corpus, reading, n_shards)
    if folder is not None:
        preparing.check_folder(tasks.engine, folder)
    with _ended(tasks):
        vocabulary, counted = preparing.count(tasks, source, reading, shell, places)
        preparing.check_memory(places, len(vocabulary), chosen)
        _warn_of_size(shell, len(vocabulary), vocabulary.n_words, places)
        wanted = default_rounds(n_shards) if given is None else given
        job = Job(
            run=tasks.run,
            settings=chosen,
            vocabulary=vocabulary,
            shards=n_shards,
            epochs=shell.epochs,
            rounds=math.ceil(wanted / shell.epochs),
            alpha=scaled_alpha(shell.alpha, n_shards) if scale_alpha else shell.alpha,
            wire=wire,
            version=__version__,
            isa=places[0].isa if same_bits else "",
        )
        saved = None
        if folder is not None:
            saved = Checkpoints(folder, _facts(job, source, reading, counted, folder), every)
            folder.write_manifest(saved.facts | {"round": 0, "rows": []})
        return _run(tasks, job, source, reading, counted, places, saved, progress, on_round)


def resume(
    run: Path,
    *,
    client: Any = None,
    corpus: Any = None,
    every: float = 600.0,
    progress: bool = False,
    on_round: OnRound | None = None,
    stall: float = 900.0,
    storage_options: Mapping[str, Any] | None = None,
) -> Word2Vec:
    """Continue a run from its folder to its end, after the loss of scheduler, client or workers.

    The vectors are those of a run that was not interrupted. corpus is needed only where it was a
    Dask collection; files are read again, and must not have changed. Other arguments: see `train`.

    Raises FileNotFoundError if the folder holds no run, ValueError if it is damaged or the text has
    changed.

    >>> from fastw2v.distributed import SerialEngine, resume, train
    >>> with open("short.txt", "w") as file:
    ...     _ = file.write("you say goodbye and i say hello\\n" * 50)
    >>> settings = {"client": SerialEngine(places=2), "vector_size": 8, "workers": 1}
    >>> whole = train("short.txt", **settings)
    >>> part = train("short.txt", run="run", every=0, on_round=lambda info: True, **settings)
    >>> again = resume("run", client=SerialEngine())
    >>> part.progress, bool((again.wv.vectors == whole.wv.vectors).all())
    (0.0, True)
    """
    options = _as_options(storage_options)
    folder = _as_folder(run, options)
    every, stall = as_not_negative("every", every), as_above_zero("stall", stall)
    _check_on_round(on_round)
    facts = folder.read_manifest()
    if facts["fastw2v"] != __version__:
        raise RuntimeError(
            f"{run}: expected a run of fastw2v {__version__}, got one of {facts['fastw2v']}; "
            "resume it with that version"
        )
    tasks = Tasks(as_engine(client), facts["run"], stall, time.monotonic)
    places = tasks.engine.places()
    try:
        job = Job(**facts["job"], vocabulary=folder.read_vocabulary(facts["vocabulary"]))
        reading = Reading(**facts["reading"], storage_options=options)
        counted = [PartCounts(*numbers) for numbers in facts["counted"]]
        source = _source_of(facts, reading, corpus)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{run}: the manifest is damaged ({error}); restore the folder, or start a new run"
        ) from error
    preparing.check_places(places, bool(job.isa))
    if job.isa and places[0].isa != job.isa:
        raise RuntimeError(
            f"worker {places[0].address}: expected instruction-set level {job.isa}, as of the run, "
            f"got {places[0].isa}; set FASTW2V_ISA={job.isa} on all workers"
        )
    preparing.check_memory(places, len(job.vocabulary), job.settings)
    own = {name: facts[name] for name in facts if name not in ("round", "rows")}
    saved = Checkpoints(folder, own, every, entries=facts["rows"], round=int(facts["round"]))
    with _ended(tasks):
        return _run(
            *(tasks, job, source, reading, counted, places, saved, progress, on_round),
            start=facts if facts["rows"] else None,
        )


# ---- parts of both


def _run(
    tasks: Tasks,
    job: Job,
    source: Source,
    reading: Reading,
    counted: list[PartCounts],
    places: list[Place],
    saved: Checkpoints | None,
    progress: bool,
    on_round: OnRound | None,
    start: dict[str, Any] | None = None,
) -> Word2Vec:
    vocabulary = tasks.submit("vocabulary", steps.keep, job.vocabulary)
    job_ref = tasks.submit("job", steps.keep, job)
    shards, numbers = preparing.encode(
        *(tasks, source, reading, vocabulary, counted, places, job.shards)
    )
    tasks.drop([vocabulary])
    if saved is not None:
        saved.saved = tasks.clock()
    with _bar(progress, job, on_round) as told:
        coordinator = Coordinator(
            *(tasks, job, job_ref, shards),
            checkpoints=saved,
            on_round=told,
            warn=lambda message: warnings.warn(f"train: {message}", RuntimeWarning, stacklevel=5),
        )
        if start is None:
            state = coordinator.run()
        else:
            assert saved is not None
            ref = tasks.submit("load", steps.load_state, job_ref, saved.folder, start)
            state = coordinator.run(ref, int(start["round"]))
    return _model_of(job, state, sum(n for n, _, _ in numbers))


def _shell_of(settings: dict[str, Any]) -> Word2Vec:
    """Return a model without words, which checks the settings."""
    for name, cure in _NOT_HERE.items():
        if settings.get(name) is not None:
            raise TypeError(f"train: {name} is not an argument of distributed training; {cure}")
    return Word2Vec(**settings)


def _check_on_round(on_round: object) -> None:
    if on_round is not None and not callable(on_round):
        raise TypeError(
            f"on_round: expected a function of a RoundInfo, got {type(on_round).__name__}; pass "
            "e.g. print"
        )


def _as_options(options: object) -> dict[str, Any]:
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(
            f"storage_options: expected a dict of options of fsspec, got {type(options).__name__}; "
            "pass e.g. {'anon': True}"
        )
    return dict(options or {})


def _as_folder(run: object, options: dict[str, Any]) -> RunFolder:
    if not isinstance(run, str | os.PathLike):
        raise TypeError(
            f"run: expected the name of a folder, got {type(run).__name__}; pass e.g. 'runs/7'"
        )
    return RunFolder(os.fspath(run), options)


@contextlib.contextmanager
def _ended(tasks: Tasks) -> Iterator[None]:
    """Leave nothing in the cluster, however the run ends."""
    lost = False
    try:
        yield
    except ClusterLost:
        lost = True  # there is no one to ask
        raise
    finally:
        if not lost:
            with contextlib.suppress(Exception):  # an earlier exception must not be hidden
                tasks.engine.ask(steps.stop, tasks.run)
                tasks.drop_all()
                tasks.engine.ask(steps.forget, tasks.run)


@contextlib.contextmanager
def _bar(progress: bool, job: Job, on_round: OnRound | None) -> Iterator[OnRound]:
    bar = None
    if progress:
        bar = open_bar(total=job.n_rounds, unit="round")

    def told(info: RoundInfo) -> bool:
        if bar is not None:
            bar.update(info.round + 1 - bar.n)
            rate = f"{info.words_per_second:,.0f} words/s"
            bar.set_postfix_str(f"loss {info.loss:.4f}, {rate}", refresh=False)
        return bool(on_round is not None and on_round(info))

    try:
        yield told
    finally:
        if bar is not None:
            bar.close()


def _warn_of_size(shell: Word2Vec, V: int, n_words: int, places: list[Place]) -> None:
    """Warn where fewer machines would be faster."""
    machines = len({place.host for place in places})
    if machines < 2:
        return
    found = cost.plan(
        V, shell.vector_size, n_words, machines, epochs=shell.epochs, sg=int(bool(shell.sg))
    )
    if found.best_machines < machines and (
        found.best_words_per_second > 1.1 * found.words_per_second
    ):
        warnings.warn(
            f"train: by the cost model this text trains faster on {found.best_machines} of these "
            f"machines ({found.best_words_per_second:,.0f} words/s) than on {machines} "
            f"({found.words_per_second:,.0f} words/s); see fastw2v.distributed.plan",
            RuntimeWarning,
            stacklevel=3,
        )


def _model_of(job: Job, state: State, n: int) -> Word2Vec:
    model, tables = job.model(), iter(state.tables)
    model.wv.vectors = next(tables)
    if model.negative:
        model.syn1neg = next(tables)
    if model.hs:
        model.syn1 = next(tables)
    schedule = engine.Schedule(
        epochs=job.epochs,
        start_alpha=job.alpha,
        end_alpha=model.min_alpha,
        seed=model.seed,
        call=0,
        block=max(1, n),
        n=n,
        compute_loss=model.compute_loss,
    )
    for number, sums in enumerate(state.history, 1):
        total = schedule.sums
        total.loss, total.loss_pairs = total.loss + sums[0], total.loss_pairs + sums[1]
        total.pairs, total.words = total.pairs + sums[2], total.words + sums[3]
        if number % job.rounds == 0:
            schedule.close_epoch()
    schedule.total_loss, schedule.words = _totals(state)
    model._schedule, model.train_count = schedule, 1
    return model


def _totals(state: State) -> tuple[float, int]:
    return (
        sum(sums[0] for sums in state.history) / FRACTION,
        sum(sums[3] for sums in state.history),
    )


# ---- the manifest


def _facts(
    job: Job, source: Source, reading: Reading, counted: list[PartCounts], folder: RunFolder
) -> dict[str, Any]:
    V, D = len(job.vocabulary), job.settings["vector_size"]
    shapes = [(V, D), *([(V, D)] if job.settings["negative"] else [])]
    shapes += [(V - 1, D)] if job.settings["hs"] else []
    own = {name: value for name, value in vars(job).items() if name != "vocabulary"}
    # Options may hold keys to the storage, so that they are not written.
    read = {name: value for name, value in vars(reading).items() if name != "storage_options"}
    files = sorted({part.file for part in source.parts if part.file}, key=lambda file: file.path)
    return {
        "fastw2v": __version__,
        "run": job.run,
        "n_rounds": job.n_rounds,
        "job": own,
        "shapes": shapes,
        "vocabulary": folder.write_vocabulary(job.vocabulary),
        "reading": read,
        "files": [list(vars(file).values()) for file in files],
        "parts": [
            [files.index(part.file) if part.file else -1, part.begin, part.end, part.parquet]
            for part in source.parts
        ],
        "counted": [list(numbers) for numbers in counted],
    }


def _source_of(facts: dict[str, Any], reading: Reading, corpus: Any) -> Source:
    files = [FileInfo(*file) for file in facts["files"]]
    for file in files:
        check_same(file, reading.storage_options)
    parts = [
        Part(None if file < 0 else files[file], begin, end, parquet)
        for file, begin, end, parquet in facts["parts"]
    ]
    if all(part.file is not None for part in parts):
        return Source(parts)
    if not hasattr(corpus, "to_delayed"):
        raise TypeError(
            f"corpus: expected the dask collection that the run was started with, got "
            f"{type(corpus).__name__}; pass it again"
        )
    partitions = list(corpus.to_delayed())
    if len(partitions) != len(parts):
        raise ValueError(
            f"corpus: expected {len(parts)} partitions, as of the run, got {len(partitions)}; pass "
            "the same collection"
        )
    return Source(parts, partitions)
