"""Quality of `fastw2v.distributed` beside one worker: equal epochs, 1 to 16 shards, several seeds.

    python bench/quality_shards.py --out ROWS [FILE ...]   trains what ROWS does not hold yet
    python bench/quality_shards.py --out ROWS --table      prints the table of its rows
    --curvature inf                                        merges by gradient diversity alone
    --in-order                                             leaves the sentences in their order
    --shards 1,2,4,8,16 --seeds 5 --epochs 5 --size 64 --only cbow,skip-gram,hs --wire bfloat16

The text is that of the files, one sentence per line, and of gensim's wheel (lee, the shortened
Wikipedia dump). Each seed shuffles its sentences: in one order, all seeds of one worker share the
luck of what is trained last. They are dealt out in runs, as parts of files are. One replica trains
all shards in turn, so that the numbers are those of a cluster bit for bit. Each row of ROWS is a
JSON object; the table gives the loss on held-out sentences (subsampled as in training),
WordSim-353 and SimLex-999, mean and standard error over the seeds, and the difference from one
shard with its standard error.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from gensim.test.utils import datapath

from fastw2v import Word2Vec, build_info
from fastw2v.distributed.job import Job, default_rounds, scaled_alpha
from fastw2v.distributed.pieces import merged
from fastw2v.distributed.replica import Replica
from fastw2v.word2vec import changes, count_words, encode
from fastw2v.word2vec.settings import SETTINGS
from quality import judged, sentences_of, thinned

METHODS = {
    "cbow": {"alpha": 0.05},
    "skip-gram": {"sg": 1, "alpha": 0.025},
    "hs": {"sg": 1, "hs": 1, "negative": 0, "alpha": 0.025},
}
RUN = 200  # sentences that stay together
MEASURES = ("loss", "WordSim", "SimLex")


def trained(text, settings, shards, rounds, wire):
    """Return the model of a run with that many shards, one worker with one thread each."""
    shell = Word2Vec(**settings)
    vocabulary = count_words(text).vocabulary(shell.min_count)
    runs = [text[at : at + RUN] for at in range(0, len(text), RUN)]
    dealt = [[one for run in runs[k::shards] for one in run] for k in range(shards)]
    texts = [encode(part, vocabulary=vocabulary) for part in dealt]
    job = Job(
        run="quality",
        settings={name: getattr(shell, name) for name in SETTINGS},
        vocabulary=vocabulary,
        shards=shards,
        epochs=shell.epochs,
        rounds=-(-rounds // shell.epochs),
        alpha=scaled_alpha(shell.alpha, shards),
        wire=wire,
        version="",
        isa="",
    )
    replica = Replica(job)
    for round in range(job.n_rounds):
        pieces = [replica.train(k, text, 1)[0] for k, text in enumerate(texts)]
        replica.bring_to(round + 1, [merged(job.rate(round), pieces)])
    model, tables = job.model(), iter(replica.before)
    model.wv.vectors = next(tables)
    if model.negative:
        model.syn1neg = next(tables)
    if model.hs:
        model.syn1 = next(tables)
    return model


def rows_of(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def measure(options):
    sentences = sentences_of(options)
    # Held-out sentences come from all over the text: one worker sees its end last.
    text = [sentence for i, sentence in enumerate(sentences) if i % 30]
    held_out = sentences[::30]
    common = {
        "vector_size": options.size,
        "window": 5,
        "min_count": 5,
        "sample": 1e-3,
        "epochs": options.epochs,
        "workers": 1,
    }
    held_out = thinned(held_out, text, common)
    print(f"{sum(map(len, text)):,} words, {len(text):,} sentences, {common}", flush=True)
    for seed in range(1, options.seeds + 1):
        order = np.random.default_rng(seed).permutation(len(text))
        shuffled = text if options.in_order else [text[i] for i in order]
        for method in options.only.split(","):
            for shards in map(int, options.shards.split(",")):
                label = [method, shards, seed, options.epochs, options.size, options.wire]
                if any(row["label"] == label for row in rows_of(options.out)):
                    continue
                began = time.process_time()
                settings = common | METHODS[method] | {"seed": seed}
                rounds = options.rounds or default_rounds(shards)
                model = trained(shuffled, settings, shards, rounds, options.wire)
                row = {
                    "label": label,
                    "loss": model.held_out_loss(held_out),
                    "WordSim": float(judged(model.wv, datapath("wordsim353.tsv"))),
                    "SimLex": float(judged(model.wv, datapath("simlex999.txt"))),
                    "seconds": round(time.process_time() - began, 1),
                    "isa": build_info()["isa"],
                }
                with options.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)


def table(path):
    rows = rows_of(path)
    print("| | " + " | ".join(f"{m} | difference" for m in MEASURES) + " | seeds |")
    print("|" + "---|" * (2 * len(MEASURES) + 2))
    for method in dict.fromkeys(row["label"][0] for row in rows):
        one = {row["label"][2]: row for row in rows if row["label"][:2] == [method, 1]}
        for shards in sorted({row["label"][1] for row in rows if row["label"][0] == method}):
            mine = {row["label"][2]: row for row in rows if row["label"][:2] == [method, shards]}
            seeds = sorted(mine.keys() & one.keys())
            cells = []
            for name in MEASURES:
                a, b = (np.array([side[seed][name] for seed in seeds]) for side in (mine, one))
                n = len(seeds)
                cells.append(f"{a.mean():.4f} ± {a.std(ddof=1) / n**0.5:.4f}" if n > 1 else f"{a}")
                if shards == 1 or n < 2:
                    cells.append("")
                else:
                    error = ((a.var(ddof=1) + b.var(ddof=1)) / n) ** 0.5
                    change = a.mean() - b.mean()
                    share = f" ({change / b.mean():+.1%})" if name == "loss" else ""
                    cells.append(f"{change:+.4f} ± {error:.4f}{share}")
            noun = "one worker" if shards == 1 else f"{shards} shards"
            print(f"| {method}, {noun} | " + " | ".join(cells) + f" | {len(seeds)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--shards", default="1,2,4,8,16")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", default="cbow,skip-gram,hs")
    parser.add_argument("--wire", default="bfloat16")
    parser.add_argument("--in-order", action="store_true")
    parser.add_argument("--curvature", type=float, default=changes.CURVATURE)
    options = parser.parse_args()
    changes.CURVATURE = options.curvature
    options.gensim_texts = True
    table(options.out) if options.table else measure(options)


if __name__ == "__main__":
    main()
