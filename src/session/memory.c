/* What a script will take (memory.h). In: the demands of a dry session, and its variables. Out: a
 * line. A plan's slab is counted, and of an evaluation that runs in chunks what a chunk may take;
 * demands of one kind share that memory, so the largest counts. */
#include "session/memory.h"

#include "session/chunks.h"
#include "session/demand.h"

void memory_note(struct session *dry, const struct request *r) {
    struct compiled *c = demand_compile(dry, r, false);
    if (!c)
        return;
    size_t bytes = c->split ? c->split->budget_bytes : c->plan->slab_bytes;
    struct memory_demand *largest =
        r->kind == REQUEST_TRAIN ? &dry->memory->training : &dry->memory->evaluation;
    if (bytes > largest->bytes && r->origin)
        *largest = (struct memory_demand){bytes, r->origin->span};
    compiled_free(c);
}

static void print_bytes(FILE *out, const char *what, size_t bytes) {
    double mib = (double)bytes / (1 << 20);
    fprintf(out, "%s %.*f MiB", what, mib < 10 ? 2 : 1, mib);
}

static void print_demand(FILE *out, const struct sources *sources, const char *what,
                         const struct memory_demand *d) {
    if (!d->bytes)
        return;
    struct place at = source_place(sources, d->at);
    print_bytes(out, what, d->bytes);
    fprintf(out, " (%s:%u)", at.path, at.line);
}

void memory_print(struct session *dry, const struct sources *sources, FILE *out) {
    size_t parameters = 0, kept = 0;
    for (int i = 0; i < interp_n_variables(dry->interp); i++) {
        const struct variable *v = interp_variable(dry->interp, i);
        size_t bytes = v->value ? tensor_bytes(v->value) : 0;
        *(v->trainable && !v->state ? &parameters : &kept) += bytes;
    }
    print_bytes(out, "memory: parameters", parameters);
    if (kept)
        print_bytes(out, ", what optimizers and layers keep", kept);
    print_demand(out, sources, ", training", &dry->memory->training);
    print_demand(out, sources, ", evaluation", &dry->memory->evaluation);
    fputc('\n', out);
}
