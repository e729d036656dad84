/* One-line messages to standard error, for the person who runs the program. Any thread but real-time ones. */
#ifndef EMG_DAEMON_LOG_H
#define EMG_DAEMON_LOG_H

/* Writes "emgd: " and the message as one line. */
void emg_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
