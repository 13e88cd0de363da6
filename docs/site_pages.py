"""A Sphinx extension: the API reference, docstrings as reStructuredText, links out of the site."""

import importlib
import inspect
import os
import re
from pathlib import Path

import numpy as np

# The pages of the API reference: a title, and the modules whose public names it lists.
PAGES = {
    "package": ("The package", ["fastw2v"]),
    "layers": ("Layers and functions", ["fastw2v.functions", "fastw2v.layers"]),
    "negative_sampling": (
        "Negative sampling",
        ["fastw2v.negative_sampling_layer", "fastw2v.candidate_sampling"],
    ),
    "sequences": ("Layers over sequences", ["fastw2v.time_layers", "fastw2v.attention_layer"]),
    "training": (
        "Training",
        ["fastw2v.optimizer", "fastw2v.trainer", "fastw2v.init", "fastw2v.config"],
    ),
    "models": ("Models", ["fastw2v.models", "fastw2v.base_model"]),
    "text": ("Text and language", ["fastw2v.datasets", "fastw2v.datasets.sequence"]),
    "language_models": ("Language models with their words", ["fastw2v.text_model"]),
    "word2vec": ("Word2Vec", ["fastw2v.word2vec"]),
    "fasttext": ("Words with n-grams", ["fastw2v.fasttext"]),
    "phrases": ("Phrases", ["fastw2v.phrases"]),
    "keyed_vectors": ("Word vectors", ["fastw2v.keyed_vectors"]),
    "util": ("The book's helpers", ["fastw2v.util"]),
    "frameworks": (
        "Keras, torch and scikit-learn",
        ["fastw2v.keras", "fastw2v.torch", "fastw2v.sklearn"],
    ),
    "distributed": ("Clusters", ["fastw2v.distributed"]),
    "dropin": ("The drop-in", ["fastw2v.dropin"]),
    "reference": (
        "The reference",
        ["fastw2v.reference.layers", "fastw2v.reference.word2vec", "fastw2v.reference.phrases"],
    ),
}
# Names beside those of the book, which a star import must not give.
MORE_NAMES = {"fastw2v.time_layers": ("TimeBidirectional", "TimeStack")}
# What has no entry of its own: the command's main() is described by the page of the command line.
NOT_LISTED = {"fastw2v.cli"}

REPOSITORY = Path(__file__).resolve().parents[1]


def setup(app):
    app.connect("builder-inited", write_reference)
    app.connect("autodoc-process-docstring", as_restructured_text)
    app.connect("source-read", stay_on_the_site)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# ---- the API reference


def write_reference(app):
    """Write api/*.rst, one page for each entry of PAGES, beside the other pages."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    for page in folder.glob("*.rst"):
        if page.stem not in PAGES:
            page.unlink()  # of an earlier table
    for page, (title, modules) in PAGES.items():
        lines = [title, "=" * len(title), ""]
        for module in modules:
            lines += entries(module, alone=len(modules) == 1)
        write(folder / f"{page}.rst", "\n".join(lines))
    title = "API reference"
    toctree = [".. toctree::", "   :maxdepth: 1", "", *(f"   {page}" for page in PAGES)]
    write(folder / "index.rst", "\n".join([title, "=" * len(title), "", *toctree, ""]))


def entries(name, alone):
    """Return the directives of a module and of its public names."""
    module = importlib.import_module(name)
    lines = [] if alone else [name, "-" * len(name), ""]
    lines += [f".. automodule:: {name}", "   :no-members:", ""]
    for public in (*getattr(module, "__all__", ()), *MORE_NAMES.get(name, ())):
        value = getattr(module, public)
        if not is_at_home(value, module):
            continue
        kind = "class" if inspect.isclass(value) else "function"
        if inspect.isclass(value) and issubclass(value, BaseException):
            kind = "exception"
        lines += [f".. auto{kind}:: {name}.{public}"]
        if kind == "class":
            lines += ["   :members:", "   :inherited-members: object, ndarray"]
        lines += [""]
    return lines


def is_at_home(value, module):
    """Tell whether a name is described with this module, and not with the one it came from."""
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return False
    home = f"{getattr(value, '__module__', '')}."
    listed = {name for _, modules in PAGES.values() for name in modules} | {"numpy"}
    owners = [name for name in listed if name != "fastw2v" and home.startswith(f"{name}.")]
    return not owners or module.__name__ in owners


def write(path, text):
    """Write a file unless it holds this text already, so that Sphinx need not read it again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


# ---- docstrings


def as_restructured_text(app, what, name, obj, options, lines):
    """Turn the plain text of a docstring, in place, into reStructuredText."""
    as_numpy = getattr(np.ndarray, name.rpartition(".")[2], None)
    is_numpys = as_numpy is not None and (obj is as_numpy or obj.__doc__ == as_numpy.__doc__)
    home = (getattr(obj, "__module__", None) or "fastw2v").partition(".")[0]
    if is_numpys or (what == "method" and home != "fastw2v"):
        lines[:] = [f"As in {'numpy' if is_numpys else home}.", ""]
    else:
        lines[:] = restructured(lines)


def restructured(lines):
    """Return docstring lines with tables as definition lists and marks of plain text escaped.

    >>> restructured(["window   words on each side", "         of a word", "", "Uses *args."])
    ['``window``', '    words on each side', '    of a word', '', 'Uses \\\\*args.']
    """
    out, i = [], 0
    while i < len(lines):
        block = []
        while i < len(lines) and lines[i].strip():
            block.append(lines[i])
            i += 1
        if block:
            out += paragraph(block)
        if i < len(lines):
            out.append("")
            i += 1
    return out


def paragraph(block):
    start = block[0].lstrip()
    if start.startswith(">>>"):
        return block
    if start.startswith(("- ", "* ", "1. ")):
        return [escaped(line) for line in block]
    if block[0].startswith("    "):  # a formula, or code
        return ["::", "", *(f"    {line}" for line in block)]
    end = table_end(block)
    if end:
        rest = paragraph(block[end:]) if end < len(block) else []
        return [*definitions(block[:end]), *([""] if rest else []), *rest]
    return [escaped(line) for line in block]


# A row of a table: a name or a few, two blanks (or a colon), a text; further lines are indented.
ROW = re.compile(r"(\S+(?: \S+){0,5}?)(?:  +|(?<=\w): +)(\S.*)$")


def table_end(block):
    """Return how many lines at the beginning of a block form a table of names and texts."""
    if not re.match(r"\S+(?: \S+){0,5}?  +\S", block[0]) and not is_continued(block, 0):
        return 0
    for i, line in enumerate(block):
        if not (ROW.match(line) or (i and line.startswith("    ")) or is_continued(block, i)):
            return i
    return len(block)


def is_continued(block, i):
    """Tell whether the line after line i is indented."""
    return i + 1 < len(block) and block[i + 1].startswith("    ")


def definitions(block):
    out = []
    for line in block:
        row = ROW.match(line)
        if line.startswith("    "):
            out.append(f"    {escaped(line.strip())}")
        elif row:
            out += [f"``{row[1].rstrip(':')}``", f"    {escaped(row[2])}"]
        else:
            out.append(f"``{line}``")
    return out


def escaped(line):
    """Escape what reStructuredText would take for markup, outside of backticks."""
    parts = re.split(r"(``[^`]*``|`[^`]*`)", line)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([*|])", r"\\\1", parts[i])
        parts[i] = re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", parts[i])
    return "".join(parts)


# ---- links

# Files of the repository that are pages of the site, which include them.
HERE = {
    "README.md": "index",
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "bench/SPEED.md": "speed",
    "bench/RESULTS.md": "results",
    "bench/QUALITY.md": "quality",
    "bench/README.md": "measuring",
}


def stay_on_the_site(app, docname, source):
    """Make links to files of the repository lead to their pages, or to their names alone."""
    page = Path(app.srcdir) / docname
    start = page.parent
    if docname in HERE.values():  # its links count from the file that it includes
        included = {name: path for path, name in HERE.items()}[docname]
        if docname != "index":
            source[0] = (REPOSITORY / included).read_text(encoding="utf-8")
            start = (REPOSITORY / included).parent

    def replaced(match):
        text, target, place = match[1], match[2], match[3] or ""
        path = (start / target).resolve()
        if not path.is_relative_to(REPOSITORY) or not path.exists():
            return match[0]
        name = path.relative_to(REPOSITORY).as_posix()
        if name in HERE:
            target = (Path(app.srcdir) / f"{HERE[name]}.md").as_posix()
        elif not path.is_relative_to(app.srcdir):
            return text if text.startswith("`") else f"{text} (`{name}`)"
        else:
            target = path.as_posix()
        return f"[{text}]({os.path.relpath(target, page.parent)}{place})"

    source[0] = re.sub(r"\[([^]\[]*)\]\((?!https?:|#)([^)#\s]+)(#[^)]*)?\)", replaced, source[0])
    # Pictures too count from the page that shows them.
    source[0] = re.sub(
        r'(<img src=")([^":]+)"',
        lambda m: f'{m[1]}{os.path.relpath((start / m[2]).resolve(), page.parent)}"',
        source[0],
    )
