/* What a real-time program asks of the kernel: a fixed priority for its threads, and memory that stays.
 *
 * Above everything that shares time, below the kernel's own threads for interrupts (50). Being refused is
 * harmless as long as the machine is not busy: who asks must say so. */
#ifndef EMG_DAEMON_SCHEDULE_H
#define EMG_DAEMON_SCHEDULE_H

#include <stdbool.h>

enum { EMG_PRIORITY_CAPTURE = 40, EMG_PRIORITY_WORKER = 30 };

/* Puts the calling thread, and those that it starts, under SCHED_FIFO. Returns false when that is refused (no
 * rtprio limit). */
bool emg_schedule_fifo(int priority);

/* Lets the calling thread wake when it asked to: the kernel keeps others asleep for up to 50 us more. */
void emg_schedule_punctual(void);

/* Locks what the process has mapped by now, as it comes into memory. What is allocated later is not locked,
 * so that a limit cannot make it fail. Returns false when that is refused (memlock limit). */
bool emg_schedule_lock_memory(void);

#endif
