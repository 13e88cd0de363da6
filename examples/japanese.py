"""From raw Japanese text to neighbours: cut into words, train, ask, draw.

    pip install 'fastw2v[ja,explore,plot]'
    python examples/japanese.py                     the Japanese pages of this repository
    python examples/japanese.py text.txt            your own text, such as one of Aozora Bunko
    python examples/japanese.py --tokenizer sudachi:C:normalized text.txt
    python examples/japanese.py --quick             a few seconds, as a check

A tokenizer cuts the text, which is brought into the normal form NFKC first. Word2Vec trains
skip-gram on the sentences, and the script prints the nearest words of frequent nouns and verbs. The
pages of the repository have some 14,000 characters, enough to see that it works. Vectors that know
the language take a million or more.
"""

import argparse
import json
import re
import time
from importlib.util import find_spec
from pathlib import Path

import figures

from fastw2v import Word2Vec
from fastw2v.datasets import Splitter, read_text, segment

REPOSITORY = Path(__file__).resolve().parents[1]
TOKENIZERS = {"fugashi": "fugashi", "sudachi": "sudachipy", "janome": "janome"}  # fast ones first
N_SHOWN, TOP_K, ON_MAP = 8, 5, 120


def main(argv=None):
    args = parse(argv)
    began = time.perf_counter()
    text = "".join(read_text(args.file, args.encoding)) if args.file else own_pages()
    # A line or a clause is a sentence.
    raw = re.sub(r"(?<=[。！？])", "\n", text)
    splitter = Splitter(normalize="nfkc")
    lines = "".join(segment(raw, args.tokenizer)).splitlines()
    sentences = [words for words in map(splitter.split_words, lines) if words]
    n_words = sum(map(len, sentences))
    # A short text is read often: some million words in all.
    epochs = 5 if args.quick else max(5, min(60, 2_000_000 // n_words))
    model = Word2Vec(
        sentences,
        sg=1,
        vector_size=args.size,
        window=4,
        min_count=4,
        alpha=0.05,
        epochs=epochs,
        seed=1,
        deterministic=True,
    )
    # Two characters or more, with kanji or katakana: most particles are short and in hiragana.
    shown = [w for w in model.wv.index_to_key if len(w) > 1 and re.search("[一-龠ァ-ヶ]", w)]
    nearest = {word: model.wv.most_similar(word, topn=TOP_K) for word in shown[:N_SHOWN]}
    words = shown[:ON_MAP]
    title = f"{args.file or 'fastw2v の日本語のページ'}：よく出る {len(words)} 語"
    drawn = len(words) > 1 and figures.draw_map(args.output, words, model.wv[words], title)
    seconds = round(time.perf_counter() - began, 1)
    if args.json:
        report = {
            "characters": len(text),
            "tokenizer": args.tokenizer,
            "words": n_words,
            "vocabulary": len(model.wv),
            "epochs": epochs,
            "nearest": nearest,
            "seconds": seconds,
            "map": args.output if drawn else None,
        }
        print(json.dumps(report, ensure_ascii=False, indent=2))
        return
    print(f"{len(text):,} characters, {n_words:,} words by {args.tokenizer}, {epochs} epochs")
    for word, found in nearest.items():
        print(f"{word}: {' '.join(other for other, _ in found)}")
    print(f"{seconds} s" + (f"; map: {args.output}" if drawn else ""))


def own_pages():
    """Return the sentences of this repository's Japanese pages and notebooks, without code."""
    pages = [REPOSITORY / "README.ja.md", *sorted((REPOSITORY / "docs" / "ja").glob("*.md"))]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    for notebook in sorted((REPOSITORY / "examples" / "notebooks").glob("ja_*.ipynb")):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    text = re.sub(r"^```.*?^```$", "", "\n".join(texts), flags=re.M | re.S)
    return re.sub(r"`[^`]*`|<[^>]*>|\]\([^)]*\)|[\[\]|*#]", " ", text)


def installed_tokenizer():
    for name, module in TOKENIZERS.items():
        if find_spec(module):
            return name
    return "fugashi"  # whose error says how to install it


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", help="Japanese text, plain or packed")
    parser.add_argument("--encoding", default="utf-8", help="such as cp932 (default: utf-8)")
    parser.add_argument(
        "--tokenizer", help="default: the first installed of fugashi, sudachi, janome"
    )
    parser.add_argument("--size", type=int, default=50, help="dimensions (default: 50)")
    parser.add_argument("--output", default="japanese.png", help="the map")
    parser.add_argument("--quick", action="store_true", help="a small run of seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    args.tokenizer = args.tokenizer or installed_tokenizer()
    return args


if __name__ == "__main__":
    main()
