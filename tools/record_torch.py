"""Record results of torch's recurrent layers in float64 in tests/data/torch_recurrent.npz.

    python tools/record_torch.py

Needs torch. The file stores weights in the book's layout. torch keeps them transposed, with the
gates in another order and a second bias, which is zero here. torch's own GRU resets after the
product, so this script builds the cell from torch's operations, and autograd differentiates it.
"""

from pathlib import Path

import numpy as np
import torch

N, T, D, H = 3, 6, 4, 5
TARGET = Path(__file__).parents[1] / "tests" / "data" / "torch_recurrent.npz"
LSTM_ORDER = [1, 2, 0, 3]  # f, g, i, o of the book among torch's i, f, g, o


def book_layout(parameter, n_gates, order):
    """Return torch's (n_gates * H, ...) as (..., n_gates * H) in the book's order."""
    blocks = parameter.detach().numpy().reshape(n_gates, H, -1)[order]
    return np.ascontiguousarray(blocks.reshape(n_gates * H, -1).T)


def gru(xs, h, Wx, Wh, b):
    """Compute a GRU that resets before the product (Cho et al. 2014); columns z, r, h~."""
    outputs = []
    for t in range(T):
        a = xs[:, t] @ Wx + b
        z, r = torch.sigmoid(a[:, : 2 * H] + h @ Wh[:, : 2 * H]).chunk(2, dim=1)
        candidate = torch.tanh(a[:, 2 * H :] + (r * h) @ Wh[:, 2 * H :])
        h = (1 - z) * h + z * candidate
        outputs.append(h)
    return torch.stack(outputs, dim=1), h


def leaf(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def record(name):
    xs, dhs = leaf(N, T, D), torch.randn(N, T, H, dtype=torch.float64)
    states = [leaf(N, H) for _ in range(2 if name == "lstm" else 1)]
    arriving = [torch.randn(N, H, dtype=torch.float64) for _ in states]
    if name == "gru":
        weights = [leaf(D, 3 * H), leaf(H, 3 * H), leaf(3 * H)]
        hs, *last = gru(xs, states[0], *weights)
    else:
        module = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM}[name](D, H, batch_first=True).double()
        with torch.no_grad():
            module.bias_hh_l0.zero_()
        weights = [module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0]
        first = tuple(state[None] for state in states)
        hs, last = module(xs, first if name == "lstm" else first[0])
        last = [h[0] for h in (last if name == "lstm" else (last,))]
    (hs * dhs).sum().add(sum((h * d).sum() for h, d in zip(last, arriving, strict=True))).backward()
    arrays = {"xs": xs, "dhs": dhs, "hs": hs, "dxs": xs.grad}
    for key, state, end, d in zip("hc", states, last, arriving, strict=False):
        arrays |= {f"{key}0": state, key: end, f"d{key}": d, f"d{key}0": state.grad}
    arrays = {key: value.detach().numpy() for key, value in arrays.items()}
    order = LSTM_ORDER if name == "lstm" else [0]
    for key, weight in zip(("Wx", "Wh", "b"), weights, strict=True):
        for prefix, value in (("", weight), ("d", weight.grad)):
            if name == "gru":
                arrays[prefix + key] = value.detach().numpy()
            else:
                found = book_layout(value, len(order), order)
                arrays[prefix + key] = found.reshape(-1) if key == "b" else found
    return {f"torch_recurrent/f8/{name}/{key}": value for key, value in arrays.items()}


def main():
    torch.manual_seed(3)
    arrays = {}
    for name in ("rnn", "lstm", "gru"):
        arrays |= record(name)
    np.savez_compressed(TARGET, **arrays)
    print(f"torch {torch.__version__}: {len(arrays)} arrays in {TARGET}")


if __name__ == "__main__":
    main()
