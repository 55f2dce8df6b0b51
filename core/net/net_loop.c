/* net_loop.c: the loop of a client: its life, waking, the alarm. net_http.c does the asking. */
#include "net_private.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_once_t libraries_once = PTHREAD_ONCE_INIT;
static int libraries_status;

/* Neither library may be initialised from two threads at once. They stay for the process. */
static void libraries_init(void) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        ares_library_init(ARES_LIB_INIT_ALL) != 0)
        libraries_status = WIT_EIO;
}

struct wit_net_config wit_net_config_default(void) {
    return (struct wit_net_config){
        .user_agent = "witbot",
        .dns_timeout_ms = 2000,
        .dns_tries = 3,
        .dns_negative_s = 300,
        .dns_max_ttl_s = 86400,
        .connect_timeout_ms = 10000,
        .low_speed_bytes = 500,
        .low_speed_s = 15,
        .max_connections = 512,
        .max_header_bytes = 64 << 10,
        .max_header_lines = 200,
        .max_held_bytes = (size_t)512 << 20,
    };
}

static void on_wake(uv_async_t *async) {
    struct wit_net *net = async->data;
    if (atomic_load(&net->stopping))
        uv_stop(&net->loop);
    else if (net->cfg.on_wake)
        net->cfg.on_wake(net->cfg.user);
}

static void alarm_ring(const struct wit_net *net) {
    if (net->cfg.on_alarm)
        net->cfg.on_alarm(net->cfg.user);
}

static void on_alarm(uv_timer_t *timer) {
    alarm_ring(timer->data);
}

static void on_alarm_now(uv_idle_t *idle) {
    uv_idle_stop(idle);
    alarm_ring(idle->data);
}

int wit_net_create(const struct wit_net_config *cfg, struct wit_net **out, struct wit_error *err) {
    int st = 0;
    struct wit_net *net = calloc(1, sizeof *net);
    if (!net)
        return wit_error_set(err, WIT_ENOMEM, "out of memory for an HTTP client");
    net->cfg = *cfg;
    pthread_once(&libraries_once, libraries_init);
    if (libraries_status < 0) {
        st = wit_error_set(err, libraries_status, "cannot initialise libcurl and c-ares");
        goto out;
    }
    net->user_agent = strdup(cfg->user_agent);
    net->allow = wit_alloc_array(cfg->allow_count + 1, sizeof *net->allow);
    if (!net->user_agent || !net->allow) {
        st = wit_error_set(err, WIT_ENOMEM, "out of memory for an HTTP client");
        goto out;
    }
    if (cfg->allow_count)
        memcpy(net->allow, cfg->allow, cfg->allow_count * sizeof *net->allow);
    net->cfg.allow = net->allow;
    net->cfg.user_agent = net->user_agent;
    int rc = uv_loop_init(&net->loop);
    if (rc != 0) {
        st = wit_error_set(err, WIT_EIO, "cannot make an event loop: %s", uv_strerror(rc));
        goto out;
    }
    net->loop_ready = true;
    net->wake.data = net->alarm.data = net->alarm_now.data = net->curl_timer.data = net;
    uv_timer_init(&net->loop, &net->alarm);
    uv_idle_init(&net->loop, &net->alarm_now);
    uv_timer_init(&net->loop, &net->curl_timer);
    rc = uv_async_init(&net->loop, &net->wake, on_wake);
    if (rc != 0) {
        net->wake.data = NULL;
        st = wit_error_set(err, WIT_EIO, "cannot make an event loop: %s", uv_strerror(rc));
        goto out;
    }
    st = net_dns_create(&net->loop, &net->cfg, &net->dns, err);
    if (st < 0)
        goto out;
    st = net_http_init(net, err);
out:
    if (st < 0)
        wit_net_destroy(net);
    else
        *out = net;
    return st;
}

void wit_net_destroy(struct wit_net *net) {
    if (!net)
        return;
    if (net->loop_ready) {
        wit_net_cancel_all(net);
        net_http_finish(net);
        net_dns_destroy(net->dns);
        uv_close((uv_handle_t *)&net->alarm, NULL);
        uv_close((uv_handle_t *)&net->alarm_now, NULL);
        uv_close((uv_handle_t *)&net->curl_timer, NULL);
        if (net->wake.data)
            uv_close((uv_handle_t *)&net->wake, NULL);
        uv_run(&net->loop, UV_RUN_DEFAULT); /* runs the close callbacks */
        int rc = uv_loop_close(&net->loop);
        (void)rc; /* UV_EBUSY would mean a handle that nobody closed */
    }
    free(net->user_agent);
    free(net->allow);
    free(net);
}

void wit_net_run(struct wit_net *net) {
    while (!atomic_load(&net->stopping))
        uv_run(&net->loop, UV_RUN_DEFAULT);
    atomic_store(&net->stopping, false);
}

void wit_net_stop(struct wit_net *net) {
    atomic_store(&net->stopping, true);
    uv_async_send(&net->wake);
}

void wit_net_wake(struct wit_net *net) {
    uv_async_send(&net->wake);
}

/* libuv (1.44) runs a timer of 0 ms that a timer sets in the same pass, and so on without end:
 * sockets are not looked at. An idle handle runs once a turn of the loop. */
void wit_net_alarm(struct wit_net *net, uint64_t at_ms) {
    uint64_t now_ms = wit_clock_ms();
    uv_timer_stop(&net->alarm);
    uv_idle_stop(&net->alarm_now);
    if (at_ms <= now_ms) {
        uv_idle_start(&net->alarm_now, on_alarm_now);
    } else if (at_ms != UINT64_MAX) {
        uv_update_time(&net->loop);
        uv_timer_start(&net->alarm, on_alarm, at_ms - now_ms, 0);
    }
}
