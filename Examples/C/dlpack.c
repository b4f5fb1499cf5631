// Memory that several libraries share: a program's own array becomes a tensor without copying, and a tensor goes out as DLPack's
// structure, which NumPy, PyTorch, CuPy and others take.
//
//   cc dlpack.c -I PREFIX/include -L PREFIX/lib -lember -o dlpack
#include <ember.h>
#include <ember/dlpack.h>
#include <stdio.h>
#include <stdlib.h>

static void check(ember_status status) {
  if (status == EMBER_OK) return;
  fprintf(stderr, "%s in %s: %s\n", ember_status_name(status), ember_error_operation(), ember_error_message());
  exit(1);
}

static void released(void *context) { printf("%s is no longer used\n", (const char *)context); }

static void print(const char *what, const ember_tensor *tensor) {
  char *text;
  check(ember_tensor_description(tensor, &text));
  printf("%s: %s\n", what, text);
  ember_string_release(text);
}

int main(void) {
  static float table[2][3] = {{1, 2, 3}, {4, 5, 6}};
  const ember_device cpu = {EMBER_CPU, 0};

  // In: the second and third columns, back to front.
  const int64_t sizes[] = {2, 2}, strides[] = {3, -1};
  ember_tensor *columns;
  check(ember_tensor_wrap(&table[0][2], EMBER_FLOAT32, sizes, strides, 2, cpu, released, "the table", &columns));
  print("columns", columns);

  // Operators never write shared memory, in-place forms neither: they return a new value.
  ember_value arguments[] = {{.kind = EMBER_VALUE_TENSOR, .as.tensor = columns}, {.kind = EMBER_VALUE_INTEGER, .as.integer = 10}}, sum;
  size_t count;
  check(ember_call("aten::add_", arguments, 2, &sum, 1, &count));
  print("sum", sum.as.tensor);
  printf("table[0][2] is still %g\n", table[0][2]);

  // Out: the sum's own memory, marked as read-only. Whoever takes the structure calls its deleter, on any thread.
  struct DLManagedTensorVersioned *shared;
  check(ember_tensor_to_dlpack_versioned(sum.as.tensor, false, &shared));
  check(ember_tensor_release(columns));
  check(ember_value_release(&sum));
  const float *elements = shared->dl_tensor.data;
  printf("shared: %d dimensions, first element %g, %s\n", shared->dl_tensor.ndim, elements[0],
         shared->flags & DLPACK_FLAG_BITMASK_READ_ONLY ? "read-only" : "writable");

  // And in again, as from another library.
  ember_tensor *again;
  check(ember_tensor_from_dlpack_versioned(shared, &again));
  print("again", again);
  check(ember_tensor_release(again));
  return 0;
}
