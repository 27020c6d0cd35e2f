/* The prompt: statements are typed, run when they are complete, and their values shown. An error
 * never ends it.
 *
 * Not for: what a statement means (session.h). */
#ifndef NN_REPL_REPL_H
#define NN_REPL_REPL_H

#include "session/session.h"

/* Reads from `in` until its end (Ctrl-D); prompts and values go to the session's options.out. */
void repl_run(struct session *s, FILE *in);

#endif
