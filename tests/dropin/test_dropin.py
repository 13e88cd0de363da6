"""Scripts like those of the book, run by `fastw2v run` in a process of their own."""

import argparse
import importlib.util
import inspect
import json
import multiprocessing
import signal
import sys
import textwrap

import pytest
from book_folder import Book, fastw2v_run, python, without_first_line
from own_model import OwnCBOW
from places import DATA

from fastw2v import config
from fastw2v.dropin import book_names
from fastw2v.dropin.served_module import what_is_served

# Module of the book -> what it defines, and what its star import leaks beside that.
NAMES = json.loads((DATA / "book_names.json").read_text("utf-8"))


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


class TestTables:
    @pytest.mark.parametrize("name", NAMES)
    def test_names_and_leaks_are_the_books(self, name):
        book = (book_names.SERVED | book_names.MODELS)[name]
        assert sorted(book.defines) == NAMES[name]["defines"]
        assert sorted(book.leaks) == NAMES[name]["star_import_also_gives"]

    def test_bare_and_dotted_names_are_served_alike(self):
        for bare, dotted in (
            ("negative_sampling_layer", "ch04.negative_sampling_layer"),
            ("attention_layer", "ch08.attention_layer"),
        ):
            assert book_names.SERVED[bare] is book_names.SERVED[dotted]
        assert len(book_names.MODELS) == 18


class TestServedModules:
    @pytest.mark.parametrize("name", book_names.SERVED)
    def test_star_import_gives_the_books_names_without_the_books_folders(self, book, name):
        book.write("script.py", f"from {name} import *\nprint(*sorted(globals()))")
        printed = book.lines("script.py")[0].split()
        expected = {*book_names.SERVED[name].defines, *book_names.SERVED[name].leaks}
        if importlib.util.find_spec("matplotlib") is None:
            expected -= {"plt"}
        assert {n for n in printed if not n.startswith("__")} == expected

    def test_names_are_ours(self, book):
        book.write(
            "ch04/script.py",
            """
            import collections, numpy
            import common.np, common.layers, fastw2v.layers
            from common.trainer import Trainer, clip_grads, numpy as same_numpy
            from common.layers import Embedding as E
            from common import util, config
            from ch04.negative_sampling_layer import NegativeSamplingLoss, collections as c
            from negative_sampling_layer import NegativeSamplingLoss as bare
            print(common.np.np is numpy is same_numpy, c is collections)
            print(E is common.layers.Embedding is fastw2v.layers.Embedding)
            print(clip_grads is util.clip_grads, bare is NegativeSamplingLoss)
            print(config.GPU, "Embedding" in dir(common.layers))
            """,
        )
        assert book.lines("ch04/script.py") == [
            "True True", "True", "True True", "False True",
        ]  # fmt: skip

    def test_layers_over_time_and_attention_are_ours(self, book):
        book.write(
            "ch08/script.py",
            """
            import numpy, fastw2v.layers, fastw2v.time_layers, fastw2v.attention_layer
            from common.time_layers import *
            from ch08.attention_layer import TimeAttention, np as same_numpy, Softmax as S
            import attention_layer, ch08.attention_layer, common.time_layers
            print(TimeAffine is common.time_layers.TimeAffine is fastw2v.time_layers.TimeAffine)
            print(attention_layer.Attention is ch08.attention_layer.Attention)
            print(np is same_numpy is numpy, GPU, S is Softmax is fastw2v.layers.Softmax)
            print(Embedding is fastw2v.layers.Embedding, sigmoid(np.zeros(1)))
            print(TimeAffine.__module__)
            """,
        )
        assert book.lines("ch08/script.py") == [
            "True", "True", "True False True", "True [0.5]",
            "fastw2v.time_layers",
        ]  # fmt: skip

    def test_a_name_that_no_file_has(self, book):
        book.write("script.py", "from common.layers import Convolution")
        done = book.run("script.py")
        assert done.returncode == 1
        assert "ImportError: cannot import name 'Convolution' from 'common.layers'" in done.stderr

    def test_plt_is_left_out_without_matplotlib(self, book):
        book.write("matplotlib/__init__.py", "raise ImportError('not installed')")
        book.write("script.py", "from common.trainer import *\nprint('plt' in globals(), Trainer)")
        assert book.lines("script.py")[0].startswith("False <class")

    @pytest.mark.parametrize(
        "statement",
        [
            "from common.time_layers import *",
            "from common.time_layers import TimeLSTM",
            "import ch08.attention_layer",
            "from attention_layer import TimeAttention",
            "from rnnlm import Rnnlm",
            "from ch07.seq2seq import Seq2seq",
        ],
    )
    def test_each_way_to_import_is_served(self, book, statement):
        book.write("common/time_layers.py", "class TimeLSTM: ...")
        book.write("script.py", f"{statement}\nimport sys\nprint('fastw2v.layers' in sys.modules)")
        done = book.run("script.py", models=True)
        assert (done.returncode, done.stdout) == (0, "True\n")

    def test_a_module_of_ours_is_served_from_the_day_it_exists(self, book):
        book.write(
            "script.py",
            """
            import sys, types, importlib.machinery
            home = "fastw2v.time_layers"
            sys.modules[home] = module = types.ModuleType(home)
            module.__spec__ = importlib.machinery.ModuleSpec(home, None)
            module.TimeLSTM = "ours"
            from common.time_layers import *
            print(TimeLSTM, np.__name__, Embedding.__name__, sigmoid(0.0))
            """,
        )
        assert book.lines("script.py") == ["ours numpy Embedding 0.5"]


class TestSharedPackages:
    def test_others_come_from_folders_added_to_the_path_at_any_time(self, book):
        book.write("common/mine.py", "from .layers import Embedding\nclass Mine(Embedding): ...")
        book.write("common/layers.py", "raise RuntimeError('never executed')")
        book.write("dataset/ptb.py", "words = 'you say goodbye'")
        book.write("ch04/tools.py", "from common.np import *\nzero = np.zeros(1)")
        book.write("elsewhere/ch04/late.py", "late = True")
        book.write(
            "ch04/train.py",
            """
            from common.layers import *
            import sys
            sys.path.append('..')
            import fastw2v.layers
            from common.mine import Mine
            from dataset import ptb
            from ch04.tools import zero
            sys.path.append('../elsewhere')
            from ch04.late import late
            print(Mine.__mro__[1] is fastw2v.layers.Embedding, ptb.words, zero, late)
            """,
        )
        assert book.lines("ch04/train.py") == ["True you say goodbye [0.] True"]

    def test_the_readers_package_file_runs(self, book):
        book.write("common/__init__.py", "from common.layers import MatMul\nEDITION = 2")
        book.write("script.py", "import common\nprint(common.EDITION, common.MatMul.__module__)")
        assert book.lines("script.py")[0].startswith("2 fastw2v.")

    def test_a_module_that_is_nowhere(self, book):
        book.write("script.py", "import sys\nimport ch05\n")
        assert "ModuleNotFoundError: No module named 'ch05'" in book.run("script.py").stderr
        book.write("script.py", "import common.nothing")
        assert "No module named 'common.nothing'" in book.run("script.py").stderr

    def test_a_plain_module_of_that_name_stays_the_readers(self, book):
        book.write("ch05.py", "answer = 42")
        book.write("common.py", "answer = 43")
        book.write("script.py", "import ch05, common\nprint(ch05.answer, common.answer)")
        assert book.lines("script.py") == ["42 43"]


class TestReadersAdditions:
    LAYERS = """
        from common.np import *
        from common.functions import softmax, cross_entropy_error
        from helpers import *
        import math
        print("executed")

        class Embedding:
            def __init__(self, W):
                raise RuntimeError("the slow one")

        class Relu:
            rate = math.pi + half

        class Positional(Embedding):
            pass

        def _private():
            return 1
        """

    def test_taken_from_the_readers_file_and_reported_once(self, book):
        book.write("helpers.py", "half = 0.5")
        path = book.write("common/layers.py", self.LAYERS)
        book.write(
            "script.py",
            """
            from common.layers import Relu, _private
            from common.layers import *
            import common.layers, fastw2v.layers, pickle
            print(Relu.rate, half, math.pi, _private(), common.layers.Relu is Relu)
            print(Embedding is fastw2v.layers.Embedding, issubclass(Positional, Embedding))
            print(Positional(np.zeros((2, 3))).forward(0), "_private" in common.layers.__all__)
            print(type(pickle.loads(pickle.dumps(Relu()))) is Relu)
            """,
        )
        done = book.run("script.py")
        assert done.stdout.splitlines() == [
            "executed",
            "3.641592653589793 0.5 3.141592653589793 1 True",
            "True True",
            "[0. 0. 0.] False",
            "True",
        ]
        assert done.stderr.splitlines() == [
            f"fastw2v: common.layers: Relu taken from {path}",
            f"fastw2v: common.layers: _private taken from {path}",
            f"fastw2v: common.layers: Positional, half, math taken from {path}",
        ]

    def test_a_file_without_additions_is_not_executed(self, book):
        book.write(
            "common/trainer.py",
            """
            import sys
            sys.path.append("..")
            import numpy
            import time
            import matplotlib.pyplot as plt
            from common.np import *
            from common.util import clip_grads
            class Trainer: ...
            class RnnlmTrainer: ...
            def remove_duplicate(params, grads): ...
            raise RuntimeError("executed")
            """,
        )
        book.write("script.py", "from common.trainer import *\nprint(Trainer.__module__)")
        assert book.lines("script.py")[0].startswith("fastw2v.")

    def test_an_addition_seen_through_another_served_file(self, book):
        book.write("common/functions.py", "def gelu(x):\n    return x")
        book.write("common/layers.py", "from common.functions import *")
        book.write("script.py", "from common.layers import *\nprint(gelu(2), relu.__module__[:7])")
        done = book.run("script.py")
        assert done.stdout == "2 fastw2v\n"
        assert "common.layers: gelu taken from" in done.stderr

    def test_the_readers_name_wins_over_one_the_book_does_not_have(self, book):
        book.write("common/functions.py", "def scatter_add(x):\n    return 'mine'")
        book.write("script.py", "from common.functions import scatter_add\nprint(scatter_add(1))")
        assert book.run("script.py").stdout == "mine\n"

    def test_a_broken_file_only_costs_its_additions(self, book):
        book.write("common/layers.py", "import no_such_module\nclass Relu: ...")
        book.write(
            "script.py",
            """
            from common.layers import *
            print(MatMul)
            from common.layers import Relu
            """,
        )
        done = book.run("script.py")
        assert "MatMul" in done.stdout and done.returncode == 1
        assert "nothing taken from" in done.stderr
        assert "ModuleNotFoundError: No module named 'no_such_module'" in done.stderr

    def test_settings_in_config(self, book):
        book.write("common/config.py", "GPU = False\nSEED = 7")
        book.write("script.py", "from common import config\nprint(config.GPU, config.SEED)")
        assert book.run("script.py").stdout == "False 7\n"


class TestGpuSwitch:
    def refused(self, done, *parts):
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert last.startswith("RuntimeError: config.GPU: expected False, got True")
        assert "remove this line" in last
        for part in parts:
            assert part in last

    @pytest.mark.parametrize("after", ["from common.np import *", "import common.util"])
    def test_next_import_names_the_line(self, book, after):
        path = book.write("script.py", f"from common import config\nconfig.GPU = True\n{after}\n")
        self.refused(book.run("script.py"), f"line 2 of {path}: config.GPU = True")

    def test_next_import_of_a_loaded_module(self, book):
        book.write(
            "script.py",
            """
            import common.layers
            from common import config
            config.GPU = True
            print(config.GPU)
            from common.layers import MatMul
            print("not reached")
            """,
        )
        done = book.run("script.py")
        self.refused(done, "line 4 of ")
        assert done.stdout == "True\n"

    def test_set_back(self, book):
        book.write(
            "script.py",
            """
            from common import config
            config.GPU = True
            config.GPU = False
            from common.layers import *
            print(GPU)
            """,
        )
        assert book.lines("script.py") == ["False"]

    def test_in_the_readers_config_file(self, book):
        path = book.write("common/config.py", "# mode\nGPU = True\n")
        book.write("script.py", "from negative_sampling_layer import *")
        self.refused(book.run("script.py"), f"line 2 of {path}: GPU = True")

    def test_check(self):
        config.check()
        config.set_gpu(True, "line 1 of here")
        try:
            with pytest.raises(RuntimeError, match=r"set in line 1 of here\).*remove this line"):
                config.check()
        finally:
            config.set_gpu(False)
        config.check()

    def test_next_constructor_of_a_layer(self, book):
        book.write(
            "script.py",
            """
            from common.layers import *
            from common import config
            layer = Embedding(np.zeros((2, 3)))
            config.GPU = True
            Embedding(np.zeros((2, 3)))
            """,
        )
        self.refused(book.run("script.py"), "line 5 of ")


# The lines above the class in a reader's model file.
BOOKS_IMPORTS = """\
import sys
sys.path.append('..')
from common.np import *
from common.layers import Embedding
from ch04.negative_sampling_layer import NegativeSamplingLoss


"""
OWN_CBOW = BOOKS_IMPORTS + inspect.getsource(OwnCBOW).replace("OwnCBOW", "CBOW")

TEXT = "'you say goodbye and i say hello and you say thank you and i say good morning ' * 8"

TRAIN = f"""
    import sys
    sys.path.append('..')
    from common import config
    # config.GPU = True
    from common.np import *
    import pickle
    from common.trainer import Trainer
    from common.optimizer import Adam
    from cbow import CBOW
    from common.util import create_contexts_target, to_cpu, to_gpu, preprocess

    np.random.seed(0)
    corpus, word_to_id, id_to_word = preprocess(({TEXT}).strip())
    contexts, target = create_contexts_target(corpus, 2)
    if config.GPU:
        contexts, target = to_gpu(contexts), to_gpu(target)
    model = CBOW(len(word_to_id), 8, 2, corpus)
    trainer = Trainer(model, Adam(0.01))
    trainer.fit(contexts, target, 4, 20, eval_interval=2)
    with open('vectors.pkl', 'wb') as f:
        pickle.dump(to_cpu(model.word_vecs).astype(np.float16), f, -1)
    print(trainer.loss_list[-1] < trainer.loss_list[0], CBOW.__module__)
    """


class TestTraining:
    def test_the_readers_model_file(self, book):
        book.write("ch04/cbow.py", OWN_CBOW)
        book.write("ch04/train.py", TRAIN)
        printed = book.lines("ch04/train.py")
        assert printed[0].startswith("| epoch 1 |  iter 1 / ")
        assert printed[-1] == "True cbow"
        assert (book.root / "ch04" / "vectors.pkl").exists()

    def test_a_readers_network_with_attention(self, book):
        book.write(
            "ch08/echo.py",
            """
            import sys
            sys.path.append('..')
            from common.time_layers import *
            from common.base_model import BaseModel
            from ch08.attention_layer import TimeAttention


            class Echo(BaseModel):
                def __init__(self, V, D):
                    table = (np.random.randn(V, D) / np.sqrt(D)).astype('f')
                    self.embed, self.query = TimeEmbedding(table), TimeEmbedding(table)
                    self.drop = TimeDropout(0.1)
                    self.attention = TimeAttention()
                    self.affine = TimeAffine(table.T, np.zeros(V).astype('f'))
                    self.loss_layer = TimeSoftmaxWithLoss()
                    layers = (self.embed, self.query, self.affine)
                    self.params = sum((layer.params for layer in layers), [])
                    self.grads = sum((layer.grads for layer in layers), [])

                def forward(self, xs, ts):
                    keys = self.drop.forward(self.embed.forward(xs))
                    found = self.attention.forward(keys, self.query.forward(xs))
                    return self.loss_layer.forward(self.affine.forward(found), ts)

                def backward(self, dout=1):
                    dkeys, dquery = self.attention.backward(
                        self.affine.backward(self.loss_layer.backward(dout)))
                    self.query.backward(dquery)
                    return self.embed.backward(self.drop.backward(dkeys))
            """,
        )
        book.write(
            "ch08/train.py",
            """
            import numpy as np
            from echo import Echo
            from common.optimizer import Adam
            from common.trainer import Trainer

            np.random.seed(1)
            xs = np.random.randint(0, 12, (200, 5))
            model = Echo(12, 8)
            trainer = Trainer(model, Adam(0.02))
            trainer.fit(xs, np.where(xs == 3, -1, xs), 8, 20, max_grad=5.0, eval_interval=5)
            print(trainer.loss_list[-1] < 0.5 * trainer.loss_list[0])
            weights = model.attention.attention_weights
            print(len(weights), weights[0].shape)
            model.save_params()
            """,
        )
        assert book.lines("ch08/train.py")[-2:] == ["True", "5 (20, 5)"]
        assert (book.root / "ch08" / "Echo.pkl").exists()

    def test_models_serves_ours_instead(self, book):
        book.write("ch04/cbow.py", OWN_CBOW)
        book.write("ch04/train.py", TRAIN)
        assert book.lines("ch04/train.py", models=True)[-1] == "True fastw2v.models.cbow"

    def test_models_in_both_spellings(self, book):
        book.write(
            "script.py",
            """
            import fastw2v.models
            from cbow import *
            from ch04.cbow import CBOW as dotted
            import skip_gram, ch04.skip_gram
            print(CBOW is dotted is fastw2v.models.CBOW, NegativeSamplingLoss.__name__)
            print(skip_gram.SkipGram is ch04.skip_gram.SkipGram is fastw2v.models.SkipGram)
            """,
        )
        assert book.lines("script.py", models=True) == ["True NegativeSamplingLoss", "True"]

    def test_own_subclass_own_sampler_own_loop(self, book):
        book.write(
            "ch04/script.py",
            f"""
            import sys
            sys.path.append('..')
            from common.layers import *
            from common.optimizer import SGD
            from common.trainer import remove_duplicate
            from common.util import preprocess, create_contexts_target
            from negative_sampling_layer import NegativeSamplingLoss, UnigramSampler

            calls = []

            class Doubled(Embedding):
                def forward(self, idx):
                    calls.append('forward')
                    return 2 * super().forward(idx)

                def backward(self, dout):
                    calls.append('backward')
                    return super().backward(2 * dout)

            class Next(UnigramSampler):
                def get_negative_sample(self, target):
                    calls.append('sampler')
                    target = np.asarray(target)[:, None]
                    return ((target + np.arange(1, 1 + self.sample_size)) % V).astype(np.int32)

            np.random.seed(0)
            corpus, word_to_id, id_to_word = preprocess(({TEXT}).strip())
            contexts, target = create_contexts_target(corpus, 1)
            V = len(word_to_id)
            layer = Doubled(np.random.randn(V, 4).astype('f'))
            W_out = 0.1 * np.random.randn(V, 4).astype('f')
            loss_layer = NegativeSamplingLoss(W_out, corpus, 0.75, 3)
            loss_layer.sampler = Next(corpus, 0.75, 3)
            optimizer = SGD(0.5)
            losses = []
            for step in range(30):
                losses.append(float(loss_layer.forward(layer.forward(contexts[:, 0]), target)))
                layer.backward(loss_layer.backward())
                params, grads = remove_duplicate(
                    layer.params + loss_layer.params, layer.grads + loss_layer.grads
                )
                optimizer.update(params, grads)
            print(V, len(params), losses[-1] < losses[0], calls[:4])
            """,
        )
        assert book.lines("ch04/script.py") == [
            "9 2 True ['forward', 'sampler', 'backward', 'forward']"
        ]


class TestBareModelNames:
    """Names that plain Python does not find when ch08 imports ch07's files."""

    def test_looked_for_beside_the_importing_file(self, book):
        book.write("ch07/peeky_seq2seq.py", "from seq2seq import *\nclass Peeky(Seq2seq): ...")
        path = book.write("ch07/seq2seq.py", "class Seq2seq: ...")
        book.write(
            "ch08/train.py",
            """
            import sys
            sys.path.append('..')
            from ch07.peeky_seq2seq import Peeky
            print(Peeky.__mro__[1])
            """,
        )
        done = book.run("ch08/train.py")
        assert done.stdout == "<class 'seq2seq.Seq2seq'>\n"
        assert done.stderr.splitlines() == [
            f"fastw2v: seq2seq is not on sys.path; taken from {path}, beside its importer"
        ]

    def test_then_among_our_models(self, book):
        book.write("script.py", "from cbow import CBOW\nprint(CBOW.__name__)")
        done = book.run("script.py")
        assert done.stdout == "CBOW\n"
        assert done.stderr == "fastw2v: cbow is not on sys.path; taken from fastw2v.models.cbow\n"

    def test_other_names_are_not_ours(self, book):
        book.write("ch03/tool.py", "import simple_cbow")
        book.write("ch03/simple_cbow.py", "")
        book.write("script.py", "import ch03.tool")
        assert "No module named 'simple_cbow'" in book.run("script.py").stderr

    def test_rnnlm_gen_is_ours_where_numpy_refuses_the_books(self, book):
        # A stand-in for the model, as long as fastw2v has none.
        path = book.write("ch07/rnnlm_gen.py", "class RnnlmGen: ...")
        book.write(
            "ch07/script.py",
            """
            import sys, types, importlib.machinery, numpy
            home = "fastw2v.models.rnnlm_gen"
            sys.modules[home] = module = types.ModuleType(home)
            module.__spec__ = importlib.machinery.ModuleSpec(home, None)
            module.RnnlmGen = "ours"
            for numpy.__version__ in ("2.3.9", "2.4.0", "2.10.0rc1"):
                sys.modules.pop("rnnlm_gen", None)
                from rnnlm_gen import RnnlmGen
                print(RnnlmGen)
            """,
        )
        done = book.run("ch07/script.py")
        assert done.stdout.splitlines() == ["<class 'rnnlm_gen.RnnlmGen'>", "ours", "ours"]
        assert path.exists() and len(done.stderr.splitlines()) == 2
        assert "rnnlm_gen taken from fastw2v.models.rnnlm_gen" in done.stderr


class TestLaterChapters:
    """Scripts like those of chapters 5 to 8, on our models."""

    RNNLM = """
        import sys
        sys.path.append('..')
        import numpy as np
        from common.optimizer import SGD
        from common.trainer import RnnlmTrainer
        from common.util import eval_perplexity, preprocess

        np.random.seed(0)
        text = "you say goodbye and i say hello . " * 60
        corpus, word_to_id, id_to_word = preprocess(text[:-1])
        xs, ts, V = corpus[:-1], corpus[1:], len(word_to_id)
        """

    def script(self, *lines):
        return textwrap.dedent(self.RNNLM) + textwrap.dedent("\n".join(lines))

    def test_simple_rnnlm(self, book):
        book.write("ch05/simple_rnnlm.py", "raise RuntimeError('the slow one')")
        book.write(
            "ch05/train.py",
            self.script(
                "from simple_rnnlm import SimpleRnnlm",
                "import ch05.simple_rnnlm, fastw2v.models",
                "model = SimpleRnnlm(V, 20, 20)",
                "trainer = RnnlmTrainer(model, SGD(0.5))",
                "trainer.fit(xs, ts, 10, 4, 5, max_grad=0.25, eval_interval=5)",
                "print(SimpleRnnlm is ch05.simple_rnnlm.SimpleRnnlm is fastw2v.models.SimpleRnnlm)",
                "print(trainer.ppl_list[-1] < 4)",
                "trainer.plot()",
            ),
        )
        done = book.run("ch05/train.py", models=True)
        lines = done.stdout.splitlines()
        assert lines[0].startswith("| epoch 1 |  iter 1 / 26 | time 0[s] | perplexity 8.")
        assert lines[-2:] == ["True", "True"]

    def test_rnnlm_saves_and_rnnlm_gen_writes(self, book):
        book.write(
            "ch06/train.py",
            self.script(
                "from rnnlm import Rnnlm",
                "model = Rnnlm(V, 20, 20)",
                "RnnlmTrainer(model, SGD(2.0)).fit(xs, ts, 6, 4, 5, 0.25, eval_interval=None)",
                "model.reset_state()",
                "print('test perplexity: ', round(eval_perplexity(model, corpus, 4, 5)) < 4)",
                "model.save_params()",
            ),
        )
        assert book.lines("ch06/train.py", models=True)[-1] == "test perplexity:  True"
        book.write(
            "ch07/generate.py",
            self.script(
                "from rnnlm_gen import RnnlmGen",
                "model = RnnlmGen(V, 20, 20)",
                "model.load_params('../ch06/Rnnlm.pkl')",
                "ids = model.generate(word_to_id['you'], [word_to_id['and']], 30)",
                "print(' '.join(id_to_word[i] for i in ids).replace(' .', '.\\n')[:4])",
                "print('and' in [id_to_word[i] for i in ids], len(ids))",
                "model.reset_state()",
                "for word_id in [word_to_id[word] for word in ('you', 'say')]:",
                "    x = np.array(word_id).reshape(1, 1)",
                "    model.predict(x)",
                "print(model.get_state()[0].shape)",
            ),
        )
        done = book.run("ch07/generate.py")  # without --models, because the reader has no such file
        assert done.stdout.splitlines() == ["you ", "False 30", "(1, 20)"]
        assert "rnnlm_gen" in done.stderr and done.returncode == 0

    def test_better_rnnlm_with_the_books_schedule(self, book):
        book.write(
            "ch06/train_better.py",
            self.script(
                "from common import config",
                "# config.GPU = True",
                "from ch06.better_rnnlm import BetterRnnlm",
                "model, optimizer = BetterRnnlm(V, 20, 20, 0.1), SGD(4.0)",
                "trainer, lr, best = RnnlmTrainer(model, optimizer), 4.0, float('inf')",
                "for epoch in range(6):",
                "    trainer.fit(xs, ts, max_epoch=1, batch_size=4, time_size=5, max_grad=0.25)",
                "    model.reset_state()",
                "    ppl = eval_perplexity(model, corpus, 4, 5)",
                "    if best > ppl:",
                "        best = ppl",
                "        model.save_params()",
                "    else:",
                "        lr /= 4.0",
                "        optimizer.lr = lr",
                "    model.reset_state()",
                "model.load_params('BetterRnnlm.pkl')",
                "print(best < 4, abs(eval_perplexity(model, corpus, 4, 5) - best) < 0.05)",
            ),
        )
        assert book.lines("ch06/train_better.py", models=True)[-1] == "True True"

    SEQ2SEQ = """
        import sys
        sys.path.append('..')
        import numpy as np
        from common.optimizer import Adam
        from common.trainer import Trainer
        from common.util import eval_seq2seq

        np.random.seed(0)
        letters = dict(enumerate('_abcdefg'))
        x = np.random.randint(1, 8, (600, 4))
        t = np.column_stack([np.zeros(600, int), x[:, :2]])
        x = x[:, ::-1]
        """

    @pytest.mark.parametrize(
        ("folder", "module", "name"),
        [
            ("ch07", "seq2seq", "Seq2seq"),
            ("ch07", "peeky_seq2seq", "PeekySeq2seq"),
            ("ch08", "attention_seq2seq", "AttentionSeq2seq"),
        ],
    )
    def test_seq2seq(self, book, folder, module, name):
        book.write(
            f"{folder}/train.py",
            textwrap.dedent(self.SEQ2SEQ)
            + textwrap.dedent(
                f"""
                from {module} import {name}
                import {folder}.{module}, fastw2v.models
                print({folder}.{module}.{name} is {name} is fastw2v.models.{name})
                model = {name}(8, 8, 32)
                trainer = Trainer(model, Adam(0.01))
                for epoch in range(8):
                    trainer.fit(x, t, max_epoch=1, batch_size=30, max_grad=5.0)
                right = 0
                for i in range(20):
                    question, correct = x[[i]], t[[i]]
                    right += eval_seq2seq(model, question, correct, letters, i < 1, True)
                print(right > 15)
                model.save_params()
                twin = {name}(8, 8, 32)
                twin.load_params()
                print(abs(twin.forward(x, t) - model.forward(x, t)) < 0.01)
                """
            ),
        )
        lines = book.lines(f"{folder}/train.py", models=True)
        assert lines[0] == lines[-1] == lines[-2] == "True"
        assert lines[-6].startswith("Q ") and lines[-5].startswith("T ")

    def test_a_readers_file_on_our_layers_and_another_on_our_model(self, book):
        book.write(
            "ch06/rnnlm.py",
            """
            import sys
            sys.path.append('..')
            from common.time_layers import *
            from common.base_model import BaseModel

            class Rnnlm(BaseModel):
                def __init__(self, vocab_size=10000, wordvec_size=100, hidden_size=100):
                    V, D, H = vocab_size, wordvec_size, hidden_size
                    draw = np.random.randn
                    W = (draw(V, D) / 100).astype('f')
                    Wx = (draw(D, 4 * H) / np.sqrt(D)).astype('f')
                    Wh = (draw(H, 4 * H) / np.sqrt(H)).astype('f')
                    out = (draw(H, V) / np.sqrt(H)).astype('f')
                    b, c = np.zeros(4 * H).astype('f'), np.zeros(V).astype('f')
                    self.layers = [TimeEmbedding(W), TimeLSTM(Wx, Wh, b, stateful=True),
                                   TimeAffine(out, c)]
                    self.loss_layer = TimeSoftmaxWithLoss()
                    self.lstm_layer = self.layers[1]
                    self.params, self.grads = [], []
                    for layer in self.layers:
                        self.params += layer.params
                        self.grads += layer.grads

                def predict(self, xs):
                    for layer in self.layers:
                        xs = layer.forward(xs)
                    return xs

                def forward(self, xs, ts):
                    return self.loss_layer.forward(self.predict(xs), ts)

                def backward(self, dout=1):
                    dout = self.loss_layer.backward(dout)
                    for layer in reversed(self.layers):
                        dout = layer.backward(dout)
                    return dout

                def reset_state(self):
                    self.lstm_layer.reset_state()
            """,
        )
        book.write(
            "ch06/train.py",
            self.script(
                "from rnnlm import Rnnlm",
                "import fastw2v.models",
                "lists = []",
                "for cls in (Rnnlm, fastw2v.models.Rnnlm):",
                "    np.random.seed(1)",
                "    trainer = RnnlmTrainer(cls(V, 20, 20), SGD(2.0))",
                "    trainer.fit(xs, ts, 4, 4, 5, max_grad=0.25)",
                "    lists.append(trainer.ppl_list)",
                "print(Rnnlm.__module__, len(lists[0]), np.allclose(*lists, rtol=1e-5))",
            ),
        )
        assert book.lines("ch06/train.py")[-1] == "rnnlm 8 True"
        book.write(
            "ch07/mine.py",
            """
            import sys
            sys.path.append('..')
            from seq2seq import Seq2seq, Encoder
            from common.time_layers import *

            class Shouting(Seq2seq):
                def generate(self, xs, start_id, sample_size):
                    return [7] * sample_size

            model = Shouting(8, 4, 4)
            print(model.generate(np.zeros((1, 3), int), 0, 2), isinstance(model.encoder, Encoder))
            """,
        )
        assert book.lines("ch07/mine.py", models=True) == ["[7, 7] True"]


class TestAsPythonWould:
    def same(self, book, name, *args):
        """Assert that plain Python and fastw2v give the same output and exit code."""
        path = book.root / name
        plain = python(path.name, *args, cwd=path.parent)
        ours = book.run(name, *args)
        assert (ours.returncode, ours.stdout, ours.stderr) == (
            plain.returncode, plain.stdout, plain.stderr,
        )  # fmt: skip
        return plain

    def test_names_of_main(self, book):
        book.write("here.py", "beside = True")
        book.write(
            "script.py",
            """
            import sys, pickle, here
            class Own: ...
            print(__file__, __name__, __package__, __spec__, type(__builtins__), __loader__.path)
            print(sys.argv, sys.path[0], here.beside, sys.modules['__main__'].Own is Own)
            print(type(pickle.loads(pickle.dumps(Own()))) is Own)
            print(list.__add__.__name__, 'annotations' in globals(), 7 / 2)
            """,
        )
        args = ("--models", "-h", "--", "--lr", "0.1", "", "*", "日本")
        assert self.same(book, "script.py", *args).returncode == 0

    @pytest.mark.parametrize(
        "text, code",
        [
            ("print('done')", 0),
            ("import sys; sys.exit()", 0),
            ("raise SystemExit(3)", 3),
            ("exit('sorry')", 1),
            ("import sys; sys.exit(None)", 0),
            ("import sys\ndef f():\n    return 1 / 0\ndef g():\n    f()\ng()", 1),
            ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise KeyError('x')", 1),
            ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('x') from e", 1),
            ("import missing_module", 1),
            ("import helper", 1),
            ("from importlib import import_module\nimport_module('helper')", 1),
            ("print('a'\n", 1),
            ("x = '\\ud800'; print(x.encode())", 1),
            ("import sys\nsys.excepthook = lambda *e: print('hook', e[0], e[2].tb_lineno)\n1/0", 1),
            ("import atexit\natexit.register(print, 'at exit')\n1/0", 1),
        ],
    )
    def test_exit_codes_and_tracebacks(self, book, text, code):
        book.write("helper.py", "def f():\n    raise ValueError('in helper')\nf()\n")
        book.write("script.py", text)
        assert self.same(book, "script.py").returncode == code

    def test_coding_cookie_and_bom(self, book):
        text = "# -*- coding: shift_jis -*-\nprint(ascii('日本'))\n"
        (book.root / "sjis.py").write_bytes(text.encode("shift_jis"))
        self.same(book, "sjis.py")
        (book.root / "bom.py").write_bytes("print(ascii('日本'))\n".encode("utf-8-sig"))
        assert self.same(book, "bom.py").returncode == 0

    def test_traceback_through_a_served_module_has_no_frame_of_the_machinery(self, book):
        book.write("common/layers.py", "from common.np import *\nclass Relu:\n    rate = 1 / 0\n")
        book.write("script.py", "from common.layers import Relu\n")
        stderr = book.run("script.py").stderr
        assert "ZeroDivisionError" in stderr and "rate = 1 / 0" in stderr
        for name in ("run_script.py", "served_module.py", "finder.py", "importlib"):
            assert name not in stderr

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
    def test_interrupted(self, book):
        book.write(
            "script.py",
            """
            import atexit, os, signal, time
            atexit.register(print, "cleaned up")
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
            """,
        )
        assert self.same(book, "script.py").returncode == -signal.SIGINT

    def test_missing_script(self, book):
        done = fastw2v_run("train.py", cwd=book.root)
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr == (
            f"fastw2v: run: can't open file 'train.py': No such file or directory"
            f" (in folder {book.root})\n"
        )
        done = fastw2v_run(".", cwd=book.root)
        assert done.returncode == 2 and "can't open file '.'" in done.stderr
        assert fastw2v_run(cwd=book.root).returncode == 2

    def test_started_from_another_folder(self, book):
        path = book.write("ch04/script.py", "import sys\nprint(sys.path[0], sys.argv[0])")
        done = without_first_line(fastw2v_run("ch04/script.py", cwd=book.root))
        assert done.stdout == f"{path.parent} ch04/script.py\n"
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.endswith(f"cd {path.parent}\n")


class TestSpawnedProcesses:
    """Processes that import the script again, for which they need the drop-in."""

    SCRIPT = """
        import multiprocessing, sys
        sys.path.append('..')
        from concurrent.futures import ProcessPoolExecutor
        from common.layers import *
        import helper

        class Own(Embedding):
            rate = 2

        def forward(layer):
            return layer.rate, layer.forward([1]).tolist(), type(layer) is Own

        def in_a_process(function, argument):
            context = multiprocessing.get_context("METHOD")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                return pool.submit(function, argument).result()

        def work(layer):
            main = sys.modules["__main__"]
            assert main.Own is Own and main.__file__ == __file__
            assert not hasattr(main, "become_script")
            return forward(layer), in_a_process(forward, layer)

        if __name__ == "__main__":
            for answer in in_a_process(work, Own(np.eye(2))):
                print(answer)
        else:
            assert __name__ == "__mp_main__", __name__
        """

    @pytest.mark.parametrize(
        "method", sorted({"spawn", "forkserver"} & set(multiprocessing.get_all_start_methods()))
    )
    @pytest.mark.parametrize("first", ["", "import multiprocessing.spawn"])
    def test_without_the_books_folders(self, book, method, first):
        book.write("helper.py", "from common.functions import softmax")
        script = first + textwrap.dedent(self.SCRIPT).replace("METHOD", method)
        book.write("ch04/script.py", script)
        assert book.lines("ch04/script.py") == ["(2, [[0.0, 1.0]], True)"] * 2

    def test_models_and_errors(self, book):
        book.write(
            "script.py",
            """
            import concurrent.futures, multiprocessing
            from cbow import CBOW

            def name(wanted):
                return {"module": CBOW.__module__}[wanted]

            if __name__ == "__main__":
                context = multiprocessing.get_context("spawn")
                with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
                    print(*pool.map(name, ["module"]))
                    print(*pool.map(name, ["year"]))
            """,
        )
        done = book.run("script.py", models=True)
        assert done.returncode == 1
        assert done.stdout == "fastw2v.models.cbow\n"
        assert done.stderr.endswith("KeyError: 'year'\n")

    def test_scripts_that_spawn_nothing_do_not_import_it(self, book):
        book.write("script.py", "import sys\nprint('multiprocessing' in sys.modules)")
        assert book.lines("script.py") == ["False"]


class TestInstall:
    """Notebooks, each a process of its own beside the book's folders."""

    @pytest.fixture
    def notebook(self, book):
        book.write("common/__init__.py", "")
        book.write("common/np.py", "import numpy as np\nGPU = False")
        book.write("common/layers.py", "from common.np import *\nclass Embedding: ...")
        book.write("common/util.py", "def preprocess(text): ...")
        book.write("ch04/cbow.py", "from common.layers import Embedding\nclass CBOW: ...")
        book.write("train.py", "from ch04.cbow import CBOW")

        def lines(text):
            prelude = "import sys, warnings\nfrom fastw2v.dropin import *\n"
            text = textwrap.dedent(text)
            done = python("-c", prelude + text, cwd=book.root)
            said = f"fastw2v: {what_is_served()}\n" * text.count("\nload_ipython_extension(")
            assert (done.returncode, done.stderr) == (0, said)
            return done.stdout.splitlines()

        return lines

    def test_install_and_uninstall(self, notebook):
        assert notebook(
            """
            install()
            install()
            from common.layers import Embedding
            import common.util, ch04.cbow
            print(Embedding.__module__.startswith("fastw2v."), ch04.cbow.Embedding is Embedding)
            uninstall()
            uninstall()
            from common.layers import Embedding
            import common.util, ch04.cbow
            print(Embedding.__module__, ch04.cbow.Embedding is Embedding)
            print(common.util.__file__.endswith("util.py"), "fastw2v" in common.util.__file__)
            warnings.simplefilter("ignore")
            install()
            from common.layers import Embedding
            print(Embedding.__module__.startswith("fastw2v."))
            finders = len(sys.meta_path)
            uninstall()
            print(finders - len(sys.meta_path))
            """
        ) == ["True True", "common.layers True", "True False", "True", "2"]

    def test_modules_imported_before_are_listed_set_aside_and_restored(self, notebook):
        printed = notebook(
            """
            import common.layers, json
            from train import CBOW
            before = common.layers, CBOW, json
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                install()
                install()
            print(len(caught), caught[0].message)
            from common.layers import Embedding
            import train, json
            print(Embedding.__module__.startswith("fastw2v."), train.CBOW is before[1])
            import ch04.cbow
            print(ch04.cbow.Embedding is Embedding, json is before[2])
            uninstall()
            import common.layers, ch04.cbow, train
            from common import layers
            print(common.layers is layers is before[0], train.CBOW is ch04.cbow.CBOW is before[1])
            """
        )
        assert printed == [
            "1 imported before fastw2v.install(): ch04, ch04.cbow, common, common.layers, "
            "common.np, train; names taken from them keep their values; restart, or import them "
            "again",
            "True False",
            "True True",
            "True True",
        ]

    def test_models_may_be_added(self, notebook):
        assert notebook(
            """
            install()
            from ch04.cbow import CBOW
            print(CBOW.__module__)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                install(models=True)
            print("ch04.cbow" in str(caught[0].message))
            from ch04.cbow import CBOW
            print(CBOW.__module__.startswith("fastw2v."))
            uninstall()
            from ch04.cbow import CBOW, Embedding
            print(CBOW.__module__, Embedding.__module__)
            """
        ) == ["ch04.cbow", "True", "True", "ch04.cbow common.layers"]

    def test_extension_and_gpu_switch(self, notebook):
        printed = notebook(
            """
            load_ipython_extension(None)
            from common import config
            config.GPU = True
            try:
                from common.layers import Embedding
            except RuntimeError as error:
                print(error)
            config.GPU = False
            from common.layers import Embedding
            config.GPU = True
            unload_ipython_extension(None)
            load_ipython_extension(None)
            from common.layers import Embedding
            print(Embedding.__module__.startswith("fastw2v."))
            """
        )
        assert printed[0].startswith(
            "config.GPU: expected False, got True (set in line 6 of <string>"
        )
        assert printed[1:] == ["True"]


def test_importing_the_package_does_not_import_the_drop_in(tmp_path):
    done = python("-c", "import fastw2v, sys; print('fastw2v.dropin' in sys.modules)", cwd=tmp_path)
    assert done.stdout == "False\n"


def test_parser_leaves_the_scripts_arguments_alone():
    from fastw2v.cli import run

    parser = argparse.ArgumentParser()
    parser.add_argument("--version", action="store_true")
    run.add_parser(parser.add_subparsers())
    args = parser.parse_args(["run", "--models", "a.py", "--version", "--", "--models", "-x"])
    assert (args.models, args.script, args.version) == (True, "a.py", False)
    assert args.args == ["--version", "--", "--models", "-x"]
    args = parser.parse_args(["run", "a.py", "--models"])
    assert (args.models, args.args) == (None, ["--models"])
    assert parser.parse_args(["run", "--no-models", "a.py"]).models is False
