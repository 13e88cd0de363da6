"""GRU over time that resets after the product, as torch's does."""

import harness
from recurrent import row

ROWS = [
    row("GRU reset_after", 20, 35, 100, 100, goal_rival=2, goal_share=0.6),
    row("GRU reset_after", 128, 7, 16, 128, goal_rival=2, goal_share=0.6),
    row("GRU reset_after", 128, 29, 16, 256, goal_rival=1.8, goal_share=0.7),
    row("GRU reset_after", 20, 35, 650, 650, goal_rival=1.6, goal_share=0.75),
]


@harness.each_contender(ROWS)
def test_gru_after(benchmark, row, name):
    harness.time_contender(benchmark, row, name)
