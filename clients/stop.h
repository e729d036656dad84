/* One descriptor that tells a listening program to end: by SIGINT, SIGTERM or because its time is over.
 *
 * Used once, on the main thread, before any other thread exists. */
#ifndef EMG_CLIENTS_STOP_H
#define EMG_CLIENTS_STOP_H

/* Returns a descriptor that becomes readable at the first of these and stays so, or -1 with errno: EBADF when
 * standard output is not open, since the descriptor would take its place. From then on SIGINT, SIGTERM and
 * SIGALRM are blocked and SIGPIPE is ignored: a closed output is an error of its write.
 *   seconds  > 0; INFINITY: no limit */
int emg_stop_open(double seconds);

#endif
