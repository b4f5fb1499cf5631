// A stand-in for the driver: device memory is host memory, streams run at once, an image is a shared library made by the fake NVRTC.
//
// A copy between the device and pinned memory of the host happens when somebody waits for its stream, or when the next work on the stream
// begins: who reads or overwrites such memory too early gets wrong numbers.
//
// Every block ends at a page that nobody may touch and begins filled with NaN bytes; freed blocks are unmapped. EMBER_FAKE_CUDA_MEMORY: how
// many bytes the device has (2 GiB). EMBER_FAKE_CUDA_DEVICES: how many devices (1). EMBER_FAKE_CUDA_VERSION: of the driver (13000).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream.h"

typedef void (*entry)(const unsigned *dimensions, const void *arguments);

enum { success = 0, invalid_value = 1, out_of_memory = 2, invalid_device = 101, invalid_image = 200, not_found = 500, capture_unsupported = 900 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t live;
static struct pinned { struct pinned *next; char *start; size_t bytes; } *pinned;

struct record {
  int kind;  // 0 kernel, 1 copy, 2 fill, 3 call
  entry kernel;
  unsigned dimensions[6];
  void *to;  // the data of a call, which the graph owns
  const void *from;
  size_t bytes;
  int value;
  void (*call)(void *data);
  struct record *next;
  char arguments[];
};
struct graph { struct record *first, **last; };

static size_t setting(const char *name, size_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 10) : otherwise;
}

int cuInit(unsigned flags) { return flags ? invalid_value : success; }
int cuDriverGetVersion(int *version) { *version = (int)setting("EMBER_FAKE_CUDA_VERSION", 13000); return success; }
int cuGetErrorName(int error, const char **name) {
  *name = error == out_of_memory ? "CUDA_ERROR_OUT_OF_MEMORY" : error == capture_unsupported ? "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED" : "CUDA_ERROR_FAKE";
  return success;
}
int cuGetErrorString(int error, const char **text) { (void)error; *text = "the fake driver's error"; return success; }
int cuDeviceGetCount(int *count) { *count = (int)setting("EMBER_FAKE_CUDA_DEVICES", 1); return success; }
int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return ordinal >= 0 && (size_t)ordinal < setting("EMBER_FAKE_CUDA_DEVICES", 1) ? success : invalid_device;
}
int cuDeviceGetName(char *name, int length, int device) { (void)device; snprintf(name, (size_t)length, "Fake GPU"); return success; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  (void)device;
  *value = attribute == 75 ? 9 : attribute == 76 ? 0 : attribute == 16 ? 8 : attribute == 97 ? 232448 : 1024;
  return success;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; *bytes = setting("EMBER_FAKE_CUDA_MEMORY", 2ull << 30); return success; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)(uintptr_t)(device + 1); return success; }
int cuCtxSetCurrent(void *context) { return context ? success : invalid_value; }
int cuMemGetInfo_v2(size_t *available, size_t *total) {
  *total = setting("EMBER_FAKE_CUDA_MEMORY", 2ull << 30);
  *available = *total - live;
  return success;
}

enum { page = 4096 };

int cuMemAlloc_v2(void **pointer, size_t bytes) {
  if (bytes == 0) return invalid_value;
  const size_t size = (bytes + page - 1) / page * page;
  pthread_mutex_lock(&lock);
  const int fits = live + size <= setting("EMBER_FAKE_CUDA_MEMORY", 2ull << 30);
  if (fits) live += size;
  pthread_mutex_unlock(&lock);
  if (!fits) return out_of_memory;
  char *base = mmap(NULL, size + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return out_of_memory;
  *(size_t *)base = size;
  memset(base + page, 0xff, size);
  mprotect(base + page + size, page, PROT_NONE);
  *pointer = base + page;
  return success;
}
int cuMemFree_v2(void *pointer) {
  char *base = (char *)pointer - page;
  const size_t size = *(size_t *)base;
  pthread_mutex_lock(&lock);
  live -= size;
  pthread_mutex_unlock(&lock);
  munmap(base, size + 2 * page);
  return success;
}
int cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
  (void)flags;
  struct pinned *p = malloc(sizeof *p);
  if (!p || !(p->start = malloc(bytes))) return out_of_memory;
  *pointer = p->start, p->bytes = bytes;
  memset(p->start, 0xff, bytes);
  pthread_mutex_lock(&lock);
  p->next = pinned, pinned = p;
  pthread_mutex_unlock(&lock);
  return success;
}
int cuMemFreeHost(void *pointer) {
  pthread_mutex_lock(&lock);
  for (struct pinned **at = &pinned; *at; at = &(*at)->next)
    if ((*at)->start == pointer) {
      struct pinned *gone = *at;
      *at = gone->next;
      free(gone);
      break;
    }
  pthread_mutex_unlock(&lock);
  free(pointer);
  return success;
}
static bool is_pinned(const char *pointer) {
  bool found = false;
  pthread_mutex_lock(&lock);
  for (struct pinned *p = pinned; p && !found; p = p->next) found = pointer >= p->start && pointer < p->start + p->bytes;
  pthread_mutex_unlock(&lock);
  return found;
}

static struct record *recorded(struct graph *graph, size_t argument_bytes) {
  struct record *r = calloc(1, sizeof *r + argument_bytes);
  *graph->last = r;
  graph->last = &r->next;
  return r;
}
// Copies that were put off. Threads share the device's own stream.
static pthread_mutex_t queue = PTHREAD_MUTEX_INITIALIZER;
static void catch_up(struct stream *stream) {
  pthread_mutex_lock(&queue);
  while (stream->first) {
    struct record *r = stream->first;
    stream->first = r->next;
    memmove(r->to, r->from, r->bytes);
    free(r);
  }
  stream->end = &stream->first;
  pthread_mutex_unlock(&queue);
}
static void put_off(struct stream *stream, void *to, const void *from, size_t bytes) {
  struct record *r = calloc(1, sizeof *r);
  r->to = to, r->from = from, r->bytes = bytes;
  pthread_mutex_lock(&queue);
  *stream->end = r;
  stream->end = &r->next;
  pthread_mutex_unlock(&queue);
}
static bool is_behind(struct stream *stream) {
  pthread_mutex_lock(&queue);
  const bool behind = stream->first != NULL;
  pthread_mutex_unlock(&queue);
  return behind;
}
static int copy(void *to, const void *from, size_t bytes, struct stream *stream, int is_host) {
  if (stream->capturing) {
    if (is_host && !is_pinned(to) && !is_pinned(from)) return capture_unsupported;
    struct record *r = recorded(stream->capturing, 0);
    r->kind = 1, r->to = to, r->from = from, r->bytes = bytes;
    return success;
  }
  if (is_host && (is_pinned(to) || is_pinned(from))) {
    put_off(stream, to, from, bytes);
    return success;
  }
  catch_up(stream);
  memmove(to, from, bytes);
  return success;
}
int cuMemcpyHtoDAsync_v2(void *to, const void *from, size_t bytes, struct stream *stream) { return copy(to, from, bytes, stream, 1); }
int cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t bytes, struct stream *stream) { return copy(to, from, bytes, stream, 1); }
int cuMemcpyDtoDAsync_v2(void *to, const void *from, size_t bytes, struct stream *stream) { return copy(to, from, bytes, stream, 0); }
int cuMemsetD8Async(void *to, unsigned char value, size_t bytes, struct stream *stream) {
  if (stream->capturing) {
    struct record *r = recorded(stream->capturing, 0);
    r->kind = 2, r->to = to, r->value = value, r->bytes = bytes;
    return success;
  }
  catch_up(stream);
  memset(to, value, bytes);
  return success;
}

static bool record_call(struct stream *stream, void (*call)(void *data), void *data) {
  if (!stream->capturing) return false;
  struct record *r = recorded(stream->capturing, 0);
  r->kind = 3, r->call = call, r->to = data;
  return true;
}
int cuStreamCreateWithPriority(struct stream **stream, unsigned flags, int priority) {
  (void)flags, (void)priority;
  *stream = calloc(1, sizeof **stream);
  (*stream)->record = record_call;
  (*stream)->end = &(*stream)->first;
  return success;
}
// Its memory stays: events may look at it.
int cuStreamDestroy_v2(struct stream *stream) { catch_up(stream); return success; }
int cuStreamSynchronize(struct stream *stream) {
  if (stream->capturing) return capture_unsupported;
  catch_up(stream);
  return success;
}
int cuStreamWaitEvent(struct stream *stream, struct stream **event, unsigned flags) {
  (void)stream, (void)flags;
  if (*event) catch_up(*event);
  return success;
}
int cuStreamBeginCapture_v2(struct stream *stream, int mode) {
  (void)mode;
  if (stream->capturing) return invalid_value;
  stream->capturing = calloc(1, sizeof *stream->capturing);
  stream->capturing->last = &stream->capturing->first;
  return success;
}
int cuStreamEndCapture(struct stream *stream, struct graph **graph) {
  if (!stream->capturing) return invalid_value;
  *graph = stream->capturing;
  stream->capturing = NULL;
  return success;
}
int cuGraphInstantiateWithFlags(struct graph **executable, struct graph *graph, unsigned long long flags) { (void)flags; *executable = graph; return success; }
int cuGraphLaunch(struct graph *graph, struct stream *stream) {
  catch_up(stream);
  for (struct record *r = graph->first; r; r = r->next) {
    if (r->kind == 0) r->kernel(r->dimensions, r->arguments);
    if (r->kind == 1) memmove(r->to, r->from, r->bytes);
    if (r->kind == 2) memset(r->to, r->value, r->bytes);
    if (r->kind == 3) r->call(r->to);
  }
  return success;
}
int cuGraphExecDestroy(struct graph *graph) {
  for (struct record *r = graph->first; r;) {
    struct record *next = r->next;
    if (r->kind == 3) free(r->to);
    free(r);
    r = next;
  }
  free(graph);
  return success;
}
int cuGraphDestroy(struct graph *graph) { (void)graph; return success; }

// An event is the stream in which it was marked.
int cuEventCreate(struct stream ***event, unsigned flags) { (void)flags; *event = calloc(1, sizeof **event); return success; }
int cuEventDestroy_v2(void *event) { free(event); return success; }
int cuEventRecord(struct stream **event, struct stream *stream) { *event = stream; return success; }
// Not ready while a copy waits.
int cuEventQuery(struct stream **event) { return *event && is_behind(*event) ? 600 : success; }
int cuEventSynchronize(struct stream **event) {
  if (*event) catch_up(*event);
  return success;
}
int cuEventElapsedTime(float *milliseconds, void *start, void *end) { (void)start, (void)end; *milliseconds = 0.001f; return success; }

int cuModuleLoadData(void **module, const char *image) {
  uint64_t bytes;
  if (memcmp(image, "FAKECUDA", 8)) return invalid_image;
  memcpy(&bytes, image + 8, 8);
  const int file = memfd_create("kernel", 0);
  if (file < 0 || write(file, image + 16, bytes) != (ssize_t)bytes) return invalid_image;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  // The file stays open: the loader knows libraries by their path, which another file of the same number would share.
  *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!*module) fprintf(stderr, "fake driver: %s\n", dlerror());
  return *module ? success : invalid_image;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = dlsym(module, name);
  return *function ? success : not_found;
}
int cuFuncSetAttribute(void *function, int attribute, int value) { (void)function, (void)attribute; return value > 232448 ? invalid_value : success; }

struct attribute { int kind, padding, flag, rest[15]; };
struct configuration {
  unsigned grid[3], block[3], shared;
  struct stream *stream;
  const struct attribute *attributes;
  unsigned attribute_count;
};

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, struct stream *stream,
                   void **parameters, void **extra) {
  if (!gx || !gy || !gz || !(bx * by * bz) || bx * by * bz > 1024 || gy > 65535 || gz > 65535 || shared > 232448 || parameters || !extra) return invalid_value;
  const char *arguments = extra[1];
  const size_t bytes = *(size_t *)extra[3];
  const unsigned dimensions[6] = {gx, gy, gz, bx, by, bz};
  if (bytes > 4096) return invalid_value;
  if (stream->capturing) {
    struct record *r = recorded(stream->capturing, bytes);
    r->kernel = (entry)function;
    memcpy(r->dimensions, dimensions, sizeof dimensions);
    memcpy(r->arguments, arguments, bytes);
    return success;
  }
  catch_up(stream);
  // The shim's fibers belong to the library: one launch of a kernel at a time.
  pthread_mutex_lock(&lock);
  ((entry)function)(dimensions, arguments);
  pthread_mutex_unlock(&lock);
  return success;
}

// Launches that may begin before the one in front of them has ended: here each ends before the next one begins.
int cuLaunchKernelEx(const struct configuration *c, void *function, void **parameters, void **extra) {
  for (unsigned i = 0; i < c->attribute_count; i++)
    if (c->attributes[i].kind != 6) return invalid_value;
  return cuLaunchKernel(function, c->grid[0], c->grid[1], c->grid[2], c->block[0], c->block[1], c->block[2], c->shared, c->stream, parameters, extra);
}
