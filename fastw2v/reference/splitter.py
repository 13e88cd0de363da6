"""The rules by which text becomes words, in plain Python.

`fastw2v.datasets.Splitter` cuts text by the same rules in compiled code. Its tables are those of
one version of Unicode; this module asks Python's `unicodedata`, so both agree on the characters
that the two versions share. The scripts without blanks are recognised by the names of characters.
"""

from __future__ import annotations

import re
import unicodedata

UNSPACED = (
    *(
        "CJK",
        "IDEOGRAPHIC",
        "HANGZHOU",
        "OLD CHINESE",
        "HIRAGANA",
        "HENTAIGANA",
        "KATAKANA",
        "THAI",
    ),
    *("LAO", "KHMER", "MYANMAR", "HANGUL"),
)
DELETED = re.compile("[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0e\ufe0f\ufeff]")
APOSTROPHES, HYPHENS, POINTS = "'\u2019", "-\u2010\u2011", ",.\u066b\u066c"
BETWEEN_LETTERS = "\u055a\u055b\u055c\u055e\u05f3\u05f4"
ZWJ, DOT_ABOVE, KEYCAP = "\u200d", "\u0307", "\u20e3"
PROTECTED = re.compile("<unk>|<eos>|<s>|</s>", re.IGNORECASE | re.ASCII)
ELIDED = re.compile(
    "(?:[ldjmtsncv]|(?:jus|lors|puis|quoi)?qu|un|all|dall|dell|nell|sull|coll|pell|gl|agl|dagl|degl"
    "|negl|sugl|quell|quest|bell|sant)['\u2019]",
    re.IGNORECASE | re.ASCII,
)
# The pictures of Unicode 15, and code points reserved for more of them.
PICTURES = """
231A-231B 2328 23CF 23E9-23F3 23F8-23FA 24C2 25AA-25AB 25B6 25C0 25FB-25FE 2600-2604 260E 2611
2614-2615 2618 261D 2620 2622-2623 2626 262A 262E-262F 2638-263A 2640 2642 2648-2653 265F-2660 2663
2665-2666 2668 267B 267E-267F 2692-2697 2699 269B-269C 26A0-26A1 26A7 26AA-26AB 26B0-26B1 26BD-26BE
26C4-26C5 26C8 26CE-26CF 26D1 26D3-26D4 26E9-26EA 26F0-26F5 26F7-26FA 26FD 2702 2705 2708-270D 270F
2712 2714 2716 271D 2721 2728 2733-2734 2744 2747 274C 274E 2753-2755 2757 2763-2764 2795-2797 27A1
27B0 27BF 2934-2935 2B05-2B07 2B1B-2B1C 2B50 2B55 3030 303D 3297 3299 1F004 1F02C-1F02F 1F094-1F09F
1F0AF-1F0B0 1F0C0 1F0CF-1F0D0 1F0F6-1F0FF 1F170-1F171 1F17E-1F17F 1F18E 1F191-1F19A 1F1AE-1F1E5
1F201-1F20F 1F21A 1F22F 1F232-1F23A 1F23C-1F23F 1F249-1F25F 1F266-1F321 1F324-1F393 1F396-1F397
1F399-1F39B 1F39E-1F3F0 1F3F3-1F3F5 1F3F7-1F3FA 1F400-1F4FD 1F4FF-1F53D 1F549-1F54E 1F550-1F567
1F56F-1F570 1F573-1F57A 1F587 1F58A-1F58D 1F590 1F595-1F596 1F5A4-1F5A5 1F5A8 1F5B1-1F5B2 1F5BC
1F5C2-1F5C4 1F5D1-1F5D3 1F5DC-1F5DE 1F5E1 1F5E3 1F5E8 1F5EF 1F5F3 1F5FA-1F64F 1F680-1F6C5
1F6CB-1F6D2 1F6D5-1F6E5 1F6E9 1F6EB-1F6F0 1F6F3-1F6FF 1F777-1F77A 1F7DA-1F7FF 1F80C-1F80F
1F848-1F84F 1F85A-1F85F 1F888-1F88F 1F8AE-1F8AF 1F8B2-1F8FF 1F90C-1F93A 1F93C-1F945 1F947-1F9FF
1FA54-1FA5F 1FA6E-1FAFF 1FC00-1FFFD
"""
EMOJI = "[{}]".format(
    "".join("-".join(chr(int(code, 16)) for code in span.split("-")) for span in PICTURES.split())
)
TONE, TAG, REGIONAL = (
    "[\U0001f3fb-\U0001f3ff]",
    "[\U000e0020-\U000e007f]",
    "[\U0001f1e6-\U0001f1ff]",
)
MARK = "[{}]".format(
    "".join(chr(c) for c in range(0x300, 0xE01F0) if unicodedata.category(chr(c))[0] == "M")
)
PICTURE = f"{TONE}?(?:{MARK}|{TAG})*"
EMOJI_SEQUENCE = re.compile(
    f"[0-9#*]{KEYCAP}|{REGIONAL}{REGIONAL}|(?:{EMOJI}|{TONE}){PICTURE}"
    f"(?:{ZWJ}(?:{EMOJI}|[\xa9\xae\u203c\u2049\u2122\u2194-\u2199\u21a9\u21aa]){PICTURE})*"
)
NOT_IN_URL = set('<>"`{}|\\^\x7f') | {chr(c) for c in range(33)}


def is_blank(char: str) -> bool:
    """Tell whether a character separates words."""
    return char.isspace() or char == "\u200b"


def kind(char: str) -> str:
    """Return L, M, N, D (digit), _, F (format) or another letter for the kind of a character."""
    category = unicodedata.category(char)
    if char == "_":
        return "_"
    if 0x20000 <= ord(char) < 0x3FFFE and category == "Cn":  # reserved for Han
        return "L"
    if category == "Cf" and char != "\u200b":
        return "F"
    return "D" if category == "Nd" else category[0]


def is_core(char: str) -> bool:
    """Tell whether words consist of such characters."""
    return kind(char) in "LMND_"


def is_unspaced(char: str) -> bool:
    """Tell whether a letter belongs to a script without blanks, or is Hangul."""
    name = unicodedata.name(char, "CJK" if char >= "\U00020000" else "")
    name = name.removeprefix("HALFWIDTH ").removeprefix("VERTICAL ")
    kana = "\u3000" <= char < "\u3100" or "\uff66" <= char < "\uffa0"
    letter = unicodedata.category(char) not in ("Nd", "No") and kind(char) in "LN"
    return letter and (name.startswith(UNSPACED) or (kana and kind(char) == "L"))


def is_ascii_word(char: str) -> bool:
    """Tell whether a character is an ASCII letter or digit."""
    return char.isascii() and char.isalnum()


def lower(text: str, turkish: bool) -> str:
    """Put text in lower case. A dot above on an i is dropped; capital sigma stays a capital."""
    out: list[str] = []
    on_i = False  # whether a dot above would stand on an i
    for at, char in enumerate(text):
        if char == DOT_ABOVE and on_i:
            continue
        if kind(char) == "M":
            on_i = on_i and unicodedata.combining(char) not in (0, 230)
            out.append(char if unicodedata.combining(char) == 0 else char.lower())
            continue
        low = {"\u0130": "i", "\u03a3": "\u03a3"}.get(char, char.lower())
        if char == "I" and turkish:
            low = "i" if text[at + 1 : at + 2] == DOT_ABOVE else "\u0131"
        on_i = low in "i\u012f\u1e2d\u1ecb"
        out.append(low)
    return "".join(out)


class Splitter:
    """The plain twin of `fastw2v.datasets.Splitter`; both take the same settings."""

    def __init__(
        self, split="words", normalize="nfc", case="lower", lang=None, elisions=False,
        keep_hyphens=False,
    ) -> None:  # fmt: skip
        self.split, self.case, self.lang = split, case, lang
        self.form = None if normalize == "none" else normalize.upper()
        self.elisions, self.keep_hyphens = elisions, keep_hyphens

    def cut(self, text: str, marks: bool = False) -> tuple[list[str], int]:
        """Return the words of a text, and the number of characters left out."""
        if self.split != "blanks":
            text = DELETED.sub("", text)
        # White space of one byte ends each piece that is judged.
        pieces = re.split("[\t-\r\x1c-\x20]+", text)
        self.words: list[str] = []
        self.dropped = 0
        for piece in pieces:
            prepared = self._prepared(piece)
            if self.split == "blanks":
                self.words += map(self._written, prepared.split())
            elif self.split == "characters":
                self._cut_characters(prepared)
            else:
                self._cut_words(prepared, marks)
        return self.words, self.dropped

    def _prepared(self, text: str) -> str:
        if self.form:
            text = unicodedata.normalize(self.form, text)
        if self.case == "lower":
            text = lower(text, self.lang is not None)
            if self.form:
                text = unicodedata.normalize(self.form, text)
        return text

    def _written(self, word: str) -> str:
        """Return a word with the small sigma of its place."""
        if self.case == "keep":
            return word
        bare = [char for char in word if kind(char) not in "MF"]
        sigmas = []
        for at, char in enumerate(bare):
            if char == "\u03a3":
                begins = at == 0 or kind(bare[at - 1]) != "L"
                ends = at + 1 == len(bare) or kind(bare[at + 1]) != "L"
                sigmas.append("\u03c2" if ends and not begins else "\u03c3")
        return re.sub("\u03a3", lambda _: sigmas.pop(0), word)

    def _put(self, word: str) -> None:
        if len(word) > 1:
            word = word.replace("\u2019", "'").replace("\u2010", "-").replace("\u2011", "-")
        self.words.append(self._written(word))

    # ---- words

    def _cut_words(self, text: str, marks: bool) -> None:
        at = 0
        while at < len(text):
            char = text[at]
            if is_blank(char):
                at += 1
                continue
            emoji = EMOJI_SEQUENCE.match(text, at)
            protected = PROTECTED.match(text, at)
            end = protected.end() if protected else emoji.end() if emoji else 0
            if is_core(char):
                end = self._url(text, at) or self._email(text, at) or end
                if not end:
                    end = self._run(text, at)
                    if not any(kind(c) in "LND" for c in text[at:end]):
                        self.dropped += end - at
                        at = end
                        continue
                    while self.elisions and (elided := ELIDED.match(text, at, end)):
                        self._put(elided[0])
                        at = elided.end()
                    end = self._language(text, at, end)
            if not end:
                end = at + 1
                if marks and kind(char) in "PS" and not re.match(REGIONAL, char):
                    while text[end : end + 1] == char and not EMOJI_SEQUENCE.match(text, end):
                        end += 1
                    self._put(char)
                else:
                    self.dropped += 1
            else:
                self._put(text[at:end])
            at = end

    def _run(self, text: str, begin: int) -> int:
        """Return the end of the run of letters, marks, numbers and _ at `begin`."""
        at = begin
        while at < len(text):
            char, last = text[at], text[at - 1] if at > begin else ""
            if is_core(char):
                last = last if last and is_core(last) else ""
                address_may_begin = is_ascii_word(char) and (not last.isascii() or last == "_")
                if last and address_may_begin and self._url(text, at):
                    break
                if last and address_may_begin and is_unspaced(last) and self._email(text, at):
                    break
                if last and char.isdigit() and EMOJI_SEQUENCE.match(text, at):
                    break
                if last and is_unspaced(last) and self._language(text, at, at + 1) > at + 1:
                    break
                at += 1
            elif kind(char) == "F":
                end = at
                while end < len(text) and kind(text[end]) == "F":
                    end += 1
                if end == len(text) or not is_core(text[end]):
                    return at + (char == ZWJ and kind(last) == "M")
                at = end
            elif self._joins(text, begin, at):
                at += 1
            else:
                break
        return at

    def _joins(self, text: str, begin: int, at: int) -> bool:
        """Tell whether the sign at `at` stays inside of the word that begins at `begin`."""
        char, before, after = text[at], text[at - 1], text[at + 1 : at + 2]
        if not after:
            return False
        if char in POINTS:
            return kind(before) == kind(after) == "D"
        if char in HYPHENS:
            return self.keep_hyphens and is_core(after)
        bare = [c for c in text[begin:at] if kind(c) not in "MF"]
        if not bare or kind(bare[-1]) != "L" or kind(after) != "L":
            return False
        if char == "\u00b7":
            return before in "lL" and after in "lL"
        return char in APOSTROPHES or char in BETWEEN_LETTERS

    def _language(self, text: str, at: int, end: int) -> int:
        """Return the end of c++, c# or f#, of which text[at:end] is the letter; or `end`."""
        name = text[at:end]
        signs = {"c": (r"\+\+", "#"), "f": ("#",)}.get(name.lower(), ())
        for sign in signs:
            found = re.compile(sign).match(text, end)
            if found:
                after = text[found.end() : found.end() + 1]
                if not after or kind(after) not in "LM_" or is_unspaced(after):
                    return found.end()
        return end

    def _url(self, text: str, at: int) -> int:
        """Return the end of the URL at `at`, or 0."""
        head = re.compile("[A-Za-z][A-Za-z0-9+-]{,31}://|www[.]", re.IGNORECASE | re.ASCII).match(
            text, at
        )
        if not head:
            return 0
        end = body = head.end()
        while end < len(text):
            char = text[end]
            if char.isascii():
                if char in NOT_IN_URL:
                    break
            elif is_unspaced(char):
                if is_ascii_word(text[end - 1]):
                    break
            elif not is_core(char) and kind(char) != "F":
                break
            end += 1
        while end > body:
            inside, last = text[body:end], text[end - 1]
            unpaired = any(
                last == pair[1] and inside.count(pair[0]) < inside.count(pair[1])
                for pair in ("()", "[]")
            )
            if not unpaired and last not in "!'*,.:;?":
                break
            end -= 1
        return end if any(map(is_core, text[body:end])) else 0

    def _email(self, text: str, at: int) -> int:
        """Return the end of the e-mail address at `at`, or 0."""

        def is_part(char: str, others: str) -> bool:
            return char in others or (is_core(char) and not is_unspaced(char))

        if not is_part(text[at], ""):
            return 0
        end = at
        while end < len(text) and end - at <= 64 and is_part(text[end], "%'+-."):
            end += 1
        if text[end : end + 1] != "@" or text[end - 1] == ".":
            return 0
        at = end
        labels: list[tuple[int, int]] = []
        while True:
            begin = end = end + 1
            while (
                end < len(text) and end - at <= 255 and text[end] != "_" and is_part(text[end], "-")
            ):
                end += 1
            labels.append((begin, end))
            after = text[end + 1 : end + 2]
            more = text[end : end + 1] == "." and after and after != "_" and is_part(after, "")
            if not more or begin == end:
                break
        end = begin + len(text[begin:end].rstrip("-"))
        return end if len(labels) > 1 and end > begin and self._spaced_letter(text[begin]) else 0

    def _spaced_letter(self, char: str) -> bool:
        return kind(char) == "L" and not is_unspaced(char)

    # ---- characters

    def _cut_characters(self, text: str) -> None:
        at = 0
        while at < len(text):
            char = text[at]
            if is_blank(char):
                at += 1
            elif kind(char) == "F" or unicodedata.category(char) == "Cc":
                self.dropped += 1
                at += 1
            else:
                emoji = EMOJI_SEQUENCE.match(text, at)
                end = emoji.end() if emoji else at + 1
                while end < len(text) and self._follows(text[end - 1], text[end]):
                    end += 1
                self.words.append(self._written(text[at:end]))
                at = end

    def _follows(self, last: str, char: str) -> bool:
        """Tell whether a character belongs to the one before it."""
        if kind(char) in "MF":
            return True
        if char in "\u0e33\u0eb3":  # the vowel am of Thai and Lao
            return kind(last) == "M" or is_unspaced(last)
        vowel_or_final = "\u1160" <= char <= "\u11ff" or "\ud7b0" <= char <= "\ud7fb"
        hangul = "\u1100" <= last <= "\u11ff" or "\ua960" <= last <= "\ua97c"
        return vowel_or_final and (hangul or "\uac00" <= last <= "\ud7fb")
