"""The options of `train` for clusters, and the command `plan`."""

import pytest
from cli_report import results

from fastw2v.cli import main


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--shards", "3"], "--shards: expected --scheduler ADDRESS beside it"),
        (["--column", "text"], "--column: expected --scheduler"),
        (["--run", "run"], "--run: expected --scheduler"),
        (["--scheduler", "tcp://h:1", "a", "--checkpoint", "c.fw2v"], "name it with --run DIR"),
        (["--scheduler", "tcp://h:1", "--resume", "r", "--dim", "3"], "--dim: expected no setting"),
        (["--scheduler", "tcp://h:1", "a", "--held-out", "none"], "none: no such file"),
        (["--scheduler", "tcp://h:1", "a", "--save-model", "no/m.fw2v"], "there is no folder"),
        (["--scheduler", "tcp://h:1"], "FILE: expected files that all workers see"),
        (["--scheduler", "tcp://h:1", "a", "--split", "words"], "--split: a cluster reads UTF-8"),
        (["--scheduler", "tcp://h:1", "a", "--engine", "layers"], "--engine: a cluster reads"),
        (["--scheduler", "tcp://h:1", "a", "--encoding", "cp932"], "--encoding: a cluster reads"),
        (["--scheduler", "tcp://h:1", "a", "--resume", "r"], "--resume: expected neither FILE"),
    ],
)
def test_options_that_do_not_fit(capsys, arguments, message):
    assert main(["train", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_plan(capsys):
    flags = "--vocabulary 1e6 --dim 300 --words 1e10 --machines 64 --model skip-gram".split()
    assert main(["plan", *flags]) == 0
    assert "best: 16 machines" in capsys.readouterr().out
    assert main(["plan", *flags, "--json"]) == 0
    found = results(capsys.readouterr().out)
    assert found["best_machines"] == 16 and found["bytes_per_worker"] == 8.4e9
    assert (
        main(["plan", "--vocabulary", "1.5", "--dim", "3", "--words", "9", "--machines", "2"]) == 2
    )
    assert "--vocabulary: expected a whole number of 1 or more" in capsys.readouterr().err
