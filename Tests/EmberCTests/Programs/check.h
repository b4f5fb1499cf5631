// What the test programs share: a failed expectation is printed with its line and makes the program fail.
#ifndef CHECK_H
#define CHECK_H

#include <ember.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

#define EXPECT(condition)                                                     \
  do {                                                                        \
    if (!(condition)) {                                                       \
      ++failures;                                                             \
      printf("%s:%d: expected %s\n", __FILE__, __LINE__, #condition);         \
    }                                                                         \
  } while (0)

// The call succeeds.
#define OK(call)                                                                                                            \
  do {                                                                                                                      \
    ember_status status_ = (call);                                                                                          \
    if (status_ != EMBER_OK) {                                                                                              \
      ++failures;                                                                                                           \
      printf("%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call, ember_status_name(status_), ember_error_message());          \
    }                                                                                                                       \
  } while (0)

// The call fails with that status, and a message that contains the text.
#define FAILS(expected, text, call)                                                                                         \
  do {                                                                                                                      \
    ember_status status_ = (call);                                                                                          \
    if (status_ != expected || strstr(ember_error_message(), text) == NULL) {                                               \
      ++failures;                                                                                                           \
      printf("%s:%d: %s: expected %s with \"%s\", not %s with \"%s\"\n", __FILE__, __LINE__, #call, #expected, text,        \
             ember_status_name(status_), ember_error_message());                                                            \
    }                                                                                                                       \
  } while (0)

static const ember_device cpu = {EMBER_CPU, 0};

static inline ember_value of_tensor(ember_tensor *tensor) {
  ember_value value = {EMBER_VALUE_TENSOR, NULL, {0}};
  value.as.tensor = tensor;
  return value;
}

static inline ember_value of_integer(int64_t number) {
  ember_value value = {EMBER_VALUE_INTEGER, NULL, {0}};
  value.as.integer = number;
  return value;
}

static inline ember_value named(const char *name, ember_value value) {
  value.name = name;
  return value;
}

static inline size_t handle_count(void) {
  size_t count = 0;
  OK(ember_handle_count(&count));
  return count;
}

#endif
