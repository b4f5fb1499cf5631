// A stand-in for cuDNN's graph API: checks what is set on descriptors, and computes with plain loops. A graph is one convolution, or any
// number of products, pointwise operations, reductions and reshapes, which are computed one after another.
//
// EMBER_REAL_CUDNN: the path of a real library. Then it must accept every descriptor too, and its heuristics and engines for an H100 are
// asked, which needs no GPU; the loops here still compute.
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

enum { success = 0, bad_parameter = 2000, not_finalized = 2004, not_supported = 3000, most_attributes = 16, most_values = 32 };
enum { POINTWISE, CONVOLUTION, ENGINE, CONFIGURATION, HEURISTIC, PLAN, FORWARD = 10, FILTER, DATA, POINTWISE_OPERATION, GRAPH = 15, PACK };
enum { TENSOR = 17, PRODUCT, PRODUCT_OPERATION, REDUCTION = 21, REDUCTION_OPERATION, RESHAPE_OPERATION = 31 };
enum { HANDLE, DATA_TYPE, BOOLEAN, INTEGER, FLOAT, DOUBLE, POINTER, CONVOLUTION_MODE, HEURISTIC_MODE, NUMERICAL_NOTE = 11 };
enum { POINTWISE_MODE = 14, DESCRIPTOR = 15, REDUCTION_OPERATOR = 18 };

struct attribute {
  int name, type;
  int64_t count;
  int64_t values[most_values];  // of 1, 4 or 8 bytes each, as they came
};
struct descriptor {
  int kind;
  bool is_finished;
  int index;  // of an engine or its configuration
  int attributes;
  struct attribute all[most_attributes];
  void *real;
};

static char last_error[512];
static int refuse(int status, const char *reason, int number) {
  snprintf(last_error, sizeof last_error, "fake: %s (%d)", reason, number);
  return status;
}

// MARK: The real library

static struct {
  bool is_asked, is_open;
  int (*create)(int, void **), (*destroy)(void *), (*finalize)(void *);
  int (*set)(void *, int, int, int64_t, const void *), (*get)(void *, int, int, int64_t, int64_t *, void *);
  void (*error)(char *, size_t);
  void *properties;
} real;

static const char h100[] =
  "{\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],\"regsPerBlock\":65536,\"multiProcessorCount\":132,"
  "\"smCountOrigin\":0,\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":32,\"maxThreadsPerSM\":2048,\"pciDeviceId\":0,\"isTccDriver\":0,"
  "\"supportCoopLaunch\":1,\"deviceName\":\"NVIDIA H100 80GB HBM3\",\"warpSize\":32,\"maxSharedMemoryPerBlock\":49152,"
  "\"maxSharedMemoryPerBlockOptin\":232448,\"oversizedSharedMemoryPerBlock\":0,\"reservedSharedMemoryPerBlock\":1024,"
  "\"maxThreadsPerBlock\":1024,\"smClockRateKHz\":1980000,\"memClockRateKHz\":2619000,\"memoryBusWidth\":5120,"
  "\"deviceVer\":900,\"driverVer\":13000,\"totalGlobalMem\":85000000000,\"l2CacheSize\":52428800,\"cudaDeviceId\":0}";

static void open_real(void) {
  if (real.is_asked) return;
  real.is_asked = true;
  const char *path = getenv("EMBER_REAL_CUDNN");
  void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  if (path && !library) fprintf(stderr, "fake cuDNN: %s\n", dlerror());
  if (!library) return;
  *(void **)&real.create = dlsym(library, "cudnnBackendCreateDescriptor");
  *(void **)&real.destroy = dlsym(library, "cudnnBackendDestroyDescriptor");
  *(void **)&real.finalize = dlsym(library, "cudnnBackendFinalize");
  *(void **)&real.set = dlsym(library, "cudnnBackendSetAttribute");
  *(void **)&real.get = dlsym(library, "cudnnBackendGetAttribute");
  *(void **)&real.error = dlsym(library, "cudnnGetLastErrorString");
  real.is_open = real.create && real.finalize && real.set && real.get && real.error;
  // 38: properties of a device; 2702: as JSON, of characters (24).
  if (real.is_open && (real.create(38, &real.properties) || real.set(real.properties, 2702, 24, sizeof h100, h100) ||
                       real.finalize(real.properties))) {
    real.error(last_error, sizeof last_error);
    fprintf(stderr, "fake cuDNN: the real one does not know an H100: %s\n", last_error);
    real.is_open = false;
  }
}
static int real_status(int status) {
  if (status) real.error(last_error, sizeof last_error);
  return status;
}

// MARK: The API

size_t cudnnGetVersion(void) { return 91900; }
const char *cudnnGetErrorString(int status) { return status == not_supported ? "CUDNN_STATUS_NOT_SUPPORTED" : "CUDNN_STATUS_OF_FAKE"; }
void cudnnGetLastErrorString(char *text, size_t bytes) { snprintf(text, bytes, "%s", last_error); }
int cudnnCreate(void **handle) {
  open_real();
  *handle = &last_error;
  return success;
}
int cudnnDestroy(void *handle) { (void)handle; return success; }
static struct stream *current_stream;
int cudnnSetStream(void *handle, void *stream) {
  if (!handle || !stream) return bad_parameter;
  current_stream = stream;
  return success;
}

int cudnnBackendCreateDescriptor(int kind, void **result) {
  struct descriptor *d = calloc(1, sizeof *d);
  d->kind = kind;
  *result = d;
  return real.is_open ? real_status(real.create(kind, &d->real)) : success;
}
int cudnnBackendDestroyDescriptor(void *pointer) {
  struct descriptor *d = pointer;
  if (d->real) real.destroy(d->real);
  memset(d, 0xff, sizeof *d);
  free(d);
  return success;
}

static struct attribute *find(const struct descriptor *d, int name) {
  for (int i = 0; i < d->attributes; i++)
    if (d->all[i].name == name) return (struct attribute *)&d->all[i];
  return NULL;
}
static int64_t integer(const struct descriptor *d, int name, int at) { return find(d, name)->values[at]; }
static int enumeration(const struct descriptor *d, int name) { return *(int *)find(d, name)->values; }
static struct descriptor *part(const struct descriptor *d, int name) { return (struct descriptor *)(intptr_t)find(d, name)->values[0]; }

/// What each attribute takes. -1: float or double.
static const struct { int kind, name, type; } known[] = {
  {CONVOLUTION, 100, DATA_TYPE}, {CONVOLUTION, 101, CONVOLUTION_MODE}, {CONVOLUTION, 102, INTEGER}, {CONVOLUTION, 103, INTEGER},
  {CONVOLUTION, 104, INTEGER}, {CONVOLUTION, 105, INTEGER}, {CONVOLUTION, 106, INTEGER},
  {HEURISTIC, 200, HEURISTIC_MODE}, {HEURISTIC, 201, DESCRIPTOR}, {PLAN, 400, HANDLE}, {PLAN, 401, DESCRIPTOR},
  {FORWARD, 700, -1}, {FORWARD, 701, -1}, {FORWARD, 702, DESCRIPTOR}, {FORWARD, 703, DESCRIPTOR}, {FORWARD, 704, DESCRIPTOR},
  {FORWARD, 705, DESCRIPTOR}, {DATA, 706, -1}, {DATA, 707, -1}, {DATA, 708, DESCRIPTOR}, {DATA, 709, DESCRIPTOR}, {DATA, 710, DESCRIPTOR},
  {DATA, 711, DESCRIPTOR}, {FILTER, 712, -1}, {FILTER, 713, -1}, {FILTER, 714, DESCRIPTOR}, {FILTER, 715, DESCRIPTOR},
  {FILTER, 716, DESCRIPTOR}, {FILTER, 717, DESCRIPTOR}, {GRAPH, 800, HANDLE}, {GRAPH, 801, DESCRIPTOR},
  {TENSOR, 900, INTEGER}, {TENSOR, 901, DATA_TYPE}, {TENSOR, 902, INTEGER}, {TENSOR, 903, INTEGER}, {TENSOR, 906, INTEGER},
  {TENSOR, 907, BOOLEAN}, {TENSOR, 908, BOOLEAN},
  {PACK, 1000, INTEGER}, {PACK, 1001, POINTER}, {PACK, 1003, POINTER},
  {POINTWISE, 0, POINTWISE_MODE}, {POINTWISE, 1, DATA_TYPE}, {POINTWISE, 9, INTEGER},
  {POINTWISE_OPERATION, 750, DESCRIPTOR}, {POINTWISE_OPERATION, 751, DESCRIPTOR}, {POINTWISE_OPERATION, 752, DESCRIPTOR},
  {POINTWISE_OPERATION, 753, DESCRIPTOR}, {POINTWISE_OPERATION, 754, -1}, {POINTWISE_OPERATION, 755, -1},
  {POINTWISE_OPERATION, 758, DESCRIPTOR}, {PRODUCT, 1500, DATA_TYPE}, {PRODUCT_OPERATION, 1520, DESCRIPTOR},
  {PRODUCT_OPERATION, 1521, DESCRIPTOR}, {PRODUCT_OPERATION, 1522, DESCRIPTOR}, {PRODUCT_OPERATION, 1523, DESCRIPTOR},
  {REDUCTION, 1600, REDUCTION_OPERATOR}, {REDUCTION, 1601, DATA_TYPE}, {REDUCTION_OPERATION, 1610, DESCRIPTOR},
  {REDUCTION_OPERATION, 1611, DESCRIPTOR}, {REDUCTION_OPERATION, 1612, DESCRIPTOR}, {RESHAPE_OPERATION, 2200, DESCRIPTOR},
  {RESHAPE_OPERATION, 2201, DESCRIPTOR},
};
static bool is_optional(int name) { return name == 907 || name == 908 || name == 9 || name == 752 || name == 758; }

int cudnnBackendSetAttribute(void *pointer, int name, int type, int64_t count, const void *values) {
  struct descriptor *d = pointer;
  if (d->is_finished) return refuse(bad_parameter, "set after it was finished", name);
  int expected = -2;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].kind == d->kind && known[i].name == name) expected = known[i].type;
  if (expected == -2) return refuse(bad_parameter, "no such attribute of this descriptor", name);
  if (expected == -1 ? type != FLOAT && type != DOUBLE : type != expected) return refuse(2010, "wrong type of attribute", name);
  if (count < 1 || count > most_values || d->attributes == most_attributes) return refuse(bad_parameter, "wrong count", name);
  struct attribute *a = find(d, name) ? find(d, name) : &d->all[d->attributes++];
  a->name = name, a->type = type, a->count = count;
  const bool is_word = type == DATA_TYPE || type == CONVOLUTION_MODE || type == HEURISTIC_MODE || type == POINTWISE_MODE ||
                       type == REDUCTION_OPERATOR || type == FLOAT;
  memcpy(a->values, values, (size_t)count * (type == BOOLEAN ? 1 : is_word ? 4 : 8));
  if (!real.is_open) return success;
  if (name == 800) return success;
  if (name == 400) return real_status(real.set(d->real, 407, DESCRIPTOR, 1, &real.properties));
  void *parts[most_values];
  if (type == DESCRIPTOR) {
    for (int i = 0; i < count; i++) parts[i] = ((struct descriptor *)(intptr_t)a->values[i])->real;
    values = parts;
  }
  return real_status(real.set(d->real, name, type, count, values));
}

// The names of a convolution's attributes.
struct names { int first, x, w, y; };
static struct names names_of(int kind) {
  if (kind == FORWARD) return (struct names){700, 704, 703, 705};
  if (kind == DATA) return (struct names){706, 710, 709, 711};
  return (struct names){712, 716, 715, 717};
}

static int check(const struct descriptor *d) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (known[i].kind != d->kind) continue;
    const struct attribute *a = find(d, known[i].name);
    if (!a && is_optional(known[i].name)) continue;
    if (!a) return refuse(bad_parameter, "missing attribute", known[i].name);
    for (int j = 0; a->type == DESCRIPTOR && j < a->count; j++)
      if (!((struct descriptor *)(intptr_t)a->values[j])->is_finished) return refuse(not_finalized, "unfinished part", known[i].name);
  }
  if (d->kind == TENSOR) {
    const struct attribute *extents = find(d, 902), *strides = find(d, 903);
    if (extents->count != strides->count || extents->count < 4) return refuse(bad_parameter, "rank of a tensor", (int)extents->count);
    for (int i = 0; i < extents->count; i++)
      if (extents->values[i] < 1 || strides->values[i] < 1) return refuse(bad_parameter, "extent or stride", i);
  }
  if (d->kind == CONVOLUTION)
    for (int name = 102; name <= 105; name++)
      if (find(d, name)->count != integer(d, 106, 0)) return refuse(bad_parameter, "count for the spatial rank", name);
  if (d->kind == FORWARD || d->kind == DATA || d->kind == FILTER) {
    const struct names n = names_of(d->kind);
    const struct descriptor *x = part(d, n.x), *w = part(d, n.w), *y = part(d, n.y), *c = part(d, n.first + 2);
    const int rank = (int)integer(c, 106, 0);
    if (find(x, 902)->count != rank + 2 || find(w, 902)->count != rank + 2 || find(y, 902)->count != rank + 2)
      return refuse(bad_parameter, "spatial rank", rank);
    if (find(d, n.first)->type != (enumeration(c, 100) == 1 ? DOUBLE : FLOAT)) return refuse(bad_parameter, "type of alpha", n.first);
    for (int i = 0; i < rank; i++) {
      const int64_t reach = integer(c, 102, i) * (integer(w, 902, i + 2) - 1) + 1;
      const int64_t room = integer(x, 902, i + 2) + integer(c, 105, i) + integer(c, 104, i) - reach;
      if (room < 0 || room / integer(c, 103, i) + 1 != integer(y, 902, i + 2)) return refuse(2008, "extent of the output", i);
    }
    if (integer(x, 902, 0) != integer(y, 902, 0) || integer(w, 902, 0) != integer(y, 902, 1) ||
        integer(x, 902, 1) % integer(w, 902, 1) != 0) return refuse(2008, "batch or channels", 0);
  }
  // So that callers must go on to the next engine.
  if (d->kind == PLAN && !real.is_open && part(d, 401)->index == 0) return refuse(not_supported, "the first engine never works", 0);
  return success;
}

int cudnnBackendFinalize(void *pointer) {
  struct descriptor *d = pointer;
  if (d->is_finished) return refuse(bad_parameter, "finished twice", d->kind);
  int status = check(d);
  if (!status && real.is_open) {
    if (d->kind == HEURISTIC) status = real_status(real.set(d->real, 204, DESCRIPTOR, 1, &real.properties));
    if (!status) status = real_status(real.finalize(d->real));
  }
  d->is_finished = !status;
  return status;
}

int cudnnBackendGetAttribute(void *pointer, int name, int type, int64_t requested, int64_t *count, void *values) {
  struct descriptor *d = pointer;
  struct descriptor **parts = values;
  if (d->kind != CONFIGURATION && d->kind != ENGINE && !d->is_finished) return refuse(not_finalized, "read before it was finished", name);
  if (real.is_open) {
    void *pointers[64];
    if (type == DESCRIPTOR && requested > 64) return refuse(bad_parameter, "more than 64 descriptors", name);
    if (type == DESCRIPTOR) for (int i = 0; i < requested; i++) pointers[i] = parts[i]->real;
    const int status = real.get(d->real, name, type, requested, count, type == DESCRIPTOR && requested ? pointers : values);
    if (status) return real_status(status);
    for (int i = 0; type == DESCRIPTOR && i < requested && i < *count; i++) parts[i]->real = pointers[i];
  }
  if (d->kind == HEURISTIC && name == 202) {
    if (!real.is_open) *count = requested && requested < 3 ? requested : 3;
    for (int i = 0; i < requested && i < *count; i++) {
      parts[i]->index = i;
      // What the plan executes.
      parts[i]->all[0] = *find(d, 201);
      parts[i]->attributes = 1;
      parts[i]->is_finished = true;
    }
    return success;
  }
  if (real.is_open) return success;
  if (d->kind == CONFIGURATION && name == 300 && requested == 1) {
    parts[0]->index = d->index;
    parts[0]->is_finished = true;
    *count = 1;
    return success;
  }
  if (d->kind == ENGINE && name == 1303 && type == NUMERICAL_NOTE) {
    // The second engine rounds float32 and uses tensor cores, the last one does neither.
    *count = d->index == 1 ? 2 : 0;
    for (int i = 0; i < *count && i < requested; i++) ((int *)values)[i] = i;
    return success;
  }
  if (d->kind == PLAN && name == 402 && type == INTEGER && requested == 1) {
    *(int64_t *)values = part(d, 401)->index * 100;
    *count = 1;
    return success;
  }
  return refuse(bad_parameter, "no such attribute to read", name);
}

// MARK: Execution

// float, double, _Float16, int32, bfloat16, bool
static double load(int type, const void *base, int64_t at) {
  if (type == 0) return ((const float *)base)[at];
  if (type == 1) return ((const double *)base)[at];
  if (type == 2) return (double)((const _Float16 *)base)[at];
  if (type == 4) return ((const int32_t *)base)[at];
  if (type == 11) return ((const bool *)base)[at];
  const uint32_t bits = (uint32_t)((const uint16_t *)base)[at] << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
static void store(int type, void *base, int64_t at, double value) {
  if (type == 0) ((float *)base)[at] = (float)value;
  else if (type == 1) ((double *)base)[at] = value;
  else if (type == 2) ((_Float16 *)base)[at] = (_Float16)value;
  else if (type == 4) ((int32_t *)base)[at] = (int32_t)value;
  else if (type == 11) ((bool *)base)[at] = value != 0;
  else {
    const float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, 4);
    ((uint16_t *)base)[at] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
}

static int64_t offset(const struct descriptor *t, const int64_t *at, int rank) {
  int64_t sum = 0;
  for (int i = 0; i < rank + 2; i++) sum += at[i] * integer(t, 903, i);
  return sum;
}
// The next place in row-major order; false after the last.
static bool advance(const struct descriptor *t, int64_t *at, int rank) {
  for (int i = rank + 1; i >= 0; i--) {
    if (++at[i] < integer(t, 902, i)) return true;
    at[i] = 0;
  }
  return false;
}

// MARK: Graphs of several operations, on tensors of rank 4

enum { most_tensors = 64 };
struct memory {
  int64_t identifier;
  void *data;
  bool is_own;
};
struct execution {
  const struct descriptor *pack;
  int tensors;
  struct memory all[most_tensors];
};
static bool flag(const struct descriptor *t, int name) { return find(t, name) && *(const bool *)find(t, name)->values; }
static int64_t extent(const struct descriptor *t, int d) { return integer(t, 902, d); }

/// How many elements the memory of a tensor has.
static int64_t reach(const struct descriptor *t) {
  int64_t last = 0;
  for (int d = 0; d < 4; d++) last += (extent(t, d) - 1) * integer(t, 903, d);
  return last + 1;
}

/// Where a tensor lies; null if it is not there. Virtual ones come to be when they are written.
static void *memory_of(struct execution *e, const struct descriptor *t, bool is_written) {
  const int64_t identifier = integer(t, 906, 0);
  for (int i = 0; i < e->tensors; i++)
    if (e->all[i].identifier == identifier) return e->all[i].data;
  if (e->tensors == most_tensors) return NULL;
  struct memory m = {identifier, NULL, flag(t, 907)};
  if (m.is_own) {
    if (is_written) m.data = calloc((size_t)reach(t), 8);
  } else {
    const struct attribute *identifiers = find(e->pack, 1000);
    for (int i = 0; i < identifiers->count; i++)
      if (identifiers->values[i] == identifier) m.data = (void *)(intptr_t)integer(e->pack, 1001, i);
    if (!flag(t, 908) && (uintptr_t)m.data % (uintptr_t)integer(t, 900, 0)) return NULL;
  }
  if (m.data) e->all[e->tensors++] = m;
  return m.data;
}

/// A tensor where it lies.
struct view {
  bool is_given;
  int type;
  int64_t extents[4], strides[4];
  void *data;
};
/// An element's place; dimensions with one place broadcast.
static int64_t place(const struct view *t, int64_t i, int64_t j, int64_t k, int64_t l) {
  return i * t->strides[0] + j * t->strides[1] + k * t->strides[2] + l * t->strides[3];
}
static double element(const struct view *t, int64_t i, int64_t j, int64_t k, int64_t l) {
  return t->is_given ? load(t->type, t->data, place(t, i, j, k, l)) : NAN;
}
static struct view view_of(struct execution *e, const struct descriptor *t, bool is_written) {
  struct view v = {.is_given = true, .type = enumeration(t, 901), .data = memory_of(e, t, is_written)};
  for (int d = 0; d < 4; d++) {
    v.extents[d] = extent(t, d);
    v.strides[d] = v.extents[d] == 1 ? 0 : integer(t, 903, d);
  }
  return v;
}

static bool broadcasts(const struct view *t, const struct view *to) {
  for (int d = 0; d < 4; d++)
    if (t->extents[d] != 1 && t->extents[d] != to->extents[d]) return false;
  return true;
}

static double combine(int mode, double x, double b, double t) {
  switch (mode) {
    case 0: return x + b;
    case 1: return x * b;
    case 6: return x / b;
    case 9: return x - b;
    case 13: return exp(x);
    case 15: return log(x);
    case 21: return x;
    case 303: return x >= b;
    case 601: return t != 0 ? x : b;
    default: return NAN;
  }
}

static int compute(struct execution *e, const struct descriptor *o) {
  // Operands, the result last.
  const int names[4][4] = {{751, 752, 758, 753}, {1520, 1521, 0, 1522}, {1610, 0, 0, 1611}, {2200, 0, 0, 2201}};
  const int row = o->kind == POINTWISE_OPERATION ? 0 : o->kind == PRODUCT_OPERATION ? 1 : o->kind == REDUCTION_OPERATION ? 2 : 3;
  struct view t[4] = {{false}};
  for (int i = 0; i < 4; i++) {
    if (!names[row][i] || !find(o, names[row][i])) continue;
    t[i] = view_of(e, part(o, names[row][i]), i == 3);
    if (!t[i].data) return refuse(2003, "a tensor that is not there, or at a bad address", (int)integer(part(o, names[row][i]), 906, 0));
  }
  const struct view *x = &t[0], *b = &t[1], *y = &t[3];
  if (o->kind == RESHAPE_OPERATION) {
    const int64_t count = reach(part(o, 2201));
    if (reach(part(o, 2200)) != count) return refuse(2008, "elements of a reshape", (int)count);
    for (int64_t i = 0; i < count; i++) store(y->type, y->data, i, load(x->type, x->data, i));
    return success;
  }
  const int mode = row == 0 ? enumeration(part(o, 750), 0) : row == 2 ? enumeration(part(o, 1612), 1600) : 0;
  const bool counts = row == 0 && mode == 501;
  if (row == 0 && counts != (find(part(o, 750), 9) != NULL)) return refuse(bad_parameter, "axis", mode);
  const int axis = counts ? (int)integer(part(o, 750), 9, 0) : 0;
  for (int i = 0; row == 0 && i < 3; i++)
    if (t[i].is_given && !broadcasts(&t[i], y)) return refuse(2008, "extents of a pointwise operation", mode);
  if (row == 2 && (!broadcasts(y, x) || (mode != 0 && mode != 3))) return refuse(2008, "reduction", mode);
  if (row == 1 && (x->extents[3] != b->extents[2] || x->extents[2] != y->extents[2] || b->extents[3] != y->extents[3]))
    return refuse(2008, "extents of a product", 0);
  int64_t at[4] = {0};
  for (bool is_more = true; is_more; is_more = advance(part(o, names[row][3]), at, 2)) {
    double result = row == 2 && mode == 3 ? -INFINITY : 0;
    if (row == 1) {
      for (int64_t i = 0; i < x->extents[3]; i++) result += element(x, at[0], at[1], at[2], i) * element(b, at[0], at[1], i, at[3]);
    } else if (row == 2) {
      int64_t from[4], last[4];
      for (int d = 0; d < 4; d++) {
        from[d] = y->extents[d] == 1 ? 0 : at[d];
        last[d] = y->extents[d] == 1 ? x->extents[d] : at[d] + 1;
      }
      for (int64_t i = from[0]; i < last[0]; i++)
        for (int64_t j = from[1]; j < last[1]; j++)
          for (int64_t k = from[2]; k < last[2]; k++)
            for (int64_t l = from[3]; l < last[3]; l++)
              result = mode == 0 ? result + element(x, i, j, k, l) : fmax(result, element(x, i, j, k, l));
    } else if (counts) {
      result = (double)at[axis];
    } else {
      double values[3];
      for (int i = 0; i < 3; i++) values[i] = element(&t[i], at[0], at[1], at[2], at[3]);
      result = combine(mode, values[0], values[1], values[2]);
    }
    store(y->type, y->data, place(y, at[0], at[1], at[2], at[3]), result);
  }
  return success;
}

static int execute_operations(const struct attribute *operations, const struct descriptor *pack) {
  struct execution e = {.pack = pack};
  int status = find(pack, 1000)->count == find(pack, 1001)->count ? success : refuse(bad_parameter, "operands of a variant pack", 0);
  for (int i = 0; i < operations->count && !status; i++) status = compute(&e, (struct descriptor *)(intptr_t)operations->values[i]);
  for (int i = 0; i < e.tensors; i++)
    if (e.all[i].is_own) free(e.all[i].data);
  return status;
}

static int execute(const struct descriptor *plan, const struct descriptor *pack) {
  if (!real.is_open && part(plan, 401)->index) memset((void *)(intptr_t)integer(pack, 1003, 0), 0xff, (size_t)part(plan, 401)->index * 100);
  const struct attribute *operations = find(part(part(plan, 401), 201), 801);
  const struct descriptor *operation = (struct descriptor *)(intptr_t)operations->values[0];
  if (operation->kind != FORWARD && operation->kind != DATA && operation->kind != FILTER) return execute_operations(operations, pack);
  const struct names n = names_of(operation->kind);
  const struct descriptor *tensors[3] = {part(operation, n.x), part(operation, n.w), part(operation, n.y)};
  const struct descriptor *c = part(operation, n.first + 2);
  const int rank = (int)integer(c, 106, 0), type = enumeration(tensors[0], 901);
  if (find(pack, 1000)->count != 3 || find(pack, 1001)->count != 3) return refuse(bad_parameter, "operands of a variant pack", 0);
  void *data[3];
  for (int i = 0; i < 3; i++) {
    data[i] = NULL;
    for (int j = 0; j < 3; j++)
      if (integer(pack, 1000, j) == integer(tensors[i], 906, 0)) data[i] = (void *)(intptr_t)integer(pack, 1001, j);
    if (!data[i] || (uintptr_t)data[i] % (uintptr_t)integer(tensors[i], 900, 0)) return refuse(2003, "address of an operand", i);
  }

  // Sums in double, in the order of memory of the result.
  const int target = operation->kind == FORWARD ? 2 : operation->kind == DATA ? 0 : 1;
  int64_t most = 1;
  for (int i = 0; i < rank + 2; i++) most += (integer(tensors[target], 902, i) - 1) * integer(tensors[target], 903, i);
  double *sums = calloc((size_t)most, sizeof *sums);
  const int64_t inputs = integer(tensors[1], 902, 1), outputs = integer(tensors[1], 902, 0) / (integer(tensors[0], 902, 1) / inputs);
  int64_t y[5] = {0};
  do {
    int64_t w[5] = {y[1]}, x[5];
    do {
      if (w[0] != y[1]) break;
      bool is_inside = true;
      x[0] = y[0], x[1] = y[1] / outputs * inputs + w[1];
      for (int i = 0; i < rank; i++) {
        x[i + 2] = y[i + 2] * integer(c, 103, i) - integer(c, 105, i) + w[i + 2] * integer(c, 102, i);
        is_inside = is_inside && x[i + 2] >= 0 && x[i + 2] < integer(tensors[0], 902, i + 2);
      }
      if (!is_inside) continue;
      const int64_t at[3] = {offset(tensors[0], x, rank), offset(tensors[1], w, rank), offset(tensors[2], y, rank)};
      const int a = target == 0 ? 1 : 0, b = target == 2 ? 1 : 2;
      sums[at[target]] += load(type, data[a], at[a]) * load(type, data[b], at[b]);
    } while (advance(tensors[1], w, rank));
  } while (advance(tensors[2], y, rank));
  int64_t at[5] = {0};
  do {
    const int64_t place = offset(tensors[target], at, rank);
    store(type, data[target], place, sums[place]);
  } while (advance(tensors[target], at, rank));
  free(sums);
  return success;
}

/// An execution in a captured graph, with the numbers that were given by value.
struct later {
  const struct descriptor *plan;
  struct descriptor pack;
  float numbers[most_values];
};
static void execute_later(void *data) {
  const struct later *l = data;
  if (execute(l->plan, &l->pack)) fprintf(stderr, "fake cuDNN, in a graph: %s\n", last_error);
}
static void keep_numbers(struct later *l) {
  const struct attribute *operations = find(part(part(l->plan, 401), 201), 801);
  const struct attribute *identifiers = find(&l->pack, 1000);
  struct attribute *pointers = find(&l->pack, 1001);
  for (int i = 0; i < operations->count; i++) {
    const struct descriptor *o = (struct descriptor *)(intptr_t)operations->values[i];
    for (int j = 0; j < o->attributes; j++) {
      if (o->all[j].type != DESCRIPTOR) continue;
      const struct descriptor *t = (struct descriptor *)(intptr_t)o->all[j].values[0];
      for (int k = 0; t->kind == TENSOR && flag(t, 908) && k < identifiers->count; k++) {
        if (identifiers->values[k] != integer(t, 906, 0) || pointers->values[k] == (intptr_t)&l->numbers[k]) continue;
        l->numbers[k] = *(const float *)(intptr_t)pointers->values[k];
        pointers->values[k] = (intptr_t)&l->numbers[k];
      }
    }
  }
}

int cudnnBackendExecute(void *handle, void *plan, void *pack) {
  if (!handle || !((struct descriptor *)plan)->is_finished || !((struct descriptor *)pack)->is_finished)
    return refuse(not_finalized, "execution", 0);
  if (!current_stream || !current_stream->capturing) return execute(plan, pack);
  struct later *l = calloc(1, sizeof *l);
  l->plan = plan, l->pack = *(struct descriptor *)pack;
  keep_numbers(l);
  current_stream->record(current_stream, execute_later, l);
  return success;
}
