"""What the machine can run, how this build was made, and the threads that all kernels share.

Compiled for the baseline only.
"""
from cpython.pycapsule cimport PyCapsule_New

cdef extern from "cpu_features.h" nogil:
    int cpu_level()
    const char* CPU_COMPILER
    int CPU_OPENMP
    int CPU_PORTABLE

cdef extern from *:
    """
    #define FW_POOL_IMPLEMENTATION
    #include "pool.h"
    static void *fw_open(void) { return (void *)fw_pool_open(); }
    """
    int FW_OWN_POOL
    void* fw_open()
    void fw_pool_keep(unsigned n) nogil


def level():
    """The best level this CPU and operating system run: "baseline", "v3" or "v4"."""
    return {0: "baseline", 3: "v3", 4: "v4"}[cpu_level()]


def compiler():
    """Name and version of the C compiler."""
    return CPU_COMPILER.decode("ascii", "replace").strip()


def openmp():
    """The OpenMP date (such as 201511), or 0 when the kernels were built without it."""
    return CPU_OPENMP


def portable():
    """Whether the kernels were built without compiler extensions (FASTW2V_PORTABLE=1)."""
    return bool(CPU_PORTABLE)


def own_pool():
    """Whether the threads are ours (pool.h), and not those of the compiler's OpenMP."""
    return bool(FW_OWN_POOL)


def keep_threads(unsigned n):
    """Let threads of our pool go that n parts have no use for; the caller is one of n."""
    with nogil:
        fw_pool_keep(n)


# What `use_pool` of common_parallel.pxd takes; None where the loops run on OpenMP, or serially.
_pool = PyCapsule_New(fw_open(), "fastw2v._kernels._cpu._pool", NULL) if FW_OWN_POOL else None
