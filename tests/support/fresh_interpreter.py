"""Code that runs in a Python process of its own."""

import os
import subprocess
import sys

from places import DATA


def run(code, **environment):
    """Run a few lines in a fresh interpreter, outside the source tree."""
    switches = ("FASTW2V_", "OMP_", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(switches)}
    if "PYTHONPATH" in os.environ:  # how a build that is not installed is tested
        kept["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        cwd=DATA,
        capture_output=True,
        text=True,
        timeout=120,
    )
