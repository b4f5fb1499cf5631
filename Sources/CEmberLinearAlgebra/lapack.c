#include "CEmberLinearAlgebra.h"

#include <string.h>

#include "CEmberKernels.h"
#include "lapack_library.h"

// Fortran's hidden lengths of character arguments follow all others.
#define ONE ((size_t)1)

// What one call does to every matrix of a batch.
typedef struct job job;
struct job {
  int type;
  // Calls the routine for one matrix; `work` has the bytes below. Returns LAPACK's info.
  int32_t (*one)(const job *, int64_t item, char *work);
  int m, n, k, lwork, lrwork, liwork;
  char transpose, choice;
  bool left, upper, unit, vectors;
  char *a, *b, *c, *d;
  size_t a_bytes, b_bytes, c_bytes, d_bytes;  // from one matrix to the next
  int32_t *pivots;
  int32_t *info;
  double number;
  int32_t *rank;
  size_t work_bytes;
  int64_t chunk, batch;
  _Atomic int failure;
};

static size_t size_of(int type) {
  static const size_t sizes[4] = {4, 8, 8, 16};
  return sizes[type];
}
static size_t real_size(int type) { return type & 1 ? 8 : 4; }
static bool is_complex(int type) { return type >= 2; }

static void run_chunk(void *context, int64_t chunk) {
  job *j = context;
  char *work = ember_allocate(j->work_bytes + 64);
  if (!work) {
    j->failure = EMBER_LAPACK_NO_MEMORY;
    return;
  }
  int64_t end = (chunk + 1) * j->chunk;
  for (int64_t i = chunk * j->chunk; i < end && i < j->batch; i++) {
    int32_t info = j->one(j, i, work);
    if (info < 0) j->failure = info;
    if (j->info) j->info[i] = info;
  }
  ember_deallocate(work, j->work_bytes + 64);
}

// Several small matrices make a chunk.
static int run(job *j) {
  int64_t largest = j->m > j->n ? j->m : j->n, cost = largest * largest * largest + 1;
  j->chunk = 100000 / cost + 1;
  ember_parallel((j->batch + j->chunk - 1) / j->chunk, run_chunk, j);
  return j->failure;
}

// The size that a routine asked for, from the first element of its work array.
static int asked(int type, const void *work) {
  return (int)(type & 1 ? *(const double *)work : *(const float *)work) + 1;
}

static char *item(char *base, size_t bytes, int64_t i) { return base + bytes * (size_t)i; }
static size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

// MARK: LU

static int32_t lu_one(const job *j, int64_t i, char *work) {
  (void)work;
  int32_t info = 0, smaller = j->m < j->n ? j->m : j->n;
  ember_lapack.getrf[j->type](&j->m, &j->n, item(j->a, j->a_bytes, i), &j->m, j->pivots + i * smaller, &info);
  return info;
}

int ember_lapack_lu(int type, int64_t batch, int m, int n, void *a, int32_t *pivots, int32_t *info) {
  job j = {.type = type, .one = lu_one, .m = m, .n = n, .a = a, .a_bytes = size_of(type) * (size_t)m * (size_t)n, .pivots = pivots,
      .info = info, .batch = batch};
  return run(&j);
}

static int32_t lu_solve_one(const job *j, int64_t i, char *work) {
  (void)work;
  int32_t info = 0;
  ember_lapack.getrs[j->type](
      &j->transpose, &j->n, &j->k, item(j->a, j->a_bytes, i), &j->n, j->pivots + i * j->n, item(j->b, j->b_bytes, i), &j->n, &info,
          ONE);
  return info;
}

int ember_lapack_lu_solve(int type, int64_t batch, char transpose, int n, int k, const void *lu, const int32_t *pivots, void *b) {
  job j = {.type = type, .one = lu_solve_one, .n = n, .k = k, .transpose = transpose, .a = (char *)lu, .b = b,
      .pivots = (int32_t *)pivots, .batch = batch,
           .a_bytes = size_of(type) * (size_t)n * (size_t)n, .b_bytes = size_of(type) * (size_t)n * (size_t)k};
  return run(&j);
}

// MARK: Cholesky

static int32_t cholesky_one(const job *j, int64_t i, char *work) {
  (void)work;
  int32_t info = 0;
  ember_lapack.potrf[j->type]("L", &j->n, item(j->a, j->a_bytes, i), &j->n, &info, ONE);
  return info;
}

int ember_lapack_cholesky(int type, int64_t batch, int n, void *a, int32_t *info) {
  job j = {.type = type, .one = cholesky_one, .n = n, .a = a, .a_bytes = size_of(type) * (size_t)n * (size_t)n, .info = info,
      .batch = batch};
  return run(&j);
}

// MARK: QR

static int32_t qr_one(const job *j, int64_t i, char *work) {
  int32_t info = 0;
  ember_lapack.geqrf[j->type](&j->m, &j->n, item(j->a, j->a_bytes, i), &j->m, item(j->b, j->b_bytes, i), work, &j->lwork, &info);
  return info;
}

int ember_lapack_qr(int type, int64_t batch, int m, int n, void *a, void *tau, int32_t *info) {
  int query = -1, status = 0;
  double answer[2] = {0};
  ember_lapack.geqrf[type](&m, &n, a, &m, tau, answer, &query, &status);
  int lwork = asked(type, answer);
  job j = {.type = type, .one = qr_one, .m = m, .n = n, .a = a, .b = tau, .info = info, .batch = batch, .lwork = lwork,
           .a_bytes = size_of(type) * (size_t)m * (size_t)n, .b_bytes = size_of(type) * (size_t)(m < n ? m : n),
               .work_bytes = size_of(type) * (size_t)lwork};
  return status < 0 ? status : run(&j);
}

static int32_t reflectors_one(const job *j, int64_t i, char *work) {
  int32_t info = 0;
  ember_lapack.orgqr[j->type](&j->m, &j->n, &j->k, item(j->a, j->a_bytes, i), &j->m, item(j->b, j->b_bytes, i), work, &j->lwork,
      &info);
  return info;
}

int ember_lapack_reflectors(int type, int64_t batch, int m, int n, int k, void *a, const void *tau, int32_t *info) {
  int query = -1, status = 0;
  double answer[2] = {0};
  ember_lapack.orgqr[type](&m, &n, &k, a, &m, tau, answer, &query, &status);
  int lwork = asked(type, answer);
  job j = {.type = type, .one = reflectors_one, .m = m, .n = n, .k = k, .a = a, .b = (char *)tau, .info = info, .batch = batch,
      .lwork = lwork,
           .a_bytes = size_of(type) * (size_t)m * (size_t)n, .b_bytes = size_of(type) * (size_t)k,
               .work_bytes = size_of(type) * (size_t)lwork};
  return status < 0 ? status : run(&j);
}

// MARK: Eigenvalues

static int32_t eigh_one(const job *j, int64_t i, char *work) {
  int32_t info = 0;
  const char *vectors = j->vectors ? "V" : "N";
  char *reals = work + padded(size_of(j->type) * (size_t)j->lwork),
      *integers = reals + padded(real_size(j->type) * (size_t)j->lrwork);
  char *a = item(j->a, j->a_bytes, i), *values = item(j->b, j->b_bytes, i);
  if (is_complex(j->type))
    ember_lapack.heevd_complex[j->type](vectors, "L", &j->n, a, &j->n, values, work, &j->lwork, reals, &j->lrwork, integers,
        &j->liwork, &info, ONE, ONE);
  else
    ember_lapack.heevd_real[j->type](vectors, "L", &j->n, a, &j->n, values, work, &j->lwork, integers, &j->liwork, &info, ONE, ONE);
  return info;
}

int ember_lapack_eigh(int type, int64_t batch, bool vectors, int n, void *a, void *values, int32_t *info) {
  int query = -1, status = 0, integers = 0;
  double answer[2] = {0}, reals = 0;
  const char *job_name = vectors ? "V" : "N";
  if (is_complex(type))
    ember_lapack.heevd_complex[type](job_name, "L", &n, a, &n, values, answer, &query, &reals, &query, &integers, &query, &status,
        ONE, ONE);
  else
    ember_lapack.heevd_real[type](job_name, "L", &n, a, &n, values, answer, &query, &integers, &query, &status, ONE, ONE);
  job j = {.type = type, .one = eigh_one, .vectors = vectors, .n = n, .a = a, .b = values, .info = info, .batch = batch,
      .lwork = asked(type, answer),
           .lrwork = is_complex(type) ? asked(type, &reals) : 0, .liwork = integers + 1,
           .a_bytes = size_of(type) * (size_t)n * (size_t)n, .b_bytes = real_size(type) * (size_t)n};
  j.work_bytes = padded(size_of(type) * (size_t)j.lwork) + padded(real_size(type) * (size_t)j.lrwork) + 4 * (size_t)j.liwork;
  return status < 0 ? status : run(&j);
}

// Real matrices have pairs of conjugate eigenvalues, whose vectors come as real and imaginary parts in neighbouring columns.
#define EXPAND_PAIRS(name, real)                                                                       \
  static void name(int n, const real *re, const real *im, const real *v, real *values, real *vectors) { \
    for (int c = 0; c < n; c++) values[2 * c] = re[c], values[2 * c + 1] = im[c];                      \
    if (!vectors) return;                                                                              \
    for (int c = 0; c < n; c++) {                                                                      \
      const real *x = v + (size_t)c * n;                                                               \
      real *y = vectors + (size_t)c * n * 2;                                                           \
      if (im[c] == 0 || c + 1 == n) {                                                                  \
        for (int r = 0; r < n; r++) y[2 * r] = x[r], y[2 * r + 1] = 0;                                 \
      } else {                                                                                         \
        for (int r = 0; r < n; r++) {                                                                  \
          y[2 * r] = y[2 * (n + r)] = x[r];                                                            \
          y[2 * r + 1] = x[n + r];                                                                     \
          y[2 * (n + r) + 1] = -x[n + r];                                                              \
        }                                                                                              \
        c++;                                                                                           \
      }                                                                                                \
    }                                                                                                  \
  }
EXPAND_PAIRS(expand_float, float)
EXPAND_PAIRS(expand_double, double)

static int32_t eig_one(const job *j, int64_t i, char *work) {
  int32_t info = 0;
  int n = j->n;
  const char *wanted = j->c ? "V" : "N";
  char *a = item(j->a, j->a_bytes, i), *values = item(j->b, j->b_bytes, i), *vectors = j->c ? item(j->c, j->c_bytes, i) : NULL;
  char *more = work + padded(size_of(j->type) * (size_t)j->lwork);
  if (is_complex(j->type)) {
    ember_lapack.geev[j->type]("N", wanted, &n, a, &n, values, NULL, &n, vectors, &n, work, &j->lwork, more, &info, ONE, ONE);
    return info;
  }
  size_t real = real_size(j->type);
  char *re = more, *im = re + real * (size_t)n, *columns = im + real * (size_t)n;
  ember_lapack.geev[j->type]("N", wanted, &n, a, &n, re, im, NULL, &n, columns, &n, work, &j->lwork, &info, ONE, ONE);
  if (info != 0) return info;
  if (j->type == EMBER_LAPACK_FLOAT) expand_float(n, (float *)re, (float *)im, (float *)columns, (float *)values, (float *)vectors);
  else expand_double(n, (double *)re, (double *)im, (double *)columns, (double *)values, (double *)vectors);
  return info;
}

int ember_lapack_eig(int type, int64_t batch, int n, void *a, void *values, void *vectors, int32_t *info) {
  int query = -1, status = 0;
  double answer[2] = {0};
  const char *wanted = vectors ? "V" : "N";
  if (is_complex(type)) ember_lapack.geev[type]("N", wanted, &n, a, &n, values, NULL, &n, vectors, &n, answer, &query, values,
      &status, ONE, ONE);
  else ember_lapack.geev[type]("N", wanted, &n, a, &n, values, values, NULL, &n, vectors, &n, answer, &query, &status, ONE, ONE);
  size_t complex = 2 * real_size(type), count = (size_t)n;
  job j = {.type = type, .one = eig_one, .n = n, .a = a, .b = values, .c = vectors, .info = info, .batch = batch,
      .lwork = asked(type, answer),
           .a_bytes = size_of(type) * count * count, .b_bytes = complex * count, .c_bytes = complex * count * count};
  j.work_bytes = padded(size_of(type) * (size_t)j.lwork) + real_size(type) * (is_complex(type) ? 2 * count
      : 2 * count + (vectors ? count * count : 1));
  return status < 0 ? status : run(&j);
}

// MARK: Singular values

// Rows of U and V^H that are stored.
static int svd_width(const job *j) {
  int smaller = j->m < j->n ? j->m : j->n;
  return j->choice == 'A' ? j->n : smaller;
}

static int32_t svd_one(const job *j, int64_t i, char *work) {
  int32_t info = 0;
  char *reals = work + padded(size_of(j->type) * (size_t)j->lwork),
      *integers = reals + padded(real_size(j->type) * (size_t)j->lrwork);
  char *a = item(j->a, j->a_bytes, i), *s = item(j->b, j->b_bytes, i), *u = item(j->c, j->c_bytes, i), *vh = item(j->d, j->d_bytes,
      i);
  int ldvt = svd_width(j);
  bool complex = is_complex(j->type);
  if (j->unit) {
    if (complex)
      ember_lapack.gesvd_complex[j->type](&j->choice, &j->choice, &j->m, &j->n, a, &j->m, s, u, &j->m, vh, &ldvt, work, &j->lwork,
          reals, &info, ONE, ONE);
    else
      ember_lapack.gesvd_real[j->type](&j->choice, &j->choice, &j->m, &j->n, a, &j->m, s, u, &j->m, vh, &ldvt, work, &j->lwork,
          &info, ONE, ONE);
  } else {
    if (complex)
      ember_lapack.gesdd_complex[j->type](&j->choice, &j->m, &j->n, a, &j->m, s, u, &j->m, vh, &ldvt, work, &j->lwork, reals,
          integers, &info, ONE);
    else
      ember_lapack.gesdd_real[j->type](&j->choice, &j->m, &j->n, a, &j->m, s, u, &j->m, vh, &ldvt, work, &j->lwork, integers,
          &info, ONE);
  }
  // gesdd reports NaN as a refused argument.
  return info == -4 ? 1 : info;
}

int ember_lapack_svd(int type, int64_t batch, char choice, char driver, int m, int n, void *a, void *s, void *u, void *vh,
    int32_t *info) {
  size_t smaller = (size_t)(m < n ? m : n), larger = (size_t)(m < n ? n : m), size = size_of(type);
  size_t columns = choice == 'A' ? (size_t)m : smaller, rows = choice == 'A' ? (size_t)n : smaller;
  job j = {.type = type, .one = svd_one, .m = m, .n = n, .choice = choice, .unit = driver == 'q', .a = a, .b = s, .c = u, .d = vh,
      .info = info, .batch = batch,
           .a_bytes = size * (size_t)m * (size_t)n, .b_bytes = real_size(type) * smaller,
           .c_bytes = choice == 'N' ? 0 : size * (size_t)m * columns, .d_bytes = choice == 'N' ? 0 : size * rows * (size_t)n};
  double answer[2] = {0};
  // A query: -1 as the size, and the answer in place of the work array.
  int query = -1, status = 0, ldvt = svd_width(&j);
  if (j.unit) {
    if (is_complex(type)) ember_lapack.gesvd_complex[type](&choice, &choice, &m, &n, a, &m, s, u, &m, vh, &ldvt, answer, &query, s,
        &status, ONE, ONE);
    else ember_lapack.gesvd_real[type](&choice, &choice, &m, &n, a, &m, s, u, &m, vh, &ldvt, answer, &query, &status, ONE, ONE);
  } else {
    if (is_complex(type)) ember_lapack.gesdd_complex[type](&choice, &m, &n, a, &m, s, u, &m, vh, &ldvt, answer, &query, s, s,
        &status, ONE);
    else ember_lapack.gesdd_real[type](&choice, &m, &n, a, &m, s, u, &m, vh, &ldvt, answer, &query, s, &status, ONE);
  }
  if (status < 0) return status;
  j.lwork = asked(type, answer);
  // The largest that LAPACK's documentation names for rwork.
  j.lrwork = is_complex(type) ? (int)(smaller * (5 * smaller + 7 > 2 * larger + 2 * smaller + 1 ? 5 * smaller + 7
      : 2 * larger + 2 * smaller + 1) + 5 * smaller) : 0;
  j.liwork = 8 * (int)smaller;
  j.work_bytes = padded(size * (size_t)j.lwork) + padded(real_size(type) * (size_t)j.lrwork) + 4 * (size_t)j.liwork;
  return run(&j);
}

// MARK: LDL

static int32_t ldl_one(const job *j, int64_t i, char *work) {
  int32_t info = 0;
  __typeof__(&ember_lapack.sytrf[0]) routine = j->vectors ? ember_lapack.hetrf : ember_lapack.sytrf;
  routine[j->type]("L", &j->n, item(j->a, j->a_bytes, i), &j->n, j->pivots + i * j->n, work, &j->lwork, &info, ONE);
  return info;
}

int ember_lapack_ldl(int type, int64_t batch, bool hermitian, int n, void *a, int32_t *pivots, int32_t *info) {
  int query = -1, status = 0;
  double answer[2] = {0};
  (hermitian ? ember_lapack.hetrf : ember_lapack.sytrf)[type]("L", &n, a, &n, pivots, answer, &query, &status, ONE);
  int lwork = asked(type, answer);
  job j = {.type = type, .one = ldl_one, .vectors = hermitian, .n = n, .a = a, .pivots = pivots, .info = info, .batch = batch,
      .lwork = lwork,
           .a_bytes = size_of(type) * (size_t)n * (size_t)n, .work_bytes = size_of(type) * (size_t)lwork};
  return status < 0 ? status : run(&j);
}

static int32_t ldl_solve_one(const job *j, int64_t i, char *work) {
  (void)work;
  int32_t info = 0;
  __typeof__(&ember_lapack.sytrs[0]) routine = j->vectors ? ember_lapack.hetrs : ember_lapack.sytrs;
  routine[j->type]("L", &j->n, &j->k, item(j->a, j->a_bytes, i), &j->n, j->pivots + i * j->n, item(j->b, j->b_bytes, i), &j->n,
      &info, ONE);
  return info;
}

int ember_lapack_ldl_solve(int type, int64_t batch, bool hermitian, int n, int k, const void *ld, const int32_t *pivots, void *b) {
  job j = {.type = type, .one = ldl_solve_one, .vectors = hermitian, .n = n, .k = k, .a = (char *)ld, .b = b,
      .pivots = (int32_t *)pivots, .batch = batch,
           .a_bytes = size_of(type) * (size_t)n * (size_t)n, .b_bytes = size_of(type) * (size_t)n * (size_t)k};
  return run(&j);
}

// MARK: Least squares

static int32_t least_squares_call(const job *j, char *a, char *b, char *s, void *work, const int *lwork, char *reals,
    char *integers, int32_t *rank) {
  int32_t info = 0, ignored = 0;
  int rows = j->m > j->n ? j->m : j->n;
  float single = (float)j->number;
  const void *rcond = j->type & 1 ? (const void *)&j->number : (const void *)&single;
  bool complex = is_complex(j->type);
  if (!rank) rank = &ignored;
  switch (j->choice) {
    case 'l': ember_lapack.gels[j->type]("N", &j->m, &j->n, &j->k, a, &j->m, b, &rows, work, lwork, &info, ONE); break;
    case 'y':
      memset(integers, 0, 4 * (size_t)j->n);
      if (complex) ember_lapack.gelsy_complex[j->type](&j->m, &j->n, &j->k, a, &j->m, b, &rows, integers, rcond, rank, work, lwork,
          reals, &info);
      else ember_lapack.gelsy_real[j->type](&j->m, &j->n, &j->k, a, &j->m, b, &rows, integers, rcond, rank, work, lwork, &info);
      break;
    case 'd':
      if (complex) ember_lapack.gelsd_complex[j->type](&j->m, &j->n, &j->k, a, &j->m, b, &rows, s, rcond, rank, work, lwork, reals,
          integers, &info);
      else ember_lapack.gelsd_real[j->type](&j->m, &j->n, &j->k, a, &j->m, b, &rows, s, rcond, rank, work, lwork, integers, &info);
      break;
    default:
      if (complex) ember_lapack.gelss_complex[j->type](&j->m, &j->n, &j->k, a, &j->m, b, &rows, s, rcond, rank, work, lwork, reals,
          &info);
      else ember_lapack.gelss_real[j->type](&j->m, &j->n, &j->k, a, &j->m, b, &rows, s, rcond, rank, work, lwork, &info);
  }
  return info;
}

static int32_t least_squares_one(const job *j, int64_t i, char *work) {
  char *reals = work + padded(size_of(j->type) * (size_t)j->lwork),
      *integers = reals + padded(real_size(j->type) * (size_t)j->lrwork);
  return least_squares_call(
      j, item(j->a, j->a_bytes, i), item(j->b, j->b_bytes, i), item(j->c, j->c_bytes, i), work, &j->lwork, reals, integers,
          j->rank ? j->rank + i : NULL);
}

int ember_lapack_least_squares(int type, int64_t batch, char driver, int m, int n, int k, void *a, void *b, double rcond,
    int32_t *rank,
                               void *singular, int32_t *info) {
  size_t smaller = (size_t)(m < n ? m : n), larger = (size_t)(m < n ? n : m);
  job j = {.type = type, .one = least_squares_one, .choice = driver, .m = m, .n = n, .k = k, .a = a, .b = b, .c = singular,
      .number = rcond, .rank = rank,
           .info = info, .batch = batch, .a_bytes = size_of(type) * (size_t)m * (size_t)n,
               .b_bytes = size_of(type) * larger * (size_t)k,
           .c_bytes = real_size(type) * smaller};
  int query = -1;
  double answer[2] = {0}, reals[2] = {0};
  // Answers of gelsd for its other arrays; gelsy clears its pivots, which need room.
  int32_t *integers = ember_allocate(4 * larger + 64);
  if (!integers) return EMBER_LAPACK_NO_MEMORY;
  memset(integers, 0, 4 * larger + 64);
  int32_t status = least_squares_call(&j, a, b, singular, answer, &query, (char *)reals, (char *)integers, NULL);
  j.lwork = asked(type, answer);
  j.lrwork = !is_complex(type) ? 0 : driver == 'd' ? asked(type, reals) : 5 * (int)larger;
  j.liwork = driver == 'd' ? integers[0] + 1 : driver == 'y' ? n : 0;
  ember_deallocate(integers, 4 * larger + 64);
  j.work_bytes = padded(size_of(type) * (size_t)j.lwork) + padded(real_size(type) * (size_t)j.lrwork) + 4 * (size_t)j.liwork;
  return status < 0 ? status : run(&j);
}

// MARK: Triangular systems

static int32_t triangular_one(const job *j, int64_t i, char *work) {
  (void)work;
  static const double one_double[2] = {1, 0};
  static const float one_float[2] = {1, 0};
  int order = j->left ? j->m : j->n;
  ember_lapack.trsm[j->type](
      j->left ? "L" : "R", j->upper ? "U" : "L", &j->transpose, j->unit ? "U" : "N", &j->m, &j->n,
          j->type & 1 ? (const void *)one_double : (const void *)one_float,
      item(j->a, j->a_bytes, i), &order, item(j->b, j->b_bytes, i), &j->m, ONE, ONE, ONE, ONE);
  return 0;
}

int ember_lapack_triangular(int type, int64_t batch, bool left, bool upper, char transpose, bool unit, int m, int n, const void *a,
    void *b) {
  size_t order = (size_t)(left ? m : n);
  job j = {.type = type, .one = triangular_one, .left = left, .upper = upper, .transpose = transpose, .unit = unit, .m = m, .n = n,
      .a = (char *)a, .b = b, .batch = batch,
           .a_bytes = size_of(type) * order * order, .b_bytes = size_of(type) * (size_t)m * (size_t)n};
  return run(&j);
}

// MARK: Pivots

bool ember_pivots_to_order(int64_t batch, int64_t k, int64_t n, const int32_t *pivots, int64_t *order) {
  for (int64_t b = 0; b < batch; b++, pivots += k, order += n) {
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = 0; i < k; i++) {
      int64_t other = (int64_t)pivots[i] - 1;
      if (other < 0 || other >= n) return false;
      int64_t swap = order[i];
      order[i] = order[other];
      order[other] = swap;
    }
  }
  return true;
}
