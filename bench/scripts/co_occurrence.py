"""Count co-occurrences of one sentence, weight them by PPMI, and look for similar words."""

import numpy as np
from common.util import cos_similarity, create_co_matrix, most_similar, ppmi, preprocess

corpus, word_to_id, id_to_word = preprocess("You say goodbye and I say hello.")
counts = create_co_matrix(corpus, len(word_to_id))
weights = ppmi(counts)
print(cos_similarity(counts[word_to_id["you"]], counts[word_to_id["i"]]))
most_similar("you", word_to_id, id_to_word, counts, top=5)
U, _, _ = np.linalg.svd(weights)
for word, k in word_to_id.items():
    print(word, counts[k], weights[k].round(3), U[k, :2].round(3))
