"""Generated sums and dates, and files in the format of the book."""

import datetime
import re

import numpy as np
import pytest

from fastw2v.datasets import sequence


def decoded(ids, id_to_char):
    return ["".join(id_to_char[i] for i in row) for row in ids.tolist()]


def test_the_default_sums_have_the_shape_of_the_book():
    """Check 50,000 sums, 7 and 5 characters wide, with 13 characters and a tenth held out."""
    (x_train, t_train), (x_test, t_test) = sequence.load_data()
    assert x_train.shape == (45000, 7) and x_test.shape == (5000, 7)
    assert t_train.shape == (45000, 5) and t_test.shape == (5000, 5)
    char_to_id, id_to_char = sequence.get_vocab()
    assert set(char_to_id) == set("0123456789+ _")
    assert {id_to_char[i]: i for i in range(13)} == char_to_id
    assert x_train.dtype == t_train.dtype == np.int64
    rows = decoded(np.concatenate([x_train, x_test]), id_to_char)
    answers = decoded(np.concatenate([t_train, t_test]), id_to_char)
    assert len(set(rows)) == 50000
    for row, answer in zip(rows, answers, strict=True):
        assert re.fullmatch(r"\d{1,3}\+\d{1,3} *", row)
        first, second = map(int, row.split("+"))
        assert answer == f"_{first + second}".ljust(5)


def test_sums_have_numbers_of_all_lengths():
    pairs = sequence.addition_pairs(20000)
    lengths = {tuple(len(number) for number in question.split("+")) for question, _ in pairs}
    assert lengths == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3)}
    assert pairs == sequence.addition_pairs(20000) != sequence.addition_pairs(20000, seed=1)
    assert pairs[:50] != sequence.addition_pairs(50, n_digits=2)
    assert all(len(q) <= 5 for q, _ in sequence.addition_pairs(500, n_digits=2))


def test_dates_are_different_and_right():
    pairs = sequence.date_pairs()
    assert len({question for question, _ in pairs}) == len(pairs) == 50000
    assert max(len(question) for question, _ in pairs) == 29
    assert {len(answer) for _, answer in pairs} == {10}
    ways = {
        r"\d+/\d+/\d\d": "%m/%d/%y",
        r"[A-Za-z]+ \d+, \d{4}": None,
        r"[A-Za-z]+, [A-Za-z]+ \d+, \d{4}": None,
    }
    months = {datetime.date(2000, m, 1).strftime("%m"): m for m in range(1, 13)}
    names = dict(zip(sequence._MONTHS, months.values(), strict=True))
    short = {name[:3]: month for name, month in names.items()}
    seen = set()
    for question, answer in pairs:
        date = datetime.date.fromisoformat(answer)
        (way,) = [way for way in ways if re.fullmatch(way, question)]
        if way.startswith(r"\d"):
            month, day, year = map(int, question.split("/"))
            assert (month, day, year) == (date.month, date.day, date.year % 100)
        else:
            *weekday, rest = question.split(", ", way.count(",") - 1)
            word, day, year = rest.replace(",", "").split(" ")
            assert (int(day), int(year)) == (date.day, date.year)
            assert {**names, **short}[word.title()] == date.month
            if weekday:
                assert weekday[0].title() == sequence._WEEKDAYS[date.weekday()]
            style = "lower" if word.islower() else "upper" if word.isupper() else "title"
            seen.add((way, style, word.title() in names))
    assert len(seen) >= 9
    years = [int(answer[:4]) for _, answer in pairs]
    assert min(years) == 1970 and max(years) == 2069


def test_a_seed_makes_a_run_repeatable():
    runs = []
    for _ in range(2):
        data = sequence.encode_pairs(sequence.date_pairs(100), seed=5)
        runs.append((data.x_train.tolist(), data.t_test.tolist(), np.random.rand()))
    assert runs[0] == runs[1]
    other = sequence.encode_pairs(sequence.date_pairs(100), seed=6)
    assert other.x_train.tolist() != runs[0][0]
    assert other.char_to_id == data.char_to_id


def test_pairs_are_shuffled_as_in_the_book():
    """Check ids in order of appearance, question first, and a shuffle by the seeded stream."""
    pairs = [(f"{i}+0", str(i)) for i in range(40)]
    data = sequence.encode_pairs(pairs, seed=7)
    assert list(data.char_to_id)[:6] == ["0", "+", " ", "_", "1", "2"]
    np.random.seed(7)
    order = np.arange(40)
    np.random.shuffle(order)
    rows = decoded(np.concatenate([data.x_train, data.x_test]), data.id_to_char)
    assert [row.strip() for row in rows] == [pairs[i][0] for i in order]
    assert len(data.x_test) == 4


class TestFiles:
    def test_a_file_of_the_book_loads(self, tmp_path, monkeypatch):
        lines = [f"{a}+{b}".ljust(7) + f"_{a + b}".ljust(5) for a in (16, 7) for b in range(50)]
        (tmp_path / "addition.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        (x_train, _), (x_test, t_test) = sequence.load_data("addition.txt")
        assert x_train.shape == (90, 7) and t_test.shape == (10, 5)
        letters = sequence.get_vocab()[1]
        questions, answers = decoded(x_test, letters), decoded(t_test, letters)
        for question, answer in zip(questions, answers, strict=True):
            assert f"_{sum(map(int, question.split('+')))}".ljust(5) == answer

    def test_windows_line_ends_and_a_missing_last_one_are_accepted(self, tmp_path):
        path = tmp_path / "pairs.txt"
        path.write_bytes(b"ab_cd\r\nef_gh")
        sequence.load_data(path)
        assert list(sequence.get_vocab()[0]) == list("ab_cdefgh")

    def test_text_of_other_scripts_loads(self, tmp_path):
        path = tmp_path / "pairs.txt"
        path.write_text("一_1\n十二_12\n", encoding="utf-8")
        (x_train, _), _ = sequence.load_data(path)
        assert x_train.shape == (1, 2) and "十" in sequence.get_vocab()[0]

    @pytest.mark.parametrize(
        ("content", "error", "words"),
        [
            (None, FileNotFoundError, "pairs.txt: no such file"),
            (b"", ValueError, "pairs.txt: the file is empty"),
            (b"1+1_2\n1+2 3\n", ValueError, "pairs.txt: line 2: expected a question, '_' and its"),
            (b"1+1_2\n\xff_3\n", ValueError, "pairs.txt: byte 6: 0xff is not UTF-8"),
            (b"1+1_2\n", ValueError, "pairs: expected at least two pairs, got 1"),
            (b"1+1_2\n_3\n", ValueError, r"pairs\[1\]: expected a question and an answer, got"),
            (b"1+1_\n1_3\n", ValueError, r"pairs\[0\]: expected a question and an answer, got"),
        ],
    )
    def test_bad_files_are_refused(self, tmp_path, content, error, words):
        path = tmp_path / "pairs.txt"
        if content is not None:
            path.write_bytes(content)
        before = sequence.get_vocab()
        with pytest.raises(error, match=words):
            sequence.load_data(path)
        assert sequence.get_vocab() is before


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: sequence.addition_pairs(0), ValueError, "n_pairs: expected at least 1, got 0"),
        (
            lambda: sequence.addition_pairs(51, n_digits=1),
            ValueError,
            "n_pairs: expected at most 50",
        ),
        (lambda: sequence.addition_pairs(5, n_digits=0), ValueError, "n_digits: expected at least"),
        (lambda: sequence.date_pairs("5"), TypeError, "n_pairs: expected a whole number, got '5'"),
        (lambda: sequence.date_pairs(10**6), ValueError, "n_pairs: expected at most 200000, got"),
        (lambda: sequence.encode_pairs(3), TypeError, "pairs: expected pairs of str, got int"),
        (
            lambda: sequence.encode_pairs([("a", 1)] * 2),
            TypeError,
            r"pairs\[0\]: expected a pair of",
        ),
        (lambda: sequence.encode_pairs(["ab"]), TypeError, r"pairs\[0\]: expected a pair of str"),
    ],
)
def test_bad_arguments_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
