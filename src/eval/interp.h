/* The evaluator's own header: its state, and who does what.
 *
 *   expr.c     expressions               stmt.c     statements, loops
 *   host.c     operators, truth          declare.c  declarations
 *   index.c    indices and slices        define.c   instances of layers and losses, their bodies
 *   call.c     calling anything          minimize.c optimizers: steps, state
 *   update.c   what `<-` assigns, and when
 *   bind.c     arguments to parameters   paths.c    names of variables, draws and instances
 *   convert.c  values -> nodes, shapes   methods.c  fields and methods, demands
 *   ops.c      calls of ops              builtins.c the functions of builtins.def
 *   flow.c     |>  >>  _                 print.c    how values look
 *   load.c     builtins that load data     text.c     texts and their characters
 *   dry.c      a walk that computes nothing
 *   settled.c  what it settles, as text
 *   transform.c what happens to gradients; schedule.c settings as functions of the step
 *   custom.c   functions with gradients of their own
 *   anew.c     loops that make their variables anew at each round
 *   owned.c    whose variables are whose, fields of layers
 *   einsum.c   einsum, as transposes and matrix products
 *   axes.c     builtins that take tensors apart and put them together along an axis
 *   dataset.c  data sets: fields, batches   dataset_make.c  made by a script, from others
 *   dataset_map.c  what their examples become before they are dealt
 *   module.c   files: import, what each shows the others
 *   scan.c, scan_over.c  loops in the graph  trace.c  what a step may do; the loop made of it
 *   structure.c records and lists as one
 *   interp.c   the whole: scopes, collection, running a script
 *
 * Every function that can meet an error gives false after reporting it; the caller only unwinds.
 * `flow` says whether it is an error that unwinds, or a break, continue or return on its way. */
#ifndef NN_EVAL_INTERP_H
#define NN_EVAL_INTERP_H

#include "base/os.h"
#include "eval/dry.h"
#include "eval/eval.h"
#include "eval/value.h"

enum flow { FLOW_NONE, FLOW_ERROR, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN };

enum { MAX_PATH = 512, MAX_ARGS = 24, MAX_PLACES = 4 };

/* The body under way of a layer or an optimizer. */
struct body {
    struct body *outer;
    struct instance *instance; /* NULL in an optimizer's */
    /* Met so far in this application: call sites of instances, names of variables. */
    ARRAY(const struct ast *) sites;
    ARRAY(const char *) declared;
    /* An optimizer's or a transform's: which variable. */
    struct step_object *step;
    struct variable *target; /* NULL in a transform's */
    const char *part;        /* a transform's name, for the paths of its states */
    /* Assigned with `<-` in this application. */
    ARRAY(struct update {
        struct variable *variable;
        const char *name;
        struct node *value;
        struct span at;
    })
    updates;
};

/* A file that was run: the script, what it imports, each file of the library. */
struct module {
    const char *key, *path;
    struct scope *scope;
    ARRAY(const struct ast *) trees; /* several at the prompt */
    enum { MODULE_RUNNING, MODULE_DONE, MODULE_FAILED } state;
    bool library;
    struct module *importer; /* who ran it */
    ARRAY(struct imported {
        const char *name;
        struct module *from;
    })
    imported;
    ARRAY(const char *) noted; /* replacements that were remarked on */
};

/* A loop of the script under way, and what its lines made in earlier rounds (anew.c). */
struct loop {
    struct loop *outer;
    struct span at;
    int64_t round;
    ARRAY(struct loop_site {
        const struct origin *at;
        int64_t round; /* the last one that made something here */
        int n_rounds;
        int asked_at; /* when to look next whether what was made is still reachable */
        struct variable *made;
        struct variable *before; /* of the last round, and of the one before it */
        uint64_t n_demands;
        uint64_t n_demands_before;
    })
    sites;
};

struct interp {
    struct interp_options o;
    struct arena arena; /* of the interpreter: origins, paths, variables */
    struct heap heap;
    struct build build; /* appends to the session's graph */
    struct scope *library, *globals;
    ARRAY(struct module *) modules;
    struct module *unit;   /* the file whose statements are run */
    struct module *script; /* the user's own; its scope is globals */
    bool names_missing;    /* an import failed: who knows what it would have defined */
    struct node *training;
    const struct origin *caller; /* of the function body under way; NULL at top level */
    enum origin_part part;       /* ORIGIN_UPDATE while a training step is made of gradients */
    enum flow flow;
    struct value returned;
    bool in_library;         /* the code under way is the library's */
    bool failed;             /* an error was reported: walk on, but run nothing */
    bool stopped;            /* interrupted, or out of the error limit: walk no further */
    const char *stack_limit; /* the C stack may not grow below this address */
    struct body *body;
    struct dry dry;
    uint64_t n_demands; /* that were run */
    const struct custom_call *custom; /* gradients under way */
    struct node *schedule_step; /* while a schedule is called: its argument */
    struct loop *loop;  /* the innermost under way */
    const struct mapping *mapping; /* a data set's map whose function is being called */
    struct trace *trace; /* of the step of a scan that is being traced */
    ARRAY(struct value) roots;  /* what expressions under way have made */
    /* Names that were not found, since the unit began. */
    ARRAY(struct unknown_name {
        const char *name;
        struct diag *report;
        struct span place[MAX_PLACES];
        int n_places;
    })
    unknown_names;
    ARRAY(const char *) prefix; /* path context, outermost first */
    ARRAY(struct variable *) variables;
    /* What applications of layers assign to their own variables: done by the steps whose loss
     * depends on the output. */
    ARRAY(struct layer_update {
        struct node *output;
        struct node *assign;
    })
    layer_updates;
    size_t collect_at_bytes, collect_at_nodes; /* when the next collection is due */
    struct origin_table {
        struct origin **slots;
        uint32_t n, cap;
    } origins;
    struct path_table {
        struct path_entry *slots;
        uint32_t n, cap;
    } paths;
    const char *s_hole, *s_feed; /* interned words */
};

struct arg {
    struct value value;
    struct span at;
};
struct args {
    int n; /* positional */
    struct arg at[MAX_ARGS];
    int n_named;
    struct named_arg {
        const char *name;
        struct value value;
        struct span at, name_at;
    } named[MAX_ARGS];
    struct scope *scope;    /* the caller's: where fed names are looked up */
    struct span call;       /* the whole call expression */
    const struct ast *site; /* identifies the call */
    const char *word;       /* how the callee was written, for messages */
    bool piped;             /* `|>` gave the first, for messages */
};

struct builtin {
    const char *name, *signature, *summary;
    bool (*call)(struct interp *in, const struct value *self, struct args *a, struct value *out);
};

/* Around what the host may watch. */
static inline double watch_begin(const struct interp *in) {
    return in->o.host.watch ? os_now_s() : 0;
}
static inline void watch_end(const struct interp *in, enum watched kind, struct span at,
                             double start) {
    if (in->o.host.watch && (kind == WATCHED_DATA || !in->in_library))
        in->o.host.watch(in->o.host.context, kind, at, start);
}

/* interp.c */
struct origin *interp_origin(struct interp *in, struct span at);
bool interp_fail(struct interp *in, struct diag *d); /* takes note of a reported error; false */
void root_push(struct interp *in, struct value v);
/* Frees values, nodes and variables that nothing can reach; called between statements, or where all
 * that is under way is rooted. */
void interp_collect(struct interp *in);
void interp_collect_if_due(struct interp *in);
bool fail_at(struct interp *in, enum diag_code code, struct span at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *intern(struct interp *in, const char *text);
/* Whoever follows the nesting of a script's calls or values asks first. */
bool interp_stack_is_deep(const struct interp *in);
bool interp_polled_stop(struct interp *in, struct span at); /* true: interrupted, flow is set */

/* A statement of a file, outside of all definitions. */
bool run_statement(struct interp *in, struct scope *s, const struct ast *stmt, struct value *last);

/* module.c */
struct module *module_add(struct interp *in, const struct unit_source *u, struct scope *scope);
bool module_run_library(struct interp *in, const struct unit_source *u);
bool eval_import(struct interp *in, struct scope *s, const struct ast *stmt);
bool module_field(struct interp *in, struct module *m, const struct ast *e, struct value *out);
const char *module_name(const struct module *m);
/* The module that keeps a `_name` to itself, or NULL. */
struct module *module_hiding(struct interp *in, const char *name);
/* Adds a note when a name of the file hides a function of the library. */
void note_hiding(struct interp *in, struct diag *d, const char *name);
/* Adds a note where a name in a signature, found from `s`, has a value of its file, so that it is
 * not bound. */
void note_file_value(struct interp *in, struct diag *d, struct scope *s, const char *name);
/* Binds a name where a statement stands; remarks on what that replaces. */
void bind_name(struct interp *in, struct scope *s, const char *name, struct value v,
               struct span at);

/* expr.c */
bool eval_expr(struct interp *in, struct scope *s, const struct ast *e, struct value *out);
bool eval_expr_inside(struct interp *in, struct scope *s, const struct ast *e, struct value *out);
bool make_function(struct interp *in, struct scope *s, const struct ast *e, enum function_form form,
                   struct value *out);
void report_unknown_name(struct interp *in, struct scope *s, const char *name, struct span at);

/* host.c */
bool eval_truth(struct interp *in, struct value v, struct span at, bool *truth);
/* The same where a dry run may find that it cannot be known. */
enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };
bool eval_condition(struct interp *in, struct value v, struct span at, enum truth *truth);
/* An array of one element without axes is a number beside other numbers. */
struct value scalar_number(struct value v);
/* The operators of counting and comparing, for two whole numbers or two others, where nothing can be
 * wrong. false: the same is for eval_binary. */
bool eval_numbers(const char *op, struct value a, struct value b, struct value *out);
bool eval_binary(struct interp *in, const char *op, struct value a, struct value b,
                 struct span at_a, struct span at_b, struct span whole, struct value *out);
bool eval_negative(struct interp *in, struct value v, struct span at, struct span whole,
                   struct value *out);

/* index.c */
bool eval_index(struct interp *in, struct scope *s, const struct ast *e, struct value *out);

/* stmt.c */
bool eval_block(struct interp *in, struct scope *s, const struct ast *block, struct value *out);
bool eval_stmt(struct interp *in, struct scope *s, const struct ast *stmt, struct value *out);
int64_t range_length(const struct range *r);
void assign_name(struct interp *in, struct scope *s, const struct ast *target, struct value v);
/* What a broken statement should have defined is poisoned, so that its users stay silent. */
void poison_targets(struct interp *in, struct scope *s, const struct ast *stmt);

/* declare.c */
bool eval_placeholder(struct interp *in, struct scope *s, const struct ast *stmt,
                      struct value *out);
bool eval_variable(struct interp *in, struct scope *s, const struct ast *stmt, struct value *out);
bool eval_definition(struct interp *in, struct scope *s, const struct ast *stmt, struct value *out);
bool eval_role(struct interp *in, struct scope *s, const struct ast *stmt, struct value *out);
bool eval_setting(struct interp *in, struct scope *s, const struct ast *stmt, struct value *out);
/* The one setting behind a statement (`, trainable=false`), from child `first` on. */
bool bool_setting(struct interp *in, struct scope *s, const struct ast *stmt, int first,
                  const char *what, const char *name, bool *value);
/* A new variable under a path that was claimed for it. */
struct variable *declare_variable(struct interp *in, const char *path, struct span at, enum dtype t,
                                  const struct shape *shape, struct node *initial, bool trainable);

/* call.c, bind.c */
bool eval_args(struct interp *in, struct scope *s, const struct ast *call, struct args *a);
/* How a body that was evaluated has ended: a return gives its value, a break has no loop. */
bool end_body(struct interp *in, bool ok, const struct ast *body, struct value *out);
bool call_value(struct interp *in, struct value callee, struct args *a, struct value *out);
bool call_function(struct interp *in, struct function *f, struct args *a, struct value *out);
bool call_with_one(struct interp *in, struct value callee, struct value x, struct span at_x,
                   struct span at_callee, const struct ast *site, struct value *out);
bool is_callable(struct value v);
/* Keeps with the call where its arguments stand, so that reports from the body can underline
 * them. */
void note_given(struct interp *in, const struct ast *params, const struct args *a,
                struct origin *call);
/* Reports a name that two parameters have; more: a second list, or NULL. */
bool check_params(struct interp *in, const struct ast *params, const struct ast *more);
/* Binds arguments to PARAMS in `into`; defaults are evaluated in `into`. */
bool bind_params(struct interp *in, const struct ast *params, struct scope *into, struct args *a,
                 const char *callee);
/* The same in two steps: all that can be wrong with the arguments themselves is said by the first.
 */
bool bind_given(struct interp *in, const struct ast *params, struct scope *into, struct args *a,
                const char *callee);
bool bind_defaults(struct interp *in, const struct ast *params, struct scope *into,
                   const struct args *a);

/* flow.c */
bool eval_pipe(struct interp *in, struct scope *s, const struct ast *e, struct value *out);
bool eval_compose(struct interp *in, struct scope *s, const struct ast *e, struct value *out);
/* f(a, b) with x put before its arguments: what `x |> f(a, b)` means when f is a function or an
 * op. */
bool call_first(struct interp *in, struct scope *s, const struct ast *call, struct value f,
                struct arg x, struct value *out);
bool call_chain(struct interp *in, struct chain *c, struct args *a, struct value *out);

/* signature.c */
/* Holds what bind_params bound against the parameters' types, and binds the names in them: the n
 * of `x: float[.., n]`. */
bool bind_types(struct interp *in, const struct ast *params, struct scope *s, struct args *a,
                const char *callee);
/* The same for what a layer gave. */
bool check_result_type(struct interp *in, struct scope *s, const struct definition *d, struct value *v,
                  struct span at);

/* define.c */
bool make_instance(struct interp *in, struct definition *d, struct args *a, struct value *out);
bool apply_instance(struct interp *in, struct instance *i, struct args *a, struct value *out);
bool call_definition(struct interp *in, struct definition *d, struct args *a, struct value *out);
struct variable *body_find_variable(struct interp *in, const char *name);
/* Evaluates a definition's body in `s`, with the paths of what it makes below `prefix`. */
bool run_body(struct interp *in, struct body *b, struct definition *d, struct scope *s,
              const char *prefix, struct span call, struct value *out);

/* custom.c */
struct custom_call {
    const struct custom_call *outer; /* while the gradient's body is evaluated */
    const struct function *function;
    struct node *value; /* stands for the result */
    struct scope *all; /* the gradient's parameters */
    int n;             /* arguments that a gradient is for: their places, and they themselves */
    int param[MAX_ARGS];
    struct node *argument[MAX_ARGS];
};
bool eval_gradient(struct interp *in, struct scope *s, const struct ast *stmt);
/* Whether this is the call whose gradient is under way; what stands for its result. */
bool custom_is_known(struct interp *in, const struct function *f, struct scope *s,
                     struct value *out);
/* Around the body of a function that has a gradient: its arguments in `s` are stopped before, its
 * result gets the gradient after. */
bool custom_begin(struct interp *in, const struct function *f, struct scope *s,
                  struct custom_call *c);
bool custom_end(struct interp *in, const struct function *f, struct custom_call *c, struct span at,
                struct value *result);

/* anew.c */
void anew_enter(struct interp *in, struct loop *l, const struct ast *stmt);
bool anew_leave(struct interp *in, bool ok); /* gives ok */
/* Before the statement at `at` makes a variable (false: reported), and when it has. */
bool anew_check(struct interp *in, struct span at);
void anew_note(struct interp *in, struct span at, struct variable *v);

/* owned.c */
bool layer_field(struct interp *in, struct value v, const struct ast *e, struct value *out);

/* schedule.c */
struct schedules { /* of a training step that is being built */
    struct step_object *step;
    struct variable *counter; /* NULL until a schedule asks */
    struct node *steps;       /* how many were done, float */
    struct node *when;        /* in which runs there is a step, as transforms say; NULL: in all */
    struct node_collection *assigns;
};
/* The scope with an instance's settings: its own, or one above with those that are schedules at the
 * step. */
bool schedule_settings(struct interp *in, struct schedules *c, struct instance *i, struct span call,
                       struct scope **out);
/* Those of another dtype than a variable's are converted, into `s`. */
void schedule_cast(struct interp *in, const struct scope *scheduled, struct scope *s,
                   enum dtype to);
/* Counts this step, if there is one that counts. */
void schedule_count(struct interp *in, struct schedules *c);
/* Whether a demand may be run now; false: reported. */
bool schedule_allows(struct interp *in, const struct request *r);

/* transform.c */
struct optimizer_parts {
    struct instance *optimizer;
    const struct value *transforms;
    int n_transforms;
};
bool is_optimizer(struct value v); /* an instance of one, or a chain that ends in one */
bool optimizer_parts(struct interp *in, struct value v, struct span at, struct optimizer_parts *p);
/* gs, ws: lists of the gradients and their variables. */
bool transform_gradients(struct interp *in, struct schedules *c, const struct optimizer_parts *p,
                         struct value *gs, struct value ws, struct span call);

/* minimize.c */
bool method_minimize(struct interp *in, const struct value *self, struct args *a,
                     struct value *out);
/* Names the op that keeps a gradient from passing; cut may be NULL. */
void note_gradient_cut(struct diag *d, const struct node *cut);
bool eval_state(struct interp *in, struct scope *s, const struct ast *stmt);

/* update.c */
bool eval_update(struct interp *in, struct scope *s, const struct ast *stmt);
/* The assign nodes of what a body assigned, the last one of each variable; where `when` is false,
 * if it is not NULL, the variables keep their values. false: reported. */
struct node_collection {
    struct arena *arena;
    ARRAY(struct node *) list;
};
bool build_assigns(struct interp *in, const struct body *b, struct node *when,
                   struct node_collection *assigns);
/* Keeps what an application of a layer assigned beside its output. */
bool keep_layer_updates(struct interp *in, const struct body *b, struct value output);
/* Those of the applications that the graph's last walk has visited: one assign a variable. */
bool gather_layer_updates(struct interp *in, struct variable *const *trained, int n_trained,
                          struct span at, struct node_collection *assigns);
void mark_layer_updates(struct interp *in);

/* convert.c */
bool to_node(struct interp *in, struct value v, struct span at, int dtype,
             struct node **out); /* dtype: enum dtype or -1 */
bool is_tensor_like(struct value v);
bool to_shape(struct interp *in, struct value v, struct span at, struct shape *out);
bool to_dim(struct interp *in, struct value v, struct span at, struct dim *out);
struct value dim_value(struct dim d);
struct tensor *list_tensor(struct interp *in, struct value v, struct span at,
                           int dtype); /* NULL: reported */

/* ops.c */
bool call_op(struct interp *in, const struct op *op, struct args *a, struct value *out);
bool tensor_operator(struct interp *in, enum op_id id, const char *spelling, struct value *operand,
                     const struct span *at, int n, struct span whole, struct value *out);
/* An axis of x by number, from the back or by name, as an op's setting `axis`. */
/* The size that a name stands for: as an axis it means the axis of that size. */
bool is_named_axis(struct value v);
bool to_axis(struct interp *in, struct value v, struct span at, struct node *x, int64_t *axis);
bool is_whole(struct value v); /* a whole number of the host, or a list of such */
/* Appends a node; a refusal is reported. attr: in the signature's order, NULL for all defaults. */
bool op_append(struct interp *in, const struct op *op, const char *spelling, struct node **inputs,
               int n_in, const struct attr *attr, const struct span *at, struct span whole,
               struct value *out);
/* What is known is computed at once: over arrays the result is an array (a running sum must not
 * become a chain of nodes), over host numbers alone it is a host number, in float64. */
enum known { KNOWN_NOT, KNOWN_ARRAY, KNOWN_HOST };
bool op_compute_known(struct interp *in, struct value *out, struct span at, enum known known);

/* paths.c */
void prefix_push(struct interp *in, const char *component);
void prefix_push_index(struct interp *in, int i);
void prefix_pop(struct interp *in);
const char *path_join(struct interp *in, const char *own);
const char *path_claim(struct interp *in, const char *wanted); /* unique: appends _2, _3.. */
/* Before anything is named in a layer's body: its instance's own path becomes unique. */
void path_claim_body(struct interp *in);
/* A node that draws, under a path of its own (the same expression, inputs and settings give the
 * same). */
struct node *build_random(struct interp *in, const struct op *op, struct node **inputs, int n_in,
                          const struct attr *attr, const struct span *at);
void name_value(struct interp *in, struct value v,
                const char *path); /* a binding names what was made for it */
/* The path of an instance is final: the layers among its settings are named below it. */
void path_settle(struct interp *in, struct instance *i);

/* methods.c */
bool report_unknown_field(struct interp *in, struct value object, const struct ast *e,
                          const char *const *names, int n);
bool get_field(struct interp *in, struct value object, const struct ast *e, struct value *out);
/* Runs a demand for values; results become arrays. words: for messages. */
bool demand_values(struct interp *in, struct node **nodes, int n, struct args *feeds,
                   int first_feed, const char *words, struct value *out);
bool demand_one(struct interp *in, struct value v, struct span at,
                struct tensor **out); /* a new reference */

/* dataset.c */
/* A value that owns the set; NULL: the set is still to come. */
struct value dataset_value(struct interp *in, struct dataset *d);
/* What the numbers of a field stand for, or NULL. */
const struct categories *dataset_categories(const struct dataset_object *d, const char *name);
/* A set's fields as they are dealt: of a set that is mapped, what the map gives. */
int dataset_n_fields(const struct dataset_object *d);
const char *dataset_field_name(const struct dataset_object *d, int i);
enum dtype dataset_dtype(const struct dataset_object *d, int i);
struct shape dataset_shape(const struct dataset_object *d, int i); /* [length, ...] */
/* data.name, data["name"]. dataset_field: false when there is none, without a word. */
enum found { FOUND_NONE, FOUND, FOUND_FAILED };
enum found dataset_field(struct interp *in, struct dataset_object *d, const char *name,
                         struct span at, struct value *out);
bool dataset_index(struct interp *in, struct dataset_object *d, struct value name, struct span at,
                   struct value *out);
/* A `for` through batches: which epoch it begins with, and its i-th batch. */
int64_t batches_begin(const struct batches *b);
int64_t batches_length(const struct batches *b);
bool batches_deal(struct interp *in, const struct batches *b, int64_t first_epoch, int64_t i,
                  struct span at, struct value *out);

/* dataset_map.c */
/* While a map's function is called: what it is given has no value yet. */
struct mapping {
    const struct mapping *outer;
    struct node *const *given;
    int n_given;
};
bool mapping_refuses_demand(struct interp *in, struct node *const *nodes, int n, struct span at);
/* The batch that the map makes of one of the set below: results[n_out], of which each is a new
 * reference. `position`: of the batch, which its draws depend on. */
bool dataset_map_batch(struct interp *in, struct dataset_object *d, struct tensor *const *batch,
                       int64_t position, struct span at, struct tensor **results);
/* Field i whole: a new reference. */
bool dataset_map_whole(struct interp *in, struct dataset_object *d, int i, struct span at,
                       struct tensor **out);
/* A placeholder for examples of a field. */
struct node *dataset_placeholder(struct interp *in, const char *name, enum dtype t,
                                 struct shape shape, struct span at);
/* A copy of a map for a set made of d; NULL when d has none. */
struct dataset_map *dataset_map_copy(struct arena *a, const struct dataset_map *m);
/* That of the fields of two sets, one after the other; NULL when neither has one. */
struct dataset_map *dataset_map_join(struct interp *in, struct arena *a,
                                     const struct dataset_object *d,
                                     const struct dataset_object *e, struct span at);

/* builtins.c */
/* Arguments by position or name against a list of names; those not given stay NONE kind with
 * at.source 0. */
bool builtin_take(struct interp *in, struct args *a, const char *callee, const char *const *names,
                  int n, struct arg *got);
/* The one argument of f(x), which must be given. */
bool builtin_take_x(struct interp *in, struct args *a, const char *callee, struct arg *x);
/* Such an argument as a value of C; one not given is `fallback`, or missing if required. */
bool need_int(struct interp *in, struct args *a, const struct arg *g, const char *name, int64_t low,
              int64_t fallback, bool required, int64_t *out);
bool need_bool(struct interp *in, const struct arg *g, const char *name, bool fallback, bool *out);
bool need_string(struct interp *in, const struct arg *g, const char *name, const char *fallback,
                 const char **out);
void builtins_define(struct interp *in, struct scope *s);
bool builtin_print(struct interp *in, const struct value *self, struct args *a, struct value *out);
bool builtin_range(struct interp *in, const struct value *self, struct args *a, struct value *out);
bool builtin_variables(struct interp *in, const struct value *self, struct args *a,
                       struct value *out);
bool builtin_method(struct interp *in, struct value self, const char *name,
                    struct value *out); /* false: no such method */
int builtin_method_names(enum value_kind kind, const char **names, int max); /* how many */

/* structure.c: records and lists, nested, of leaves. */
struct leaf {
    struct value value;
    const char *name; /* where it is in the whole: "h", "cell.c", "[0]"; "" when it is the whole */
};
struct leaves {
    ARRAY(struct leaf) list;
};
/* The leaves of v, in order. is_leaf: which records and lists are not to be looked into. */
void structure_flatten(struct value v, bool (*is_leaf)(struct value v), struct arena *a,
                       struct leaves *out);
/* Like `form`, with leaf[0], leaf[1].. in place of its leaves. */
struct value structure_fill(struct interp *in, struct value form, bool (*is_leaf)(struct value v),
                            const struct value *leaf);
/* The leaves of v, which must be of that form; when it is not, *what says how: "`h` is a
 * number, and it gives a list of 2". */
bool structure_match(struct interp *in, struct value form, bool (*is_leaf)(struct value v),
                     struct value v, struct arena *a, struct leaves *out, const char **what);

/* trace.c */
/* The tensors that stand for what a step is given, and what it gave. */
struct traced_step {
    struct node *index;
    int n_rows, n_carries;
    struct node **row, **row_input;     /* [n_rows] inputs go over axis 0 */
    struct node **carry, **carry_input; /* [n_carries] */
    struct node **result;               /* [n_carries] */
};
struct trace {
    struct trace *outer;
    const struct body *body;    /* in which scan was called; NULL: in none */
    const char *word;           /* "scan" or "fold" */
    ARRAY(struct node *) draws; /* what draws anew in every step */
    const struct traced_step *step;
};
void trace_mark(struct interp *in);
/* Notes a node that draws: in a step, it draws anew each time. */
void trace_note_draw(struct interp *in, struct node *n);
/* The step as a loop, and the inputs for it, in the arena. What does not depend on the index, the
 * rows or the carries, and is not drawn anew, stays outside and is an input. */
struct loop_body *trace_make_loop(struct interp *in, struct trace *t, struct arena *a,
                             struct node ***inputs);
/* Each refuses what a step that is traced cannot do, if it is one: true when it was refused. A
 * variable or instance may be new when it belongs to one that was made before the scan. */
bool trace_refuses_new(struct interp *in, struct span at, const char *what);
bool trace_refuses_update(struct interp *in, struct span at);
bool trace_refuses_demand(struct interp *in, struct node *const *nodes, int n, struct span at);

/* refuse.c */
/* Whether a text is a name, a call or an index of one, short enough to be quoted within a line. */
bool text_is_simple(const char *text, uint32_t n);

/* print.c */
void print_value(struct interp *in, FILE *out, struct value v, bool nested);
/* *unknown is set when what it would write cannot be known. */
bool format_value(struct interp *in, struct value v, const char *format, struct span at, FILE *out,
                  bool *unknown);
void describe_value(struct interp *in, struct value v, char *buf, size_t n_buf);
/* "layer", "loss", ..: what a definition defines. */
const char *definition_word(const struct definition *d);

#endif
