"""Word vectors behind HTTP, with Starlette: `VECTORS=v.fw2v uvicorn serving:app --workers 4`.

GET /similar/king?n=5 answers [["queen", 0.71], ...], and 404 for an unknown word.
"""

import os

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from fastw2v import KeyedVectors

vectors = KeyedVectors.load(os.environ["VECTORS"])  # mapped, so that all workers share its memory


def similar(request):  # Starlette runs a plain function in a thread
    word, n = request.path_params["word"], request.query_params.get("n", "10")
    if word not in vectors:
        return JSONResponse({"error": f"{word!r} is not among the words"}, 404)
    if not (n.isdecimal() and 1 <= int(n) <= 100):
        return JSONResponse({"error": f"n: expected 1 to 100, got {n!r}"}, 400)
    nearest = vectors.most_similar(word, topn=int(n))
    return JSONResponse([[other, round(float(cosine), 4)] for other, cosine in nearest])


app = Starlette(routes=[Route("/similar/{word:path}", similar)])
