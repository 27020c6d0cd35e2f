/* Kernels that should run at the speed of memory, and the vectorised functions: one thread, one
 * instruction set.
 *
 *   movement   reductions, transposes, draws: GB/s of inputs and results, and the ratio of that to
 *              copying as many bytes with memcpy in the same rounds, small (within the second-level
 *              cache) and large tensors
 *   functions  exp, log, .. over 4096 floats that stay in the first-level cache: ns an element
 *
 * Medians of interleaved rounds. From the project's root, after `make`:
 *
 *     gcc -O3 -march=x86-64-v3 -fno-math-errno -std=gnu11 -Isrc -o build/bench_memory \
 *         tests/bench/memory.c $(find build/ops build/base build/tensor build/ir -name '*.o') \
 *         -lopenblas -lm
 *     build/bench_memory [portable | avx2 | avx512] [WORD]
 *
 * WORD: only rows whose name has it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "ir/kernel.h"

enum { ROUNDS = 15, N_FLOATS = 4096 };
/* A round calls a kernel as often as takes about this long. */
static const double ROUND_S = 2e-3;

struct job {
    const struct kernel *kernel;
    struct kernel_call call;
    struct kernel_work work;
    struct kernel_arg in[2], out[1];
    struct attr attr[MAX_SETTINGS];
    struct ew_program program;
    struct kernel_fault fault;
    void *scratch, *to, *from;
    double bytes;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double arg_bytes(const struct kernel_arg *a) {
    double n = (double)dtype_bytes(a->dtype);
    for (int i = 0; i < a->rank; i++)
        n *= (double)a->dim[i];
    return n;
}

static void *aligned(double bytes) { return aligned_alloc(64, ((size_t)bytes + 127) / 64 * 64); }

static struct kernel_arg argument(enum dtype t, int rank, const int64_t *dim) {
    struct kernel_arg a = {.dtype = t, .rank = rank};
    for (int i = 0; i < rank; i++)
        a.dim[i] = dim[i];
    a.data = aligned(arg_bytes(&a));
    if (t == DTYPE_F32)
        for (int64_t i = 0; i < (int64_t)(arg_bytes(&a) / 4); i++)
            ((float *)a.data)[i] = (float)(i * 2654435761 % 1000) / 500 - 1;
    else
        memset(a.data, 1, (size_t)arg_bytes(&a));
    return a;
}

static void prepare(struct job *j, struct arena *arena) {
    j->call.in = j->in, j->call.out = j->out, j->call.attr = j->attr, j->call.fault = &j->fault;
    j->call.n_out = 1;
    j->kernel->prepare(&j->call, &j->work, arena);
    j->call.shared = aligned((double)j->work.shared_bytes);
    j->scratch = aligned((double)j->work.scratch_bytes);
    for (int i = 0; i < j->call.n_in; i++)
        j->bytes += arg_bytes(&j->in[i]);
    j->bytes += arg_bytes(&j->out[0]);
    j->to = aligned(j->bytes / 2), j->from = aligned(j->bytes / 2);
    memset(j->to, 1, (size_t)(j->bytes / 2)), memset(j->from, 1, (size_t)(j->bytes / 2));
}

static void run_kernel(struct job *j) {
    for (int p = 0; p < j->work.n_phases; p++)
        j->kernel->run(&j->call, p, 0, j->work.units[p], j->scratch);
}

static void run_copy(struct job *j) {
    memcpy(j->to, j->from, (size_t)(j->bytes / 2));
    __asm__ volatile("" : : "r"(j->to) : "memory");
}

static double time_round(struct job *j, void (*run)(struct job *), int64_t times) {
    double start = now_s();
    for (int64_t i = 0; i < times; i++)
        run(j);
    return (now_s() - start) / (double)times;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x) {
    qsort(x, ROUNDS, sizeof *x, compare);
    return x[ROUNDS / 2];
}

static void measure(struct job *j, double *kernel_s, double *copy_s) {
    double kernel[ROUNDS], copy[ROUNDS];
    run_kernel(j), run_copy(j);
    int64_t n_kernel = (int64_t)(ROUND_S / time_round(j, run_kernel, 3)) + 1;
    int64_t n_copy = (int64_t)(ROUND_S / time_round(j, run_copy, 3)) + 1;
    for (int i = 0; i < ROUNDS; i++) {
        kernel[i] = time_round(j, run_kernel, n_kernel);
        copy[i] = time_round(j, run_copy, n_copy);
    }
    *kernel_s = median(kernel);
    *copy_s = median(copy);
}

static void end(struct job *j) {
    for (int i = 0; i < j->call.n_in; i++)
        free(j->in[i].data);
    free(j->out[0].data), free(j->call.shared), free(j->scratch), free(j->to), free(j->from);
}

static const char *word;

static void report(const char *name, struct job *j) {
    struct arena arena = {0};
    double kernel_s, copy_s;
    prepare(j, &arena);
    measure(j, &kernel_s, &copy_s);
    printf("%-44s %8.2f us %7.2f GB/s %6.2f of memcpy  %s\n", name, kernel_s * 1e6,
           j->bytes / kernel_s * 1e-9, copy_s / kernel_s, j->work.name);
    end(j);
    arena_free(&arena);
}

struct shape_of {
    int rank;
    int64_t dim[4];
};

static const char *shape_text(const struct shape_of *s, char *text) {
    int n = 0;
    for (int i = 0; i < s->rank; i++)
        n += sprintf(text + n, i ? "x%lld" : "%lld", (long long)s->dim[i]);
    return text;
}

static bool is_wanted(const char *name) { return !word || strstr(name, word); }

/* Over the axes that are bits of `axes`. */
static void reduce(enum isa isa, enum op_id op, const char *name, struct shape_of s, int axes) {
    char text[100], shape[60];
    struct job j = {.kernel = kernel_find(isa, op)};
    struct shape_of out = {0};
    int n = sprintf(text, "%s %s over", name, shape_text(&s, shape));
    j.attr[0].kind = ATTR_AXES;
    for (int i = 0; i < s.rank; i++)
        if (axes >> i & 1) {
            j.attr[0].ints.v[j.attr[0].ints.n++] = i;
            n += sprintf(text + n, " %d", i);
        } else {
            out.dim[out.rank++] = s.dim[i];
        }
    if (!is_wanted(text))
        return;
    bool chooses = op == OP_argmax || op == OP_argmin;
    if (chooses)
        j.attr[0].i = __builtin_ctz((unsigned)axes);
    j.call.n_in = 1;
    j.in[0] = argument(DTYPE_F32, s.rank, s.dim);
    j.out[0] = argument(chooses ? DTYPE_I32 : DTYPE_F32, out.rank, out.dim);
    report(text, &j);
}

static void transpose(enum isa isa, enum dtype t, struct shape_of s, const int *order) {
    char text[100], shape[60];
    struct job j = {.kernel = kernel_find(isa, OP_transpose)};
    struct shape_of out = {.rank = s.rank};
    int n = sprintf(text, "transpose %s %s to", dtype_name(t), shape_text(&s, shape));
    j.attr[0].ints.n = s.rank;
    for (int i = 0; i < s.rank; i++) {
        j.attr[0].ints.v[i] = order[i];
        out.dim[i] = s.dim[order[i]];
        n += sprintf(text + n, " %d", order[i]);
    }
    if (!is_wanted(text))
        return;
    j.call.n_in = 1;
    j.in[0] = argument(t, s.rank, s.dim);
    j.out[0] = argument(t, out.rank, out.dim);
    report(text, &j);
}

static void draw(enum isa isa, enum op_id op, const char *name, int64_t n, enum dtype t) {
    char text[100];
    struct job j = {.kernel = kernel_find(isa, op)};
    sprintf(text, "%s %s %lld", name, dtype_name(t), (long long)n);
    if (!is_wanted(text))
        return;
    j.attr[1].f = 0, j.attr[2].f = 1;
    if (op == OP_random_int)
        j.attr[1].i = 0, j.attr[2].i = 10;
    if (op == OP_dropout) {
        j.call.n_in = 2;
        j.in[0] = argument(t, 1, &n);
        j.in[1] = argument(t, 0, NULL);
        if (t == DTYPE_F32)
            *(float *)j.in[1].data = 0.5f;
        else
            *(double *)j.in[1].data = 0.5;
    }
    j.out[0] = argument(t, 1, &n);
    report(text, &j);
}

static void function(enum isa isa, enum op_id op, const char *name) {
    struct arena arena = {0};
    double kernel_s, copy_s;
    int64_t n = N_FLOATS;
    struct job j = {.kernel = kernel_elementwise(isa)};
    if (!is_wanted(name))
        return;
    j.program = (struct ew_program){
        .n_in = 2, .n_instructions = 1, .n_out = 1, .out = {2}, .rank = 1, .dim = {n}};
    j.program.at[0] = (struct ew_instruction){
        op, DTYPE_F32, DTYPE_F32, {0, op == OP_pow || op == OP_mul ? 1 : -1, -1}};
    j.call.program = &j.program;
    j.call.n_in = 2;
    j.in[0] = argument(DTYPE_F32, 1, &n), j.in[1] = argument(DTYPE_F32, 1, &n);
    for (int i = 0; i < n; i++)
        ((float *)j.in[0].data)[i] = (float)(i + 1) / 512;
    j.out[0] = argument(DTYPE_F32, 1, &n);
    prepare(&j, &arena);
    measure(&j, &kernel_s, &copy_s);
    printf("%-20s %8.3f ns\n", name, kernel_s / N_FLOATS * 1e9);
    end(&j);
    arena_free(&arena);
}

static void reductions(enum isa isa) {
    static const struct {
        enum op_id op;
        const char *name;
    } ops[] = {{OP_sum, "sum"}, {OP_mean, "mean"}, {OP_max, "max"}, {OP_argmax, "argmax"}};
    static const struct {
        struct shape_of s;
        int axes;
    } of[] = {
        {{2, {256, 512}}, 1},        {{2, {256, 512}}, 2},        {{3, {32, 64, 64}}, 2},
        {{2, {8192, 10}}, 1},        {{2, {8192, 10}}, 2},        {{2, {4096, 4096}}, 1},
        {{2, {4096, 4096}}, 2},      {{3, {64, 512, 512}}, 2},    {{1, {16 << 20}}, 1},
        {{2, {1 << 20, 10}}, 2},     {{4, {50, 28, 28, 32}}, 7},  {{4, {50, 32, 28, 28}}, 13},
        {{3, {512, 512, 3}}, 2},
    };
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
            if (ops[i].op != OP_argmax || !(of[k].axes & (of[k].axes - 1)))
                reduce(isa, ops[i].op, ops[i].name, of[k].s, of[k].axes);
}

static void transposes(enum isa isa) {
    static const struct {
        struct shape_of s;
        int order[4];
    } of[] = {
        {{2, {128, 256}}, {1, 0}},          {{2, {4096, 4096}}, {1, 0}},
        {{2, {1000, 3000}}, {1, 0}},        {{2, {8192, 10}}, {1, 0}},
        {{4, {8, 28, 28, 16}}, {0, 3, 1, 2}},  {{4, {8, 16, 28, 28}}, {0, 2, 3, 1}},
        {{4, {50, 28, 28, 32}}, {0, 3, 1, 2}}, {{4, {50, 32, 28, 28}}, {0, 2, 3, 1}},
        {{4, {50, 224, 224, 3}}, {0, 3, 1, 2}}, {{4, {50, 3, 224, 224}}, {0, 2, 3, 1}},
        {{4, {16, 64, 8, 64}}, {0, 2, 1, 3}},
    };
    for (size_t k = 0; k < sizeof of / sizeof *of; k++)
        transpose(isa, DTYPE_F32, of[k].s, of[k].order);
    transpose(isa, DTYPE_F64, of[1].s, of[1].order);
    transpose(isa, DTYPE_U8, of[1].s, of[1].order);
    transpose(isa, DTYPE_U8, of[8].s, of[8].order);
}

static void draws(enum isa isa) {
    static const int64_t sizes[] = {51200, 8 << 20};
    for (int i = 0; i < 2; i++) {
        draw(isa, OP_dropout, "dropout", sizes[i], DTYPE_F32);
        draw(isa, OP_dropout, "dropout", sizes[i], DTYPE_F64);
        draw(isa, OP_random_uniform, "random_uniform", sizes[i], DTYPE_F32);
        draw(isa, OP_random_uniform, "random_uniform", sizes[i], DTYPE_F64);
        draw(isa, OP_random_normal, "random_normal", sizes[i], DTYPE_F32);
        draw(isa, OP_truncated_normal, "truncated_normal", sizes[i], DTYPE_F32);
        draw(isa, OP_random_int, "random_int", sizes[i], DTYPE_I32);
    }
}

static void functions(enum isa isa) {
    static const struct {
        enum op_id op;
        const char *name;
    } ops[] = {{OP_mul, "mul"},         {OP_exp, "exp"},         {OP_expm1, "expm1"},
               {OP_log, "log"},         {OP_log1p, "log1p"},     {OP_sin, "sin"},
               {OP_cos, "cos"},         {OP_erf, "erf"},         {OP_tanh, "tanh"},
               {OP_sigmoid, "sigmoid"}, {OP_softplus, "softplus"}, {OP_pow, "pow"},
               {OP_sqrt, "sqrt"}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        function(isa, ops[i].op, ops[i].name);
}

int main(int argc, char **argv) {
    enum isa isa = kernel_best_isa();
    for (int i = 1; i < argc; i++) {
        bool is_isa = false;
        for (int k = 0; k < N_ISAS; k++)
            if (!strcmp(argv[i], kernel_isa_name((enum isa)k)))
                isa = (enum isa)k, is_isa = true;
        if (!is_isa)
            word = argv[i];
    }
    printf("%s\n", kernel_isa_name(isa));
    reductions(isa);
    transposes(isa);
    draws(isa);
    functions(isa);
    return 0;
}
