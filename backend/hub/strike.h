#ifndef HUB_STRIKE_H
#define HUB_STRIKE_H

struct hub_worker;

/* Ends the streams of patterns that were struck while something was matched (hub/index.h), and has
 * the patterns refused for a while (hub/pattern_ban.h). */
void strike_end_streams(struct hub_worker *);

#endif
