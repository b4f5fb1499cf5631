// Runs an ONNX model on random numbers and prints what comes out.
//
//   cc model.c -I PREFIX/include -L PREFIX/lib -lember -o model && ./model MODEL.onnx
#include <ember.h>
#include <stdio.h>
#include <stdlib.h>

static void check(ember_status status) {
  if (status == EMBER_OK) return;
  fprintf(stderr, "%s in %s: %s\n", ember_status_name(status), ember_error_operation(), ember_error_message());
  exit(1);
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: model MODEL.onnx\n");
    return 2;
  }
  ember_model *model;
  check(ember_model_load(arguments[1], &model));

  size_t input_count, output_count;
  check(ember_model_input_count(model, &input_count));
  check(ember_model_output_count(model, &output_count));
  ember_value *inputs = calloc(input_count, sizeof *inputs), *outputs = calloc(output_count, sizeof *outputs);
  for (size_t i = 0; i < input_count; ++i) {
    ember_model_port port;
    check(ember_model_input(model, i, &port));
    if (!port.is_tensor || !port.has_sizes || port.rank > EMBER_MAXIMUM_RANK) {
      fprintf(stderr, "input %s: this example makes tensors of known rank only\n", port.name);
      return 1;
    }
    const char *type;
    check(ember_scalar_type_name(port.type, &type));
    printf("input %s: %s [", port.name, type);
    // Extents that may vary are 2 here.
    int64_t sizes[EMBER_MAXIMUM_RANK];
    for (size_t j = 0; j < port.rank; ++j) {
      sizes[j] = port.sizes[j] < 0 ? 2 : port.sizes[j];
      if (port.sizes[j] < 0) printf("%sany", j ? ", " : "");
      else printf("%s%lld", j ? ", " : "", (long long)port.sizes[j]);
    }
    printf("]\n");
    ember_tensor *random, *converted;
    check(ember_tensor_rand(EMBER_FLOAT32, sizes, port.rank, (ember_device){EMBER_CPU, 0}, NULL, &random));
    check(ember_tensor_to_scalar_type(random, port.type, &converted));
    check(ember_tensor_release(random));
    inputs[i] = (ember_value){.kind = EMBER_VALUE_TENSOR, .as.tensor = converted};
  }

  check(ember_model_run(model, inputs, input_count, outputs, output_count, &output_count));
  for (size_t i = 0; i < output_count; ++i) {
    if (outputs[i].kind == EMBER_VALUE_TENSOR) {
      char *text;
      check(ember_tensor_description(outputs[i].as.tensor, &text));
      printf("%s: %s\n", outputs[i].name, text);
      ember_string_release(text);
    }
    check(ember_value_release(&outputs[i]));
  }
  for (size_t i = 0; i < input_count; ++i) check(ember_tensor_release(inputs[i].as.tensor));
  free(inputs);
  free(outputs);
  check(ember_model_release(model));
  return 0;
}
