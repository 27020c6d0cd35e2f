/* The figures of tests/data/reference, which PyTorch computed: statements `name = [numbers]`. */
#ifndef NN_TESTS_FIGURES_H
#define NN_TESTS_FIGURES_H

#include "kernelrun.h"

struct figures; /* one file */

/* Ends the test when the file cannot be read. The tests run in the project's folder. */
struct figures *figures_open(const char *file);
void figures_close(struct figures *f);

/* The numbers of `name`, or of `name_number` when number > 0; *n is their count. NULL when there
 * are none of that name. Freed by figures_close. */
const double *figures_find(struct figures *f, const char *name, int number, int64_t *n);

/* The same as an argument of a kernel; fails the test when the count does not fit. Freed by
 * kernelrun_free. */
struct kernel_arg figures_arg(struct figures *f, const char *name, int number, enum dtype t,
                              int rank, const int64_t *dim);

#endif
