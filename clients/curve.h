/* Keys of a client: what a socket needs to reach an emgd with security.mode "curve".
 *
 * Key files are those of `emgctl keygen` (daemon/keys.h). A key that the daemon does not know is turned away
 * without a word, and libzmq then does not try again: the client has to be started anew once it is known. */
#ifndef EMG_CLIENTS_CURVE_H
#define EMG_CLIENTS_CURVE_H

#include <stdbool.h>
#include <stddef.h>

/* Comes before the socket connects. server_key: the daemon's public key, or a file that holds it;
 * secret_key_file: this client's own. Both NULL: no encryption, nothing is done. On false, problem [size]
 * says in words what is wrong, naming the option --server-key or --secret-key and the file. */
bool emg_curve_client(void *socket, const char *server_key, const char *secret_key_file, char *problem,
                      size_t size);

#endif
