"""Names that gensim's `Word2Vec` has or had, and that have another name here.

docs/coming-from-gensim.md lists them. Each raises AttributeError that names the replacement.
"""

from __future__ import annotations

from fastw2v._core.class_methods import Refused


def _of_vectors(name: str) -> Refused:
    return Refused(f"call model.wv.{name}")


_IN_MODEL = "Word2Vec holds everything itself"
_KERNELS = "Word2Vec.train runs compiled code"

OF_MODULE = {
    "Heapitem": "the tree of hierarchical softmax is built by train",
    "MAX_WORDS_IN_BATCH": "a sentence may have any length; pass max_sentence_length to cut it",
    "Word2VecTrainables": _IN_MODEL,
    "Word2VecVocab": _IN_MODEL,
    "score_sentence_cbow": "call Word2Vec.score",
    "score_sentence_sg": "call Word2Vec.score",
    "train_batch_cbow": _KERNELS,
    "train_batch_sg": _KERNELS,
    "train_epoch_cbow": _KERNELS,
    "train_epoch_sg": _KERNELS,
}

_READS_COUNTS = "each train reads the counts of model.wv anew"


class GensimNames:
    """The names; `Word2Vec` inherits them."""

    # Older than gensim 4.
    size = Refused("the name is vector_size")
    iter = Refused("the name is epochs")
    vocabulary = Refused("use model.wv.key_to_index and model.wv.get_vecattr(word, 'count')")
    trainables = Refused("use model.syn1neg and model.syn1")
    vocab = Refused("use model.wv.key_to_index and model.wv.get_vecattr(word, 'count')")
    index2word = Refused("use model.wv.index_to_key")
    syn0 = Refused("use model.wv.vectors")
    syn0norm = Refused("call model.wv.get_normed_vectors()")
    syn0_lockf = Refused("use model.wv.vectors_lockf")
    most_similar = _of_vectors("most_similar")
    most_similar_cosmul = _of_vectors("most_similar_cosmul")
    similar_by_word = _of_vectors("similar_by_word")
    similar_by_vector = _of_vectors("similar_by_vector")
    similarity = _of_vectors("similarity")
    n_similarity = _of_vectors("n_similarity")
    doesnt_match = _of_vectors("doesnt_match")
    wmdistance = _of_vectors("wmdistance")
    evaluate_word_pairs = _of_vectors("evaluate_word_pairs")
    evaluate_word_analogies = _of_vectors("evaluate_word_analogies")
    accuracy = _of_vectors("evaluate_word_analogies")
    save_word2vec_format = _of_vectors("save_word2vec_format")
    intersect_word2vec_format = _of_vectors("intersect_word2vec_format")
    load_word2vec_format = Refused("call KeyedVectors.load_word2vec_format")
    delete_temporary_training_data = Refused("keep model.wv alone: model.wv.save(file)")
    clear_sims = Refused("nothing is kept that would have to be cleared")
    finalize_vocab = Refused("call prepare_vocab")
    sort_vocab = Refused("sorted_vocab=1, the default, sorts the words")
    reset_weights = Refused("call init_weights")

    # Of gensim 4.
    batch_words = Refused("texts are cut into blocks, whose size does not affect the rate")
    hashfxn = Refused("the initial vectors depend on the setting seed alone")
    random = Refused("draws depend on the setting seed alone")
    seeded_vector = Refused("initial vectors are drawn by init_weights from the setting seed")
    create_binary_tree = Refused(_READS_COUNTS + " for the tree")
    make_cum_table = Refused(_READS_COUNTS + " for its draws; cum_table shows their shares")
    lifecycle_events = Refused("keep notes in an attribute of your own, which save keeps")
    add_lifecycle_event = Refused("keep notes in an attribute of your own, which save keeps")

    def __getitem__(self, key: object) -> object:
        raise TypeError(f"model[{key!r}]: a model holds no vectors itself; use model.wv[{key!r}]")

    def __contains__(self, key: object) -> bool:
        raise TypeError(f"{key!r} in model: a model holds no words itself; use model.wv")
