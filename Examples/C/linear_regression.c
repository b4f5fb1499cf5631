// A line through points: y = 2x - 1 and some noise, by gradient descent. Shows operators by name, differentiation and ownership in C.
//
//   cc linear_regression.c -I PREFIX/include -L PREFIX/lib -lember -o linear_regression
#include <ember.h>
#include <stdio.h>
#include <stdlib.h>

/// Ends the program with the library's message where a call fails.
static void check(ember_status status) {
  if (status == EMBER_OK) return;
  fprintf(stderr, "%s in %s: %s\n", ember_status_name(status), ember_error_operation(), ember_error_message());
  exit(1);
}

static ember_value of_tensor(ember_tensor *tensor) { return (ember_value){.kind = EMBER_VALUE_TENSOR, .as.tensor = tensor}; }
static ember_value of_real(double number) { return (ember_value){.kind = EMBER_VALUE_REAL, .as.real = number}; }

/// An operator of one or two arguments and one result.
static ember_tensor *apply(const char *name, ember_value a, ember_value b, size_t count) {
  ember_value arguments[] = {a, b}, result;
  size_t result_count;
  check(ember_call(name, arguments, count, &result, 1, &result_count));
  return result.as.tensor;
}

/// The same, giving the operands back: for results that are needed once.
static ember_tensor *consume(const char *name, ember_tensor *a, ember_tensor *b) {
  ember_tensor *result = apply(name, of_tensor(a), b ? of_tensor(b) : of_real(0), b ? 2 : 1);
  check(ember_tensor_release(a));
  check(ember_tensor_release(b));
  return result;
}

/// The parameter after a step of gradient descent; the old one is given back.
static ember_tensor *step(ember_tensor *parameter, double rate) {
  ember_tensor *gradient, *updated;
  bool previous;
  check(ember_set_grad_enabled(false, &previous));
  check(ember_tensor_grad(parameter, &gradient));
  ember_tensor *change = apply("aten::mul", of_tensor(gradient), of_real(-rate), 2);
  ember_tensor *numbers = apply("aten::add", of_tensor(parameter), of_tensor(change), 2);
  check(ember_tensor_updated(parameter, numbers, &updated));
  check(ember_tensor_set_grad(updated, NULL));
  check(ember_set_grad_enabled(previous, NULL));
  ember_tensor *used[] = {gradient, change, numbers, parameter};
  for (size_t i = 0; i < sizeof used / sizeof *used; ++i) check(ember_tensor_release(used[i]));
  return updated;
}

static ember_tensor *parameter(void) {
  ember_tensor *zero, *leaf;
  int64_t size = 1;
  check(ember_tensor_zeros(EMBER_FLOAT32, &size, 1, (ember_device){EMBER_CPU, 0}, &zero));
  check(ember_tensor_requiring_grad(zero, true, &leaf));
  check(ember_tensor_release(zero));
  return leaf;
}

static double number(const ember_tensor *tensor) {
  ember_value value;
  check(ember_tensor_item(tensor, &value));
  return value.as.real;
}

int main(void) {
  enum { count = 256 };
  const ember_device cpu = {EMBER_CPU, 0};
  const int64_t size = count;
  ember_tensor *x, *noise, *y;
  check(ember_manual_seed(1));
  check(ember_tensor_rand(EMBER_FLOAT32, &size, 1, cpu, NULL, &x));
  check(ember_tensor_randn(EMBER_FLOAT32, &size, 1, cpu, NULL, &noise));
  // y = 2x - 1 + 0.05 noise
  y = consume("aten::add", apply("aten::mul", of_tensor(x), of_real(2), 2), apply("aten::mul", of_tensor(noise), of_real(0.05), 2));
  ember_tensor *shifted = apply("aten::sub", of_tensor(y), of_real(1), 2);
  check(ember_tensor_release(y));
  y = shifted;

  ember_tensor *slope = parameter(), *intercept = parameter();
  for (int i = 1; i <= 400; ++i) {
    ember_tensor *scaled = apply("aten::mul", of_tensor(x), of_tensor(slope), 2);
    ember_tensor *predicted = apply("aten::add", of_tensor(scaled), of_tensor(intercept), 2);
    ember_tensor *loss = apply("aten::mse_loss", of_tensor(predicted), of_tensor(y), 2);
    check(ember_backward(&loss, NULL, 1, false, false));
    if (i % 100 == 0) printf("step %d: loss %.5f\n", i, number(loss));
    slope = step(slope, 0.5);
    intercept = step(intercept, 0.5);
    ember_tensor *used[] = {scaled, predicted, loss};
    for (size_t j = 0; j < sizeof used / sizeof *used; ++j) check(ember_tensor_release(used[j]));
  }
  printf("y = %.2f x %+.2f\n", number(slope), number(intercept));

  ember_tensor *all[] = {x, noise, y, slope, intercept};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) check(ember_tensor_release(all[i]));
  size_t held;
  check(ember_handle_count(&held));
  printf("%zu handles are left\n", held);
  return held != 0;
}
