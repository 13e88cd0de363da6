"""Table of ratios: ours against the book and against others, measured side by side.

python bench/report.py                            everything, into bench/RESULTS.md and .json
python bench/report.py --rows cbow,embedding_100  some files or rows, only printed
python bench/report.py --quick                    a minute or two: checks that everything runs
"""

import argparse
import datetime
import importlib
import json
import shlex
import statistics
import sys
from pathlib import Path

import environment

HERE = Path(__file__).parent
# The order of the table.
FILES = (
    "cbow",
    "embedding",
    "embedding_dot",
    "sampler",
    "optimizer",
    "row_sparse",
    "negative_sampling",
    "nce",
    "activation",
    "small",
    "loss",
    "time_layers",
    "corpus",
    "neighbors",
    "gemm",
    "lstm",
    "gru",
    "gru_after",
    "rnn",
    "ranking",
    "vectors",
    "vocabulary",
    "splitter",
    "phrases",
    "word2vec",
    "subwords",
    "rnnlm",
    "seq2seq",
)
OFF_COLUMN = 0.2
BUSY = 0.3
EQUAL = 0.03  # two runs of the same code differ by as much


def main():
    options = parse()
    environment.prepare(options.threads)
    environment.apply(options.threads)

    import harness

    rows = chosen_rows(options.rows)
    if options.list:
        print("\n".join(f"{row.key:24}{row.work}" for row in rows))
        return
    began = datetime.datetime.now(datetime.timezone.utc)
    machine = environment.describe(options.threads)
    options.busy = environment.load() > BUSY
    blocks, seconds = (2, 0.01) if options.quick else (options.blocks, options.seconds)
    results = []
    for row in rows:
        print(f"{row.key} ...", end="", file=sys.stderr, flush=True)
        result = Result(row, harness.measure(row, options.threads, blocks, seconds), options)
        print(f" {result.summary()}", file=sys.stderr)
        results.append(result)

    command = shlex.join(["python", *sys.argv])
    facts = [
        ("date", began.isoformat(timespec="minutes")),
        ("command", command),
        ("blocks a contender", f"{blocks} of {seconds} s, in turn, {harness.PAUSE} s between them"),
        *machine,
    ]
    text = markdown(results, facts, options)
    print(text)
    if options.output is None:
        return
    options.output.write_text(text + "\n", encoding="utf-8")
    raw = {"facts": dict(facts), "unit": "s", "rows": {r.row.key: r.raw() for r in results}}
    options.output.with_suffix(".json").write_text(json.dumps(raw, indent=1) + "\n")
    print(f"written: {options.output}, {options.output.with_suffix('.json')}", file=sys.stderr)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", help="keys of rows or names of files, with commas between them")
    parser.add_argument("--list", action="store_true", help="print the rows and leave")
    parser.add_argument("--quick", action="store_true", help="two short blocks: does it all run?")
    parser.add_argument(
        "--threads", type=environment.thread_count, default=environment.DEFAULT_THREADS
    )
    parser.add_argument("--blocks", type=int, default=9, help="blocks a contender (default 9)")
    parser.add_argument("--seconds", type=float, default=0.25, help="length of a block")
    parser.add_argument("-o", "--output", type=Path, help="Markdown file; a .json goes beside it")
    options = parser.parse_args()
    if options.blocks < 7 and not options.quick:
        parser.error(f"--blocks: expected at least 7, got {options.blocks}; or give --quick")
    if options.output is None and options.rows is None and not options.quick:
        options.output = HERE / "RESULTS.md"
    return options


def chosen_rows(names):
    """Return all rows, or those named by key or by file (bench_<name>.py)."""
    rows = [(file, row) for file in FILES for row in importlib.import_module(f"bench_{file}").ROWS]
    if names is None:
        return [row for _, row in rows]
    wanted = [name.strip() for name in names.split(",")]
    known = {*FILES, *(row.key for _, row in rows)}
    for name in wanted:
        if name not in known:
            raise SystemExit(f"--rows: unknown {name!r}; known: {', '.join(sorted(known))}")
    return [row for file, row in rows if file in wanted or row.key in wanted]


class Result:
    """Blocks of a row's contenders and the numbers derived from them. Times are in seconds."""

    def __init__(self, row, blocks, options):
        from harness import ours_name

        self.row, self.blocks = row, blocks
        self.median = {
            name: statistics.median(block.median for block in found)
            for name, found in blocks.items()
        }
        self.low = {name: min(block.min for block in found) for name, found in blocks.items()}
        self.ours = ours_name(options.threads)
        self.alone = ours_name(1)
        self.rivals = [name for name in row.rivals if name in blocks]
        self.missing = sorted(set(row.rivals) - set(self.rivals))
        self.rival = min(self.rivals, key=self.median.get, default=None)

    def book(self, times):
        """Return the smaller of the architecture's column and the reference measured here."""
        candidates = [self.row.book / 1000] if self.row.book is not None else []
        if "reference" in times:
            candidates.append(times["reference"])
        return min(candidates, default=None)

    def against_book(self, times):
        book = self.book(times)
        return None if book is None else book / times[self.ours]

    def against_reference(self, times):
        return times["reference"] / times[self.ours] if "reference" in times else None

    def against_rival(self, times):
        fastest = min((times[name] for name in self.rivals), default=None)
        return None if fastest is None else fastest / times[self.ours]

    def share(self, name):
        """Return the median share of the peak that a contender reaches, None if not measured."""
        if self.row.macs is None:
            return None
        shares = [self.row.macs / block.median / block.peak for block in self.blocks[name]]
        return statistics.median(shares)

    def goal(self):
        row, goals = self.row, []
        if row.goal_book is not None:
            goals.append(f"{row.goal_book:g}x book")
        if row.goal_rival is not None:
            goals.append(f"{row.goal_rival:g}x {self.rival_name()}")
        if row.goal_share is not None:
            goals.append(f"{row.goal_share:.2f} of the peak")
        if row.goal_ms is not None:
            goals.append(f"{row.goal_ms:g} ms")
        if row.goal_added_ms is not None:
            goals.append(f"reference + {row.goal_added_ms:g} ms")
        return ", ".join(goals)

    def rival_name(self):
        names = list(dict.fromkeys(name.partition(",")[0] for name in self.row.rivals))
        return " or ".join(names)

    def met(self):
        """Return 'yes', 'no' or the reason why it is undecided, from the medians."""
        row, words = self.row, []
        ours = 1000 * self.median[self.ours]
        most = None
        if row.goal_added_ms is not None:
            most = 1000 * self.median["reference"] + row.goal_added_ms
        for goal, ratio, who in (
            (row.goal_book, self.against_book(self.median), "book"),
            (row.goal_rival, self.against_rival(self.median), self.rival_name()),
            (row.goal_share, self.share(self.ours), "peak"),
            (None if row.goal_ms is None else 1, (row.goal_ms or 0) / ours, "time"),
            (None if most is None else 1, (most or 0) / ours, "reference and more"),
        ):
            if goal is None:
                continue
            if ratio is None:
                words.append(f"{who}: not installed")
            elif ratio >= goal:
                words.append("yes")
            elif goal == 1 and ratio >= 1 - EQUAL:
                words.append(f"equal within {100 * EQUAL:.0f} %")
            else:
                words.append(f"no ({who}: {100 * ratio / goal:.0f} % of it)")
        return "; ".join(dict.fromkeys(words))

    def off_column(self):
        """Return a sentence if the reference is far from the book's column, else None."""
        row = self.row
        if row.book is None or "reference" not in self.median:
            return None
        ratio = 1000 * self.median["reference"] / row.book
        if abs(ratio - 1) <= OFF_COLUMN:
            return None
        change = f"{100 * abs(ratio - 1):.0f} % {'more' if ratio > 1 else 'less'}"
        why = row.off_column or "no reason beside the other machine is known"
        return f"`{row.key}`: the reference takes {change} than the book's column: {why}."

    def winners(self):
        """Return the contenders that are faster than ours by the median or by the minimum."""
        found = []
        if self.row.goal_rival is not None and self.row.goal_rival < 1:
            return found  # a yardstick, which no work can beat
        for name in self.rivals:
            by = [
                f"{times[self.ours] / times[name]:.2f}x by the {what}"
                for what, times in (("median", self.median), ("minimum", self.low))
                if times[name] < times[self.ours]
            ]
            if by:
                found.append(f"`{self.row.key}`: {name} is faster than ours, {', '.join(by)}.")
        return found

    def shares(self):
        """Return the shares of ours and of the fastest rival as text."""
        if self.row.macs is None:
            return ""
        beside = "" if self.rival is None else f" ({self.rival}: {self.share(self.rival):.2f})"
        return f"{self.share(self.ours):.2f}{beside}"

    def summary(self):
        parts = [
            f"{times_text(value)} {what}"
            for what, value in (
                ("book", self.against_book(self.median)),
                (self.rival, self.against_rival(self.median)),
            )
            if value is not None
        ]
        if self.row.macs is not None:
            parts.append(f"{self.share(self.ours):.2f} of the peak")
        return f"{time_text(self.median[self.ours])}: {', '.join(parts)}. {self.met()}"

    def raw(self):
        row = self.row
        return {
            "work": row.work,
            "book_column": None if row.book is None else row.book / 1000,
            "goal": self.goal(),
            "met": self.met(),
            "rivals_not_installed": self.missing,
            "ratios": {
                what: {
                    "book": self.against_book(times),
                    "reference": self.against_reference(times),
                    "rival": self.against_rival(times),
                }
                for what, times in (("median", self.median), ("minimum", self.low))
            },
            "rival": self.rival,
            "share_of_peak": {name: self.share(name) for name in self.blocks},
            "contenders": {
                name: {
                    "median": self.median[name],
                    "minimum": self.low[name],
                    "blocks": [vars(block) for block in found],
                }
                for name, found in self.blocks.items()
            },
        }


def markdown(results, facts, options):
    lines = ["# Measured speed", ""]
    if options.quick:
        lines += ["A quick run, to see that everything works. These are no measurements.", ""]
    if options.busy:
        lines += [
            "**The machine had other work when this began: measure when it rests.**",
            "",
        ]
    lines += [f"- {what}: {value}" for what, value in facts]
    lines += ["", *ratio_table(results, options), "", *remarks(results), ""]
    lines += ["## Everybody", "", *table_of_all(results)]
    return "\n".join(lines)


def ratio_table(results, options):
    n = options.threads
    columns = ["work", "book's column", "reference", "book", "rival", "ours, 1 thread"]
    if n > 1:
        columns.append(f"ours, {n} threads")
    columns += ["vs reference", "vs book", "vs rival", "share_of_peak", "goal", "met"]
    lines = [cells(columns), cells(["---"] * len(columns))]
    for result in results:
        median, low = result.median, result.low
        line = [result.row.work]
        line.append("" if result.row.book is None else time_text(result.row.book / 1000))
        line.append(time_text(median.get("reference")))
        line.append(time_text(result.book(median)))
        if result.rival is None:
            line.append(f"not installed: {result.rival_name()}" if result.missing else "")
        else:
            line.append(f"{time_text(median[result.rival])} ({result.rival})")
        line.append(time_text(median[result.alone]))
        if n > 1:
            line.append(time_text(median[result.ours]))
        for ratio in (result.against_reference, result.against_book, result.against_rival):
            line.append(both(ratio(median), ratio(low)))
        line.append(result.shares())
        lines.append(cells([*line, result.goal(), result.met()]))
    return lines


def remarks(results):
    lines = [
        "Times are medians over the blocks of the blocks' medians; a ratio is the quotient of two "
        'such times, and in brackets the quotient of the shortest times. "Book" is the smaller '
        "of the reference measured in this run and of the architecture's column; a goal counts on "
        "the medians and on the fastest rival. Ours counts with the threads that everybody has. "
        "share_of_peak is the median quotient of the multiply-adds a second of the products of a "
        "step and those of the same threads in registers alone, both in turns of 0.1 s; everything "
        "else in a step counts as lost time.",
    ]
    off = [sentence for result in results if (sentence := result.off_column())]
    won = [sentence for result in results for sentence in result.winners()]
    missing = sorted({name for result in results for name in result.missing})
    for title, sentences in (
        ("Reference more than 20 % off the book's column", off),
        ("Rivals that win", won or ["None."]),
        ("Rivals not installed", missing),
    ):
        if sentences:
            lines += ["", f"## {title}", "", *(f"- {sentence}" for sentence in sentences)]
    return lines


def table_of_all(results):
    columns = ["row", "contender", "median", "shortest", "blocks", "calls"]
    lines = [cells(columns), cells(["---"] * len(columns))]
    for result in results:
        for name, blocks in result.blocks.items():
            calls = sum(block.calls for block in blocks)
            times = time_text(result.median[name]), time_text(result.low[name])
            lines.append(cells([result.row.key, name, *times, str(len(blocks)), str(calls)]))
    return lines


def cells(texts):
    return "| " + " | ".join(texts) + " |"


def both(median, low):
    return "" if median is None else f"{times_text(median)} ({times_text(low)})"


def times_text(ratio):
    return f"{ratio:.0f}x" if ratio >= 100 else f"{ratio:.3g}x"


def time_text(seconds):
    """Format seconds as milliseconds with three digits."""
    if seconds is None:
        return ""
    ms = 1000 * seconds
    return f"{ms:.0f} ms" if ms >= 100 else f"{ms:.3g} ms"


if __name__ == "__main__":
    main()
