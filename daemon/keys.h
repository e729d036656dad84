/* Files of CURVE keys: a key of 40 characters (Z85) in a line, behind it, if at all, a space and a name.
 *
 * Empty lines and lines that begin with # hold none: no key begins so, since its first five characters would
 * be more than 32 bits. Problems name the file and the line, never a word of what stands there. Any thread.
 */
#ifndef EMG_DAEMON_KEYS_H
#define EMG_DAEMON_KEYS_H

#include "daemon/problem.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    EMG_KEY_LENGTH = 40,
    EMG_KEY_SIZE = EMG_KEY_LENGTH + 1,
    EMG_KEY_FILE_SIZE = 1 << 20, /* bytes at most */
};

bool emg_key_is_valid(const char *text);

/* Reads a file that holds one key. A secret one must be its owner's alone. Errors: EMG_ERROR_NOT_FOUND,
 * EMG_ERROR_IO (unreadable, no file), EMG_ERROR_ARGUMENT (others may read the secret), EMG_ERROR_FORMAT,
 * EMG_ERROR_MEMORY; then key is "". */
enum emg_error emg_key_read_public(const char *path, char key[EMG_KEY_SIZE], struct emg_problem *problem);
enum emg_error emg_key_read_secret(const char *path, char key[EMG_KEY_SIZE], struct emg_problem *problem);

/* Reads a whole list: how many keys it holds, and whether `wanted` (NULL: none) is among them. Nobody but its
 * owner and group may write it. Errors as above; then *n_keys is 0 and *listed false. */
enum emg_error emg_keys_read(const char *path, const char *wanted, size_t *n_keys, bool *listed,
                             struct emg_problem *problem);

#endif
