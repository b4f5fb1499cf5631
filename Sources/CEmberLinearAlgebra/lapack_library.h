// The routines of LAPACK that are used, one line each.
#ifndef LAPACK_LIBRARY_H
#define LAPACK_LIBRARY_H

#include <stddef.h>

// Fortran passes everything by address; the lengths of character arguments follow all others.
typedef const void *arg;
typedef size_t len;

#define ARGUMENTS_5 arg, arg, arg, arg, arg
#define ARGUMENTS_6 ARGUMENTS_5, arg
#define ARGUMENTS_7 ARGUMENTS_6, arg
#define ARGUMENTS_8 ARGUMENTS_7, arg
#define ARGUMENTS_9 ARGUMENTS_8, arg
#define ARGUMENTS_10 ARGUMENTS_9, arg
#define ARGUMENTS_11 ARGUMENTS_10, arg
#define ARGUMENTS_12 ARGUMENTS_11, arg
#define ARGUMENTS_13 ARGUMENTS_12, arg
#define ARGUMENTS_14 ARGUMENTS_13, arg
#define ARGUMENTS_15 ARGUMENTS_14, arg

// X(name, arguments, float, double, complex float, complex double); NULL where the arguments of real and complex differ.
#define LAPACK_ROUTINES(X) \
  X(getrf, (ARGUMENTS_6), "sgetrf_", "dgetrf_", "cgetrf_", "zgetrf_") \
  X(getrs, (ARGUMENTS_9, len), "sgetrs_", "dgetrs_", "cgetrs_", "zgetrs_") \
  X(potrf, (ARGUMENTS_5, len), "spotrf_", "dpotrf_", "cpotrf_", "zpotrf_") \
  X(geqrf, (ARGUMENTS_8), "sgeqrf_", "dgeqrf_", "cgeqrf_", "zgeqrf_") \
  X(orgqr, (ARGUMENTS_9), "sorgqr_", "dorgqr_", "cungqr_", "zungqr_") \
  X(heevd_real, (ARGUMENTS_11, len, len), "ssyevd_", "dsyevd_", NULL, NULL) \
  X(heevd_complex, (ARGUMENTS_13, len, len), NULL, NULL, "cheevd_", "zheevd_") \
  X(geev, (ARGUMENTS_14, len, len), "sgeev_", "dgeev_", "cgeev_", "zgeev_") \
  X(gesdd_real, (ARGUMENTS_14, len), "sgesdd_", "dgesdd_", NULL, NULL) \
  X(gesdd_complex, (ARGUMENTS_15, len), NULL, NULL, "cgesdd_", "zgesdd_") \
  X(gesvd_real, (ARGUMENTS_14, len, len), "sgesvd_", "dgesvd_", NULL, NULL) \
  X(gesvd_complex, (ARGUMENTS_15, len, len), NULL, NULL, "cgesvd_", "zgesvd_") \
  X(sytrf, (ARGUMENTS_8, len), "ssytrf_", "dsytrf_", "csytrf_", "zsytrf_") \
  X(sytrs, (ARGUMENTS_9, len), "ssytrs_", "dsytrs_", "csytrs_", "zsytrs_") \
  X(hetrf, (ARGUMENTS_8, len), "ssytrf_", "dsytrf_", "chetrf_", "zhetrf_") \
  X(hetrs, (ARGUMENTS_9, len), "ssytrs_", "dsytrs_", "chetrs_", "zhetrs_") \
  X(gels, (ARGUMENTS_11, len), "sgels_", "dgels_", "cgels_", "zgels_") \
  X(gelsy_real, (ARGUMENTS_13), "sgelsy_", "dgelsy_", NULL, NULL) \
  X(gelsy_complex, (ARGUMENTS_14), NULL, NULL, "cgelsy_", "zgelsy_") \
  X(gelsd_real, (ARGUMENTS_14), "sgelsd_", "dgelsd_", NULL, NULL) \
  X(gelsd_complex, (ARGUMENTS_15), NULL, NULL, "cgelsd_", "zgelsd_") \
  X(gelss_real, (ARGUMENTS_13), "sgelss_", "dgelss_", NULL, NULL) \
  X(gelss_complex, (ARGUMENTS_14), NULL, NULL, "cgelss_", "zgelss_") \
  X(trsm, (ARGUMENTS_11, len, len, len, len), "strsm_", "dtrsm_", "ctrsm_", "ztrsm_")

typedef struct {
#define DECLARE(name, arguments, ...) void(*name[4]) arguments;
  LAPACK_ROUTINES(DECLARE)
#undef DECLARE
} lapack_library;

extern lapack_library ember_lapack;

#endif
