/* gemm_openblas.c: gemm.h by CBLAS of OpenBLAS, for machines without oneDNN. */
#include "gemm.h"

#include <cblas.h>

void gemm_thread_start(void) {
    openblas_set_num_threads(1);
}

const char *gemm_library(void) {
    return "OpenBLAS";
}

void gemm(bool transpose_a, bool transpose_b, int64_t M, int64_t N, int64_t K, float alpha,
          const float *A, int64_t lda, const float *B, int64_t ldb, float beta, float *C,
          int64_t ldc) {
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (blasint)M, (blasint)N, (blasint)K, alpha,
                A, (blasint)lda, B, (blasint)ldb, beta, C, (blasint)ldc);
}
