"""Arrays of numbers out of .npz archives that nobody vouches for.

An archive says three times how large an array is: in the list of its members, before the member,
and in the array's own header. Nothing is allocated before these agree with each other and with
the size of the file.
"""

import math
import os
import zipfile

import numpy as np

_DEFLATE_RATIO = 1032  # zlib makes no more bytes of one


def header_of(archive, member, packed=False):
    """(shape, dtype) of an array, after all that the archive says about it was found to fit.

    packed: the member may be compressed, and then be a thousand times larger than the file.
    """
    with _opened(archive, member, packed) as file:
        return _header(archive, member, file)


def shape_of(archive, member, packed=False):
    return header_of(archive, member, packed)[0]


def array_of(archive, member, packed=False):
    """The array itself, of booleans, integers or floats."""
    with _opened(archive, member, packed) as file:
        _header(archive, member, file)
    with archive.open(member) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):
            raise ValueError(f"{member} goes on after its array")
        return array


def _opened(archive, member, packed):
    info = archive.getinfo(member)
    size = os.fstat(archive.fp.fileno()).st_size
    most = info.compress_size
    if info.compress_type == zipfile.ZIP_DEFLATED and packed:
        most *= _DEFLATE_RATIO
    elif info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member} is compressed")
    if info.header_offset + info.compress_size > size or info.file_size > most:
        raise ValueError(f"{member} is larger than the archive")
    return archive.open(member)


def _header(archive, member, file):
    version = np.lib.format.read_magic(file)
    if version != (1, 0):  # later versions are for arrays with fields
        raise ValueError(f"{member} has format {version}")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "biuf":
        raise ValueError(f"{member} holds {dtype}")
    left = archive.getinfo(member).file_size - file.tell()
    if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != left:
        raise ValueError(f"{member} holds {left} bytes for an array of shape {shape}")
    return shape, dtype
