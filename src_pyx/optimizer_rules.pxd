"""The six update rules, one inline function each; every pass calls these.

g gradient of one weight w; states v (momentum, nesterov), h (adagrad, rmsprop), m and v (adam).
s are the scalars of a rule, in the order of the entries in _optimizer.pyx, which has the formulas.
"""
from libc.math cimport sqrt, sqrtf

from common_types cimport real_t

cdef extern from "optimizer_simd.h" nogil:
    int FW_ADAM_SIMD
    void fw_adam_run(float* w, float* m, float* v, const float* g, Py_ssize_t n,
                     float lr, float c1, float c2, float eps)

cdef enum Rule:
    SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, ADAM


cdef inline real_t root(real_t x) noexcept nogil:
    """Return the square root in the type of x."""
    if real_t is float:
        return sqrtf(x)
    else:
        return sqrt(x)


# Each rule changes one element.

cdef inline void sgd_rule(real_t* w, real_t g, real_t lr) noexcept nogil:
    w[0] = w[0] - lr * g


cdef inline void momentum_rule(real_t* w, real_t* v, real_t g, real_t lr, real_t mu) noexcept nogil:
    v[0] = mu * v[0] - lr * g
    w[0] = w[0] + v[0]


cdef inline void nesterov_rule(real_t* w, real_t* v, real_t g, real_t lr, real_t mu, real_t mu_mu,
                               real_t lead) noexcept nogil:
    # lead = (1 + mu) lr
    v[0] = mu * v[0] - lr * g
    w[0] = w[0] + mu_mu * v[0] - lead * g


cdef inline void adagrad_rule(real_t* w, real_t* h, real_t g, real_t lr, real_t eps) noexcept nogil:
    h[0] = h[0] + g * g
    w[0] = w[0] - lr * g / (root(h[0]) + eps)


cdef inline void rmsprop_rule(real_t* w, real_t* h, real_t g, real_t lr, real_t rho, real_t rest,
                              real_t eps) noexcept nogil:
    # rest = 1 - rho
    h[0] = rho * h[0] + rest * g * g
    w[0] = w[0] - lr * g / (root(h[0]) + eps)


cdef inline void adam_rule(real_t* w, real_t* m, real_t* v, real_t g, real_t lr, real_t c1,
                           real_t c2, real_t eps) noexcept nogil:
    m[0] = m[0] + c1 * (g - m[0])
    v[0] = v[0] + c2 * (g * g - v[0])
    w[0] = w[0] - lr * m[0] / (root(v[0]) + eps)


cdef inline void run(Rule rule, real_t* w, real_t* a, real_t* b, const real_t* g, Py_ssize_t n,
                     const real_t* s) noexcept nogil:
    """Apply a rule to n elements with states a and b; a g of NULL means zeros."""
    cdef Py_ssize_t i
    cdef real_t zero = 0
    if rule == ADAM:
        if real_t is float:
            if FW_ADAM_SIMD:
                fw_adam_run(w, a, b, g, n, s[0], s[1], s[2], s[3])
                return
        if g != NULL:
            for i in range(n):
                adam_rule(&w[i], &a[i], &b[i], g[i], s[0], s[1], s[2], s[3])
        else:
            for i in range(n):
                adam_rule(&w[i], &a[i], &b[i], zero, s[0], s[1], s[2], s[3])
    elif rule == SGD:
        if g != NULL:
            for i in range(n):
                sgd_rule(&w[i], g[i], s[0])
        # Without gradient w - lr * 0 = w, so the row does not change.
    elif rule == MOMENTUM:
        if g != NULL:
            for i in range(n):
                momentum_rule(&w[i], &a[i], g[i], s[0], s[1])
        else:
            for i in range(n):
                momentum_rule(&w[i], &a[i], zero, s[0], s[1])
    elif rule == NESTEROV:
        if g != NULL:
            for i in range(n):
                nesterov_rule(&w[i], &a[i], g[i], s[0], s[1], s[2], s[3])
        else:
            for i in range(n):
                nesterov_rule(&w[i], &a[i], zero, s[0], s[1], s[2], s[3])
    elif rule == ADAGRAD:
        if g != NULL:
            for i in range(n):
                adagrad_rule(&w[i], &a[i], g[i], s[0], s[1])
        # Without gradient h + 0 * 0 = h and w - 0 / positive = w.
    elif rule == RMSPROP:
        if g != NULL:
            for i in range(n):
                rmsprop_rule(&w[i], &a[i], g[i], s[0], s[1], s[2], s[3])
        else:
            for i in range(n):
                rmsprop_rule(&w[i], &a[i], zero, s[0], s[1], s[2], s[3])
