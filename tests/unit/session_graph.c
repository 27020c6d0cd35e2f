/* The session's graph over time: what a script no longer holds is swept. */
#include <stdio.h>
#include <string.h>

#include "session/session.h"
#include "unit.h"

/* Nodes of the graph after `rounds` rounds of a loop that builds and evaluates expressions. */
static uint32_t nodes_after(int rounds, uint32_t *most) {
    char text[512];
    snprintf(text, sizeof text,
             "variable W = ones([4, 3])\n"
             "placeholder x: float[n, 4]\n"
             "total = 0\n"
             "for i in range(%d) {\n"
             "  y = mean(abs(x @ W)) + i\n"
             "  total = total + y.eval(x=[[1, 2, 3, 4]])\n"
             "}\n",
             rounds);
    struct session_options o = {.out = stdout, .n_threads = 1, .quiet = true};
    struct session *s = session_new(&o);
    CU_ASSERT_TRUE(session_run_text(s, "loop.nn", text, strlen(text)));
    uint32_t n = s->graph.n_nodes;
    *most = n > *most ? n : *most;
    session_free(s);
    return n;
}

static void loops_leave_no_nodes(void) {
    uint32_t most = 0;
    for (int rounds = 10000; rounds <= 90000; rounds += 20000)
        nodes_after(rounds, &most);
    /* a collection is due at 20,000; without any there would be 200,000 and more */
    CU_ASSERT(most < 30000);
}

void suite_session_graph(void) {
    unit_suite("session: graph");
    unit_test("a loop that evaluates expressions leaves no nodes behind", loops_leave_no_nodes);
}
