"""Record what gensim's Phrases finds in planted texts, in tests/data/phrases.json.

python tools/record_phrases.py        with gensim 4.4 installed
"""

import json
import sys
from pathlib import Path

from gensim.models.phrases import Phrases

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from phrase_texts import SETTINGS, planted  # noqa: E402


def recorded(settings):
    text, more = planted(), planted(seed=1, n_sentences=100)
    first = Phrases(text, **settings)
    found = {"phrases": first.export_phrases(), "different": len(first.vocab)}
    first.add_vocab(more)
    found["added"] = first.export_phrases()
    found["joined"] = list(first.freeze()[more[:20]])
    return found


def main():
    content = {name: recorded(settings) for name, settings in SETTINGS.items()}
    path = ROOT / "tests" / "data" / "phrases.json"
    path.write_text(json.dumps(content, indent=1, sort_keys=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
