"""Text in bytes cut into words, against the rules in plain Python."""

import unicodedata

import pytest
from characters import is_shared
from conftest import N_PARTS
from hypothesis import given
from hypothesis import strategies as st

from fastw2v._kernels import _splitter
from fastw2v.reference import splitter as reference

OPTIONS = _splitter.OPTIONS
WORDS = OPTIONS["nfc"] + OPTIONS["lower"]


def cut(text, options=WORDS, n_parts=1):
    """Return the words of a text, and the number of characters left out."""
    found, dropped = _splitter.split(text.encode("utf-8", "surrogatepass"), options, n_parts)
    words = found.decode("utf-8", "surrogatepass")
    assert not words or words[-1] in " \n"
    return words.split(" ")[:-1], dropped


@pytest.mark.parametrize("n_parts", N_PARTS)
def test_parts_cut_as_one(n_parts):
    text = "Don't stop, café — http://x.org/a. 学生は 3.14\n\n" * 40
    for more in (0, OPTIONS["marks"], OPTIONS["lines"], OPTIONS["elisions"]):
        data = text.encode()
        assert _splitter.split(data, WORDS + more, n_parts) == _splitter.split(
            data, WORDS + more, 1
        )
    assert cut("x" * 100, WORDS, n_parts) == (["x" * 100], 0)
    assert _splitter.split(b"", WORDS, n_parts) == (b"", 0)
    assert _splitter.split(b" \n ", WORDS, n_parts) == (b"", 0)


# The plain path of ASCII reads bytes, the path of the rules code points: a letter that is not ASCII
# in the same piece sends it the other way.
@given(st.text("ab cCfF019'.,_-+#@:/<>w\n\t\0!", max_size=40), st.sampled_from([0, 16, 32, 64]))
def test_ascii_is_cut_by_the_rules_wherever_it_goes(text, more):
    r = reference.Splitter(
        elisions=more == OPTIONS["elisions"], keep_hyphens=more == OPTIONS["keep_hyphens"]
    )
    assert cut(text, WORDS + more) == r.cut(text, more == OPTIONS["marks"])
    # A zero byte ends words; behind it stands a letter that needs the rules.
    ruled = " ".join(piece + "\0é" for piece in text.split())
    assert cut(ruled, WORDS + more) == r.cut(ruled, more == OPTIONS["marks"])


def characters():
    """Return the characters that Python knows, thinned out where thousands are alike."""
    found = [chr(c) for c in range(0x323B0) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    found = [*filter(is_shared, found)]
    alike = ("CJK UNIFIED", "HANGUL SYLLABLE", "TANGUT IDEO", "NUSHU CHAR", "EGYPTIAN", "CUNEIFORM")
    return [
        char
        for i, char in enumerate([*found, *map(chr, range(0xE0001, 0xE01F0, 7))])
        if i % 50 == 0 or not unicodedata.name(char, "CJK UNIFIED").startswith(alike)
    ]


@pytest.mark.parametrize("form", ["nfc", "nfkc"])
def test_every_character_has_the_kind_and_the_small_letter_of_the_reference(form):
    text = "\n".join(f"A{c}b {c} 1{c}2 {c}\u0301 {c}@a.b" for c in characters())
    found = cut(text, OPTIONS[form] + OPTIONS["lower"])
    assert found == reference.Splitter(normalize=form).cut(text)


@pytest.mark.parametrize("form", ["nfc", "nfkc"])
def test_normal_forms_are_those_of_python(form):
    options = OPTIONS[form] + OPTIONS["blanks"]
    for text in (
        "\n".join(characters()),
        "".join(characters()),
        " ".join("ậ각" + c for c in characters()),
    ):
        for given_form in ("NFC", "NFD", "NFKD"):
            given_text = unicodedata.normalize(given_form, text)
            expected = unicodedata.normalize(form.upper(), given_text).split()
            assert cut(given_text, options) == (expected, 0)


@given(st.binary(max_size=60), st.sampled_from([*OPTIONS.values(), *range(0, 1024, 37)]))
def test_bytes_that_are_no_text_are_cut_somehow(data, options):
    found, dropped = _splitter.split(data, options, 1)
    assert dropped <= 18 * len(data)
    found.decode("utf-8", "surrogatepass")


@given(
    st.lists(
        st.sampled_from(["e", "한", "\u1100", "\u1161", "\u11a8", *"\u0301\u0323\u0308\u0345"])
    )
)
def test_marks_in_any_order_are_sorted_and_composed(parts):
    text = "a" + "".join(parts)
    assert cut(text, OPTIONS["nfc"] + OPTIONS["blanks"])[0] == [unicodedata.normalize("NFC", text)]
    long = "a" + "".join(parts) * 30
    assert cut(long, OPTIONS["nfc"] + OPTIONS["blanks"])[0] == [unicodedata.normalize("NFC", long)]
