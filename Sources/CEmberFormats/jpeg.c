#include "CEmberFormats.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// TurboJPEG, the interface of libjpeg-turbo whose structures are opaque: libjpeg's own differ between versions.
enum {
  TJPF_RGB = 0,
  TJPF_GRAY = 6,
  TJCS_GRAY = 2,
  TJCS_CMYK = 3,
  TJCS_YCCK = 4,
  // A file of very many scans would keep the decoder busy for hours.
  TJFLAG_LIMITSCANS = 32768,
};

static struct {
  void *(*tjInitDecompress)(void);
  int (*tjDestroy)(void *);
  int (*tjDecompressHeader3)(void *, const unsigned char *, unsigned long, int *, int *, int *, int *);
  int (*tjDecompress2)(void *, const unsigned char *, unsigned long, unsigned char *, int, int, int, int, int);
  char *(*tjGetErrorStr2)(void *);
  char error[256];
  int loaded;
} jpeg;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  void *library = dlopen("libturbojpeg.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libturbojpeg.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    strncpy(jpeg.error, why ? why : "libturbojpeg.so.0 was not found", sizeof jpeg.error - 1);
    return;
  }
#define FIND(name)                                                                 \
  if (!(*(void **)&jpeg.name = dlsym(library, #name))) {                           \
    strncpy(jpeg.error, "libturbojpeg.so.0 lacks " #name, sizeof jpeg.error - 1);  \
    return;                                                                        \
  }
  FIND(tjInitDecompress)
  FIND(tjDestroy)
  FIND(tjDecompressHeader3)
  FIND(tjDecompress2)
  FIND(tjGetErrorStr2)
#undef FIND
  jpeg.loaded = 1;
}

int ember_jpeg_available(void) {
  pthread_once(&once, load);
  return jpeg.loaded;
}

const char *ember_jpeg_error(void) {
  pthread_once(&once, load);
  return jpeg.error;
}

static int decode(void *decoder, const uint8_t *input, size_t count, size_t limit, uint8_t **pixels, uint32_t *width, uint32_t *height,
                  int *channels, char *message) {
  int columns = 0, rows = 0, subsampling = 0, colours = 0;
  if (jpeg.tjDecompressHeader3(decoder, input, count, &columns, &rows, &subsampling, &colours) != 0) {
    strncpy(message, jpeg.tjGetErrorStr2(decoder), 63);
    return EMBER_FORMATS_CORRUPT;
  }
  if (colours == TJCS_CMYK || colours == TJCS_YCCK) {
    strcpy(message, "a picture in printing colours (CMYK)");
    return EMBER_FORMATS_CORRUPT;
  }
  *channels = colours == TJCS_GRAY ? 1 : 3;
  const size_t size = (size_t)columns * (size_t)rows * (size_t)*channels;
  if (columns <= 0 || rows <= 0 || size > limit) {
    strcpy(message, "the image is larger than allowed");
    return EMBER_FORMATS_FULL;
  }
  // Even a grey surface takes a bit for every 64 pixels: a short file that claims to be a large picture is to fill the memory.
  if (size / 4096 > count) {
    strcpy(message, "its size cannot be true");
    return EMBER_FORMATS_CORRUPT;
  }
  // What a damaged file leaves out is grey, not somebody's memory.
  uint8_t *buffer = calloc(size, 1);
  if (!buffer) return EMBER_FORMATS_MEMORY;
  const int format = *channels == 1 ? TJPF_GRAY : TJPF_RGB;
  if (jpeg.tjDecompress2(decoder, input, count, buffer, columns, 0, rows, format, TJFLAG_LIMITSCANS) != 0) {
    // A warning of what has no consequences is none. The library's own mark of warnings also covers errors that come after one.
    const char *why = jpeg.tjGetErrorStr2(decoder);
    if (!strstr(why, "extraneous bytes") && !strstr(why, "unknown JFIF revision") && !strstr(why, "Unknown Adobe")) {
      strncpy(message, why, 63);
      free(buffer);
      return EMBER_FORMATS_CORRUPT;
    }
  }
  *pixels = buffer;
  *width = (uint32_t)columns;
  *height = (uint32_t)rows;
  return EMBER_FORMATS_OK;
}

int ember_jpeg_read(const uint8_t *input, size_t count, size_t limit, uint8_t **pixels, uint32_t *width, uint32_t *height, int *channels,
                    char *message) {
  *pixels = NULL;
  memset(message, 0, 64);
  if (!ember_jpeg_available()) return EMBER_FORMATS_MISSING;
  void *decoder = jpeg.tjInitDecompress();
  if (!decoder) return EMBER_FORMATS_MEMORY;
  const int status = decode(decoder, input, count, limit, pixels, width, height, channels, message);
  jpeg.tjDestroy(decoder);
  return status;
}
