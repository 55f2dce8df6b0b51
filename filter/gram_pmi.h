/*
 * gram_pmi.h: which bigrams say more than their words: PMI = log2(c12 N / (c1 c2)), N the number of
 * words counted. Source: Church and Hanks 1990; Xu et al. 2023 for its use here.
 */
#ifndef FILTER_GRAM_PMI_H
#define FILTER_GRAM_PMI_H

#include "gram_top.h"
#include "gram_work.h"
#include "wit_filter.h"

struct gram_pmi_config {
    const struct gram_input *inputs; /* finished dumps */
    size_t n_inputs;
    uint64_t words;    /* N */
    uint64_t distinct; /* of them */
    double least_bits; /* of PMI; -INFINITY: any */
    uint64_t least_count;
    size_t memory_bytes; /* of the words' counts; where they don't fit, more passes are made */
    const volatile int *cancel;
};

/**
 * The best bigrams into `top`, by falling ratio 2^PMI (the score), with the hashes of their words.
 * Ties at the cut are broken by the hashes.
 * @return 0, WIT_EIO, WIT_ENOSPC, WIT_ENOMEM, WIT_ECORRUPT, WIT_ECANCELED
 */
int gram_pmi_pick(struct gram_work *work, const struct gram_pmi_config *cfg, struct gram_top *top,
                  struct wit_error *err);

#endif
