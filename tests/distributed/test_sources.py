"""Vocabulary and ids are those of one machine, from any kind of text in any parts."""

import bz2
import gzip
import os

import numpy as np
import pytest
from cluster_texts import SETTINGS, crc, sentences, write
from hypothesis import given
from hypothesis import strategies as st

from fastw2v import Word2Vec
from fastw2v.distributed import SerialEngine, parts, sources, train
from fastw2v.distributed.counting import combine, split, vocabulary_of
from fastw2v.distributed.errors import CorpusChanged
from fastw2v.word2vec import count_words, encode


def counted(source, reading, min_count=1, most=None, by_count=True, n=5):
    texts = [parts.text_of(part, reading) for part in source.parts]
    dealt = [split(text.counts, i, n) for i, text in enumerate(texts)]
    classes = [combine([pieces[c] for pieces in dealt], min_count, most) for c in range(n)]
    facts = [
        type("F", (), {"n_words": t.counts.n_words, "n_sentences": t.counts.n_sentences})
        for t in texts
    ]
    found = vocabulary_of(classes, facts, min_count=min_count, most=most, by_count=by_count)
    return found, np.concatenate([text.encode(found.index).ids for text in texts])


LINES = st.lists(
    st.lists(st.sampled_from(["a", "bb", "ccc", "日本", "é", "0", "\ufeffx"]), max_size=5).map(
        " ".join
    ),
    min_size=1,
    max_size=30,
)


@given(
    LINES,
    st.booleans(),
    st.integers(1, 60),
    st.integers(1, 3),
    st.sampled_from([None, 2, 3]),
    st.booleans(),
)
def test_byte_ranges_give_the_vocabulary_and_ids_of_one_machine(
    tmp_path_factory, lines, ended, step, min_count, most, by_count
):
    path = str(tmp_path_factory.mktemp("text") / "text.txt")
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("\n".join(lines) + "\n" * ended)
    if not os.path.getsize(path):
        return
    counts = count_words(corpus_file=path)
    reading = parts.Reading()
    file = parts.info_of(path, {})
    ends = [*range(step, file.size, step), file.size]
    source = sources.Source(
        [parts.Part(file, b, e) for b, e in zip([0, *ends[:-1]], ends, strict=True)]
    )
    try:
        expected = counts.vocabulary(min_count, most, by_count=by_count)
        assert len(expected) >= 2
    except (ValueError, AssertionError):
        with pytest.raises(ValueError, match="min_count: expected two words or more"):
            counted(source, reading, min_count, most, by_count)
        return
    found, ids = counted(source, reading, min_count, most, by_count)
    assert found.words == expected.words and (found.counts == expected.counts).all()
    assert (found.n_words, found.n_sentences) == (expected.n_words, expected.n_sentences)
    whole = encode(corpus_file=path, vocabulary=expected).ids
    assert ids.tolist() == whole.tolist()


@pytest.fixture(scope="module")
def text():
    return sentences(400)


@pytest.fixture(scope="module")
def expected(text, tmp_path_factory):
    path = write(tmp_path_factory.mktemp("one") / "text.txt", text)
    return Word2Vec(corpus_file=path, **SETTINGS)


def check(model, expected):
    """Compare a run of one shard with one machine."""
    assert model.wv.index_to_key == expected.wv.index_to_key
    assert model.corpus_count == expected.corpus_count
    assert crc(model) == crc(expected)


def test_several_files_packed_or_not(text, expected, tmp_path):
    cuts = [0, 150, 151, 300, 400]
    openers = [open, gzip.open, bz2.open, open]
    for i, opener in enumerate(openers):
        with opener(tmp_path / f"{i}.part", "wb") as file:
            for words in text[cuts[i] : cuts[i + 1]]:
                file.write((" ".join(words) + "\n").encode())
    model = train(str(tmp_path / "*.part"), client=SerialEngine(2), shards=1, **SETTINGS)
    check(model, expected)
    names = [tmp_path / f"{i}.part" for i in range(4)]
    check(train(names, client=SerialEngine(), **SETTINGS), expected)


def test_running_text_is_one_sentence_a_file(text, tmp_path):
    path = write(tmp_path / "text.txt", text[:100])
    settings = SETTINGS | {"running_text": True}
    model = train(path, client=SerialEngine(), **settings)
    assert crc(model) == crc(Word2Vec(corpus_file=path, **settings))


def test_files_behind_fsspec(text, expected, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for i, half in enumerate((text[:170], text[170:])):
        data = "".join(" ".join(words) + "\n" for words in half).encode()
        memory.pipe_file(f"/corpus/{i}.txt", data if i else gzip.compress(data))
    check(train("memory://corpus/*.txt", client=SerialEngine(), **SETTINGS), expected)
    model = train(
        *("memory://corpus/*.txt",), client=SerialEngine(2), run="memory://run", every=0, **SETTINGS
    )
    assert memory.exists("/run/manifest.json") and len(model.wv)
    memory.rm("/corpus/1.txt")
    with pytest.raises(FileNotFoundError, match=r"corpus/2.txt: no such file; each worker reads"):
        train("memory://corpus/2.txt", client=SerialEngine(), **SETTINGS)


@pytest.mark.parametrize("kind", ["text", "lists"])
def test_parquet_columns(text, expected, tmp_path, kind):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    rows = [" ".join(words) if kind == "text" else words for words in text]
    table = pyarrow.table({"number": list(range(len(rows))), "text": rows})
    for i, (begin, end) in enumerate(((0, 210), (210, 400))):
        parquet.write_table(table[begin:end], tmp_path / f"{i}.parquet", row_group_size=60)
    path = str(tmp_path / "*.parquet")
    check(train(path, client=SerialEngine(), column="text", **SETTINGS), expected)
    with pytest.raises(ValueError, match="column: expected one of number, text for .* got 'txt'"):
        train(path, client=SerialEngine(), column="txt", **SETTINGS)
    with pytest.raises(ValueError, match="column: expected one of number, text .* got none"):
        train(path, client=SerialEngine(), **SETTINGS)
    with pytest.raises(ValueError, match="shards: expected at most 8, .* got 9"):
        train(path, client=SerialEngine(), column="text", shards=9, **SETTINGS)


@pytest.mark.parametrize("kind", ["text", "lists", "ints"])
def test_dask_bags(text, expected, kind):
    bag = pytest.importorskip("dask.bag")
    if kind == "ints":
        number = {word: i for i, word in enumerate(sorted({w for s in text for w in s}))}
        rows = [[number[word] for word in words] for words in text]
        plain = Word2Vec(rows, **SETTINGS)
    else:
        rows = [" ".join(words) if kind == "text" else words for words in text]
        plain = expected
    collection = bag.from_sequence(rows, npartitions=5)
    check(train(collection, client=SerialEngine(2), shards=1, **SETTINGS), plain)


def test_shards_may_not_be_more_than_parts(tmp_path, text):
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress(b"a b c\n" * 50))
    with pytest.raises(ValueError, match="shards: expected at most 1, .* got 2"):
        train(path, client=SerialEngine(2), **SETTINGS)


def test_a_shard_without_words_is_named(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"a b c d\n" * 40 + b"\n" * 2000)
    with pytest.raises(ValueError, match="got none in shard 5"):
        train(path, client=SerialEngine(2), shards=8, **SETTINGS)


def test_a_text_that_changes_is_noticed(tmp_path, text):
    path = write(tmp_path / "text.txt", text)

    def change(event, task, engine):
        if event == "before" and "-encode-" in task.key:
            with open(path, "a", encoding="utf-8") as file:
                file.write("one more line\n")

    with pytest.raises(CorpusChanged, match=r"text.txt: the file has changed since the run began"):
        train(path, client=SerialEngine(2, script=change), **SETTINGS)


def test_items_that_are_no_sentences_are_refused():
    bag = pytest.importorskip("dask.bag")
    for items, message in (
        ([["a", "b"], 3], "partition 0: sentences: expected lists of words, got int"),
        ([["a", 1]] * 3, "sentences: expected words that are all str or all int"),
    ):
        with pytest.raises(TypeError, match=message):
            train(bag.from_sequence(items, npartitions=1), client=SerialEngine(), **SETTINGS)
    mixed = bag.from_sequence([["a", "b"]] * 3 + [[1, 2]] * 3, npartitions=2)
    with pytest.raises(TypeError, match="corpus: expected words that are all str or all int"):
        train(mixed, client=SerialEngine(), **SETTINGS)
