"""LSTM over time, and the matrix products that it needs."""

import harness
from harness import Row
from recurrent import Workload, bidirectional_row, generation_row, row


def floor(N, T, D, H):
    workload = Workload("LSTM", N, T, D, H)
    return Row(
        f"lstm_products_{N}_{T}_{D}_{H}",
        f"the products alone of LSTM N={N} T={T} D={D} H={H}",
        workload.products,
        lambda: None,
        macs=workload.macs,
    )


ROWS = [
    row("LSTM", 20, 35, 100, 100, book=12, goal_rival=2, goal_share=0.6),
    row("LSTM", 128, 7, 16, 128, book=2.9, goal_rival=2, goal_share=0.6),
    row("LSTM", 128, 29, 16, 256, book=37, goal_rival=1.8, goal_share=0.7),
    row("LSTM", 20, 35, 650, 650, book=340, goal_rival=1.6, goal_share=0.75),
    generation_row(650, book=0.6, goal_rival=5),
    bidirectional_row(20, 35, 100, 100),
    bidirectional_row(128, 29, 16, 256),
    floor(20, 35, 100, 100),
    floor(128, 7, 16, 128),
    floor(128, 29, 16, 256),
    floor(20, 35, 650, 650),
]


@harness.each_contender(ROWS)
def test_lstm(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
