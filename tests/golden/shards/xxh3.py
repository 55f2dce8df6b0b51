"""XXH3 of xxHash 0.8 in plain Python, after its specification: 64 bits with a seed, 128 bits without.
Slow and readable: for the independent reader of datasets beside it."""

M32, M64 = 2**32 - 1, 2**64 - 1
P32_1, P32_2, P32_3, P5 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F165667C5
P1, P2, P3, P4 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63
MX1, MX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")


def r32(b, at):
    return int.from_bytes(b[at : at + 4], "little")


def r64(b, at):
    return int.from_bytes(b[at : at + 8], "little")


def swap(v, size):
    return int.from_bytes(v.to_bytes(size, "little"), "big")


def rotl(v, n, bits=64):
    return (v << n | v >> (bits - n)) & ((1 << bits) - 1)


def fold(a, b):
    return (a * b & M64) ^ a * b >> 64


def avalanche(h):
    return (h := (h ^ h >> 37) * MX1 & M64) ^ h >> 32


def avalanche_xxh64(h):
    h = (h ^ h >> 33) * P2 & M64
    return (h := (h ^ h >> 29) * P3 & M64) ^ h >> 32


def mix16(b, at, s, seed):
    return fold(r64(b, at) ^ (r64(SECRET, s) + seed & M64),
                r64(b, at + 8) ^ (r64(SECRET, s + 8) - seed & M64))


def short(b):
    return b[0] << 16 | b[len(b) >> 1] << 24 | b[-1] | len(b) << 8


def long_lanes(b, secret):  # the eight accumulators of an input over 240 bytes
    acc = [P32_3, P1, P2, P3, P4, P32_2, P5, P32_1]

    def stripe(at, s):
        for i in range(8):
            value = r64(b, at + 8 * i)
            key = value ^ r64(secret, s + 8 * i)
            acc[i ^ 1] = acc[i ^ 1] + value & M64
            acc[i] = acc[i] + (key & M32) * (key >> 32) & M64

    for n in range((len(b) - 1) // 64):
        stripe(64 * n, 8 * (n % 16))
        for i in range(8 if n % 16 == 15 else 0):
            acc[i] = (acc[i] ^ acc[i] >> 47 ^ r64(secret, 128 + 8 * i)) * P32_1 & M64
    stripe(len(b) - 64, 121)
    return acc


def merge(acc, secret, s, start):
    for i in range(4):
        start += fold(acc[2 * i] ^ r64(secret, s + 16 * i), acc[2 * i + 1] ^ r64(secret, s + 16 * i + 8))
    return avalanche(start & M64)


def h64(b, seed=0):
    n = len(b)
    if n == 0:
        return avalanche_xxh64(seed ^ r64(SECRET, 56) ^ r64(SECRET, 64))
    if n <= 3:
        return avalanche_xxh64(short(b) ^ ((r32(SECRET, 0) ^ r32(SECRET, 4)) + seed & M64))
    if n <= 8:
        seed ^= swap(seed & M32, 4) << 32
        h = (r32(b, n - 4) + (r32(b, 0) << 32)) ^ ((r64(SECRET, 8) ^ r64(SECRET, 16)) - seed & M64)
        h = (h ^ rotl(h, 49) ^ rotl(h, 24)) * MX2 & M64
        h = (h ^ (h >> 35) + n) * MX2 & M64
        return h ^ h >> 28
    if n <= 16:
        low = r64(b, 0) ^ ((r64(SECRET, 24) ^ r64(SECRET, 32)) + seed & M64)
        high = r64(b, n - 8) ^ ((r64(SECRET, 40) ^ r64(SECRET, 48)) - seed & M64)
        return avalanche(n + swap(low, 8) + high + fold(low, high) & M64)
    acc = n * P1
    if n <= 128:
        acc += sum(mix16(b, 16 * i, 32 * i, seed) + mix16(b, n - 16 * (i + 1), 32 * i + 16, seed)
                   for i in range((n - 1) // 32 + 1))
        return avalanche(acc & M64)
    if n <= 240:
        acc = avalanche(acc + sum(mix16(b, 16 * i, 16 * i, seed) for i in range(8)) & M64)
        acc += sum(mix16(b, 16 * i, 16 * (i - 8) + 3, seed) for i in range(8, n // 16))
        return avalanche(acc + mix16(b, n - 16, 119, seed) & M64)
    secret = b"".join((r64(SECRET, at) + seed & M64).to_bytes(8, "little") +
                      (r64(SECRET, at + 8) - seed & M64).to_bytes(8, "little") for at in range(0, 192, 16))
    return merge(long_lanes(b, secret), secret, 11, n * P1 & M64)


def h128(b):
    """16 bytes, big-endian: the canonical form."""
    n = len(b)
    if n == 0:
        low, high = (avalanche_xxh64(r64(SECRET, s) ^ r64(SECRET, s + 8)) for s in (64, 80))
    elif n <= 3:
        low = avalanche_xxh64(short(b) ^ r32(SECRET, 0) ^ r32(SECRET, 4))
        high = avalanche_xxh64(rotl(swap(short(b), 4), 13, 32) ^ r32(SECRET, 8) ^ r32(SECRET, 12))
    elif n <= 8:
        key = (r32(b, 0) + (r32(b, n - 4) << 32)) ^ r64(SECRET, 16) ^ r64(SECRET, 24)
        high, low = divmod(key * (P1 + (n << 2)), 2**64)
        high = high + (low << 1) & M64
        low ^= high >> 3
        low = (low ^ low >> 35) * MX2 & M64
        low, high = low ^ low >> 28, avalanche(high)
    elif n <= 16:
        last = r64(b, n - 8)
        high, low = divmod((r64(b, 0) ^ last ^ r64(SECRET, 32) ^ r64(SECRET, 40)) * P1, 2**64)
        low = low + (n - 1 << 54) & M64
        last ^= r64(SECRET, 48) ^ r64(SECRET, 56)
        high = high + last + (last & M32) * (P32_2 - 1) & M64
        top, low = divmod((low ^ swap(high, 8)) * P2, 2**64)
        low, high = avalanche(low), avalanche(top + high * P2 & M64)
    elif n <= 240:
        low, high = n * P1 & M64, 0

        def mix32(x, y, s):
            return ((low + mix16(b, x, s, 0) & M64) ^ (r64(b, y) + r64(b, y + 8) & M64),
                    (high + mix16(b, y, s + 16, 0) & M64) ^ (r64(b, x) + r64(b, x + 8) & M64))

        for i in range((n - 1) // 32, -1, -1) if n <= 128 else ():
            low, high = mix32(16 * i, n - 16 * (i + 1), 32 * i)
        for i in range(n // 32) if n > 128 else ():
            low, high = mix32(32 * i, 32 * i + 16, 32 * i if i < 4 else 3 + 32 * (i - 4))
            if i == 3:
                low, high = avalanche(low), avalanche(high)
        if n > 128:
            low, high = mix32(n - 16, n - 32, 103)
        low, high = avalanche(low + high & M64), -avalanche(low * P1 + high * P4 + n * P2 & M64) & M64
    else:
        acc = long_lanes(b, SECRET)
        low, high = merge(acc, SECRET, 11, n * P1 & M64), merge(acc, SECRET, 117, ~(n * P2) & M64)
    return (high << 64 | low).to_bytes(16, "big")
