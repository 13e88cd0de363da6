/* The threads behind prange on Linux with GCC: a pool whose callers never wait for a sleeping helper.

   GNU OpenMP hands each thread its share in advance and waits at the end until all have come. With
   a neighbour on one of the cores, or a BLAS that spins there, each parallel loop then lasts until
   the scheduler gets round to the helper: milliseconds, where the work takes microseconds. Here
   any thread that is awake takes the next share; the caller takes those that no helper has taken,
   and waits only for shares that helpers are computing.
   Helpers are hired when a job has shares for them, and dismissed when fw_pool_keep says so.
   A forked child starts with an empty pool and makes threads of its own when it needs them.

   The compiler turns `#pragma omp parallel` into GOMP_parallel(function, data, n), where the
   function asks omp_get_thread_num() for its share. common_parallel.pxd answers these calls in each
   kernel module and brings them here, so that the kernels stay plain prange loops. */
#ifndef FASTW2V_POOL_H
#define FASTW2V_POOL_H

/* Run share(context, i) for i in [0, n), in any order and on any threads, and return. */
typedef void (*fw_pool_t)(void (*share)(void *, unsigned), void *context, unsigned n);

/* static void fw_pool_keep(unsigned n), where the pool is: jobs have no more than n shares from now
   on, so helpers beyond n - 1 are dismissed; a job that has more after all hires them again. The
   system may be asked for threads again if it has refused one. */

#if defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && defined(_OPENMP) && \
    !defined(FASTW2V_PORTABLE)
#define FW_OWN_POOL 1
#else
#define FW_OWN_POOL 0
#endif

#ifdef FW_POOL_IMPLEMENTATION
#if FW_OWN_POOL

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define FW_MOST_HELPERS 255
/* Jobs that run with the existing threads after the system has refused one. */
#define FW_JOBS_UNTIL_NEXT_TRY 4096
/* A helper that had a share of the last job looks out for the next one this long before it sleeps:
   waking up can take a tenth of a millisecond. One that came too late sleeps at once; then the
   core is wanted elsewhere, or the jobs are too short. A caller waits as a sleep and a wake-up cost. */
#define FW_LOOK_OUT_NS 200000
#define FW_WAIT_NS 20000

static struct {
    pthread_mutex_t busy;       /* held by the caller whose job this is */
    pthread_mutex_t lock;       /* guards the fields below */
    pthread_cond_t posted, finished;
    unsigned generation;        /* number of the job; also read without the lock, while spinning */
    unsigned next, n;           /* shares [next, n) are not taken yet */
    unsigned active;            /* shares that helpers are computing */
    unsigned helpers, sleeping;
    unsigned wanted;            /* helpers beyond this number are dismissed */
    unsigned refused;           /* jobs left before the pool asks the system for a thread again */
    void (*share)(void *, unsigned);
    void *context;
} fw_pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
             PTHREAD_COND_INITIALIZER, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

static long long fw_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fw_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Spin until *word differs from (or, with equal, is the same as) value, or the time is over. */
static void fw_spin(const unsigned *word, unsigned value, int equal, long long ns) {
    long long start = fw_now();
    int i;
    do {
        for (i = 0; i < 64; i++) {
            if ((__atomic_load_n(word, __ATOMIC_ACQUIRE) == value) == equal) return;
            fw_pause();
        }
    } while (fw_now() - start < ns);
}

static void *fw_help(void *unused) {
    unsigned seen = 0, i, shares = 0;
    (void)unused;
    for (;;) {
        if (shares) fw_spin(&fw_pool.generation, seen, 0, FW_LOOK_OUT_NS);
        pthread_mutex_lock(&fw_pool.lock);
        while (fw_pool.generation == seen && fw_pool.helpers <= fw_pool.wanted) {
            fw_pool.sleeping++;
            pthread_cond_wait(&fw_pool.posted, &fw_pool.lock);
            fw_pool.sleeping--;
        }
        if (fw_pool.helpers > fw_pool.wanted) {
            fw_pool.helpers--;
            pthread_mutex_unlock(&fw_pool.lock);
            return 0;
        }
        seen = fw_pool.generation;
        shares = 0;
        while (fw_pool.next < fw_pool.n) {
            i = fw_pool.next++;
            fw_pool.active++;
            shares++;
            pthread_mutex_unlock(&fw_pool.lock);
            fw_pool.share(fw_pool.context, i);
            pthread_mutex_lock(&fw_pool.lock);
            __atomic_store_n(&fw_pool.active, fw_pool.active - 1, __ATOMIC_RELEASE);
            if (fw_pool.active == 0) pthread_cond_signal(&fw_pool.finished);
        }
        pthread_mutex_unlock(&fw_pool.lock);
    }
    return 0;
}

/* With the lock held: hire the helpers that n shares can use, or fewer if the system refuses. */
static void fw_hire(unsigned n) {
    sigset_t all, before;
    pthread_attr_t detached;
    pthread_t thread;
    if (n > FW_MOST_HELPERS + 1) n = FW_MOST_HELPERS + 1;
    if (fw_pool.wanted + 1 < n) fw_pool.wanted = n - 1;
    if (fw_pool.helpers + 1 >= n) return;
    if (fw_pool.refused) {
        fw_pool.refused--;
        return;
    }
    sigfillset(&all);           /* the program's own threads handle signals */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (fw_pool.helpers + 1 < n) {
        if (pthread_create(&thread, &detached, fw_help, 0)) {
            fw_pool.refused = FW_JOBS_UNTIL_NEXT_TRY;
            break;
        }
        fw_pool.helpers++;
    }
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, 0);
}

/* With the lock held: wake the helpers that n shares can use and that do not spin already. */
static void fw_wake(unsigned n) {
    unsigned k;
    if (fw_pool.helpers < n)
        pthread_cond_broadcast(&fw_pool.posted);
    else
        for (k = 1 + fw_pool.helpers - fw_pool.sleeping; k < n; k++)
            pthread_cond_signal(&fw_pool.posted);
}

static void fw_pool_run(void (*share)(void *, unsigned), void *context, unsigned n) {
    unsigned i;
    if (pthread_mutex_trylock(&fw_pool.busy)) {     /* another caller's job has the helpers */
        for (i = 0; i < n; i++) share(context, i);
        return;
    }
    pthread_mutex_lock(&fw_pool.lock);
    fw_hire(n);
    fw_pool.share = share;
    fw_pool.context = context;
    fw_pool.next = 0;
    fw_pool.n = n;
    __atomic_store_n(&fw_pool.generation, fw_pool.generation + 1, __ATOMIC_RELEASE);
    if (fw_pool.sleeping) fw_wake(n);
    while (fw_pool.next < n) {
        i = fw_pool.next++;
        pthread_mutex_unlock(&fw_pool.lock);
        share(context, i);
        pthread_mutex_lock(&fw_pool.lock);
    }
    if (fw_pool.active) {
        pthread_mutex_unlock(&fw_pool.lock);
        fw_spin(&fw_pool.active, 0, 1, FW_WAIT_NS);
        pthread_mutex_lock(&fw_pool.lock);
        while (fw_pool.active) pthread_cond_wait(&fw_pool.finished, &fw_pool.lock);
    }
    pthread_mutex_unlock(&fw_pool.lock);
    pthread_mutex_unlock(&fw_pool.busy);
}

static void fw_pool_keep(unsigned n) {
    pthread_mutex_lock(&fw_pool.lock);
    fw_pool.wanted = n ? n - 1 : 0;
    fw_pool.refused = 0;
    if (fw_pool.helpers > fw_pool.wanted) pthread_cond_broadcast(&fw_pool.posted);
    pthread_mutex_unlock(&fw_pool.lock);
}

static void fw_pool_after_fork(void) {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    fw_pool.busy = fw_pool.lock = mutex;
    fw_pool.posted = fw_pool.finished = cond;
    fw_pool.generation = fw_pool.next = fw_pool.n = 0;
    fw_pool.active = fw_pool.helpers = fw_pool.sleeping = 0;
    fw_pool.wanted = fw_pool.refused = 0;
}

static fw_pool_t fw_pool_open(void) {
    pthread_atfork(0, 0, fw_pool_after_fork);
    return fw_pool_run;
}

#else

static fw_pool_t fw_pool_open(void) { return 0; }
static void fw_pool_keep(unsigned n) { (void)n; }

#endif
#elif FW_OWN_POOL

/* Functions that a kernel module's parallel loops call, hidden from other libraries' OpenMP. */
static fw_pool_t fw_pool_of_module = 0;
static __thread unsigned fw_share_number = 0, fw_n_shares = 1;

struct fw_loop {
    void (*function)(void *);
    void *data;
    unsigned n;
};

static void fw_share(void *context, unsigned i) {
    struct fw_loop *loop = (struct fw_loop *)context;
    fw_share_number = i;
    fw_n_shares = loop->n;
    loop->function(loop->data);
    fw_share_number = 0;
    fw_n_shares = 1;
}

__attribute__((visibility("hidden"))) void GOMP_parallel(void (*function)(void *), void *data,
                                                         unsigned n, unsigned flags) {
    struct fw_loop loop = {function, data, n ? n : 1};
    unsigned i;
    (void)flags;
    if (loop.n > 1 && fw_pool_of_module)
        fw_pool_of_module(fw_share, &loop, loop.n);
    else
        for (i = 0; i < loop.n; i++) fw_share(&loop, i);
}

/* GCC calls it before each loop, for an initial value of the loop variable that is not read. */
__attribute__((visibility("hidden"))) void GOMP_barrier(void) {}
__attribute__((visibility("hidden"))) int omp_get_thread_num(void) { return (int)fw_share_number; }
__attribute__((visibility("hidden"))) int omp_get_num_threads(void) { return (int)fw_n_shares; }
__attribute__((visibility("hidden"))) int omp_get_max_threads(void) { return 1; }

#endif
#endif
