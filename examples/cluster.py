"""Word2Vec on a cluster: here one of two processes on this computer.

    pip install 'fastw2v[dask]'
    python examples/cluster.py            trains on the documentation inside Python
    python examples/cluster.py FILE ...   trains on text files, one sentence a line

On real machines, only the client changes: Client("tcp://scheduler:8786").
"""

import argparse
import tempfile
from pathlib import Path

from distributed import Client, LocalCluster

from fastw2v.datasets import builtin_corpus
from fastw2v.distributed import train


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--quick", action="store_true", help="train for a moment only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = options.files
        if not files:
            words = builtin_corpus()
            lines = (" ".join(words[at : at + 50]) for at in range(0, len(words), 50))
            files = [str(Path(folder) / "text.txt")]
            Path(files[0]).write_text("\n".join(lines), encoding="utf-8")
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
            Client(cluster) as client,
        ):
            model = train(
                files,
                client=client,
                vector_size=20 if options.quick else 100,
                epochs=1 if options.quick else 20,
                rounds=4 if options.quick else None,
                progress=not options.quick,
            )
    for word in ("list", "file", "error"):
        if word in model.wv:
            print(word, *(other for other, _ in model.wv.most_similar(word, topn=5)))
    print(f"{len(model.wv):,} words, loss {model.epoch_losses[-1]:.4f}")


if __name__ == "__main__":  # the processes of the cluster import this file
    main()
