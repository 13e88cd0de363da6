"""One small call of every parallel kernel, and how many threads it starts.

`python kernel_calls.py N` calls each with N parts and prints {kernel: threads it added} as JSON.
OpenMP keeps its threads waiting for the next call, so after one call their number shows how many
parts ran. Linux only: the threads are counted in /proc.
"""

import importlib
import json
import os
import sys

import numpy as np

from fastw2v._kernels import _loss, _optimizer

N, D, V, K = 70, 55, 40, 3


def real(*shape):
    return np.linspace(0.1, 0.9, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def ids(*shape):
    return (np.arange(np.prod(shape), dtype=np.int32) % V).reshape(shape)


def doubles(*shape):
    return np.zeros(shape)


def table():
    return np.full((V, 2), 7, np.uint32)


def steps(n_states, *scalars):
    """Arguments of an update rule: the weights, its states, the gradient."""
    return lambda n: (*(real(V, D) for _ in range(1 + n_states)), real(V, D), None, *scalars, n)


def over_time(noun, outputs, inputs, *options):
    """Arguments of a recurrent kernel, N rows of T = 3 steps with H = D units.

    Widths in units of H, of arrays (N, T, ...) if they are positive, of states (N, H) if 0.
    """

    def arrays(widths):
        return [real(N, 3, width * D) if width else real(N, D) for width in widths]

    def arguments(n):
        Wh = real(D, {"_rnn": 1, "_gru": 3, "_gru_after": 3, "_lstm": 4}[noun] * D)
        size = importlib.import_module(f"fastw2v._kernels.{noun}").scratch_size(Wh, N)
        bias = (real(D),) if noun == "_gru_after" and not inputs else ()
        return (*arrays(outputs), real(size), *arrays(inputs), Wh, *bias, None, *options, n)

    return arguments


def counter(n):
    from fastw2v._kernels import _vocabulary

    return _vocabulary.open_counter(n)


def word2vec_tables(n):
    """Arguments of a few blocks, in stripes of columns."""
    from fastw2v.word2vec import engine

    def none(dtype):
        return np.zeros(0, dtype)

    rows = (engine.padded(real(V, 16)), engine.padded(real(V, 16)), engine.padded(real(1, 16))[:0])
    return (
        *(*rows, *(none(np.uint32) for _ in range(3)), ids(N), none(np.uint32)),
        *(engine.alias_table(np.ones(V), 1.0), none(np.int32), none(np.uint8), none(np.int64)),
        *(none(np.float32), np.zeros((8, 4)), n),
    )


def plan_and_train(*arguments):
    """Call `_word2vec.train` with the arrays of its plan, the stats and the number of parts."""
    from fastw2v._kernels import _word2vec

    *arrays, stats, n = arguments
    plan = _word2vec.Plan(
        *arrays,
        window=2,
        negative=K,
        mode=_word2vec.SKIP_GRAM,
        block=9,
        batch=4,
        ld=16,
        apart=False,
    )
    _word2vec.train(plan, stats, 1, 0, 8, 0.1, 0.0, 0, n)


# Arguments for n parts.
CALLS = {
    "_activation.sigmoid": lambda n: (real(N), real(N), n),
    "_activation.relu": lambda n: (real(N), real(N), n),
    "_activation.tanh": lambda n: (real(N), real(N), n),
    "_activation.exponential": lambda n: (real(N), real(N), n),
    "_activation.softmax": lambda n: (real(N, V), real(N, V), n),
    "_activation.dropout": lambda n: (real(N * D), real(N * D), real(N * D), 1, 2**31, 2.0, n),
    "_activation.sigmoid_backward": lambda n: (real(N), real(N), real(N), n),
    "_activation.softmax_backward": lambda n: (real(N, V), real(N, V), real(N, V), n),
    "_corpus.contexts_target": lambda n: (ids(N, 4), ids(N), ids(N + 4), 2, n),
    "_corpus.cooccurrence": lambda n: (
        np.zeros((V, V), np.int32),
        ids(N),
        2,
        np.linspace(0, V, n + 1).astype(np.int64),
    ),
    "_corpus.ppmi": lambda n: (
        real(V, V),
        np.ones((V, V), np.int32),
        np.full(V, 40.0),
        0,
        1600.0,
        1e-8,
        n,
    ),
    "_embedding.gather": lambda n: (real(N, D), real(V, D), ids(N), n),
    "_embedding.gather_mean": lambda n: (real(N, D), real(V, D), ids(N, 2), n),
    "_embedding.scatter_add": lambda n: (real(V, D), ids(N), real(N, D), None, n),
    "_embedding.overwrite_rows": lambda n: (
        real(V, D),
        np.zeros(V, np.uint8),
        np.zeros(V, np.int64),
        np.zeros(N, np.uint8),
        np.zeros(V, np.int64),
        0,
        1,
        ids(N),
        real(N, D),
        None,
        n,
    ),
    "_embedding.pack_rows": lambda n: (
        *(np.zeros(V, np.int32), np.zeros(N, np.int64), real(N, D), np.zeros(N, np.int32)),
        *(np.zeros(N, np.uint8), ids(N), real(N, D), None, n),
    ),
    "_embedding.add_rows": lambda n: (real(V, D), real(V, D), np.arange(V), V, n),
    "_embedding.unlisted_rows_are_zero": lambda n: (real(V, D), np.zeros(V, np.uint8), n),
    "_changes.mark_changed": lambda n: (np.zeros(V, np.uint8), real(V, D), real(V, D), n),
    "_changes.take_changes": lambda n: (real(V, D), real(V, D), real(V, D), ids(V), n),
    "_changes.add_changes": lambda n: (real(V, D), real(V, D), ids(V), real(V, D), n),
    "_changes.merge_rows": lambda n: (
        *(real(V, D), ids(V), [ids(V)] * K, [real(V, D)] * K),
        *([np.ones(V, np.uint32)] * K, 0.1, n),
    ),
    "_embedding_dot.forward": lambda n: (real(N), real(N, D), real(N, D), real(V, D), ids(N), n),
    "_embedding_dot.backward": lambda n: (real(N, D), real(N), real(N, D), n),
    "_gemm.product": lambda n: (real(N, V), real(N, D), real(D, V), real(V), True, n),
    "_gemm.products": lambda n: (real(n, N, V), real(n, N, D), real(n, D, V), True, n),
    "_gemm.column_sums": lambda n: (real(V), real(N, V), n),
    "_gemm.only_registers": lambda n: (real(n), 10_000, n),
    "_gru.forward": over_time("_gru", (1, 3, 1, 1, 0), (), 0, False),
    "_gru.backward": over_time("_gru", (3, 0), (1, 3, 1), 0, True),
    "_gru_after.forward": over_time("_gru_after", (1, 3, 1, 1, 0), (), 0, False),
    "_gru_after.backward": over_time("_gru_after", (4, 0), (1, 3, 1, 1), 0, True),
    "_lstm.forward": over_time("_lstm", (1, 4, 1, 1, 0, 0), (), 0, False),
    "_lstm.backward": over_time("_lstm", (4, 0, 0), (1, 4, 1, 0), 0, True),
    "_rnn.forward": over_time("_rnn", (1, 1, 1, 0), (), False),
    "_rnn.backward": over_time("_rnn", (1, 0), (1, 1), True),
    "_loss.cross_entropy_forward": lambda n: (
        *(doubles(N), real(N), doubles(N), real(N, V), real(N, V), ids(N), n),
    ),
    "_loss.cross_entropy_backward": lambda n: (
        *(real(N, V), real(N), doubles(N) + 1, real(N, V), ids(N), False, 1.0, n),
    ),
    "_loss.cross_entropy_step": lambda n: (real(N, V), doubles(N), ids(N), 1.0, n),
    "_loss.softmax_with_loss_forward": lambda n: (real(N, V), doubles(N), real(N, V), ids(N), n),
    "_loss.softmax_with_loss_backward": lambda n: (real(N, V), real(N, V), ids(N), 1.0, n),
    "_loss.sigmoid_with_loss_forward": lambda n: (
        *(real(N), doubles(-(-N // _loss.LOSSES)), real(N), ids(N) % 2, n),
    ),
    "_loss.sigmoid_with_loss_backward": lambda n: (real(N), real(N), ids(N) % 2, 1.0, n),
    "_negative_sampling.forward": lambda n: (
        real(K, N),
        real(N, D),
        doubles(K),
        doubles(N, K),
        real(N, D),
        real(V, D),
        ids(N, K),
        K,
        n,
    ),
    "_negative_sampling.backward": lambda n: (
        real(N, K),
        real(N, D),
        real(K, N),
        real(N, D),
        1.0,
        K,
        n,
    ),
    "_optimizer.sgd": steps(0, 0.1),
    "_optimizer.momentum": steps(1, 0.1, 0.9),
    "_optimizer.nesterov": steps(1, 0.1, 0.9),
    "_optimizer.adagrad": steps(1, 0.1, 1e-7),
    "_optimizer.rmsprop": steps(1, 0.1, 0.99, 1e-7),
    "_optimizer.adam": steps(2, 0.1, 0.1, 0.001, 1e-7),
    "_optimizer.skip_steps": lambda n: (
        *(_optimizer.RULES["adam"], *(real(V, D) for _ in range(3)), np.zeros(V, np.int64)),
        *(
            *(np.zeros(V, np.int64) for _ in range(2)),
            np.arange(V),
            np.ones((8, _optimizer.N_SUMS)),
        ),
        *(np.full((9, 3), 0.5), np.full(2, 1e-7), 8, n),
    ),
    "_optimizer.take_steps": lambda n: (
        *(_optimizer.RULES["adam"], *(real(V, D) for _ in range(3)), np.zeros(V, np.int64)),
        *(*(np.zeros(V, np.int64) for _ in range(2)), np.arange(V), np.full(8, 0.1)),
        *(0.1, 0.001, 1e-7, 8, n),
    ),
    "_optimizer.update_rows": lambda n: (
        *(_optimizer.RULES["adam"], *(real(V, D) for _ in range(3)), np.zeros(V, np.int64)),
        *(real(V, D), False, np.arange(V), V, 0.1, 0.1, 0.001, 1e-7, 0, n),
    ),
    "_optimizer.sum_squares": lambda n: (doubles(8), real(256 * V, D)[: 2**16 // D], None, n),
    "_optimizer.scale": lambda n: (real(V, D), None, 0.5, n),
    "_ranking.row_norms": lambda n: (doubles(V), real(V, D), n),
    "_ranking.rank": lambda n: (
        *(np.zeros((9, K), np.int64), real(9, K), np.zeros((n, 9, K), np.int64), real(n, 9, K)),
        *(real(V, D), real(9, D), np.zeros((9, 0), np.int64), n),
    ),
    "_ranking.rank_compressed": lambda n: (
        *(np.zeros((9, K), np.int64), real(9, K), np.zeros((n, 9, K), np.int64), real(n, 9, K)),
        *(np.ones((V, D), np.int8), real(9, D), np.zeros((9, 0), np.int64), n),
    ),
    # Small enough to be computed at every level, and not left to a BLAS.
    "_gemm.try_product": lambda n: (real(N, 10), real(10, D), real(N, D), None, False, n),
    "_ranking.only_read": lambda n: (np.zeros(n, np.uint32), np.arange(N, dtype=np.uint32), n),
    "_sampler.draw": lambda n: (ids(N), table(), 1, n),
    "_sampler.draw_distinct": lambda n: (
        np.zeros((N, K), np.int32),
        table(),
        np.ones(V),
        ids(N),
        1,
        n,
    ),
    "_splitter.split": lambda n: (b"a \xc3\xa9 " * N, 5, n),
    "_subwords.draw_rows": lambda n: (real(N, D), ids(N), 1, 0.1, n),
    "_subwords.compose": lambda n: (
        *(real(N, D), real(V, D).view(np.uint8), np.arange(N) % V, real(V, D).view(np.uint8)),
        *(ids(V), ids(4 * N)),
        *(4 * np.arange(N + 1), True, 1, 0.1, n),
    ),
    "_vocabulary.count": lambda n: (
        *(counter(n), np.zeros(n, np.int64), np.zeros(4 * N + n, np.int32)),
        *(np.zeros((n, 2), np.int64), b"a b " * N, 0, True, n),
    ),
    "_word2vec.train": word2vec_tables,
}


def entry(name):
    """Return the function that takes the arguments of CALLS."""
    if name == "_word2vec.train":
        return plan_and_train
    module, function = name.split(".")
    return getattr(importlib.import_module(f"fastw2v._kernels.{module}"), function)


def call(name, n):
    entry(name)(*CALLS[name](n))


def threads_added(name, n):
    """By the call, in a child of this process, which itself never starts a thread."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        before = len(os.listdir("/proc/self/task"))
        call(name, n)
        os.write(send, b"%d" % (len(os.listdir("/proc/self/task")) - before))
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"{name}: the child ended with status {status}")
    return int(answer)


if __name__ == "__main__":
    names = sys.argv[2:] or CALLS
    print(json.dumps({name: threads_added(name, int(sys.argv[1])) for name in names}))
