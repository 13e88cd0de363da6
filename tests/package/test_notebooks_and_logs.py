"""Bars, tables of notebooks, and loggers."""

import logging
import re

import numpy as np
import pytest
from fresh_interpreter import run
from house import MODULES

from fastw2v._core import progress
from fastw2v.keyed_vectors import KeyedVectors
from fastw2v.models import CBOW, SimpleRnnlm
from fastw2v.optimizer import SGD
from fastw2v.trainer import RnnlmTrainer, Trainer
from fastw2v.word2vec import Word2Vec


@pytest.fixture
def bars(monkeypatch):
    """Record what every bar is told."""
    told = []

    class Bar:
        def __init__(self, **options):
            self.n = 0

        def update(self, n):
            self.n += n

        def set_description_str(self, text, refresh):
            told.append(text)

        def set_postfix_str(self, text, refresh):
            told.append(text)

        def close(self):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

    for module in ("_training.fit_loop", "word2vec.training"):
        monkeypatch.setattr(f"fastw2v.{module}.open_bar", Bar)
    return told


def test_bars_name_epoch_and_measure(bars):
    Word2Vec(
        [["a", "b", "c"]] * 99,
        min_count=1,
        vector_size=4,
        epochs=3,
        progress=True,
        compute_loss=True,
    )
    assert {"epoch 1/3", "epoch 2/3", "epoch 3/3"} <= {*bars}
    assert any(re.fullmatch(r"loss \d\.\d{4}", text) for text in bars)
    bars.clear()
    ids = np.arange(100, dtype=np.int32) % 5
    model = SimpleRnnlm(5, 4, 4)
    RnnlmTrainer(model, SGD()).fit(ids[:-1], ids[1:], 2, 3, 5, eval_interval=1, progress=True)
    assert "epoch 1" in bars and "epoch 2" in bars
    shown = [float(text.split()[1]) for text in bars if text.startswith("perplexity ")]
    assert shown and 1 < shown[0] < 10
    bars.clear()
    contexts, target = np.zeros((40, 2), np.int32), np.ones(40, np.int32)
    model = CBOW(9, 4, 1, np.arange(9, dtype=np.int32))
    Trainer(model, SGD()).fit(contexts, target, 2, 10, eval_interval=1, progress=True)
    assert "epoch 2" in bars and any(text.startswith("loss ") for text in bars)


def test_a_bar_is_a_widget_only_where_ipython_runs():
    code = "import sys; from fastw2v._core.progress import open_bar\n{}\n"
    code += "open_bar(total=3).close(); print('tqdm.auto' in sys.modules)"
    assert run(code.format("")).stdout == "False\n"
    assert run(code.format("sys.modules['IPython'] = sys")).stdout == "True\n"
    assert progress.__all__ == ["open_bar"]


def test_notebooks_show_tables_with_escaped_words():
    words = ["<script>alert(1)</script>", "b"]
    vectors = KeyedVectors.from_words(words, np.eye(2))
    shown = vectors._repr_html_()
    assert shown.startswith("<table><caption>KeyedVectors</caption>")
    assert "<script" not in shown and "&lt;script&gt;" in shown and "<td>2</td>" in shown
    model = Word2Vec([["a", "b"]] * 30, min_count=1, vector_size=4, epochs=2, sg=1, hs=1, sample=0)
    shown = model._repr_html_()
    assert "skip-gram, 5 negative samples and hierarchical softmax, window 5" in shown
    assert "<th>loss</th>" in shown
    assert "no output layer" not in shown and "<td>0</td>" in Word2Vec()._repr_html_()


def test_loggers_are_below_fastw2v(caplog):
    for name, path in MODULES.items():
        for call in re.findall(r"getLogger\((.*?)\)", path.read_text(encoding="utf-8")):
            assert call == "__name__" or call.startswith('"fastw2v'), name
    with caplog.at_level(logging.INFO, logger="fastw2v"):
        Word2Vec([["a", "b", "c"]] * 9, min_count=1, vector_size=4)
    assert caplog.records and all(r.name.startswith("fastw2v.") for r in caplog.records)
