/* digest.c: cryptographic digests behind wit's own names. The only part that knows libcrypto. */
#include "wit_base.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>

static const struct {
    const char *name;
    size_t bytes;
} kinds[] = {
    [WIT_DIGEST_MD5] = { "md5", 16 },
    [WIT_DIGEST_SHA1] = { "sha1", 20 },
    [WIT_DIGEST_SHA256] = { "sha256", 32 },
    [WIT_DIGEST_SHA512] = { "sha512", 64 },
};

static_assert(EVP_MAX_MD_SIZE <= WIT_DIGEST_MAX_BYTES, "every digest fits");

int wit_digest_find(struct wit_str name, enum wit_digest_kind *out) {
    for (size_t i = WIT_DIGEST_MD5; i < WIT_COUNT_OF(kinds); i++)
        if (wit_str_eq(name, wit_str_from(kinds[i].name))) {
            *out = (enum wit_digest_kind)i;
            return 0;
        }
    return WIT_ENOTFOUND;
}

const char *wit_digest_name(enum wit_digest_kind kind) {
    return kinds[kind].name;
}

size_t wit_digest_bytes(enum wit_digest_kind kind) {
    return kinds[kind].bytes;
}

int wit_digest_of(enum wit_digest_kind kind, struct wit_str data, uint8_t out[WIT_DIGEST_MAX_BYTES],
                  struct wit_error *err) {
    size_t n = 0;
    if (!EVP_Q_digest(NULL, kinds[kind].name, NULL, data.data ? data.data : "", data.len, out, &n))
        return wit_error_set(err, WIT_EUNSUPPORTED, "libcrypto computes no %s here",
                             kinds[kind].name);
    return (int)n;
}

int wit_digest_file(enum wit_digest_kind kind, const char *path, uint8_t out[WIT_DIGEST_MAX_BYTES],
                    struct wit_error *err) {
    enum { CHUNK_BYTES = 1 << 16 };
    char chunk[CHUNK_BYTES];
    unsigned n = 0;
    size_t got;
    FILE *file = fopen(path, "re");
    if (!file)
        return wit_error_errno(err, errno, "cannot open %s", path);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = EVP_get_digestbyname(kinds[kind].name);
    bool well = ctx && md && EVP_DigestInit_ex(ctx, md, NULL);
    while (well && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
        well = EVP_DigestUpdate(ctx, chunk, got);
    int st = 0;
    if (well && ferror(file))
        st = wit_error_errno(err, errno, "cannot read %s", path);
    else if (!well || !EVP_DigestFinal_ex(ctx, out, &n))
        st =
            wit_error_set(err, WIT_EUNSUPPORTED, "libcrypto computes no %s here", kinds[kind].name);
    EVP_MD_CTX_free(ctx);
    fclose(file);
    return st < 0 ? st : (int)n;
}

void wit_digest_to_hex(struct wit_str digest, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < digest.len; i++) {
        uint8_t byte = (uint8_t)digest.data[i];
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[2 * digest.len] = '\0';
}

int wit_digest_match(struct wit_str named, struct wit_str data, struct wit_error *err) {
    uint8_t digest[WIT_DIGEST_MAX_BYTES];
    char hex[2 * WIT_DIGEST_MAX_BYTES + 1];
    enum wit_digest_kind kind;
    ptrdiff_t colon = wit_str_find_byte(named, ':', 0);
    if (colon < 0 || wit_digest_find(wit_str_slice(named, 0, (size_t)colon), &kind) < 0)
        return wit_error_set(err, WIT_EINVAL, "'%.*s' names no digest", WIT_STR_FMT(named));
    int n = wit_digest_of(kind, data, digest, err);
    if (n < 0)
        return n;
    wit_digest_to_hex(wit_str_of(digest, (size_t)n), hex);
    return wit_str_eq(wit_str_slice(named, (size_t)colon + 1, named.len), wit_str_from(hex));
}
