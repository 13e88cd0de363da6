"""Record small models of fastText, with its answers: python tools/record_fasttext.py FOLDER.

Needs fasttext-community, whose `get_word_vector` brings vectors to length 1, as fastText 0.9.2 does
not; so the lengths are not compared. FOLDER is tests/data/fasttext.
"""

import json
import sys
import tempfile
from pathlib import Path

import fasttext

TEXT = "sun moon star naïve 日本語\ndog cat __label__x cow sunny a\n" * 20
SMALL = {"minn": 2, "maxn": 4, "bucket": 50, "dim": 3, "minCount": 1, "epoch": 2, "thread": 1}
SMALL |= {"label": "no-label"}
KINDS = {
    "skipgram": {},
    "cbow": {"model": "cbow", "label": "__label__"},  # __label__x is a label, and no word
    "softmax": {"loss": "hs", "dim": 4},
    "words": {"maxn": 0},
    "long": {"minn": 5, "maxn": 6},
}
ASKED = ["</s>", "suns", "日本", "", "x", "<", "mooning"]


def answers(model):
    """Return what fastText tells of all words and of some others."""
    words = [*model.get_words(), *ASKED]
    found = {}
    for word in words:
        texts, ids = model.get_subwords(word)
        vector = model.get_word_vector(word).tolist()
        found[word] = {"subwords": texts, "ids": ids.tolist(), "unit": vector}
    near = {word: model.get_nearest_neighbors(word, 5) for word in ("sun", "suns")}
    sentence = "sun dogs </s> 日本 x"
    return {
        "words": model.get_words(),
        "found": found,
        "near": near,
        "sentence": [sentence, model.get_sentence_vector(sentence).tolist()],
        "analogies": model.get_analogies("sun", "moon", "dogs", 5),
    }


def record(folder):
    """Write one model and its answers for each of KINDS, and two models to be refused."""
    with tempfile.TemporaryDirectory() as temporary:
        text = Path(temporary, "text")
        text.write_text(TEXT, encoding="utf-8")
        for name, more in KINDS.items():
            model = fasttext.train_unsupervised(str(text), verbose=0, **(SMALL | more))
            model.save_model(str(folder / f"{name}.bin"))
            told = json.dumps(answers(model), ensure_ascii=False, indent=1)
            (folder / f"{name}.json").write_text(told + "\n", encoding="utf-8")
        line = " ".join(f"w{i}" for i in range(256))
        text.write_text(f"__label__a {line}\n__label__b x\n" * 5, encoding="utf-8")
        model = fasttext.train_supervised(str(text), dim=2, minCount=1, verbose=0, epoch=1)
        model.save_model(str(folder / "supervised.bin"))


if __name__ == "__main__":
    record(Path(sys.argv[1]))
