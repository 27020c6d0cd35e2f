/* OpenBLAS behind two functions; the only file that knows cblas.h.
 *
 * In: matrices. Out: their product, computed by the calling thread alone. Promises: whatever build
 * of OpenBLAS is installed, it runs on one thread (its own threading changes results with the
 * number of threads, and fights with the executor's workers). The pthread build is told by
 * openblas_set_num_threads and makes no thread pool when OPENBLAS_NUM_THREADS=1 stands in the
 * environment as it loads; the OpenMP build forgets openblas_set_num_threads at its next call (it
 * asks omp_get_max_threads each time), so OMP_NUM_THREADS=1 has to stand there too. */
#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/blas.h"

/* The library is one a process, so what is known of it is too: written once, under `once`. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
    struct blas_info info;
    char why[256];
    __typeof__(cblas_sgemm) *sgemm;
    __typeof__(cblas_dgemm) *dgemm;
} blas;

static bool refuse(const char *what, const char *detail) {
    snprintf(blas.why, sizeof blas.why, "%s: %s", what, detail ? detail : "unknown reason");
    blas.info.why = blas.why;
    return false;
}

static bool find_functions(void *library) {
    *(void **)&blas.sgemm = dlsym(library, "cblas_sgemm");
    *(void **)&blas.dgemm = dlsym(library, "cblas_dgemm");
    __typeof__(openblas_set_num_threads) *set_threads;
    __typeof__(openblas_get_num_threads) *get_threads;
    __typeof__(openblas_get_parallel) *parallel;
    __typeof__(openblas_get_config) *config;
    __typeof__(openblas_get_corename) *core;
    *(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
    *(void **)&get_threads = dlsym(library, "openblas_get_num_threads");
    *(void **)&parallel = dlsym(library, "openblas_get_parallel");
    *(void **)&config = dlsym(library, "openblas_get_config");
    *(void **)&core = dlsym(library, "openblas_get_corename");
    if (!blas.sgemm || !blas.dgemm || !set_threads || !get_threads || !parallel || !config || !core)
        return refuse("libopenblas.so.0 lacks a function", dlerror());
    static const char *const threading[] = {"serial", "pthread", "OpenMP"};
    int build = parallel();
    blas.info.threading = build >= 0 && build <= 2 ? threading[build] : "unknown";
    blas.info.config = config();
    blas.info.core = core();
    if (build == 0)
        return refuse("OpenBLAS", "the serial build need not be safe to call from several threads");
    set_threads(1);
    if (get_threads() != 1)
        return refuse("OpenBLAS", "it cannot be held to one thread");
    return true;
}

/* Gives what stood there, to be put back by restore_environment. */
static char *set_environment(const char *name) {
    const char *before = getenv(name);
    char *copy = before ? strdup(before) : NULL;
    setenv(name, "1", 1);
    return copy;
}

static void restore_environment(const char *name, char *before) {
    if (before)
        setenv(name, before, 1);
    else
        unsetenv(name);
    free(before);
}

static void load(void) {
    char *own = set_environment("OPENBLAS_NUM_THREADS"), *omp = set_environment("OMP_NUM_THREADS");
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library)
        blas.info.loaded = find_functions(library);
    else
        refuse("OpenBLAS cannot be loaded", dlerror());
    restore_environment("OPENBLAS_NUM_THREADS", own);
    restore_environment("OMP_NUM_THREADS", omp);
}

const struct blas_info *blas_start(void) {
    pthread_once(&once, load);
    return &blas.info;
}

void blas_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a,
                int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
    blas.sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
               transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1, a,
               (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

void blas_dgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c,
                int64_t ldc) {
    blas.dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
               transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1, a,
               (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}
