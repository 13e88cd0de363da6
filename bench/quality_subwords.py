"""Quality of FastText beside gensim's and the program fastText: same words, epochs and buckets.

    python bench/quality_subwords.py --sets FOLDER [FILE ...]   text as in quality.py
    --gensim-texts --seeds 5 --epochs 8 --size 100 --bucket 2000000 --threads 2
    --sides 'gensim;ours'              --only skip-gram,cbow
    --keep FILE                     appends the numbers of each training, and takes those it holds

Columns: mean over seeds and standard deviation of Spearman's coefficient with WordSim-353,
SimLex-999 and each .tsv file of --sets, where words that the text lacks are composed of their
n-grams, then the share of the neighbours of unseen inflections that have their stem, in a planted
language, and thousands of words a second. Below each row of ours come its mean differences from
the others with the standard error. One code judges all sides. fastText draws negatives by
count ** 0.5, and trains on the end of each line; gensim and ours by count ** 0.75 without it.

gensim's learning rate falls by sentences, ours by words, so each seed shuffles the sentences. And
gensim takes the rate of a job when the job enters a queue: with its jobs of 10,000 words, the rate
is that of some 60,000 words before. Its small jobs have 1,000 words.
"""

import argparse
import functools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from gensim.models import FastText as GensimFastText
from gensim.test.utils import datapath

from fastw2v import KeyedVectors
from fastw2v._files import judgements
from fastw2v.fasttext import FastTextKeyedVectors
from quality import Keep, judged, line, sentences_of

METHODS = {
    "skip-gram": {"sg": 1, "alpha": 0.025},
    "cbow": {"sg": 0, "alpha": 0.05},
}
N_ENDINGS, UNSEEN = 12, 3  # endings of each stem, and those that the text lacks
NEAREST = 5


def by_gensim(text, settings, seed, **more):
    """Return the vectors that gensim trains, and the seconds that took."""
    began = time.perf_counter()
    model = GensimFastText(text, **settings, seed=seed, **more)
    seconds = time.perf_counter() - began
    return FastTextKeyedVectors.from_gensim(model), seconds


def by_fasttext(text, settings, seed):
    """Return the vectors that fastText trains, and the seconds that took."""
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        lines, saved = Path(folder, "text"), Path(folder, "model.bin")
        lines.write_text("".join(" ".join(words) + "\n" for words in text), encoding="utf-8")
        # Its function takes no seed, and its settings hold one.
        fasttext.FastText.unsupervised_default["seed"] = seed
        began = time.perf_counter()
        model = fasttext.train_unsupervised(
            str(lines),
            model="skipgram" if settings["sg"] else "cbow",
            dim=settings["vector_size"],
            ws=settings["window"],
            neg=settings["negative"],
            minCount=settings["min_count"],
            t=settings["sample"],
            epoch=settings["epochs"],
            lr=settings["alpha"],
            thread=settings["workers"],
            minn=settings["min_n"],
            maxn=settings["max_n"],
            bucket=settings["bucket"],
            verbose=0,
        )
        seconds = time.perf_counter() - began
        model.save_model(str(saved))
        return FastTextKeyedVectors.load(saved, mmap=None), seconds


def by_ours(text, settings, seed):
    """Return the vectors of fastw2v's FastText, and the seconds that took."""
    from fastw2v import FastText

    began = time.perf_counter()
    model = FastText(text, **settings, seed=seed)
    return model.wv, time.perf_counter() - began


SIDES = {
    "gensim": by_gensim,
    "gensim, small jobs": functools.partial(by_gensim, batch_words=1000),
    "fasttext": by_fasttext,
    "ours": by_ours,
}


def spearman(vectors, file):
    """Return Spearman's coefficient for a file of pairs, unknown words composed."""
    words = {word.lower() for *pair, _ in judgements.read(file).pairs for word in pair}
    composable = sorted(word for word in words if word in vectors)
    plain = KeyedVectors(vectors.vector_size)
    plain.add_vectors(composable, vectors[composable])
    return float(judged(plain, file))


def language(seed, n=6000, topics=40, size=5, stray=0.3):
    """Generate sentences of inflected words, of one topic each but for strays.

    Stems have one syllable and endings two, so that most n-grams of a word belong to many stems.
    Returns the sentences and the inflections that none of them holds, each with its stem.
    """
    generator = np.random.default_rng(seed)
    parts = [list("bdfgklmnprst"), list("aeiou"), list("nrsx")]
    syllables = generator.permutation(
        [a + b + c for a in parts[0] for b in parts[1] for c in parts[2]]
    )
    stems, rest = syllables[: topics * size].tolist(), syllables[topics * size :]
    pairs = generator.choice(rest, (N_ENDINGS, 2), replace=False)
    endings = [a + b * (i % 2) for i, (a, b) in enumerate(pairs.tolist())]
    order = np.array([generator.permutation(N_ENDINGS) for _ in stems])
    topic = generator.integers(topics, size=(n, 1))
    strays = generator.random((n, 12)) < stray
    topic = np.where(strays, generator.integers(topics, size=(n, 12)), topic)
    stem = topic * size + generator.integers(size, size=(n, 12))
    ending = order[stem, generator.integers(UNSEEN, N_ENDINGS, size=(n, 12))]
    text = [
        [stems[s] + endings[e] for s, e in zip(*row, strict=True)]
        for row in zip(stem.tolist(), ending.tolist(), strict=True)
    ]
    unseen = {
        stem + endings[e]: stem
        for stem, mine in zip(stems, order, strict=True)
        for e in mine[:UNSEEN].tolist()
    }
    return text, unseen


def same_stem(vectors, unseen):
    """Return the share of the nearest words of unseen inflections that have their stem."""
    right = [
        near.startswith(stem)
        for word, stem in unseen.items()
        if word not in vectors.key_to_index
        for near, _ in vectors.most_similar(word, topn=NEAREST)
    ]
    return float(np.mean(right))


def measure(train, settings, text, files, seed):
    """Return the coefficients, the share of right stems, and thousands of words a second."""
    order = np.random.default_rng(seed).permutation(len(text))
    vectors, seconds = train([text[i] for i in order], settings, seed)
    numbers = [spearman(vectors, file) for file in files]
    sentences, unseen = language(seed)
    small = settings | {"min_count": 1, "vector_size": 50, "bucket": 200_000, "epochs": 8}
    numbers.append(same_stem(train(sentences, small, seed)[0], unseen))
    n_words = settings["epochs"] * sum(map(len, text))
    return [*numbers, n_words / seconds / 1000]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--gensim-texts", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--bucket", type=int, default=2_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sides", default=";".join(SIDES), help="between semicolons")
    parser.add_argument("--only", default=",".join(METHODS))
    parser.add_argument("--sets", type=Path, help="a folder of .tsv pairs")
    parser.add_argument("--keep", type=Path, help="a file of results, one for each text")
    options = parser.parse_args()
    common = {
        "vector_size": options.size,
        "window": 5,
        "negative": 5,
        "min_count": 5,
        "sample": 1e-3,
        "epochs": options.epochs,
        "workers": options.threads,
        "min_n": 3,
        "max_n": 6,
        "bucket": options.bucket,
    }
    text, keep = sentences_of(options), Keep(options.keep)
    sets = sorted(options.sets.glob("*.tsv")) if options.sets else []
    files = [datapath("wordsim353.tsv"), datapath("simlex999.txt"), *map(str, sets)]
    names = ["WordSim-353", "SimLex-999", *(file.stem for file in sets), "stems", "words/ms"]
    print(
        f"{sum(map(len, text)):,} words, {len(text):,} sentences, {options.seeds} seeds, {common}"
    )
    print("\n| | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    for method in options.only.split(","):
        settings, found = common | METHODS[method], {}
        for side in options.sides.split(";"):
            measured = functools.partial(measure, SIDES[side], settings, text, files)
            seeds = range(1, options.seeds + 1)
            numbers = [keep.call(measured, side, settings, seed) for seed in seeds]
            found[side] = np.array(numbers)
            title = f"{side}, {method} {settings['alpha']}"
            line(title, names, found[side].mean(axis=0), found[side].std(axis=0, ddof=1))
        ours = found.pop("ours", None)
        for side, theirs in found.items() if ours is not None else ():
            spread = ((ours.var(axis=0, ddof=1) + theirs.var(axis=0, ddof=1)) / len(ours)) ** 0.5
            difference = ours.mean(axis=0) - theirs.mean(axis=0)
            line(f"ours - {side}", names, difference, spread, sign="+")


if __name__ == "__main__":
    sys.exit(main())
