"""Small texts for the tests of Word2Vec, and models compared."""

from conftest import assert_same_bits

from fastw2v.word2vec import EncodedCorpus, Word2Vec, count_words, encode

TEXT = "you say goodbye and i say hello .\n\nhello goodbye hello\n   \nyou and i\nstray"
SENTENCES = [line.split() for line in TEXT.split("\n")]


def planted(rng, n=600, topics=6, size=5):
    """Sentences of words of one topic each."""
    words = [[f"t{t}w{i}" for i in range(size)] for t in range(topics)]
    return [rng.choice(words[rng.integers(topics)], 12).tolist() for _ in range(n)]


def encoded(model: Word2Vec, sentences: list[list[str]]) -> EncodedCorpus:
    """Sentences in the ids of a model that has all their words."""
    corpus = encode(sentences, vocabulary=count_words(sentences).vocabulary())
    assert list(count_words(sentences).vocabulary().words) == model.wv.index_to_key
    return corpus


def same_model(model, other):
    assert model.wv.index_to_key == other.wv.index_to_key
    assert_same_bits(model.wv.vectors, other.wv.vectors)
    for name in ("syn1neg", "syn1"):
        table = getattr(model, name)
        if table is None:
            assert getattr(other, name) is None
        else:
            assert_same_bits(table, getattr(other, name))


# Settings that learn much in little time.
FAST = {"vector_size": 20, "min_count": 1, "sample": 0, "workers": 2, "window": 4}
