#include "daemon/service.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void emg_service_tell(const char *assignments)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* an abstract socket */
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(fd, assignments, strlen(assignments), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&address, size);
    (void)close(fd);
}

int64_t emg_service_watchdog_ns(void)
{
    const char *allowed = getenv("WATCHDOG_USEC");
    const char *watched = getenv("WATCHDOG_PID");
    if (allowed == NULL || (watched != NULL && strtol(watched, NULL, 10) != (long)getpid()))
        return 0;
    const long long usec = strtoll(allowed, NULL, 10);
    return usec > 0 && usec < INT64_MAX / 1000 ? (int64_t)usec * 1000 / 2 : 0;
}
