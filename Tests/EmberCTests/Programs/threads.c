// Handles used, retained and given back by many threads at once; what belongs to a thread; one leaf in many backward passes.
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

enum { thread_count = 8, rounds = 200, doomed_count = 400 };

static ember_tensor *shared, *leaf;
static ember_tensor *doomed[doomed_count];
static atomic_int accepted_releases, refused_releases, other_statuses;
static pthread_mutex_t reporting = PTHREAD_MUTEX_INITIALIZER;

// EXPECT counts without a lock.
#define EXPECT_HERE(condition)          \
  do {                                  \
    if (!(condition)) {                 \
      pthread_mutex_lock(&reporting);   \
      EXPECT(condition);                \
      pthread_mutex_unlock(&reporting); \
    }                                   \
  } while (0)

static void *work(void *argument) {
  const int number = (int)(intptr_t)argument;
  // Each thread has its own setting.
  bool enabled = false;
  EXPECT_HERE(ember_grad_enabled(&enabled) == EMBER_OK && enabled);
  if (number % 2 == 1) EXPECT_HERE(ember_set_grad_enabled(false, NULL) == EMBER_OK);
  for (int round = 0; round < rounds; ++round) {
    ember_value arguments[] = {of_tensor(shared), of_tensor(leaf)}, product, sum;
    size_t count;
    EXPECT_HERE(ember_tensor_retain(shared) == EMBER_OK);
    EXPECT_HERE(ember_call("aten::mul.Tensor", arguments, 2, &product, 1, &count) == EMBER_OK);
    EXPECT_HERE(ember_tensor_release(shared) == EMBER_OK);
    EXPECT_HERE(ember_call("aten::sum", &product, 1, &sum, 1, &count) == EMBER_OK);
    bool requires_grad = false;
    EXPECT_HERE(ember_tensor_requires_grad(sum.as.tensor, &requires_grad) == EMBER_OK && requires_grad == (number % 2 == 0));
    if (requires_grad) EXPECT_HERE(ember_backward(&sum.as.tensor, NULL, 1, false, false) == EMBER_OK);
    EXPECT_HERE(ember_value_release(&product) == EMBER_OK);
    EXPECT_HERE(ember_value_release(&sum) == EMBER_OK);
    // So is the last error.
    char name[32];
    snprintf(name, sizeof name, "aten::thread_%d", number);
    EXPECT_HERE(ember_call(name, NULL, 0, &sum, 1, &count) == EMBER_ERROR_UNSUPPORTED);
    EXPECT_HERE(strcmp(ember_error_operation(), name) == 0);
  }
  // All threads read, retain and give back the same handles: of all that give back, one is right.
  for (int i = 0; i < doomed_count; ++i) {
    size_t elements = 0;
    ember_status status = ember_tensor_element_count(doomed[i], &elements);
    if (!(status == EMBER_OK && elements == 3) && status != EMBER_ERROR_HANDLE) atomic_fetch_add(&other_statuses, 1);
    status = ember_tensor_release(doomed[i]);
    atomic_fetch_add(status == EMBER_OK ? &accepted_releases : status == EMBER_ERROR_HANDLE ? &refused_releases : &other_statuses, 1);
  }
  return NULL;
}

int main(void) {
  const int64_t size = 3;
  const float numbers[] = {1, 2, 3};
  OK(ember_tensor_from_data(numbers, sizeof numbers, EMBER_FLOAT32, &size, 1, cpu, &shared));
  ember_tensor *ones;
  OK(ember_tensor_ones(EMBER_FLOAT32, &size, 1, cpu, &ones));
  OK(ember_tensor_requiring_grad(ones, true, &leaf));
  OK(ember_tensor_release(ones));
  for (int i = 0; i < doomed_count; ++i) OK(ember_tensor_zeros(EMBER_FLOAT32, &size, 1, cpu, &doomed[i]));

  pthread_t threads[thread_count];
  for (intptr_t i = 0; i < thread_count; ++i) EXPECT(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
  for (int i = 0; i < thread_count; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);

  EXPECT(accepted_releases == doomed_count);
  EXPECT(refused_releases == doomed_count * (thread_count - 1));
  EXPECT(other_statuses == 0);
  ember_tensor *gradient;
  float sums[3];
  OK(ember_tensor_grad(leaf, &gradient));
  OK(ember_tensor_copy_data(gradient, sums, sizeof sums));
  const int passes = thread_count / 2 * rounds;
  for (int i = 0; i < 3; ++i) EXPECT(sums[i] == numbers[i] * passes);
  OK(ember_tensor_release(gradient));
  OK(ember_tensor_release(leaf));
  OK(ember_tensor_release(shared));
  EXPECT(handle_count() == 0);
  printf("%d failures\n", failures);
  return failures != 0;
}
