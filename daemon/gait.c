#include "daemon/gait.h"

#include <string.h>

/* Index in side->muscles of the one so named; n_muscles: there is none. */
static size_t find(const struct emg_gait_side *side, const struct emg_montage *montage, const char *name)
{
    for (size_t i = 0; i < side->n_muscles; i++)
        if (strcmp(emg_montage_bare_name(&montage->muscles[side->muscles[i]]), name) == 0)
            return i;
    return side->n_muscles;
}

static size_t first_measured(const struct emg_gait_side *side, size_t a, size_t b)
{
    return a < side->n_muscles ? a : b;
}

static enum emg_error init_side(struct emg_gait_side *side, enum emg_side which,
                                const struct emg_montage *montage, struct emg_muscle *const *muscles,
                                double rate_hz)
{
    for (size_t i = 0; i < montage->n_muscles; i++)
        if (emg_montage_side(&montage->muscles[i]) == which)
            side->muscles[side->n_muscles++] = i;
    if (side->n_muscles == 0)
        return EMG_OK;
    side->soleus = find(side, montage, "soleus");
    side->gastrocnemius = first_measured(side, find(side, montage, "gastrocnemius_medialis"),
                                         find(side, montage, "gastrocnemius_lateralis"));
    const struct emg_montage_footswitch *footswitch = &montage->footswitches[which];
    side->source = footswitch->present ? EMG_STRIDE_FOOTSWITCH : EMG_STRIDE_EMG;
    struct emg_leg_config config = {
        .rate_hz = rate_hz,
        .n_muscles = side->n_muscles,
        .soleus = side->soleus,
        .gastrocnemius = side->gastrocnemius,
        .antagonist = find(side, montage, "tibialis_anterior"),
        .footswitch = footswitch->present,
        .threshold = footswitch->threshold,
    };
    for (size_t i = 0; i < side->n_muscles; i++)
        config.muscles[i] = muscles[side->muscles[i]];
    return emg_leg_create(&side->leg, &config);
}

static void find_pairs(struct emg_gait *gait, const struct emg_montage *montage)
{
    const struct emg_gait_side *left = &gait->sides[EMG_SIDE_LEFT], *right = &gait->sides[EMG_SIDE_RIGHT];
    for (size_t i = 0; i < left->n_muscles; i++) {
        const char *name = emg_montage_bare_name(&montage->muscles[left->muscles[i]]);
        const size_t other = find(right, montage, name);
        if (other < right->n_muscles)
            gait->pairs[gait->n_pairs++] =
                (struct emg_gait_pair){name, {left->muscles[i], right->muscles[other]}};
    }
}

enum emg_error emg_gait_init(struct emg_gait *gait, const struct emg_montage *montage,
                             struct emg_muscle *const *muscles, double rate_hz, struct emg_problem *problem)
{
    memset(gait, 0, sizeof *gait);
    for (size_t i = 0; i < EMG_SIDES; i++) {
        const enum emg_error error = init_side(&gait->sides[i], (enum emg_side)i, montage, muscles, rate_hz);
        if (error != EMG_OK) {
            emg_gait_destroy(gait);
            return emg_problem_set(problem, error, "the muscles of one leg cannot be compared at %g Hz: %s",
                                   rate_hz, emg_strerror(error));
        }
    }
    find_pairs(gait, montage);
    return EMG_OK;
}

void emg_gait_destroy(struct emg_gait *gait)
{
    for (size_t i = 0; i < EMG_SIDES; i++) {
        emg_leg_destroy(gait->sides[i].leg);
        gait->sides[i].leg = NULL;
    }
}
