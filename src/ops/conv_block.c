/* A convolution with what stands behind it: bias, activation, max-pooling. The result of the
 * convolution itself, the largest tensor of such a network, is never stored whole.
 *
 * In: an image [n,h,w,c], a filter, a bias [o] or none, the settings of conv2d and max_pool and the
 * name of an activation. Out: the pooled result, and, when somebody asks for it, result 1: the
 * place ky * kw + kx of the winner in each window, as uint8. The bits are those of the ops one by one,
 * with the convolution's kernel that was chosen here.
 *
 * The optimiser makes this op (opt/block.c), scripts cannot call it; its gradients are
 * conv_sparse*. Not for: the kernels that give the convolution's rows (conv_direct.c), nor what is done to them
 * (conv_epilogue.h). Here is the one that takes any kernel of conv2d and finishes its whole result:
 * the fallback, and with the kernel by matrix products the reference of the others. */
#include "ops/conv_block.h"

#include <string.h>

#ifdef OPS_RULES

bool conv_block_shape(struct shape_call *c) {
    static const char *const names[] = {"none", "relu", "tanh", "sigmoid"};
    struct shape_call conv = *c, pool = *c;
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known |= strcmp(c->attr[7].s, names[i]) == 0;
    if (!known || c->n_in < 2 || c->n_in > 3)
        return shape_refuse(c, E_OUT_OF_RANGE, "%s: a known activation, at most one bias",
                            c->spelling);
    conv.n_in = 2;
    if (!conv2d_shape(&conv))
        return false;
    if (c->n_in == 3 && (c->in[2].rank != 1 ||
                         dim_compare(c->symbols, c->in[2].d[0], conv.out.d[3]) == DIM_DIFFER))
        return shape_refuse(c, E_SHAPE, "%s: the bias has an element for each channel",
                            c->spelling);
    pool.in = &conv.out, pool.n_in = 1, pool.attr = c->attr + 4;
    if (!max_pool_shape(&pool))
        return false;
    c->out = pool.out;
    return true;
}

#endif

#ifdef OPS_KERNELS

#include "ops/conv_direct.h"
#include "ops/conv_sparse.h"
#include "ops/conv_winograd.h"
#include "ops/math.h"

#define REAL       float
#define REAL_BYTES 4
#define TAG        f32
#define R(name)    name##_f32
#include "ops/conv_block_loops.h"
#undef REAL
#undef REAL_BYTES
#undef TAG
#undef R
#define REAL       double
#define REAL_BYTES 8
#define TAG        f64
#define R(name)    name##_f64
#include "ops/conv_block_loops.h"

static bool is_wide(const struct kernel_call *c) { return c->out[0].dtype == DTYPE_F64; }

struct conv_epilogue KERNEL(conv_block_epilogue)(const struct kernel_call *c) {
    static const char *const names[] = {[ACTIVATION_NONE] = "none",
                                        [ACTIVATION_RELU] = "relu",
                                        [ACTIVATION_TANH] = "tanh",
                                        [ACTIVATION_SIGMOID] = "sigmoid"};
    struct conv_epilogue e = {
        .pool = KERNEL(conv_sparse_window)(&c->in[0], &c->in[1], &c->out[0], c->attr).pool};
    for (int i = 0; i <= ACTIVATION_SIGMOID; i++)
        if (strcmp(c->attr[7].s, names[i]) == 0)
            e.activation = (enum conv_activation)i;
    return e;
}

/* Any kernel of conv2d into shared memory, and what stands behind it in one more phase, a unit for
 * each pooled row of an image. */
struct composed {
    struct conv_base base; /* its window: the pooling's */
    struct conv_epilogue e;
    const struct kernel *inner;
    const void *inner_geometry;
    struct kernel_arg dense;
    size_t dense_bytes;
    int n_phases; /* of the convolution */
};

static struct kernel_call inner_call(const struct composed *p, const struct kernel_call *c,
                                     struct kernel_arg *out) {
    struct kernel_call inner = *c;
    *out = p->dense;
    out->data = c->shared;
    inner.n_in = 2;
    inner.n_out = 1;
    inner.out = out;
    inner.geometry = p->inner_geometry;
    inner.shared = c->shared ? (char *)c->shared + p->dense_bytes : NULL;
    return inner;
}

static void run_composed(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                         void *scratch) {
    const struct composed *p = c->geometry;
    if (phase == p->n_phases && is_wide(c)) {
        finish_rows_f64(&p->e, c, begin, end, scratch);
    } else if (phase == p->n_phases) {
        finish_rows_f32(&p->e, c, begin, end, scratch);
    } else {
        struct kernel_arg out;
        struct kernel_call inner = inner_call(p, c, &out);
        p->inner->run(&inner, phase, begin, end, scratch);
    }
}

static void prepare_composed(const struct kernel *inner, struct kernel_call *c,
                             struct kernel_work *w, struct arena *a) {
    struct composed *p = arena_new(a, struct composed);
    int64_t bytes = is_wide(c) ? 8 : 4;
    p->e = KERNEL(conv_block_epilogue)(c);
    const struct window *g = &p->e.pool;
    p->base = (struct conv_base){.run = run_composed, .g = *g};
    p->inner = inner;
    p->dense = (struct kernel_arg){
        .dtype = c->out[0].dtype, .rank = 4, .dim = {g->n, g->h, g->w, g->o}};
    p->dense_bytes = round_64((size_t)(arg_count(&p->dense) * bytes));
    struct kernel_arg out;
    struct kernel_call call = inner_call(p, c, &out);
    inner->prepare(&call, w, a);
    p->inner_geometry = call.geometry;
    p->n_phases = w->n_phases++;
    w->units[p->n_phases] = g->n * g->oh;
    w->cost[p->n_phases] = (double)(arg_count(&p->dense) * bytes);
    w->shared_bytes += p->dense_bytes;
    size_t own = (size_t)(conv_band_elements(&p->e, g->kh, g->o) * bytes);
    if (w->scratch_bytes < own)
        w->scratch_bytes = own;
    w->name = arena_printf(a, "%s, then the rest", w->name);
    c->geometry = p;
}

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    if (!KERNEL(conv_winograd_block)(c, w, a) && !KERNEL(conv_direct_block)(c, w, a))
        prepare_composed(&KERNEL(conv2d_kernel), c, w, a);
}

static void prepare_reference(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare_composed(&KERNEL(conv2d_im2col_kernel), c, w, a);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    const struct conv_base *p = c->geometry;
    p->run(c, phase, begin, end, scratch);
}

const struct kernel KERNEL(conv_block_kernel) = {.prepare = prepare, .run = run};
const struct kernel KERNEL(conv_block_reference_kernel) = {.prepare = prepare_reference,
                                                           .run = run};

#endif
