"""Write src_pyx/splitter_tables.h from the data files of one version of Unicode.

python tools/unicode_tables.py FOLDER           FOLDER holds UnicodeData.txt, Scripts.txt,
                                                DerivedNormalizationProps.txt, emoji/emoji-data.txt
python tools/unicode_tables.py FOLDER --check   also runs NormalizationTest.txt (or .bz2) of FOLDER
                                                through the compiled splitter

The checked-in tables are those of Debian's package unicode-data 15.0.0-1, which installs the files
in /usr/share/unicode. A table of two stages maps the code points below LIMIT to records of one byte
(`KINDS`, and flags); the few above it are ranges in src_pyx/splitter_unicode.pxd.
"""

import argparse
import bz2
import itertools
import re
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src_pyx" / "splitter_tables.h"
LIMIT = 0x32000  # beyond it: reserved Han, tags, variation selectors, private use
BLOCK = 128

KINDS = (
    *("OTHER", "SIGN", "BLANK", "DELETED", "LETTER", "UNSPACED", "MARK", "DIGIT", "NUMBER"),
    *("UNDERSCORE", "FORMAT", "EMOJI", "REGIONAL", "TONE", "APOSTROPHE", "MIDDLE", "POINT"),
    *("HYPHEN", "EMOJI_SIGN"),
)
HAS_LOWER, NFC_ODD, NFKC_ODD = 32, 64, 128
KIND_OF_CATEGORY = {"L": "LETTER", "M": "MARK", "N": "NUMBER", "P": "SIGN", "S": "SIGN"}
KIND_OF_CATEGORY |= {"Z": "BLANK", "Nd": "DIGIT", "Cf": "FORMAT"}

# Scripts written without blanks between words, and Hangul, whose endings follow foreign words.
UNSPACED_SCRIPTS = "Han Hiragana Katakana Thai Lao Khmer Myanmar Hangul".split()
BIDI_CONTROLS = [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
DELETED = {0xAD, 0x2060, 0xFEFF, 0xFE0E, 0xFE0F, *BIDI_CONTROLS}
BLANKS = {*range(9, 14), *range(0x1C, 0x20), 0x85, 0x200B}
APOSTROPHES = {0x27, 0x2019}
# Punctuation inside of words: Catalan l·l, marks of Armenian, the geresh and gershayim of Hebrew.
MIDDLES = {0xB7, 0x55A, 0x55B, 0x55C, 0x55E, 0x5F3, 0x5F4}
POINTS = {0x2C, 0x2E, 0x66B, 0x66C}
HYPHENS = {0x2D, 0x2010, 0x2011}
FIRST_EMOJI = 0x231A  # those below are signs such as © and ™, which texts without emoji have too


def rows(path):
    """Yield the fields of the lines of a data file, without comments."""
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = [field.strip() for field in line.partition("#")[0].split(";")]
        if len(fields) > 1:
            yield fields


def span(field):
    first, _, last = field.partition("..")
    return range(int(first, 16), int(last or first, 16) + 1)


def having(path, *values):
    """Return the code points with one of these values in a file of properties."""
    found = (span(fields[0]) for fields in rows(path) if fields[1] in values)
    return set(itertools.chain.from_iterable(found))


class Data:
    """What the tables need of the data files."""

    def __init__(self, folder):
        self.version = re.search(
            r"-(\d+\.\d+\.\d+)\.txt", (folder / "Scripts.txt").read_text(encoding="utf-8")
        )[1]
        self.category, self.ccc, self.lower, mapping, compatible = {}, {}, {}, {}, {}
        first = 0
        for fields in rows(folder / "UnicodeData.txt"):
            code = int(fields[0], 16)
            if fields[1].endswith("First>"):
                first = code
            begin = first if fields[1].endswith("Last>") else code
            for c in range(begin, code + 1):
                self.category[c] = fields[2]
            if fields[3] != "0":
                self.ccc[code] = int(fields[3])
            if fields[13]:
                self.lower[code] = int(fields[13], 16)
            if fields[5]:
                to = tuple(int(c, 16) for c in fields[5].split()[fields[5][0] == "<" :])
                (compatible if fields[5][0] == "<" else mapping)[code] = to
        self.canonical = {c: expanded(mapping, c) for c in mapping}
        both = mapping | compatible
        full = {c: expanded(both, c) for c in both}
        self.compatible = {c: to for c, to in full.items() if to != self.canonical.get(c)}
        norms = folder / "DerivedNormalizationProps.txt"
        excluded = having(norms, "Full_Composition_Exclusion")
        pairs = {to: c for c, to in mapping.items() if len(to) == 2 and c not in excluded}
        self.pairs = dict(sorted(pairs.items()))
        odd = {"NFC_QC": set(), "NFKC_QC": set()}
        for fields in rows(norms):
            if fields[1] in odd:
                odd[fields[1]].update(span(fields[0]))
        self.odd = (odd["NFC_QC"], odd["NFKC_QC"])
        self.unspaced = having(folder / "Scripts.txt", *UNSPACED_SCRIPTS)
        emoji = folder / "emoji" / "emoji-data.txt"
        self.emoji = having(emoji, "Emoji")
        # Code points reserved for emoji are emoji of later versions.
        pictures = having(emoji, "Extended_Pictographic")
        self.emoji |= {c for c in pictures if c not in self.category}

    def kind(self, c):
        category = self.category.get(c, "Cn")
        for codes, kind in (
            *((DELETED, "DELETED"), (BLANKS, "BLANK"), (APOSTROPHES, "APOSTROPHE")),
            *((MIDDLES, "MIDDLE"), (POINTS, "POINT"), (HYPHENS, "HYPHEN"), ({0x5F}, "UNDERSCORE")),
            *((range(0x1F1E6, 0x1F200), "REGIONAL"), (range(0x1F3FB, 0x1F400), "TONE")),
        ):
            if c in codes:
                return kind
        if c in self.emoji and category in ("So", "Sm", "Sk", "Po", "Pd", "Cn") and c > 0x7F:
            return "EMOJI" if c >= FIRST_EMOJI else "EMOJI_SIGN"
        if category == "Cn" and c >= 0x20000:  # planes 2 and 3 are reserved for Han
            return "UNSPACED"
        if category[0] in "LN" and category not in ("Nd", "No"):
            kana = category[0] == "L" and (0x3000 <= c < 0x3100 or 0xFF66 <= c < 0xFFA0)
            if c in self.unspaced or kana:
                return "UNSPACED"
        return KIND_OF_CATEGORY.get(category) or KIND_OF_CATEGORY.get(category[0], "OTHER")

    def record(self, c):
        odd = NFC_ODD * (c in self.odd[0]) | NFKC_ODD * (c in self.odd[1])
        return KINDS.index(self.kind(c)) | HAS_LOWER * (c in self.lower) | odd


def expanded(mapping, c):
    """Return the full decomposition of a code point."""
    if c not in mapping:
        return (c,)
    return tuple(itertools.chain.from_iterable(expanded(mapping, d) for d in mapping[c]))


def array(kind, name, values):
    """Return the C definition of an array."""
    values = list(values)
    lines, line = [], "   "
    for value in values:
        text = f" {value},"
        if len(line) + len(text) > 100:
            lines.append(line)
            line = "   "
        line += text
    return (
        f"static const {kind} {name}[{len(values)}] = {{\n" + "\n".join([*lines, line]) + "\n};\n"
    )


def two_stages(name, values):
    """Return two arrays, so that value c is name[name_block[c / BLOCK] * BLOCK + c % BLOCK]."""
    blocks, numbers = {}, []
    for begin in range(0, len(values), BLOCK):
        block = tuple(values[begin : begin + BLOCK])
        numbers.append(blocks.setdefault(block, len(blocks)))
    assert len(blocks) <= 256
    flat = itertools.chain.from_iterable(blocks)
    return array("uint8_t", f"{name}_block", numbers) + array("uint8_t", name, flat)


def decompositions(name, mapping):
    """Return sorted code points, where the expansion of each begins, and the expansions."""
    text, at = [], []
    for c in sorted(mapping):
        at.append(len(text))
        text += mapping[c]
    at.append(len(text))
    assert len(text) < 1 << 16
    return (
        array("uint32_t", f"{name}_code", sorted(mapping))
        + array("uint16_t", f"{name}_at", at)
        + array("uint32_t", f"{name}_text", text)
    )


def header(data):
    assert max(data.lower) < LIMIT
    assert all(data.category[c][0] == "M" for c in data.ccc)
    assert max(data.ccc) < LIMIT
    kinds = ", ".join(f"FW_{kind} = {i}" for i, kind in enumerate(KINDS))
    return (
        f"/* Properties of characters in Unicode {data.version}, by tools/unicode_tables.py.\n"
        "\n"
        "   Derived from the Unicode Character Database, Copyright (C) 1991-2022 Unicode, Inc.;\n"
        "   UNICODE-LICENSE.txt in this folder holds the licence of these data. */\n"
        "#ifndef FASTW2V_SPLITTER_TABLES_H\n#define FASTW2V_SPLITTER_TABLES_H\n"
        "#include <stdint.h>\n"
        f'#define FW_UNICODE_VERSION "{data.version}"\n'
        f"enum {{ FW_LIMIT = {LIMIT}, FW_BLOCK = {BLOCK} }};\n"
        f"enum {{ FW_HAS_LOWER = {HAS_LOWER}, FW_NFC_ODD = {NFC_ODD} }};\n"
        f"enum {{ FW_NFKC_ODD = {NFKC_ODD} }};\n"
        f"enum {{ {kinds} }};\n"
        + two_stages("fw_record", [data.record(c) for c in range(LIMIT)])
        + two_stages("fw_ccc", [data.ccc.get(c, 0) for c in range(LIMIT)])
        + array("uint32_t", "fw_lower_code", sorted(data.lower))
        + array("uint32_t", "fw_lower_to", (data.lower[c] for c in sorted(data.lower)))
        + decompositions("fw_canonical", data.canonical)
        + decompositions("fw_compatible", data.compatible)
        + array("uint64_t", "fw_pair", (f"{a << 32 | b}ULL" for a, b in data.pairs))
        + array("uint32_t", "fw_pair_to", data.pairs.values())
        + f"enum {{ FW_N_LOWER = {len(data.lower)}, FW_N_CANONICAL = {len(data.canonical)},\n"
        f"       FW_N_COMPATIBLE = {len(data.compatible)}, FW_N_PAIRS = {len(data.pairs)} }};\n"
        "#endif\n"
    )


def check(folder):
    """Compare the compiled normalisation with the test file of Unicode; return the failures."""
    from fastw2v.datasets import Splitter

    packed = folder / "NormalizationTest.txt.bz2"
    text = (
        bz2.decompress(packed.read_bytes()).decode()
        if packed.exists()
        else (folder / "NormalizationTest.txt").read_text(encoding="utf-8")
    )
    splitters = [Splitter("blanks", normalize=form) for form in ("nfc", "nfkc")]
    failures = n = 0
    for line in text.splitlines():
        fields = line.partition("#")[0].split(";")
        if len(fields) < 5:
            continue
        forms = ["".join(chr(int(c, 16)) for c in field.split()) for field in fields[:5]]
        for splitter, expected, given in [
            *((splitters[0], forms[1], form) for form in forms[:3]),
            *((splitters[0], forms[3], form) for form in forms[3:]),
            *((splitters[1], forms[3], form) for form in forms),
        ]:
            n += 1
            failures += list(splitter.words(given)) != expected.split()
    print(f"{n} comparisons, {failures} failures")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    TARGET.write_text(header(Data(args.folder)), encoding="ascii")
    if args.check and check(args.folder):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
