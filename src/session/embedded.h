/* The standard library as it was when the program was built: the files of stdlib/, made into bytes
 * by the Makefile. Names are as messages print them ("stdlib/layers.nn").
 *
 * Not for: a library given with --stdlib; that is read from its folder. */
#ifndef NN_SESSION_EMBEDDED_H
#define NN_SESSION_EMBEDDED_H

struct embedded_file {
    const char *name;
    const char *text; /* NUL-terminated */
    unsigned n;       /* bytes, without the NUL */
};

/* [n_embedded_stdlib], by name; one more entry with a NULL name ends the list. */
extern const struct embedded_file embedded_stdlib[];
extern const int n_embedded_stdlib;

/* Pages that are shown, by the path of their file: "src/base/errors.md". */
extern const struct embedded_file embedded_pages[];
extern const int n_embedded_pages;

#endif
