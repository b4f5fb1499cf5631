#include "fft_plan.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "CEmberKernels.h"

// exp(2 pi i k / n), to the last bit or so: the angle is brought into the first octant by integer arithmetic.
static void root_of_unity(int64_t k, int64_t n, double *re, double *im) {
  // Eighths of a turn, and what is left of them in units of 1 / 8n.
  __int128 eighths = (__int128)8 * k;
  int octant = (int)(eighths / n);
  double rest = (double)(int64_t)(eighths - (__int128)octant * n);
  double step = 0.78539816339744830962 / (double)n;
  double c, s;
  if (octant & 1) {
    double angle = ((double)n - rest) * step;
    c = sin(angle), s = cos(angle);
  } else {
    double angle = rest * step;
    c = cos(angle), s = sin(angle);
  }
  switch (octant >> 1) {
    case 0: *re = c, *im = s; break;
    case 1: *re = -s, *im = c; break;
    case 2: *re = -c, *im = -s; break;
    default: *re = s, *im = -c; break;
  }
}

static void *allocate_pairs(int64_t count, bool is_double) {
  return malloc((size_t)(count > 0 ? count : 1) * 2 * (is_double ? sizeof(double) : sizeof(float)));
}

// table[i] = exp(sign 2 pi i k / n)
static void store_root(void *table, int64_t i, bool is_double, int64_t k, int64_t n, int sign) {
  double re, im;
  root_of_unity(k, n, &re, &im);
  im *= sign;
  if (is_double) {
    ((double *)table)[2 * i] = re, ((double *)table)[2 * i + 1] = im;
  } else {
    ((float *)table)[2 * i] = (float)re, ((float *)table)[2 * i + 1] = (float)im;
  }
}

static void free_plan(fft_plan *plan) {
  if (!plan) return;
  for (int f = 0; f < plan->factor_count; f++) free(plan->twiddles[f]), free(plan->roots[f]);
  free_plan(plan->padded);
  free(plan->chirp);
  free(plan->chirp_spectrum);
  free(plan->half_roots);
  free(plan);
}

// Operations of the direct algorithm, roughly; as in pocketfft.
static double direct_cost(int64_t n) {
  double sum = 0;
  int64_t rest = n;
  for (; rest % 2 == 0; rest /= 2) sum += 2;
  for (int64_t p = 3; p * p <= rest; p += 2)
    for (; rest % p == 0; rest /= p) sum += p <= 5 ? (double)p : 1.1 * (double)p;
  if (rest > 1) sum += rest <= 5 ? (double)rest : 1.1 * (double)rest;
  return sum * (double)n;
}

static int64_t largest_prime(int64_t n) {
  int64_t largest = 1;
  for (; n % 2 == 0; n /= 2) largest = 2;
  for (int64_t p = 3; p * p <= n; p += 2)
    for (; n % p == 0; n /= p) largest = p;
  return n > 1 ? n : largest;
}

// The smallest product of 2, 3 and 5 that is at least n.
static int64_t good_length(int64_t n) {
  int64_t best = 1;
  while (best < n) best *= 2;
  for (int64_t fives = 1; fives < best; fives *= 5)
    for (int64_t threes = fives; threes < best; threes *= 3) {
      int64_t all = threes;
      while (all < n) all *= 2;
      if (all < best) best = all;
    }
  return best;
}

static bool make_direct(fft_plan *plan) {
  int64_t rest = plan->n;
  while (rest % 4 == 0) plan->factors[plan->factor_count++] = 4, rest /= 4;
  for (int64_t p = 2; rest > 1; p += p == 2 ? 1 : 2) {
    if (p * p > rest) p = rest;
    for (; rest % p == 0; rest /= p) plan->factors[plan->factor_count++] = p;
  }
  int64_t l1 = 1;
  for (int f = 0; f < plan->factor_count; f++) {
    int64_t radix = plan->factors[f], ido = plan->n / (l1 * radix);
    if (!(plan->twiddles[f] = allocate_pairs((radix - 1) * (ido - 1), plan->is_double))) return false;
    for (int64_t j = 1; j < radix; j++)
      for (int64_t i = 1; i < ido; i++)
        store_root(plan->twiddles[f], i - 1 + (j - 1) * (ido - 1), plan->is_double, j * i * l1, plan->n, -1);
    if (radix > 5) {
      if (!(plan->roots[f] = allocate_pairs(radix, plan->is_double))) return false;
      for (int64_t j = 0; j < radix; j++) store_root(plan->roots[f], j, plan->is_double, j, radix, -1);
    }
    l1 *= radix;
  }
  return true;
}

static fft_plan *make_plan(int64_t n, bool is_double, bool for_real);

static bool make_bluestein(fft_plan *plan) {
  int64_t n = plan->n, m = good_length(2 * n - 1);
  bool is_double = plan->is_double;
  plan->padded = make_plan(m, is_double, false);
  plan->chirp = allocate_pairs(n, is_double);
  plan->chirp_spectrum = allocate_pairs(m, is_double);
  if (!plan->padded || !plan->chirp || !plan->chirp_spectrum) return false;
  size_t size = is_double ? 2 * sizeof(double) : 2 * sizeof(float);
  char *wrapped = calloc((size_t)m, size), *chirp = plan->chirp;
  if (!wrapped) return false;
  // k^2 modulo 2n, without overflow.
  int64_t square = 0;
  for (int64_t k = 0; k < n; k++) {
    store_root(chirp, k, is_double, square, 2 * n, 1);
    memcpy(wrapped + (size_t)k * size, chirp + (size_t)k * size, size);
    if (k > 0) memcpy(wrapped + (size_t)(m - k) * size, chirp + (size_t)k * size, size);
    square += 2 * k + 1;
    while (square >= 2 * n) square -= 2 * n;
  }
  bool done = ember_fft_complex_planned(plan->padded, wrapped, plan->chirp_spectrum, 1 / (double)m);
  free(wrapped);
  return done;
}

static fft_plan *make_plan(int64_t n, bool is_double, bool for_real) {
  fft_plan *plan = calloc(1, sizeof *plan);
  if (!plan) return NULL;
  plan->n = n;
  plan->is_double = is_double;
  plan->for_real = for_real;
  bool direct = largest_prime(n) <= LARGEST_DIRECT_FACTOR && (n < 50 || direct_cost(n) <= 3 * direct_cost(good_length(2 * n - 1)));
  bool made = direct ? make_direct(plan) : make_bluestein(plan);
  if (made && for_real) {
    plan->half_roots = allocate_pairs(n + 1, is_double);
    made = plan->half_roots != NULL;
    if (made)
      for (int64_t k = 0; k <= n; k++) store_root(plan->half_roots, k, is_double, k, 2 * n, -1);
  }
  if (made) return plan;
  free_plan(plan);
  return NULL;
}

// MARK: The cache

enum { CACHED_PLANS = 32 };
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static fft_plan *cache[CACHED_PLANS];
static int64_t uses = 0;

fft_plan *ember_fft_plan_acquire(int64_t n, bool is_double, bool for_real) {
  pthread_mutex_lock(&cache_lock);
  for (int i = 0; i < CACHED_PLANS; i++) {
    fft_plan *plan = cache[i];
    if (plan && plan->n == n && plan->is_double == is_double && plan->for_real == for_real) {
      plan->users++;
      plan->last_use = ++uses;
      pthread_mutex_unlock(&cache_lock);
      return plan;
    }
  }
  pthread_mutex_unlock(&cache_lock);

  fft_plan *plan = make_plan(n, is_double, for_real);
  if (!plan) return NULL;
  plan->users = 1;
  pthread_mutex_lock(&cache_lock);
  plan->last_use = ++uses;
  // The place of the one that nobody uses and that was used longest ago; if all are in use, the plan lives for this call only.
  int oldest = -1;
  for (int i = 0; i < CACHED_PLANS; i++) {
    if (!cache[i]) {
      oldest = i;
      break;
    }
    if (cache[i]->users == 0 && (oldest < 0 || cache[i]->last_use < cache[oldest]->last_use)) oldest = i;
  }
  fft_plan *gone = NULL;
  if (oldest >= 0) {
    gone = cache[oldest];
    cache[oldest] = plan;
    plan->is_cached = true;
  }
  pthread_mutex_unlock(&cache_lock);
  free_plan(gone);
  return plan;
}

void ember_fft_plan_release(fft_plan *plan) {
  pthread_mutex_lock(&cache_lock);
  bool last = --plan->users == 0 && !plan->is_cached;
  pthread_mutex_unlock(&cache_lock);
  if (last) free_plan(plan);
}
