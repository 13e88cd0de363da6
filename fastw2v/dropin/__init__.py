"""The book's import names, served by fastw2v for scripts (`fastw2v run`) and for notebooks."""

from fastw2v.dropin.finder import (
    install,
    load_ipython_extension,
    uninstall,
    unload_ipython_extension,
)

__all__ = ["install", "load_ipython_extension", "uninstall", "unload_ipython_extension"]
