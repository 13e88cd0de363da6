"""Characters on whose properties the splitter's version of Unicode and Python's agree."""

import functools
import unicodedata

from fastw2v._kernels import _splitter

_FLAGS = _splitter.OPTIONS["marks"]


@functools.cache
def is_shared(char):
    """Tell whether both versions know a character, or both do not (U+0378 is in neither)."""
    category = unicodedata.category(char)
    if category == "Cn":
        return char == "\u0378"
    if category in ("Cc", "Cf", "Co", "Cs") or unicodedata.category(char)[0] == "Z":
        return True
    # What the tables do not know is dropped, even where signs are words.
    return _splitter.split(f"a{char}".encode(), _FLAGS, 1) != (b"a ", 1) or is_regional(char)


def is_regional(char):
    """Tell whether a character is half of a flag, which alone is dropped too."""
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def shared(text):
    """Return a text without the characters that are not shared."""
    return "".join(filter(is_shared, text))
