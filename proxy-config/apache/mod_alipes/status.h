#ifndef MOD_ALIPES_STATUS_H
#define MOD_ALIPES_STATUS_H

/* Lines in mod_status' page, where that is loaded. */

void status_hooks(void);

#endif
