/* What a service manager is told, by systemd's notification protocol (sd_notify(3): datagrams to the socket
 * that NOTIFY_SOCKET names). Without one nothing happens. Main thread. */
#ifndef EMG_DAEMON_SERVICE_H
#define EMG_DAEMON_SERVICE_H

#include <stdint.h>

/* Sends assignments such as "READY=1"; several are parted by newlines. */
void emg_service_tell(const char *assignments);

/* How often "WATCHDOG=1" is to be sent, in ns: half of what the manager allows; 0: it does not watch us. */
int64_t emg_service_watchdog_ns(void);

#endif
