"""Pages of the explorer for the documentation: one of English words, one of Japanese words.

    python docs/explorer_pages.py FOLDER              english.html and japanese.html
    python docs/explorer_pages.py FOLDER english      one of them

The English text is Python's own documentation. The Japanese text is the manual pages that Debian's
package manpages-ja installs, cut into words by fugashi with unidic-lite (pip install fugashi
unidic-lite). It is also an extension of Sphinx, which adds the pages to the folder `explorer` of
the site; a page whose text or library is missing is left out with a warning.
"""

import argparse
import gzip
import re
import sys
from pathlib import Path

from fastw2v import Word2Vec
from fastw2v.datasets import Splitter, builtin_text

MANUALS = Path("/usr/share/man/ja")
NAMES = ("english", "japanese")
SETTINGS = {"vector_size": 100, "sg": 1, "window": 5, "seed": 1, "deterministic": True}
CONTENT = {
    "名詞",
    "動詞",
    "形容詞",
    "形状詞",
    "副詞",
    "代名詞",
}  # parts of speech that carry meaning


def english():
    """Train on Python's documentation; return the page."""
    splitter = Splitter()
    sentences = [splitter.split_words(line) for line in builtin_text().splitlines()]
    model = Word2Vec(sentences, min_count=8, epochs=12, **SETTINGS)
    words = [word for word in model.wv.index_to_key if len(word) > 2 and word.isalpha()]
    return model.wv.explore(words[:2000], title="English: the words of Python’s documentation")


def japanese(folder=MANUALS):
    """Train on manual pages in Japanese; return the page."""
    import fugashi

    tagger = fugashi.Tagger()
    sentences, content = [], set()
    for line in manual_lines(folder):
        words = [word for word in tagger(line) if word.feature.pos1 not in ("補助記号", "空白")]
        content |= {word.surface for word in words if word.feature.pos1 in CONTENT}
        sentences.append([word.surface for word in words])
    model = Word2Vec(sentences, min_count=20, epochs=4, **SETTINGS)
    words = [word for word in model.wv.index_to_key if word in content and is_japanese(word)]
    return model.wv.explore(words[:2000], title="日本語: Linux マニュアルページの単語")


def is_japanese(word):
    """Tell kanji and kana of two characters or more, or one kanji; single kana say little."""
    return bool(re.fullmatch("[\u3040-\u30ff\u3400-\u9fff々ー]{2,}|[\u3400-\u9fff]", word))


def manual_lines(folder):
    """Yield the lines of all manual pages that hold Japanese, without the commands of roff."""
    seen = set()
    for path in sorted(Path(folder).rglob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as text:
            for line in text:
                if line.startswith((".", "'")):
                    line = line.partition(" ")[2] if line[1:3] in ("B ", "I ", "SH", "SS") else ""
                line = re.sub(r"\\f[BIRP]|\\f\(..|\\[&|^/,]|\\-|\\\(..", " ", line).strip()
                if line not in seen and re.search("[\u3040-\u30ff\u4e00-\u9fff]", line):
                    seen.add(line)  # licences and headings return in hundreds of pages
                    yield line


def write(folder, name):
    """Write a page and return its path."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    {"english": english, "japanese": japanese}[name]().save(folder / f"{name}.html")
    return folder / f"{name}.html"


def missing(name):
    """Return what a page needs and this machine lacks, or None."""
    import importlib.util

    modules = ["bokeh", "sklearn", *(["fugashi", "unidic_lite"] if name == "japanese" else [])]
    lacking = [module for module in modules if importlib.util.find_spec(module) is None]
    if lacking:
        return f"pip install 'fastw2v[docs]' brings {', '.join(lacking)}"
    if name == "japanese" and not MANUALS.is_dir():
        return f"apt-get install manpages-ja brings {MANUALS}"
    return None


def setup(app):
    """Add the pages to a site of Sphinx."""
    app.connect("build-finished", _add_pages)
    return {"parallel_read_safe": True}


def _add_pages(app, error):
    from sphinx.util import logging

    if error is not None or app.builder.format != "html":
        return
    for name in NAMES:
        if (Path(app.outdir) / "explorer" / f"{name}.html").exists():
            continue  # of a build before
        lacking = missing(name)
        if lacking:
            logging.getLogger(__name__).warning("the page of %s words: %s", name, lacking)
        else:
            write(Path(app.outdir) / "explorer", name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{' or '.join(NAMES)}")
    args = parser.parse_args()
    for name in args.names or NAMES:
        if name not in NAMES:
            parser.error(f"NAME: expected {' or '.join(NAMES)}, got {name!r}")
        if lacking := missing(name):
            sys.exit(f"{name}: {lacking}")
        print(f"wrote {write(args.folder, name)}")


if __name__ == "__main__":
    main()
