/* What an elementwise group can hold, node by node: the files of the pass `fuse` share it. */
#ifndef NN_OPT_FUSE_H
#define NN_OPT_FUSE_H

#include "ir/kernel.h"
#include "opt/opt.h"

/* Elements of a row that is kept in the cache, at most. */
enum { FUSE_MAX_ROW = 16384 };

/* A shape that groups run over. Its rows and columns are those of the first reductions met. */
struct fuse_domain {
    const struct shape *full;
    int row_axis;    /* axes from here on are a row's; -1: no rows */
    int64_t columns; /* elements that reductions over leading axes give; 0: there are none */
};

/* Where the values of a node live in the groups that may have it. */
struct fuse_form {
    struct fuse_domain *domain; /* NULL: in no group */
    enum ew_space space;
    bool renames; /* a reshape of a ROW value: no instruction */
};

/* The form of each node of the order. A reduction that has one may run with the elementwise nodes
 * that make its input; one over rows also with those that read it. */
struct fuse_form *fuse_find_forms(struct arena *scratch, const struct node_list *order);

/* Whether the edge may lie within a group. */
bool fuse_is_free(const struct fuse_form *from, const struct node *from_node,
                  const struct fuse_form *to);

/* Replaces ops over rows by what groups can hold. */
void fuse_spell_rows(struct program *p);

#endif
