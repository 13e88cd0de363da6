"""Peak memory of training steps of the language models: ours, the book's two layers, torch.

python bench/peak_memory.py

Each contender runs in a process of its own. Its figure is the highest resident memory of model and
three calls, less that of the process before the model was built. "ours, two layers" keeps scores
and their gradients as the book's TimeAffine and TimeSoftmaxWithLoss do. Linux only.
"""

import subprocess
import sys

import environment

MODELS = {"Rnnlm D=H=100": "RNNLM", "BetterRnnlm D=H=650": "BETTER"}
CONTENDERS = {
    "reference": "reference",
    "ours, two layers": "ours",
    "ours": "ours",
    "torch, fused SGD": "torch_dense",
}
N_CALLS = 3


def main():
    environment.prepare(environment.DEFAULT_THREADS)
    for name, value in environment.describe(environment.DEFAULT_THREADS):
        print(f"- {name}: {value}")
    print("\n| MB | " + " | ".join(CONTENDERS) + " |")
    print("|---" * (len(CONTENDERS) + 1) + "|")
    for model, attribute in MODELS.items():
        figures = [
            subprocess.run(
                [sys.executable, __file__, attribute, contender],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            for contender in CONTENDERS
        ]
        print(f"| {model} | " + " | ".join(figures) + " |", flush=True)


def measure(attribute, contender):
    """Print the megabytes that this process takes for a contender."""
    environment.apply(environment.DEFAULT_THREADS)
    import bench_rnnlm
    from fastw2v.models import _language_model

    if contender == "ours, two layers":
        _language_model.pays = lambda *given: False
    workload = getattr(bench_rnnlm, attribute)
    assert workload.texts
    before = resident("VmRSS")
    task = getattr(workload, CONTENDERS[contender])()
    for i in range(N_CALLS):
        task.run(i)
    print(round(resident("VmHWM") - before))


def resident(name):
    """Return a line of the system's account of this process, in megabytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines[name].split()[0]) / 1000


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(*sys.argv[1:])
    else:
        main()
