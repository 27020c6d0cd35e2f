/* Reads IDX files strictly. In: a path and the number of dimensions expected. Out: the bytes as a
 * tensor and the SHA-256 of the uncompressed content. Promises: see idx.h.
 *
 * The format: four bytes of magic number (0, 0, element type 8 = unsigned byte, number of
 * dimensions), the sizes as big-endian 32-bit numbers, then the elements, last dimension fastest.
 * Content is inflated in pieces, and hashed piece by piece by another thread.
 *
 * Not for: knowing whose files they are, or where they lie (mnist.c). */
#include "data/idx.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/os.h"

enum { PIECE_BYTES = 1 << 16, MAX_IDX_RANK = 3 };

/* deflate cannot shrink data to less than 1/1032 (zlib's technical notes). */
enum { MAX_GZIP_RATIO = 1032 };

/* The largest content taken: 40 times MNIST's. A small file can announce much more. */
static const int64_t MAX_ELEMENTS = INT64_C(1) << 31;

struct stream {
    int fd;
    int64_t file_bytes;
    bool gzip;
    bool member_ended; /* between two gzip members, or after the last */
    z_stream z;
    struct checksum sum;
    struct checksum_follower *follower; /* while it hashes what is read; or NULL */
    int64_t n_read; /* uncompressed bytes given so far */
    bool sizes_only;
    struct idx *out;
    uint8_t in[PIECE_BYTES];
};

static bool fail(struct idx *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct idx *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(out->fault, sizeof out->fault, format, args);
    va_end(args);
    return false;
}

/* read(2) until n bytes or the end of the file; -1 on an error. */
static int64_t read_fully(int fd, uint8_t *to, int64_t n) {
    int64_t done = 0;
    while (done < n) {
        ssize_t got = read(fd, to + done, (size_t)(n - done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += got;
    }
    return done;
}

/* Gives compressed bytes to s->z when it has none. false: the file cannot be read. */
static bool refill(struct stream *s) {
    if (s->z.avail_in > 0)
        return true;
    int64_t got = read_fully(s->fd, s->in, PIECE_BYTES);
    if (got < 0)
        return fail(s->out, "cannot be read: %s", strerror(errno));
    s->z.next_in = s->in;
    s->z.avail_in = (uInt)got;
    return true;
}

/* Inflates up to n bytes (n <= PIECE_BYTES). *got < n only at the end of the file. */
static bool inflate_piece(struct stream *s, uint8_t *to, int64_t n, int64_t *got) {
    s->z.next_out = to;
    s->z.avail_out = (uInt)n;
    while (s->z.avail_out > 0) {
        if (!refill(s))
            return false;
        if (s->z.avail_in == 0) {
            if (s->member_ended)
                break;
            return fail(s->out,
                        "is truncated: its gzip stream breaks off after %" PRId64
                        " compressed bytes, %" PRId64 " bytes of content",
                        s->file_bytes, s->n_read + n - s->z.avail_out);
        }
        if (s->member_ended) {
            if (s->z.next_in[0] != 0x1f)
                return fail(s->out,
                            "is too long: it goes on after the end of its gzip stream, %" PRId64
                            " bytes of content",
                            s->n_read + n - s->z.avail_out);
            inflateReset(&s->z);
            s->member_ended = false;
        }
        int status = inflate(&s->z, Z_NO_FLUSH);
        if (status == Z_STREAM_END)
            s->member_ended = true;
        else if (status != Z_OK && status != Z_BUF_ERROR)
            return fail(s->out, "is corrupt: gzip finds \"%s\" after %" PRId64 " bytes of content",
                        s->z.msg ? s->z.msg : "a damaged stream", s->n_read + n - s->z.avail_out);
    }
    *got = n - s->z.avail_out;
    return true;
}

/* Reads exactly n bytes of content, or fewer at its end (*got). false: reported in s->out. */
static bool read_content(struct stream *s, uint8_t *to, int64_t n, int64_t *got) {
    *got = 0;
    while (*got < n) {
        int64_t want = n - *got < PIECE_BYTES ? n - *got : PIECE_BYTES, piece = 0;
        if (s->gzip) {
            if (!inflate_piece(s, to + *got, want, &piece))
                return false;
        } else if ((piece = read_fully(s->fd, to + *got, want)) < 0) {
            return fail(s->out, "cannot be read: %s", strerror(errno));
        }
        if (s->follower)
            checksum_ready(s->follower, (size_t)piece);
        else if (!s->sizes_only)
            checksum_add(&s->sum, to + *got, (size_t)piece);
        *got += piece;
        s->n_read += piece;
        if (piece < want)
            break;
    }
    return true;
}

/* A file that begins with a tag is a page that some server sent instead of the data. */
static bool is_web_page(const uint8_t *start, int64_t n, char *shown, size_t n_shown) {
    int64_t i = 0;
    while (i < n && (start[i] == ' ' || start[i] == '\n' || start[i] == '\r' || start[i] == '\t'))
        i++;
    if (i == n || start[i] != '<')
        return false;
    size_t k = 0;
    while (i < n && k + 1 < n_shown && start[i] >= ' ' && start[i] < 127) {
        shown[k++] = (char)start[i++];
        if (shown[k - 1] == '>')
            break;
    }
    shown[k] = '\0';
    return true;
}

/* Looks at the first bytes: empty, a web page, gzip or neither. */
static bool recognise(struct stream *s) {
    uint8_t start[64];
    char shown[24];
    int64_t n = read_fully(s->fd, start, sizeof start);
    if (n < 0 || lseek(s->fd, 0, SEEK_SET) != 0)
        return fail(s->out, "cannot be read: %s", strerror(errno));
    if (n == 0)
        return fail(s->out, "is empty");
    if (is_web_page(start, n, shown, sizeof shown))
        return fail(s->out, "begins with \"%s\": a web page, not the data", shown);
    s->gzip = n >= 2 && start[0] == 0x1f && start[1] == 0x8b;
    if (s->gzip && inflateInit2(&s->z, 16 + MAX_WBITS) != Z_OK)
        return fail(s->out, "cannot be inflated: no memory");
    return true;
}

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* "60000 x 28 x 28" */
static const char *print_sizes(char *buf, size_t n_buf, const int64_t *dim, int rank) {
    size_t at = 0;
    for (int i = 0; i < rank && at < n_buf; i++)
        at += (size_t)snprintf(buf + at, n_buf - at, "%s%" PRId64, i ? " x " : "", dim[i]);
    return buf;
}

/* Reads the header: gives the sizes and the number of elements. */
static bool read_header(struct stream *s, int rank, int64_t *dim, int64_t *n_elements) {
    uint8_t head[4 + 4 * MAX_IDX_RANK];
    int64_t head_bytes = 4 + 4 * rank, got;
    if (!read_content(s, head, head_bytes, &got))
        return false;
    if (got >= 4 && big_endian(head) != 0x0800u + (unsigned)rank)
        return fail(s->out, "has the magic number 0x%08" PRIx32 ", expected 0x%08x (%s)",
                    big_endian(head), 0x0800u + (unsigned)rank,
                    rank == 3 ? "images: unsigned bytes in three dimensions"
                              : "labels: unsigned bytes in one dimension");
    if (got < head_bytes)
        return fail(s->out, "is truncated: %" PRId64 " bytes, expected a header of %" PRId64, got,
                    head_bytes);
    *n_elements = 1;
    for (int i = 0; i < rank; i++) {
        dim[i] = big_endian(head + 4 + 4 * i);
        /* Each factor is below 2^32 and the product so far at most 2^31: no overflow. */
        *n_elements *= dim[i];
        if (dim[i] == 0 || dim[i] > INT32_MAX || *n_elements > MAX_ELEMENTS)
            return fail(s->out, "has an impossible header: dimension %d is %" PRId64, i + 1,
                        dim[i]);
    }
    return true;
}

/* Holds what the header announces against the size of the file, before any memory is taken for
 * it. */
static bool check_length(struct stream *s, const int64_t *dim, int rank, int64_t n_elements) {
    char sizes[64];
    int64_t expected = s->n_read + n_elements;
    print_sizes(sizes, sizeof sizes, dim, rank);
    if (s->gzip) {
        if (n_elements / MAX_GZIP_RATIO > s->file_bytes)
            return fail(s->out,
                        "is corrupt: its header announces %s bytes, more than its %" PRId64
                        " compressed bytes can hold",
                        sizes, s->file_bytes);
    } else if (s->file_bytes < expected) {
        return fail(s->out,
                    "is truncated: %" PRId64 " bytes, expected %" PRId64 " (a header of %" PRId64
                    " and %s)",
                    s->file_bytes, expected, s->n_read, sizes);
    } else if (s->file_bytes > expected) {
        return fail(s->out,
                    "is too long: %" PRId64 " bytes, expected %" PRId64 " (a header of %" PRId64
                    " and %s)",
                    s->file_bytes, expected, s->n_read, sizes);
    }
    return true;
}

static bool read_elements(struct stream *s, int rank, const int64_t *dim, int64_t n_elements) {
    struct idx *out = s->out;
    int64_t header_bytes = s->n_read, got, more;
    uint8_t extra;
    out->bytes = tensor_new_unset(DTYPE_U8, rank, dim);
    if (!out->bytes)
        return fail(out, "needs more memory than there is: %" PRId64 " bytes", n_elements);
    struct checksum_follower follower;
    checksum_follow(&follower, &s->sum, out->bytes->data);
    s->follower = &follower;
    bool ok = read_content(s, out->bytes->data, n_elements, &got);
    checksum_followed(&follower);
    s->follower = NULL;
    if (!ok)
        return false;
    if (got < n_elements)
        return fail(out, "is truncated: %" PRId64 " bytes of content, expected %" PRId64, s->n_read,
                    header_bytes + n_elements);
    /* Asking for one more byte also makes zlib compare its check sum. */
    if (!read_content(s, &extra, 1, &more))
        return false;
    if (more > 0)
        return fail(out, "is too long: it goes on after the %" PRId64 " bytes of content expected",
                    header_bytes + n_elements);
    return true;
}

static bool read_stream(struct stream *s, int rank) {
    int64_t dim[MAX_IDX_RANK], n_elements = 0;
    if (!recognise(s) || !read_header(s, rank, dim, &n_elements))
        return false;
    if (!s->sizes_only)
        return check_length(s, dim, rank, n_elements) && read_elements(s, rank, dim, n_elements);
    s->out->bytes = tensor_new_phantom(DTYPE_U8, rank, dim);
    return s->out->bytes != NULL;
}

static bool read_path(const char *path, int rank, bool sizes_only, struct idx *out) {
    struct stream s = {.out = out, .sizes_only = sizes_only};
    char why[OS_FAULT];
    bool ok = false;
    memset(out, 0, sizeof *out);
    s.fd = os_open_file(path, &s.file_bytes, why);
    if (s.fd < 0)
        return fail(out, "%s", why);
    if (!sizes_only && !checksum_open(&s.sum)) {
        fail(out, "cannot be checked: libcrypto.so.3 (Debian package libssl3) is not to be had");
    } else {
        ok = read_stream(&s, rank);
        if (!sizes_only)
            checksum_close(&s.sum, ok ? out->sha256 : NULL);
    }
    if (s.gzip)
        inflateEnd(&s.z);
    close(s.fd);
    if (!ok) {
        tensor_unref(out->bytes);
        out->bytes = NULL;
    }
    return ok;
}

bool idx_read(const char *path, int rank, struct idx *out) {
    return read_path(path, rank, false, out);
}

bool idx_read_sizes(const char *path, int rank, struct idx *out) {
    return read_path(path, rank, true, out);
}
