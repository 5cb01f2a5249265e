/* unicode.c - classes, NFC and lower case over utf8proc.
 *
 * The tables hold only what utf8proc 2.8 (Unicode 15) or one of its successors says otherwise
 * than the tokenizers library.
 */
#include "text/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/size.h"
#include "base/utf8.h"

typedef struct class_range {
    uint32_t first, last;
    oc_text_class class;
} class_range;

/* Letters and numbers of Unicode 15.1 and 16; what later versions add is neither. */
#define L OC_TEXT_LETTER
#define N OC_TEXT_NUMBER
#define O OC_TEXT_OTHER
static const class_range young_classes[] = {
    {0x558, 0x558, O},     {0x58b, 0x58c, O},     {0x88f, 0x88f, O},     {0xc5c, 0xc5c, O},
    {0xcdc, 0xcdc, O},     {0x1c89, 0x1c8a, L},   {0x208f, 0x208f, O},   {0x209d, 0x209f, O},
    {0xa7cb, 0xa7cd, L},   {0xa7ce, 0xa7cf, O},   {0xa7d2, 0xa7d2, O},   {0xa7d4, 0xa7d4, O},
    {0xa7da, 0xa7dc, L},   {0xa7dd, 0xa7dd, O},   {0xa7e2, 0xa7e2, O},   {0xa7f1, 0xa7f1, O},
    {0xab6c, 0xab6d, O},   {0x105c0, 0x105f3, L}, {0x107bb, 0x107bf, O}, {0x10940, 0x10959, O},
    {0x10d40, 0x10d49, N}, {0x10d4a, 0x10d65, L}, {0x10d6f, 0x10d85, L}, {0x10ec2, 0x10ec4, L},
    {0x10ec5, 0x10ec7, O}, {0x10ed9, 0x10eee, O}, {0x11380, 0x11389, L}, {0x1138b, 0x1138b, L},
    {0x1138e, 0x1138e, L}, {0x11390, 0x113b5, L}, {0x113b7, 0x113b7, L}, {0x113d1, 0x113d1, L},
    {0x113d3, 0x113d3, L}, {0x116d0, 0x116e3, N}, {0x11b0a, 0x11b0a, O}, {0x11bc0, 0x11be0, L},
    {0x11bf0, 0x11bf9, N}, {0x11db0, 0x11ddb, O}, {0x11de0, 0x11de9, O}, {0x11df1, 0x11df1, O},
    {0x1246f, 0x1246f, O}, {0x12475, 0x1247f, O}, {0x12550, 0x12686, O}, {0x13460, 0x143fa, L},
    {0x16100, 0x1611d, L}, {0x16130, 0x16139, N}, {0x16d40, 0x16d6c, L}, {0x16d70, 0x16d79, N},
    {0x16ea0, 0x16eb8, O}, {0x16ebb, 0x16ed3, O}, {0x16ff2, 0x16ff6, O}, {0x187f8, 0x187ff, O},
    {0x18cd6, 0x18cda, O}, {0x18cff, 0x18cff, L}, {0x18d09, 0x18d20, O}, {0x18d80, 0x18df2, O},
    {0x18e00, 0x19191, O}, {0x191a0, 0x191d2, O}, {0x1b123, 0x1b128, O}, {0x1b168, 0x1b168, O},
    {0x1ccf0, 0x1ccf9, N}, {0x1d6a6, 0x1d6a6, O}, {0x1df1f, 0x1df24, O}, {0x1df2b, 0x1df81, O},
    {0x1df90, 0x1df96, O}, {0x1dfcd, 0x1dfff, O}, {0x1e5d0, 0x1e5ed, L}, {0x1e5f0, 0x1e5f0, L},
    {0x1e5f1, 0x1e5fa, N}, {0x1e6c0, 0x1e6de, O}, {0x1e6e0, 0x1e6e2, O}, {0x1e6e4, 0x1e6e5, O},
    {0x1e6e7, 0x1e6ed, O}, {0x1e6f0, 0x1e6f4, O}, {0x1e6fe, 0x1e6ff, O}, {0x2b73a, 0x2b73f, O},
    {0x2b81e, 0x2b81e, O}, {0x2cea2, 0x2cead, O}, {0x2ebf0, 0x2ee5d, L}, {0x323b0, 0x33479, O},
    {0x3d000, 0x3fc3f, O},
};
#undef L
#undef N
#undef O

typedef struct codepoint_range {
    uint32_t first, last;
} codepoint_range;

/* Combining marks and composing letters younger than Unicode 9.  Composition knows none of them:
 * they stay where they are and keep what stands on their two sides apart.  So does U+11A7, which
 * utf8proc 2.8 would swallow behind a Hangul syllable. */
static const codepoint_range uncomposed[] = {
    {0x5c8, 0x5c9},     {0x7fd, 0x7fd},     {0x897, 0x89f},     {0x8ca, 0x8d3},
    {0x9fe, 0x9fe},     {0xc3c, 0xc3c},     {0xd3b, 0xd3c},     {0xeba, 0xeba},
    {0x11a7, 0x11a7},   {0x1715, 0x1715},   {0x1abf, 0x1af0},   {0x1df6, 0x1dfa},
    {0xa82c, 0xa82c},   {0x105c0, 0x105ff}, {0x10d24, 0x10d27}, {0x10d69, 0x10d6d},
    {0x10eab, 0x10eac}, {0x10ecb, 0x10ecf}, {0x10ef0, 0x10efb}, {0x10efd, 0x10eff},
    {0x10f46, 0x10f50}, {0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b},
    {0x11380, 0x113ff}, {0x1145e, 0x1145e}, {0x11839, 0x1183a}, {0x11900, 0x1195f},
    {0x119e0, 0x119e0}, {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99},
    {0x11d42, 0x11d42}, {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42},
    {0x16100, 0x1613f}, {0x16d40, 0x16d7f}, {0x16ff0, 0x16ff1}, {0x1d127, 0x1d128},
    {0x1d250, 0x1d252}, {0x1d25b, 0x1d25c}, {0x1d25f, 0x1d25f}, {0x1d280, 0x1d281},
    {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef},
    {0x1e4ec, 0x1e4ef}, {0x1e5ee, 0x1e5ef}, {0x1e6e3, 0x1e6e3}, {0x1e6e6, 0x1e6e6},
    {0x1e6ee, 0x1e6ef}, {0x1e6f5, 0x1e6f5},
};

typedef struct case_range {
    uint32_t first, last, lower; /* first .. last map to lower .. */
} case_range;

/* Upper case of Unicode 16 and 17. */
static const case_range young_cases[] = {
    {0x1c89, 0x1c89, 0x1c8a},    {0xa7cb, 0xa7cb, 0x264},  {0xa7cc, 0xa7cc, 0xa7cd},
    {0xa7ce, 0xa7ce, 0xa7cf},    {0xa7d2, 0xa7d2, 0xa7d3}, {0xa7d4, 0xa7d4, 0xa7d5},
    {0xa7da, 0xa7da, 0xa7db},    {0xa7dc, 0xa7dc, 0x19b},  {0x10d50, 0x10d65, 0x10d70},
    {0x16ea0, 0x16eb8, 0x16ebb},
};

/* Finds the range that holds `point` in a table of ranges in order; NULL if there is none.
 * Each kind of range starts with its first and last code point. */
static const void *find_range(const void *table, size_t count, size_t size, uint32_t point) {
    const char *from = table;
    while (count > 0) {
        const char *middle = from + count / 2 * size;
        codepoint_range range;
        memcpy(&range, middle, sizeof range);
        if (point < range.first) {
            count /= 2;
        } else if (point > range.last) {
            from = middle + size;
            count -= count / 2 + 1;
        } else {
            return middle;
        }
    }
    return NULL;
}

#define FIND_RANGE(table, point) find_range((table), OC_COUNT(table), sizeof(table)[0], (point))

static bool is_space(uint32_t point) {
    return (point >= 0x9 && point <= 0xd) || point == 0x20 || point == 0x85 || point == 0xa0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
           point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

oc_text_class oc_text_classify(uint32_t point) {
    if (is_space(point)) {
        return OC_TEXT_SPACE;
    }
    if (point < 0x80) {
        return (point | 0x20) - 'a' < 26    ? OC_TEXT_LETTER
               : point - (uint32_t)'0' < 10 ? OC_TEXT_NUMBER
                                            : OC_TEXT_OTHER;
    }
    const class_range *young = FIND_RANGE(young_classes, point);
    if (young) {
        return young->class;
    }
    switch (utf8proc_category((utf8proc_int32_t)point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return OC_TEXT_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return OC_TEXT_NUMBER;
    default:
        return OC_TEXT_OTHER;
    }
}

void oc_text_free(oc_text *text) {
    free(text->points);
    free(text->marks);
    *text = (oc_text){0};
}

static octavo_status grow(void **array, size_t *capacity, size_t count, size_t element,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = 0;
    if (count <= *capacity) {
        goto done;
    }
    count += count / 2;
    void *grown = oc_mul_size(count, element, &bytes) ? realloc(*array, bytes) : NULL;
    if (!grown) {
        OC_NO_MEMORY(error, bytes);
    }
    *array = grown;
    *capacity = count;
done:
    return status;
}

static octavo_status reserve_points(oc_text *text, size_t count, octavo_error *error) {
    return grow((void **)&text->points, &text->capacity, count, sizeof *text->points, error);
}

octavo_status oc_text_decode(oc_slice bytes, oc_text *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    out->count = 0;
    OC_TRY(reserve_points(out, bytes.length, error));
    for (size_t at = 0, used; at < bytes.length; at += used) {
        (void)oc_utf8_read(bytes.data + at, bytes.length - at, &out->points[out->count++], &used);
    }
done:
    return status;
}

/* -- NFC ---------------------------------------------------------------------------------- */

/* A decomposed character: combining class, place and code point, so that sorting a run of
 * marks by value is the canonical ordering. */
static uint64_t mark_of(uint32_t combining, size_t place, uint32_t point) {
    return (uint64_t)combining << 56 | (uint64_t)place << 24 | point;
}

static uint32_t mark_class(uint64_t mark) {
    return (uint32_t)(mark >> 56);
}

static uint32_t mark_point(uint64_t mark) {
    return (uint32_t)(mark & 0xffffff);
}

static int compare_marks(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

enum { DECOMPOSED_MAX = 4 }; /* no character has a longer canonical decomposition */

/* Decomposes into out->marks, in canonical order; returns how many by *length. */
static octavo_status decompose(const uint32_t *points, size_t count, oc_text *out, size_t *length,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t n = 0, run = 0; /* out->marks[run .. n) are marks in a row */
    bool ordered = true;
    for (size_t i = 0; i <= count; i++) {
        utf8proc_int32_t parts[DECOMPOSED_MAX] = {0};
        utf8proc_ssize_t part_count = 1;
        bool plain = i == count || FIND_RANGE(uncomposed, points[i]);
        if (plain) {
            parts[0] = i == count ? 0 : (utf8proc_int32_t)points[i];
        } else {
            int boundary = 0;
            part_count = utf8proc_decompose_char((utf8proc_int32_t)points[i], parts, DECOMPOSED_MAX,
                                                 UTF8PROC_DECOMPOSE, &boundary);
            OC_ASSERT(part_count >= 1 && part_count <= DECOMPOSED_MAX);
        }
        OC_TRY(grow((void **)&out->marks, &out->marks_capacity, n + DECOMPOSED_MAX,
                    sizeof *out->marks, error));
        for (utf8proc_ssize_t k = 0; k < part_count; k++) {
            const utf8proc_property_t *property = utf8proc_get_property(parts[k]);
            uint32_t combining = plain ? 0 : (uint32_t)property->combining_class;
            if (combining == 0) {
                if (!ordered) {
                    qsort(out->marks + run, n - run, sizeof *out->marks, compare_marks);
                }
                ordered = true;
                run = n + 1;
            } else if (n > run && combining < mark_class(out->marks[n - 1])) {
                ordered = false;
            }
            out->marks[n] = mark_of(combining, n, (uint32_t)parts[k]);
            n++;
        }
    }
    *length = n - 1; /* without the end that closed the last run */
done:
    return status;
}

static octavo_status compose(const uint32_t *points, size_t count, oc_text *out,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t length = 0;
    OC_TRY(decompose(points, count, out, &length, error));
    OC_TRY(reserve_points(out, length, error));
    for (size_t i = 0; i < length; i++) {
        out->points[i] = mark_point(out->marks[i]);
    }
    out->count = 0;
    for (size_t from = 0, to; from < length; from = to + 1) {
        for (to = from; to < length && !FIND_RANGE(uncomposed, out->points[to]); to++) {
        }
        utf8proc_ssize_t composed = 0;
        if (to > from) {
            composed = utf8proc_normalize_utf32((utf8proc_int32_t *)out->points + from,
                                                (utf8proc_ssize_t)(to - from),
                                                UTF8PROC_COMPOSE | UTF8PROC_STABLE);
            OC_ASSERT(composed > 0);
        }
        memmove(out->points + out->count, out->points + from,
                (size_t)composed * sizeof *out->points);
        out->count += (size_t)composed;
        if (to < length) {
            out->points[out->count++] = out->points[to];
        }
    }
done:
    return status;
}

/* -- normalisation ---------------------------------------------------------------------------- */

enum { CAPITAL_I_WITH_DOT = 0x130, COMBINING_DOT = 0x307 };

/* Every character but one has one lower-case character. */
static uint32_t lower(uint32_t point) {
    if (point < 0x80) {
        return point - (uint32_t)'A' < 26 ? point + 32 : point;
    }
    if (point == CAPITAL_I_WITH_DOT) {
        return 'i'; /* and a combining dot */
    }
    const case_range *young = FIND_RANGE(young_cases, point);
    return young ? young->lower + (point - young->first)
                 : (uint32_t)utf8proc_tolower((utf8proc_int32_t)point);
}

octavo_status oc_text_normalise(const uint32_t *points, size_t count, oc_text *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool composed = true; /* below U+0300 nothing combines */
    size_t dotted = 0;
    for (size_t i = 0; i < count; i++) {
        composed &= points[i] < 0x300;
    }
    if (composed) {
        OC_TRY(reserve_points(out, count, error));
        out->count = count;
        if (count > 0) {
            memcpy(out->points, points, count * sizeof *points);
        }
    } else {
        OC_TRY(compose(points, count, out, error));
    }
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        bool space = is_space(out->points[i]);
        if (space && kept > 0 && out->points[kept - 1] == ' ') {
            continue;
        }
        dotted += out->points[i] == CAPITAL_I_WITH_DOT;
        out->points[kept++] = space ? ' ' : out->points[i];
    }
    out->count = kept;
    OC_TRY(reserve_points(out, kept + dotted, error));
    for (size_t from = kept, to = kept + dotted; from > 0; from--) {
        uint32_t point = out->points[from - 1];
        if (point == CAPITAL_I_WITH_DOT) {
            out->points[--to] = COMBINING_DOT;
        }
        out->points[--to] = lower(point);
    }
    out->count = kept + dotted;
done:
    return status;
}
