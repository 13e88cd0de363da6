"""The command `fastw2v` as `python -m fastw2v`."""

# PYTHON_ARGCOMPLETE_OK: argcomplete looks for this mark

import sys

from fastw2v.cli import main

if __name__ == "__main__":
    sys.exit(main())
