// Saved models: what they are, running them in one thread and in several, and everything that can be wrong.
//
//   models FOLDER    where perceptron.onnx and parts.onnx are
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "check.h"

// As onnx's reference evaluator computes them; see models.py beside the files.
static const float numbers[] = {1, 2, 3, 4, -1, 0.5f, 0, 2};
static const float scores[] = {0.13892195f, 4.6880364f, 5.0417156f, -0.9659395f, 1.5732619f, 3.0866477f};

static ember_model *perceptron;
static ember_tensor *input;

static int agree(const ember_tensor *tensor) {
  float computed[6];
  if (ember_tensor_copy_data(tensor, computed, sizeof computed) != EMBER_OK) return 0;
  for (int i = 0; i < 6; ++i) {
    if (!(fabsf(computed[i] - scores[i]) < 1e-5f)) return 0;
  }
  return 1;
}

static void *run_many(void *wrong) {
  for (int i = 0; i < 50; ++i) {
    ember_value x = of_tensor(input), outputs[2];
    size_t count;
    if (ember_model_run(perceptron, &x, 1, outputs, 2, &count) != EMBER_OK || !agree(outputs[0].as.tensor)) ++*(int *)wrong;
    if (ember_value_release(&outputs[0]) != EMBER_OK || ember_value_release(&outputs[1]) != EMBER_OK) ++*(int *)wrong;
  }
  return NULL;
}

static void running(void) {
  size_t count;
  ember_model_port port;
  OK(ember_model_input_count(perceptron, &count));
  EXPECT(count == 1);
  OK(ember_model_input(perceptron, 0, &port));
  EXPECT(strcmp(port.name, "x") == 0 && port.is_tensor && port.type == EMBER_FLOAT32 && port.is_required);
  EXPECT(port.has_sizes && port.rank == 2 && port.sizes[0] == -1 && port.sizes[1] == 4);
  OK(ember_model_output_count(perceptron, &count));
  EXPECT(count == 2);
  OK(ember_model_output(perceptron, 1, &port));
  EXPECT(strcmp(port.name, "label") == 0 && port.type == EMBER_INT64 && port.rank == 1);

  const int64_t size[] = {2, 4};
  OK(ember_tensor_from_data(numbers, sizeof numbers, EMBER_FLOAT32, size, 2, cpu, &input));
  ember_value x[] = {named("x", of_tensor(input)), named("x", of_tensor(input))}, outputs[2];
  OK(ember_model_run(perceptron, x, 1, outputs, 2, &count));
  EXPECT(count == 2 && strcmp(outputs[0].name, "scores") == 0 && strcmp(outputs[1].name, "label") == 0);
  EXPECT(agree(outputs[0].as.tensor));
  int64_t labels[2];
  OK(ember_tensor_copy_data(outputs[1].as.tensor, labels, sizeof labels));
  EXPECT(labels[0] == 2 && labels[1] == 2);
  bool requires_grad;
  OK(ember_tensor_requires_grad(outputs[0].as.tensor, &requires_grad));
  EXPECT(!requires_grad);
  OK(ember_value_release(&outputs[0]));
  OK(ember_value_release(&outputs[1]));

  FAILS(EMBER_ERROR_COUNT, "2 outputs", ember_model_run(perceptron, x, 1, outputs, 1, &count));
  EXPECT(count == 2);
  FAILS(EMBER_ERROR_VALUE, "twice", ember_model_run(perceptron, x, 2, outputs, 2, &count));
  FAILS(EMBER_ERROR_VALUE, "missing", ember_model_run(perceptron, NULL, 0, outputs, 2, &count));
  FAILS(EMBER_ERROR_NULL, "outputs", ember_model_run(perceptron, x, 1, NULL, 2, &count));
  x[0].name = "y";
  FAILS(EMBER_ERROR_VALUE, "no input 'y'; the model has 'x'", ember_model_run(perceptron, x, 1, outputs, 2, &count));
  x[0] = of_integer(1);
  FAILS(EMBER_ERROR_VALUE, "'x' cannot be a int", ember_model_run(perceptron, x, 1, outputs, 2, &count));
  ember_tensor *doubles;
  OK(ember_tensor_to_scalar_type(input, EMBER_FLOAT64, &doubles));
  x[0] = of_tensor(doubles);
  FAILS(EMBER_ERROR_DTYPE, "'x' is float32", ember_model_run(perceptron, x, 1, outputs, 2, &count));
  OK(ember_tensor_release(doubles));
  FAILS(EMBER_ERROR_COUNT, "has 1", ember_model_input(perceptron, 1, &port));

  enum { thread_count = 4 };
  pthread_t threads[thread_count];
  int wrong[thread_count] = {0};
  for (int i = 0; i < thread_count; ++i) EXPECT(pthread_create(&threads[i], NULL, run_many, &wrong[i]) == 0);
  for (int i = 0; i < thread_count; ++i) {
    EXPECT(pthread_join(threads[i], NULL) == 0);
    EXPECT(wrong[i] == 0);
  }
}

static ember_value text(const char *characters) {
  ember_value value = {EMBER_VALUE_STRING, NULL, {0}};
  value.as.string = characters;
  return value;
}

static ember_value list(const ember_value *items, size_t count) {
  ember_value value = {EMBER_VALUE_LIST, NULL, {0}};
  value.as.list.items = items;
  value.as.list.count = count;
  return value;
}

static void texts_and_sequences(const char *path) {
  ember_model *parts;
  OK(ember_model_load(path, &parts));
  ember_model_port port;
  OK(ember_model_input(parts, 0, &port));
  EXPECT(!port.is_tensor && port.has_sizes && port.sizes[0] == 2 && port.sizes[1] == -1);
  OK(ember_model_output(parts, 1, &port));
  EXPECT(strcmp(port.name, "rows") == 0 && !port.is_tensor && !port.has_sizes);
  const float data[] = {1, 2, 3, 4};
  const int64_t size[] = {2, 2};
  ember_tensor *tensor;
  OK(ember_tensor_from_data(data, sizeof data, EMBER_FLOAT32, size, 2, cpu, &tensor));
  const ember_value first[] = {text("a"), text("b")}, second[] = {text("c"), text("d")};
  const ember_value rows[] = {list(first, 2), list(second, 2)};
  ember_value inputs[] = {list(rows, 2), of_tensor(tensor)}, outputs[2];
  size_t count;
  OK(ember_model_run(parts, inputs, 2, outputs, 2, &count));
  EXPECT(outputs[0].kind == EMBER_VALUE_LIST && outputs[0].as.list.count == 2);
  EXPECT(strcmp(outputs[0].as.list.items[1].as.list.items[0].as.string, "c!") == 0);
  EXPECT(outputs[1].kind == EMBER_VALUE_LIST && outputs[1].as.list.count == 2);
  float row[2];
  OK(ember_tensor_copy_data(outputs[1].as.list.items[1].as.tensor, row, sizeof row));
  EXPECT(row[0] == 3 && row[1] == 4);
  OK(ember_value_release(&outputs[0]));
  OK(ember_value_release(&outputs[1]));
  const ember_value uneven[] = {list(first, 2), list(second, 1)};
  inputs[0] = list(uneven, 2);
  FAILS(EMBER_ERROR_VALUE, "one length", ember_model_run(parts, inputs, 2, outputs, 2, &count));
  OK(ember_tensor_release(tensor));
  OK(ember_model_release(parts));
}

static void loading(const char *path) {
  ember_model *model = NULL;
  FAILS(EMBER_ERROR_FILE, "nothing.onnx", ember_model_load("nothing.onnx", &model));
  FAILS(EMBER_ERROR_NULL, "path", ember_model_load(NULL, &model));
  FAILS(EMBER_ERROR_NULL, "out", ember_model_load(path, NULL));
  FAILS(EMBER_ERROR_FILE, "", ember_model_load_data("garbage", 7, &model));
  FAILS(EMBER_ERROR_FILE, "", ember_model_load_data(NULL, 0, &model));
  EXPECT(model == NULL);
  // From memory; and cut off anywhere, it is refused or does no harm.
  FILE *file = fopen(path, "rb");
  char *bytes = malloc(1 << 16);
  size_t size = fread(bytes, 1, 1 << 16, file);
  fclose(file);
  OK(ember_model_load_data(bytes, size, &model));
  OK(ember_model_release(model));
  for (size_t length = 0; length < size; length += 7) {
    if (ember_model_load_data(bytes, length, &model) == EMBER_OK) OK(ember_model_release(model));
  }
  free(bytes);
  FAILS(EMBER_ERROR_HANDLE, "released before", ember_model_release(model));
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  char perceptron_path[4096], parts_path[4096];
  snprintf(perceptron_path, sizeof perceptron_path, "%s/perceptron.onnx", arguments[1]);
  snprintf(parts_path, sizeof parts_path, "%s/parts.onnx", arguments[1]);
  loading(perceptron_path);
  OK(ember_model_load(perceptron_path, &perceptron));
  running();
  texts_and_sequences(parts_path);
  OK(ember_model_release(perceptron));
  OK(ember_tensor_release(input));
  EXPECT(handle_count() == 0);
  printf("%d failures\n", failures);
  return failures != 0;
}
