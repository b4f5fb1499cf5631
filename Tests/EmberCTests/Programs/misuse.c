// Whatever a caller can get wrong is an error with a message: nothing crashes, and nothing is left behind.
#include <ember/dlpack.h>
#include <math.h>

#include "check.h"

static void handles(void) {
  const int64_t size = 2;
  ember_tensor *x;
  ember_random_generator *generator;
  size_t rank;
  OK(ember_tensor_ones(EMBER_FLOAT32, &size, 1, cpu, &x));
  OK(ember_random_generator_create(1, cpu, &generator));
  FAILS(EMBER_ERROR_NULL, "tensor is null", ember_tensor_rank(NULL, &rank));
  FAILS(EMBER_ERROR_NULL, "out is null", ember_tensor_rank(x, NULL));
  FAILS(EMBER_ERROR_HANDLE, "ember_random_generator", ember_tensor_rank((ember_tensor *)generator, &rank));
  FAILS(EMBER_ERROR_HANDLE, "no handle", ember_tensor_rank((ember_tensor *)&rank, &rank));
  FAILS(EMBER_ERROR_HANDLE, "", ember_tensor_rank((ember_tensor *)(intptr_t)-1, &rank));
  FAILS(EMBER_ERROR_HANDLE, "", ember_tensor_rank((ember_tensor *)1, &rank));
  FAILS(EMBER_ERROR_HANDLE, "ember_tensor", ember_random_generator_release((ember_random_generator *)x));
  OK(ember_tensor_retain(x));
  OK(ember_tensor_release(x));
  OK(ember_tensor_rank(x, &rank));
  OK(ember_tensor_release(x));
  FAILS(EMBER_ERROR_HANDLE, "released before", ember_tensor_release(x));
  FAILS(EMBER_ERROR_HANDLE, "released before", ember_tensor_retain(x));
  FAILS(EMBER_ERROR_HANDLE, "released before", ember_tensor_rank(x, &rank));
  // Its place is taken by another tensor; the old handle stays invalid.
  ember_tensor *y;
  OK(ember_tensor_ones(EMBER_FLOAT32, &size, 1, cpu, &y));
  FAILS(EMBER_ERROR_HANDLE, "released before", ember_tensor_rank(x, &rank));
  OK(ember_tensor_release(y));
  OK(ember_tensor_release(NULL));
  OK(ember_random_generator_release(generator));
  OK(ember_random_generator_release(NULL));
  OK(ember_sparse_tensor_release(NULL));
  ember_string_release(NULL);
}

static void shapes(void) {
  ember_tensor *x = NULL;
  const int64_t negative[] = {2, -1}, huge[] = {INT64_MAX, INT64_MAX, 4}, large[] = {1 << 20, 1 << 20, 1 << 14}, size[] = {2, 2};
  const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  float data[4] = {1, 2, 3, 4};
  FAILS(EMBER_ERROR_SHAPE, "negative", ember_tensor_zeros(EMBER_FLOAT32, negative, 2, cpu, &x));
  FAILS(EMBER_ERROR_MEMORY, "", ember_tensor_zeros(EMBER_FLOAT32, huge, 3, cpu, &x));
  FAILS(EMBER_ERROR_MEMORY, "", ember_tensor_zeros(EMBER_FLOAT64, large, 3, cpu, &x));
  FAILS(EMBER_ERROR_COUNT, "at most 8", ember_tensor_zeros(EMBER_FLOAT32, nine, 9, cpu, &x));
  FAILS(EMBER_ERROR_COUNT, "", ember_tensor_zeros(EMBER_FLOAT32, nine, (size_t)-1, cpu, &x));
  FAILS(EMBER_ERROR_NULL, "sizes is null", ember_tensor_zeros(EMBER_FLOAT32, NULL, 1, cpu, &x));
  FAILS(EMBER_ERROR_NULL, "out is null", ember_tensor_zeros(EMBER_FLOAT32, size, 2, cpu, NULL));
  FAILS(EMBER_ERROR_VALUE, "no ember_scalar_type", ember_tensor_zeros((ember_scalar_type)77, size, 2, cpu, &x));
  FAILS(EMBER_ERROR_VALUE, "no ember_device", ember_tensor_zeros(EMBER_FLOAT32, size, 2, (ember_device){(ember_device_type)9, 0}, &x));
  FAILS(EMBER_ERROR_VALUE, "no ember_device", ember_tensor_zeros(EMBER_FLOAT32, size, 2, (ember_device){EMBER_CPU, -1}, &x));
  FAILS(EMBER_ERROR_DEVICE, "no device", ember_tensor_zeros(EMBER_FLOAT32, size, 2, (ember_device){EMBER_CUDA, 200}, &x));
  FAILS(EMBER_ERROR_SHAPE, "16", ember_tensor_from_data(data, 12, EMBER_FLOAT32, size, 2, cpu, &x));
  FAILS(EMBER_ERROR_NULL, "data is null", ember_tensor_from_data(NULL, 16, EMBER_FLOAT32, size, 2, cpu, &x));
  const int64_t far[] = {INT64_MAX, 1};
  FAILS(EMBER_ERROR_VALUE, "further than memory", ember_tensor_wrap(data, EMBER_FLOAT32, size, far, 2, cpu, NULL, NULL, &x));
  FAILS(EMBER_ERROR_NULL, "", ember_tensor_wrap(NULL, EMBER_FLOAT32, size, NULL, 2, cpu, NULL, NULL, &x));
  FAILS(EMBER_ERROR_DEVICE, "meta", ember_tensor_wrap(data, EMBER_FLOAT32, size, NULL, 2, (ember_device){EMBER_META, 0}, NULL, NULL, &x));
  EXPECT(x == NULL);
}

static void reading(void) {
  ember_tensor *x, *indexed = NULL;
  const int64_t size[] = {2, 3};
  int64_t sizes[2] = {7, 7};
  float data[6];
  const void *address;
  ember_value value;
  OK(ember_tensor_ones(EMBER_FLOAT32, size, 2, cpu, &x));
  FAILS(EMBER_ERROR_COUNT, "room for 1", ember_tensor_sizes(x, sizes, 1));
  EXPECT(sizes[0] == 7);
  FAILS(EMBER_ERROR_NULL, "", ember_tensor_sizes(x, NULL, 2));
  FAILS(EMBER_ERROR_COUNT, "24 bytes", ember_tensor_copy_data(x, data, 20));
  FAILS(EMBER_ERROR_NULL, "destination", ember_tensor_copy_data(x, NULL, 24));
  FAILS(EMBER_ERROR_SHAPE, "6 elements", ember_tensor_item(x, &value));
  ember_value indices[] = {of_integer(2), {EMBER_VALUE_STRING, NULL, {0}}};
  indices[1].as.string = "a";
  FAILS(EMBER_ERROR_INDEX, "position 2", ember_tensor_index(x, indices, 1, &indexed));
  FAILS(EMBER_ERROR_VALUE, "no index", ember_tensor_index(x, indices, 2, &indexed));
  indices[0] = (ember_value){EMBER_VALUE_SLICE, NULL, {0}};
  indices[0].as.slice.step = -1;
  FAILS(EMBER_ERROR_VALUE, "", ember_tensor_index(x, indices, 1, &indexed));
  ember_value too_many[] = {of_integer(0), of_integer(0), of_integer(0)};
  FAILS(EMBER_ERROR_INDEX, "3 indices", ember_tensor_index(x, too_many, 3, &indexed));
  FAILS(EMBER_ERROR_NULL, "source", ember_tensor_index_put(x, too_many, 1, NULL, &indexed));
  EXPECT(indexed == NULL);
  OK(ember_tensor_release(x));
  OK(ember_tensor_ones(EMBER_FLOAT32, size, 2, (ember_device){EMBER_META, 0}, &x));
  FAILS(EMBER_ERROR_DEVICE, "", ember_tensor_data(x, &address));
  FAILS(EMBER_ERROR_DEVICE, "", ember_tensor_copy_data(x, data, 24));
  OK(ember_tensor_release(x));
}

static void operators(void) {
  ember_tensor *x;
  const int64_t size[] = {2, 3};
  size_t count = 99;
  OK(ember_tensor_ones(EMBER_FLOAT32, size, 2, cpu, &x));
  ember_value result, arguments[] = {of_tensor(x), of_tensor(x), of_tensor(x)};
  FAILS(EMBER_ERROR_UNSUPPORTED, "no operator", ember_call("aten::nothing", arguments, 1, &result, 1, &count));
  FAILS(EMBER_ERROR_UNSUPPORTED, "no operator", ember_call("", arguments, 1, &result, 1, &count));
  FAILS(EMBER_ERROR_NULL, "name is null", ember_call(NULL, arguments, 1, &result, 1, &count));
  FAILS(EMBER_ERROR_VALUE, "UTF-8", ember_call("aten::\xff\xfe", arguments, 1, &result, 1, &count));
  FAILS(EMBER_ERROR_VALUE, "missing", ember_call("aten::mm", arguments, 1, &result, 1, &count));
  FAILS(EMBER_ERROR_VALUE, "too many", ember_call("aten::mm", arguments, 3, &result, 1, &count));
  FAILS(EMBER_ERROR_SHAPE, "", ember_call("aten::mm", arguments, 2, &result, 1, &count));
  EXPECT(strcmp(ember_error_operation(), "mm") == 0 || strcmp(ember_error_operation(), "matmul") == 0);
  FAILS(EMBER_ERROR_NULL, "arguments is null", ember_call("aten::mm", NULL, 2, &result, 1, &count));
  FAILS(EMBER_ERROR_COUNT, "impossible length", ember_call("aten::mm", arguments, (size_t)-1, &result, 1, &count));
  FAILS(EMBER_ERROR_NULL, "result_count", ember_call("aten::abs", arguments, 1, &result, 1, NULL));
  FAILS(EMBER_ERROR_NULL, "results", ember_call("aten::abs", arguments, 1, NULL, 1, &count));
  EXPECT(count == 99);
  ember_value dim[] = {of_tensor(x), of_integer(1)};
  FAILS(EMBER_ERROR_COUNT, "2 results", ember_call("aten::max.dim", dim, 2, &result, 1, &count));
  EXPECT(count == 2);
  ember_value wrong[] = {of_tensor(x), named("nothing", of_integer(1)), of_integer(2)};
  FAILS(EMBER_ERROR_VALUE, "no argument nothing", ember_call("aten::max.dim", wrong, 2, &result, 1, &count));
  FAILS(EMBER_ERROR_VALUE, "without a name", ember_call("aten::max.dim", wrong, 3, &result, 1, &count));
  ember_value bad = {(ember_value_kind)1000, NULL, {0}};
  FAILS(EMBER_ERROR_VALUE, "no ember_value_kind", ember_call("aten::abs", &bad, 1, &result, 1, &count));
  // A list that contains itself.
  ember_value list = {EMBER_VALUE_LIST, NULL, {0}};
  list.as.list.items = &list;
  list.as.list.count = 1;
  FAILS(EMBER_ERROR_VALUE, "nested", ember_call("aten::cat", &list, 1, &result, 1, &count));
  list.as.list.items = NULL;
  FAILS(EMBER_ERROR_NULL, "a list is null", ember_call("aten::cat", &list, 1, &result, 1, &count));
  ember_value text = {EMBER_VALUE_STRING, NULL, {0}};
  FAILS(EMBER_ERROR_NULL, "string", ember_call("aten::abs", &text, 1, &result, 1, &count));
  FAILS(EMBER_ERROR_NULL, "value is null", ember_value_release(NULL));
  const char *declaration;
  FAILS(EMBER_ERROR_COUNT, "", ember_operator_declaration((size_t)-1, &declaration));
  FAILS(EMBER_ERROR_COUNT, "", ember_operator_declaration(1000000, &declaration));
  OK(ember_tensor_release(x));
}

static ember_tensor *distance(ember_tensor *const *inputs, size_t count, void *context) {
  ember_value arguments[] = {of_tensor(inputs[0]), of_tensor(inputs[1])}, result;
  size_t results;
  EXPECT(count == 2);
  ++*(int *)context;
  // One of the calls fails.
  if (*(int *)context == 7) return NULL;
  OK(ember_call("aten::pairwise_distance", arguments, 2, &result, 1, &results));
  return result.as.tensor;
}

static void functions(void) {
  const int64_t size[] = {2, 3};
  const char *name = "torch.nn.functional.triplet_margin_with_distance_loss";
  int calls = 0;
  ember_tensor *x[3];
  for (int i = 0; i < 3; ++i) OK(ember_tensor_randn(EMBER_FLOAT32, size, 2, cpu, NULL, &x[i]));
  ember_value function = {EMBER_VALUE_FUNCTION, "distance_function", {0}}, result, plain;
  function.as.function.call = distance;
  function.as.function.context = &calls;
  ember_value arguments[] = {of_tensor(x[0]), of_tensor(x[1]), of_tensor(x[2]), function};
  size_t count;
  OK(ember_call(name, arguments, 4, &result, 1, &count));
  EXPECT(calls > 0);
  OK(ember_call("torch.nn.functional.triplet_margin_loss", arguments, 3, &plain, 1, &count));
  float a, b;
  OK(ember_tensor_copy_data(result.as.tensor, &a, sizeof a));
  OK(ember_tensor_copy_data(plain.as.tensor, &b, sizeof b));
  EXPECT(fabsf(a - b) < 1e-5f);
  OK(ember_value_release(&plain));
  OK(ember_value_release(&result));
  calls = 6;
  FAILS(EMBER_ERROR_VALUE, "function of the caller's failed", ember_call(name, arguments, 4, &result, 1, &count));
  arguments[3].as.function.call = NULL;
  FAILS(EMBER_ERROR_NULL, "a function is null", ember_call(name, arguments, 4, &result, 1, &count));
  for (int i = 0; i < 3; ++i) OK(ember_tensor_release(x[i]));
}

static void differentiation(void) {
  const int64_t size = 2;
  ember_tensor *x, *leaf, *integers, *made = NULL, *gradients[1];
  OK(ember_tensor_ones(EMBER_FLOAT32, &size, 1, cpu, &x));
  OK(ember_tensor_ones(EMBER_INT64, &size, 1, cpu, &integers));
  FAILS(EMBER_ERROR_VALUE, "no recorded computation", ember_backward(&x, NULL, 1, false, false));
  FAILS(EMBER_ERROR_NULL, "results is null", ember_backward(NULL, NULL, 1, false, false));
  FAILS(EMBER_ERROR_DTYPE, "", ember_tensor_requiring_grad(integers, true, &made));
  OK(ember_tensor_requiring_grad(x, true, &leaf));
  FAILS(EMBER_ERROR_SHAPE, "single number", ember_backward(&leaf, NULL, 1, false, false));
  FAILS(EMBER_ERROR_VALUE, "does not require", ember_grad(&leaf, &x, 1, &x, 1, false, false, gradients));
  FAILS(EMBER_ERROR_VALUE, "does not require", ember_tensor_set_grad(x, x));
  FAILS(EMBER_ERROR_SHAPE, "agree", ember_tensor_set_grad(leaf, integers));
  FAILS(EMBER_ERROR_VALUE, "no leaf", ember_tensor_updated(x, x, &made));
  FAILS(EMBER_ERROR_SHAPE, "agree", ember_tensor_updated(leaf, integers, &made));
  // A computation is gone through once, unless it is kept.
  ember_value argument = of_tensor(leaf), sum;
  size_t count;
  OK(ember_call("aten::sum", &argument, 1, &sum, 1, &count));
  OK(ember_backward(&sum.as.tensor, NULL, 1, true, false));
  OK(ember_backward(&sum.as.tensor, NULL, 1, false, false));
  OK(ember_value_release(&sum));
  EXPECT(made == NULL);
  ember_tensor *all[] = {x, leaf, integers};
  for (int i = 0; i < 3; ++i) OK(ember_tensor_release(all[i]));
}

static void others(void) {
  ember_random_generator *generator;
  ember_tensor *x, *made = NULL;
  ember_sparse_tensor *sparse = NULL;
  size_t count;
  char state[16] = {0};
  const int64_t size[] = {2, 2};
  FAILS(EMBER_ERROR_DEVICE, "", ember_random_generator_create(1, (ember_device){EMBER_CUDA, 99}, &generator));
  OK(ember_random_generator_create(1, cpu, &generator));
  FAILS(EMBER_ERROR_COUNT, "room for 16", ember_random_generator_state(generator, state, sizeof state, &count));
  FAILS(EMBER_ERROR_VALUE, "no state", ember_random_generator_set_state(generator, state, sizeof state));
  FAILS(EMBER_ERROR_HANDLE, "", ember_tensor_rand(EMBER_FLOAT32, size, 2, cpu, (ember_random_generator *)&count, &made));
  OK(ember_random_generator_release(generator));
  OK(ember_tensor_ones(EMBER_FLOAT32, size, 2, cpu, &x));
  FAILS(EMBER_ERROR_SHAPE, "", ember_sparse_tensor_from_coordinates(x, x, size, 2, &sparse));
  FAILS(EMBER_ERROR_VALUE, "", ember_sparse_tensor_from_compressed(EMBER_SPARSE_COO, x, x, x, size, 2, &sparse));
  FAILS(EMBER_ERROR_VALUE, "", ember_sparse_tensor_from_compressed((ember_sparse_layout)9, x, x, x, size, 2, &sparse));
  FAILS(EMBER_ERROR_SHAPE, "", ember_sparse_tensor_from_compressed(EMBER_SPARSE_CSR, x, x, x, size, 2, &sparse));
  FAILS(EMBER_ERROR_VALUE, "", ember_set_cpu_thread_count(0));
  ember_scalar_type type;
  FAILS(EMBER_ERROR_VALUE, "float33", ember_scalar_type_from_name("float33", &type));
  ember_value number = {EMBER_VALUE_ELLIPSIS, NULL, {0}};
  FAILS(EMBER_ERROR_VALUE, "ellipsis", ember_tensor_full(&number, EMBER_FLOAT32, size, 2, cpu, &made));

  DLManagedTensorVersioned foreign = {{2, 0}, NULL, NULL, 0, {0}};
  FAILS(EMBER_ERROR_UNSUPPORTED, "2.0", ember_tensor_from_dlpack_versioned(&foreign, &made));
  foreign.version.major = 1;
  float element = 1;
  int64_t extent = 1;
  foreign.dl_tensor = (DLTensor){&element, {kDLVulkan, 0}, 1, {kDLFloat, 32, 1}, &extent, NULL, 0};
  FAILS(EMBER_ERROR_DEVICE, "device type 7", ember_tensor_from_dlpack_versioned(&foreign, &made));
  foreign.dl_tensor.device.device_type = kDLCPU;
  foreign.dl_tensor.dtype.lanes = 4;
  FAILS(EMBER_ERROR_DTYPE, "4 lanes", ember_tensor_from_dlpack_versioned(&foreign, &made));
  foreign.dl_tensor.dtype.lanes = 1;
  foreign.dl_tensor.ndim = -1;
  FAILS(EMBER_ERROR_COUNT, "", ember_tensor_from_dlpack_versioned(&foreign, &made));
  FAILS(EMBER_ERROR_NULL, "managed", ember_tensor_from_dlpack(NULL, &made));
  EXPECT(made == NULL && sparse == NULL);
  OK(ember_tensor_release(x));
}

int main(void) {
  EXPECT(strcmp(ember_error_message(), "") == 0);
  EXPECT(ember_abi_version() == EMBER_ABI_VERSION);
  EXPECT(strcmp(ember_status_name(EMBER_ERROR_FILE), "EMBER_ERROR_FILE") == 0);
  handles();
  shapes();
  reading();
  operators();
  functions();
  differentiation();
  others();
  EXPECT(handle_count() == 0);
  printf("%d failures\n", failures);
  return failures != 0;
}
