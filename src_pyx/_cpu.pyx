"""What the machine can run and how this build was made. Compiled for the baseline only."""

cdef extern from "cpu_features.h" nogil:
    int cpu_level()
    const char* CPU_COMPILER
    int CPU_OPENMP
    int CPU_PORTABLE


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
