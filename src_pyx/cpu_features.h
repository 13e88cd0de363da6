/* The level that this CPU and operating system can run, from cpuid and xgetbv.
   x86-64-v3 and v4 as the x86-64 psABI lists them, less the features no kernel uses. */
#ifndef FASTW2V_CPU_FEATURES_H
#define FASTW2V_CPU_FEATURES_H

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#include <immintrin.h>
static void cpu_id(unsigned leaf, unsigned r[4]) { __cpuidex((int *)r, (int)leaf, 0); }
static unsigned long long cpu_xcr0(void) { return _xgetbv(0); }
#else
#include <cpuid.h>
static void cpu_id(unsigned leaf, unsigned r[4]) {
    __cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]);
}
static unsigned long long cpu_xcr0(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((unsigned long long)high << 32) | low;
}
#endif

#define CPU_HAS(word, bit) (((word) >> (bit)) & 1u)

/* 0 = baseline, 3 = v3 (AVX2, FMA), 4 = v4 (AVX-512 F, BW, CD, DQ, VL). */
static int cpu_level(void) {
    unsigned top[4], one[4], seven[4], ext_top[4], ext[4] = {0, 0, 0, 0};
    unsigned long long saved;
    cpu_id(0, top);
    if (top[0] < 7) return 0;
    cpu_id(1, one);
    cpu_id(7, seven);
    cpu_id(0x80000000u, ext_top);
    if (ext_top[0] >= 0x80000001u) cpu_id(0x80000001u, ext);
    if (!CPU_HAS(one[2], 27)) return 0;                      /* OSXSAVE */
    saved = cpu_xcr0();
    if ((saved & 0x6) != 0x6) return 0;                      /* xmm and ymm are saved */
    if (!(CPU_HAS(one[2], 12) && CPU_HAS(one[2], 22) && CPU_HAS(one[2], 28) &&
          CPU_HAS(one[2], 29) &&                             /* FMA, MOVBE, AVX, F16C */
          CPU_HAS(seven[1], 3) && CPU_HAS(seven[1], 5) && CPU_HAS(seven[1], 8) &&
          CPU_HAS(ext[2], 5)))                               /* BMI, AVX2, BMI2, LZCNT */
        return 0;
    if ((saved & 0xe6) != 0xe6) return 3;                    /* zmm and mask registers too */
    if (CPU_HAS(seven[1], 16) && CPU_HAS(seven[1], 17) && CPU_HAS(seven[1], 28) &&
        CPU_HAS(seven[1], 30) && CPU_HAS(seven[1], 31))      /* F, DQ, CD, BW, VL */
        return 4;
    return 3;
}
#else
static int cpu_level(void) { return 0; }
#endif

#if defined(__clang__)
#define CPU_COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define CPU_COMPILER "gcc " __VERSION__
#elif defined(_MSC_VER)
#define CPU_STRING_(x) #x
#define CPU_STRING(x) CPU_STRING_(x)
#define CPU_COMPILER "msvc " CPU_STRING(_MSC_FULL_VER)
#else
#define CPU_COMPILER "unknown"
#endif

#ifdef _OPENMP
#define CPU_OPENMP _OPENMP
#else
#define CPU_OPENMP 0
#endif

#ifdef FASTW2V_PORTABLE
#define CPU_PORTABLE 1
#else
#define CPU_PORTABLE 0
#endif

#endif
