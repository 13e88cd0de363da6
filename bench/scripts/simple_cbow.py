"""Train a tiny CBOW with dense layers and one-hot words, with Adam and the Trainer."""

import numpy as np
from common.layers import MatMul, SoftmaxWithLoss
from common.optimizer import Adam
from common.trainer import Trainer
from common.util import convert_one_hot, create_contexts_target, preprocess


class CBOW:
    def __init__(self, vocab_size, hidden_size):
        W_in = 0.01 * np.random.randn(vocab_size, hidden_size).astype("f")
        W_out = 0.01 * np.random.randn(hidden_size, vocab_size).astype("f")
        self.inputs = [MatMul(W_in), MatMul(W_in)]
        self.output = MatMul(W_out)
        self.loss = SoftmaxWithLoss()
        layers = [*self.inputs, self.output]
        self.params = [param for layer in layers for param in layer.params]
        self.grads = [grad for layer in layers for grad in layer.grads]
        self.word_vecs = W_in

    def forward(self, contexts, target):
        h = [layer.forward(contexts[:, k]) for k, layer in enumerate(self.inputs)]
        return self.loss.forward(self.output.forward((h[0] + h[1]) * 0.5), target)

    def backward(self, dout=1):
        dh = self.output.backward(self.loss.backward(dout)) * 0.5
        for layer in self.inputs:
            layer.backward(dh)


corpus, word_to_id, id_to_word = preprocess("You say goodbye and I say hello.")
contexts, target = create_contexts_target(corpus, window_size=1)
V = len(word_to_id)
model = CBOW(V, 5)
trainer = Trainer(model, Adam())
trainer.fit(convert_one_hot(contexts, V), convert_one_hot(target, V), 1000, 3)
for k, word in id_to_word.items():
    print(word, model.word_vecs[k])
