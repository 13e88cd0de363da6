"""Text becomes words: golden lists for the scripts and for mixed text, and the settings."""

import dataclasses
import unicodedata

import numpy as np
import pytest
from characters import shared
from hypothesis import given
from hypothesis import strategies as st

from fastw2v.datasets import (
    UNICODE_VERSION,
    Splitter,
    build_corpus,
    read_text,
    splitter,
    tokenize,
    tokenize_lines,
)
from fastw2v.reference import splitter as reference

# Words separated by `|`, as the splitter finds them in the text.
SCRIPTS = {
    "Latin, decomposed": (
        "Le cafe\u0301 d\u2019O\u2019Neill, \u00c0 la Vie\u0302\u0323t Nam",
        "le|caf\u00e9|d'o'neill|\u00e0|la|vi\u1ec7t|nam",
    ),
    "Latin, more": (
        "Straße ÆSIR łódź L’Aigüe col·lecció Þórr, naïve; ŋ ʻokina",
        "straße|æsir|łódź|l'aigüe|col·lecció|þórr|naïve|ŋ|ʻokina",
    ),
    "Greek": ("Ὁ ΟΔΥΣΣΕΥΣ, Σίσυφος· ά\u0301 ΣΑΣ", "ὁ|οδυσσευς|σίσυφος|ά\u0301|σας"),
    "Cyrillic": (
        "Ёлка и и\u0306од: об’єкт, пʼять — Ґанок!",
        "ёлка|и|йод|об'єкт|пʼять|ґанок",
    ),
    "Arabic": (
        "\u0627\u0644\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u0651\u064e\u0629\u060c "
        "\u0643\u0640\u0640\u062a\u0627\u0628\u061f \u0663\u066b\u0661\u0664 "
        "\u0661\u066c\u0660\u0660\u0660 "
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\u06d4",
        "\u0627\u0644\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u064e\u0651\u0629|"
        "\u0643\u0640\u0640\u062a\u0627\u0628|\u0663\u066b\u0661\u0664|\u0661\u066c\u0660\u0660\u0660|"
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ),
    "Hebrew": (
        "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd "
        "\u05e2\u05d5\u05dc\u05dd\u05be\u05d8\u05d5\u05d1, "
        "\u05e6\u05d4\u05f4\u05dc \u05d2\u05f3\u05d9\u05e8\u05e4\u05d4.",
        "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd|\u05e2\u05d5\u05dc\u05dd|\u05d8\u05d5\u05d1|"
        "\u05e6\u05d4\u05f4\u05dc|\u05d2\u05f3\u05d9\u05e8\u05e4\u05d4",
    ),
    "Devanagari": (
        "हिन्दी भाषा, क्\u200dष और \u0958\u0932\u092e। १२३ नहीं॥",
        "हिन्दी|भाषा|क्\u200dष|और|\u0915\u093c\u0932\u092e|१२३|नहीं",
    ),
    "Bengali": ("বাংলা ভাষা; কো\u09d7 কে\u09be।", "বাংলা|ভাষা|কো\u09d7|কো"),
    "Tamil": ("தமிழ் மொழி, ஸ்ரீ கெ\u0bbe!", "தமிழ்|மொழி|ஸ்ரீ|கொ"),
    "Malayalam and Sinhala": ("അവന്\u200d മലയാളം ශ්\u200dරී ලංකාව", "അവന്\u200d|മലയാളം|ශ්\u200dරී|ලංකාව"),
    "Thai": ("สวัสดีครับ เป็นน้ำ ฯลฯ ๓.๑๔ ๆ", "สวัสดีครับ|เป็นน้ำ|ฯลฯ|๓.๑๔|ๆ"),
    "Lao": ("ສະບາຍດີ ພາສາ\u200bລາວ ຄຳ", "ສະບາຍດີ|ພາສາ|ລາວ|ຄຳ"),
    "Khmer": ("ភាសាខ្មែរ។ ជា\u200bភាសា ស្រុក", "ភាសាខ្មែរ|ជា|ភាសា|ស្រុក"),
    "Myanmar": ("မြန်မာဘာသာ၊ စကား။ ၁၂၃", "မြန်မာဘာသာ|စကား|၁၂၃"),
    "Han": (
        "学生们去北京、上海。「你好」，第3章！約翰·史密斯 𠮷野家",
        "学生们去北京|上海|你好|第3章|約翰|史密斯|𠮷野家",
    ),
    "Japanese": (
        "か\u3099くせいはTシャツを着た。ﾃﾚﾋﾞ 東京_都庁\u3000は\u309aん ジョン・スミス 人々 スーパー",
        "がくせいはtシャツを着た|ﾃﾚﾋﾞ|東京_都庁|ぱん|ジョン|スミス|人々|スーパー",
    ),
    "Hangul, decomposed": (
        unicodedata.normalize("NFD", "한국어 단어를, 나눕니다. ") + "\u1112\u119e\u11ab글",
        "한국어|단어를|나눕니다|\u1112\u119e\u11ab글",
    ),
    "Georgian": ("ქართული ენა, ᲥᲐᲠᲗᲣᲚᲘ", "ქართული|ენა|ქართული"),
    "Armenian": (
        "Հայերեն լեզու։ Ինչպե՞ս եք, ԲԱՐԵՎ",
        "հայերեն|լեզու|ինչպե՞ս|եք|բարեւ".replace("եւ", "եվ"),
    ),
    "Ethiopic": ("ሰላም፡ለዓለም። አማርኛ፣ ፲፪", "ሰላም|ለዓለም|አማርኛ|፲፪"),
    "Tibetan": ("བོད་སྐད།", "བོད|སྐད"),
    "Cherokee, Deseret, Gothic": ("ᏣᎳᎩ 𐐔𐐯𐑅 𐌰𐌱", "ꮳꮃꭹ|𐐼𐐯𐑅|𐌰𐌱"),
    "Mongolian": ("ᠮᠣᠩᠭᠣᠯ\u180eᠠ ᠪᠢ\u180b᠂", "ᠮᠣᠩᠭᠣᠯ\u180eᠠ|ᠪᠢ\u180b"),
}

MIXED = {
    "numbers": (
        "3.14. 1,000,000 10.000,50 -5 .5 1,2 2. v1.2.3 1.5e-3 12:30 50% $3.99 1_000 2024-01-02 3.x",
        "3.14|1,000,000|10.000,50|5|5|1,2|2|v1.2.3|1.5e|3|12|30|50|3.99|1_000|2024|01|02|3|x",
    ),
    "number signs": ("x² ½ №5 €5 Ⅷ 1st 10km H₂O ٣", "x²|½|5|5|ⅷ|1st|10km|h₂o|٣"),
    "programming": (
        "C++, C# F#. c++11 C# 9 g++ f#a os.path.join x = _private.__init__() new_york a+b i++ C##",
        "c++|c#|f#|c++|11|c#|9|g|f|a|os|path|join|x|_private|__init__|new_york|a|b|i|c#",
    ),
    "programming in other scripts": (
        "C++を学ぶ 私はC#が好き。学习C++语言 C++는 言語Cの C++и",
        "c++|を学ぶ|私は|c#|が好き|学习|c++|语言|c++|는|言語cの|c|и",
    ),
    "apostrophes": (
        "don't l’homme rock'n'roll 'quoted' dogs’ ’tis 90's it’s\u2019 O'Neill’s a'1 ''x'' d'e'f'",
        "don't|l'homme|rock'n'roll|quoted|dogs|tis|90|s|it's|o'neill's|a|1|x|d'e'f",
    ),
    "apostrophes after marks": (
        "e\u0323\u0308\u0331’s n\u0304’x",
        "\u1eb9\u0331\u0308's|n\u0304'x",
    ),
    "hyphens": (
        "well-known co\u00adoperate e‐mail non\u2011stop a–b --flag",
        "well|known|cooperate|e|mail|non|stop|a|b|flag",
    ),
    "URLs": (
        "(see http://x.org/a_(b)?c=d&e=f#g.) [t](https://a.b/c), www.Foo.com! <ftp://h/~u> git+ssh://h/r",
        "see|http://x.org/a_(b)?c=d&e=f#g|t|https://a.b/c|www.foo.com|ftp://h/~u|git+ssh://h/r",
    ),
    "URLs in other scripts": (
        "詳しくはhttps://ex.jp/a?b=cを見て。「http://ex.jp」 https://ja.wikipedia.org/wiki/東京 http://пример.рф/ж",
        "詳しくは|https://ex.jp/a?b=c|を見て|http://ex.jp|https://ja.wikipedia.org/wiki/東京|http://пример.рф/ж",
    ),
    "no URLs": ("http:// http www. a://! http:/x", "http|http|www|a|http|x"),
    "e-mail": (
        "a.b@c.org. <First.Last+tag@Sub.Example.co.uk>, mailto:x_y@z.io; "
        "jörg@müller.de メールはa@b.jpへ",
        "a.b@c.org|first.last+tag@sub.example.co.uk|mailto|x_y@z.io|jörg@müller.de|メールは|a@b.jp|へ",
    ),
    "no e-mail": ("@name a@b @a.b x@.y me@localhost a.@b.c", "name|a|b|a|b|x|y|me|localhost|a|b|c"),
    "protected": ("a <unk>b</s> <eos><s> <UNK> <br> <unk", "a|<unk>|b|</s>|<eos>|<s>|<unk>|br|unk"),
    "hashtags": ("#tag @name #日本 #1 ##x #C", "tag|name|日本|1|x|c"),
    "quotes and signs": (
        "“Yes” «no» „ja“ AT&T R&D 5€ a/b (c) [d] {e} — … ™ ©",
        "yes|no|ja|at|t|r|d|5|a|b|c|d|e",
    ),
    "emoji": (
        "hi😀😀there 👍🏽! 👨\u200d👩\u200d👧\u200d👦 ❤\ufe0f\u200d🔥 "
        "🏳\ufe0f\u200d🌈 🇯🇵🇫🇷🇩 1\ufe0f\u20e32\ufe0f\u20e3 #\ufe0f\u20e3 ☺\ufe0e",
        "hi|😀|😀|there|👍🏽|👨\u200d👩\u200d👧\u200d👦|❤\u200d🔥|🏳\u200d🌈|🇯🇵|🇫🇷|1\u20e3|2\u20e3|#\u20e3|☺",
    ),
    "emoji of regions and of later versions": (
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f \U0001fae9 🙂\u200d↔\ufe0f",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f|\U0001fae9|🙂\u200d↔",
    ),
    "deleted characters": (
        "\ufeffa\u00adb \u202bאב\u202c\u200f c\u2060d e\ufe0ff "
        "\u2066g\u2069 h\u061ci n\u0303\u00ad\u0323",
        "ab|אב|cd|ef|g|hi|ṇ\u0303",
    ),
    "separators": (
        "a\u200bb c\u3000d\u00a0e\u2028f\u0085g\u1680h\u202fi\x1cj",
        "a|b|c|d|e|f|g|h|i|j",
    ),
    "joiners": ("\u200da\u200d \u200cb\u200c\u200dc \u200d \u200c,", "a|b\u200c\u200dc"),
    "characters outside of words": ("a\0b\ud800c\u0378d\ue000e\x7ff\ufffd", "a|b|c|d|e|f"),
    "marks and underscores alone": ("\u0301 ___ _ a\u0301 _\u0301", "\u00e1"),
    "dotted i": (
        "İstanbul I\u0307zmir DİYARBAKIR İ\u0301 i\u0307 Ị\u0307",
        "istanbul|izmir|diyarbakir|í|i|ị",
    ),
    "capitals that compose in small": ("J\u030c T\u0308 H\u0331", "ǰ|ẗ|ẖ"),
    "non-BMP letters": ("𝔘 𠀀 \U0001f130", "𝔘|𠀀"),
}


def words(text, **settings):
    return list(tokenize(text, **settings))


@pytest.mark.parametrize("name", [*SCRIPTS, *MIXED])
def test_golden_lists(name):
    text, expected = (SCRIPTS | MIXED)[name]
    assert words(text) == expected.split("|")
    assert reference.Splitter().cut(text)[0] == expected.split("|")
    assert all(unicodedata.is_normalized("NFC", word) for word in words(text))


@pytest.mark.parametrize(
    ("settings", "text", "expected"),
    [
        (
            {"normalize": "nfkc"},
            "ﬁn x² ① Ｃ＋＋ ﾃﾚﾋﾞ №5 ㌔ ½ 𝔘 a\u00b4b",
            "fin|x2|1|c++|テレビ|no5|キロ|1|2|u|a|\u0301b",
        ),
        ({"normalize": "none"}, "cafe\u0301 か\u3099 K", "cafe\u0301|か\u3099|k"),
        ({"normalize": "none"}, "I\u0307stanbul İ", "istanbul|i"),
        ({"case": "keep"}, "You SAY C++ İ <UNK>", "You|SAY|C++|İ|<UNK>"),
        ({"lang": "tr"}, "ISPARTA İzmir I\u0307 ığdır TITLE", "ısparta|izmir|i|ığdır|tıtle"),
        ({"lang": "az", "normalize": "none"}, "I I\u0307", "ı|i"),
        (
            {"elisions": True},
            "L’homme d'un qu’il jusqu'à aujourd'hui dell'arte don't l'l'eau s'est-il",
            "l'|homme|d'|un|qu'|il|jusqu'|à|aujourd'hui|dell'|arte|don't|l'|l'|eau|s'|est|il",
        ),
        (
            {"keep_hyphens": True},
            "well-known e‐mail 2024-01-02 1.5e-3 a--b -x- peut-être",
            "well-known|e-mail|2024-01-02|1.5e-3|a|b|x|peut-être",
        ),
        ({"elisions": True, "case": "keep"}, "L’Homme", "L'|Homme"),
        (
            {"elisions": True},
            "l’www.a.b l' http://a l’http://b.c",
            "l'|www|a|b|l|http://a|l'|http|b|c",
        ),
        (
            {"split": "blanks"},
            "No , it’s <unk>\u00a0N'T\u200b. cafe\u0301",
            "No|,|it’s|<unk>|N'T\u200b.|cafe\u0301",
        ),
        ({"split": "blanks", "case": "lower"}, "No\u3000ΣΑΣ, it’s İ", "no|σας,|it’s|i"),
        ({"split": "blanks", "normalize": "nfc"}, "cafe\u0301\u00ad - x", "caf\u00e9\u00ad|-|x"),
        (
            {"split": "characters"},
            "学生 Ab, e\u0301ทำक्ष 👍🏽🇯🇵\u1112\u119e\u11ab’",
            "学|生|A|b|,|é|ทำ|क्|ष|👍🏽|🇯🇵|\u1112\u119e\u11ab|’",
        ),
        ({"split": "characters", "case": "lower", "lang": "tr"}, "Iİ", "ı|i"),
    ],
)
def test_settings(settings, text, expected):
    assert words(text, **settings) == expected.split("|")
    full = Splitter(**settings).settings()
    assert reference.Splitter(**full).cut(text)[0] == expected.split("|")


# Characters of every kind, so that random text reaches every rule.
POOL = [
    *("abzcflwIiLS019_", " \t\n\u3000\u200b\xa0\x85", "'’.,-‐‑·׳״՞@:/+#<>()[]!?*_\"$%&|"),
    *(
        "éΣσςİıßǅ日本語ひカー学ไทยเป็คำລາខែរမြန်한ᄒ\u119eᆫの",
        "\u0301\u0307\u0323\u0328\u3099\u0330\u05b0\u064e",
    ),
    *("\u200d\u200c\u00ad\u2060\ufe0f\u0e33\u094d\u20e3", "😀👍🏽👨❤🇯🇵🏴\U000e0067\U000e007f™©↔☺"),
    *("हिन्ദീשםسमی१٣٫٬½²Ⅷ№ﬁ①㌔", "\0\x7f\ud800\ue000\u0378"),
]
PARTS = [
    "http://",
    "www.",
    "a@b.co",
    "x.y@z",
    "<unk>",
    "</s>",
    "c++",
    "C#",
    "f#",
    "l’",
    "qu'",
    "2,3",
]
TEXTS = st.lists(
    st.one_of(*map(st.sampled_from, POOL), st.sampled_from(PARTS), st.characters(codec=None)),
    max_size=30,
).map("".join)
SETTINGS = st.fixed_dictionaries(
    {
        "split": st.sampled_from(["words", "words", "words", "blanks", "characters"]),
        "normalize": st.sampled_from(["nfc", "nfkc", "none"]),
        "case": st.sampled_from(["lower", "keep"]),
        "lang": st.sampled_from([None, "tr"]),
        "elisions": st.booleans(),
        "keep_hyphens": st.booleans(),
    }
)


@given(TEXTS.map(shared), SETTINGS, st.booleans())
def test_random_text_is_cut_as_the_reference_cuts_it(text, settings, marks):
    if settings["case"] == "keep":
        settings["lang"] = None
    if settings["split"] != "words":
        settings |= {"elisions": False, "keep_hyphens": False}
        marks = False
    found = Splitter(**settings).words(text, marks=marks)
    expected, dropped = reference.Splitter(**settings).cut(text, marks)
    assert list(found) == expected
    assert found.dropped == dropped


@given(TEXTS)
def test_words_of_words_are_themselves(text):
    once = words(text)
    assert words(" ".join(once)) == once
    assert all(word and not any(map(str.isspace, word)) for word in once)


@given(TEXTS)
def test_blanks_are_those_of_str_split(text):
    assert words(text, split="blanks") == text.split()
    # Through the compiled code, which changes nothing in text without capitals.
    small = "".join(char for char in text if char == char.lower() and char != "\u0307")
    assert words(small, split="blanks", case="lower") == small.split()


def test_what_is_left_over_is_counted():
    found = tokenize("Yes (50 %) \u00ad\u200b_ 😀\0")
    assert found.dropped == 0
    assert list(found) == ["yes", "50", "😀"]
    assert found.dropped == 5  # parentheses, %, _, and the zero byte
    assert list(found) == []


def test_pieces_and_long_texts_are_cut_alike(monkeypatch):
    assert words(["One two ", "", "three"]) == ["one", "two", "three"]
    text = "Ein café, zwei\nTee. 学生\n\n" * 50
    expected = words(text)
    lines = list(tokenize_lines(text))
    for size in (1, 7, 100):
        monkeypatch.setattr(splitter, "_SLICE", size)
        assert words(text) == expected
        assert list(tokenize_lines(text)) == lines
    assert words("x" * 500) == ["x" * 500]


def test_long_words_marks_and_addresses_take_no_more_than_linear_time():
    n = 200_000
    expected = "\u1eb9" + "\u0323" * (n - 1) + "\u0301" * n
    assert words("e" + "\u0301\u0323" * n) == [expected]
    for text in (
        "a." * n,
        "a@" * n,
        "http://" + ")" * n,
        "l'" * n,
        "a\u200d" * n,
        "学" * n,
        "#c+" * n,
    ):
        assert sum(map(len, tokenize(text, elisions=True))) <= 2 * len(text)


# ---- settings


def test_lines_of_characters_and_of_words_end():
    assert list(tokenize_lines("学 a\n\nb", split="characters")) == [
        "学",
        "a",
        "<eos>",
        "b",
        "<eos>",
    ]
    found = tokenize_lines("A B\nc\0 d", split="blanks", case="lower")
    assert list(found) == ["a", "b", "<eos>", "c\0", "d", "<eos>"]
    found = tokenize_lines("Yes!\0\n \n\u200d…")
    assert list(found) == ["yes", "!", "<eos>", "…"]
    assert found.dropped == 2


def test_settings_that_do_not_exist_or_cannot_act_are_refused():
    for settings, message in [
        ({"split": "lines"}, "split: expected 'words' or 'blanks' or 'characters', got 'lines'"),
        ({"normalize": "nfd"}, "normalize: expected 'nfc' or 'nfkc' or 'none', got 'nfd'"),
        ({"case": "upper"}, "case: expected 'lower' or 'keep', got 'upper'"),
        ({"lang": "de"}, "lang: expected 'tr' or 'az', got 'de'"),
        ({"lang": "tr", "case": "keep"}, "lang: 'tr' acts on lower case, got case='keep'"),
        ({"lang": "tr", "split": "blanks"}, "lang: 'tr' acts on lower case, got case='keep'"),
        (
            {"split": "blanks", "elisions": True},
            "elisions: acts on split='words', got split='blanks'",
        ),
        ({"split": "characters", "keep_hyphens": True}, "keep_hyphens: acts on split='words'"),
    ]:
        with pytest.raises(ValueError, match=message.replace("(", r"\(")):
            tokenize("a", **settings)
        with pytest.raises(ValueError, match=message.replace("(", r"\(")):
            tokenize_lines("a", **settings)
    with pytest.raises(TypeError, match="elisions: expected True or False, got str"):
        Splitter(elisions="no")


def test_text_that_is_no_text_is_refused():
    for wrong in (3, b"abc"):
        with pytest.raises(TypeError, match="text: expected a str, or pieces of text, got"):
            tokenize(wrong)
    with pytest.raises(TypeError, match="text: expected pieces of type str, got bytes; decode"):
        list(tokenize([b"abc"]))


def test_settings_make_an_equal_splitter():
    made = Splitter(lang="az", elisions=True)
    assert made.settings() == dict(
        split="words",
        normalize="nfc",
        case="lower",
        lang="az",
        elisions=True,
        keep_hyphens=False,
    )
    assert Splitter(**made.settings()) == made != Splitter()
    assert Splitter("blanks").settings()["normalize"] == "none"
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.lang = None


def test_the_version_of_unicode_is_stated():
    assert UNICODE_VERSION == "15.0.0"


# ---- files in other encodings


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp932", "学生は\nテレビを 見る。"),
        ("euc_jp", "東京 都庁\n"),
        ("shift_jis", "ひらがな カナ"),
        ("iso2022_jp", "学生 と 先生\n" * 50),
        ("gb18030", "北京 上海 𠮷"),
        ("big5", "臺北 高雄"),
        ("euc_kr", "한국어 단어"),
        ("koi8_r", "Мир и труд"),
        ("latin-1", "Café Noël"),
        ("cp1252", "it’s “fine”"),
        ("utf-16", "Ünïcode 学生"),
        ("utf-16-le", "\ufeffab cd"),
        ("utf-32", "a 😀"),
        ("utf-8-sig", "a b"),
        ("UTF8", "a é"),
    ],
)
def test_text_in_other_encodings(tmp_path, monkeypatch, encoding, text):
    from fastw2v._files import encodings

    path = tmp_path / "text.txt"
    path.write_bytes(text.encode(encoding))
    expected = text.removeprefix("\ufeff")
    for step in (1, 3, 1 << 20):
        monkeypatch.setattr(encodings, "_STEP_BYTES", step)
        assert "".join(read_text(path, encoding)) == expected
    assert words(read_text(path, encoding)) == words(expected)


def test_bytes_of_another_encoding_are_reported_with_their_place(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("学生 ".encode("shift_jis") + b"\xff")
    with pytest.raises(ValueError, match=r"text\.txt: byte 5: 0xff is not shift_jis; pass"):
        list(read_text(path, "shift_jis"))
    path.write_bytes("学".encode("euc_jp")[:1])
    with pytest.raises(ValueError, match=r"text\.txt: byte 0: 0xb3 is not euc_jp"):
        list(read_text(path, "euc_jp"))
    path.write_bytes("é".encode())
    with pytest.raises(ValueError, match=r"byte 0: 0xc3 is not ascii"):
        list(read_text(path, "ascii"))


@pytest.mark.parametrize(
    "encoding", ["nonsense", "base64", "rot13", "zlib", "undefined", "idna", "punycode", "", "a\0b"]
)
def test_codecs_that_are_none_of_text_are_refused(tmp_path, encoding):
    path = tmp_path / "text.txt"
    path.write_text("a b")
    with pytest.raises(ValueError, match="encoding: "):
        read_text(path, encoding)
    with pytest.raises(TypeError, match="encoding: expected the name of a codec, got NoneType"):
        read_text(path, None)


@given(TEXTS, st.sampled_from([{}, {"split": "blanks"}, {"split": "characters"}, {"case": "keep"}]))
def test_a_corpus_is_that_of_the_words_one_by_one(text, settings):
    text += " a"
    pieces = [text, "b a", text]
    found = build_corpus(tokenize(pieces, **settings))
    expected = build_corpus(list(tokenize(pieces, **settings)))
    np.testing.assert_array_equal(found.corpus, expected.corpus)
    np.testing.assert_array_equal(found.counts, expected.counts)
    assert found.word_to_id == expected.word_to_id
    begun = tokenize(pieces, **settings)
    first = next(begun)
    assert build_corpus([first, *begun]).word_to_id == expected.word_to_id
    if len(expected.corpus) > 1:
        begun = tokenize(pieces, **settings)
        next(begun)
        assert len(build_corpus(begun).corpus) == len(expected.corpus) - 1


def test_a_corpus_of_any_words_has_their_ids():
    corpus = build_corpus(tokenize("Λόγος λόγος 学生 c++ 学生 学生"))
    assert list(corpus.word_to_id) == ["学生", "λόγος", "c++"]
    np.testing.assert_array_equal(corpus.corpus, [1, 1, 0, 2, 0, 0])
