/* The functions of the register tile: gemm_tile_rows.h is the algorithm, once for float and once for
   double. Only the module of _gemm includes this. */
#ifndef FASTW2V_GEMM_TILE_CODE_H
#define FASTW2V_GEMM_TILE_CODE_H

#include <math.h>

#include "gemm_tile.h"

#if (defined(__GNUC__) || defined(__clang__)) && !defined(FASTW2V_PORTABLE)
/* Not inlined: each call site would get a copy. Not all of them are used for double. */
#define FW_FUNCTION static __attribute__((noinline, unused))
#else
#define FW_FUNCTION static
#endif

/* Hides from the compiler where p points, so that it computes again what depends on it: addresses
   kept from before a loop until after it would take registers that the loop needs. */
#if defined(__GNUC__) && !defined(FASTW2V_PORTABLE)
#define FW_FORGET(p) __asm__("" : "+r"(p))
#else
#define FW_FORGET(p) (void)(p)
#endif

/* The same for one number. */
#if FW_FMA
#define FW_ONE_FLOAT_MADD(a, b, c) fmaf(a, b, c)
#define FW_ONE_DOUBLE_MADD(a, b, c) fma(a, b, c)
#else
#define FW_ONE_FLOAT_MADD(a, b, c) ((a) * (b) + (c))
#define FW_ONE_DOUBLE_MADD(a, b, c) ((a) * (b) + (c))
#endif

/* One line for each row of a tile. */
#define FW_EACH_1(S) S(0)
#define FW_EACH_2(S) FW_EACH_1(S) S(1)
#define FW_EACH_3(S) FW_EACH_2(S) S(2)
#define FW_EACH_4(S) FW_EACH_3(S) S(3)
#define FW_EACH_5(S) FW_EACH_4(S) S(4)
#define FW_EACH_6(S) FW_EACH_5(S) S(5)
#define FW_EACH_7(S) FW_EACH_6(S) S(6)
#define FW_EACH_8(S) FW_EACH_7(S) S(7)
#define FW_EACH_9(S) FW_EACH_8(S) S(8)
#define FW_EACH_10(S) FW_EACH_9(S) S(9)
#define FW_JOIN_(a, b) a##b
#define FW_JOIN(a, b) FW_JOIN_(a, b)

#define T float
#define VECTOR fw_float_vector
#define LANES FW_FLOAT_LANES
#define ZERO FW_FLOAT_ZERO
#define LOAD FW_FLOAT_LOAD
#define STORE FW_FLOAT_STORE
#define ALL FW_FLOAT_ALL
#define ADD FW_FLOAT_ADD
#define MADD FW_FLOAT_MADD
#define ONE_MADD FW_ONE_FLOAT_MADD
#define GATHER FW_FLOAT_GATHER
#define TURN FW_FLOAT_TURN
#define NAME(x) FW_JOIN(x, _float)
#include "gemm_tile_rows.h"

#define T double
#define VECTOR fw_double_vector
#define LANES FW_DOUBLE_LANES
#define ZERO FW_DOUBLE_ZERO
#define LOAD FW_DOUBLE_LOAD
#define STORE FW_DOUBLE_STORE
#define ALL FW_DOUBLE_ALL
#define ADD FW_DOUBLE_ADD
#define MADD FW_DOUBLE_MADD
#define ONE_MADD FW_ONE_DOUBLE_MADD
#define GATHER FW_DOUBLE_GATHER
#define TURN FW_DOUBLE_TURN
#define NAME(x) FW_JOIN(x, _double)
#include "gemm_tile_rows.h"

static const fw_tiles fw_tiles_here = {&fw_tiles_here_float, &fw_tiles_here_double};

#endif
