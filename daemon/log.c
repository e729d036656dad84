#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void emg_log(const char *format, ...)
{
    char line[1024] = "emgd: ";
    const size_t prefix = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line + prefix, sizeof line - prefix - 1, format, arguments);
    va_end(arguments);
    const size_t length = strlen(line);
    line[length] = '\n';
    /* One write, so that lines of several threads do not mix; there is nowhere to report its failure. */
    if (write(STDERR_FILENO, line, length + 1) < 0)
        return;
}
