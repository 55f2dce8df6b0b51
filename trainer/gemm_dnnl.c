/* gemm_dnnl.c: gemm.h by oneDNN's C interface (2.x and 3.x). Its CPU build runs on OpenMP, whose
 * number of threads is a thread's own: one here. */
#include "gemm.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

void omp_set_num_threads(int threads); /* omp.h comes with gcc only */

void gemm_thread_start(void) {
    omp_set_num_threads(1);
}

const char *gemm_library(void) {
    return "oneDNN";
}

void gemm(bool transpose_a, bool transpose_b, int64_t M, int64_t N, int64_t K, float alpha,
          const float *A, int64_t lda, const float *B, int64_t ldb, float beta, float *C,
          int64_t ldc) {
    const dnnl_status_t st = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', M, N, K,
                                        alpha, A, lda, B, ldb, beta, C, ldc);
    if (st != dnnl_success) {
        /* The arguments are our own, so this is memory for a packed panel: nothing to go on with.
         */
        wit_log_error("trainer", "a matrix product failed, ending: library=oneDNN status=%d",
                      (int)st);
        abort();
    }
}
