"""The parser of the command line, whose errors name the nearest command, option or word."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

# Words of a vocabulary that are compared with a missing word; comparing a million takes seconds.
_MOST_COMPARED = 50_000
# Names that gensim, word2vec.c, fastText and Keras give to options, and ours.
_ELSEWHERE = {
    "alpha": "--lr",
    "cbow": "--model",
    "iter": "--epochs",
    "learning-rate": "--lr",
    "neg": "--negative",
    "out": "--output",
    "sample": "--subsample",
    "sg": "--model",
    "size": "--dim",
    "topn": "--top",
    "vector-size": "--dim",
    "workers": "--threads",
    "ws": "--window",
}
# Verbs of fastText that fastw2v has not.
_CLASSIFIERS = {"supervised", "predict", "predict-prob", "test", "test-label", "quantize", "dump"}


class UsageError(SystemExit):
    """The end of the program with exit code 2, and the reason."""

    def __init__(self, message: str) -> None:
        super().__init__(2)
        self.message = message


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that shows the default of every option with a value."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        takes_value = bool(action.option_strings) and action.nargs != 0
        if not takes_value or action.required or "(default: " in text:
            return text
        return f"{text} (default: {'none' if action.default is None else '%(default)s'})".lstrip()

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        # Descriptions are one paragraph; the list of examples has lines of its own.
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


class Parser(argparse.ArgumentParser):
    """A parser whose help shows defaults, and whose errors name the choice probably meant."""

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **{"formatter_class": Help, **rest})
        self._words: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        """Print usage, the message and the nearest choice, and end with exit code 2."""
        wrong = re.search(r"invalid choice: '(.+?)' \(choose from (.+)\)$", message)
        if wrong is not None:
            message += _hint(wrong[1], re.findall(r"[\w-]+", wrong[2]))
            if self.prog.endswith(" fasttext") and wrong[1] in _CLASSIFIERS:
                message += "; classifiers and quantised models need the program fastText"
        if message.startswith("the following arguments are required"):
            # A misspelled option is the likely reason why one is missing.
            message = self._unknown(self._words) or message
        self.print_usage(sys.stderr)
        print(f"{self.prog}: error: {message}", file=sys.stderr)
        raise UsageError(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse an unknown option where it stands, for then its command is known."""
        self._words = sys.argv[1:] if args is None else args
        found, rest = super().parse_known_args(args, namespace)
        message = self._unknown(rest, " ".join(rest))
        if message is not None:
            self.error(message)
        return found, rest

    def _unknown(self, words: Sequence[str], named: str | None = None) -> str | None:
        """Return the message for the first word that is an option but none of this command.

        named: the words that the message names, if not this one alone.
        """
        for word in words:
            name = word.partition("=")[0]
            if re.match("--?[A-Za-z]", word) and not self._get_option_tuples(name):
                if name in self._option_string_actions:
                    continue
                options = [flag for flag in self._option_string_actions if flag != "-h"]
                return f"unrecognized arguments: {named or word}{_hint(name, options)}"
        return None


def _hint(wrong: str, known: Iterable[str]) -> str:
    names = list(dict.fromkeys(known))
    ours = _ELSEWHERE.get(wrong.lstrip("-").replace("_", "-"))
    near = [ours] if ours in names else difflib.get_close_matches(wrong, names, 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""


def similar_words(word: str, words: Sequence[Any]) -> str:
    """Return a hint that names up to three words spelled like a missing one, or nothing.

    >>> similar_words("recieve", ["the", "receive", "receiver", "dog"])
    '; did you mean receive, receiver?'
    """
    # A word of another length cannot be near enough.
    length = len(word)
    near = [w for w in words[:_MOST_COMPARED] if 2 * abs(len(str(w)) - length) <= length]
    close = difflib.get_close_matches(word, list(map(str, near)), 3, 0.75)
    return f"; did you mean {', '.join(close)}?" if close else ""
