#include "daemon/errand.h"

#include "daemon/clock.h"
#include "daemon/polling.h"

enum { IDLE, ASKED, TAKEN, ANSWERED };

bool emg_errand_run(struct emg_errand *e, const struct emg_command *command, double seconds,
                    struct emg_answer *answer)
{
    const int64_t give_up_ns = emg_clock_monotonic_ns() + (int64_t)(1e9 * seconds);
    e->command = *command;
    atomic_store(&e->state, ASKED);
    while (atomic_load(&e->state) != ANSWERED) {
        int asked = ASKED;
        if (emg_clock_monotonic_ns() > give_up_ns && atomic_compare_exchange_strong(&e->state, &asked, IDLE))
            return false;
        emg_clock_sleep_until(emg_clock_monotonic_ns() + EMG_POLL_NS);
    }
    *answer = e->answer;
    atomic_store(&e->state, IDLE);
    return true;
}

const struct emg_command *emg_errand_take(struct emg_errand *e)
{
    int asked = ASKED;
    return atomic_compare_exchange_strong(&e->state, &asked, TAKEN) ? &e->command : NULL;
}

void emg_errand_answer(struct emg_errand *e, const struct emg_answer *answer)
{
    e->answer = *answer;
    atomic_store(&e->state, ANSWERED);
}
