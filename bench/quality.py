"""Quality of our vectors beside gensim's: same words, same epochs, several seeds.

    python bench/quality.py [FILE ...]          text, one sentence per line; default: the English
                                                documentation inside this Python
    python bench/quality.py --gensim-texts ...  adds the lee corpus and the shortened Wikipedia dump
                                                of gensim's wheel
    --seeds 5 --epochs 8 --size 100 --only cbow
    --keep FILE                                 appends the numbers of each training to FILE, and
                                                takes those that an earlier run left there
    --sets FOLDER                               also judges with the files of a folder: .tsv holds
                                                pairs with a mean judgement, .txt analogies
    python bench/quality.py --small             small vocabularies instead of a text: planted ones
                                                of 300, 3,000 and 30,000 words, and the lee corpus
                                                of gensim's wheel repeated to 2 million words;
                                                --small lee, --small 300: one of them alone

Columns: mean over seeds and standard deviation of Spearman's coefficient with WordSim-353 and
SimLex-999 (files of gensim's wheel), mean negative-sampling loss on held-out sentences (subsampled
as in training, computed by the same code for both sides), recovered share of a planted structure,
how many of the ten neighbours of a frequent word the next seed finds too, seconds, and one for each
file of --sets. After each row of ours comes its mean difference from gensim's with the standard
error. With --small: the recovered shares, and the rank of "palestinian" among the neighbours of
"israeli", as in a test of gensim's.
"""

import argparse
import bz2
import json
import os
import re
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from gensim.models import Word2Vec as GensimWord2Vec  # noqa: E402
from gensim.test.utils import datapath  # noqa: E402

from fastw2v import Word2Vec  # noqa: E402
from fastw2v.datasets import builtin_corpus  # noqa: E402

# (key, name, settings of ours, settings of gensim); both state their learning rates.
CONTENDERS = [
    ("skip-gram", "skip-gram 0.025", {"sg": 1, "alpha": 0.025}, {"sg": 1, "alpha": 0.025}),
    ("cbow-low", "CBOW 0.025", {"alpha": 0.025}, {"alpha": 0.025}),
    ("cbow", "CBOW 0.05 (our default)", {"alpha": 0.05}, {"alpha": 0.05}),
    (
        "defaults",
        "CBOW 0.05 (our default)",
        {"alpha": 0.05},
        {"alpha": 0.025},
    ),
    (
        "cbow-shared",
        "CBOW 0.05, negatives shared",
        {"alpha": 0.05, "shared_negatives": True},
        {"alpha": 0.05},
    ),
    ("exact", "CBOW exact 0.15", {"cbow_grad": "exact", "alpha": 0.15}, {"alpha": 0.05}),
    (
        "deterministic-skip-gram",
        "skip-gram 0.025, deterministic",
        {"sg": 1, "alpha": 0.025, "deterministic": True},
        {"sg": 1, "alpha": 0.025},
    ),
    (
        "deterministic-cbow",
        "CBOW 0.05, deterministic",
        {"alpha": 0.05, "deterministic": True},
        {"alpha": 0.05},
    ),
    (
        "deterministic-cbow-low",
        "CBOW 0.025, deterministic",
        {"alpha": 0.025, "deterministic": True},
        {"alpha": 0.025},
    ),
    (
        "skip-gram-shared",
        "skip-gram 0.025, negatives shared",
        {"sg": 1, "alpha": 0.025, "shared_negatives": True},
        {"sg": 1, "alpha": 0.025},
    ),
]
MEASURES = ("WordSim-353", "SimLex-999", "held-out loss", "planted", "overlap", "seconds")
# name of a small vocabulary: (title, share of strays); so many that some neighbours are found and
# some are not.
SMALL = {
    "300": ("planted 300", 0.88),
    "3000": ("planted 3,000", 0.7),
    "30000": ("planted 30,000", 0.2),
    "lee": ("rank in lee", None),
}
FREQUENT = 1000  # words whose neighbours are compared from seed to seed


def gensim_texts():
    """Return the sentences of the texts in gensim's wheel, in lower case without punctuation."""
    from gensim.corpora import wikicorpus

    dump = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
    with bz2.BZ2File(datapath(dump)) as stream:
        for _, text, _ in wikicorpus.extract_pages(stream):
            for paragraph in wikicorpus.filter_wiki(text).split("\n"):
                words = re.findall(r"[^\W\d_]+", paragraph.lower())
                if len(words) > 3:
                    yield words
    with open(datapath("lee_background.cor"), encoding="utf-8") as stream:
        for line in stream:
            yield re.findall(r"[^\W\d_]+", line.lower())


def sentences_of(options):
    found = []
    for path in options.files:
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                words = [w for w in line.lower().split() if w != "<unk>" and re.search(r"\w", w)]
                if words:
                    found.append(words)
    if options.gensim_texts:
        found += gensim_texts()
    if not found:
        words = builtin_corpus()
        found = [words[begin : begin + 100] for begin in range(0, len(words), 100)]
    return found


def planted(seed, n=4000, topics=60, size=8, stray=0.2):
    """Generate sentences of 15 words of one topic, which true neighbours share, but for strays."""
    generator = np.random.default_rng(seed)
    topic = generator.integers(topics, size=(n, 1))
    strays = generator.random((n, 15)) < stray
    topic = np.where(strays, generator.integers(topics, size=(n, 15)), topic)
    words = topic * size + generator.integers(size, size=(n, 15))
    return [[f"w{w}" for w in row] for row in words.tolist()], topics, size


def recovered(vectors, topics, size):
    """Return the share of the nearest size - 1 words that belong to the same topic."""
    words = [f"w{w}" for w in range(topics * size) if f"w{w}" in vectors]
    answers = vectors.most_similar_many(words, topn=size - 1)
    right = [
        int(other[1:]) // size == int(word[1:]) // size
        for word, found in zip(words, answers, strict=True)
        for other, _ in found
    ]
    return float(np.mean(right))


def as_ours(model, settings, sentences):
    """Copy a gensim model's weights into a model of ours, so that the same code judges both."""
    shell = Word2Vec(**settings)
    shell.build_vocab(sentences)
    order = [model.wv.key_to_index[word] for word in shell.wv.index_to_key]
    shell.wv.vectors = np.ascontiguousarray(model.wv.vectors[order])
    shell.syn1neg = np.ascontiguousarray(model.syn1neg[order])
    return shell


def thinned(sentences, text, settings):
    """Subsample held-out sentences as training does, five times, with equal draws for all models.

    The rate `sample` of frequent words affects the predictions that minimise the loss.
    """
    shell = Word2Vec(**settings)
    shell.build_vocab(text)
    words, counts = shell.wv.index_to_key, shell.wv.expandos["count"]
    limit = settings["sample"] * counts.sum() / counts
    share = dict(zip(words, np.minimum(1, np.sqrt(limit) + limit).tolist(), strict=True))
    generator = np.random.default_rng(0)
    return [
        [word for word in sentence if generator.random() < share.get(word, 0)]
        for _ in range(5)
        for sentence in sentences
    ]


def trained(train, settings, sentences, seed):
    """Train a model; return one of ours with its weights, and the seconds that took."""
    began = time.perf_counter()
    model = train(sentences, **settings, seed=seed)
    seconds = time.perf_counter() - began
    if train is GensimWord2Vec:
        plain = {k: v for k, v in settings.items() if k not in ("workers",)}
        model = as_ours(model, plain, sentences)
    return model, seconds


def judged(vectors, file):
    """Return Spearman's coefficient for a file of pairs, the share of right answers for analogies.

    It is NaN where a small vocabulary holds none of the words.
    """
    try:
        if Path(file).suffix == ".tsv" or "simlex" in str(file):
            return vectors.evaluate_word_pairs(file)[1][0]
        return vectors.evaluate_word_analogies(file)[0]
    except (ValueError, ZeroDivisionError):
        return float("nan")


def coverage(vectors, file):
    """Return the share of the lines of a file whose words are all known."""
    with open(file, encoding="utf-8") as stream:
        lines = [line.split() for line in stream if not line.startswith((":", "#"))]
    n = 2 if Path(file).suffix == ".tsv" else 4
    known = {word.lower() for word in vectors.index_to_key}
    found = [all(word.lower() in known for word in words[:n]) for words in lines if words]
    return sum(found) / len(found)


def measure(train, settings, text, held_out, seed, sets):
    """Return the numbers of MEASURES and of the files of --sets, and the neighbours of words."""
    model, seconds = trained(train, settings, text, seed)
    numbers = [judged(model.wv, datapath(file)) for file in ("wordsim353.tsv", "simlex999.txt")]
    numbers.append(model.held_out_loss(held_out))
    sentences, topics, size = planted(seed)
    vectors = trained(train, settings, sentences, seed)[0].wv
    numbers += [recovered(vectors, topics, size), 0.0, seconds]
    numbers += [judged(model.wv, file) for file in sets]
    words = model.wv.index_to_key[:FREQUENT]
    answers = model.wv.most_similar_many(words, topn=10)
    return numbers, [{other for other, _ in answer} for answer in answers]


def measure_all(train, settings, text, held_out, seeds, sets, keep):
    """Return the numbers of `measure` for each seed, (seeds, numbers), the overlaps included."""

    def measured(seed):
        numbers, answers = measure(train, settings, text, held_out, seed, sets)
        return numbers, [sorted(answer) for answer in answers]

    found = [keep.call(measured, side_of(train), settings, seed) for seed in seeds]
    found = [(numbers, [set(answer) for answer in answers]) for numbers, answers in found]
    numbers = np.array([row for row, _ in found])
    for i, (_, mine) in enumerate(found):
        following = found[(i + 1) % len(found)][1]
        same = [len(a & b) for a, b in zip(mine, following, strict=True)]
        numbers[i, MEASURES.index("overlap")] = np.mean(same)
    return numbers


def lee(n_words=2_000_000):
    """Return gensim's lee corpus, repeated."""
    with open(datapath("lee_background.cor"), encoding="utf-8") as stream:
        sentences = [re.findall(r"[^\W\d_]+", line.lower()) for line in stream]
    return sentences * (n_words // sum(map(len, sentences)) + 1)


class Keep:
    """Results of trainings in a file, one a line, so that a stopped run can be continued."""

    def __init__(self, path):
        self.path, self.known = path, {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                key, result = json.loads(line)
                self.known[key] = result

    def call(self, measured, side, settings, seed):
        """Return measured(seed) of a training by one side, from the file if it is there."""
        key = json.dumps([side, settings, seed], sort_keys=True)
        if key not in self.known:
            self.known[key] = measured(seed)
            if self.path is not None:
                with self.path.open("a") as stream:
                    stream.write(json.dumps([key, self.known[key]]) + "\n")
        return self.known[key]


def side_of(train):
    return "gensim" if train is GensimWord2Vec else "ours"


def measure_small(train, settings, seeds, keep, names):
    """Return a number for each seed and small vocabulary, (seeds, names)."""

    def measured(seed):
        row = []
        for name in names:
            if name == "lee":
                mine = settings | {"vector_size": 16, "min_count": 330, "epochs": 5}
                vectors = trained(train, mine, lee(), seed)[0].wv
                row.append(1 + len(vectors.closer_than("israeli", "palestinian")))
            else:
                sentences, topics, size = planted(seed, 40_000, int(name) // 10, 10, SMALL[name][1])
                mine = settings | {"epochs": 4, "min_count": 1, "vector_size": 50}
                vectors = trained(train, mine, sentences, seed)[0].wv
                row.append(recovered(vectors, topics, size))
        return row

    return np.array([keep.call(measured, side_of(train), settings, seed) for seed in seeds])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--gensim-texts", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="keys, between commas: skip-gram,cbow,...")
    parser.add_argument("--sets", type=Path, help="a folder of .tsv pairs and .txt analogies")
    parser.add_argument("--keep", type=Path, help="a file of results, one for each text")
    parser.add_argument(
        "--small", nargs="?", const="all", choices=("all", *SMALL), help="judge small vocabularies"
    )
    options = parser.parse_args()
    common = {
        "vector_size": options.size,
        "window": 5,
        "negative": 5,
        "min_count": 5,
        "sample": 1e-3,
        "epochs": options.epochs,
        "workers": options.threads,
    }
    seeds, keep = range(1, options.seeds + 1), Keep(options.keep)
    if options.small:
        small = list(SMALL) if options.small == "all" else [options.small]
        names = [SMALL[name][0] for name in small]
        print(f"{options.seeds} seeds, {options.threads} threads\n")

        def numbers_of(train, settings):
            return measure_small(train, common | settings, seeds, keep, small)

    else:
        files = options.sets.iterdir() if options.sets else ()
        sets = sorted(file for file in files if file.suffix in (".tsv", ".txt"))
        names = (*MEASURES, *(file.stem for file in sets))
        sentences = sentences_of(options)
        cut = len(sentences) - len(sentences) // 30
        text, held_out = sentences[:cut], sentences[cut:]
        held_out = thinned(held_out, text, common)
        n_words = sum(map(len, text))
        print(f"{n_words:,} words, {len(text):,} sentences, {options.seeds} seeds, {common}\n")
        if sets:
            shell = Word2Vec(**common)
            shell.build_vocab(text)
            shares = (f"{file.stem} {coverage(shell.wv, file):.0%}" for file in sets)
            print(f"known lines: {', '.join(shares)}\n")

        def numbers_of(train, settings):
            return measure_all(train, common | settings, text, held_out, seeds, sets, keep)

    print("| | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    wanted = [key for key in options.only.split(",") if key]
    known = {}
    for key, name, ours, gensims in CONTENDERS:
        if wanted and key not in wanted:
            continue
        results = {}
        for side, train, settings in (
            ("gensim", GensimWord2Vec, gensims),
            ("ours", Word2Vec, ours),
        ):
            label = (side, tuple(sorted(settings.items())))
            if label not in known:
                known[label] = numbers_of(train, settings)
                title = name if side == "ours" else f"gensim, {describe(settings)}"
                line(title, names, known[label].mean(axis=0), known[label].std(axis=0, ddof=1))
            results[side] = known[label]
        difference = results["ours"].mean(axis=0) - results["gensim"].mean(axis=0)
        spread = sum(r.var(axis=0, ddof=1) / len(r) for r in results.values()) ** 0.5
        line("difference", names, difference, spread, sign="+")


def describe(settings):
    return f"{'skip-gram' if settings.get('sg') else 'CBOW'} {settings['alpha']}"


def line(title, names, means, spreads, sign=""):
    numbers = [
        f"{m:{sign}.4f} ± {s:.4f}" if name != "seconds" else f"{m:{sign}.1f}"
        for name, m, s in zip(names, means, spreads, strict=True)
    ]
    print(f"| {title} | " + " | ".join(numbers) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
