"""`run` on notebooks, its one line, and `run --compare`."""

import json
import re

import pytest
from book_folder import Book, fastw2v_run
from places import ROOT

from fastw2v.dropin import notebook, run_script
from fastw2v.dropin.served_module import what_is_served

LINE = f"fastw2v: {what_is_served()}\n"


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


def a_notebook(*cells):
    """Return the JSON of a notebook with a text cell and these code cells."""
    code = [
        {"cell_type": "code", "source": text.splitlines(keepends=True), "outputs": []}
        for text in cells
    ]
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "#"}, *code]})


class TestTheLine:
    def test_one_line_on_stderr(self, book):
        book.write("script.py", "print(1)")
        done = fastw2v_run("script.py", cwd=book.root)
        assert (done.stdout, done.stderr) == ("1\n", LINE)

    def test_quiet(self, book):
        book.write("common/functions.py", "def gelu(x):\n    return x")
        book.write("script.py", "from common.functions import gelu\nprint(gelu(2))")
        done = fastw2v_run("--quiet", "script.py", cwd=book.root)
        assert (done.stdout, done.stderr) == ("2\n", "")


class TestWhatIsMissing:
    @pytest.mark.parametrize("name", ["matplotlib.pyplot", "sklearn"])
    @pytest.mark.parametrize("kind", ["script.py", "cells.ipynb"])
    def test_a_module_of_an_extra_brings_the_command_that_installs_it(self, book, name, kind):
        package = name.partition(".")[0]
        code = f"import sys\nsys.modules[{package!r}] = None\nimport {name}"
        book.write(kind, a_notebook(code) if kind.endswith("ipynb") else code)
        done = fastw2v_run("--quiet", kind, cwd=book.root)
        assert done.returncode == 1
        *_, error, hint = done.stderr.splitlines()
        assert error.startswith("ModuleNotFoundError")
        cure = f"pip install 'fastw2v[{run_script.EXTRAS[package]}]'"
        assert hint == f"fastw2v: run: {package} is not installed: {cure}"

    def test_any_other_module_brings_none(self, book):
        book.write("script.py", "import no_module_of_this_name")
        done = fastw2v_run("--quiet", "script.py", cwd=book.root)
        assert done.stderr.splitlines()[-1].startswith("ModuleNotFoundError")

    def test_the_extras_are_those_of_the_package(self):
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        declared = re.findall(
            r"^(\w+) = \[", text.split("[project.optional-dependencies]")[1], re.M
        )
        assert {*declared} >= {*run_script.EXTRAS.values()}

    @pytest.mark.parametrize("flags", [[], ["--quiet"]])
    def test_a_script_that_is_not_there(self, book, flags):
        done = fastw2v_run(*flags, "none.py", cwd=book.root)
        assert done.returncode == 2 and "run: can't open file 'none.py': No such" in done.stderr

    def test_a_wrong_level_is_one_line(self, book, monkeypatch):
        monkeypatch.setenv("FASTW2V_ISA", "v9")
        book.write("script.py", "import common.layers")
        done = fastw2v_run("--quiet", "script.py", cwd=book.root)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("fastw2v: run: error: FASTW2V_ISA: expected baseline")


class TestNotebooks:
    def run(self, book, *cells):
        book.write("x.ipynb", a_notebook(*cells))
        return fastw2v_run("--quiet", "x.ipynb", cwd=book.root)

    def test_cells_share_names_and_show_their_last_value(self, book):
        done = self.run(
            book,
            "import numpy as np\nfrom common.layers import Embedding",
            "layer = Embedding(np.eye(2))\nlayer.forward(np.array([1]))",
            "x = 3",
            "x;",
            "print(x)\nx + 1",
            "None",
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "array([[0., 1.]])\n3\n4\n"

    def test_magics_are_left_out_and_named(self, book):
        text = (
            "%matplotlib inline\n!pip install x\nstr.join?\n"
            "if True:\n    %time\ns = '''\n%d\n'''\n(7\n % 4)"
        )
        book.write("x.ipynb", a_notebook(text, "%%bash\nexit 1", "%%time\nprint(s.strip())"))
        done = fastw2v_run("x.ipynb", cwd=book.root)
        assert (done.returncode, done.stdout) == (0, "3\n%d\n")
        assert done.stderr == (
            f"{LINE}fastw2v: x.ipynb, cell 1 line 2 left out: !pip install x\n"
            "fastw2v: x.ipynb, cell 1 line 3 left out: str.join?\n"
            "fastw2v: x.ipynb, cell 1 line 5 left out: %time\n"
            "fastw2v: x.ipynb, cell 2 left out: %%bash\n"
            "fastw2v: x.ipynb, cell 3 line 1 left out: %%time\n"
        )

    def test_tracebacks_show_the_line_of_the_cell(self, book):
        done = self.run(book, "def f():\n    return 1 / 0", "f()")
        assert done.returncode == 1
        assert 'File "x.ipynb, cell 1", line 2, in f\n    return 1 / 0' in done.stderr
        assert "dropin" not in done.stderr

    def test_a_cell_that_is_no_python(self, book):
        done = self.run(book, "print(1)", "def")
        assert done.returncode == 1 and done.stdout == "1\n"
        assert "SyntaxError" in done.stderr and "cell 2" in done.stderr

    def test_older_format(self):
        cells = [{"cell_type": "code", "input": ["a = 1\n", "a"]}]
        content = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}).encode()
        assert notebook.code_cells(content, "x") == [notebook.Cell("x, cell 1", "a = 1\na")]

    @pytest.mark.parametrize(
        "content",
        [b"", b"print(1)", b"[]", b"{}", b'{"cells": 3}', b'{"cells": [{}]}', b"\xff"]
        + [
            b'{"cells": [{"cell_type": "code"}]}',
            b'{"cells": [{"cell_type": "code", "source": 1}]}',
        ],
    )
    def test_no_notebook(self, content):
        with pytest.raises(ValueError, match=r"x\.ipynb: expected a notebook, .* got .*; save"):
            notebook.code_cells(content, "x.ipynb")

    def test_no_notebook_on_the_command_line(self, book):
        book.write("x.ipynb", "print(1)")
        done = fastw2v_run("x.ipynb", cwd=book.root)
        assert done.returncode == 2 and "expected a notebook" in done.stderr


# A reader's folder whose numpy layers are those of the reference.
COMMON = {
    "common/np.py": "import numpy as np\nGPU = False",
    "common/layers.py": "from fastw2v.reference.layers import *",
    "common/trainer.py": "from fastw2v.reference.trainer import *",
    "common/optimizer.py": """
        from fastw2v.reference import optimizer
        class SGD(optimizer.SGD):
            def update(self, params, grads):
                super().update(params, grads)
        """,
}
LOOP = """
    import sys
    sys.path.append('..')
    import numpy as np
    from common.layers import Affine, SoftmaxWithLoss
    from common.optimizer import SGD
    from common.trainer import Trainer

    class Model:
        def __init__(self):
            W = 0.1 * np.random.randn(5, 3)
            self.layer, self.last = Affine(W, np.zeros(3)), SoftmaxWithLoss()
            self.params, self.grads = self.layer.params, self.layer.grads

        def forward(self, x, t):
            return self.last.forward(self.layer.forward(x), t)

        def backward(self, dout=1):
            self.layer.backward(self.last.backward(dout))

    x, t = np.random.randn(60, 5), np.random.randint(0, 3, 60)
    model, optimizer = Model(), SGD(0.1)
    """
OWN_LOOP = LOOP + (
    """
    for i in range(30):
        loss = model.forward(x, t)
        model.backward()
        optimizer.update(model.params, model.grads)
    print("not to be seen")
    """
)
FIT = LOOP.rstrip() + "\n    Trainer(model, optimizer).fit(x, t, max_epoch=10, batch_size=20)\n"


class TestCompare:
    def compare(self, book, script, steps, common=True):
        for name, text in COMMON.items():
            if common:
                book.write(name, text)
        path = book.write("ch01/train.py", script)
        return fastw2v_run("--compare", steps, path.name, cwd=path.parent)

    @pytest.mark.parametrize("script", [OWN_LOOP, FIT], ids=["own loop", "fit"])
    def test_both_sides_are_timed_and_their_losses_agree(self, book, script):
        done = self.compare(book, script, 12)
        assert (done.returncode, done.stderr) == (0, "")
        plain, ours, losses = done.stdout.splitlines()
        assert re.fullmatch(r"numpy +[\d.]+ ms a step", plain)
        assert re.fullmatch(
            r"fastw2v +[\d.]+ ms a step, [\d.]+ times as fast \(medians of 11 steps\)", ours
        )
        found = re.match(r"largest difference of the loss in 12 steps: (\S+), mean loss", losses)
        assert float(found[1]) < 1e-6

    def test_a_script_that_ends_earlier(self, book):
        done = self.compare(book, OWN_LOOP.replace("range(30)", "range(4)"), 100)
        assert done.returncode == 0 and "medians of 3 steps" in done.stdout

    def test_a_script_that_trains_nothing(self, book):
        done = self.compare(book, "print(1)", 10)
        assert done.returncode == 1 and "ended after 0 calls of an optimizer" in done.stderr

    def test_without_numpy_layers(self, book):
        done = self.compare(book, OWN_LOOP, 10, common=False)
        assert done.returncode == 1 and "needs the book's folder common" in done.stderr
        assert "No module named 'common'" in done.stderr

    @pytest.mark.parametrize(
        ("options", "message"),
        [(("--compare", "1", "x.py"), "at least 2"), (("--compare", "9", "x.py"), "can't open")],
    )
    def test_wrong_usage(self, book, options, message):
        done = fastw2v_run(*options, cwd=book.root)
        assert done.returncode == 2 and message in done.stderr
