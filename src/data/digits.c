/* load_digits: handwritten-looking digits that the program draws itself, for a machine that
 * cannot have MNIST. In: counts and a seed. Out: the same kind of sets that load_mnist gives,
 * about as hard to learn.
 *
 * A digit is one of the styles of strokes.def. Its control points are shaken, joined by
 * Catmull-Rom curves, then bent by a smooth random displacement field (Simard, Steinkraus, Platt:
 * "Best Practices for Convolutional Neural Networks", ICDAR 2003; applied to the pen's path
 * instead of the pixels) and by a random affine map. As in MNIST the result fills a box of about
 * 20x20 pixels and its centre of mass is the centre of the image. The pen, whose width changes
 * along the way, is drawn by the distance to the path, with soft edges.
 *
 * Image i of a set is a function of (seed, the set's name, i) alone: the same on any number of
 * threads. Labels are balanced: each ten examples, from the first on, hold every digit once, in
 * random order.
 *
 * Not for: fonts, other sizes, other alphabets. */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/intern.h"
#include "base/os.h"
#include "base/rng.h"
#include "data/dataset.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, N_DIGITS = 10, MAX_EXAMPLES = 10000000, MAX_THREADS = 16 };

/* How far a hand strays. Angles in radians, lengths in parts of the digit's height unless said
 * otherwise. */
static const float POINT_SD = 0.028f, FIELD_SD = 0.070f, ROTATION_SD = 0.15f;
static const float SLANT_MEAN = 0.12f, SLANT_SD = 0.25f;
static const float WIDTH_LEAST = 0.45f, WIDTH_MOST = 0.95f; /* of the unit square's width */
static const float SIZE_MEAN = 18.6f, SIZE_SD = 1.0f;       /* pixels, of the path's longer side */
static const float PEN_LEAST = 0.65f, PEN_MOST = 1.75f;     /* pixels, the pen's radius */
static const float PRESSURE_SD = 0.14f;                     /* of the radius */
static const float EDGE_INSIDE = 0.55f, EDGE_OUTSIDE = 0.75f; /* pixels over which ink fades */
static const float INK_LEAST = 0.86f, NOISE_SD = 0.035f;
static const float SHIFT_SD = 0.50f; /* pixels off the centre of mass */

/* In a list of strokes: a mark that is no coordinate begins each stroke. */
enum stroke_kind { STROKE_LINE = 10, STROKE_CURVE, STROKE_LOOP, STROKES_END };

#define LINE(...)  STROKE_LINE, __VA_ARGS__,
#define CURVE(...) STROKE_CURVE, __VA_ARGS__,
#define LOOP(...)  STROKE_LOOP, __VA_ARGS__,
enum { MAX_STYLE_NUMBERS = 64, STEPS_A_SPAN = 5, MAX_PATH = 256, FIELD_GRID = 4 };

struct style {
    int digit, weight;
    float strokes[MAX_STYLE_NUMBERS];
};

static const struct style STYLES[] = {
#define STYLE(digit, weight, ...) {digit, weight, {__VA_ARGS__ STROKES_END}},
#include "data/strokes.def"
#undef STYLE
};
enum { N_STYLES = sizeof STYLES / sizeof *STYLES };

struct point {
    float x, y;
    float pressure; /* the pen's radius here: a factor first, pixels in the end */
};

struct path {
    struct point at[MAX_PATH];
    bool lifted[MAX_PATH]; /* no ink between this point and the one before */
    int n;
};

/* The random numbers of one image, in the order they are asked for. */
struct draws {
    struct rng_key key;
    uint64_t counter;
    struct rng_block block;
    int n_left;
};

static float draw_uniform(struct draws *d, float least, float most) {
    if (d->n_left == 0) {
        d->block = rng_philox(d->key, d->counter++, 0);
        d->n_left = 4;
    }
    return least + (most - least) * rng_uniform_f32(d->block.v[--d->n_left]);
}

/* Box and Muller, one of the pair. */
static float draw_normal(struct draws *d, float sd) {
    float radius = sqrtf(-2 * logf(1 - draw_uniform(d, 0, 1)));
    return sd * radius * cosf(6.2831853f * draw_uniform(d, 0, 1));
}

static const struct style *choose_style(struct draws *d, int digit) {
    int total = 0;
    for (int i = 0; i < N_STYLES; i++)
        total += STYLES[i].digit == digit ? STYLES[i].weight : 0;
    float at = draw_uniform(d, 0, (float)total);
    const struct style *chosen = NULL;
    for (int i = 0; i < N_STYLES && at >= 0; i++) {
        if (STYLES[i].digit != digit)
            continue;
        chosen = &STYLES[i];
        at -= (float)chosen->weight;
    }
    return chosen;
}

static void add_point(struct path *p, struct point at, bool lifted) {
    if (p->n == MAX_PATH)
        return;
    p->at[p->n] = at;
    p->lifted[p->n++] = lifted;
}

/* The value at t in [0, 1] between b and c of the Catmull-Rom spline through a, b, c, d. */
static float catmull_rom(float a, float b, float c, float d, float t) {
    return b + 0.5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

static struct point spline_point(const struct point *a, const struct point *b,
                                 const struct point *c, const struct point *d, float t) {
    return (struct point){catmull_rom(a->x, b->x, c->x, d->x, t),
                          catmull_rom(a->y, b->y, c->y, d->y, t),
                          b->pressure + t * (c->pressure - b->pressure)};
}

/* Adds the stroke through its shaken control points. Lines are cut in steps too: the field bends
 * them. */
static void add_stroke(struct path *p, enum stroke_kind kind, const struct point *c, int n) {
    int n_spans = kind == STROKE_LOOP ? n : n - 1;
    add_point(p, c[0], true);
    for (int i = 0; i < n_spans; i++) {
        const struct point *b = &c[i], *e = &c[(i + 1) % n];
        bool loop = kind == STROKE_LOOP;
        const struct point *before = loop ? &c[(i + n - 1) % n] : i > 0 ? &c[i - 1] : b;
        const struct point *after = loop ? &c[(i + 2) % n] : i + 2 < n ? &c[i + 2] : e;
        for (int k = 1; k <= STEPS_A_SPAN; k++) {
            float t = (float)k / STEPS_A_SPAN;
            struct point straight = {b->x + t * (e->x - b->x), b->y + t * (e->y - b->y),
                                     b->pressure + t * (e->pressure - b->pressure)};
            add_point(p, kind == STROKE_LINE ? straight : spline_point(before, b, e, after, t),
                      false);
        }
    }
}

/* Control points of the style, shaken. */
static void write_style(const struct style *style, struct draws *d, struct path *p) {
    const float *at = style->strokes;
    struct point written[MAX_STYLE_NUMBERS], meant[MAX_STYLE_NUMBERS];
    int n_written = 0;
    p->n = 0;
    while (*at != STROKES_END) {
        enum stroke_kind kind = (enum stroke_kind) * at++;
        int first = n_written;
        for (; *at < STROKE_LINE; at += 2, n_written++) {
            int same = 0;
            while (same < n_written && (meant[same].x != at[0] || meant[same].y != at[1]))
                same++;
            meant[n_written] = (struct point){at[0], at[1], 1};
            written[n_written] = same < n_written ? written[same]
                                                  : (struct point){at[0] + draw_normal(d, POINT_SD),
                                                                   at[1] + draw_normal(d, POINT_SD),
                                                                   1 + draw_normal(d, PRESSURE_SD)};
        }
        add_stroke(p, kind, written + first, n_written - first);
    }
}

/* The four weights of the uniform cubic B-spline at t. */
static void spline_weights(float t, float w[4]) {
    float u = 1 - t;
    w[0] = u * u * u / 6;
    w[1] = (3 * t * t * t - 6 * t * t + 4) / 6;
    w[2] = (3 * u * u * u - 6 * u * u + 4) / 6;
    w[3] = t * t * t / 6;
}

/* Elastic distortion: random displacements on a grid, smoothed by a B-spline, moved each point of
 * the unit square. The spline's average over a normal grid has about half its spread; hence the
 * factor. */
static void bend(struct path *p, struct draws *d) {
    float dx[FIELD_GRID + 2][FIELD_GRID + 2], dy[FIELD_GRID + 2][FIELD_GRID + 2];
    for (int i = 0; i < FIELD_GRID + 2; i++)
        for (int j = 0; j < FIELD_GRID + 2; j++) {
            dx[i][j] = draw_normal(d, 2 * FIELD_SD);
            dy[i][j] = draw_normal(d, 2 * FIELD_SD);
        }
    for (int k = 0; k < p->n; k++) {
        float gx = fminf(fmaxf(p->at[k].x, 0), 0.999f) * (FIELD_GRID - 1);
        float gy = fminf(fmaxf(p->at[k].y, 0), 0.999f) * (FIELD_GRID - 1);
        int cx = (int)gx, cy = (int)gy;
        float wx[4], wy[4];
        spline_weights(gx - (float)cx, wx);
        spline_weights(gy - (float)cy, wy);
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) {
                p->at[k].x += wy[i] * wx[j] * dx[cy + i][cx + j];
                p->at[k].y += wy[i] * wx[j] * dy[cy + i][cx + j];
            }
    }
}

/* Width, slant and rotation, in units of the height. */
static void tilt(struct path *p, struct draws *d) {
    float width = draw_uniform(d, WIDTH_LEAST, WIDTH_MOST);
    float slant = SLANT_MEAN + draw_normal(d, SLANT_SD), angle = draw_normal(d, ROTATION_SD);
    float c = cosf(angle), s = sinf(angle);
    for (int i = 0; i < p->n; i++) {
        float x = (p->at[i].x - 0.5f) * width - slant * (p->at[i].y - 0.5f);
        float y = p->at[i].y - 0.5f;
        p->at[i].x = c * x - s * y;
        p->at[i].y = s * x + c * y;
    }
}

/* Scales to pixels, and puts the ink's centre of mass in the middle of the image. */
static void place(struct path *p, struct draws *d) {
    float left = INFINITY, right = -INFINITY, top = INFINITY, bottom = -INFINITY;
    for (int i = 0; i < p->n; i++) {
        left = fminf(left, p->at[i].x), right = fmaxf(right, p->at[i].x);
        top = fminf(top, p->at[i].y), bottom = fmaxf(bottom, p->at[i].y);
    }
    float radius = draw_uniform(d, PEN_LEAST, PEN_MOST);
    float size = SIZE_MEAN + draw_normal(d, SIZE_SD) - radius;
    float scale = size / fmaxf(fmaxf(right - left, bottom - top), 0.1f);
    float mass = 0, mass_x = 0, mass_y = 0;
    for (int i = 1; i < p->n; i++) {
        const struct point *a = &p->at[i - 1], *b = &p->at[i];
        float ink =
            p->lifted[i] ? 0 : hypotf(b->x - a->x, b->y - a->y) * (a->pressure + b->pressure);
        mass += ink;
        mass_x += ink * 0.5f * (a->x + b->x);
        mass_y += ink * 0.5f * (a->y + b->y);
    }
    float middle_x = mass_x / mass - (0.5f * SIDE + draw_normal(d, SHIFT_SD)) / scale;
    float middle_y = mass_y / mass - (0.5f * SIDE + draw_normal(d, SHIFT_SD)) / scale;
    for (int i = 0; i < p->n; i++) {
        p->at[i].x = (p->at[i].x - middle_x) * scale;
        p->at[i].y = (p->at[i].y - middle_y) * scale;
        p->at[i].pressure = radius * fminf(fmaxf(p->at[i].pressure, 0.6f), 1.5f);
    }
}

/* Lowers depth[y * SIDE + x], the distance of a pixel's centre to the edge of the ink (negative
 * inside), by what the pen leaves between a and b. */
static void draw_segment(float depth[PIXELS], const struct point *a, const struct point *b) {
    float reach = fmaxf(a->pressure, b->pressure) + EDGE_OUTSIDE;
    int x0 = (int)fmaxf(floorf(fminf(a->x, b->x) - reach), 0);
    int y0 = (int)fmaxf(floorf(fminf(a->y, b->y) - reach), 0);
    int x1 = (int)fminf(ceilf(fmaxf(a->x, b->x) + reach), SIDE);
    int y1 = (int)fminf(ceilf(fmaxf(a->y, b->y) + reach), SIDE);
    float dx = b->x - a->x, dy = b->y - a->y, squared = dx * dx + dy * dy + 1e-9f;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            float px = (float)x + 0.5f - a->x, py = (float)y + 0.5f - a->y;
            float t = fminf(fmaxf((px * dx + py * dy) / squared, 0), 1);
            float ex = px - t * dx, ey = py - t * dy;
            float edge = sqrtf(ex * ex + ey * ey) - a->pressure - t * (b->pressure - a->pressure);
            depth[y * SIDE + x] = fminf(depth[y * SIDE + x], edge);
        }
}

/* Draws the path: ink is full inside, fades over the edge, and has a grain. */
static void render(const struct path *p, struct draws *d, uint8_t *pixels) {
    float depth[PIXELS];
    for (int i = 0; i < PIXELS; i++)
        depth[i] = INFINITY;
    for (int i = 1; i < p->n; i++)
        if (!p->lifted[i])
            draw_segment(depth, &p->at[i - 1], &p->at[i]);
    float ink = draw_uniform(d, INK_LEAST, 1.04f);
    for (int i = 0; i < PIXELS; i++) {
        float cover = (EDGE_OUTSIDE - depth[i]) / (EDGE_INSIDE + EDGE_OUTSIDE);
        float value = 0;
        if (cover > 0)
            value = ink * fminf(cover, 1) + draw_normal(d, NOISE_SD);
        pixels[i] = (uint8_t)(255 * fminf(fmaxf(value, 0), 1) + 0.5f);
    }
}

/* The digit of example i: its place in the shuffle of its ten. */
static int choose_digit(uint64_t seed, uint64_t set, int64_t i) {
    struct rng_key key = rng_key_make(seed, set + 1, (uint64_t)(i / N_DIGITS));
    int digits[N_DIGITS];
    for (int k = 0; k < N_DIGITS; k++) {
        int j = (int)rng_below(key, (uint64_t)k, (uint64_t)k + 1);
        if (j != k)
            digits[k] = digits[j];
        digits[j] = k;
    }
    return digits[i % N_DIGITS];
}

static void draw_digit(uint64_t seed, uint64_t set, int64_t i, int digit, uint8_t *pixels) {
    struct draws d = {.key = rng_key_make(seed, set, (uint64_t)i)};
    struct path p;
    write_style(choose_style(&d, digit), &d, &p);
    bend(&p, &d);
    tilt(&p, &d);
    place(&p, &d);
    render(&p, &d, pixels);
}

/* The examples [first, first + n) of a set. */
struct drawing {
    uint64_t seed, set; /* `set` is the hash of its name */
    int64_t first, n;
    uint8_t *images, *labels; /* of the whole set: [.., PIXELS], [..] */
};

static void *draw_range(void *drawing) {
    const struct drawing *w = drawing;
    for (int64_t i = w->first; i < w->first + w->n; i++) {
        w->labels[i] = (uint8_t)choose_digit(w->seed, w->set, i);
        draw_digit(w->seed, w->set, i, w->labels[i], w->images + i * PIXELS);
    }
    return NULL;
}

/* Draws n examples on all processors. */
static void draw_all(uint64_t seed, uint64_t set, int64_t n, uint8_t *images, uint8_t *labels) {
    pthread_t threads[MAX_THREADS];
    struct drawing work[MAX_THREADS];
    bool started[MAX_THREADS] = {false};
    int n_threads = os_n_cpus() < MAX_THREADS ? os_n_cpus() : MAX_THREADS;
    for (int k = 0; k < n_threads; k++) {
        int64_t first = n * k / n_threads, end = n * (k + 1) / n_threads;
        work[k] = (struct drawing){seed, set, first, end - first, images, labels};
        started[k] = k > 0 && pthread_create(&threads[k], NULL, draw_range, &work[k]) == 0;
    }
    for (int k = 0; k < n_threads; k++)
        if (!started[k])
            draw_range(&work[k]);
    for (int k = 0; k < n_threads; k++)
        if (started[k])
            pthread_join(threads[k], NULL);
}

/* NULL: not enough memory. */
static struct dataset *generate(struct load_context *c, const char *name, int64_t n, bool one_hot) {
    int64_t dim[] = {n, PIXELS};
    if (c->dry) {
        struct tensor *phantom = tensor_new_phantom(DTYPE_U8, 2, dim);
        return phantom ? dataset_new_images(c->arena, name, c->seed, phantom, NULL, N_DIGITS,
                                            one_hot)
                       : NULL;
    }
    struct tensor *images = tensor_new(DTYPE_U8, 2, dim), *labels = tensor_new(DTYPE_U8, 1, dim);
    struct dataset *d = NULL;
    if (images && labels) {
        draw_all(c->seed, hash_bytes(name, strlen(name), 0), n, images->data, labels->data);
        d = dataset_new_images(c->arena, name, c->seed, images, labels->data, N_DIGITS, one_hot);
    } else {
        tensor_unref(images);
    }
    tensor_unref(labels);
    return d;
}

static bool check_count(struct load_context *c, const char *name, int64_t n, int64_t least) {
    if (n >= least && n <= MAX_EXAMPLES)
        return true;
    diag_error(c->diags, E_OUT_OF_RANGE, c->at, "%s is %" PRId64 ", expected %" PRId64 " to %d",
               name, n, least, MAX_EXAMPLES);
    return false;
}

bool load_digits(struct load_context *c, int64_t n_train, int64_t n_test, int64_t validation,
                 bool one_hot, struct dataset_group *out) {
    memset(out, 0, sizeof *out);
    if (!check_count(c, "train", n_train, 1) || !check_count(c, "test", n_test, 1) ||
        !check_count(c, "validation", validation, 0))
        return false;
    out->title = "generated digits";
    out->train = generate(c, "digits.train", n_train, one_hot);
    out->validation = generate(c, "digits.validation", validation, one_hot);
    out->test = generate(c, "digits.test", n_test, one_hot);
    if (out->train && out->validation && out->test)
        return true;
    dataset_group_release(out);
    diag_error(c->diags, E_MEMORY, c->at, "not enough memory for %" PRId64 " digits",
               n_train + validation + n_test);
    return false;
}
