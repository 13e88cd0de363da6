"""Cutting text into words, against gensim's simple_preprocess, a regular expression over \\w."""

import harness
from fastw2v.datasets import builtin_text, tokenize
from fastw2v.reference import splitter as oracle
from harness import Row, Task

SHORTEST, LONGEST = 1, 10**6  # of gensim's words, so that it keeps all


class Text:
    """The documentation inside Python, line by line for both, as gensim's corpora are read."""

    def __init__(self):
        self._lines = None

    @property
    def lines(self):
        if self._lines is None:
            self._lines = builtin_text().splitlines(keepends=True)
        return self._lines

    def task(self, cut, least):
        last = [None]

        def run(_):
            last[0] = cut()

        def check():
            assert len(last[0]) > least

        return Task(run, check)

    def ours(self):
        text = "".join(self.lines)
        return self.task(lambda: list(tokenize(text)), 300_000)

    def gensim(self):
        from gensim.utils import simple_preprocess

        lines = self.lines

        def cut():
            return [
                word
                for line in lines
                for word in simple_preprocess(line, min_len=SHORTEST, max_len=LONGEST)
            ]

        return self.task(cut, 250_000)

    def verify(self):
        text = "".join(self.lines[:20_000])
        assert list(tokenize(text)) == oracle.Splitter().cut(text)[0]


TEXT = Text()
ROWS = [
    Row(
        "splitter",
        "documentation of Python cut into 400,000 words, as str",
        TEXT.ours,
        TEXT.verify,
        rivals={"gensim": TEXT.gensim},
        goal_rival=5,
    )
]


@harness.each_contender(ROWS)
def test_splitter(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
