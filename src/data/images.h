/* Folders of PNG images as data sets. */
#ifndef NN_DATA_IMAGES_H
#define NN_DATA_IMAGES_H

#include "data/dataset.h"

struct images_options {
    int64_t height, width; /* all images are made so large; 0: they must be of one size */
    int channels;          /* 1 to 4; 0: they must have equally many */
};

/* The images of a folder, in the order of their names: a field "images", bytes dealt as floats in
 * [0, 1], [n, height, width, channels]. Folders in it are classes: "labels", int[n], with the names
 * of the folders as categories. In a dry run headers are read only. false: reported. */
bool load_images(struct load_context *c, const char *folder, const struct images_options *o,
                 struct dataset **out);

#endif
