"""From a text to vectors: `fastw2v train` beside the sum of its parts in `Word2Vec`.

    python bench/from_text.py                   30,000,000 words, 966,504 different: takes minutes
    python bench/from_text.py --words 3000000 --different 200000 --splits blanks,words
    python bench/from_text.py --write FILE      only writes the text
    --gensim                                    also times gensim's count of the same file

Each row is a process of its own, so that its peak memory can be told: one that counts, encodes,
trains and saves with `Word2Vec(corpus_file=)`, and one command line for each --split. All train one
epoch of skip-gram with two threads and save the word2vec binary format.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

SIZE = 100  # dimensions
LINE = 20  # words a line
PARTS = """
import json, sys, time
from fastw2v import Word2Vec, set_num_threads
set_num_threads(int(sys.argv[3]))
from fastw2v.word2vec.sentences import count_text
times, at = {}, time.perf_counter()
def lap(name):
    global at
    now = time.perf_counter()
    times[name], at = now - at, now
model = Word2Vec(
    vector_size=int(sys.argv[4]), sg=1, min_count=1, epochs=1, workers=int(sys.argv[3])
)
text = count_text(None, sys.argv[1], n_parts=int(sys.argv[3]))
lap("count")
model._set_vocabulary(text.counts, False, None)
lap("vocabulary")
model._keep_corpus(text.encode(model.wv.key_to_index))
lap("encode")
model.train()
lap("train")
model.wv.save_word2vec_format(sys.argv[2], binary=True)
lap("save")
print(json.dumps(times))
"""
GENSIM = """
import json, sys, time
from gensim.models import Word2Vec
model, at = Word2Vec(vector_size=int(sys.argv[4]), min_count=1), time.perf_counter()
model.build_vocab(corpus_file=sys.argv[1])
print(json.dumps({"count": time.perf_counter() - at}))
"""


def write_text(path, n_words, n_different):
    """Write words of three to ten letters whose counts follow Zipf's law, each at least once."""
    generator = np.random.default_rng(1)
    word = [_name(v) for v in range(n_different)]
    total = np.log(n_different)
    with open(path, "w", encoding="ascii") as stream:
        ids = np.exp(generator.random(n_words - n_different) * total).astype(np.int64) - 1
        ids = np.concatenate([ids, np.arange(n_different)])
        generator.shuffle(ids)
        for at in range(0, n_words, LINE * 10_000):
            some = [word[v] for v in ids[at : at + LINE * 10_000].tolist()]
            lines = (" ".join(some[i : i + LINE]) for i in range(0, len(some), LINE))
            stream.write("\n".join(lines) + "\n")


def _name(v):
    """Return a word of letters for a number, short ones for frequent words."""
    letters = []
    v = v * 7 + 26 * 27  # so that words of equal frequency begin with different letters
    while v:
        v, letter = divmod(v, 26)
        letters.append(chr(97 + letter))
    return "".join(letters)


def timed(command):
    """Run a command; return (seconds, peak memory in MB, what it printed last)."""
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024, (printed.splitlines() or [""])[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--words", type=int, default=30_000_000)
    parser.add_argument("--different", type=int, default=966_504)
    parser.add_argument("--splits", default="blanks,words,characters")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--write", help="write the text there and stop")
    parser.add_argument("--text", help="use a text that --write wrote")
    parser.add_argument("--gensim", action="store_true", help="time gensim's count as well")
    options = parser.parse_args()
    if options.write:
        write_text(options.write, options.words, options.different)
        return
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as folder:
        text, out = options.text or os.path.join(folder, "text"), os.path.join(folder, "out.bin")
        if options.text is None:
            write_text(text, options.words, options.different)
        print(f"{os.path.getsize(text) / 1e6:.0f} MB of text\n\n| | seconds | peak memory, MB | |")
        print("|---|---|---|---|")
        rest = [text, out, options.threads, str(SIZE)]
        line("Word2Vec", *timed([sys.executable, "-c", PARTS, *rest]))
        if options.gensim:
            line("gensim", *timed([sys.executable, "-c", GENSIM, *rest]))
        for split in options.splits.split(","):
            command = [sys.executable, "-m", "fastw2v", "train", text, "--split", split]
            command += ["-o", out, "--model", "skip-gram", "--epochs", "1", "--min-count", "1"]
            command += ["--threads", options.threads, "--dim", str(SIZE)]
            line(f"train --split {split}", *timed(command))


def line(name, seconds, peak, last):
    parts = ""
    if last.startswith("{"):
        times = json.loads(last)
        parts = ", ".join(f"{part} {took:.1f}" for part, took in times.items())
        seconds = sum(times.values())
    print(f"| {name} | {seconds:.1f} | {peak:.0f} | {parts} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
