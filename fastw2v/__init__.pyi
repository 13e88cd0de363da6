"""Types of `fastw2v`, written by tools/stubs.py."""

from typing import Any

from fastw2v import attention_layer as attention_layer
from fastw2v import base_model as base_model
from fastw2v import candidate_sampling as candidate_sampling
from fastw2v import cli as cli
from fastw2v import config as config
from fastw2v import datasets as datasets
from fastw2v import dropin as dropin
from fastw2v import functions as functions
from fastw2v import init as init
from fastw2v import keras as keras
from fastw2v import keyed_vectors as keyed_vectors
from fastw2v import layers as layers
from fastw2v import models as models
from fastw2v import negative_sampling_layer as negative_sampling_layer
from fastw2v import optimizer as optimizer
from fastw2v import reference as reference
from fastw2v import text_model as text_model
from fastw2v import time_layers as time_layers
from fastw2v import trainer as trainer
from fastw2v import util as util
from fastw2v import word2vec as word2vec
from fastw2v._build_info import build_info as build_info
from fastw2v._row_grad import RowGrad as RowGrad
from fastw2v._threads import get_num_threads as get_num_threads
from fastw2v._threads import set_num_threads as set_num_threads
from fastw2v._version import __version__ as __version__
from fastw2v.dropin import install as install, uninstall as uninstall
from fastw2v.dropin import load_ipython_extension as load_ipython_extension
from fastw2v.dropin import unload_ipython_extension as unload_ipython_extension

def __getattr__(name: str) -> Any: ...
