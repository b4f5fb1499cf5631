#include "CEmberFormats.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// zlib's stream, as its ABI has had it since version 1.2.
typedef struct {
  const uint8_t *next_in;
  unsigned avail_in;
  unsigned long total_in;
  uint8_t *next_out;
  unsigned avail_out;
  unsigned long total_out;
  const char *msg;
  void *state;
  void *(*zalloc)(void *, unsigned, unsigned);
  void (*zfree)(void *, void *);
  void *opaque;
  int data_type;
  unsigned long adler;
  unsigned long reserved;
} z_stream;

enum { Z_OK = 0, Z_STREAM_END = 1, Z_BUF_ERROR = -5, Z_MEM_ERROR = -4, Z_NO_FLUSH = 0, Z_FINISH = 4, Z_DEFLATED = 8 };

static struct {
  int (*inflateInit2_)(z_stream *, int, const char *, int);
  int (*inflate)(z_stream *, int);
  int (*inflateReset)(z_stream *);
  int (*inflateEnd)(z_stream *);
  int (*deflateInit2_)(z_stream *, int, int, int, int, int, const char *, int);
  int (*deflate)(z_stream *, int);
  int (*deflateEnd)(z_stream *);
  const char *(*zlibVersion)(void);
  char error[256];
  int loaded;
} zlib;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  void *library = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libz.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    strncpy(zlib.error, why ? why : "libz.so.1 was not found", sizeof zlib.error - 1);
    return;
  }
#define FIND(name)                                                              \
  if (!(*(void **)&zlib.name = dlsym(library, #name))) {                        \
    strncpy(zlib.error, "libz.so.1 lacks " #name, sizeof zlib.error - 1);       \
    return;                                                                     \
  }
  FIND(inflateInit2_)
  FIND(inflate)
  FIND(inflateReset)
  FIND(inflateEnd)
  FIND(deflateInit2_)
  FIND(deflate)
  FIND(deflateEnd)
  FIND(zlibVersion)
#undef FIND
  zlib.loaded = 1;
}

int ember_zlib_available(void) {
  pthread_once(&once, load);
  return zlib.loaded;
}

const char *ember_zlib_error(void) {
  pthread_once(&once, load);
  return zlib.error;
}

static int window_bits(int wrap) { return wrap == EMBER_WRAP_RAW ? -15 : wrap == EMBER_WRAP_GZIP ? 15 + 16 : 15; }

// Makes room for at least one more byte; the buffer never exceeds limit + 1 bytes, so that one byte too many is noticed.
static int grow(uint8_t **buffer, size_t *capacity, size_t used, size_t limit) {
  if (used < *capacity) return EMBER_FORMATS_OK;
  if (used > limit) return EMBER_FORMATS_FULL;
  size_t wanted = *capacity < (1 << 16) ? (1 << 16) : *capacity * 2;
  if (wanted > limit + 1) wanted = limit + 1;
  uint8_t *bigger = realloc(*buffer, wanted);
  if (!bigger) return EMBER_FORMATS_MEMORY;
  *buffer = bigger;
  *capacity = wanted;
  return EMBER_FORMATS_OK;
}

static unsigned chunk(size_t count) { return count > (1u << 30) ? (1u << 30) : (unsigned)count; }

int ember_inflate(
    const uint8_t *input, size_t count, int wrap, size_t limit, int allow_rest, uint8_t **output, size_t *output_count) {
  *output = NULL;
  *output_count = 0;
  if (!ember_zlib_available()) return EMBER_FORMATS_MISSING;
  if (limit > SIZE_MAX / 4) limit = SIZE_MAX / 4;
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (zlib.inflateInit2_(&stream, window_bits(wrap), zlib.zlibVersion(), (int)sizeof stream) != Z_OK) return EMBER_FORMATS_MEMORY;
  uint8_t *buffer = NULL;
  size_t capacity = 0, used = 0, position = 0;
  int result = EMBER_FORMATS_TRUNCATED;
  for (;;) {
    result = grow(&buffer, &capacity, used, limit);
    if (result != EMBER_FORMATS_OK) break;
    unsigned in = chunk(count - position), out = chunk(capacity - used);
    stream.next_in = input + position;
    stream.avail_in = in;
    stream.next_out = buffer + used;
    stream.avail_out = out;
    int status = zlib.inflate(&stream, Z_NO_FLUSH);
    size_t consumed = in - stream.avail_in, produced = out - stream.avail_out;
    position += consumed;
    used += produced;
    if (status == Z_STREAM_END) {
      result = EMBER_FORMATS_OK;
      if (used > limit) result = EMBER_FORMATS_FULL;
      if (result != EMBER_FORMATS_OK || wrap != EMBER_WRAP_GZIP || position == count) {
        if (result == EMBER_FORMATS_OK && position != count && !allow_rest) result = EMBER_FORMATS_CORRUPT;
        break;
      }
      if (zlib.inflateReset(&stream) != Z_OK) {
        result = EMBER_FORMATS_CORRUPT;
        break;
      }
      continue;
    }
    if (status == Z_MEM_ERROR) {
      result = EMBER_FORMATS_MEMORY;
      break;
    }
    if (status != Z_OK && status != Z_BUF_ERROR) {
      result = EMBER_FORMATS_CORRUPT;
      break;
    }
    if (consumed == 0 && produced == 0 && (position == count || stream.avail_out > 0)) {
      result = position == count ? EMBER_FORMATS_TRUNCATED : EMBER_FORMATS_CORRUPT;
      break;
    }
  }
  zlib.inflateEnd(&stream);
  if (result != EMBER_FORMATS_OK) {
    free(buffer);
    return result;
  }
  *output = buffer;
  *output_count = used;
  return EMBER_FORMATS_OK;
}

int ember_deflate(const uint8_t *input, size_t count, int wrap, int level, uint8_t **output, size_t *output_count) {
  *output = NULL;
  *output_count = 0;
  if (!ember_zlib_available()) return EMBER_FORMATS_MISSING;
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (zlib.deflateInit2_(&stream, level, Z_DEFLATED, window_bits(wrap), 8, 0, zlib.zlibVersion(), (int)sizeof stream) != Z_OK)
    return EMBER_FORMATS_MEMORY;
  uint8_t *buffer = NULL;
  size_t capacity = 0, used = 0, position = 0;
  int result;
  for (;;) {
    result = grow(&buffer, &capacity, used, SIZE_MAX / 4);
    if (result != EMBER_FORMATS_OK) break;
    unsigned in = chunk(count - position), out = chunk(capacity - used);
    stream.next_in = input + position;
    stream.avail_in = in;
    stream.next_out = buffer + used;
    stream.avail_out = out;
    int status = zlib.deflate(&stream, position + in == count ? Z_FINISH : Z_NO_FLUSH);
    position += in - stream.avail_in;
    used += out - stream.avail_out;
    if (status == Z_STREAM_END) break;
    if (status != Z_OK && status != Z_BUF_ERROR) {
      result = EMBER_FORMATS_CORRUPT;
      break;
    }
  }
  zlib.deflateEnd(&stream);
  if (result != EMBER_FORMATS_OK) {
    free(buffer);
    return result;
  }
  *output = buffer;
  *output_count = used;
  return EMBER_FORMATS_OK;
}

// CRC-32 by eight tables: eight bytes a step.
static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
    tables[0][i] = c;
  }
  for (int t = 1; t < 8; t++)
    for (uint32_t i = 0; i < 256; i++) tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 255];
}

uint32_t ember_crc32(uint32_t crc, const uint8_t *bytes, size_t count) {
  pthread_once(&tables_once, make_tables);
  crc = ~crc;
  while (count >= 8) {
    uint32_t low = crc ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
    crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^ tables[4][low >> 24] ^
          tables[3][bytes[4]] ^ tables[2][bytes[5]] ^ tables[1][bytes[6]] ^ tables[0][bytes[7]];
    bytes += 8;
    count -= 8;
  }
  while (count--) crc = tables[0][(crc ^ *bytes++) & 255] ^ (crc >> 8);
  return ~crc;
}
