/* numpy's arrays in C, for calls so small that checks in Python would take most of their time.

   An array is read through Python's buffer protocol, so that no header of numpy is needed, and at
   once released: the caller of an entry holds the array, and no other code runs before the entry
   returns. Nothing here raises unless memory is missing; `fw_read` refuses what it does not know. */
#ifndef FASTW2V_ARRAYS_H
#define FASTW2V_ARRAYS_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

#define FW_DIMS 4

/* The types that kernels compute with, as letters of the protocol; int64 is one letter everywhere. */
enum { FW_FLOAT = 'f', FW_DOUBLE = 'd', FW_INT32 = 'i', FW_INT64 = 'q', FW_UINT8 = 'B' };

typedef struct {
    char *data;
    Py_ssize_t n; /* elements */
    Py_ssize_t shape[FW_DIMS], strides[FW_DIMS]; /* strides in elements */
    int ndim, type;
    int packed; /* whether the elements follow each other in C's order */
    int writable;
} fw_array;

static PyTypeObject *fw_ndarray;
static PyObject *fw_numpy_empty, *fw_dtypes[4], *fw_scalars[2];
static const double *fw_serial_below; /* nanoseconds; see `threads.serial_below` */

static inline int fw_type_of(const char *format, Py_ssize_t size) {
    if (!format || format[0] == 0 || format[1] != 0) return 0;
    switch (format[0]) {
    case 'f': return size == 4 ? FW_FLOAT : 0;
    case 'd': return size == 8 ? FW_DOUBLE : 0;
    case 'i':
    case 'l':
    case 'q': return size == 4 ? FW_INT32 : size == 8 ? FW_INT64 : 0;
    case 'B': return size == 1 ? FW_UINT8 : 0;
    default: return 0;
    }
}

static int fw_describe(const Py_buffer *view, fw_array *a, int anywhere) {
    Py_ssize_t size = view->itemsize, step = 1, d;
    const char *format = view->format;
    if (anywhere && format && format[0] == '=') format++; /* native, but not aligned */
    a->type = fw_type_of(format, size);
    if (!a->type || view->ndim > FW_DIMS) return 0;
    if (!anywhere && (uintptr_t)view->buf % (size_t)size != 0) return 0;
    a->data = (char *)view->buf;
    a->ndim = view->ndim;
    a->writable = !view->readonly;
    a->n = view->len / size;
    a->packed = 1;
    for (d = view->ndim - 1; d >= 0; d--) {
        a->shape[d] = view->shape[d];
        a->strides[d] = view->strides[d] / size;
        if (view->strides[d] % size != 0) return 0;
        if (a->strides[d] != step && a->shape[d] > 1) a->packed = 0;
        step *= a->shape[d];
    }
    return 1;
}

static int fw_read_as(PyObject *x, fw_array *a, int anywhere) {
    Py_buffer view;
    int known;
    if (PyObject_GetBuffer(x, &view, PyBUF_RECORDS_RO) < 0) {
        PyErr_Clear();
        return 0;
    }
    known = fw_describe(&view, a, anywhere);
    PyBuffer_Release(&view);
    return known;
}

/* Describe an ndarray, or a subclass, of native and aligned numbers; 0 for any other object. */
static inline int fw_read_any(PyObject *x, fw_array *a) {
    return PyObject_TypeCheck(x, fw_ndarray) && fw_read_as(x, a, 0);
}

/* The same, but 0 for a subclass, too. */
static inline int fw_read(PyObject *x, fw_array *a) {
    return Py_TYPE(x) == fw_ndarray && fw_read_as(x, a, 0);
}

/* The same for native numbers anywhere in memory, as those of a mapped file may be. */
static inline int fw_read_anywhere(PyObject *x, fw_array *a) {
    return Py_TYPE(x) == fw_ndarray && fw_read_as(x, a, 1);
}

/* Return a new array, not set to anything, and describe it. */
static inline PyObject *fw_new(int type, int ndim, const Py_ssize_t *shape, fw_array *a) {
    PyObject *sizes = PyTuple_New(ndim), *args[2], *x = NULL;
    int d;
    if (!sizes) return NULL;
    for (d = 0; d < ndim; d++) {
        PyObject *size = PyLong_FromSsize_t(shape[d]);
        if (!size) goto done;
        PyTuple_SET_ITEM(sizes, d, size);
    }
    args[0] = sizes;
    args[1] = fw_dtypes[type == FW_FLOAT ? 0 : type == FW_DOUBLE ? 1 : type == FW_INT32 ? 2 : 3];
    x = PyObject_Vectorcall(fw_numpy_empty, args, 2, NULL);
    if (x && !fw_read(x, a)) {
        Py_CLEAR(x);
        PyErr_SetString(PyExc_SystemError, "numpy.empty: expected an array of numbers");
    }
done:
    Py_DECREF(sizes);
    return x;
}

/* Return a number as numpy's scalar of this type. */
static inline PyObject *fw_scalar(int type, double value) {
    PyObject *number = PyFloat_FromDouble(value), *scalar;
    if (!number) return NULL;
    scalar = PyObject_CallFunctionObjArgs(fw_scalars[type != FW_FLOAT], number, NULL);
    Py_DECREF(number);
    return scalar;
}

/* Read a Python int or float, no subclass, that a double holds exactly; 0 for any other object. */
static inline int fw_read_number(PyObject *x, double *value) {
    if (PyFloat_CheckExact(x)) {
        *value = PyFloat_AS_DOUBLE(x);
        return 1;
    }
    if (PyLong_CheckExact(x)) {
        int beyond;
        long long whole = PyLong_AsLongLongAndOverflow(x, &beyond);
        *value = (double)whole;
        return !beyond && whole < 1LL << 53 && whole > -(1LL << 53);
    }
    return 0;
}

/* Tell whether the bytes from the first to the last element of two arrays overlap. */
static inline void fw_bounds(const fw_array *a, uintptr_t *lo, uintptr_t *hi) {
    Py_ssize_t size = a->type == FW_FLOAT || a->type == FW_INT32 ? 4 : 8, span; /* at least */
    int d;
    *lo = *hi = (uintptr_t)a->data;
    if (a->n == 0) return;
    for (d = 0; d < a->ndim; d++) {
        span = (a->shape[d] - 1) * a->strides[d] * size;
        if (span < 0)
            *lo += (uintptr_t)span;
        else
            *hi += (uintptr_t)span;
    }
    *hi += (uintptr_t)size;
}

static inline int fw_overlap(const fw_array *a, const fw_array *b) {
    uintptr_t a_lo, a_hi, b_lo, b_hi;
    fw_bounds(a, &a_lo, &a_hi);
    fw_bounds(b, &b_lo, &b_hi);
    return a_lo < b_hi && b_lo < a_hi;
}

/* Whether the caller's ids may be read twice, to check and to follow them: other threads may change
   them in between where there is no global lock. */
#ifdef Py_GIL_DISABLED
#define FW_IDS_STAY 0
#else
#define FW_IDS_STAY 1
#endif

/* Tell whether work of these nanoseconds is done at once, on the caller's thread. */
static inline int fw_is_small(double ns) { return ns < *fw_serial_below; }

/* Find what the functions above need: once per module. */
static int fw_use_arrays(void) {
    static const char *names[4] = {"float32", "float64", "int32", "int64"};
    PyObject *numpy = PyImport_ImportModule("numpy");
    int k, found = 0;
    if (!numpy) return -1;
    fw_ndarray = (PyTypeObject *)PyObject_GetAttrString(numpy, "ndarray");
    fw_numpy_empty = PyObject_GetAttrString(numpy, "empty");
    for (k = 0; k < 4; k++) {
        fw_dtypes[k] = PyObject_CallMethod(numpy, "dtype", "s", names[k]);
        found += fw_dtypes[k] != NULL;
    }
    fw_scalars[0] = PyObject_GetAttrString(numpy, names[0]);
    fw_scalars[1] = PyObject_GetAttrString(numpy, names[1]);
    Py_DECREF(numpy);
    fw_serial_below =
        (const double *)PyCapsule_Import("fastw2v._kernels._cpu._serial_below", 0);
    found += fw_ndarray && fw_numpy_empty && fw_scalars[0] && fw_scalars[1] && fw_serial_below;
    return found == 5 ? 0 : -1;
}

#endif
