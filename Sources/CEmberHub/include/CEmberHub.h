// HTTP by libcurl, found when the program runs: building needs neither its headers nor the library. And SHA-256.
#ifndef CEMBERHUB_H
#define CEMBERHUB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Whether libcurl is present; if not, `ember_curl_error` says why.
int ember_curl_available(void);
const char *ember_curl_error(void);

typedef struct {
  const char *url;
  /// Lines `Name: value`.
  const char *const *headers;
  size_t header_count;
  /// Certificates to trust; NULL for the system's.
  const char *certificates;
  /// How many seconds all of it may take; 0 for any time.
  long seconds;
  /// Get bytes of the answer and lines of its head; an answer that counts is known by its status, which comes first. Return 0 to give up.
  int (*receive)(const uint8_t *bytes, size_t count, void *context);
  int (*receive_header)(const char *line, size_t count, void *context);
  void *context;
} ember_http_request;

enum {
  EMBER_HTTP_OK = 0,
  EMBER_HTTP_FAILED = -1,       // another try may help: the connection broke, or nothing came for a while
  EMBER_HTTP_REFUSED = -2,      // no try will help
  EMBER_HTTP_INTERRUPTED = -3,  // a callback gave up
};

/// Gets a URL (http or https), following redirections. `status` is that of the last answer, `message` holds at least 256 bytes.
int ember_http_get(const ember_http_request *request, long *status, char *message);

typedef struct {
  uint32_t state[8];
  uint64_t count;
  uint8_t block[64];
} ember_sha256;

/// SHA-256 (FIPS 180-4) of bytes that come in parts.
void ember_sha256_start(ember_sha256 *hash);
void ember_sha256_add(ember_sha256 *hash, const uint8_t *bytes, size_t count);
void ember_sha256_finish(ember_sha256 *hash, uint8_t digest[32]);

#ifdef __cplusplus
}
#endif
#endif
