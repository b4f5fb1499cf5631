// Sorting and selecting entries of one word and of two.
#include "sort_entries.h"

enum { BITS = 8, BINS = 1 << BITS, PIECES = 16 };

#define ENTRY sort_narrow
#define NAME(x) x##_narrow
#define KEY(e) sort_narrow_key(e)
#define LESS(a, b) sort_narrow_less(a, b)
#define KEY_BITS 32
#include "bodies/sort_entries.inc"
#undef ENTRY
#undef NAME
#undef KEY
#undef LESS
#undef KEY_BITS

#define ENTRY sort_wide
#define NAME(x) x##_wide
#define KEY(e) sort_wide_key(e)
#define LESS(a, b) sort_wide_less(a, b)
#define KEY_BITS 64
#include "bodies/sort_entries.inc"
