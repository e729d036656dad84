#include "clients/report_html.h"

#include "clients/report_charts.h"
#include "clients/report_figures.h"
#include "clients/report_text.h"
#include "daemon/version.h"

#include <math.h>
#include <string.h>

static void put_fact(FILE *out, const char *name, const char *value, const char *unit)
{
    (void)fprintf(out, "<dt>%s</dt><dd>", name);
    if (value[0] == '\0') {
        (void)fputs("not told", out);
    } else {
        emg_report_escape(out, value);
        (void)fprintf(out, "%s", unit);
    }
    (void)fputs("</dd>\n", out);
}

static void write_detection(const struct emg_report *r, const struct emg_report_sidecar *sidecar, FILE *out)
{
    (void)fputs("<h3>Detection</h3>\n<dl class=\"facts\">\n", out);
    put_fact(out, "Electrodes (type, material, shape, size)", sidecar->electrodes, "");
    put_fact(out, "Inter-electrode distance", sidecar->inter_electrode_mm, " mm");
    put_fact(out, "Placement and orientation", sidecar->placement, "");
    put_fact(out, "Skin preparation", sidecar->skin, "");
    put_fact(out, "Front end", sidecar->front_end, "");
    put_fact(out, "Gain", sidecar->gain, "");
    put_fact(out, "Input impedance", sidecar->input_impedance_mohm, " M\xce\xa9");
    put_fact(out, "Common-mode rejection", sidecar->cmrr_db, " dB");
    (void)fputs("<dt>Front end\xe2\x80\x99s high-pass</dt><dd>", out);
    if (r->config->source.highpass_hz > 0)
        (void)fprintf(out,
                      "first order, \xe2\x88\x92"
                      "3 dB at %g Hz; divided out of the spectra",
                      r->config->source.highpass_hz);
    else
        (void)fputs("not told; none is corrected for", out);
    (void)fprintf(out,
                  "</dd>\n<dt>Sampling</dt><dd>%g Hz, %u channels; analysed at %.6g Hz after a linear-phase "
                  "FIR decimator where that is lower</dd>\n</dl>\n",
                  r->wire.rate_hz, r->wire.n_channels, r->wire.analysis_rate_hz);
}

static void write_amplitude(const struct emg_report *r, FILE *out)
{
    const struct emg_config_analysis *a = &r->config->analysis;
    (void)fputs("<h3>Amplitude</h3>\n<dl class=\"facts\">\n", out);
    if (a->mains_hz > 0)
        (void)fprintf(
            out,
            "<dt>Mains</dt><dd>a frequency-tracked sinusoid at %g Hz and its harmonics, subtracted; no "
            "notch filter</dd>\n",
            a->mains_hz);
    else
        (void)fputs("<dt>Mains</dt><dd>left in the signal</dd>\n", out);
    (void)fprintf(
        out,
        "<dt>Band</dt><dd>%g to %g Hz (Butterworth)</dd>\n"
        "<dt>RMS</dt><dd>over a moving window of %g ms; the means and standard deviations of a stage are "
        "those of %g values a second, rests between contractions included; values of bad quality (clipping, "
        "flat line, electrode off) are left out</dd>\n"
        "<dt>Linear envelope</dt><dd>full-wave rectified, low-pass %g Hz</dd>\n"
        "<dt>Contractions</dt><dd>double threshold on the band-passed signal (Bonato 1998) with a noise "
        "level "
        "from the rest measured, else from the quietest parts</dd>\n</dl>\n",
        a->amplitude_highpass_hz, r->wire.band_hz[1], a->rms_ms, a->activation_hz, a->envelope_hz);
}

static void write_normalisation(const struct emg_report *r, FILE *out)
{
    size_t order[EMG_MAX_CHANNELS];
    emg_report_order(r, order);
    (void)fputs(
        "<h3>Amplitude normalisation</h3>\n<table class=\"log\"><thead><tr><th scope=\"col\">muscle</th><th "
        "scope=\"col\">100 % is, \xc2\xb5V</th><th scope=\"col\">method</th></tr></thead><tbody>\n",
        out);
    for (size_t i = 0; i < r->wire.n_muscles; i++) {
        const struct emg_reference reference = emg_report_activity(r, 0, order[i]).reference;
        (void)fputs("<tr><th scope=\"row\">", out);
        emg_report_write_muscle(r, order[i], out);
        (void)fputs("</th><td class=\"n\">", out);
        emg_report_number(out, reference.uv, 1);
        (void)fputs("</td><td>", out);
        if (isnan(reference.uv)) {
            (void)fputs("not normalised: ", out);
            emg_report_write_why_no_reference(r, order[i], out);
        } else {
            emg_report_escape(out, emg_report_method(reference.method));
            if (strcmp(reference.id, "configuration") == 0)
                (void)fputs(", given by the configuration", out);
        }
        (void)fputs("</td></tr>\n", out);
    }
    (void)fputs("</tbody></table>\n", out);
}

static void write_fatigue(const struct emg_report *r, FILE *out)
{
    (void)fprintf(
        out,
        "<h3>Fatigue</h3>\n<dl class=\"facts\">\n"
        "<dt>Power spectrum</dt><dd>sine multitaper (Riedel and Sidorenko 1995), K = 4 tapers, slices of at "
        "most 0.5 s "
        "within contractions, pooled over the newest %g s of contraction; the spectrum of rest subtracted; "
        "divided by "
        "the squared response of all filters</dd>\n"
        "<dt>Median frequency (MDF)</dt><dd>halves the power between %g and %g Hz; its standard error from "
        "the spectrum "
        "itself. \xe2\x80\x9c"
        "At first\xe2\x80\x9d and \xe2\x80\x9c"
        "at last\xe2\x80\x9d are means over a minute, or half of a shorter stage; no spectrum holds "
        "signal from before its stage, and the standard errors of the means allow for the overlap of the "
        "spectra</dd>\n"
        "<dt>Trend</dt><dd>weighted linear regression of the MDF of spectra that share no signal, anew in "
        "each stage; the "
        "95 %% interval allows for autocorrelation; one break where there evidently is one; in percent of "
        "the "
        "intercept per minute</dd>\n"
        "<dt>Verdict</dt><dd>fatiguing when the 95 %% interval lies below zero, by 1.6 times its width to "
        "begin with; "
        "steady when it lies within 1 %% per minute of zero; undetermined else, and whenever the signal is "
        "less than "
        "10 dB above its noise, of bad quality, or too short (8 spectra and one minute)</dd>\n</dl>\n",
        r->config->analysis.spectral_seconds, r->wire.band_hz[0], r->wire.band_hz[1]);
}

static void write_comparison(const struct emg_report *r, FILE *out)
{
    (void)fprintf(
        out,
        "<h3>Gait and comparison</h3>\n<dl class=\"facts\">\n"
        "<dt>Gait cycles</dt><dd>from the foot switch where there is one, else from the onsets of the "
        "calf\xe2\x80\x99s "
        "contractions; a profile is the mean of the newest %u cycles at 101 points</dd>\n"
        "<dt>Soleus share</dt><dd>soleus / (soleus + gastrocnemius), both as RMS over 10 s in percent of "
        "reference. They "
        "are synergists: it is a share of activity, no co-contraction and no share of force</dd>\n"
        "<dt>Symmetry index</dt><dd>100 (L \xe2\x88\x92 R) / (0.5 (L + R)) of the RMS over 10 s (Robinson "
        "1987), positive "
        "when the left side is more active; unknown where a side is near its noise</dd>\n"
        "<dt>Cross-talk</dt><dd>a warning by the peak of the cross-correlation within 30 ms (0.5 and more); "
        "nothing is "
        "corrected, and no warning proves nothing</dd>\n"
        "<dt>Medians</dt><dd>over the stage without its first 10 s; the quartiles in brackets</dd>\n</dl>\n",
        r->config->analysis.profile_strides);
}

static void write_limits(FILE *out)
{
    (void)fputs("<h3>Limits</h3>\n<ul>\n"
                "<li>The MDF falls with the conduction velocity of the muscle fibres, as it does in fatigue; "
                "it also moves with "
                "the length and temperature of the muscle, with force, and with electrodes that shift. A "
                "verdict tells of the "
                "electrical sign, not of strength or endurance.</li>\n"
                "<li>Nothing here tells of the kinds of fibres in a muscle, of an illness, or of what may "
                "happen to it.</li>\n"
                "<li>Percent of reference is as good as the reference contraction: one held back makes a "
                "muscle look harder at "
                "work, and shifts share and symmetry.</li>\n"
                "<li>The soleus is reached from the skin only beside and below the gastrocnemius: its signal "
                "may hold some of its "
                "neighbour\xe2\x80\x99s.</li>\n</ul>\n",
                out);
}

/* Without the directories, which are nobody's business to whom the page is handed. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

void emg_report_write_methods(const struct emg_report *r, const struct emg_report_sidecar *sidecar, FILE *out)
{
    (void)fputs("<p class=\"note\">In the terms of the standards for reporting EMG data (ISEK, Merletti "
                "1999) and of the "
                "CEDE matrices on electrodes and on amplitude normalisation (Besomi 2019, 2020).</p>\n",
                out);
    write_detection(r, sidecar, out);
    write_amplitude(r, out);
    write_normalisation(r, out);
    write_fatigue(r, out);
    write_comparison(r, out);
    write_limits(out);
    (void)fputs("<p class=\"note\">Analysed by emgd " EMG_VERSION " from ", out);
    emg_report_escape(out, base_name(r->recording));
    (void)fputs(". The same recording and configuration give the same page.</p>\n", out);
}
