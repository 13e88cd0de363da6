"""The settings of Sphinx: python -m sphinx -W -b html docs build/docs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fastw2v

project = "fastw2v"
author = "The fastw2v developers"
project_copyright = "The fastw2v developers"
version = release = fastw2v.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinxarg.ext",
    "sphinx_copybutton",
    "sphinx-mathjax-offline",
    "explorer_pages",  # beside this file: pages of word vectors, where their libraries are
    "site_pages",  # beside this file: the API reference, docstrings, links to the repository
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb", ".rst": "restructuredtext"}

myst_enable_extensions = ["dollarmath", "deflist", "html_image"]
myst_heading_anchors = 3
# Notebooks are kept without outputs, which would drift, and executed for each site; the test
# tests/package/test_notebooks.py runs them as well.
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # a machine may be busy
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"
default_role = "code"
add_module_names = False

html_theme = "furo"
html_title = "fastw2v"
html_static_path = ["_static"]
html_css_files = ["site.css"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
language = "en"
