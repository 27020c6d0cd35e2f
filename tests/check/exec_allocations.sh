#!/bin/bash
# A warm step allocates a fixed few small things, however many nodes its graph has: nothing an operation, a variable
# or a phase. Counted by a library that stands in front of malloc.
set -eu
[ -z "${FLAVOUR:-}" ] || { echo "sanitizers have a malloc of their own"; exit 77; }
cat > count.c <<'EOF'
#include <stddef.h>
#include <stdio.h>
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
static long count;
#define COUNTED(call) (__atomic_add_fetch(&count, 1, __ATOMIC_RELAXED), call)
void *malloc(size_t n) { return COUNTED(__libc_malloc(n)); }
void *calloc(size_t n, size_t each) { return COUNTED(__libc_calloc(n, each)); }
void *realloc(void *p, size_t n) { return COUNTED(__libc_realloc(p, n)); }
void *aligned_alloc(size_t align, size_t n) { return COUNTED(__libc_memalign(align, n)); }
__attribute__((destructor)) static void print(void) { fprintf(stderr, "%ld\n", count); }
EOF
${CC:-cc} -shared -fPIC -O1 -o count.so count.c 2> /dev/null || { echo "a C compiler is needed"; exit 77; }
cat > tiny.nn <<'EOF'
param steps = 1000
placeholder x: float[batch, 8]
variable w = ones([8, 1])
loss cost = mean((x @ w) ** 2)
optimizer step = gradient_descent(0.01).minimize(cost)
a = ones([4, 8]).eval()
for i in range(steps) { step.run(x=a) }
EOF
cat > deep.nn <<'EOF'
param steps = 1000
placeholder x: float[batch, 8]
h = x
for i in range(40) { h = h |> dense(64) |> dropout(0.5) |> tanh }
loss cost = mean(h)
optimizer step = adam(0.001).minimize(cost)
a = ones([4, 8]).eval()
for i in range(steps) { step.run(x=a) }
EOF
mallocs() { LD_PRELOAD=./count.so "$NNRUN" --threads 2 "$1" steps="$2" 2>&1 > /dev/null | tail -1; }
for script in tiny.nn deep.nn; do
    few=$(mallocs $script 1000) many=$(mallocs $script 2000)
    echo "$script: $((many - few)) allocations in 1,000 steps"
    # the method and its result; the loop's own; collections now and then
    [ $((many - few)) -le 2050 ]
done
