/* Fetches files from mirrors, with libcurl: resumed, checked, and renamed into place only when
 * they are whole. */
#ifndef NN_DATA_DOWNLOAD_H
#define NN_DATA_DOWNLOAD_H

#include "data/dataset.h"

struct attempt {
    const char *url, *why; /* "https://../a.gz", "Could not resolve host: .." */
};

struct mirror {
    const char *url; /* ends with a slash */
    bool dead;       /* could not be reached: not asked again */
};

/* One download of some files that belong together. Everything in it is the arena's. */
struct download {
    struct load_context *c;
    struct curl_library *curl; /* NULL when libcurl cannot be loaded */
    ARRAY(struct mirror) mirrors;
    double patience_s; /* how long a mirror may take to send its first byte */
    ARRAY(struct attempt) failed; /* what was tried in vain, for the message */
};

enum download_result { DOWNLOAD_DONE, DOWNLOAD_FAILED, DOWNLOAD_INTERRUPTED };

/* Decides whether the file at `path` is the one wanted; if not, *why is a phrase that follows its
 * name. */
struct download_check {
    bool (*accept)(void *with, const char *path, const char **why);
    void *with;
    int64_t limit_bytes; /* a file longer than this cannot be it */
};

/* `mirrors` are base addresses separated by spaces. libcurl is loaded here, at the first use. The
 * mirrors together have 12 seconds to begin to answer: offline, that is how long it takes at most
 * to know. */
void download_open(struct download *d, struct load_context *c, const char *mirrors);

/* Fetches `name` from the first mirror that has it into folder/name, through folder/name.part: a
 * part left by an earlier try is resumed where the server can. The folder is made when the first
 * byte arrives. Only a file that `check` accepts gets its name. FAILED: the reasons were added to
 * d->failed. INTERRUPTED: c->interrupted was set; the part stays. */
enum download_result download_file(struct download *d, const char *name, const char *folder,
                                   const struct download_check *check);

void download_close(struct download *d);

#endif
