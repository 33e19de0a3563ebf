#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

/* Tells whoever supervises this process (sd_notify(3)) what becomes of it: "READY=1", … Does
 * nothing where nobody asked to be told. */
void notify_supervisor(const char *state);

#endif
