"""Whatever is lost in a run is done again: the same bits, or an error that says what to do."""

import itertools
import random

import pytest
from cluster_texts import SETTINGS, crc, sentences, write

from fastw2v.distributed import SerialEngine, resume, train
from fastw2v.distributed.coordinator import Coordinator
from fastw2v.distributed.places import Here
from fastw2v.distributed.run_folder import RunFolder
from fastw2v.distributed.serial import Died

POINTS = ["encode", "train-begin", "train", "train-end", "merge-begin", "merge", "merge-end"]
ROUNDS, SHARDS = 6, 4


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write(tmp_path_factory.mktemp("text") / "text.txt", sentences())


def run(text, engine, **more):
    return train(text, client=engine, shards=SHARDS, rounds=ROUNDS, **SETTINGS | more)


@pytest.fixture(scope="module")
def expected(text):
    return crc(run(text, SerialEngine(1)))


def dying(points, places, nanny=True):
    """Return an engine whose workers die when they reach (point, round) for the first time."""
    left = list(points)
    engine = SerialEngine(places)

    def hook(point, round, index):
        if (point, round) in left:
            left.remove((point, round))
            if nanny or len(engine.here) == 1:
                place = engine.join()
                engine.here[place].hook = hook
            raise Died

    for place in engine.here.values():
        place.hook = hook
    return engine, left


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("places", [1, 2, 4])
def test_a_worker_dies(text, expected, point, places):
    for round in (-1,) if point == "encode" else (0, 1, ROUNDS - 1):
        engine, left = dying([(point, round)], places)
        if places == 1 and round > 0 and point != "encode":
            with pytest.warns(RuntimeWarning, match="starts again at round 0"):
                assert crc(run(text, engine)) == expected
        else:
            assert crc(run(text, engine)) == expected
        assert left == []


@pytest.mark.parametrize("first, second", list(itertools.combinations(POINTS[1:], 2)))
def test_two_workers_die(text, expected, first, second):
    engine, left = dying([(first, 2), (second, 3)], 3, nanny=False)
    assert crc(run(text, engine)) == expected
    assert left == [] and len(engine.here) == 1


def test_workers_die_twice_in_a_task_and_three_times_is_an_error(text, expected):
    engine, _ = dying([("train", 1)] * 2, 4, nanny=False)
    assert crc(run(text, engine)) == expected
    engine, _ = dying([("train", 1)] * 3, 5, nanny=False)
    with pytest.raises(RuntimeError, match=r"train-1-0-.*3 workers died.*a replica takes .* GB"):
        run(text, engine)


def at(event_name, name, action, times=1):
    """Return a script that acts at the first tasks of that name."""
    left = [times]

    def script(event, task, engine):
        named = f"-{name}-" in task.key and "-part-" not in task.key
        if left[0] and event == event_name and named:
            left[0] -= 1
            action(task, engine)

    return script


@pytest.mark.parametrize("name", ["train-2-1", "merge-2-0", "train-2-1", "sums-2", "train-3-0"])
def test_the_result_of_a_task_is_lost_with_its_worker(text, expected, name):
    script = at("after", name, lambda task, engine: engine.kill(task.address))
    assert crc(run(text, SerialEngine(4, script=script))) == expected
    script = at("before", name, lambda task, engine: engine.kill(task.address))
    assert crc(run(text, SerialEngine(4, script=script))) == expected


@pytest.mark.filterwarnings("ignore:train. all workers that held")
@pytest.mark.parametrize("seed", range(4))
def test_workers_come_and_go_at_random(text, expected, seed):
    dice = random.Random(seed)

    def script(event, task, engine):
        if dice.random() < 0.04:
            engine.join()
        if len(engine.here) > 2 and dice.random() < 0.04:
            engine.kill(dice.choice(list(engine.here)))

    engine = SerialEngine(3, seed=seed, script=script)
    assert crc(run(text, engine)) == expected
    assert engine.n_joined > 4


def test_a_worker_joins_and_one_leaves_each_round(text, expected):
    engine = SerialEngine(3)

    def on_round(info):
        engine.join()
        engine.kill(next(iter(engine.here)))

    assert crc(run(text, engine, on_round=on_round)) == expected


def test_all_workers_are_lost_and_the_run_continues_from_its_checkpoint(text, expected, tmp_path):
    engine = SerialEngine(2)

    def on_round(info):
        if info.round == 3 and engine.n_joined == 2:
            for address in list(engine.here):
                engine.join()
                engine.kill(address)

    with pytest.warns(RuntimeWarning, match="continues from the checkpoint of round 3"):
        model = run(text, engine, on_round=on_round, run=tmp_path / "run", every=0)
    assert crc(model) == expected
    assert model.epochs_done == 2 and len(model.epoch_losses) == 2


def flip(piece):
    numbers = piece.tables[0].numbers
    numbers.flags.writeable = True
    numbers[0, 0] ^= 1


def test_a_damaged_piece_is_made_again(text, expected):
    # Of a shard, on its way to the merge.
    script = at("after", "train-2-1", lambda task, engine: flip(task.value[0]))
    engine = SerialEngine(2, script=script)
    assert crc(run(text, engine)) == expected
    assert sum("-train-2-1-" in key and "-part-" not in key for key in engine.log) >= 2
    # Merged, on its way to the replicas.
    script = at("after", "merge-2-0", lambda task, engine: flip(task.value))
    assert crc(run(text, SerialEngine(3, script=script))) == expected


def test_a_piece_of_another_round_or_run_is_refused(text, expected):
    def older(task, engine):
        task.value[0].round -= 1
        task.value[0].sealed()

    script = at("after", "train-2-1", older)
    assert crc(run(text, SerialEngine(2, script=script))) == expected

    def foreign(task, engine):
        task.value.run = "another"
        task.value.sealed()

    script = at("after", "merge-2-0", foreign)
    assert crc(run(text, SerialEngine(2, script=script))) == expected


def test_damage_that_stays_is_an_error_and_no_loop(text):
    script = at("after", "train-2-1", lambda task, engine: flip(task.value[0]), times=10**6)
    with pytest.raises(RuntimeError, match="round 2: still failing after 50 repairs .*checksum"):
        run(text, SerialEngine(2, script=script))


def test_an_old_replica_gets_the_weights_of_the_round(text, expected):
    # The tasks of some rounds run in one place, those of the others in the other.
    class Choosing(SerialEngine):
        def _place_for(self, task):
            place = super()._place_for(task)
            if "-train-" in task.key and "-part-" not in task.key:
                round = int(task.key.split("-")[3])
                return self.here[sorted(self.here)[1 if round in (2, 5) else 0]]
            return place

    assert crc(run(text, Choosing(2))) == expected


def test_a_stall_ends_with_names(text):
    now = [0.0]

    def forward(seconds):
        now[0] += seconds

    engine = SerialEngine(2, clock=forward)
    submit = engine.submit

    def hanging(f, *args, key, where=()):
        task = submit(f, *args, key=key, where=where)
        task.hung = "-train-3-2-" in key
        return task

    engine.submit = hanging
    monotonic = lambda: now[0]  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fastw2v.distributed.training.time.monotonic", monotonic)
        with pytest.raises(TimeoutError, match=r"round 3: no task has ended for 7 seconds, .*-3-2"):
            run(text, engine, stall=7)
    assert 7 < now[0] < 9


def test_ctrl_c_returns_the_last_whole_round(text):
    def interrupt(task, engine):
        raise KeyboardInterrupt

    whole = run(text, SerialEngine(2), on_round=lambda info: info.round == 2)
    script = at("before", "train-3-1", interrupt)
    with pytest.warns(RuntimeWarning, match="stopped by Ctrl-C after round 3 of 6"):
        model = run(text, SerialEngine(2, script=script))
    assert crc(model) == crc(whole) and model.epochs_done == 1


def test_ctrl_c_before_the_first_round_is_raised(text):
    def interrupt(task, engine):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(text, SerialEngine(2, script=at("before", "encode-2", interrupt)))


def test_a_run_is_resumed_with_the_same_bits(text, expected, tmp_path):
    for stopped in (0, 1, 4):
        folder = tmp_path / str(stopped)

        class Gone(Exception):
            pass

        def lost(info, stopped=stopped):
            if info.round == stopped:
                raise Gone

        with pytest.raises(Gone):
            run(text, SerialEngine(2), run=folder, every=0, on_round=lost)
        model = resume(folder, client=SerialEngine(3))
        assert crc(model) == expected and len(model.epoch_losses) == 2


def test_the_end_of_a_run_is_saved_in_any_case(text, expected, tmp_path):
    run(text, SerialEngine(2), run=tmp_path / "run", on_round=lambda info: info.round == 2)
    told = []
    model = resume(tmp_path / "run", client=SerialEngine(2), on_round=told.append)
    assert crc(model) == expected and told[0].round == 3
    engine = SerialEngine(1)
    assert crc(resume(tmp_path / "run", client=engine)) == expected
    assert not any("-train-" in key for key in engine.log)


@pytest.mark.parametrize("victim", ["save-4-0", "save-4-1"])
def test_a_run_killed_in_a_checkpoint_leaves_the_one_before(text, expected, tmp_path, victim):
    def die(task, engine):
        raise SystemExit  # neither an error of the task nor Ctrl-C

    with pytest.raises(SystemExit):
        run(
            *(text, SerialEngine(2, script=at("after", victim, die))),
            run=tmp_path / "run",
            every=0,
        )
    told = []
    model = resume(tmp_path / "run", client=SerialEngine(2), on_round=told.append)
    assert crc(model) == expected and told[0].round == 3


def test_a_checkpoint_that_cannot_be_written_is_no_end(text, expected, tmp_path, monkeypatch):
    write_rows, put = RunFolder.write_rows, RunFolder._put
    left = ["rows", "manifest"]

    def rows(folder, run, round, *rest):
        if round == 2 and "rows" in left:
            left.remove("rows")
            raise OSError(28, "No space left on device")
        return write_rows(folder, run, round, *rest)

    def manifest(folder, name, data):
        if name == "manifest.json" and b'"round": 4' in data and "manifest" in left:
            left.remove("manifest")
            raise PermissionError("read-only")
        put(folder, name, data)

    monkeypatch.setattr(RunFolder, "write_rows", rows)
    monkeypatch.setattr(RunFolder, "_put", manifest)
    told = "could not be written .*; the run goes on, and resume would continue from round"
    with (
        pytest.warns(RuntimeWarning, match=f"round 2 {told} 1"),
        pytest.warns(RuntimeWarning, match=f"round 4 {told} 3"),
    ):
        model = run(text, SerialEngine(2), run=tmp_path / "run", every=0)
    assert crc(model) == expected and left == []
    assert crc(resume(tmp_path / "run", client=SerialEngine(1))) == expected


@pytest.mark.filterwarnings("ignore:train. all workers that held")
@pytest.mark.parametrize("name", ["train-2-1", "merge-2-0", "train-3-1"])
@pytest.mark.parametrize("loss", ["one", "all", "damage"])
def test_results_of_failed_tasks_are_released(text, expected, name, loss, monkeypatch):
    # Dask would make them again with each worker that it loses.
    live, report = [], Coordinator._report

    def counting(self, *rest):
        live.append(len(self.tasks.live))
        return report(self, *rest)

    def lose(task, engine):
        if loss == "damage":
            flip(task.value[0] if name.startswith("train") else task.value)
            return
        for address in list(engine.here) if loss == "all" else [task.address]:
            engine.kill(address)
            engine.join()

    monkeypatch.setattr(Coordinator, "_report", counting)
    engine = SerialEngine(3, script=at("after", name, lose))
    assert crc(run(text, engine)) == expected
    assert len(set(live)) == 1 and len(live) >= ROUNDS


def test_a_worker_that_joins_with_another_level_is_refused(text):
    engine = SerialEngine(2)

    def on_round(info):
        if info.round == 1:
            engine.join(Here(isa="baseline" if engine.places()[0].isa != "baseline" else "v3"))
            engine.kill("place-0")

    with pytest.raises(RuntimeError, match="place-2: expected instruction-set level"):
        run(text, engine, on_round=on_round)
