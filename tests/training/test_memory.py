"""Training of a large vocabulary takes the memory of its weights and moments."""

import subprocess
import sys
import textwrap

if sys.platform == "linux":

    def test_peak_of_a_fit_over_many_words(tmp_path):
        """It makes no float64 copies of weights and touches no pages of gradients."""
        script = textwrap.dedent("""
            import re
            import numpy as np
            from fastw2v.models import CBOW
            from fastw2v.optimizer import Adam
            from fastw2v.trainer import Trainer

            def peak():
                # Of this program; ru_maxrss knows that of the process that started it, too.
                with open("/proc/self/status") as file:
                    return int(re.search(r"VmHWM:\\s*(\\d+) kB", file.read())[1]) * 1024

            V, H = 250_000, 64
            rng = np.random.default_rng(0)
            x, t = rng.integers(0, V, (2000, 4)), rng.integers(0, V, 2000)
            trainer = Trainer(CBOW(60, 8, 2, np.arange(60)), Adam())
            trainer.fit(x % 60, t % 60, 1, 100, eval_interval=None)     # all is imported and warm
            before = peak()
            model = CBOW(V, H, 2, np.arange(V))
            Trainer(model, Adam()).fit(x, t, 1, 100, eval_interval=None)
            weights_and_moments = 3 * 2 * V * H * 4
            print((peak() - before) / weights_and_moments)
            """)
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert 0.5 < float(done.stdout) < 1.15
