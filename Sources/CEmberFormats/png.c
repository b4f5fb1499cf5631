#include "CEmberFormats.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// libpng's simplified API (1.6).
typedef struct {
  void *opaque;
  uint32_t version;
  uint32_t width;
  uint32_t height;
  uint32_t format;
  uint32_t flags;
  uint32_t colormap_entries;
  uint32_t warning_or_error;
  char message[64];
} png_image;

enum { PNG_IMAGE_VERSION = 1, PNG_FORMAT_FLAG_ALPHA = 1, PNG_FORMAT_FLAG_COLOR = 2, PNG_IMAGE_FLAG_16BIT_sRGB = 4 };

static struct {
  int (*png_image_begin_read_from_memory)(png_image *, const void *, size_t);
  int (*png_image_finish_read)(png_image *, const void *, void *, int32_t, void *);
  void (*png_image_free)(png_image *);
  int (*png_image_write_to_memory)(png_image *, void *, size_t *, int, const void *, int32_t, const void *);
  char error[256];
  int loaded;
} png;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  void *library = dlopen("libpng16.so.16", RTLD_NOW | RTLD_LOCAL);
  if (!library) library = dlopen("libpng16.so", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    strncpy(png.error, why ? why : "libpng16.so.16 was not found", sizeof png.error - 1);
    return;
  }
#define FIND(name)                                                              \
  if (!(*(void **)&png.name = dlsym(library, #name))) {                         \
    strncpy(png.error, "libpng16.so.16 lacks " #name, sizeof png.error - 1);    \
    return;                                                                     \
  }
  FIND(png_image_begin_read_from_memory)
  FIND(png_image_finish_read)
  FIND(png_image_free)
  FIND(png_image_write_to_memory)
#undef FIND
  png.loaded = 1;
}

int ember_png_available(void) {
  pthread_once(&once, load);
  return png.loaded;
}

const char *ember_png_error(void) {
  pthread_once(&once, load);
  return png.error;
}

static uint32_t format_of(int channels) {
  return channels == 1 ? 0 : channels == 3 ? PNG_FORMAT_FLAG_COLOR : PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA;
}

static int failed(png_image *image, char *message, int result) {
  memcpy(message, image->message, 64);
  message[63] = 0;
  png.png_image_free(image);
  return result;
}

int ember_png_write(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, uint8_t **output, size_t *output_count,
                    char *message) {
  *output = NULL;
  *output_count = 0;
  message[0] = 0;
  if (!ember_png_available()) return EMBER_FORMATS_MISSING;
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = format_of(channels);
  // Rows and their filter byte deflate to little more than themselves; the bound saves encoding twice.
  size_t raw = ((size_t)width * (size_t)channels + 1) * height, size = raw + raw / 1000 * 2 + 65536;
  uint8_t *buffer = malloc(size);
  if (!buffer) return EMBER_FORMATS_MEMORY;
  if (!png.png_image_write_to_memory(&image, buffer, &size, 0, pixels, 0, NULL)) {
    free(buffer);
    return failed(&image, message, EMBER_FORMATS_CORRUPT);
  }
  *output = buffer;
  *output_count = size;
  return EMBER_FORMATS_OK;
}

int ember_png_read(const uint8_t *input, size_t count, size_t limit, uint8_t **pixels, uint32_t *width, uint32_t *height, int *channels,
                   char *message) {
  *pixels = NULL;
  message[0] = 0;
  if (!ember_png_available()) return EMBER_FORMATS_MISSING;
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  if (!png.png_image_begin_read_from_memory(&image, input, count)) return failed(&image, message, EMBER_FORMATS_CORRUPT);
  // Otherwise samples of 16 bits in a file without a note of its gamma count as amounts of light, and dark ones come out far too bright.
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  *channels = image.format & PNG_FORMAT_FLAG_ALPHA ? 4 : image.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1;
  image.format = format_of(*channels);
  size_t size = (size_t)image.width * (size_t)*channels * image.height;
  if (image.width == 0 || image.height == 0 || size > limit) {
    strcpy(image.message, "the image is larger than allowed");
    return failed(&image, message, EMBER_FORMATS_FULL);
  }
  uint8_t *buffer = malloc(size);
  if (!buffer) return failed(&image, message, EMBER_FORMATS_MEMORY);
  if (!png.png_image_finish_read(&image, NULL, buffer, 0, NULL)) {
    free(buffer);
    return failed(&image, message, EMBER_FORMATS_CORRUPT);
  }
  *pixels = buffer;
  *width = image.width;
  *height = image.height;
  return EMBER_FORMATS_OK;
}
