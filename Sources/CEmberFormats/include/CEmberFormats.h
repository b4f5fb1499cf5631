// zlib, libpng and TurboJPEG, found when the program runs: building needs neither their headers nor the libraries.
#ifndef CEMBERFORMATS_H
#define CEMBERFORMATS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How deflated bytes are wrapped.
enum {
  EMBER_WRAP_RAW = 0,
  EMBER_WRAP_ZLIB = 1,
  EMBER_WRAP_GZIP = 2,
};

/// Results of the functions below.
enum {
  EMBER_FORMATS_OK = 0,
  EMBER_FORMATS_MISSING = -1,    // the library could not be loaded
  EMBER_FORMATS_TRUNCATED = -2,  // the input ends early
  EMBER_FORMATS_CORRUPT = -3,    // the input is not what it should be
  EMBER_FORMATS_FULL = -4,       // the output would be larger than allowed
  EMBER_FORMATS_MEMORY = -5,
};

/// Whether zlib is present; if not, `ember_zlib_error` says why.
int ember_zlib_available(void);
const char *ember_zlib_error(void);

/// Inflates all of `input` (for gzip, every member in turn). On success `*output` holds `*output_count` bytes, to be freed
/// with `free`; at most `limit` bytes are ever produced. What follows a stream that is no gzip member is an error unless `allow_rest`.
int ember_inflate(
    const uint8_t *input, size_t count, int wrap, size_t limit, int allow_rest, uint8_t **output, size_t *output_count);

/// Deflates all of `input`; as above. `level` is 0 to 9.
int ember_deflate(const uint8_t *input, size_t count, int wrap, int level, uint8_t **output, size_t *output_count);

/// CRC-32 as zip, gzip and PNG use it. Needs no library.
uint32_t ember_crc32(uint32_t crc, const uint8_t *bytes, size_t count);

/// Whether libpng is present; if not, `ember_png_error` says why.
int ember_png_available(void);
const char *ember_png_error(void);

/// Encodes 8-bit pixels; `channels` is 1 (grey), 3 (RGB) or 4 (RGBA). `message` holds at least 64 bytes.
int ember_png_write(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, uint8_t **output, size_t *output_count,
                    char *message);

/// Decodes to 8-bit pixels in the channels that the file has. Refuses more than `limit` bytes of pixels. `message` holds at least 64 bytes.
int ember_png_read(const uint8_t *input, size_t count, size_t limit, uint8_t **pixels, uint32_t *width, uint32_t *height, int *channels,
                   char *message);

/// Whether TurboJPEG (libjpeg-turbo) is present; if not, `ember_jpeg_error` says why.
int ember_jpeg_available(void);
const char *ember_jpeg_error(void);

/// Decodes to 8-bit pixels, grey (1 channel) or RGB (3). Refuses more than `limit` bytes of pixels. `message` holds at least 64 bytes.
int ember_jpeg_read(const uint8_t *input, size_t count, size_t limit, uint8_t **pixels, uint32_t *width, uint32_t *height, int *channels,
                    char *message);

/// A handler for SIGINT and SIGTERM that only sets a flag; a second signal ends the process as usual. Signals that are ignored stay so.
/// Installations nest: the first clears the flag, the last `remove` puts back the handlers that were there before.
void ember_signal_install(void);
void ember_signal_remove(void);
int ember_signal_received(void);
void ember_signal_clear(void);

#ifdef __cplusplus
}
#endif
#endif
