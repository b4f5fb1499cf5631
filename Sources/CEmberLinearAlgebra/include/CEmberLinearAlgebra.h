// LAPACK, found when the program runs: building needs neither headers nor the library.
#ifndef CEMBERLINEARALGEBRA_H
#define CEMBERLINEARALGEBRA_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Element types. Complex numbers are pairs of real ones.
enum { EMBER_LAPACK_FLOAT = 0, EMBER_LAPACK_DOUBLE = 1, EMBER_LAPACK_COMPLEX_FLOAT = 2, EMBER_LAPACK_COMPLEX_DOUBLE = 3 };

/// Whether LAPACK is present; if not, `ember_lapack_error` says why and what to install.
bool ember_lapack_available(void);
const char *ember_lapack_error(void);

// Every function works on `batch` dense matrices in column-major order, one after the other, and on vectors in the same
// way; each matrix is a single-threaded call, batches share the thread pool. `info` has one number per matrix: 0, or
// LAPACK's positive code of what went wrong. The result is 0, a negative number for an argument that LAPACK refused, or
// EMBER_LAPACK_NO_MEMORY. LAPACK must be present, and no matrix may be empty.
enum { EMBER_LAPACK_NO_MEMORY = -1000 };

/// A [m, n] becomes its factors L (unit lower) and U with A = P L U; pivots [min(m, n)] count from 1.
int ember_lapack_lu(int type, int64_t batch, int m, int n, void *a, int32_t *pivots, int32_t *info);
/// Solves A X = B (transpose 'N', 'T' or 'C') with factors from `ember_lapack_lu`; B [n, k] becomes X.
int ember_lapack_lu_solve(int type, int64_t batch, char transpose, int n, int k, const void *lu, const int32_t *pivots, void *b);
/// The lower factor of A [n, n], in its lower triangle; the upper one is left as it was.
int ember_lapack_cholesky(int type, int64_t batch, int n, void *a, int32_t *info);
/// A = Q R: A [m, n] becomes R and, below it, reflectors; tau [min(m, n)].
int ember_lapack_qr(int type, int64_t batch, int m, int n, void *a, void *tau, int32_t *info);
/// The first n columns of the product of k reflectors in A [m, n].
int ember_lapack_reflectors(int type, int64_t batch, int m, int n, int k, void *a, const void *tau, int32_t *info);
/// Eigenvalues (real, ascending) of a Hermitian matrix given by its lower triangle; vectors replace A if `vectors`.
int ember_lapack_eigh(int type, int64_t batch, bool vectors, int n, void *a, void *values, int32_t *info);
/// Eigenvalues of a general matrix and, unless NULL, right eigenvectors, both complex also for real types. A is destroyed.
int ember_lapack_eig(int type, int64_t batch, int n, void *a, void *values, void *vectors, int32_t *info);
/// A = U diag(S) V^H: `job` 'A' all, 'S' the first min(m, n), 'N' no vectors. `driver` 'd' divides and conquers (gesdd), 'q' is
/// the QR iteration (gesvd). A is destroyed.
int ember_lapack_svd(int type, int64_t batch, char job, char driver, int m, int n, void *a, void *s, void *u, void *vh, int32_t *info);
/// A = L D L^T, or with `hermitian` L D L^H, from the lower triangle (Bunch and Kaufman).
int ember_lapack_ldl(int type, int64_t batch, bool hermitian, int n, void *a, int32_t *pivots, int32_t *info);
int ember_lapack_ldl_solve(int type, int64_t batch, bool hermitian, int n, int k, const void *ld, const int32_t *pivots, void *b);
/// Least squares: B [max(m, n), k] becomes X in its first n rows. `driver` 'l' gels, 'y' gelsy, 'd' gelsd, 's' gelss; rank and
/// singular values (of 'd' and 's') may be NULL.
int ember_lapack_least_squares(int type, int64_t batch, char driver, int m, int n, int k, void *a, void *b, double rcond, int32_t *rank,
                               void *singular, int32_t *info);
/// Solves op(A) X = B (left) or X op(A) = B for a triangular A; B [m, n] becomes X.
int ember_lapack_triangular(int type, int64_t batch, bool left, bool upper, char transpose, bool unit, int m, int n,
                             const void *a, void *b);

/// The order in which rows end after the exchanges of `pivots` [k] among n rows. Needs no library. False: a pivot is none of
/// 1 ... n.
bool ember_pivots_to_order(int64_t batch, int64_t k, int64_t n, const int32_t *pivots, int64_t *order);

// p-norms of the differences between every row of a [batch, m, depth] and every row of b [batch, n, depth]. Need no library.

/// distances [batch, m, n]
void ember_distances(bool is_double, int64_t batch, int64_t m, int64_t n, int64_t depth, double p, const void *a, const void *b,
                     void *distances);
/// The gradient of a [batch, m, depth] from that of the distances. Where a distance is 0 it takes no part.
void ember_distances_backward(bool is_double, int64_t batch, int64_t m, int64_t n, int64_t depth, double p, const void *a, const void *b,
                              const void *distances, const void *gradient, void *result);

#ifdef __cplusplus
}
#endif
#endif
