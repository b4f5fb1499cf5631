// Memory that is shared with others: who frees it and when, and that it is never written.
#include <ember/dlpack.h>
#include <pthread.h>
#include <stdlib.h>

#include "check.h"

static int releases = 0;
static void released(void *context) {
  EXPECT(context == &releases);
  ++releases;
}

static void expect_elements(const ember_tensor *tensor, const float *elements, size_t count) {
  float copy[64];
  OK(ember_tensor_copy_data(tensor, copy, count * sizeof *copy));
  EXPECT(memcmp(copy, elements, count * sizeof *copy) == 0);
}

static ember_tensor *call_one(const char *name, ember_value *arguments, size_t count) {
  ember_value result = {EMBER_VALUE_NONE, NULL, {0}};
  size_t result_count;
  OK(ember_call(name, arguments, count, &result, 1, &result_count));
  return result.as.tensor;
}

static void wrapping(void) {
  float data[6] = {1, 2, 3, 4, 5, 6};
  const int64_t size[] = {2, 3};
  ember_tensor *x;
  OK(ember_tensor_wrap(data, EMBER_FLOAT32, size, NULL, 2, cpu, released, &releases, &x));
  const void *address;
  OK(ember_tensor_data(x, &address));
  EXPECT(address == data);
  // A view keeps the memory; in-place forms do not write it.
  ember_value arguments[] = {of_tensor(x), of_integer(0), of_integer(1)};
  ember_tensor *row = call_one("aten::select.int", arguments, 3);
  OK(ember_tensor_data(row, &address));
  EXPECT(address == data + 3);
  OK(ember_tensor_release(x));
  EXPECT(releases == 0);
  ember_value more[] = {of_tensor(row), of_integer(10)};
  ember_tensor *sum = call_one("aten::add_", more, 2);
  EXPECT(data[3] == 4);
  expect_elements(sum, (float[]){14, 15, 16}, 3);
  OK(ember_tensor_release(row));
  EXPECT(releases == 1);
  OK(ember_tensor_release(sum));
  EXPECT(releases == 1);

  // Backwards, and one element for all.
  const int64_t strides[] = {-3, 0};
  OK(ember_tensor_wrap(data + 3, EMBER_FLOAT32, size, strides, 2, cpu, NULL, NULL, &x));
  expect_elements(x, (float[]){4, 4, 4, 1, 1, 1}, 6);
  ember_value only = of_tensor(x);
  ember_tensor *total = call_one("aten::sum", &only, 1);
  expect_elements(total, (float[]){15}, 1);
  OK(ember_tensor_release(total));
  OK(ember_tensor_release(x));

  // Elements at an odd address are copied, and the memory is given back at once.
  char bytes[1 + sizeof data];
  memcpy(bytes + 1, data, sizeof data);
  OK(ember_tensor_wrap(bytes + 1, EMBER_FLOAT32, size, NULL, 2, cpu, released, &releases, &x));
  EXPECT(releases == 2);
  expect_elements(x, data, 6);
  OK(ember_tensor_release(x));

  // So is memory without elements.
  const int64_t none[] = {0, 3};
  OK(ember_tensor_wrap(NULL, EMBER_FLOAT32, none, NULL, 2, cpu, released, &releases, &x));
  EXPECT(releases == 3);
  OK(ember_tensor_data(x, &address));
  EXPECT(address == NULL);
  OK(ember_tensor_release(x));

  // A failure leaves the memory to the caller.
  const int64_t wrong[] = {-1};
  FAILS(EMBER_ERROR_SHAPE, "negative", ember_tensor_wrap(data, EMBER_FLOAT32, wrong, NULL, 1, cpu, released, &releases, &x));
  EXPECT(releases == 3);
}

static int deletions = 0;
static void deleted(DLManagedTensor *self) {
  ++deletions;
  free(self);
}
static void deleted_versioned(DLManagedTensorVersioned *self) {
  ++deletions;
  free(self);
}

static void importing(void) {
  float data[4] = {1, 2, 3, 4};
  int64_t size[] = {2, 2}, columns_first[] = {1, 2};
  ember_tensor *x;
  DLManagedTensor *older = malloc(sizeof *older);
  // The first element is not at the beginning.
  *older = (DLManagedTensor){{data, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, size, NULL, 2 * sizeof *data}, NULL, deleted};
  OK(ember_tensor_from_dlpack(older, &x));
  expect_elements(x, (float[]){3, 4}, 2);
  OK(ember_tensor_release(x));
  EXPECT(deletions == 1);

  DLManagedTensorVersioned *newer = malloc(sizeof *newer);
  *newer = (DLManagedTensorVersioned){
      {1, 1}, NULL, deleted_versioned, DLPACK_FLAG_BITMASK_READ_ONLY, {data, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, size, columns_first, 0}};
  OK(ember_tensor_from_dlpack_versioned(newer, &x));
  expect_elements(x, (float[]){1, 3, 2, 4}, 4);
  // What the owner writes is seen, what operators compute is not written back.
  data[0] = 9;
  expect_elements(x, (float[]){9, 3, 2, 4}, 4);
  ember_value only = of_tensor(x);
  ember_tensor *zeros = call_one("aten::zero_", &only, 1);
  EXPECT(data[0] == 9);
  OK(ember_tensor_release(zeros));
  EXPECT(deletions == 1);
  OK(ember_tensor_release(x));
  EXPECT(deletions == 2);

  // Every element type comes in and goes out as itself.
  for (int type = EMBER_BOOL; type <= EMBER_COMPLEX32; ++type) {
    ember_tensor *y, *back;
    DLManagedTensorVersioned *shared;
    ember_scalar_type same;
    const int64_t three = 3;
    char zeros_of_type[48] = {0};
    size_t bytes;
    OK(ember_scalar_type_size((ember_scalar_type)type, &bytes));
    OK(ember_tensor_from_data(zeros_of_type, 3 * bytes, (ember_scalar_type)type, &three, 1, cpu, &y));
    OK(ember_tensor_to_dlpack_versioned(y, false, &shared));
    EXPECT(shared->dl_tensor.dtype.bits == 8 * bytes);
    OK(ember_tensor_from_dlpack_versioned(shared, &back));
    OK(ember_tensor_scalar_type(back, &same));
    EXPECT((int)same == type);
    OK(ember_tensor_release(y));
    OK(ember_tensor_release(back));
  }
}

static void *delete_elsewhere(void *shared) {
  DLManagedTensorVersioned *managed = shared;
  managed->deleter(managed);
  return NULL;
}

static void exporting(void) {
  const float data[] = {1, 2, 3, 4, 5, 6};
  const int64_t size[] = {2, 3};
  ember_tensor *x, *turned;
  OK(ember_tensor_from_data(data, sizeof data, EMBER_FLOAT32, size, 2, cpu, &x));
  ember_value only = of_tensor(x);
  turned = call_one("aten::t", &only, 1);
  const void *address;
  OK(ember_tensor_data(turned, &address));
  DLManagedTensorVersioned *shared, *copy;
  OK(ember_tensor_to_dlpack_versioned(turned, false, &shared));
  EXPECT(shared->version.major == 1 && shared->flags == DLPACK_FLAG_BITMASK_READ_ONLY);
  EXPECT(shared->dl_tensor.data == address && shared->dl_tensor.ndim == 2);
  EXPECT(shared->dl_tensor.shape[0] == 3 && shared->dl_tensor.strides[0] == 1 && shared->dl_tensor.strides[1] == 3);
  OK(ember_tensor_to_dlpack_versioned(turned, true, &copy));
  EXPECT(copy->dl_tensor.data != address && copy->flags == DLPACK_FLAG_BITMASK_IS_COPIED);
  DLManagedTensor *older;
  OK(ember_tensor_to_dlpack(x, &older));
  OK(ember_tensor_data(x, &address));
  EXPECT(older->dl_tensor.data != address);
  ((float *)older->dl_tensor.data)[0] = 100;
  expect_elements(x, data, 6);
  older->deleter(older);
  OK(ember_tensor_release(x));
  OK(ember_tensor_release(turned));
  // The memory outlives the tensors.
  EXPECT(((const float *)shared->dl_tensor.data)[5] == 6);
  pthread_t thread;
  EXPECT(pthread_create(&thread, NULL, delete_elsewhere, shared) == 0);
  EXPECT(pthread_join(thread, NULL) == 0);
  copy->deleter(copy);
}

int main(void) {
  wrapping();
  importing();
  exporting();
  EXPECT(handle_count() == 0);
  printf("%d failures\n", failures);
  return failures != 0;
}
