"""The meaning of fastw2v in plain numpy.

Each module defines the results of the compiled module of the same name in as few lines of numpy as
possible: loops over rows, a dense clearing of every gradient, `np.add.at`, one weighted draw per
row. Tests compare the fast package with these functions, and benchmarks measure its speed against
theirs. The fast package never calls them.

functions                 sigmoid, relu, softmax, cross entropy, scatter-add of rows
layers                    dense, activation, loss, dropout and embedding layers
time_layers               RNN, LSTM, GRU over time, and layers applied at every step
attention_layer           encoder states weighted by a decoder state
negative_sampling_layer   row-wise dot products, the unigram sampler, the sampled loss
candidate_sampling        log-uniform candidates, NCE and sampled softmax
optimizer                 SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam
trainer                   the two training loops, and the merging of shared weights
util                      text to ids, counts, similarities, clipping, evaluation
cbow, skip_gram           the two word2vec models
subwords                  n-grams of words, and vectors composed of them
word2vec                  word2vec over blocks of a corpus
simple_rnnlm, rnnlm, better_rnnlm, rnnlm_gen            language models, and text from them
seq2seq, peeky_seq2seq, attention_seq2seq               a sequence from another one

Letters: N batch, T time, D width of a row, H hidden width, V vocabulary, K negatives per word.
"""

from fastw2v._core import lazy_modules


def __getattr__(name):
    return lazy_modules.submodule(__name__, name)


def __dir__():
    return sorted({*globals(), *lazy_modules.submodules(__name__)})
