/* load_images: PNG files of a folder, of which the folders in it are classes. In: a folder and
 * settings. Out: a data set, or a report.
 *
 * All names and headers come first: nothing is decoded of a folder in which two images do not fit
 * together, and the memory of the result is asked for once.
 *
 * Not for: the format (png.c), other sizes (resample.c). */
#include "data/images.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data/file.h"
#include "data/png.h"
#include "data/resample.h"

struct image_file {
    const char *path;
    int label;
    struct png_size size;
};

struct loading {
    struct load_context *c;
    const struct images_options *o;
    const char *folder;
    ARRAY(const char *) classes;
    ARRAY(struct image_file) files;
    int n_others; /* files that are no images */
    const char *other;
    struct png_size size; /* of each image of the result */
};

/* ---- names */

struct entry {
    const char *name;
    bool folder;
};

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* What is in a folder, sorted, but for what is hidden. false: reported. */
static bool list_folder(struct loading *l, const char *path, struct entry **out, int *n) {
    struct arena *a = l->c->arena;
    ARRAY(struct entry) list = {0};
    DIR *dir = opendir(path);
    if (!dir) {
        diag_error(l->c->diags, E_FILE, l->c->at, "%s cannot be opened: %s", path, strerror(errno));
        return false;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        const char *full = arena_printf(a, "%s/%s", path, e->d_name);
        bool folder = stat(full, &st) == 0 && S_ISDIR(st.st_mode);
        array_push(a, &list, (struct entry){full, folder});
    }
    closedir(dir);
    if (list.n > 0)
        qsort(list.at, (size_t)list.n, sizeof *list.at, compare_entries);
    *out = list.at;
    *n = list.n;
    return true;
}

static bool ends_in(const char *name, const char *ending) {
    size_t n = strlen(name), k = strlen(ending);
    return n > k && name[n - k - 1] == '.' && strcasecmp(name + n - k, ending) == 0;
}

/* Takes the images among the entries. An image of another format is not passed over in silence. */
static bool add_files(struct loading *l, const struct entry *entries, int n, int label) {
    static const char *const formats[] = {"jpg", "jpeg", "gif",  "bmp", "tif",
                                          "tiff", "webp", "avif", "ppm", "pgm"};
    for (int i = 0; i < n; i++) {
        const char *path = entries[i].name;
        if (entries[i].folder)
            continue;
        if (ends_in(path, "png")) {
            array_push(l->c->arena, &l->files, (struct image_file){.path = path, .label = label});
            continue;
        }
        for (size_t k = 0; k < sizeof formats / sizeof *formats; k++)
            if (ends_in(path, formats[k])) {
                diag_help(file_report(l->c, path, "is no PNG image, and no others are read"),
                          "convert it, or take it out of the folder");
                return false;
            }
        l->other = l->n_others++ ? l->other : path;
    }
    return true;
}

static bool add_class(struct loading *l, const char *path) {
    struct entry *inside;
    int n, n_before = l->files.n;
    const char *slash = strrchr(path, '/');
    if (!list_folder(l, path, &inside, &n))
        return false;
    for (int i = 0; i < n; i++)
        if (inside[i].folder) {
            file_report(l->c, inside[i].name, "is a folder within a class: folders are classes");
            return false;
        }
    if (!add_files(l, inside, n, l->classes.n))
        return false;
    if (l->files.n == n_before) {
        file_report(l->c, path, "is a class without images");
        return false;
    }
    array_push(l->c->arena, &l->classes, slash + 1);
    return true;
}

static bool find_files(struct loading *l) {
    struct entry *inside;
    int n;
    if (!list_folder(l, l->folder, &inside, &n) || !add_files(l, inside, n, 0))
        return false;
    const char *stray = l->files.n ? l->files.at[0].path : NULL;
    for (int i = 0; i < n; i++) {
        if (!inside[i].folder)
            continue;
        if (stray) {
            file_report(l->c, stray, "stands beside the folder %s: folders are classes, and the "
                        "image is in none", inside[i].name);
            return false;
        }
        if (!add_class(l, inside[i].name))
            return false;
    }
    if (l->files.n > 0)
        return true;
    diag_error(l->c->diags, E_DATA_MISSING, l->c->at, "there is no PNG image in %s", l->folder);
    return false;
}

/* ---- sizes */

static const char *channels_words(int channels) {
    static const char *const words[] = {"", "gray", "gray and alpha", "RGB", "RGB and alpha"};
    return words[channels];
}

/* Two images that do not fit together. */
static bool report_sizes(struct loading *l, const struct image_file *a,
                         const struct image_file *b) {
    bool size = a->size.height != b->size.height || a->size.width != b->size.width;
    struct diag *d;
    if (size && !l->o->height) {
        d = file_report(l->c, b->path, "is %" PRId64 "x%" PRId64 ", but %s is %" PRId64 "x%" PRId64,
                        b->size.height, b->size.width, a->path, a->size.height, a->size.width);
        diag_help(d, "size=[%" PRId64 ", %" PRId64 "] makes all of them so", a->size.height,
                  a->size.width);
    } else {
        d = file_report(l->c, b->path, "is %s, but %s is %s", channels_words(b->size.channels),
                        a->path, channels_words(a->size.channels));
        diag_help(d, "channels=3 makes all of them RGB, channels=1 gray");
    }
    return false;
}

static bool read_sizes(struct loading *l) {
    const struct images_options *o = l->o;
    for (int i = 0; i < l->files.n; i++) {
        struct image_file *f = &l->files.at[i];
        char why[PNG_FAULT];
        if (file_interrupted(l->c, f->path))
            return false;
        if (!png_read_size(f->path, &f->size, why)) {
            file_report(l->c, f->path, "%s", why);
            return false;
        }
        const struct png_size *first = &l->files.at[0].size;
        bool size = o->height || (f->size.height == first->height && f->size.width == first->width);
        if (!size || (!o->channels && f->size.channels != first->channels))
            return report_sizes(l, &l->files.at[0], f);
    }
    l->size = l->files.at[0].size;
    if (o->height) {
        l->size.height = o->height;
        l->size.width = o->width;
    }
    if (o->channels)
        l->size.channels = o->channels;
    return true;
}

/* ---- pixels */

static bool report_memory(struct loading *l) {
    diag_error(l->c->diags, E_MEMORY, l->c->at, "not enough memory for %d images of %" PRId64
               "x%" PRId64 "x%d bytes", l->files.n, l->size.height, l->size.width,
               l->size.channels);
    return false;
}

static bool resize(struct loading *l, struct png_library *png, const struct image_file *f,
                   const struct file *bytes, uint8_t *out, char *why) {
    struct png_size size = f->size;
    size.channels = l->size.channels;
    uint8_t *pixels = calloc((size_t)(size.height * size.width), (size_t)size.channels);
    bool memory = pixels != NULL;
    bool ok = memory && png_decode(png, bytes->bytes, bytes->n, &size, pixels, why);
    if (ok)
        memory = resample_image(pixels, size.height, size.width, size.channels, out,
                                l->size.height, l->size.width);
    free(pixels);
    if (!memory)
        return report_memory(l);
    return ok;
}

static bool read_image(struct loading *l, struct png_library *png, const struct image_file *f,
                       uint8_t *out) {
    struct file bytes;
    char why[PNG_FAULT] = "";
    if (!file_read(l->c, f->path, &bytes))
        return false;
    bool fits = f->size.height == l->size.height && f->size.width == l->size.width;
    struct png_size size = l->size;
    bool ok = fits ? png_decode(png, bytes.bytes, bytes.n, &size, out, why)
                   : resize(l, png, f, &bytes, out, why);
    if (!ok && why[0])
        file_report(l->c, f->path, "%s", why);
    file_free(&bytes);
    return ok;
}

static bool read_images(struct loading *l, struct tensor *images) {
    int64_t image_bytes = l->size.height * l->size.width * l->size.channels;
    struct png_library *png = png_open();
    bool ok = png != NULL;
    if (!png)
        diag_error(l->c->diags, E_FILE, l->c->at,
                   "%s cannot be read: libpng16.so.16 (Debian package libpng16-16) is not to be "
                   "had",
                   l->files.at[0].path);
    for (int i = 0; i < l->files.n && ok; i++)
        ok = read_image(l, png, &l->files.at[i], (uint8_t *)images->data + i * image_bytes);
    free(png);
    return ok;
}

static struct dataset *make_set(struct loading *l) {
    int64_t n = l->files.n, dim[] = {n, l->size.height, l->size.width, l->size.channels};
    struct tensor *(*new)(enum dtype, int, const int64_t *) =
        l->c->dry ? tensor_new_phantom : tensor_new;
    struct tensor *images = new (DTYPE_U8, 4, dim), *labels = new (DTYPE_I32, 1, &n);
    if (!images || !labels)
        report_memory(l);
    if (!images || !labels || (!l->c->dry && !read_images(l, images))) {
        tensor_unref(images);
        tensor_unref(labels);
        return NULL;
    }
    struct dataset *d = dataset_new(l->c->arena, file_stem(l->c->arena, l->folder), l->c->seed);
    dataset_add_bytes(d, "images", images, 255);
    if (l->classes.n == 0) {
        tensor_unref(labels);
        return d;
    }
    for (int i = 0; i < l->files.n && !l->c->dry; i++)
        ((int32_t *)labels->data)[i] = l->files.at[i].label;
    struct categories *classes = arena_new(l->c->arena, struct categories);
    *classes = (struct categories){l->classes.n, l->classes.at};
    dataset_add_field(d, "labels", labels);
    dataset_set_categories(d, classes);
    return d;
}

bool load_images(struct load_context *c, const char *folder, const struct images_options *o,
                 struct dataset **out) {
    struct loading l = {.c = c, .o = o, .folder = file_find(c, folder)};
    if (!l.folder || !find_files(&l) || !read_sizes(&l))
        return false;
    *out = make_set(&l);
    if (*out && l.n_others == 1)
        file_remark(c, "1 file that is no image is left out: %s", l.other);
    if (*out && l.n_others > 1)
        file_remark(c, "%d files that are no images are left out: %s, ..", l.n_others, l.other);
    return *out != NULL;
}
