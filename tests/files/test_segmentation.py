"""Text of scripts without blanks: tokenizers, pieces, processes, and the warning."""

import sys

import pytest

from fastw2v.cli import main
from fastw2v.datasets import Splitter, segment
from fastw2v.datasets.segmentation import TOKENIZERS, is_unsegmented, load

TEXT = "すもももももももものうち。東京都庁へ行った。ﾊﾝｶｸ１２３"


def by_two(line):
    return [line[i : i + 2] for i in range(0, len(line), 2)]


def words_of(tokenizer, text=TEXT, **settings):
    name = tokenizer.partition(":")[0]
    pytest.importorskip("sudachipy" if name == "sudachi" else name)
    return "".join(segment(text, tokenizer, **settings)).split(" ")


class TestTokenizers:
    def test_janome(self):
        words = words_of("janome")
        assert words[:4] == ["すもも", "も", "もも", "も"] and words[-1] == "123"
        assert "行く" in words_of("janome:base") and "行く" not in words

    def test_fugashi(self):
        assert words_of("fugashi")[8:11] == ["東京", "都庁", "へ"]
        assert "行く" in words_of("fugashi:base")

    def test_sudachi(self):
        assert "東京都庁" in words_of("sudachi") and "東京" in words_of("sudachi:A")
        assert words_of("sudachi:C:normalized")[0] == "李" or "李" in words_of("sudachi:normalized")
        assert "行く" in words_of("sudachi:base")

    def test_normal_forms(self):
        assert "ハンカク123" in "".join(segment(TEXT, by_two)).replace(" ", "")
        assert "ﾊﾝｶｸ１２３" in "".join(segment(TEXT, by_two, normalize="none")).replace(" ", "")

    @pytest.mark.parametrize("name", ["mecab", "", "janome:lemma", "sudachi:D", "fugashi:A", ":f"])
    def test_unknown_names(self, name):
        with pytest.raises(ValueError, match="tokenizer: expected "):
            segment(TEXT, name)

    @pytest.mark.parametrize("name", ["no_such_module:f", "math:no_such", "math:pi", "os:"])
    def test_functions_that_are_none(self, name):
        with pytest.raises(ValueError, match="tokenizer: expected .*(module:function|a function)"):
            segment(TEXT, name)

    @pytest.mark.parametrize("name", TOKENIZERS)
    def test_a_missing_package_is_named_with_the_command(self, name, monkeypatch):
        for module in ("janome", "janome.tokenizer", "fugashi", "sudachipy"):
            monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ModuleNotFoundError, match=rf"{name} needs .* pip install "):
            load(name)

    def test_a_function_that_returns_no_words(self):
        with pytest.raises(TypeError, match="words of type str, got int"):
            list(segment("一二", lambda line: [1, 2]))


class TestPieces:
    def test_line_ends_stay_and_pieces_join(self):
        assert "".join(segment("一二三\n\n四五\r\n六", by_two)) == "一二 三\n\n四五\n六"
        assert "".join(segment(["一二三\n", "四五六"], by_two)) == "一二 三\n四五 六"
        assert list(segment([], by_two)) == [] and list(segment("", by_two)) == [""]

    def test_it_is_read_as_it_is_asked_for(self):
        def pieces():
            yield "一二三\n"
            raise AssertionError("read ahead")

        assert next(segment(pieces(), by_two)) == "一二 三\n"

    def test_processes_keep_the_order(self, tmp_path, monkeypatch):
        (tmp_path / "mine.py").write_text("def cut(line):\n    return line.split('x')\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        text = [f"{i}x{i + 1}\n" * 100 for i in range(1500)]
        one = "".join(segment(text, "mine:cut"))
        assert len(one) > 1 << 20 and one.startswith("0 1\n")
        assert "".join(segment(text, "mine:cut", processes=2)) == one
        assert "".join(segment(text[:3], "mine:cut", processes=2)) == one[: 4 * 300]


@pytest.mark.parametrize(
    ("text", "needs_it"),
    [
        ("吾輩は猫である名前はまだ無い。どこで生れたか頓と見当がつかぬ。", True),
        ("วันนี้อากาศดีมากเราจึงไปเดินเล่นในสวน", True),
        ("吾輩 は 猫 で ある 。 名前 は まだ 無い 。", False),
        (
            "the book is 『ゼロから作るディープラーニング』 by a publisher in Tokyo and it is long",
            False,
        ),
        ("한국어는 띄어쓰기를 합니다 그래서 괜찮습니다", False),
        ("", False),
    ],
)
def test_recognition(text, needs_it):
    assert is_unsegmented(text) == needs_it


SENTENCES = "犬と猫が走る。猫と犬が眠る。鳥が空を飛ぶ。犬が空を見上げて吠える。\n" * 60


def test_the_command_warns(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text(
        "吾輩は猫である名前はまだ無い。どこで生れたか頓と見当がつかぬ。\n" * 40, "utf-8"
    )
    argv = ["train", str(text), "-o", str(tmp_path / "v.txt"), "--epochs", "1", "--dim", "8"]
    assert main(argv) == 0
    assert "warning: words of a script without blanks" in capsys.readouterr().err
    assert main([*argv, "--split", "characters"]) == 0
    assert "warning" not in capsys.readouterr().err


def test_from_raw_japanese_to_neighbours(tmp_path, capsys):
    pytest.importorskip("janome")
    text = tmp_path / "text.txt"
    text.write_text(SENTENCES, "utf-8")
    vectors = str(tmp_path / "v.fw2v")
    options = ["--epochs", "2", "--dim", "8", "--tokenizer", "janome", "--threads", "1"]
    assert main(["train", str(text), "-o", vectors, *options]) == 0
    assert "warning" not in capsys.readouterr().err
    assert main(["similar", vectors, "犬"]) == 0
    assert "猫" in capsys.readouterr().out
    assert (
        main(
            ["lm-train", str(text), "-o", str(tmp_path / "m.npz"), *options[-4:-2]]
            + ["--size", "8", "--epochs", "1", "--batch-size", "5", "--time-size", "5"]
        )
        == 0
    )


def test_the_command_names_what_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "fugashi", None)
    text = tmp_path / "text.txt"
    text.write_text(SENTENCES, "utf-8")
    argv = ["train", str(text), "-o", str(tmp_path / "v.txt"), "--tokenizer", "fugashi"]
    assert main(argv) == 1
    assert "pip install fugashi unidic-lite" in capsys.readouterr().err


def test_words_are_those_of_the_splitter():
    cut = segment("Ａｂ１２、きょう。\n", by_two)
    assert list(Splitter(normalize="nfkc").words(cut)) == ["ab", "12", "き", "ょう"]
