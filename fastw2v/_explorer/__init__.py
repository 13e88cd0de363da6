"""Maps of words: their places in the plane, the explorer page, and pictures."""

# Known to the command line before anything is imported that computes.
LAYOUTS = ("auto", "tsne", "umap", "pca")
DEFAULT_TOP = 2000  # words on a page
