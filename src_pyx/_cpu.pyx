"""The level of the CPU, the switches of this build, and the threads that all kernels share.

This kernel is compiled for the baseline only.
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
    static double fw_serial_below_of_all = 0;
    """
    int FW_OWN_POOL
    void* fw_open()
    double* serial_below "(&fw_serial_below_of_all)"
    void fw_pool_keep(unsigned n) nogil


def level():
    """Return the best level that CPU and operating system run: "baseline", "v3" or "v4"."""
    return {0: "baseline", 3: "v3", 4: "v4"}[cpu_level()]


def compiler():
    """Return name and version of the C compiler."""
    return CPU_COMPILER.decode("ascii", "replace").strip()


def openmp():
    """Return the OpenMP date, for example 201511, or 0 for a build without OpenMP."""
    return CPU_OPENMP


def portable():
    """Tell whether the kernels were built without compiler extensions (FASTW2V_PORTABLE=1)."""
    return bool(CPU_PORTABLE)


def own_pool():
    """Tell whether the threads are those of pool.h, not of the compiler's OpenMP."""
    return bool(FW_OWN_POOL)


def keep_threads(unsigned n):
    """Dismiss the pool's threads that n parts do not use; the caller is one of the n."""
    with nogil:
        fw_pool_keep(n)


def set_serial_below(double ns):
    """Set the nanoseconds of work below which the small calls of common_arrays.pxd take a call."""
    serial_below[0] = ns


# The argument of `use_arrays` in common_arrays.pxd.
_serial_below = PyCapsule_New(serial_below, "fastw2v._kernels._cpu._serial_below", NULL)
# The argument of `use_pool` in common_parallel.pxd; None where loops run on OpenMP or serially.
_pool = PyCapsule_New(fw_open(), "fastw2v._kernels._cpu._pool", NULL) if FW_OWN_POOL else None
