"""The kind of a file: by its name before it is written, by its first bytes before it is read.

Every reader asks `refuse_foreign` before it parses a file, and every command asks `named` before it
works, so that each kind of file has one description and one cure in all messages.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from fastw2v._files.atomic import is_stream

Path = str | os.PathLike[str]

START_BYTES = 512  # of a file, from which `kind_of` tells its kind

# ---- by content


class Kind(NamedTuple):
    """A kind of file: its name, its description in a message, and the advice to its user."""

    name: str
    description: str
    cure: str


_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_BZIP2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")
_LFS = re.compile(rb"version https://(git-lfs|hawser)\.github\.com/spec/")
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml|script|title)\b", re.I)
_JSON = re.compile(rb"(\xef\xbb\xbf)?\s*(\{\s*\"|\[\s*[{\[\"])")
# A word and its numbers, as GloVe writes them; such a row may begin with `<html>` or `{"`.
_ROW = re.compile(rb"\S+([ \t]+[-+.0-9eEnaif]+)+\s*")
_WIDE = re.compile(rb"([^\0]\0){6}|(\0[^\0]){6}")


def _is_row(start: bytes) -> bool:
    return _ROW.fullmatch(start.partition(b"\n")[0]) is not None


def _begins(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(marks)


_AGAIN = "get the file again"
_UNPACK = "unpack it first"
_ELSEWHERE = "convert it with the program that wrote it"
_COLUMNS = "read it with its own library, then KeyedVectors.from_words(words, vectors)"

# In the order of the tests: the first that fits decides.
_KINDS: tuple[tuple[Callable[[bytes], bool], Kind], ...] = (
    (
        lambda s: s.startswith(b"FASTW2V") and len(s) > 7 and s[7] < 32,
        Kind("fw2v", "a file of fastw2v", "load it, unpacked, with the class that saved it"),
    ),
    (
        lambda s: _PICKLE.match(s) is not None and b"gensim." in s,
        Kind(
            "gensim",
            "a pickle that was saved by gensim",
            "open a model with Word2Vec.load and vectors with KeyedVectors.load; other objects of "
            "gensim are not read",
        ),
    ),
    (
        lambda s: _PICKLE.match(s) is not None,
        Kind("pickle", "a pickle", "open it with KeyedVectors.load or load_params"),
    ),
    (_begins(b"\x1f\x8b"), Kind("gzip", "gzip data", _UNPACK)),
    (lambda s: _BZIP2.match(s) is not None, Kind("bzip2", "a bzip2 file", _UNPACK)),
    (_begins(b"\xfd7zXZ\0"), Kind("xz", "an xz file", _UNPACK)),
    (
        _begins(b"PK\x03\x04", b"PK\x05\x06"),
        Kind("zip", "a zip or .npz archive", "unpack it, or load it with the class that saved it"),
    ),
    (_begins(b"\x28\xb5\x2f\xfd"), Kind("zstd", "a zstd file", _UNPACK)),
    (_begins(b"\x04\x22\x4d\x18"), Kind("lz4", "an lz4 file", _UNPACK)),
    (_begins(b"7z\xbc\xaf\x27\x1c"), Kind("7z", "a 7z archive", _UNPACK)),
    (_begins(b"Rar!\x1a\x07"), Kind("rar", "a rar archive", _UNPACK)),
    (lambda s: s[257:262] == b"ustar", Kind("tar", "a tar archive", _UNPACK)),
    (_begins(b"\x93NUMPY"), Kind("npy", "a numpy array", "save it with its words")),
    (
        _begins(b"\xba\x16\x4f\x2f"),
        Kind(
            "fasttext",
            "a model of fastText (.bin)",
            "open it with FastText.load to train it further, or with FastTextKeyedVectors.load, or "
            "give the .vec file beside it",
        ),
    ),
    (_begins(b"\x89HDF\r\n"), Kind("hdf5", "an HDF5 file", _ELSEWHERE)),
    (_begins(b"PAR1"), Kind("parquet", "a Parquet file", _COLUMNS)),
    (_begins(b"ARROW1"), Kind("arrow", "an Arrow file", _ELSEWHERE)),
    (_begins(b"SQLite format 3\0"), Kind("sqlite", "an SQLite database", _ELSEWHERE)),
    (_begins(b"GGUF"), Kind("gguf", "a GGUF model", _ELSEWHERE)),
    (lambda s: s[7:10] == b'\0{"', Kind("safetensors", "a safetensors file", _COLUMNS)),
    (_begins(b"%PDF-"), Kind("pdf", "a PDF document", "give its text")),
    (_begins(b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8"), Kind("picture", "a picture", _AGAIN)),
    (_begins(b"\x7fELF", b"\xcf\xfa\xed\xfe"), Kind("program", "a program", "check the name")),
    (
        lambda s: _LFS.match(s) is not None,
        Kind(
            "lfs",
            "a pointer of Git LFS, which stands for a file that was not downloaded",
            "run git lfs pull",
        ),
    ),
    (
        lambda s: _MARKUP.match(s) is not None and not _is_row(s),
        Kind("html", "an HTML or XML page", f"the download gave a page, {_AGAIN}"),
    ),
    (
        lambda s: _JSON.match(s) is not None and not _is_row(s),
        Kind("json", "JSON", f"the download may have given an error, {_AGAIN}"),
    ),
    (
        lambda s: s.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or bool(_WIDE.match(s)),
        Kind("utf-16", "UTF-16 text", "save it as UTF-8"),
    ),
    (
        lambda s: len(s) >= 16 and not s.strip(b"\0"),
        Kind("zeros", "nothing but zero bytes at its start", _AGAIN),
    ),
)


def kind_of(start: bytes) -> Kind | None:
    """Tell the kind of a file from its first START_BYTES; None for plain text and unknown data.

    >>> kind_of(b"<!DOCTYPE html><html>").name, kind_of(b"the 0.1 0.2")
    ('html', None)
    """
    return next((kind for fits, kind in _KINDS if fits(start)), None)


def refuse_foreign(
    name: Path,
    start: bytes,
    expected: str,
    *allowed: str,
    error: type[ValueError] = ValueError,
) -> None:
    """Raise ValueError (or `error`) naming the kind of a file, unless it is unknown or allowed."""
    kind = kind_of(start)
    if kind is not None and kind.name not in allowed:
        raise error(f"{name}: is {kind.description}, expected {expected}; {kind.cure}")


def check_readable(name: Path, content: str = "text") -> None:
    """Raise OSError or ValueError unless `name` is a file that holds something.

    content: the kind of data that the file should hold, for the message.
    """
    if os.path.isdir(name):
        raise IsADirectoryError(f"{name}: is a folder; name the file in it that holds {content}")
    if not os.path.exists(name):
        raise FileNotFoundError(f"{name}: no such file; check the name and the current folder")
    if os.path.isfile(name) and os.path.getsize(name) == 0:
        raise ValueError(f"{name}: the file is empty; give a file that holds {content}")


def first_bytes(name: Path) -> bytes:
    """Read the first bytes; b"" for a pipe, whose bytes can be read only once, and no file."""
    if not os.path.isfile(name):
        return b""
    with open(name, "rb") as stream:
        return stream.read(START_BYTES)


# ---- by name

PACKINGS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz"}
_WORD2VEC = {".txt": "text", ".vec": "text", ".bin": "binary"}
_WHOLE = {".fw2v": "fw2v", ".npz": "npz", ".safetensors": "safetensors", ".parquet": "parquet"}
_FORMATS = _WORD2VEC | _WHOLE
_OTHERS = {
    *(".zip", ".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz", ".zst", ".lz4", ".lzma", ".z"),
    *(".npy", ".h5", ".hdf5", ".keras", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib"),
    *(".gguf", ".onnx", ".pb", ".tflite", ".feather", ".arrow"),
    *(".csv", ".tsv", ".json", ".jsonl", ".xml", ".html", ".htm", ".yaml", ".db", ".sqlite"),
    *(".png", ".jpg", ".jpeg", ".gif", ".svg", ".pdf", ".doc", ".docx", ".xlsx", ".py", ".mat"),
}


class Named(NamedTuple):
    """The format and the packing that a name says; None where it says neither."""

    format: str | None
    packing: str | None


def named(name: Path) -> Named:
    """Tell what the name of a file of vectors says.

    format: "text" (.txt, .vec), "binary" (.bin), "fw2v", "npz", "safetensors" or "parquet".
    packing: "gzip" (.gz), "bzip2" or "xz", behind the suffix of a word2vec format or alone.

    Raises ValueError for the name of another format, and for one that cannot be packed.

    >>> named("v.bin.gz"), named("vectors").format
    (Named(format='binary', packing='gzip'), None)
    """
    base, suffix = os.path.splitext(os.path.basename(os.fspath(name)).lower())
    packing = PACKINGS.get(suffix)
    if packing is not None:
        suffix = os.path.splitext(base)[1]
    found = _FORMATS.get(suffix)
    if suffix in _OTHERS or (packing is not None and suffix in _WHOLE):
        raise ValueError(
            f"{name}: expected the name of a format that fastw2v writes, got {suffix}"
            f"{' with a packing' if packing else ''}; end the name in .txt, .vec or .bin, each "
            "also with .gz, .bz2 or .xz behind it, or in .fw2v, .npz, .safetensors or .parquet"
        )
    return Named(found, packing)


def named_whole(name: Path) -> str | None:
    """Return the format that the name says if it is no word2vec format, else None."""
    return _WHOLE.get(os.path.splitext(os.fspath(name).lower())[1])


def word2vec_named(name: Path, binary: bool | None) -> tuple[bool, str | None]:
    """Return whether a word2vec file is binary, by its name if `binary` is None, and its packing.

    Raises ValueError for the name of another format.
    """
    says = named(name)
    if says.format in _WHOLE.values():
        raise ValueError(
            f"{name}: expected the name of a word2vec file, got one that ends in .{says.format}; "
            "call save, or end the name in .txt, .vec or .bin"
        )
    return (says.format == "binary" if binary is None else bool(binary)), says.packing


def check_fw2v(name: Path | BinaryIO, cure: str) -> None:
    """Raise ValueError if a name says another format, an archive or packed data.

    An open binary file is accepted. So are names of no format, .bin and those of pickles: scripts
    for gensim save models as .model, .bin or .pkl.
    """
    if is_stream(name):
        return
    ending = os.path.splitext(os.fspath(name).lower())[1]
    if ending in {*PACKINGS, *_FORMATS, *_OTHERS} - {".bin", ".fw2v", ".pkl", ".pickle"}:
        raise ValueError(
            f"{name}: expected a name for a file in fastw2v's own format, got one that ends in "
            f"{ending}; {cure}"
        )


def check_named(name: Path, expected: str, suffix: str) -> None:
    """Raise ValueError if a name says another format than that of its one suffix.

    expected: the content to be written, for the message.
    """
    ending = os.path.splitext(os.fspath(name).lower())[1]
    known = {*_OTHERS, *_FORMATS, *PACKINGS}
    if ending != suffix and ending in known:
        raise ValueError(
            f"{name}: expected a name for {expected}, got one that ends in {ending}; end it in "
            f"{suffix}"
        )


def check_suffix(name: Path, expected: str, *suffixes: str) -> None:
    """Raise ValueError if a name has a suffix other than these; it may have none.

    expected: the content to be written, for the message.
    """
    ending = os.path.splitext(os.fspath(name).lower())[1]
    if ending not in ("", *suffixes):
        raise ValueError(
            f"{name}: expected a name for {expected}, got one that ends in {ending}; end it in "
            f"{' or '.join(suffixes)}"
        )
