/* Communication between threads, and ways to wait. */
#ifndef FASTW2V_THREADS_H
#define FASTW2V_THREADS_H

#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static inline int64_t fw_next(int64_t *counter) {
    return _InterlockedExchangeAdd64((volatile __int64 *)counter, 1);
}
static inline int64_t fw_load(int64_t *counter) {
    return _InterlockedCompareExchange64((volatile __int64 *)counter, 0, 0);
}
static inline void fw_store(int64_t *counter, int64_t value) {
    _InterlockedExchange64((volatile __int64 *)counter, value);
}
static inline void fw_count(uint32_t *counter) { _InterlockedIncrement((volatile long *)counter); }
static inline int32_t fw_load_id(const int32_t *id) { return *(const volatile int32_t *)id; }
static inline int fw_try_lock(int32_t *lock) {
    return _InterlockedExchange((volatile long *)lock, 1) == 0;
}
static inline void fw_unlock(int32_t *lock) { _InterlockedExchange((volatile long *)lock, 0); }
static inline void fw_pause_a_moment(void) {
#if defined(_M_X64)
    _mm_pause();
#elif defined(_M_ARM64)
    __yield();
#endif
}
#else
static inline int64_t fw_next(int64_t *counter) {
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}
static inline int64_t fw_load(int64_t *counter) {
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}
static inline void fw_store(int64_t *counter, int64_t value) {
    __atomic_store_n(counter, value, __ATOMIC_RELEASE);
}
static inline void fw_count(uint32_t *counter) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}
/* One load, so that the value which is checked is the one which is used. */
static inline int32_t fw_load_id(const int32_t *id) { return __atomic_load_n(id, __ATOMIC_RELAXED); }
static inline int fw_try_lock(int32_t *lock) {
    return __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) == 0;
}
static inline void fw_unlock(int32_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }
static inline void fw_pause_a_moment(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
#endif

/* Yield the core: once, or for some microseconds (Windows: at least a millisecond). */
#if defined(_WIN32)
__declspec(dllimport) int __stdcall SwitchToThread(void);
__declspec(dllimport) void __stdcall Sleep(unsigned long milliseconds);
__declspec(dllimport) unsigned long long __stdcall GetTickCount64(void);
static inline void fw_give_way(void) { SwitchToThread(); }
static inline void fw_sleep(int64_t microseconds) {
    Sleep((unsigned long)(microseconds / 1000 + 1));
}
static inline int64_t fw_microseconds(void) { return (int64_t)GetTickCount64() * 1000; }
#else
#include <sched.h>
#include <time.h>
static inline void fw_give_way(void) { sched_yield(); }
static inline void fw_sleep(int64_t microseconds) {
    const struct timespec time = {0, (long)(1000 * microseconds)};    /* less than a second */
    nanosleep(&time, 0);
}
static inline int64_t fw_microseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
#endif
#endif
