/*
 * gemm.h: matrix products on one thread, by the library that this build was given: oneDNN's, else
 * OpenBLAS. The parallelism is ours (workers.h), so that results depend on shapes only.
 */
#ifndef TRAINER_GEMM_H
#define TRAINER_GEMM_H

#include "base/wit_base.h"

/* Call once in each thread that will call gemm. */
void gemm_thread_start(void);
const char *gemm_library(void);

/* C (M, N) = alpha op(A) op(B) + beta C, row-major; op(X) is X or, if asked, X transposed. A is
 * (M, K) or (K, M), B is (K, N) or (N, K); lda, ldb, ldc are the distances of their rows. C is not
 * read where beta is 0. */
void gemm(bool transpose_a, bool transpose_b, int64_t M, int64_t N, int64_t K, float alpha,
          const float *A, int64_t lda, const float *B, int64_t ldb, float beta, float *C,
          int64_t ldc);

#endif
