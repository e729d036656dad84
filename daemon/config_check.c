#include "daemon/config_draft.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static struct emg_config_origin origin_of(const struct emg_config_draft *draft, const char *section_name,
                                          const char *key_name)
{
    const struct emg_config_section *section = emg_config_section_find(section_name);
    const struct emg_config_key *key = emg_config_key_find(section, key_name);
    return draft->origins[section - emg_config_sections][key - section->keys];
}

static struct emg_config_origin item_origin(const struct emg_config_draft *draft, const char *section_name,
                                            size_t item)
{
    return draft->origins[emg_config_section_find(section_name) - emg_config_sections][item];
}

static bool is_default(struct emg_config_origin origin)
{
    return origin.line == 0 && origin.setting == NULL;
}

static bool has_curve(const struct emg_config_draft *draft)
{
    return strcmp(draft->config->security.mode, "curve") == 0;
}

static enum emg_error check_security(const struct emg_config_draft *draft)
{
    const struct emg_config_security *security = &draft->config->security;
    const struct emg_config_origin mode = origin_of(draft, "security", "mode");
    if (has_curve(draft) && security->secret_key_file[0] == '\0')
        return emg_config_draft_fail(draft, mode, EMG_ERROR_ARGUMENT,
                                     "security.secret_key_file: security.mode \"curve\" needs the file of "
                                     "this server's secret key; emgctl keygen makes one");
    if (has_curve(draft) && security->allowed_keys[0] == '\0')
        return emg_config_draft_fail(draft, mode, EMG_ERROR_ARGUMENT,
                                     "security.allowed_keys: security.mode \"curve\" needs the file of the "
                                     "public keys that may connect, one a line");
    return EMG_OK;
}

static bool is_port(const char *text)
{
    const size_t length = strlen(text);
    if (length == 0 || length > 5 || text[strspn(text, "0123456789")] != '\0')
        return false;
    const long port = strtol(text, NULL, 10);
    return port >= 1 && port <= 65535;
}

static bool is_loopback(const char *host)
{
    struct in_addr address;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static enum emg_error check_endpoint(const struct emg_config_draft *draft, const char *key,
                                     const char *endpoint)
{
    const struct emg_config_origin origin = origin_of(draft, "publish", key);
    const size_t longest = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        const size_t length = strlen(endpoint + 6);
        if (length == 0 || length > longest)
            return emg_config_draft_fail(
                draft, origin, EMG_ERROR_ARGUMENT,
                "publish.%s: \"%.80s\": the path of an ipc:// endpoint has 1 to %zu bytes", key, endpoint,
                longest);
        return EMG_OK;
    }
    const char *port = strrchr(endpoint, ':');
    char host[sizeof draft->config->publish.data] = "";
    if (strncmp(endpoint, "tcp://", 6) == 0 && port > endpoint + 6)
        memcpy(host, endpoint + 6, (size_t)(port - endpoint - 6));
    if (host[0] == '\0' || !is_port(port + 1))
        return emg_config_draft_fail(draft, origin, EMG_ERROR_ARGUMENT,
                                     "publish.%s: \"%.80s\" is not tcp://ADDRESS:PORT or ipc://PATH", key,
                                     endpoint);
    if (!has_curve(draft) && !is_loopback(host))
        return emg_config_draft_fail(
            draft, origin, EMG_ERROR_ARGUMENT,
            "publish.%s: \"%.80s\" is open to other machines, and with security.mode "
            "\"none\" anyone there could listen and control; use security.mode \"curve\", or "
            "tcp://127.0.0.1:PORT or ipc://PATH",
            key, endpoint);
    return EMG_OK;
}

static enum emg_error check_publish(const struct emg_config_draft *draft)
{
    const struct emg_config_publish *publish = &draft->config->publish;
    enum emg_error error = check_endpoint(draft, "data", publish->data);
    if (error == EMG_OK)
        error = check_endpoint(draft, "control", publish->control);
    if (error != EMG_OK || strcmp(publish->data, publish->control) != 0)
        return error;
    const struct emg_config_origin control = origin_of(draft, "publish", "control");
    return emg_config_draft_fail(
        draft, is_default(control) ? origin_of(draft, "publish", "data") : control, EMG_ERROR_ARGUMENT,
        "publish.data and publish.control are both \"%.80s\"; each needs its own", publish->data);
}

static enum emg_error check_analysis(const struct emg_config_draft *draft)
{
    const struct emg_config_analysis *analysis = &draft->config->analysis;
    const struct emg_config_origin band = origin_of(draft, "analysis", "band_hz");
    const struct emg_config_origin highpass = origin_of(draft, "analysis", "amplitude_highpass_hz");
    if (analysis->band_hz[0] >= analysis->band_hz[1])
        return emg_config_draft_fail(draft, band, EMG_ERROR_ARGUMENT, "analysis.band_hz: {%g, %g} must rise",
                                     analysis->band_hz[0], analysis->band_hz[1]);
    if (analysis->amplitude_highpass_hz >= analysis->band_hz[1])
        return emg_config_draft_fail(draft, is_default(highpass) ? band : highpass, EMG_ERROR_ARGUMENT,
                                     "analysis.amplitude_highpass_hz: %g must be below the upper edge of "
                                     "analysis.band_hz, %g",
                                     analysis->amplitude_highpass_hz, analysis->band_hz[1]);
    return EMG_OK;
}

static enum emg_error check_muscle(const struct emg_config_draft *draft, size_t i)
{
    const struct emg_config_muscle *muscle = &draft->config->muscles[i];
    const struct emg_config_origin origin = item_origin(draft, "muscle", i);
    if (muscle->channel == 0 && muscle->label[0] == '\0')
        return emg_config_draft_fail(draft, origin, EMG_ERROR_ARGUMENT,
                                     "muscle \"%s\" has neither a channel nor a label", muscle->name);
    for (size_t j = 0; j < i && muscle->channel != 0; j++) {
        if (draft->config->muscles[j].channel == muscle->channel)
            return emg_config_draft_fail(draft, origin, EMG_ERROR_ARGUMENT,
                                         "muscle \"%s\": channel %u is taken by muscle \"%s\"", muscle->name,
                                         muscle->channel, draft->config->muscles[j].name);
    }
    return EMG_OK;
}

static enum emg_error check_footswitch(const struct emg_config_draft *draft, size_t i)
{
    const struct emg_config *config = draft->config;
    const struct emg_config_footswitch *footswitch = &config->footswitches[i];
    const struct emg_config_origin origin = item_origin(draft, "footswitch", i);
    if (footswitch->channel == 0)
        return emg_config_draft_fail(draft, origin, EMG_ERROR_ARGUMENT, "footswitch \"%s\" has no channel",
                                     footswitch->side);
    for (size_t j = 0; j < config->n_muscles; j++) {
        if (config->muscles[j].channel == footswitch->channel)
            return emg_config_draft_fail(draft, origin, EMG_ERROR_ARGUMENT,
                                         "footswitch \"%s\": channel %u is taken by muscle \"%s\"",
                                         footswitch->side, footswitch->channel, config->muscles[j].name);
    }
    for (size_t j = 0; j < i; j++) {
        if (config->footswitches[j].channel == footswitch->channel)
            return emg_config_draft_fail(draft, origin, EMG_ERROR_ARGUMENT,
                                         "footswitch \"%s\": channel %u is taken by footswitch \"%s\"",
                                         footswitch->side, footswitch->channel, config->footswitches[j].side);
    }
    return EMG_OK;
}

enum emg_error emg_config_check(const struct emg_config_draft *draft)
{
    enum emg_error error = check_security(draft);
    if (error == EMG_OK)
        error = check_publish(draft);
    if (error == EMG_OK)
        error = check_analysis(draft);
    for (size_t i = 0; i < draft->config->n_muscles && error == EMG_OK; i++)
        error = check_muscle(draft, i);
    for (size_t i = 0; i < draft->config->n_footswitches && error == EMG_OK; i++)
        error = check_footswitch(draft, i);
    return error;
}
