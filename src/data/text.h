/* Texts as data sets of characters. */
#ifndef NN_DATA_TEXT_H
#define NN_DATA_TEXT_H

#include "data/dataset.h"

/* The field of a text: int[n], whose categories are the alphabet, its characters as UTF-8 strings
 * in the order of their code points. */
#define TEXT_FIELD "characters"

/* The text of a file. like: NULL, or the alphabet, of which every character must be. In a dry run
 * the file is read whole, for its length and its alphabet, and kept for the run. false:
 * reported. */
bool load_text(struct load_context *c, const char *path, const struct categories *like,
               struct dataset **out);
/* The same of text[0..n), which is UTF-8. */
bool text_make(struct load_context *c, const char *name, const char *text, int64_t n,
               const struct categories *like, struct dataset **out);

/* The number of the character of n bytes in an alphabet, or -1. */
int text_find(const struct categories *alphabet, const char *character, int n);

#endif
