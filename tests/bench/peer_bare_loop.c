/*
 * peer_bare_loop.c: the least that fetching images can cost: libuv, libcurl, XXH3-128, write. No
 * DNS, no robots.txt, no politeness, no walk, no index, no second try: peer_bare_loop URLS OUT
 * IN_FLIGHT. URLS has one a line, http and an IP address. Prints {"images","bytes"}. For
 * bench_crawl.py.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <xxhash.h>

struct fetch {
    CURL *easy;
    char *body;
    size_t len, cap;
};

struct socket_poll {
    uv_poll_t poll; /* first: libuv gives it back */
    curl_socket_t fd;
};

static uv_loop_t *loop;
static uv_timer_t timer;
static CURLM *multi;
static FILE *urls, *out;
static uint64_t images, bytes_stored, hashes;

static void die(const char *what) {
    fprintf(stderr, "peer_bare_loop: %s\n", what);
    exit(1);
}

static size_t on_body(char *data, size_t size, size_t n, void *user) {
    struct fetch *f = user;
    size_t len = size * n;
    if (f->len + len > f->cap) {
        f->cap = 2 * (f->len + len);
        f->body = realloc(f->body, f->cap);
        if (!f->body)
            die("no memory");
    }
    memcpy(f->body + f->len, data, len);
    f->len += len;
    return len;
}

/* False: there is no URL left. */
static bool fetch_start(struct fetch *f) {
    char line[8192];
    if (!fgets(line, sizeof line, urls))
        return false;
    line[strcspn(line, "\n")] = '\0';
    f->len = 0;
    curl_easy_setopt(f->easy, CURLOPT_URL, line);
    curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
    return curl_multi_add_handle(multi, f->easy) == CURLM_OK;
}

static void fetch_done(struct fetch *f, CURLcode code) {
    long status = 0;
    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200 || f->len < 2 || memcmp(f->body, "\xff\xd8", 2) != 0)
        die("an image did not come");
    hashes ^= XXH3_128bits(f->body, f->len).low64;
    if (fwrite(f->body, 1, f->len, out) != f->len)
        die("cannot write");
    images++;
    bytes_stored += f->len;
}

static void messages_read(void) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));) {
        struct fetch *f = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f);
        curl_multi_remove_handle(multi, f->easy);
        fetch_done(f, code);
        fetch_start(f);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct socket_poll *s = (struct socket_poll *)poll;
    int running, flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                         (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(multi, s->fd, status < 0 ? CURL_CSELECT_ERR : flags, &running);
    messages_read();
}

static void on_timer(uv_timer_t *t) {
    int running;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    messages_read();
}

static int timer_want(CURLM *m, long ms, void *user) {
    if (ms < 0)
        uv_timer_stop(&timer);
    else
        uv_timer_start(&timer, on_timer, (uint64_t)(ms ? ms : 1), 0);
    return 0;
}

static void on_closed(uv_handle_t *h) {
    free(h);
}

static int socket_want(CURL *easy, curl_socket_t fd, int what, void *user, void *assigned) {
    struct socket_poll *s = assigned;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            uv_poll_stop(&s->poll);
            uv_close((uv_handle_t *)&s->poll, on_closed);
            curl_multi_assign(multi, fd, NULL);
        }
        return 0;
    }
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s || uv_poll_init_socket(loop, &s->poll, fd) != 0)
            die("cannot watch a socket");
        s->fd = fd;
        curl_multi_assign(multi, fd, s);
    }
    uv_poll_start(&s->poll,
                  (what & CURL_POLL_IN ? UV_READABLE : 0) |
                      (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                  on_poll);
    return 0;
}

int main(int argc, char **argv) {
    int in_flight = argc == 4 ? atoi(argv[3]) : 0;
    if (in_flight < 1) {
        fprintf(stderr, "usage: peer_bare_loop URLS OUT IN_FLIGHT\n");
        return 2;
    }
    urls = fopen(argv[1], "r");
    out = fopen(argv[2], "w");
    loop = uv_default_loop();
    multi = curl_multi_init();
    if (!urls || !out || !multi || uv_timer_init(loop, &timer) != 0)
        die("cannot begin");
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_want);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_want);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)in_flight);
    struct fetch *fetches = calloc((size_t)in_flight, sizeof *fetches);
    for (int i = 0; fetches && i < in_flight; i++) {
        fetches[i].easy = curl_easy_init();
        if (!fetches[i].easy)
            die("no memory");
        fetch_start(&fetches[i]);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    if (fclose(out) != 0)
        die("cannot write");
    printf("{\"images\":%llu,\"bytes\":%llu,\"hash\":\"%016llx\"}\n", (unsigned long long)images,
           (unsigned long long)bytes_stored, (unsigned long long)hashes);
    return 0;
}
