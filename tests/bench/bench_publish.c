/* What publishing costs the worker: handing a finished message over, as daemon/worker.c does, to a publisher
 * that sends it on; beside sending the same bytes itself. And what the text of a message costs the publisher.
 *
 *   bench_publish [ROUNDS]     default: 1000
 *
 * A round is 8 messages of 4 kinds each way, every one timed, and 2 ms of rest, in which all goes over TCP on
 * this machine to one subscriber each. That both get the same bytes, and all of them, is checked at the end.
 * The times are elapsed ones and contain reading the clock, which has a line of its own. */
#include "daemon/clock.h"
#include "daemon/publisher.h"
#include "daemon/ring.h"
#include "daemon/wire.h"

#include "tests/bench/bench.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zmq.h>

enum { KINDS = 4, EACH = 8, RING_BYTES = 8 << 20, MOST_ROUNDS = 10000, ENDPOINT_SIZE = 64 };
enum { WAVEFORM_SAMPLES = 100, PSD_BINS = 441, LARGEST_ARRAY = PSD_BINS };
enum { TEXTS = 2000, TEXT_RUNS = 31, CLOCK_READINGS = 10001 };
enum { RING, SOCKET, WAYS };

static const int64_t REST_NS = 2000000, SETTLE_NS = 500000000, PATIENCE_NS = 10000000000;

static struct emg_wire wire = {
    .source = "soundio:pulseaudio:default",
    .rate_hz = 48000,
    .analysis_rate_hz = 2000,
    .band_hz = {20, 450},
    .n_channels = 4,
    .n_muscles = 4,
    .muscles = {"left.soleus", "left.gastrocnemius_medialis", "right.soleus", "right.gastrocnemius_medialis"},
};

static struct kind {
    const char *name;
    struct emg_message *message;
    size_t n_bytes, n_topic, n_body;
    char topic[EMG_TOPIC_SIZE], body[EMG_BODY_SIZE];
} kinds[KINDS] = {{.name = "activation"}, {.name = "fatigue"}, {.name = "waveform"}, {.name = "psd"}};

static void *context, *subscribers[WAYS];
static _Atomic size_t n_received[WAYS];
static uint64_t received[WAYS]; /* a hash of all bytes */
static _Atomic bool stop;
static double ns[WAYS][MOST_ROUNDS * KINDS * EACH];

static void fail(const char *what)
{
    bench_fail("bench_publish", what);
}

static struct emg_message *make_message(struct kind *kind, enum emg_topic topic, uint32_t n_array)
{
    kind->n_bytes = sizeof *kind->message + n_array * sizeof kind->message->array[0];
    kind->message = calloc(1, kind->n_bytes);
    if (kind->message == NULL)
        fail("there is too little memory");
    *kind->message = (struct emg_message){.topic = topic,
                                          .index = 1,
                                          .seq = 123456,
                                          .frame = 12345678,
                                          .session = "20261123T074200Z-P07",
                                          .t = 1763845200.123456,
                                          .n_array = n_array};
    for (uint32_t i = 0; i < n_array; i++)
        kind->message->array[i] = sinf(0.1F * (float)i);
    return kind->message;
}

static void make_messages(void)
{
    struct emg_message *activation = make_message(&kinds[0], EMG_TOPIC_ACTIVATION, 0);
    activation->body.activation.now.rms_uv = 123.456789;
    activation->body.activation.now.envelope_uv = 98.7654321;
    activation->body.activation.now.active = true;
    activation->body.activation.reference =
        (struct emg_reference){.uv = 345.678, .id = "r1", .method = "mvc"};
    struct emg_message *fatigue = make_message(&kinds[1], EMG_TOPIC_FATIGUE, 0);
    fatigue->body.fatigue.spectral = (struct emg_spectral_fatigue){
        .indices = {.power_uv2 = 12345.6789,
                    .noise_uv2 = 12.3456789,
                    .mdf_hz = 87.6543211,
                    .mdf_se_hz = 1.23456789,
                    .mnf_hz = 98.7654322,
                    .mnf_se_hz = 1.34567891,
                    .ln_insm5 = -45.6789123,
                    .ln_insm5_se = 0.123456789},
        .seconds = 30.1234567,
        .bursts = 43,
        .rms_uv = 123.456789,
        .snr_db = 31.2345678,
        .ln_finsm5 = 0.345678912,
        .baseline_mdf_hz = 95.6789123,
        .shift_percent = -8.38771234,
        .slope_hz_per_min = -0.876543211,
        .slope_percent_per_min = -0.912345678,
        .slope_ci95_percent_per_min = {-1.23456789, -0.590123456},
        .break_s = 312.345678,
        .recent_percent_per_min = -0.123456789,
        .recent_ci95_percent_per_min = {-0.345678912, 0.0987654321},
        .jasa = EMG_JASA_FATIGUE,
        .verdict = EMG_VERDICT_FATIGUING,
        .reason = EMG_REASON_FALLING,
    };
    make_message(&kinds[2], EMG_TOPIC_WAVEFORM, WAVEFORM_SAMPLES)->body.waveform.first_frame = 12343278;
    struct emg_message *psd = make_message(&kinds[3], EMG_TOPIC_SPECTRUM, PSD_BINS);
    psd->body.spectrum.f0_hz = 20.5078125;
    psd->body.spectrum.df_hz = 0.9765625;
    for (struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
        kind->n_topic = emg_wire_topic(&wire, kind->message, kind->topic);
        kind->n_body = emg_wire_body(&wire, kind->message, kind->body);
    }
}

/* An address of this machine where nobody listens yet. */
static void find_endpoint(char endpoint[ENDPOINT_SIZE])
{
    size_t size = ENDPOINT_SIZE;
    void *socket = zmq_socket(context, ZMQ_PUB);
    if (socket == NULL || zmq_bind(socket, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0 ||
        zmq_unbind(socket, endpoint) != 0 || zmq_close(socket) != 0)
        fail("no port is free");
}

static void *subscribe(const char *endpoint)
{
    const int unlimited = 0;
    void *socket = zmq_socket(context, ZMQ_SUB);
    if (socket == NULL || zmq_setsockopt(socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited) != 0 ||
        zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) != 0 || zmq_connect(socket, endpoint) != 0)
        fail("there is no subscriber");
    return socket;
}

static bool receive(int way)
{
    static unsigned char part[EMG_BODY_SIZE];
    int n = 0, more = 1;
    size_t more_size = sizeof more;
    while (more != 0) {
        n = zmq_recv(subscribers[way], part, sizeof part, ZMQ_DONTWAIT);
        if (n < 0)
            return false;
        for (int i = 0; i < n; i++)
            received[way] = (received[way] ^ part[i]) * 1099511628211U;
        (void)zmq_getsockopt(subscribers[way], ZMQ_RCVMORE, &more, &more_size);
        received[way] = (received[way] ^ (uint64_t)more) * 1099511628211U;
    }
    atomic_fetch_add(&n_received[way], 1);
    return true;
}

static void *receive_all(void *nothing)
{
    zmq_pollitem_t items[WAYS] = {{.events = ZMQ_POLLIN}, {.events = ZMQ_POLLIN}};
    for (int way = 0; way < WAYS; way++)
        items[way].socket = subscribers[way];
    while (!atomic_load(&stop))
        if (zmq_poll(items, WAYS, 50) > 0)
            for (int way = 0; way < WAYS; way++)
                while (receive(way))
                    continue;
    return nothing;
}

/* As take_message in daemon/worker.c, where nothing is recorded. */
static bool hand_over(struct emg_ring *ring, const struct kind *kind)
{
    struct emg_message *room = emg_ring_reserve(ring, kind->n_bytes);
    if (room == NULL)
        return false;
    memcpy(room, kind->message, kind->n_bytes);
    emg_ring_commit(ring);
    return true;
}

/* As publish in daemon/publisher.c, with the text made already. */
static bool send_out(void *socket, const struct kind *kind)
{
    const struct emg_message *message = kind->message;
    const bool has_array = emg_wire_has_array(message->topic);
    if (zmq_send(socket, kind->topic, kind->n_topic, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(socket, kind->body, kind->n_body, has_array ? ZMQ_SNDMORE : 0) < 0)
        return false;
    return !has_array ||
           zmq_send(socket, message->array, message->n_array * sizeof message->array[0], 0) >= 0;
}

static void run_round(struct emg_ring *ring, void *socket, size_t round)
{
    size_t k = round * KINDS * EACH;
    for (size_t i = 0; i < (size_t)KINDS * EACH; i++, k++) {
        const double begin_ns = bench_wall_ns();
        const bool handed = hand_over(ring, &kinds[i % KINDS]);
        ns[RING][k] = bench_wall_ns() - begin_ns;
        if (!handed)
            fail("the ring is full");
    }
    k = round * KINDS * EACH;
    for (size_t i = 0; i < (size_t)KINDS * EACH; i++, k++) {
        const double begin_ns = bench_wall_ns();
        const bool sent = send_out(socket, &kinds[i % KINDS]);
        ns[SOCKET][k] = bench_wall_ns() - begin_ns;
        if (!sent)
            fail("a message could not be sent");
    }
    emg_clock_sleep_until(emg_clock_monotonic_ns() + REST_NS);
}

static void publish_rounds(size_t n_rounds)
{
    struct emg_ring *ring = NULL;
    struct emg_publisher *publisher = NULL;
    struct emg_problem problem;
    char endpoints[WAYS][ENDPOINT_SIZE];
    pthread_t receiver;
    const size_t n = n_rounds * KINDS * EACH;
    const int unlimited = 0;
    context = zmq_ctx_new();
    find_endpoint(endpoints[RING]);
    find_endpoint(endpoints[SOCKET]);
    if (emg_ring_create(&ring, RING_BYTES) != EMG_OK)
        fail("there is too little memory");
    const struct emg_publisher_config config = {
        .context = context, .endpoint = endpoints[RING], .messages = ring};
    if (emg_publisher_create(&publisher, &config, &problem) != EMG_OK ||
        emg_publisher_start(publisher, &wire, &problem) != EMG_OK)
        fail(problem.text);
    void *socket = zmq_socket(context, ZMQ_PUB);
    if (socket == NULL || zmq_setsockopt(socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited) != 0 ||
        zmq_bind(socket, endpoints[SOCKET]) != 0)
        fail("there is no socket");
    for (int way = 0; way < WAYS; way++)
        subscribers[way] = subscribe(endpoints[way]);
    emg_clock_sleep_until(emg_clock_monotonic_ns() + SETTLE_NS);
    if (pthread_create(&receiver, NULL, receive_all, NULL) != 0)
        fail("there is no second thread");
    for (size_t round = 0; round < n_rounds; round++)
        run_round(ring, socket, round);
    const int64_t give_up_ns = emg_clock_monotonic_ns() + PATIENCE_NS;
    while ((n_received[RING] < n || n_received[SOCKET] < n) && emg_clock_monotonic_ns() < give_up_ns)
        emg_clock_sleep_until(emg_clock_monotonic_ns() + REST_NS);
    atomic_store(&stop, true);
    (void)pthread_join(receiver, NULL);
    if (n_received[RING] != n || n_received[SOCKET] != n || received[RING] != received[SOCKET])
        fail("the subscribers did not get the same");
    emg_publisher_destroy(publisher);
    emg_ring_destroy(ring);
    (void)zmq_close(socket);
    for (int way = 0; way < WAYS; way++)
        (void)zmq_close(subscribers[way]);
    (void)zmq_ctx_term(context);
}

static void print_publishing(size_t n)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p99", 0.99}};
    static double clock_ns[CLOCK_READINGS];
    for (size_t i = 0; i < CLOCK_READINGS; i++) {
        const double begin_ns = bench_wall_ns();
        clock_ns[i] = bench_wall_ns() - begin_ns;
    }
    bench_print("publishing, reading the clock", bench_quantile(clock_ns, CLOCK_READINGS, 0.5), "ns");
    for (size_t q = 0; q < sizeof quantiles / sizeof quantiles[0]; q++) {
        char what[64];
        const double ring_ns = bench_quantile(ns[RING], n, quantiles[q].share);
        const double socket_ns = bench_quantile(ns[SOCKET], n, quantiles[q].share);
        snprintf(what, sizeof what, "publishing a message, %s, zmq_send", quantiles[q].name);
        bench_print(what, socket_ns, "ns");
        snprintf(what, sizeof what, "publishing a message, %s, emgd", quantiles[q].name);
        bench_print_against(what, ring_ns, "ns", "zmq_send", socket_ns, NULL);
    }
}

static void print_texts(void)
{
    static double text_ns[KINDS][TEXT_RUNS];
    static char body[EMG_BODY_SIZE];
    for (int run = 0; run < TEXT_RUNS; run++)
        for (int k = 0; k < KINDS; k++) {
            const double begin_ns = bench_thread_ns();
            for (int i = 0; i < TEXTS; i++)
                if (emg_wire_body(&wire, kinds[k].message, body) != kinds[k].n_body)
                    fail("a text has changed");
            text_ns[k][run] = (bench_thread_ns() - begin_ns) / TEXTS;
        }
    for (int k = 0; k < KINDS; k++) {
        char what[64];
        snprintf(what, sizeof what, "JSON of a message, %s", kinds[k].name);
        bench_print(what, bench_quantile(text_ns[k], TEXT_RUNS, 0.5), "ns");
    }
}

int main(int argc, char **argv)
{
    const long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    if (rounds < 1 || rounds > MOST_ROUNDS)
        fail("usage: bench_publish [ROUNDS]");
    make_messages();
    publish_rounds((size_t)rounds);
    print_publishing((size_t)rounds * KINDS * EACH);
    print_texts();
    for (int k = 0; k < KINDS; k++)
        free(kinds[k].message);
    return 0;
}
