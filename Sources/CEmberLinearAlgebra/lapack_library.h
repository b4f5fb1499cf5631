// The routines of LAPACK that are used, one line each.
#ifndef LAPACK_LIBRARY_H
#define LAPACK_LIBRARY_H

#include <stddef.h>

// X(name, float, double, complex float, complex double)
#define LAPACK_ROUTINES(X)                                                \
  X(getrf, "sgetrf_", "dgetrf_", "cgetrf_", "zgetrf_")                    \
  X(getrs, "sgetrs_", "dgetrs_", "cgetrs_", "zgetrs_")                    \
  X(potrf, "spotrf_", "dpotrf_", "cpotrf_", "zpotrf_")                    \
  X(geqrf, "sgeqrf_", "dgeqrf_", "cgeqrf_", "zgeqrf_")                    \
  X(orgqr, "sorgqr_", "dorgqr_", "cungqr_", "zungqr_")                    \
  X(heevd, "ssyevd_", "dsyevd_", "cheevd_", "zheevd_")                    \
  X(geev, "sgeev_", "dgeev_", "cgeev_", "zgeev_")                         \
  X(gesdd, "sgesdd_", "dgesdd_", "cgesdd_", "zgesdd_")                    \
  X(gesvd, "sgesvd_", "dgesvd_", "cgesvd_", "zgesvd_")                    \
  X(sytrf, "ssytrf_", "dsytrf_", "csytrf_", "zsytrf_")                    \
  X(sytrs, "ssytrs_", "dsytrs_", "csytrs_", "zsytrs_")                    \
  X(hetrf, "ssytrf_", "dsytrf_", "chetrf_", "zhetrf_")                    \
  X(hetrs, "ssytrs_", "dsytrs_", "chetrs_", "zhetrs_")                    \
  X(gels, "sgels_", "dgels_", "cgels_", "zgels_")                         \
  X(gelsy, "sgelsy_", "dgelsy_", "cgelsy_", "zgelsy_")                    \
  X(gelsd, "sgelsd_", "dgelsd_", "cgelsd_", "zgelsd_")                    \
  X(gelss, "sgelss_", "dgelss_", "cgelss_", "zgelss_")                    \
  X(trsm, "strsm_", "dtrsm_", "ctrsm_", "ztrsm_")

// Each in the four element types; Fortran passes everything by address, so that one type of pointer fits all of them.
typedef struct {
#define DECLARE(name, ...) void (*name[4])();
  LAPACK_ROUTINES(DECLARE)
#undef DECLARE
} lapack_library;

extern lapack_library ember_lapack;

#endif
