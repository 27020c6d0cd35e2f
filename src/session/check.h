/* The check before a run: a script is walked dry (eval/dry.c) in a session of its own, and what
 * that finds is the real session's to report.
 *
 * Not for: what is typed at a prompt, which depends on what was typed before. */
#ifndef NN_SESSION_CHECK_H
#define NN_SESSION_CHECK_H

#include "session/session.h"

/* Checks a parsed script. s has run nothing yet but its library. false: errors were reported. */
bool check_script(struct session *s, const struct unit_source *unit);

/* gradients.c: holds the gradients that the script gave its functions against finite differences;
 * `dry` has walked it. Reported to s. */
void check_gradients(struct session *s, struct session *dry, const struct unit_source *unit);

#endif
