"""Word2Vec on the machines of a Dask cluster.

    from distributed import Client
    from fastw2v.distributed import train

    model = train("corpus/*.txt", client=Client("tcp://scheduler:8786"), vector_size=100)

`train` divides a text into shards. Every worker trains its shards from the same weights for a
round and sends the rows that changed; the merged changes start the next round. The vectors depend
on text, settings and number of shards, and not on the workers, which may come, go and die. `resume`
continues a run from its folder, and `plan` estimates speed and memory. `SerialEngine` runs the same
tasks in this process.

Dask is the extra `fastw2v[dask]`; this package can be imported without it.

To read the code, begin with `training.train`: it lists the text (`sources`, `parts`), has words
counted and shards encoded (`preparing`, `counting`), and lets a `Coordinator` run the rounds. What
workers do is in `steps`, on the `Replica` of their process. `engine` lists what both need of Dask.
"""

from fastw2v.distributed.coordinator import RoundInfo
from fastw2v.distributed.cost import Plan, plan
from fastw2v.distributed.serial import SerialEngine
from fastw2v.distributed.training import resume, train

__all__ = ["Plan", "RoundInfo", "SerialEngine", "plan", "resume", "train"]
