/* The words of a report, and how they and numbers are put into a page. Pure but for the output; one thread.
 */
#ifndef EMG_CLIENTS_REPORT_TEXT_H
#define EMG_CLIENTS_REPORT_TEXT_H

#include "daemon/wire.h"
#include "dsp/quality.h"

#include <stdint.h>
#include <stdio.h>

enum { EMG_REPORT_NAME_SIZE = EMG_NAME_SIZE + 8 };

/* Text of anybody: UTF-8 as text of HTML or XML and as the value of an attribute in double quotes. What is
 * not valid there becomes U+FFFD. */
void emg_report_escape(FILE *out, const char *text);

/* With so many decimals and a minus of its own, or a dash for what is not known. */
void emg_report_number(FILE *out, double value, int decimals);

/* The same with its sign. */
void emg_report_signed(FILE *out, double value, int decimals);

/* "12 s", "4 min 30 s", "1 h 2 min". */
void emg_report_duration(FILE *out, double seconds);

/* "left soleus", "gastrocnemius medialis", for people; into text [EMG_REPORT_NAME_SIZE], which is returned.
 */
const char *emg_report_muscle_name(char *text, const char *name);

/* The same with a capital. */
const char *emg_report_title(char *text, const char *name);

/* As the wire names them. */
const char *emg_report_verdict(enum emg_verdict verdict);
const char *emg_report_flag(size_t flag);

/* What a verdict rests on or lacks: for the clinician, and as the end of a sentence for the athlete. */
const char *emg_report_reason(enum emg_reason reason);
const char *emg_report_plain_reason(enum emg_reason reason);

/* Why a measurement was refused, as the end of a sentence; NULL: it was not. */
const char *emg_report_refusal(enum emg_refusal refusal);

/* "maximal voluntary contraction" for "mvc"; a word that is not known stays. */
const char *emg_report_method(const char *method);

const char *emg_report_cause(enum emg_gap_cause cause);

/* Names of the flags, with `between` between them. */
void emg_report_flags(FILE *out, uint32_t flags, const char *between);

#endif
