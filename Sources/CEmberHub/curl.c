#include "CEmberHub.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

// libcurl's ABI, as it has been since version 7.32: numbers of options are 0 for long, 10000 for pointers, 20000 for functions, 30000 for 64-bit
// numbers, plus a number of their own.
enum {
  OPTION_WRITE_DATA = 10001,
  OPTION_URL = 10002,
  OPTION_ERROR_BUFFER = 10010,
  OPTION_USER_AGENT = 10018,
  OPTION_TIMEOUT = 13,
  OPTION_LOW_SPEED_LIMIT = 19,
  OPTION_LOW_SPEED_TIME = 20,
  OPTION_HTTP_HEADER = 10023,
  OPTION_HEADER_DATA = 10029,
  OPTION_FOLLOW_LOCATION = 52,
  OPTION_CA_INFO = 10065,
  OPTION_MAX_REDIRECTIONS = 68,
  OPTION_CONNECT_TIMEOUT = 78,
  OPTION_NO_SIGNAL = 99,
  OPTION_PROTOCOLS = 181,
  OPTION_REDIRECTION_PROTOCOLS = 182,
  OPTION_WRITE_FUNCTION = 20011,
  OPTION_HEADER_FUNCTION = 20079,
  PROTOCOLS_HTTP_AND_HTTPS = 3,
  INFO_RESPONSE_CODE = 0x200002,
  GLOBAL_ALL = 3,
};

static struct {
  int (*curl_global_init)(long);
  void *(*curl_easy_init)(void);
  int (*curl_easy_setopt)(void *, int, ...);
  int (*curl_easy_perform)(void *);
  int (*curl_easy_getinfo)(void *, int, ...);
  const char *(*curl_easy_strerror)(int);
  void (*curl_easy_cleanup)(void *);
  void *(*curl_slist_append)(void *, const char *);
  void (*curl_slist_free_all)(void *);
  char error[256];
  int loaded;
} curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so"};
  void *library = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++) {
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library && i == 0) {
      const char *why = dlerror();
      strncpy(curl.error, why ? why : "libcurl.so.4 was not found", sizeof curl.error - 1);
    }
  }
  if (!library) return;
#define FIND(name)                                                       \
  if (!(*(void **)&curl.name = dlsym(library, #name))) {                 \
    strncpy(curl.error, "libcurl lacks " #name, sizeof curl.error - 1);  \
    return;                                                              \
  }
  FIND(curl_global_init)
  FIND(curl_easy_init)
  FIND(curl_easy_setopt)
  FIND(curl_easy_perform)
  FIND(curl_easy_getinfo)
  FIND(curl_easy_strerror)
  FIND(curl_easy_cleanup)
  FIND(curl_slist_append)
  FIND(curl_slist_free_all)
#undef FIND
  if (curl.curl_global_init(GLOBAL_ALL) != 0) {
    strncpy(curl.error, "libcurl could not be initialised", sizeof curl.error - 1);
    return;
  }
  curl.loaded = 1;
}

int ember_curl_available(void) {
  pthread_once(&once, load);
  return curl.loaded;
}

const char *ember_curl_error(void) {
  pthread_once(&once, load);
  return curl.error;
}

typedef struct {
  const ember_http_request *request;
  int interrupted;
} transfer;

static size_t receive(char *bytes, size_t size, size_t count, void *context) {
  transfer *t = context;
  if (t->request->receive((const uint8_t *)bytes, size * count, t->request->context)) return size * count;
  t->interrupted = 1;
  return 0;
}

static size_t receive_header(char *line, size_t size, size_t count, void *context) {
  transfer *t = context;
  if (t->request->receive_header(line, size * count, t->request->context)) return size * count;
  t->interrupted = 1;
  return 0;
}

// Failures that come from the way, not from what was asked for.
static int is_temporary(int code) {
  switch (code) {
    case 6:   // the name could not be resolved
    case 7:   // no connection
    case 16:  // HTTP/2
    case 18:  // a part only
    case 28:  // too long
    case 35:  // the handshake broke
    case 52:  // an empty answer
    case 55:  // could not send
    case 56:  // could not receive
    case 92:  // HTTP/2 stream
      return 1;
    default: return 0;
  }
}

int ember_http_get(const ember_http_request *request, long *status, char *message) {
  *status = 0;
  message[0] = 0;
  if (!ember_curl_available()) {
    snprintf(message, 256, "libcurl is needed (package libcurl4), but could not be loaded: %.150s", curl.error);
    return EMBER_HTTP_REFUSED;
  }
  void *handle = curl.curl_easy_init();
  if (!handle) {
    snprintf(message, 256, "libcurl could not begin a transfer");
    return EMBER_HTTP_REFUSED;
  }
  void *headers = NULL;
  for (size_t i = 0; i < request->header_count; i++) {
    void *longer = curl.curl_slist_append(headers, request->headers[i]);
    if (longer) headers = longer;
  }
  transfer state = {request, 0};
  curl.curl_easy_setopt(handle, OPTION_URL, request->url);
  curl.curl_easy_setopt(handle, OPTION_ERROR_BUFFER, message);
  curl.curl_easy_setopt(handle, OPTION_USER_AGENT, "ember-hub/1");
  curl.curl_easy_setopt(handle, OPTION_HTTP_HEADER, headers);
  curl.curl_easy_setopt(handle, OPTION_NO_SIGNAL, 1L);
  curl.curl_easy_setopt(handle, OPTION_FOLLOW_LOCATION, 1L);
  curl.curl_easy_setopt(handle, OPTION_MAX_REDIRECTIONS, 10L);
  curl.curl_easy_setopt(handle, OPTION_PROTOCOLS, (long)PROTOCOLS_HTTP_AND_HTTPS);
  curl.curl_easy_setopt(handle, OPTION_REDIRECTION_PROTOCOLS, (long)PROTOCOLS_HTTP_AND_HTTPS);
  curl.curl_easy_setopt(handle, OPTION_CONNECT_TIMEOUT, 30L);
  // Given up when for a minute less than this comes a second.
  curl.curl_easy_setopt(handle, OPTION_LOW_SPEED_LIMIT, 100L);
  curl.curl_easy_setopt(handle, OPTION_LOW_SPEED_TIME, 60L);
  if (request->seconds > 0) curl.curl_easy_setopt(handle, OPTION_TIMEOUT, request->seconds);
  curl.curl_easy_setopt(handle, OPTION_WRITE_FUNCTION, receive);
  curl.curl_easy_setopt(handle, OPTION_WRITE_DATA, &state);
  curl.curl_easy_setopt(handle, OPTION_HEADER_FUNCTION, receive_header);
  curl.curl_easy_setopt(handle, OPTION_HEADER_DATA, &state);
  if (request->certificates) curl.curl_easy_setopt(handle, OPTION_CA_INFO, request->certificates);
  int code = curl.curl_easy_perform(handle);
  curl.curl_easy_getinfo(handle, INFO_RESPONSE_CODE, status);
  curl.curl_easy_cleanup(handle);
  curl.curl_slist_free_all(headers);
  if (code == 0) return EMBER_HTTP_OK;
  if (!message[0]) snprintf(message, 256, "%s", curl.curl_easy_strerror(code));
  if (state.interrupted) return EMBER_HTTP_INTERRUPTED;
  return is_temporary(code) ? EMBER_HTTP_FAILED : EMBER_HTTP_REFUSED;
}
